"""Ansible's psrp connection as a client under test, in an environment of its own below `benchmarks/.env`.

The eight scripts are `raw` tasks of one play without facts. Strategy `free` lets no host wait for another.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.checkouts import ROOT
from benchmarks.lab_process import PASSWORD, USER
from benchmarks.measured import Measured, run

ENVIRONMENT = ROOT / "benchmarks" / ".env"
REQUIREMENTS = ("ansible-core>=2.18", "pypsrp>=0.9.1")


def install() -> Path:
    """The folder of Ansible's programs, installed from the package index at the first call."""
    programs = ENVIRONMENT / "bin"
    if not (programs / "ansible-playbook").exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *REQUIREMENTS], check=True)
    return programs


def versions(programs: Path) -> str:
    """What is compared with."""
    code = "from importlib.metadata import version; print(*(f'{n} {version(n)}' for n in ('ansible-core', 'pypsrp')))"
    return subprocess.run([programs / "python", "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def collect(
    programs: Path, ports: Mapping[str, int], scripts: tuple[str, ...], folder: Path, forks: int, strategy: str
) -> Measured:
    """Runs the scripts on all hosts; `folder` gets inventory and playbook.

    Raises:
        RuntimeError: a task failed or a host was not reached.
    """
    (folder / "hosts.ini").write_text(
        "[all]\n" + "".join(f"{name} ansible_port={port}\n" for name, port in ports.items()) + "[all:vars]\n"
        "ansible_host=127.0.0.1\nansible_connection=psrp\nansible_psrp_protocol=http\nansible_psrp_auth=ntlm\n"
        f"ansible_shell_type=powershell\nansible_user='{USER}'\nansible_password={PASSWORD}\n",
        encoding="utf-8",
    )
    tasks = ""
    for number, script in enumerate(scripts):
        body = "".join(f"          {line}\n" if line else "\n" for line in script.splitlines())
        tasks += f"    - name: check {number}\n      ansible.builtin.raw: !unsafe |\n{body}"
    play = f"- hosts: all\n  gather_facts: false\n  strategy: ansible.builtin.{strategy}\n  tasks:\n{tasks}"
    (folder / "play.yml").write_text(play, encoding="utf-8")
    environment = {
        "ANSIBLE_FORKS": str(forks),
        "ANSIBLE_HOST_KEY_CHECKING": "False",
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_NOCOWS": "1",
        "LC_ALL": "C.UTF-8",
        "PATH": f"{programs}:/usr/bin:/bin",
    }
    measured = run([str(programs / "ansible-playbook"), "-i", "hosts.ini", "play.yml"], folder, environment)
    recap = [line for line in measured.output.splitlines() if "unreachable=" in line]
    good = [line for line in recap if f"ok={len(scripts)} " in line and "unreachable=0" in line and "failed=0" in line]
    if measured.status != 0 or len(good) != len(ports):
        raise RuntimeError(
            f"Ansible ended with {measured.status}:\n{measured.output[-3000:]}\n{measured.errors[-2000:]}"
        )
    return measured

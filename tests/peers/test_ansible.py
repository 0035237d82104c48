"""Ansible's psrp connection and the module `raw` against simulated servers.

Ansible stands in an environment of its own, which `make peers` makes before it runs these tests: `make test` installs
nothing that exrun itself does not need (docs/decisions/0002-dependencies.md).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.lab.engines.sim import SimEngine
from runner.lab.engines.sim.engine import built_in_templates
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.server import Lab, start
from runner.lab.state import HostState, ScriptedAnswer

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = ROOT / ".venv-peers" / "bin" / "ansible-playbook"

ACCOUNT = Account("LAB\\auditor", "not-a-secret")
HOSTS = ("EX1", "EX2")
ANSWERS = [
    ScriptedAnswer(
        script="Get-Thing -Name 'größe ☃ 😀'",
        output=["größe ☃ 😀", 7, {"Kind": "Thing", "Count": 2}],
        warnings=["careful"],
        errors=["not all of it"],
    ),
    ScriptedAnswer(script="Get-Large", output=["x" * 200_000]),
    ScriptedAnswer(script="Stop-Short", output=["before"], error="it broke"),
]


@pytest.fixture(scope="module")
def ansible() -> Path:
    if not PLAYBOOK.is_file():
        pytest.skip("NO PEERS: Ansible is not in .venv-peers; `make peers` installs it and runs this")
    return PLAYBOOK


@pytest.fixture
def lab() -> Iterator[Lab]:
    fleet = Fleet(
        tuple(
            LabHost(client="alpha", name=name, state=HostState(name=name, answers=ANSWERS), account=ACCOUNT)
            for name in HOSTS
        )
    )
    with start(fleet, {"sim": SimEngine()}) as lab:
        yield lab


def play(ansible: Path, lab: Lab, folder: Path, *tasks: dict[str, object]) -> subprocess.CompletedProcess[str]:
    """Runs one play on both hosts."""
    served = {name: lab.host(f"alpha/{name}") for name in HOSTS}
    inventory = {
        "all": {
            "hosts": {
                name: {"ansible_host": host.host.address, "ansible_port": host.port} for name, host in served.items()
            },
            "vars": {
                "ansible_connection": "psrp",
                "ansible_shell_type": "powershell",
                "ansible_user": ACCOUNT.user,
                "ansible_password": ACCOUNT.password,
                "ansible_psrp_protocol": "http",
                "ansible_psrp_auth": "ntlm",
                "ansible_psrp_message_encryption": "always",
                "ansible_psrp_ignore_proxy": True,
            },
        }
    }
    hosts, book = folder / "hosts.yml", folder / "play.yml"
    hosts.write_text(json.dumps(inventory), encoding="utf-8")  # JSON is YAML
    book.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}]), encoding="utf-8")
    return subprocess.run(
        [ansible, "--inventory", hosts, book],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_NOCOLOR": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_raw_gives_the_output_and_errors_of_scripts_and_the_ledger_has_them(
    ansible: Path, lab: Lab, tmp_path: Path
) -> None:
    # Ansible splits the text of raw as a shell would, and refuses a script with an odd apostrophe, as in a comment.
    scripts = ["Get-Thing -Name 'größe ☃ 😀'", "Get-Large", built_in_templates()["windows.pending_reboot"]]
    done = play(
        ansible,
        lab,
        tmp_path,
        {"raw": scripts[0], "register": "thing"},
        {"raw": scripts[1], "register": "large"},
        {"raw": scripts[2], "register": "built_in"},
        {
            "assert": {
                "that": [
                    "thing.rc == 0",
                    # Warnings are written by the client's own host, after the output.
                    "thing.stdout_lines[:2] + thing.stdout_lines[3:] == ['größe ☃ 😀', '7', 'WARNING: careful']",
                    # A hashtable is a dictionary on the wire, and Ansible writes it as Python does.
                    "thing.stdout_lines[2] == \"{'Kind': 'Thing', 'Count': 2}\"",
                    "'not all of it' in thing.stderr",
                    "large.stdout | length == 200000",
                    "\"'Place': 'ComponentBasedServicing'\" in built_in.stdout",
                ]
            }
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in HOSTS:
        ran = [statement.text for statement in lab.ledger.scripts(f"alpha/{name}")]
        assert ran == [f"{script}\nexit $LASTEXITCODE" for script in scripts]


@pytest.mark.parametrize(
    ("script", "says"), [("Stop-Short", "it broke"), ("Get-Mailbox", "does not know the script 'Get-Mailbox")]
)
def test_raw_fails_where_a_script_does(ansible: Path, lab: Lab, tmp_path: Path, script: str, says: str) -> None:
    done = play(
        ansible,
        lab,
        tmp_path,
        {"raw": script, "register": "failed", "failed_when": False},
        {"assert": {"that": ["failed.rc == 1", f"{says!r} in failed.stderr"]}},
    )
    assert done.returncode == 0, done.stdout + done.stderr

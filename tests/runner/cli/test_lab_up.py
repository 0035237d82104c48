"""`exrun lab up` serves until it is interrupted, and what it writes fits what it serves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import pytest
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from inventory.loading import load
from playbooks.rendering import render
from runner.cli.main import main

FLEET = """\
lab: fleet/1
day: 2026-10-01
clients:
  alpha:
    user: ALPHA\\auditor
    password: it's lab-only
    scheme: https
    labels: {site: HQ}
    hosts:
      EX1: {state: ex.yml}
      EX2: {state: ex.yml, authentication: certificate}
      EX3: {state: ex.yml, scheme: http, address: 127.0.9.3}
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    (tmp_path / "ex.yml").write_text("name: EX\nanswers: [{script: ping, output: [pong]}]\n")
    file = tmp_path / "fleet.yml"
    file.write_text(FLEET)
    return file


@contextmanager
def lab_up(*arguments: str) -> Iterator[list[str]]:
    """Runs the command until the block ends; yields what it printed once it was up."""
    command = [sys.executable, "-m", "runner.cli.main", "lab", "up", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        printed: list[str] = []
        try:
            for line in process.stdout:
                printed.append(line.rstrip("\n"))
                if "Ctrl-C ends them" in line:
                    break
            yield printed
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to one process")
def test_the_inventory_fits_the_fleet_and_the_ledger_has_what_ran(fleet: Path) -> None:
    inventory, ledger = fleet.with_name("inventory.yml"), fleet.with_name("ledger.jsonl")
    with lab_up(str(fleet), "--inventory-out", str(inventory), "--ledger", str(ledger)) as printed:
        hosts = {host.key: host for host in load(inventory).hosts}
        assert "export EXRUN_LAB_ALPHA='it'\"'\"'s lab-only'  # ALPHA\\auditor" in printed
        assert "to be judged as on its own day: exrun audit --as-of 2026-10-01" in printed
        assert str(hosts["alpha/EX1"].credential) == "env:EXRUN_LAB_ALPHA"
        assert all(host.labels == {"site": ("HQ",)} for host in hosts.values())
        for host in hosts.values():
            certificate = host.certificate is not None
            settings = {
                "auth": "certificate" if certificate else "negotiate",
                "username": host.user,
                "password": None if certificate else "it's lab-only",
                "certificate_pem": str(host.certificate),
                "certificate_key_pem": str(host.certificate_key),
                "cert_validation": str(host.ca_file) if host.ca_file else True,
            }
            client = WSMan(host.address, port=host.port, ssl=host.scheme == "https", no_proxy=True, **settings)
            with client as wsman, RunspacePool(wsman) as pool:
                assert PowerShell(pool).add_script("ping").invoke() == ["pong"]
    lines = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    assert [(line["host"], line["text"]) for line in lines] == [(key, "ping") for key in hosts]


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to one process")
def test_what_servers_have_become_is_saved_in_the_end_and_another_lab_goes_on_from_it(fleet: Path) -> None:
    fleet.with_name("ex.yml").write_text("name: EX\nservices: {MSExchangeIS: {state: Stopped}, W3SVC: {}}\n")
    inventory, after, again = (fleet.with_name(name) for name in ("inventory.yml", "after", "again"))
    template = resources.files("playbooks.actions") / "exchange" / "services" / "apply.ps1.j2"
    values = {
        "name": "MSExchangeIS",
        "start_type": None,
        "start_type_before": None,
        "delayed": None,
        "delayed_before": None,
    }
    starts = render(template.read_text(encoding="utf-8"), values)
    with lab_up(str(fleet), "--inventory-out", str(inventory), "--save", str(after)):
        host = next(host for host in load(inventory).hosts if host.key == "alpha/EX3")
        client = WSMan(
            host.address, port=host.port, ssl=False, no_proxy=True, username=host.user, password="it's lab-only"
        )
        with client as wsman, RunspacePool(wsman) as pool:
            PowerShell(pool).add_script(starts).invoke()
    stopped = 'services:\n  "MSExchangeIS": {"state": "Stopped"}\n  "W3SVC": {}\n'
    assert (after / "alpha" / "EX1.yml").read_text(encoding="utf-8") == f'name: "EX1"\n{stopped}'
    running = 'services:\n  "MSExchangeIS": {}\n  "W3SVC": {}\n'
    assert (after / "alpha" / "EX3.yml").read_text(encoding="utf-8") == f'name: "EX3"\n{running}'
    fleet.write_text(FLEET.replace("ex.yml", "after/alpha/EX3.yml"))
    with lab_up(str(fleet), "--save", str(again)):
        pass
    assert (again / "alpha" / "EX3.yml").read_bytes() == (after / "alpha" / "EX3.yml").read_bytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("state: ex.yml}", "state: none.yml}"), "none.yml cannot be read"),
        (("engine", "engine"), "cannot listen on 127.0.9.3:"),
        (("lab: fleet/1", "lab: fleet/9"), "fleet.yml:1:6: lab:"),
    ],
)
def test_what_cannot_be_served_is_said_with_status_2(
    fleet: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], said: str
) -> None:
    import socket

    with socket.create_server(("127.0.9.3", 0)) as taken:
        port = taken.getsockname()[1]
        text = FLEET.replace(*change).replace("127.0.9.3}", f"127.0.9.3, port: {port}}}")
        fleet.write_text(text)
        assert main(["lab", "up", str(fleet)]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err

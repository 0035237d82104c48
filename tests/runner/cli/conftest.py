"""A command line whose servers are scripted: everything but the network is real."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from inventory.model import Host
from runner.cli import working
from runner.cli.main import main
from runner.observe import Reach
from runner.secrets.interface import Secret
from runner.transport.interface import Completed, Notice, Script, ScriptResult, Streams, Transport
from tests.runner.fleets import CATALOGUE, OneConnection, ScriptedTransport

INVENTORY = """\
exrun: inventory/1
clients:
  alpha:
    hosts:
      EX1: {address: ex1.alpha.example, labels: {site: HQ}}
      EX2: {address: ex2.alpha.example}
  beta:
    hosts:
      MBX1: {address: mbx1.beta.example}
"""
PLAYBOOK = """\
name: smb
title: Whether SMB 1 is off
steps:
  - id: smb1
    action: test.smb1
"""
ACTION = """\
title: SMB 1 is off
description: For tests.
outputs:
  Protocol: {Enabled: boolean, Banner: text}
reads: [a protocol]
writes: []
needs: {rights: [nothing]}
disruptive: false
reboots: false
interruption: none
reversible: true
timeouts: {collect: 30}
idempotent: true
compliant_when: not Protocol.Enabled
next: Turn SMB 1 off
"""
COLLECT = """\
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
@{ Kind = 'Protocol'; Enabled = $false; Banner = 'none' }
"""


def protocol(enabled: bool, banner: str = "none") -> Callable[[Script], ScriptResult]:
    """The answer of a server with SMB 1 on or off."""
    output = ({"Kind": "Protocol", "Enabled": enabled, "Banner": banner},)
    return lambda script: Completed(script, Streams(output), 0.1)


@dataclass(slots=True)
class CommandLine:
    """`exrun` in a folder of its own, with an inventory of two clients. Servers answer that SMB 1 is off."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    transports: dict[str, Transport] = field(default_factory=dict)
    secrets: dict[str, Secret | None] = field(default_factory=dict)
    cleartext: list[bool] = field(default_factory=list)
    today: date = CATALOGUE.as_of  # so that no test grows old

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        status = main(list(arguments))
        written = self.capsys.readouterr()
        return status, written.out, written.err

    def audit(self, *arguments: str) -> tuple[int, str, str]:
        return self("audit", "-i", "inventory.yml", "--playbook", "./smb.yml", *arguments)

    def reach(self, *, allow_cleartext: bool) -> Reach:
        self.cleartext.append(allow_cleartext)

        def to(host: Host, secret: Secret | None, notify: Callable[[Notice], None]) -> OneConnection:
            self.secrets[host.key] = secret
            known = self.transports.setdefault(host.key, ScriptedTransport(otherwise=protocol(enabled=False)))
            return OneConnection(known)

        return to

    @property
    def runs(self) -> list[str]:
        """Ids, oldest first."""
        return sorted({path.name for path in self.folder.glob(".exrun/*/runs/*")})


@pytest.fixture
def exrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    for name in [name for name in os.environ if name.startswith("EXRUN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    action = tmp_path / "actions" / "test" / "smb1"
    action.mkdir(parents=True)
    for path, text in (
        (tmp_path / "inventory.yml", INVENTORY),
        (tmp_path / "smb.yml", PLAYBOOK),
        (action / "action.yml", ACTION),
        (action / "collect.ps1.j2", COLLECT),
    ):
        path.write_text(text, encoding="utf-8")
    command = CommandLine(tmp_path, capsys)
    monkeypatch.setattr(working, "reach_of", command.reach)
    monkeypatch.setattr(working, "today", lambda: command.today)
    return command

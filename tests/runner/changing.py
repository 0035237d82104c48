"""A playbook whose one action would change something where SMB 1 is on: its files, and what servers say to it."""

from __future__ import annotations

from pathlib import Path

PLAYBOOK = """\
name: off
title: Switch SMB 1 off
strategy: {parallel: 4, waves: [1, rest], pause_seconds: 60, limits: {site: 1}, budget: 5%}
steps:
  - id: smb1
    action: test.off
"""
CONTRACT = """\
title: SMB 1 is off
description: For tests.
outputs:
  Protocol: {Enabled: boolean, Banner: text}
reads: [a protocol]
writes:
  - registry: HKLM:\\SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Parameters\\*
needs: {rights: [nothing]}
disruptive: false
reboots: false
interruption: none
reversible: true
timeouts: {collect: 30, apply: 60, rollback: 60}
idempotent: true
compliant_when: not Protocol.Enabled
next: Turn SMB 1 off
changes:
  title: Switch SMB 1 off
  values: {enabled: false, was: Protocol.Enabled, seen: Protocol.Banner}
  before: {Enabled: Protocol.Enabled, Banner: Protocol.Banner}
  after: {Enabled: false, Banner: Protocol.Banner}
"""
COLLECT = """\
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
@{ Kind = 'Protocol'; Enabled = $false; Banner = 'none' }
"""
KEY = r"HKLM:\SYSTEM\CurrentControlSet\Services\LanmanServer\Parameters"
SETTING = f"""\
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
Set-ItemProperty -LiteralPath '{KEY}' -Name SMB1 -Value %s
Set-ItemProperty -LiteralPath '{KEY}' -Name exrun -Value %s
"""
APPLY = SETTING % ("{{ enabled }}", "{{ plan }}")
ROLLBACK = SETTING % ("{{ was }}", "''")


def write_playbook(folder: Path) -> None:
    """`off.yml` and its action, which names one change, made of what the server said."""
    action = folder / "actions" / "test" / "off"
    action.mkdir(parents=True)
    for path, text in (
        (folder / "off.yml", PLAYBOOK),
        (action / "action.yml", CONTRACT),
        (action / "collect.ps1.j2", COLLECT),
        (action / "apply.ps1.j2", APPLY),
        (action / "rollback.ps1.j2", ROLLBACK),
    ):
        path.write_text(text, encoding="utf-8")

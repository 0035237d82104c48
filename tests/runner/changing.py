"""A playbook whose one action would change something where SMB 1 is on: its files, and what servers say to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playbooks import compliant
from playbooks.changes import Change
from playbooks.findings import Assessment

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
writes: [a protocol]
needs: {rights: [nothing]}
disruptive: false
reboots: false
interruption: none
reversible: true
timeouts: {collect: 30, apply: 60, rollback: 60}
idempotent: true
compliant_when: not Protocol.Enabled
next: Turn SMB 1 off
"""
COLLECT = """\
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
@{ Kind = 'Protocol'; Enabled = $false; Banner = 'none' }
"""
APPLY = "Set-Protocol -Enabled {{ enabled }} -In {{ plan }}\n"
ROLLBACK = "Set-Protocol -Enabled {{ was }}\n"


def write_playbook(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    judged: Callable[..., Assessment] = compliant._not_compliant

    def naming(of: Any, failing: list[dict[str, Any]]) -> Assessment:
        said = failing[0]["Protocol"]
        change = Change(
            "protocol",
            "Switch SMB 1 off",
            {"enabled": False, "was": said["Enabled"]},
            {"Enabled": said["Enabled"], "Banner": said["Banner"]},
            {"Enabled": False, "Banner": said["Banner"]},
        )
        return replace(judged(of, failing), changes=(change,), then={"compliant": True})

    monkeypatch.setattr(compliant, "_not_compliant", naming)

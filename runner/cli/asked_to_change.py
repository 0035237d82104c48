"""What the command line of `exrun apply`, `resume` and `rollback` asks for, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.cli.asked import AskedOfServers
from runner.cli.options import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedToChange(AskedOfServers):
    """What these ask for besides."""

    form: Format
    playbook: str | None
    policy: Path | None
    digest: str | None
    take_over: list[str] | None

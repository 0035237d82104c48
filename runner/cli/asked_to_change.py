"""What the command line of `exrun apply`, `resume` and `rollback` asks for, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.cli.options import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedToChange:
    """What the command line asks for. Times in seconds; None for what its option was not given."""

    inventory: tuple[Path, ...]
    playbook: str | None
    search: list[Path] | None
    policy: Path | None
    digest: str | None
    take_over: list[str] | None
    timeout: float
    connect_timeout: float
    run_timeout: float | None
    form: Format
    state: Path
    catalogue: Path | None
    sign_with: Path | None
    anchor: list[str] | None
    allow_cleartext: bool
    allow_full_language: bool
    skip_unresolved: bool

"""What the command line of `exrun audit` asks for, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import typer

from runner.cli.options import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for. Times in seconds; None for what its option was not given."""

    context: typer.Context
    inventory: tuple[Path, ...]
    selection: list[str] | None
    playbook: str
    limit: list[str] | None
    expect: int | None
    param: list[str] | None
    search: list[Path] | None
    parallel: int | None
    timeout: float
    connect_timeout: float
    run_timeout: float | None
    form: Format
    html: Path | None
    state: Path
    catalogue: Path | None
    sign_with: Path | None
    anchor: list[str] | None
    allow_cleartext: bool
    allow_full_language: bool
    skip_unresolved: bool
    as_of: datetime | None
    strict: bool

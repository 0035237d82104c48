"""What the command line of `exrun audit` and `plan` asks for, as values, and what each does that reaches servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import typer

from runner.cli.options import EventsFormat
from runner.reports.formats import AuditFormat


@dataclass(frozen=True, slots=True)
class AskedEvents:
    """Where events are to be sent as they happen, as it was written; nowhere where `places` is empty."""

    places: tuple[str, ...] = ()
    form: EventsFormat | None = None
    auth: tuple[str, ...] = ()
    ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOfServers:
    """What each command asks for that reaches servers. Times in seconds; None for what its option was not given."""

    inventory: tuple[Path, ...]
    search: list[Path] | None
    timeout: float
    connect_timeout: float
    run_timeout: float | None
    details: bool
    state: Path
    catalogue: Path | None
    sign_with: Path | None
    anchor: list[str] | None
    allow_cleartext: bool
    allow_full_language: bool
    skip_unresolved: bool
    of_file: Mapping[str, str] = field(default_factory=dict)  # which options are from a file of defaults, and what
    events: AskedEvents = AskedEvents()
    notify: tuple[str, ...] = ()  # as they were written; they may hold secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(AskedOfServers):
    """What a command that only looks asks for besides."""

    context: typer.Context
    selection: list[str] | None
    playbook: str
    limit: list[str] | None
    expect: int | None
    param: list[str] | None
    parallel: int | None
    form: AuditFormat
    html: Path | None
    brand: Path | None = None
    as_of: datetime | None
    strict: bool

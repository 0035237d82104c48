"""What the command line of `exrun audit` and `plan` asks for, as values, and what each does that reaches servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import typer

from runner.cli.commands import of_file
from runner.cli.inventory_files import announced
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


def asked_of_one(
    context: typer.Context,
    host: str,
    *,
    inventory: list[Path] | None,
    playbook: str,
    timeout: float,
    connect_timeout: float,
    state: Path,
    catalogue: Path | None,
    allow_cleartext: bool,
    allow_full_language: bool = False,
    param: list[str] | None = None,
    search: list[Path] | None = None,
    as_of: datetime | None = None,
) -> Asked:
    """What a command asks for that writes down the answers of one server."""
    return Asked(
        context=context,
        of_file=of_file(context),
        inventory=announced(inventory),
        selection=[host],
        playbook=playbook,
        limit=None,
        expect=None,
        param=param,
        search=search,
        parallel=None,
        timeout=timeout,
        connect_timeout=connect_timeout,
        run_timeout=None,
        form=AuditFormat.TEXT,
        html=None,
        state=state,
        catalogue=catalogue,
        sign_with=None,
        anchor=None,
        allow_cleartext=allow_cleartext,
        allow_full_language=allow_full_language,
        skip_unresolved=False,
        as_of=as_of,
        details=False,
        strict=False,
    )

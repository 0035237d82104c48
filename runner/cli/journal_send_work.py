"""What `exrun journal send` does: a run's journals to a log, from where it was left off."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import typer

from runner.cli.asked import AskedEvents
from runner.cli.options import Format
from runner.cli.output import UsageError
from runner.cli.sent_events import couriers, places_of, undelivered
from runner.disk import SystemDisk
from runner.exit_status import ExitStatus
from runner.forwarding.courier import Courier
from runner.journal.chain import Broken
from runner.journal.lines import MalformedLineError, from_line
from runner.journal.verification import stored_head, verify
from runner.journal.writer import is_written
from runner.runs import find_run
from runner.terminal import visible
from texts.counting import counted

TRIES = 4  # at one batch, with a second, two and four between


def send(
    asked: AskedEvents,
    reference: str,
    client: str | None,
    form: Format,
    state: Path,
    wait: Callable[[float], None] = time.sleep,
) -> ExitStatus:
    """Sends what destinations have not got, and says what became of it.

    Raises:
        RunNotFoundError, JournalUnreadable, UsageError: nothing was sent.
    """
    if not asked.places:
        raise UsageError("--events is missing: there is nowhere to send to", "Name a file or an address with --events.")
    run = find_run(state, reference)
    journals = {name: path for path in run.journals if (name := _client_of(path))}
    if client is not None:
        journals = {name: path for name, path in journals.items() if name.casefold() == client.casefold()}
    if not journals:
        whose = "" if client is None else f" of a client {client}"
        raise UsageError(f"the run {run.id} has no journal{whose} that can be read", "See exrun journal verify.")
    places = places_of(asked, tuple(journals))
    rows: list[dict[str, object]] = []
    status = ExitStatus.WELL
    for name, path in journals.items():
        lines, whole = _sendable(path)
        if not whole:
            status = max(status, ExitStatus.JOURNAL)
        for courier in couriers(places, name, path, lambda lines=lines: lines):  # type: ignore[misc]
            before = courier.left().count
            _deliver(courier, wait)
            left = courier.left()
            rows.append(
                {
                    "client": name,
                    "to": str(courier.to),
                    "delivered": before - left.count,
                    "left": left.count,
                    "refused": left.refused,
                    "why": left.why,
                    "verified": whole,
                }
            )
            if form is Format.TEXT:
                told = undelivered(left)
                typer.echo(
                    visible(f"{name} to {courier.to}: {counted(before - left.count, 'event')} delivered")
                    + (f"; {visible(told)}" if told else "")
                    + (f"; {left.refused} refused for good" if left.refused else "")
                    + ("" if whole else "; the journal does not verify beyond that: exrun journal verify")
                )
            if left.count:
                status = max(status, ExitStatus.NOT_ALL_JUDGED)
    if form is Format.JSON:
        typer.echo(json.dumps({"schema": "exrun.events-sent/1", "run": run.id, "sent": rows}, indent=2))
    return status


def _deliver(courier: Courier, wait: Callable[[float], None]) -> None:
    failures = 0
    while True:
        if courier.last():
            failures = 0
            continue
        if not courier.left().count:
            return
        failures += 1
        if failures == TRIES:
            return
        wait(2.0 ** (failures - 1))


def _client_of(path: Path) -> str:
    """Whose journal this is, by its own first line."""
    try:
        with path.open("rb") as file:
            return from_line(file.readline()).client
    except (OSError, MalformedLineError):
        return ""


def _sendable(path: Path) -> tuple[int, bool]:
    """Up to which line a journal may be sent, and whether that is all that it has."""
    disk = SystemDisk()
    if is_written(path.parent, disk):
        head = stored_head(path, disk)
        return 0 if head is None else head.sequence, True
    found = verify(path)
    return (found.intact, False) if isinstance(found, Broken) else (found.count, True)

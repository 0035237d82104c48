"""Opening what a run needs before its first host: the journals of its clients."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runner.journal.errors import JournalError
from runner.journal.writer import Clock, Disk, JournalWriter, open_journal
from runner.order import Order
from runner.redaction import Redactor


def open_journals(
    order: Order,
    state: Path,
    redactors: Mapping[str, Redactor],
    *,
    actor: str,
    clock: Clock,
    disk: Disk | None = None,
) -> dict[str, JournalWriter]:
    """The journals of all clients of an order, or none.

    Raises:
        JournalError: one of them cannot be written.
    """
    opened: dict[str, JournalWriter] = {}
    try:
        for client in order.clients:
            opened[client] = open_journal(
                state, run=order.run, client=client, actor=actor, redactor=redactors[client], clock=clock, disk=disk
            )
    except JournalError:
        for journal in opened.values():
            journal.close()
        raise
    return opened

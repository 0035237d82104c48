"""What `exrun doctor` does: from an inventory to the checks of each server. Runs only a script that reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from inventory.model import Host
from playbooks.model import ReadyPlaybook
from runner.cli import working
from runner.cli.asked import Asked
from runner.cli.audit_work import ordered
from runner.cli.begun import begun_by
from runner.cli.descriptors import allow
from runner.cli.interruption import interruptible
from runner.cli.options import Format
from runner.cli.output import debugging, emit, width
from runner.cli.progress import AUDITING, opening
from runner.doctor.checks import Diagnoses
from runner.doctor.examining import Examining, Found, diagnoses
from runner.exit_status import ExitStatus
from runner.fleet import Stop
from runner.opening import FleetRun, open_run
from runner.order import Order
from runner.reports import typed_next
from runner.reports.doctor import json_text, lines
from runner.reports.typed_next import PLAIN
from runner.rollout import Letting
from runner.terms import SKIP_UNRESOLVED, Ending
from runner.transport.connecting import Connector
from runner.transport.retry import RetryPolicy
from runner.transport.wire import Waiting

_NAMED = 6  # servers in the next command


def doctor(asked: Asked, form: Format) -> ExitStatus:
    """Examines the servers that were asked for, prints what was found, and returns the exit status.

    Raises:
        InventoryError, UsageError: what was asked for is wrong; nothing was sent.
        JournalError: the journals cannot be begun; nothing was sent.
    """
    order = ordered(asked)
    # A password that cannot be had is what is looked for, and nothing that was switched off.
    overrides = tuple(each for each in order.overrides if each.option != SKIP_UNRESOLVED)
    order = replace(order, overrides=overrides)
    working.warn_of(order.overrides)
    run, found = _run(order, asked)
    told = diagnoses(run.audit, order.hosts, found, run.why)
    match form:
        case Format.JSON:
            emit(json_text(told))
        case Format.TEXT:
            emit("".join(f"{line}\n" for line in lines(told, width(), _next(told, asked, order.playbook))))
    return _status(run, told)


def _run(order: Order, asked: Asked) -> tuple[FleetRun, dict[str, Found]]:
    """Everything that touches the world: the rows, and what was found of each server that was begun, by its key."""
    allow(2 * len(order.clients) + 2 * order.parallel)
    # One attempt a server: what is told is how it is now, and no account is tried twice.
    connector = Connector(allow_cleartext=asked.allow_cleartext, waiting=Waiting(), retries=RetryPolicy(attempts=1))
    run = open_run(order, working.world_of(asked.state, connector.to, None))
    found: dict[str, Found] = {}
    stop = Stop()
    words = replace(AUDITING, doing="examining")
    with (
        interruptible(stop, [Letting.ABORT]),
        working.shown(len(order.hosts), words, os.environ, terminal=sys.stderr.isatty(), debug=debugging()) as progress,
    ):
        said = opening(order.run, len(order.hosts), len(order.clients), order.playbook.playbook.name, words.doing)
        examined = run.audit(
            stop, progress, lambda: progress.say(said), observing=_examining(found, connector.is_cleartext)
        )
    return examined, found


def _examining(found: dict[str, Found], is_cleartext: Callable[[Host], bool]) -> Callable[..., Examining]:
    def begin(*, host: Host, **of: Any) -> Examining:
        mine: Found = found.setdefault(host.key, {})
        return Examining(host=host, **of, found=mine, cleartext=is_cleartext(host), now=partial(datetime.now, UTC))

    return begin


def _next(told: Diagnoses, asked: Asked, playbook: ReadyPlaybook) -> tuple[str, str]:
    """What is to be done, and the command that comes next: an audit, or this one again for what is not well."""
    to, selected = begun_by(asked, playbook), asked.selection or []
    rest = [each for each in told.hosts if not each.passes]
    if not rest:
        return "", typed_next.audit(selected, to)
    names = [each.name for each in rest]
    if len(names) > _NAMED or len(set(names)) < len(names) or not all(map(PLAIN.fullmatch, names)):
        names = selected
    return "do what is said above, then", typed_next.doctor(names, to)


def _status(run: FleetRun, told: Diagnoses) -> ExitStatus:
    match run.ending:
        case Ending.INTERRUPTED:
            return ExitStatus.INTERRUPTED
        case Ending.JOURNAL:
            return ExitStatus.JOURNAL
        case _:
            return ExitStatus.WELL if all(each.passes for each in told.hosts) else ExitStatus.FINDINGS

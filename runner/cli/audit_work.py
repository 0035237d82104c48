"""What `exrun audit` does: from an inventory to a verdict per server. Runs only scripts that read."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from inventory import loading
from inventory.errors import InventoryError
from inventory.model import Host, Inventory
from inventory.selection import check_count, select
from playbooks.loading import load_playbook
from playbooks.shelf import shelf
from runner.cli import working
from runner.cli.asked import Asked
from runner.cli.begun import begun_by, state_of
from runner.cli.checkpoints import vouching
from runner.cli.descriptors import allow
from runner.cli.interruption import interruptible
from runner.cli.notices import Notices, notices
from runner.cli.options import catalogue_of, given_params
from runner.cli.output import UsageError, debugging, print_glance, tell, write_file
from runner.cli.progress import AUDITING, Words, opening
from runner.cli.selecting import not_a_selection, selected
from runner.cli.sent_events import NOWHERE, Sent, events_sent
from runner.disk import SystemDisk
from runner.exit_status import ExitStatus
from runner.fleet import Stop
from runner.journal.checkpoints import Sign
from runner.journal.location import JOURNAL, directory_name, run_directory, unused_run_id
from runner.observe import Reach
from runner.opening import FleetRun, Planned, open_run
from runner.order import Order
from runner.redaction import Redactor
from runner.reports.formats import AuditFormat
from runner.reports.glance import Whereabouts
from runner.results import FleetResult, NotReached, exit_status, of_client, strict_status
from runner.rollout import Letting
from runner.terms import Ending

if TYPE_CHECKING:  # only where a page, or lines, were asked for
    from runner.cli.streaming import LineStream
    from runner.reports.brand import Brand

PlannedBy = Callable[[Mapping[str, Redactor]], Planned]


def audit(asked: Asked) -> ExitStatus:
    """Audits the servers that were asked for, prints the report, and returns the exit status.

    Raises:
        InventoryError, PlaybookError, UsageError: what was asked for is wrong; nothing was sent.
        JournalError: the journals cannot be begun; nothing was sent.
    """
    with notices(asked.notify, "audit") as notes:
        order = ordered(asked)
        notes.of(order.clients)
        with events_sent(asked.events, order.clients, asked.state, order.run) as sent:
            return _audited(asked, order, notes, notes.kept_out(sent))


def _audited(asked: Asked, order: Order, notes: Notices, sent: Sent) -> ExitStatus:
    vouched = vouching(asked.sign_with, asked.anchor, SystemDisk())
    pages = _pages(asked.html, order.clients)
    brand = _brand(asked, order.clients)
    lines = _lines(asked.form, order)
    try:
        run = observed(asked, order, sent, sign=vouched.sign, lines=lines)
    except BaseException:
        if lines is not None:
            lines.leave()
        raise
    notes.audited(run, order.clients, begun_by(asked, order.playbook))
    kept = vouched.keep(run.checkpoints)
    _print(run, asked, order, pages, brand, lines)
    status = _status(run, strict=asked.strict)
    return status if kept else max(status, ExitStatus.JOURNAL)


def ordered(asked: Asked, loaded: Inventory | None = None) -> Order:
    """What was asked for, decided and checked; nothing is sent.

    Args:
        loaded: the inventory where it was read already.

    Raises:
        InventoryError, PlaybookError, UsageError: it is wrong.
    """
    loaded = loading.load(*asked.inventory) if loaded is None else loaded
    hosts, chosen = _selected(asked.context, loaded, asked.selection, asked.limit)
    check_count(hosts, asked.expect)
    today = working.today()
    judgement = working.judgement_of(
        catalogue_of(asked.state, asked.catalogue), today, None if asked.as_of is None else asked.as_of.date()
    )
    ready = load_playbook(asked.playbook, given_params(asked.param), judgement.catalogue, search=asked.search or ())
    clients = [client.name for client in loaded.clients]
    return working.order_of(
        asked,
        loaded,
        unused_run_id(asked.state, clients, datetime.now(UTC), lambda: secrets.token_hex(2)),
        ready,
        judgement,
        today,
        hosts=hosts,
        selection=_recorded(chosen, loaded),
        parallel=asked.parallel or ready.playbook.strategy.parallel,
    )


def observed(
    asked: Asked,
    order: Order,
    sent: Sent = NOWHERE,
    *,
    words: Words = AUDITING,
    planned: PlannedBy | None = None,
    sign: Sign | None = None,
    lines: LineStream | None = None,
) -> FleetRun:
    """Works through an order; says on standard error what is switched off, and how it goes.

    Args:
        sent: who is told of the journals.
        words: what is said of it while it goes on.
        planned: for a plan, given the redactor of each client: see `Opened.audit`.
        sign: vouches for the journals; None where nobody does.
        lines: is told of each server that ends.

    Raises:
        UsageError: a password cannot be had; nothing was sent.
        JournalError: the journals cannot be begun; nothing was sent.
    """
    reach = working.reach_of(allow_cleartext=asked.allow_cleartext)
    working.warn_of(order.overrides)
    return _run(order, reach, asked.state, sent, words, planned, sign, lines)


def _run(
    order: Order,
    reach: Reach,
    state: Path,
    sent: Sent,
    words: Words,
    planned: PlannedBy | None,
    sign: Sign | None,
    lines: LineStream | None,
) -> FleetRun:
    """Everything that touches the world: credentials, journals, servers."""
    # A journal and its lock for each client; a connection, and for a moment the one before it, for each host in work.
    allow(2 * len(order.clients) + 2 * order.parallel + sent.descriptors)
    world = working.world_of(state, reach, sign, sent)
    run = open_run(order, world)
    working.check_resolved(order, run.unresolved)

    stop = Stop()
    # Lines between which a live one is drawn anew would break it, and it them.
    terminal = sys.stderr.isatty() and not (lines is not None and sys.stdout.isatty())
    with (
        interruptible(stop, [Letting.ABORT]),
        working.shown(len(order.hosts), words, os.environ, terminal=terminal, debug=debugging()) as progress,
        working.few_looks_for_rings(),
    ):
        said = opening(order.run, len(order.hosts), len(order.clients), order.playbook.playbook.name, words.doing)
        return run.audit(
            stop,
            progress if lines is None else lines.beside(progress),
            lambda: progress.say(said),
            planned=None if planned is None else planned(run.redactors),
        )


def _lines(form: AuditFormat, order: Order) -> LineStream | None:
    """Where the rows go as they come, where they do."""
    if form is not AuditFormat.JSONL:
        return None
    from runner.cli.streaming import LineStream  # only for this format

    return LineStream(order.run, sys.stdout)


def _print(
    run: FleetRun,
    asked: Asked,
    order: Order,
    pages: Mapping[str, Path],
    brand: Brand | None,
    lines: LineStream | None,
) -> None:
    """Writes the pages, and prints the result, in which they are named; last, so that its last lines stay in view."""
    say_why(run)
    refused: UsageError | None = None
    written: list[Path] = []
    for client, page in pages.items():
        from runner.cli.page_files import audited_in, history_of, provenance_of  # only where one was asked for
        from runner.reports.html import HtmlReport

        journal, mine = run_directory(asked.state, client, run.audit.run) / JOURNAL, of_client(run.audit, client)
        one = audited_in(journal, mine)
        history = None if one is None else history_of(asked.state, one)
        try:
            write_file(page, HtmlReport(provenance_of(journal), brand, history, state_of(asked.state)).render(mine))
        except UsageError as error:  # what was found is shown all the same
            refused = error
            continue
        written.append(page)
        tell(f"wrote {page}")
    if lines is not None:
        lines.end(run.audit)
    else:
        print_glance(run.audit, asked.form, details=asked.details, where=_where(asked, order, written))
    if refused is not None:
        raise refused


def _where(asked: Asked, order: Order, pages: Sequence[Path]) -> Whereabouts:
    journals = (run_directory(asked.state, client, order.run) / JOURNAL for client in order.clients)
    return Whereabouts(tuple(map(str, journals)), tuple(map(str, pages)), begun_by(asked, order.playbook))


def say_why(run: FleetRun) -> None:
    """Says on standard error why a run did not come to its end, where it did not."""
    if run.why is not None:
        said = "; not every server was asked" if _left_out(run.audit) else ""
        then = "Run it again for the rest." if run.ending is Ending.INTERRUPTED else run.why.next
        tell(f"{run.why.message}{said}. {then}")


def _left_out(audit: FleetResult) -> bool:
    return any(isinstance(row, NotReached) for row in audit.hosts)


def _status(run: FleetRun, *, strict: bool) -> ExitStatus:
    match run.ending:
        case Ending.INTERRUPTED:
            return ExitStatus.INTERRUPTED
        case Ending.REFUSED:
            return ExitStatus.REFUSED
        case Ending.JOURNAL:
            return ExitStatus.JOURNAL
        case Ending.BUDGET | Ending.HEALTH:
            return ExitStatus.BUDGET
        case Ending.COMPLETE | Ending.DEADLINE | Ending.UNRECORDED:
            return ExitStatus(strict_status(run.audit) if strict else exit_status(run.audit.hosts))


def _selected(
    context: typer.Context, loaded: Inventory, words: Sequence[str] | None, limits: Sequence[str] | None
) -> tuple[tuple[Host, ...], str]:
    """The servers, and the selection as text. An argument that selects nothing may have been meant as a playbook."""
    try:
        selection, text = selected(context, words, limits)
        return select(loaded, selection), text
    except InventoryError:
        playbooks = {found.name for found in shelf(context.params.get("search") or ()).playbooks}
        for word in words or ():
            meant = not_a_selection(word, playbooks)
            if meant is not None:
                raise meant from None
        raise


def _recorded(limit: str, loaded: Inventory) -> str | None:
    """The selection as a journal may hold it: with several clients, it may name what is not that client's."""
    return limit if len(loaded.clients) == 1 else None


def _brand(asked: Asked, clients: tuple[str, ...]) -> Brand | None:
    """Whose name stands above the page; checked before anything is sent. One client's is never put above another's."""
    if asked.brand is None:
        return None
    if asked.html is None:
        raise UsageError("--brand is for pages", "Name the page with --html, or leave it away.")
    if len(clients) > 1:
        raise UsageError(
            f"--brand is of one client, and this audit has {len(clients)}",
            "Audit one client, or write each page with exrun report --client NAME --brand FILE.",
        )
    from runner.cli.page_files import brand_of

    return brand_of(asked.brand)


def _pages(html: Path | None, clients: tuple[str, ...]) -> dict[str, Path]:
    """Where each client's report goes; checked before anything is sent."""
    if html is None:
        return {}
    if not html.parent.is_dir():
        raise UsageError(f"--html {html}: there is no folder {html.parent}", "Make it, or name another file.")
    if html.is_dir():
        raise UsageError(f"--html {html}: this is a folder", "Name a file in it.")
    if len(clients) == 1:
        return {clients[0]: html}
    return {client: html.with_name(f"{html.stem}.{directory_name(client)}{html.suffix}") for client in clients}

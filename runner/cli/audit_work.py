"""What `exrun audit` does: from an inventory to a verdict per server. Runs only scripts that read."""

from __future__ import annotations

import gc
import getpass
import os
import platform
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import typer

from inventory import loading
from inventory.errors import InventoryError
from inventory.model import Host, Inventory
from inventory.selection import check_count, select
from playbooks.catalogue.catalogue import Catalogue
from playbooks.loading import load_playbook
from playbooks.model import ReadyPlaybook
from playbooks.shelf import shelf
from runner.cli.asked import Asked
from runner.cli.checkpoints import vouching
from runner.cli.descriptors import allow
from runner.cli.interruption import interruptible
from runner.cli.options import Format, catalogue_of, given_params
from runner.cli.output import UsageError, debugging, print_report, write_file
from runner.cli.progress import PlainProgress, opening
from runner.cli.selecting import not_a_selection, selected
from runner.credentials import Unresolved
from runner.disk import SystemDisk
from runner.exit_status import ExitStatus
from runner.fleet import Stop
from runner.journal.checkpoints import Sign
from runner.journal.location import directory_name, unused_run_id
from runner.observe import Reach
from runner.opening import FleetRun, Planned, World, open_run
from runner.order import Order, full_steps
from runner.redaction import Redactor
from runner.results import FleetResult, NotReached, exit_status, of_client, strict_status
from runner.rollout import Letting
from runner.secrets.resolving import RedactedSecrets, system_stores
from runner.steps import Judgement
from runner.terminal import visible
from runner.terms import ALLOW_CLEARTEXT, ALLOW_FULL_LANGUAGE, AS_OF, SKIP_UNRESOLVED, Ending, Override
from runner.transport.connecting import Connector
from texts.counting import counted

PlannedBy = Callable[[Mapping[str, Redactor]], Planned]
MOST_NAMED = 12  # servers in one line of an error
# Objects after which Python looks for rings among the young, and looks through the next older generation. A host makes
# few rings, and what waits meanwhile is a few megabytes; at Python's own 700 a fifteenth of a host's work was this.
RINGS = (20_000, 10, 10)


def audit(asked: Asked) -> ExitStatus:
    """Audits the servers that were asked for, prints the report, and returns the exit status.

    Raises:
        InventoryError, PlaybookError, UsageError: what was asked for is wrong; nothing was sent.
        JournalError: the journals cannot be begun; nothing was sent.
    """
    order = ordered(asked)
    vouched = vouching(asked.sign_with, asked.anchor, SystemDisk())
    pages = _pages(asked.html, order.clients)
    run = observed(asked, order, sign=vouched.sign)
    kept = vouched.keep(run.checkpoints)
    _print(run, asked.form, pages)
    status = _status(run, strict=asked.strict)
    return status if kept else max(status, ExitStatus.JOURNAL)


def ordered(asked: Asked) -> Order:
    """What was asked for, decided and checked; nothing is sent.

    Raises:
        InventoryError, PlaybookError, UsageError: it is wrong.
    """
    loaded = loading.load(*asked.inventory)
    hosts, chosen = _selected(asked.context, loaded, asked.selection, asked.limit)
    check_count(hosts, asked.expect)
    today = _today()
    judgement = _judgement(
        catalogue_of(asked.state, asked.catalogue), today, None if asked.as_of is None else asked.as_of.date()
    )
    ready = load_playbook(asked.playbook, given_params(asked.param), judgement.catalogue, search=asked.search or ())
    full = _full_steps(ready, allowed=asked.allow_full_language)
    return Order(
        run=unused_run_id(
            asked.state, [client.name for client in loaded.clients], datetime.now(UTC), lambda: secrets.token_hex(2)
        ),
        playbook=ready,
        judgement=judgement,
        hosts=hosts,
        inventory_source=loaded.source,
        inventory_digest=loaded.digest,
        inventory_files=loaded.files,
        selection=_recorded(chosen, loaded),
        parallel=asked.parallel or ready.playbook.strategy.parallel,
        host_seconds=asked.timeout,
        token=secrets.token_hex(16),
        run_seconds=asked.run_timeout,
        connect_seconds=asked.connect_timeout,
        overrides=tuple(
            _overrides(
                today, judgement, full, allow_cleartext=asked.allow_cleartext, skip_unresolved=asked.skip_unresolved
            )
        ),
    )


def observed(
    asked: Asked, order: Order, *, doing: str = "auditing", planned: PlannedBy | None = None, sign: Sign | None = None
) -> FleetRun:
    """Works through an order; says on standard error what is switched off, and how it goes.

    Args:
        doing: what the first line says of it.
        planned: for a plan, given the redactor of each client: see `Opened.audit`.
        sign: vouches for the journals; None where nobody does.

    Raises:
        UsageError: a password cannot be had; nothing was sent.
        JournalError: the journals cannot be begun; nothing was sent.
    """
    reach = _reach(allow_cleartext=asked.allow_cleartext)
    if asked.allow_cleartext:
        typer.echo(
            "exrun: warning: --allow-cleartext: over http, whoever is on the network can read and change what is said. "
            "This is recorded.",
            err=True,
        )
    full = next((each.value for each in order.overrides if each.option == ALLOW_FULL_LANGUAGE), "")
    if full:
        typer.echo(
            f"exrun: warning: {ALLOW_FULL_LANGUAGE}: {visible(full)}: read-only by the linter alone; the "
            "servers' own engines do not hold these steps to reading. This is recorded.",
            err=True,
        )
    return _run(order, reach, asked.state, doing, planned, sign)


def _full_steps(ready: ReadyPlaybook, *, allowed: bool) -> tuple[str, ...]:
    """The steps that ask for the full language; ends the command, with nothing sent, where that is not allowed."""
    full = full_steps(ready)
    if full and not allowed:
        named = ", ".join(f"{each.step.id} ({each.action.id})" for each in ready.steps if each.step.id in full)
        raise UsageError(
            f"nothing was sent: {counted(len(full), 'step')} of {ready.source} would run in the full language, in "
            f"which the server does not hold a script to reading: {named}",
            "Take `session: full` out of these actions, or allow it for this run with --allow-full-language.",
        )
    return full


def _judgement(catalogue: Catalogue, today: date, as_of: date | None) -> Judgement:
    """What judges: the catalogue as it is today, or what it knew on an earlier day and that day."""
    return Judgement(catalogue, today) if as_of is None else Judgement(catalogue.on(as_of), as_of)


def _overrides(
    today: date, judgement: Judgement, full: Sequence[str], *, allow_cleartext: bool, skip_unresolved: bool
) -> Iterator[Override]:
    if allow_cleartext:
        yield Override(ALLOW_CLEARTEXT)
    if full:
        yield Override(ALLOW_FULL_LANGUAGE, ", ".join(full))
    if skip_unresolved:
        yield Override(SKIP_UNRESOLVED)
    if judgement.today != today:
        yield Override(AS_OF, judgement.today.isoformat())


def _run(order: Order, reach: Reach, state: Path, doing: str, planned: PlannedBy | None, sign: Sign | None) -> FleetRun:
    """Everything that touches the world: credentials, journals, servers."""
    # A journal and its lock for each client; a connection, and for a moment the one before it, for each host in work.
    allow(2 * len(order.clients) + 2 * order.parallel)
    world = World(
        state=state,
        secrets=RedactedSecrets(system_stores(os.environ), Redactor()),
        reach=reach,
        actor=actor(),
        now=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        sign=sign,
    )
    run = open_run(order, world)
    _check_resolved(order, run.unresolved)

    stop = Stop()
    with (
        interruptible(stop, [Letting.ABORT]),
        _shown(len(order.hosts), os.environ, terminal=sys.stderr.isatty(), debug=debugging()) as progress,
        _few_looks_for_rings(),
    ):
        said = opening(order.run, len(order.hosts), len(order.clients), order.playbook.playbook.name, doing)
        return run.audit(
            stop,
            progress,
            lambda: progress.say(said),
            planned=None if planned is None else planned(run.redactors),
        )


@contextmanager
def _few_looks_for_rings() -> Iterator[None]:
    """What is there stays to the end, so it is not looked through; what hosts leave is, but not as often."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*RINGS)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _check_resolved(order: Order, found: Sequence[Unresolved]) -> None:
    """Ends the command, with nothing sent, where a password cannot be had: says so of all of them at once."""
    if not found:
        return
    for each in found:
        names = [host.key for host in each.hosts]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        needed = f"needed by {', '.join(names[:MOST_NAMED])}{more}"
        told = f"{each.error.reference}: {each.error.why}; {needed}. {each.error.next}"
        typer.echo(f"exrun: {visible(told)}", err=True)
    if any(override.option == SKIP_UNRESOLVED for override in order.overrides):
        return
    hosts = sum(len(each.hosts) for each in found)
    raise UsageError(
        f"nothing was sent: {hosts} of {counted(len(order.hosts), 'server')} have no password to log on with",
        "Mend these references, or leave their servers out with --skip-unresolved.",
    )


def _reach(*, allow_cleartext: bool) -> Reach:
    """The way to every host of a run."""
    return Connector(allow_cleartext=allow_cleartext).to


def _print(run: FleetRun, form: Format, pages: Mapping[str, Path]) -> None:
    print_report(run.audit, form)
    for client, page in pages.items():
        from runner.reports.html import HtmlReport  # only where one was asked for

        write_file(page, HtmlReport().render(of_client(run.audit, client)))
        typer.echo(f"exrun: wrote {visible(str(page))}", err=True)
    say_why(run)


def say_why(run: FleetRun) -> None:
    """Says on standard error why a run did not come to its end, where it did not."""
    if run.why is not None:
        said = "; not every server was asked" if _left_out(run.audit) else ""
        then = "Run it again for the rest." if run.ending is Ending.INTERRUPTED else run.why.next
        typer.echo(f"exrun: {visible(run.why.message)}{said}. {visible(then)}", err=True)


def _left_out(audit: FleetResult) -> bool:
    return any(isinstance(row, NotReached) for row in audit.hosts)


def _status(run: FleetRun, *, strict: bool) -> ExitStatus:
    match run.ending:
        case Ending.INTERRUPTED:
            return ExitStatus.INTERRUPTED
        case Ending.JOURNAL:
            return ExitStatus.JOURNAL
        case Ending.BUDGET:
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
        playbooks = {found.name for found in shelf(context.params["search"] or ()).playbooks}
        for word in words or ():
            meant = not_a_selection(word, playbooks)
            if meant is not None:
                raise meant from None
        raise


def _recorded(limit: str, loaded: Inventory) -> str | None:
    """The selection as a journal may hold it: with several clients, it may name what is not that client's."""
    return limit if len(loaded.clients) == 1 else None


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


def _today() -> date:
    return datetime.now(UTC).date()


def actor() -> str:
    """Who runs this, `user@machine`."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "unknown"
    return f"{user}@{platform.node() or 'unknown'}"


@contextmanager
def _shown(hosts: int, environment: Mapping[str, str], *, terminal: bool, debug: bool) -> Iterator[PlainProgress]:
    """The progress that suits standard error."""
    if terminal and environment.get("TERM") != "dumb":
        from rich.console import Console  # a log or a pipe needs none of it

        from runner.cli.live_progress import LiveProgress

        console = Console(stderr=True, no_color="NO_COLOR" in environment and environment["NO_COLOR"] != "")
        with LiveProgress(console, hosts, debug=debug) as live:
            yield live
    else:
        yield PlainProgress(lambda line: typer.echo(f"exrun: {visible(line)}", err=True), debug=debug)

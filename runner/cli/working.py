"""What commands that work with servers have around them: who, when, the way there, passwords, progress."""

from __future__ import annotations

import gc
import getpass
import os
import platform
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from inventory.model import Host, Inventory
from playbooks.catalogue.catalogue import Catalogue
from playbooks.model import ReadyPlaybook
from runner.cli.asked import AskedOfServers
from runner.cli.begun import begun_by, named_in
from runner.cli.output import UsageError, tell
from runner.cli.progress import MOST_NAMED, PlainProgress, Words
from runner.cli.sent_events import NOWHERE, Sent
from runner.credentials import Unresolved
from runner.journal.checkpoints import Sign
from runner.observe import Reach
from runner.opening import World
from runner.order import Order, full_steps
from runner.redaction import Redactor
from runner.secrets.resolving import RedactedSecrets, system_stores
from runner.steps import Judgement
from runner.terms import ALLOW_CLEARTEXT, ALLOW_FULL_LANGUAGE, AS_OF, DEFAULTS, SKIP_UNRESOLVED, Override
from runner.transport.connecting import Connector
from runner.transport.wire import Waiting
from texts.counting import counted

# Objects after which Python looks for rings among the young, and looks through the next older generation. A host makes
# few rings, and what waits meanwhile is a few megabytes; at Python's own 700 a fifteenth of a host's work was this.
RINGS = (20_000, 10, 10)


def world_of(state: Path, reach: Reach, sign: Sign | None, sent: Sent = NOWHERE) -> World:
    """Everything outside that a run touches: this machine's."""
    return World(
        state=state,
        secrets=RedactedSecrets(system_stores(os.environ), Redactor()),
        reach=reach,
        actor=actor(),
        now=lambda: datetime.now(UTC),
        monotonic=Waiting().clock,
        sign=sign,
        opened=sent.watch,
        kept_out=sent.kept_out,
    )


def judgement_of(catalogue: Catalogue, today: date, as_of: date | None) -> Judgement:
    """What judges: the catalogue as it is today, or what it knew on an earlier day and that day."""
    return Judgement(catalogue, today) if as_of is None else Judgement(catalogue.on(as_of), as_of)


def reach_of(*, allow_cleartext: bool) -> Reach:
    """The way to every host of a run."""
    return Connector(allow_cleartext=allow_cleartext, waiting=Waiting()).to


def today() -> date:
    return datetime.now(UTC).date()


def actor() -> str:
    """Who runs this, `user@machine`."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "unknown"
    return f"{user}@{platform.node() or 'unknown'}"


def order_of(
    asked: AskedOfServers,
    loaded: Inventory,
    run: str,
    ready: ReadyPlaybook,
    judgement: Judgement,
    today: date,
    *,
    hosts: tuple[Host, ...],
    selection: str | None,
    parallel: int,
) -> Order:
    """What a run is to do, of what was asked for.

    Args:
        today: of which the judgement may not be.

    Raises:
        UsageError: it needs the full language, which was not allowed; nothing was sent.
    """
    full = _full_steps_of(ready, allowed=asked.allow_full_language)
    alone = len(loaded.clients) == 1
    return Order(
        run=run,
        playbook=ready,
        judgement=judgement,
        hosts=hosts,
        inventory_source=loaded.source,
        inventory_digest=loaded.digest,
        inventory_files=loaded.files,
        labels=frozenset(label for host in loaded.hosts for label in host.labels),
        selection=selection,
        parallel=parallel,
        host_seconds=asked.timeout,
        token=secrets.token_hex(16),
        run_seconds=asked.run_timeout,
        connect_seconds=asked.connect_timeout,
        overrides=tuple(_overrides_of(today, judgement, full, asked, alone=alone)),
        named=named_in(begun_by(asked, ready)) if alone else {},
    )


def _full_steps_of(ready: ReadyPlaybook, *, allowed: bool) -> tuple[str, ...]:
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


def _overrides_of(
    today: date, judgement: Judgement, full: Sequence[str], asked: AskedOfServers, *, alone: bool
) -> Iterator[Override]:
    """What is switched off.

    Args:
        alone: whether there is one client: else what an option holds may name others, and is in nobody's journal.
    """
    if asked.allow_cleartext:
        yield Override(ALLOW_CLEARTEXT)
    if full:
        yield Override(ALLOW_FULL_LANGUAGE, ", ".join(full))
    if asked.skip_unresolved:
        yield Override(SKIP_UNRESOLVED)
    if judgement.today != today:
        yield Override(AS_OF, judgement.today.isoformat())
    if asked.of_file:
        given = [f"{name} = {value}" if alone else name for name, value in asked.of_file.items()]
        yield Override(DEFAULTS, ", ".join(given))


def warn_of(overrides: Sequence[Override]) -> None:
    """Says on standard error which safety defaults are switched off for who reads and changes what is said."""
    for each in overrides:
        match each.option:
            case option if option == ALLOW_CLEARTEXT:
                tell(
                    "warning: --allow-cleartext: over http, whoever is on the network can read and change what is "
                    "said. This is recorded."
                )
            case option if option == ALLOW_FULL_LANGUAGE:
                tell(
                    f"warning: {ALLOW_FULL_LANGUAGE}: {each.value}: read-only by the linter alone; the servers' own "
                    "engines do not hold these steps to reading. This is recorded."
                )


def check_resolved(order: Order, found: Sequence[Unresolved]) -> None:
    """Ends the command, with nothing sent, where a password cannot be had: says so of all of them at once."""
    if not found:
        return
    for each in found:
        names = [host.key for host in each.hosts]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        needed = f"needed by {', '.join(names[:MOST_NAMED])}{more}"
        told = f"{each.error.reference}: {each.error.why}; {needed}. {each.error.next}"
        tell(told)
    if any(override.option == SKIP_UNRESOLVED for override in order.overrides):
        return
    hosts = sum(len(each.hosts) for each in found)
    raise UsageError(
        f"nothing was sent: {hosts} of {counted(len(order.hosts), 'server')} have no password to log on with",
        "Mend these references, or leave their servers out with --skip-unresolved.",
    )


@contextmanager
def few_looks_for_rings() -> Iterator[None]:
    """What is there stays to the end, so it is not looked through; what hosts leave is, but not as often."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*RINGS)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@contextmanager
def shown(
    hosts: int, words: Words, environment: Mapping[str, str], *, terminal: bool, debug: bool
) -> Iterator[PlainProgress]:
    """The progress that suits standard error."""
    if terminal and environment.get("TERM") != "dumb":
        from rich.console import Console  # a log or a pipe needs none of it

        from runner.cli.live_progress import LiveProgress

        console = Console(stderr=True, no_color="NO_COLOR" in environment and environment["NO_COLOR"] != "")
        with LiveProgress(console, hosts, words, debug=debug) as live:
            yield live
    else:
        yield PlainProgress(tell, debug=debug, hosts=hosts, words=words)

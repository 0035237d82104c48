"""`exrun diff`: what became of servers between two audits, from the journals alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.begun import state_of
from runner.cli.options import STATE, ClientOption, DetailsOption, Format, FormatOption, StateOption
from runner.cli.output import UsageError, coloured, emit, tell, terminal_width
from runner.cli.show_run import warn_of_broken
from runner.comparing import Audited, Comparison, compare, in_order_of_time
from runner.earlier import audited, beginning_of, is_audit, previous_audit
from runner.exit_status import ExitStatus
from runner.journal.chain import Broken
from runner.reports.diff import NotCompared, document, lines, to_json
from runner.reports.diff_glance import screen
from runner.reports.folding import folded
from runner.reports.typed_next import Begun
from runner.runs import LAST, ClientRun, Run, RunNotFoundError, find_run, newest_first, read_run, uncollected

PREVIOUS = "previous"


def diff(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", envvar="EXRUN_RUN", help="A run's id, the beginning of one, or `last`: the newest audit."
        ),
    ] = LAST,
    other: Annotated[
        str,
        typer.Argument(
            metavar="OTHER",
            envvar="EXRUN_OTHER",
            help="The same of the other, or `previous`: the audit of the same client and playbook before RUN.",
        ),
    ] = PREVIOUS,
    client: ClientOption = None,
    form: FormatOption = Format.TEXT,
    details: DetailsOption = False,
    state: StateOption = STATE,
) -> None:
    """Say what became of servers between two audits: worse, changed, new, gone, better; and what may not be compared.

    The earlier of the two is always the one before, however they are named. Clients are compared each by itself.
    Servers with the same change stand together; --details tells each of them by itself.

    \b
    Works from the journals alone; connects to nothing. Exit status: 0; 1 where a server is worse, is changed so that
    nobody can say that it is not worse, or is new and not well; 2 where there are no two such audits; 6 where a journal
    does not verify, and then nothing is compared.

    \b
    Examples:
      exrun diff
      exrun diff last previous --client alpha --details
      exrun diff 2026-11-28t0240 2026-11-27t0240 --format json
    """
    with uncollected():
        found, left = _compared(state, run, other, client)
        if form is Format.JSON:
            emit(to_json(document(found, left)))
        elif details:
            shown = [line for each in found for line in (*lines(each, Begun(state=state_of(state))), "")][:-1]
            emit("".join(f"{line}\n" for line in folded(shown, terminal_width())))
        else:
            painted, colour = screen(found, terminal_width(), Begun(state=state_of(state))), coloured()
            emit("".join(f"{line.with_colour() if colour else line.text}\n" for line in painted))
    for each in left:
        tell(f"client {each.client} is not compared: {each.why}")
    raise typer.Exit(ExitStatus.FINDINGS if any(each.may_be_worse for each in found) else ExitStatus.WELL)


def _compared(
    state: Path, run: str, other: str, client: str | None
) -> tuple[Sequence[Comparison], Sequence[NotCompared]]:
    first = _audits(_named(state, run, client), client)
    found: list[Comparison] = []
    left: list[NotCompared] = []
    for each in first:
        against = _other(state, other, each)
        if isinstance(against, NotCompared):
            left.append(against)
        else:
            found.append(compare(*in_order_of_time(each, against)))
    if not found:
        raise UsageError(
            "; ".join(f"client {each.client} cannot be compared: {each.why}" for each in left),
            "Name the other run; exrun runs lists them.",
        )
    return found, left


def _named(state: Path, run: str, client: str | None) -> Run:
    """The run of this name; `last` is the newest audit, of the client that is asked for."""
    if run.casefold() != LAST:
        return find_run(state, run)
    for each in newest_first(state):
        mine = [journal for journal in each.journals if is_audit(journal) and _is_of(journal, client)]
        if mine:
            return Run(each.id, tuple(mine))
    return find_run(state, LAST)


def _is_of(journal: Path, client: str | None) -> bool:
    if client is None:
        return True
    began = beginning_of(journal)
    return began is not None and began.client.casefold() == client.casefold()


def _other(state: Path, other: str, one: Audited) -> Audited | NotCompared:
    """What one client's audit is to be compared with."""
    if other.casefold() == PREVIOUS:
        found = previous_audit(state, one)
        if found is None:
            why = f"there is no audit of it before {one.audit.run} with the playbook {one.started.playbook.name}"
            return NotCompared(one.client, one.audit.run, why)
        run = found.as_run
    else:
        run = _named(state, other, one.client)
    try:
        [against] = _audits(run, one.client)
    except RunNotFoundError:
        return NotCompared(one.client, one.audit.run, f"the run {run.id} has nothing of it")
    return against


def _audits(run: Run, client: str | None) -> Sequence[Audited]:
    """The audits of a run, of each client or of one.

    Raises:
        RunNotFoundError, UsageError: there is none, or the run changed servers.
        typer.Exit: with 6, a journal is not as it was written, which is said.
    """
    parts = read_run(run, client)
    broken = tuple(part for part in parts if isinstance(part.verified, Broken) and not part.torn)
    if broken:
        warn_of_broken(broken)
        tell("nothing is compared")
        raise typer.Exit(ExitStatus.JOURNAL)
    return [audited(part) for part in _looked(parts)]


def _looked(parts: Sequence[ClientRun]) -> Iterator[ClientRun]:
    for part in parts:
        if part.state.plan is not None:
            raise UsageError(
                f"the run {part.state.run} ran a plan, and what is compared are audits",
                "Name an audit; exrun runs says what each run was.",
            )
        yield part

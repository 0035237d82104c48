"""`exrun status`: which runs there are, and how far one is, from the journals alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from runner.cli.options import STATE, Format, FormatOption, StateOption
from runner.cli.output import emit, terminal_width
from runner.disk import SystemDisk
from runner.events import UnreadableEventError
from runner.exit_status import ExitStatus
from runner.journal.chain import Broken
from runner.journal.errors import JournalError
from runner.journal.writer import is_written
from runner.plan.keeping import PLAN, NotKeptError, kept_plan
from runner.plan.waves import waves_of
from runner.replay import replay_applied
from runner.reports.folding import folded
from runner.reports.status import Ran, lines, member, newest_first, to_json
from runner.runs import ClientRun, Run, RunNotFoundError, find_run, read_run, runs, uncollected
from runner.state import ContradictionError


def status(
    run: Annotated[
        str | None, typer.Argument(envvar="EXRUN_RUN", help="A run's id, the beginning of one, or `last`.")
    ] = None,
    form: FormatOption = Format.TEXT,
    state: StateOption = STATE,
) -> None:
    """How far a run is: whether it goes on, was interrupted or was killed, what its servers came to, and which command
    comes next. Without a run: all of them, the newest first.

    \b
    Works from the journals alone; connects to nothing. Exit status: 0; 2 where there is no such run.

    \b
    Examples:
      exrun status
      exrun status last
      exrun status last --format json
    """
    with uncollected():
        wanted = list(runs(state).values()) if run is None else [find_run(state, run)]
        found = newest_first(member(ran) for each in wanted for ran in _ran(each))
        emit(
            to_json(found)
            if form is Format.JSON
            else "".join(f"{line}\n" for line in folded(lines(found), terminal_width()))
        )
    raise typer.Exit(ExitStatus.WELL)


def _ran(run: Run) -> Iterator[Ran]:
    for journal in run.journals:
        client = journal.parents[2].name
        try:
            parts = read_run(Run(run.id, (journal,)))
        except RunNotFoundError:
            yield Ran(run.id, client, None, alive=False, planned=False, why="nothing is recorded of it")
        except (JournalError, ContradictionError, UnreadableEventError) as error:
            yield Ran(run.id, client, None, alive=False, planned=False, why=str(error))
        else:
            yield from (_of_client(part) for part in parts)


def _of_client(part: ClientRun) -> Ran:
    state, directory, disk = part.state, part.journal.parent, SystemDisk()
    if isinstance(part.verified, Broken) and not part.torn:
        why = f"line {part.verified.line} does not verify: {part.verified.why}"
        return Ran(state.run, state.client, None, alive=False, planned=False, why=why)
    alive = is_written(directory, disk)
    if state.plan is None:
        return Ran(state.run, state.client, state, alive, planned=(directory / PLAN).exists())
    try:
        plan = kept_plan(directory, state.plan.plan, disk)
    except NotKeptError as error:
        return Ran(state.run, state.client, None, alive, planned=False, why=error.what)
    return Ran(
        state.run,
        state.client,
        state,
        alive,
        planned=False,
        applied=replay_applied(state, plan),
        waves=len(waves_of(plan)),
    )

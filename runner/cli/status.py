"""`exrun status`: how far a run is, from its journals alone."""

from __future__ import annotations

import typer

from runner.cli.begun import state_of
from runner.cli.options import STATE, Format, FormatOption, RunArgument, StateOption
from runner.cli.output import emit, terminal_width
from runner.cli.ran import ran
from runner.exit_status import ExitStatus
from runner.reports.folding import folded
from runner.reports.status import lines, member, newest_first, to_json
from runner.runs import LAST, find_run, uncollected


def status(run: RunArgument = LAST, form: FormatOption = Format.TEXT, state: StateOption = STATE) -> None:
    """How far a run is: whether it goes on, was interrupted or was killed, what its servers came to, and which command
    comes next. Without a run: the newest. exrun runs lists all.

    \b
    Works from the journals alone; connects to nothing. Exit status: 0; 2 where there is no such run.

    \b
    Examples:
      exrun status
      exrun status 2026-11-28t0240
      exrun status last --format json
    """
    with uncollected():
        found = newest_first(member(each, state_of(state)) for each in ran(find_run(state, run)))
        shown = (f"{line}\n" for line in folded(lines(found), terminal_width()))
        emit(to_json(found) if form is Format.JSON else "".join(shown))
    raise typer.Exit(ExitStatus.WELL)

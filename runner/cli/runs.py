"""`exrun runs`: which runs there are, the newest first, from the journals alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runner.cli.begun import state_of
from runner.cli.options import STATE, Format, FormatOption, StateOption
from runner.cli.output import UsageError, emit, tell, terminal_width
from runner.cli.ran import ran
from runner.earlier import beginning_of
from runner.exit_status import ExitStatus
from runner.journal.location import directory_name
from runner.reports.runs import lines, to_json
from runner.reports.status import member
from runner.runs import Run, newest_first, uncollected

SHOWN = 20


def runs(
    client: Annotated[
        str | None,
        typer.Option("--client", envvar="EXRUN_CLIENT", help="Only runs of this client, and its part alone."),
    ] = None,
    last: Annotated[
        int, typer.Option("--last", envvar="EXRUN_LAST", min=1, help="So many of the newest; each is read whole.")
    ] = SHOWN,
    form: FormatOption = Format.TEXT,
    state: StateOption = STATE,
) -> None:
    """Which runs there are, the newest first: what each did, with which playbook, on how many servers, what came of it,
    and whether it came to its end, goes on, or was killed.

    \b
    Works from the journals alone; connects to nothing. Exit status: 0; 2 where the client has no runs.

    \b
    Examples:
      exrun runs
      exrun runs --client alpha --last 5
      exrun runs --format json
    """
    with uncollected():
        known = _of_client(state, client)
        parts = (each for run in known[:last] for each in ran(run))
        found = [member(each, state_of(state)) for each in parts if client is None or each.is_of(client)]
        earlier = len(known[last:])
        if form is Format.JSON:
            emit(to_json(found, earlier))
        else:
            emit("".join(f"{line}\n" for line in lines(found, earlier, terminal_width())))
    if not known:
        tell(f"there are no runs in {state}; name the directory with --state, or run an audit first")
    raise typer.Exit(ExitStatus.WELL)


def _of_client(state: Path, client: str | None) -> list[Run]:
    """The runs, each with the journals of one client alone where one is asked for."""
    known = newest_first(state)
    if client is None or not known:
        return known
    folders = {journal.parents[2]: journal for run in known for journal in run.journals}
    mine = {folder for folder, journal in folders.items() if _is_of(folder, journal, client)}
    if not mine:
        raise UsageError(f"no run in {state} is of a client {client}", "See exrun runs without --client.")
    kept = [(run, tuple(each for each in run.journals if each.parents[2] in mine)) for run in known]
    return [Run(run.id, journals) for run, journals in kept if journals]


def _is_of(folder: Path, journal: Path, client: str) -> bool:
    began = beginning_of(journal)
    return folder.name == directory_name(client) or (began is not None and began.client.casefold() == client.casefold())

"""`exrun evidence`: what was kept of servers before they were changed; and handing it out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from inventory.errors import SelectionError
from inventory.model import Authentication, Client, Host, Inventory, Scheme
from inventory.selection import Selection, select
from runner.cli.commands import Commands
from runner.cli.options import STATE, ClientOption, Format, FormatOption, RunArgument, SelectionArgument, StateOption
from runner.cli.output import UsageError, emit, tell
from runner.cli.selecting import selected
from runner.custody import Held, RunEvidence, Stands, held, kept_in
from runner.disk import SystemDisk
from runner.evidence import EvidenceStore
from runner.exit_status import ExitStatus
from runner.exporting import PASSWORD, ExportError, export, is_sealed
from runner.reports.evidence import lines, member, to_json
from runner.runs import Run, RunNotFoundError, find_run, runs
from texts.counting import counted
from texts.places import Location

group = Commands(help="What was kept of servers before they were changed.")


@group.command("list")
def evidence_list(
    run: Annotated[
        str | None,
        typer.Argument(envvar="EXRUN_RUN", help="A run's id, the beginning of one, or `last`.", show_default="all"),
    ] = None,
    client: ClientOption = None,
    form: FormatOption = Format.TEXT,
    state: StateOption = STATE,
) -> None:
    """List what is kept as evidence: of which server and file, when and before which change, and whether the store
    still has the very bytes that the journal says.

    \b
    Reads journals and the store; connects to nothing. Exit status: 0; 2 where there is no such run or client; 6 where a
    journal does not verify, or evidence is missing or altered.

    \b
    Examples:
      exrun evidence list
      exrun evidence list last --format json
    """
    wanted = list(runs(state).values()) if run is None else [find_run(state, run)]
    status = ExitStatus.WELL
    pieces: list[Held] = []
    for part in _parts(wanted, client):
        pieces += held(part.kept, EvidenceStore(state, part.client))
        status = max(status, _warned(part))
    found = [member(each) for each in pieces]
    emit(to_json(found) if form is Format.JSON else "".join(f"{line}\n" for line in lines(found)))
    raise typer.Exit(max(status, _status(pieces)))


@group.command("export")
def evidence_export(
    context: typer.Context,
    run: RunArgument,
    selection: SelectionArgument = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", envvar="EXRUN_OUTPUT", help="A folder that is new or empty, or a file NAME.zip."
        ),
    ] = None,
    client: ClientOption = None,
    state: StateOption = STATE,
) -> None:
    """Hand out the evidence of one client's part of a run, to a folder or a zip file, with manifest.json.

    \b
    Each file is called by its SHA-256 and .quarantined, whatever it was called on the server, and compared with what
    the journal says before and after it is written. What is not what the journal says is not handed out. A zip file is
    encrypted (AES-256) with the password that is the custom for malware, `infected`, so that no scanner or preview
    opens it on its way. That is no secret: what must stay one needs a seal of its own.
    SELECTION names servers of the run, such as EX1 or EX*. Exit status: 0; 2 where there is no such run or server, or
    the run is of several clients and --client names none; 6 where a journal does not verify, or something is not handed
    out.

    \b
    Examples:
      exrun evidence export last -o case-17
      exrun evidence export last EX1 EX2 -o case-17.zip
    """
    if output is None:
        raise UsageError("where to is not said", "Name a folder or a file NAME.zip with -o.")
    parts = _parts([find_run(state, run)], client)
    if len(parts) > 1:
        names = ", ".join(part.client for part in parts)
        raise UsageError(f"the run is of several clients: {names}", "Name one with --client: they are not mixed.")
    [part] = parts
    store = EvidenceStore(state, part.client)
    hosts = _selected(part, selected(context, selection, None)[0]) if selection else frozenset(part.hosts)
    pieces = list(held([each for each in part.kept if each.host in hosts], store))
    if not pieces:
        raise UsageError("there is no evidence of these servers in this run", "See exrun evidence list.")
    status = _warned(part)
    try:
        left = export(pieces, store, output, lambda named: to_json([member(*each) for each in named]).encode())
    except ExportError as error:
        raise UsageError(error.what, error.next) from None
    for each in left:
        of = each.path or each.line.sha256 or ""
        stream = "" if each.line.stream is None else f", stream {each.line.stream}"
        tell(f"not exported: {each.line.host} {of}{stream}: {each.why}.")
    done = counted(len(pieces) - len(left), "piece")
    sealed = f", password {PASSWORD}" if is_sealed(output) else ""
    tell(f"{done} of evidence of {part.client} in {output}{sealed}")
    raise typer.Exit(max(status, _status(left)))


def _parts(wanted: Sequence[Run], client: str | None) -> list[RunEvidence]:
    """What each client's journal of these runs says.

    Raises:
        RunNotFoundError: none is of this client.
    """
    found = [kept_in(journal, SystemDisk()) for run in wanted for journal in run.journals]
    mine = [part for part in found if client is None or part.client.casefold() == client.casefold()]
    if client is not None and not mine:
        known = ", ".join(sorted({part.client for part in found})) or "none"
        raise RunNotFoundError(f"there is no client {client!r}; there is: {known}")
    return mine


def _warned(part: RunEvidence) -> ExitStatus:
    if not part.broken:
        return ExitStatus.WELL
    said = f"the journal of run {part.run} of {part.client} does not verify: {part.broken}."
    tell(f"{said} Nothing from that line on is used; see exrun journal verify.")
    return ExitStatus.JOURNAL


def _status(pieces: Sequence[Held]) -> ExitStatus:
    wrong = any(each.stands not in (Stands.WHOLE, Stands.NOT_KEPT) for each in pieces)
    return ExitStatus.JOURNAL if wrong else ExitStatus.WELL


def _selected(part: RunEvidence, chosen: Selection) -> frozenset[str]:
    """The servers of the run that a selection names; a journal knows their names alone, no groups and no labels."""
    hosts = tuple(_hosts(part))
    try:
        return frozenset(host.name for host in select(Inventory((Client(part.client, hosts),), ()), chosen))
    except SelectionError as error:
        raise UsageError(f"{error}", f"A run knows its servers by name alone: {', '.join(part.hosts)}.") from None


def _hosts(part: RunEvidence) -> Iterator[Host]:
    here = Location(part.run)
    for name in part.hosts:
        yield Host(part.client, name, name, 0, Scheme.HTTP, Authentication.NEGOTIATE, here)

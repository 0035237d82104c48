"""`exrun show`: what a run did, from its journals alone; or what a plan would change, from its file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runner.cli.options import STATE, ClientOption, Format, FormatOption, StateOption
from runner.cli.output import UsageError, emit
from runner.exit_status import ExitStatus
from runner.journal.chain import Broken
from runner.reports.run import RunDocument, document, json_text, lines
from runner.runs import ClientRun, find_run, read_run, uncollected
from runner.terminal import visible


def show(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN|PLAN",
            envvar="EXRUN_RUN",
            help="A run's id, the beginning of one, or `last`; or a plan's file.",
        ),
    ],
    client: ClientOption = None,
    host: Annotated[
        list[str] | None, typer.Option("--host", envvar="EXRUN_HOST", help="Only this server. Repeatable.")
    ] = None,
    step: Annotated[
        list[str] | None, typer.Option("--step", envvar="EXRUN_STEP", help="Of a plan: only this step. Repeatable.")
    ] = None,
    scripts: Annotated[
        bool, typer.Option("--script", "--scripts", envvar="EXRUN_SCRIPTS", help="Show the scripts too.")
    ] = False,
    form: FormatOption = Format.TEXT,
    state: StateOption = STATE,
) -> None:
    """Show what a run did: per server and step what was sent, answered and judged, with the evidence; or what a plan
    would change.

    \b
    Works from the journals, or from the plan's file, alone; connects to nothing. Exit status: 0; 2 where there is no
    such run or plan; 6 where a journal does not verify, and then what is shown is what stands before the first wrong
    line.

    \b
    Examples:
      exrun show last
      exrun show 2026-11-24t15 --client alpha --host EX1
      exrun show last --scripts
      exrun show last --format json
      exrun show plan.json --host EX1 --script
    """
    if Path(run).is_file():
        from runner.cli.show_plan import show_plan  # a run needs none of it

        raise typer.Exit(show_plan(Path(run), host or (), step or (), scripts=scripts, form=form))
    if step:
        raise UsageError("--step is for plans", "Name a plan's file, or see exrun show RUN --host HOST.")
    with uncollected():
        parts = read_run(find_run(state, run), client)
        if parts[0].state.plan is not None and not scripts and not host:
            from runner.cli.show_applied import show_applied

            show_applied(parts[0], form)
            raise typer.Exit(warn_of_broken(parts))
        wanted = None if not host else frozenset(name.casefold() for name in host)
        found = document(parts, texts=scripts, hosts=wanted, whole=form is Format.JSON)
        if wanted is not None:
            _check_hosts(wanted, found)
        if form is Format.JSON:
            emit(json_text(found))
        else:
            emit("".join(f"{line}\n" for line in lines(found)))
    raise typer.Exit(warn_of_broken(parts))


def _check_hosts(wanted: frozenset[str], found: RunDocument) -> None:
    known = {each.name.casefold() for part in found.clients for each in part.hosts}
    missing = sorted(wanted - known)
    if missing:
        raise UsageError(f"--host: the run has no server {', '.join(missing)}", "See exrun show without --host.")


def warn_of_broken(parts: tuple[ClientRun, ...]) -> ExitStatus:
    """Says on standard error which journals are not as they were written; the status for it."""
    status = ExitStatus.WELL
    for part in parts:
        if isinstance(part.verified, Broken):
            status = ExitStatus.JOURNAL
            typer.echo(
                f"exrun: {visible(str(part.journal))}:{part.verified.line}: the journal does not verify: "
                f"{visible(part.verified.why)}. Nothing from that line on is used; see exrun journal verify.",
                err=True,
            )
    return status

"""`exrun show`: what a run did, from its journals alone; or what a plan would change, from its file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runner.cli.options import STATE, AuditFormatOption, ClientOption, StateOption
from runner.cli.output import UsageError
from runner.reports.formats import AuditFormat


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
    diff: Annotated[
        bool,
        typer.Option("--diff", envvar="EXRUN_DIFF", help="Of a plan: every value before and after each change."),
    ] = False,
    form: AuditFormatOption = AuditFormat.TEXT,
    state: StateOption = STATE,
) -> None:
    """Show what a run did: per server and step what was sent, answered and judged, with the evidence; or what a plan
    would change.

    \b
    Works from the journals, or from the plan's file, alone; connects to nothing. Exit status: 0; 2 where there is no
    such run or plan; 6 where a journal does not verify, and then what is shown is what stands before the first wrong
    line; in a format of a report, nothing.

    \b
    text and json have all that was sent and answered. Of an audit table, csv, markdown, junit, sarif and jsonl are its
    report; a run that applied a plan has markdown and junit, and a plan markdown.

    \b
    Examples:
      exrun show last
      exrun show 2026-11-24t15 --client alpha --host EX1
      exrun show last --scripts
      exrun show last --format json
      exrun show last --format sarif --host EX1
      exrun show plan.json --diff
      exrun show plan.json --host EX1 --step services --diff --script
    """
    if Path(run).is_file():
        from runner.cli.show_plan import show_plan  # a run needs none of it

        raise typer.Exit(show_plan(Path(run), host or (), step or (), scripts=scripts, diff=diff, form=form))
    if step or diff:
        raise UsageError(
            f"{'--step' if step else '--diff'} is for plans", "Name a plan's file, or see exrun show RUN --host HOST."
        )
    from runner.cli.show_run import show_run  # a plan needs none of it

    raise typer.Exit(show_run(state, run, client, host or (), scripts=scripts, form=form))

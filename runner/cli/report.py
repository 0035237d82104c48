"""`exrun report`: a run's result to hand over, from its journal alone."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.options import STATE, ClientOption, Format, RunArgument, StateOption
from runner.cli.output import UsageError, emit, print_report, write_file
from runner.cli.show_run import warn_of_broken
from runner.exit_status import ExitStatus
from runner.replay import replay
from runner.reports.html import HtmlReport
from runner.reports.interface import Report
from runner.reports.json import JsonReport
from runner.reports.table import TableReport
from runner.runs import find_run, read_run, uncollected
from runner.terminal import visible

FILE_WIDTH = 160  # columns of a table in a file


class ReportFormat(StrEnum):
    """What a report is written as."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"


def report(
    run: RunArgument,
    form: Annotated[
        ReportFormat, typer.Option("-f", "--format", envvar="EXRUN_REPORT_FORMAT", help="What to write.")
    ] = ReportFormat.TEXT,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", envvar="EXRUN_OUTPUT", help="File to write, replaced if it is there."),
    ] = None,
    client: ClientOption = None,
    state: StateOption = STATE,
) -> None:
    """Write the report of one client's part of a run. Never mixes clients: with several, name one.

    \b
    Works from the journal alone; connects to nothing. Exit status: 0; 2 where there is no such run or client;
    6 where the journal does not verify, and then nothing is written.

    \b
    Examples:
      exrun report last
      exrun report last -f html -o audit.html
      exrun report 2026-11-24t150212z-7f3a -f json --client alpha
    """
    with uncollected():
        parts = read_run(find_run(state, run), client)
        if len(parts) > 1:
            names = ", ".join(part.state.client for part in parts)
            raise UsageError(
                f"this run has {len(parts)} clients ({names}), and a report holds one",
                "Name it with --client; exrun show has all of them.",
            )
        status = warn_of_broken(parts)
        if status is not ExitStatus.WELL:
            raise typer.Exit(status)
        if parts[0].state.plan is not None:
            from runner.cli.show_applied import show_applied

            if form is ReportFormat.HTML or output is not None:
                raise UsageError("a run of a plan is not written as HTML or to a file yet", "See exrun show RUN.")
            show_applied(parts[0], Format(form.value))
            raise typer.Exit(status)
        audit = replay([part.state for part in parts])
        if output is not None:
            write_file(output, _report(form).render(audit))
            typer.echo(f"exrun: wrote {visible(str(output))}", err=True)
        elif form is ReportFormat.HTML:
            emit(HtmlReport().render(audit))
        else:
            print_report(audit, Format(form.value))


def _report(form: ReportFormat) -> Report:
    match form:
        case ReportFormat.TEXT:
            return TableReport(width=FILE_WIDTH)
        case ReportFormat.HTML:
            return HtmlReport()
        case ReportFormat.JSON:
            return JsonReport()

"""`exrun report`: a result to hand over, of a run from its journal, of a plan from its file, alone."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.begun import state_of
from runner.cli.options import STATE, BrandOption, ClientOption, StateOption
from runner.cli.output import UsageError, emit, print_report, tell, write_file
from runner.cli.page_files import audited_in, brand_of, history_of, provenance_of
from runner.cli.show_run import FILE_WIDTH, warn_of_broken
from runner.comparing import Audited
from runner.earlier import audited, previous_audit
from runner.exit_status import ExitStatus
from runner.journal.chain import Head, Verified
from runner.replay import replay
from runner.reports.brand import Brand
from runner.reports.formats import AuditFormat, report_of
from runner.reports.html import HtmlReport
from runner.results import FleetResult
from runner.runs import ClientRun, find_run, read_run, uncollected

PREVIOUS = "previous"


class ReportFormat(StrEnum):
    """What a report is written as: as an audit is, or as a page."""

    TEXT = "text"
    TABLE = "table"
    HTML = "html"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    SARIF = "sarif"


def report(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN|PLAN",
            envvar="EXRUN_RUN",
            help="A run's id, the beginning of one, or `last`; or a plan's file.",
        ),
    ],
    form: Annotated[
        ReportFormat, typer.Option("-f", "--format", envvar="EXRUN_REPORT_FORMAT", help="What to write.")
    ] = ReportFormat.TEXT,
    html: Annotated[
        bool, typer.Option("--html", envvar="EXRUN_REPORT_HTML", help="Write a page: the same as -f html.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", envvar="EXRUN_OUTPUT", help="File to write, replaced if it is there."),
    ] = None,
    brand: BrandOption = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="RUN",
            envvar="EXRUN_SINCE",
            help="Of an audit's page: what it is compared with, a run or `previous`.",
            show_default="the audit before it with the same playbook, where its journal verifies",
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", envvar="EXRUN_POLICY", help="Of a plan: the client's policy, to say who approved it."),
    ] = None,
    client: ClientOption = None,
    state: StateOption = STATE,
) -> None:
    """Write the report of one client's part of a run, or of a plan.

    Never mixes clients: with several, name one.

    \b
    Works from the journal, or from the plan's file, alone; connects to nothing. Exit status: 0; 2 where there is no
    such run, client or plan; 6 where the journal does not verify, and then nothing is written.

    \b
    Examples:
      exrun report last
      exrun report last -f html -o audit.html --brand contoso.yml
      exrun report last -f html -o audit.html --since 2026-11-01
      exrun report 2026-11-24t150212z-7f3a -f json --client alpha
      exrun report last -f csv -o audit.csv
      exrun report last -f markdown -o ticket.md
      exrun report plan.json -f markdown -o change.md
      exrun report plan.json --html -o plan.html --policy policy.yml
    """
    form = ReportFormat.HTML if html else form
    if brand is not None and form is not ReportFormat.HTML:
        raise UsageError("--brand is for pages", "Write one with -f html, or leave it away.")
    above = brand_of(brand)
    if since is not None and form is not ReportFormat.HTML:
        raise UsageError("--since is for pages", "Write one with -f html, or see exrun diff.")
    if Path(run).is_file():
        if since is not None:
            raise UsageError("--since is for audits", "Leave it away for a plan.")
        with uncollected():
            _put(output, _of_plan(Path(run), form, policy, client, above))
        return
    if policy is not None:
        raise UsageError("--policy is for plans", "Name a plan's file, or leave it away.")
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
            if since is not None:
                raise UsageError("--since is for audits", "Leave it away for a run that applied a plan.")
            _put(output, _of_applied(parts[0], form, above, state_of(state)))
            return
        audit = replay([part.state for part in parts])
        if form is ReportFormat.HTML:
            _put(output, _page(parts[0], audit, state, since, above).render(audit))
        elif output is not None:
            _put(output, report_of(AuditFormat(form.value), width=FILE_WIDTH).render(audit))
        else:
            print_report(audit, AuditFormat(form.value))


def _page(part: ClientRun, audit: FleetResult, state: Path, since: str | None, brand: Brand | None) -> HtmlReport:
    one = audited_in(part.journal, audit)
    against = None if since is None or one is None else _since(state, since, one)
    history = None if one is None else history_of(state, one, against)
    return HtmlReport(provenance_of(part.journal, _head(part)), brand, history, state_of(state))


def _head(part: ClientRun) -> Head | None:
    return part.verified.head if isinstance(part.verified, Verified) else None


def _since(state: Path, since: str, one: Audited) -> Audited:
    """The audit that was asked for, of the same client.

    Raises:
        RunNotFoundError, UsageError: there is none, or it ran a plan.
        typer.Exit: with 6, its journal is not as it was written, which is said.
    """
    if since.casefold() == PREVIOUS:
        found = previous_audit(state, one)
        if found is None:
            raise UsageError(
                f"--since: {one.client} has no audit before this one with the playbook {one.started.playbook.name}",
                "Name a run, or leave --since away.",
            )
        run = found.as_run
    else:
        run = find_run(state, since)
    [part] = read_run(run, one.client)
    if part.state.plan is not None:
        raise UsageError(f"--since: the run {run.id} ran a plan, and what is compared are audits", "Name an audit.")
    if warn_of_broken((part,)) is not ExitStatus.WELL:
        raise typer.Exit(ExitStatus.JOURNAL)
    if part.state.run == one.audit.run:
        raise UsageError(f"--since: {run.id} is the run itself", "Name another, or previous.")
    return audited(part)


def _of_plan(path: Path, form: ReportFormat, policy: Path | None, client: str | None, brand: Brand | None) -> str:
    from runner.cli.report_plan import html_of, plan_as, plan_of  # a run needs none of it

    found = plan_of(path, client)
    return html_of(found, policy, brand) if form is ReportFormat.HTML else plan_as(found, AuditFormat(form.value))


def _of_applied(part: ClientRun, form: ReportFormat, brand: Brand | None, state: str) -> str:
    from runner.cli.show_applied import applied_as, applied_document  # an audit needs none of it
    from runner.reports.typed_next import begun

    to = begun(part.state.started, state)
    found = applied_document(part, to)
    if form is ReportFormat.HTML:
        from runner.reports.applied_page import applied_page

        return applied_page(found, brand, provenance_of(part.journal, _head(part)))
    return applied_as(found, AuditFormat(form.value), to)


def _put(path: Path | None, text: str) -> None:
    if path is None:
        emit(text)
        return
    write_file(path, text)
    tell(f"wrote {path}")

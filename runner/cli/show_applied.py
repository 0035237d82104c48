"""What `exrun show` and `exrun report` say of a run that ran a plan, from its journal and the plan beside it."""

from __future__ import annotations

from collections.abc import Sequence

from runner.applied import Applied
from runner.cli.options import Format
from runner.cli.output import UsageError, coloured, emit, terminal_width
from runner.disk import SystemDisk
from runner.events import Approved
from runner.plan.keeping import kept_plan
from runner.plan.records import Plan
from runner.plan.waves import waves_of
from runner.replay import replay_applied
from runner.reports import applied as report
from runner.reports.applied import AppliedDocument
from runner.reports.formats import AuditFormat
from runner.reports.typed_next import Begun
from runner.runs import ClientRun


def applied_document(
    part: ClientRun, begun: Begun, *, only: frozenset[str] | None = None, texts: bool = False
) -> AppliedDocument:
    """What running a plan came to, of a run that did; see `document` of runner/reports/applied.py.

    Raises:
        NotKeptError: the plan is not beside the journal.
    """
    taken = part.state.plan
    assert taken is not None
    plan = kept_plan(part.journal.parent, taken.plan, SystemDisk())
    return document_of(
        plan, taken.plan, replay_applied(part.state, plan), taken.approvals, begun, only=only, texts=texts
    )


def print_applied(found: AppliedDocument, form: Format, columns: int | None, then: str, begun: Begun) -> None:
    """What running a plan came to, on standard output: at a glance where there are columns for it; see at_a_glance."""
    if columns is None:
        emit(as_written(found, form, begun, terminal_width()))
        return
    from runner.reports.applied_glance import applied_text  # a pipe needs none of it

    emit(applied_text(found, columns, then, begun, colour=coloured()))


def as_written(
    found: AppliedDocument, form: Format, begun: Begun, width: int | None = None, *, whole: bool = True
) -> str:
    """The same as a text for people, or for programs."""
    return report.json_text(found) if form is Format.JSON else report.text(found, width, whole=whole, begun=begun)


def applied_as(
    found: AppliedDocument, form: AuditFormat, begun: Begun, width: int | None = None, *, whole: bool = True
) -> str:
    """The same in a format of a report.

    Raises:
        UsageError: it has none of this name.
    """
    match form:
        case AuditFormat.TEXT | AuditFormat.TABLE:
            return as_written(found, Format.TEXT, begun, width, whole=whole)
        case AuditFormat.JSON:
            return as_written(found, Format.JSON, begun)
        case AuditFormat.MARKDOWN:
            from runner.reports.applied_markdown import applied_markdown

            return applied_markdown(found)
        case AuditFormat.JUNIT:
            from runner.reports.applied_junit import applied_junit

            return applied_junit(found)
        case AuditFormat.CSV | AuditFormat.JSONL | AuditFormat.SARIF:
            raise UsageError(
                f"{form} is of an audit's servers, and this run applied a plan",
                "Take text, json, markdown or junit: json has all.",
            )


def document_of(
    plan: Plan,
    digest: str,
    result: Applied,
    approvals: Sequence[Approved],
    begun: Begun,
    *,
    only: frozenset[str] | None = None,
    texts: bool = False,
) -> AppliedDocument:
    run = report.AppliedRun(
        result.run, plan, digest, result.hosts, result.progress, result.end, waves_of(plan), approvals, begun
    )
    return report.document(run, only=only, texts=texts)

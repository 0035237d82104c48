"""What `exrun show` does with a plan's file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from runner.cli.output import UsageError, emit, terminal_width
from runner.cli.plan_files import read_plan
from runner.cli.report_plan import plan_as
from runner.exit_status import ExitStatus
from runner.plan.records import Plan
from runner.reports.formats import AuditFormat
from runner.reports.plan import View
from runner.runs import uncollected


def show_plan(
    path: Path, hosts: Sequence[str], steps: Sequence[str], *, scripts: bool, diff: bool, form: AuditFormat
) -> ExitStatus:
    """Shows a plan, or what it says of some hosts and steps.

    Raises:
        UsageError: it cannot be read or is none, or has no such host or step.
    """
    wanted = frozenset(name.casefold() for name in hosts)
    view = View(wanted or None, frozenset(steps) or None, scripts=scripts, diff=diff, width=terminal_width())
    with uncollected():
        return _shown(path, view, form)


def _shown(path: Path, view: View, form: AuditFormat) -> ExitStatus:
    found = read_plan(path)
    _check(found.plan, view.hosts or (), view.steps or ())
    emit(plan_as(found, form, view))
    return ExitStatus.WELL


def _check(plan: Plan, hosts: Collection[str], steps: Collection[str]) -> None:
    missing = sorted({*hosts} - {host.host.casefold() for host in plan.hosts})
    if missing:
        raise UsageError(f"--host: the plan has no server {', '.join(missing)}", "See exrun show without --host.")
    known = [step.id for step in plan.steps]
    unknown = sorted({*steps} - {*known})
    if unknown:
        raise UsageError(f"--step: the plan has no step {', '.join(unknown)}", f"It has: {', '.join(known)}.")

"""What applying a plan came to as JUnit XML: a suite of its client, a case a server and one each step; see junit.py.

failure    it failed, was refused or rolled back without being asked to, or its step was left for another plan
error      it is not known or not over: unknown, unreachable, pending; or the server could not be planned
skipped    the plan left the step out
passed     changed, or nothing was to be changed; or undone, where that was asked for
"""

from __future__ import annotations

from typing import assert_never
from xml.etree.ElementTree import Element, SubElement

from runner.moves import Outcome
from runner.reports.applied import AppliedDocument, AppliedHostMember, came_to, is_undone
from runner.reports.junit import SERVER, came, case_of, count, properties, text, written


def applied_junit(found: AppliedDocument) -> str:
    """One document."""
    root = Element("testsuites", name=text(f"exrun {found.run}"))
    suite = SubElement(root, "testsuite", name=text(found.client) or "-")
    properties(
        suite,
        [
            ("run", found.run),
            ("plan", found.plan.id),
            ("plan_sha256", found.plan.sha256),
            ("playbook", found.plan.playbook),
            ("planner", found.plan.planner),
            *(("approved_by", each.by) for each in found.plan.approvals),
            ("end", f"{found.end.how}: {found.end.message}" if found.end.message else found.end.how.value),
        ],
    )
    for host in found.hosts:
        _host(suite, found.client, host)
    count(suite)
    count(root)
    return written(root)


def _host(suite: Element, client: str, host: AppliedHostMember) -> None:
    case = case_of(suite, client, host.name, SERVER, host.seconds)
    properties(case, [("outcome", host.outcome.value), ("wave", str(host.wave or "")), ("touched", str(host.touched))])
    if not host.planned:
        came(case, "error", "not-planned", host.why, [host.next])
    elif kind := _kind(host.outcome, host):
        came(case, kind, host.outcome.value, host.why, [host.next])
    for step in host.steps:
        case = case_of(suite, client, host.name, step.step, 0.0)
        properties(case, [("action", step.action), ("outcome", step.outcome.value), ("came_to", came_to(step))])
        told = [f"{change.became}: {change.title}" for change in step.changes]
        if kind := _kind(step.outcome, host):
            came(case, kind, step.outcome.value, step.why, told)
        elif told:
            SubElement(case, "system-out").text = "\n".join(map(text, told))


def _kind(outcome: Outcome, host: AppliedHostMember) -> str:
    match outcome:
        case Outcome.FAILED | Outcome.REFUSED | Outcome.DEFERRED:
            return "failure"
        case Outcome.ROLLED_BACK:
            return "" if is_undone(host) else "failure"
        case Outcome.UNKNOWN | Outcome.UNREACHABLE | Outcome.PENDING:
            return "error"
        case Outcome.SKIPPED:
            return "skipped"
        case Outcome.CHANGED | Outcome.COMPLIANT:
            return ""
        case _:
            assert_never(outcome)

"""What applying a plan came to as Markdown, for a ticket; see markdown.py for what stands in code and why."""

from __future__ import annotations

from collections.abc import Iterator

from runner.reports.applied import AppliedDocument, AppliedHostMember, came_to, counts
from runner.reports.markdown import code, table
from runner.terms import Ending
from texts.counting import counted


def applied_markdown(found: AppliedDocument) -> str:
    """Of each server its outcome and why, then what became of every change, then what every step came to."""
    return "".join(f"{line}\n" for line in _lines(found))


def _lines(found: AppliedDocument) -> Iterator[str]:
    plan, summary = found.plan, found.summary
    yield f"# Plan {code(plan.id)} was applied to {counted(summary.hosts, 'server')}"
    yield ""
    yield f"- run {code(found.run)}, client {code(found.client)}, playbook {code(plan.playbook)}"
    yield f"- servers: {counts(summary.outcomes) or 'none'}"
    yield f"- {counted(summary.changes, 'change')}: {counts(summary.became) or 'none'}"
    yield f"- plan made {plan.made:%Y-%m-%d %H:%M} UTC by {code(plan.planner)}, SHA-256 {code(plan.sha256)}"
    if plan.policy is None:
        yield "- no approval was asked for: the plan was made without a policy"
    for each in plan.approvals:
        yield f"- approved by {code(each.by)} ({code(each.key)})"
    if found.end.how is not Ending.COMPLETE:
        yield f"- **not finished**: {code(found.end.message or found.end.how.value)}"
    yield from table(
        "Servers, worst first",
        ("server", "wave", "outcome", "changes", "why", "next"),
        (_server(host) for host in found.hosts),
    )
    yield from table(
        "Changes",
        ("server", "step", "became", "change"),
        (
            (code(host.name), code(step.step), f"**{change.became}**", code(change.title))
            for host in found.hosts
            for step in host.steps
            for change in step.changes
        ),
    )
    yield from table(
        "Steps",
        ("server", "step", "came to", "why"),
        (
            (code(host.name), code(step.step), came_to(step), code(step.why))
            for host in found.hosts
            for step in host.steps
        ),
    )
    yield ""
    yield f"Values and scripts: {code(f'exrun show {found.run}')}"


def _server(host: AppliedHostMember) -> tuple[str, ...]:
    return (
        code(host.name),
        str(host.wave or "-"),
        f"**{host.outcome}**" if host.planned else "**not planned**",
        counts(host.became) or "-",
        code(host.why),
        code(host.next),
    )

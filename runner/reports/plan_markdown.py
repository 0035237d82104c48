"""A plan as Markdown, for the ticket by which a change is decided; see markdown.py for what stands in code and why."""

from __future__ import annotations

from collections.abc import Iterator

from playbooks.changes import Change
from runner.plan.records import Plan, PlannedHost, PlannedStep, Standing
from runner.plan.sums import BlastRadius, Sums, blast_radius, sums
from runner.plan.waves import host_waves
from runner.reports.markdown import code, table
from runner.reports.plan_wording import Becomes, disturbed, going, named, not_known, open_ends, shown, value_changes
from texts.counting import counted

__all__ = ["plan_markdown"]

_OPEN = {Standing.UNKNOWN: "not known", Standing.DEFERRED: "deferred"}


def plan_markdown(plan: Plan, digest: str) -> str:
    """What it comes to and whom it reaches, then every change with its values, then what is open. No script.

    Args:
        digest: of its file: what is approved.
    """
    return "".join(f"{line}\n" for line in _lines(plan, digest))


def _lines(plan: Plan, digest: str) -> Iterator[str]:
    found = sums(plan)
    yield f"# Plan {code(plan.id)}: {counted(found.changes, 'change')} on {found.changing} of " + counted(
        found.hosts, "server"
    )
    yield ""
    yield f"- client {code(plan.client)}, playbook {code(plan.playbook.source)}"
    yield f"- made {plan.made:%Y-%m-%d %H:%M} UTC by {code(plan.planner)}"
    yield f"- SHA-256 of its file, which is what is approved: {code(digest)}"
    if plan.policy is None:
        yield "- approval: none is asked for: the plan was made without a policy"
    else:
        yield f"- approval: under the policy with SHA-256 {code(plan.policy)}"
    yield from (f"- **{each}**" for each in open_ends(found))
    if found.changes:
        yield from _reach(plan, found, blast_radius(plan))
    yield from table(
        "Servers",
        ("wave", "server", "changes", "cannot be undone"),
        (
            (str(number), code(host.host), *_counts(host))
            for number, wave in enumerate(host_waves(plan), start=1)
            for host in wave
        ),
    )
    yield from table(
        "Changes",
        ("server", "step", "change", "values", "can be undone"),
        (
            (
                code(host.host),
                code(step.step),
                code(change.change.title),
                _values(change.change),
                "**no**" if change.rollback is None else "yes",
            )
            for host in plan.hosts
            for step in host.steps
            for change in step.changes
        ),
    )
    yield from table("Not changed under this plan, and not known to be well", ("server", "step", "why"), _open(plan))
    yield ""
    yield f"Values and scripts: {code('exrun show PLAN --diff --scripts')} with the plan's file"


def _reach(plan: Plan, found: Sums, radius: BlastRadius) -> Iterator[str]:
    yield f"- order: {code(going(plan.going, found.changing))}"
    yield from (f"- {code(disturbed(each))}" for each in radius.disturbs)
    yield from (f"- noticed on {counted(each.hosts, 'server')}: {code(each.what)}" for each in radius.noticed)
    if radius.restarted:
        yield f"- **restarted**: {code(named(radius.restarted))}"
    for lost in radius.irreversible:
        yield f"- **cannot be undone** on {counted(len(lost.hosts), 'server')}: {code(lost.title)}"
    yield from (f"- not known: {code(each)}" for each in not_known(radius))


def _counts(host: PlannedHost) -> tuple[str, str]:
    changes = [change for step in host.steps for change in step.changes]
    lost = sum(change.rollback is None for change in changes)
    return str(len(changes)), f"**{lost}**" if lost else "-"


def _values(change: Change) -> str:
    told = [
        f"{code(each.name)}: {code(shown(each.before))} → {code(shown(each.after))}"
        for each in value_changes(change)
        if each.becomes is Becomes.CHANGED
    ]
    return "; ".join(told) or "-"


def _open(plan: Plan) -> Iterator[tuple[str, str, str]]:
    for host in plan.hosts:
        if host.refused:
            yield code(host.host), "**not planned**", code(host.refused)
        yield from ((code(host.host), _standing(step), code(step.summary)) for step in host.steps if _is_open(step))


def _is_open(step: PlannedStep) -> bool:
    return step.standing in _OPEN and not step.changes


def _standing(step: PlannedStep) -> str:
    return f"{code(step.step)}: **{_OPEN[step.standing]}**"

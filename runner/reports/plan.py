"""A plan for people: a line a change, what it comes to, and how it goes over the servers.

Whatever a server said in it is tainted, and made fit to be shown here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from playbooks.changes import Change, ChangeValue
from runner.plan.records import Going, Plan, PlannedChange, PlannedHost, PlannedStep, Standing
from runner.plan.sums import Disturbs, Sums, disturbances, sums
from runner.rollout import wave_sizes
from runner.terminal import visible
from texts.counting import counted

__all__ = ["lines"]

CELL = 300  # characters of a server's words on one line
_WAVES_SHOWN = 12
_MARKS = {True: "~", False: "!"}  # by whether it can be undone
_OPEN = {Standing.UNKNOWN: "not known", Standing.DEFERRED: "deferred"}


def lines(
    plan: Plan,
    digest: str,
    *,
    hosts: Collection[str] | None = None,
    steps: Collection[str] | None = None,
    scripts: bool = False,
) -> Iterator[str]:
    """A plan, line by line. What it comes to stands at the end, where all of it is shown.

    Args:
        digest: of its file.
        hosts: names, case folded: only these, each with every step of it. None: all with something to tell.
        steps: ids: only these.
        scripts: with the text of every script.
    """
    yield (
        f"plan {plan.id} of {visible(plan.client)}: {visible(plan.playbook.source)}, made {plan.made:%Y-%m-%d %H:%M} "
        f"UTC by {visible(plan.planner)}"
    )
    yield f"SHA-256 {digest}"
    yield ""
    for host in plan.hosts:
        if hosts is None or host.host.casefold() in hosts:
            yield from _host(plan, host, steps, whole=hosts is not None or steps is not None, scripts=scripts)
    if hosts is None and steps is None:
        yield from _sums(plan, sums(plan))


def _host(
    plan: Plan, host: PlannedHost, wanted: Collection[str] | None, *, whole: bool, scripts: bool
) -> Iterator[str]:
    actions = {step.id: step.action for step in plan.steps}
    told = [
        line
        for step in host.steps
        if wanted is None or step.step in wanted
        for line in _step(plan, step, actions.get(step.step, ""), whole=whole, scripts=scripts)
    ]
    if host.refused:
        yield f"{visible(host.host)}  not planned: {visible(host.refused, CELL)}"
        yield ""
    elif told:
        yield f"{visible(host.host)}  {visible(host.address)}:{host.port}"
        yield from told
        yield ""


def _step(plan: Plan, step: PlannedStep, action: str, *, whole: bool, scripts: bool) -> Iterator[str]:
    if step.changes:
        foreseen = ", predicted" if step.standing is Standing.PREDICTED else ""
        yield f"  {step.step}  {action}{foreseen}"
        for change in step.changes:
            yield f"    {_MARKS[change.rollback is not None]} {_change(change.change)}"
            if scripts:
                yield from _scripts(plan, change)
    elif step.standing in _OPEN:
        yield f"  {step.step}  {action}, {_OPEN[step.standing]}: {visible(step.summary, CELL)}"
    elif whole:
        yield f"  {step.step}  {action}, nothing to change: {step.verdict}: {visible(step.summary, CELL)}"


def _change(change: Change) -> str:
    """`Set MSExchangeIS to start automatically  (StartMode: Disabled -> Automatic)`."""
    names = [
        name
        for name in dict.fromkeys((*change.before, *change.after))
        if _shown(change.before, name) != _shown(change.after, name)
    ]
    each = [f"{visible(name, CELL)}: {_shown(change.before, name)} -> {_shown(change.after, name)}" for name in names]
    values = f"  ({'; '.join(each)})" if each else ""
    return f"{visible(change.title, CELL)}{values}{f'  {visible(change.disturbs, CELL)}' if change.disturbs else ''}"


def _shown(values: Mapping[str, ChangeValue], name: str) -> str:
    value = values.get(name)
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case tuple():
            return visible(", ".join(value), CELL) or "nothing"
        case _:
            return visible(str(value), CELL) or "nothing"


def _scripts(plan: Plan, change: PlannedChange) -> Iterator[str]:
    for what, sha in (("apply", change.apply), ("rollback", change.rollback)):
        if sha is not None:
            yield f"      {what}, SHA-256 {sha}"
            yield from (f"        {visible(line)}".rstrip() for line in plan.texts[sha].splitlines())


def _sums(plan: Plan, found: Sums) -> Iterator[str]:
    if found.changes:
        yield f"Plan: {counted(found.changes, 'change')} on {found.changing} of {counted(found.hosts, 'server')}."
    else:
        yield f"Plan: nothing to change on {found.settled} of {counted(found.hosts, 'server')}."
    for count, what in (
        (found.settled if found.changes else 0, "nothing to change"),
        (found.refused, "not planned: nothing is sent there under this plan"),
        (found.unknown, "not known in full: steps that could not be judged are not run under this plan"),
        (found.deferred, "deferred steps, which hang on what a change leaves: plan again after this one"),
    ):
        if count:
            yield f"  {counted(count, 'server')}: {what}"
    if found.predicted:
        yield f"  {counted(found.predicted, 'change')}: predicted from what changes before them will have made true"
    if found.irreversible:
        yield f"  {counted(found.irreversible, 'change')}: cannot be undone (!)"
    if not found.changes:
        return
    for each in disturbances(plan):
        yield f"  {_disturbs(each)}"
    yield f"Order: {_going(plan.going, found.changing)}."
    yield (
        "Approval: none is asked for: the plan was made without a policy."
        if plan.policy is None
        else f"Approval: under the policy with SHA-256 {plan.policy}."
    )


def _disturbs(found: Disturbs) -> str:
    disturbs = found.step.disturbs
    said = f"{found.step.action}: {counted(found.changes, 'change')} on {counted(found.hosts, 'server')}"
    if disturbs is None:
        return said
    noticed = "can be noticed" if disturbs.disruptive else "cannot be noticed"
    restarts = "restarts the server" if disturbs.reboots else "no restart"
    return f"{said}; {noticed}; {restarts}; interruption: {visible(disturbs.interruption)}"


def _going(going: Going, hosts: int) -> str:
    """`8 servers at a time; waves of 1, 4 and 35; 600 s between; dag: 1 together; ends once 5% failed`."""
    sizes = [str(size) for size in wave_sizes(going.waves, hosts)]
    more = [f"{len(sizes) - _WAVES_SHOWN} more"] if len(sizes) > _WAVES_SHOWN else []
    waves = ["one wave"] if len(sizes) < 2 else [f"waves of {', '.join(sizes[:_WAVES_SHOWN] + more)}"]
    return "; ".join(
        [
            f"{counted(going.parallel, 'server')} at a time",
            *waves,
            *([f"{going.pause_seconds} s between"] if going.pause_seconds and len(sizes) > 1 else []),
            *(
                [f"after each the changed servers must be well by {_steps(going)}"]
                if going.health and len(sizes) > 1
                else []
            ),
            *(f"{count} together of one {visible(label)}" for label, count in going.limits.items()),
            "without a failure budget" if going.budget is None else f"ends once {going.budget} failed",
        ]
    )


def _steps(going: Going) -> str:
    return " and ".join(visible(step) for step in going.health)

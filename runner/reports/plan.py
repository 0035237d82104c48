"""A plan for people: a line a change, what it comes to, and how it goes over the servers.

Whatever a server said in it is tainted, and made fit to be shown here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from playbooks.changes import Change, ChangeValue
from runner.plan.records import Plan, PlannedChange, PlannedHost, PlannedStep, Standing
from runner.plan.sums import Among, BlastRadius, Noticed, Sums, blast_radius, sums
from runner.reports.folding import Verbatim, folded
from runner.reports.plan_wording import (
    Becomes,
    disturbed,
    going,
    named,
    not_known,
    open_ends,
    scripts_of,
    shown,
    together,
    value_changes,
)
from runner.terminal import visible
from texts.counting import counted

__all__ = ["WHOLE", "View", "heading", "host_lines", "lines", "reach_lines", "total_lines", "value_lines"]

CELL = 300  # characters of a server's words on one line
_DAGS_SHOWN = 12
_BECOMES = {Becomes.SET: "+", Becomes.CHANGED: "~", Becomes.REMOVED: "-", Becomes.SAME: " "}
_MARKS = {True: "~", False: "!"}  # by whether it can be undone
_OPEN = {Standing.UNKNOWN: "not known", Standing.DEFERRED: "deferred"}


@dataclass(frozen=True, slots=True)
class View:
    """What of a plan is shown.

    Attributes:
        hosts: names, case folded: only these, each with every step of it. None: all with something to tell.
        steps: ids: only these.
        scripts: with the text of every script.
        diff: with every value before and after each change, in a line of its own.
        width: columns of the terminal; None where lines may be of any length. Scripts are never broken.
    """

    hosts: Collection[str] | None = None
    steps: Collection[str] | None = None
    scripts: bool = False
    diff: bool = False
    width: int | None = None

    @property
    def whole(self) -> bool:
        """Whether all of the plan is asked for; then steps without anything to do are left out."""
        return self.hosts is None and self.steps is None

    def has_host(self, name: str) -> bool:
        """Whether this server is asked for."""
        return self.hosts is None or name.casefold() in self.hosts

    def has_step(self, step: str) -> bool:
        """Whether this step is asked for."""
        return self.steps is None or step in self.steps


WHOLE = View()


def lines(plan: Plan, digest: str, view: View = WHOLE) -> Iterator[str]:
    """A plan, line by line. What it comes to stands at the end, where all of it is shown.

    Args:
        digest: of its file.
    """
    return folded(_lines(plan, digest, view), view.width)


def heading(plan: Plan, digest: str) -> Iterator[str]:
    """Which plan it is."""
    yield (
        f"plan {plan.id} of {visible(plan.client)}: {visible(plan.playbook.source)}, made {plan.made:%Y-%m-%d %H:%M} "
        f"UTC by {visible(plan.planner)}"
    )
    yield f"SHA-256 {digest}"
    yield ""


def _lines(plan: Plan, digest: str, view: View) -> Iterator[str]:
    yield from heading(plan, digest)
    actions = {step.id: step.action for step in plan.steps}
    for host in plan.hosts:
        if view.has_host(host.host):
            yield from _host(plan, host, actions, view)
    if view.whole:
        found = sums(plan)
        yield from total_lines(found)
        yield from reach_lines(plan, found)


def host_lines(plan: Plan, host: PlannedHost, actions: Mapping[str, str], view: View = WHOLE) -> Iterator[str]:
    """What the plan says of the steps of a host.

    Args:
        actions: of each step.
    """
    for step in host.steps:
        told = step.changes or not view.whole or step.standing in _OPEN  # most have nothing to tell
        if told and view.has_step(step.step):
            yield from _step(plan, step, actions.get(step.step, ""), view)


def _host(plan: Plan, host: PlannedHost, actions: Mapping[str, str], view: View) -> Iterator[str]:
    told = list(host_lines(plan, host, actions, view))
    if host.refused:
        yield f"{visible(host.host)}  not planned: {visible(host.refused, CELL)}"
        yield ""
    elif told:
        yield f"{visible(host.host)}  {visible(host.address)}:{host.port}"
        yield from told
        yield ""


def _step(plan: Plan, step: PlannedStep, action: str, view: View) -> Iterator[str]:
    if step.changes:
        foreseen = ", predicted" if step.standing is Standing.PREDICTED else ""
        yield f"  {step.step}  {action}{foreseen}"
        for change in step.changes:
            said = f"{_change(change.change, inline=not view.diff)}{_guard(change)}"
            yield f"    {_MARKS[change.rollback is not None]} {said}"
            if view.diff:
                yield from value_lines(value_changes(change.change))
            else:
                yield from _alone(change.change)
            if view.scripts:
                yield from _scripts(plan, change)
    elif step.standing in _OPEN:
        yield f"  {step.step}  {action}, {_OPEN[step.standing]}: {visible(step.summary, CELL)}"
    elif not view.whole:
        yield f"  {step.step}  {action}, nothing to change: {step.verdict}: {visible(step.summary, CELL)}"


def _guard(change: PlannedChange) -> str:
    if change.detached_seconds is not None:
        return f"  (runs as a task of the server, for {change.detached_seconds} s at most)"
    if change.confirm_seconds is None:
        return ""
    return f"  (the server undoes it after {change.confirm_seconds} s unless confirmed)"


def _change(change: Change, *, inline: bool) -> str:
    """`Set MSExchangeIS to start automatically  (StartMode: Disabled -> Automatic)`."""
    each = [
        f"{visible(name, CELL)}: {before} -> {after}"
        for name in change.before
        if inline
        and name in change.after
        and (before := _shown(change.before, name)) != (after := _shown(change.after, name))
    ]
    values = f"  ({'; '.join(each)})" if each else ""
    return f"{visible(change.title, CELL)}{values}{f'  {visible(change.disturbs, CELL)}' if change.disturbs else ''}"


def _alone(change: Change) -> Iterator[str]:
    """What is named on one side only is no pair: it is recorded, or comes. A line each."""
    for side, values, other in (("after", change.after, change.before), ("before", change.before, change.after)):
        for name in values:
            if name not in other:
                yield f"        {side}: {visible(name, CELL)}: {_shown(values, name)}"


class Value(Protocol):
    """A value before and after a change: see ValueChange."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def becomes(self) -> Becomes:
        """What the change does to it."""

    @property
    def before(self) -> ChangeValue:
        """None where it is nothing, or not named."""

    @property
    def after(self) -> ChangeValue:
        """None where it will be nothing, or is not named."""


def value_lines(values: Iterable[Value]) -> Iterator[str]:
    """A line a value: `~ StartMode: "Disabled" -> "Automatic"`."""
    for each in values:
        before, after = visible(shown(each.before), CELL), visible(shown(each.after), CELL)
        match each.becomes:
            case Becomes.CHANGED:
                value = f"{before} -> {after}"
            case Becomes.REMOVED:
                value = before
            case Becomes.SET | Becomes.SAME:
                value = after
        yield f"        {_BECOMES[each.becomes]} {visible(each.name, CELL)}: {value}"


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
    for what, sha in scripts_of(change):
        yield f"      {what}, SHA-256 {sha}"
        yield from (Verbatim(f"        {visible(line)}".rstrip()) for line in plan.texts[sha].splitlines())


def total_lines(found: Sums) -> Iterator[str]:
    """What a plan comes to."""
    if found.changes:
        yield f"Plan: {counted(found.changes, 'change')} on {found.changing} of {counted(found.hosts, 'server')}."
    else:
        yield f"Plan: nothing to change on {found.settled} of {counted(found.hosts, 'server')}."
    if found.changes and found.settled:
        yield f"  {counted(found.settled, 'server')}: nothing to change"
    yield from (f"  {each}" for each in open_ends(found))
    if found.irreversible:
        yield f"  {counted(found.irreversible, 'change')}: cannot be undone (!)"


def reach_lines(plan: Plan, found: Sums) -> Iterator[str]:
    """Whom a plan reaches, how it goes over them, and whether somebody has to approve it; nothing of one without a
    change."""
    if not found.changes:
        return
    yield from _radius(blast_radius(plan))
    yield f"Order: {visible(going(plan.going, found.changing))}."
    yield (
        "Approval: none is asked for: the plan was made without a policy."
        if plan.policy is None
        else f"Approval: under the policy with SHA-256 {plan.policy}."
    )


def _radius(radius: BlastRadius) -> Iterator[str]:
    yield f"Reaches: {counted(len(radius.hosts), 'server')}, at most {radius.at_once} at a time."
    for what, found in (("roles", radius.roles), ("sites", radius.sites)):
        if found:
            yield f"  {what}: {named([f'{visible(each.name, CELL)} {len(each.changing)}' for each in found])}"
    if radius.dags:
        yield "  DAGs:"
    yield from (f"    {visible(each.name, CELL)}: {together(each)}" for each in radius.dags[:_DAGS_SHOWN])
    if len(radius.dags) > _DAGS_SHOWN:
        yield f"    {_further(radius.dags[_DAGS_SHOWN:])}"
    for each in radius.disturbs:
        yield f"  {visible(disturbed(each))}"
    yield from (f"  noticed on {each}" for each in _noticed(radius.noticed))
    if radius.restarted:
        yield f"  restarted: {visible(named(radius.restarted))}"
    for lost in radius.irreversible:
        yield f"  cannot be undone on {visible(named(lost.hosts))}: {visible(lost.title, CELL)}"
    yield from (f"  not known: {visible(each, CELL)}" for each in not_known(radius))


def _noticed(noticed: Iterable[Noticed]) -> Iterator[str]:
    """`3 servers: W3SVC takes up its work`. What differs in its first word alone, and is of as many servers, stands
    together: `3 servers each: W3SVC, IISADMIN: takes up its work`; what most servers notice stands first."""
    alike: dict[tuple[int, str, str], list[Noticed]] = {}
    for each in noticed:
        first, _, rest = each.what.partition(" ")
        alike.setdefault((each.hosts, rest, "" if rest else first), []).append(each)
    for (hosts, rest, _), found in sorted(alike.items(), key=lambda each: -each[0][0]):
        if len(found) == 1:
            yield f"{counted(hosts, 'server')}: {visible(found[0].what, CELL)}"
        else:
            names = ", ".join(visible(each.what.partition(" ")[0], CELL) for each in found)
            yield f"{counted(hosts, 'server')} each: {names}: {visible(rest, CELL)}"


def _further(dags: Sequence[Among]) -> str:
    most = max(each.at_once for each in dags)
    return f"and {len(dags)} further, of each at most {most} at a time"

"""What of a plan is said in the same words on a terminal and on a page. Pure; what it returns is tainted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from playbooks.changes import Change, ChangeValue
from runner.plan.records import Going, PlannedChange
from runner.plan.sums import Among, BlastRadius, Disturbs, Sums
from runner.rollout import budget_of, wave_sizes
from texts.counting import counted

__all__ = [
    "Becomes",
    "ValueChange",
    "disturbed",
    "going",
    "named",
    "not_known",
    "open_ends",
    "scripts_of",
    "shown",
    "together",
    "value_changes",
]

_WAVES_SHOWN = 12
_NAMES_SHOWN = 8


class Becomes(StrEnum):
    """What a change does to one value."""

    SET = "set"  # it was not there
    CHANGED = "changed"
    REMOVED = "removed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One value before and after a change; None of one that is nothing, and of one that is not named."""

    name: str
    becomes: Becomes
    before: ChangeValue
    after: ChangeValue


def value_changes(change: Change) -> tuple[ValueChange, ...]:
    """Every value that a change names before or after it, those that stay as they are too."""
    return tuple(_values(change))


def _values(change: Change) -> Iterator[ValueChange]:
    for name in dict.fromkeys((*change.before, *change.after)):
        before, after = change.before.get(name), change.after.get(name)
        if name not in change.before:
            becomes = Becomes.SET
        elif name not in change.after:
            becomes = Becomes.REMOVED
        else:
            becomes = Becomes.SAME if before == after and type(before) is type(after) else Becomes.CHANGED
        yield ValueChange(name, becomes, before, after)


def shown(value: ChangeValue) -> str:
    """A value such that no two look alike: `"Disabled"`, `5`, `true`, `["a", "b"]`, `null`.

    A quotation mark within a text is doubled, as PowerShell has it; nothing else is escaped, or every path would be.
    """
    match value:
        case str():
            return f'"{value.replace(chr(34), chr(34) * 2)}"'
        case tuple():
            return f"[{', '.join(shown(each) for each in value)}]"
        case _:
            return json.dumps(value)


def scripts_of(change: PlannedChange) -> tuple[tuple[str, str], ...]:
    """What each script of a change is for, and its SHA-256, in the order in which they may be sent."""
    all_of_it = (
        ("evidence", change.evidence),
        ("apply", change.apply),
        ("poll", change.poll),
        ("confirm", change.confirm),
        ("rollback", change.rollback),
    )
    return tuple((what, sha) for what, sha in all_of_it if sha is not None)


def named(names: Sequence[str], most: int = _NAMES_SHOWN) -> str:
    """`EX1, EX2 and 3 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def disturbed(found: Disturbs) -> str:
    """What an action disturbs, by its contract."""
    disturbs = found.step.disturbs
    said = f"{found.step.action}: {counted(found.changes, 'change')} on {counted(found.hosts, 'server')}"
    if disturbs is None:
        return said
    noticed = "can be noticed" if disturbs.disruptive else "cannot be noticed"
    restarts = "restarts the server" if disturbs.reboots else "no restart"
    return f"{said}; {noticed}; {restarts}; interruption: {disturbs.interruption}"


def going(how: Going, hosts: int) -> str:
    """`8 servers at a time; waves of 1, 4, 35; at most 1 of one dag together; ends once 2 servers failed (5%)`."""
    sizes = [str(size) for size in wave_sizes(how.waves, hosts)]
    more = [f"{len(sizes) - _WAVES_SHOWN} more"] if len(sizes) > _WAVES_SHOWN else []
    waves = ["one wave"] if len(sizes) < 2 else [f"waves of {', '.join(sizes[:_WAVES_SHOWN] + more)}"]
    budget = budget_of(how.budget, hosts)
    share = f" ({how.budget})" if how.budget is not None and how.budget.endswith("%") else ""
    return "; ".join(
        [
            f"{counted(how.parallel, 'server')} at a time",
            *waves,
            *([f"{how.pause_seconds} s between"] if how.pause_seconds and len(sizes) > 1 else []),
            *(
                [f"after each the changed servers must be well by {' and '.join(how.health)}"]
                if how.health and len(sizes) > 1
                else []
            ),
            *(f"at most {count} of one {label} together" for label, count in how.limits.items()),
            "without a failure budget" if budget is None else f"ends once {counted(budget, 'server')} failed{share}",
        ]
    )


def together(among: Among) -> str:
    """`3 of its 4 servers in this plan, at most 1 at a time`."""
    of = "" if len(among.changing) == among.planned else f"{len(among.changing)} of "
    return f"{of}{counted(among.planned, 'server')} in this plan, at most {among.at_once} at a time"


def open_ends(found: Sums) -> tuple[str, ...]:
    """What of the servers this plan leaves open, one sentence without a full stop each."""
    return tuple(
        f"{counted(count, what)} {why}"
        for count, what, why in (
            (found.refused, "server", "not planned: nothing is sent there under this plan"),
            (found.unknown, "server", "not known in full: steps that could not be judged are not run under this plan"),
            (
                found.deferred,
                "server",
                "with deferred steps, which hang on what a change leaves: plan them afterwards",
            ),
            (found.predicted, "change", "predicted: what earlier changes will have made true is taken for true"),
        )
        if count
    )


def not_known(radius: BlastRadius) -> tuple[str, ...]:
    """What the plan does not say of the servers that it reaches, one sentence without a full stop each."""
    return tuple(_not_known(radius))


def _not_known(radius: BlastRadius) -> Iterator[str]:
    for what, without, why in (
        ("role", radius.without_role, "no step of this plan has seen it"),
        ("DAG", radius.without_dag, "the inventory has no label dag for them"),
        ("site", radius.without_site, "the inventory has no label site for them"),
    ):
        if without:
            yield f"{what} of {counted(len(without), 'server')}, {why}: {named(without)}"
    for each in radius.unlimited:
        servers = counted(len(each.hosts), "server")
        yield f"the limit for each {each.label} does not hold {servers} without that label: {named(each.hosts)}"
    if radius.dags:
        yield "further members of these DAGs: the plan knows the servers that were selected"

"""Drift: what would be done now is not what was approved. Pure.

Compared are the scripts that would be sent, by hash, and what whoever approved them read of them: what they do, what is
so afterwards, what is disturbed. What else a host says may differ as it likes. The words that name a difference come
from the values that the scripts were made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from playbooks.changes import Barred, Change, Changed, ChangeValue, differences
from runner.plan.records import PlannedChange

__all__ = ["Differs", "Gone", "Moved", "New", "Rewritten", "Stands", "drift", "in_words", "stands"]


@dataclass(frozen=True, slots=True)
class New:
    """A change that would be made now and is not of the plan."""

    change: PlannedChange


@dataclass(frozen=True, slots=True)
class Gone:
    """A change of the plan that is not to be made any more, while others are."""

    change: PlannedChange


@dataclass(frozen=True, slots=True)
class Differs:
    """A change whose scripts would be others now, or of which something else was approved than is to be said now."""

    change: PlannedChange
    values: tuple[Changed, ...]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A change of the same values whose scripts would be others now: their templates are not those of the plan."""

    change: PlannedChange


@dataclass(frozen=True, slots=True)
class Moved:
    """The same changes in another order."""


@dataclass(frozen=True, slots=True)
class Stands:
    """Something else stands where a change of the plan would act, so it can be made no more.

    Attributes:
        title: of the change.
        values: what differs; where nothing does that was seen for the plan, what bars it.
    """

    title: str
    values: tuple[Changed, ...]


Difference = New | Gone | Differs | Rewritten | Moved | Stands


def drift(
    planned: Sequence[PlannedChange], present: Sequence[PlannedChange], besides: Sequence[Barred] = ()
) -> tuple[Difference, ...]:
    """What differs between the changes of a step as planned, and as they would be now; empty where nothing does.

    Args:
        present: what judgement names now. None at all is no drift, the host is right already; unless something else
            stands where one would act.
        besides: what stands where judgement names no change.
    """
    now = {each.change.id: each for each in present}
    was = {each.change.id: each for each in planned}
    others = [each for each in besides if each.change in was and each.change not in now]
    if others:
        standing = [each for each in stands(planned, others) if isinstance(each, Stands)]
        return tuple(each for each in standing if each.values) or tuple(standing)
    if not present:
        return ()
    found: list[Difference] = []
    for each in planned:
        same = now.get(each.change.id)
        if same is None:
            found.append(Gone(each))
        elif _scripts(same) != _scripts(each):
            values = differences(each.change, same.change)
            found.append(Differs(each, values) if values else Rewritten(each))
        elif restated := tuple(_restated(each.change, same.change)):
            found.append(Differs(each, restated))
    found += [New(each) for each in present if each.change.id not in was]
    if not found and list(was) != list(now):
        found.append(Moved())
    return tuple(found)


def stands(planned: Sequence[PlannedChange], barred: Sequence[Barred]) -> tuple[Difference, ...]:
    """What differs from what was seen for the plan where judgement says now that something else is there.

    Args:
        barred: what was to be changed; not empty.
    """
    was = {each.change.id: each.change for each in planned}
    found: list[Difference] = []
    for each in barred:
        change = was.get(each.change)
        before: Mapping[str, ChangeValue] = {} if change is None else change.before
        values = tuple(
            Changed(f"before.{name}", before.get(name), now)
            for name, now in sorted(each.present.items())
            if before.get(name) != now
        )
        found.append(Stands(each.change if change is None else change.title, values))
    return tuple(found)


def _scripts(change: PlannedChange) -> tuple[str | None, ...]:
    return change.apply, change.rollback, change.confirm, change.evidence, change.poll


def _restated(was: Change, now: Change) -> Iterator[Changed]:
    """What was read of a change when it was approved, and is not what is to be said of it."""
    for name in ("title", "disturbs"):
        if getattr(was, name) != getattr(now, name):
            yield Changed(name, getattr(was, name), getattr(now, name))
    yield from (each for each in differences(was, now) if each.name.startswith("after."))


def in_words(difference: Difference) -> str:
    """One line without a full stop; it quotes the host, and is tainted."""
    match difference:
        case New(change=planned):
            return f"not in the plan: {planned.change.title}"
        case Gone(change=planned):
            return f"no longer to be done: {planned.change.title}"
        case Differs(change=planned, values=values):
            return f"{planned.change.title}: {_each(values)}"
        case Rewritten(change=planned):
            return f"{planned.change.title}: its script is not the one of the plan, for the same values"
        case Moved():
            return "the same changes in another order"
        case Stands(title=title, values=values):
            return f"{title}: {_each(values) or 'it can be done no more'}"
        case never:
            assert_never(never)


def _each(values: Sequence[Changed]) -> str:
    return "; ".join(f"{value.name} was {_shown(value.was)}, is {_shown(value.now)}" for value in values)


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    return (", ".join(value) or "nothing") if isinstance(value, tuple) else str(value)

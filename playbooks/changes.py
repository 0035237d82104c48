"""What a judgement would have changed: typed, named, and decided before anything is sent.

A change is made of values alone. Both scripts that belong to it, the one that makes it and the one that undoes it, are
rendered from these and from the step's parameters, when a plan is made (playbooks/rendering.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["CHANGE_ID", "Barred", "Change", "ChangeValue", "Changed", "ReadyChange"]

ChangeValue = None | bool | int | str | tuple[str, ...]
"""What a change can be told: nothing that two serialisations could spell differently."""

CHANGE_ID = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,118}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is to be made different on a host.

    Attributes:
        id: unique within its step on a host, and the same whenever the same is to be done: `start-type.msexchangeis`.
        title: one sentence without a full stop, for people: "Set MSExchangeIS to start automatically".
        values: what both scripts are told, beside the parameters of the step.
        before: what was seen of it, by names that people read.
        after: what it will be, by the same names.
        disturbs: what a user of the server may notice, one sentence; empty where nothing.
    """

    id: str
    title: str
    values: Mapping[str, ChangeValue]
    before: Mapping[str, ChangeValue] = field(default_factory=dict)
    after: Mapping[str, ChangeValue] = field(default_factory=dict)
    disturbs: str = ""

    def __post_init__(self) -> None:
        if not CHANGE_ID.fullmatch(self.id):
            raise ValueError(f"{self.id!r:.80} cannot be the id of a change")


@dataclass(frozen=True, slots=True)
class Barred:
    """A change that was asked for and is not to be made: what it would act on is known to be another than was named.

    Attributes:
        change: the id that it would have.
        present: what is there, by the names of `Change.before`; and what else bars it, by a name of its own.
    """

    change: str
    present: Mapping[str, ChangeValue]

    def __post_init__(self) -> None:
        if not CHANGE_ID.fullmatch(self.change):
            raise ValueError(f"{self.change!r:.80} cannot be the id of a change")


@dataclass(frozen=True, slots=True)
class ReadyChange:
    """A change with its scripts, as they would be sent.

    Attributes:
        rollback: None where it cannot be undone.
        evidence: what reads the bytes that are to be kept before it is made; None where there are none.
        confirm: without which the host undoes it by itself; None where it does not.
        confirm_seconds: from the change to then; None where it does not.
        poll: what reads how far `apply` and `rollback` are, which run detached then; None where they do not.
        detached_seconds: that each of them may take; None where they do not.
    """

    change: Change
    apply: str
    rollback: str | None
    evidence: str | None = None
    confirm: str | None = None
    confirm_seconds: int | None = None
    poll: str | None = None
    detached_seconds: int | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Every script of it."""
        each = (self.apply, self.rollback, self.evidence, self.confirm, self.poll)
        return tuple(text for text in each if text is not None)


@dataclass(frozen=True, slots=True)
class Changed:
    """One value of a change that is not what it was: `before.StartMode` was `Disabled`, is `Manual`."""

    name: str
    was: ChangeValue
    now: ChangeValue


def differences(was: Change, now: Change) -> tuple[Changed, ...]:
    """What differs between two changes of one id, value by value, in the order of their names."""
    found: list[Changed] = []
    for part in ("before", "after", "values"):
        first, second = getattr(was, part), getattr(now, part)
        for name in sorted({*first, *second}):
            if first.get(name) != second.get(name) or type(first.get(name)) is not type(second.get(name)):
                found.append(Changed(f"{part}.{name}", first.get(name), second.get(name)))
    return tuple(found)

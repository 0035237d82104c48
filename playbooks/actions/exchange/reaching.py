"""From which day to which the logs that a hunt asks for have every day: `nothing since DATE` is true of each day.

A day counts as covered by a log whose files were last written to on it: Exchange begins a new file each hour or each
day, and its health probes see to it that a server has something to write down (CSS-Exchange, Test-ProxyLogon.ps1, goes
by the same folders). A day on which none was, because the server was off, nobody wrote, or somebody took the file away,
is not covered, and neither is any day before it. An event log covers all days from its oldest to its newest event. Days
are those of UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from playbooks.values import Record, text_of

DAY = timedelta(days=1)
_SHOWN = 5  # stretches of days that are missing, of one log


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days, the first and the last of them."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


Days = tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """Of all logs together.

    Attributes:
        since: the first day from which on every log has each day; None where no log has any.
        until: the last day that every log has.
    """

    since: date | None
    until: date | None


def days_of(record: Record) -> Days:
    """The days that a record of a folder (`Days`) or of an event log (`Oldest`, `Newest`) says are covered.

    What is no day counts for none.
    """
    if "Days" in record:
        pairs = [each.partition("/") for each in text_of(record, "Days").split()]
        given = [(first, last) for first, _, last in pairs]
    else:
        given = [(text_of(record, "Oldest")[:10], text_of(record, "Newest")[:10])]
    found = []
    for first, last in given:
        try:
            found.append(Stretch(date.fromisoformat(first), date.fromisoformat(last)))
        except ValueError:
            continue
    return together(found)


def together(stretches: Iterable[Stretch]) -> Days:
    """In their order, those that touch as one; what ends before it begins is left out."""
    found: list[Stretch] = []
    for each in sorted((one for one in stretches if one.first <= one.last), key=lambda one: one.first):
        if found and each.first <= found[-1].last + DAY:
            found[-1] = Stretch(found[-1].first, max(found[-1].last, each.last))
        else:
            found.append(each)
    return tuple(found)


def up_to(days: Days, last: date) -> Days:
    """Without what is after a day."""
    return tuple(Stretch(each.first, min(each.last, last)) for each in days if each.first <= last)


def reach(groups: Iterable[Iterable[Days]]) -> Reach:
    """Of groups of logs; those of one group stand for each other, so that a day is covered by any of them."""
    ends = []
    for group in groups:
        whole = together(stretch for days in group for stretch in days)
        if not whole:
            return Reach(None, None)
        ends.append(whole[-1])
    if not ends:
        return Reach(None, None)
    return Reach(max(each.first for each in ends), min(each.last for each in ends))


def newest(logs: Iterable[Days]) -> date | None:
    """The last day that any of them has."""
    return max((days[-1].last for days in logs if days), default=None)


def missing(days: Days) -> Days:
    """What lies between its stretches."""
    return tuple(Stretch(before.last + DAY, after.first - DAY) for before, after in pairwise(days))


def taken(days: Days, others: Mapping[str, Days]) -> tuple[str, ...]:
    """The days that a log lacks in the middle and another has, as lines of evidence."""
    found = []
    for gap in missing(days):
        of = [
            name
            for name, each in others.items()
            if any(one.first <= gap.last and gap.first <= one.last for one in each)
        ]
        if of:
            found.append(f"{gap}, of which {of[0]} has logs")
    more = len(found) - _SHOWN
    return (*found[:_SHOWN], f"and {more} more times") if more > 0 else tuple(found)

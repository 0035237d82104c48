"""When changes may be made: windows that recur, and freezes in which none may. Pure.

A window is of the clock on a wall: from 22:00 to 04:00 on Saturdays in Europe/Berlin. Where clocks are set forward or
back, a time of the wall is the instant that RFC 5545 (3.3.5) makes of it: one that occurs twice is the first, one that
does not occur is counted by the offset before the gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

__all__ = ["Closed", "Day", "Freeze", "Open", "Opening", "Window", "stand"]

LOOKED_AHEAD = timedelta(days=400)  # for the next opening: a freeze longer than a year is none
_DAY = timedelta(days=1)


class Day(StrEnum):
    """A day of the week on which a window opens."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


@dataclass(frozen=True, slots=True)
class Window:
    """Changes may be made on these days from `opens` until `closes`; on the next day where that is not later."""

    days: frozenset[Day]
    opens: time
    closes: time
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Freeze:
    """No change is made from the begin of the first day to the end of the last. `why` is for people."""

    first: date
    last: date
    zone: ZoneInfo
    why: str


@dataclass(frozen=True, slots=True)
class Opening:
    """One occurrence of a window: UTC, `closes` no longer part of it."""

    opens: datetime
    closes: datetime


@dataclass(frozen=True, slots=True)
class Open:
    """Changes may be made until then (UTC); None without an end."""

    until: datetime | None


@dataclass(frozen=True, slots=True)
class Closed:
    """No change may be made, and why. `opens` (UTC) is when one may next; None where no window opens in 400 days."""

    why: str
    opens: datetime | None


def stand(windows: Sequence[Window], freezes: Sequence[Freeze], now: datetime) -> Open | Closed:
    """Whether changes may be made now, and how that ends.

    Args:
        windows: none means that they may at any time that is not frozen.
        now: with its zone.
    """
    now = now.astimezone(UTC)
    spans = [(_span(freeze), freeze) for freeze in freezes]
    frozen = next((freeze for span, freeze in spans if _holds(span, now)), None)
    within = _within(windows, now)
    if frozen is None and (within or not windows):
        ends = [span.opens for span, _ in spans if span.opens > now]
        ends += [max(opening.closes for opening in within)] if within else []
        return Open(min(ends) if ends else None)
    why = f"frozen until {frozen.last:%Y-%m-%d}: {frozen.why}" if frozen else "outside every change window"
    return Closed(why, _next_opening(windows, [span for span, _ in spans], now))


def _next_opening(windows: Sequence[Window], frozen: Sequence[Opening], now: datetime) -> datetime | None:
    """The first instant after now at which a window is open and nothing is frozen."""

    def is_free(instant: datetime) -> bool:
        return instant > now and not any(_holds(span, instant) for span in frozen)

    thawed = [span.closes for span in frozen if is_free(span.closes)]
    first = [each for each in thawed if not windows or _within(windows, each)]
    for window in windows:
        opens = (opening.opens for opening in _occurrences(window, now, LOOKED_AHEAD))
        first += [each for each in [next(filter(is_free, opens), None)] if each is not None]
    return min(first, default=None)


def _within(windows: Sequence[Window], instant: datetime) -> list[Opening]:
    return [
        opening for window in windows for opening in _occurrences(window, instant, _DAY) if _holds(opening, instant)
    ]


def _occurrences(window: Window, now: datetime, ahead: timedelta) -> Iterator[Opening]:
    """Those from two days before now on, in their order; without one that clocks set forward leave no time for."""
    day = now.astimezone(window.zone).date() - 2 * _DAY
    last = day + 2 * _DAY + ahead
    names = list(Day)
    while day <= last:
        if names[day.weekday()] in window.days:
            closing = day if window.closes > window.opens else day + _DAY
            opening = Opening(_instant(day, window.opens, window.zone), _instant(closing, window.closes, window.zone))
            if opening.opens < opening.closes:
                yield opening
        day += _DAY


def _span(freeze: Freeze) -> Opening:
    return Opening(_instant(freeze.first, time(), freeze.zone), _instant(freeze.last + _DAY, time(), freeze.zone))


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)  # fold 0, as RFC 5545 has it


def _holds(opening: Opening, instant: datetime) -> bool:
    return opening.opens <= instant < opening.closes

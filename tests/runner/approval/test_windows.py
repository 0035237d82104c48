"""When changes may be made: on nights in which clocks are set, beside freezes, and against a look at every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.approval.windows import Closed, Day, Freeze, Open, Window, stand

OUTSIDE = "outside every change window"
BERLIN = ZoneInfo("Europe/Berlin")
SATURDAY_NIGHT = Window(frozenset({Day.SATURDAY}), time(22), time(4), BERLIN)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (utc(2026, 11, 28, 20, 59), Closed(OUTSIDE, utc(2026, 11, 28, 21))),
        (utc(2026, 11, 28, 21), Open(utc(2026, 11, 29, 3))),
        (utc(2026, 11, 29, 2, 59), Open(utc(2026, 11, 29, 3))),
        (utc(2026, 11, 29, 3), Closed(OUTSIDE, utc(2026, 12, 5, 21))),
    ],
)
def test_a_window_over_midnight_is_of_the_day_on_which_it_opens(now: datetime, found: Open | Closed) -> None:
    assert stand([SATURDAY_NIGHT], [], now) == found


@pytest.mark.parametrize(
    ("opens", "closes", "day", "found"),
    [
        # 29 March 2026: 02:00 becomes 03:00. Five hours and not six; a time in the gap counts as if there was none.
        (time(22), time(4), utc(2026, 3, 28, 21), Open(utc(2026, 3, 29, 2))),
        (time(2, 30), time(3, 30), utc(2026, 3, 29, 1, 29), Closed(OUTSIDE, utc(2026, 3, 30, 0, 30))),
        # 25 October 2026: 03:00 becomes 02:00. Seven hours; a time that occurs twice is the first.
        (time(22), time(4), utc(2026, 10, 24, 20), Open(utc(2026, 10, 25, 3))),
        (time(1), time(2, 30), utc(2026, 10, 24, 23), Open(utc(2026, 10, 25, 0, 30))),
        (time(1), time(2, 30), utc(2026, 10, 25, 0, 30), Closed(OUTSIDE, utc(2026, 10, 26, 0))),
    ],
)  # fmt: skip
def test_on_the_nights_on_which_clocks_are_set(opens: time, closes: time, day: datetime, found: Open | Closed) -> None:
    assert stand([Window(frozenset(Day), opens, closes, BERLIN)], [], day) == found


def test_a_freeze_closes_what_is_open_and_the_next_opening_is_behind_it() -> None:
    christmas = Freeze(date(2026, 12, 19), date(2027, 1, 3), BERLIN, "end of the year")
    assert stand([SATURDAY_NIGHT], [christmas], utc(2026, 12, 19, 22)) == Closed(
        "frozen until 2027-01-03: end of the year", utc(2027, 1, 9, 21)
    )
    assert stand([SATURDAY_NIGHT], [christmas], utc(2026, 12, 12, 22)) == Open(utc(2026, 12, 13, 3))
    assert stand([], [christmas], utc(2026, 12, 12, 22)) == Open(utc(2026, 12, 18, 23))
    assert stand([], [christmas], utc(2026, 12, 30)) == Closed(
        "frozen until 2027-01-03: end of the year", utc(2027, 1, 3, 23)
    )
    assert stand([], [], utc(2026, 12, 30)) == Open(None)
    for_ever = Freeze(date(2026, 1, 1), date(2036, 1, 1), BERLIN, "out of use")
    assert stand([SATURDAY_NIGHT], [for_ever], utc(2026, 12, 30)) == Closed("frozen until 2036-01-01: out of use", None)


ZONES = st.sampled_from([ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC")])
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30]))
WINDOWS = st.builds(Window, st.frozensets(st.sampled_from(Day), min_size=1), TIMES, TIMES, ZONES)
DATES = st.dates(date(2026, 3, 25), date(2026, 4, 8))
FREEZES = st.builds(Freeze, DATES, DATES, ZONES, st.just("why")).filter(lambda freeze: freeze.first <= freeze.last)
STEP = timedelta(minutes=30)


@settings(max_examples=25)
@given(st.lists(WINDOWS, max_size=3), st.lists(FREEZES, max_size=2))
def test_what_is_said_of_now_is_what_a_look_at_each_half_hour_finds(
    windows: list[Window], freezes: list[Freeze]
) -> None:
    begin = utc(2026, 3, 26)
    found = [stand(windows, freezes, begin + number * STEP) for number in range(24 * 2 * 8)]
    for number, each in enumerate(found):
        now = begin + number * STEP
        match each:
            case Open(until=None):
                assert all(isinstance(later, Open) for later in found[number:])
            case Open(until=until):
                assert until is not None
                between = [other for at, other in enumerate(found) if now <= begin + at * STEP < until]
                assert all(isinstance(other, Open) for other in between)
            case Closed(opens=opens):
                later = [at for at in range(number, len(found)) if isinstance(found[at], Open)]
                if later:
                    assert opens == begin + later[0] * STEP

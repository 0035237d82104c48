"""A journal that is read while it is written: however it is cut into readings, it comes to what one reading gives."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import events
from runner.disk import Disk
from runner.following import Followed, JournalClock
from runner.journal.chain import EMPTY, link
from runner.journal.errors import JournalUnreadable
from runner.journal.growing import BrokenOffError
from runner.journal.lines import from_line
from runner.state import RunPhase, fold
from tests.runner.happenings import (
    ENDED,
    INTERRUPTED,
    STARTED,
    answered,
    assessed,
    host_ended,
    line_of,
    sending,
)

JOURNAL = Path("journal.jsonl")


def written(*happened: object) -> tuple[bytes, ...]:
    head, lines = EMPTY, []
    for event in happened:
        _, line, head = link(line_of(event), head)  # type: ignore[arg-type]
        lines.append(line)
    return tuple(lines)


LINES = written(
    STARTED,
    events.HostStarted("EX1", "ex1", 5985),
    sending(),
    answered(),
    assessed(answer=None),
    host_ended(),
    INTERRUPTED,
    events.RunResumed(),
    events.HostStarted("EX2", "ex2", 5985),
    ENDED,
)
WHOLE = b"".join(LINES)


@dataclass
class Growing:
    """A disk that has one file, as far as it was written."""

    content: bytes | None = b""

    def read(self, path: Path) -> BinaryIO:
        if self.content is None:
            raise FileNotFoundError(2, "No such file or directory")
        return io.BytesIO(self.content)

    def followed(self) -> Followed:
        return Followed(JOURNAL, cast(Disk, self))


@given(st.lists(st.integers(0, len(WHOLE))))
def test_however_it_grows_every_line_comes_once_and_the_state_is_the_fold_of_all(cuts: list[int]) -> None:
    disk = Growing()
    followed = disk.followed()
    came: list[events.Recorded] = []
    for size in sorted(cuts):
        disk.content = WHOLE[:size]
        came += followed.come()
        assert len(came) == disk.content.count(b"\n")
        assert followed.state == fold(came)
    disk.content = WHOLE
    came += followed.come()
    assert came == [events.read(from_line(line)) for line in LINES]
    assert followed.state == fold(came)
    assert followed.come() == ()


def test_half_a_line_waits_and_what_stands_in_its_place_later_is_read() -> None:
    disk = Growing(b"".join(LINES[:3]) + LINES[3][:40])
    followed = disk.followed()
    assert len(followed.come()) == 3
    assert followed.come() == ()
    # Who goes on cuts off what a kill has left, and says so.
    dropped = written(STARTED, events.HostStarted("EX1", "ex1", 5985), sending(), events.TailDropped(40, "0" * 64))
    disk.content = b"".join(dropped)
    [last] = followed.come()
    assert isinstance(last.event, events.TailDropped)


def test_zeros_of_a_crash_wait_too() -> None:
    disk = Growing(b"".join(LINES[:2]) + b"\0" * 30 + b"}\n")
    followed = disk.followed()
    assert len(followed.come()) == 2
    assert followed.come() == ()


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        (b"".join(LINES[:2]) + LINES[2].replace(b"EX1", b"EX2"), 3, "altered"),
        (b"".join(LINES[:2]) + LINES[3], 3, "does not follow"),
        (b"".join((*LINES[:2], LINES[1])), 3, "does not follow"),
        (LINES[0], 2, "not there any more"),
        (b"".join(LINES[:2])[:-1], 2, "not there any more"),
        (LINES[0] + LINES[1].replace(b"EX1", b"EX2") + b"".join(LINES[2:]), 2, "another now"),
        (b"".join(reversed(LINES)), 2, "another now"),
    ],
)
def test_what_does_not_follow_from_what_was_read_is_named_with_its_line(content: bytes, line: int, why: str) -> None:
    disk = Growing(b"".join(LINES[:2]))
    followed = disk.followed()
    followed.come()
    disk.content = content
    with pytest.raises(BrokenOffError, match=why) as caught:
        followed.come()
    assert caught.value.line == line


def test_a_file_that_is_gone_is_said() -> None:
    with pytest.raises(JournalUnreadable):
        Growing(None).followed().come()


def test_the_phase_is_that_of_the_last_line() -> None:
    disk = Growing()
    followed = disk.followed()
    phases = []
    for count in range(1, len(LINES) + 1):
        disk.content = b"".join(LINES[:count])
        followed.come()
        assert followed.state is not None
        phases.append(followed.state.phase)
    assert phases[5:] == [RunPhase.RUNNING, RunPhase.INTERRUPTED, RunPhase.RUNNING, RunPhase.RUNNING, RunPhase.ENDED]


times = st.lists(st.integers(-7200, 7200), min_size=1, max_size=12)


@given(times, st.integers(0, 11), st.integers(-7200, 20_000))
def test_how_long_ago_is_never_negative_and_never_told_where_clocks_contradict_each_other(
    seconds: list[int], which: int, now: int
) -> None:
    clock, began = JournalClock(), datetime(2026, 11, 28, 2, 40, tzinfo=UTC)
    moments = [clock.read(began + timedelta(seconds=each)) for each in seconds]
    at = which % len(seconds)
    ago = clock.ago(moments[at], began + timedelta(seconds=now))
    back = any(later < max(seconds[at : number + at + 1]) - 1 for number, later in enumerate(seconds[at + 1 :]))
    if back or seconds[-1] > now + 1:
        assert ago is None
    if ago is not None:
        assert ago >= 0
        assert ago == max(now - seconds[at], 0)


def test_a_clock_that_was_set_back_is_told_again_of_what_comes_after() -> None:
    clock, began = JournalClock(), datetime(2026, 11, 28, 2, 40, tzinfo=UTC)
    before, after = clock.read(began), clock.read(began - timedelta(minutes=10))
    now = began + timedelta(minutes=5)
    assert (clock.ago(before, now), clock.ago(after, now)) == (None, 900.0)
    assert clock.ago(after, began - timedelta(minutes=11)) is None


def test_the_first_and_the_last_moments_that_there_are_are_moments_too() -> None:
    clock, now = JournalClock(), datetime(2026, 11, 28, 2, 40, tzinfo=UTC)
    first = clock.read(datetime.min.replace(tzinfo=UTC))
    assert (clock.ago(first, now) or 0) > 0
    last = clock.read(datetime.max.replace(tzinfo=UTC))
    assert clock.ago(last, now) is None
    assert clock.read(first.at).setting == 1

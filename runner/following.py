"""A journal read while another process writes it: each time what has come since, and the fold of all of it.

A line that has no end yet is in the middle of being written, or is what a kill has left of one: it waits, and is read
again from its beginning, since who goes on with the run cuts it off. What is read is held to the chain line by line;
that the file is as its head says only its end can show, and `runner/journal/verification.py` does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from runner import events
from runner.disk import Disk
from runner.events import Recorded
from runner.journal.chain import EMPTY, Head, is_whole
from runner.journal.errors import JournalUnreadable
from runner.journal.lines import Line, MalformedLineError, from_line, line_hash
from runner.state import Folding, RunState

__all__ = ["BrokenOffError", "Followed", "JournalClock", "Moment"]

_SLACK = timedelta(seconds=1)  # by which clocks may contradict each other and still be one
_AT_ONCE = 1 << 22  # bytes of one reading, unless a line is longer


class BrokenOffError(ValueError):
    """Raised where what stands in the file does not follow from what was read of it; names the line."""

    def __init__(self, journal: Path, line: int, why: str) -> None:
        super().__init__(f"{journal}:{line}: {why}")
        self.line = line


@dataclass(slots=True)
class Followed:
    """One client's journal of a run.

    Attributes:
        state: after all that was read; None before run-started.
    """

    journal: Path
    disk: Disk
    _folding: Folding = field(default_factory=Folding)
    _size: int = 0
    _at: Head = EMPTY

    @property
    def state(self) -> RunState | None:
        """After all that was read; None before the run's first line is whole."""
        return self._folding.state

    def come(self) -> tuple[Recorded, ...]:
        """What has come since this was asked last, in order; nothing where no line has become whole.

        Raises:
            JournalUnreadable: the file is gone, or may not be read.
            BrokenOffError: it was altered or cut off.
            ContradictionError, UnreadableEventError: its lines hold, and say what no writer can have written.
        """
        found = []
        for line in self._whole_lines():
            record = self._next(line)
            recorded = events.read(record)
            self._folding.take(recorded)
            self._size += len(line)
            self._at = Head(record.sequence, line_hash(line))
            found.append(recorded)
        return tuple(found)

    def _whole_lines(self) -> list[bytes]:
        """Those behind what was read, up to the first that is not whole."""
        lines: list[bytes] = []
        read = 0
        try:
            with self.disk.read(self.journal) as file:
                if file.seek(0, 2) < self._size:
                    raise BrokenOffError(self.journal, self._at.sequence, "lines that were read are not there any more")
                file.seek(self._size)
                for line in file:
                    if not is_whole(line) or (lines and read > _AT_ONCE):
                        break
                    lines.append(line)
                    read += len(line)
        except OSError as error:
            what = f"the journal cannot be read: {error.strerror}"
            raise JournalUnreadable(self.journal, what, "See exrun runs for those that there are.") from error
        return lines

    def _next(self, line: bytes) -> Line:
        number = self._at.sequence + 1
        try:
            record = from_line(line)
        except MalformedLineError as error:
            raise BrokenOffError(self.journal, number, f"altered: {error}") from None
        if record.sequence != number or record.previous != self._at.sha256:
            raise BrokenOffError(self.journal, number, "the line does not follow from the one before")
        return record


@dataclass(frozen=True, slots=True)
class Moment:
    """When an event was recorded; `setting` counts how often that clock had been set back by then."""

    at: datetime
    setting: int


@dataclass(slots=True)
class JournalClock:
    """How long ago the events of a journal were, by a clock that may not be the one of who wrote them.

    Either may be set at any moment, or be of another machine. Nothing is told wherever that shows: where the times of
    the journal run backwards, of all before; where they are ahead of the other clock, of all. So no server seems to be
    at work for less long than it is, but by what a clock was set back while nothing was recorded for longer than that.
    """

    _latest: datetime | None = None
    _setting: int = 0

    def read(self, at: datetime) -> Moment:
        """The moment of the next event, in the order of the journal."""
        if self._latest is not None and at < self._latest - _SLACK:
            self._setting += 1
            self._latest = at
        else:
            self._latest = at if self._latest is None else max(self._latest, at)
        return Moment(at, self._setting)

    def ago(self, moment: Moment, now: datetime) -> float | None:
        """Seconds from then to now, never negative; None where the clocks contradict each other."""
        if moment.setting != self._setting or self._latest is None or self._latest > now + _SLACK:
            return None
        return max((now - moment.at).total_seconds(), 0.0)

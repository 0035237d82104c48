"""A journal read while another process writes it: each time what has come since, and the fold of all of it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from runner import events
from runner.disk import Disk
from runner.events import Recorded
from runner.journal.errors import JournalUnreadable
from runner.journal.growing import Place, lines_behind
from runner.state import Folding, RunState

_SLACK = timedelta(seconds=1)  # by which clocks may contradict each other and still be one
_AT_ONCE = 1 << 22  # bytes of one reading, unless a line is longer


@dataclass(slots=True)
class Followed:
    """One client's journal of a run.

    Attributes:
        state: after all that was read; None before run-started.
    """

    journal: Path
    disk: Disk
    _folding: Folding = field(default_factory=Folding)
    _at: Place | None = None

    @property
    def state(self) -> RunState | None:
        """After all that was read; None before the run's first line is whole."""
        return self._folding.state

    def come(self) -> tuple[Recorded, ...]:
        """What has come since this was asked last, in order; nothing where no line has become whole.

        Raises:
            JournalUnreadable: the file is gone, or may not be read.
            BrokenOffError: it was altered, cut off or replaced.
            ContradictionError, UnreadableEventError: its lines hold, and say what no writer can have written.
        """
        found: list[Recorded] = []
        began = 0 if self._at is None else self._at.begins
        try:
            with closing(lines_behind(self.disk, self.journal, self._at)) as lines:
                for record, place in lines:
                    recorded = events.read(record)
                    self._folding.take(recorded)
                    self._at = place
                    found.append(recorded)
                    if place.begins - began > _AT_ONCE:
                        break
        except OSError as error:
            what = f"the journal cannot be read: {error.strerror}"
            raise JournalUnreadable(self.journal, what, "See exrun runs for those that there are.") from error
        return tuple(found)


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
        if self._latest is not None and self._latest - at > _SLACK:
            self._setting += 1
            self._latest = at
        else:
            self._latest = at if self._latest is None else max(self._latest, at)
        return Moment(at, self._setting)

    def ago(self, moment: Moment, now: datetime) -> float | None:
        """Seconds from then to now, never negative; None where the clocks contradict each other."""
        if moment.setting != self._setting or self._latest is None or self._latest - now > _SLACK:
            return None
        return max((now - moment.at).total_seconds(), 0.0)

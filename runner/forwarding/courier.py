"""One client's events to one destination: what is next, and when to try again. Knows no thread and no clock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runner.disk import Disk, SystemDisk
from runner.forwarding import cursor
from runner.forwarding.destinations import Destination
from runner.forwarding.reading import JournalGoneError, Reader
from runner.forwarding.sinks.interface import NotDeliveredError, Sink
from runner.journal.growing import Place

BATCH = 100  # entries at a time: all that is held in memory
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds before a batch that failed is tried again; twice as long each time


@dataclass(frozen=True, slots=True)
class Left:
    """What a destination has not got.

    Attributes:
        count: entries that are not known to have arrived.
        why: the last thing that went wrong; empty where nothing did and there was no time for more.
        refused: entries that the receiver has refused for good; these are not sent again.
    """

    count: int
    why: str
    refused: int


class Courier:
    """Used by one thread; `left` may be asked by another."""

    def __init__(
        self, journal: Path, durable: Callable[[], int], to: Destination, sink: Sink, disk: Disk | None = None
    ) -> None:
        """`durable` says up to which line the journal cannot be lost any more."""
        self.to = to
        self._durable = durable
        self._sink = sink
        self._cursor = cursor.cursor_path(journal, to)
        self._reader = Reader(journal, cursor.stored(self._cursor), disk or SystemDisk())
        self._before: tuple[Place | None] | None = None  # where the batch began that was delivered last
        self._failures = 0
        self._not_before = float("-inf")
        self._why = ""
        self._refused = 0

    def pump(self, now: float) -> bool:
        """Delivers one batch, where there is one and it may be tried. Whether there may be more to do at once.

        Args:
            now: monotonic seconds.
        """
        return now >= self._not_before and self._try(now)

    def last(self) -> bool:
        """As `pump`, whatever was waited for: the run is over."""
        return self._try(0.0)

    def left(self) -> Left:
        """What is not delivered now."""
        place = self._reader.place
        return Left(self._durable() - (0 if place is None else place.sequence), self._why, self._refused)

    def _try(self, now: float) -> bool:
        try:
            batch = self._reader.next(self._durable(), BATCH)
            if batch is None:
                return False
            self._refused += self._sink.deliver(batch.entries)
        except NotDeliveredError as error:
            self._failures += 1
            wait = min(FIRST_WAIT * 2.0 ** min(self._failures - 1, 16), LONGEST_WAIT)
            self._not_before = now + max(wait, error.wait_seconds or 0.0)
            self._why = error.why
            self._step_back()
            return False
        except JournalGoneError as error:
            self._not_before = float("inf")
            self._why = error.why
            return False
        self._failures, self._why = 0, ""
        self._before = None if self._sink.keeps else (self._reader.place,)
        self._reach(batch.reached)
        return True

    def _step_back(self) -> None:
        """Once more the batch before, to who says no more than that it has read: it may have died with it unwritten."""
        if self._before is not None:
            [place] = self._before
            self._before = None
            self._reach(place)

    def _reach(self, place: Place | None) -> None:
        self._reader.take(place)
        with suppress(OSError):  # then it is sent again by whoever comes next, and known by its key
            cursor.store(self._cursor, place)

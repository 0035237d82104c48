"""Entries of a journal that is being written: in order, and none that a crash could still take away."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from runner.disk import Disk
from runner.forwarding.entries import Entry, entry_of
from runner.journal.growing import BrokenOffError, Place, holds, lines_behind


class JournalGoneError(Exception):
    """Raised where the journal cannot be read on: gone, altered, or not a journal. `why` says which."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries, and the place that is reached once they are delivered."""

    entries: tuple[Entry, ...]
    reached: Place


class Reader:
    """Reads from a place on. Holds one line at a time beside the entries that are asked for."""

    def __init__(self, journal: Path, place: Place | None, disk: Disk) -> None:
        self._journal = journal
        self._disk = disk
        self._place = place if place is not None and self._holds(place) else None

    @property
    def place(self) -> Place | None:
        """The last line that is done with; None before the first."""
        return self._place

    def next(self, durable: int, most: int) -> Batch | None:
        """The entries behind the place, up to the line that is durable; None where there are none.

        Raises:
            JournalGoneError: a line that is to be there cannot be read.
        """
        after = 0 if self._place is None else self._place.sequence
        if durable <= after:
            return None
        entries: list[Entry] = []
        reached = self._place
        try:
            with closing(lines_behind(self._disk, self._journal, self._place)) as lines:
                for record, place in lines:
                    entries.append(entry_of(record, place.sha256))
                    reached = place
                    if len(entries) == most or record.sequence >= durable:
                        break
        except BrokenOffError as error:
            raise JournalGoneError(f"line {error.line} of the journal: {error.why}") from None
        except OSError as error:
            raise JournalGoneError(f"the journal cannot be read ({type(error).__name__})") from None
        if not entries or reached is None:
            raise JournalGoneError(f"line {after + 1} of the journal is not there")
        return Batch(tuple(entries), reached)

    def take(self, reached: Place | None) -> None:
        """What stands up to there is done with; None where nothing is."""
        self._place = reached

    def _holds(self, place: Place) -> bool:
        """A cursor of another file counts for nothing."""
        try:
            return holds(self._disk, self._journal, place)
        except OSError:
            return False

"""Entries of a journal that is being written: whole lines, in order, and none that a crash could still take away."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.forwarding.cursor import Place
from runner.forwarding.entries import Entry, entry_of
from runner.journal.lines import MalformedLineError, from_line, line_hash


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

    def __init__(self, journal: Path, place: Place | None) -> None:
        self._journal = journal
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
        place = self._place
        try:
            with self._journal.open("rb") as file:
                if self._place is not None:
                    file.seek(self._place.begins)
                    file.readline()
                while len(entries) < most and (place is None or place.sequence < durable):
                    begins = file.tell()
                    line = file.readline()
                    if not line.endswith(b"\n"):
                        raise JournalGoneError(f"line {after + len(entries) + 1} of the journal is not there")
                    read, own = from_line(line), line_hash(line)
                    if read.sequence != after + len(entries) + 1:
                        raise JournalGoneError(f"line {after + len(entries) + 1} of the journal is another")
                    entries.append(entry_of(read, own))
                    place = Place(read.sequence, own, begins)
        except (OSError, MalformedLineError) as error:
            raise JournalGoneError(f"the journal cannot be read ({type(error).__name__})") from None
        return None if place is None else Batch(tuple(entries), place)

    def take(self, reached: Place | None) -> None:
        """What stands up to there is done with; None where nothing is."""
        self._place = reached

    def _holds(self, place: Place) -> bool:
        """Whether the line of a cursor stands where it says: a cursor of another file counts for nothing."""
        try:
            with self._journal.open("rb") as file:
                file.seek(place.begins)
                line = file.readline()
            return line_hash(line) == place.sha256 and from_line(line).sequence == place.sequence
        except (OSError, MalformedLineError):
            return False

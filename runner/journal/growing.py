"""A journal read while another process writes it, from a place on: whole lines that follow from one another.

A line that has no end yet is in the middle of being written, or is what a kill has left of one: reading ends before it,
and finds there later what stands there then, since who goes on with the run cuts it off. The line at the place is
looked at each time, so that a file that was cut or replaced is told from one that has grown. That the file is as its
head says only its end can show, and `verification.py` does.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from runner.disk import Disk
from runner.journal.chain import EMPTY, Head, is_whole
from runner.journal.lines import Line, MalformedLineError, from_line, line_hash


@dataclass(frozen=True, slots=True)
class Place:
    """The last line that was read: its sequence, its SHA-256, and where it begins in the file, in bytes."""

    sequence: int
    sha256: str
    begins: int


class BrokenOffError(ValueError):
    """Raised where what stands in the file does not follow from what was read of it; names the line and says why."""

    def __init__(self, journal: Path, line: int, why: str) -> None:
        super().__init__(f"{journal}:{line}: {why}")
        self.line = line
        self.why = why


def holds(disk: Disk, journal: Path, place: Place) -> bool:
    """Whether the line of a place stands where it says.

    Raises:
        OSError: the file is gone, or may not be read.
    """
    with disk.read(journal) as file:
        file.seek(place.begins)
        return line_hash(file.readline()) == place.sha256


def lines_behind(disk: Disk, journal: Path, place: Place | None) -> Generator[tuple[Line, Place], None, None]:
    """The lines behind a place, or all of them, up to the first that is not whole; each with its own place.

    Holds one line at a time, and the file open until it is gone through or closed.

    Raises:
        OSError: the file is gone, or may not be read.
        BrokenOffError: it was altered, cut off or replaced.
    """
    with disk.read(journal) as file:
        at = EMPTY if place is None else Head(place.sequence, place.sha256)
        if place is not None:
            file.seek(place.begins)
            last = file.readline()
            if not last.endswith(b"\n"):
                raise BrokenOffError(journal, place.sequence, "lines that were read are not there any more")
            if line_hash(last) != place.sha256:
                raise BrokenOffError(journal, place.sequence, "the line that was read last is another now")
        while True:
            begins = file.tell()
            line = file.readline()
            if not is_whole(line):
                return
            record = _following(journal, line, at)
            at = Head(record.sequence, line_hash(line))
            yield record, Place(at.sequence, at.sha256, begins)


def _following(journal: Path, line: bytes, at: Head) -> Line:
    number = at.sequence + 1
    try:
        record = from_line(line)
    except MalformedLineError as error:
        raise BrokenOffError(journal, number, f"altered: {error}") from None
    if record.sequence != number or record.previous != at.sha256:
        raise BrokenOffError(journal, number, "the line does not follow from the one before")
    return record

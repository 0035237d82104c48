"""Who shows a run and who sends it to a SOC see the same of a journal that grows, is torn, cut or replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.disk import SystemDisk
from runner.following import Followed
from runner.forwarding.reading import JournalGoneError, Reader
from runner.journal.growing import BrokenOffError, Place, holds, lines_behind
from runner.journal.lines import line_hash
from tests.runner.test_following import LINES

DISK = SystemDisk()
Reads = Callable[[], list[int]]
HALF = LINES[3][:40]


def shown(journal: Path) -> Reads:
    followed = Followed(journal, DISK)
    numbers: list[int] = []

    def read() -> list[int]:
        before = len(numbers)
        numbers.extend(range(before + 1, before + 1 + len(followed.come())))
        return numbers[before:]

    return read


def sent(journal: Path) -> Reads:
    reader = Reader(journal, None, DISK)

    def read() -> list[int]:
        durable = journal.read_bytes().count(b"\n")  # what a writer says is there
        batch = reader.next(durable, 100)
        if batch is None:
            return []
        reader.take(batch.reached)
        return [entry.sequence for entry in batch.entries]

    return read


@pytest.mark.parametrize("reading", [shown, sent])
def test_half_a_line_waits_until_it_is_whole_or_another_stands_there(
    tmp_path: Path, reading: Callable[[Path], Reads]
) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(b"".join(LINES[:3]) + HALF)
    read = reading(journal)
    assert read() == [1, 2, 3]
    assert read() == []
    journal.write_bytes(b"".join(LINES[:5]))
    assert read() == [4, 5]


@pytest.mark.parametrize("reading", [shown, sent])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"".join(LINES[:2]) + LINES[2][:30] + b"\n" * 4, "not there any more|another now"),
        (b"".join(LINES[:2]) + LINES[2].replace(b"EX1", b"EX2") + LINES[3], "another now"),
        (b"x" * 5000 + b"\n" * 9, "another now"),
        (b"".join(LINES[:3]) + LINES[4] + LINES[5], "does not follow"),
        (b"".join(LINES[:3]) + LINES[3].replace(b"EX1", b"EX2"), "altered"),
    ],
)
def test_what_was_cut_replaced_or_altered_is_said_and_nothing_of_it_read(
    tmp_path: Path, reading: Callable[[Path], Reads], content: bytes, why: str
) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(b"".join(LINES[:3]))
    read = reading(journal)
    assert read() == [1, 2, 3]
    journal.write_bytes(content)
    with pytest.raises((BrokenOffError, JournalGoneError), match=why):
        read()


@pytest.mark.parametrize("reading", [shown, sent])
def test_a_line_whose_predecessor_is_another_is_not_read_though_its_number_fits(
    tmp_path: Path, reading: Callable[[Path], Reads]
) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(b"".join(LINES[:2]))
    read = reading(journal)
    assert read() == [1, 2]
    foreign = LINES[2].replace(line_hash(LINES[1]).encode(), b"0" * 64)
    journal.write_bytes(b"".join(LINES[:2]) + foreign)
    with pytest.raises((BrokenOffError, JournalGoneError)):
        read()


def test_a_place_is_looked_at_without_reading_what_is_before_it(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(b"".join(LINES))
    places = [place for _, place in lines_behind(DISK, journal, None)]
    assert [place.sequence for place in places] == list(range(1, len(LINES) + 1))
    for place in places:
        assert holds(DISK, journal, place)
        assert not holds(DISK, journal, Place(place.sequence, place.sha256, place.begins + 1))
        assert len([*lines_behind(DISK, journal, place)]) == len(LINES) - place.sequence

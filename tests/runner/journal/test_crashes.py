"""A journal on a disk that dies after each single operation, whatever of the unsynced is then there.

What `record(durable=True)` or `close` had returned from is there; what is read is the beginning of what was written;
nothing calls a mere crash somebody else's doing; and the journal goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.journal.chain import Broken, Fault, Verified
from runner.journal.checkpoints import origin_of
from runner.journal.errors import JournalBroken, JournalUnreadable
from runner.journal.lines import TAIL_DROPPED, Line, line_hash
from runner.journal.location import JOURNAL, run_directory
from runner.journal.verification import read, stored_checkpoint
from runner.journal.writer import GROUP_LINES, GROUP_SECONDS, HEAD_SECONDS, Clock, JournalWriter
from tests.runner.crashing import CrashingDisk, Died, Outcome, Write
from tests.runner.journal.journals import opened

STATE = Path("/state")
FILE = run_directory(STATE, "alpha", "r1") / JOURNAL

# One letter an operation: open, an ordinary record, a durable one, many ordinary ones, time for a group to be written,
# time for the head to be replaced, a signed checkpoint, close.
OPEN, LINE, DURABLE, MANY, GROUP, HEAD, SIGN, CLOSE = "oldmgksc"
SMALL = "olglgldlkdlcoldc"
SIGNED = "olgsldlscodslc"


@dataclass
class Written:
    """What a script asked to be written, and how much of it is owed whatever happens.

    Attributes:
        marks: a number of each record, in order.
        owed: so many of them had been acknowledged as durable.
        closed: whether `close` had returned, and nothing was asked since.
        vouched: so many of them had been vouched for by a checkpoint that had been made.
        signs: whether the journal is opened with who signs.
    """

    marks: list[int] = field(default_factory=list)
    owed: int = 0
    closed: bool = False
    seconds: float = 0.0
    vouched: int = 0
    signs: bool = False

    def play(self, disk: CrashingDisk, script: str) -> None:
        """Does what the script says until the disk dies."""
        journal: JournalWriter | None = None
        start = datetime(2026, 11, 24, 2, 40, tzinfo=UTC)
        clock = Clock(lambda: start + timedelta(seconds=self.seconds), lambda: self.seconds)
        try:
            for letter in script:
                match letter:
                    case "o":
                        self.closed = False
                        journal = opened(STATE, disk=disk, clock=clock, sign=signed if self.signs else None)
                    case "g":
                        self.seconds += GROUP_SECONDS
                    case "k":
                        self.seconds += HEAD_SECONDS
                    case "s":
                        assert journal is not None
                        journal.checkpoint()
                        if self.signs:
                            self.owed = self.vouched = len(self.marks)
                    case "c":
                        assert journal is not None
                        journal.close()
                        self.owed, self.closed = len(self.marks), True
                        self.vouched = len(self.marks) if self.signs else self.vouched
                    case _:
                        assert journal is not None
                        for _ in range(GROUP_LINES if letter == MANY else 1):
                            self.marks.append(len(self.marks))
                            journal.record("run", "mark", data={"n": self.marks[-1]}, durable=letter == DURABLE)
                        if letter == DURABLE:
                            self.owed = len(self.marks)
        except Died:
            pass
        disk.dead = True  # the script is all that this process does


@dataclass
class Sweep:
    """Looks at what crashes leave, and counts what they left."""

    seen: Counter[str] = field(default_factory=Counter)

    def check(self, disk: CrashingDisk, written: Written) -> None:
        """Reads what a crash has left, resumes it, and reads again."""
        self.seen["checked"] += 1
        before = self._look(disk, written)
        with opened(STATE, disk=disk) as again:
            if again.torn is not None:
                self.seen["cut off"] += 1
            again.record("run", "resumed", durable=True)
        records, found = read(FILE, disk=disk)
        assert isinstance(found, Verified), found
        assert (found.count, found.after_head, found.head.closed) == (len(records), 0, True)
        events = [record.event for record in records]
        assert events[-1] == "resumed"
        assert again.torn is None or events[-2] == TAIL_DROPPED
        kept = [record.data["n"] for record in records if record.event == "mark"]
        assert kept == written.marks[:before]

    def _look(self, disk: CrashingDisk, written: Written) -> int:
        """How many marks are there."""
        try:
            records, found = read(FILE, disk=disk)
        except JournalUnreadable:
            self.seen["no file"] += 1
            assert written.owed == 0
            return 0
        kept = [record.data["n"] for record in records if record.event == "mark"]
        assert kept == written.marks[: len(kept)]
        assert len(kept) >= written.owed
        self._look_at_checkpoint(disk, written, records)
        match found:
            case Broken(fault=fault, why=why):
                assert fault is Fault.TRUNCATED, why
                self.seen["zeros" if "zeros" in why else "half a line"] += 1
                assert not written.closed
            case Verified(after_head=after):
                self.seen["no head" if after is None else "after its head" if after else "at its head"] += 1
                assert not written.closed or (found.head.closed and after == 0)
        return len(kept)

    def _look_at_checkpoint(self, disk: CrashingDisk, written: Written, records: Sequence[Line]) -> None:
        """It is whole, speaks of lines that are there, and not of fewer than one that had been made."""
        checkpoints = stored_checkpoint(FILE, disk)
        assert checkpoints or not written.vouched
        for each in checkpoints:
            self.seen["vouched for"] += 1
            assert each.origin == origin_of("alpha", "r1")
            assert line_hash(records[each.lines - 1].to_line()) == each.sha256
            assert sum(record.event == "mark" for record in records[: each.lines]) >= written.vouched

    def outcomes(self, disk: CrashingDisk) -> Iterator[Outcome]:
        names, writes = disk.unsynced()
        for outcome in disk.outcomes():
            if any(named.instead_of and not kept for named, kept in zip(names, outcome.names, strict=True)):
                self.seen["replacement lost"] += 1
            if any(0 < kept < len(write.data) for write, kept in zip(writes, outcome.writes, strict=True)):
                self.seen["torn"] += 1
            yield outcome


def signed(text: str) -> str:
    """A note; what signs it is not the journal's business."""
    return f"{text}\n\u2014 ops AAAAAAAA\n"


def operations(script: str, *, signs: bool = False) -> Sequence[str]:
    disk = CrashingDisk()
    Written(signs=signs).play(disk, script)
    return disk.done


def died(script: str, lives: int, *, signs: bool = False) -> tuple[CrashingDisk, Written]:
    disk, written = CrashingDisk(lives), Written(signs=signs)
    written.play(disk, script)
    return disk, written


def swept(script: str, *, signs: bool = False) -> Sweep:
    sweep = Sweep()
    for lives in range(len(operations(script, signs=signs)) + 1):
        sweep.seen["deaths"] += 1
        disk, written = died(script, lives, signs=signs)
        for outcome in sweep.outcomes(disk):
            sweep.check(disk.after(outcome), written)
        sweep.check(disk.killed(), written)
    return sweep


def test_after_any_operation_and_any_loss_nothing_acknowledged_is_gone_and_the_journal_goes_on() -> None:
    seen = swept(SMALL).seen
    assert seen["deaths"] == len(operations(SMALL)) + 1
    assert set(operations(SMALL)) == {"make_directory", "sync_directory", "make", "write", "fsync", "replace"}
    assert seen["checked"] > 300
    for kind in ("no file", "no head", "at its head", "after its head", "half a line", "zeros", "cut off"):
        assert seen[kind] > 5, (kind, seen)
    assert seen["replacement lost"] > 5
    assert seen["torn"] > 100


def test_after_any_operation_and_any_loss_a_checkpoint_speaks_of_lines_that_are_there() -> None:
    seen = swept(SIGNED, signs=True).seen
    assert seen["deaths"] == len(operations(SIGNED, signs=True)) + 1
    assert seen["vouched for"] > 200
    assert seen["torn"] > 100


@pytest.mark.parametrize("left_out", ["fsync", "sync_directory"])
def test_the_sweep_objects_where_a_checkpoint_is_not_made_durable(left_out: str) -> None:
    def sweep(deaf: frozenset[str]) -> None:
        for lives in range(len(operations(SIGNED, signs=True))):
            disk, written = CrashingDisk(lives), Written(signs=True)
            disk.deaf = deaf
            written.play(disk, SIGNED)
            for outcome in disk.outcomes():
                found = disk.after(outcome)
                Sweep()._look_at_checkpoint(found, written, _records(found))

    with pytest.raises((AssertionError, ValueError, IndexError)):
        sweep(frozenset({left_out}))


def _records(disk: CrashingDisk) -> Sequence[Line]:
    try:
        return read(FILE, disk=disk)[0]
    except JournalUnreadable:
        return ()


def test_a_write_torn_at_any_byte_leaves_the_lines_before_it() -> None:
    sweep, tears = Sweep(), 0
    for lives, operation in enumerate(operations(SMALL), start=1):
        if operation == "write":
            disk, written = died(SMALL, lives)
            names, writes = disk.unsynced()
            kept = [len(write.data) or 1 for write in writes]
            # The files stand in an order of their own, so the last write is any: each is torn in turn.
            for place, write in enumerate(writes):
                for size in range(len(write.data)):
                    outcome = Outcome((True,) * len(names), (*kept[:place], size, *kept[place + 1 :]))
                    sweep.check(disk.after(outcome), written)
                    tears += 1
    assert tears > 3000
    assert sweep.seen["half a line"] > 2000
    assert sweep.seen["zeros"] > 400


@pytest.mark.parametrize("first", [None, "lost", "kept"])
def test_a_resume_that_dies_too_loses_no_more(first: str | None) -> None:
    """The first death kills the process alone, or the machine with all or nothing of the unsynced kept."""
    sweep = Sweep()
    for lives in range(len(operations(SMALL)) + 1):
        disk, written = died(SMALL, lives)
        names, writes = disk.unsynced()
        for further in range(20):
            again = Written(list(written.marks), written.owed, written.closed, written.seconds)
            if first is None:
                second = disk.killed(further)
            else:
                keeps = first == "kept"
                sizes = tuple((len(write.data) // 2 or 1) * keeps for write in writes)
                second = disk.after(Outcome((keeps,) * len(names), sizes), further)
            again.marks = again.marks[: _marks(second)]
            again.play(second, "oldl")
            sweep.seen["second deaths"] += len(second.done) == further
            for outcome in sweep.outcomes(second):
                sweep.check(second.after(outcome), again)
    assert sweep.seen["second deaths"] > 400
    assert sweep.seen["checked"] > 1000


def _marks(disk: CrashingDisk) -> int:
    try:
        return sum(record.event == "mark" for record in read(FILE, disk=disk)[0])
    except JournalUnreadable:
        return 0


@pytest.mark.parametrize("left_out", ["fsync", "sync_directory"])
def test_the_sweep_objects_where_an_operation_is_left_out(left_out: str) -> None:
    written = Written()
    whole = CrashingDisk()
    written.play(whole, "odc")

    def sweep(deaf: frozenset[str]) -> None:
        for lives in range(16):
            disk = whole.killed(lives)
            disk.deaf = deaf
            again = Written(list(written.marks), written.owed, written.closed)
            again.play(disk, "od")
            for outcome in disk.outcomes():
                Sweep().check(disk.after(outcome), again)

    sweep(frozenset())
    with pytest.raises((AssertionError, JournalBroken)) as objection:
        sweep(frozenset({left_out}))
    if left_out == "sync_directory":
        assert "somebody else wrote this" in str(objection.value)


def test_a_head_whose_replacement_was_lost_calls_no_line_of_the_resumed_run_foreign() -> None:
    """A closed journal is opened again, written to, and the machine stops: each name may be the old one still."""
    script = "odcod"
    disk, written = died(script, len(operations(script)))
    assert written.owed == 2
    for outcome in disk.outcomes():
        Sweep().check(disk.after(outcome), written)


scripts = st.text(alphabet=LINE + LINE + DURABLE + MANY + GROUP + HEAD + SIGN, max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(scripts, min_size=1, max_size=4), st.booleans(), st.data())
def test_however_long_a_run_and_however_often_it_dies(parts: list[str], signs: bool, data: st.DataObject) -> None:
    disk, written = CrashingDisk(), Written(signs=signs)
    for part in parts:
        written.marks = written.marks[: _marks(disk)]
        disk.lives = data.draw(st.integers(0, len(operations(OPEN + part + CLOSE, signs=signs))), "lives")
        written.play(disk, OPEN + part + data.draw(st.sampled_from(["", CLOSE]), "close"))
        names, writes = disk.unsynced()
        killed = data.draw(st.booleans(), "killed")
        kept = tuple(data.draw(st.booleans()) for _ in names)
        sizes = tuple(data.draw(_size(write)) for write in writes)
        disk = disk.killed() if killed else disk.after(Outcome(kept, sizes))
    Sweep().check(disk, written)


def _size(write: Write) -> st.SearchStrategy[int]:
    return st.integers(0, len(write.data) or 1) | st.sampled_from(write.ends)

"""The writer: one file per run and client, durable where it says so, and silent after a failure."""

from __future__ import annotations

import json
import os
import stat
import string
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journals import (
    SCRIPT,
    CountingDisk,
    FullDisk,
    InterruptedDisk,
    MiserlyDisk,
    opened,
    ticking,
    write_audit,
)

from runner.disk import SystemDisk, try_lock
from runner.events import Event, Phase, RunResumed, put
from runner.events import read as read_event
from runner.journal.chain import EMPTY, Head, Verified, head_from_bytes
from runner.journal.errors import JournalBroken, JournalLocked, JournalUnwritable
from runner.journal.lines import UnrecordableValueError
from runner.journal.location import directory_name
from runner.journal.verification import read, verify
from runner.journal.writer import (
    GROUP_LINES,
    GROUP_SECONDS,
    HEAD_FLUSHES,
    HEAD_SECONDS,
    Clock,
    JournalWriter,
    is_written,
)
from runner.redaction import Redactor
from runner.state import Attempt, RunPhase, fold
from tests.runner.happenings import ENDED
from tests.waiting import HANG_SECONDS, ends, happens

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")


def note(number: int) -> dict[str, object]:
    return {"data": {"n": number}}


def test_what_was_written_verifies_against_its_head_and_reads_back(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        write_audit(journal)
    assert verify(journal.path) == Verified(head_from_bytes((journal.path.parent / "head").read_bytes()), 11, 0)
    records = read(journal.path)[0]
    assert [record.sequence for record in records] == list(range(1, 12))
    assert {(record.run, record.client, record.actor) for record in records} == {("r1", "alpha", "ops@desk")}
    assert records[2].script_hash == SCRIPT


def test_the_journal_lies_in_a_directory_of_its_client_and_run(tmp_path: Path) -> None:
    with opened(tmp_path / ".exrun", run="r7", client="beta") as journal:
        assert journal.path == tmp_path / ".exrun" / "beta" / "runs" / "r7" / "journal.jsonl"


@posix
def test_only_the_owner_may_read_a_journal_or_list_its_directories(tmp_path: Path) -> None:
    loose = tmp_path / ".exrun" / "alpha"
    loose.mkdir(parents=True)
    loose.chmod(0o755)
    with opened(tmp_path / ".exrun") as journal:
        journal.record(Phase.RUN, Event.RUN_STARTED, durable=True)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in loose.rglob("*")}
    assert modes == {"runs": 0o700, "r1": 0o700, "journal.jsonl": 0o600, "head": 0o600, "lock": 0o600}
    assert stat.S_IMODE(loose.stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("place", ["alpha", "alpha/runs/r1/journal.jsonl"])
def test_a_link_in_place_of_a_directory_or_file_is_not_followed(tmp_path: Path, place: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir() if place == "alpha" else elsewhere.touch()
    link = tmp_path / "state" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    with pytest.raises(JournalUnwritable):
        opened(tmp_path / "state")
    assert list(elsewhere.iterdir()) == [] if elsewhere.is_dir() else elsewhere.read_bytes() == b""


HOSTILE = [
    "..",
    ".",
    "",
    "/etc",
    "a/../../b",
    "a\\b",
    "con",
    "nul.txt",
    "lpt1",
    "A",
    "a.",
    "a ",
    "a:b",
    "\0",
    "x" * 300,
]
HOSTILE += ["\u202egnp", "café", "cafe\u0301", "\ud800", "-rf", "~", "a\nb", "$HOME", "%TEMP%", "com1.a", "a~b", " "]
HOSTILE += ["x" * 300]


@pytest.mark.parametrize("client", HOSTILE)
def test_no_name_of_a_client_leads_out_of_the_state_directory(tmp_path: Path, client: str) -> None:
    state = tmp_path / "state"
    with opened(state, client=client) as journal:
        journal.record(Phase.RUN, Event.RUN_STARTED)
    assert journal.path.parent.parent.parent.parent == state
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    assert read(journal.path)[0][0].client == client
    with opened(state, client=client) as again:
        assert again.head.sequence == 1


names = st.sampled_from(HOSTILE) | st.text(max_size=8) | st.text("aAbB.~-", max_size=5)


@given(names, names)
def test_two_clients_never_share_a_directory_even_where_case_is_ignored(one: str, other: str) -> None:
    first, second = directory_name(one), directory_name(other)
    assert (first.casefold() == second.casefold()) == (one == other)
    for name in (first, second):
        assert set(name) <= set(string.ascii_lowercase + string.digits + "._-~")
        assert 0 < len(name) <= 60
        assert name[0] not in ".-~"
        assert name[-1] != "."


@pytest.mark.parametrize(
    ("one", "other"), [("alpha", "ALPHA"), ("A", "a"), ("a.", "a"), ("a b", "a-b"), ("x" * 60, "x" * 61)]
)
def test_names_that_differ_little_get_directories_that_differ(one: str, other: str) -> None:
    assert directory_name(one).casefold() != directory_name(other).casefold()


def test_a_second_writer_is_refused_until_the_first_has_closed(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.record(Phase.RUN, Event.RUN_STARTED)
        with pytest.raises(JournalLocked, match="another writer"):
            opened(tmp_path)
        journal.record(Phase.RUN, Event.RUN_ENDED)
    with opened(tmp_path) as again:
        assert again.head.sequence == 2


def test_a_writer_in_another_process_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, sys; from runner.disk import try_lock;"
        f"fd = os.open({str(tmp_path / 'alpha' / 'runs' / 'r1' / 'lock')!r}, os.O_RDWR);"
        "print(try_lock(fd), flush=True); sys.stdin.read()"
    )
    with opened(tmp_path) as journal:
        held = subprocess.run([sys.executable, "-c", code], input=b"", capture_output=True, check=True)
        assert held.stdout.strip() == b"False"
        journal.record(Phase.RUN, Event.RUN_STARTED)
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"True"
        with pytest.raises(JournalLocked):
            opened(tmp_path)
        holder.kill()
    with opened(tmp_path) as again:
        assert again.head.sequence == 1


def test_who_looks_whether_a_journal_is_written_never_disturbs_who_writes_it(tmp_path: Path) -> None:
    disk = SystemDisk()
    with opened(tmp_path) as journal:
        directory = journal.path.parent
        for number in range(1, 51):
            journal.record("run", "mark", durable=number % 10 == 0, **note(number))
            assert is_written(directory, disk)
    assert not is_written(directory, disk)
    assert [each.sequence for each in read(journal.path)[0]] == list(range(1, 51))


def test_a_writer_waits_for_who_looks_whether_somebody_writes(tmp_path: Path) -> None:
    opened(tmp_path).close()
    looking = [os.open(tmp_path / "alpha" / "runs" / "r1" / "lock", os.O_RDWR)]
    assert try_lock(looking[0])
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            os.close(looking.pop())

    ticks = ticking()
    with opened(tmp_path, clock=Clock(ticks.now, ticks.monotonic, wait)) as journal:
        journal.record("run", "mark")
        with pytest.raises(JournalLocked):  # who does write it keeps it
            opened(tmp_path, clock=Clock(ticks.now, ticks.monotonic, waited.append))
    assert 3 < len(waited) < 100


def test_a_secret_never_reaches_the_file_in_keys_values_or_base64(tmp_path: Path) -> None:
    redactor = Redactor()
    redactor.register("Hunter2-made-up")
    with opened(tmp_path, redactor=redactor) as journal:
        said = {"Hunter2-made-up": ["SHVudGVyMi1tYWRlLXVw", b"Hunter2-made-up"], "ok": 1}
        journal.record(Phase.COLLECT, Event.RUN_STARTED, data=said)
    content = journal.path.read_bytes()
    assert b"Hunter2" not in content
    assert b"SHVudGVyMi1tYWRlLXV" not in content
    assert read(journal.path)[0][0].data["ok"] == 1


def stored(journal: JournalWriter) -> Head:
    return head_from_bytes((journal.path.parent / "head").read_bytes())


def test_intent_is_on_the_disk_before_record_returns_with_all_that_stands_before_it(tmp_path: Path) -> None:
    disk = CountingDisk()
    journal = opened(tmp_path, disk=disk)
    journal.record(Phase.RUN, Event.RUN_STARTED)
    before = disk.fsyncs
    journal.record(Phase.COLLECT, Event.HOST_STARTED, host="EX1", durable=True)
    assert disk.fsyncs == before + 1
    assert journal.path.read_bytes().count(b"\n") == 2
    journal.close()


def test_the_head_is_replaced_at_checkpoints_alone(tmp_path: Path) -> None:
    disk, seconds = CountingDisk(), [0.0]
    clock = Clock(now=lambda: datetime(2026, 11, 24, tzinfo=UTC), monotonic=lambda: seconds[0])
    journal = opened(tmp_path, disk=disk, clock=clock)

    def intend() -> Head:
        return journal.record(Phase.COLLECT, Event.HOST_STARTED, host="EX1", durable=True)

    assert stored(journal) == EMPTY
    before = disk.fsyncs, disk.directory_fsyncs
    for _ in range(HEAD_FLUSHES - 1):
        intend()
    assert stored(journal) == EMPTY
    assert (disk.fsyncs, disk.directory_fsyncs) == (before[0] + HEAD_FLUSHES - 1, before[1])
    assert intend() == stored(journal)
    assert (disk.fsyncs, disk.directory_fsyncs) == (before[0] + HEAD_FLUSHES + 1, before[1] + 1)
    seconds[0] = HEAD_SECONDS - 0.1
    assert intend() != stored(journal)
    seconds[0] = HEAD_SECONDS
    assert intend() == stored(journal)
    last = journal.record(Phase.RUN, Event.RUN_ENDED)
    journal.close()
    assert stored(journal) == Head(last.sequence, last.sha256, closed=True)


def test_the_rest_is_written_in_groups_and_waits_for_no_disk(tmp_path: Path) -> None:
    disk = CountingDisk()
    journal = opened(tmp_path, disk=disk)
    writes, fsyncs = disk.writes, disk.fsyncs
    for number in range(GROUP_LINES - 1):
        journal.record(Phase.RUN, Event.OVERRIDE, **note(number))
    assert (journal.path.stat().st_size, disk.writes) == (0, writes)
    last = journal.record(Phase.RUN, Event.OVERRIDE, **note(0))
    assert (disk.writes, disk.fsyncs) == (writes + 1, fsyncs)
    assert read(journal.path)[1] == Verified(last, GROUP_LINES, GROUP_LINES)
    journal.close()


def test_a_line_does_not_wait_longer_than_the_group_time_once_another_follows(tmp_path: Path) -> None:
    disk, seconds = CountingDisk(), [0.0]
    clock = Clock(now=lambda: datetime(2026, 11, 24, tzinfo=UTC), monotonic=lambda: seconds[0])
    journal = opened(tmp_path, disk=disk, clock=clock)
    journal.record(Phase.RUN, Event.RUN_STARTED)
    fsyncs, seconds[0] = disk.fsyncs, GROUP_SECONDS
    journal.record(Phase.RUN, Event.OVERRIDE)
    assert journal.path.read_bytes().count(b"\n") == 2
    journal.record(Phase.RUN, Event.OVERRIDE)
    assert journal.path.read_bytes().count(b"\n") == 2
    assert disk.fsyncs == fsyncs
    journal.close()


def test_a_process_that_ends_without_closing_its_journal_keeps_no_line_to_itself(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.runner.journal.journals import opened, write_audit;"
        f"journal = opened(Path({str(tmp_path)!r})); write_audit(journal);"
        "journal.record('run', 'override', data={'last': True}); sys.exit(3)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False)
    assert ended.returncode == 3
    records, found = read(tmp_path / "alpha" / "runs" / "r1" / "journal.jsonl")
    assert isinstance(found, Verified)
    assert (len(records), records[-1].data) == (12, {"last": True})


def test_threads_that_wait_for_the_disk_share_one_flush(tmp_path: Path) -> None:
    class SlowDisk(CountingDisk):
        first, go = threading.Event(), threading.Event()
        slow = False

        def fsync(self, descriptor: int) -> None:
            if self.slow:
                self.slow = False
                self.first.set()
                assert self.go.wait(HANG_SECONDS)
            super().fsync(descriptor)

    disk = SlowDisk()
    journal = opened(tmp_path, disk=disk)
    before, disk.slow = disk.fsyncs, True

    def send(number: int) -> None:
        journal.record(Phase.RUN, Event.OVERRIDE, durable=True, **note(number))

    threads = [threading.Thread(target=send, args=(0,))]
    threads[0].start()
    assert disk.first.wait(HANG_SECONDS)
    threads += [threading.Thread(target=send, args=(number,)) for number in range(1, 9)]
    for thread in threads[1:]:
        thread.start()
    assert happens(lambda: journal.head.sequence >= 9)
    disk.go.set()
    for thread in threads:
        assert ends(thread)
    assert disk.fsyncs == before + 2  # the first, and one for the eight that came meanwhile
    journal.close()
    assert isinstance(verify(journal.path), Verified)


def test_lines_of_many_threads_form_one_chain(tmp_path: Path) -> None:
    with opened(tmp_path, disk=CountingDisk()) as journal:

        def work(thread: int) -> None:
            for number in range(50):
                journal.record(
                    Phase.RUN, Event.OVERRIDE, durable=number % 10 == 0, data={"thread": thread, "n": number}
                )

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = verify(journal.path)
    assert isinstance(found, Verified)
    assert found.count == 400
    written = {(record.data["thread"], record.data["n"]) for record in read(journal.path)[0]}
    assert written == {(thread, number) for thread in range(8) for number in range(50)}


def test_a_system_call_that_takes_part_of_a_line_is_repeated_with_the_rest(tmp_path: Path) -> None:
    with opened(tmp_path, disk=MiserlyDisk()) as journal:
        write_audit(journal)
    assert isinstance(verify(journal.path), Verified)


def _fill(journal: JournalWriter) -> None:
    for number in range(10):
        journal.record(Phase.RUN, Event.OVERRIDE, **note(number))
    journal.record(Phase.RUN, Event.OVERRIDE, durable=True)


@pytest.mark.parametrize("room", [0, 1, 300, 700])
def test_after_a_full_disk_every_call_says_that_nothing_more_is_sent(tmp_path: Path, room: int) -> None:
    disk = FullDisk(10_000)
    journal = opened(tmp_path, disk=disk)
    disk.room = room
    with pytest.raises(JournalUnwritable, match=r"journal\.jsonl.*No space left.*Nothing more is sent"):
        _fill(journal)
    disk.room = 10_000
    size = journal.path.stat().st_size
    with pytest.raises(JournalUnwritable):
        journal.record(Phase.COLLECT, Event.SCRIPT_SENDING, durable=True)
    journal.close()
    assert journal.path.stat().st_size == size == room


def test_a_disk_that_cannot_flush_makes_the_journal_unwritable_for_good(tmp_path: Path) -> None:
    class Failing(CountingDisk):
        broken = False

        def fsync(self, descriptor: int) -> None:
            if self.broken:
                raise OSError(5, "Input/output error")

    disk = Failing()
    journal = opened(tmp_path, disk=disk)
    disk.broken = True
    with pytest.raises(JournalUnwritable, match="Input/output error"):
        journal.record(Phase.RUN, Event.RUN_STARTED, durable=True)
    disk.broken = False
    with pytest.raises(JournalUnwritable):
        journal.record(Phase.RUN, Event.RUN_STARTED, durable=True)
    journal.close()


def test_a_state_directory_that_cannot_be_made_is_an_unwritable_journal(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalUnwritable):
        opened(tmp_path / "file" / "state")


def test_a_closed_journal_takes_nothing_more(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.close()
    journal.close()
    with pytest.raises(JournalUnwritable, match="closed"):
        journal.record(Phase.RUN, Event.RUN_STARTED)


def test_a_value_without_a_canonical_form_is_refused_and_the_journal_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.record(Phase.RUN, Event.RUN_STARTED)
        with pytest.raises(UnrecordableValueError):
            journal.record(Phase.RUN, Event.OVERRIDE, data={"x": object()})
        with pytest.raises(UnrecordableValueError, match="SHA-256"):
            journal.record(Phase.RUN, Event.SCRIPT_NAMED, script_hash="secret")
        journal.record(Phase.RUN, Event.RUN_ENDED)
    assert isinstance(verify(journal.path), Verified)
    assert [record.event for record in read(journal.path)[0]] == [Event.RUN_STARTED, Event.RUN_ENDED]


@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_an_interrupt_within_a_line_leaves_a_journal_that_can_still_say_so(tmp_path: Path, part: float) -> None:
    disk = InterruptedDisk(lambda data: int(len(data) * part))
    with opened(tmp_path, disk=disk) as journal:
        journal.record(Phase.RUN, Event.RUN_STARTED)
        disk.armed = True
        with pytest.raises(KeyboardInterrupt):
            journal.record(Phase.CONNECT, Event.HOST_STARTED, host="EX1", durable=True)
        journal.record(Phase.RUN, Event.RUN_INTERRUPTED, durable=True)
    assert isinstance(verify(journal.path), Verified)
    events = [record.event for record in read(journal.path)[0]]
    assert events == [Event.RUN_STARTED, Event.HOST_STARTED, Event.RUN_INTERRUPTED]


@pytest.mark.parametrize("size", [1, 5000])
def test_foreign_bytes_written_while_the_writer_runs_stop_it(tmp_path: Path, size: int) -> None:
    journal = opened(tmp_path)
    journal.record(Phase.RUN, Event.RUN_STARTED, durable=True)
    with journal.path.open("ab") as file:
        file.write(b"x" * size)
    with pytest.raises(JournalUnwritable):
        journal.record(Phase.RUN, Event.RUN_ENDED, durable=True)
    journal.close()


def test_half_a_line_left_by_a_crash_is_cut_off_reported_and_recorded(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        write_audit(journal)
    (journal.path.parent / "head").unlink()
    content = journal.path.read_bytes()
    journal.path.write_bytes(content[:-10])
    with opened(tmp_path) as again:
        assert again.torn is not None
        assert again.torn.line == 11
        again.record(Phase.RUN, Event.RUN_RESUMED)
    assert isinstance(verify(journal.path), Verified)
    dropped, resumed = read(journal.path)[0][-2:]
    assert (dropped.event, dropped.data["bytes"]) == (Event.TAIL_DROPPED, again.torn.size)
    assert resumed.event == Event.RUN_RESUMED


@pytest.mark.parametrize("harm", ["altered", "cut", "foreign", "head", "after-close"])
def test_nothing_is_added_to_a_journal_that_does_not_verify(tmp_path: Path, harm: str) -> None:
    with opened(tmp_path) as journal:
        write_audit(journal)
    content = journal.path.read_bytes()
    lines = content.splitlines(keepends=True)
    match harm:
        case "altered":
            journal.path.write_bytes(content.replace(b"EX1", b"EX9", 1))
        case "cut":
            journal.path.write_bytes(b"".join(lines[:-1]))
        case "foreign":
            journal.path.write_bytes(content + lines[-1])
        case "head":
            (journal.path.parent / "head").write_bytes(b"{}")
        case _:
            journal.path.write_bytes(content + b"half a li")
    harmed = journal.path.read_bytes()
    with pytest.raises(JournalBroken, match="Nothing was added"):
        opened(tmp_path)
    assert journal.path.read_bytes() == harmed


def test_a_journal_of_another_client_copied_into_place_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, client="beta") as theirs:
        write_audit(theirs)
    with opened(tmp_path) as ours:
        pass
    ours.path.write_bytes(theirs.path.read_bytes())
    (ours.path.parent / "head").write_bytes((theirs.path.parent / "head").read_bytes())
    with pytest.raises(JournalBroken, match="another run or client"):
        opened(tmp_path)


def test_each_line_is_one_json_object_with_the_documented_members(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        write_audit(journal)
    documented = Path(__file__).parents[3].joinpath("docs", "reference", "journal.md").read_text(encoding="utf-8")
    for line in journal.path.read_bytes().splitlines():
        for member in json.loads(line):
            assert f"| `{member}` |" in documented
    for event in Event:
        assert f"| `{event}` |" in documented


def test_a_writer_killed_at_any_byte_leaves_a_journal_that_is_described_folds_and_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path / "whole", disk=CountingDisk()) as journal:
        write_audit(journal)
    content = journal.path.read_bytes()
    whole = read(journal.path)[0]
    ends = [position + 1 for position, byte in enumerate(content) if byte == ord("\n")]
    directory = tmp_path / "killed" / "alpha" / "runs" / "r1"
    directory.mkdir(parents=True)
    path = directory / "journal.jsonl"
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        count = sum(end <= length for end in ends)
        found, records = verify(path), read(path)[0]
        if length in {0, *ends}:
            assert isinstance(found, Verified)
            assert found.count == count
            assert found.after_head is None
        else:
            assert not isinstance(found, Verified)
            assert (found.fault, found.line, found.intact) == ("truncated", count + 1, count)
        assert records == whole[:count]
        state = fold(map(read_event, records))
        assert (state is None) == (count == 0)
        if state is not None:
            _agrees(state.unsettled, count)
            assert state.phase is (RunPhase.INTERRUPTED if count == len(ends) else RunPhase.RUNNING)


def _agrees(unsettled: tuple[tuple[str, Attempt], ...], count: int) -> None:
    """Lines 5 and 7 send to EX1 and EX2; line 8 is the answer of EX1; nothing answers for EX2."""
    expected = {"EX1"} & ({"EX1"} if 5 <= count < 8 else set()) | ({"EX2"} if count >= 7 else set())
    assert {host for host, _ in unsettled} == expected


def test_a_run_killed_at_any_byte_is_resumed_with_one_whole_chain(tmp_path: Path) -> None:
    with opened(tmp_path / "whole", disk=CountingDisk()) as journal:
        write_audit(journal)
    content = journal.path.read_bytes()
    start = content.index(b"\n") + 1
    for length in range(start, len(content), 13):
        state = tmp_path / str(length)
        directory = state / "alpha" / "runs" / "r1"
        directory.mkdir(parents=True)
        (directory / "journal.jsonl").write_bytes(content[:length])
        torn = content[:length][-1:] != b"\n"
        with opened(state, disk=CountingDisk()) as again:
            assert (again.torn is not None) == torn
            put(again, RunResumed())
            put(again, ENDED)
        assert isinstance(verify(again.path), Verified)
        folded = fold(map(read_event, read(again.path)[0]))
        assert folded is not None
        assert (folded.phase, folded.resumed) == (RunPhase.ENDED, 1)

"""Who may change a host: by name, in one process at a time, whatever dies when, and taken over only where named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from runner.disk import Disk, SystemDisk
from runner.locks import (
    SILENT_SECONDS,
    Held,
    HostLocks,
    HostsHeldError,
    LocksLostError,
    LocksUnavailableError,
    Owner,
    TakenOver,
    take,
)
from tests.runner.crashing import CrashingDisk, Died
from tests.runner.journal.journals import FullDisk
from tests.waiting import HANG_SECONDS

STATE = Path("/state")
START = datetime(2026, 11, 28, 2, 40, tzinfo=UTC)
HOSTS = ("EX1", "EX2", "EX3")


def owner(run: str, seconds: float = 0, machine: str = "desk") -> Owner:
    since = START + timedelta(seconds=seconds)
    return Owner(run, f"ops@{machine}", machine, 4242, since, since)


def never(seconds: float) -> None:
    raise AssertionError("nobody else is at the locks")


class Process(CrashingDisk):
    """One process on a disk that others use too; when it is killed, its descriptors and locks are gone."""

    def __init__(self, disk: CrashingDisk) -> None:
        self.__dict__ = dict(disk.__dict__)
        self._mine: set[int] = set()

    def open(self, path: Path, *, emptied: bool = False) -> int:
        descriptor = super().open(path, emptied=emptied)
        self._mine.add(descriptor)
        return descriptor

    def close(self, descriptor: int) -> None:
        super().close(descriptor)
        self._mine.discard(descriptor)

    def kill(self) -> None:
        for descriptor in list(self._mine):
            self.close(descriptor)


def takes(disk: Disk, run: str, *hosts: str, over: tuple[str, ...] = (), seconds: float = 0) -> HostLocks:
    return take(STATE, "alpha", owner(run, seconds), hosts, disk, wait=never, over=over)


def held(disk: Disk) -> dict[str, tuple[str, bool]]:
    """Who holds each host, and whether that is stale: as it is said to a run that asks for all."""
    asking = Process(disk) if isinstance(disk, CrashingDisk) else disk
    try:
        locks = take(STATE, "alpha", owner("asks", 9), HOSTS, asking, wait=never)
    except HostsHeldError as error:
        return {each.host: (each.owner.run, each.stale) for each in error.held}
    locks.release(never)
    return {}


def test_a_host_that_is_held_is_refused_with_who_since_when_and_the_last_sign() -> None:
    disk = CrashingDisk()
    locks = takes(Process(disk), "r1", "EX1", "EX2")
    assert locks.beat(START + timedelta(minutes=58))
    with pytest.raises(HostsHeldError) as told:
        takes(Process(disk), "r2", "EX2", "EX3", over=("EX2",), seconds=3600)
    assert str(told.value) == (
        "EX2 is held by run r1 of ops@desk (process 4242 on desk), for 60 min, last heard of 2 min ago"
    )
    assert told.value.next == "Wait for that run to end, or stop it."
    assert takes(Process(disk), "r2", "EX3").hosts == ("EX3",)
    locks.release(never)
    locks.release(never)
    assert held(disk) == {"EX3": ("r2", False)}


def test_a_host_of_another_client_is_another_host() -> None:
    disk = CrashingDisk()
    takes(Process(disk), "r1", "EX1")
    assert take(STATE, "beta", owner("r2"), ["EX1"], Process(disk), wait=never).hosts == ("EX1",)


def test_a_host_whose_runs_process_is_gone_is_taken_over_by_name_alone_and_told() -> None:
    disk = CrashingDisk()
    first = Process(disk)
    takes(first, "r1", "EX1", "EX2")
    first.kill()
    with pytest.raises(HostsHeldError, match="whose process is gone, for 2 h") as told:
        takes(Process(disk), "r2", "EX1", "EX2", over=("EX2",), seconds=7200)
    assert told.value.held == (Held("EX1", owner("r1"), stale=True),)
    assert "name each of these servers" in told.value.next
    locks = takes(Process(disk), "r2", "EX2", "EX3", over=("EX2",), seconds=7200)
    assert locks.taken_over == (TakenOver("EX2", owner("r1")),)
    assert held(disk) == {"EX1": ("r1", True), "EX2": ("r2", False), "EX3": ("r2", False)}


def test_the_run_itself_goes_on_with_what_it_held_and_not_beside_itself() -> None:
    disk = CrashingDisk()
    first = Process(disk)
    takes(first, "r1", "EX1", "EX2")
    with pytest.raises(HostsHeldError):
        takes(Process(disk), "r1", "EX1")
    first.kill()
    again = takes(Process(disk), "r1", "EX1", seconds=60)
    assert again.hosts == ("EX1", "EX2")
    assert again.taken_over == ()
    again.release(never)
    assert held(disk) == {}


def test_a_process_of_another_machine_is_gone_only_once_it_has_been_silent() -> None:
    """Its lock may not be seen from here, where the state directory is shared."""
    disk = CrashingDisk()
    first = Process(disk)
    locks = take(STATE, "alpha", owner("r1", machine="laptop"), ["EX1"], first, wait=never)
    first.kill()
    with pytest.raises(HostsHeldError) as told:
        takes(Process(disk), "r2", "EX1", over=("EX1",), seconds=SILENT_SECONDS)
    assert not told.value.held[0].stale
    other = takes(Process(disk), "r2", "EX1", over=("EX1",), seconds=SILENT_SECONDS + 1)
    with pytest.raises(LocksLostError, match="EX1: taken over by another run"):
        locks.beat(START + timedelta(hours=1))
    other.release(never)
    with pytest.raises(LocksLostError):
        locks.beat(START + timedelta(hours=1))


def test_another_that_is_at_the_locks_is_waited_for_and_not_for_ever() -> None:
    disk = CrashingDisk()
    locks = takes(Process(disk), "r1", "EX1")
    inside = disk.open(STATE / "alpha" / "locks" / "lock")
    assert disk.lock(inside)
    assert not locks.beat(START)
    waited: list[float] = []
    with pytest.raises(LocksUnavailableError, match="for too long"):
        take(STATE, "alpha", owner("r2"), ["EX2"], Process(disk), wait=waited.append)
    assert 1 < sum(waited) < 30

    def leaves(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            disk.close(inside)

    waited.clear()
    assert take(STATE, "alpha", owner("r2"), ["EX2"], Process(disk), wait=leaves).hosts == ("EX2",)
    assert len(waited) == 3


def deaths(
    begin: Callable[[], CrashingDisk], act: Callable[[CrashingDisk, list[str]], None]
) -> Iterator[tuple[CrashingDisk, list[str]]]:
    """Every disk that a death at each operation of `act` may leave, and what had been acknowledged by then."""
    whole = begin()
    before = len(whole.done)
    act(whole, [])
    for lives in range(before, len(whole.done) + 1):
        disk = begin()
        disk.lives = lives
        acknowledged: list[str] = []
        with suppress(Died):
            act(disk, acknowledged)
        yield disk.killed(), acknowledged
        for outcome in disk.outcomes():
            yield disk.after(outcome), acknowledged


def test_after_a_death_at_any_operation_all_hosts_of_a_run_are_held_or_none() -> None:
    def act(disk: CrashingDisk, acknowledged: list[str]) -> None:
        locks = takes(disk, "r1", "EX1", "EX2")
        acknowledged.append("taken")
        locks.beat(START + timedelta(seconds=30))
        acknowledged.append("beaten")
        acknowledged.append("releasing")
        locks.release(never)
        acknowledged.append("released")

    seen: Counter[str] = Counter()
    both = {"EX1": ("r1", True), "EX2": ("r1", True)}
    for disk, acknowledged in deaths(CrashingDisk, act):
        now = held(disk)
        assert now in ({}, both)
        if "taken" in acknowledged and "releasing" not in acknowledged:
            assert now == both
        if "released" in acknowledged:
            assert now == {}
        seen[f"{'held' if now else 'free'} {acknowledged[-1:]}"] += 1
        # Whatever is left, a run to which the hosts are named gets them, and loses them to no power failure.
        after = disk.killed()
        locks = takes(after, "r2", "EX1", "EX2", over=("EX1", "EX2"), seconds=60)
        assert {each.host for each in locks.taken_over} == set(now)
        for outcome in after.outcomes():
            assert held(after.after(outcome)) == {"EX1": ("r2", True), "EX2": ("r2", True)}
    assert all(
        seen[each] for each in ("held []", "free []", "held ['taken']", "held ['releasing']", "free ['releasing']")
    )


def test_after_a_death_at_any_operation_a_host_that_is_taken_over_has_one_owner() -> None:
    def begin() -> CrashingDisk:
        disk = CrashingDisk()
        first = Process(disk)
        takes(first, "r1", "EX1", "EX2")
        first.kill()
        return disk

    def act(disk: CrashingDisk, acknowledged: list[str]) -> None:
        takes(disk, "r2", "EX1", "EX3", over=("EX1",), seconds=60)
        acknowledged.append("taken")

    seen: Counter[str] = Counter()
    before = {"EX1": ("r1", True), "EX2": ("r1", True)}
    after = {"EX1": ("r2", True), "EX2": ("r1", True), "EX3": ("r2", True)}
    for disk, acknowledged in deaths(begin, act):
        now = held(disk)
        assert now in (before, after)
        assert now == after or not acknowledged
        seen["after" if now == after else "before"] += 1
    assert min(seen.values()) > 3
    assert len(seen) == 2


def test_thousands_of_hosts_cost_the_disk_what_one_costs() -> None:
    done = []
    for hosts in (1, 2000):
        disk = CrashingDisk()
        locks = takes(disk, "r1", *(f"EX{number}" for number in range(hosts)))
        assert locks.beat(START)
        locks.release(never)
        done.append(disk.done)
    assert done[0] == done[1]
    assert done[0].count("fsync") == 3


@pytest.mark.parametrize("left_out", ["fsync", "sync_directory"])
def test_the_sweep_objects_where_an_operation_is_left_out(left_out: str) -> None:
    disk = CrashingDisk()
    disk.deaf = frozenset({left_out})
    takes(disk, "r1", "EX1")

    def look() -> None:
        for outcome in disk.outcomes():
            assert held(disk.after(outcome)) == {"EX1": ("r1", True)}

    with pytest.raises((AssertionError, LocksUnavailableError)):
        look()


class Runs(RuleBasedStateMachine):
    """Runs take, beat, end, die and lose power, in any order; a model knows who holds what and who lives."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = CrashingDisk()
        self.alive: dict[str, tuple[Process, HostLocks]] = {}
        self.owners: dict[str, str] = {}
        self.seconds = 0

    @rule(run=st.sampled_from(["r1", "r2", "r3"]), hosts=st.sets(st.sampled_from(HOSTS), min_size=1), data=st.data())
    def takes(self, run: str, hosts: set[str], data: st.DataObject) -> None:
        over = data.draw(st.sets(st.sampled_from(HOSTS)))
        self.seconds += 1
        process = Process(self.disk)
        others = {host for host in hosts if self.owners.get(host, run) != run}
        may = run not in self.alive and all(host in over and self.owners[host] not in self.alive for host in others)
        if not may:
            with pytest.raises(HostsHeldError) as told:
                takes(process, run, *sorted(hosts), over=tuple(over), seconds=self.seconds)
            if run not in self.alive:
                refused = {host for host in others if host not in over or self.owners[host] in self.alive}
                assert {each.host for each in told.value.held} == refused
                assert all(each.stale == (each.owner.run not in self.alive) for each in told.value.held)
            return
        locks = takes(process, run, *sorted(hosts), over=tuple(over), seconds=self.seconds)
        taken_over = {each.host: each.owner.run for each in locks.taken_over}
        assert taken_over == {host: self.owners[host] for host in others}
        self.owners.update(dict.fromkeys(hosts, run))
        assert set(locks.hosts) == {host for host, by in self.owners.items() if by == run}
        self.alive[run] = process, locks

    @rule(data=st.data())
    def ends(self, data: st.DataObject) -> None:
        if self.alive:
            run = data.draw(st.sampled_from(sorted(self.alive)))
            self.alive.pop(run)[1].release(never)
            self.owners = {host: by for host, by in self.owners.items() if by != run}

    @rule(data=st.data())
    def is_killed(self, data: st.DataObject) -> None:
        if self.alive:
            self.alive.pop(data.draw(st.sampled_from(sorted(self.alive))))[0].kill()

    @rule()
    def beat(self) -> None:
        self.seconds += 1
        for _, locks in self.alive.values():
            assert locks.beat(START + timedelta(seconds=self.seconds))

    @rule(chance=st.randoms(use_true_random=False))
    def power_is_lost(self, chance: Random) -> None:
        outcomes = list(self.disk.outcomes())
        self.disk = self.disk.after(chance.choice(outcomes))
        self.alive.clear()

    @rule()
    def all_is_as_it_is_said(self) -> None:
        assert held(self.disk) == {host: (by, by not in self.alive) for host, by in self.owners.items()}


TestRuns = Runs.TestCase
TestRuns.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)

HOLDER = """\
import sys
from datetime import datetime
from pathlib import Path
from runner.disk import SystemDisk
from runner.locks import Owner, take
now = datetime.fromisoformat("2026-11-28T02:40:00+00:00")
owner = Owner("r1", "ops@desk", "desk", 4242, now, now)
locks = take(Path(sys.argv[1]), "alpha", owner, ["EX1", "EX2"], SystemDisk(), wait=lambda seconds: None)
print("held", flush=True)
sys.stdin.readline()
locks.release(lambda seconds: None)
print("released", flush=True)
"""


def holder(state: Path) -> subprocess.Popen[str]:
    """Another process that holds EX1 and EX2 until it gets a line."""
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def here(state: Path, run: str, *hosts: str, over: tuple[str, ...] = ()) -> HostLocks:
    return take(state, "alpha", owner(run, 60), hosts, SystemDisk(), wait=never, over=over)


def test_two_processes_the_one_that_lives_keeps_its_hosts(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(HostsHeldError, match="for 60 s"):
            here(tmp_path, "r2", "EX2", over=("EX2",))
        other = here(tmp_path, "r2", "EX3")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "released\n"
    assert here(tmp_path, "r3", "EX1", "EX2").taken_over == ()
    other.release(never)
    assert sorted(each.name for each in (tmp_path / "alpha" / "locks").iterdir()) == ["held.json", "lock", "r3.lock"]


def test_two_processes_the_one_that_was_killed_keeps_them_until_they_are_named(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        with pytest.raises(HostsHeldError, match="whose process is gone"):
            here(tmp_path, "r2", "EX2")
        locks = here(tmp_path, "r2", "EX2", over=("EX2",))
        assert locks.taken_over == (TakenOver("EX2", owner("r1")),)
    document = json.loads((tmp_path / "alpha" / "locks" / "held.json").read_text())
    assert [(each["run"], each["hosts"]) for each in document["claims"]] == [("r1", ["EX1"]), ("r2", ["EX2"])]


def test_of_many_at_once_one_gets_a_host_and_none_is_lost(tmp_path: Path) -> None:
    start = threading.Barrier(6)

    def one(number: int) -> list[str]:
        start.wait(HANG_SECONDS)
        got = []
        for host in ("EX1", f"OWN{number}"):
            try:
                run = f"r{number}-{host}"
                take(tmp_path, "alpha", owner(run), [host], SystemDisk(), wait=time.sleep)
                got.append(host)
            except HostsHeldError:
                pass
        return got

    with ThreadPoolExecutor(6) as threads:
        got = [host for each in threads.map(one, range(6)) for host in each]
    assert sorted(got) == ["EX1", *(f"OWN{number}" for number in range(6))]
    document = json.loads((tmp_path / "alpha" / "locks" / "held.json").read_text())
    assert sorted(host for each in document["claims"] for host in each["hosts"]) == sorted(got)


def test_what_a_newer_version_says_of_another_run_stays(tmp_path: Path) -> None:
    here(tmp_path, "r1", "EX1")
    file = tmp_path / "alpha" / "locks" / "held.json"
    file.write_text(file.read_text().replace('"run":"r1"', '"run":"r1","seat":7'))
    here(tmp_path, "r2", "EX2")
    assert '"seat":7' in file.read_text()


NEVER = (
    b'{"claims":[{"actor":"a","heartbeat":"0001-01-01T00:00:00+14:00","hosts":["EX2"],"machine":"m","pid":1,'
    b'"run":"r1","since":"0001-01-01T00:00:00+14:00"}]}'
)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"claims":[{}]}', b"[" * 9000, b'{"claims":[{"actor":1}]}', b"\xff", NEVER]
)
def test_locks_that_cannot_be_read_hold_everything(content: bytes, tmp_path: Path) -> None:
    here(tmp_path, "r1", "EX1").release(never)
    (tmp_path / "alpha" / "locks" / "held.json").write_bytes(content)
    with pytest.raises(LocksUnavailableError, match="not what exrun wrote"):
        here(tmp_path, "r2", "EX2", over=("EX2",))


@pytest.mark.skipif(sys.platform == "win32", reason="it has no pipes in folders")
def test_a_pipe_in_place_of_the_locks_is_not_waited_for(tmp_path: Path) -> None:
    here(tmp_path, "r1", "EX1").release(never)
    held = tmp_path / "alpha" / "locks" / "held.json"
    held.unlink()
    os.mkfifo(held)
    with pytest.raises(LocksUnavailableError, match="cannot be read or written"):
        here(tmp_path, "r2", "EX2")


def test_a_full_disk_gives_no_host(tmp_path: Path) -> None:
    with pytest.raises(LocksUnavailableError, match="No space left"):
        take(tmp_path, "alpha", owner("r1"), ["EX1"], FullDisk(10), wait=never)
    assert here(tmp_path, "r2", "EX1").taken_over == ()

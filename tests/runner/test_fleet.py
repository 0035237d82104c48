"""The threads of a run over work that is no audit: what drains, what aborts, and that every host has one row."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.model import Host
from runner.cli.interruption import interruptible
from runner.fleet import HALT_SECONDS, Brake, Fleet, HealthCheck, Stop
from runner.rollout import Concern, Halt, Letting, Rules
from runner.terms import Ending
from runner.transport.failures import Cause, Failure, failure
from tests.runner.fleets import host

HANG_SECONDS = 30  # after which a test that hangs fails


@dataclass
class Work:
    """A host that does what it was told. Its row says how it came about."""

    host: Host
    does: Callable[[Work], str]
    cancelled: threading.Event = field(default_factory=threading.Event)
    row: str | None = None

    def run(self) -> str:
        return self.leave(failure(Cause.DEFECT, self.does(self)))

    def cancel(self) -> None:
        self.cancelled.set()

    def leave(self, why: Failure) -> str:
        if self.row is None:
            self.row = f"{self.host.name}: {why.message}"
        return self.row


@dataclass
class Heard:
    """A listener that keeps what it is told, and does something when it is told of a halt."""

    when_halting: Callable[[Halt], None] = lambda _: None
    begun: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    halts: list[Halt] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)

    def started(self, host: Host) -> None:
        self.begun.append(host.name)

    def ended(self, row: str) -> None:
        self.rows.append(row)

    def halting(self, halt: Halt) -> None:
        self.halts.append(halt)
        self.when_halting(halt)

    def defect(self, where: str, error: BaseException) -> None:
        self.defects.append(type(error).__name__)


class Moved:
    """Monotonic time that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def fleet(
    does: Callable[[Work], str],
    *,
    parallel: int = 2,
    heard: Heard | None = None,
    brake: Brake | None = None,
    clock: Moved | None = None,
) -> Fleet[str]:
    return Fleet(
        Rules(parallel),
        300.0,
        lambda host: Work(host, does),
        lambda host, why: f"{host.name}: not begun: {why.message}",
        brake or Brake(),
        heard or Heard(),
        clock or Moved(),
    )


def hosts(count: int) -> Sequence[Host]:
    return [host(f"EX{number}") for number in range(count)]


def test_a_drained_run_finishes_what_is_in_work_and_begins_no_other() -> None:
    stop, told, both = Stop(), threading.Event(), threading.Barrier(2, timeout=HANG_SECONDS)

    def does(work: Work) -> str:
        if both.wait() == 0:  # both hosts are in work
            stop.requested = Letting.DRAIN
        assert told.wait(HANG_SECONDS)
        return "cancelled" if work.cancelled.is_set() else "finished"

    heard = Heard(lambda _: told.set())
    rows = fleet(does, heard=heard).work(hosts(4), stop)
    assert rows == [
        "EX0: finished",
        "EX1: finished",
        "EX2: not begun: the run was interrupted",
        "EX3: not begun: the run was interrupted",
    ]
    assert [halt.letting for halt in heard.halts] == [Letting.DRAIN]


def test_a_run_that_is_being_drained_can_still_be_aborted() -> None:
    stop = Stop()

    def does(work: Work) -> str:
        stop.requested = Letting.DRAIN
        assert work.cancelled.wait(HANG_SECONDS)
        return "let go"

    def press_again(_: Halt) -> None:
        stop.requested = Letting.ABORT

    heard = Heard(press_again)
    rows = fleet(does, parallel=1, heard=heard).work(hosts(2), stop)
    assert rows == ["EX0: let go", "EX1: not begun: the run was interrupted"]
    assert [halt.letting for halt in heard.halts] == [Letting.DRAIN, Letting.ABORT]


def test_a_drain_has_no_time_limit_of_its_own() -> None:
    stop, clock, waited = Stop(), Moved(), threading.Event()

    def does(work: Work) -> str:
        stop.requested = Letting.DRAIN
        assert waited.wait(HANG_SECONDS)
        return "cancelled" if work.cancelled.is_set() else "finished"

    def long_after(_: Halt) -> None:
        clock.now += 10 * HALT_SECONDS
        waited.set()

    assert fleet(does, clock=clock, heard=Heard(long_after)).work(hosts(1), stop) == ["EX0: finished"]


def test_a_host_that_another_hosts_work_halted_the_run_before_is_not_begun() -> None:
    brake = Brake()
    why = failure(Cause.INTERRUPTED, "a journal of this run cannot be written")

    def does(work: Work) -> str:
        brake.pull(Halt(Letting.ABORT, Ending.JOURNAL, why))
        return "pulled the brake"

    heard = Heard()
    rows = fleet(does, parallel=1, brake=brake, heard=heard).work(hosts(3), Stop())
    assert rows == ["EX0: pulled the brake", *(f"EX{number}: not begun: {why.message}" for number in (1, 2))]
    assert heard.begun == ["EX0"]


def test_nothing_of_ours_that_raises_loses_a_host_its_row() -> None:
    class Raising(Work):
        def leave(self, why: Failure) -> str:
            raise ZeroDivisionError

    heard = Heard()
    run = fleet(lambda work: "unused", heard=heard)
    run.begin = lambda host: Raising(host, lambda work: "unused")
    rows = run.work(hosts(3), Stop())
    assert rows == [f"EX{number}: not begun: exrun failed with ZeroDivisionError" for number in range(3)]
    assert heard.defects == ["ZeroDivisionError"] * 6  # of `run` and of `leave`, each


@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt, MemoryError, GeneratorExit, RecursionError])
def test_whatever_the_work_with_a_host_raises_costs_that_host_alone_and_at_once(raised: type[BaseException]) -> None:
    def does(work: Work) -> str:
        if work.host.name == "EX1":
            raise raised
        return "finished"

    heard = Heard()
    rows = fleet(does, parallel=1, heard=heard).work(hosts(3), Stop())  # whose clock stands still: no deadline helps
    assert rows == ["EX0: finished", f"EX1: exrun failed with {raised.__name__}", "EX2: finished"]
    assert heard.defects == [raised.__name__]


class Deafening(Heard):
    """A terminal that is gone: whatever is to be shown raises."""

    def started(self, host: Host) -> None:
        raise BrokenPipeError

    def ended(self, row: str) -> None:
        raise OSError(28, "no space left on device")

    def halting(self, halt: Halt) -> None:
        raise BrokenPipeError

    def defect(self, where: str, error: BaseException) -> None:
        raise BrokenPipeError


def test_a_terminal_that_is_gone_ends_no_run_and_costs_no_host() -> None:
    stop = Stop()

    def does(work: Work) -> str:
        if work.host.name == "EX1":
            raise SystemExit
        if work.host.name == "EX2":
            stop.requested = Letting.DRAIN
            return "finished, and stops"
        return "finished"

    rows = fleet(does, parallel=1, heard=Deafening()).work(hosts(3), stop)
    assert rows == ["EX0: finished", "EX1: exrun failed with SystemExit", "EX2: finished, and stops"]


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_where_the_machine_gives_no_further_thread_the_run_goes_on_with_those_it_has(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, left = threading.Thread.start, [threads]
    most, in_work, lock = [0], set[str](), threading.Lock()

    def start(thread: threading.Thread) -> None:
        if thread.name == "exrun-host":
            if not left[0]:
                raise RuntimeError("can't start new thread")
            left[0] -= 1
        begin(thread)

    def does(work: Work) -> str:
        with lock:
            in_work.add(work.host.name)
            most[0] = max(most[0], len(in_work))
        with lock:
            in_work.discard(work.host.name)
        return "finished"

    monkeypatch.setattr(threading.Thread, "start", start)
    rows = fleet(does, parallel=4).work(hosts(9), Stop())
    if threads:
        assert rows == [f"EX{number}: finished" for number in range(9)]
    else:
        why = "not begun: this machine gives no thread to work with"
        assert rows == [f"EX{number}: {why}" for number in range(9)]
    assert most[0] <= threads


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 6),
    st.lists(st.sampled_from(["ends", "raises", "drains", "aborts"]), min_size=1, max_size=25),
)
def test_every_host_has_exactly_one_row_and_no_more_are_in_work_than_may_be(parallel: int, kinds: list[str]) -> None:
    brake, lock, in_work, most = Brake(), threading.Lock(), set[str](), [0]

    def does(work: Work) -> str:
        with lock:
            in_work.add(work.host.name)
            most[0] = max(most[0], len(in_work))
        kind = kinds[int(work.host.name[2:])]
        with lock:
            in_work.discard(work.host.name)
        if kind == "raises":
            raise ZeroDivisionError
        if kind in ("drains", "aborts"):
            letting = Letting.DRAIN if kind == "drains" else Letting.ABORT
            brake.pull(Halt(letting, Ending.INTERRUPTED, failure(Cause.INTERRUPTED, kind)))
        return kind

    heard = Heard()
    rows = fleet(does, parallel=parallel, brake=brake, heard=heard).work(hosts(len(kinds)), Stop())
    assert [row.partition(":")[0] for row in rows] == [f"EX{number}" for number in range(len(kinds))]
    assert most[0] <= parallel
    assert len(heard.rows) == len(set(heard.rows))
    begun = {row for row in rows if "not begun" not in row}
    assert begun == set(heard.rows)
    if not {"drains", "aborts"} & set(kinds):
        assert len(begun) == len(kinds)
    for row, kind in zip(rows, kinds, strict=True):
        assert "not begun" in row or row.endswith("ZeroDivisionError" if kind == "raises" else kind)


@pytest.mark.skipif(not hasattr(signal, "SIGTERM") or os.name == "nt", reason="POSIX signals")
def test_each_signal_asks_for_the_next_rung() -> None:
    stop = Stop()
    before = signal.getsignal(signal.SIGTERM)
    with interruptible(stop, [Letting.DRAIN, Letting.ABORT]):
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested is Letting.DRAIN
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested is Letting.ABORT
    assert signal.getsignal(signal.SIGTERM) is before


@dataclass
class Asked:
    """The work of asking one host."""

    host: Host
    says: Callable[[Asked], str]
    cancelled: threading.Event = field(default_factory=threading.Event)

    def run(self) -> str:
        return self.says(self)

    def cancel(self) -> None:
        self.cancelled.set()

    def leave(self, why: Failure) -> str:
        return f"left: {why.cause}"


def checked(
    says: Callable[[Asked], str], *, parallel: int = 2, heard: Heard | None = None, clock: Moved | None = None
) -> tuple[Fleet[str], list[tuple[str, str | None]]]:
    """A fleet in waves of 3, whose hosts are each asked."""
    told: list[tuple[str, str | None]] = []
    made = fleet(lambda work: "row", parallel=parallel, heard=heard, clock=clock)
    made.rules = Rules(parallel, waves=(3, 3, 3), health=True)
    made.health = HealthCheck(
        lambda row: Concern.ASK, lambda host, row: Asked(host, says), lambda host, came: told.append((host.name, came))
    )
    return made, told


def test_the_hosts_of_a_wave_are_asked_before_the_next_is_begun_and_as_many_at_a_time() -> None:
    heard, lock, asking, most = Heard(), threading.Lock(), [0], [0]

    def says(_: Asked) -> str:
        with lock:
            asking[0] += 1
            most[0] = max(most[0], asking[0])
        assert len(heard.begun) % 3 == 0
        with lock:
            asking[0] -= 1
        return ""

    made, told = checked(says, heard=heard)
    rows = made.work(hosts(9), Stop())
    assert rows == [f"EX{number}: row" for number in range(9)]
    assert sorted(name for name, came in told if came is None) == [f"EX{number}" for number in range(6)]
    assert {came for _, came in told} == {None, ""}
    assert most[0] <= 2
    assert heard.defects == []


def raising(_: Asked) -> str:
    raise OSError


@pytest.mark.parametrize(
    ("says", "why", "defects"),
    [(lambda asked: "services is attention", "services is attention", []), (raising, "left: defect", ["OSError"])],
    ids=["unwell", "raising"],
)
def test_hosts_that_are_not_well_end_the_run_and_none_of_the_next_wave_is_begun(
    says: Callable[[Asked], str], why: str, defects: list[str]
) -> None:
    heard = Heard()
    made, told = checked(lambda asked: says(asked) if asked.host.name == "EX1" else "", heard=heard)
    rows = made.work(hosts(9), Stop())
    assert sorted(heard.begun) == ["EX0", "EX1", "EX2"]
    assert ("EX1", why) in told
    (halt,) = heard.halts
    assert halt.ending is Ending.HEALTH
    assert f"alpha/EX1 ({why})" in halt.why.message
    assert rows[3:] == [f"EX{number}: not begun: {halt.why.message}" for number in range(3, 9)]
    assert heard.defects == defects


def test_a_host_that_never_answers_whether_it_is_well_is_cancelled_and_then_left_behind() -> None:
    clock, released = Moved(), threading.Event()

    def says(asked: Asked) -> str:
        if asked.host.name != "EX2":
            return ""
        clock.now += 311.0
        assert asked.cancelled.wait(HANG_SECONDS)
        clock.now += 10.0
        assert released.wait(HANG_SECONDS)
        return ""

    made, told = checked(says, clock=clock)
    rows = made.work(hosts(6), Stop())
    released.set()
    assert ("EX2", "left: timeout") in told
    assert ("EX2", "") not in told
    assert all("not begun" in row for row in rows[3:])


def test_an_abort_lets_go_of_hosts_that_are_being_asked() -> None:
    stop = Stop()

    def says(asked: Asked) -> str:
        stop.requested = Letting.ABORT
        assert asked.cancelled.wait(HANG_SECONDS)
        return "cancelled"

    heard = Heard()
    made, told = checked(says, parallel=1, heard=heard)
    made.work(hosts(6), stop)
    assert ("EX0", "cancelled") in told
    assert [halt.ending for halt in heard.halts] == [Ending.INTERRUPTED]
    assert sorted(heard.begun) == ["EX0", "EX1", "EX2"]


def test_rules_that_ask_for_a_check_that_nobody_can_make_are_refused() -> None:
    with pytest.raises(ValueError, match="health check"):
        Fleet(Rules(1, health=True), 1.0, lambda host: Work(host, lambda work: ""), lambda host, why: "", Brake(),
              Heard(), Moved())  # fmt: skip

"""Many hosts side by side: threads, clocks, and an end on time whatever happens. Knows nothing of what is done on one.

Each host is worked with by one thread of a bounded number, so that a dead host delays no other. The calling thread
sends nothing: it asks runner/rollout.py what comes next, collects rows, and watches the clock, for a request to stop,
and for a brake that a host's work has pulled.

Two ways to end early, and they are two things. To *drain* is to begin no further host and to wait for those in work.
To *abort* is to cancel these too: from that moment on no script leaves any more, and a host that has not let go within
HALT_SECONDS is left behind with a row of what is known of it.

Between two waves the hosts of the last may be asked whether they are well (`HealthCheck`): on the same threads, and as
many at a time.

Of a host nothing is kept but its row. Whatever a host's work raises, a request to exit included, costs that host alone;
whatever a listener raises costs nobody anything. Where the machine gives no further thread, the run goes on with those
that it has.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar, assert_never

from inventory.model import Host
from runner.rollout import (
    Ask,
    Begin,
    Concern,
    Done,
    Halt,
    Health,
    Letting,
    Now,
    Rules,
    Wait,
    awaited,
    decide,
    is_wave_over,
    of_wave,
    wave_of,
)
from runner.terms import Ending
from runner.transport.failures import Cause, Failure, defect, failure

POLL_SECONDS = 0.05  # how often the calling thread looks at what is no event: the clock and a request to stop
HALT_SECONDS = 3.8  # for hosts to let go once the run is aborted; the rest of Ctrl-C's 5 s is for journals and report
OVERRUN_SECONDS = 10.0  # by which a host may overrun its deadline before it is cancelled, and again before it is left

Row = TypeVar("Row")
Came = TypeVar("Came")
Given = TypeVar("Given", covariant=True)
Shown = TypeVar("Shown", contravariant=True)


class HostWork(Protocol[Given]):
    """What is done with one host. Whatever happens it comes to one row."""

    def run(self) -> Given:
        """All of it, on a thread of its own: the host's row, or the one that `leave` gave."""

    def cancel(self) -> None:
        """From any thread: what `run` waits for ends now, and it sends nothing more."""

    def leave(self, why: Failure) -> Given:
        """From any thread: the row of what is known now, or the one that `run` gave. After it nothing more is sent or
        recorded."""
        ...


class Listener(Protocol[Shown]):
    """Told how the run goes on, for people. May be called from any thread."""

    def started(self, host: Host) -> None:
        """Work with this host begins."""

    def ended(self, row: Shown) -> None:
        """A host has its row."""

    def halting(self, halt: Halt) -> None:
        """No further host is begun, and those in work are drained or let go."""

    def defect(self, where: str, error: BaseException) -> None:
        """Something of ours raised; the host or step became unknown."""


@dataclass(slots=True)
class Stop:
    """A request to stop, and how. A plain attribute, since a signal handler sets it: it must take no lock."""

    requested: Letting | None = None


class Brake:
    """What halts a run. Any thread may pull it, and it is never let go again."""

    def __init__(self) -> None:
        self._halt: Halt | None = None
        self._lock = threading.Lock()

    @property
    def halted(self) -> Halt | None:
        """What counts of all that halted the run; None while it goes on."""
        return self._halt

    @property
    def aborted(self) -> Halt | None:
        """The same, where nothing more is to be sent."""
        return self._halt if self._halt is not None and self._halt.letting is Letting.ABORT else None

    @property
    def why_aborted(self) -> Failure:
        """Why nothing more is sent, for the row of a host that was cut short."""
        halt = self.aborted
        return failure(Cause.INTERRUPTED, "the run was halted") if halt is None else halt.why

    def outweighed(self, why: Failure) -> Failure:
        """What is said in place of a transport's failure, which knows that it was cancelled and not what for."""
        return self.why_aborted if why.cause is Cause.INTERRUPTED and self.aborted is not None else why

    def pull(self, halt: Halt) -> None:
        """When this returns no further host is begun; see `Halt.outweighs`."""
        with self._lock:
            if halt.outweighs(self._halt):
                self._halt = halt

    def unless_pulled(self, begin: Callable[[], None]) -> bool:
        """Calls `begin` and says True, or says False where the run is halted."""
        with self._lock:
            if self._halt is not None:
                return False
            begin()
            return True


@dataclass(frozen=True, slots=True)
class HealthCheck(Generic[Row]):
    """What is done between two waves; whether it is, and what follows, runner/rollout.py says.

    Attributes:
        concern: whether a host with this row is asked.
        ask: makes the work of asking a host that has this row; sends nothing. What comes of it is why the host is not
            well, in a few words of ours; empty where it is.
        heard: told on any thread, for people: that a host is being asked (None), and what came of it.
        before: hosts with which the work has ended before this run goes on, and that are still to be asked: their rows.
            No host is begun before they are.
    """

    concern: Callable[[Row], Concern]
    ask: Callable[[Host, Row], HostWork[str]]
    heard: Callable[[Host, str | None], None] = lambda host, came: None
    before: Sequence[tuple[Host, Row]] = ()


@dataclass(slots=True)
class _Flight(Generic[Came]):
    """A host that is in work, or is being asked.

    Attributes:
        begin: makes the work.
        without: what comes of a host whose work could not be made.
        started: tells people that it begins.
        land: takes what came of it, on the calling thread.
        work: None until its thread has begun.
    """

    host: Host
    since: float
    begin: Callable[[Host], HostWork[Came]]
    without: Callable[[Host, Failure], Came]
    started: Callable[[], None]
    land: Callable[[Came | None], None]
    work: HostWork[Came] | None = None
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True
        if self.work is not None:
            self.work.cancel()


@dataclass(slots=True)
class Fleet(Generic[Row]):
    """The threads of one run. Only `work` runs on the calling thread.

    Attributes:
        begin: makes the work with a host; sends nothing.
        unbegun: the row of a host that the run never came to, or that was lost by a fault of ours.
        host_seconds: what a host's work keeps to by itself; one that overruns it is cancelled, and then left behind.
        is_failure: whether a row counts against the failure budget of the rules.
        each_turn: called many times a second, by the calling thread.
        wave_begins: called with its number and its hosts before the first of them is begun.
        waits: told in a few words what hosts wait for, whenever that is another thing; empty for nothing but room.
        wave_ended: called with its number once all of it that were begun have ended.
        health: the check between waves; asked for by the rules, which have none without it.
    """

    rules: Rules
    host_seconds: float
    begin: Callable[[Host], HostWork[Row]]
    unbegun: Callable[[Host, Failure], Row]
    brake: Brake
    listener: Listener[Row]
    monotonic: Callable[[], float]
    is_failure: Callable[[Row], bool] = lambda row: False
    each_turn: Callable[[], None] = lambda: None
    wave_begins: Callable[[int, tuple[str, ...]], None] = lambda number, hosts: None
    wave_ended: Callable[[int], None] = lambda number: None
    waits: Callable[[str], None] = lambda what: None
    _awaited: str = ""
    _wave: int = 0
    _in_wave: bool = False
    health: HealthCheck[Row] | None = None
    _flights: dict[str, _Flight[Row]] = field(default_factory=dict)
    _asking: dict[str, _Flight[str]] = field(default_factory=dict)
    _rows: dict[str, Row] = field(default_factory=dict)
    _begun: queue.SimpleQueue[Callable[[], None] | None] = field(default_factory=queue.SimpleQueue)
    _landed: queue.SimpleQueue[Callable[[], None]] = field(default_factory=queue.SimpleQueue)
    _threads: int = 0  # that take hosts; not those that hang in one
    _failed: int = 0
    _ended: float | None = None
    _before: dict[str, Row] = field(default_factory=dict)
    _due: dict[str, Host] = field(default_factory=dict)  # these four: see `Health` of runner/rollout.py
    _asked: int = 0
    _unwell: dict[str, str] = field(default_factory=dict)
    _lost: list[str] = field(default_factory=list)
    _told: Halt | None = None
    _let_go_until: float | None = None

    def __post_init__(self) -> None:
        if self.rules.health and self.health is None:
            raise ValueError("the rules ask for a health check, and there is none")
        if self.health is not None:
            self._due = {host.key: host for host, _ in self.health.before}
            self._before = {host.key: row for host, row in self.health.before}

    def work(self, hosts: Sequence[Host], stop: Stop) -> list[Row]:
        """One row for each host, in their order."""
        waiting = {host.key: host for host in hosts}
        began = self.monotonic()
        while True:
            now = self.monotonic()
            if stop.requested is not None:
                self.brake.pull(_interrupted(stop.requested))
            self.each_turn()
            stand = self._stand(waiting, len(hosts), began, now)
            if self._in_wave and is_wave_over(self.rules, stand):
                self._in_wave = False
                self.wave_ended(self._wave)
                continue  # what it came to may have halted the run
            match decide(self.rules, stand):
                case Begin(hosts=keys):
                    self._begin_wave(stand)
                    if self._asked:  # the check of the wave before has passed
                        self._asked = 0
                        self._lost.clear()
                    for key in keys:
                        if not self._has_thread():
                            break
                        self._begin(waiting.pop(key), now)
                case Ask(hosts=keys):
                    for key in keys:
                        if not self._has_thread():
                            break
                        self._ask(self._due.pop(key), now)
                case Halt() as halt:
                    self.brake.pull(halt)
                case Wait(seconds=seconds):
                    self._say_awaited(awaited(self.rules, stand))
                    self._take_landed(POLL_SECONDS if seconds is None else min(POLL_SECONDS, seconds))
                case Done():
                    break
                case never:
                    assert_never(never)
            self._tell(self.brake.halted)
            if self._let_go_until is not None and self.monotonic() >= self._let_go_until:
                break
            self._leave_the_overdue()
        for flight in self._in_flight():
            self._leave(flight, failure(Cause.INTERRUPTED, "this server had not let go when the run was halted"))
        for _ in range(threading.active_count()):  # also those that hung, should they ever go on
            self._begun.put(None)
        why = self.brake.halted.why if self.brake.halted is not None else defect(RuntimeError("a host without a row"))
        return [self._rows[host.key] if host.key in self._rows else self.unbegun(host, why) for host in hosts]

    def _say_awaited(self, what: str) -> None:
        if what != self._awaited:
            self._awaited = what
            self._heard("waiting", lambda: self.waits(what))

    def _begin_wave(self, stand: Now) -> None:
        number = wave_of(self.rules, stand.begun + 1)
        if number != self._wave:
            self._wave, self._in_wave = number, True
            self.wave_begins(number, of_wave(self.rules, stand))

    def _stand(self, waiting: Mapping[str, Host], hosts: int, began: float, now: float) -> Now:
        return Now(
            waiting,
            self._flights,
            begun=hosts - len(waiting),
            failed=self._failed,
            halt=self.brake.halted,
            seconds=now - began,
            ended=None if self._ended is None else self._ended - began,
            asking=self._asking,
            health=Health(self._due, self._asked, self._unwell, self._lost),
        )

    def _has_thread(self) -> bool:
        return self._threads > len(self._flights) + len(self._asking) or self._start_thread()

    def _begin(self, host: Host, now: float) -> None:
        flight = self._flights[host.key] = _Flight[Row](
            host,
            now,
            self.begin,
            self.unbegun,
            lambda: self.listener.started(host),
            lambda row: self._land(host, row),
        )
        self._begun.put(lambda: self._fly(flight))

    def _ask(self, host: Host, now: float) -> None:
        health = self.health
        assert health is not None
        row = self._rows[host.key] if host.key in self._rows else self._before[host.key]
        self._asked += 1
        flight = self._asking[host.key] = _Flight[str](
            host,
            now,
            lambda host: health.ask(host, row),
            lambda host, why: f"not asked: {why.cause}",
            lambda: health.heard(host, None),
            lambda came: self._land_asked(host, came),
        )
        self._begun.put(lambda: self._fly(flight))

    def _in_flight(self) -> list[_Flight[Any]]:
        return [*self._flights.values(), *self._asking.values()]

    def _start_thread(self) -> bool:
        """One more that takes hosts; where there can be none, no more hosts are in work at a time than there are."""
        # Daemons: a thread that hangs in a host's library must not keep the process from ending.
        thread = threading.Thread(target=self._serve, name="exrun-host", daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            why = error
            self._heard("threads", lambda: self.listener.defect("this machine gives no further thread", why))
            if self._threads:
                self.rules = replace(self.rules, parallel=self._threads)
            else:
                self.brake.pull(_NO_THREAD)
            return False
        self._threads += 1
        return True

    def _serve(self) -> None:
        while (fly := self._begun.get()) is not None:
            fly()

    def _fly(self, flight: _Flight[Came]) -> None:
        came = None
        with suppress(BaseException):  # it lands without a row, and is given one
            came = self._row(flight)
        self._landed.put(lambda: flight.land(came))

    def _heard(self, where: str, tell: Callable[[], None]) -> None:
        """Tells the listener. A terminal that is gone, or a disk that is full, is no reason to end a run."""
        try:
            tell()
        except Exception as error:
            told = error  # which goes out of scope with this block
            with suppress(Exception):
                self.listener.defect(where, told)

    def _row(self, flight: _Flight[Came]) -> Came | None:
        """What came of one host; None where it was not begun."""
        host = flight.host

        def begin() -> None:
            if not flight.cancelled:
                flight.work = flight.begin(host)

        try:
            if not self.brake.unless_pulled(begin) or flight.work is None:
                return None
            self._heard(host.key, flight.started)
            return flight.work.run()
        except BaseException as error:
            why = error
            self._heard(host.key, lambda: self.listener.defect(host.key, why))
            return self._row_without(flight, defect(error))

    def _row_without(self, flight: _Flight[Came], why: Failure) -> Came:
        """The row of a host whose work did not end by itself: nothing of ours may lose one."""
        try:
            return flight.without(flight.host, why) if flight.work is None else flight.work.leave(why)
        except BaseException as error:
            said = error
            self._heard(flight.host.key, lambda: self.listener.defect(flight.host.key, said))
            return flight.without(flight.host, defect(error))

    def _take_landed(self, seconds: float) -> None:
        """Takes in the hosts that have ended; without any, waits for one as long as that."""
        try:
            land = self._landed.get(timeout=seconds)
            while True:
                land()
                land = self._landed.get_nowait()
        except queue.Empty:
            return

    def _land(self, host: Host, row: Row | None) -> None:
        self._flights.pop(host.key, None)
        self._ended = self.monotonic()
        if row is not None and host.key not in self._rows:
            self._rows[host.key] = row
            self._failed += self.is_failure(row)
            self._heard(host.key, lambda: self.listener.ended(row))
            if self.rules.health and self.health is not None:
                match self.health.concern(row):
                    case Concern.ASK:
                        self._due[host.key] = host
                    case Concern.LOST:
                        self._lost.append(host.key)
                    case Concern.NONE:
                        pass
                    case never:
                        assert_never(never)

    def _land_asked(self, host: Host, came: str | None) -> None:
        if self._asking.pop(host.key, None) is None:
            return  # it was left behind
        why = "it was not asked" if came is None else came
        if why:
            self._unwell[host.key] = why
        if self.health is not None:
            heard = self.health.heard
            self._heard(host.key, lambda: heard(host, why))

    def _tell(self, halt: Halt | None) -> None:
        """Says once that the run is halted, and once more where it is to end sooner; from an abort on, cancels."""
        if halt is None or (self._told is not None and halt.letting <= self._told.letting):
            return
        self._told = halt
        if halt.letting is Letting.ABORT:
            self._let_go_until = self.monotonic() + HALT_SECONDS
        self._heard("halt", lambda: self.listener.halting(halt))
        if halt.letting is Letting.ABORT:
            for flight in self._in_flight():
                flight.cancel()

    def _leave_the_overdue(self) -> None:
        """Cancels hosts whose work has not ended on its deadline, and leaves those that do not even then."""
        now = self.monotonic()
        for flight in self._in_flight():
            over = now - flight.since - self.host_seconds
            if over >= 2 * OVERRUN_SECONDS:
                why = f"it did not end within {self.host_seconds:g} s, nor when it was cancelled"
                self._leave(flight, failure(Cause.TIMEOUT, why))
                self._threads -= 1
                self._start_thread()  # in place of the one that hangs
            elif over >= OVERRUN_SECONDS and not flight.cancelled:
                flight.cancel()

    def _leave(self, flight: _Flight[Came], why: Failure) -> None:
        flight.land(self._row_without(flight, why))


_NO_THREAD = Halt(
    Letting.ABORT,
    Ending.INTERRUPTED,
    Failure(
        Cause.INTERRUPTED,
        "this machine gives no thread to work with",
        "End other programs, or raise the limit of processes (ulimit -u), and run the audit again.",
    ),
)


def _interrupted(letting: Letting) -> Halt:
    return Halt(letting, Ending.INTERRUPTED, failure(Cause.INTERRUPTED, "the run was interrupted"))

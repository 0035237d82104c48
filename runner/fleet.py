"""An audit of a fleet: many hosts side by side, one journal per client, an end on time whatever happens.

Each host is worked with by one thread of a bounded number, so that a dead host delays no other. The calling thread
sends nothing: it collects rows and watches the clock, for a request to stop, and for a journal that cannot be written.
From the moment that one of these halts the run no script leaves any more; what was learnt until then is the result.

Of a host nothing is kept but its row.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from inventory.model import Host
from runner import runlog
from runner.audit import FleetAudit, HostAudit, fleet_audit
from runner.credentials import Credentials
from runner.journal.errors import JournalError
from runner.journal.writer import JournalWriter
from runner.order import Order
from runner.recording import (
    AbandonedError,
    HaltedError,
    HostLog,
    unstarted_row,
)
from runner.secrets.interface import Secret, SecretUnavailableError
from runner.session import audit_host
from runner.terms import End, Ending, Terms
from runner.transport.failures import Cause, Failure, TransportError, defect, failure
from runner.transport.interface import Notice, Transport

POLL_SECONDS = 0.05  # how often the calling thread looks at what is no event: the clock and a request to stop
HALT_SECONDS = 3.8  # for hosts to let go once the run is halted; the rest of Ctrl-C's 5 s is for journals and report
CLOSE_SECONDS = 3.0  # for closing a host's pool, so that it is over before the host is left behind
OVERRUN_SECONDS = 10.0  # by which a host may overrun its deadline before it is cancelled, and again before it is left


@dataclass(frozen=True, slots=True)
class FleetRun:
    """What came of it: a row for every host of the order, and how it ended. `why` is None where that is COMPLETE."""

    audit: FleetAudit
    ending: Ending
    why: Failure | None = None


class Connect(Protocol):
    """Makes the transport of a host; sends nothing. See runner/transport/connecting.py."""

    def __call__(self, host: Host, secret: Secret | None, notify: Callable[[Notice], None]) -> Transport:
        """Raises TransportError where the host's files cannot be used."""
        ...


class Listener(Protocol):
    """Told how the run goes on, for people. May be called from any thread."""

    def started(self, host: Host) -> None:
        """Work with this host begins."""

    def ended(self, audit: HostAudit) -> None:
        """A host has its row."""

    def halting(self, why: Failure) -> None:
        """Nothing more is sent; hosts in work are let go."""

    def defect(self, where: str, error: Exception) -> None:
        """Something of ours raised; the host or step became unknown."""


@dataclass(slots=True)
class Stop:
    """A request to stop. A plain attribute, since a signal handler sets it: it must take no lock."""

    requested: bool = False


def audit_fleet(
    order: Order,
    *,
    connect: Connect,
    credentials: Credentials,
    journals: Mapping[str, JournalWriter],
    monotonic: Callable[[], float],
    stop: Stop,
    listener: Listener,
) -> FleetRun:
    """Runs the order, writes the journals and closes them.

    Args:
        connect: makes transports whose gate lets `scripts_of(order.playbook)` pass and nothing else.
        journals: one for each client, just opened.
        stop: from outside; looked at many times a second.
    """
    unresolved = {
        host.key
        for host in order.hosts
        if host.credential is not None and isinstance(credentials[host.credential], SecretUnavailableError)
    }
    fleet = _Fleet(order, connect, credentials, journals, monotonic, listener)
    try:
        for client in order.clients:
            runlog.begin(order, client, journals[client], unresolved)
    except JournalError as error:
        fleet.halt(Ending.JOURNAL, _unwritable(error))
    rows = fleet.work(stop)
    for client in order.clients:
        mine = [row for row in rows if row.client == client]
        try:
            runlog.end(journals[client], *fleet.ending, mine)
        except JournalError as error:
            fleet.halt(Ending.JOURNAL, _unwritable(error))
    judgement, halted = order.judgement, fleet.halted
    end = End() if halted is None else End(halted.ending, halted.why.message, halted.why.next)
    tables = judgement.catalogue
    terms = Terms(tables.as_of, judgement.today, end, order.overrides, tables.origin.own)
    audit = fleet_audit(order.run, terms, rows)
    return FleetRun(audit, end.how, None if halted is None else halted.why)


@dataclass(frozen=True, slots=True)
class _Halt:
    ending: Ending
    why: Failure


@dataclass(slots=True)
class _Flight:
    """A host that is being worked with."""

    host: Host
    log: HostLog
    since: float
    transport: Transport | None = None
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True
        if self.transport is not None:
            self.transport.cancel()

    @property
    def requests(self) -> int:
        return 0 if self.transport is None else self.transport.requests


@dataclass(slots=True)
class _Fleet:
    """The threads of one run. Only `work` runs on the calling thread; `halt` may be called by any."""

    order: Order
    connect: Connect
    credentials: Credentials
    journals: Mapping[str, JournalWriter]
    monotonic: Callable[[], float]
    listener: Listener
    halted: _Halt | None = None
    waiting: deque[Host] = field(default_factory=deque)
    flights: dict[str, _Flight] = field(default_factory=dict)
    landed: queue.SimpleQueue[HostAudit] = field(default_factory=queue.SimpleQueue)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def halt(self, ending: Ending, why: Failure) -> None:
        """Nothing more is sent from now on. An unwritable journal outweighs what halted the run before it."""
        with self.lock:
            if self.halted is None or (ending is Ending.JOURNAL and self.halted.ending is not Ending.JOURNAL):
                self.halted = _Halt(ending, why)

    @property
    def ending(self) -> tuple[Ending, Failure | None]:
        """How the run ended, as far as it is known, and why it did not go on."""
        halted = self.halted
        return (Ending.COMPLETE, None) if halted is None else (halted.ending, halted.why)

    def work(self, stop: Stop) -> list[HostAudit]:
        """One row for each host, in the order of the order."""
        order, begun = self.order, self.monotonic()
        self.waiting.extend(order.hosts)
        for _ in range(min(order.parallel, len(order.hosts))):
            self._start_thread()
        rows: dict[str, HostAudit] = {}
        letting_go_until: float | None = None
        while len(rows) < len(order.hosts):
            rows |= self._landed()
            now = self.monotonic()
            if stop.requested:
                self.halt(Ending.INTERRUPTED, failure(Cause.INTERRUPTED, "the run was interrupted"))
            if order.run_seconds is not None and now - begun >= order.run_seconds:
                self.halt(Ending.DEADLINE, _too_late(order.run_seconds))
            if self.halted is None:
                self._leave_the_overdue(now)
                continue
            if letting_go_until is None:
                letting_go_until = now + HALT_SECONDS
                self.listener.halting(self.halted.why)
                for flight in self._flying():
                    flight.cancel()
            elif not self._flying() or now >= letting_go_until:
                break
        for flight in self._flying():
            self._end(flight, failure(Cause.INTERRUPTED, "this server had not let go when the run was halted"))
        rows |= self._landed(wait=False)
        why, steps = self._why_halted(), order.steps
        return [rows.get(host.key) or unstarted_row(host.name, host.client, steps, why) for host in order.hosts]

    def _start_thread(self) -> None:
        # Daemons: a thread that hangs in a host's library must not keep the process from ending.
        threading.Thread(target=self._serve, name="exrun-host", daemon=True).start()

    def _serve(self) -> None:
        while (flight := self._next_flight()) is not None:
            self._serve_host(flight)

    def _next_flight(self) -> _Flight | None:
        with self.lock:  # so that once `halt` has returned no further host is begun
            if self.halted is not None or not self.waiting:
                return None
            host = self.waiting.popleft()
            log = HostLog(
                self.journals[host.client],
                host.client,
                host.name,
                self.order.steps,
                halted=lambda: self.halted is not None,
                on_defect=lambda step, error: self.listener.defect(f"{host.key}, step {step}", error),
            )
            flight = self.flights[host.key] = _Flight(host, log, self.monotonic())
            return flight

    def _serve_host(self, flight: _Flight) -> None:
        try:
            self.listener.started(flight.host)
            self._end(flight, self._session(flight))
        except AbandonedError:
            pass  # the run has given this host a row and goes on without this thread
        except JournalError as error:
            self.halt(Ending.JOURNAL, _unwritable(error))
            self._end(flight, self._why_halted())
        except Exception as error:
            self._end_unrecorded(flight, error)
        finally:
            with self.lock:
                self.flights.pop(flight.host.key, None)

    def _end_unrecorded(self, flight: _Flight, error: Exception) -> None:
        """A row for a host of which not even the end could be recorded: nothing of ours may lose one, or the thread."""
        self.listener.defect(flight.host.key, error)
        self.landed.put(flight.log.bare_row(defect(error), flight.requests, self.monotonic() - flight.since))

    def _end(self, flight: _Flight, why: Failure | None) -> None:
        """Gives a host its row, from whatever thread is first; the other finds nothing to do."""
        seconds = self.monotonic() - flight.since
        try:
            flight.log.end(why, flight.requests, seconds)
        except AbandonedError:
            return
        except JournalError as error:  # the row is made all the same
            self.halt(Ending.JOURNAL, _unwritable(error))
        if flight.log.row is not None:
            self.landed.put(flight.log.row)

    def _session(self, flight: _Flight) -> Failure | None:
        """Works with one host. None where every step was judged; why it was cut short otherwise."""
        host, log = flight.host, flight.log
        try:
            log.started(host.address, host.port)
            secret = None if host.credential is None else self.credentials[host.credential]
            if isinstance(secret, SecretUnavailableError):
                return Failure(Cause.CREDENTIAL, f"{secret.reference}: {secret.why}", secret.next)
            flight.transport = self.connect(host, secret, log.noticed)
            try:
                if self.halted is not None or flight.cancelled:
                    raise HaltedError
                result = audit_host(self.order.playbook, flight.transport, self.order.judgement, log)
            finally:
                flight.transport.close()
        except TransportError as error:
            return self._outweighed(error.failure)
        except HaltedError:
            return self._why_halted()
        except (AbandonedError, JournalError):
            raise
        except Exception as error:
            self.listener.defect(host.key, error)
            return defect(error)
        return self._outweighed(result) if isinstance(result, Failure) else None

    def _outweighed(self, why: Failure) -> Failure:
        """A transport knows that it was cancelled, and not what for."""
        return self._why_halted() if why.cause is Cause.INTERRUPTED and self.halted is not None else why

    def _why_halted(self) -> Failure:
        return failure(Cause.INTERRUPTED, "the run was halted") if self.halted is None else self.halted.why

    def _flying(self) -> list[_Flight]:
        with self.lock:
            return list(self.flights.values())

    def _landed(self, *, wait: bool = True) -> dict[str, HostAudit]:
        """The rows that have come in; without any, waits a moment for one."""
        rows: dict[str, HostAudit] = {}
        while True:
            try:
                row = self.landed.get(timeout=POLL_SECONDS) if wait and not rows else self.landed.get_nowait()
            except queue.Empty:
                return rows
            rows[f"{row.client}/{row.name}"] = row
            self.listener.ended(row)

    def _leave_the_overdue(self, now: float) -> None:
        """Cancels hosts whose transports have not ended on their deadlines, and leaves those that do not even then."""
        for flight in self._flying():
            over = now - flight.since - self.order.host_seconds
            if over >= 2 * OVERRUN_SECONDS:
                why = f"it did not end within {self.order.host_seconds:g} s, nor when it was cancelled"
                self._end(flight, failure(Cause.TIMEOUT, why))
                with self.lock:
                    self.flights.pop(flight.host.key, None)
                self._start_thread()  # in place of the one that hangs
            elif over >= OVERRUN_SECONDS and not flight.cancelled:
                flight.cancel()


def _unwritable(error: JournalError) -> Failure:
    # Without the path, which names a client: this stands in the rows of every host that was left out.
    return Failure(Cause.INTERRUPTED, "a journal of this run cannot be written", error.next)


def _too_late(seconds: float) -> Failure:
    return Failure(
        Cause.INTERRUPTED,
        f"the run's time limit of {seconds:g} s was reached",
        "Raise --run-timeout or --parallel, or select fewer hosts, and run the audit again for this host.",
    )

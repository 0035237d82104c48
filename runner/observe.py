"""Work with one host: a fleet's thread, with its lines in the journal, its transport and its end; and observing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from inventory.model import Host
from playbooks.model import ReadyPlaybook
from runner.fleet import Brake
from runner.hostlog import AbandonedError, HaltedError, HostLog
from runner.journal.errors import JournalError
from runner.results import HostResult
from runner.rollout import Halt, Letting
from runner.secrets.interface import Secret, SecretUnavailableError
from runner.steps import Judgement, Witness, observe_steps
from runner.terms import Ending
from runner.transport.failures import Cause, Failure, TransportError, defect, failure
from runner.transport.gate import Gate
from runner.transport.interface import Connect, Deadlines, Notice, Script

Row = TypeVar("Row")
Kept = TypeVar("Kept", covariant=True)


class Reach(Protocol):
    """The way to a host; sends nothing. `Connector.to` of runner/transport/connecting.py is one."""

    def __call__(self, host: Host, secret: Secret | None, notify: Callable[[Notice], None]) -> Connect:
        """Of its connections each has a gate and deadlines of its own."""
        ...


class Lines(Protocol[Kept]):
    """One host's lines in its client's journal, and the row that comes of them."""

    @property
    def row(self) -> Kept | None:
        """Once it has ended."""

    def started(self, address: str, port: int) -> None:
        """Before connecting."""

    def noticed(self, notice: Notice) -> None:
        """What the transport did of itself."""

    def end(self, failure: Failure | None, requests: int, seconds: float) -> None:
        """Makes the row and records it; after it nothing more is taken.

        Raises:
            AbandonedError: another thread was first.
            JournalError: it could not be recorded; `row` is set all the same.
        """


@dataclass(slots=True, kw_only=True)
class Session(Generic[Row]):
    """The work with one host, whatever it is: see `HostWork` in runner/fleet.py. What differs is `_worked`.

    Attributes:
        secret: what to log on with; None for a certificate or the current Kerberos ticket.
        reach: the way to the host.
        lines: the host's in its client's journal, and its row.
        on_defect: told of what is a fault of ours: where, and what was raised.
        connections: to the host, once it is reached for.
    """

    host: Host
    secret: Secret | SecretUnavailableError | None
    reach: Reach
    lines: Lines[Row]
    brake: Brake
    monotonic: Callable[[], float]
    on_defect: Callable[[str, Exception], None]
    since: float = field(init=False)
    connections: Connect | None = None
    cancelled: bool = False

    def __post_init__(self) -> None:
        self.since = self.monotonic()

    def run(self) -> Row:
        """See `HostWork`."""
        try:
            why = self._session()
        except AbandonedError:
            why = None  # the row is given already
        except JournalError as error:
            self.brake.pull(unwritable(error))
            why = self.brake.why_aborted
        return self.leave(why)

    def cancel(self) -> None:
        """See `HostWork`."""
        self.cancelled = True
        if self.connections is not None:
            self.connections.cancel()

    def leave(self, why: Failure | None) -> Row:
        """See `HostWork`; `why` is None where nothing more is to be done."""
        requests = 0 if self.connections is None else self.connections.requests
        seconds = self.monotonic() - self.since
        try:
            self.lines.end(why, requests, seconds)
        except AbandonedError:
            pass
        except JournalError as error:  # the row is made all the same
            self.brake.pull(unwritable(error))
        except Exception as error:  # not even the end could be recorded
            self.on_defect(self.host.key, error)
            return self._bare_row(defect(error), requests, seconds)
        if self.lines.row is not None:
            return self.lines.row
        return self._bare_row(why or failure(Cause.DEFECT, "it has no row"), requests, seconds)

    def _session(self) -> Failure | None:
        """Works with the host. None where nothing more is to be done; why it was cut short otherwise."""
        try:
            self.lines.started(self.host.address, self.host.port)
            if isinstance(self.secret, SecretUnavailableError):
                return self._without_secret(self.secret)
            self.connections = self.reach(self.host, self.secret, self.lines.noticed)
            return self._worked(self.connections)
        except TransportError as error:
            return self.brake.outweighed(error.failure)
        except HaltedError:
            return self.brake.why_aborted
        except (AbandonedError, JournalError):
            raise
        except Exception as error:
            self.on_defect(self.host.key, error)
            return defect(error)

    def _without_secret(self, why: SecretUnavailableError) -> Failure:
        """What comes of a host that nobody can log on to: nothing is sent."""
        return Failure(Cause.CREDENTIAL, f"{why.reference}: {why.why}", why.next)

    def _refuse_when_stopped(self) -> None:
        if self.brake.aborted is not None or self.cancelled:
            raise HaltedError

    def _worked(self, connections: Connect) -> Failure | None:
        """What this work does with the host, once there is a way to it."""
        raise NotImplementedError

    def _bare_row(self, why: Failure, requests: int, seconds: float) -> Row:
        """The row of a host whose own could not be recorded."""
        raise NotImplementedError


@dataclass(slots=True, kw_only=True)
class Observing(Session[HostResult]):
    """The work with one host of an audit.

    Attributes:
        lines: those of a log.
        collects: the script of each step of the playbook.
        gate: what may be sent over the one connection that it opens, within `deadlines`.
        witness: told of what happens in the session: the log, or what hands on to it.
        ahead: see `observe_steps`.
    """

    lines: HostLog
    playbook: ReadyPlaybook
    collects: Mapping[str, Script]
    judgement: Judgement
    gate: Gate
    deadlines: Deadlines
    witness: Witness
    ahead: bool = False

    def _worked(self, connections: Connect) -> Failure | None:
        transport = connections(self.gate, self.deadlines)
        try:
            self._refuse_when_stopped()
            result = observe_steps(
                self.playbook, self.collects, transport, self.judgement, self.witness, ahead=self.ahead
            )
        finally:
            transport.close()
        return self.brake.outweighed(result) if isinstance(result, Failure) else None

    def _bare_row(self, why: Failure, requests: int, seconds: float) -> HostResult:
        return self.lines.bare_row(why, requests, seconds)


def unwritable(error: JournalError) -> Halt:
    """Nothing more is sent once a journal cannot be written."""
    # Without the path, which names a client: this stands in the rows of every host that was left out.
    why = Failure(Cause.INTERRUPTED, "a journal of this run cannot be written", error.next)
    return Halt(Letting.ABORT, Ending.JOURNAL, why)

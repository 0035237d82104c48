"""Observing one host: the work of a fleet's thread, with its lines in the journal, its transport and its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

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
from runner.transport.failures import Cause, Failure, TransportError, defect
from runner.transport.gate import Gate
from runner.transport.interface import Connect, Deadlines, Notice, Script


class Reach(Protocol):
    """The way to a host; sends nothing. `Connector.to` of runner/transport/connecting.py is one."""

    def __call__(self, host: Host, secret: Secret | None, notify: Callable[[Notice], None]) -> Connect:
        """Of its connections each has a gate and deadlines of its own."""
        ...


@dataclass(slots=True)
class Observing:
    """The work with one host of an audit: see `HostWork` in runner/fleet.py.

    Attributes:
        collects: the script of each step of the playbook.
        reach: the way to the host; its work opens one connection.
        gate: what may be sent over that connection, within `deadlines`.
        secret: what to log on with; None for a certificate or the current Kerberos ticket.
        log: the host's lines in its client's journal, and its row.
        witness: told of what happens in the session: the log, or what hands on to it.
        ahead: see `observe_steps`.
        on_defect: told of what is a fault of ours: where, and what was raised.
    """

    host: Host
    secret: Secret | SecretUnavailableError | None
    playbook: ReadyPlaybook
    collects: Mapping[str, Script]
    judgement: Judgement
    reach: Reach
    gate: Gate
    deadlines: Deadlines
    log: HostLog
    brake: Brake
    monotonic: Callable[[], float]
    on_defect: Callable[[str, Exception], None]
    witness: Witness
    ahead: bool = False
    since: float = field(init=False)
    connections: Connect | None = None
    cancelled: bool = False

    def __post_init__(self) -> None:
        self.since = self.monotonic()

    def run(self) -> HostResult:
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

    def leave(self, why: Failure | None) -> HostResult:
        """See `HostWork`; `why` is None where every step was judged."""
        requests = 0 if self.connections is None else self.connections.requests
        seconds = self.monotonic() - self.since
        try:
            self.log.end(why, requests, seconds)
        except AbandonedError:
            pass
        except JournalError as error:  # the row is made all the same
            self.brake.pull(unwritable(error))
        except Exception as error:  # not even the end could be recorded
            self.on_defect(self.host.key, error)
            return self.log.bare_row(defect(error), requests, seconds)
        assert self.log.row is not None
        return self.log.row

    def _session(self) -> Failure | None:
        """Works with the host. None where every step was judged; why it was cut short otherwise."""
        host, log = self.host, self.log
        try:
            log.started(host.address, host.port)
            if isinstance(self.secret, SecretUnavailableError):
                return Failure(Cause.CREDENTIAL, f"{self.secret.reference}: {self.secret.why}", self.secret.next)
            self.connections = self.reach(host, self.secret, log.noticed)
            transport = self.connections(self.gate, self.deadlines)
            try:
                if self.brake.aborted is not None or self.cancelled:
                    raise HaltedError
                result = observe_steps(
                    self.playbook, self.collects, transport, self.judgement, self.witness, ahead=self.ahead
                )
            finally:
                transport.close()
        except TransportError as error:
            return self.brake.outweighed(error.failure)
        except HaltedError:
            return self.brake.why_aborted
        except (AbandonedError, JournalError):
            raise
        except Exception as error:
            self.on_defect(host.key, error)
            return defect(error)
        return self.brake.outweighed(result) if isinstance(result, Failure) else None


def unwritable(error: JournalError) -> Halt:
    """Nothing more is sent once a journal cannot be written."""
    # Without the path, which names a client: this stands in the rows of every host that was left out.
    why = Failure(Cause.INTERRUPTED, "a journal of this run cannot be written", error.next)
    return Halt(Letting.ABORT, Ending.JOURNAL, why)

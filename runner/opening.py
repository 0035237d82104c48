"""Opening a run, working through it and closing it: the one wiring, used by every command and by tests.

What touches the world comes in as `World`; what is decided came before, as an `Order`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from inventory.model import Host
from runner import events, runlog
from runner.credentials import Credentials, Unresolved, resolve_credentials, unresolved
from runner.disk import Disk
from runner.fleet import Brake, Fleet, Listener, Stop
from runner.hostlog import HostLog, unstarted_row
from runner.journal.checkpoints import Sign
from runner.journal.errors import JournalError
from runner.journal.writer import Clock, JournalWriter, open_journal
from runner.observe import Observing, Reach, unwritable
from runner.order import Order
from runner.redaction import Redactor
from runner.results import FleetResult, HostResult, Listed, fleet_result
from runner.rollout import Rules
from runner.secrets.interface import Secret, SecretStore
from runner.steps import Witness, collects_by_step
from runner.terms import End, Ending, Terms
from runner.transport.failures import Failure

Planned = Callable[[Host, HostLog], Witness]


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside that a run touches.

    Attributes:
        state: the state directory, for the journals.
        secrets: where passwords are.
        reach: the way to each host.
        actor: who runs it, `user@machine`.
        now: UTC, for what is written.
        monotonic: seconds, for deadlines.
        disk: None for the operating system's.
        sign: signs checkpoints of the journals; None where nobody does.
        opened: is told of each journal once it can be written, before anything else is.
        kept_out: secrets that no host is sent, which no journal gets all the same.
    """

    state: Path
    secrets: SecretStore
    reach: Reach
    actor: str
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    disk: Disk | None = None
    sign: Sign | None = None
    opened: Callable[[str, JournalWriter], None] = lambda _client, _journal: None
    kept_out: Collection[Secret] = ()


class Following(Listener[HostResult], Protocol):
    """Told how an audit goes; see `Listener`."""

    def doing(self, host: Host, what: str) -> None:
        """What a host waits for from now on, in a few words: `connect`, `log on`, `collect version and 3 more`."""


@dataclass(frozen=True, slots=True)
class FleetRun:
    """What came of it: a row for every host of the order, and how it ended. `why` is None where that is COMPLETE.

    `checkpoints` are the signed notes of what the journals hold, one a client; none where nobody signs.
    """

    audit: FleetResult
    ending: Ending
    why: Failure | None = None
    checkpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """A run whose passwords are known. Nothing is sent and nothing written yet."""

    order: Order
    world: World
    credentials: Credentials
    redactors: Mapping[str, Redactor]

    @property
    def unresolved(self) -> tuple[Unresolved, ...]:
        """The references that gave no password, and who needs them."""
        return unresolved(self.order, self.credentials)

    def audit(
        self,
        stop: Stop,
        listener: Following,
        ready: Callable[[], None] = lambda: None,
        *,
        planned: Planned | None = None,
        observing: Callable[..., Observing] = Observing,
    ) -> FleetRun:
        """Opens the journals, works through the order, and closes them.

        Args:
            stop: from outside; looked at many times a second.
            ready: called once the journals are open, before the first host is begun.
            planned: for a plan: given a host and its log, the witness of its session. Then each `when` is decided as
                it will be once the changes of the steps before it are made.
            observing: makes the work with one host, of what Observing takes.

        Raises:
            JournalError: a journal cannot be opened; nothing was sent.
        """
        order, brake = self.order, Brake()
        journals = _open_journals(order, self.world, self.redactors)
        ready()
        without = {host.key for each in self.unresolved for host in each.hosts}
        first = {client: events.clean(journals[client], runlog.started(order, client)) for client in order.clients}
        try:
            for client in order.clients:
                runlog.begin(order, client, journals[client], without, first[client])
        except JournalError as error:
            brake.pull(unwritable(error))
        listed = {
            f"{client}/{server.name}": server.listed
            for client, data in first.items()
            for server in events.started(data).servers
        }
        rows = self._fleet(brake, journals, listener, planned, listed, observing).work(order.hosts, stop)
        for client in order.clients:
            mine = [row for row in rows if row.client == client]
            try:
                runlog.end(journals[client], *ending_of(brake), mine)
            except JournalError as error:
                brake.pull(unwritable(error))
        ending, why = ending_of(brake)
        checkpoints = tuple(journal.newest for journal in journals.values() if journal.newest is not None)
        return FleetRun(fleet_result(order.run, terms_of(order, ending, why), rows), ending, why, checkpoints)

    def _fleet(
        self,
        brake: Brake,
        journals: Mapping[str, JournalWriter],
        listener: Following,
        planned: Planned | None,
        listed: Mapping[str, Listed],
        observing: Callable[..., Observing],
    ) -> Fleet[HostResult]:
        order, world, steps = self.order, self.world, self.order.steps
        gate, deadlines, collects = order.gate, order.deadlines, collects_by_step(order.playbook)

        def begin(host: Host) -> Observing:
            def heard(what: str) -> None:
                with suppress(Exception):  # a terminal that is gone is no reason to end the work with a host
                    listener.doing(host, what)

            log = HostLog(
                journals[host.client],
                host.client,
                host.name,
                steps,
                halted=lambda: brake.aborted is not None,
                on_defect=lambda step, error: listener.defect(f"{host.key}, step {step}", error),
                listed=listed[host.key],
                heard=heard,
            )
            return observing(
                host=host,
                secret=None if host.credential is None else self.credentials[host.credential],
                playbook=order.playbook,
                collects=collects,
                judgement=order.judgement,
                reach=world.reach,
                gate=gate,
                deadlines=deadlines,
                lines=log,
                brake=brake,
                monotonic=world.monotonic,
                on_defect=listener.defect,
                witness=log if planned is None else planned(host, log),
                ahead=planned is not None,
            )

        def unbegun(host: Host, why: Failure) -> HostResult:
            return unstarted_row(host.name, host.client, steps, why, listed[host.key])

        rules = Rules(order.parallel, order.run_seconds)
        return Fleet(rules, order.host_seconds, begin, unbegun, brake, listener, world.monotonic)


def open_run(order: Order, world: World) -> Opened:
    """Asks for every password of an order, once and before anything else."""
    redactors = {client: Redactor() for client in order.clients}
    for redactor in redactors.values():
        for secret in world.kept_out:
            redactor.register(secret.reveal())
    return Opened(order, world, resolve_credentials(order, world.secrets, redactors), redactors)


def _open_journals(order: Order, world: World, redactors: Mapping[str, Redactor]) -> dict[str, JournalWriter]:
    """The journals of all clients of an order, or none."""
    opened: dict[str, JournalWriter] = {}
    clock = Clock(now=world.now, monotonic=world.monotonic)
    try:
        for client in order.clients:
            opened[client] = open_journal(
                world.state,
                run=order.run,
                client=client,
                actor=world.actor,
                redactor=redactors[client],
                clock=clock,
                disk=world.disk,
                sign=world.sign,
            )
    except JournalError:
        for journal in opened.values():
            journal.close()
        raise
    for client, journal in opened.items():
        world.opened(client, journal)
    return opened


def ending_of(brake: Brake) -> tuple[Ending, Failure | None]:
    """How a run ended, and why it did not come to its end; None where it did."""
    halt = brake.halted
    return (Ending.COMPLETE, None) if halt is None else (halt.ending, halt.why)


def terms_of(order: Order, ending: Ending, why: Failure | None) -> Terms:
    """On what terms the rows of a run hold."""
    tables = order.judgement.catalogue
    end = End() if why is None else End(ending, why.message, why.next)
    return Terms(tables.as_of, order.judgement.today, end, order.overrides, tables.origin.own)

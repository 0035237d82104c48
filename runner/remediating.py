"""Running a plan: what is taken, spent and written before the first byte leaves, the fleet, and the end. One wiring.

    locks of all hosts -> the plan beside the journal -> journal: started, plan taken -> token spent -> plan spent
      -> each host: see runner/applying.py -> ends of waves: checkpoint -> end -> locks

A run that goes on, or whose changes are undone, goes the same way over the journal that is there; what was done is
known from its fold and from nothing else.
"""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from inventory.model import Host
from inventory.names import canonical_address
from playbooks.changes import Change, ReadyChange
from playbooks.changing import ready_changes
from playbooks.model import OnFailure, ReadyStep
from runner import events, locks, runlog
from runner.applied import Applied, AppliedHost, applied, unaccounted
from runner.applying import (
    Applying,
    announced_seconds,
    change_scripts,
    change_seconds,
    on_failures,
    reading_scripts,
)
from runner.approval.approving import Standing
from runner.disk import Disk, SystemDisk
from runner.evidence import EvidenceStore
from runner.exit_status import ExitStatus
from runner.fleet import Brake, Fleet, HealthCheck, Listener, Stop
from runner.health import Checking, concern
from runner.history import HostHistory
from runner.journal.errors import JournalError, JournalLocked
from runner.journal.writer import Clock, JournalWriter, open_journal
from runner.locks import BEAT_SECONDS, HostLocks, LockError, LocksLostError, Owner
from runner.moves import is_over
from runner.observe import unwritable
from runner.opening import Opened, ending_of
from runner.order import CLOSE_SECONDS, collect_seconds, collects_of
from runner.plan import keeping
from runner.plan.records import Plan, PlannedHost
from runner.rollout import Halt, Letting, Rules, budget_of, limited_of, wave_sizes
from runner.state import HostProgress, RunState
from runner.steps import collects_by_step
from runner.terms import End, Ending
from runner.token import Spent, TokenError, spend
from runner.transport.failures import Cause, Failure, failure
from runner.transport.gate import Gate
from runner.transport.interface import Deadlines

__all__ = ["Approved", "Remediation", "Watching"]


class Watching(Listener[AppliedHost], Protocol):
    """Told how it goes; see `Listener`."""

    def wave_begins(self, number: int, of: int, hosts: Sequence[str]) -> None:
        """Hosts of this wave of so many are begun from now on."""

    def waits(self, what: str) -> None:
        """What hosts wait for from now on, in a few words; empty for nothing but room."""

    def doing(self, host: Host, what: str) -> None:
        """What is done on a host from now on, in a few words."""

    def asked(self, host: Host, came: str | None) -> None:
        """A host is asked whether it is well (None), or has answered: why it is not, or nothing."""


@dataclass(frozen=True, slots=True)
class Approved:
    """A plan that may be run now.

    Attributes:
        data: the bytes of its file; `digest` their SHA-256.
        signatures: of those who approved it.
        standing: see runner/admission.py: nothing in it refuses.
    """

    plan: Plan
    data: bytes
    digest: str
    signatures: Mapping[str, bytes]
    standing: Standing


@dataclass
class Remediation:
    """One session of a run that changes the hosts of a plan.

    Attributes:
        opened: its order is of the plan's hosts that are due, in the order of the plan.
        before: what earlier sessions came to; None for the first.
        lines: of the journal that `before` was read from.
        undo: hosts on which what was done is to be undone; empty to go on with the plan.
        over: hosts that may be taken from a run whose process is gone.
        keep: told of each checkpoint, for keeping it elsewhere.
        wait: waits so many seconds.
    """

    opened: Opened
    approved: Approved
    before: RunState | None = None
    lines: int = 0
    undo: Collection[str] = ()
    over: Collection[str] = ()
    keep: Callable[[Sequence[str]], object] = lambda notes: None
    wait: Callable[[float], None] = time.sleep
    brake: Brake = field(default_factory=Brake)
    _histories: dict[str, HostHistory] = field(default_factory=dict)
    _beaten: float = 0.0
    _closes: float = math.inf  # on the clock that nobody sets
    _claimed: dict[tuple[str, int], Host] = field(default_factory=dict)

    def run(self, stop: Stop, listener: Watching, ready: Callable[[], None] = lambda: None) -> Applied:
        """All of it. One row for each host of the order.

        Args:
            ready: called once everything is written that has to be before the first byte leaves.

        Raises:
            LockError, NotKeptError, JournalError, TokenError: nothing was sent.
        """
        world, order = self.opened.world, self.opened.order
        now = world.now()
        machine = platform.node() or "unknown"
        owner = Owner(order.run, world.actor, machine, os.getpid(), since=now, heartbeat=now)
        names = [host.name for host in self.due]
        held = locks.take(
            world.state, self._plan.client, owner, names, self._disk, wait=self.wait, over=frozenset(self.over)
        )
        try:
            journal = self._begun(held)
            self._beaten = world.monotonic()
            if (until := self.approved.standing.until) is not None:
                self._closes = self._beaten + (until - now).total_seconds()
            ready()
            rows = self._fleet(journal, held, listener).work(self.due, stop)
            return self._ended(journal, rows)
        finally:
            with suppress(LockError):  # they are stale then, and the next run says so
                held.release(self.wait)

    @cached_property
    def _disk(self) -> Disk:
        return self.opened.world.disk or SystemDisk()

    @property
    def _plan(self) -> Plan:
        return self.approved.plan

    @cached_property
    def _planned(self) -> Mapping[str, PlannedHost]:
        return {host.host: host for host in self._plan.due}

    @cached_property
    def due(self) -> tuple[Host, ...]:
        """The hosts of the order with which there is something to do; what was changed last is undone first."""
        due = tuple(host for host in self.opened.order.hosts if self._is_due(host.name))
        return due[::-1] if self.undo else due

    def _is_due(self, name: str) -> bool:
        if self.before is None:
            return True
        if self.before.is_unread(name):
            return False
        if self.undo and (name not in self.undo or name not in self.before.hosts):
            return False
        return not is_over(self._planned[name], self._on_failure, self._progress(name))

    def _progress(self, name: str) -> HostProgress | None:
        """What is known of a host when this session begins."""
        progress = None if self.before is None else self.before.hosts.get(name)
        return progress.undone() if progress is not None and name in self.undo else progress

    @cached_property
    def _on_failure(self) -> Mapping[str, OnFailure]:
        return on_failures(self.opened.order.playbook)

    def _begun(self, held: HostLocks) -> JournalWriter:
        """The journal, with everything in it and beside it that has to be there before the first byte leaves."""
        world, order, approved = self.opened.world, self.opened.order, self.approved
        client, run = self._plan.client, order.run
        if self.before is None:  # later sessions have it from there
            keeping.keep(world.state, client, run, approved.data, tuple(approved.signatures.values()), self._disk)
        journal = open_journal(
            world.state,
            run=run,
            client=client,
            actor=world.actor,
            redactor=self.opened.redactors[client],
            clock=Clock(now=world.now, monotonic=world.monotonic),
            disk=world.disk,
            sign=world.sign,
        )
        try:
            if journal.head.sequence - (journal.torn is not None) != self.lines:
                what = "another session has written to this journal since it was read"
                raise JournalLocked(journal.path, what, "Run it again.")
            world.opened(client, journal)
            if self.before is None:
                runlog.begin(order, client, journal, {h.key for each in self.opened.unresolved for h in each.hosts})
            else:
                events.put(journal, events.RunResumed())
            for event in self._taken(held):
                events.put(journal, event, durable=True)
            if self.undo:
                events.put(journal, events.RollbackAsked(tuple(sorted(self.undo))), durable=True)
            spent = Spent(self._plan.token, approved.digest, run, world.actor, world.now())
            try:
                spend(world.state, client, spent, self._disk)
            except TokenError as error:
                why = Failure(Cause.INTERRUPTED, error.what, error.next)
                runlog.ended(journal, Ending.REFUSED, why, {}, len(self.due), ExitStatus.REFUSED)
                raise
            events.put(journal, events.PlanSpent(approved.digest, self._plan.token), durable=True)
        except BaseException:
            with suppress(JournalError):
                journal.close()
            raise
        return journal

    def _taken(self, held: HostLocks) -> Iterator[events.RunEvent]:
        plan, stood = self._plan, self.approved.standing
        yield events.PlanTaken(
            plan=self.approved.digest,
            id=plan.id,
            made=plan.made,
            planner=plan.planner,
            policy=plan.policy,
            approvals=tuple(events.Approved(each.by, each.key) for each in stood.approvals),
            until=stood.until,
        )
        for taken in held.taken_over:
            owner = taken.owner
            yield events.TakenOver(taken.host, owner.run, owner.actor, owner.heartbeat)

    def _fleet(self, journal: JournalWriter, held: HostLocks, listener: Watching) -> Fleet[AppliedHost]:
        order, world = self.opened.order, self.opened.world
        scripts_of_all = collects_of(order.playbook)
        collecting = Gate.of(scripts_of_all, order.token)
        evidence = EvidenceStore(world.state, self._plan.client, self._disk)
        collects, seconds = collects_by_step(order.playbook), collect_seconds(order.playbook)
        numbers, rules = self._rules()

        def begin(host: Host) -> Applying:
            planned = self._planned[host.name]
            scripts = change_scripts(self._plan, planned)
            reads = reading_scripts(self._plan, planned)
            reading = Gate.of([*scripts_of_all, *reads.values()], order.token) if reads else collecting
            return Applying(
                host=host,
                secret=None if host.credential is None else self.opened.credentials[host.credential],
                plan=planned,
                playbook=order.playbook,
                collects=collects,
                changes=scripts,
                judgement=order.judgement,
                render=self._render,
                reach=world.reach,
                collecting=reading,
                changing=Gate.of(scripts.values(), order.token, once=True),
                deadlines=Deadlines(
                    host=order.host_seconds,
                    connect=order.connect_seconds,
                    per_script={**seconds, **change_seconds(order.playbook, planned)},
                    close=CLOSE_SECONDS,
                ),
                lines=self._history(journal, host, planned, listener),
                brake=self.brake,
                monotonic=world.monotonic,
                on_defect=listener.defect,
                reads=reads,
                store=evidence,
                claim=self._claim,
            )

        def wave_begins(number: int, hosts: tuple[str, ...]) -> None:
            names = tuple(key.partition("/")[2] for key in hosts)
            self._write(lambda: events.put(journal, events.WaveStarted(numbers[number - 1], names)))
            with suppress(Exception):  # a terminal that is gone is no reason to end a run
                listener.wave_begins(numbers[number - 1], numbers[-1], names)

        def wave_ended(number: int) -> None:
            def end() -> None:
                events.put(journal, events.WaveEnded(numbers[number - 1]))
                journal.checkpoint()

            self._write(end)
            if journal.newest is not None:
                self.keep([journal.newest])

        health = self._check(journal, listener) if rules.health else None
        return Fleet(
            rules,
            order.host_seconds + announced_seconds(order.playbook, self._plan.due),
            begin,
            lambda host, why: self._unworked(host.name, why),
            self.brake,
            listener,
            world.monotonic,
            is_failure=lambda row: row.has_failed,
            each_turn=lambda: self._beat(held),
            wave_begins=wave_begins,
            waits=listener.waits,
            wave_ended=wave_ended,
            health=health,
        )

    def _claim(self, host: Host, address: str) -> Host:
        """See `Applying`: two names of one server are changed under the one that is first, by whatever thread."""
        return self._claimed.setdefault((canonical_address(address), host.port), host) if address else host

    def _check(self, journal: JournalWriter, listener: Watching) -> HealthCheck[AppliedHost]:
        """The check between waves. Of hosts that were over before, those are asked first that were never found well."""
        order, world = self.opened.order, self.opened.world
        before = {} if self.before is None else self.before.hosts
        checking = Checking(
            steps=self._plan.going.health,
            playbook=order.playbook,
            due=order.steps,
            judgement=order.judgement,
            reach=world.reach,
            gate=order.gate,
            deadlines=order.deadlines,
            secret=lambda host: None if host.credential is None else self.opened.credentials[host.credential],
            journals={self._plan.client: journal},
            earlier={(self._plan.client, name): each for name, each in before.items()},
            brake=self.brake,
            monotonic=world.monotonic,
            on_defect=listener.defect,
        )

        def heard(host: Host, came: str | None) -> None:
            listener.asked(host, came)

        due = {host.name for host in self.due}
        over = [(host, self._unworked(host.name)) for host in order.hosts if host.name not in due]
        unasked = [(host, row) for host, row in over if row.touched and not _is_known_well(before.get(host.name))]
        return HealthCheck(concern, checking.ask, heard, unasked)

    def _history(self, journal: JournalWriter, host: Host, planned: PlannedHost, listener: Watching) -> HostHistory:

        def heard(what: str) -> None:
            with suppress(Exception):
                listener.doing(host, what)

        history = self._histories[planned.host] = HostHistory(
            journal,
            self._plan.client,
            planned,
            self._on_failure,
            halted=lambda: self.brake.aborted is not None,
            now=self.opened.world.now,
            on_defect=lambda step, error: listener.defect(f"{planned.host}, step {step}", error),
            progress=self._progress(planned.host),
            heard=heard,
        )
        return history

    def _render(self, ready: ReadyStep, change: Change) -> ReadyChange:
        [made] = ready_changes(ready.action, ready.params, [change], self._plan.id)
        return made

    def _rules(self) -> tuple[tuple[int, ...], Rules]:
        """How it goes over the hosts that are due, and which waves of the plan these are in."""
        order, going = self.opened.order, self._plan.going
        due = {host.name for host in self.due}
        numbers: list[int] = []
        sizes: list[int] = []
        at = 0
        everybody = self._plan.due
        waves = ("rest",) if self.undo else going.waves
        for number, size in enumerate(wave_sizes(waves, len(everybody)), start=1):
            left = sum(host.host in due for host in everybody[at : at + size])
            at += size
            if left:
                numbers.append(number)
                sizes.append(left)
        return tuple(numbers) or (1,), Rules(
            going.parallel,
            order.run_seconds,
            tuple(sizes),
            float(going.pause_seconds),
            going.limits,
            limited_of(order.hosts, going.limits),
            None if self.undo else budget_of(going.budget, len(everybody)),
            health=bool(going.health) and not self.undo,
        )

    def _beat(self, held: HostLocks) -> None:
        """Says that this run lives; nothing more is sent to hosts that somebody else has taken. Looks at the window."""
        world = self.opened.world
        until = self.approved.standing.until
        is_over = until is not None and (world.now() >= until or world.monotonic() >= self._closes)
        if until is not None and is_over and not self.undo and self.brake.halted is None:
            why = Failure(
                Cause.INTERRUPTED,
                f"the time in which this plan may be run is over ({until:%Y-%m-%d %H:%M} UTC)",
                "Go on with exrun resume once it may be run again.",
            )
            self.brake.pull(Halt(Letting.DRAIN, Ending.DEADLINE, why))
        if world.monotonic() - self._beaten < BEAT_SECONDS:
            return
        try:
            if held.beat(world.now()):
                self._beaten = world.monotonic()
        except LocksLostError as error:
            self.brake.pull(Halt(Letting.ABORT, Ending.INTERRUPTED, Failure(Cause.INTERRUPTED, error.what, error.next)))
        except LockError:
            self._beaten = world.monotonic()  # the disk refuses; the journal will say so before anything is sent

    def _write(self, put: Callable[[], object]) -> None:
        try:
            put()
        except JournalError as error:
            self.brake.pull(unwritable(error))

    def _unworked(self, name: str, why: Failure | None = None) -> AppliedHost:
        """The row of a host with which this session does not work: as earlier ones left it, or why it was not begun."""
        planned, client = self._planned[name], self._plan.client
        if self.before is not None and self.before.is_unread(name):
            return unaccounted(planned, client, _UNREAD, 0, 0.0)
        return applied(planned, client, self._on_failure, self._progress(name), why, 0, 0.0)

    def _ended(self, journal: JournalWriter, rows: Sequence[AppliedHost]) -> Applied:
        """The last line, and what came of all hosts of the plan: of those that were over before as they stood."""
        fresh = {row.name: row for row in rows}
        names = [host.name for host in self.opened.order.hosts]
        whole = tuple(fresh[name] if name in fresh else self._unworked(name) for name in names)
        result = self._result(whole)
        try:
            runlog.ended(journal, *ending_of(self.brake), result.counts, len(whole), result.status)
        except JournalError as error:
            self.brake.pull(unwritable(error))
            result = self._result(whole)
        if journal.newest is not None:
            self.keep([journal.newest])
        return result

    def _result(self, rows: tuple[AppliedHost, ...]) -> Applied:
        ending, why = ending_of(self.brake)
        before = {} if self.before is None else self.before.hosts
        progress = {**before, **{name: each.progress for name, each in self._histories.items() if each.progress}}
        end = End() if why is None else End(ending, why.message, why.next)
        return Applied(self.opened.order.run, self._plan.client, end, rows, progress)


def _is_known_well(host: HostProgress | None) -> bool:
    return host is not None and host.health is not None and host.health.well


_UNREAD = failure(Cause.DEFECT, "a newer version has written lines that say what is not known here")

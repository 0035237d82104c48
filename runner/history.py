"""One host's lines in the journal of a run that changes it, and what they come to: folded as they are written.

There is no other memory of what was done. What is folded is what the line will be read as, so a run that goes on and
one that is read back stand at the same place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from playbooks.findings import Assessment
from playbooks.model import OnFailure
from playbooks.observation import NotObserved
from playbooks.unknowns import not_observed
from runner import events
from runner.applied import AppliedHost, applied
from runner.detached import Reading
from runner.events import Answer, HostEvent, Intent, Purpose, Recorded, Would
from runner.hostlog import AbandonedError, HaltedError
from runner.journal.lines import UnrecordableValueError
from runner.journal.writer import JournalWriter
from runner.plan.records import PlannedHost
from runner.state import HostProgress, Key, host_after
from runner.steps import DEFECT
from runner.transport.failures import Failure
from runner.transport.interface import LoggingOn, Notice, Repeated, Replaced, Retried, Script

__all__ = ["HostHistory"]


@dataclass(slots=True)
class HostHistory:
    """The lines of one host.

    Attributes:
        halted: whether the run is to send nothing more.
        now: UTC.
        on_defect: told of a judgement that cannot be recorded.
        heard: told in a few words of what is done from now on, for people.
        progress: what the lines come to, those of earlier sessions included; None before the first.
        row: the host's row, once it has ended.
        closed: it takes nothing more.
    """

    journal: JournalWriter
    client: str
    plan: PlannedHost
    on_failure: Mapping[str, OnFailure]
    halted: Callable[[], bool]
    now: Callable[[], datetime]
    on_defect: Callable[[str, Exception], None]
    heard: Callable[[str], None] = lambda what: None
    progress: HostProgress | None = None
    row: AppliedHost | None = None
    closed: bool = False
    _asking: tuple[Script, str, Purpose] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def started(self, address: str, port: int) -> None:
        """Before connecting."""
        self._put(events.HostStarted(self.plan.host, address, port))
        self.heard("connect")

    def asking(self, script: Script, step: str, purpose: Purpose) -> None:
        """Intent to collect, on the disk when this returns.

        Raises:
            HaltedError: nothing more is to be sent.
        """
        self._asking = script, step, purpose
        self._intend(script.sha256, step, purpose)

    def changing(self, script: Script, step: str, purpose: Purpose, number: int, pool: str) -> None:
        """Intent to change something in this pool, on the disk when this returns.

        Raises:
            HaltedError: nothing more is to be sent.
        """
        self._refuse_when_halted()
        self.heard(f"{purpose} {step}")
        intent = Intent(script.sha256, (step,), number)
        self._put(events.ScriptSending(self.plan.host, purpose, (intent,), None, pool), durable=True)

    def noticed(self, notice: Notice) -> None:
        """What the transport did of itself. A script that is sent again is intent again.

        Raises:
            HaltedError: nothing more is to be sent.
        """
        if isinstance(notice, LoggingOn):
            if self._asking is None:  # later ones are in the middle of something
                self.heard("log on")
            return
        self._refuse_when_halted()
        match notice:
            case Retried(failure=failure, attempt=attempt, wait_seconds=wait):
                self._put(events.ConnectionRetried(self.plan.host, attempt, round(wait, 3), failure))
                self.heard("connect again")
            case Repeated(failure=failure):
                assert self._asking is not None
                script, step, purpose = self._asking
                self._intend(script.sha256, step, purpose, failure)
            case Replaced(script=script):
                self._put(events.PoolReplaced(self.plan.host, script.name, script.sha256))
            case _:
                assert_never(notice)

    def answered(self, script: Script, step: str, purpose: Purpose, answer: Answer) -> None:
        """How the last attempt of this step and purpose came out."""
        number = self._attempts(step, purpose)
        self._put(events.ScriptAnswered(self.plan.host, step, script.sha256, purpose, number, answer))

    def assessed(
        self,
        script: Script,
        step: str,
        purpose: Purpose,
        action: str,
        answer: Answer,
        assessment: Assessment,
        would: tuple[Would, ...] | None,
    ) -> None:
        """The judgement of what the last attempt to collect said."""
        number = self._attempts(step, purpose)
        event = events.StepAssessed(
            self.plan.host, step, script.sha256, action, purpose, number, answer, assessment, would
        )
        try:
            self._put(event)
        except UnrecordableValueError as error:
            self.on_defect(step, error)
            why = f"the judgement of {action} gave what cannot be recorded: {error}"
            unknown = not_observed(action, NotObserved(DEFECT, why), ())
            self._put(replace(event, assessment=unknown, would=None))

    def kept(
        self, script: Script, step: str, sha256: str, size: int, streams: tuple[events.StreamRead, ...] = ()
    ) -> None:
        """What was read is in the evidence store, on the disk; `size` in bytes."""
        number = self._attempts(step, Purpose.EVIDENCE)
        kept = events.EvidenceKept(self.plan.host, step, script.sha256, number, sha256, size, streams)
        self._put(kept, durable=True)

    def missed(self, script: Script, step: str, why: str) -> None:
        """What was to be kept cannot be."""
        number = self._attempts(step, Purpose.EVIDENCE)
        self._put(events.EvidenceMissed(self.plan.host, step, script.sha256, number, why))

    def drifted(self, step: str, differences: tuple[str, ...]) -> None:
        """What would be done now is not what was approved."""
        self._put(events.Drifted(self.plan.host, step, differences))

    def decided(self, step: str, holds: bool | None, why: str) -> None:
        """What the `when` of a step comes to now."""
        self._put(events.WhenDecided(self.plan.host, step, holds, why))

    def booted(self, step: str, time: str, starting: int) -> None:
        """When the server was started, as the answer says that is judged next."""
        self._put(events.BootSeen(self.plan.host, step, time, starting))

    def polled(self, script: Script, step: str, of: Purpose, seen: Reading) -> None:
        """How far a detached script is, as the answer says that came last."""
        number = self._attempts(step, Purpose.POLL)
        self._put(
            events.DetachedSeen(
                self.plan.host,
                step,
                script.sha256,
                number,
                of,
                seen.state,
                seen.started,
                seen.ended,
                seen.exit,
                seen.error,
            )
        )

    def settled(self, step: str, purpose: Purpose, number: int, settlement: events.Settlement, why: str) -> None:
        """What became of an attempt."""
        self._put(events.Settled(self.plan.host, step, purpose, number, settlement, why))

    def end(self, failure: Failure | None, requests: int, seconds: float) -> None:
        """Makes the row and records it. After it this history takes nothing more, so any thread may call it.

        Raises:
            AbandonedError: another thread was first.
            JournalError: it could not be recorded; `row` is set all the same.
            NotOfThePlanError: see `so_far`; there is no row.
        """
        with self._lock:
            if self.closed:
                raise AbandonedError
            self.closed = True
            why = None if failure is None else events.redacted(self.journal, failure)
            seconds = round(seconds, 3)
            self.row = applied(self.plan, self.client, self.on_failure, self.progress, why, requests, seconds)
            if self.progress is not None:
                outcomes = {each.step: each.outcome.value for each in self.row.steps}
                self._write(events.HostApplied(self.plan.host, outcomes, requests, seconds, failure))

    def _refuse_when_halted(self) -> None:
        if self.halted():
            raise HaltedError

    def _attempts(self, step: str, purpose: Purpose) -> int:
        attempts: Mapping[Key, object] = {} if self.progress is None else self.progress.attempts
        return sum((key.step, key.purpose) == (step, purpose) for key in attempts)

    def _intend(self, script: str, step: str, purpose: Purpose, again_after: Failure | None = None) -> None:
        self._refuse_when_halted()
        self.heard(f"{purpose} {step}")
        intent = Intent(script, (step,), self._attempts(step, purpose) + 1)
        self._put(events.ScriptSending(self.plan.host, purpose, (intent,), again_after), durable=True)

    def _put(self, event: HostEvent, *, durable: bool = False) -> None:
        with self._lock:
            if self.closed:
                raise AbandonedError
            self._write(event, durable=durable)

    def _write(self, event: HostEvent, *, durable: bool = False) -> None:
        """Writes what may follow what stands, and nothing else: a contradiction is found before anything is sent."""
        clean = events.clean(self.journal, event)
        as_read = events.as_written(event, clean)
        self._after(as_read, 0)
        sequence = events.put(self.journal, event, clean, durable=durable)
        self.progress = self._after(as_read, sequence)

    def _after(self, event: HostEvent, sequence: int) -> HostProgress:
        recorded = Recorded(sequence, self.now(), "", self.client, event)
        return host_after(self.progress, event, recorded, resumed=True)

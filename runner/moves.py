"""What is to be done next on a host: a function of its plan and of what its journal says, and of nothing else. Pure.

    plan, so far -> next_move -> Collect | Decide | Send | Settle | Finish

A run that is resumed asks the same question as one that was never broken off, so the two cannot differ.

A step goes like this; what stands in brackets ends the host, or the step where `on_failure` lets the next one follow:

    decide      its `when`, on what the steps before it say now: false, though it was true for the plan: [refused].
                Not known: [failed]
    recheck     nothing is named: compliant. What is named is not the plan's, or what it would act on, or a change of
                the plan that is not named any more, is known to be another: [refused]. Not judged: [failed]
    evidence    what a change has to have kept before: kept, or that change is not made, and [failed]
    apply       each change in the order of the plan, once; one that ended in an error is the last
    probe       behind a loss: the change is not named any more: done. Named as planned: not done, and sent once more.
                Anything else: [unknown], and the attempt stays open
    verify      nothing is named: changed. Something is: [failed], or undone first where the step says so
    confirm     of changes that the host undoes by itself unless it hears otherwise: once verify, over a connection that
                was opened after the last of them was sent, has nothing named. Then verify once more. What is not
                confirmed is undone: by the host at its deadline, or sooner from here, which takes its guard away

Where a change runs detached, sending it begins it; then the host is asked how far it is until it is over, or for as
long as it may take. All that is done behind a change is done once it is over.

What a change came to is known from a collect that is judged, never from the answer alone; and of what is in motion
still, from one that is made later, for as long as the contract says. A server has restarted once its boot time is
another than before and nothing is starting any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from playbooks.findings import Coverage
from playbooks.model import OnFailure
from runner import events
from runner.events import DetachedState, Purpose, Settlement, Would
from runner.plan.records import PlannedChange, PlannedHost, PlannedStep, Standing
from runner.state import Attempt, HostProgress

__all__ = [
    "Boot",
    "Collect",
    "Decide",
    "Decided",
    "Ended",
    "Finish",
    "HostSoFar",
    "Judged",
    "Keep",
    "Move",
    "Outcome",
    "Poll",
    "Polled",
    "Send",
    "Settle",
    "StepSoFar",
    "Tried",
    "has_restarted",
    "is_over",
    "next_move",
    "outcomes",
    "so_far",
]

SENDINGS = 2  # of one change at most: the second only where a probe has shown that the first came to nothing
STARTS = 3  # attempts at most of which it is known that they did not start


class Outcome(StrEnum):
    """What a step came to on a host, worst first."""

    UNKNOWN = "unknown"  # something was sent, and it is not known what became of it
    FAILED = "failed"
    REFUSED = "refused"  # drift: nothing was sent
    UNREACHABLE = "unreachable"  # no session: of a row alone, see runner/applied.py
    ROLLED_BACK = "rolled-back"
    PENDING = "pending"  # it is not over
    CHANGED = "changed"
    COMPLIANT = "compliant"
    DEFERRED = "deferred"
    SKIPPED = "skipped"


class Ended(StrEnum):
    """How the sending of a script ended, as the controller saw it."""

    NOT_YET = "not-yet"  # intent stands in the journal, and no answer: whether it ran is unknown
    COMPLETED = "completed"
    BROKEN = "broken"  # it ran, and ended in an error, at a cap or at its deadline
    NOT_STARTED = "not-started"  # and this is known
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Judged:
    """The last judgement of a step.

    Attributes:
        sequence: of its line in the journal.
        known: whether the step could be judged.
        settled: whether all that it saw has come to rest.
        barred: whether what a change would act on is known to be another: then nothing is named, and it is not `known`.
    """

    purpose: Purpose
    sequence: int
    known: bool
    would: tuple[Would, ...] = ()
    settled: bool = True
    barred: bool = False


@dataclass(frozen=True, slots=True)
class Boot:
    """What a look said of when the server was started: that time, and how many services are on their way still.

    Attributes:
        sequence: of its line in the journal, which is before that of the judgement.
    """

    sequence: int
    time: str
    starting: int


@dataclass(frozen=True, slots=True)
class Polled:
    """How far a detached script was seen to be last. `sequence` is that of its line."""

    sequence: int
    state: DetachedState


@dataclass(frozen=True, slots=True)
class Tried:
    """One sending of a script of a change. `sequence` is that of its intent."""

    change: str
    purpose: Purpose
    number: int
    sequence: int
    ended: Ended = Ended.NOT_YET
    settlement: Settlement | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What the `when` of a step came to; None where that was not known. `sequence` is that of its line."""

    sequence: int
    holds: bool | None


@dataclass(frozen=True, slots=True)
class StepSoFar:
    """One step on one host, as its journal has it.

    Attributes:
        tried: in the order in which it was.
        kept: scripts that have read what was to be kept, and it is.
        missed: those that could not: their changes are not made by this plan.
        polled: of changes that run detached: by change and purpose.
        drifted: whether what was judged last was found to differ from the plan: also in what is said of a change.
    """

    judged: Judged | None = None
    tried: tuple[Tried, ...] = ()
    decided: Decided | None = None
    kept: frozenset[str] = frozenset()
    missed: frozenset[str] = frozenset()
    boots: tuple[Boot, ...] = ()
    polled: Mapping[tuple[str, Purpose], Polled] = field(default_factory=dict)
    drifted: bool = False


@dataclass(frozen=True, slots=True)
class HostSoFar:
    """One host.

    Attributes:
        since: the line with which work on it was begun the last time: what was judged before is old.
        undoing: whether somebody asked for what was done to be undone.
        patient: whether what is in motion may still come to rest within the time that the contract announces; and what
            runs detached, within that which it may take.
    """

    since: int = 0
    steps: Mapping[str, StepSoFar] = field(default_factory=dict)
    undoing: bool = False
    patient: bool = False


@dataclass(frozen=True, slots=True)
class Collect:
    """Collect this step over a connection that was opened since its last sending was lost, and judge it.

    Attributes:
        anew: over one that was opened since anything was sent to change the host.
        later: after a while: the last look saw what has not come to rest.
    """

    step: str
    purpose: Purpose
    anew: bool = False
    later: bool = False


@dataclass(frozen=True, slots=True)
class Decide:
    """Write what the `when` of this step comes to, on what is known of the steps that it hangs on."""

    step: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Read what this change has to have kept, with this script, and put it into the evidence store."""

    step: str
    change: str
    script: str


@dataclass(frozen=True, slots=True)
class Poll:
    """Read with this script how far a change is that runs detached, over a connection as for `Collect`.

    Attributes:
        purpose: whether it is made there or undone.
        later: after a while: it was running at the last look.
    """

    step: str
    change: str
    purpose: Purpose
    script: str
    later: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """Write intent, then send this script once."""

    step: str
    change: str
    purpose: Purpose
    number: int
    script: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Write what became of this sending."""

    step: str
    change: str
    purpose: Purpose
    number: int
    settlement: Settlement
    why: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing more is to be done on this host."""


Move = Collect | Decide | Keep | Poll | Send | Settle | Finish


def next_move(plan: PlannedHost, on_failure: Mapping[str, OnFailure], so_far: HostSoFar) -> Move:
    """The next thing to do on a host; Finish once there is none.

    Args:
        on_failure: what a failure of a step means for the steps after it, by step.
    """
    for move in _in_order(plan, on_failure, so_far):
        if not isinstance(move, Outcome):
            return move
    return Finish()


def is_over(plan: PlannedHost, on_failure: Mapping[str, OnFailure], host: HostProgress | None) -> bool:
    """Whether there is nothing more to do on a host of which this is known, in another session either.

    One that is left unknown is looked at again. So is one that a session was waiting for when it was cut short: whether
    it had come to rest, or restarted, had still to be seen.

    Raises:
        NotOfThePlanError: see `so_far`.
    """
    known = so_far(host, plan)
    if host is not None and host.ended is None:
        known = replace(known, patient=True)
    if not isinstance(next_move(plan, on_failure, known), Finish):
        return False
    return Outcome.UNKNOWN not in outcomes(plan, on_failure, known).values()


def outcomes(plan: PlannedHost, on_failure: Mapping[str, OnFailure], so_far: HostSoFar) -> Mapping[str, Outcome]:
    """What each step came to. SKIPPED for those that a step before them keeps from being begun."""
    steps = tuple(reversed(plan.steps)) if so_far.undoing else plan.steps
    found = {
        step.step: move if isinstance(move, Outcome) else Outcome.PENDING
        for step, move in zip(steps, _in_order(plan, on_failure, so_far), strict=False)
    }
    return {step.step: found.get(step.step, Outcome.SKIPPED) for step in plan.steps}


def _in_order(plan: PlannedHost, on_failure: Mapping[str, OnFailure], so_far: HostSoFar) -> Iterator[Move | Outcome]:
    """What is to be done in each step, or what it came to, as far as the steps before it let it be begun.

    What a step before the last that was begun came to stands: it is not begun behind a later one, when a run is
    resumed.
    """
    if so_far.undoing:
        yield from _backwards(plan, on_failure, so_far)
        return
    begun = [number for number, step in enumerate(plan.steps) if so_far.steps.get(step.step, StepSoFar()).tried]
    for number, step in enumerate(plan.steps):
        own = so_far.steps.get(step.step, StepSoFar())
        over = bool(begun) and number < begun[-1]
        patient = so_far.patient and not over  # what a step came to when nothing more was waited for stands
        move = None if own.tried else _when(step, so_far, over=over)
        if move is None:
            move = _move(step, on_failure[step.step], own, 0 if over else so_far.since, patient=patient)
        if over and not own.tried and isinstance(move, Keep | Send):
            move = Outcome.FAILED  # it could not be judged when it was its turn, and has been looked at since
        yield move
        if not isinstance(move, Outcome) or (not over and _ends_the_host(move, on_failure[step.step])):
            return


def _backwards(plan: PlannedHost, on_failure: Mapping[str, OnFailure], so_far: HostSoFar) -> Iterator[Move | Outcome]:
    """The same where somebody asked for what was done to be undone: the last step first.

    A step that could not be undone keeps those before it as they are, for they may carry it.
    """
    for step in reversed(plan.steps):
        own = so_far.steps.get(step.step, StepSoFar())
        if not own.tried:
            yield Outcome.SKIPPED
            continue
        move = _Step(step, on_failure[step.step], own, so_far.since, so_far.patient).undo()
        yield move
        if not isinstance(move, Outcome) or move in (Outcome.UNKNOWN, Outcome.FAILED, Outcome.REFUSED):
            return


def _when(step: PlannedStep, so_far: HostSoFar, *, over: bool) -> Move | Outcome | None:
    """Decides the `when` of a step anew, before anything of it is done; None where it has none, or where it holds.

    What the steps that it hangs on say is collected in this session; of one that this run changed it is known from what
    was seen behind the change.
    """
    newest = 0 if over else so_far.since
    for owner in step.hangs_on:
        theirs = so_far.steps.get(owner, StepSoFar())
        seen = 0 if theirs.judged is None else theirs.judged.sequence
        if not over and not theirs.tried and seen <= so_far.since:
            return Collect(owner, Purpose.RECHECK)
        newest = newest if over else max(newest, seen)
    if not step.hangs_on:
        return None
    decided = so_far.steps.get(step.step, StepSoFar()).decided
    if decided is None or decided.sequence <= newest:
        return Decide(step.step)
    if decided.holds is None:
        return Outcome.FAILED
    return None if decided.holds else Outcome.REFUSED


def _ends_the_host(outcome: Outcome, on_failure: OnFailure) -> bool:
    if outcome in (Outcome.UNKNOWN, Outcome.REFUSED):
        return True
    return outcome in (Outcome.FAILED, Outcome.ROLLED_BACK) and on_failure is not OnFailure.CONTINUE


def _move(step: PlannedStep, on_failure: OnFailure, own: StepSoFar, since: int, *, patient: bool) -> Move | Outcome:
    match step.standing:
        case Standing.COMPLIANT:
            return Outcome.COMPLIANT
        case Standing.DEFERRED:
            return Outcome.DEFERRED
        case Standing.NOT_APPLICABLE | Standing.UNKNOWN:
            return Outcome.SKIPPED
        case Standing.PLANNED | Standing.PREDICTED:
            return _Step(step, on_failure, own, since, patient).move()


@dataclass(frozen=True, slots=True)
class _Step:
    plan: PlannedStep
    on_failure: OnFailure
    own: StepSoFar
    since: int
    patient: bool

    def move(self) -> Move | Outcome:
        """What is to be done next in the step, or what it came to."""
        awaited = self._awaited()
        return awaited._move() if isinstance(awaited, _Step) else awaited

    def undo(self) -> Move | Outcome:
        """What is to be done where the step is to be undone, whatever it came to."""
        awaited = self._awaited()
        return awaited._undo_all() if isinstance(awaited, _Step) else awaited

    def _awaited(self) -> Move | Outcome | _Step:
        """The step with what is known of its detached scripts; or what is to be done first to know it.

        One that is over counts as a sending that was answered when that was seen.
        """
        known: list[Tried] = []
        for each in self.own.tried:
            script = self._poll_of(each)
            if script is None:
                known.append(each)
                continue
            seen = self.own.polled.get((each.change, each.purpose))
            if seen is not None and seen.sequence < each.sequence:
                seen = None
            if _is_open(each):
                if seen is None or (seen.sequence < self.since and not seen.state.is_over):
                    return Poll(self.plan.step, each.change, each.purpose, script)
                if seen.state in (DetachedState.RUNNING, DetachedState.UNSEEN):
                    later = Poll(self.plan.step, each.change, each.purpose, script, later=True)
                    return later if self.patient else Outcome.UNKNOWN
            known.append(each if seen is None else _as_seen(each, seen))
        step = replace(self, own=replace(self.own, tried=tuple(known)))
        last = self.own.tried[-1] if self.own.tried else None
        if last is not None and last.purpose is Purpose.APPLY and _doubtful(last) is not None:
            seen = self.own.polled.get((last.change, last.purpose))
            if self._poll_of(last) is not None and seen is not None:
                return step._probe(known[-1], ran=seen.state.is_over)
        return step

    def _poll_of(self, tried: Tried) -> str | None:
        """What reads how far this sending is; None where it does not run detached, or is not the last of its script."""
        change = next(each for each in self.plan.changes if each.change.id == tried.change)
        if change.poll is None or tried.purpose is Purpose.CONFIRM or tried.ended is Ended.NOT_STARTED:
            return None
        same = [each for each in self._tried(tried.purpose) if each.change == tried.change]
        return change.poll if tried is same[-1] else None

    def _move(self) -> Move | Outcome:
        undoing = self._tried(Purpose.ROLLBACK)
        if undoing:
            return self._undo(undoing)
        applied = self._tried(Purpose.APPLY)
        if not applied:
            return self._begin()
        confirming = self._tried(Purpose.CONFIRM)
        if confirming:
            return self._confirm(applied, confirming)
        if (doubtful := _doubtful(applied[-1])) is not None:
            return self._probe(doubtful)
        if _is_open(applied[-1]) and applied[-1].ended is Ended.NOT_STARTED:
            return self._settle(applied[-1], Settlement.NOT_DONE, "it did not start")
        due = self._due(applied)
        return self._verify(applied) if due is None else self._go_on(due, applied)

    def _undo_all(self) -> Move | Outcome:
        for each in (*self._tried(Purpose.APPLY), *self._tried(Purpose.CONFIRM)):
            if _doubtful(each) is not None:
                return self._probe(each)
            if not _is_open(each):
                continue
            if each.ended is Ended.NOT_STARTED:
                return self._settle(each, Settlement.NOT_DONE, "it did not start")
            judged = self._seen(Purpose.PROBE, max(each.sequence, self.since))
            if not isinstance(judged, Judged):
                return judged
            return self._settle(each, *_became(each.change, judged, self.plan.changes))
        undone = self._undo(self._tried(Purpose.ROLLBACK), otherwise=Outcome.REFUSED)
        happened = any(self._happened(each) for each in self.plan.changes)
        return Outcome.SKIPPED if undone is Outcome.ROLLED_BACK and not happened else undone

    def _begin(self) -> Move | Outcome:
        """Before anything is sent."""
        judged = self._judged_since(self.since, Purpose.RECHECK)
        if judged is None:
            return Collect(self.plan.step, Purpose.RECHECK)
        if judged.barred:
            return Outcome.REFUSED
        if not judged.known:
            return Outcome.FAILED
        if not judged.would and not self.own.drifted:
            return Outcome.COMPLIANT
        if self.own.drifted or list(judged.would) != [_would(each) for each in self.plan.changes]:
            return Outcome.REFUSED
        if self._restarts and not any(boot.sequence > self.since for boot in self.own.boots):
            return Outcome.FAILED  # nobody could tell afterwards whether it has restarted
        return Outcome.FAILED if self._missed(self.plan.changes[0]) else self._send(self.plan.changes[0], 1)

    def _due(self, applied: Sequence[Tried]) -> PlannedChange | None:
        """The next change to send; None where there is none, or one before it came to nothing that nobody expected."""
        for change in self.plan.changes:
            tries = [each for each in applied if each.change == change.change.id]
            if any(each.ended is Ended.BROKEN for each in tries):
                return None
            if not tries or all(each.settlement is Settlement.NOT_DONE for each in tries):
                return change if _may_be_sent(tries) and not self._missed(change) else None
        return None

    def _go_on(self, due: PlannedChange, applied: Sequence[Tried]) -> Move | Outcome:
        """Sends the next change of the step, where what is known of the host still says that it is to be done."""
        newest = applied[-1].sequence
        if self.own.judged is None or self.own.judged.sequence < max(newest, self.since):
            if newest > self.since and not self._takes_a_while:  # the answer has just come: nothing is between the two
                return self._send(due, len(applied) + 1)
            return Collect(self.plan.step, Purpose.PROBE)
        judged = self.own.judged
        if not judged.known or not judged.settled:
            if self.patient:
                return Collect(self.plan.step, Purpose.PROBE, later=True)
            return Outcome.UNKNOWN if any(_is_open(each) for each in applied) else Outcome.FAILED
        restarted = not self._restarts or self._restarted(applied)
        if not restarted and self.patient:
            return Collect(self.plan.step, Purpose.PROBE, later=True)
        for each in applied:
            if _is_open(each):
                return self._settle(each, *_became(each.change, judged, self.plan.changes))
        if not restarted:
            return Outcome.FAILED
        planned = {_would(each) for each in self.plan.changes}
        named = {each.change for each in judged.would}
        gone = any(each.change.id in named and self._happened(each) for each in self.plan.changes)
        if gone and self._is_guarded:  # the host has undone it: it was not confirmed in time
            return self._undo(())
        if _would(due) in judged.would and planned.issuperset(judged.would):
            return self._send(due, len(applied) + 1)
        return self._verify(applied)

    def _verify(self, applied: Sequence[Tried]) -> Move | Outcome:
        still_open = [each for each in applied if _is_open(each)]
        blind = self.own.judged is None or not self.own.judged.known
        # What is settled and seen stays so when a run is resumed; but for what the host may have undone since.
        anew = self.since if still_open or blind or self._is_guarded else 0
        judged = self._seen(Purpose.VERIFY, max(applied[-1].sequence, anew), anew=self._is_guarded)
        if not isinstance(judged, Judged):
            return judged
        restarted = not self._restarts or self._restarted(applied)
        if not restarted and self.patient:
            return Collect(self.plan.step, Purpose.VERIFY, later=True)
        if still_open:
            return self._settle(still_open[0], *_became(still_open[0].change, judged, self.plan.changes))
        if not restarted and not judged.would:
            return Outcome.FAILED
        if not judged.would:
            return self._confirm(applied, ()) if self._is_guarded else Outcome.CHANGED
        return self._failed()

    def _failed(self) -> Move | Outcome:
        """Something is left to be done that nothing will do any more."""
        undoes = self.on_failure is OnFailure.ROLLBACK or self._is_guarded
        if undoes and any(self._is_to_be_undone(each) for each in self.plan.changes):
            return self._undo(())
        return Outcome.FAILED

    def _confirm(self, applied: Sequence[Tried], confirming: Sequence[Tried]) -> Move | Outcome:
        """Lets the host keep what it was seen to have, and looks once more. It may be told so twice.

        Which of two was first, its deadline or its confirmation, the host alone knows: it takes one of them. So a
        confirmation that was lost is sent again while the change stands, and one that it refuses is too late.
        """
        if confirming and _is_open(confirming[-1]) and confirming[-1].ended is not Ended.COMPLETED:
            last = confirming[-1]
            if last.ended is Ended.NOT_STARTED:
                return self._settle(last, Settlement.NOT_DONE, "it did not start")
            judged = self._seen(Purpose.PROBE, max(last.sequence, self.since), anew=True)
            if not isinstance(judged, Judged):
                return judged
            if judged.would:
                return self._undone_by_host(confirming, judged)
        for change in self.plan.changes:
            if change.confirm is None or not self._may_be_guarded(change):
                continue
            tries = [each for each in confirming if each.change == change.change.id]
            if any(each.ended is Ended.COMPLETED for each in tries):
                continue
            if not self._may_be_confirmed(tries):
                return Outcome.UNKNOWN if any(_is_open(each) for each in tries) else self._failed()
            if self.own.judged is None or self.own.judged.sequence < self.since:
                return Collect(self.plan.step, Purpose.PROBE, anew=True)
            if not self.own.judged.known or not self.own.judged.settled:
                return Collect(self.plan.step, Purpose.PROBE, later=True) if self.patient else Outcome.UNKNOWN
            if self.own.judged.would:
                return self._undone_by_host(confirming, self.own.judged)
            return Send(self.plan.step, change.change.id, Purpose.CONFIRM, len(confirming) + 1, change.confirm)
        if not confirming:
            return Outcome.CHANGED  # others have made it so
        still_open = [each for each in (*applied, *confirming) if _is_open(each)]
        judged = self._seen(Purpose.VERIFY, max(confirming[-1].sequence, self.since if still_open else 0))
        if not isinstance(judged, Judged):
            return judged
        if judged.would:
            return self._undone_by_host(confirming, judged)
        if still_open:
            return self._settle(still_open[0], Settlement.DONE, "the host keeps the change")
        return Outcome.CHANGED

    def _undone_by_host(self, confirming: Sequence[Tried], judged: Judged) -> Move | Outcome:
        """Something that was there is to be done again: what was confirmed too late, or not at all."""
        for each in confirming:
            if _is_open(each):
                settlement, _ = _became(each.change, judged, self.plan.changes)
                why = {
                    Settlement.DONE: "the host keeps the change",
                    Settlement.NOT_DONE: "the change is named again: the host has undone it",
                    Settlement.PARTLY_DONE: "the change is named again, and would be another",
                }
                return self._settle(each, settlement, why[settlement])
        return self._undo(())

    def _may_be_confirmed(self, tries: Sequence[Tried]) -> bool:
        """Whether it may be sent once more in this session: done twice it is the same as done once."""
        now = [each for each in tries if each.sequence > self.since]
        unstarted = sum(each.ended is Ended.NOT_STARTED for each in now)
        return len(now) - unstarted < SENDINGS and unstarted < STARTS

    def _probe(self, lost: Tried, *, ran: bool | None = None) -> Move | Outcome:
        """What became of a sending without an answer.

        Args:
            ran: whether it has, and is over, as the host says of what runs detached; None where nobody knows.
        """
        judged = self._seen(Purpose.PROBE, max(lost.sequence, self.since))
        if not isinstance(judged, Judged):
            return judged
        settlement, why = _became(lost.change, judged, self.plan.changes)
        if self._restarts and settlement is not Settlement.DONE and ran is not False:
            if not self._restarted(self._tried(Purpose.APPLY)):
                if self.patient:
                    return Collect(self.plan.step, Purpose.PROBE, later=True)
                if lost.sequence > self.since and ran is None:  # it may restart yet: another session sees
                    return Outcome.UNKNOWN
            elif ran is None:
                ran = True  # nothing runs through a restart
        if settlement is Settlement.PARTLY_DONE and not ran:
            return Outcome.UNKNOWN
        return self._settle(lost, settlement, why)

    def _undo(self, undoing: Sequence[Tried], *, otherwise: Outcome = Outcome.FAILED) -> Move | Outcome:
        """Undoes what was done, the last first. What cannot be undone, or is in doubt, ends it.

        Args:
            otherwise: what it comes to where the host is not as a change left it.
        """
        if undoing and _is_open(undoing[-1]):
            return self._undone(undoing[-1])
        for change in reversed(self.plan.changes):
            tries = [each for each in undoing if each.change == change.change.id]
            undone = [each for each in tries if each.settlement is Settlement.DONE]
            if undone and change.confirm is not None and all(each.ended is not Ended.COMPLETED for each in undone):
                disarmed = self._disarm(change, change.confirm, undone[-1])
                if disarmed is not None:
                    return disarmed
            if undone or not self._is_to_be_undone(change):
                continue
            if change.rollback is None or not _may_be_sent(tries):
                return Outcome.FAILED
            newest = max((each.sequence for each in self.own.tried), default=0)
            if self.own.judged is None or self.own.judged.sequence < max(newest, self.since):
                return Collect(self.plan.step, Purpose.PROBE)
            if self.own.judged.barred:
                return otherwise
            if not self.own.judged.known or not self.own.judged.settled:
                return Collect(self.plan.step, Purpose.PROBE, later=True) if self.patient else Outcome.UNKNOWN
            became, _ = _became(change.change.id, self.own.judged, self.plan.changes)
            if became is Settlement.NOT_DONE and change.confirm is None:  # somebody has undone it
                continue
            if became is Settlement.PARTLY_DONE and not self._happened(change, Settlement.PARTLY_DONE):
                return otherwise
            return Send(self.plan.step, change.change.id, Purpose.ROLLBACK, len(undoing) + 1, change.rollback)
        return Outcome.ROLLED_BACK

    def _disarm(self, change: PlannedChange, confirm: str, undone: Tried) -> Move | Outcome | None:
        """Takes away what undoes a change by itself, where it is as it was and nobody heard the end of what undid it.

        To confirm takes that away and nothing else, is the same done twice, and is refused where the host was first.
        None once it is gone.

        Args:
            undone: the sending of what undid it.
        """
        confirming = self._tried(Purpose.CONFIRM)
        tries = [each for each in confirming if each.change == change.change.id and each.sequence > undone.sequence]
        if tries and _is_open(tries[-1]):
            if tries[-1].ended is Ended.NOT_STARTED:
                return self._settle(tries[-1], Settlement.NOT_DONE, "it did not start")
            judged = self._seen(Purpose.PROBE, max(tries[-1].sequence, self.since))
            if not isinstance(judged, Judged):
                return judged
            return self._settle(tries[-1], *_became(change.change.id, judged, self.plan.changes))
        if any(each.ended is Ended.COMPLETED for each in tries):
            return None
        if any(each.ended is Ended.BROKEN for each in tries):
            return Outcome.FAILED  # what undoes it by itself may stand there still
        if not self._may_be_confirmed(tries):
            return Outcome.UNKNOWN
        judged = self._seen(Purpose.PROBE, max(undone.sequence, self.since))
        if not isinstance(judged, Judged):
            return judged
        if _became(change.change.id, judged, self.plan.changes)[0] is not Settlement.NOT_DONE:
            return Outcome.FAILED  # somebody else has made it again
        return Send(self.plan.step, change.change.id, Purpose.CONFIRM, len(confirming) + 1, confirm)

    def _undone(self, last: Tried) -> Move | Outcome:
        """What became of undoing a change: it is done where judgement names the change again, as it was planned."""
        if last.ended is Ended.NOT_STARTED:
            return self._settle(last, Settlement.NOT_DONE, "it did not start")
        judged = self._seen(Purpose.PROBE, max(last.sequence, self.since))
        if not isinstance(judged, Judged):
            return judged
        settlement, _ = _became(last.change, judged, self.plan.changes)
        match settlement:
            case Settlement.NOT_DONE:
                return self._settle(last, Settlement.DONE, "the change is named again, as it was planned")
            case Settlement.DONE:
                return self._settle(last, Settlement.NOT_DONE, "the change is not named again")
            case Settlement.PARTLY_DONE:
                return Outcome.UNKNOWN

    @property
    def _is_guarded(self) -> bool:
        """Whether the host undoes something of this step by itself unless that is confirmed."""
        return any(change.confirm is not None for change in self.plan.changes)

    def _is_to_be_undone(self, change: PlannedChange) -> bool:
        """Whether it was made; or its guard may stand on the host, and is taken away by what undoes it."""
        return self._may_be_guarded(change) or self._happened(change)

    def _may_be_guarded(self, change: PlannedChange) -> bool:
        """Whether the host may have begun it, and with it what undoes it."""
        return change.confirm is not None and any(
            each.change == change.change.id and each.ended is not Ended.NOT_STARTED
            for each in self._tried(Purpose.APPLY)
        )

    def _happened(self, change: PlannedChange, *how: Settlement) -> bool:
        """Whether the change was made, or partly; where `how` is given, whether in this way."""
        return any(
            each.change == change.change.id and each.settlement in (how or (Settlement.DONE, Settlement.PARTLY_DONE))
            for each in self._tried(Purpose.APPLY)
        )

    def _tried(self, purpose: Purpose) -> tuple[Tried, ...]:
        return tuple(each for each in self.own.tried if each.purpose is purpose)

    def _seen(self, purpose: Purpose, sequence: int, *, anew: bool = False) -> Judged | Collect | Outcome:
        """A judgement since then that says what is; or what is to be done for one, where that can still be."""
        judged = self._judged_since(sequence, purpose)
        if judged is None:
            return Collect(self.plan.step, purpose, anew=anew)
        if judged.known and judged.settled:
            return judged
        return Collect(self.plan.step, purpose, anew=anew, later=True) if self.patient else Outcome.UNKNOWN

    @property
    def _takes_a_while(self) -> bool:
        """Whether time passes between a change and what follows it, in which the host may become another."""
        return self._restarts or any(change.poll is not None for change in self.plan.changes)

    @property
    def _restarts(self) -> bool:
        return any(change.reboots for change in self.plan.changes)

    def _restarted(self, applied: Sequence[Tried]) -> bool:
        return _restarted(self.own.boots, applied)

    def _judged_since(self, sequence: int, purpose: Purpose) -> Judged | None:
        judged = self.own.judged
        return judged if judged is not None and judged.sequence > sequence and judged.purpose is purpose else None

    def _missed(self, change: PlannedChange) -> bool:
        """Whether what it has to have kept could not be."""
        return change.evidence in self.own.missed

    def _send(self, change: PlannedChange, number: int) -> Keep | Send:
        if change.evidence is not None and change.evidence not in self.own.kept:
            return Keep(self.plan.step, change.change.id, change.evidence)
        return Send(self.plan.step, change.change.id, Purpose.APPLY, number, change.apply)

    def _settle(self, tried: Tried, settlement: Settlement, why: str) -> Settle:
        return Settle(self.plan.step, tried.change, tried.purpose, tried.number, settlement, why)


def has_restarted(own: StepSoFar) -> bool:
    """Whether the server was seen to have restarted behind the changes of a step, and to have come up."""
    applied = [each for each in own.tried if each.purpose is Purpose.APPLY]
    return bool(applied) and _restarted(own.boots, applied)


def _restarted(boots: Sequence[Boot], applied: Sequence[Tried]) -> bool:
    """Whether the server has restarted since the first of these was sent, and what starts with it has started."""
    before = [boot for boot in boots if boot.sequence < applied[0].sequence]
    after = [boot for boot in boots if boot.sequence > applied[-1].sequence]
    return bool(before and after) and _is_later(after[-1].time, before[-1].time) and after[-1].starting == 0


def _is_later(time: str, than: str) -> bool:
    """Whether a server was started anew. One whose clock was set back says an earlier time, and was not."""
    try:
        return datetime.fromisoformat(time) > datetime.fromisoformat(than)
    except (ValueError, TypeError):  # in a spelling of the action's own
        return time != than


def _as_seen(tried: Tried, seen: Polled) -> Tried:
    """A sending of a script that runs detached, as it was seen last."""
    match seen.state:
        case DetachedState.DONE:
            return replace(tried, ended=Ended.COMPLETED, sequence=seen.sequence)
        case DetachedState.FAILED | DetachedState.STOPPED:
            return replace(tried, ended=Ended.BROKEN, sequence=seen.sequence)
        case _:
            return replace(tried, sequence=seen.sequence)


def _is_open(tried: Tried) -> bool:
    return tried.settlement is None


def _doubtful(tried: Tried) -> Tried | None:
    """The same, where it is open and nobody knows whether it ran."""
    return tried if _is_open(tried) and tried.ended in (Ended.NOT_YET, Ended.AMBIGUOUS) else None


def _may_be_sent(tries: Sequence[Tried]) -> bool:
    """Whether a script whose sendings all came to nothing may be sent once more: none ran as far as anybody knows."""
    lost = [each for each in tries if each.ended is not Ended.NOT_STARTED]
    answered = any(each.ended in (Ended.COMPLETED, Ended.BROKEN) for each in lost)
    return not answered and len(lost) < SENDINGS and len(tries) - len(lost) < STARTS


def _would(change: PlannedChange) -> Would:
    return Would(change.change.id, change.apply, change.rollback)


def _became(change: str, judged: Judged, planned: Sequence[PlannedChange]) -> tuple[Settlement, str]:
    """What became of a change, as the judgement after it has it."""
    now = next((each for each in judged.would if each.change == change), None)
    if now is None:
        return Settlement.DONE, "the change is not named any more"
    if any(_would(each) == now for each in planned):
        return Settlement.NOT_DONE, "the same change is still named"
    return Settlement.PARTLY_DONE, "the change is still named, and would be another"


class NotOfThePlanError(ValueError):
    """Raised for a journal that says that a script was sent which is none of the plan's."""


def so_far(host: HostProgress | None, plan: PlannedHost) -> HostSoFar:
    """What of a host's journal the next move hangs on; None before anything was begun.

    Args:
        plan: names the change that a script belongs to.

    Raises:
        NotOfThePlanError: something was sent to change this host that is not in its plan.
    """
    if host is None:
        return HostSoFar()
    tried: dict[str, list[Tried]] = {}
    for attempt in host.attempts.values():
        if attempt.key.purpose.changes:
            tried.setdefault(attempt.key.step, []).append(_as_tried(attempt, plan))
    steps: dict[str, StepSoFar] = {}
    polled = _polled(host, plan)
    for step in dict.fromkeys([*host.assessed, *tried, *host.decided]):
        evidence = {script: each for (of, script), each in host.evidence.items() if of == step}
        kept = frozenset(script for script, each in evidence.items() if isinstance(each, events.EvidenceKept))
        missed = frozenset(evidence) - kept
        judged = None
        if step in host.judged_at:
            assessed = host.assessed[step]
            known = assessed.would is not None
            settled = assessed.assessment.coverage is not Coverage.PREDICTED
            barred = bool(assessed.assessment.barred)
            judged = Judged(assessed.purpose, host.judged_at[step], known, assessed.would or (), settled, barred)
        decided = None
        if step in host.decided:
            sequence, event = host.decided[step]
            decided = Decided(sequence, event.holds)
        boots = tuple(Boot(sequence, seen.time, seen.starting) for sequence, seen in host.boots.get(step, ()))
        steps[step] = StepSoFar(
            judged,
            tuple(tried.get(step, ())),
            decided,
            kept,
            missed,
            boots,
            polled.get(step, {}),
            step in host.drifted,
        )
    return HostSoFar(host.since, steps, host.undoing)


def _polled(host: HostProgress, plan: PlannedHost) -> Mapping[str, Mapping[tuple[str, Purpose], Polled]]:
    """By step, how far each change that runs detached was seen to be last."""
    if not host.polled:
        return {}
    changes = {(step.step, change.poll): change.change.id for step, change in plan.changes}
    found: dict[str, dict[tuple[str, Purpose], Polled]] = {}
    for (step, script, purpose), (sequence, seen) in host.polled.items():
        if (step, script) in changes:
            found.setdefault(step, {})[changes[step, script], purpose] = Polled(sequence, seen.state)
    return found


def _as_tried(attempt: Attempt, plan: PlannedHost) -> Tried:
    step, purpose, number = attempt.key
    for planned, change in plan.changes:
        script = _script(change, purpose)
        if planned.step == step and script == attempt.script:
            return Tried(
                change.change.id, purpose, number, attempt.sequence, ended_as(attempt.answer), attempt.settlement
            )
    raise NotOfThePlanError(
        f"attempt {number} to {purpose} {step} on {plan.host} sent a script that is not in its plan"
    )


def _script(change: PlannedChange, purpose: Purpose) -> str | None:
    match purpose:
        case Purpose.ROLLBACK:
            return change.rollback
        case Purpose.CONFIRM:
            return change.confirm
        case _:
            return change.apply


def ended_as(answer: events.Answer | None) -> Ended:
    """How the sending of a script ended, by its answer; one that went on after an error may have left something out."""
    match answer:
        case None:
            return Ended.NOT_YET
        case events.Completed(error_count=0):
            return Ended.COMPLETED
        case events.Completed() | events.Terminated() | events.TimedOut() | events.Capped():
            return Ended.BROKEN
        case events.NotRun(started=False):
            return Ended.NOT_STARTED
        case events.NotRun():
            return Ended.AMBIGUOUS
        case never:
            assert_never(never)

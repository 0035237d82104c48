"""What is done next on a host, over every history: answers, losses, kills, drift and undoing."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.changes import Change
from playbooks.findings import Coverage, Verdict
from playbooks.model import OnFailure
from runner import events
from runner.events import DetachedState, HostEvent, Purpose, RunEvent, Settlement, StepDue, Would
from runner.journal.lines import from_line
from runner.moves import (
    Boot,
    Collect,
    Decide,
    Decided,
    Ended,
    Finish,
    HostSoFar,
    Judged,
    Keep,
    NotOfThePlanError,
    Outcome,
    Poll,
    Polled,
    Send,
    Settle,
    StepSoFar,
    Tried,
    next_move,
    outcomes,
    so_far,
)
from runner.plan.records import PlannedChange, PlannedHost, PlannedStep, Standing
from runner.state import Folding
from runner.transport.failures import Cause, failure
from runner.transport.interface import ErrorText
from tests.runner import happenings

MOST_MOVES = 400
MOST_LOOKS = 8


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Way(Enum):
    """How a change is made."""

    PLAIN = auto()
    GUARDED = auto()  # the host undoes it unless it is confirmed
    DETACHED = auto()  # it runs as a task of the host
    RESTARTING = auto()  # it restarts the host
    DETACHED_RESTARTING = auto()

    @property
    def detached(self) -> bool:
        return self in (Way.DETACHED, Way.DETACHED_RESTARTING)

    @property
    def restarts(self) -> bool:
        return self in (Way.RESTARTING, Way.DETACHED_RESTARTING)


def host(steps: int, changes: int, *, reversible: bool = True, way: Way = Way.PLAIN) -> PlannedHost:
    guarded = way is Way.GUARDED
    return PlannedHost(
        "EX01",
        "10.0.0.1",
        5985,
        tuple(
            PlannedStep(
                f"s{step}",
                Standing.PLANNED,
                Verdict.ATTENTION,
                "",
                Coverage.PROBED,
                None,
                tuple(
                    PlannedChange(
                        Change(f"c{change}", "", {}),
                        sha(f"apply s{step} c{change}"),
                        sha(f"undo s{step} c{change}") if reversible or guarded else None,
                        confirm=sha(f"confirm s{step} c{change}") if guarded else None,
                        confirm_seconds=300 if guarded else None,
                        reboots=way.restarts,
                        poll=sha(f"poll s{step} c{change}") if way.detached else None,
                        detached_seconds=600 if way.detached else None,
                    )
                    for change in range(changes)
                ),
            )
            for step in range(steps)
        ),
    )


def hanging(plan: PlannedHost, random: Random) -> PlannedHost:
    """The same behind a step that changes nothing, with a `when` here and there over steps before."""
    first = replace(plan.steps[0], step="v", standing=Standing.COMPLIANT, changes=())
    steps = [first]
    for step in plan.steps:
        owners = [each.step for each in steps if random.random() < 0.5]
        steps.append(replace(step, hangs_on=tuple(owners)) if random.random() < 0.5 else step)
    return replace(plan, steps=tuple(steps))


def keeping(plan: PlannedHost, random: Random) -> PlannedHost:
    """The same with something to be kept before a change here and there."""
    return replace(
        plan,
        steps=tuple(
            replace(
                step,
                changes=tuple(
                    replace(each, evidence=sha(f"read {step.step} {each.change.id}")) if random.random() < 0.5 else each
                    for each in step.changes
                ),
            )
            for step in plan.steps
        ),
    )


class Guard(Enum):
    """What the host knows of a change that it undoes by itself."""

    ARMED = auto()
    CONFIRMED = auto()
    UNDONE = auto()
    GONE = auto()  # taken away by what undid the change


@dataclass
class Played:
    """A host and its journal: what a run does to them, with faults that a test draws.

    Attributes:
        right: for each step and change whether the host is as it should be; None where it is neither.
        ran: how often each script really ran and did what it is for.
        guards: of each guarded change that was begun: whether the host will undo it, or what has become of that.
        connection: which one it is; what was sent to change something last, over which.
        works: of each script that the host has begun as a task: how far it is.
        patience: how many looks at what is in motion may still be made.
        restarts_due: whether the host is about to restart; `booted` is which start of it this is.
    """

    plan: PlannedHost
    on_failure: dict[str, OnFailure]
    random: Random
    faults: float
    spoils: bool = False  # a script may leave something that is neither, or nothing though it says that it ran
    meddled: bool = False  # somebody else has changed the host meanwhile
    right: dict[tuple[str, str], bool | None] = field(default_factory=dict)
    ran: Counter[str] = field(default_factory=Counter)
    sent: Counter[tuple[str, str, Purpose]] = field(default_factory=Counter)
    whens: Sequence[bool | None] = (True,)  # what a `when` comes to
    so_far: HostSoFar = field(default_factory=HostSoFar)
    sequence: int = 0
    guards: dict[tuple[str, str], Guard] = field(default_factory=dict)
    connection: int = 0
    sent_over: int = -1
    works: dict[tuple[str, str, Purpose], DetachedState] = field(default_factory=dict)
    idle: set[tuple[str, str, Purpose]] = field(default_factory=set)
    patience: int = 0
    restarts_due: bool = False
    booted: int = 1
    starting: int = 0
    booted_before: dict[str, int] = field(default_factory=dict)  # by step, when its first change was sent

    def __post_init__(self) -> None:
        for step in self.plan.steps:
            for change in step.changes:
                self.right.setdefault((step.step, change.change.id), False)

    def session(self) -> bool:
        """Goes on until nothing is left to do, and says True, or until the run is broken off."""
        self.so_far = replace(self.so_far, since=self._next())
        self.connection += 1
        self.patience = MOST_LOOKS
        for _ in range(MOST_MOVES):
            patient = replace(self.so_far, patient=self.patience > 0)
            move = next_move(self.plan, self.on_failure, patient)
            if not isinstance(move, Settle):  # who settles does what the look says that was made just now
                self._time_passes()
            if isinstance(move, Collect | Poll) and move.later:
                assert self.patience > 0, "looked again though the time was over"
                self.patience -= 1
            match move:
                case Finish():
                    return True
                case Collect():
                    if self._happens() and self._happens():
                        return False  # no connection
                    self.connection += move.anew
                    if any(change.reboots for _, change in self.plan.changes):
                        self._put(move.step, boot=Boot(self._next(), f"start {self.booted}", self.starting))
                    self._put(move.step, judged=self._judge(move))
                case Poll():
                    self._poll(move)
                    if self._happens() and self._happens():
                        return False  # no connection
                case Send():
                    self._check(move)
                    if not self._send(move):
                        return False
                case Settle():
                    self._settle(move)
                case Keep():
                    own = self.so_far.steps[move.step]
                    assert move.script not in own.kept | own.missed, "asked for again though it is known"
                    if self._happens() and self._happens():
                        return False  # no connection
                    self._put(move.step, evidence=(move.script, not self._happens()))
                case Decide():
                    holds = self.random.choice(self.whens)
                    self._put(move.step, decided=Decided(self._next(), holds))
            if self._happens() and self._happens():
                return False  # killed
        pytest.fail("it goes on for ever")

    def _check(self, move: Send) -> None:
        """Whether the script may be sent on what is known."""
        own = self.so_far.steps[move.step]
        before = [each for each in own.tried if (each.change, each.purpose) == (move.change, move.purpose)]
        planned = next(step for step in self.plan.steps if step.step == move.step).changes
        if move.purpose is Purpose.CONFIRM:
            self._check_confirming(own, move.change)
            return
        assert all(each.settlement is Settlement.NOT_DONE for each in before), "sent again beside one that may be done"
        assert all(each.ended not in (Ended.COMPLETED, Ended.BROKEN) for each in before), "sent again though it ran"
        unstarted = sum(each.ended is Ended.NOT_STARTED for each in before)
        assert len(before) - unstarted < 2, "sent a third time"
        assert unstarted < 3, "begun a fourth time"
        doubtful = [each for each in own.tried if each.settlement is None and each.ended is not Ended.COMPLETED]
        assert not doubtful, "sent beside one of which nobody knows"
        assert own.judged is not None, "sent without a look"
        assert own.judged.known, "sent after a look that saw nothing"
        assert not any(is_ is DetachedState.RUNNING for is_ in self.works.values()), "sent beside what runs"
        newest = max((each.sequence for each in own.tried), default=0)
        assert max(own.judged.sequence, newest) > self.so_far.since, "sent on what an earlier run saw"
        step = next(step for step in self.plan.steps if step.step == move.step)
        if step.hangs_on and not own.tried:
            assert own.decided is not None, "sent though nobody looked whether its `when` holds"
            assert own.decided.holds is True
            assert own.decided.sequence > self.so_far.since, "decided on what an earlier run saw"
            for owner in step.hangs_on:
                theirs = self.so_far.steps[owner]
                assert theirs.judged is not None
                assert own.decided.sequence > theirs.judged.sequence, "decided before what it hangs on was seen"
                assert theirs.tried or theirs.judged.sequence > self.so_far.since
        planned = step.changes
        evidence = next(each.evidence for each in planned if each.change.id == move.change)
        if move.purpose is Purpose.APPLY and evidence is not None:
            assert evidence in own.kept, "changed before it was kept"
        named = [Would(each.change.id, each.apply, each.rollback) for each in planned]
        if move.purpose is Purpose.ROLLBACK:
            done = [
                each.settlement for each in own.tried if each.purpose is Purpose.APPLY and each.change == move.change
            ]
            guarded = any(each.confirm for each in planned)  # its guard may stand there, whatever came of the change
            assert {Settlement.DONE, Settlement.PARTLY_DONE} & set(done) or guarded, "undone what was not done"
        elif own.judged.sequence > newest:
            assert set(own.judged.would) <= set(named), "sent beside what nobody planned"
            assert move.change in {each.change for each in own.judged.would}, "sent what is not to be done"
            assert all(each.settlement is not None for each in own.tried), "left open what is known"

    def _check_confirming(self, own: StepSoFar, change: str) -> None:
        """Whether the host may be told to keep what it has."""
        applied = [each for each in own.tried if each.purpose is Purpose.APPLY]
        assert any(each.change == change and each.ended is not Ended.NOT_STARTED for each in applied)
        assert all(each.settlement is not None for each in applied), "confirmed what is not known to be done"
        assert own.judged is not None
        assert own.judged.known
        undone = [each for each in own.tried if each.purpose is Purpose.ROLLBACK and each.change == change]
        if undone:  # all that is left to be done is to take its guard away
            assert undone[-1].settlement is Settlement.DONE, "kept what is not known to be undone"
            assert undone[-1].ended is not Ended.COMPLETED, "its guard is known to be gone"
            assert change in {each.change for each in own.judged.would}, "kept what stands"
            assert own.judged.sequence > max(self.so_far.since, undone[-1].sequence), "kept without a look"
            return
        assert not own.judged.would, "confirmed beside what is not done"
        assert own.judged.sequence > max(self.so_far.since, applied[-1].sequence), "confirmed without a look"
        assert self.connection > self.sent_over, "confirmed over the connection that it is to be independent of"

    def _poll(self, move: Poll) -> None:
        """Looks how far a task is."""
        own = self.so_far.steps[move.step]
        tried = [each for each in own.tried if (each.change, each.purpose) == (move.change, move.purpose)]
        assert tried[-1].settlement is None, "asked for what is known"
        if (seen := own.polled.get((move.change, move.purpose))) is not None and seen.sequence > tried[-1].sequence:
            assert not seen.state.is_over, "asked again though it is over"
        state = self.works.get((move.step, move.change, move.purpose), DetachedState.NONE)
        if self._happens() and self._happens():
            state = DetachedState.UNSEEN
        self._put(move.step, polled=(move.script, move.change, move.purpose, Polled(self._next(), state)))

    def _time_passes(self) -> None:
        """What the host does by itself meanwhile."""
        self._deadlines_pass()
        for (step, change, purpose), state in self.works.items():
            if state is not DetachedState.RUNNING or (self.faults and not self._happens()):
                continue
            key = step, change, purpose
            self.works[key] = DetachedState.DONE
            if self.faults and self.random.random() < 0.2:
                self.works[key] = self.random.choice([DetachedState.FAILED, DetachedState.STOPPED])
                if self.random.random() < 0.5:
                    continue
            if key not in self.idle:
                script = next(
                    each.apply if purpose is Purpose.APPLY else each.rollback
                    for of, each in self.plan.changes
                    if (of.step, each.change.id) == (step, change)
                )
                assert script is not None
                self._takes_place(step, change, purpose, script)
                if self.works[key] is DetachedState.FAILED and self.spoils:
                    self.right[step, change] = None
        if self.restarts_due and (not self.faults or self._happens()):
            self.restarts_due = False
            self.booted += 1
            self.starting = self.random.choice([0, 1, 2])
        elif self.starting and (not self.faults or self._happens()):
            self.starting -= 1

    def _takes_place(self, step: str, change: str, purpose: Purpose, script: str) -> None:
        self.ran[script] += 1
        self.right[step, change] = purpose is Purpose.APPLY
        if purpose is Purpose.APPLY:
            self.restarts_due = any(each.reboots for _, each in self.plan.changes)

    def _deadlines_pass(self) -> None:
        """The host undoes what was not confirmed in time."""
        for each, guard in self.guards.items():
            if guard is Guard.ARMED and self._happens():
                self.guards[each] = Guard.UNDONE
                self.right[each] = False

    def _does(self, move: Send, *, idle: bool, cut: bool) -> bool:
        """What the script makes of the host; False where it refuses, and ends in an error.

        Args:
            idle: what the action has of it does nothing.
            cut: what comes behind that is not done any more.
        """
        key = move.step, move.change
        if move.purpose is Purpose.CONFIRM:
            if self.guards.get(key) is Guard.UNDONE:
                return False
            if self.guards.get(key) is Guard.ARMED:
                self.guards[key] = Guard.CONFIRMED
            return True
        guarded = any(change.confirm is not None for _, change in self.plan.changes)
        if guarded and move.purpose is Purpose.APPLY:
            if key in self.guards:
                return False
            self.guards[key] = Guard.ARMED
        if guarded and move.purpose is Purpose.ROLLBACK:
            self.guards[key] = self.guards.get(key, Guard.GONE) if cut else Guard.GONE
        if any(change.poll is not None for _, change in self.plan.changes):
            task = move.step, move.change, move.purpose
            if task in self.works:
                return False
            self.works[task] = DetachedState.RUNNING
            self.idle |= {task} if idle else set()
            return True
        if not idle:
            self._takes_place(move.step, move.change, move.purpose, move.script)
        return True

    def _send(self, move: Send) -> bool:
        if move.purpose is Purpose.APPLY:
            self.sent_over = self.connection
            self.booted_before.setdefault(move.step, self.booted)
        self.patience = MOST_LOOKS
        tried = Tried(move.change, move.purpose, move.number, self._next())
        assert move.number == 1 + sum(each.purpose is move.purpose for each in self.so_far.steps[move.step].tried)
        self._put(move.step, tried=tried)
        fate = self.random.choice(list(Ended)) if self._happens() else Ended.COMPLETED
        idle = self.spoils and self._happens() and self._happens()  # it says that it ran, and changed nothing
        runs = fate is not Ended.NOT_STARTED and (fate is Ended.COMPLETED or self.random.random() < 0.5)
        if runs:
            cut = fate in (Ended.NOT_YET, Ended.AMBIGUOUS) and self.random.random() < 0.5
            if not self._does(move, idle=idle, cut=cut):
                fate = Ended.BROKEN if fate is Ended.COMPLETED else fate
            elif fate is Ended.BROKEN and self.spoils and not self.works and self.random.random() < 0.5:
                self.right[move.step, move.change] = None
        if fate in (Ended.NOT_STARTED, Ended.AMBIGUOUS):
            self.connection += 1
        self._put(move.step, tried=replace(tried, ended=fate))
        return fate is not Ended.NOT_YET

    def _settle(self, move: Settle) -> None:
        tried = next(
            each
            for each in self.so_far.steps[move.step].tried
            if (each.purpose, each.number) == (move.purpose, move.number)
        )
        assert tried.settlement is None
        assert tried.change == move.change
        if not self.meddled and tried.ended is not Ended.NOT_STARTED:
            done = move.purpose is not Purpose.ROLLBACK
            said = {Settlement.DONE: done, Settlement.NOT_DONE: not done, Settlement.PARTLY_DONE: None}
            assert self.right[move.step, move.change] is said[move.settlement], "settled what is not so"
        self._put(move.step, tried=replace(tried, settlement=move.settlement))

    def _judge(self, move: Collect) -> Judged:
        if self._happens() and self._happens():
            return Judged(move.purpose, self._next(), known=False)
        would = []
        for change in next(step for step in self.plan.steps if step.step == move.step).changes:
            right = self.right[move.step, change.change.id]
            if right is None:
                would.append(Would(change.change.id, sha("another"), change.rollback))
            elif not right:
                would.append(Would(change.change.id, change.apply, change.rollback))
        moving = self.starting > 0 and self.random.random() < 0.5
        return Judged(move.purpose, self._next(), known=True, would=tuple(would), settled=not moving)

    def _put(
        self,
        step: str,
        *,
        judged: Judged | None = None,
        tried: Tried | None = None,
        decided: Decided | None = None,
        evidence: tuple[str, bool] | None = None,
        boot: Boot | None = None,
        polled: tuple[str, str, Purpose, Polled] | None = None,
    ) -> None:
        own = self.so_far.steps.get(step, StepSoFar())
        if evidence is not None:
            script, kept = evidence
            own = replace(own, kept=own.kept | {script}) if kept else replace(own, missed=own.missed | {script})
        if boot is not None:
            own = replace(own, boots=(*own.boots, boot))
        if polled is not None:
            _, change, purpose, seen = polled
            own = replace(own, polled={**own.polled, (change, purpose): seen})
        if judged is not None:
            own = replace(own, judged=judged)
        if decided is not None:
            own = replace(own, decided=decided)
        if tried is not None:
            others = [each for each in own.tried if (each.purpose, each.number) != (tried.purpose, tried.number)]
            own = replace(own, tried=tuple(sorted([*others, tried], key=lambda each: each.sequence)))
        self.so_far = replace(self.so_far, steps={**self.so_far.steps, step: own})

    def _happens(self) -> bool:
        return self.random.random() < self.faults

    def _next(self) -> int:
        self.sequence += 1
        return self.sequence

    @property
    def outcomes(self) -> dict[str, Outcome]:
        return dict(outcomes(self.plan, self.on_failure, self.so_far))

    def state(self, step: str) -> set[bool | None]:
        return {right for (name, _), right in self.right.items() if name == step}


def play(plan: PlannedHost, on_failure: OnFailure = OnFailure.STOP, *, faults: float = 0.0, seed: int = 0) -> Played:
    return Played(plan, {step.step: on_failure for step in plan.steps}, Random(seed), faults)


def test_without_faults_each_change_is_sent_once_and_each_step_is_changed() -> None:
    played = play(host(3, 2))
    assert played.session()
    assert set(played.outcomes.values()) == {Outcome.CHANGED}
    assert set(played.ran.values()) == {1}
    assert all(played.right.values())


def test_a_host_that_is_right_already_is_sent_nothing() -> None:
    played = play(host(1, 2))
    played.right = dict.fromkeys(played.right, True)
    assert played.session()
    assert played.outcomes == {"s0": Outcome.COMPLIANT}
    assert not played.ran


def test_what_has_to_be_kept_is_kept_before_its_change_and_where_it_cannot_be_that_change_is_not_made() -> None:
    plan = host(1, 2)
    [step] = plan.steps
    first, second = step.changes
    plan = replace(plan, steps=(replace(step, changes=(first, replace(second, evidence=sha("read")))),))
    played = play(plan)
    named = tuple(Would(each.change.id, each.apply, each.rollback) for each in step.changes)
    before = StepSoFar(
        Judged(Purpose.RECHECK, 2, known=True, would=named), (Tried("c0", Purpose.APPLY, 1, 3, Ended.COMPLETED),)
    )

    def after(own: StepSoFar) -> object:
        return next_move(plan, played.on_failure, HostSoFar(1, {"s0": own}))

    assert after(before) == Keep("s0", "c1", sha("read"))
    assert after(replace(before, kept=frozenset({sha("read")}))) == Send("s0", "c1", Purpose.APPLY, 2, second.apply)
    missed = replace(before, missed=frozenset({sha("read")}))
    assert after(missed) == Collect("s0", Purpose.VERIFY)
    seen = Judged(Purpose.VERIFY, 9, known=True, would=named[1:])
    settled = replace(before.tried[0], settlement=Settlement.DONE)
    last = HostSoFar(1, {"s0": replace(missed, judged=seen, tried=(settled,))})
    assert next_move(plan, played.on_failure, last) == Finish()
    assert outcomes(plan, played.on_failure, last) == {"s0": Outcome.FAILED}


@pytest.mark.parametrize("right", [True, None])
def test_drift_is_refused_and_nothing_is_sent_behind_it(right: bool | None) -> None:
    played = play(host(2, 2), OnFailure.CONTINUE)
    played.right["s0", "c1"] = right
    assert played.session()
    assert played.outcomes == {"s0": Outcome.REFUSED, "s1": Outcome.SKIPPED}
    assert not played.ran


def test_where_something_else_stands_than_a_change_would_act_on_it_is_drift_and_not_a_failure() -> None:
    plan = host(1, 1)
    seen = StepSoFar(Judged(Purpose.RECHECK, 2, known=False, barred=True))
    so_far = HostSoFar(1, {"s0": seen})
    assert next_move(plan, {"s0": OnFailure.STOP}, so_far) == Finish()
    assert outcomes(plan, {"s0": OnFailure.STOP}, so_far)["s0"] is Outcome.REFUSED


def test_where_something_else_stands_than_a_change_left_it_is_not_undone() -> None:
    plan = host(1, 1)
    done = Tried("c0", Purpose.APPLY, 1, 3, Ended.COMPLETED, Settlement.DONE)
    so_far = HostSoFar(4, {"s0": StepSoFar(Judged(Purpose.PROBE, 5, known=False, barred=True), (done,))}, undoing=True)
    assert next_move(plan, {"s0": OnFailure.STOP}, so_far) == Finish()
    assert outcomes(plan, {"s0": OnFailure.STOP}, so_far)["s0"] is Outcome.REFUSED


def test_behind_a_loss_that_left_something_else_nothing_more_is_sent_and_the_attempt_stays_open() -> None:
    played = play(host(2, 2), OnFailure.CONTINUE)
    played.so_far = HostSoFar(
        1,
        {
            "s0": StepSoFar(
                Judged(Purpose.PROBE, 4, known=True, would=(Would("c0", sha("another"), None),)),
                (Tried("c0", Purpose.APPLY, 1, 3, Ended.AMBIGUOUS),),
            )
        },
    )
    assert next_move(played.plan, played.on_failure, played.so_far) == Finish()
    assert played.outcomes == {"s0": Outcome.UNKNOWN, "s1": Outcome.SKIPPED}


@pytest.mark.parametrize(
    ("holds", "outcome"), [(True, Outcome.CHANGED), (False, Outcome.REFUSED), (None, Outcome.FAILED)]
)
def test_a_when_is_decided_anew_on_what_the_steps_before_it_say_now(holds: bool | None, outcome: Outcome) -> None:
    plan = host(1, 1)
    first = replace(plan.steps[0], step="v", standing=Standing.COMPLIANT, changes=())
    plan = replace(plan, steps=(first, replace(plan.steps[0], hangs_on=("v",))))
    played = play(plan)
    played.whens = (holds,)
    assert next_move(plan, played.on_failure, HostSoFar(1)) == Collect("v", Purpose.RECHECK)
    seen = StepSoFar(Judged(Purpose.RECHECK, 2, known=True))
    assert next_move(plan, played.on_failure, HostSoFar(1, {"v": seen})) == Decide("s0")
    before = {"v": seen, "s0": StepSoFar(decided=Decided(3, True))}
    assert next_move(plan, played.on_failure, HostSoFar(4, before)) == Collect("v", Purpose.RECHECK), "it is old"
    assert played.session()
    assert played.outcomes == {"v": Outcome.COMPLIANT, "s0": outcome}
    assert bool(played.ran) is (holds is True)


@pytest.mark.parametrize("standing", [Standing.COMPLIANT, Standing.DEFERRED, Standing.UNKNOWN, Standing.NOT_APPLICABLE])
def test_what_is_not_planned_is_not_run(standing: Standing) -> None:
    plan = host(1, 1)
    played = play(replace(plan, steps=(replace(plan.steps[0], standing=standing),)))
    assert next_move(played.plan, played.on_failure, played.so_far) == Finish()
    assert played.outcomes["s0"] in (Outcome.COMPLIANT, Outcome.DEFERRED, Outcome.SKIPPED)


HISTORIES = st.tuples(
    st.integers(0, 2**32),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([0.05, 0.2, 0.5]),
    st.sampled_from(OnFailure),
    st.booleans(),
    st.booleans(),
    st.sampled_from(Way),
)
Drawn = tuple[int, int, int, float, OnFailure, bool, bool, Way]


def drawn_play(drawn: Drawn) -> Played:
    seed, steps, changes, faults, on_failure, reversible, spoils, way = drawn
    played = play(host(steps, changes, reversible=reversible, way=way), on_failure, faults=faults, seed=seed)
    played.spoils = spoils
    random = Random(seed)
    if random.random() < 0.5:
        played.plan = hanging(played.plan, random)
        played.on_failure["v"] = OnFailure.STOP
        played.whens = random.choice([(True,), (True, True, False), (True, False, None)])
    if random.random() < 0.5:
        played.plan = keeping(played.plan, random)
    return played


@settings(max_examples=1500)
@given(HISTORIES)
def test_over_any_history_nothing_runs_twice_and_what_is_said_of_the_host_is_so(drawn: Drawn) -> None:
    played = drawn_play(drawn)
    for _ in range(4):
        played.session()
    played.faults = 0.0
    assert played.session(), "it does not come to an end though nothing is in its way"
    for script, times in played.ran.items():
        assert times == 1, f"{script} ran {times} times"
    for step, outcome in played.outcomes.items():
        own = played.so_far.steps.get(step, StepSoFar())
        applied = [each for each in own.tried if each.purpose is Purpose.APPLY]
        guards = {guard for (name, _), guard in played.guards.items() if name == step}
        match outcome:
            case Outcome.CHANGED:
                assert played.state(step) == {True}
                assert guards <= {Guard.CONFIRMED}
                if any(change.reboots for _, change in played.plan.changes):
                    assert played.booted > played.booted_before[step], "nobody saw it restart"
            case Outcome.COMPLIANT:
                assert played.state(step) == ({True} if step != "v" else set())
                assert not applied
            case Outcome.ROLLED_BACK:
                assert True not in played.state(step)
                assert Guard.ARMED not in guards, "what is left there would undo what is done later"
            case Outcome.REFUSED:
                assert not applied
            case Outcome.SKIPPED | Outcome.DEFERRED:
                assert not own.tried
            case Outcome.FAILED:
                assert all(each.settlement is not None for each in own.tried)
            case Outcome.UNKNOWN:
                assert None in played.state(step), "nobody looked once more"
            case Outcome.PENDING:
                pytest.fail("it came to its end, and a step has not")


@settings(max_examples=500)
@given(HISTORIES)
def test_whatever_others_do_meanwhile_nothing_is_sent_that_a_look_does_not_ask_for(drawn: Drawn) -> None:
    played = drawn_play(drawn)
    played.meddled = True
    for _ in range(6):
        played.session()
        for each in played.right:
            if played.random.random() < 0.3:
                played.right[each] = played.random.choice([True, False, None])
    assert all(outcome in Outcome for outcome in played.outcomes.values())


LOST = failure(Cause.CONNECTION_LOST, "the connection went")
ANSWERS: dict[Ended, tuple[events.Answer, ...]] = {
    Ended.COMPLETED: (happenings.COMPLETED,),
    Ended.BROKEN: (
        replace(happenings.COMPLETED, error_count=1),
        events.Terminated(0, [], (), 0, (), 0, 0.5, ErrorText("no")),
        events.TimedOut(0, [], (), 0, (), 0, 30.0),
        events.Capped("max_objects", 5),
    ),
    Ended.NOT_STARTED: (events.NotRun(False, LOST),),
    Ended.AMBIGUOUS: (events.NotRun(None, LOST), events.NotRun(True, LOST)),
}
COLLECT = sha("collect")


@dataclass
class Journaled(Played):
    """Played, with a journal: what is written of it is read and folded."""

    folding: Folding = field(default_factory=Folding)
    collected: Counter[tuple[str, Purpose]] = field(default_factory=Counter)

    def session(self) -> bool:
        if self.folding.state is None:
            due = tuple(StepDue(step.step, "test.state", COLLECT, None, {}) for step in self.plan.steps)
            self._write(replace(happenings.STARTED, hosts=(self.plan.host,), steps=due), 0)
        else:
            self._write(events.RunResumed(), 0)
        self._write(events.HostStarted(self.plan.host, self.plan.address, self.plan.port), self.sequence + 1)
        return super().session()

    def _put(
        self,
        step: str,
        *,
        judged: Judged | None = None,
        tried: Tried | None = None,
        decided: Decided | None = None,
        evidence: tuple[str, bool] | None = None,
        boot: Boot | None = None,
        polled: tuple[str, str, Purpose, Polled] | None = None,
    ) -> None:
        super()._put(step, judged=judged, tried=tried, decided=decided, evidence=evidence, boot=boot, polled=polled)
        name = self.plan.host
        if boot is not None:
            self._write(events.BootSeen(name, step, boot.time, boot.starting), boot.sequence)
        if polled is not None:
            script, _, of, seen = polled
            self.collected[step, Purpose.POLL] += 1
            number = self.collected[step, Purpose.POLL]
            self._write(happenings.sending(name, step, Purpose.POLL, number, script), 0)
            self._write(happenings.answered(name, step, Purpose.POLL, number, script, happenings.COMPLETED), 0)
            self._write(events.DetachedSeen(name, step, script, number, of, seen.state, "", "", "", ""), seen.sequence)
        if evidence is not None:
            script, kept = evidence
            self.collected[step, Purpose.EVIDENCE] += 1
            number = self.collected[step, Purpose.EVIDENCE]
            self._write(happenings.sending(name, step, Purpose.EVIDENCE, number, script), 0)
            said = replace(happenings.COMPLETED, output=None)
            self._write(happenings.answered(name, step, Purpose.EVIDENCE, number, script, said), 0)
            had = events.EvidenceKept(name, step, script, number, sha("bytes"), 5)
            self._write(had if kept else events.EvidenceMissed(name, step, script, number, "too large"), 0)
        if decided is not None:
            self._write(events.WhenDecided(name, step, decided.holds, ""), decided.sequence)
        if judged is not None:
            self.collected[step, judged.purpose] += 1
            number = self.collected[step, judged.purpose]
            self._write(happenings.sending(name, step, judged.purpose, number, COLLECT), 0)
            would = judged.would if judged.known else None
            assessed = replace(happenings.assessed(name, step), script=COLLECT, purpose=judged.purpose, number=number)
            coverage = Coverage.PROBED if judged.settled else Coverage.PREDICTED
            assessment = replace(assessed.assessment, coverage=coverage)
            self._write(replace(assessed, would=would, assessment=assessment), judged.sequence)
        if tried is not None:
            planned = next(each for each in self.plan.steps if each.step == step).changes
            change = next(each for each in planned if each.change.id == tried.change)
            script = {Purpose.APPLY: change.apply, Purpose.CONFIRM: change.confirm}.get(tried.purpose, change.rollback)
            assert script is not None
            if tried.settlement is not None:
                settled = happenings.settled(name, step, tried.purpose, tried.number)
                self._write(replace(settled, settlement=tried.settlement), 0)
            elif (tried.purpose, tried.number) not in self.begun.setdefault(step, set()):
                self.begun[step].add((tried.purpose, tried.number))
                self._write(happenings.sending(name, step, tried.purpose, tried.number, script), tried.sequence)
            elif tried.ended is not Ended.NOT_YET:
                answer = self.random.choice(ANSWERS[tried.ended])
                self._write(happenings.answered(name, step, tried.purpose, tried.number, script, answer), 0)

    begun: dict[str, set[tuple[Purpose, int]]] = field(default_factory=dict)

    def _write(self, event: RunEvent | HostEvent, sequence: int) -> None:
        line = replace(happenings.line_of(event), sequence=sequence)
        recorded = events.read(from_line(line.to_line()))
        assert recorded.newer == ()
        self.folding.take(recorded)

    def read_back(self) -> HostSoFar:
        state = self.folding.state
        assert state is not None
        return so_far(state.hosts.get(self.plan.host), self.plan)


@settings(max_examples=300, deadline=None)
@given(HISTORIES)
def test_over_any_history_its_journal_read_back_leads_to_the_same_next_move(drawn: Drawn) -> None:
    seed, steps, changes, faults, on_failure, reversible, spoils, way = drawn
    plan = keeping(hanging(host(steps, changes, reversible=reversible, way=way), Random(seed)), Random(seed))
    played = Journaled(plan, {step.step: on_failure for step in plan.steps}, Random(seed), faults, spoils=spoils)
    played.whens = (True, True, False, None)
    for _ in range(4):
        ended = played.session()
        assert played.read_back() == played.so_far
    played.faults = 0.0
    ended = played.session()
    assert ended
    assert played.read_back() == played.so_far


def test_a_journal_that_sent_what_its_plan_has_not_is_no_history_of_it() -> None:
    played = Journaled(host(1, 1), {"s0": OnFailure.STOP}, Random(0), 0.0)
    assert played.session()
    other = replace(played.plan, steps=(replace(played.plan.steps[0], changes=()),))
    state = played.folding.state
    assert state is not None
    with pytest.raises(NotOfThePlanError, match="attempt 1 to apply s0 on EX01"):
        so_far(state.hosts["EX01"], other)


def test_a_step_that_could_not_be_judged_in_its_turn_is_not_begun_behind_a_later_one() -> None:
    """A step that hangs on it has it looked at once more: that is for its `when` alone."""
    plan = host(3, 1)
    first, second, third = plan.steps
    plan = replace(plan, steps=(first, second, replace(third, hangs_on=("s0",))))
    on_failure = dict.fromkeys(("s0", "s1", "s2"), OnFailure.CONTINUE)
    would = {
        step.step: tuple(Would(each.change.id, each.apply, each.rollback) for each in step.changes)
        for step in plan.steps
    }
    done = Tried("c0", Purpose.APPLY, 1, 12, Ended.COMPLETED, Settlement.DONE)
    steps = {
        "s0": StepSoFar(Judged(Purpose.RECHECK, 16, known=True, would=would["s0"])),
        "s1": StepSoFar(Judged(Purpose.VERIFY, 14, known=True), (done,)),
    }
    assert outcomes(plan, on_failure, HostSoFar(15, steps))["s0"] is Outcome.FAILED
    assert next_move(plan, on_failure, HostSoFar(15, steps)) == Decide("s2")

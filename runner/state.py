"""What a run has come to, as a fold over its events: pure, and the same for any beginning of a journal.

`resume`, `status` and reports start from here; nothing else remembers what a run did. What may follow what stands in
three tables: of the run, of a host, and of an attempt. An attempt is one sending of one script: to this host, for this
step and purpose, the n-th. Whatever stands in no table no writer can have written, and is a contradiction.

    to read     an answer   a further attempt   a settlement
    sent        answered    superseded          settled
    answered    -           answered            -
    superseded  -           superseded          -
    settled     -           settled             -

    to change   an answer   a further attempt   a settlement
    sent        answered    -                   settled
    answered    -           -                   settled
    settled     -           settled             -

    to confirm  as to change, but for
    sent        answered    superseded          settled
    answered    -           answered            settled
    superseded  -           superseded          settled

(To change something, a further attempt is one that sends the same script; of another change's nothing is asked but what
`_refuse_beside_an_open_change` says. A confirmation may be sent again beside one of which nothing is known: the host
takes the first, and for it the second is none.)

So an attempt that may have changed something is open until a `Settled` says what became of it; any other until there
is an answer or a later attempt.

A line of a newer exrun moves nothing, and is not taken for nothing: it may be an intent. Whom it is about is kept in
`RunState.unread`; of such a host what fits no table is passed over as well, since what it follows from is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, assert_never, cast, get_args

from runner import events
from runner.events import Answer, Event, HostEvent, Purpose, Recorded, RunStarted, Settlement
from runner.making import maker


class ContradictionError(ValueError):
    """Raised for events that one writer cannot have written in this order; names the line."""

    def __init__(self, recorded: Recorded, why: str) -> None:
        super().__init__(f"line {recorded.sequence} ({events.name_of(recorded.event)}): {why}")
        self.sequence = recorded.sequence


class RunPhase(StrEnum):
    """How far a run is."""

    RUNNING = "running"  # or killed: a journal cannot tell the two apart, the lock can
    INTERRUPTED = "interrupted"
    ENDED = "ended"


class Standing(StrEnum):
    """How far an attempt is."""

    SENT = "sent"  # intent is written and no answer is: whether the script ran is unknown
    ANSWERED = "answered"
    SUPERSEDED = "superseded"  # without an answer, and then read again
    SETTLED = "settled"


class Move(StrEnum):
    """What may happen to an attempt."""

    ANSWER = "an answer"
    AGAIN = "a further attempt"
    SETTLE = "a settlement"


# From where a move leads to where. By whether the purpose may have changed something.
_READING: Mapping[tuple[Standing, Move], Standing] = MappingProxyType(
    {
        (Standing.SENT, Move.ANSWER): Standing.ANSWERED,
        (Standing.SENT, Move.AGAIN): Standing.SUPERSEDED,
        (Standing.ANSWERED, Move.AGAIN): Standing.ANSWERED,
        (Standing.SUPERSEDED, Move.AGAIN): Standing.SUPERSEDED,
        (Standing.SETTLED, Move.AGAIN): Standing.SETTLED,
        (Standing.SENT, Move.SETTLE): Standing.SETTLED,
    }
)
_CHANGING: Mapping[tuple[Standing, Move], Standing] = MappingProxyType(
    {
        (Standing.SENT, Move.ANSWER): Standing.ANSWERED,
        (Standing.SENT, Move.SETTLE): Standing.SETTLED,
        (Standing.ANSWERED, Move.SETTLE): Standing.SETTLED,
        (Standing.SETTLED, Move.AGAIN): Standing.SETTLED,
    }
)
_CONFIRMING: Mapping[tuple[Standing, Move], Standing] = MappingProxyType(
    {
        **_CHANGING,
        (Standing.SENT, Move.AGAIN): Standing.SUPERSEDED,
        (Standing.ANSWERED, Move.AGAIN): Standing.ANSWERED,
        (Standing.SUPERSEDED, Move.AGAIN): Standing.SUPERSEDED,
        (Standing.SUPERSEDED, Move.SETTLE): Standing.SETTLED,
    }
)


class Key(NamedTuple):
    """Which attempt on a host. `step` is the first of those that share the script."""

    step: str
    purpose: Purpose
    number: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending of one script.

    Attributes:
        steps: those that share it.
        at: when its intent, its answer or its settlement was recorded: the last of these.
        answer: None until there is one.
        settlement: what became of it, where that was settled.
        sequence: the line of its intent.
        pool: the runspace pool that it was sent to, where it may have changed something.
    """

    key: Key
    script: str
    steps: tuple[str, ...]
    standing: Standing
    at: datetime
    answer: Answer | None = None
    settlement: Settlement | None = None
    sequence: int = 0
    pool: str | None = None

    @property
    def open(self) -> bool:
        """Whether it is not known what became of it."""
        if self.key.purpose.changes:
            return self.standing is not Standing.SETTLED
        return self.standing is Standing.SENT

    @property
    def doubtful(self) -> bool:
        """Whether it may have changed something, and nothing says whether it ran, or whether it runs still."""
        return self.key.purpose.changes and self.open and isinstance(self.answer, events.NotRun | None)


@dataclass(frozen=True, slots=True)
class HostProgress:
    """One host.

    Attributes:
        attempts: in the order in which they were begun.
        assessed: the last judgement of each step.
        ended: None while it is in work.
        since: the line with which work on it was begun the last time.
        judged_at: the lines of those in `assessed` that were judged for a plan, and not for an audit.
        drifted: what differed from the plan when each step was judged last, where that was said.
        undoing: whether somebody asked for its changes to be undone.
        decided: what the `when` of each step came to, and the line that says so.
        asked: it is being asked whether it is well, behind the end of its wave.
        health: what came of that the last time.
        evidence: by step and script that reads it: whether it was kept.
        boots: when the server was started, by step, as it was seen each time, with the lines.
        polled: by step, script that reads it and what for: how far a detached script was seen to be last, and the line.
    """

    name: str
    started_at: datetime
    attempts: Mapping[Key, Attempt] = field(default_factory=lambda: MappingProxyType({}))
    assessed: Mapping[str, events.StepAssessed] = field(default_factory=lambda: MappingProxyType({}))
    ended: events.HostEnded | events.HostApplied | None = None
    since: int = 0
    judged_at: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    drifted: Mapping[str, events.Drifted] = field(default_factory=lambda: MappingProxyType({}))
    undoing: bool = False
    decided: Mapping[str, tuple[int, events.WhenDecided]] = field(default_factory=lambda: MappingProxyType({}))
    asked: bool = False
    health: events.HealthAnswered | None = None
    evidence: Mapping[tuple[str, str], events.EvidenceKept | events.EvidenceMissed] = field(
        default_factory=lambda: MappingProxyType({})
    )
    boots: Mapping[str, tuple[tuple[int, events.BootSeen], ...]] = field(default_factory=lambda: MappingProxyType({}))
    polled: Mapping[tuple[str, str, Purpose], tuple[int, events.DetachedSeen]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    @property
    def answers_by_script(self) -> Mapping[str, tuple[Answer | None, ...]]:
        """Each script that was about to leave, for whatever purpose, and the answer of each attempt, in order."""
        found: dict[str, tuple[Answer | None, ...]] = {}
        for attempt in self.attempts.values():
            found[attempt.script] = (*found.get(attempt.script, ()), attempt.answer)
        return found

    def undone(self) -> HostProgress:
        """The same, where somebody asks for its changes to be undone."""
        return replace(self, undoing=True)

    @property
    def unsettled(self) -> tuple[Attempt, ...]:
        """The attempts that may have changed something and of which it is not known what became."""
        return tuple(each for each in self.attempts.values() if each.key.purpose.changes and each.open)

    def attempt_for(self, step: str, script: str | None = None) -> Attempt | None:
        """The last attempt to collect that was for this step, or that sent this script for another."""
        for attempt in reversed(tuple(self.attempts.values())):
            if (step in attempt.steps or attempt.script == script) and attempt.key.purpose is Purpose.COLLECT:
                return attempt
        return None


_make_attempt, _make_progress = maker(Attempt), maker(HostProgress)


@dataclass(frozen=True, slots=True)
class RunState:
    """One run of one client.

    Attributes:
        script_texts: by script hash.
        ended: the run's end, where it has one.
        resumed: how many times.
        plan: what it does, where it changes hosts by a plan: as it was taken the last time.
        spent: whether the plan's token is this run's.
        wave: the number of the wave that was begun last; 0 before the first, and where there are none.
        taken_over: hosts that were taken from other runs.
        newer: how many lines are of a newer exrun, or have a member that only one knows: what they say is not here.
        unread: the hosts of which lines say what is not known here, scripts that were sent perhaps; None where such
            lines are about the run or may be about any host.
    """

    run: str
    client: str
    phase: RunPhase
    started_at: datetime
    started: RunStarted
    last_at: datetime
    hosts: Mapping[str, HostProgress] = field(default_factory=lambda: MappingProxyType({}))
    script_texts: Mapping[str, events.ScriptNamed] = field(default_factory=lambda: MappingProxyType({}))
    overrides: tuple[events.Overridden, ...] = ()
    ended: events.RunEnded | events.RunInterrupted | None = None
    resumed: int = 0
    plan: events.PlanTaken | None = None
    spent: bool = False
    wave: int = 0
    taken_over: tuple[events.TakenOver, ...] = ()
    newer: int = 0
    unread: frozenset[str | None] = frozenset()

    def is_unread(self, name: str) -> bool:
        """Whether more may have happened on a host than is known here; of one that has ended its own lines say all."""
        host = self.hosts.get(name)
        return name in self.unread or (None in self.unread and (host is None or host.ended is None))

    @property
    def unsettled(self) -> tuple[tuple[str, Attempt], ...]:
        """Host and attempt wherever it is not known what became of it: before anything else happens on that host.

        Of the hosts in `unread` there may be others. A run that changed something and goes on settles each of these; an
        audit has nothing to settle: its rows say that a script may have run.
        """
        return tuple(
            (host.name, attempt) for host in self.hosts.values() for attempt in host.attempts.values() if attempt.open
        )


def fold(recorded: Iterable[Recorded]) -> RunState | None:
    """The state after these events; None before run-started. The same as a `Folding` that takes each of them.

    For who has the events; a journal's lines are taken one by one, see runner/runs.py.

    Raises:
        ContradictionError: an answer without an intent, a host twice, an event of another run, and the like.
    """
    folding = Folding()
    for each in recorded:
        folding.take(each)
    return folding.state


def advance(state: RunState | None, recorded: Recorded) -> RunState | None:
    """The state after one more event; see `fold`."""
    folding = Folding(state)
    folding.take(recorded)
    return folding.state


_OF_HOSTS = frozenset(get_args(HostEvent))


class Folding:
    """A fold that goes on: what `fold` does, an event at a time, without a copy of a large fleet's hosts for each."""

    def __init__(self, state: RunState | None = None) -> None:
        self._run = state
        self._hosts: dict[str, HostProgress] = {} if state is None else dict(state.hosts)
        self._last_at = None if state is None else state.last_at
        self._newer = 0 if state is None else state.newer
        self._unread = set[str | None]() if state is None else set(state.unread)
        self._named = (frozenset[str](), frozenset[str]())
        if state is not None:
            self._know(state.started)

    @property
    def state(self) -> RunState | None:
        """After what was taken so far."""
        if self._run is None or self._last_at is None:
            return None
        return replace(
            self._run,
            hosts=MappingProxyType(dict(self._hosts)),
            last_at=self._last_at,
            newer=self._newer,
            unread=frozenset(self._unread),
        )

    def take(self, recorded: Recorded) -> None:
        """One more event.

        Raises:
            ContradictionError: see `fold`; the state is that before it.
        """
        event = recorded.event
        run = self._run
        if run is not None and (recorded.run, recorded.client) != (run.run, run.client):
            raise ContradictionError(recorded, "it is of another run or client")
        if run is not None and run.phase is RunPhase.RUNNING and type(event) in _OF_HOSTS:  # nearly every line
            self._newer += not self._take_of_host(cast(HostEvent, event), recorded, resumed=run.resumed > 0)
            self._last_at = recorded.time
            self._newer += bool(recorded.newer)
            return
        match event:
            case events.Newer(event=Event.RUN_STARTED) if run is None:
                raise ContradictionError(
                    recorded, "it is of a newer exrun, and nothing of the run can be read without it"
                )
            case events.Newer(host=host):
                self._unread.add(host)
            case events.TailDropped():
                pass
            case events.RunStarted():
                if run is not None:
                    raise ContradictionError(recorded, "the run had started before")
                at = recorded.time
                self._run = RunState(recorded.run, recorded.client, RunPhase.RUNNING, at, event, at)
                self._know(event)
            case _ if run is None:
                raise ContradictionError(recorded, "the run had not started")
            case events.RunResumed():
                self._run = replace(run, phase=RunPhase.RUNNING, ended=None, resumed=run.resumed + 1)
            case _ if run.phase is not RunPhase.RUNNING:
                raise ContradictionError(recorded, f"the run had {run.phase} and was not resumed")
            case events.RunEnded():
                self._run = replace(run, phase=RunPhase.ENDED, ended=event)
            case events.RunInterrupted():
                self._run = replace(run, phase=RunPhase.INTERRUPTED, ended=event)
            case events.PlanTaken():
                if run.plan is not None and run.plan.plan != event.plan:
                    raise ContradictionError(recorded, "the run had taken another plan before")
                self._run = replace(run, plan=event)
            case events.PlanSpent():
                if run.plan is None or run.plan.plan != event.plan:
                    raise ContradictionError(recorded, "the run had not taken this plan")
                self._run = replace(run, spent=True)
            case events.TakenOver():
                self._run = replace(run, taken_over=(*run.taken_over, event))
            case events.WaveStarted(number=number):
                self._run = replace(run, wave=number)
            case events.WaveEnded():
                pass
            case events.RollbackAsked(hosts=asked):
                self._undo(asked, recorded)
            case events.Overridden():
                self._run = replace(run, overrides=(*run.overrides, event))
            case events.ScriptNamed():
                texts = {**run.script_texts, event.script: event}
                self._run = replace(run, script_texts=MappingProxyType(texts))
            case _:
                self._newer += not self._take_of_host(event, recorded, resumed=run.resumed > 0)
        self._last_at = recorded.time
        self._newer += isinstance(event, events.Newer) or bool(recorded.newer)

    def _take_of_host(self, event: HostEvent, recorded: Recorded, *, resumed: bool) -> bool:
        """False where it fits nothing, and what it follows from may be in lines of a newer exrun."""
        hosts, _ = self._named
        try:
            if event.host not in hosts:
                raise ContradictionError(recorded, f"{event.host} is none of this run's hosts")
            self._check_steps(event, recorded)
            self._hosts[event.host] = host_after(self._hosts.get(event.host), event, recorded, resumed=resumed)
        except ContradictionError:
            if self._unread.isdisjoint((event.host, None)):
                raise
            self._unread.add(event.host)
            return False
        return True

    def _undo(self, asked: Iterable[str], recorded: Recorded) -> None:
        for name in asked:
            host = self._hosts.get(name)
            if host is None:
                raise ContradictionError(recorded, f"nothing was begun on {name}")
            self._hosts[name] = host.undone()

    def _check_steps(self, event: HostEvent, recorded: Recorded) -> None:
        _, steps = self._named
        match event:
            case events.ScriptSending(scripts=scripts):
                named = [step for intent in scripts for step in intent.steps]
            case (
                events.ScriptAnswered(step=step)
                | events.StepAssessed(step=step)
                | events.Drifted(step=step)
                | events.WhenDecided(step=step)
                | events.EvidenceKept(step=step)
                | events.EvidenceMissed(step=step)
                | events.BootSeen(step=step)
                | events.DetachedSeen(step=step)
                | events.Settled(step=step)
            ):
                named = [step]
            case _:
                return
        for step in named:
            if step not in steps:
                raise ContradictionError(recorded, f"{step} is none of this run's steps")

    def _know(self, started: RunStarted) -> None:
        self._named = frozenset(started.hosts), frozenset(step.id for step in started.steps)


def host_after(host: HostProgress | None, event: HostEvent, recorded: Recorded, *, resumed: bool) -> HostProgress:
    """How far the host is after an event about it; None before the first.

    Args:
        event: that of `recorded`.
        resumed: whether the run goes on after an interruption.

    Raises:
        ContradictionError: see `fold`.
    """
    if isinstance(event, events.HostStarted):
        if host is not None and host.ended is None and not resumed:
            raise ContradictionError(recorded, f"{event.host} had started before")
        # What a resumed run had learnt of the host stays: an attempt that is open above all.
        if host is None:
            return HostProgress(event.host, recorded.time, since=recorded.sequence)
        return replace(host, ended=None, since=recorded.sequence, asked=False, health=None)
    if host is None:
        raise ContradictionError(recorded, f"{event.host} had not started")
    if isinstance(event, events.HealthAsked):
        if host.ended is None or (host.asked and not resumed):
            raise ContradictionError(recorded, f"{event.host} is {'being asked' if host.asked else 'in work'}")
        return replace(host, asked=True, health=None)
    if isinstance(event, events.Settled):  # also by somebody who looked at a host that is no longer in work
        return _settled(host, event, recorded)
    if host.asked:
        return _while_asked(host, event, recorded)
    if host.ended is not None:
        raise ContradictionError(recorded, f"{event.host} had ended")
    if isinstance(event, events.HealthAnswered) or getattr(event, "purpose", None) is Purpose.HEALTH:
        raise ContradictionError(recorded, f"{event.host} was not asked whether it is well")
    match event:
        case events.ScriptSending():
            return _sent(host, event, recorded)
        case events.HostEnded() | events.HostApplied():
            return replace(host, ended=event)
        case events.ConnectionRetried() | events.PoolReplaced():
            return host
        case events.ScriptAnswered():
            key = Key(event.step, event.purpose, event.number)
            attempts = _answered(host, host.attempts.get(key), event.script, event.answer, recorded)
            return _with(host, attempts)
        case events.StepAssessed():
            attempts = host.attempts
            judged = _judged(host, event)
            if event.answer is not None:
                attempts = _answered(host, judged, event.script, event.answer, recorded)
            elif event.script is not None and (
                judged is None or judged.answer is None or judged.script != event.script
            ):
                raise ContradictionError(recorded, "no answer to this script stands before it")
            assessed = MappingProxyType({**host.assessed, event.step: event})
            judged_at, drifted = host.judged_at, host.drifted
            if event.purpose is not Purpose.COLLECT:
                judged_at = MappingProxyType({**judged_at, event.step: recorded.sequence})
            if event.step in drifted:
                drifted = MappingProxyType({step: each for step, each in drifted.items() if step != event.step})
            return _with(host, attempts, assessed, judged_at, drifted)
        case events.BootSeen(step=step):
            seen = (*host.boots.get(step, ()), (recorded.sequence, event))
            return replace(host, boots=MappingProxyType({**host.boots, step: seen}))
        case events.DetachedSeen():
            read = host.attempts.get(Key(event.step, Purpose.POLL, event.number))
            if read is None or read.script != event.script or read.answer is None:
                raise ContradictionError(recorded, "no answer to the script that reads it stands before it")
            polled = {**host.polled, (event.step, event.script, event.of): (recorded.sequence, event)}
            return replace(host, polled=MappingProxyType(polled))
        case events.Drifted():
            return replace(host, drifted=MappingProxyType({**host.drifted, event.step: event}))
        case events.WhenDecided():
            decided = {**host.decided, event.step: (recorded.sequence, event)}
            return replace(host, decided=MappingProxyType(decided))
        case events.EvidenceKept() | events.EvidenceMissed():
            read = host.attempts.get(Key(event.step, Purpose.EVIDENCE, event.number))
            if read is None or read.script != event.script or read.answer is None:
                raise ContradictionError(recorded, "no answer to the script that reads it stands before it")
            known = {**host.evidence, (event.step, event.script): event}
            return replace(host, evidence=MappingProxyType(known))
        case _:
            assert_never(event)


def _while_asked(host: HostProgress, event: HostEvent, recorded: Recorded) -> HostProgress:
    """A host that is asked whether it is well: what was learnt of it for its plan stays as it is."""
    match event:
        case events.HealthAnswered():
            return replace(host, asked=False, health=event)
        case events.ConnectionRetried() | events.PoolReplaced():
            return host
        case events.ScriptSending(purpose=Purpose.HEALTH):
            return _sent(host, event, recorded)
        case events.ScriptAnswered(purpose=Purpose.HEALTH):
            attempt = host.attempts.get(Key(event.step, event.purpose, event.number))
            return replace(host, attempts=_answered(host, attempt, event.script, event.answer, recorded))
        case events.StepAssessed(purpose=Purpose.HEALTH, answer=None):
            return host
        case events.StepAssessed(purpose=Purpose.HEALTH, answer=answer) if answer is not None:
            return replace(host, attempts=_answered(host, _judged(host, event), event.script, answer, recorded))
        case _:
            raise ContradictionError(recorded, f"{event.host} had ended, and is asked whether it is well")


def _sent(host: HostProgress, event: events.ScriptSending, recorded: Recorded) -> HostProgress:
    attempts = dict(host.attempts)
    for intent in event.scripts:
        if not intent.steps:
            raise ContradictionError(recorded, "a script is sent for no step")
        key = Key(intent.steps[0], event.purpose, intent.number)
        earlier: list[Key] = []  # they are numbered without gaps
        while (before := Key(key.step, key.purpose, len(earlier) + 1)) in attempts:
            earlier.append(before)
        if earlier and earlier[-1] not in host.attempts:
            raise ContradictionError(recorded, f"two scripts are sent at once to {key.purpose} {key.step}")
        if key.number != len(earlier) + 1:
            raise ContradictionError(
                recorded, f"attempt {key.number} to {key.purpose} {key.step} follows {len(earlier)} others"
            )
        for before in earlier:
            if event.purpose.changes and attempts[before].script != intent.script:
                continue
            attempts[before] = replace(attempts[before], standing=_after(attempts[before], Move.AGAIN, recorded))
        if event.purpose.changes:
            _refuse_beside_an_open_change(attempts.values(), key, recorded)
        attempts[key] = _make_attempt(
            key,
            intent.script,
            intent.steps,
            Standing.SENT,
            recorded.time,
            sequence=recorded.sequence,
            pool=event.pool,
        )
    return _with(host, MappingProxyType(attempts))


def _with(
    host: HostProgress,
    attempts: Mapping[Key, Attempt],
    assessed: Mapping[str, events.StepAssessed] | None = None,
    judged_at: Mapping[str, int] | None = None,
    drifted: Mapping[str, events.Drifted] | None = None,
) -> HostProgress:
    """What `replace` gives, in a quarter of its time: most lines of a journal move an attempt or judge a step.

    The one place that names every member, so that none is forgotten.
    """
    return _make_progress(
        host.name,
        host.started_at,
        attempts,
        host.assessed if assessed is None else assessed,
        host.ended,
        host.since,
        host.judged_at if judged_at is None else judged_at,
        host.drifted if drifted is None else drifted,
        host.undoing,
        host.decided,
        host.asked,
        host.health,
        host.evidence,
        host.boots,
        host.polled,
    )


def _refuse_beside_an_open_change(attempts: Iterable[Attempt], key: Key, recorded: Recorded) -> None:
    """Nothing is changed while it is not known what became of a change.

    But a step's own change may be confirmed; and the changes of a step follow each other as they are answered, since
    what all of them came to is seen at its end.
    """
    for attempt in attempts:
        if attempt.standing is Standing.SETTLED or not attempt.key.purpose.changes:
            continue
        own = attempt.key.step == key.step
        confirms = key.purpose is Purpose.CONFIRM and own
        follows = attempt.key.purpose is key.purpose and own and not attempt.doubtful
        if not (confirms or follows):
            named = f"attempt {attempt.key.number} to {attempt.key.purpose} {attempt.key.step}"
            raise ContradictionError(recorded, f"it is not settled what became of {named}")


def _judged(host: HostProgress, event: events.StepAssessed) -> Attempt | None:
    """The attempt whose answer a judgement brings: of its step, or of one that its step shares the script with."""
    if event.number is None:
        return None
    own = host.attempts.get(Key(event.step, event.purpose, event.number))
    if own is not None:
        return own
    shared: Iterator[Attempt] = (
        attempt
        for attempt in host.attempts.values()
        if (attempt.key.purpose, attempt.key.number, attempt.script) == (event.purpose, event.number, event.script)
    )
    return next(shared, None)


def _answered(
    host: HostProgress, attempt: Attempt | None, script: str | None, answer: Answer, recorded: Recorded
) -> Mapping[Key, Attempt]:
    if attempt is None or attempt.script != script:
        raise ContradictionError(recorded, "no intent to send this script stands before it")
    standing = _after(attempt, Move.ANSWER, recorded)
    moved = _make_attempt(
        attempt.key,
        attempt.script,
        attempt.steps,
        standing,
        recorded.time,
        answer,
        sequence=attempt.sequence,
        pool=attempt.pool,
    )
    return MappingProxyType({**host.attempts, attempt.key: moved})


def _settled(host: HostProgress, event: events.Settled, recorded: Recorded) -> HostProgress:
    attempt = host.attempts.get(Key(event.step, event.purpose, event.number))
    if attempt is None:
        raise ContradictionError(recorded, "no intent of this attempt stands before it")
    standing = _after(attempt, Move.SETTLE, recorded)
    moved = _make_attempt(
        attempt.key,
        attempt.script,
        attempt.steps,
        standing,
        recorded.time,
        attempt.answer,
        event.settlement,
        attempt.sequence,
        attempt.pool,
    )
    return _with(host, MappingProxyType({**host.attempts, attempt.key: moved}))


def _after(attempt: Attempt, move: Move, recorded: Recorded) -> Standing:
    """How far the attempt is after a move; the tables know of no other."""
    table = _CHANGING if attempt.key.purpose.changes else _READING
    if attempt.key.purpose is Purpose.CONFIRM:
        table = _CONFIRMING
    standing = table.get((attempt.standing, move))
    if standing is None:
        named = f"attempt {attempt.key.number} to {attempt.key.purpose} {attempt.key.step}"
        raise ContradictionError(recorded, f"{named} is {attempt.standing}, and {move} cannot follow")
    return standing

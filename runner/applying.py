"""Applying a plan to one host: the work of a fleet's thread. It makes the moves, and decides none of them.

    fold -> next_move -> intent, durable -> do -> outcome -> fold

Collects go over a locked pool, changes over another, which is opened beside it when the first is due. Behind a change
whose fate is unknown both are given up; the next connection ends the pool in which it was lost before it looks. They
are given up as well before a change is confirmed: that shows that the host can be reached anew.

A host that is resumed is the same work, begun on what its journal was read back as.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never, cast

from inventory.model import Host
from playbooks.changes import Change, ReadyChange
from playbooks.changing import kept_file
from playbooks.conditions import evaluate, names
from playbooks.detaching import OVER_SECONDS
from playbooks.errors import RenderingError
from playbooks.findings import Assessment, Coverage, UnknownFact, Verdict
from playbooks.model import BOOT, OnFailure, ReadyPlaybook, ReadyStep
from playbooks.observation import NotObserved
from playbooks.unknowns import not_observed
from runner import events
from runner.answers import observation_of
from runner.applied import AppliedHost, unaccounted
from runner.detached import reading
from runner.events import Answer, Purpose, Would
from runner.evidence import EvidenceError, EvidenceStore, taken
from runner.history import HostHistory
from runner.hostlog import answer_of
from runner.journal.lines import Json, canonical
from runner.moves import Collect, Decide, Finish, Keep, Poll, Send, Settle, next_move, so_far
from runner.observe import Session
from runner.plan.drift import drift, in_words, stands
from runner.plan.records import Plan, PlannedChange, PlannedHost
from runner.steps import DEFECT, Judgement
from runner.transport.failures import Cause, Failure, ScriptRefused, TransportError, failure
from runner.transport.gate import Gate
from runner.transport.interface import (
    Ambiguous,
    ChangeResult,
    Connect,
    Deadlines,
    NotRun,
    NotStarted,
    Script,
    ScriptResult,
    Transport,
)

BETWEEN_LOOKS_SECONDS = 5.0
# What is said of a host that restarts; never what a refused account looks like.
_AWAY = frozenset({Cause.REFUSED, Cause.TIMEOUT, Cause.CONNECTION_LOST, Cause.ENDPOINT_MISSING})

__all__ = [
    "Applying",
    "Render",
    "announced_seconds",
    "change_scripts",
    "change_seconds",
    "on_failures",
    "reading_scripts",
]

Render = Callable[[ReadyStep, Change], ReadyChange]
"""The scripts of a change as they would be sent now. Raises RenderingError."""


def change_scripts(plan: Plan, host: PlannedHost) -> Mapping[str, Script]:
    """The scripts that may be sent to this host to change something, by their SHA-256: for the gate of its second pool.

    Each is named after itself: its deadline is looked up by that name.
    """
    return {sha: Script(sha, plan.texts[sha], full=True) for sha in sorted(plan.scripts_of(host.host))}


def reading_scripts(plan: Plan, host: PlannedHost) -> Mapping[str, Script]:
    """The scripts of its changes that may be sent to this host to read, by their SHA-256: what is to be kept of it, and
    how far what runs detached is.

    The gate of its first pool has them beside those that collect. Each is named after itself.
    """
    return {sha: Script(sha, plan.texts[sha]) for sha in sorted(plan.reads_of(host.host))}


def change_seconds(playbook: ReadyPlaybook, host: PlannedHost) -> Mapping[str, float]:
    """The time limit of each of these in seconds, as contracts have it; what has none has that of any script.

    A text that several steps have may take the longest of theirs.
    """
    timeouts = {ready.step.id: ready.action.contract.timeouts for ready in playbook.steps}
    longest: dict[str, float] = {}
    for step, change in host.changes:
        limits = timeouts[step.step]
        each: list[tuple[str | None, int | None]] = [(change.evidence, limits.collect), (change.poll, limits.collect)]
        if change.poll is None:  # what begins a detached script is over at once
            each += [(change.apply, limits.apply), (change.rollback, limits.rollback)]
        for sha, limit in each:
            if sha is not None and limit is not None:
                longest[sha] = max(longest.get(sha, 0.0), float(limit))
    return longest


def announced_seconds(playbook: ReadyPlaybook, hosts: Iterable[PlannedHost]) -> float:
    """How long one of these may be away, and what runs detached there run: each is given so much more time."""
    changing = [ready for ready in playbook.steps if ready.action.templates.apply is not None]
    away = sum(ready.action.contract.interruption_seconds for ready in changing)
    # Each script is begun once, and may have to be undone.
    detached = [
        sum(2 * (each.detached_seconds + OVER_SECONDS) for _, each in host.changes if each.detached_seconds)
        for host in hosts
    ]
    return float(away + max(detached, default=0))


def on_failures(playbook: ReadyPlaybook) -> Mapping[str, OnFailure]:
    """What a failure of each step means for those after it."""
    return {ready.step.id: ready.step.on_failure for ready in playbook.steps}


@dataclass(slots=True, kw_only=True)
class Applying(Session[AppliedHost]):
    """The work with one host of a plan.

    Attributes:
        lines: they have what earlier sessions wrote.
        plan: what was approved for this host.
        playbook: of the plan.
        collects: the script of each step of the playbook.
        changes: see `change_scripts`.
        reads: see `reading_scripts`.
        store: where evidence is kept; it may be missing where the plan keeps none.
        render: what a change would be now.
        collecting: what may be sent over the locked pool.
        changing: what may be sent over the other: `changes`, each at most once. It is this host's alone.
        deadlines: for the host's whole work, and for each script.
        claim: which host of this run was the first to be changed at an IP address, on the port of this one.
    """

    lines: HostHistory
    plan: PlannedHost
    playbook: ReadyPlaybook
    collects: Mapping[str, Script]
    changes: Mapping[str, Script]
    judgement: Judgement
    render: Render
    collecting: Gate
    changing: Gate
    deadlines: Deadlines
    reads: Mapping[str, Script] = field(default_factory=dict)
    store: EvidenceStore | None = None
    claim: Callable[[Host, str], Host] = lambda host, _address: host
    _reading: Transport | None = None
    _writing: Transport | None = None
    _sent: bool = False  # something was sent over these to change the host
    _restarting: bool = False  # whether what is in motion is the server's restart
    _until: float = 0.0  # what is in motion may come to rest: on the clock
    _waited: float = 0.0  # seconds

    def __post_init__(self) -> None:
        if not self.changing.once:
            raise ValueError("the gate of changes lets them be repeated")
        if self.store is None and any(change.evidence is not None for _, change in self.plan.changes):
            raise ValueError("the plan asks for evidence to be kept, and there is no store")
        Session.__post_init__(self)  # a class with slots is made anew, so super() does not know it
        self._until = self.since

    def _worked(self, connections: Connect) -> Failure | None:
        self._expect_what_was_sent()
        try:
            while self._moved():
                pass
        finally:
            self._part()
        return None

    def _bare_row(self, why: Failure, requests: int, seconds: float) -> AppliedHost:
        if self.lines.row is not None:
            return self.lines.row
        return unaccounted(self.plan, self.lines.client, why, requests, seconds)

    def _moved(self) -> bool:
        """Makes the next move; False where there is none."""
        known = replace(so_far(self.lines.progress, self.plan), patient=self._is_patient)
        move = next_move(self.plan, self.lines.on_failure, known)
        match move:
            case Finish():
                return False
            case Collect(step=step, purpose=purpose, anew=anew, later=later):
                if anew and self._sent:
                    self._part()
                if later:
                    self._wait()
                self._unless_away(lambda: self._collect(step, purpose))
            case Decide(step=step):
                self.lines.decided(step, *self._decided(step))
            case Keep(step=step, change=change, script=sha):
                self._keep(self.reads[sha], step, change)
            case Poll(step=step, purpose=purpose, script=sha, later=later):
                if later:
                    self._wait()
                self._unless_away(lambda: self._poll(self.reads[sha], step, purpose))
            case Send(step=step, purpose=purpose, number=number, script=sha):
                self._send(self.changes[sha], step, purpose, number)
            case Settle(step=step, purpose=purpose, number=number, settlement=settlement, why=why):
                self.lines.settled(step, purpose, number, settlement, why)
            case _:
                assert_never(move)
        return True

    def _unless_away(self, look: Callable[[], None]) -> None:
        """Looks, and waits out a host that is away for as long as a contract announces."""
        while True:
            try:
                look()
            except TransportError as error:
                if error.failure.cause not in _AWAY or not self._is_patient:
                    raise
                self._part()
                self.lines.heard("reboot" if self._restarting else "come back")
                self._wait()
            else:
                return

    @property
    def _is_patient(self) -> bool:
        """Whether a host that is away is waited for: while that was announced, and the host's own time is not over."""
        return self.monotonic() < self._until and self._left().host > 0

    def _expect(self, step: str, *, detached: bool = False) -> None:
        """From now on the host may be away, and its services on their way, for as long as the step says.

        Args:
            detached: what runs there may also run for as long as it is given.
        """
        contract = next(ready.action.contract for ready in self.playbook.steps if ready.step.id == step)
        self._restarting = contract.reboots
        longest = float(contract.interruption_seconds)
        if detached and contract.detached is not None:
            # And one look more: the server ends it at that moment, and not before.
            longest = max(longest, contract.detached.seconds + OVER_SECONDS + BETWEEN_LOOKS_SECONDS)
        self._until = self.monotonic() + longest

    def _expect_what_was_sent(self) -> None:
        """The same for what an earlier session sent last and did not settle: nobody knows when that came to rest."""
        progress = self.lines.progress
        if progress is not None and progress.unsettled:
            self._expect(progress.unsettled[-1].key.step, detached=True)

    def _wait(self) -> None:
        self._refuse_when_stopped()
        assert self.connections is not None
        began = self.monotonic()
        self.connections.wait(min(BETWEEN_LOOKS_SECONDS, max(self._until - began, 0.0)))
        self._waited += self.monotonic() - began

    def _collect(self, step: str, purpose: Purpose) -> None:
        script = self.collects[step]
        transport = self._to_read()
        self.lines.asking(script, step, purpose)
        (result,) = transport.observe([script])
        answer = answer_of(result)
        if isinstance(result, NotRun):
            self.lines.answered(script, step, purpose, answer)
            raise TransportError(result.failure)
        ready = next(each for each in self.playbook.steps if each.step.id == step)
        assessment, present = self._judged(ready, result)
        if ready.action.contract.reboots and (boot := _boot(ready, result)) is not None:
            self.lines.booted(step, *boot)
        would = None
        if present is not None:
            would = tuple(Would(each.change.id, each.apply, each.rollback) for each in present)
        self.lines.assessed(script, step, purpose, ready.action.id, answer, assessment, would)
        planned = next(each for each in self.plan.steps if each.step == step)
        if purpose is not Purpose.RECHECK or not planned.changes:
            return
        if assessment.barred:
            differences = stands(planned.changes, assessment.barred)
        else:
            differences = () if present is None else drift(planned.changes, present, assessment.besides)
        if differences:
            self.lines.drifted(step, tuple(in_words(each) for each in differences))

    def _decided(self, step: str) -> tuple[bool | None, str]:
        """What the `when` of a step comes to now, and why that is not what the plan was made on."""
        condition = next(each.condition for each in self.playbook.steps if each.step.id == step)
        hangs_on = next(each.hangs_on for each in self.plan.steps if each.step == step)
        assessed = {} if self.lines.progress is None else self.lines.progress.assessed
        assert condition is not None  # the plan was made of this playbook
        facts = {owner: assessed[owner].assessment.facts for owner in hangs_on if owner in assessed}
        holds = evaluate(condition, facts)
        if isinstance(holds, UnknownFact):
            return None, f"whether `when: {condition.text}` still holds is not known: {holds.reason}"
        if holds:
            return True, ""
        said = [(owner, name, facts[owner].get(name)) for owner, name in names(condition) if owner in facts]
        now = [f"{owner}.{name} is {value!r}" for owner, name, value in said if not isinstance(value, UnknownFact)]
        return False, f"`when: {condition.text}` was true, is false: {', '.join(now)}"

    def _read(self, script: Script, step: str, purpose: Purpose) -> ScriptResult:
        """Sends a script that reads beside what collects. The journal has how it ended, and never what it said.

        Raises:
            TransportError: it was not run, or nobody knows.
        """
        transport = self._to_read()
        self.lines.asking(script, step, purpose)
        (result,) = transport.observe([script])
        answer = answer_of(result)
        if isinstance(answer, events.Said):
            answer = replace(answer, output=None)
        self.lines.answered(script, step, purpose, answer)
        if isinstance(result, NotRun):
            raise TransportError(result.failure)
        return result

    def _keep(self, script: Script, step: str, change: str) -> None:
        """Reads what is to be kept before a change; what was read stands in the store and never in the journal."""
        assert self.store is not None
        result = self._read(script, step, Purpose.EVIDENCE)
        ready = next(each for each in self.playbook.steps if each.step.id == step)
        planned = next(each for of, each in self.plan.changes if (of.step, each.change.id) == (step, change))
        file = kept_file(ready.action, ready.params, planned.change)
        origin: dict[str, Json] = {
            "client": self.lines.client,
            "host": self.plan.host,
            "address": self.plan.address,
            "step": step,
            "change": change,
            "script": script.sha256,
            "path": file.path,
            "title": planned.change.title,
            "before": canonical(planned.change.before),
            "values": canonical(planned.change.values),
        }
        try:
            read = taken(result, file.sha256)
            streams: list[events.StreamRead] = []
            for each in read.streams:
                of_stream = {**origin, "stream": each.name}
                held = None if each.data is None else self.store.keep(each.data, of_stream)
                streams.append(events.StreamRead(each.name, each.size, held, each.why))
            sha256 = self.store.keep(read.data, origin)
        except EvidenceError as error:
            self.lines.missed(script, step, str(error))
        else:
            self.lines.kept(script, step, sha256, len(read.data), tuple(streams))

    def _poll(self, script: Script, step: str, of: Purpose) -> None:
        """Reads how far a detached script is. Once it is over what it leaves in motion has its time."""
        result = self._read(script, step, Purpose.POLL)
        seen = reading(result, of)
        self.lines.polled(script, step, of, seen)
        if seen.state.is_over:
            self._expect(step)

    def _send(self, script: Script, step: str, purpose: Purpose, number: int) -> None:
        transport = self._to_change()
        self.lines.changing(script, step, purpose, number, transport.pool)
        self._sent = True
        try:
            result = transport.change(script)
        except ScriptRefused as error:
            result = NotStarted(script, error.failure)
        finally:
            self._expect(step, detached=True)
        # Whatever else is raised leaves the intent without an answer: nobody knows whether it ran.
        self.lines.answered(script, step, purpose, _answer(result))
        if isinstance(result, NotStarted | Ambiguous):
            self._part()

    def _judged(self, ready: ReadyStep, result: ScriptResult) -> tuple[Assessment, tuple[PlannedChange, ...] | None]:
        """What the answer means, and the changes that it names, as they would be sent now; None where not known."""
        action = ready.action
        try:
            observation = observation_of(result, action.contract)
            assessment = action.assess(observation, ready.params, self.judgement.catalogue, self.judgement.today)
            if isinstance(observation, NotObserved) or not _is_known(assessment):
                return assessment, None
            return assessment, _present(ready, assessment, self.render)
        except Exception as error:
            self.on_defect(f"{self.host.key}, step {ready.step.id}", error)
            what = error.what if isinstance(error, RenderingError) else type(error).__name__
            unknown = NotObserved(DEFECT, f"the judgement of {action.id} failed: {what}")
            return not_observed(action.id, unknown, tuple(action.contract.facts)), None

    def _to_read(self) -> Transport:
        """The locked pool. What was lost before is ended by the time that it is open."""
        if self._reading is None:
            self._refuse_when_stopped()
            assert self.connections is not None
            progress = self.lines.progress
            lost = [] if progress is None else [each for each in progress.unsettled if each.doubtful]
            pools = tuple(dict.fromkeys(each.pool for each in lost if each.pool))
            self._reading = self.connections(self.collecting, self._left(), ending=pools)
            self._reading.open()
        return self._reading

    def _to_change(self) -> Transport:
        """The pool for changes, on the same connection."""
        reading = self._to_read()
        if self._writing is None:
            self._refuse_when_stopped()
            first = self.claim(self.host, reading.address)
            if first.name != self.host.name:
                what = (
                    f"this is the server that is changed as {first.name}: both are {reading.address}:{self.host.port}"
                )
                raise TransportError(failure(Cause.PROTOCOL, what, then="Name it once, and make the plan again."))
            assert self.connections is not None
            self._writing = self.connections(self.changing, self._left(), beside=reading)
            self._writing.open()
            if not self._writing.pool:
                raise TransportError(failure(Cause.PROTOCOL, "the host gives its pool no name to end it by"))
        return self._writing

    def _part(self) -> None:
        """Gives up both pools; the next one that is needed is on a new connection."""
        transports = self._writing, self._reading
        self._writing = self._reading = None
        self._sent = False
        for transport in transports:
            if transport is not None:
                transport.close()

    def _left(self) -> Deadlines:
        """The deadlines of a connection that is opened now: of the host's time it has what is left."""
        worked = self.monotonic() - self.since - self._waited
        return replace(self.deadlines, host=max(self.deadlines.host - worked, 0.0))


def _is_known(assessment: Assessment) -> bool:
    """Whether what a judgement does not name is not to be done. One that could not see all may have missed it."""
    return assessment.verdict is not Verdict.UNKNOWN and assessment.coverage is not Coverage.NOT_KNOWABLE


def _boot(ready: ReadyStep, result: ScriptResult) -> tuple[str, int] | None:
    """When the host says that it was started, and how many services are on their way; None where it does not."""
    observation = observation_of(result, ready.action.contract)
    record = None if isinstance(observation, NotObserved) else observation.first(BOOT)
    if record is None or not isinstance(record.get("Starting"), int):
        return None
    return str(record.get("Time")), cast(int, record["Starting"])


def _present(ready: ReadyStep, assessment: Assessment, render: Render) -> tuple[PlannedChange, ...]:
    """The changes that a judgement names, by the hashes of what would be sent for them.

    Raises:
        RenderingError: a change has no scripts, or two have one id.
    """
    ids = [change.id for change in assessment.changes]
    if len(set(ids)) != len(ids):
        raise RenderingError("a judgement names two changes by one id", "correct the action")
    reboots = ready.action.contract.reboots
    return tuple(PlannedChange.of(render(ready, change), reboots=reboots) for change in assessment.changes)


def _answer(result: ChangeResult) -> Answer:
    match result:
        case NotStarted(failure=why):
            return events.NotRun(False, why)
        case Ambiguous(failure=why):
            return events.NotRun(None, why)
        case _:
            return answer_of(result)

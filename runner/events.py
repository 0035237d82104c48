"""What happens in a run: one class an event, and in one place what is written of it and what is read.

    event --write, redacted--> Clean --journal--> line --read--> Recorded(event)

The registry at the end gives each event its name, its phase and the forms of its members (runner/codec.py).
docs/reference/journal.md says the same for people.

A line may be of a newer exrun. An event that is not in the registry becomes `Newer`; so does one of which a word is
not known (a purpose, a cause, a verdict of tomorrow), since the rest of it means nothing without. A member that is not
in the registry is named in `Recorded.newer`. None of these is a fault of the journal. A member that is missing or of
another type is one, but in a line of a higher format, which may have changed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from playbooks.catalogue.origin import OwnRows, SetKind, Signed
from playbooks.changes import CHANGE_ID, Barred, Change, ChangeValue
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.values import Value
from runner.codec import (
    COUNT,
    DAY,
    FLAG,
    FREE,
    FREE_VALUE,
    HASH,
    INTEGER,
    NUMBER,
    PLAIN,
    SECONDS,
    TAINTED,
    TAINTED_JSON,
    TAINTED_VALUE,
    TIME,
    Form,
    IllFormedError,
    Redact,
    UnknownWordError,
    many,
    maybe,
    one_of,
    record,
    table,
    unless_absent,
    word,
)
from runner.journal import lines
from runner.journal.lines import Json, Line
from runner.making import maker
from runner.results import Label, Listed, Outcome
from runner.terms import Ending
from runner.transport.failures import Cause, Failure
from runner.transport.interface import ErrorText

if TYPE_CHECKING:  # a report reads and never writes
    from runner.journal.writer import Clean, JournalWriter


class Phase(StrEnum):
    """Which part of a run an event belongs to."""

    RUN = "run"
    CONNECT = "connect"
    COLLECT = "collect"
    ASSESS = "assess"
    SETTLE = "settle"
    APPLY = "apply"
    JOURNAL = lines.JOURNAL_PHASE  # what the journal says about itself


class Event(StrEnum):
    """The names of all events."""

    RUN_STARTED = "run-started"
    RUN_RESUMED = "run-resumed"
    RUN_INTERRUPTED = "run-interrupted"
    RUN_ENDED = "run-ended"
    PLAN_TAKEN = "plan-taken"
    PLAN_SPENT = "plan-spent"
    TAKEN_OVER = "taken-over"
    WAVE_STARTED = "wave-started"
    WAVE_ENDED = "wave-ended"
    ROLLBACK_ASKED = "rollback-asked"
    OVERRIDE = "override"
    SCRIPT_NAMED = "script-named"
    HOST_STARTED = "host-started"
    HOST_ENDED = "host-ended"
    SCRIPT_SENDING = "script-sending"
    SCRIPT_ANSWERED = "script-answered"
    STEP_ASSESSED = "step-assessed"
    SETTLED = "settled"
    DRIFTED = "drifted"
    WHEN_DECIDED = "when-decided"
    BOOT_SEEN = "boot-seen"
    DETACHED_SEEN = "detached-seen"
    HOST_APPLIED = "host-applied"
    HEALTH_ASKED = "health-asked"
    HEALTH_ANSWERED = "health-answered"
    EVIDENCE_KEPT = "evidence-kept"
    EVIDENCE_MISSED = "evidence-missed"
    CONNECTION_RETRIED = "connection-retried"
    POOL_REPLACED = "pool-replaced"
    TAIL_DROPPED = lines.TAIL_DROPPED


class Purpose(StrEnum):
    """What a script is sent for."""

    COLLECT = "collect"
    RECHECK = "recheck"  # collect again, to see whether what a plan was made on still holds
    APPLY = "apply"
    VERIFY = "verify"  # collect again, to see what a change came to
    PROBE = "probe"  # collect again after a loss, to learn what became of a change
    ROLLBACK = "rollback"
    HEALTH = "health"  # collect behind a wave, to see whether the next may be begun
    EVIDENCE = "evidence"  # read what has to be kept before a change
    POLL = "poll"  # read how far a change is that runs detached
    CONFIRM = "confirm"  # what keeps a host from undoing a change by itself

    @property
    def changes(self) -> bool:
        """Whether an attempt may have changed something, and is open until it is settled."""
        return self is Purpose.APPLY or self is Purpose.ROLLBACK or self is Purpose.CONFIRM


class Settlement(StrEnum):
    """What became of an attempt to change something."""

    DONE = "done"
    NOT_DONE = "not-done"
    PARTLY_DONE = "partly-done"


class DetachedState(StrEnum):
    """How far a script is that runs detached, as the host says."""

    NONE = "none"  # the host has not begun it
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # it ended in an error
    STOPPED = "stopped"  # its time is over, and it left no result
    UNSEEN = "unseen"  # the host does not say

    @property
    def is_over(self) -> bool:
        """Whether it has run, and runs no more."""
        return self in (DetachedState.DONE, DetachedState.FAILED, DetachedState.STOPPED)


# What several events are made of.


@dataclass(frozen=True, slots=True)
class FileUsed:
    """A file of the inventory: its name without its folder, and the SHA-256 of its bytes."""

    source: str
    sha256: str


@dataclass(frozen=True, slots=True)
class InventoryUsed:
    """Where hosts are from.

    Attributes:
        source: names of the files that speak of this client.
        sha256: of the file; of several the digest over theirs, in the order in which they were named.
        files: those that speak of this client; empty where there was one file alone.
        read: how many files there were.
    """

    source: str
    sha256: str
    files: tuple[FileUsed, ...]
    read: int


@dataclass(frozen=True, slots=True)
class PlaybookUsed:
    """What was to be done; `source` is the file's name, `sha256` of its bytes."""

    name: str
    title: str
    source: str
    sha256: str


@dataclass(frozen=True, slots=True)
class StepDue:
    """One step of the playbook. `script` is the hash of what is sent for it."""

    id: str
    action: str
    script: str
    when: str | None
    params: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class TablesUsed:
    """Which rows judge: their day, the SHA-256 over all of them, from which set, who vouches for it."""

    as_of: date
    age_days: int
    sha256: str
    set: SetKind
    manifest: str
    signed: Signed | None
    own: OwnRows | None


@dataclass(frozen=True, slots=True)
class ServerListed:
    """A host as the inventory has it."""

    name: str
    listed: Listed


@dataclass(frozen=True, slots=True)
class Intent:
    """A script about to leave. `steps` share it, and `number` counts the attempts of the first of them from 1."""

    script: str
    steps: tuple[str, ...]
    number: int


@dataclass(frozen=True, slots=True)
class Said:
    """What a script said; the counts are always whole.

    Attributes:
        output: canonical; None where it is too large to be kept.
        errors, warnings: the first of them.
    """

    objects: int
    output: Json
    errors: tuple[ErrorText, ...]
    error_count: int
    warnings: tuple[str, ...]
    warning_count: int


@dataclass(frozen=True, slots=True)
class Completed(Said):
    """The script ran to its end."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Terminated(Said):
    """The script ended in an error."""

    seconds: float
    error: ErrorText


@dataclass(frozen=True, slots=True)
class TimedOut(Said):
    """The script was stopped after its time."""

    limit_seconds: float


@dataclass(frozen=True, slots=True)
class Capped:
    """The script said more than `limit` of what `cap` counts, and was stopped."""

    cap: str
    limit: int


@dataclass(frozen=True, slots=True)
class NotRun:
    """The connection failed first. `started` is None where nobody knows whether the script ran."""

    started: bool | None
    failure: Failure


Answer = Completed | Terminated | TimedOut | Capped | NotRun


@dataclass(frozen=True, slots=True)
class Would:
    """A change that a judgement names: the SHA-256 of what would be sent to make and to undo it.

    `rollback` is None where it cannot be undone.
    """

    change: str
    apply: str
    rollback: str | None


# The events.


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first: versions and digests of all that decides, and the hosts of this client alone.

    Attributes:
        exrun: version.
        selection: as it was written; None where it may name another client's hosts.
        today: the day as on which is judged.
        marker_token: of the marker statements of this run, see runner/transport/gate.py.
        servers: what the inventory says of each of `hosts`, in their order; none where an older exrun wrote it.
        named: the paths that a next command takes too, as they were typed, by option (`inventory`, `search`,
            `catalogue`, `playbook`, `policy`); none where the inventories are of several clients, whose paths may name
            another client.
    """

    exrun: str
    inventory: InventoryUsed
    selection: str | None
    hosts: tuple[str, ...]
    playbook: PlaybookUsed
    steps: tuple[StepDue, ...]
    catalogue: TablesUsed
    today: date
    marker_token: str
    parallel: int
    host_seconds: float
    run_seconds: float | None
    servers: tuple[ServerListed, ...] = ()
    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Approved:
    """An approval that counts: by whom, as the policy names them, with the key of which fingerprint."""

    by: str
    key: str


@dataclass(frozen=True, slots=True)
class PlanTaken:
    """What this run does is what this plan says; behind RunStarted, and again whenever the run goes on.

    Attributes:
        plan: SHA-256 of its file, which lies beside the journal.
        id, made, planner: as the plan has them.
        policy: SHA-256 of the policy under which it was approved; None where there is none, so that nobody was asked.
        approvals: that counted then.
        until: when that ends; None without an end.
    """

    plan: str
    id: str
    made: datetime
    planner: str
    policy: str | None
    approvals: tuple[Approved, ...]
    until: datetime | None


@dataclass(frozen=True, slots=True)
class PlanSpent:
    """The plan's token is this run's, and no other run's ever. Nothing is sent before."""

    plan: str
    token: str


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A host was taken from a run whose process is gone, since somebody named the host for it.

    Attributes:
        owner: the run that held it; `actor` its `user@machine`, `heartbeat` when it last said that it lives.
    """

    host: str
    owner: str
    actor: str
    heartbeat: datetime


@dataclass(frozen=True, slots=True)
class WaveStarted:
    """Hosts of this wave are begun from now on; `number` counts from 1."""

    number: int
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WaveEnded:
    """All hosts of this wave that were begun have ended."""

    number: int


@dataclass(frozen=True, slots=True)
class RollbackAsked:
    """Somebody asks for what was changed on these hosts to be undone; `actor` is of this line."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunResumed:
    """An interrupted or killed run goes on."""


@dataclass(frozen=True, slots=True)
class RunInterrupted:
    """The run ended before all was done; the rest as of RunEnded."""

    reason: Ending
    message: str
    next: str
    hosts: int
    outcomes: Mapping[str, int]
    status: int


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The last. `status` is the exit status that this client's hosts alone would give."""

    hosts: int
    outcomes: Mapping[str, int]
    status: int


@dataclass(frozen=True, slots=True)
class Overridden:
    """A safety default was switched off for these hosts; `value` is empty where the option has none."""

    option: str
    value: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScriptNamed:
    """The text behind a script hash."""

    script: str
    steps: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class HostStarted:
    """Before connecting."""

    host: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class ConnectionRetried:
    """Nothing had been run, and another attempt to connect follows."""

    host: str
    attempt: int
    wait_seconds: float
    failure: Failure


@dataclass(frozen=True, slots=True)
class PoolReplaced:
    """A script could not be stopped, so the rest runs in a new pool."""

    host: str
    step: str
    script: str


@dataclass(frozen=True, slots=True)
class ScriptSending:
    """Intent: on the disk before the first byte of these scripts leaves.

    Attributes:
        again_after: what was lost, where they are sent once more.
        pool: the runspace pool that they are sent to, where they change something: whoever looks at the host behind a
            loss ends it first. None where they only read.
    """

    host: str
    purpose: Purpose
    scripts: tuple[Intent, ...]
    again_after: Failure | None
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class ScriptAnswered:
    """An answer, where no judgement of it is recorded with it."""

    host: str
    step: str
    script: str
    purpose: Purpose
    number: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class StepAssessed:
    """The judgement of a step.

    Attributes:
        script: what was sent for it; None where nothing was.
        number: of the attempt whose answer was judged; None with `script`.
        answer: None where nothing was sent, or where the answer to the same script is recorded before.
        would: the changes that it names, by what would be sent for them, in their order; None where that is not known,
            or was not asked (an audit).
    """

    host: str
    step: str
    script: str | None
    action: str
    purpose: Purpose
    number: int | None
    answer: Answer | None
    assessment: Assessment
    would: tuple[Would, ...] | None = None


@dataclass(frozen=True, slots=True)
class Drifted:
    """What would be done in a step now is not what was approved, so nothing is. `differences` quote the host."""

    host: str
    step: str
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WhenDecided:
    """What the `when` of a step that is about to be applied comes to now; `holds` is None where that is not known.

    `why` quotes the host; it is empty where the condition holds, as it did when the plan was made.
    """

    host: str
    step: str
    holds: bool | None
    why: str


@dataclass(frozen=True, slots=True)
class StreamRead:
    """An alternate stream of a file that is kept: so many bytes, as the host says.

    `sha256` is that of its bytes, which are in the store; None where they are not, and `why` says why.
    """

    name: str
    bytes: int
    sha256: str | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceKept:
    """What was to be kept before a change is in the evidence store, on the disk: so many bytes, of this SHA-256.

    `script` is what read it, `number` the attempt that did; `streams` are all of its alternate streams.
    """

    host: str
    step: str
    script: str
    number: int
    sha256: str
    bytes: int
    streams: tuple[StreamRead, ...] = ()


@dataclass(frozen=True, slots=True)
class EvidenceMissed:
    """What was to be kept before a change could not be, so that change is not made. `why` may quote the host."""

    host: str
    step: str
    script: str
    number: int
    why: str


@dataclass(frozen=True, slots=True)
class BootSeen:
    """When a server that a step restarts was started, as it says itself, and how many services are on their way."""

    host: str
    step: str
    time: str
    starting: int


@dataclass(frozen=True, slots=True)
class DetachedSeen:
    """How far the script of a change is that runs detached, as the host says itself.

    Attributes:
        script: what read it, and `number` the attempt that did.
        of: apply or rollback.
        started, ended, exit, error: as its result has them; empty where there is none yet.
    """

    host: str
    step: str
    script: str
    number: int
    of: Purpose
    state: DetachedState
    started: str
    ended: str
    exit: str
    error: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an attempt that may have changed something, and how that is known."""

    host: str
    step: str
    purpose: Purpose
    number: int
    settlement: Settlement
    why: str


@dataclass(frozen=True, slots=True)
class HostEnded:
    """The end of the work with a host.

    Attributes:
        outcome, verdict: for readers of the file; reports make them anew from the rest.
        requests: HTTP requests sent.
        failure: why there was no session, or what cut it short; None where every step was judged.
    """

    host: str
    outcome: Outcome
    verdict: Verdict
    requests: int
    seconds: float
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class HostApplied:
    """The end of the work with a host that a plan changes.

    Attributes:
        outcomes: by step, for readers of the file; reports make them anew from the plan and the rest.
        requests: HTTP requests sent.
        failure: what cut it short; None where nothing more is to be done.
    """

    host: str
    outcomes: Mapping[str, str]
    requests: int
    seconds: float
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class HealthAsked:
    """Before connecting to a host with which the work of its wave has ended, to see whether it is well."""

    host: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class HealthAnswered:
    """What came of it. `why` is empty where the host is well; `requests` HTTP requests were sent."""

    host: str
    well: bool
    why: str
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TailDropped:
    """Opening cut off half a line that a crash had left: so many bytes, of this SHA-256."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Newer:
    """A line of a newer exrun: what it says is not known.

    Attributes:
        host: about which it is; None where it is about the run, or says so in `data`.
        why: what of it this version does not know; empty where that is the event.
    """

    phase: str
    event: str
    data: Mapping[str, Json]
    host: str | None = None
    why: str = ""


RunEvent = (
    RunStarted
    | RunResumed
    | RunInterrupted
    | RunEnded
    | PlanTaken
    | PlanSpent
    | TakenOver
    | WaveStarted
    | WaveEnded
    | RollbackAsked
    | Overridden
    | ScriptNamed
    | TailDropped
)
HostEvent = (
    HostStarted
    | ConnectionRetried
    | PoolReplaced
    | ScriptSending
    | ScriptAnswered
    | StepAssessed
    | Drifted
    | WhenDecided
    | EvidenceKept
    | EvidenceMissed
    | BootSeen
    | DetachedSeen
    | Settled
    | HostEnded
    | HostApplied
    | HealthAsked
    | HealthAnswered
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as a journal has it. `newer` names members that this version does not know."""

    sequence: int
    time: datetime
    run: str
    client: str
    event: RunEvent | HostEvent | Newer
    newer: tuple[str, ...] = ()


class UnreadableEventError(ValueError):
    """Raised for a line that is intact and does not say what an event of its name says; names line and member."""

    def __init__(self, line: Line, error: IllFormedError) -> None:
        where = f" `{error.member}`" if error.member else ""
        super().__init__(f"line {line.sequence} ({line.event}):{where} {error.why}")
        self.sequence = line.sequence


# The forms.


def _fact() -> Form[Value | UnknownFact]:
    known, unknown = record(_Known, value=TAINTED_VALUE), record(UnknownFact, reason=TAINTED)
    write_value = TAINTED_VALUE.write

    def write(fact: Value | UnknownFact, redact: Redact) -> Json:
        if isinstance(fact, UnknownFact):
            return {"unknown": redact.redact_text(fact.reason)}
        return {"value": write_value(fact, redact)}

    def read(data: Json, aside: list[str]) -> Value | UnknownFact:
        if type(data) is dict and "unknown" in data:
            return unknown.read({"reason" if name == "unknown" else name: data[name] for name in data}, aside)
        return known.read(data, aside).value

    return Form(write, read)


@dataclass(frozen=True, slots=True)
class _Known:
    value: Value


_FAILURE = record(Failure, cause=word(Cause), message=TAINTED, next=TAINTED)
_ERROR = record(ErrorText, message=TAINTED, error_id=TAINTED, category=TAINTED)
_SAID: Mapping[str, Form[Any]] = {
    "objects": INTEGER,
    "output": TAINTED_JSON,
    "errors": many(_ERROR),
    "error_count": INTEGER,
    "warnings": many(TAINTED),
    "warning_count": INTEGER,
}
_ANSWERS: Mapping[str, tuple[type[Any], Form[Any]]] = {
    "completed": (Completed, record(Completed, "outcome", **_SAID, seconds=NUMBER)),
    "terminated": (Terminated, record(Terminated, "outcome", **_SAID, seconds=NUMBER, error=_ERROR)),
    "timed-out": (TimedOut, record(TimedOut, "outcome", **_SAID, limit_seconds=NUMBER)),
    "capped": (Capped, record(Capped, "outcome", cap=PLAIN, limit=INTEGER)),
    "not-run": (NotRun, record(NotRun, "outcome", started=maybe(FLAG), failure=_FAILURE)),
}
_ANSWER: Form[Answer] = one_of("outcome", _ANSWERS)
_OUTCOMES: Mapping[type[Any], str] = {made: outcome for outcome, (made, _) in _ANSWERS.items()}
_FINDING = record(
    Finding,
    id=PLAIN,
    severity=word(Severity),
    title=TAINTED,
    evidence=many(TAINTED),
    next=TAINTED,
    cves=unless_absent(many(TAINTED), ()),
    kbs=unless_absent(many(TAINTED), ()),
)
_FACTS = table(_fact())
_SAFE = 2**53  # beyond it integers of JSON are not the same for every reader (RFC 8785, 3.2.2.3)


def _change_value(data: Json, _aside: list[str]) -> ChangeValue:
    if data is None or type(data) in (bool, str):
        return cast(ChangeValue, data)
    if type(data) is int and abs(data) < _SAFE:
        return data
    if type(data) is list and all(type(each) is str for each in data):
        return tuple(cast(list[str], data))
    raise IllFormedError("is neither text, a whole number, true, false, null nor a list of texts")


def _change_id(data: Json, _aside: list[str]) -> str:
    if type(data) is not str or not CHANGE_ID.fullmatch(data):
        raise IllFormedError("is not the id of a change")
    return data


CHANGE_VALUE: Form[ChangeValue] = Form(cast(Any, TAINTED_VALUE.write), _change_value)
CHANGE = record(
    Change,
    id=Form(PLAIN.write, _change_id),
    title=TAINTED,
    values=table(CHANGE_VALUE),
    before=table(CHANGE_VALUE),
    after=table(CHANGE_VALUE),
    disturbs=TAINTED,
)
_BARRED = record(Barred, change=Form(PLAIN.write, _change_id), present=table(CHANGE_VALUE))
_ASSESSMENT = record(
    Assessment,
    verdict=word(Verdict),
    summary=TAINTED,
    findings=many(_FINDING),
    facts=_FACTS,
    coverage=word(Coverage),
    changes=many(CHANGE),
    then=maybe(_FACTS),
    barred=many(_BARRED),
)
_STEP = record(StepDue, id=PLAIN, action=PLAIN, script=HASH, when=maybe(FREE), params=table(FREE_VALUE))
_LABEL = record(Label, name=FREE, values=many(FREE))
_LISTED = record(Listed, address=PLAIN, port=INTEGER, groups=many(FREE), labels=many(_LABEL))
_SERVER = record(ServerListed, name=PLAIN, listed=_LISTED)
_FILE = record(FileUsed, source=FREE, sha256=HASH)
_INVENTORY = record(InventoryUsed, source=FREE, sha256=HASH, files=many(_FILE), read=INTEGER)
_PLAYBOOK = record(PlaybookUsed, name=PLAIN, title=FREE, source=FREE, sha256=HASH)
_TABLES = record(
    TablesUsed,
    as_of=DAY,
    age_days=INTEGER,
    sha256=HASH,
    set=word(SetKind),
    manifest=HASH,
    signed=maybe(record(Signed, by=FREE, key=PLAIN, taken=TIME)),
    own=maybe(record(OwnRows, folder=FREE, rows=table(INTEGER))),
)
_WOULD = record(Would, change=Form(PLAIN.write, _change_id), apply=HASH, rollback=maybe(HASH))
_INTENT = record(Intent, script=HASH, steps=many(PLAIN), number=INTEGER)
_TOTALS: Mapping[str, Form[Any]] = {"hosts": INTEGER, "outcomes": table(INTEGER), "status": INTEGER}


# The registry.


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one event stands in a line. Of its members `host`, `step` and `script` stand beside the data."""

    name: Event
    phase: Phase
    form: Form[Any]
    host: bool
    step: bool
    script: bool


def _kind(name: Event, phase: Phase, made: type[Any], /, **members: Form[Any]) -> tuple[type[Any], _Kind]:
    beside = ("host" in members, "step" in members, "script" in members)
    return made, _Kind(name, phase, record(made, **members), *beside)


_KINDS: Mapping[type[Any], _Kind] = dict(
    [
        _kind(
            Event.RUN_STARTED,
            Phase.RUN,
            RunStarted,
            exrun=PLAIN,
            inventory=_INVENTORY,
            selection=maybe(FREE),
            hosts=many(PLAIN),
            playbook=_PLAYBOOK,
            steps=many(_STEP),
            catalogue=_TABLES,
            today=DAY,
            marker_token=PLAIN,
            parallel=INTEGER,
            host_seconds=NUMBER,
            run_seconds=maybe(NUMBER),
            servers=unless_absent(many(_SERVER), ()),
            named=unless_absent(table(many(FREE)), {}),
        ),
        _kind(Event.RUN_RESUMED, Phase.RUN, RunResumed),
        _kind(
            Event.RUN_INTERRUPTED,
            Phase.RUN,
            RunInterrupted,
            reason=word(Ending),
            message=FREE,
            next=FREE,
            **_TOTALS,
        ),
        _kind(Event.RUN_ENDED, Phase.RUN, RunEnded, **_TOTALS),
        _kind(
            Event.PLAN_TAKEN,
            Phase.RUN,
            PlanTaken,
            plan=HASH,
            id=PLAIN,
            made=TIME,
            planner=PLAIN,
            policy=maybe(HASH),
            approvals=many(record(Approved, by=FREE, key=PLAIN)),
            until=maybe(TIME),
        ),
        _kind(Event.PLAN_SPENT, Phase.RUN, PlanSpent, plan=HASH, token=PLAIN),
        _kind(Event.TAKEN_OVER, Phase.RUN, TakenOver, host=PLAIN, owner=PLAIN, actor=PLAIN, heartbeat=TIME),
        _kind(Event.WAVE_STARTED, Phase.RUN, WaveStarted, number=INTEGER, hosts=many(PLAIN)),
        _kind(Event.WAVE_ENDED, Phase.RUN, WaveEnded, number=INTEGER),
        _kind(Event.ROLLBACK_ASKED, Phase.RUN, RollbackAsked, hosts=many(PLAIN)),
        _kind(Event.OVERRIDE, Phase.RUN, Overridden, option=PLAIN, value=FREE, hosts=many(PLAIN)),
        _kind(Event.SCRIPT_NAMED, Phase.RUN, ScriptNamed, script=HASH, steps=many(PLAIN), text=FREE),
        _kind(Event.HOST_STARTED, Phase.CONNECT, HostStarted, host=PLAIN, address=PLAIN, port=INTEGER),
        _kind(
            Event.CONNECTION_RETRIED,
            Phase.CONNECT,
            ConnectionRetried,
            host=PLAIN,
            attempt=INTEGER,
            wait_seconds=NUMBER,
            failure=_FAILURE,
        ),
        _kind(Event.POOL_REPLACED, Phase.COLLECT, PoolReplaced, host=PLAIN, step=PLAIN, script=HASH),
        _kind(
            Event.SCRIPT_SENDING,
            Phase.COLLECT,
            ScriptSending,
            host=PLAIN,
            purpose=word(Purpose),
            scripts=many(_INTENT),
            again_after=maybe(_FAILURE),
            pool=maybe(PLAIN),
        ),
        _kind(
            Event.SCRIPT_ANSWERED,
            Phase.COLLECT,
            ScriptAnswered,
            host=PLAIN,
            step=PLAIN,
            script=HASH,
            purpose=word(Purpose),
            number=INTEGER,
            answer=_ANSWER,
        ),
        _kind(
            Event.STEP_ASSESSED,
            Phase.ASSESS,
            StepAssessed,
            host=PLAIN,
            step=PLAIN,
            script=maybe(HASH),
            action=PLAIN,
            purpose=word(Purpose),
            number=maybe(INTEGER),
            answer=maybe(_ANSWER),
            assessment=_ASSESSMENT,
            would=maybe(many(_WOULD)),
        ),
        _kind(Event.DRIFTED, Phase.ASSESS, Drifted, host=PLAIN, step=PLAIN, differences=many(TAINTED)),
        _kind(Event.WHEN_DECIDED, Phase.ASSESS, WhenDecided, host=PLAIN, step=PLAIN, holds=maybe(FLAG), why=TAINTED),
        _kind(Event.BOOT_SEEN, Phase.COLLECT, BootSeen, host=PLAIN, step=PLAIN, time=TAINTED, starting=INTEGER),
        _kind(
            Event.DETACHED_SEEN,
            Phase.COLLECT,
            DetachedSeen,
            host=PLAIN,
            step=PLAIN,
            script=HASH,
            number=INTEGER,
            of=word(Purpose),
            state=word(DetachedState),
            started=TAINTED,
            ended=TAINTED,
            exit=TAINTED,
            error=TAINTED,
        ),
        _kind(
            Event.EVIDENCE_KEPT,
            Phase.APPLY,
            EvidenceKept,
            host=PLAIN,
            step=PLAIN,
            script=HASH,
            number=INTEGER,
            sha256=HASH,
            bytes=INTEGER,
            streams=many(record(StreamRead, name=TAINTED, bytes=INTEGER, sha256=maybe(HASH), why=TAINTED)),
        ),
        _kind(
            Event.EVIDENCE_MISSED,
            Phase.APPLY,
            EvidenceMissed,
            host=PLAIN,
            step=PLAIN,
            script=HASH,
            number=INTEGER,
            why=TAINTED,
        ),
        _kind(
            Event.SETTLED,
            Phase.SETTLE,
            Settled,
            host=PLAIN,
            step=PLAIN,
            purpose=word(Purpose),
            number=INTEGER,
            settlement=word(Settlement),
            why=TAINTED,
        ),
        _kind(
            Event.HOST_ENDED,
            Phase.COLLECT,
            HostEnded,
            host=PLAIN,
            outcome=word(Outcome),
            verdict=word(Verdict),
            requests=COUNT,
            seconds=SECONDS,
            failure=maybe(_FAILURE),
        ),
        _kind(
            Event.HOST_APPLIED,
            Phase.APPLY,
            HostApplied,
            host=PLAIN,
            outcomes=table(PLAIN),
            requests=COUNT,
            seconds=SECONDS,
            failure=maybe(_FAILURE),
        ),
        _kind(Event.HEALTH_ASKED, Phase.CONNECT, HealthAsked, host=PLAIN, address=PLAIN, port=INTEGER),
        _kind(
            Event.HEALTH_ANSWERED,
            Phase.ASSESS,
            HealthAnswered,
            host=PLAIN,
            well=FLAG,
            why=TAINTED,
            requests=COUNT,
            seconds=SECONDS,
        ),
        _kind(Event.TAIL_DROPPED, Phase.JOURNAL, TailDropped, bytes=INTEGER, sha256=HASH),
    ]
)
_BY_NAME: Mapping[str, tuple[type[Any], _Kind]] = {kind.name.value: (made, kind) for made, kind in _KINDS.items()}


NAMES = frozenset(_BY_NAME)


class _AsItIs:
    """Redacts nothing: what was read has been redacted."""

    def redact(self, value: object) -> object:
        return value

    def redact_text(self, text: str) -> str:
        return text


AS_IT_IS = _AsItIs()


def name_of(event: RunEvent | HostEvent | Newer) -> str:
    """The event's name, as its line has it."""
    return event.event if isinstance(event, Newer) else _KINDS[type(event)].name.value


def data_of(event: RunEvent | HostEvent, redact: Redact = AS_IT_IS) -> Mapping[str, Json]:
    """What `data` of the event's line holds.

    Args:
        redact: for what goes into a journal the writer's own; an event that was read from one has passed it.

    Raises:
        UnrecordableValueError: a value of the event has no canonical form.
    """
    kind = _KINDS[type(event)]
    data = cast(dict[str, Json], kind.form.write(event, redact))
    if kind.host:
        del data["host"]
    if kind.step:
        del data["step"]
    if kind.script:
        del data["script"]
    return data


def answer_data(answer: Answer) -> Mapping[str, Json]:
    """An answer as `data` has it, of an event that was read."""
    return cast(Mapping[str, Json], _ANSWER.write(answer, AS_IT_IS))


def outcome_of(answer: Answer) -> str:
    """The word by which `data` tells answers apart."""
    return _OUTCOMES[type(answer)]


def facts_data(assessment: Assessment) -> Mapping[str, Json]:
    """The facts of an assessment as `data` has them, of an event that was read."""
    return cast(Mapping[str, Json], _FACTS.write(assessment.facts, AS_IT_IS))


def clean(journal: JournalWriter, event: RunEvent | HostEvent) -> Clean:
    """The event's data as the line will hold it.

    Raises:
        UnrecordableValueError: see `data_of`.
    """
    return journal.clean(lambda redactor: data_of(event, redactor))


def put(
    journal: JournalWriter, event: RunEvent | HostEvent, data: Clean | None = None, *, durable: bool = False
) -> int:
    """Writes one event, and says which line it is; see `JournalWriter.record`.

    Args:
        data: what `clean` gave for it, where that was asked for before.

    Raises:
        JournalUnwritable: send nothing more.
        UnrecordableValueError: see `data_of`; nothing was written.
    """
    kind = _KINDS[type(event)]
    named = cast(Any, event)
    place = journal.record(
        kind.phase.value,
        kind.name.value,
        host=named.host if kind.host else None,
        step=named.step if kind.step else None,
        script_hash=named.script if kind.script else None,
        data=clean(journal, event) if data is None else data,
        durable=durable,
    )
    return place.sequence


def assessed(data: Clean) -> Assessment:
    """The assessment of a StepAssessed as its line will be read: what is shown of it is what the journal has."""
    return _ASSESSMENT.read(data.members["assessment"], [])


def started(data: Clean) -> RunStarted:
    """A RunStarted as its line will be read: what `clean` gave for it."""
    return cast(RunStarted, _KINDS[RunStarted].form.read(dict(data.members), []))


def as_written(event: HostEvent, data: Clean) -> HostEvent:
    """An event as its line will be read, for who goes on from it: data is what `clean` gave for it."""
    kind = _KINDS[type(event)]
    members = dict(data.members)
    beside = {"host": kind.host, "step": kind.step, "script": kind.script}
    members.update({name: getattr(event, name) for name, stands in beside.items() if stands})
    return cast(HostEvent, kind.form.read(members, []))


def redacted(journal: JournalWriter, failure: Failure) -> Failure:
    """A failure as the journal will have it, for the row that quotes it."""
    data = journal.clean(lambda redactor: cast(Mapping[str, Json], _FAILURE.write(failure, redactor)))
    return _FAILURE.read(data.members, [])


_make_recorded = maker(Recorded)


def read(line: Line) -> Recorded:
    """The event that a line of a journal says.

    Raises:
        UnreadableEventError: a member of a known event is missing or ill-typed.
    """
    aside = list(line.more)
    if line.format != lines.FORMAT:
        aside.append("format")
    found = _BY_NAME.get(line.event)
    if found is None:
        return _newer(line, aside)
    _, kind = found
    data: dict[str, Json] = {**line.data}
    if kind.host:
        data["host"] = line.host
    if kind.step:
        data["step"] = line.step
    if kind.script:
        data["script"] = line.script_hash
    try:
        event = kind.form.read(data, aside)
    except IllFormedError as error:
        if isinstance(error, UnknownWordError) or line.format != lines.FORMAT:
            return _newer(line, list(line.more), f"`{error.member}` {error.why}")
        raise UnreadableEventError(line, error) from None
    return _make_recorded(line.sequence, line.time, line.run, line.client, event, tuple(aside))


def _newer(line: Line, aside: list[str], why: str = "") -> Recorded:
    newer = Newer(line.phase, line.event, line.data, line.host, why)
    return _make_recorded(line.sequence, line.time, line.run, line.client, newer, tuple(aside))


def is_known(line: Line) -> bool:
    """Whether nothing in a line is of a newer exrun. What a line lacks is another matter: see `read`."""
    try:
        found = read(line)
    except UnreadableEventError:
        return True
    return not found.newer and not isinstance(found.event, Newer)

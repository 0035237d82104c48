"""What an audit writes into a journal, and the same read back: one place for both, so that they cannot part.

What a report shows of a running audit has passed through here too: it is redacted, and it is what the journal says.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from playbooks.assessing import not_observed
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import NotObserved
from playbooks.values import Value
from runner.answers import MAY_HAVE_RUN, NOT_RUN
from runner.events import Event, Phase
from runner.journal.lines import Json, UnrecordableValueError, canonical
from runner.journal.writer import Clean, JournalWriter
from runner.results import HostAudit, NotReached, Outcome, StepAudit, judged
from runner.steps import DEFECT, Sending
from runner.terms import Ending, Override
from runner.transport.failures import Cause, Failure, in_words, quoted
from runner.transport.interface import (
    Capped,
    Completed,
    ErrorText,
    Notice,
    NotRun,
    Repeated,
    Replaced,
    Retried,
    ScriptResult,
    Streams,
    Terminated,
    TimedOut,
)

KEPT_OUTPUT = 32 * 1024  # bytes of canonical JSON of one answer; a longer one is counted, not kept
KEPT_TEXTS = 20  # errors and warnings of one answer


# What a journal of an audit cannot be read back without. A password that stands in one of these is refused, since to
# redact it would take the word out of every line.
VOCABULARY: tuple[str, ...] = (
    *(word.value for words in (Verdict, Severity, Coverage, Outcome, Cause, Ending) for word in words),
    *("action", "verdict", "summary", "coverage", "findings", "facts", "value", "unknown"),
    *("id", "severity", "title", "evidence", "next", "requests", "seconds", "failure", "cause", "message", "outcome"),
    *("steps", "hosts", "catalogue", "as_of", "reason", "text", "again_after", "attempt", "wait_seconds"),
    *("own", "folder", "rows", "builds", "campaigns", "minimum-builds", "support"),
)


class UnreadableRunError(ValueError):
    """Raised for a journal whose chain holds and which yet is not that of an audit by this version."""


class AbandonedError(Exception):
    """Raised in a thread that goes on working with a host that the run has given up."""


class HaltedError(Exception):
    """Raised instead of sending, once the run is to send nothing more."""


@dataclass(frozen=True, slots=True)
class StepName:
    """One step of the playbook: all that a row needs of it. `script` is the hash of what is sent for it."""

    id: str
    action: str
    script: str


@dataclass(slots=True)
class HostLog:
    """One host's part of its client's journal, and the row that comes of it. It is the session's witness.

    Attributes:
        halted: whether the run is to send nothing more.
        on_defect: told of a judgement that raised, for a traceback.
        row: the host's row, once it has ended.
    """

    journal: JournalWriter
    client: str
    host: str
    steps: Sequence[StepName]
    halted: Callable[[], bool]
    on_defect: Callable[[str, Exception], None]
    row: HostAudit | None = None
    _assessed: dict[str, StepAudit] = field(default_factory=dict)
    _sent: dict[str, bool] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def started(self, address: str, port: int) -> None:
        """Before connecting."""
        self._record(Phase.CONNECT, Event.HOST_STARTED, data={"address": address, "port": port})

    def sending(self, batch: Sequence[Sending]) -> None:
        """Intent, on the disk when this returns.

        Raises:
            HaltedError: nothing more is to be sent.
        """
        self._refuse_when_halted()
        for each in batch:
            data = {"steps": each.steps}
            self._intend(each.steps[0], each.script.sha256, data, durable=each is batch[-1])

    def noticed(self, notice: Notice) -> None:
        """What the transport did of itself. A script that is sent again is intent again.

        Raises:
            HaltedError: nothing more is to be sent.
        """
        self._refuse_when_halted()
        match notice:
            case Retried(failure=failure, attempt=attempt, wait_seconds=wait):
                data = {"attempt": attempt, "wait_seconds": round(wait, 3), "failure": _failure_data(failure)}
                self._record(Phase.CONNECT, Event.CONNECTION_RETRIED, data=data)
            case Repeated(failure=failure, scripts=scripts):
                for script in scripts:
                    data = {"again_after": _failure_data(failure)}
                    self._intend(script.name, script.sha256, data, durable=script is scripts[-1])
            case Replaced(script=script):
                self._record(Phase.COLLECT, Event.POOL_REPLACED, step=script.name, script_hash=script.sha256)
            case _:
                assert_never(notice)

    def answered(self, step: str, result: ScriptResult) -> None:
        """How the script came out, with what it said while that is not large."""
        digest = result.script.sha256
        self._record(Phase.COLLECT, Event.SCRIPT_ANSWERED, step=step, script_hash=digest, data=answer_data(result))
        self._sent[digest] = True

    def assessed(self, audit: StepAudit) -> StepAudit:
        """The judgement of one step; returned as the journal has it."""
        try:
            clean = self.journal.clean(step_data(audit))
        except UnrecordableValueError as error:
            self.on_defect(audit.step, error)
            why = f"the judgement of {audit.action} gave what cannot be recorded: {error}"
            unrecordable = _without_answer(audit.step, audit.action, NotObserved(DEFECT, why))
            clean = self.journal.clean(step_data(unrecordable))
        recorded = step_audit(audit.step, clean.members)
        self._record(Phase.ASSESS, Event.STEP_ASSESSED, step=audit.step, data=clean)
        self._assessed[audit.step] = recorded
        return recorded

    def defect(self, step: str, error: Exception) -> None:
        """A judgement raised."""
        self.on_defect(step, error)

    def end(self, failure: Failure | None, requests: int, seconds: float) -> None:
        """Makes the row and records it. After it this log takes nothing more, so any thread may call it.

        Args:
            failure: why there was no session, or what cut it short; None when every step was judged.

        Raises:
            AbandonedError: another thread was first.
            JournalError: it could not be recorded; `row` is set all the same.
        """
        clean = self.give_row(failure, requests, seconds)
        assert self.row is not None
        told = {**clean, "outcome": self.row.outcome.value, "verdict": self.row.verdict.value}
        self.journal.record(Phase.COLLECT, Event.HOST_ENDED, host=self.host, data=Clean(told))

    def give_row(self, failure: Failure | None, requests: int, seconds: float) -> Mapping[str, Json]:
        """`end` without the record, for a journal that takes none; returns the data that it would have.

        Raises:
            AbandonedError: as `end`.
        """
        with self._lock:
            if self.row is not None:
                raise AbandonedError
            data = {
                "requests": requests,
                "seconds": round(seconds, 3),
                "failure": None if failure is None else _failure_data(failure),
            }
            clean = self.journal.clean(data).members
            self.row = host_row(self.host, self.client, self.steps, dict(self._assessed), dict(self._sent), clean)
            return clean

    def bare_row(self, failure: Failure, requests: int, seconds: float) -> HostAudit:
        """The row of a host whose own could not be made: of what was sent, and nothing that it said."""
        data = {"requests": requests, "seconds": round(seconds, 3), "failure": canonical(_failure_data(failure))}
        return host_row(self.host, self.client, self.steps, {}, dict(self._sent), data)

    def _refuse_when_halted(self) -> None:
        if self.halted():
            raise HaltedError

    def _intend(self, step: str, digest: str, data: Mapping[str, object], *, durable: bool) -> None:
        self._record(Phase.COLLECT, Event.SCRIPT_SENDING, step=step, script_hash=digest, data=data, durable=durable)
        self._sent[digest] = False

    def _record(
        self,
        phase: Phase,
        event: Event,
        *,
        step: str | None = None,
        script_hash: str | None = None,
        data: Mapping[str, object] | Clean | None = None,
        durable: bool = False,
    ) -> None:
        with self._lock:
            if self.row is not None:
                raise AbandonedError
            self.journal.record(
                phase, event, host=self.host, step=step, script_hash=script_hash, data=data, durable=durable
            )


def host_row(
    name: str,
    client: str,
    steps: Sequence[StepName],
    assessed: Mapping[str, StepAudit],
    sent: Mapping[str, bool],
    ended: Mapping[str, Json],
) -> HostAudit:
    """The row of a host with which work had begun, from what its journal says.

    Where something cut the work short, the steps that were judged stand and the others are unknown: each says whether
    its script may have run.

    Args:
        assessed: the judged steps.
        sent: hashes of the scripts that were about to leave, and whether an answer came.
        ended: the data of host-ended.
    """
    requests, seconds = _integer(ended["requests"]), _number(ended["seconds"])
    failure = None if ended["failure"] is None else _failure(ended["failure"])
    if failure is not None and not assessed and not sent:
        return NotReached(name, client, _with_nothing_sent(failure), len(steps), requests, seconds)
    why, then = ("no judgement is recorded", "") if failure is None else (in_words(failure), failure.next)
    audits = [
        assessed[step.id]
        if step.id in assessed
        else _without_answer(step.id, step.action, NotObserved(NOT_RUN, f"{why}{_SENT[sent.get(step.script)]}", then))
        for step in steps
    ]
    return judged(name, client, audits, requests, seconds)


# What became of a step's script: nothing of it was sent; it was sent; it was answered.
_SENT: Mapping[bool | None, str] = {
    None: "",
    False: f"; {MAY_HAVE_RUN}",
    True: "; its script was answered, and the answer was not judged",
}


def _with_nothing_sent(failure: Failure) -> Failure:
    """Of a host that was in work when the run ended, people ask what may have run there."""
    if failure.cause is not Cause.INTERRUPTED:
        return failure
    return replace(failure, message=f"{failure.message}; no script had been sent to this server")


def unstarted_row(name: str, client: str, steps: Sequence[StepName], why: Failure) -> HostAudit:
    """The row of a host that the run never came to."""
    return NotReached(name, client, why, len(steps), 0, 0.0)


def _without_answer(step: str, action: str, why: NotObserved) -> StepAudit:
    return StepAudit(step, action, not_observed(action, why, ()))


def override_data(override: Override) -> dict[str, object]:
    """The data of override, but for the hosts that it concerns."""
    return {"option": override.option, **({"value": override.value} if override.value else {})}


def override_of(data: Mapping[str, Json]) -> Override:
    """The same read back.

    Raises:
        UnreadableRunError: the data is not of an override.
    """
    match data:
        case {"option": str(option), "value": str(value)}:
            return Override(option, value)
        case {"option": str(option)}:
            return Override(option)
        case _:
            raise UnreadableRunError("an override names no option")


def step_data(audit: StepAudit) -> dict[str, object]:
    """The data of step-assessed."""
    assessment = audit.assessment
    return {
        "action": audit.action,
        "verdict": assessment.verdict.value,
        "summary": assessment.summary,
        "coverage": assessment.coverage.value,
        "findings": [
            {
                "id": finding.id,
                "severity": finding.severity.value,
                "title": finding.title,
                "evidence": finding.evidence,
                "next": finding.next,
            }
            for finding in assessment.findings
        ],
        "facts": {
            name: {"unknown": fact.reason} if isinstance(fact, UnknownFact) else {"value": fact}
            for name, fact in assessment.facts.items()
        },
    }


def step_audit(step: str, data: Mapping[str, Json]) -> StepAudit:
    """The same read back.

    Raises:
        UnreadableRunError: the data is not of a step-assessed.
    """
    try:
        findings = tuple(_finding(_mapping(each)) for each in _sequence(data["findings"]))
        facts = {name: _fact(_mapping(fact)) for name, fact in _mapping(data["facts"]).items()}
        assessment = Assessment(
            verdict=Verdict(_text(data["verdict"])),
            summary=_text(data["summary"]),
            findings=findings,
            facts=facts,
            coverage=Coverage(_text(data["coverage"])),
        )
        return StepAudit(step, _text(data["action"]), assessment)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableRunError(f"the judgement of step {step} is not one of an audit by this version") from error


def answer_data(result: ScriptResult) -> dict[str, object]:
    """The data of script-answered."""
    match result:
        case Completed(streams=streams, seconds=seconds):
            return {"outcome": "completed", "seconds": round(seconds, 3), **_streams(streams)}
        case Terminated(error=error, streams=streams, seconds=seconds):
            data = {"outcome": "terminated", "seconds": round(seconds, 3), "error": _error(error)}
            return {**data, **_streams(streams)}
        case TimedOut(limit_seconds=limit, streams=streams):
            return {"outcome": "timed-out", "limit_seconds": limit, **_streams(streams)}
        case Capped(cap=cap, limit=limit):
            return {"outcome": "capped", "cap": cap, "limit": limit}
        case NotRun(failure=failure, started=started):
            return {"outcome": "not-run", "started": started, "failure": _failure_data(failure)}
        case _:
            assert_never(result)


def _streams(streams: Streams) -> dict[str, object]:
    """What was said: `output` is null where it is too large to be kept, the counts are always whole."""
    return {
        "objects": len(streams.output),
        "output": _kept(streams.output),
        "errors": [_error(error) for error in streams.errors[:KEPT_TEXTS]],
        "error_count": len(streams.errors),
        "warnings": [quoted(text) for text in streams.warnings[:KEPT_TEXTS]],
        "warning_count": len(streams.warnings),
    }


def _kept(output: tuple[Value, ...]) -> Json:
    try:
        plain = canonical(output)
    except UnrecordableValueError:
        return None
    return plain if len(json.dumps(plain)) <= KEPT_OUTPUT else None


def _error(error: ErrorText) -> dict[str, str]:
    return {"message": quoted(error.message), "id": quoted(error.error_id), "category": quoted(error.category)}


def _failure_data(failure: Failure) -> dict[str, object]:
    return {"cause": failure.cause.value, "message": failure.message, "next": failure.next}


def _failure(data: Json) -> Failure:
    members = _mapping(data)
    return Failure(Cause(_text(members["cause"])), _text(members["message"]), _text(members["next"]))


def _finding(data: Mapping[str, Json]) -> Finding:
    return Finding(
        id=_text(data["id"]),
        severity=Severity(_text(data["severity"])),
        title=_text(data["title"]),
        evidence=tuple(_text(line) for line in _sequence(data["evidence"])),
        next=_text(data["next"]),
    )


def _fact(data: Mapping[str, Json]) -> Value | UnknownFact:
    return UnknownFact(_text(data["unknown"])) if "unknown" in data else _value(data["value"])


def _value(data: Json) -> Value:
    match data:
        case None | bool() | int() | float() | str():
            return data
        case Mapping():
            return {name: _value(member) for name, member in data.items()}
        case _:
            return tuple(_value(member) for member in data)


def _text(data: Json) -> str:
    if not isinstance(data, str):
        raise TypeError("not a text")
    return data


def _integer(data: Json) -> int:
    if not isinstance(data, int) or isinstance(data, bool):
        raise TypeError("not an integer")
    return data


def _number(data: Json) -> float:
    if not isinstance(data, int | float) or isinstance(data, bool):
        raise TypeError("not a number")
    return data


def _sequence(data: Json) -> Sequence[Json]:
    if not isinstance(data, list | tuple):
        raise TypeError("not an array")
    return data


def _mapping(data: Json) -> Mapping[str, Json]:
    if not isinstance(data, Mapping):
        raise TypeError("not an object")
    return data

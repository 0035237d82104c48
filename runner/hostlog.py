"""One host's lines in its client's journal, and the row that comes of them.

What is shown of a running audit has passed through here: it is redacted, and it is what the journal says.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from playbooks.findings import Verdict
from playbooks.investigating.standing import WELL
from playbooks.observation import NotObserved
from playbooks.unknowns import not_observed
from runner import events
from runner.answers import MAY_HAVE_RUN, NOT_RUN
from runner.events import Answer, HostEvent, Intent, Purpose, StepDue
from runner.journal.lines import Json, UnrecordableValueError, canonical
from runner.journal.writer import JournalWriter
from runner.results import NOT_LISTED, HostResult, Listed, NotReached, Outcome, StepResult, judged
from runner.steps import DEFECT, Sending
from runner.transport.failures import Cause, Failure, in_words, quoted
from runner.transport.interface import (
    Capped,
    Completed,
    ErrorText,
    LoggingOn,
    Notice,
    NotRun,
    Repeated,
    Replaced,
    Retried,
    Script,
    ScriptResult,
    Streams,
    Terminated,
    TimedOut,
)

KEPT_OUTPUT = 32 * 1024  # bytes of canonical JSON of one answer; a longer one is counted, not kept
KEPT_TEXTS = 20  # errors and warnings of one answer


class AbandonedError(Exception):
    """Raised in a thread that goes on working with a host that the run has given up."""


class HaltedError(Exception):
    """Raised instead of sending, once the run is to send nothing more."""


@dataclass(slots=True)
class _Sent:
    """A script that was about to leave: `number` of its attempts, the last answer, and whether that is recorded."""

    steps: tuple[str, ...]
    number: int = 1
    answer: Answer | None = None
    recorded: bool = False


def _ended(row: HostResult, failure: Failure | None) -> HostEvent:
    return events.HostEnded(row.name, row.outcome, row.verdict, row.requests, row.seconds, failure)


@dataclass(slots=True)
class HostLog:
    """One host's part of its client's journal, and the row that comes of it. It is the session's witness.

    Attributes:
        halted: whether the run is to send nothing more.
        on_defect: told of a judgement that raised, for a traceback.
        purpose: what the host is asked for.
        before: by step: how many attempts for this purpose earlier sessions of the run made.
        opens, closes: the first and the last line, of address and port, and of the row and what cut it short.
        listed: what the inventory says of the host, as the journal has it.
        heard: told in a few words of what the host waits for from now on, for people.
        row: the host's row, once it has ended.
    """

    journal: JournalWriter
    client: str
    host: str
    steps: Sequence[StepDue]
    halted: Callable[[], bool]
    on_defect: Callable[[str, Exception], None]
    purpose: Purpose = Purpose.COLLECT
    before: Mapping[str, int] = field(default_factory=dict)
    opens: Callable[[str, str, int], HostEvent] = events.HostStarted
    closes: Callable[[HostResult, Failure | None], HostEvent] = _ended
    listed: Listed = NOT_LISTED
    heard: Callable[[str], None] = lambda what: None
    row: HostResult | None = None
    _assessed: dict[str, StepResult] = field(default_factory=dict)
    _sent: dict[str, _Sent] = field(default_factory=dict)  # by script hash
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def started(self, address: str, port: int) -> None:
        """Before connecting."""
        self._put(self.opens(self.host, address, port))
        self.heard("connect")

    def sending(self, batch: Sequence[Sending]) -> None:
        """Intent, on the disk when this returns.

        Raises:
            HaltedError: nothing more is to be sent.
        """
        self._intend([(each.script.sha256, each.steps) for each in batch], None)
        names = [step for each in batch for step in each.steps]
        if names:
            self.heard(f"{self.purpose} {names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}")

    def noticed(self, notice: Notice) -> None:
        """What the transport did of itself. A script that is sent again is intent again.

        Raises:
            HaltedError: nothing more is to be sent.
        """
        match notice:
            case LoggingOn():
                if not self._sent:  # later ones are the transport's own, in the middle of something
                    self.heard("log on")
            case Retried(failure=failure, attempt=attempt, wait_seconds=wait):
                self._refuse_when_halted()
                self._put(events.ConnectionRetried(self.host, attempt, round(wait, 3), failure))
                self.heard("connect again")
            case Repeated(failure=failure, scripts=scripts):
                again = [(script.sha256, self._sent[script.sha256].steps) for script in scripts]
                self._intend(again, failure)
            case Replaced(script=script):
                self._refuse_when_halted()
                self._put(events.PoolReplaced(self.host, script.name, script.sha256))
            case _:
                assert_never(notice)

    def answered(self, result: ScriptResult) -> None:
        """How the script came out, with what it said while that is not large.

        It is recorded with the first judgement of it, and by itself where the work ends before one.
        """
        answer = answer_of(result)
        with self._lock:
            if self.row is not None:
                raise AbandonedError
            sent = self._sent[result.script.sha256]
            sent.answer, sent.recorded = answer, False

    def assessed(self, result: StepResult, script: Script | None) -> StepResult:
        """The judgement of one step; returned as the journal has it."""
        event = self._assessment(result, None if script is None else script.sha256)
        try:
            clean = events.clean(self.journal, event)
        except UnrecordableValueError as error:
            self.on_defect(result.step, error)
            why = f"the judgement of {result.action} gave what cannot be recorded: {error}"
            event = replace(event, assessment=not_observed(result.action, NotObserved(DEFECT, why), ()))
            clean = events.clean(self.journal, event)
        recorded = StepResult(result.step, result.action, events.assessed(clean))
        with self._lock:
            if self.row is not None:
                raise AbandonedError
            events.put(self.journal, event, clean)
            if event.answer is not None and event.script is not None:
                self._sent[event.script].recorded = True
            self._assessed[result.step] = recorded
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
        with self._lock:
            if self.row is not None:
                raise AbandonedError
            why = None if failure is None else events.redacted(self.journal, failure)
            known = self._row(why, requests, round(seconds, 3))
            self.row = known
            for script, sent in self._sent.items():
                if sent.answer is not None and not sent.recorded:
                    step, number, answer = sent.steps[0], sent.number, sent.answer
                    self._write(events.ScriptAnswered(self.host, step, script, self.purpose, number, answer))
            self._write(self.closes(known, failure))

    def bare_row(self, failure: Failure, requests: int, seconds: float) -> HostResult:
        """The row of a host whose own could not be made: of what was sent, and nothing that it said."""
        with self._lock:
            self._assessed.clear()
            return self._row(failure, requests, round(seconds, 3))

    def _row(self, failure: Failure | None, requests: int, seconds: float) -> HostResult:
        sent = {script: (*(None for _ in range(1, each.number)), each.answer) for script, each in self._sent.items()}
        return host_row(
            self.host,
            self.client,
            self.steps,
            dict(self._assessed),
            sent,
            failure,
            requests,
            seconds,
            listed=self.listed,
        )

    def _assessment(self, result: StepResult, script: str | None) -> events.StepAssessed:
        sent = None if script is None else self._sent[script]
        return events.StepAssessed(
            host=self.host,
            step=result.step,
            script=script,
            action=result.action,
            purpose=self.purpose,
            number=None if sent is None else sent.number,
            answer=None if sent is None or sent.recorded else sent.answer,
            assessment=result.assessment,
        )

    def _refuse_when_halted(self) -> None:
        if self.halted():
            raise HaltedError

    def _intend(self, scripts: Sequence[tuple[str, tuple[str, ...]]], again_after: Failure | None) -> None:
        self._refuse_when_halted()
        with self._lock:
            if self.row is not None:
                raise AbandonedError
            intents: list[Intent] = []
            for script, steps in scripts:
                sent = self._sent.get(script)
                if sent is None:
                    sent = self._sent[script] = _Sent(steps, self.before.get(steps[0], 0) + 1)
                else:
                    sent.number += 1
                intents.append(Intent(script, steps, sent.number))
            self._write(events.ScriptSending(self.host, self.purpose, tuple(intents), again_after), durable=True)

    def _put(self, event: HostEvent) -> None:
        with self._lock:
            if self.row is not None:
                raise AbandonedError
            self._write(event)

    def _write(self, event: HostEvent, *, durable: bool = False) -> None:
        events.put(self.journal, event, durable=durable)


def host_row(
    name: str,
    client: str,
    steps: Sequence[StepDue],
    assessed: Mapping[str, StepResult],
    sent: Mapping[str, Sequence[Answer | None]],
    failure: Failure | None,
    requests: int,
    seconds: float,
    *,
    listed: Listed = NOT_LISTED,
    open_changes: Mapping[str, str] | None = None,
    unread: bool = False,
) -> HostResult:
    """The row of a host with which work had begun, from what its journal says.

    Where something cut the work short, the steps that were judged stand and the others are unknown: each says whether
    its script may have run.

    Args:
        assessed: the judged steps.
        sent: hashes of the scripts that were about to leave, and the answer of each attempt.
        failure: why there was no session, or what cut it short; redacted.
        requests: HTTP requests sent.
        listed: what the inventory says of it, as the journal has it.
        open_changes: by step: an attempt to change something of which it is not settled what became. Whatever was
            judged of the step before holds no longer.
        unread: the journal has more of this host than can be read here.
    """
    changes = open_changes or {}
    if failure is not None and not (assessed or sent or changes or unread):
        return NotReached(name, client, _with_nothing_sent(failure), len(steps), requests, seconds, listed)
    why, then = ("no judgement is recorded", "") if failure is None else (in_words(failure), failure.next)
    audits: list[StepResult] = []
    for step in steps:
        if step.id in changes:
            changed = f"{why}; it is not settled what became of {changes[step.id]}"
            audits.append(_without_answer(step, NotObserved(NOT_RUN, changed, then)))
        elif step.id in assessed:
            audits.append(assessed[step.id])
        else:
            became = f"; {UNREAD}" if unread and step.script not in sent else _became(sent.get(step.script, ()))
            audits.append(_without_answer(step, NotObserved(NOT_RUN, f"{why}{became}", then)))
    row = judged(name, client, audits, requests, seconds, listed)
    if unread and UNREAD not in row.why:
        verdict = Verdict.UNKNOWN if row.verdict in WELL else row.verdict
        return replace(row, outcome=Outcome.UNKNOWN, verdict=verdict, clean_since=None, why=f"{row.why}; {UNREAD}")
    return row


UNREAD = "not all that the journal says of this server can be read here, and scripts may have run"


def _became(answers: Sequence[Answer | None]) -> str:
    """What became of a step's script. That it did not run is known where no attempt can have begun it."""
    if any(not isinstance(answer, events.NotRun | None) for answer in answers):
        return "; its script was answered, and the answer was not judged"
    if all(isinstance(answer, events.NotRun) and answer.started is False for answer in answers):
        return ""
    return f"; {MAY_HAVE_RUN}"


def _with_nothing_sent(failure: Failure) -> Failure:
    """Of a host that was in work when the run ended, people ask what may have run there."""
    if failure.cause is not Cause.INTERRUPTED:
        return failure
    return replace(failure, message=f"{failure.message}; no script had been sent to this server")


def unstarted_row(
    name: str, client: str, steps: Sequence[StepDue], why: Failure, listed: Listed = NOT_LISTED
) -> HostResult:
    """The row of a host that the run never came to."""
    return NotReached(name, client, why, len(steps), 0, 0.0, listed)


def _without_answer(step: StepDue, why: NotObserved) -> StepResult:
    return StepResult(step.id, step.action, not_observed(step.action, why, ()))


def answer_of(result: ScriptResult) -> Answer:
    """How a script came out, as it is recorded."""
    match result:
        case Completed(streams=streams, seconds=seconds):
            return events.Completed(*_said(streams), round(seconds, 3))
        case Terminated(error=error, streams=streams, seconds=seconds):
            return events.Terminated(*_said(streams), round(seconds, 3), _error(error))
        case TimedOut(limit_seconds=limit, streams=streams):
            return events.TimedOut(*_said(streams), limit)
        case Capped(cap=cap, limit=limit):
            return events.Capped(cap, limit)
        case NotRun(failure=failure, started=started):
            return events.NotRun(started, failure)
        case _:
            assert_never(result)


def _said(streams: Streams) -> tuple[int, Json, tuple[ErrorText, ...], int, tuple[str, ...], int]:
    """The members of runner/events.py's Said, in their order."""
    errors = tuple(_error(error) for error in streams.errors[:KEPT_TEXTS])
    warnings = tuple(quoted(text) for text in streams.warnings[:KEPT_TEXTS])
    return len(streams.output), _kept(streams), errors, len(streams.errors), warnings, len(streams.warnings)


def _kept(streams: Streams) -> Json:
    try:
        plain = canonical(streams.output)
    except UnrecordableValueError:
        return None
    return plain if len(json.dumps(plain)) <= KEPT_OUTPUT else None


def _error(error: ErrorText) -> ErrorText:
    return ErrorText(quoted(error.message), quoted(error.error_id), quoted(error.category))

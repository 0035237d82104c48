"""What a server answered to the collects of a playbook, as a file of cases: names and secrets replaced. Pure.

Each step becomes a case of its action with the records that came. What judgement concludes of the records without
names is what the case expects; that it is what it concluded of the true ones is looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from playbooks.findings import Assessment, Coverage, UnknownFact, Verdict
from playbooks.model import ReadyStep
from playbooks.observation import NotObserved
from playbooks.parameters import value_of
from playbooks.values import Record, Value
from runner.answers import observation_of
from runner.pseudonyms import Pseudonyms
from runner.redaction import Redactor
from runner.results import StepResult
from runner.steps import Judgement
from runner.transport.interface import Completed, ErrorText, ScriptResult, Streams, Terminated, TimedOut
from runner.trying import observed

__all__ = ["Answered", "Missing", "Recorded", "case_text", "cleaned", "missing_text", "recorded"]

_MOST_LINES = 500  # of what came beside an answer that does not count
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


class Missing(StrEnum):
    """Why a step has no case, or one without records."""

    NOT_ASKED = "not asked"  # its `when` is false: nothing is missing
    NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True)
class Answered:
    """One step with the answer that came, secrets replaced, and what was concluded of it; None where nothing came."""

    ready: ReadyStep
    answer: ScriptResult | None
    result: StepResult


@dataclass(frozen=True, slots=True)
class Recorded:
    """One step in a file of cases.

    Attributes:
        text: its part of the file.
        missing: None where its records are there.
        why: why they are missing; with placeholders.
        differs: what judgement concludes otherwise of what is in the file: `verdict is ok, was vulnerable`.
        verdict: of what is in the file; None without a case.
    """

    step: str
    action: str
    text: str
    missing: Missing | None = None
    why: str = ""
    differs: tuple[str, ...] = ()
    verdict: Verdict | None = None


def cleaned(answer: ScriptResult, redactor: Redactor) -> ScriptResult:
    """An answer without secrets, and without what is no character (half a surrogate pair)."""

    def clean(value: Any) -> Any:
        return _whole(redactor.redact(value))

    def streams(of: Streams) -> Streams:
        errors = tuple(ErrorText(*map(clean, (each.message, each.error_id, each.category))) for each in of.errors)
        return Streams(clean(of.output), errors, clean(of.warnings), (), ())

    match answer:
        case Completed(script, of, seconds):
            return Completed(script, streams(of), seconds)
        case Terminated(script, error, of, seconds):
            message, error_id, category = map(clean, (error.message, error.error_id, error.category))
            return Terminated(script, ErrorText(message, error_id, category), streams(of), seconds)
        case TimedOut(script, limit, of):
            return TimedOut(script, limit, streams(of))
        case _:
            return answer


def recorded(answered: Answered, names: Pseudonyms, judgement: Judgement) -> Recorded:
    """The part of a file that is about one step."""
    ready, answer = answered.ready, answered.answer
    step, action = ready.step.id, ready.action
    was = answered.result.assessment
    if answer is None:
        missing = Missing.NOT_ASKED if was.verdict is Verdict.NOT_APPLICABLE else Missing.NO_ANSWER
        why = names.text(_whole(was.summary))
        return Recorded(step, action.id, missing_text(step, action.id, missing, why), missing, why)
    seen = observation_of(answer, action.contract)
    beside: tuple[str, ...] = ()
    kept: NotObserved | tuple[Record, ...]
    if isinstance(seen, NotObserved):
        kept = NotObserved(seen.cause, names.text(_whole(seen.reason)) or "no reason was given", _whole(seen.next))
        kept = NotObserved(kept.cause, kept.reason, names.text(kept.next))
        beside = tuple(_beside(answer, names))
        judged: Any = kept
    else:
        assert isinstance(answer, Completed)
        kept = tuple(without_names(each, names) for each in answer.streams.output if isinstance(each, Mapping))
        judged = observed(kept, action)
        beside = tuple(_beside(answer, names, records=False))
    params = {name: _listed(names.of(value)) for name, value in _told(ready).items()}
    held = {**ready.params, **{name: value_of(value) for name, value in params.items()}}
    try:
        came = action.assess(judged, held, judgement.catalogue.on(judgement.today), judgement.today)
    except Exception as error:  # a judgement that has a fault is what a report is about: the records are there
        came = was
        differs: tuple[str, ...] = (f"the judgement of {action.id} failed with {type(error).__name__}",)
    else:
        differs = tuple(_differs(was, came, names))
    text = case_text(answered, kept, params, came, judgement, beside)
    if isinstance(kept, NotObserved):
        return Recorded(step, action.id, text, Missing.NO_ANSWER, kept.reason, differs, came.verdict)
    return Recorded(step, action.id, text, None, "", differs, came.verdict)


def without_names(record: Record, names: Pseudonyms) -> Record:
    """A record with placeholders. A size that is that of bytes beside it stays theirs."""
    made: dict[str, Any] = {name: value if name == "Kind" else names.of(value, name) for name, value in record.items()}
    for name, value in record.items():
        if isinstance(value, bytes) and record.get("Size") == len(value):
            made["Size"] = len(made[name])
    return made


def _told(ready: ReadyStep) -> Mapping[str, Value]:
    """The parameters that are not as they are by default."""
    specs = ready.action.contract.params
    return {
        name: value
        for name, value in ready.params.items()
        if specs[name].required or value != value_of(specs[name].default)
    }


def _differs(was: Assessment, came: Assessment, names: Pseudonyms) -> Iterator[str]:
    for what, was_so, is_so in (
        ("verdict", str(was.verdict), str(came.verdict)),
        ("findings", _joined(each.id for each in was.findings), _joined(each.id for each in came.findings)),
        ("severities", _joined(each.severity for each in was.findings), _joined(e.severity for e in came.findings)),
        ("coverage", str(was.coverage), str(came.coverage)),
        ("changes", str(len(was.changes)), str(len(came.changes))),
        ("barred", str(len(was.barred)), str(len(came.barred))),
    ):
        if was_so != is_so:
            yield f"{what}: {is_so} of the file, {was_so} of the server"
    for name in was.facts:
        before, now = was.facts[name], came.facts.get(name)
        if isinstance(before, UnknownFact) != isinstance(now, UnknownFact):
            yield f"fact {name}: known of one of the two alone"
        elif isinstance(before, bool | int | float) and before != now:
            yield f"fact {name}: another of the file"


def _joined(parts: Any) -> str:
    return ", ".join(map(str, parts)) or "none"


def case_text(
    answered: Answered,
    kept: NotObserved | tuple[Record, ...],
    params: Mapping[str, Any],
    came: Assessment,
    judgement: Judgement,
    beside: Sequence[str] = (),
) -> str:
    """A case in YAML, a record a line."""
    lines = [f"  - case: {_flow(f'{answered.ready.step.id}, as it was captured')}"]
    lines.append(f"    action: {answered.ready.action.id}")
    lines.append(f"    today: {judgement.today.isoformat()}")
    if params:
        lines.append(f"    params: {_flow(params)}")
    if isinstance(kept, NotObserved):
        told = {"cause": kept.cause, "reason": kept.reason, **({"next": kept.next} if kept.next else {})}
        lines.append(f"    not_observed: {_flow(told)}")
    elif kept:
        lines.append("    observed:")
        lines += [f"      - {_flow(record)}" for record in kept]
    else:
        lines.append("    observed: []")
    lines += [f"    # {line}" for line in beside]
    lines.append("    expect:")
    lines += [f"      {name}: {_flow(value)}" for name, value in _expected(came)]
    return "\n".join(lines) + "\n"


def missing_text(step: str, action: str, missing: Missing, why: str) -> str:
    """What stands in the file of a step that has no answer."""
    return f"  # {missing.upper()}: {step} ({action}): {_one_line(why)}\n"


def _expected(came: Assessment) -> Iterator[tuple[str, Any]]:
    yield "verdict", str(came.verdict)
    if came.findings:
        yield "findings", [each.id for each in came.findings]
        yield "severities", [str(each.severity) for each in came.findings]
    facts = {name: _listed(value) for name, value in came.facts.items() if not isinstance(value, UnknownFact)}
    if facts:
        yield "facts", facts
    unknown = [name for name, value in came.facts.items() if isinstance(value, UnknownFact)]
    if unknown:
        yield "unknown", unknown
    if came.changes:
        yield "changes", [each.id for each in came.changes]
    if came.coverage is not Coverage.PROBED and came.verdict is not Verdict.UNKNOWN:
        yield "coverage", str(came.coverage)
    if came.then is not None:
        others = {name: value for name, value in came.then.items() if value != came.facts.get(name)}
        yield "then", {name: _listed(value) for name, value in (others or dict(came.then)).items()}
    if came.barred:
        yield "barred", [{name: _listed(value) for name, value in each.present.items()} for each in came.barred]


def _beside(answer: ScriptResult, names: Pseudonyms, *, records: bool = True) -> Iterator[str]:
    """What came of an answer and has no place in a case, as lines of a comment."""
    match answer:
        case Completed(streams=streams) | Terminated(streams=streams) | TimedOut(streams=streams):
            lines = [f"warning: {_flow(names.text(each))}" for each in streams.warnings]
            lines += [f"error: {_flow([names.text(e.message), names.text(e.error_id)])}" for e in streams.errors]
            if isinstance(answer, Terminated):
                lines.append(
                    f"ended in: {_flow([names.text(answer.error.message), names.text(answer.error.error_id)])}"
                )
            if records:
                lines += [f"came all the same: {_flow(names.of(_plain(each)))}" for each in streams.output]
            yield from lines[:_MOST_LINES]
            if len(lines) > _MOST_LINES:
                yield f"and {len(lines) - _MOST_LINES} more, which are left out"
        case _:
            return


def _plain(value: Any) -> Any:
    """A value of which YAML has the types."""
    match value:
        case None | bool() | int() | float() | str() | bytes():
            return value
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return str(value)


def _listed(value: Any) -> Any:
    return [_listed(each) for each in value] if isinstance(value, tuple | list) else value


def _whole(value: Any) -> Any:
    """Without halves of surrogate pairs, which no file can hold."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case Mapping():
            return {_whole(name): _whole(each) for name, each in value.items()}
        case tuple():
            return tuple(map(_whole, value))
        case list():
            return list(map(_whole, value))
        case _:
            return value


def _one_line(text: str) -> str:
    return _quoted(text)[1:-1].replace('\\"', '"').replace("\\\\", "\\")


def _flow(value: Any) -> str:
    """A value in one line of YAML."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int():
            return str(value) if abs(value) < 10**30 else _quoted(str(value))
        case float():
            written = format(value, ".17g")
            return written if "." in written else written.replace("e", ".0e") if "e" in written else f"{written}.0"
        case bytes():
            try:
                return _quoted(value.decode())
            except UnicodeDecodeError:
                return f"{{latin-1: {_quoted(value.decode('latin-1'))}}}"
        case str():
            return value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else _quoted(value)
        case Mapping():
            return f"{{{', '.join(f'{_flow(str(name))}: {_flow(each)}' for name, each in value.items())}}}"
        case list() | tuple():
            return f"[{', '.join(map(_flow, value))}]"
        case _:
            return _quoted(str(value))


def _quoted(text: str) -> str:
    return f'"{"".join(map(_character, text))}"'


def _character(each: str) -> str:
    if each in _SHORT:
        return _SHORT[each]
    code = ord(each)
    if 0x20 <= code < 0x7F or (each.isprintable() and code >= 0xA1):
        return each
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

"""What a server answered to the collects of a playbook, as a file of cases: names and secrets replaced. Pure.

Each step becomes a case of its action with the records that came. What judgement concludes of the records without
names is what the case expects; that it is what it concluded of the true ones is looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, assert_never

from playbooks.cases import MOST_BYTES, cases_in, cases_of
from playbooks.errors import DocumentError
from playbooks.findings import Assessment, Coverage, UnknownFact, Verdict
from playbooks.model import Action, PropertySpec, ReadyStep
from playbooks.observation import NotObserved
from playbooks.parameters import value_of
from playbooks.values import Record, Value
from runner.answers import observation_of, properties_of
from runner.pseudonyms import Pseudonyms
from runner.redaction import Redactor
from runner.results import StepResult
from runner.steps import Judgement
from runner.transport.interface import Capped, Completed, ErrorText, NotRun, ScriptResult, Streams, Terminated, TimedOut
from runner.trying import Result, observed, on_recorded_answer
from texts.yaml_line import one_line
from texts.yaml_tree import plain

__all__ = ["Answered", "File", "Missing", "Recorded", "UnfitError", "cleaned", "file_of", "recorded"]

_MOST_LINES = 500  # of what came beside an answer that does not count


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
        left: names that stand in the ids of actions, findings, changes and facts, which are as they are.
    """

    step: str
    action: str
    text: str
    missing: Missing | None = None
    why: str = ""
    differs: tuple[str, ...] = ()
    verdict: Verdict | None = None
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A file of cases that may be written.

    Attributes:
        differs: where what is in it is judged otherwise than the server's own answers were, and where it is not read
            back as it should be; empty where it shows what was concluded of the server.
    """

    text: str
    differs: tuple[str, ...]


class UnfitError(Exception):
    """Such a file must not be, or cannot be; the message says why."""


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
        case NotRun(script, failure, started):
            return NotRun(script, replace(failure, message=clean(failure.message), next=clean(failure.next)), started)
        case Capped():
            return answer
        case _:
            assert_never(answer)


def recorded(answered: Answered, names: Pseudonyms, judgement: Judgement) -> Recorded:
    """The part of a file that is about one step.

    Raises:
        NamesMakeNamesError: what a server says cannot be without names.
    """
    ready, answer = answered.ready, answered.answer
    step, action = ready.step.id, ready.action
    was = answered.result.assessment
    if answer is None:
        missing = Missing.NOT_ASKED if was.verdict is Verdict.NOT_APPLICABLE else Missing.NO_ANSWER
        why = names.text(_whole(was.summary))
        text = f"  # {missing.upper()}: {one_line(names.text(step))} ({action.id}): {one_line(why)}\n"
        return Recorded(step, action.id, text, missing, why)
    seen = observation_of(answer, action.contract)
    beside: tuple[str, ...] = ()
    kept: NotObserved | tuple[Record, ...]
    if isinstance(seen, NotObserved):
        reason = names.text(_whole(seen.reason)) or "no reason was given"
        kept = NotObserved(seen.cause, reason, names.text(_whole(seen.next)))
        beside = tuple(_beside(answer, names))
        judged: Any = kept
    else:
        assert isinstance(answer, Completed)
        records = (each for each in answer.streams.output if isinstance(each, Mapping))
        kept = tuple(without_names(each, names, properties_of(each, action.contract)) for each in records)
        judged = observed(kept, action)
        beside = tuple(_beside(answer, names, records=False))
    params = {name: _listed(names.of(value)) for name, value in _told(ready).items()}
    held = {**ready.params, **{name: value_of(value) for name, value in params.items()}}
    try:
        came = action.assess(judged, held, judgement.catalogue.on(judgement.today), judgement.today)
    except Exception as error:  # a judgement that has a fault is what a report is about: the records are there
        # Nothing of what was concluded of the server is written: its facts have the names.
        fault = type(error).__name__
        came = Assessment(Verdict.UNKNOWN, f"the judgement failed with {fault}")
        differs: tuple[str, ...] = (f"the judgement of {action.id} failed with {fault}",)
        beside += (f"the judgement failed with {fault}, of what is above",)
    else:
        differs = tuple(_differs(was, came, names))
    text = _case_text(answered, names.text(step), kept, params, came, judgement, beside)
    ids = [*(each.id for each in came.findings), *(each.id for each in came.changes)]
    left = tuple(names.standing_in([action.id, *params, *came.facts, *ids]))
    if isinstance(kept, NotObserved):
        return Recorded(step, action.id, text, Missing.NO_ANSWER, kept.reason, differs, came.verdict, left)
    return Recorded(step, action.id, text, None, "", differs, came.verdict, left)


def without_names(record: Record, names: Pseudonyms, declared: Mapping[str, PropertySpec]) -> Record:
    """A record with placeholders. Words that the contract lists are nobody's name; a size that is that of bytes beside
    it stays theirs."""

    def made_of(name: str, value: Value) -> Any:
        spec = declared.get(name)
        listed = spec is not None and spec.values is not None and spec.domain.has(value)
        return value if name == "Kind" or listed else names.of(value, name)

    made = {name: made_of(name, value) for name, value in record.items()}
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
    """What is concluded otherwise. Neither side is said where it may have a name in it."""
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
    for name in dict.fromkeys((*was.facts, *came.facts)):
        if name not in was.facts or name not in came.facts:
            yield f"fact {name}: of one of the two alone"
            continue
        before, now = was.facts[name], came.facts[name]
        if isinstance(before, UnknownFact) != isinstance(now, UnknownFact):
            yield f"fact {name}: known of one of the two alone"
        elif not isinstance(before, UnknownFact) and _compared(names.uncounted(before, name)) != _compared(now):
            yield f"fact {name}: another of the file"


def _compared(fact: Any) -> Any:
    """A fact as it is held against another: by other names it may well stand in another order, be cut off elsewhere,
    in small letters, or have the size or the hash of what has these names."""
    match fact:
        case str():
            return re.sub(r"[0-9a-f]{32,}|[0-9]+", "0", fact.casefold())
        case tuple() | list():
            return sorted(map(repr, map(_compared, fact)))
        case _:
            return type(fact), fact


def _joined(parts: Any) -> str:
    return ", ".join(map(str, parts)) or "none"


def _case_text(
    answered: Answered,
    step: str,
    kept: NotObserved | tuple[Record, ...],
    params: Mapping[str, Any],
    came: Assessment,
    judgement: Judgement,
    beside: Sequence[str],
) -> str:
    """A case in YAML, a record a line."""
    lines = [f"  - case: {one_line(f'{step}, as it was captured')}"]
    lines.append(f"    action: {answered.ready.action.id}")
    lines.append(f"    today: {judgement.today.isoformat()}")
    if params:
        lines.append(f"    params: {_line(params)}")
    if isinstance(kept, NotObserved):
        told = {"cause": kept.cause, "reason": kept.reason, **({"next": kept.next} if kept.next else {})}
        lines.append(f"    not_observed: {_line(told)}")
    elif kept:
        lines.append("    observed:")
        lines += [f"      - {_line(record)}" for record in kept]
    else:
        lines.append("    observed: []")
    lines += [f"    # {line}" for line in beside]
    lines.append("    expect:")
    lines += [f"      {name}: {_line(value)}" for name, value in _expected(came)]
    return "\n".join(lines) + "\n"


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
            said: list[tuple[str, Any]] = [("warning", each) for each in streams.warnings]
            said += [("error", [each.message, each.error_id]) for each in streams.errors]
            if isinstance(answer, Terminated):
                said.append(("ended in", [answer.error.message, answer.error.error_id]))
            if records:
                said += [("came all the same", each) for each in streams.output]
            for what, each in said[:_MOST_LINES]:
                yield f"{what}: {_line(names.of(each))}"
            if len(said) > _MOST_LINES:
                yield f"and {len(said) - _MOST_LINES} more, which are left out"
        case Capped() | NotRun():
            return
        case _:
            assert_never(answer)


def file_of(
    head: str, parts: Sequence[Recorded], actions: Mapping[str, Action], judgement: Judgement, redactor: Redactor
) -> File:
    """All parts as one file, which was read back and judged as `exrun playbook test` does.

    Args:
        head: what stands above: lines of a comment.
        actions: by id, those of the parts.
        redactor: knows the secrets of the run.

    Raises:
        UnfitError: it must not be written, or nobody could read it.
    """
    cases = [part for part in parts if part.verdict is not None]
    if not cases:
        text = "\n".join([head.rstrip("\n"), "# No step was asked.", *(part.text.strip() for part in parts)]) + "\n"
    else:
        text = f"{head}\ncases:\n" + "\n".join(part.text for part in parts)
    data = text.encode()
    if len(data) > MOST_BYTES:
        raise UnfitError(f"{len(data) >> 20} MiB are more than a file of cases may have ({MOST_BYTES >> 20} MiB)")
    if redactor.redact_text(text) != text:
        raise UnfitError("a password of this run stands in it")
    if not cases:
        return File(text, ())
    differs = [f"{part.step}: {each}" for part in parts for each in part.differs]
    try:
        document = cases_in(data, "the file")
        values = plain(document.tree)
        if redactor.redact(values) != values:
            raise UnfitError("a password of this run stands in it")
        for name in dict.fromkeys(part.action for part in cases):
            for case in cases_of(document, actions[name], judgement.catalogue):
                came = on_recorded_answer(case, actions[name], judgement.catalogue, judgement.today)
                if came.result is not Result.PASSED:
                    said = "; ".join(f"{e.what}: expected {e.expected}, came {e.came}" for e in came.differs)
                    differs.append(f"{case.sentence}: exrun playbook test fails: {said or came.why}")
    except DocumentError as error:
        differs += [f"the file cannot be read back: {problem}" for problem in error.problems]
    return File(text, tuple(differs))


def _line(value: Any) -> str:
    return one_line(_written(value))


def _written(value: Any) -> Any:
    """A value as a case has it: bytes are text, or a character a byte where they are none."""
    match value:
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return {"latin-1": value.decode("latin-1")}
        case Mapping():
            return {name: _written(each) for name, each in value.items()}
        case list() | tuple():
            return [_written(each) for each in value]
        case _:
            return value


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

"""What a case of an action comes to: its recorded answer, judged as a server's would be, against what it expects.

Pure. The answer takes the way of every answer (answers.py): what the contract does not declare makes it unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from playbooks.cases import Case, Expect
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changing import ready_changes
from playbooks.errors import ChangeError
from playbooks.findings import Assessment, UnknownFact, Verdict
from playbooks.model import Action
from playbooks.observation import NotObserved, Observation
from playbooks.values import Record
from runner.answers import observation_of
from runner.transport.interface import Completed, Script, Streams

__all__ = [
    "NO_PLAN",
    "CaseResult",
    "Differs",
    "Result",
    "Tried",
    "answered",
    "assessed",
    "compared",
    "observed",
    "on_recorded_answer",
    "shown",
    "unproven",
]

NO_PLAN = "0123456789ab"  # stands for the id of a plan where a change is rendered and sent nowhere
_NOTHING = "(nothing)"


@dataclass(frozen=True, slots=True)
class Differs:
    """One thing that is not as a case expects it: `verdict` should be `ok`, is `attention`."""

    what: str
    expected: str
    came: str


class Result(StrEnum):
    """What became of one case."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not-run"  # nothing is known of it: never counted as passed


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case that was tried.

    Attributes:
        differs: everything that is not as it should be; empty unless it failed.
        why: why it was not run; empty where it was.
        on: what was looked at: `answer`, the recorded one; on an engine `state`, and where there were changes `apply`,
            `again` (another look, and apply once more) and `rollback`, as far as it came.
    """

    case: Case
    result: Result
    differs: tuple[Differs, ...] = ()
    why: str = ""
    on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """One action with what became of its cases, in the order of files and lines."""

    action: str
    source: str
    cases: tuple[CaseResult, ...]


def on_recorded_answer(case: Case, action: Action, catalogue: Catalogue, today: date) -> CaseResult:
    """A case without PowerShell: its recorded answer is judged, and the scripts of its changes are proven."""
    if case.answer is None:
        why = "it has a state and no recorded answer: --engine runs its scripts"
        return CaseResult(case, Result.NOT_RUN, why=why)
    observation = answered(case, action)
    try:
        assessment = assessed(case, action, observation, catalogue, today)
    except Exception as error:  # a judgement of this version that has a fault is a case that failed
        differs: tuple[Differs, ...] = (Differs("judgement", "an assessment", f"{type(error).__name__}: {error}"),)
    else:
        differs = (*compared(case, observation, assessment), *unproven(case, action, assessment))
    return CaseResult(case, Result.FAILED if differs else Result.PASSED, differs, on=("answer",))


def answered(case: Case, action: Action) -> Observation:
    """The observation that a case's recorded answer makes.

    Raises:
        ValueError: the case has none.
    """
    match case.answer:
        case None:
            raise ValueError("the case has no recorded answer")
        case NotObserved() as not_observed:
            return not_observed
        case records:
            return observed(records, action)


def observed(records: tuple[Record, ...], action: Action) -> Observation:
    """The observation that these records make, as if the action's script had emitted them."""
    return observation_of(Completed(Script("collect", ""), Streams(output=records), 0.0), action.contract)


def assessed(case: Case, action: Action, observation: Observation, catalogue: Catalogue, today: date) -> Assessment:
    """The assessment on the case's day, by what the catalogue knew by then: newer rows change no case.

    Args:
        today: the day of a case that names none.
    """
    day = case.today or today
    return action.assess(observation, case.params, catalogue.on(case.catalogue or day), day)


def compared(case: Case, observation: Observation, assessment: Assessment) -> tuple[Differs, ...]:
    """Everything that is not as the case expects it; empty where all is."""
    return tuple(_compared(case.expect, case, observation, assessment))


def _compared(expect: Expect, case: Case, observation: Observation, came: Assessment) -> Iterator[Differs]:
    if isinstance(observation, NotObserved) and not isinstance(case.answer, NotObserved):
        yield Differs("the answer", "records that the contract declares", observation.reason)
    yield from _same("verdict", str(expect.verdict), str(came.verdict))
    yield from _same("findings", tuple(expect.findings), tuple(each.id for each in came.findings))
    for name, wanted, found in (
        ("severities", _all(expect.severities), tuple(str(each.severity) for each in came.findings)),
        ("next", _all(expect.next), tuple(each.next for each in came.findings)),
        ("cves", _all(expect.cves), tuple(each.cves for each in came.findings)),
        ("kbs", _all(expect.kbs), tuple(each.kbs for each in came.findings)),
        ("evidence", _all(expect.evidence), came.findings[0].evidence if came.findings else ()),
        ("summary", expect.summary, came.summary),
    ):
        if wanted is not None:
            yield from _same(name, wanted, found)
    if came.verdict is not Verdict.UNKNOWN:
        yield from _same("coverage", str(expect.coverage), str(came.coverage))
    for name, fact in expect.facts.items():
        yield from _same(f"facts.{name}", _value(fact), came.facts.get(name, _NOTHING))
    for name in expect.unknown:
        if not isinstance(came.facts.get(name), UnknownFact):
            yield Differs(f"facts.{name}", "unknown", shown(came.facts.get(name, _NOTHING)))
    yield from _same("changes", tuple(expect.changes), tuple(each.id for each in came.changes))
    yield from _then(expect, came)
    barred = tuple(dict(each.present) for each in came.barred)
    yield from _same("barred", _all(expect.barred) or (), barred)
    if came.barred and (came.changes or came.verdict is not Verdict.UNKNOWN):
        yield Differs("barred", "no changes, and unknown", f"{len(came.changes)} changes, and {came.verdict}")


def _then(expect: Expect, came: Assessment) -> Iterator[Differs]:
    """What a case does not name stays as it is."""
    if expect.then is None:
        if came.then is not None:
            yield Differs("then", _NOTHING, shown(dict(came.then)))
        return
    wanted = {**came.facts, **{name: _value(value) for name, value in expect.then.items()}}
    yield from _same("then", wanted if expect.then else {}, _NOTHING if came.then is None else dict(came.then))


def unproven(case: Case, action: Action, assessment: Assessment) -> tuple[Differs, ...]:
    """What is wrong with the scripts of the changes that an assessment names; each is rendered and proven."""
    if not assessment.changes:
        return ()
    try:
        ready_changes(action, case.params, assessment.changes, NO_PLAN)
    except ChangeError as error:
        return tuple(
            Differs("scripts of changes", "proven to write what the contract names", str(each))
            for each in error.problems
        )
    return ()


def _same(what: str, wanted: Any, found: Any) -> Iterator[Differs]:
    if wanted != found or type(wanted) is not type(found):
        yield Differs(what, shown(wanted), shown(found))


def _all(written: list[Any] | None) -> tuple[Any, ...] | None:
    return None if written is None else tuple(map(_value, written))


def _value(written: Any) -> Any:
    """A value as judgement has it: lists are tuples there."""
    match written:
        case list():
            return tuple(map(_value, written))
        case dict():
            return {name: _value(each) for name, each in written.items()}
        case _:
            return written


def shown(value: object) -> str:
    """A value as YAML could have it, in one line."""
    match value:
        case UnknownFact(reason=reason):
            return f"unknown: {reason}"
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case tuple() | list():
            return f"[{', '.join(map(shown, value))}]"
        case Mapping():
            return f"{{{', '.join(f'{name}: {shown(each)}' for name, each in value.items())}}}"
        case bytes():
            return f"{len(value)} bytes"
        case _:
            return str(value)

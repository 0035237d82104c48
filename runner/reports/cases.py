"""What became of cases, `exrun playbook test`: lines for people, one object for programs. Pure.

Has a published schema: docs/reference/schemas/tests.json.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from runner.reports.json import Count, as_text
from runner.trying import CaseResult, Result, Tried
from texts.counting import counted

__all__ = ["TestsDocument", "lines", "schema_text", "to_json"]

SCHEMA: Literal["exrun.tests/1"] = "exrun.tests/1"
_WORDS = {Result.PASSED: "pass", Result.FAILED: "FAIL", Result.NOT_RUN: "not run"}
_LONGEST = 2000  # characters of one value that differs, for people


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Difference(_Document):
    """One thing that is not as a case expects it."""

    what: str = Field(description="verdict, findings, facts.NAME, changes, rollback, ...")
    expected: str
    came: str


class CaseMember(_Document):
    """One case."""

    case: str = Field(description="its sentence")
    file: str
    line: Count
    result: Result
    on: list[str] = Field(description="what was looked at: answer, and on an engine state, apply, again, rollback")
    why: str = Field(description="why it was not run; empty where it was")
    differences: list[Difference] = Field(description="empty unless it failed")


class ActionMember(_Document):
    """One action with its cases, in the order of files and lines."""

    action: str
    source: str
    cases: list[CaseMember] = Field(description="none where it has none")


class Totals(_Document):
    """How many cases came to what."""

    passed: Count
    failed: Count
    not_run: Count
    without_cases: Count = Field(description="actions that have no case")


class TestsDocument(_Document):
    """The object of `exrun playbook test --format json`. A member is only ever added within one number of `schema`."""

    __test__ = False  # of pytest

    schema_: Literal["exrun.tests/1"] = Field(alias="schema")
    engine: Literal["sim", "pwsh"] | None = Field(description="the lab's, on which states were run; null for none")
    actions: list[ActionMember]
    totals: Totals


def document(tried: Sequence[Tried], engine: Literal["sim", "pwsh"] | None) -> TestsDocument:
    """As the published schema has it."""
    counts = Counter(case.result for each in tried for case in each.cases)
    return TestsDocument(
        schema=SCHEMA,
        engine=engine,
        actions=[
            ActionMember(action=as_text(each.action), source=as_text(each.source), cases=[*map(_member, each.cases)])
            for each in tried
        ],
        totals=Totals(
            passed=counts[Result.PASSED],
            failed=counts[Result.FAILED],
            not_run=counts[Result.NOT_RUN],
            without_cases=sum(not each.cases for each in tried),
        ),
    )


def _member(of: CaseResult) -> CaseMember:
    at = of.case.at
    return CaseMember(
        case=as_text(of.case.sentence),
        file=as_text(at.file),
        line=at.line,
        result=of.result,
        on=list(of.on),
        why=as_text(of.why),
        differences=[
            Difference(what=as_text(each.what), expected=as_text(each.expected), came=as_text(each.came))
            for each in of.differs
        ],
    )


def to_json(tried: Sequence[Tried], engine: Literal["sim", "pwsh"] | None) -> str:
    """One object, indented, of printable ASCII only."""
    written = document(tried, engine).model_dump(mode="json", by_alias=True)
    return json.dumps(written, indent=2, ensure_ascii=True) + "\n"


def schema_text() -> str:
    """The schema as docs/reference/schemas/tests.json has it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TestsDocument.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def lines(tried: Sequence[Tried], engine: str | None, *, quiet: bool = False) -> Iterator[str]:
    """For people: a line a case, below it what differs; totals last.

    Args:
        quiet: cases that passed are counted alone.
    """
    for each in tried:
        yield f"{each.action} ({each.source})"
        if not each.cases:
            yield "  no cases: put some into cases/, beside its action.yml"
        passed = sum(case.result is Result.PASSED for case in each.cases)
        if quiet and passed:
            yield f"  pass     {counted(passed, 'case')}"
        for case in each.cases:
            if not (quiet and case.result is Result.PASSED):
                yield from _case(case)
        yield ""
    yield _totals(tried, engine)


def _case(of: CaseResult) -> Iterator[str]:
    made = f" ({', '.join(of.on)})" if "state" in of.on else ""
    yield f"  {_WORDS[of.result]:<8} {of.case.sentence}{made}" + (f": {of.why}" if of.why else "")
    if of.result is Result.FAILED:
        yield f"           {of.case.at}"
    for each in of.differs:
        yield f"           {each.what}"
        yield f"             expected  {_cut(each.expected)}"
        yield f"             came      {_cut(each.came)}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters; --format json has all)"


def _totals(tried: Sequence[Tried], engine: str | None) -> str:
    totals = document(tried, None).totals
    every = totals.passed + totals.failed + totals.not_run
    parts = [f"{totals.failed} failed"] if totals.failed else []
    parts += [f"{totals.passed} passed"]
    parts += [f"{totals.not_run} not run"] if totals.not_run else []
    on = f"on recorded answers and the engine {engine}" if engine else "on recorded answers"
    said = f"{', '.join(parts)}: {counted(every, 'case')} of {counted(len(tried), 'action')}, {on}"
    if totals.without_cases:
        said += f"; {counted(totals.without_cases, 'action')} without a case"
    return said

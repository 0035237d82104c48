"""What `exrun lab capture` wrote: for people and for programs. Pure.

Has a published schema: docs/reference/schemas/capture.json.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from playbooks.findings import Verdict
from runner.pseudonyms import Kind, Pseudonyms
from runner.recording import Missing, Recorded
from runner.reports.json import Count, as_text
from texts.counting import counted

__all__ = ["Capture", "CaptureDocument", "lines", "schema_text", "to_json"]

SCHEMA: Literal["exrun.capture/1"] = "exrun.capture/1"
_NOUNS = {
    Kind.SERVER: "server name",
    Kind.DOMAIN: "domain",
    Kind.USER: "user",
    Kind.ORGANISATION: "organisation",
    Kind.NAME: "other name",
    Kind.SID: "SID",
    Kind.GUID: "GUID",
    Kind.ADDRESS: "address",
}


@dataclass(frozen=True, slots=True)
class Capture:
    """A file that was written.

    Attributes:
        usual: names that were told and are words of everybody's: not replaced.
        left: names that stand in ids of the playbook, which are as they are.
        differs: what is judged otherwise of the file than of the server.
    """

    run: str
    file: str
    parts: Sequence[Recorded]
    names: Pseudonyms
    usual: Sequence[str]
    left: Sequence[str]
    differs: Sequence[str]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class StepMember(_Document):
    """A step of the playbook, in its order."""

    step: str
    action: str
    verdict: Verdict | None = Field(description="of what is in the file; null where the step has no case in it")
    missing: Missing | None = Field(description="null where its records are in the file")
    why: str = Field(description="why they are missing, with placeholders; empty where they are not")


class ReplacedMember(_Document):
    """Names of one kind."""

    names: Count = Field(description="how many different ones were replaced")
    places: Count = Field(description="how often")


class CaptureDocument(_Document):
    """The object of `exrun lab capture --format json`, where a file was written. A member is only ever added within
    one number of `schema`."""

    schema_: Literal["exrun.capture/1"] = Field(alias="schema")
    run: str = Field(description="the id of the run that asked")
    file: str = Field(description="as it was named")
    steps: list[StepMember] = Field(min_length=1)
    replaced: dict[Kind, ReplacedMember] = Field(description="by kind of name; every kind")
    not_replaced: list[str] = Field(
        description="names that were told and stand in the file all the same: words that everybody has, and what is "
        "part of an id of the playbook"
    )
    differs: list[str] = Field(description="what is judged otherwise of the file than of the server; else empty")


def document(of: Capture) -> CaptureDocument:
    """As the published schema has it."""
    return CaptureDocument(
        schema=SCHEMA,
        run=of.run,
        file=as_text(of.file),
        steps=[
            StepMember(
                step=as_text(part.step),
                action=as_text(part.action),
                verdict=part.verdict,
                missing=part.missing,
                why=as_text(part.why),
            )
            for part in of.parts
        ],
        replaced={kind: ReplacedMember(names=of.names.met[kind], places=of.names.counts[kind]) for kind in Kind},
        not_replaced=[as_text(each) for each in dict.fromkeys((*of.usual, *of.left))],
        differs=[as_text(each) for each in of.differs],
    )


def to_json(of: Capture) -> str:
    """One object, indented, of printable ASCII only."""
    return json.dumps(document(of).model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=True) + "\n"


def schema_text() -> str:
    """The schema as docs/reference/schemas/capture.json has it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **CaptureDocument.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def lines(of: Capture, catalogue: str | None) -> Iterator[str]:
    """For people.

    Args:
        catalogue: the folder of the user's own rows by which it was judged; None without.
    """
    there = [part for part in of.parts if part.verdict is not None and part.missing is None]
    yield f"{of.file}: {counted(len(there), 'answer')} of {counted(len(of.parts), 'step')}"
    for part in of.parts:
        match part.missing:
            case None:
                yield f"  {part.step}: {part.verdict}"
            case Missing.NOT_ASKED:
                yield f"  {part.step}: {part.why}"
            case _:
                yield f"  {part.step}: THE ANSWER IS MISSING: {part.why}"
    many = sum(of.names.counts.values())
    yield f"Replaced: {_by_kind(of.names.met)}, in {counted(many, 'place')}." if many else "Replaced: nothing."
    for name in dict.fromkeys(of.usual):
        yield f"NOT REPLACED: {name}, for everybody has that word; --replace {name} does."
    for name in dict.fromkeys(of.left):
        yield f"NOT REPLACED: {name} where it is part of an id of the playbook: see action, params and expect."
    if of.differs:
        yield "JUDGED OTHERWISE without the names:"
        yield from (f"  {each}" for each in of.differs)
    if catalogue is not None:
        yield f"It was judged with your own rows: whoever runs it needs --catalogue {catalogue} too."
    yield "What was not told for a name is still in it, and what is compressed is not looked into. READ IT before you"
    yield "send it; write it anew with --replace NAME for what you find."
    yield f"Run it: exrun playbook test {of.file}    What was sent: exrun show {of.run}"


def _by_kind(counts: Counter[Kind]) -> str:
    return ", ".join(counted(counts[kind], _NOUNS[kind]) for kind in Kind if counts[kind])

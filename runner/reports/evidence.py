"""What is kept as evidence: for people, for programs, and as the manifest of what was exported. Pure.

Has a published schema: docs/reference/schemas/evidence.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from runner.custody import Held, Stands
from runner.reports.json import Count, as_text
from runner.terminal import visible

__all__ = ["EvidenceMember", "lines", "member", "schema_text", "to_json"]

SCHEMA: Literal["exrun.evidence/1"] = "exrun.evidence/1"


class EvidenceMember(BaseModel):
    """One file of one server, or one of its alternate streams."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    run: str
    client: str
    host: str
    step: str
    change: str | None = Field(description="the change before which it was kept; null where the store does not say")
    title: str | None = Field(description="of that change")
    path: str | None = Field(description="of the file on the server; null where the store does not say")
    stream: str | None = Field(description="the alternate stream; null for the file itself")
    size: Count = Field(description="bytes, as the journal has it")
    sha256: str | None = Field(description="as the journal has it; null of a stream that was not kept")
    kept: datetime
    stands: Stands = Field(description="whether the store still has what the journal says")
    why: str = Field(description="what is wrong; empty where nothing is")
    file: str | None = Field(description="its name in an export; null where it is in none")


def member(piece: Held, file: str | None = None) -> EvidenceMember:
    """As the published schema has it."""
    line = piece.line
    return EvidenceMember(
        run=as_text(line.run),
        client=as_text(line.client),
        host=as_text(line.host),
        step=as_text(line.step),
        change=None if piece.change is None else as_text(piece.change),
        title=None if piece.title is None else as_text(piece.title),
        path=None if piece.path is None else as_text(piece.path),
        stream=None if line.stream is None else as_text(line.stream),
        size=line.size,
        sha256=line.sha256,
        kept=line.at,
        stands=piece.stands,
        why=as_text(piece.why),
        file=file,
    )


def to_json(found: Sequence[EvidenceMember]) -> str:
    """One object, indented, of printable ASCII only."""
    evidence = [each.model_dump(mode="json") for each in found]
    return json.dumps({"schema": SCHEMA, "evidence": evidence}, indent=2, ensure_ascii=True) + "\n"


def schema_text() -> str:
    """The schema as docs/reference/schemas/evidence.json has it."""
    one: dict[str, Any] = EvidenceMember.model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
    definitions: Mapping[str, Any] = {**one.pop("$defs", {}), "EvidenceMember": one}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": definitions,
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "schema": {"const": SCHEMA},
            "evidence": {
                "type": "array",
                "items": {"$ref": "#/$defs/EvidenceMember"},
                "description": "runs oldest first; of each in the order in which it was kept",
            },
        },
        "required": ["evidence", "schema"],
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def lines(found: Iterable[EvidenceMember]) -> Iterator[str]:
    """For people: two lines a piece, under a line for each run and client."""
    over: tuple[str, str] | None = None
    for each in found:
        if over != (each.run, each.client):
            over = each.run, each.client
            yield f"{visible(each.run)}  {visible(each.client)}"
        path = "a file of which the store does not say where it was" if each.path is None else each.path
        stream = "" if each.stream is None else f", stream {each.stream}"
        yield f"  {visible(each.host)}  {visible(path)}{visible(stream)}"
        digest = "not kept" if each.sha256 is None else each.sha256
        change = f", before {each.change}" if each.change is not None else ""
        yield f"    {digest}  {each.size} bytes, {each.kept:%Y-%m-%d %H:%M:%S} UTC{visible(change)}: {each.stands}"
        if each.why:
            yield f"    {visible(each.why)}"
    if over is None:
        yield "no evidence is kept"

"""The audit as lines of JSON: one a server, which can be written as soon as it has ended, and a last one of them all.

Its schema is published in docs/reference/schemas/audit-line.json. The last line is of the kind `summary`: without it
the lines before are not all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from runner.reports.json import (
    CatalogueMember,
    EndMember,
    HostMember,
    RotateMember,
    RunFindingMember,
    SummaryMember,
    as_text,
    document,
    host_member,
)
from runner.results import FleetResult, HostResult

SCHEMA: Literal["exrun.audit-line/1"] = "exrun.audit-line/1"


class ServerLine(HostMember):
    """One server, as exrun.audit/1 has it. In a stream they stand in the order in which they ended."""

    model_config = ConfigDict(serialize_by_alias=True)

    schema_: Literal["exrun.audit-line/1"] = Field(alias="schema")
    kind: Literal["server"]
    run: str


class SummaryLine(BaseModel):
    """The last line. `summary.hosts` is how many lines of servers stand before it."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    schema_: Literal["exrun.audit-line/1"] = Field(alias="schema")
    kind: Literal["summary"]
    run: str
    catalogue: CatalogueMember
    judged_on: date = Field(description="day as on which was judged: that of the run, unless --as-of named another")
    end: EndMember
    findings: list[RunFindingMember] = Field(description="of the run itself, worst first; those of servers are theirs")
    rotate: list[RotateMember] = Field(
        description="in order, once the compromised servers are clean; empty where none is compromised"
    )
    summary: SummaryMember


Line = Annotated[ServerLine | SummaryLine, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class JsonlReport:
    """A line a server, worst first, then the summary; ASCII only."""

    def render(self, audit: FleetResult) -> str:
        """See Report."""
        return "".join([*(server_line(audit.run, host) for host in audit.hosts), summary_line(audit)])


def server_line(run: str, host: HostResult) -> str:
    """The line of one server, with its line feed."""
    return _line("server", run, host_member(host).model_dump(mode="json"))


def summary_line(audit: FleetResult) -> str:
    """The last line, with its line feed."""
    members = document(audit).model_dump(mode="json", exclude={"schema_", "run", "hosts"})
    return _line("summary", audit.run, members)


def schema_text() -> str:
    """The schema as docs/reference/schemas/audit-line.json has it: of one line."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TypeAdapter(Line).json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _line(kind: str, run: str, members: dict[str, Any]) -> str:
    return json.dumps({"schema": SCHEMA, "kind": kind, "run": as_text(run), **members}, ensure_ascii=True) + "\n"

"""What `exrun doctor` found: lines for people, and one JSON object (docs/reference/schemas/doctor.json)."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from runner.doctor.checks import Check, Checked, Diagnoses, Diagnosis, Standing
from runner.reports.folding import Verbatim, folded
from runner.reports.json import as_text
from runner.terminal import visible
from texts.counting import counted

__all__ = ["DoctorDocument", "document", "json_text", "lines", "schema_text"]

SCHEMA: Literal["exrun.doctor/1"] = "exrun.doctor/1"
Count = Annotated[int, Field(ge=0)]
_NAME = 48  # characters of a server's name in the table; a longer one is cut, and whole in JSON
_SAID = 600  # of one sentence
_NAMED = 3  # servers of one cause that are told one by one
_FURTHER = 40  # those of whom the name alone is told; JSON has all
_ROWS = 20  # of the table


class _Member(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class CheckMember(_Member):
    """One check of one server."""

    check: Check
    standing: Standing = Field(description="skipped: one that it needs failed, or it does not concern this server")
    said: str = Field(description="what was found; may quote the server, never to be trusted")
    cause: str = Field(description="stable word, such as refused or tls; empty where nothing is wrong")
    next: str = Field(description="what to do now; empty where nothing is to be done")


class DoctorHostMember(_Member):
    """One server."""

    name: str
    client: str
    address: str = Field(description="as the inventory has it")
    passes: bool = Field(description="whether every check that concerns it passes")
    checks: list[CheckMember] = Field(description="all of them, in the order of a connection")
    requests: Count = Field(description="HTTP requests sent")
    seconds: float = Field(ge=0)


class DoctorSummaryMember(_Member):
    """Totals."""

    hosts: Count
    passing: Count
    failed: dict[Check, Count] = Field(description="by check: at how many servers it failed or tells neither")


class DoctorDocument(_Member):
    """The result of `exrun doctor --format json`. A member is only ever added within one number of `schema`."""

    model_config = ConfigDict(serialize_by_alias=True)

    schema_: Literal["exrun.doctor/1"] = Field(alias="schema")
    run: str
    why: str = Field(description="why it did not come to its end; empty where it did")
    hosts: list[DoctorHostMember] = Field(description="in the order of the inventory")
    summary: DoctorSummaryMember


def document(found: Diagnoses) -> DoctorDocument:
    """The findings as the published schema has them."""
    return DoctorDocument(
        schema=SCHEMA,
        run=as_text(found.run),
        why=as_text(found.why),
        hosts=[_host(each) for each in found.hosts],
        summary=DoctorSummaryMember(
            hosts=len(found.hosts),
            passing=sum(each.passes for each in found.hosts),
            failed={
                check: sum(any(one.check is check for one in each.failed) for each in found.hosts) for check in Check
            },
        ),
    )


def json_text(found: Diagnoses) -> str:
    """One object, indented, ASCII only."""
    return json.dumps(document(found).model_dump(mode="json"), indent=2, ensure_ascii=True) + "\n"


def schema_text() -> str:
    """The schema as docs/reference/schemas/doctor.json has it."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **DoctorDocument.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def lines(found: Diagnoses, width: int, then: tuple[str, str]) -> Iterator[str]:
    """For a terminal of so many columns: a line for each server and failed check, what to do, totals, what comes next.

    Args:
        then: what is to be done before the next command, and that command, which stands last and whole.
    """
    for line in _lines(found, width):
        yield from line.splitlines() if isinstance(line, Verbatim) else folded([line], width)
    before, command = then
    yield f"next: {before}".rstrip()
    yield f"    {command}"


def _lines(found: Diagnoses, width: int) -> Iterator[str]:
    """Those that are Verbatim are folded already."""
    alone = len({each.client for each in found.hosts}) <= 1
    if len(found.hosts) == 1:
        yield from _whole(found.hosts[0], width)
    else:
        yield from _table(found.hosts, width, alone=alone)
        yield from _causes(found.hosts, alone=alone)
    passing = sum(each.passes for each in found.hosts)
    rest = len(found.hosts) - passing
    total = f"{counted(len(found.hosts), 'server')}: {passing} ready"
    yield f"{total}, {rest} not" if rest else total
    if found.why:
        yield f"not all were examined: {visible(found.why, _SAID)}. {found.next}"


_MARKS: Mapping[Standing, str] = {
    Standing.PASS: "pass",
    Standing.FAIL: "FAIL",
    Standing.SKIPPED: "skipped",
    Standing.UNKNOWN: "UNKNOWN",
}


def _whole(of: Diagnosis, width: int) -> Iterator[str]:
    """Every check of one server, and what to do."""
    yield f"{visible(of.name, _NAME)} of client {visible(of.client, _NAME)}, at {visible(of.address, _NAME)}"
    yield ""
    for each in of.checks:
        lead = f"  {_MARKS[each.standing]:<7}  {each.check:<10}  "
        yield _hung(lead, visible(each.said, _SAID), width)
    yield ""
    for each in of.failed:
        if each.next:
            yield _hung(f"  {each.check}: ", visible(each.next, _SAID), width)
    if of.failed:
        yield ""


def _hung(lead: str, text: str, width: int) -> Verbatim:
    """A sentence behind its lead, folded so that all of it stands there."""
    folds = textwrap.wrap(text, max(width - len(lead), 24), break_on_hyphens=False) or [""]
    return Verbatim(f"\n{' ' * len(lead)}".join([lead + folds[0], *folds[1:]]))


def _table(hosts: Sequence[Diagnosis], width: int, *, alone: bool) -> Iterator[str]:
    """A line for each server and check that did not pass; where these are many, each stands below with its cause."""
    rows = [(_called(host, alone=alone), each) for host in hosts for each in host.failed]
    if not 0 < len(rows) <= _ROWS:
        return
    room = max(len(name) for name, _ in rows)
    for name, each in rows:
        line = f"{name:<{room}}  {each.check:<10}  {each.cause}: "
        yield line + visible(each.said, max(width - len(line), 16))
    yield ""


def _causes(hosts: Sequence[Diagnosis], *, alone: bool) -> Iterator[str]:
    """Each cause once, with its servers and what to do."""
    causes: dict[tuple[Check, str, str], list[tuple[str, Checked]]] = {}
    for host in hosts:
        for each in host.failed:
            causes.setdefault((each.check, each.cause, each.next), []).append((_called(host, alone=alone), each))
    for (check, cause, then), told in causes.items():
        yield f"{check}, {cause}: {counted(len(told), 'server')}"
        for name, each in told[:_NAMED]:
            yield f"  {name}: {visible(each.said, _SAID)}"
        if len(told) > _NAMED:
            further = [name for name, _ in told[_NAMED : _NAMED + _FURTHER]]
            rest = len(told) - _NAMED - len(further)
            yield f"  and {', '.join(further)}{f', and {rest} more' if rest else ''}"
        if then:
            yield f"  next: {then}"
        yield ""


def _called(host: Diagnosis, *, alone: bool) -> str:
    return visible(host.name if alone else f"{host.client}/{host.name}", _NAME)


def _host(of: Diagnosis) -> DoctorHostMember:
    return DoctorHostMember(
        name=as_text(of.name),
        client=as_text(of.client),
        address=as_text(of.address),
        passes=of.passes,
        checks=[
            CheckMember(
                check=each.check,
                standing=each.standing,
                said=as_text(each.said),
                cause=each.cause,
                next=as_text(each.next),
            )
            for each in of.checks
        ],
        requests=of.requests,
        seconds=round(of.seconds, 3),
    )

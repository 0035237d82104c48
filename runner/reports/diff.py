"""What became of a client's servers between two audits: for people and for programs. Pure.

Has a published schema: docs/reference/schemas/diff.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from playbooks.findings import Severity, Verdict
from runner.comparing import Altered, Became, Comparison, ServerChange, Side, Unlike, UnlikeIn
from runner.reports.folding import Command
from runner.reports.json import Count, HostFindingMember, as_text, host_finding
from runner.reports.typed_next import USUAL, Begun, show, word
from runner.reports.wording import in_a_cell
from runner.results import HostFinding
from runner.terminal import visible
from texts.counting import counted

__all__ = [
    "HEADINGS",
    "NEXT",
    "DiffDocument",
    "NotCompared",
    "change_lines",
    "document",
    "following",
    "heading",
    "lines",
    "schema_text",
    "sections",
    "to_json",
    "total",
    "unlike_text",
    "verdicts",
]

SCHEMA: Literal["exrun.diff/1"] = "exrun.diff/1"
NEXT = "    next: "  # how the line of a server's next step begins


class _Member(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class AlteredMember(_Member):
    """A finding that was there both times and says something else now."""

    before: HostFindingMember
    after: HostFindingMember


class SideMember(_Member):
    """A server in one of the audits."""

    verdict: Verdict
    why: str
    next: str
    product: str = Field(description="product, cumulative update and update; empty where unknown")
    build: str = Field(description="empty where unknown")
    clean_since: date | None
    known: list[str] = Field(description="steps of the playbook that were answered and could be judged")
    unknown: list[str] = Field(description="the other steps of the playbook")


class ServerMember(_Member):
    """What became of one server."""

    name: str
    became: Became
    may_be_worse: bool = Field(
        description="worse, changed in a way of which nobody can say that it is not worse, or new and not well"
    )
    before: SideMember | None = Field(description="null where the earlier audit did not have it")
    after: SideMember | None = Field(description="null where the later audit did not have it")
    appeared: list[HostFindingMember] = Field(description="findings of the later audit alone, worst first")
    disappeared: list[HostFindingMember] = Field(
        description="findings of the earlier audit alone, whose step was answered and no longer says them"
    )
    unseen: list[HostFindingMember] = Field(
        description="findings of the earlier audit alone of which nothing is known now"
    )
    altered: list[AlteredMember]


class UnlikeMember(_Member):
    """One thing in which the audits differ, which makes their rows less comparable."""

    what: UnlikeIn
    before: list[str]
    after: list[str]


class ComparisonMember(_Member):
    """Two audits of one client."""

    client: str
    before: str = Field(description="the run's id")
    before_began: datetime
    after: str = Field(description="the run's id")
    after_began: datetime
    unlike: list[UnlikeMember]
    servers: list[ServerMember] = Field(description="each that either has; what asks for a look first")
    counts: dict[Became, Count]


class NotComparedMember(_Member):
    """A client of which there was nothing to compare with."""

    client: str
    run: str
    why: str


class DiffDocument(_Member):
    """The result of `exrun diff --format json`. A member is only ever added within one number of `schema`."""

    model_config = ConfigDict(serialize_by_alias=True)

    schema_: Literal["exrun.diff/1"] = Field(alias="schema")
    comparisons: list[ComparisonMember] = Field(description="one for each client")
    not_compared: list[NotComparedMember]


@dataclass(frozen=True, slots=True)
class NotCompared:
    """A client's part of a run that has nothing to be compared with."""

    client: str
    run: str
    why: str


def document(found: Sequence[Comparison], left: Sequence[NotCompared] = ()) -> DiffDocument:
    """As the published schema has it."""
    return DiffDocument(
        schema=SCHEMA,
        comparisons=[_comparison(each) for each in found],
        not_compared=[
            NotComparedMember(client=as_text(each.client), run=as_text(each.run), why=as_text(each.why))
            for each in left
        ],
    )


def to_json(found: DiffDocument) -> str:
    """One object, indented, of printable ASCII only."""
    return json.dumps(found.model_dump(mode="json"), indent=2, ensure_ascii=True) + "\n"


def schema_text() -> str:
    """The schema as docs/reference/schemas/diff.json has it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **DiffDocument.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _comparison(found: Comparison) -> ComparisonMember:
    return ComparisonMember(
        client=as_text(found.client),
        before=as_text(found.before),
        before_began=found.before_began,
        after=as_text(found.after),
        after_began=found.after_began,
        unlike=[
            UnlikeMember(what=each.what, before=[*map(as_text, each.before)], after=[*map(as_text, each.after)])
            for each in found.unlike
        ],
        servers=[_server(each) for each in found.servers],
        counts=dict(found.counts),
    )


def _server(change: ServerChange) -> ServerMember:
    return ServerMember(
        name=as_text(change.name),
        became=change.became,
        may_be_worse=change.may_be_worse,
        before=_side(change.before),
        after=_side(change.after),
        appeared=[host_finding(each) for each in change.appeared],
        disappeared=[host_finding(each) for each in change.disappeared],
        unseen=[host_finding(each) for each in change.unseen],
        altered=[
            AlteredMember(before=host_finding(each.before), after=host_finding(each.after)) for each in change.altered
        ],
    )


def _side(side: Side | None) -> SideMember | None:
    if side is None:
        return None
    return SideMember(
        verdict=side.verdict,
        why=as_text(side.why),
        next=as_text(side.next),
        product=as_text(side.product),
        build=as_text(side.build),
        clean_since=side.clean_since,
        known=[*map(as_text, side.known)],
        unknown=[*map(as_text, side.unknown)],
    )


HEADINGS: Mapping[Became, str] = MappingProxyType(
    {
        Became.WORSE: "worse",
        Became.CHANGED: "changed, and nobody can say whether for better or worse",
        Became.NEW: "new: the earlier audit did not have them",
        Became.GONE: "gone: the later audit did not have them",
        Became.BETTER: "better",
        Became.SAME: "the same verdict, and not all as it was",
    }
)


def lines(found: Comparison, begun: Begun = USUAL) -> Iterator[str]:
    """All of it, a server at a time: what asks for a look first, the totals and the next command last.

    Args:
        begun: where the runs lie.
    """
    yield from heading(found)
    for became, told in sections(found):
        yield ""
        yield f"{HEADINGS[became]} ({len(told)})"
        for each in told:
            yield f"  {visible(each.name)}  {verdicts(each)}"
            yield from change_lines(each)
    yield ""
    yield total(found)
    yield from following(found, begun)


def heading(found: Comparison) -> Iterator[str]:
    """Which audits these are, and in what they are less comparable."""
    yield (
        f"client {visible(found.client)}: from {visible(found.before)} ({_time(found.before_began)}) to "
        f"{visible(found.after)} ({_time(found.after_began)})"
    )
    for unlike in found.unlike:
        yield f"  take care: {unlike_text(unlike)}"


def sections(found: Comparison) -> Iterator[tuple[Became, Sequence[ServerChange]]]:
    """The servers of which there is something to be told, by what became of them, worst first."""
    for became in HEADINGS:
        told = [each for each in found.servers if each.became is became and each.differs]
        if told:
            yield became, told


def total(found: Comparison) -> str:
    """How many servers became what."""
    counts = ", ".join(f"{count} {became}" for became, count in found.counts.items() if count)
    return f"{counted(len(found.servers), 'server')}: {counts}" if found.servers else "no servers in either"


def following(found: Comparison, begun: Begun) -> Sequence[Command]:
    """The line of the next command; none where no shell takes its names as they are."""
    worst = next((each for each in found.servers if each.may_be_worse and word(each.name)), None)
    then = show(found.after, begun, client=found.client, host="" if worst is None else worst.name)
    return [Command("next", then)] if then else []


def change_lines(change: ServerChange, most: int | None = None) -> Iterator[str]:
    """What is otherwise with a server besides its verdict; the next step last, its line begins with NEXT.

    Args:
        most: findings of a kind, and lines of evidence of one; None for all.
    """
    before, after = change.before, change.after
    if before is not None and after is not None and change.became is not Became.SAME:
        yield f"    now: {visible(after.why)}"
    elif after is not None and before is None:
        yield f"    why: {visible(after.why)}"
    if before is not None and after is not None:
        if (before.product, before.build) != (after.product, after.build):
            yield f"    build: {_build(before)} -> {_build(after)}"
        yield from _named("no longer known", [step for step in after.unknown if step in before.known], most)
        yield from _named("known now", [step for step in before.unknown if step in after.known], most)
        yield from _found("+", change.appeared, most)
        yield from _found("-", change.disappeared, most)
        yield from _named("? not known any more", [each.finding.id for each in _asking(change.unseen)], most)
        yield from _altered(change.altered, most)
    if after is not None and after.next and change.may_be_worse:
        yield f"{NEXT}{visible(after.next)}"


def verdicts(change: ServerChange) -> str:
    """`ok -> attention`; `was ok` of a server that is gone."""
    before, after = change.before, change.after
    was, now = (None if side is None else in_a_cell(side.verdict, side.clean_since) for side in (before, after))
    if was is None or now is None:
        return f"was {was}" if now is None else now
    return now if was == now else f"{was} -> {now}"


def _build(side: Side) -> str:
    said = " ".join(part for part in (side.product, side.build) if part)
    return visible(said) if said else "not known"


def _named(what: str, names: Sequence[str], most: int | None) -> Iterator[str]:
    if names:
        rest = f" and {len(names) - most} more" if most is not None and len(names) > most else ""
        yield f"    {what}: {visible(', '.join(names[:most]))}{rest}"


def _asking(findings: Sequence[HostFinding]) -> Sequence[HostFinding]:
    """Those that ask for something to be done."""
    return [each for each in findings if each.finding.severity is not Severity.INFO]


def _found(sign: str, findings: Sequence[HostFinding], most: int | None) -> Iterator[str]:
    told = [each.finding for each in _asking(findings)]
    for each in told[:most]:
        yield f"    {sign} {each.severity} {visible(each.id)}: {visible(each.title)}"
    yield from _more(told, most, "finding", f"    {sign} ")


def _altered(altered: Sequence[Altered], most: int | None) -> Iterator[str]:
    told = [each for each in altered if {each.before.finding.severity, each.after.finding.severity} != {Severity.INFO}]
    for each in told[:most]:
        old, new = each.before.finding, each.after.finding
        severity = new.severity.value if new.severity is old.severity else f"{old.severity} -> {new.severity}"
        yield f"    ~ {severity} {visible(new.id)}: {visible(new.title)}"
        for sign, evidence in (("+", each.evidence_gained), ("-", each.evidence_lost)):
            for line in evidence[:most]:
                yield f"        {sign} {visible(line)}"
            yield from _more(evidence, most, "line", f"        {sign} ")
    yield from _more(told, most, "finding", "    ~ ")


def _more(told: Sequence[object], most: int | None, what: str, lead: str) -> Iterator[str]:
    if most is not None and len(told) > most:
        yield f"{lead}and {counted(len(told) - most, f'more {what}')}"


def unlike_text(unlike: Unlike) -> str:
    """One thing in which two audits differ, as a sentence of what follows from it."""
    was, now = (visible(", ".join(each)) or "none" for each in (unlike.before, unlike.after))
    match unlike.what:
        case UnlikeIn.PLAYBOOK:
            old, new = (visible(each[0]) for each in (unlike.before, unlike.after))
            said = f"another playbook: {old}, then {new}" if old != new else f"the playbook {new} was edited in between"
            return f"{said}: verdicts of other steps are no better or worse ones"
        case UnlikeIn.STEPS:
            return f"other steps: {was} in the earlier alone or otherwise, {now} in the later"
        case UnlikeIn.SELECTION:
            return f"other servers were asked for: {was}, then {now}; who is gone may only have been left out"
        case UnlikeIn.CATALOGUE:
            return f"judged by tables of another day: {was}, then {now}; a server can differ by that alone"
        case UnlikeIn.OWN_ROWS:
            return f"judged with other rows of your own: {was}, then {now}"
        case UnlikeIn.EXRUN:
            return f"judged by another version of exrun: {was}, then {now}"
        case UnlikeIn.OVERRIDES:
            return f"other safety defaults were switched off: {was}, then {now}"
        case UnlikeIn.ENDING:
            return f"not both came to their end: {was}, then {now}; servers that were not asked are not better"
        case UnlikeIn.NEWER:
            return f"lines of a newer exrun, whose words are not known here: {was}, then {now}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"

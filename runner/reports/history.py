"""What an audit's page says of the audits before it: what changed since one of them, and how the fleet stood over time.

Pure. Everything in it that a server said is tainted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from playbooks.findings import Severity, Verdict
from runner.comparing import Became, Comparison, ServerChange
from runner.reports.diff import HEADINGS
from runner.reports.picture import FULL, SAID, Shade, bar_of, shade
from runner.reports.wording import in_a_cell
from runner.results import FleetResult, HostFinding
from texts.counting import counted

__all__ = ["MOST", "Changed", "History", "Past", "Trend", "changed", "trend"]

MOST = 40  # servers of one heading that a page names
_FINDINGS = 3  # of one server
Side = Literal["start", "middle", "end"]
_TIME = "%Y-%m-%d %H:%M"
_NAMED = 5  # runs whose times stand below the drawing


@dataclass(frozen=True, slots=True)
class Past:
    """How one client's fleet stood in one audit."""

    run: str
    began: datetime
    verdicts: tuple[Verdict, ...]

    @classmethod
    def of(cls, began: datetime, audit: FleetResult) -> Past:
        """The rows of an audit as verdicts alone."""
        return cls(audit.run, began, tuple(host.verdict for host in audit.hosts))


@dataclass(frozen=True, slots=True)
class History:
    """The audits of one client before this one.

    Attributes:
        comparison: with one of them; None where there is none, and `why` says so.
        past: those of the same playbook, the oldest first, this one last.
        left_out: runs that would be among them and do not verify, or are too large to be read along.
    """

    comparison: Comparison | None
    why: str
    past: tuple[Past, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Area:
    """The servers that stood alike, over all audits; `points` of FULL by FULL."""

    shade: Shade
    said: str
    points: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A time below the drawing: `x` from the left in percent, and which side of the text is there."""

    x: str
    side: Side
    said: str


@dataclass(frozen=True, slots=True)
class PastRun:
    """One audit in words."""

    began: str
    hosts: int
    said: str


@dataclass(frozen=True, slots=True)
class Trend:
    """How the fleet stood over time: drawn, and the same in words, the newest first.

    Attributes:
        most: servers of the largest audit: as high as the drawing.
    """

    areas: tuple[Area, ...]
    marks: tuple[Mark, ...]
    most: int
    runs: tuple[PastRun, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One server that is not as it was."""

    name: str
    was: str
    now: str
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """The servers of which one thing became, at most MOST of them; `more` are not named."""

    became: Became
    heading: str
    count: int
    rows: tuple[Row, ...]
    more: int


def changed(comparison: Comparison) -> tuple[Changed, ...]:
    """What asks for a look first; servers that are as they were are not among them."""
    return tuple(_changed(comparison.servers))


def trend(past: Sequence[Past]) -> Trend | None:
    """How many servers stood how in each audit, what is to be acted on at the bottom; None where there is only one.

    One step to the right is one audit, whatever time lay between them: the times stand below.
    """
    if len(past) < 2:
        return None
    most = max(1, *(len(each.verdicts) for each in past))
    heights = [_heights(each.verdicts, most) for each in past]
    at = [FULL * number // (len(past) - 1) for number in range(len(past))]
    areas, below = [], [0] * len(past)
    for name, said in SAID.items():
        above = [low + found[name] for low, found in zip(below, heights, strict=True)]
        if above != below:
            edge = [*zip(at, above, strict=True), *reversed([*zip(at, below, strict=True)])]
            areas.append(Area(name, said, " ".join(f"{x},{FULL - y}" for x, y in edge)))
        below = above
    runs = tuple(
        PastRun(each.began.strftime(_TIME), len(each.verdicts), _said(each.verdicts)) for each in reversed(past)
    )
    return Trend(tuple(areas), tuple(_marks(past, at)), most, runs)


def _heights(verdicts: Sequence[Verdict], most: int) -> Counter[Shade]:
    """Of FULL, as the bar of the picture has it: a single server is high enough to be seen."""
    found = Counter(map(shade, verdicts))
    parts = bar_of("", [(each, found[each], each) for each in SAID], most).parts
    return Counter({part.shade: part.width for part in parts})


def _marks(past: Sequence[Past], at: Sequence[int]) -> Iterator[Mark]:
    last = len(past) - 1
    named = sorted({last * number // (_NAMED - 1) for number in range(_NAMED)})
    for number in named:
        side: Side = "start" if number == 0 else "end" if number == last else "middle"
        yield Mark(f"{at[number] / 10:g}%", side, past[number].began.strftime(_TIME))


def _said(verdicts: Sequence[Verdict]) -> str:
    """`3 vulnerable, 2 ok`."""
    found = Counter(verdicts)
    return ", ".join(f"{found[each]} {each}" for each in Verdict if found[each])


def _changed(servers: Sequence[ServerChange]) -> Iterator[Changed]:
    for became, heading in HEADINGS.items():
        found = [each for each in servers if each.became is became and each.differs]
        if found:
            rows = tuple(_row(each) for each in found[:MOST])
            yield Changed(became, heading, len(found), rows, max(len(found) - MOST, 0))


def _row(change: ServerChange) -> Row:
    was, now = (
        "-" if side is None else in_a_cell(side.verdict, side.clean_since) for side in (change.before, change.after)
    )
    return Row(change.name, was, now, tuple(_told(change)))


def _told(change: ServerChange) -> Iterator[str]:
    before, after = change.before, change.after
    if before is None or after is None:
        return
    if (before.product, before.build) != (after.product, after.build):
        yield f"build {before.build or 'not known'}, now {after.build or 'not known'}"
    unknown = [step for step in after.unknown if step not in before.unknown]
    if unknown:
        yield f"no longer known: {', '.join(unknown)}"
    altered = [each.after for each in change.altered]
    for sign, findings in (("new", change.appeared), ("gone", change.disappeared), ("otherwise", altered)):
        yield from _named(sign, findings)
    yield from _named("not known any more", change.unseen)


def _named(sign: str, findings: Sequence[HostFinding]) -> Iterator[str]:
    told = [each.finding for each in findings if each.finding.severity is not Severity.INFO]
    for each in told[:_FINDINGS]:
        yield f"{sign}: {each.title}"
    if len(told) > _FINDINGS:
        yield f"{sign}: {counted(len(told) - _FINDINGS, 'more finding')}"


def counts(comparison: Comparison) -> Mapping[Became, int]:
    """How many servers became what; what none did is left out."""
    return {became: count for became, count in comparison.counts.items() if count}

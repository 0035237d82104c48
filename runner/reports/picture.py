"""A picture of the fleet: how many servers stand how, as bars; by site, DAG and role where servers have such labels.

Pure: numbers in, widths out. A bar is drawn as SVG by the page, which says the same in words beside it: colour alone
tells nobody anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from playbooks.findings import Verdict
from runner.reports.wording import tone
from runner.results import HostResult

__all__ = [
    "BY",
    "FULL",
    "SAID",
    "Bar",
    "Part",
    "Picture",
    "Shade",
    "Tile",
    "bar",
    "bar_of",
    "picture",
    "shade",
    "tiles",
]

FULL = 1000  # the width of the longest bar
BY = ("site", "dag", "role")  # the labels by which a fleet is drawn
MOST = 12  # bars of one label; the others are drawn as one
_LEAST = 8  # the width of a part with a single server, so that it is seen
_BLIND = frozenset({Verdict.UNREACHABLE, Verdict.NO_CREDENTIAL, Verdict.NOT_ASKED, Verdict.UNKNOWN})

Shade = Literal["grave", "open", "blind", "well"]
SAID: Mapping[Shade, str] = {
    "grave": "to act on now",
    "open": "to look into",
    "blind": "not known",
    "well": "nothing found",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """A number that is read before anything else, and what it is of."""

    shade: Shade
    count: int
    said: str


@dataclass(frozen=True, slots=True)
class Part:
    """What of one bar is the same, such as the servers with one verdict; `x` and `width` of FULL."""

    name: str
    count: int
    shade: Shade
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One group of servers. `name` is tainted, and empty where they are those without the label."""

    name: str
    hosts: int
    parts: tuple[Part, ...]

    @property
    def said(self) -> str:
        """`3 vulnerable, 2 ok`."""
        return ", ".join(f"{part.count} {part.name}" for part in self.parts)


@dataclass(frozen=True, slots=True)
class Picture:
    """A fleet by one label; `by` is empty where it is the fleet as a whole.

    Attributes:
        more: how many groups the last bar stands for; 0 where each has its own.
        several: whether a server counts in more than one of them.
    """

    by: str
    bars: tuple[Bar, ...]
    more: int = 0
    several: bool = False


def shade(verdict: Verdict) -> Shade:
    """How a verdict is drawn: as `tone` has it, and apart from these what is not known."""
    return "blind" if verdict in _BLIND else tone(verdict)


def tiles(hosts: Sequence[HostResult]) -> tuple[Tile, ...]:
    """All servers, each in one of the four; one that holds none is there too, with 0."""
    shades = [shade(host.verdict) for host in hosts]
    return tuple(Tile(each, shades.count(each), said) for each, said in SAID.items())


def picture(hosts: Sequence[HostResult]) -> tuple[Picture, ...]:
    """The fleet as a whole, then by each label of BY by which there is more than one group."""
    if not hosts:
        return ()
    whole = Picture("", (bar("", [host.verdict for host in hosts], len(hosts)),))
    return (whole, *_by_labels(hosts))


def _by_labels(hosts: Sequence[HostResult]) -> Iterator[Picture]:
    for label in BY:
        groups: dict[str, list[Verdict]] = {}
        several = False
        for host in hosts:
            values = host.labels.get(label, ())
            several = several or len(values) > 1
            for value in values or ("",):
                groups.setdefault(value, []).append(host.verdict)
        if len(groups) > 1:
            yield _drawn(label, groups, several)


def _drawn(label: str, groups: Mapping[str, Sequence[Verdict]], several: bool) -> Picture:
    ordered = sorted(groups.items(), key=lambda group: (*_weight(group[1]), group[0].casefold(), group[0]))
    shown, rest = (ordered, []) if len(ordered) <= MOST else (ordered[: MOST - 1], ordered[MOST - 1 :])
    others = [verdict for _, verdicts in rest for verdict in verdicts]
    most = max(len(others), *(len(verdicts) for _, verdicts in shown))
    bars = [bar(name, verdicts, most) for name, verdicts in shown]
    return Picture(label, (*bars, *([bar("", others, most)] if rest else [])), len(rest), several)


def _weight(verdicts: Iterable[Verdict]) -> tuple[int, int]:
    """Where the worst is worst, and of these where there is most of it."""
    ranks = [verdict.rank for verdict in verdicts]
    return min(ranks), -ranks.count(min(ranks))


def bar(name: str, verdicts: Sequence[Verdict], most: int) -> Bar:
    """One bar of servers, of which the length is to that of the longest as `verdicts` are to `most`."""
    return bar_of(name, [(each, verdicts.count(each), shade(each)) for each in Verdict], most)


def bar_of(name: str, counts: Sequence[tuple[str, int, Shade]], most: int) -> Bar:
    """One bar, of what there is none of left out; the longest has `most`, 1 at least."""
    there = [each for each in counts if each[1]]
    total = sum(count for _, count, _ in there)
    widths = _widths([count for _, count, _ in there], max(FULL * total // most, _LEAST * len(there)))
    parts, x = [], 0
    for (said, count, shaded), width in zip(there, widths, strict=True):
        parts.append(Part(str(said), count, shaded, x, width))
        x += width
    return Bar(name, total, tuple(parts))


def _widths(counts: Sequence[int], room: int) -> list[int]:
    """Shares of `room` that come to all of it, none below _LEAST."""
    spare = room - _LEAST * len(counts)
    total = sum(counts)
    edges = [0]
    for count in counts:
        edges.append(edges[-1] + count)
    return [_LEAST + spare * high // total - spare * low // total for low, high in pairwise(edges)]

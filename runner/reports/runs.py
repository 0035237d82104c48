"""Which runs there are, a line each: for people and for programs. Pure.

Has a published schema: docs/reference/schemas/runs.json.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import Literal

from runner.reports.status import Doing, Going, RunMember, schema_of_runs
from runner.terminal import visible
from texts.counting import counted

__all__ = ["lines", "schema_text", "to_json"]

SCHEMA: Literal["exrun.runs/1"] = "exrun.runs/1"
_CLIENT = 24  # characters of a client's name in its column
_LEAST = 44  # columns below which what came of a run has a line of its own
_UNBROKEN = "\u00a0"  # between words that stay on one line
_HEADS = ("RUN", "CLIENT", "DID", "ENDED", "WHAT CAME OF IT")
_ENDED = {
    Going.RUNNING: "running",
    Going.KILLED: "killed",
    Going.INTERRUPTED: "interrupted",
    Going.ENDED: "yes",
    Going.UNREADABLE: "unreadable",
}


def to_json(found: Sequence[RunMember], earlier: int) -> str:
    """One object, indented, of printable ASCII only."""
    runs = [each.model_dump(mode="json") for each in found]
    return json.dumps({"schema": SCHEMA, "runs": runs, "earlier": earlier}, indent=2, ensure_ascii=True) + "\n"


def schema_text() -> str:
    """The schema as docs/reference/schemas/runs.json has it."""
    earlier = {"type": "integer", "minimum": 0, "description": "runs that there are beside these, all older"}
    return schema_of_runs(SCHEMA, "each client's part of each run, the newest run first", {"earlier": earlier})


def lines(found: Sequence[RunMember], earlier: int, width: int | None) -> Iterator[str]:
    """For people: a line for each client's part of a run, then how many there are beside.

    Args:
        earlier: runs that are older than these.
        width: columns of the terminal; None for a pipe, which gets a line whatever its length.
    """
    rows = [_row(each) for each in found]
    widths = [max(len(row[at]) for row in (_HEADS, *rows)) for at in range(4)]
    if rows:
        for row in (_HEADS, *rows):
            lead = "  ".join(f"{cell:{room}}" for cell, room in zip(row, widths, strict=False))
            yield from _fitted(lead, row[4], width)
    if earlier:
        shown = len({each.run for each in found})
        yield f"{counted(earlier, 'earlier run')} beside: exrun runs --last {shown + earlier}"


def _fitted(lead: str, rest: str, width: int | None) -> Iterator[str]:
    """One line where there is room for it, else what came of it in a column of its own, or below."""
    if width is None or len(lead) + 2 + len(rest) <= width:
        yield f"{lead}  {rest}".rstrip().replace(_UNBROKEN, " ")
        return
    room = width - len(lead) - 2
    beside = room >= _LEAST
    indent = f"{' ' * len(lead)}  " if beside else "  "
    broken = textwrap.wrap(rest, max(room if beside else width - 2, 20), break_on_hyphens=False)
    told = [line.replace(_UNBROKEN, " ") for line in broken]
    if beside:
        yield f"{lead}  {told.pop(0)}"
    else:
        yield lead.rstrip()
    yield from (f"{indent}{line}" for line in told if rest != _HEADS[-1])


def _row(each: RunMember) -> tuple[str, str, str, str, str]:
    doing = "-" if each.doing is None else each.doing.value
    return visible(each.run), visible(each.client, _CLIENT), doing, _ENDED[each.going], _came(each)


def _came(each: RunMember) -> str:
    """`exchange-audit, 8 servers: 1 vulnerable, 7 ok`, and what is out of order."""
    if each.going is Going.UNREADABLE:
        return visible(each.why)
    of = {word.value: count for word, count in each.verdicts.items()} if each.doing in _LOOKS else each.outcomes
    came = [f"{count}{_UNBROKEN}{word}" for word, count in of.items()]
    if each.ended < each.hosts and each.doing in _LOOKS:
        came.append(f"{each.hosts - each.ended}{_UNBROKEN}not{_UNBROKEN}asked")
    said = f"{visible(each.playbook)}, {counted(each.hosts, 'server')}"
    said += f": {', '.join(came)}" if came else ""
    if each.in_doubt:
        said += f"; {counted(each.in_doubt, 'script')} in doubt"
    if each.going is Going.KILLED and each.last is not None:
        said += f"; last heard of {each.last:%Y-%m-%d %H:%M:%S} UTC"
    return f"{said}; {visible(each.why)}" if each.why else said


_LOOKS = (Doing.AUDIT, Doing.PLAN)

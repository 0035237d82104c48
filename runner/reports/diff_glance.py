"""What became of servers at a glance: those of which the same is to be told stand together, the worst in full.

Comparisons, width -> groups -> Painted lines

For a terminal at most MOST_LINES for all clients together, but for what clients need at the least; where no width is
given every name and every line is there. No difference hides in a group: what makes one is all that `exrun diff
--details` says of each of its servers. Every server of which something is to be told is named or counted once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from runner.comparing import Became, Comparison, ServerChange
from runner.reports import typed_next
from runner.reports.diff import HEADINGS, NEXT, change_lines, following, heading, sections, total, verdicts
from runner.reports.fitting import broken, cells, names_in, shortened
from runner.reports.folding import Command, folded
from runner.reports.grouping import Entry, Painted, entries_of, limited, rows
from runner.reports.typed_next import USUAL, Begun
from runner.terminal import visible

__all__ = ["MOST_LINES", "Group", "groups_of", "screen"]

MOST_LINES = 60
_LEAST = 24  # lines of one client, however many there are
_MOST = 3  # findings of a kind, and lines of evidence of one
_BLOCK_LINES = 12  # of one group, where there are many
_LEAST_ROOM = 8  # for servers
_PIPED = 100  # columns of names, where no terminal says how many it has
_TABLE = ("BECAME", "SERVER", "FROM, TO AND WHY")
_TONES: Mapping[Became, str] = MappingProxyType(
    {Became.WORSE: "grave", Became.CHANGED: "open", Became.NEW: "open", Became.GONE: "open", Became.BETTER: "well"}
)


@dataclass(frozen=True, slots=True)
class Group:
    """Servers of which the same is to be told, however it is shown.

    Attributes:
        entry: their names, as they are shown; its reason is all that is to be told.
        changes: the same servers, in the same order.
    """

    became: Became
    entry: Entry
    changes: tuple[ServerChange, ...]


def groups_of(found: Comparison) -> tuple[Group, ...]:
    """All servers of which something is to be told: the worst first, of those the groups that hold most."""
    return tuple(group for became, changes in sections(found) for group in _groups(became, changes))


def _groups(became: Became, changes: Sequence[ServerChange]) -> Sequence[Group]:
    entries = entries_of(
        (verdicts(each), _TONES.get(became, ""), visible(each.name), "\n".join(change_lines(each)), _rank(each))
        for each in changes
    )
    made = [Group(became, each, tuple(changes[place] for place, _ in each.names)) for each in entries]
    return sorted(made, key=lambda each: (each.entry.rank, -len(each.changes), each.entry.names[0]))


def _rank(change: ServerChange) -> int:
    side = change.before if change.after is None else change.after
    return 0 if side is None else side.verdict.rank


def screen(found: Sequence[Comparison], width: int | None, begun: Begun = USUAL) -> Iterator[Painted]:
    """The lines of all clients, the totals and the next command of each last.

    Args:
        width: cells of a terminal, which no line but a command is wider than; None for a pipe or a file.
        begun: where the runs lie.
    """
    whole = [_in_full(each, width, begun) for each in found]
    left = MOST_LINES
    for number, (each, lines) in enumerate(zip(found, whole, strict=True)):
        if number:
            yield Painted("")
        others = sum(1 + min(len(other), _LEAST) for other in whole[number + 1 :])
        room = max(left - others, _LEAST)
        shown = lines if width is None or len(lines) <= room else tuple(_within(each, width, begun, room))
        left -= 1 + len(shown)
        yield from shown


def _in_full(found: Comparison, width: int | None, begun: Begun) -> tuple[Painted, ...]:
    groups = groups_of(found)
    return (
        *_folded(heading(found), width),
        *_blocks(groups, groups, width, None),
        Painted(""),
        *_folded((total(found), *following(found, begun)), width),
    )


def _within(found: Comparison, width: int, begun: Begun, room: int) -> Iterator[Painted]:
    """In at most so many lines, as far as the heading leaves any: the worst in full, the others a row each."""
    groups = groups_of(found)
    head = [line for text in heading(found) for line in limited(text.strip(), width, len(text) - len(text.strip()), 3)]
    every = typed_next.diff(found.after, found.before, begun, client=found.client)
    all_of_it = [Command("all of it", every)] if every else []
    ends = [*_folded((total(found), *all_of_it, *following(found, begun)), width)]
    yield from head
    yield from _servers(groups, width, max(room - len(head) - len(ends) - 1, _LEAST_ROOM))
    yield Painted("")
    yield from ends


def _servers(groups: Sequence[Group], width: int, room: int) -> Sequence[Painted]:
    """As many groups in full as leave every other its row; where not all have one, the worst, and rows for the others.

    What has no row is counted.
    """
    most = max(_BLOCK_LINES, room // max(len(groups), 1) - 4)
    for shown in range(min(len(groups), room), 0, -1):
        blocks = [*_blocks(groups[:shown], groups, width, most)]
        if len(blocks) + 1 + len(groups) - shown > room and shown > 1:
            continue
        left = room - len(blocks) - 1
        rest = _rows(groups[shown:], width, room * len(groups))
        if len(blocks) + bool(rest) + len(rest) <= room:
            return [*blocks, *([Painted("")] if rest else []), *rest]
        if shown == 1:
            return [*blocks, Painted(""), *_rows(groups[1:], width, left)]
    return []


def _rows(groups: Sequence[Group], width: int, room: int) -> tuple[Painted, ...]:
    entries = tuple(
        replace(
            each.entry,
            label=str(each.became),
            why="; ".join((each.entry.label, *map(str.strip, change_lines(each.changes[0])))),
        )
        for each in groups
    )
    return rows(entries, (), width, room, _TABLE)


def _blocks(shown: Sequence[Group], groups: Sequence[Group], width: int | None, most: int | None) -> Iterator[Painted]:
    """Groups in full below what became of their servers, with how many servers of all groups that is."""
    before: Became | None = None
    for each in shown:
        if each.became is not before:
            before = each.became
            of_it = sum(len(other.changes) for other in groups if other.became is before)
            head = f"{HEADINGS[before]} ({of_it})"
            yield Painted("")
            yield from (Painted(line, _TONES.get(before, ""), len(line)) for line in _broken(head, width))
        yield from _block(each, width, most)


def _block(group: Group, width: int | None, most: int | None) -> Iterator[Painted]:
    names = [name for _, name in group.entry.names]
    who = group.entry.who if width is None else shortened(group.entry.who, width - 2)
    yield from _folded([f"  {who}  {group.entry.label}"], width)
    if len(names) > 1:
        written = _all_names(names) if width is None else names_in(names, width - 4, 2)
        yield from (Painted(f"    {line}") for line in written)
    told = [*change_lines(group.changes[0], None if width is None else _MOST)]
    last = [told.pop()] if told and told[-1].startswith(NEXT) else []
    lines_told, then = [*_folded(told, width)], [*_folded(last, width)]
    if most is not None and width is not None and len(lines_told) + len(then) > most:
        kept = max(most - len(then) - 1, 1)
        yield from lines_told[:kept]
        if rest := len(lines_told) - kept:
            yield Painted(f"    and {rest} further lines of that")
    else:
        yield from lines_told
    yield from then


def _all_names(names: Sequence[str]) -> Iterator[str]:
    line = names[0]
    for name in names[1:]:
        if cells(further := f"{line}, {name}") <= _PIPED:
            line = further
        else:
            yield f"{line},"
            line = name
    yield line


def _broken(text: str, width: int | None) -> Iterator[str]:
    return iter([text]) if width is None else broken(text, width, 2)


def _folded(lines: Iterator[str] | Sequence[str], width: int | None) -> Iterator[Painted]:
    return (Painted(line) for line in folded(lines, width))

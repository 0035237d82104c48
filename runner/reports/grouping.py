"""Servers in the lines of a terminal: those that say the same stand together, and every one is named or counted. Pure.

Entries, worst kind first; folds of what is well; width, lines -> Painted lines
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from runner.reports.fitting import broken, cells, fitted, names_in, padded, shortened
from runner.reports.folding import Verbatim, folded
from texts.counting import counted

__all__ = ["Entry", "Painted", "entries_of", "limited", "plain", "rows"]

_NAMES_LINES = (2, 1)  # of the names of one group; the second where there are too many groups
_WIDEST_LABEL = 14  # cells of their column; a longer one pushes its own line to the right
_GAP = "  "
_LEAST_WORDS = 16  # cells: with fewer behind it a name has its reason on the next line
_STYLES: Mapping[str, str] = MappingProxyType({"grave": "1;31", "open": "33", "well": "32"})


@dataclass(frozen=True, slots=True)
class Painted:
    """One line, and of it what is coloured.

    Attributes:
        tone: `grave`, `open` or `well`; empty for none.
        coloured: characters from its beginning.
    """

    text: str
    tone: str = ""
    coloured: int = 0

    def with_colour(self) -> str:
        """As a terminal takes it (ECMA-48, SGR)."""
        if not self.tone or not self.coloured:
            return self.text
        head, rest = self.text[: self.coloured], self.text[self.coloured :]
        return f"\x1b[{_STYLES[self.tone]}m{head}\x1b[0m{rest}"


@dataclass(frozen=True, slots=True)
class Entry:
    """Servers that are shown together; of one server its row. All that is in it is fit to be shown.

    Attributes:
        label: what they came to, in a word; `tone` its colour.
        names: of each server its place in the order of the whole fleet, and its name; worst first, never empty.
        why: the reason, whatever its length.
        causes: how many different reasons they have, of which `why` is the first; 0 for a fold.
        rank: what stands first among those of one label: the least.
    """

    label: str
    tone: str
    names: tuple[tuple[int, str], ...]
    why: str
    causes: int = 1
    rank: int = 0

    @property
    def who(self) -> str:
        """`EX1`, `12 servers`."""
        return self.names[0][1] if len(self.names) == 1 else counted(len(self.names), "server")


def entries_of(rows: Iterable[tuple[str, str, str, str, int]]) -> tuple[Entry, ...]:
    """Those together that have the same label and reason.

    Args:
        rows: label, tone, name, reason and rank of each server, the worst first.
    """
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    first: dict[tuple[str, str], tuple[str, int]] = {}
    for place, (label, tone, name, why, rank) in enumerate(rows):
        found.setdefault((label, why), []).append((place, name))
        first.setdefault((label, why), (tone, rank))
    return tuple(
        Entry(label, first[label, why][0], tuple(names), why, rank=first[label, why][1])
        for (label, why), names in found.items()
    )


def rows(
    entries: Sequence[Entry], folds: Sequence[Entry], width: int, room: int, heading: tuple[str, str, str]
) -> tuple[Painted, ...]:
    """A heading, then lines of servers: at most `room` of them as far as every label can have its least.

    The room beyond that goes to the labels that stand first; what of a label does not fit is counted as one.

    Args:
        entries: those of one label beside each other, the worst label first.
        heading: what the three columns are called.
    """
    if not entries and not folds:
        return ()
    lines: tuple[Painted, ...] = ()
    for most in _NAMES_LINES:
        shown = _within_room(entries, _Layout(width, most), room - 1 - 2 * len(folds))
        columns = _Columns.of((*shown, *folds), width, heading)
        told = [line for entry in shown for line in _entry(entry, columns, most)]
        told += [line for fold in folds for line in _entry(fold, columns, 1)]
        label, who, why = heading
        head = Painted(f"{padded(label, columns.label)}{_GAP}{padded(who, columns.who)}{_GAP}{why}")
        lines = (head, *told)
        if len(lines) <= room:
            break
    return lines


def plain(texts: Iterable[str], width: int, hang: int = 2) -> Iterator[Painted]:
    """Texts of any length in lines without colour; what is Verbatim stays in one piece."""
    return (
        Painted(line)
        for text in texts
        for line in (folded([text], width) if isinstance(text, Verbatim) else broken(text, width, hang))
    )


def limited(text: str, width: int, lead: int, lines: int) -> Iterator[Painted]:
    """A text `lead` cells further in, in at most so many lines; where it is longer, the last ends in `...`."""
    whole = list(broken(f"{' ' * lead}{text}", width, lead + 2))
    for line in whole[: lines - 1]:
        yield Painted(line)
    if len(whole) == lines:
        yield Painted(whole[-1])
    elif len(whole) > lines:
        yield Painted(fitted(f"{whole[lines - 1]} {whole[lines].strip()} ...", width))


@dataclass(frozen=True, slots=True)
class _Layout:
    """What says how many lines an entry takes at most."""

    width: int
    names_lines: int

    def height(self, entries: Sequence[Entry]) -> int:
        return sum(self._one(each) for each in entries)

    def _one(self, entry: Entry) -> int:
        if len(entry.names) > 1:
            return 1 + self.names_lines
        beside = max(len(entry.label), _WIDEST_LABEL) + 2 * len(_GAP) + _LEAST_WORDS
        return 1 if cells(entry.who) + beside <= self.width else 2


def _within_room(entries: Sequence[Entry], layout: _Layout, room: int) -> tuple[Entry, ...]:
    by_label: dict[str, list[Entry]] = {}
    for entry in entries:
        by_label.setdefault(entry.label, []).append(entry)
    for of_it in by_label.values():
        of_it.sort(key=lambda each: (each.rank, -len(each.names), each.names[0]))
    least = {label: min(layout.height(of_it), 1 + layout.names_lines) for label, of_it in by_label.items()}
    spare = max(room - sum(least.values()), 0)
    found: list[Entry] = []
    for label, of_it in by_label.items():
        shown = _of_label(of_it, layout, least[label] + spare)
        spare = max(spare + least[label] - layout.height(shown), 0)
        found += shown
    return tuple(found)


def _of_label(entries: Sequence[Entry], layout: _Layout, room: int) -> Sequence[Entry]:
    """As many as have room, worst first; the rest as one."""
    if layout.height(entries) <= room:
        return entries
    shown: list[Entry] = []
    for entry in entries:
        if layout.height([*shown, entry]) + 1 + layout.names_lines > room:
            break
        shown.append(entry)
    rest = entries[len(shown) :]
    names = tuple(sorted(name for each in rest for name in each.names))
    first = next(each for each in rest if each.names[0] == names[0])
    return [*shown, Entry(first.label, first.tone, names, first.why, len(rest))]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Cells of the columns, and of the whole line."""

    label: int
    who: int
    width: int

    @classmethod
    def of(cls, entries: Sequence[Entry], width: int, heading: tuple[str, str, str]) -> _Columns:
        labels = [wide for each in entries if (wide := len(each.label)) <= _WIDEST_LABEL]
        label = max([*labels, len(heading[0])])
        most = max((width - label) // 2 - len(_GAP), len(heading[1]))
        fitting = [wide for each in entries if (wide := cells(each.who)) <= most]
        return cls(label, max([*fitting, len(heading[1])]), width)

    @property
    def names(self) -> int:
        """Where names of a group begin."""
        return self.label + len(_GAP)


def _entry(entry: Entry, columns: _Columns, names_lines: int) -> Iterator[Painted]:
    word, width, indent = entry.label, columns.width, " " * columns.names
    label, who, why = padded(word, columns.label), entry.who, entry.why
    names = [name for _, name in entry.names]

    def painted(text: str) -> Painted:
        return Painted(text.rstrip(" "), entry.tone, len(word))

    lead = f"{label}{_GAP}{padded(who, columns.who)}{_GAP}"
    room = width - cells(lead)
    if len(names) > 1 and not entry.causes:  # a fold: its names stand where others have their reason
        yield painted(f"{lead}{fitted(why, room) if why else names_in(names, room, 1)[0]}")
        if why:
            yield from (Painted(f"{indent}{line}") for line in names_in(names, width - len(indent), 1))
        return
    if entry.causes > 1:
        why = f"{entry.causes} reasons, the first: {why}"
    if room >= min(_LEAST_WORDS, cells(why)) and cells(lead.rstrip(" ")) <= width:
        yield painted(f"{lead}{fitted(why, room)}")
    elif cells(f"{label}{_GAP}{who}") <= width:
        yield painted(f"{label}{_GAP}{who}")
        yield Painted(f"{indent}{_GAP}{fitted(why, width - len(indent) - len(_GAP))}".rstrip(" "))
    else:  # the name alone takes the line
        yield painted(f"{label}{_GAP}{fitted(why, width - cells(label) - len(_GAP))}")
        yield Painted(f"{_GAP}{shortened(who, width - len(_GAP))}")
    if len(names) > 1:
        lead = indent if cells(names[0]) + len(indent) + len(" and 9999 more") <= width else _GAP
        yield from (Painted(f"{lead}{line}") for line in names_in(names, width - len(lead), names_lines))

"""Servers of an inventory in lines of a terminal: names and every other word whole, columns as far as they have room.

Hosts, width -> lines

Where not all columns have room, what all servers have alike is told once behind them; where that does not do either,
each server has lines of its own. A word wider than the terminal is left to it: so it can still be copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inventory.model import Host, LabelValues, label_text
from runner.reports.fitting import cells, padded
from runner.terminal import visible

__all__ = ["host_lines"]

_HEADINGS = ("SERVER", "ADDRESS", "HOW", "ACCOUNT", "LABELS", "GROUPS", "WRITTEN IN")
_OF_EACH = {0, 1, 6}  # never told once for all
_LISTS = {2, 3, 4, 5}  # columns of several words, of which some may stand below others
_GAP = "  "
_INDENT = "    "
_LEAST = 20  # cells of a column that is to have words below others, unless it needs fewer


def host_lines(hosts: Sequence[Host], width: int | None) -> Iterator[str]:
    """A heading and the servers, one after the other.

    Args:
        width: cells of the terminal; None for a pipe or a file, which gets a line a server.
    """
    rows = [[visible(cell) for cell in _cells(host)] for host in hosts]
    every = range(len(_HEADINGS))
    if (table := _Table.of(rows, every, width)) is not None:
        yield from table.lines(rows)
        return
    assert width is not None  # without one there is always room
    alike = [at for at in every if at not in _OF_EACH and len(rows) > 1 and len({row[at] for row in rows}) == 1]
    left = [at for at in every if at not in alike]
    if (table := _Table.of(rows, left, width) or _Table.narrow(rows, left, width)) is not None:
        yield from table.lines(rows)
    else:
        for row in rows:
            yield from _alone(row, left, width)
    if alike:
        told = "; ".join(f"{_HEADINGS[at].lower()}: {rows[0][at]}" for at in alike)
        yield from _hanging(f"of each: {told}", width, "  ")


def _cells(host: Host) -> tuple[str, ...]:
    return (
        host.key,
        f"{host.address}:{host.port}",
        f"{host.scheme}, {host.authentication}",
        " ".join(part for part in (host.user, f"({host.credential})" if host.credential else None) if part) or "-",
        ", ".join(f"{label}={_value(values)}" for label, values in host.labels.items()) or "-",
        ", ".join(sorted(host.groups)) or "-",
        f"{Path(host.origin.file).name}:{host.origin.line}",
    )


def _value(values: LabelValues) -> str:
    """As a selection takes it: several values in quotes."""
    return label_text(values) if len(values) == 1 else f'"{label_text(values)}"'


@dataclass(frozen=True, slots=True)
class _Table:
    """Columns by their place in _HEADINGS, and the cells of each; a longer name takes a line for itself."""

    columns: tuple[int, ...]
    rooms: tuple[int, ...]

    @classmethod
    def of(cls, rows: Sequence[Sequence[str]], columns: Sequence[int], width: int | None) -> _Table | None:
        """With every cell in one line; None where they have no room."""
        rooms = _natural(rows, columns)
        return cls(tuple(columns), tuple(rooms.values())) if width is None or _fits(rooms, width) else None

    @classmethod
    def narrow(cls, rows: Sequence[Sequence[str]], columns: Sequence[int], width: int) -> _Table | None:
        """With words below others, none broken, and long names in lines of their own; None where there is no room."""
        rooms = _natural(rows, columns)
        names = [wide for row in rows if (wide := cells(row[0])) <= width // 3]
        rooms[0] = max([len(_HEADINGS[0]), *names])
        wanted = {at: rooms[at] for at in columns if at in _LISTS}
        for at in wanted:
            words = max(cells(word) for row in rows for word in (_HEADINGS[at], *row[at].split(" ")))
            rooms[at] = min(rooms[at], max(words, _LEAST))
        if not _fits(rooms, width):
            return None
        for at, room in wanted.items():
            rooms[at] = min(room, rooms[at] + width - _whole(rooms))
        return cls(tuple(columns), tuple(rooms.values()))

    def lines(self, rows: Sequence[Sequence[str]]) -> Iterator[str]:
        yield from self._row([_HEADINGS[at] for at in self.columns])
        for row in rows:
            yield from self._row([row[at] for at in self.columns])

    def _row(self, row: Sequence[str]) -> Iterator[str]:
        name, *others = row
        if cells(name) > self.rooms[0]:
            yield name
            name = ""
        stacks = [[name], *([*_wrapped(text, room)] for text, room in zip(others, self.rooms[1:], strict=True))]
        for line in range(max(map(len, stacks))):
            parts = (stack[line] if line < len(stack) else "" for stack in stacks)
            yield _GAP.join(padded(part, room) for part, room in zip(parts, self.rooms, strict=True)).rstrip(" ")


def _natural(rows: Sequence[Sequence[str]], columns: Sequence[int]) -> dict[int, int]:
    return {at: max(cells(text) for text in (_HEADINGS[at], *(row[at] for row in rows))) for at in columns}


def _whole(rooms: Mapping[int, int]) -> int:
    return sum(rooms.values()) + len(_GAP) * (len(rooms) - 1)


def _fits(rooms: Mapping[int, int], width: int) -> bool:
    return _whole(rooms) <= width


def _alone(row: Sequence[str], columns: Sequence[int], width: int) -> Iterator[str]:
    """A server without columns: its name, and below it what is to be told."""
    yield row[0]
    told = [
        row[at] if at in _OF_EACH else f"{_HEADINGS[at].lower()}: {row[at]}" for at in columns[1:] if row[at] != "-"
    ]
    yield from _hanging(f"{_INDENT}{'; '.join(told)}", width, _INDENT)


def _hanging(text: str, width: int, indent: str) -> Iterator[str]:
    first, *others = _wrapped(text, width)
    yield first
    if others:
        yield from (f"{indent}{line}" for line in _wrapped(" ".join(others), width - len(indent)))


def _wrapped(text: str, room: int) -> Sequence[str]:
    """Lines of whole words, none wider than `room` but for a word that is."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and cells(f"{lines[-1]} {word}") <= room:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines

"""One table of the catalogue, from the bytes of its CSV file to rows that know where they stand. Pure.

A row is one line. Lines that begin with `#` are comments. What Excel and PowerShell make of such a file is read too:
a byte order mark, UTF-16, CRLF, `;` or tabs between cells, `sep=;`, quoted comments, empty rows and cells at the end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic

from playbooks.catalogue.columns import Column, Row, Table
from texts.delimited import Cell, rows, table_text
from texts.places import Location
from texts.problems import MistakeError, Problem
from texts.spelling import nearest, suggestion

__all__ = ["MOST_BYTES", "Placed", "read_table"]

MOST_BYTES = 4 * 1024 * 1024  # of one table; the shipped ones have less than 100 KB together
_REMEMBERED = 12  # the tables of two sets
_AGAIN = "save it as UTF-8 (in Excel: CSV UTF-8)"


@dataclass(frozen=True, slots=True)
class Placed(Generic[Row]):
    """A row with its place.

    Attributes:
        cells: what was read, by column; with a value for every column of the table.
        given: the columns in which something stands, and where it begins, in characters from 1.
    """

    row: Row
    place: Location
    cells: Mapping[str, Any]
    given: Mapping[str, int]


def read_table(table: Table[Row], data: bytes, file: str, problems: list[Problem]) -> tuple[Placed[Row], ...]:
    """The rows of a table, in the order of its file; what is wrong with it is added to `problems`.

    Args:
        data: what the file holds.
        file: what it is called in messages.
    """
    found, wrong = _read(table, data, file)
    problems.extend(wrong)
    return found


@lru_cache(_REMEMBERED)
def _read(table: Table[Row], data: bytes, file: str) -> tuple[tuple[Placed[Row], ...], tuple[Problem, ...]]:
    """The rows, and what is wrong. Whoever takes an update reads the same files again and again."""
    problems: list[Problem] = []
    return _rows(table, data, file, problems), tuple(problems)


def _rows(table: Table[Row], data: bytes, file: str, problems: list[Problem]) -> tuple[Placed[Row], ...]:
    text = table_text(data, file, problems, most_bytes=MOST_BYTES, advice=_AGAIN)
    if text is None:
        return ()
    lines = rows(text, file, problems, is_comment=_is_comment, one_line=True)
    header = next(lines, None)
    if header is None:
        what = "has no line with the names of columns"
        problems.append(Problem(Location(file), what, f"begin it with {table.beginning}"))
        return ()
    places = _columns(table, header, file, problems)
    if places is None:
        return ()
    layout = _Layout(
        tuple((column, places.get(column.name)) for column in table.columns), places, max(places.values(), default=-1)
    )
    return tuple(placed for line in lines if (placed := _row(table, line, layout, file, problems)) is not None)


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the rows of a file stand, the same for all of them: each column and its place, and the last place."""

    columns: tuple[tuple[Column, int | None], ...]
    places: Mapping[str, int]
    last: int


def _is_comment(line: str, begun: bool) -> bool:
    """Anywhere; quoted where Excel has saved it."""
    return line.lstrip('"').startswith("#")


def _columns(table: Table[Row], header: list[Cell], file: str, problems: list[Problem]) -> dict[str, int] | None:
    """Where each column stands; None where the rows cannot be read by this header."""
    known = [column.name for column in table.columns]
    places: dict[str, int] = {}
    before = len(problems)
    meant: set[str] = set()
    for index, cell in enumerate(header):
        written = cell.text.strip()
        name = written.casefold()
        at = Location(file, cell.line, cell.column, written[:40])
        if not name:
            continue
        if name in places:
            problems.append(Problem(at, "this column stands here twice", "remove one"))
        elif name in known:
            places[name] = index
        else:
            meant.add(nearest(written, known))
            advice = suggestion(written, known, otherwise=f"{table.file} may have {', '.join(known)}")
            problems.append(Problem(at, f"{table.file} has no such column", advice))
    for column in table.columns:
        if column.required and column.name not in places and column.name not in meant:
            what = f"there is no column `{column.name}`"
            problems.append(Problem(Location(file, header[0].line), what, f"begin it with {table.beginning}"))
    return None if len(problems) > before else places


def _row(
    table: Table[Row], line: list[Cell], layout: _Layout, file: str, problems: list[Problem]
) -> Placed[Row] | None:
    places = layout.places
    if len(line) <= layout.last or (len(line) > len(places) and _has_strays(line, set(places.values()))):
        what = f"has {len(line)} cells where the first line has {len(places)} names"
        problems.append(Problem(Location(file, line[0].line), what, "is a quote or a comma missing, or one too many?"))
        return None
    cells: dict[str, object] = {}
    before = len(problems)
    for column, place in layout.columns:
        placed = None if place is None else line[place]
        cell = placed.text.strip() if placed is not None else ""
        try:
            if not cell.isprintable():
                raise MistakeError("has a character that does not show", "remove it")
            if column.filled and not cell:
                raise MistakeError("is empty", "every row needs it")
            cells[column.name] = column.read(cell)
        except MistakeError as error:
            at = Location(file, line[0].line, 1 if placed is None else placed.column, column.name)
            problems.append(Problem(at, error.what, error.advice))
    if len(problems) > before:
        return None
    given = {name: line[index].column for name, index in places.items() if line[index].text.strip()}
    return Placed(table.make(cells), Location(file, line[0].line), cells, given)


def _has_strays(line: list[Cell], named: Collection[int]) -> bool:
    """Whether something stands where no column is."""
    return any(cell.text.strip() for index, cell in enumerate(line) if index not in named)

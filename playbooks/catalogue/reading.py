"""One table of the catalogue, from the bytes of its CSV file to rows that know where they stand. Pure.

A row is one line. Lines that begin with `#` are comments. What Excel and PowerShell make of such a file is read too:
a byte order mark, UTF-16, CRLF, `;` or tabs between cells, `sep=;`, quoted comments, empty rows and cells at the end.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from playbooks.catalogue.columns import CellError, Row, Table
from playbooks.errors import Location, Problem, nearest, suggestion

__all__ = ["MOST_BYTES", "Placed", "read_table"]

MOST_BYTES = 4 * 1024 * 1024  # of one table; the shipped ones have less than 40 KB together
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Placed(Generic[Row]):
    """A row with its place.

    Attributes:
        cells: what was read, by column; with a value for every column of the table.
        given: the columns in which something stands.
    """

    row: Row
    place: Location
    cells: Mapping[str, Any]
    given: frozenset[str]


def read_table(table: Table[Row], data: bytes, file: str, problems: list[Problem]) -> tuple[Placed[Row], ...]:
    """The rows of a table, in the order of its file; what is wrong with it is added to `problems`.

    Args:
        data: what the file holds.
        file: what it is called in messages.
    """
    text = _decoded(data, file, problems)
    if text is None:
        return ()
    lines = _lines(text, file, problems)
    header = next(lines, None)
    if header is None:
        what = "has no line with the names of columns"
        problems.append(Problem(Location(file), what, f"begin it with {table.beginning}"))
        return ()
    places = _columns(table, header, file, problems)
    if places is None:
        return ()
    return tuple(placed for line in lines if (placed := _row(table, line, places, file, problems)) is not None)


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    cells: list[str]


def _decoded(data: bytes, file: str, problems: list[Problem]) -> str | None:
    if len(data) > MOST_BYTES:
        problems.append(Problem(Location(file), f"is larger than {MOST_BYTES >> 20} MiB", "is this the right file?"))
        return None
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    again = "save it as UTF-8 (in Excel: CSV UTF-8)"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = "is not UTF-8" if encoding.startswith("utf-8") else "is not UTF-16 although it begins like it"
        problems.append(Problem(Location(file, line), what, again))
        return None
    if "\0" in text:
        problems.append(
            Problem(Location(file, text.count("\n", 0, text.index("\0")) + 1), "has a NUL character", again)
        )
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _lines(text: str, file: str, problems: list[Problem]) -> Iterator[_Line]:
    """Lines with content, without comments. The first of them decides what divides cells."""
    delimiter = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.lstrip('"').startswith("#") or not line.strip(f' "{delimiter or _DELIMITERS}'):
            continue
        if not delimiter:
            if line.casefold().startswith("sep=") and len(line.rstrip()) <= len("sep=;"):
                continue
            delimiter = max(_DELIMITERS, key=line.count)
        try:
            (cells,) = csv.reader([line], delimiter=delimiter, strict=True)
        except csv.Error:
            what = "a quote is opened and not closed, or text follows a closing quote"
            advice = 'a row is one line; double a quote that is part of the text (`""`)'
            problems.append(Problem(Location(file, number), what, advice))
            continue
        yield _Line(number, [cell.strip() for cell in cells])


def _columns(table: Table[Row], header: _Line, file: str, problems: list[Problem]) -> dict[str, int] | None:
    """Where each column stands; None where the rows cannot be read by this header."""
    known = [column.name for column in table.columns]
    places: dict[str, int] = {}
    before = len(problems)
    meant: set[str] = set()
    for index, cell in enumerate(header.cells):
        name = cell.casefold()
        at = Location(file, header.number, path=cell[:40])
        if not name:
            continue
        if name in places:
            problems.append(Problem(at, "this column stands here twice", "remove one"))
        elif name in known:
            places[name] = index
        else:
            meant.add(nearest(cell, known))
            advice = suggestion(cell, known, otherwise=f"{table.file} may have {', '.join(known)}")
            problems.append(Problem(at, f"{table.file} has no such column", advice))
    for column in table.columns:
        if column.required and column.name not in places and column.name not in meant:
            what = f"there is no column `{column.name}`"
            problems.append(Problem(Location(file, header.number), what, f"begin it with {table.beginning}"))
    return None if len(problems) > before else places


def _row(
    table: Table[Row], line: _Line, places: Mapping[str, int], file: str, problems: list[Problem]
) -> Placed[Row] | None:
    named = set(places.values())
    if len(line.cells) <= max(named) or any(cell for index, cell in enumerate(line.cells) if index not in named):
        what = f"has {len(line.cells)} cells where the first line has {len(named)} names"
        problems.append(Problem(Location(file, line.number), what, "is a quote or a comma missing, or one too many?"))
        return None
    cells: dict[str, object] = {}
    before = len(problems)
    for column in table.columns:
        cell = line.cells[places[column.name]] if column.name in places else ""
        at = Location(file, line.number, path=column.name)
        if not cell.isprintable():
            problems.append(Problem(at, "has a character that does not show", "remove it"))
        elif column.filled and not cell:
            problems.append(Problem(at, "is empty", "every row needs it"))
        else:
            try:
                cells[column.name] = column.read(cell)
            except CellError as error:
                problems.append(Problem(at, error.what, error.advice))
    if len(problems) > before:
        return None
    given = frozenset(name for name, index in places.items() if line.cells[index])
    return Placed(table.make(cells), Location(file, line.number), cells, given)

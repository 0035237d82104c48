"""CSV as people and their programs write it: rows of cells that know where they stand.

RFC 4180, and what Excel and PowerShell make of it: `;` or tabs between cells, a line `sep=;`, rows of nothing but `;`,
a byte order mark, UTF-16, Windows' code page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from texts.encoding import decode
from texts.places import Location, place_of
from texts.problems import Problem

_DELIMITERS = ",;\t"
_SEPARATOR_LINE = re.compile(rf'"?sep=(?P<delimiter>.)"?[{_DELIMITERS}]*', re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
_DOUBLE = 'double a quote that is part of the text (`""`)'


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands between two delimiters, without its quotes; line and column from 1."""

    text: str
    line: int
    column: int


class _QuoteError(Exception):
    """A quote is not closed, or closed within a cell; `at` is the character, from 0."""

    def __init__(self, at: int, what: str, advice: str) -> None:
        self.at = at
        self.what = what
        self.advice = advice
        super().__init__()


def table_text(
    data: bytes, file: str, problems: list[Problem], *, most_bytes: int, advice: str, ansi: str | None = None
) -> str | None:
    """The text of a table, its lines ended by line feeds; None, with a problem more, where it cannot be read.

    Args:
        most_bytes, advice, ansi: as of `decode`.
    """
    text = decode(data, file, problems, most_bytes=most_bytes, ansi=ansi, advice=advice)
    if text is None:
        return None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        problems.append(Problem(Location(file, line), "has a NUL character", advice))
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def rows(
    text: str, file: str, problems: list[Problem], *, is_comment: Callable[[str, bool], bool], one_line: bool = False
) -> Iterator[list[Cell]]:
    """The rows in which something stands, the first of which has the names of the columns.

    A quote that is not closed is a problem.

    Args:
        text: lines end in line feeds.
        is_comment: whether a line at which a row could begin is passed over; its second argument is whether a row came
            before.
        one_line: that a row ends with its line, so that after a quote that is not closed the next row is read. Else
            line breaks may stand in quotes, and nothing is read after it.
    """
    delimiter = ""
    begun = False
    position, number = 0, 1
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end]
        separator = None if begun else _SEPARATOR_LINE.fullmatch(line.strip(" "))
        if separator is not None:
            delimiter = separator["delimiter"]
        nothing = not begun and not line.strip(f"{_DELIMITERS} \xa0")
        if separator is not None or nothing or is_comment(line, begun):
            position, number = end + 1, number + 1
            continue
        if not begun:
            begun = True
            bare = _QUOTED.sub("", line)
            delimiter = delimiter or max(_DELIMITERS, key=bare.count)
        if '"' in line:
            try:
                cells, after = _cells(text, position, number, delimiter, end if one_line else len(text))
            except _QuoteError as error:
                problems.append(Problem(place_of(error.at, text, file), error.what, error.advice))
                if not one_line:
                    return
                cells, after = [], end + 1
        else:
            cells, after = list(_split(line, number, delimiter)), end + 1
        number += text.count("\n", position, after)
        position = after
        if any(cell.text.strip() for cell in cells):
            yield cells


def _split(line: str, number: int, delimiter: str) -> Iterator[Cell]:
    column = 1
    for part in line.split(delimiter):
        yield Cell(part, number, column)
        column += len(part) + 1


def _cells(text: str, position: int, number: int, delimiter: str, until: int) -> tuple[list[Cell], int]:
    """The cells of the row that begins at `position`, and where the next row does."""
    beginning = position
    cells: list[Cell] = []
    while True:
        line, column = number, position - beginning + 1
        if text.startswith('"', position):
            content, after = _quoted(text, position, until)
            breaks = text.count("\n", position, after)
            if breaks:
                number += breaks
                beginning = text.rindex("\n", position, after) + 1
            if text[after : after + 1] not in (delimiter, "\n", ""):
                raise _QuoteError(after, "text follows a closing quote", _DOUBLE)
        else:
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            after = text.find(delimiter, position, end)
            after = end if after < 0 else after
            content = text[position:after]
        cells.append(Cell(content, line, column))
        position = after + 1
        if not text.startswith(delimiter, after):
            return cells, position


def _quoted(text: str, position: int, until: int) -> tuple[str, int]:
    """The text of the quoted cell that opens at `position`, and where the text after it begins."""
    parts: list[str] = []
    begin = position + 1
    while True:
        end = text.find('"', begin, until)
        if end < 0:
            if until < len(text):
                what, advice = "a quote is opened and not closed in its line", f"a row is one line; {_DOUBLE}"
            else:
                what, advice = "a quote is opened and never closed", 'close it with `"`'
            raise _QuoteError(position, what, advice)
        parts.append(text[begin:end])
        if text[end + 1 : end + 2] != '"':
            return '"'.join(parts), end + 1
        begin = end + 2

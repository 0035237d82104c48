"""Rows of CSV: what a writer wrote comes back, each cell with the place at which it stands."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from texts.delimited import Cell, rows, table_text
from texts.problems import Problem

CELLS = st.text('ab1é ",;\t\n', max_size=6)


def no_comment(line: str, begun: bool) -> bool:
    return False


def read(text: str, *, one_line: bool = False) -> tuple[list[list[Cell]], list[str]]:
    problems: list[Problem] = []
    found = list(rows(text, "f", problems, is_comment=no_comment, one_line=one_line))
    return found, [str(problem) for problem in problems]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=5),
    st.sampled_from(",;\t"),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"]),
)
def test_what_a_writer_wrote_is_read_with_the_place_of_every_cell(
    written: list[list[str]], delimiter: str, quoting: int, end: str, encoding: str
) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
    writer.writerows([["Name", "Fqdn", "Site", "Role"], *written])
    problems: list[Problem] = []
    data = file.getvalue().replace("\n", end).encode(encoding)
    text = table_text(data, "f", problems, most_bytes=1 << 20, advice="export again")
    assert text is not None
    assert text == file.getvalue()
    found, told = read(text)
    assert told == []
    assert [[cell.text for cell in row] for row in found[1:]] == [
        row for row in written if any(cell.strip() for cell in row)
    ]
    lines = text.split("\n")
    for cell in (cell for row in found for cell in row):
        here = "\n".join([lines[cell.line - 1][cell.column - 1 :], *lines[cell.line :]])
        doubled = cell.text.replace('"', '""')
        assert here.startswith((f'"{doubled}"', cell.text))


@settings(max_examples=200, deadline=None)
@given(st.text('ab",;\t\n#', max_size=40))
def test_where_a_row_is_a_line_a_quote_that_is_not_closed_costs_that_line_alone(text: str) -> None:
    whole = f"name,fqdn\n{text}\nlast,one\n"
    found, told = read(whole, one_line=True)
    assert [cell.text for cell in found[-1]] == ["last", "one"]
    assert all(row[0].line == row[-1].line for row in found)
    assert len(told) <= whole.count("\n")


@pytest.mark.parametrize(
    ("text", "cells", "problems"),
    [
        ("sep=;\na;b,c\n", [["a", "b,c"]], []),
        ('"sep=\t"\na\tb\n', [["a", "b"]], []),
        ('"a;b",c\n1,2\n', [["a;b", "c"], ["1", "2"]], []),
        ("a,b,\n1,2,\n", [["a", "b", ""], ["1", "2", ""]], []),
        (";;\n\n a;b\n;\n1;2\n", [[" a", "b"], ["1", "2"]], []),
        ('a,b\n"\nx",y\n', [["a", "b"], ["\nx", "y"]], []),
        ('a,b\n1,"x\n2,y\n', [["a", "b"]], ['f:2:3: a quote is opened and never closed; close it with `"`']),
        ('a,b\n1,"x"y\n2,z\n', [["a", "b"]], ["f:2:6: text follows a closing quote; double a quote that is part"]),
    ],
)
def test_what_excel_and_people_make_of_a_table_is_read_or_refused_in_its_place(
    text: str, cells: list[list[str]], problems: list[str]
) -> None:
    found, told = read(text)
    assert [[cell.text for cell in row] for row in found] == cells
    assert len(told) == len(problems)
    assert all(line.startswith(start) for line, start in zip(told, problems, strict=True))

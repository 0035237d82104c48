"""The man page of exrun, of the same docstrings and options as its help, in the macros of man(7). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from typer.core import TyperGroup

from runner.cli.commands import Group, leaves_of
from runner.cli.help import Row, example_lines, parameters_of, row_of, told, usage

_EXAMPLE = 68  # columns of an example: of 80, less the margins of a page
_STATUSES = (
    Row("0", "All well, nothing left to do."),
    Row("1", "Findings; changes pending."),
    Row("2", "Usage, configuration or input wrong; nothing was sent."),
    Row("3", "Servers failed, are unreachable or unknown, or were not asked."),
    Row("4", "Refused."),
    Row("5", "The run was ended by its failure budget, or by a health check between waves."),
    Row("6", "The journal cannot be written or does not verify, or evidence is missing or altered."),
    Row("70", "exrun itself has a defect."),
    Row("130", "Interrupted."),
)


def manual(root: Group, version: str, day: date) -> str:
    """The page of the program and all its commands.

    Args:
        day: that stands in its foot.
    """
    known = told(root.help or "")
    lines = [f'.TH EXRUN 1 "{day.isoformat()}" "exrun {_plain(version)}" "User Commands"']
    lines += [".SH NAME", f"exrun \\- {_text(known.paragraphs[0].rstrip('.'))}"]
    lines += [".SH SYNOPSIS", ".B exrun", "COMMAND [OPTIONS]"]
    lines += [".SH DESCRIPTION", *_paragraphs(known.paragraphs)]
    for heading, rows in root.headed():
        lines += [".SS " + _text(heading), *_rows(rows)]
    lines += [".SH OPTIONS", *_rows([*map(row_of, parameters_of(root)[1]), Row("-h, --help", "Show help.")])]
    lines.append(".SH COMMANDS")
    for words, command in leaves_of(root):
        lines += _command(f"exrun {words}", command)
    lines += [".SH EXIT STATUS", "The highest that applies.", *_rows(_STATUSES)]
    lines += [".SH ENVIRONMENT", "Every option has a variable, in brackets above: it gives what is not typed."]
    lines += [".SH FILES", *_rows(_files())]
    lines += [".SH EXAMPLES", *_examples(known.examples)]
    return "\n".join(lines) + "\n"


def _files() -> Iterator[Row]:
    yield Row("exrun.toml", "Defaults of options: see exrun config.")
    yield Row("inventory.yml", "The servers, where no -i is given.")
    yield Row(".exrun/", "What runs recorded, and evidence.")


def _command(path: str, command: object) -> Iterator[str]:
    assert not isinstance(command, TyperGroup)
    known = told(getattr(command, "help", None) or "")
    arguments, options = parameters_of(command)  # type: ignore[arg-type]
    yield ".SS " + _text(usage(command, path))  # type: ignore[arg-type]
    yield from _paragraphs(known.paragraphs)
    yield from _rows([*map(row_of, arguments), *map(row_of, options)])
    if known.statuses or known.note:
        yield ".PP"
        yield "Exit status:"
        yield from _rows([Row(number, text) for number, text in known.statuses])
        if known.note:
            yield ".PP"
            yield _text(known.note)
    if known.examples:
        yield ".PP"
        yield "Examples:"
        yield from _examples(known.examples)


def _paragraphs(paragraphs: Sequence[str]) -> Iterator[str]:
    """Behind a heading, which begins a paragraph by itself."""
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".PP"
        yield _text(paragraph)


def _rows(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield ".TP"
        yield f"\\fB{_text(row.term)}\\fR"
        yield _text(row.text) if row.text else "\\&"


def _examples(lines: Sequence[str]) -> Iterator[str]:
    yield ".nf"
    yield ".RS 4"
    for line in lines:
        for part in example_lines(line, _EXAMPLE):
            indent = len(part) - len(part.lstrip())
            yield "\\ " * indent + _text(part)
    yield ".RE"
    yield ".fi"


def _text(text: str) -> str:
    """A line of text: nothing in it is a request or an escape of roff."""
    escaped = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", r"\\&", escaped)


def _plain(text: str) -> str:
    """Inside quotes of a request."""
    return re.sub(r"[^\w.+ -]", "", text)

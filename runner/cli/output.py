"""Where results go: standard output for people or programs, or a file."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from runner.advice import AdvisedError
from runner.cli.options import DEBUG, Format
from runner.reports.folding import folded
from runner.reports.formats import AuditFormat, report_of
from runner.terminal import visible

if TYPE_CHECKING:
    from runner.reports.glance import Whereabouts
    from runner.results import FleetResult
    from texts.problems import Problem

_NARROW, _PIPED = 80, 160  # columns: the least that a table is laid out for, and those of a pipe


class UsageError(AdvisedError):
    """What was asked for cannot be done as it was written; nothing was sent. `next` says what to write instead."""


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return "--debug" in sys.argv or bool(os.environ.get(DEBUG))


def coloured() -> bool:
    """Whether standard output takes colours: a terminal, and nobody said NO_COLOR (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Columns of the terminal, or of COLUMNS; a pipe has no width, and gets enough for a table."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return max(_NARROW, shutil.get_terminal_size().columns)
    return _PIPED


def table_width() -> int | None:
    """As `width`; None for a pipe."""
    return width() if sys.stdout.isatty() or os.environ.get("COLUMNS") else None


def terminal_width() -> int | None:
    """Columns of the terminal that reads standard output, at least 40; None where none does."""
    return max(40, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None


def at_a_glance(form: Format, *, details: bool) -> int | None:
    """Columns for a plan, or what became of it, at a glance; None where all of it is to be written: for a program, for
    who asks for it, and into a pipe or a file, which are read later."""
    return None if details or form is not Format.TEXT else terminal_width()


def tell(line: str) -> None:
    """A line on standard error that says whose it is, made fit to be shown; folded where a terminal reads it."""
    width = max(40, os.get_terminal_size(sys.stderr.fileno()).columns or 80) if sys.stderr.isatty() else None
    for each in folded([f"exrun: {visible(line)}"], width):
        typer.echo(each, err=True)


def print_glance(audit: FleetResult, form: AuditFormat, *, details: bool, where: Whereabouts) -> None:
    """An audit on standard output: as text at a glance, or with `details` a row for every server."""
    if details or form is not AuditFormat.TEXT:
        print_report(audit, form)
        return
    from runner.reports.glance import GlanceReport  # only the one that is printed

    emit(GlanceReport(width(), coloured(), where).render(audit))


def print_report(audit: FleetResult, form: AuditFormat) -> None:
    """An audit on standard output."""
    emit(report_of(form, width=width(), colour=coloured()).render(audit))


def emit(text: str) -> None:
    """Text on standard output. A reader that has gone (`| head`) changes nothing of the exit status."""
    try:
        typer.echo(text, nl=False)
        sys.stdout.flush()
    except BrokenPipeError:
        let_go()


def let_go() -> None:
    """Has standard output lead nowhere, once its reader is gone.

    What is still in Python's buffer would fail again when the process ends.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def write_file(path: Path, content: str | bytes) -> None:
    """A file of ours, whole or not at all, replacing what stood there; with its permissions, and where a link leads.

    Raises:
        UsageError: it cannot be written.
    """
    target = Path(os.path.realpath(path))
    fresh = target.with_name(f".{target.name}.new")
    try:
        with fresh.open("wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, fresh)
        fresh.replace(target)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise UsageError(
            f"{path}: cannot be written: {error.strerror or type(error).__name__}", "Name another file."
        ) from None


def problem_document(problem: Problem) -> dict[str, object]:
    """A problem of a text as an object of JSON; docs/reference/command-line.md has its members."""
    at = problem.location
    return {
        "file": at.file,
        "line": at.line,
        "column": at.column,
        "path": at.path,
        "what": problem.what,
        "advice": problem.advice,
    }

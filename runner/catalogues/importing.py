"""Lists of others into a folder of own rows, for `--catalogue`: rows are added there, and none is changed."""

from __future__ import annotations

import csv
import io
import os
import secrets
import tempfile
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from playbooks.catalogue.columns import KNOWN_BAD, KNOWN_GOOD, TABLES, Table
from playbooks.catalogue.reading import read_table
from playbooks.catalogue.sets import CatalogueSet, own_files, with_own_rows
from playbooks.catalogue.tables import Tables
from playbooks.errors import CatalogueError
from runner.advice import AdvisedError
from runner.catalogues.baselines import Page
from runner.catalogues.lists import Listed
from texts.problems import Problem

__all__ = ["BAD", "GOOD", "Added", "ListError", "add", "complete", "reviewed"]

_NEEDED = tuple(column.name for column in KNOWN_BAD.columns if column.filled)


@dataclass(frozen=True, slots=True)
class Target:
    """A table that rows are added to, and by what two of its rows are the same statement."""

    table: Table[Any]
    same: Callable[[Any], Hashable]
    known: Callable[[Tables], Iterable[Any]]

    @property
    def header(self) -> bytes:
        """Its first line, as it is written here."""
        return f"{','.join(column.name for column in self.table.columns)}\n".encode()


BAD = Target(KNOWN_BAD, lambda row: row.sha256, lambda tables: tables.known_bad)
GOOD = Target(
    KNOWN_GOOD, lambda row: (row.path.casefold(), row.sha256, row.first, row.last), lambda tables: tables.known_good
)


class ListError(AdvisedError):
    """Raised where rows cannot be added; nothing was written."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a list.

    Attributes:
        file: that the rows stand in.
        rows: that were added.
        there: how many stood in that folder already, and were left as they are.
        known: how many of the added are in the catalogue's own list too.
    """

    file: Path
    rows: int
    there: int
    known: int


def complete(rows: Iterable[Listed], source: str, what: str, licence: str) -> list[Listed]:
    """The rows with what the caller says where the list says nothing.

    Raises:
        ListError: who says it, what it is, or the licence is said by neither.
    """
    filled = [
        replace(row, source=row.source or source, what=row.what or what, licence=row.licence or licence) for row in rows
    ]
    for name in _NEEDED:
        lacking = [row for row in filled if not getattr(row, name)]
        if lacking:
            raise ListError(
                f"the list does not say the {name} of {len(lacking)} of {len(filled)} files",
                f"Say it with --{name}: a match shows it, and a verdict rests on it.",
            )
    return filled


def reviewed(pages: Iterable[Page], by: str, *, source: str, licence: str) -> list[Page]:
    """The pages with who has looked at them: what calls a file Exchange's own is somebody's word.

    Raises:
        ListError: nobody is named, or the source or the licence is said by neither list nor caller.
    """
    if not by.strip():
        raise ListError(
            "a list of files that are Exchange's own makes verdicts better, and nobody is named who has reviewed it",
            "Compare it with another clean server of the build, or its installation; then add --reviewed-by NAME.",
        )
    found = [replace(page, source=page.source or source, licence=page.licence or licence) for page in pages]
    for name in ("source", "licence"):
        lacking = sum(not getattr(page, name) for page in found)
        if lacking:
            raise ListError(
                f"the list does not say the {name} of {lacking} of {len(found)} files",
                f"Say it with --{name}: it is shown wherever the list decides.",
            )
    return [replace(page, source=f"{page.source}, reviewed by {by.strip()}") for page in found]


def add(to: Target, rows: Sequence[Listed | Page], folder: Path, beneath: CatalogueSet) -> Added:
    """Adds to the folder's own table what stands there not yet; all of it, or nothing.

    What comes of it is read once, as `--catalogue` will read it, before it takes the table's place.

    Args:
        rows: complete.
        folder: is made where it is not there.
        beneath: the set in use, upon which the rows will lie.

    Raises:
        ListError: the folder cannot be written, or has a table that is not in the form that is written here.
        CatalogueError: a table in the folder is wrong, or what the list says.
    """
    file = folder / to.table.file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = file.read_bytes() if file.exists() else to.header
    except OSError as error:
        raise _unwritable(folder, error) from None
    standing = {to.same(row) for row in _rows_of(to, before, file)}
    fresh: dict[Hashable, Listed | Page] = {}
    for row, line in zip(_rows_of(to, to.header + _lines(to, rows), file), rows, strict=True):
        if to.same(row) not in standing:
            fresh.setdefault(to.same(row), line)
    listed = {to.same(each) for each in to.known(beneath.tables)}
    added = Added(file, len(fresh), len(rows) - len(fresh), len(listed & fresh.keys()))
    if not fresh:
        return added
    ended = before if before.endswith(b"\n") else before + b"\n"
    after = ended + _lines(to, fresh.values())
    try:
        with tempfile.TemporaryDirectory(prefix="exrun-import-") as scratch:
            for name, data in (own_files(folder) if _has_tables(folder) else {}).items():
                (Path(scratch) / name).write_bytes(data)
            (Path(scratch) / file.name).write_bytes(after)
            with_own_rows(beneath, Path(scratch))
        _replace(file, after)
    except OSError as error:
        raise _unwritable(folder, error) from None
    return added


def _rows_of(to: Target, data: bytes, file: Path) -> list[Any]:
    """The rows of a table that lines may be added to.

    Raises:
        CatalogueError: it is wrong.
        ListError: its lines are not made as those that are added would be.
    """
    problems: list[Problem] = []
    placed = read_table(to.table, data, str(file), problems)
    if problems:
        raise CatalogueError(problems)
    header = next((line for line in data.splitlines() if line.strip() and not line.lstrip(b'"').startswith(b"#")), b"")
    if header.strip() != to.header.strip():
        raise ListError(
            f"{file} has its columns in another order, or another form, than are written here",
            f"Begin it with {to.header.decode().strip()}, saved as UTF-8, or name another folder with -o.",
        )
    return [each.row for each in placed]


def _has_tables(folder: Path) -> bool:
    return any((folder / table.file).exists() for table in TABLES)


def _lines(to: Target, rows: Iterable[Listed | Page]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([getattr(row, column.name) for column in to.table.columns] for row in rows)
    return text.getvalue().encode()


def _replace(target: Path, data: bytes) -> None:
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")
    try:
        with fresh.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
    finally:
        with suppress(FileNotFoundError):
            fresh.unlink()


def _unwritable(folder: Path, error: OSError) -> ListError:
    reason = error.strerror or type(error).__name__
    return ListError(f"{folder} cannot be written: {reason}", "Name another folder with -o.")

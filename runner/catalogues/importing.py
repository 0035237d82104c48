"""Lists of others into a folder of own rows, for `--catalogue`: rows are added there, and none is changed."""

from __future__ import annotations

import csv
import io
import os
import secrets
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from playbooks.catalogue.columns import KNOWN_BAD, TABLES
from playbooks.catalogue.reading import read_table
from playbooks.catalogue.sets import CatalogueSet, own_files, with_own_rows
from playbooks.errors import CatalogueError
from runner.advice import AdvisedError
from runner.catalogues.lists import Listed
from texts.problems import Problem

__all__ = ["Added", "ListError", "add", "complete"]

_COLUMNS = tuple(column.name for column in KNOWN_BAD.columns)
_HEADER = f"{','.join(_COLUMNS)}\n".encode()
_NEEDED = tuple(column.name for column in KNOWN_BAD.columns if column.filled)


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


def add(rows: Sequence[Listed], folder: Path, beneath: CatalogueSet) -> Added:
    """Adds to the folder's own table what stands there not yet; all of it, or nothing.

    What comes of it is read once, as `--catalogue` will read it, before it takes the table's place.

    Args:
        rows: complete, each hash once.
        folder: is made where it is not there.
        beneath: the set in use, upon which the rows will lie.

    Raises:
        ListError: the folder cannot be written, or has a table that is not in the form that is written here.
        CatalogueError: a table in the folder is wrong.
    """
    target = folder / KNOWN_BAD.file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = target.read_bytes() if target.exists() else _HEADER
    except OSError as error:
        raise _unwritable(folder, error) from None
    standing = _hashes_of(before, target)
    fresh = [row for row in rows if row.sha256 not in standing]
    listed = {each.sha256 for each in beneath.known_bad}
    added = Added(target, len(fresh), len(rows) - len(fresh), sum(row.sha256 in listed for row in fresh))
    if not fresh:
        return added
    ended = before if before.endswith(b"\n") else before + b"\n"
    after = ended + _lines(fresh)
    try:
        with tempfile.TemporaryDirectory(prefix="exrun-import-") as scratch:
            for name, data in (own_files(folder) if _has_tables(folder) else {}).items():
                (Path(scratch) / name).write_bytes(data)
            (Path(scratch) / target.name).write_bytes(after)
            with_own_rows(beneath, Path(scratch))
        _replace(target, after)
    except OSError as error:
        raise _unwritable(folder, error) from None
    return added


def _hashes_of(data: bytes, target: Path) -> frozenset[str]:
    """The hashes of a table that lines may be added to.

    Raises:
        CatalogueError: it is wrong.
        ListError: its lines are not made as those that are added would be.
    """
    problems: list[Problem] = []
    placed = read_table(KNOWN_BAD, data, str(target), problems)
    if problems:
        raise CatalogueError(problems)
    header = next((line for line in data.splitlines() if line.strip() and not line.lstrip(b'"').startswith(b"#")), b"")
    if header.strip() != _HEADER.strip():
        raise ListError(
            f"{target} has its columns in another order, or another form, than are written here",
            f"Begin it with {_HEADER.decode().strip()}, saved as UTF-8, or name another folder with -o.",
        )
    return frozenset(each.row.sha256 for each in placed)


def _has_tables(folder: Path) -> bool:
    return any((folder / table.file).exists() for table in TABLES)


def _lines(rows: Iterable[Listed]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([getattr(row, name) for name in _COLUMNS] for row in rows)
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

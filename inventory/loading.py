"""Any inventory files, each read by the source that knows its format, as one inventory."""

from __future__ import annotations

import os
from pathlib import Path

from inventory.errors import Problem, SourceError
from inventory.model import Inventory, Location
from inventory.names import why_not_a_name
from inventory.sources.csv import REQUIRED, ExchangeCsvSource
from inventory.sources.interface import Source
from inventory.sources.joining import joined
from inventory.sources.native import NativeSource
from inventory.sources.reading import Reading

_NATIVE = frozenset({".yml", ".yaml"})
_BEGINNING = 64 * 1024  # bytes in which the header of a CSV file ends
_NAMELESS = "servers"


def load(*paths: Path) -> Inventory:
    """Reads an inventory from one file or several, each by the source that knows its format.

    A CSV file says nothing of clients: its servers belong to one that is called like the file. It says nothing of
    accounts either; `exrun inventory import` makes a native file of it, in which both can be written.

    Raises:
        SourceError: with all problems of all files that were found.
    """
    readings: list[Reading] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for path in paths:
        if (real := os.path.realpath(path)) in seen:
            problems.append(Problem(Location(str(path), 1, 1), "is named twice", "name it once"))
            continue
        seen.add(real)
        try:
            readings.append(source_of(path).read(path))
            problems.extend(readings[-1].problems)
        except SourceError as error:
            problems.extend(error.problems)
    if len(readings) < len(paths):
        raise SourceError(problems)
    return joined(readings)


def source_of(path: Path) -> Source:
    """By the file's suffix; where that says nothing, by how the file begins. What cannot be read is native's to say."""
    suffix = path.suffix.casefold()
    if suffix in _NATIVE:
        return NativeSource()
    if suffix == ".csv" or _begins_like_csv(path):
        return ExchangeCsvSource(path.stem if not why_not_a_name(path.stem) else _NAMELESS)
    return NativeSource()


def _begins_like_csv(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
    except OSError:
        return False
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):  # Windows PowerShell's Unicode; YAML in it is unheard of
        return True
    lines = beginning.removeprefix(b"\xef\xbb\xbf").splitlines()
    header = lines[1:2] if lines and lines[0].startswith(b"#TYPE") else lines[:1]
    cells = {cell.strip(b' "').lower() for line in header for cell in line.replace(b";", b",").split(b",")}
    return {name.lower().encode() for name in REQUIRED} <= cells

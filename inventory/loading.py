"""Any inventory file, read by the source that knows its format."""

from __future__ import annotations

from pathlib import Path

from inventory.model import Inventory
from inventory.names import why_not_a_name
from inventory.sources.csv import REQUIRED, ExchangeCsvSource
from inventory.sources.interface import Source
from inventory.sources.native import NativeSource

_NATIVE = frozenset({".yml", ".yaml"})
_BEGINNING = 64 * 1024  # bytes in which the header of a CSV file ends
_NAMELESS = "servers"


def load(path: Path) -> Inventory:
    """Reads an inventory.

    A CSV file says nothing of clients: its servers belong to one that is called like the file. It says nothing of
    accounts either; `exrun inventory import` makes a native file of it, in which both can be written.

    Raises:
        SourceError: with all problems that were found.
    """
    return source_of(path).load(path)


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

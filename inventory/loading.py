"""Any inventory files, each read by the source that knows its format, as one inventory."""

from __future__ import annotations

import os
from pathlib import Path

from inventory.errors import SourceError
from inventory.model import Inventory
from inventory.names import why_not_a_name
from inventory.sources.interface import Source
from inventory.sources.joining import joined
from inventory.sources.native import NativeSource
from inventory.sources.reading import Reading, bytes_of
from inventory.sources.recognition import Form, form_of, not_loaded
from texts.places import Location
from texts.problems import Problem

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
            data = bytes_of(path)
            readings.append(source_of(path, data).read(data, path))
            problems.extend(readings[-1].problems)
        except SourceError as error:
            problems.extend(error.problems)
    if len(readings) < len(paths):
        raise SourceError(problems)
    return joined(readings)


def source_of(path: Path, data: bytes) -> Source:
    """The source that reads a file with these bytes.

    Raises:
        SourceError: it is of a format that is not loaded; says what it is and how to make an inventory of it.
    """
    match form_of(data, str(path)):
        case Form.NATIVE:
            return NativeSource()
        case Form.CSV:
            from inventory.sources.csv import ExchangeCsvSource  # by what reads such a file alone

            return ExchangeCsvSource(path.stem if not why_not_a_name(path.stem) else _NAMELESS)
        case form:
            raise SourceError([not_loaded(form, str(path))])

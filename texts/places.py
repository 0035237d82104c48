"""Places in a text that somebody wrote."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Location:
    """Where something stands in a user's file. Lines and columns count from 1; path is `clients.alpha.hosts.EX1` or
    `steps[0].with.campaign`."""

    file: str
    line: int = 1
    column: int = 1
    path: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


def place_of(offset: int, text: str, file: str) -> Location:
    """The place of a character, which is counted from 0, in a text whose lines end in line feeds."""
    return Location(file, text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))

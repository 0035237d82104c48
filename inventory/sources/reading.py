"""What one file says, before files are joined: clients with their own settings, groups and hosts, nothing inherited."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inventory.errors import SourceError
from inventory.sources.inheritance import GroupDraft, Settings
from texts.places import Location
from texts.problems import Problem

MOST_BYTES = 32 * 1024 * 1024  # of one file
ANSI = "cp1252"  # in which Excel saves a CSV file again in western Europe


@dataclass(frozen=True, slots=True)
class HostPart:
    """A host as written. `groups` are the names that it lists, each with its place; `sound` is false when something
    about it was already reported."""

    name: str
    at: Location
    settings: Settings
    groups: tuple[tuple[str, Location], ...] = ()
    sound: bool = True


@dataclass(frozen=True, slots=True)
class ClientPart:
    """What one file says of a client; `sound` is false when its own settings were already reported."""

    name: str
    at: Location
    settings: Settings
    groups: tuple[GroupDraft, ...]
    hosts: tuple[HostPart, ...]
    sound: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """One file. `folder` is where relative paths of certificate files begin; `problems` are all that were found."""

    file: str
    sha256: str
    folder: Path
    clients: tuple[ClientPart, ...]
    problems: tuple[Problem, ...] = ()


def bytes_of(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except IsADirectoryError:
        problem = Problem(Location(str(path)), "is a folder", "name the file in it; `-i` may be repeated")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        problem = Problem(Location(str(path)), f"cannot be read: {reason}", "check the path")
    except ValueError:  # a NUL character
        problem = Problem(Location(str(path)), "is no path", "check the path")
    raise SourceError([problem])

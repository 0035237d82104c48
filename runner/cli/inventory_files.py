"""Which inventory a command line is about. Imports nothing heavy: the first line of a command is printed here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runner.cli.output import UsageError, tell
from runner.terminal import visible

FOUND = Path("inventory.yml")
_ALSO_CALLED_SO = ("inventory.yaml", "inventory.csv", "servers.csv", "inventory.ini", "hosts.ini", "hosts.yml", "hosts")


def inventory_files(named: Sequence[Path] | None) -> tuple[Path, ...]:
    """The files of `-i`; without it `inventory.yml` of this folder, which is said on standard error.

    Raises:
        UsageError: there is none.
    """
    if named:
        return tuple(named)
    if FOUND.is_file():
        tell(f"inventory: {FOUND} of this folder; -i names another")
        return (FOUND,)
    near = next((name for name in _ALSO_CALLED_SO if Path(name).is_file()), None)
    raise UsageError(
        f"no inventory is named, and there is no {FOUND} in this folder",
        f"Name it: -i {near}."
        if near
        else "Name one with -i FILE, begin a folder with exrun init, or make one of a list: exrun inventory import "
        f"servers.csv --client NAME -o {FOUND}",
    )


def announced(named: Sequence[Path] | None) -> tuple[Path, ...]:
    """The same, and whichever they are is said: for a command that takes a moment before it says anything else.

    Raises:
        UsageError: there is none.
    """
    files = inventory_files(named)
    if named:
        tell(f"reading {names_of(files)}")
    return files


def names_of(files: Sequence[Path]) -> str:
    """Files in a message."""
    return visible(", ".join(map(str, files)))

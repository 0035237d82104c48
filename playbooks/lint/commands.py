"""What a collect script may run: commands of Windows PowerShell 5.1, server modules and Exchange (commands.csv), the
classes it may ask for (classes.csv), and what servers lack with what to write instead (lacking.csv); what a change may
run besides, and which places that writes (changing.csv)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import cast

from .places import Kind
from .tree import Block

COMMON = {
    "erroraction": "action",
    "warningaction": "action",
    "informationaction": "action",
    "verbose": "switch",
    "debug": "switch",
}
SHORT = {"ea": "erroraction", "wa": "warningaction", "vb": "verbose"}
ALIASES = {
    "%": "ForEach-Object", "foreach": "ForEach-Object", "?": "Where-Object", "where": "Where-Object",
    "select": "Select-Object", "sort": "Sort-Object", "group": "Group-Object", "measure": "Measure-Object",
    "compare": "Compare-Object", "diff": "Compare-Object", "gu": "Get-Unique", "gm": "Get-Member",
    "gci": "Get-ChildItem", "dir": "Get-ChildItem", "ls": "Get-ChildItem", "gi": "Get-Item",
    "gp": "Get-ItemProperty", "gpv": "Get-ItemPropertyValue", "gc": "Get-Content", "cat": "Get-Content",
    "type": "Get-Content", "gsv": "Get-Service", "gps": "Get-Process", "ps": "Get-Process", "gdr": "Get-PSDrive",
    "gcim": "Get-CimInstance", "gwmi": "Get-WmiObject", "sls": "Select-String", "rvpa": "Resolve-Path",
    "cvpa": "Convert-Path", "ipcsv": "Import-Csv", "echo": "Write-Output", "write": "Write-Output",
    "fl": "Format-List", "ft": "Format-Table", "fw": "Format-Wide", "oh": "Out-Host",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """The parameter (lower case) that names what a command writes, the kinds of place that it may be, and whether it
    takes a name for itself and no wildcards. Without a parameter it is the server itself."""

    parameter: str
    kinds: tuple[Kind, ...]
    literal: bool


@dataclass(frozen=True, slots=True)
class KnownCommand:
    """A command: its parameters (lower case -> written name, kind) and the positional ones in order.

    `pipe` says what may be piped into it: any, path (places on this host), text (those, or words), words, read (what a
    command returned) or none. `targets` are what it writes: none for a command that only reads.
    """

    name: str
    pipe: str
    parameters: dict[str, tuple[str, str]]
    positional: tuple[str, ...]
    targets: tuple[Target, ...] = ()


@cache
def known_commands() -> dict[str, KnownCommand]:
    """The table of commands.csv, by name in lower case: what only reads."""
    return _known(_rows("commands.csv"))


@cache
def commands_of_changes() -> dict[str, KnownCommand]:
    """The tables of commands.csv and changing.csv, by name in lower case: what a change may run."""
    return {**known_commands(), **_known(_rows("changing.csv"))}


def _known(rows: list[dict[str, str]]) -> dict[str, KnownCommand]:
    names: dict[str, tuple[str, str]] = {}
    parameters: dict[str, dict[str, tuple[str, str]]] = {}
    positional: dict[str, list[tuple[int, str]]] = {}
    targets: dict[str, list[Target]] = {}
    for row in rows:
        key = row["command"].lower()
        parameters.setdefault(key, {})
        positional.setdefault(key, [])
        if row["parameter"]:
            parameters[key][row["parameter"].lower()] = (row["parameter"], row["kind"])
        else:
            names[key] = (row["command"], row["kind"])
        if row["position"]:
            positional[key].append((int(row["position"]), row["parameter"].lower()))
        if places := row.get("place", "").split():
            kinds = cast("tuple[Kind, ...]", tuple(each for each in places if each != "literal"))
            targets.setdefault(key, []).append(Target(row["parameter"].lower(), kinds, "literal" in places))
    return {
        key: KnownCommand(
            name,
            pipe,
            parameters[key],
            tuple(found for _, found in sorted(positional[key])),
            tuple(targets.get(key, ())),
        )
        for key, (name, pipe) in names.items()
    }


@cache
def lacking() -> dict[tuple[str, str], str]:
    """(command, parameter) that a server lacks, or that reaches out or changes -> what to write instead.

    A command as a whole has an empty parameter; a parameter of any command has the command `*`. All in lower case.
    """
    return {(row["command"].lower(), row["parameter"].lower()): row["instead"] for row in _rows("lacking.csv")}


@cache
def classes() -> dict[str, frozenset[str]]:
    """Namespace -> names of CIM classes in it, all in lower case; a name that ends in * is a prefix."""
    found: dict[str, set[str]] = {}
    for row in _rows("classes.csv"):
        found.setdefault(row["namespace"].lower(), set()).add(row["class"].lower())
    return {key: frozenset(value) for key, value in found.items()}


def full_name(name: str) -> str:
    """The command that a name or alias stands for on a server, in lower case."""
    return ALIASES.get(name.lower(), name).lower()


def function_as_command(name: str, block: Block) -> KnownCommand:
    """A script's own function, as a command."""
    parameters = {
        item.name: (
            item.name,
            "switch" if any(kind.name.lower() in ("switch", "switchparameter") for kind in item.types) else "value",
        )
        for item in block.parameters
    }
    return KnownCommand(name, "any", parameters, tuple(parameters))


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files(__package__).joinpath(name).read_text(encoding="utf-8").splitlines()))

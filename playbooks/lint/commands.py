"""What a collect script may run: commands of Windows PowerShell 5.1, server modules and Exchange (commands.csv)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

COMMON = {
    "erroraction": "value",
    "warningaction": "value",
    "informationaction": "value",
    "verbose": "switch",
}
ALIASES = {
    "dir": "Get-ChildItem", "ls": "Get-ChildItem", "gci": "Get-ChildItem", "cat": "Get-Content", "gc": "Get-Content",
    "type": "Get-Content", "foreach": "ForEach-Object", "where": "Where-Object", "select": "Select-Object",
    "sort": "Sort-Object", "group": "Group-Object", "measure": "Measure-Object", "gi": "Get-Item",
    "gp": "Get-ItemProperty", "gsv": "Get-Service", "gps": "Get-Process", "ps": "Get-Process",
    "echo": "Write-Output", "gcim": "Get-CimInstance", "sls": "Select-String", "compare": "Compare-Object",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownCommand:
    """A read-only command: its parameters (lower case -> written name, kind) and the positional ones in order."""

    name: str
    parameters: dict[str, tuple[str, str]]
    positional: tuple[str, ...]


@cache
def known_commands() -> dict[str, KnownCommand]:
    """The table of commands.csv, by name in lower case."""
    names: dict[str, str] = {}
    parameters: dict[str, dict[str, tuple[str, str]]] = {}
    positional: dict[str, list[tuple[int, str]]] = {}
    text = files(__package__).joinpath("commands.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        key = row["command"].lower()
        names[key] = row["command"]
        parameters.setdefault(key, {})
        positional.setdefault(key, [])
        if row["parameter"]:
            parameters[key][row["parameter"].lower()] = (row["parameter"], row["kind"])
        if row["position"]:
            positional[key].append((int(row["position"]), row["parameter"].lower()))
    return {
        key: KnownCommand(name, parameters[key], tuple(found for _, found in sorted(positional[key])))
        for key, name in names.items()
    }

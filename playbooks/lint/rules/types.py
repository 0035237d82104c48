"""Casts and comparisons only with types whose conversion computes a value and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..lexer import Refusal
from ..tree import Binary, Cast, Invoke, Member, TypeName
from .interface import Reading

ALLOWED = frozenset(
    {
        "string", "int", "int16", "int32", "int64", "long", "uint16", "uint32", "uint64", "byte", "char", "bool",
        "boolean", "double", "single", "float", "decimal", "datetime", "datetimeoffset", "timespan", "version", "guid",
        "array", "hashtable", "ordered", "pscustomobject", "psobject", "object", "regex", "switch", "switchparameter",
        "management.automation.switchparameter", "management.automation.pscustomobject", "void", "uri", "ipaddress",
        "net.ipaddress", "collections.hashtable", "collections.arraylist", "io.fileinfo", "io.directoryinfo",
        "management.automation.psobject", "exception",
    }
)  # fmt: skip
# Only behind -is, where nothing is converted: [IO.FileInfo]'\\host\x' would reach out once a property is read.
_COMPARED = frozenset({"io.fileinfo", "io.directoryinfo", "exception", "collections.ienumerable", "valuetype"})
COLLECTIONS = frozenset(
    {
        "collections.arraylist", "collections.hashtable", "collections.generic.list", "collections.generic.dictionary",
        "collections.generic.hashset", "collections.generic.queue", "collections.generic.stack",
        "collections.specialized.ordereddictionary", "collections.queue", "collections.stack", "text.stringbuilder",
    }
)  # fmt: skip
_GENERIC = re.compile(r"([a-z.]+)\[([a-z0-9.]+)(?:, ?([a-z0-9.]+))?\]")


class Types:
    explains = ("type",)

    def check(self, reading: Reading) -> Iterator[Refusal]:
        static = {
            id(node.target)
            for node in reading.nodes
            if isinstance(node, Invoke | Member) and isinstance(node.target, TypeName)
        }
        compared = {
            id(node.right) for node in reading.nodes if isinstance(node, Binary) and node.operator in ("-is", "-isnot")
        }
        for node in reading.nodes:
            if isinstance(node, TypeName) and id(node) not in static:
                name = plain(node.name)
                if id(node) in compared and name in ALLOWED | _COMPARED:
                    continue
                if name in _COMPARED or not is_allowed(node.name):
                    yield Refusal(
                        "type",
                        node.at,
                        f"[{node.name}] may run code or reach out when something is converted to it",
                        _INSTEAD.get(name, "use [string], [int], [datetime] or another plain type"),
                    )
            elif isinstance(node, Binary) and node.operator in ("-as", "-is", "-isnot"):
                if not isinstance(node.right, TypeName):
                    yield Refusal("type", node.right.at, "the type is chosen while the script runs", "write [int]")
            elif isinstance(node, Cast) and plain(node.type.name) == "ordered" and not is_allowed(node.type.name):
                yield Refusal("type", node.at, "[ordered] stands before a table", "write [ordered]@{ ... }")


_INSTEAD = {
    "xml": "read text with Select-String, or IIS settings with Get-WebConfiguration",
    "wmi": "use Get-CimInstance",
    "wmiclass": "use Get-CimInstance",
    "adsi": "use Get-LocalUser or Get-LocalGroup",
    "scriptblock": "write the block where it is used",
    "io.fileinfo": "use Get-Item -LiteralPath",
    "io.directoryinfo": "use Get-Item -LiteralPath",
}


def plain(name: str) -> str:
    """A type's name as the lists here have it."""
    return name.lower().removesuffix("[]").removeprefix("system.")


def is_allowed(name: str) -> bool:
    """Whether something may be converted to a type."""
    if plain(name) in ALLOWED:
        return True
    found = _GENERIC.fullmatch(name.lower().removeprefix("system."))
    return (
        found is not None
        and found[1] in COLLECTIONS
        and all(part is None or plain(part) in ALLOWED for part in found.groups()[1:])
    )

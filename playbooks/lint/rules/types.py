"""Casts and comparisons only with types whose conversion computes a value and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ..kinds import ALLOWED, COMPARED, is_allowed, plain
from ..lexer import Refusal
from ..tree import Binary, Cast, Invoke, Member, Parameter, TypeName
from .interface import Reading


class Types:
    explains = ("type",)

    def check(self, reading: Reading) -> Iterator[Refusal]:
        static: set[int] = set()
        compared: set[int] = set()
        converted: set[int] = set()
        for node in reading.nodes:
            match node:
                case Invoke(target=TypeName() as kind) | Member(target=TypeName() as kind):
                    static.add(id(kind))
                case Binary(operator="-is" | "-isnot", right=TypeName() as kind):
                    compared.add(id(kind))
                case Binary(operator="-as", right=TypeName() as kind) | Cast(type=kind):
                    converted.add(id(kind))
                case Parameter(types=types):
                    converted.update(id(kind) for kind in types)
        for node in reading.nodes:
            if isinstance(node, TypeName) and id(node) not in static:
                name = plain(node.name)
                if id(node) in compared and name in ALLOWED | COMPARED:
                    continue
                if id(node) in converted and is_allowed(node.name) and name not in COMPARED:
                    continue
                if id(node) in compared or id(node) in converted:
                    yield Refusal(
                        "type",
                        node.at,
                        f"[{node.name}] may run code or reach out when something is converted to it",
                        _INSTEAD.get(name, "use [string], [int], [datetime] or another plain type"),
                    )
                else:
                    yield Refusal(
                        "type",
                        node.at,
                        f"[{node.name}] stands alone: a type as a value leads into the engine",
                        "write what it is for: [int]'7', or $value -is [int]",
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

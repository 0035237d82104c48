"""Casts and comparisons only with types whose conversion computes a value and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ..lexer import Refusal
from ..tree import Block, Invoke, Member, TypeName, walk

ALLOWED = frozenset(
    [
        "string",
        "int",
        "int16",
        "int32",
        "int64",
        "long",
        "uint32",
        "uint64",
        "byte",
        "char",
        "bool",
        "boolean",
        "double",
        "single",
        "float",
        "decimal",
        "datetime",
        "timespan",
        "version",
        "guid",
        "array",
        "hashtable",
        "ordered",
        "pscustomobject",
        "psobject",
        "object",
        "regex",
        "switch",
        "switchparameter",
    ]
)


class Types:
    def check(self, script: Block) -> Iterator[Refusal]:
        static = {
            id(node.target)
            for node in walk(script)
            if isinstance(node, Invoke | Member) and isinstance(node.target, TypeName)
        }
        for node in walk(script):
            if isinstance(node, TypeName) and id(node) not in static:
                name = node.name.lower().removesuffix("[]").removeprefix("system.")
                if name not in ALLOWED:
                    yield Refusal("type", node.at, f"[{node.name}] may run code or reach out", "use [string] or [int]")

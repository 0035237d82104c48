"""An element or member is written only in a table, list or object that the script itself made."""

from __future__ import annotations

from collections.abc import Iterator

from ..flow import Flow
from ..kinds import ACCESS_LISTS, COLLECTIONS
from ..lexer import Refusal
from ..tree import (
    Assign,
    Cast,
    Command,
    Group,
    Hash,
    Index,
    Invoke,
    Listing,
    Member,
    Node,
    Number,
    Text,
    TypeName,
    Variable,
)
from .interface import Reading

_ADVICE = "build it in this script first: $table = @{}, then $table['key'] = ..., or emit @{ ... }"


class Assignments:
    explains = ("assignment",)

    def check(self, reading: Reading) -> Iterator[Refusal]:
        for node in reading.nodes:
            written = node.target if isinstance(node, Assign) else None
            while isinstance(written, Cast):
                written = written.value
            if isinstance(written, Member | Index):
                target = written.target
                if not isinstance(target, Variable) or not is_made(reading.flow, target.name):
                    yield Refusal("assignment", node.at, "this may change a live object of the server", _ADVICE)


def is_made(flow: Flow, name: str) -> bool:
    """Whether a variable holds only tables, lists and objects that the script makes where it assigns them."""
    return made_of(flow, name) is not None


def made_of(flow: Flow, name: str) -> frozenset[str] | None:
    """The types that the script makes a variable of, as kinds.COLLECTIONS names them (`array` for a list in a literal,
    nothing for what is no list); None where it may hold something else."""
    writes = [(how, value) for how, value in flow.writes.get(name, []) if how != "put"]
    kinds = {_made(value) if how == "is" and isinstance(value, Node) else None for how, value in writes}
    return frozenset(kind for kind in kinds if kind is not None) if kinds and None not in kinds else None


def _made(node: Node) -> str | None:
    match node:
        case Hash() | Text() | Number():
            return ""
        case Cast(type=TypeName(name=name)) if name.lower() in ("ordered", "hashtable", "pscustomobject", "psobject"):
            return "" if isinstance(node.value, Hash) else None
        case Cast(type=TypeName(name=name)) if _plain(name) in COLLECTIONS:
            return _plain(name) if _made(node.value) is not None else None
        case Group(opening="@("):
            makes = all(isinstance(item, Text | Number | Listing) and _made(item) is not None for item in node.body)
            return "array" if makes else None
        case Invoke(target=TypeName(name=name), name=method):
            return _plain(name) if method.lower() == "new" and _plain(name) in COLLECTIONS else None
        case Command(name=name) if name.lower() == "new-object":
            given = next((item.value for item in node.arguments if isinstance(item.value, Text)), None)
            if given is None:
                return ""
            return _plain(given.value) if _plain(given.value) in COLLECTIONS | ACCESS_LISTS else ""
        case Listing():
            return "array" if all(_made(item) is not None for item in node.items) else None
    return None


def _plain(name: str) -> str:
    return name.lower().removeprefix("system.").partition("[")[0]

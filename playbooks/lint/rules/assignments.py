"""An element or member is written only in a table, list or object that the script itself made."""

from __future__ import annotations

from collections.abc import Iterator

from ..flow import Flow
from ..kinds import COLLECTIONS
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
    writes = [(how, value) for how, value in flow.writes.get(name, []) if how != "put"]
    return bool(writes) and all(how == "is" and isinstance(value, Node) and _makes(value) for how, value in writes)


def _makes(node: Node) -> bool:
    match node:
        case Hash():
            return True
        case Cast(type=TypeName(name=name)) if name.lower() in ("ordered", "hashtable", "pscustomobject", "psobject"):
            return isinstance(node.value, Hash)
        case Cast(type=TypeName(name=name)) if _plain(name) in COLLECTIONS:
            return _makes(node.value)
        case Group(opening="@("):
            return all(isinstance(item, Text | Number | Listing) and _makes(item) for item in node.body)
        case Invoke(target=TypeName(name=name), name=method):
            return method.lower() == "new" and _plain(name) in COLLECTIONS
        case Command(name=name) if name.lower() == "new-object":
            return True
        case Text() | Number():
            return True
        case Listing():
            return all(_makes(item) for item in node.items)
    return False


def _plain(name: str) -> str:
    return name.lower().removeprefix("system.").partition("[")[0]

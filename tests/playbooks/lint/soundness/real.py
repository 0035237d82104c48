"""PowerShell's own syntax tree of a script, as check.ps1 hands it over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False, slots=True)
class Ast:
    """A node: `kind` as PowerShell names its class (without Ast), `text` as it is written, `start` and `end` in UTF-16
    units. What else a kind has (Left, Operator, Statements, ...) is read with `one`, `several`, `pairs` and `word`."""

    kind: str
    start: int
    end: int
    text: str
    parent: Ast | None = None
    parts: dict[str, Any] = field(default_factory=dict)

    def one(self, name: str) -> Ast | None:
        """The node under a name."""
        found = self.parts.get(name)
        return found if isinstance(found, Ast) else None

    def sure(self, name: str) -> Ast:
        """The node under a name that every node of this kind has."""
        found = self.parts[name]
        assert isinstance(found, Ast), (self.kind, name)
        return found

    def several(self, name: str) -> list[Ast]:
        return [item for item in self.parts.get(name, ()) if isinstance(item, Ast)]

    def pairs(self, name: str) -> list[tuple[Ast, Ast]]:
        return [item for item in self.parts.get(name, ()) if isinstance(item, tuple)]

    def word(self, name: str) -> str:
        """The text under a name, in lower case."""
        return str(self.parts.get(name, "")).lower()

    def children(self) -> Iterator[Ast]:
        for value in self.parts.values():
            for item in value if isinstance(value, list) else (value,):
                for node in item if isinstance(item, tuple) else (item,):
                    if isinstance(node, Ast):
                        yield node

    def walk(self) -> Iterator[Ast]:
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.children()

    def above(self) -> Iterator[Ast]:
        """The nodes that hold this one, from the nearest."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent


def read_tree(rows: Sequence[dict[str, Any]], script: str) -> Ast:
    """The tree that check.ps1 wrote in rows, of which the last is the script itself."""
    units = script.encode("utf-16-le")
    nodes: list[Ast] = []

    def taken(value: Any, parent: Ast) -> Any:
        if isinstance(value, list):
            return [
                tuple(taken(one, parent) for one in item) if isinstance(item, list) else taken(item, parent)
                for item in value
            ]
        if isinstance(value, int) and not isinstance(value, bool):
            nodes[value].parent = parent
            return nodes[value]
        return value

    for row in rows:
        start, end = row["start"], row["end"]
        node = Ast(row["kind"], start, end, units[2 * start : 2 * end].decode("utf-16-le"))
        node.parts = {
            name: taken(value, node)
            for name, value in row.items()
            if name not in ("kind", "start", "end") and value is not None
        }
        nodes.append(node)
    return nodes[-1]

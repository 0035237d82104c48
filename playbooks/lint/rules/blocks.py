"""A script block stands only where a listed parameter takes one; it is read like the rest."""

from __future__ import annotations

from collections.abc import Iterator

from ..commands import known_commands
from ..lexer import Refusal
from ..tree import Block, Command, Function, Hash, Invoke, Node, Text, children, walk

_TAKERS = ("where-object", "foreach-object")
_CALCULATED = ("select-object", "sort-object", "group-object", "format-list", "format-table")


class Blocks:
    def check(self, script: Block) -> Iterator[Refusal]:
        allowed = {id(script)}
        for node in walk(script):
            if isinstance(node, Function):
                allowed.add(id(node.block))
            elif isinstance(node, Command) and node.name.lower() in known_commands():
                name = node.name.lower()
                for argument in node.arguments:
                    value = argument.value
                    if isinstance(value, Block) and (name in _TAKERS or name in _CALCULATED):
                        allowed.add(id(value))
                    elif value is not None and name in _CALCULATED:
                        allowed.update(id(block) for block in _expressions(value))
            elif isinstance(node, Invoke) and node.name.lower() in ("where", "foreach"):
                allowed.update(id(item) for item in node.arguments[:1] if isinstance(item, Block))
        for node in walk(script):
            if isinstance(node, Block) and id(node) not in allowed:
                yield Refusal("script-block", node.at, "a block that others may run", "write it where it is needed")


def _expressions(value: Node) -> Iterator[Block]:
    for node in (value, *children(value)):
        if isinstance(node, Hash):
            for pair in node.pairs:
                named = isinstance(pair.key, Text) and pair.key.value.lower() in ("expression", "e")
                if named and isinstance(pair.value, Block):
                    yield pair.value

"""A function is defined at the top, before it is called, under a name that shadows nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ..commands import ALIASES, known_commands
from ..lexer import Refusal
from ..tree import Block, Function, walk

_VERBS = (
    "get",
    "test",
    "convertto",
    "convertfrom",
    "read",
    "find",
    "resolve",
    "measure",
    "select",
    "format",
    "compare",
)


class Functions:
    def check(self, script: Block) -> Iterator[Refusal]:
        for node in walk(script):
            if not isinstance(node, Function):
                continue
            name = node.name.lower()
            if not node.top:
                yield Refusal("function", node.at, "a function inside of a block", "define it at the top of the script")
            if name in known_commands() or name in ALIASES or name.partition("-")[0] not in _VERBS or "-" not in name:
                yield Refusal(
                    "function", node.at, f"the name {node.name} may stand for something else", "name it Get-Something"
                )

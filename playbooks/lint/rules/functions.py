"""A function is defined once, at the top, before it can be called, under a name that shadows nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ..commands import ALIASES, known_commands
from ..lexer import Refusal
from ..tree import Command, Function, walk
from .interface import Reading

_VERBS = frozenset(
    {
        "get", "test", "convertto", "convertfrom", "convert", "read", "find", "resolve", "measure", "select", "format",
        "compare", "write", "join", "split", "show", "out", "search", "confirm", "assert", "expand", "merge", "group",
    }
)  # fmt: skip


class Functions:
    explains = ("function",)

    def check(self, reading: Reading) -> Iterator[Refusal]:
        ends: dict[str, int] = {}
        calls: dict[str, set[str]] = {}
        inside: set[int] = set()
        for node in reading.nodes:
            if not isinstance(node, Function):
                continue
            name = node.name.lower()
            if not node.top:
                yield Refusal("function", node.at, "a function inside of a block", "define it at the top of the script")
            if name in known_commands() or name in ALIASES or "-" not in name or name.partition("-")[0] not in _VERBS:
                yield Refusal(
                    "function", node.at, f"the name {node.name} may stand for something else", "name it Get-Something"
                )
            if name in ends:
                yield Refusal("function", node.at, f"{node.name} is defined twice", "give it another name")
            ends[name] = node.at
            below = [item for item in walk(node.block) if isinstance(item, Command)]
            inside.update(id(item) for item in below)
            calls[name] = {item.name.lower() for item in below}
        for node in reading.nodes:
            if not isinstance(node, Command) or id(node) in inside or node.name.lower() not in ends:
                continue
            for name in _reached(node.name.lower(), calls):
                if ends.get(name, 0) > node.at:
                    yield Refusal(
                        "function",
                        node.at,
                        f"{name} is not yet defined here: the server might run something else of that name",
                        "move the function above its first call",
                    )


def _reached(name: str, calls: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        name = waiting.pop()
        if name not in found and name in calls:
            found.add(name)
            waiting += calls[name]
    return found

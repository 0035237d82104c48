"""One statement a line, each four spaces deeper than the line that opens what holds it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..lexer import Refusal
from ..reading import Reading
from ..tree import Block, Branch, Expandable, Group, Loop, Node, Phase, Text, walk

_LEAD = re.compile(r"^[ \t]+(?=[^ \t\r\n])", re.MULTILINE)
_STRING = re.compile(r"@'.*?\n'@|@\".*?\n\"@|'(?:[^']|'')*'|\"(?:[^\"`]|\"\"|`.)*\"", re.DOTALL)
_INDENT = 4


class Layout:
    """Lines are what a diff, an error message and a reader at night point at."""

    explains = ("style-line", "style-indent")

    def check(self, text: str, reading: Reading) -> Iterator[Refusal]:
        for opens, statements in _bodies(reading.script, reading.nodes):
            before = -1
            for statement in statements:
                # A member stands at its dot: the statement begins with the first that it is made of.
                start = min(node.at for node in walk(statement))
                begins = text.rfind("\n", 0, start) + 1
                if begins == before:
                    yield Refusal("style-line", start, "a second statement on one line", "give it its own line")
                before = begins
                lead = text[begins:start]
                wanted = _wanted(text, opens)
                if not lead.strip() and "\t" not in lead and len(lead) != wanted:
                    why = f"indented by {len(lead)} where {wanted} are expected"
                    yield Refusal("style-indent", start, why, "indent by 4 spaces a level")
        strings = [span for node in reading.nodes if (span := _lines_of_text(text, node))]
        for found in _LEAD.finditer(text):
            if "\t" in found[0] and not any(start < found.start() < end for start, end in strings):
                yield Refusal("style-indent", found.start(), "a tab indents this line", "indent by 4 spaces a level")


def _wanted(text: str, opens: Node | None) -> int:
    """Spaces before a statement; `opens` is nothing for the script's own statements."""
    if opens is None:
        return 0
    line = text[text.rfind("\n", 0, opens.at) + 1 : opens.at]
    return len(line) - len(line.lstrip()) + _INDENT


def _lines_of_text(text: str, node: Node) -> tuple[int, int] | None:
    """Where a quoted text of several lines begins and ends: what stands before its lines is no indentation."""
    found = _STRING.match(text, node.at) if isinstance(node, Text | Expandable) else None
    return found.span() if found and "\n" in found[0] else None


def _bodies(script: Block, nodes: Sequence[Node]) -> Iterator[tuple[Node | None, tuple[Node, ...]]]:
    """Statements that stand together, with the node whose line opens them."""
    for node in nodes:
        match node:
            case Block(body=body):
                yield None if node is script else node, body
            case Loop(body=body) | Group(body=body) | Phase(body=body):
                yield node, body
            case Branch(word="switch", heads=heads, bodies=bodies):
                yield from zip(heads[1:], bodies, strict=True)
            case Branch(bodies=bodies):
                for body in bodies:
                    yield node, body
            case _:
                continue

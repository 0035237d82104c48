"""One statement a line, each four spaces deeper than what holds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..lexer import Refusal
from ..rules.interface import Reading
from ..tree import Block, Branch, Group, Loop, Node


class Layout:
    """Lines are what a diff, an error message and a reader at night point at."""

    explains = ("style-line", "style-indent")

    def check(self, text: str, reading: Reading) -> Iterator[Refusal]:
        for statements in _bodies(reading.nodes):
            before = -1
            for statement in statements:
                begins = text.rfind("\n", 0, statement.at) + 1
                if begins == before:
                    yield Refusal("style-line", statement.at, "a second statement on one line", "give it its own line")
                before = begins
                lead = text[begins : statement.at]
                if not lead.strip() and ("\t" in lead or len(lead) % 4):
                    yield Refusal("style-indent", statement.at, "not indented by fours", "indent by 4 spaces a level")


def _bodies(nodes: Sequence[Node]) -> Iterator[tuple[Node, ...]]:
    for node in nodes:
        match node:
            case Block(body=body) | Loop(body=body) | Group(body=body):
                yield body
            case Branch(bodies=bodies):
                yield from bodies
            case _:
                continue

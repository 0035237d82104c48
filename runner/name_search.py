"""Where any of many names stands in a text: gone through once, whatever their number.

One pattern knows the first letters of all names and finds where one may begin; there alone names of these letters are
looked up, the longest first. Its pattern is four letters deep, however long names are and whatever a server makes of
them: a pattern of whole names would be as deep as the longest. So the steps for a text are its length, and for each
place where a name may begin as many as there are lengths of names with these letters; never the number of names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Flag

__all__ = ["Edge", "NameSearch"]

_DEEP = 4  # letters that the pattern knows of each name


class Edge(Flag):
    """What may not stand beside a name, for it would be part of a longer word."""

    NOTHING = 0
    LETTER = 1
    DIGIT = 2

    def forbids(self, character: str) -> bool:
        """Whether a name may not stand beside this character; beside none (at an end of the text) it may."""
        if not character.isalnum():
            return False
        return bool(self & (Edge.DIGIT if character.isdecimal() else Edge.LETTER))


@dataclass
class NameSearch:
    """Looks for names.

    Attributes:
        names: each, folded, with what may not stand before and after it.
        looked: how many names were looked up: what it costs beside one look at each letter of the texts.
    """

    names: Mapping[str, tuple[Edge, Edge]]
    looked: int = 0
    _by_head: dict[str, list[int]] = field(default_factory=dict)
    _begins: re.Pattern[str] | None = None

    def __post_init__(self) -> None:
        lengths: dict[str, set[int]] = {}
        for name in self.names:
            if not name:
                raise ValueError("a name without letters stands everywhere")
            lengths.setdefault(name[:_DEEP], set()).add(len(name))
        self._by_head = {head: sorted(found, reverse=True) for head, found in lengths.items()}
        if lengths:
            self._begins = re.compile(_heads(lengths))

    def found(self, folded: str) -> Iterator[tuple[int, int]]:
        """Of each place in a folded text where names begin the longest one: where it begins and ends."""
        if self._begins is None:
            return
        for begin in self._begins.finditer(folded):
            start = begin.start()
            end = self._longest(folded, start)
            if end:
                yield start, end

    def stands_in(self, folded: str) -> bool:
        """Whether any name does."""
        return next(self.found(folded), None) is not None

    def _longest(self, folded: str, start: int) -> int:
        before = folded[start - 1 : start]
        for deep in range(_DEEP, 0, -1):
            head = folded[start : start + deep]
            for length in self._by_head.get(head, ()) if len(head) == deep else ():
                self.looked += 1
                end = start + length
                edges = self.names.get(folded[start:end])
                if edges is None or end > len(folded):
                    continue
                if not edges[0].forbids(before) and not edges[1].forbids(folded[end : end + 1]):
                    return end
        return 0


def _heads(heads: Iterable[str]) -> str:
    """A pattern of one letter, where one of these beginnings follows."""
    tree: dict[str, object] = {}
    for head in sorted(heads):
        node = tree
        for letter in head:
            node = node.setdefault(letter, {})  # type: ignore[assignment]
        node[""] = {}
    return "|".join(f"{re.escape(letter)}(?={_rest(node)})" for letter, node in tree.items())


def _rest(node: object) -> str:
    assert isinstance(node, dict)
    if "" in node:
        return ""  # a whole name, or as much of it as the pattern knows: what follows is looked up
    return "|".join(f"{re.escape(letter)}(?:{_rest(inner)})" for letter, inner in node.items())

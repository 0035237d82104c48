"""What a rule is: it reads a script and yields what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ..flow import Flow
from ..lexer import Refusal
from ..tree import Block, Node


@dataclass(frozen=True, slots=True)
class Reading:
    """A script as rules see it: its tree, every node of it in order, and where its values come from."""

    script: Block
    nodes: tuple[Node, ...]
    flow: Flow


class Rule(Protocol):
    """`explains` are the names under which the rule's refusals appear."""

    @property
    def explains(self) -> tuple[str, ...]: ...

    def check(self, reading: Reading) -> Iterator[Refusal]:
        """Everything in the script that the rule refuses."""
        ...

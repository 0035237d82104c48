"""What a rule is: it reads a tree and yields what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..lexer import Refusal
from ..tree import Block


class Rule(Protocol):
    def check(self, script: Block) -> Iterator[Refusal]:
        """Everything in the script that the rule refuses."""
        ...

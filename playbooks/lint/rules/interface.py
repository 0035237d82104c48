"""What a rule is: it reads a script and yields what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..lexer import Refusal
from ..reading import Reading

__all__ = ["Reading", "Rule"]


class Rule(Protocol):
    """`explains` are the names under which the rule's refusals appear."""

    @property
    def explains(self) -> tuple[str, ...]: ...

    def check(self, reading: Reading) -> Iterator[Refusal]:
        """Everything in the script that the rule refuses."""
        ...

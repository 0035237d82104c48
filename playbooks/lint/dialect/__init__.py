"""How a collect script is written, beside what it may do: the project's dialect of PowerShell.

The proof (`playbooks.lint.lint`) says whether a script can change anything; this says whether the next person can read
it. Built-in scripts are held to both; for users' scripts it is `exrun playbook lint --style`. A script is looked at
only once it is proven: of what the parser refuses nothing more is said here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..lexer import Refusal
from ..reading import Reading, read
from .display import Display
from .header import Header
from .layout import Layout
from .naming import Naming
from .paths import LiteralPaths
from .records import Records

__all__ = ["DIALECT", "StyleRule", "against_dialect"]


class StyleRule(Protocol):
    """`explains` are the names under which the rule's findings appear."""

    @property
    def explains(self) -> tuple[str, ...]: ...

    def check(self, text: str, reading: Reading) -> Iterator[Refusal]:
        """Everything in the script that is written otherwise."""
        ...


DIALECT: tuple[StyleRule, ...] = (Header(), Layout(), Naming(), LiteralPaths(), Display(), Records())


def against_dialect(text: str) -> list[Refusal]:
    """What is written otherwise, in the order of the text; nothing for a script that does not parse."""
    try:
        reading = read(text)
    except Refusal:
        return []
    return sorted((found for rule in DIALECT for found in rule.check(text, reading)), key=lambda found: found.at)

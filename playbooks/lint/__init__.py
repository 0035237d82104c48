"""Proves by a strict subset of PowerShell that a collect script only reads, and that a change writes only what its
contract names; says what to write instead of the rest.

docs/reference/lint.md says what passes, what is refused, and how far the claim goes; `make soak` measures it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .lexer import Refusal
from .locked import against_lock
from .places import Place
from .reading import Reading, read, read_change
from .rules import CHANGES, READ_ONLY, Rule, Targets
from .syntax import refusals

__all__ = ["CHANGES", "READ_ONLY", "Place", "Problem", "lint", "lint_change", "style", "unlockable"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a script is not proven. `line` and `column` count from 1; `source` names the script."""

    rule: str
    line: int
    column: int
    why: str
    instead: str
    source: str = ""

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}: {self.rule}: {self.why}; {self.instead}"


def lint(text: str, *, source: str, rules: tuple[Rule, ...] = READ_ONLY) -> tuple[Problem, ...]:
    """What stands against the script by these rules, in the order of the text; empty when all that they ask for is
    proven: by default, that it only reads."""
    return _problems(text, _against(text, rules, read), source)


def lint_change(text: str, allowed: Iterable[Place], *, source: str) -> tuple[Problem, ...]:
    """What stands against the script of a change, in the order of the text; empty when it is proven to write nothing
    but places that are allowed, each of them written out in the script, and to do nothing else that a collect script
    could not do.

    Args:
        allowed: what the contract's `writes` come to for this change.
    """
    return _problems(text, _against(text, (*CHANGES, Targets(tuple(allowed))), read_change), source)


def _against(text: str, rules: tuple[Rule, ...], how: Callable[[str], Reading]) -> list[Refusal]:
    try:
        reading = how(text)
        return [refusal for rule in rules for refusal in rule.check(reading)]
    except Refusal as refusal:
        return list(refusals(text, refusal))


def unlockable(text: str, modules: Iterable[str], *, source: str) -> tuple[Problem, ...]:
    """What a locked session would refuse of a script that is proven read-only, in the order of the text.

    Args:
        modules: those that are imported before the session is locked.
    """
    return _problems(text, against_lock(text, modules), source)


def style(text: str, *, source: str) -> tuple[Problem, ...]:
    """How the script departs from the project's dialect, in the order of the text; says nothing of what it may do."""
    from .dialect import against_dialect  # no audit asks for it

    return _problems(text, against_dialect(text), source)


def _problems(text: str, found: Iterable[Refusal], source: str) -> tuple[Problem, ...]:
    return tuple(
        Problem(
            refusal.rule,
            text.count("\n", 0, refusal.at) + 1,
            refusal.at - text.rfind("\n", 0, refusal.at),
            refusal.why,
            refusal.instead,
            source,
        )
        for refusal in sorted(found, key=lambda refusal: refusal.at)
    )

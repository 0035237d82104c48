"""What can be wrong with an inventory or with a selection over it.

InventoryError
  SourceError               a file cannot be read as an inventory; carries every problem that was found in it
  SelectionError            a selection cannot be used; carries the column
    SelectionSyntaxError    it is not in the selection language
    UnknownNameError        it names hosts, groups, clients or labels that the inventory does not have: all of them
    NothingSelectedError    it is well-formed, everything it names exists, and no host fits
  UnexpectedCountError      a selection gave another number of hosts than `--expect` said
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from inventory.model import Location

__all__ = [
    "InventoryError",
    "NothingSelectedError",
    "Problem",
    "SelectionError",
    "SelectionSyntaxError",
    "SourceError",
    "UnexpectedCountError",
    "UnknownNameError",
    "suggestion",
]

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what, and what to do. Never holds a value that could be a secret."""

    location: Location
    what: str
    advice: str = ""

    def __str__(self) -> str:
        path = f" {self.location.path}:" if self.location.path else ""
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.location}:{path} {self.what}{advice}"


class InventoryError(ValueError):
    """Where to act is not clear; nothing was sent."""


class SourceError(InventoryError):
    """Raised by a source. `problems` are all that were found, each once, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        problems = tuple(problems)
        files = list(dict.fromkeys(problem.location.file for problem in problems))
        self.problems: Sequence[Problem] = tuple(
            sorted(
                dict.fromkeys(problems),
                key=lambda problem: (
                    files.index(problem.location.file),
                    problem.location.line,
                    problem.location.column,
                    problem.what,
                ),
            )
        )
        super().__init__(len(self.problems))

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(f"and {len(self.problems) - SHOWN} more")
        return "\n".join(lines)


class SelectionError(InventoryError):
    """A selection that cannot be used. `column` counts from 1 in the text of the selection."""

    def __init__(self, what: str, *, column: int, advice: str = "") -> None:
        self.what = what
        self.column = column
        self.advice = advice
        super().__init__(what)

    def __str__(self) -> str:
        advice = f"; {self.advice}" if self.advice else ""
        return f"selection, column {self.column}: {self.what}{advice}"


class SelectionSyntaxError(SelectionError):
    """Raised by `inventory.selection.parse`."""


class UnknownNameError(SelectionError):
    """Raised by `inventory.selection.select` for all names that do not exist: the first, and `others` after it."""

    others: tuple[UnknownNameError, ...] = ()

    def with_others(self, others: Iterable[UnknownNameError]) -> UnknownNameError:
        """The same error, for these names too; each is said once."""
        first: dict[str, UnknownNameError] = {}
        for other in others:
            if other.what != self.what:
                first.setdefault(other.what, other)
        self.others = tuple(first.values())
        return self

    def __str__(self) -> str:
        return "\n".join([SelectionError.__str__(self), *(SelectionError.__str__(other) for other in self.others)])


class NothingSelectedError(SelectionError):
    """Raised by `inventory.selection.select` when no host fits; an empty run is never what was meant."""


class UnexpectedCountError(InventoryError):
    """Raised by `inventory.selection.check_count`."""

    def __init__(self, expected: int, selected: int) -> None:
        self.expected = expected
        self.selected = selected
        found = "1 host is" if selected == 1 else f"{selected} hosts are"
        super().__init__(f"{found} selected, but --expect says {expected}; nothing was sent")


def suggestion(written: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """`did you mean ...?` for the nearest of `known`, compared without case; `otherwise` when none is near."""
    by_fold = {name.casefold(): name for name in known}
    near = get_close_matches(written.casefold(), by_fold, n=1, cutoff=0.6)
    return f"did you mean `{by_fold[near[0]]}`?" if near else otherwise

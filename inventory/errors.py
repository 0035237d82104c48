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

from collections.abc import Iterable

from texts.counting import counted
from texts.problems import Problem, in_lines, in_order, said

__all__ = [
    "InventoryError",
    "NothingSelectedError",
    "SelectionError",
    "SelectionSyntaxError",
    "SourceError",
    "UnexpectedCountError",
    "UnknownNameError",
]


class InventoryError(ValueError):
    """Where to act is not clear; nothing was sent."""


class SourceError(InventoryError):
    """Raised by a source. `problems` are all that were found, each once, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        super().__init__(len(self.problems))

    def __str__(self) -> str:
        return "\n".join(in_lines(self.problems))


class SelectionError(InventoryError):
    """A selection that cannot be used. `column` counts from 1 in the text of the selection."""

    def __init__(self, what: str, *, column: int, advice: str = "") -> None:
        self.what = what
        self.column = column
        self.advice = advice
        super().__init__(what)

    def __str__(self) -> str:
        return f"selection, column {self.column}: {said(self.what, self.advice)}"


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
        are = "is" if selected == 1 else "are"
        super().__init__(f"{counted(selected, 'host')} {are} selected, but --expect says {expected}; nothing was sent")

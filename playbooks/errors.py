"""What can be wrong with a playbook, an action or a value given to one.

PlaybookError
  DocumentError       a playbook, an action or its script is wrong; carries every problem that was found
    CatalogueError    a table of the catalogue is wrong, or is not as its manifest says
  ParameterError      a parameter from the command line is wrong
  RenderingError      a template, or a value for it, cannot become a script
  ConditionError      a `when` or `compliant_when` is not in the language, or names what does not exist
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

__all__ = [
    "CatalogueError",
    "ConditionError",
    "DocumentError",
    "Location",
    "ParameterError",
    "PlaybookError",
    "Problem",
    "RenderingError",
    "nearest",
    "suggestion",
]

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Location:
    """Where something stands in a user's file. Lines and columns count from 1; path is `steps[0].with.campaign`."""

    file: str
    line: int = 1
    column: int = 1
    path: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what, and what to do. `rule` is the linter's, where it is a script's problem."""

    location: Location
    what: str
    advice: str = ""
    rule: str = ""

    def __str__(self) -> str:
        kind = "".join(f" {part}:" for part in (self.location.path, self.rule) if part)
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.location}:{kind} {self.what}{advice}"


class PlaybookError(ValueError):
    """Something in a playbook or an action is wrong; nothing was sent. The message never echoes a value."""

    def __init__(self, what: str, *, source: str = "", line: int = 0, column: int = 0) -> None:
        """`line` and `column` count from 1; 0 means not known."""
        self.what = what
        self.source = source
        self.line = line
        self.column = column
        super().__init__(what)

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.source, self.line, self.column) if part)
        return f"{where}: {self.what}" if where else self.what


class DocumentError(PlaybookError):
    """Raised by loading. `problems` are all that were found, each once, in the order of their files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        ordered = sorted(
            dict.fromkeys(problems),
            key=lambda problem: (problem.location.file, problem.location.line, problem.location.column, problem.what),
        )
        self.problems: Sequence[Problem] = tuple(ordered)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(f"and {len(self.problems) - SHOWN} more")
        return "\n".join(lines)


class CatalogueError(DocumentError):
    """Raised by reading tables: shipped, installed, or a user's own."""


class ParameterError(PlaybookError):
    """Raised for `--param`, before any file but the playbook's own was looked into."""


class RenderingError(PlaybookError):
    """Raised by `literal` and `render`."""


class ConditionError(PlaybookError):
    """Raised when a `when` or `compliant_when` is parsed."""


def nearest(written: str, known: Iterable[str]) -> str:
    """The one of `known` that was meant, compared without case; empty when none is near."""
    by_fold = {name.casefold(): name for name in known}
    near = get_close_matches(written.casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[near[0]] if near else ""


def suggestion(written: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """`did you mean ...?` for the nearest of `known`; `otherwise` when none is near."""
    near = nearest(written, known)
    return f"did you mean `{near}`?" if near else otherwise

"""What can be wrong with a playbook, an action or a value given to one.

PlaybookError
  DocumentError       a playbook, an action or its script is wrong; carries every problem that was found
    ChangeError       the scripts of a change cannot be made, or are not proven to do what the contract says
    CatalogueError    a table of the catalogue is wrong, or is not as its manifest says
  ParameterError      a parameter from the command line is wrong
  RenderingError      a template, or a value for it, cannot become a script
  ConditionError      a `when` or `compliant_when` is not in the language, or names what does not exist
"""

from __future__ import annotations

from collections.abc import Iterable

from texts.problems import Problem, in_lines, in_order, said

__all__ = [
    "CatalogueError",
    "ChangeError",
    "ConditionError",
    "DocumentError",
    "ParameterError",
    "PlaybookError",
    "RenderingError",
]


class PlaybookError(ValueError):
    """Something in a playbook or an action is wrong; nothing was sent. The message never echoes a value."""

    def __init__(self, what: str, advice: str = "", *, source: str = "", line: int = 0, column: int = 0) -> None:
        """`line` and `column` count from 1; 0 means not known."""
        self.what = what
        self.advice = advice
        self.source = source
        self.line = line
        self.column = column
        super().__init__(said(what, advice))

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.source, self.line, self.column) if part)
        return f"{where}: {said(self.what, self.advice)}" if where else said(self.what, self.advice)


class DocumentError(PlaybookError):
    """Raised by loading. `problems` are all that were found, each once, in the order of their files' names."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(sorted(problems, key=lambda problem: problem.location.file))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __str__(self) -> str:
        return "\n".join(in_lines(self.problems))


class CatalogueError(DocumentError):
    """Raised by reading tables: shipped, installed, or a user's own."""


class ChangeError(DocumentError):
    """Raised by rendering the changes of a step on a host; nothing of them was sent."""


class ParameterError(PlaybookError):
    """Raised for `--param`, before any file but the playbook's own was looked into."""


class RenderingError(PlaybookError):
    """Raised by `literal` and `render`."""


class ConditionError(PlaybookError):
    """Raised when a `when` or `compliant_when` is parsed."""

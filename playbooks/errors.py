"""What can be wrong with a playbook, an action or a value given to one.

PlaybookError
  RenderingError      a template, or a value for it, cannot become a script
  ConditionError      a `when` is not in the language, or names what does not exist
"""

from __future__ import annotations

__all__ = ["ConditionError", "PlaybookError", "RenderingError"]


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


class RenderingError(PlaybookError):
    """Raised by `literal` and `render`."""


class ConditionError(PlaybookError):
    """Raised when a `when` is parsed."""

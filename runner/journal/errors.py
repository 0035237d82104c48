"""What can be wrong with a journal as a file.

JournalError
├── JournalUnwritable   a line could not be made durable: nothing more may be sent
├── JournalLocked       another writer holds it
├── JournalBroken       it is not what was written, so nothing is added to it
└── JournalUnreadable   the file is missing or may not be read
"""

from __future__ import annotations

from pathlib import Path


class JournalError(Exception):
    """Where, what and what to do; `path` is the journal's file."""

    def __init__(self, path: Path, what: str, next: str) -> None:  # noqa: A002
        super().__init__(f"{path}: {what}. {next}")
        self.path = path
        self.what = what
        self.next = next


class JournalUnwritable(JournalError):  # noqa: N818
    """Raised by the call that failed and by every later one on the same writer."""


class JournalLocked(JournalError):  # noqa: N818
    """Raised on opening a journal that another process, or another part of this one, writes."""


class JournalBroken(JournalError):  # noqa: N818
    """Raised on opening a journal whose chain or head does not verify."""


class JournalUnreadable(JournalError):  # noqa: N818
    """Raised when a journal to be read or verified cannot be read."""

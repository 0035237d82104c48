"""What a file comes to, and why: the words that every judgement of files uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

__all__ = ["FileVerdict", "Grade", "Reason", "Root", "WebFile", "WebRoot", "Written", "worst"]


class Grade(StrEnum):
    """What a file comes to, worst first."""

    MALICIOUS = "malicious"
    SUSPICIOUS = "suspicious"
    UNKNOWN = "unknown"
    BASELINE = "baseline"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return tuple(Grade).index(self)


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that was seen in or of a file.

    Attributes:
        id: stable, small letters with `-` and `.`; what it is told by in reports and tests.
        grade: what it comes to by itself. A reason of BASELINE speaks for the file and overrules none that speaks
            against it.
        text: one sentence for people; a server's words in it are as the server wrote them.
        source: where the fact or the rule is from.
        licence: of the source, where somebody else's words are passed on; empty for our own.
    """

    id: str
    grade: Grade
    text: str
    source: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """What one file comes to.

    Attributes:
        path: as the server wrote it.
        sha256: of the bytes that came, where all of them did; else as the server says; empty where it said none.
        size: in bytes, as the server says; negative where it said none.
        reasons: at least one, those that decide first.
    """

    path: str
    sha256: str
    size: int
    verdict: Grade
    reasons: tuple[Reason, ...]


class Written(Protocol):
    """A file as a server told of it.

    `created` and `modified` are UTC in ISO 8601 and easily forged. `sha256` is empty where it was not hashed, and a
    server's own word. `content` is None where it did not come; `cut` says that a cap kept all or some of it back.
    """

    @property
    def path(self) -> str: ...
    @property
    def root(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def created(self) -> str: ...
    @property
    def modified(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def content(self) -> bytes | None: ...
    @property
    def cut(self) -> bool: ...


class Root(Protocol):
    """A folder that was looked into.

    `kind` is site, application, vdir, exchange, temporary or wwwroot; of the first three, `site` is the site's name and
    `address` the folder's address below it, such as `/` or `/owa`.
    """

    @property
    def path(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def site(self) -> str: ...
    @property
    def address(self) -> str: ...


@dataclass(frozen=True, slots=True)
class WebFile:
    """The plainest `Written`."""

    path: str
    size: int
    sha256: str = ""
    content: bytes | None = None
    cut: bool = False
    created: str = ""
    modified: str = ""
    root: str = ""


@dataclass(frozen=True, slots=True)
class WebRoot:
    """The plainest `Root`."""

    path: str
    kind: str
    site: str = ""
    address: str = ""


def worst(reasons: Iterable[Reason]) -> Grade:
    """The grade of the worst of them; of none, unknown."""
    return min((each.grade for each in reasons), key=lambda grade: grade.rank, default=Grade.UNKNOWN)

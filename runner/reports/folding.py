"""Lines for a terminal of some width: broken between words, and what is broken off stands further in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runner.reports.fitting import broken, cells

__all__ = ["Command", "Verbatim", "folded"]

HANG = 4


class Verbatim(str):
    """A line that must stay as it is, such as one of a script."""

    __slots__ = ()


class Command(Verbatim):
    """`next: exrun show r1`: a command behind the words that say what it is for.

    It stays in one piece, for half of one can be one too; where it does not fit behind the words it has its own line.
    """

    __slots__ = ("typed", "words")

    words: str
    typed: str

    def __new__(cls, words: str, typed: str) -> Command:
        """Of the words, indented as the line is to be, and what is to be typed."""
        made = super().__new__(cls, f"{words}: {typed}")
        made.words, made.typed = words, typed
        return made


def folded(lines: Iterable[str], width: int | None) -> Iterator[str]:
    """The same lines, none wider than `width` cells but what is Verbatim; all as they are for None."""
    for line in lines:
        if width is None or cells(line) <= width or (isinstance(line, Verbatim) and not isinstance(line, Command)):
            yield line
            continue
        lead = min(len(line) - len(line.lstrip(" ")), width // 2)
        if isinstance(line, Command):
            yield from (f"{line.words}:", f"{' ' * (lead + HANG)}{line.typed}")
            continue
        yield from broken(f"{' ' * lead}{line.lstrip(' ')}", width, lead + HANG)

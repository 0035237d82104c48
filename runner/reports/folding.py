"""Lines for a terminal of some width: broken between words, and what is broken off stands further in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runner.reports.fitting import broken, cells

__all__ = ["Verbatim", "folded"]

HANG = 4


class Verbatim(str):
    """A line that must stay as it is, such as one of a script."""

    __slots__ = ()


def folded(lines: Iterable[str], width: int | None) -> Iterator[str]:
    """The same lines, none wider than `width` cells but those that are Verbatim; all as they are for None."""
    for line in lines:
        if width is None or isinstance(line, Verbatim) or cells(line) <= width:
            yield line
            continue
        lead = min(len(line) - len(line.lstrip(" ")), width // 2)
        yield from broken(f"{' ' * lead}{line.lstrip(' ')}", width, lead + HANG)

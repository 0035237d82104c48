"""Lines for a terminal of some width: broken between words, and what is broken off stands further in."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

__all__ = ["Verbatim", "folded"]

HANG = 4


class Verbatim(str):
    """A line that must stay as it is, such as one of a script."""

    __slots__ = ()


def folded(lines: Iterable[str], width: int | None) -> Iterator[str]:
    """The same lines, none wider than `width` characters but those that are Verbatim; all as they are for None."""
    for line in lines:
        if width is None or len(line) <= width or isinstance(line, Verbatim):
            yield line
            continue
        lead = len(line) - len(line.lstrip(" "))
        yield from textwrap.wrap(
            line.lstrip(" "),
            width,
            initial_indent=" " * min(lead, width // 2),
            subsequent_indent=" " * min(lead + HANG, width // 2),
            replace_whitespace=False,
            expand_tabs=False,
            break_on_hyphens=False,
        )

"""Text in the cells that a line of a terminal has: measured as a terminal draws it, cut at words, names whole.

A letter of Chinese, Japanese or Korean takes two cells, a combining mark none (rich's tables, of Unicode's East Asian
Width). A terminal may draw a group of signs, such as a flag, narrower than the signs by themselves; the wider counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["MORE", "broken", "cells", "fitted", "names_in", "padded", "shortened"]

MORE = "..."


def cells(text: str) -> int:
    """How many cells of a terminal this takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len, get_character_cell_size  # most names and words need none of its tables

    return max(cell_len(text), sum(map(get_character_cell_size, text)))


def padded(text: str, room: int) -> str:
    """With spaces behind it up to `room` cells."""
    return text + " " * (room - cells(text))


def fitted(text: str, room: int) -> str:
    """As many words as have room, with `...` behind them where that is not all; never more than `room` cells.

    A word that would take half of the room with it, such as a path, is cut within.
    """
    if cells(text) <= room:
        return text
    if room <= len(MORE):
        return MORE[: max(room, 0)]
    kept = _start(text, room - len(MORE))
    at_a_word = (kept if text[len(kept)] == " " else kept.rpartition(" ")[0]).rstrip(" ,;:")
    return f"{at_a_word if 2 * cells(at_a_word) >= room else kept}{MORE}"


def shortened(name: str, room: int) -> str:
    """A name with its middle left out where it alone is wider than the room: both its ends tell it from others."""
    if cells(name) <= room:
        return name
    if room <= len(MORE):
        return MORE[: max(room, 0)]
    start = _start(name, (room - len(MORE) + 1) // 2)
    return f"{start}{MORE}{_end(name, room - len(MORE) - cells(start))}"


def names_in(names: Sequence[str], room: int, lines: int) -> tuple[str, ...]:
    """Names as far as they fit into so many lines, each name whole: `EX1, EX2, EX3` and, in the last, `and 9 more`.

    The first name is always among them, shortened in its middle where it alone is wider than a line.
    """
    written: list[str] = []
    line, shown = "", 0
    for name in names:
        further = f"{line}, {name}" if line else name
        last = len(written) == lines - 1
        rest = len(names) - shown - 1
        if cells(further) + (cells(_and_more(rest)) if last and rest else 1 if rest else 0) <= room:
            line, shown = further, shown + 1
            continue
        if not last and line and cells(name) + cells(_and_more(rest)) <= room:
            written.append(f"{line},")
            line, shown = name, shown + 1
            continue
        break
    if not shown:
        rest = len(names) - 1
        more = _and_more(rest) if rest else ""
        return (f"{shortened(names[0], room - cells(more))}{more}",)
    if rest := len(names) - shown:
        if cells(f"{line}{_and_more(rest)}") > room:  # the next name alone is wider than a line
            written.append(f"{line},")
            line = ""
        line = f"{line}{_and_more(rest)}".strip()
    return (*written, line)


def broken(text: str, room: int, hang: int = 0) -> Iterator[str]:
    """Lines of at most `room` cells, broken between words, those behind the first `hang` cells further in.

    A word that is wider than a line is broken within.
    """
    indent, left = "", text
    while cells(indent + left) > room:
        kept = _start(left, room - len(indent)) or left[:1]
        at = len(kept) if left[len(kept) : len(kept) + 1] == " " else kept.rfind(" ")
        head = left[:at] if at > 0 and left[:at].strip() else kept
        yield f"{indent}{head}".rstrip(" ")
        left = left[len(head) :].lstrip(" ")
        indent = " " * min(hang, room // 2)
    if left or not indent:
        yield f"{indent}{left}"


def _and_more(count: int) -> str:
    return f" and {count} more"


def _start(text: str, room: int) -> str:
    """The longest start that has room. Of a letter its marks stay with it."""
    kept = text[: max(room, 0)]
    while cells(kept) > room:
        kept = kept[:-1]
    while len(kept) < len(text) and cells(kept + text[len(kept)]) <= room:
        kept += text[len(kept)]
    return kept


def _end(text: str, room: int) -> str:
    kept = text[-room:] if room > 0 else ""
    while cells(kept) > room:
        kept = kept[1:]
    return kept

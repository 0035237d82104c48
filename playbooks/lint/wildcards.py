"""PowerShell's wildcards as `-like` has them: `*`, `?`, `[a-z]`, and a backtick that takes the next for itself.

Read as WildcardPattern reads them (System.Management.Automation, regex.cs); tests/playbooks/lint/test_wildcards.py asks
a real engine. Letters are compared without regard to case where each has exactly one other case; all else exactly, so
that never more is alike than there.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["escaped", "has_wildcards", "is_like", "why_no_pattern"]

_WIDEST = 1000
_SPECIAL = "*?[]`"


def escaped(text: str) -> str:
    """A pattern that this text alone is like."""
    return "".join(f"`{character}" if character in _SPECIAL else character for character in text)


def has_wildcards(text: str) -> bool:
    """Whether a command that takes a pattern could take this text for another one."""
    return any(character in text for character in _SPECIAL)


def is_like(text: str, pattern: str) -> bool:
    """Whether a text is like a pattern, which is whole (`why_no_pattern` has nothing against it)."""
    return _compiled(pattern).fullmatch("".join(map(_folded, text))) is not None


def why_no_pattern(pattern: str) -> str:
    """What PowerShell would refuse of a pattern; empty where it takes it."""
    try:
        _compiled(pattern)
    except ValueError as error:
        return str(error)
    return ""


def _folded(character: str) -> str:
    lower = character.lower()
    return lower if len(lower) == 1 and lower.upper() == character else character


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    found: list[str] = []
    inside: list[tuple[str, bool]] | None = None  # of a set: its characters, and whether each is a plain dash
    escape = opened = False
    for character in pattern:
        taken = escape
        escape = character == "`" and not taken
        if inside is not None:
            if character == "]" and not opened and not taken:
                found.append(_set(inside))
                inside = None
            elif not escape:
                inside.append((character, character == "-" and not taken))
            opened = False
        elif escape:
            continue
        elif character == "*" and not taken:
            found.append(".*")
        elif character == "?" and not taken:
            found.append(".")
        elif character == "[" and not taken:
            inside, opened = [], True
        else:
            found.append(re.escape(_folded(character)))
    if inside is not None:
        raise ValueError("has a [ without a ]")
    if escape and pattern != "`":  # which is a pattern of nothing there
        found.append("`")
    return re.compile("".join(found), re.DOTALL)


def _set(inside: list[tuple[str, bool]]) -> str:
    parts: list[str] = []
    at = 0
    while at < len(inside):
        character = inside[at][0]
        if at + 2 < len(inside) and inside[at + 1][1]:
            last = inside[at + 2][0]
            if character > last:
                raise ValueError(f"has a range that ends before it begins, {character}-{last}")
            if ord(last) - ord(character) > _WIDEST:
                raise ValueError(f"has a range of more than {_WIDEST} characters, {character}-{last}")
            folded = {_folded(chr(code)) for code in range(ord(character), ord(last) + 1)}  # of Z-a: z, [, ..., a
            parts.append("".join(re.escape(each) for each in sorted(folded)))
            at += 3
        else:
            parts.append(re.escape(_folded(character)))
            at += 1
    return f"[{''.join(parts)}]" if parts else "(?!)"

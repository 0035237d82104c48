"""Reads back the literals that playbooks/rendering.py writes: the inverse of `rendering.literal`.

Only those forms are read, not PowerShell. A time comes back as the text that its literal is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from playbooks.values import Value

_NUMBER = re.compile(r"\d+(?P<point>\.\d+)?(?P<power>e[+-]\d+)?", re.ASCII)
_TEXT = re.compile(r"'((?:[^']|'')*)'")
_UNIT = re.compile(r"\[char\]0x([0-9A-F]{4})")
_SMALLEST = "([long]'-9223372036854775808')"
_WORDS: dict[str, Value] = {"$null": None, "$true": True, "$false": False}


class NotALiteralError(ValueError):
    """What stands here is none of the forms that the renderer writes."""


def read(text: str, at: int) -> tuple[Value, int]:
    """The value of the literal that begins at `at`, and where it ends.

    Raises:
        NotALiteralError: none begins there.
    """
    return _Reader(text).value(at)


@dataclass(frozen=True, slots=True)
class _Reader:
    whole: str

    def _starts(self, word: str, at: int) -> bool:
        return self.whole.startswith(word, at)

    def _past(self, word: str, at: int) -> int:
        if not self._starts(word, at):
            raise NotALiteralError(f"{word!r} expected at {at}")
        return at + len(word)

    def value(self, at: int) -> tuple[Value, int]:
        for word, meaning in _WORDS.items():
            if self._starts(word, at):
                return meaning, at + len(word)
        if self._starts(_SMALLEST, at):
            return -(2**63), at + len(_SMALLEST)
        if self._starts("([byte[]]@(", at):
            return self._bytes(at + len("([byte[]]@("))
        if self._starts("@(", at):
            return self._array(at + 2)
        if self._starts("@{", at):
            return self._mapping(at + 2)
        if self._starts("'", at):
            return self._quoted(at)
        if self._starts("('", at):
            return self._sum(at + 1)
        if self._starts("(-", at):
            number, end = self._number(at + 2)
            return -number, self._past(")", end)
        return self._number(at)

    def _number(self, at: int) -> tuple[int | float, int]:
        found = _NUMBER.match(self.whole, at)
        if found is None:
            raise NotALiteralError(f"no literal at {at}")
        if found["point"] or found["power"]:
            return float(found[0]), found.end()
        return int(found[0]), found.end()

    def _quoted(self, at: int) -> tuple[str, int]:
        found = _TEXT.match(self.whole, at)
        if found is None:
            raise NotALiteralError(f"a text that does not end at {at}")
        return found[1].replace("''", "'"), found.end()

    def _sum(self, at: int) -> tuple[str, int]:
        """Texts and UTF-16 units joined by +, up to the closing bracket."""
        units: list[bytes] = []
        while True:
            if unit := _UNIT.match(self.whole, at):
                units.append(bytes.fromhex(unit[1]))
                at = unit.end()
            else:
                text, at = self._quoted(at)
                units.append(text.encode("utf-16-be", "surrogatepass"))
            if self._starts(")", at):
                return b"".join(units).decode("utf-16-be", "surrogatepass"), at + 1
            at = self._past(" + ", at)

    def _bytes(self, at: int) -> tuple[bytes, int]:
        end = self.whole.find("))", at)
        digits = self.whole[at:end] if end >= 0 else "?"
        if not re.fullmatch(r"(?:\d{1,3}(?:, \d{1,3})*)?", digits, re.ASCII):
            raise NotALiteralError(f"no list of bytes at {at}")
        return bytes(int(each) for each in digits.split(", ") if each), end + 2

    def _array(self, at: int) -> tuple[tuple[Value, ...], int]:
        if self._starts(", ", at):  # the comma that keeps an only element, itself an array, from being unrolled
            only, at = self.value(at + 2)
            return (only,), self._past(")", at)
        items: list[Value] = []
        while not self._starts(")", at):
            if items:
                at = self._past(", ", at)
            item, at = self.value(at)
            items.append(item)
        return tuple(items), at + 1

    def _mapping(self, at: int) -> tuple[dict[str, Value], int]:
        entries: dict[str, Value] = {}
        while not self._starts("}", at):
            if entries:
                at = self._past("; ", at)
            key, at = self._quoted(at)
            entries[key], at = self.value(self._past(" = ", at))
        return entries, at + 1

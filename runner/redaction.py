"""Keeps secrets out of everything that is written down: one redactor, told each secret when it is resolved.

A server may echo a password back in any spelling. Looked for are, for each secret, its characters in any mixture of
plain, URL-encoded, JSON-escaped, XML-escaped and PowerShell-quoted spellings; its bytes in UTF-8 and UTF-16LE as
hexadecimal (also with separators, as BitConverter prints) and as Base64 or Base64url at each of the three alignments
at which it can stand in longer data. Not found are a secret that is compressed, encrypted, hashed, wrapped over
lines, or split over two values.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime

MIN_LENGTH = 4  # characters; a shorter text stands everywhere by accident and cannot be kept out
# Shorter than any secret, so that each pass makes a text shorter and none can go on for ever.
PLACEHOLDER = "***"

_XML_NAMES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_JSON_SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_POWERSHELL_QUOTES = "'\u2018\u2019\u201a\u201b"


class SecretTooShortError(ValueError):
    """Raised when a secret has fewer than MIN_LENGTH characters; the message does not quote it."""


class Redactor:
    """Replaces registered secrets by `***` in values of any nesting. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._patterns: dict[str, tuple[re.Pattern[str], ...]] = {}
        self._any: re.Pattern[str] | None = None  # all of them: nearly every text is clean, and one search says so

    def register(self, secret: str) -> None:
        """From now on, keep this secret out.

        Raises:
            SecretTooShortError: fewer than MIN_LENGTH characters.
        """
        if len(secret) < MIN_LENGTH:
            raise SecretTooShortError(
                f"a secret of fewer than {MIN_LENGTH} characters cannot be kept out of the journal"
            )
        patterns = tuple(re.compile(pattern, re.DOTALL) for pattern in _patterns(secret))
        with self._lock:
            known = {**self._patterns, secret: patterns}
            every = "|".join(pattern.pattern for each in known.values() for pattern in each)
            self._patterns, self._any = known, re.compile(every, re.DOTALL)

    def redact(self, value: object) -> object:
        """A copy of the value without the secrets; mappings become dicts, tuples and lists keep their kind.

        A number, time or byte string in which a secret stands is replaced as a whole. Two keys that become equal are
        told apart by `#2`, `#3`. Values of other types come back as they are.
        """
        match value:
            case str():
                return self.redact_text(value)
            case bytes():
                text = value.decode("latin-1")
                return value if self.redact_text(text) == text else PLACEHOLDER.encode()
            case None | bool():
                return value
            case int() | float():
                return value if self._is_clean(repr(value)) else PLACEHOLDER
            case datetime():
                return value if self._is_clean(value.isoformat()) else PLACEHOLDER
            case Mapping():
                return self._redact_mapping(value)
            case list():
                return [self.redact(member) for member in value]
            case tuple():
                return tuple(self.redact(member) for member in value)
            case _:
                return value

    def redact_text(self, text: str) -> str:
        """A text without the secrets, nor any that taking one out would have put together."""
        while spans := self._found(text):
            kept, position = [], 0
            for start, end in spans:
                kept += [text[position:start], PLACEHOLDER]
                position = end
            text = "".join([*kept, text[position:]])
        return text

    def _is_clean(self, text: str) -> bool:
        return not self._found(text)

    def _redact_mapping(self, mapping: Mapping[object, object]) -> dict[object, object]:
        clean: dict[object, object] = {}
        for key, member in mapping.items():
            name = unique = self.redact(key)
            count = 1
            while unique in clean:
                count += 1
                unique = f"{name}#{count}"
            clean[unique] = self.redact(member)
        return clean

    def _found(self, text: str) -> list[tuple[int, int]]:
        """Where secrets stand, overlapping ones joined: else half of the second would remain."""
        if self._any is None or self._any.search(text) is None:
            return []
        spans = sorted(
            span for patterns in self._patterns.values() for pattern in patterns for span in _overlapping(pattern, text)
        )
        joined: list[tuple[int, int]] = []
        for start, end in spans:
            if joined and start < joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        return joined


def _overlapping(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    found = pattern.search(text)
    while found is not None:
        yield found.span()
        found = pattern.search(text, found.start() + 1)


def _patterns(secret: str) -> Iterator[str]:
    yield "".join(map(_spellings, secret))
    # The sides of a surrogate pair are two \u escapes in JSON, so such a character has them among its spellings.
    for raw in {_bytes(secret, "utf-8"), _bytes(secret, "utf-16-le")}:
        yield re.escape(raw.decode("latin-1"))
        yield "(?i:" + "[-:, ]?".join(f"(?:0x)?{byte:02x}" for byte in raw) + ")"
        for alignment in range(3):
            yield _base64_core(raw, alignment)


def _bytes(text: str, encoding: str) -> bytes:
    return text.encode(encoding, "surrogatepass")


def _spellings(character: str) -> str:
    """A pattern for one character in every spelling; the longest come first so that none is half replaced."""
    code = ord(character)
    units = _bytes(character, "utf-16-be")
    escaped = "".join(f"\\\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
    percent = "".join(f"%{byte:02x}" for byte in _bytes(character, "utf-8"))
    clixml = "".join(f"_x{units[at]:02x}{units[at + 1]:02x}_" for at in range(0, len(units), 2))
    spellings = [f"(?i:{escaped})", f"(?i:{percent})", f"(?i:{clixml})", f"&#0*{code};", f"(?i:&#x0*{code:x};)"]
    if character in _XML_NAMES:
        spellings.append(f"&{_XML_NAMES[character]};")
    if character in _JSON_SHORT:
        spellings.append(re.escape(_JSON_SHORT[character]))
    if character in _POWERSHELL_QUOTES:
        spellings.append(re.escape(character * 2))
    if character == " ":
        spellings.append(r"\+")
    return "(?:" + "|".join([*spellings, re.escape(character)]) + ")"


def _base64_core(raw: bytes, alignment: int) -> str:
    """A pattern for the characters of Base64 that depend on `raw` alone when `alignment` bytes stand before it.

    The characters at its two ends that also carry bits of `raw` are taken with it.
    """
    text = base64.b64encode(bytes(alignment) + raw).decode().rstrip("=")
    start = (alignment * 8 + 5) // 6
    end = (alignment + len(raw)) * 8 // 6
    core = "".join({"+": "[-+]", "/": "[_/]"}.get(character, character) for character in text[start:end])
    before = "[-A-Za-z0-9+/_]?" if alignment else ""
    after = "[-A-Za-z0-9+/_]?" if (alignment + len(raw)) * 8 % 6 else ""
    return before + core + after

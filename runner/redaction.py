"""Keeps secrets out of everything that is written down: one redactor, told each secret when it is resolved.

A server may echo a password back in any spelling. Looked for are, for each secret, its characters in any mixture of
plain, URL-encoded, JSON-escaped, XML-escaped and PowerShell-quoted spellings; its bytes in UTF-8 and UTF-16LE as
hexadecimal (also with separators, as BitConverter prints) and as Base64 or Base64url at each of the three alignments
at which it can stand in longer data. Not found are a secret that is compressed, encrypted, hashed, wrapped over
lines, or split over two values.

A secret of fewer than ENCODED_LENGTH characters is looked for in its characters alone: two or three letters of Base64
stand everywhere by accident. Which texts pass here is decided by the forms of runner/codec.py.

Nearly every text is clean. So each pattern has hints: texts without which it cannot be found, looked for first because
that costs a hundredth.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

Made = TypeVar("Made")

ENCODED_LENGTH = 4  # characters
# What stands in a secret's place: the first of them in which no secret stands, so that no pass makes work for the next.
PLACEHOLDERS = ("***", "###", "")

_XML_NAMES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_JSON_SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_POWERSHELL_QUOTES = "'\u2018\u2019\u201a\u201b"
_SPELT_OTHERWISE = frozenset(_XML_NAMES) | frozenset(_JSON_SHORT) | frozenset(_POWERSHELL_QUOTES) | {" "}
_ESCAPES = ("\\u", "\\U", "%", "_x", "_X", "&#")  # by which any character can be spelt
_BASE64_VARIANTS = re.compile(r"[+/]")


class NoSecretError(ValueError):
    """Raised for an empty secret: it stands everywhere."""


@dataclass(slots=True, eq=False, repr=False)
class _Pattern:
    """One way in which a secret is spelt.

    Attributes:
        written: the pattern; compiled when a text is first met in which it may stand, which is seldom.
        needed: all of these stand in a text in which the pattern is found.
        unless: but not where one of these stands in it.
        folded: whether `needed` is of the text in lower case.
    """

    written: str
    needed: tuple[str, ...]
    unless: tuple[str, ...] = ()
    folded: bool = False
    _compiled: re.Pattern[str] | None = None

    @property
    def pattern(self) -> re.Pattern[str]:
        if self._compiled is None:
            self._compiled = re.compile(self.written, re.DOTALL)
        return self._compiled

    def possible(self, text: str, lower: str) -> bool:
        """Whether the pattern can stand in a text at all."""
        where = lower if self.folded else text
        for hint in self.needed:
            if hint not in where:
                return any(escape in text for escape in self.unless)
        return True

    def stands_in(self, text: str) -> bool:
        """Whether the secret stands in a text, spelt so."""
        return self.possible(text, text.lower()) and self.pattern.search(text) is not None


class Redactor:
    """Replaces registered secrets by `***` in values of any nesting. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: tuple[str, ...] = ()
        self._patterns: tuple[_Pattern, ...] = ()
        self._shortest = 0  # no spelling of a secret is shorter than the secret itself
        self._hints: tuple[str, ...] = ()  # of each pattern the first; without any of these a text is clean
        self._folded_hints: tuple[str, ...] = ()
        self._placeholder = PLACEHOLDERS[0]

    def register(self, secret: str) -> None:
        """From now on, keep this secret out.

        Raises:
            NoSecretError: it is empty.
        """
        if not secret:
            raise NoSecretError("an empty secret cannot be kept out of anything")
        if secret in self._secrets:
            return
        patterns = tuple(_patterns(secret))
        with self._lock:
            if secret in self._secrets:
                return
            every = (*self._patterns, *patterns)
            clean = (each for each in PLACEHOLDERS if not any(known.stands_in(each) for known in every))
            self._placeholder = next(clean, "")
            self._hints = tuple(dict.fromkeys(_hint(each) for each in every if not each.folded))
            self._folded_hints = tuple(dict.fromkeys(_hint(each) for each in every if each.folded))
            self._secrets = (*self._secrets, secret)
            self._shortest = min(map(len, self._secrets))
            self._patterns = every

    def applied(self, write: Callable[[Redactor | Gathered], Made]) -> Made:
        """What `write` makes of this redactor; it may be called twice, so it has no effect but its result.

        Its texts are looked at all at once for a hint, which nearly none has: then none of them would be changed.
        """
        if self._patterns:
            gathered = Gathered()
            made = write(gathered)
            if self._has_no_hint("\n".join(gathered.texts)):
                return made
        return write(self)

    def redact(self, value: object) -> object:
        """The value without the secrets; itself where none stands in it. Tuples and lists keep their kind.

        A number, time or byte string in which a secret stands is replaced as a whole. Two keys that become equal are
        told apart by `#2`, `#3`. Values of other types come back as they are.
        """
        if not self._patterns:
            return value
        match value:
            case str():
                return self.redact_text(value)
            case None | bool():
                return value
            case int() | float():
                return value if self._is_clean(repr(value)) else self._placeholder
            case Mapping():
                return self._redact_mapping(value)
            case list():
                members = [self.redact(member) for member in value]
                return value if _same(members, value) else members
            case tuple():
                members = [self.redact(member) for member in value]
                return value if _same(members, value) else tuple(members)
            case datetime():
                return value if self._is_clean(value.isoformat()) else self._placeholder
            case bytes():
                text = value.decode("latin-1")
                return value if self._is_clean(text) else self._placeholder.encode()
            case _:
                return value

    def redact_text(self, text: str) -> str:
        """A text without the secrets, nor any that taking one out would have put together."""
        while spans := self._found(text):
            kept, position = [], 0
            for start, end in spans:
                kept += [text[position:start], self._placeholder]
                position = end
            text = "".join([*kept, text[position:]])
        return text

    def _is_clean(self, text: str) -> bool:
        return not self._found(text)

    def _redact_mapping(self, mapping: Mapping[object, object]) -> Mapping[object, object]:
        clean: dict[object, object] = {}
        same = True
        for key, member in mapping.items():
            name = unique = self.redact(key)
            count = 1
            while unique in clean:
                count += 1
                unique = f"{name}#{count}"
            redacted = clean[unique] = self.redact(member)
            same = same and unique is key and redacted is member
        return mapping if same else clean

    def _has_no_hint(self, text: str) -> bool:
        for hint in self._hints:
            if hint in text:
                return False
        for escape in _ESCAPES:
            if escape in text:
                return False
        if self._folded_hints:
            lower = text.lower()
            for hint in self._folded_hints:
                if hint in lower:
                    return False
        return True

    def _found(self, text: str) -> list[tuple[int, int]]:
        """Where secrets stand, overlapping ones joined: else half of the second would remain."""
        if len(text) < self._shortest or self._has_no_hint(text):
            return []
        lower = text.lower()
        possible = [each.pattern for each in self._patterns if each.possible(text, lower)]
        if not possible:
            return []
        spans = sorted(span for pattern in possible for span in _overlapping(pattern, text))
        joined: list[tuple[int, int]] = []
        for start, end in spans:
            if joined and start < joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        return joined


class Gathered:
    """Redacts nothing, and keeps every text in which a redactor would look."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.keep = self.texts.append

    def redact_text(self, text: str) -> str:
        """As Redactor's, of a clean text."""
        self.keep(text)
        return text

    def redact(self, value: object) -> object:
        """As Redactor's, of a clean value."""
        kind = type(value)
        if kind is str:
            self.keep(value)  # type: ignore[arg-type]
        elif kind is dict:
            for key, member in value.items():  # type: ignore[attr-defined]
                self.redact(key)
                self.redact(member)
        elif kind is tuple or kind is list:
            for member in value:  # type: ignore[attr-defined]
                self.redact(member)
        elif value is not None and kind is not bool:
            self._redact_other(value)
        return value

    def _redact_other(self, value: object) -> None:
        match value:
            case str():
                self.keep(value)
            case int() | float():
                self.keep(repr(value))
            case Mapping():
                for item in value.items():
                    self.redact(item)
            case list() | tuple():
                for member in value:
                    self.redact(member)
            case datetime():
                self.keep(value.isoformat())
            case bytes():
                self.keep(value.decode("latin-1"))


def _hint(pattern: _Pattern) -> str:
    return pattern.needed[0] if pattern.needed else ""  # which stands in every text


def _same(members: list[object], value: list[object] | tuple[object, ...]) -> bool:
    return all(one is other for one, other in zip(members, value, strict=True))


def _overlapping(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    found = pattern.search(text)
    while found is not None:
        yield found.span()
        found = pattern.search(text, found.start() + 1)


def _patterns(secret: str) -> Iterator[_Pattern]:
    # Where no escape stands in a text, every character but those of a few spellings of their own stands as it is.
    run = max(_runs(secret), key=len)
    yield _Pattern("".join(map(spellings, secret)), (run,) if run else (), _ESCAPES)
    if len(secret) < ENCODED_LENGTH:
        return
    # The sides of a surrogate pair are two \u escapes in JSON, so such a character has them among its spellings.
    for raw in {_bytes(secret, "utf-8"), _bytes(secret, "utf-16-le")}:
        text = raw.decode("latin-1")
        yield _Pattern(re.escape(text), (text,))
        pairs = tuple(f"{byte:02x}" for byte in raw)
        hexadecimal = "(?i:" + "[-:, ]?".join(f"(?:0x)?{pair}" for pair in pairs) + ")"
        yield _Pattern(hexadecimal, tuple(dict.fromkeys(pairs)), folded=True)
        for alignment in range(3):
            pattern, fixed = _base64_core(raw, alignment)
            yield _Pattern(pattern, (fixed,))


def _runs(secret: str) -> list[str]:
    """The longest pieces of a secret of which no character has a spelling of its own."""
    return "".join("\0" if character in _SPELT_OTHERWISE else character for character in secret).split("\0")


def _bytes(text: str, encoding: str) -> bytes:
    return text.encode(encoding, "surrogatepass")


def spellings(character: str) -> str:
    """A pattern for one character in every spelling; the longest come first so that none is half replaced."""
    code = ord(character)
    units = _bytes(character, "utf-16-be")
    escaped = "".join(f"\\\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
    percent = "".join(f"%{byte:02x}" for byte in _bytes(character, "utf-8"))
    clixml = "".join(f"_x{units[at]:02x}{units[at + 1]:02x}_" for at in range(0, len(units), 2))
    ways = [f"(?i:{escaped})", f"(?i:{percent})", f"(?i:{clixml})", f"&#0*{code};", f"(?i:&#x0*{code:x};)"]
    if character in _XML_NAMES:
        ways.append(f"&{_XML_NAMES[character]};")
    if character in _JSON_SHORT:
        ways.append(re.escape(_JSON_SHORT[character]))
    if character in _POWERSHELL_QUOTES:
        ways.append(re.escape(character * 2))
    if character == " ":
        ways.append(r"\+")
    return "(?:" + "|".join([*ways, re.escape(character)]) + ")"


def _base64_core(raw: bytes, alignment: int) -> tuple[str, str]:
    """A pattern for the characters of Base64 that depend on `raw` alone when `alignment` bytes stand before it.

    The characters at its two ends that also carry bits of `raw` are taken with it. With it, what of it has one
    spelling in Base64 and Base64url.
    """
    text = base64.b64encode(bytes(alignment) + raw).decode().rstrip("=")
    start = (alignment * 8 + 5) // 6
    end = (alignment + len(raw)) * 8 // 6
    core = "".join({"+": "[-+]", "/": "[_/]"}.get(character, character) for character in text[start:end])
    before = "[-A-Za-z0-9+/_]?" if alignment else ""
    after = "[-A-Za-z0-9+/_]?" if (alignment + len(raw)) * 8 % 6 else ""
    return before + core + after, max(_BASE64_VARIANTS.split(text[start:end]), key=len)

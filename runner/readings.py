"""Other ways in which a text reads: its escapes undone, its lines joined, its Base64 or hexadecimal decoded.

A server writes a name as it likes: `\\u004d`, `%4D`, `_x004d_`, `&#77;`, in UTF-16, wrapped over lines, in Base64. A
`Reading` is the text as it reads then, and knows where each of its characters stands in what was written. What is
encoded as a whole is `Encoded`, which can be encoded anew.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

__all__ = ["Encoded", "Reading", "encoded", "folded", "readings", "undone"]

_DEEPEST = 3  # escapes within escapes that are undone: `%2541`
_QUOTES = "'\u2018\u2019\u201a\u201b"  # of PowerShell, which doubles them
_HEX = "[0-9a-fA-F]"
_HIGH, _LOW = f"[dD][89abAB]{_HEX}{{2}}", f"[dD][c-fC-F]{_HEX}{{2}}"  # the halves of a surrogate pair
_NEXT = "%[89abAB][0-9a-fA-F]"  # of UTF-8
# Each begins with the letter that it begins with, and without regard to no case: so is it found quickly.
_ESCAPE = re.compile(
    rf"""\\(?:[uU](?:{_HIGH}\\[uU]{_LOW}|{_HEX}{{4}})|[\\"/])
    | %(?:[uU](?:{_HIGH}%[uU]{_LOW}|{_HEX}{{4}})
        | [0-7]{_HEX} | [cdCD]{_HEX}{_NEXT} | [eE]{_HEX}(?:{_NEXT}){{2}} | [fF][0-4](?:{_NEXT}){{3}} | {_HEX}{{2}})
    | _[xX](?:{_HIGH}__[xX]{_LOW}_|{_HEX}{{4}}_)
    | &(?:\#0*[0-9]{{1,7}}|\#[xX]0*{_HEX}{{1,6}}|[a-zA-Z]{{2,8}});
    | {"|".join(each * 2 for each in _QUOTES)} | \+ | \0""",
    re.VERBOSE,
)
_BREAK = re.compile(r"\r?\n[ \t]*")
_GROWS = "[\u00df\u0130\u0149\u01f0\u0390\u03b0\u0587\u1e96-\u1e9e\u1f50-\u1ffc\ufb00-\ufb17]"  # when it is folded

# Twelve characters are nine bytes: what is shorter is a word like any other.
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}={0,2}")
_WRAPPED = re.compile(r"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{40,120}\r?\n[ \t]*)+[A-Za-z0-9+/]{2,120}={0,2}")
_SEPARATOR = re.compile(r"[+/]")
_BEFORE, _MOST_BEFORE = 256, 12  # characters and separators of what may stand before it
_NO_TEXT = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BINARY = 18  # bytes of what is no text and is looked into all the same
_BYTE = "[0-9A-Fa-f]{2}"
_HEXADECIMAL = re.compile(rf"(?<![0-9A-Za-z-])(?:0x)?(?:(?:{_BYTE}){{6,}}|(?:{_BYTE}[-:]){{5,}}{_BYTE})(?![\w-])")


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as it reads in one way, in pieces: written as they read, or each of an escape.

    Attributes:
        kind: `as written`, `undone` or `joined`.
    """

    text: str
    kind: str
    _of: Reading | None  # what it is a reading of; None for what was written
    _reads: tuple[int, ...] = ()  # where each piece begins in this text
    _stands: tuple[int, ...] = ()  # where in the other
    _plain: tuple[bool, ...] = ()  # whether the piece is as it is written

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in what was written a part of it stands; all of each escape of which a character is in it."""
        if self._of is None:
            return start, end
        first, last = self._piece(start), self._piece(end - 1)
        begins = self._stands[first] + (start - self._reads[first] if self._plain[first] else 0)
        if self._plain[last]:
            ends = self._stands[last] + end - self._reads[last]
        else:
            ends = self._stands[last + 1] if last + 1 < len(self._stands) else len(self._of.text)
        return self._of.span(begins, ends)

    def crosses(self, start: int, end: int) -> bool:
        """Whether a part of it has something of another piece within."""
        return self._of is not None and self._piece(start) != self._piece(end - 1)

    def _piece(self, at: int) -> int:
        return bisect_right(self._reads, at) - 1


def readings(text: str) -> Iterator[Reading]:
    """Every way in which a text reads, folded: as it is written first; the others where they are others."""
    written = Reading(text, "as written", None)
    yield folded(written)
    one = written
    for _ in range(_DEEPEST):
        inner = _read(one, _ESCAPE, _undone, "undone")
        if inner is None:
            break
        yield folded(inner)
        one = inner
    joined = _read(written, _BREAK, lambda found: "", "joined")
    if joined is not None:
        yield folded(joined)


def undone(text: str) -> str:
    """A text with its escapes undone, once."""
    return _ESCAPE.sub(_undone, text)


def folded(reading: Reading) -> Reading:
    """Without regard to case: as `str.casefold`, which makes two letters of some."""
    text = reading.text.casefold()
    if len(text) == len(reading.text):  # no letter becomes less than one
        return Reading(text, reading.kind, reading._of, reading._reads, reading._stands, reading._plain)
    grown = _read(reading, re.compile(_GROWS), lambda found: found[0].casefold(), reading.kind)
    assert grown is not None
    return Reading(grown.text.casefold(), grown.kind, grown._of, grown._reads, grown._stands, grown._plain)


def _read(of: Reading, pattern: re.Pattern[str], made: Callable[[re.Match[str]], str], kind: str) -> Reading | None:
    """What it reads like where each that is found is something else; None where nothing is."""
    parts: list[str] = []
    reads: list[int] = []
    stands: list[int] = []
    plain: list[bool] = []
    length = position = 0

    def add(text: str, at: int, *, as_written: bool) -> None:
        nonlocal length
        if text:
            parts.append(text)
            reads.append(length)
            stands.append(at)
            plain.append(as_written)
            length += len(text)

    for found in pattern.finditer(of.text):
        add(of.text[position : found.start()], position, as_written=True)
        add(made(found), found.start(), as_written=False)
        position = found.end()
    if position == 0:
        return None
    add(of.text[position:], position, as_written=True)
    return Reading("".join(parts), kind, of, tuple(reads), tuple(stands), tuple(plain))


def _undone(found: re.Match[str]) -> str:
    text = found[0]
    match text[0]:
        case "\0":
            return ""
        case "+":
            return " "
        case "&":
            return html.unescape(text)
        case "\\" | "%" | "_" if text[1] in "uUxX":
            units = re.findall(r"[uUxX]([0-9a-fA-F]{4})", text)
            return bytes.fromhex("".join(units)).decode("utf-16-be", "replace")
        case "%":
            data = bytes.fromhex(text.replace("%", ""))
            return data.decode("utf-8") if len(data) > 1 or data[0] < 0x80 else data.decode("latin-1")
        case _:
            return text[1]  # \" and doubled quotes


@dataclass(frozen=True, slots=True)
class Encoded:
    """A part of a text that is Base64 or hexadecimal.

    Attributes:
        start, end: where it stands.
        text: what it is of; of bytes that are no text a character a byte.
        is_text: whether these are text in UTF-8 or UTF-16LE.
        anew: encodes another text like it.
    """

    start: int
    end: int
    text: str
    is_text: bool
    anew: Callable[[str], str]


def encoded(text: str, *, binary: bool) -> Iterator[Encoded]:
    """What of a text is text in Base64 or hexadecimal; with `binary` also what may be other bytes in them."""
    for pattern in (_BASE64, _WRAPPED) if "\n" in text else (_BASE64,):
        for found in pattern.finditer(text):
            yield from _of_base64(found, binary=binary)
    for found in _HEXADECIMAL.finditer(text):
        written = found[0].removeprefix("0x")
        between = written[2] if written[2] in "-:" else ""
        data = bytes.fromhex(written.replace("-", "").replace(":", ""))

        def hexadecimal(raw: bytes, between: str = between, upper: bool = written.isupper()) -> str:
            made = raw.hex(between) if between else raw.hex()
            return made.upper() if upper else made

        codec = _codec_of(data)
        if codec is not None or (binary and len(data) >= _BINARY):
            yield _encoded(found.end() - len(written), found.end(), data, codec, hexadecimal)


def _of_base64(found: re.Match[str], *, binary: bool) -> Iterator[Encoded]:
    written = found[0].rstrip("=")
    if written.islower():
        return  # a word; of 12 letters in Base64 some are capital
    padded, safe = len(found[0]) > len(written), "-" in written or "_" in written

    def base(raw: bytes) -> str:
        made = (base64.urlsafe_b64encode(raw) if safe else base64.b64encode(raw)).decode()
        return made if padded else made.rstrip("=")

    digits = written.replace("-", "+").replace("_", "/") if safe else written
    digits = "".join(digits.split()) if "\n" in digits else digits
    # Something else may stand before it, as in path/BASE64: it begins behind one of the first separators.
    starts = [0, *(each.end() for each in islice(_SEPARATOR.finditer(digits, 0, _BEFORE), _MOST_BEFORE))]
    for start in starts:
        if _NO_TEXT.search(_decoded(digits[start : start + 32])):
            continue
        data = _decoded(digits[start:])
        codec = _codec_of(data)
        if codec is not None:
            yield _encoded(found.start() + start, found.end(), data, codec, base)
            return
    for skipped in sorted({start % 4 for start in starts}) if binary else ():
        data = _decoded(digits[skipped:])
        if len(data) >= _BINARY:
            yield _encoded(found.start() + skipped, found.end(), data, None, base)


def _decoded(digits: str) -> bytes:
    """Base64 without padding; of a single digit at its end there is no byte."""
    digits = digits[:-1] if len(digits) % 4 == 1 else digits
    return binascii.a2b_base64(digits + "=" * (-len(digits) % 4))


def _encoded(start: int, end: int, data: bytes, codec: str | None, anew: Callable[[bytes], str]) -> Encoded:
    text = data.decode(codec or "latin-1")
    return Encoded(start, end, text, codec is not None, lambda made: anew(made.encode(codec or "latin-1", "replace")))


def _codec_of(data: bytes) -> str | None:
    """What these bytes are text in; None where they are none."""
    if data.isascii() and 0 not in data:
        return "utf-8" if _is_shown(data.decode("ascii")) else None
    # Any two bytes are a letter of some script: in most of ours, one of them is zero.
    codec = "utf-16-le" if data[1::2].count(0) * 4 >= len(data) else "utf-8"
    try:
        return codec if _is_shown(data.decode(codec)) else None
    except UnicodeDecodeError:
        return None


def _is_shown(text: str) -> bool:
    return text.isprintable() or all(each.isprintable() or each.isspace() for each in text)

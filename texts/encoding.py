"""Bytes of a user's file as text: what Windows, Excel and editors write, told apart by how it begins."""

from __future__ import annotations

import re

from texts.places import Location
from texts.problems import Problem

_MARKS = {  # the longer first: UTF-32's begins like UTF-16's
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
# YAML 1.2, 5.2: the first character is ASCII, so where its zero bytes stand shows the encoding.
_ZEROS = (
    (re.compile(rb"\0\0\0[^\0]"), "utf-32-be"),
    (re.compile(rb"[^\0]\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0[^\0]"), "utf-16-be"),
    (re.compile(rb"[^\0]\0"), "utf-16-le"),
)
_SEVERAL_BYTES = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


def encoding_of(data: bytes) -> str:
    """The name that Python knows the encoding by: by the byte order mark, by zero bytes, else UTF-8."""
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return name
    return next((name for zeros, name in _ZEROS if zeros.match(data)), "utf-8")


def decode(
    data: bytes,
    file: str,
    problems: list[Problem],
    *,
    most_bytes: int,
    only_utf8: bool = False,
    ansi: str | None = None,
    advice: str = "save the file as UTF-8",
) -> str | None:
    """The text, without a byte order mark; None, with a problem more, where it cannot be read.

    Args:
        file: what it is called in messages.
        most_bytes: a larger file is not read; whole MiB.
        only_utf8: that UTF-16 and UTF-32 are refused too.
        ansi: the code page to read as where the file is not UTF-8, as Excel writes CSV; None where that is an error.
        advice: what to do where it is in no encoding that is read.
    """
    if len(data) > most_bytes:
        problems.append(too_large(file, most_bytes))
        return None
    encoding = "utf-8" if only_utf8 else encoding_of(data)
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        if encoding == "utf-8" and ansi is not None and not _SEVERAL_BYTES.search(data):
            try:
                return data.decode(ansi)
            except UnicodeDecodeError:
                pass
        shown = "UTF-" + re.findall(r"\d+", encoding)[0]
        what = f"is not {shown}" if shown == "UTF-8" else f"is not {shown} although it begins like it"
        unit = int(shown[4:]) // 8
        before = data[: error.start // unit * unit].decode(encoding, "ignore") if unit > 1 else ""
        line = (before if unit > 1 else data[: error.start].decode("latin-1")).count("\n") + 1
        column = error.start - data.rfind(b"\n", 0, error.start) if unit == 1 else 1
        problems.append(Problem(Location(file, line, column), what, advice))
        return None


def too_large(file: str, most_bytes: int) -> Problem:
    """That a file is larger than what is read of its kind, which is given in bytes."""
    shown = f"{most_bytes >> 20} MiB" if most_bytes >= 1 << 20 else f"{most_bytes >> 10} KiB"
    return Problem(Location(file), f"is larger than {shown}", "is this the right file?")


def encoded(text: str, like: bytes) -> bytes:
    """The text in the encoding of a file, with its byte order mark where it has one."""
    mark = next((mark for mark in _MARKS if like.startswith(mark)), b"")
    codec = encoding_of(like)
    if mark and codec != "utf-8-sig":
        codec += "-le" if mark[0] == 0xFF else "-be"
    return mark + text.encode(codec.removesuffix("-sig"))

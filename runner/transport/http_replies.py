"""HTTP replies of the shape that WinRM sends, read from their bytes. h11 reads every other.

A reply is taken only when the status line, every header and the length of the body are beyond doubt, and nothing
follows: then it leaves the connection as h11 would, ready for the next request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LONGEST_HEAD = 16 * 1024
_HEAD = re.compile(rb"HTTP/1\.1 (200|401|500)(?: [ -~]{0,80})?\r\n((?:[A-Za-z-]{1,40}+: ?[!-~][ -~]*+\r\n){1,40})\r\n")
_LINES = re.compile(r"([A-Za-z-]+): ?([^\r]*)\r\n")
_BARE = re.compile(rb"(?<!\r)\n")  # for h11 it ends a line too
_LENGTH = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply, read to its end. Header names are in lower case; equal ones are joined by a comma."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Partial:
    """The beginning of a reply of the known shape, as far as can be told: more is to come.

    Attributes:
        needs: bytes before which nothing more can be told; a body that drips need not be looked at again and again.
    """

    needs: int


def plain_reply(data: bytes) -> Reply | Partial | None:
    """The reply that `data` is, whole and alone; Partial where it may become one; None where h11 has to read it."""
    end = data.find(b"\r\n\r\n", 0, _LONGEST_HEAD)
    if end < 0:
        return Partial(len(data) + 1) if len(data) < _LONGEST_HEAD and not _BARE.search(data) else None
    found = _HEAD.match(data)
    if found is None or found.end() != end + 4:
        return None
    headers: dict[str, str] = {}
    for name, value in _LINES.findall(found[2].decode()):
        key, text = name.lower(), value.rstrip(" ")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    length = headers.get("content-length", "")
    if (
        _LENGTH.fullmatch(length) is None
        or "transfer-encoding" in headers
        or headers.get("connection", "keep-alive").lower() != "keep-alive"
    ):
        return None
    whole = end + 4 + int(length)
    if len(data) < whole:
        return Partial(whole)
    return Reply(int(found[1]), headers, data[end + 4 :]) if len(data) == whole else None

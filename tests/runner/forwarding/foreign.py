"""Readers of what a SOC is sent, written from the papers alone and knowing nothing of how it is written.

CEF: ArcSight, "Implementing ArcSight Common Event Format", revision 25. Syslog: RFC 5424, section 6; RFC 6587, 3.4.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cef:
    """A message of CEF: its seven fields before the extension, and those of the extension."""

    header: tuple[str, ...]
    fields: dict[str, str]


def read_cef(text: str) -> Cef:
    r"""Character by character.

    In the header `\\` and `\|` are escapes, and a bar that is none ends a field. In the extension `\\`, `\=`, `\n` and
    `\r` are; a key is what stands without blanks before an `=` that is none, and all but one of the blanks before a key
    are of the value before it.
    """
    assert text.startswith("CEF:"), text[:20]
    header: list[str] = []
    field, at = "", len("CEF:")
    while len(header) < 7:
        assert at < len(text), "the header has no end"
        if text[at] == "\\":
            assert text[at + 1] in "\\|", f"no escape of the header: {text[at : at + 2]!r}"
            field, at = field + text[at + 1], at + 2
        elif text[at] == "|":
            header, field, at = [*header, field], "", at + 1
        else:
            field, at = field + text[at], at + 1
    fields: dict[str, str] = {}
    key: str | None = None
    value: list[str] = []  # characters, those of escapes marked by having two
    while at < len(text):
        if text[at] == "\\":
            assert text[at + 1] in "\\=nr", f"no escape of the extension: {text[at : at + 2]!r}"
            value.append(text[at : at + 2])
            at += 2
        elif text[at] == "=":
            named = len(value)
            while named and value[named - 1] != " ":
                named -= 1
            following = "".join(value[named:])
            assert re.fullmatch("[A-Za-z0-9_]+", following), f"no name of a field: {following!r}"
            if key is None:
                assert named == 0
            else:
                assert named > 0, "two keys without a blank between"
                fields[key] = _unescaped(value[: named - 1])
            assert following not in fields, f"{following} stands twice"
            key, value, at = following, [], at + 1
        else:
            value.append(text[at])
            at += 1
    if key is not None:
        fields[key] = _unescaped(value)
    return Cef(tuple(header), fields)


def _unescaped(value: list[str]) -> str:
    return "".join({"\\n": "\n", "\\r": "\r"}.get(each, each[-1]) for each in value)


@dataclass(frozen=True, slots=True)
class Syslog:
    """A message of RFC 5424; what is `-` there is None."""

    priority: int
    time: str | None
    machine: str | None
    program: str | None
    process: str | None
    kind: str | None
    structured: bytes | None
    text: bytes


_SD_ELEMENT = rb'\[[!#-<>-\\^-~]{1,32}(?: [!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\.)*")*\]'
_SYSLOG = re.compile(
    rb"<(0|[1-9][0-9]{0,2})>1"
    rb" (-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2}))"
    rb" ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32})"
    rb" (-|(?:" + _SD_ELEMENT + rb")+)(?: (.*))?",
    re.DOTALL,
)


def read_syslog(data: bytes) -> Syslog:
    """The whole of the data as one message."""
    found = _SYSLOG.fullmatch(data)
    assert found is not None, data[:200]
    priority, *parts, structured, text = found.groups()
    assert int(priority) <= 191
    time, machine, program, process, kind = (None if each == b"-" else each.decode("ascii") for each in parts)
    rest = None if structured == b"-" else structured
    return Syslog(int(priority), time, machine, program, process, kind, rest, text or b"")


def counted(data: bytes) -> list[bytes]:
    """The messages of a stream with counted octets."""
    found: list[bytes] = []
    while data:
        count = re.match(rb"([1-9][0-9]*) ", data)
        assert count is not None, data[:40]
        end = count.end() + int(count[1])
        assert end <= len(data), "the last message is cut"
        found.append(data[count.end() : end])
        data = data[end:]
    return found

"""A value as one line of YAML, which `yaml_tree` reads as what it was. Written by PyYAML's emitter.

Every text stands in double quotes but plain words, so that nothing in it can be taken for YAML. What does not show
itself on a screen (controls, bidirectional overrides) is escaped: such a file is read by people before it is sent.

Where a value has no form that is read back as it was it becomes text: NaN and infinities, whole numbers of more than
30 digits, times. Half a surrogate pair, which no file can hold, becomes U+FFFD.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from yaml.events import (
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

__all__ = ["Dumper", "fastest_dumper", "one_line"]

Dumper = type[yaml.SafeDumper] | type[yaml.CSafeDumper]

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NO_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})  # by some YAML no text
_NOT_ASCII = re.compile(r"[^\0-\x7f]+")
_NEVER_BREAK = 2**31 - 1  # columns
_MOST_DIGITS = 30  # as yaml_tree reads them


def fastest_dumper() -> Dumper:
    """libyaml's where this PyYAML was built with it."""
    return yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper


def one_line(value: Any, dumper: Dumper | None = None) -> str:
    """A value of mappings, lists, tuples and scalars in one line.

    Args:
        dumper: whose emitter writes; the fastest when None.
    """
    # Within a list, for by itself a plain scalar would end in a line `...`, which says that the document is over.
    text = yaml.emit(_document([value]), Dumper=dumper or fastest_dumper(), width=_NEVER_BREAK, allow_unicode=True)
    assert isinstance(text, str)
    return _NOT_ASCII.sub(_shown, text.strip()[1:-1])


def _shown(found: re.Match[str]) -> str:
    """Beyond ASCII stands only what is in double quotes."""
    if found[0].isprintable():
        return found[0]
    return "".join(each if each.isprintable() else f"\\u{ord(each):04X}" for each in found[0])


def _document(value: Any) -> Iterator[Event]:
    yield StreamStartEvent()
    yield DocumentStartEvent(explicit=False)
    yield from _events(value)
    yield DocumentEndEvent(explicit=False)
    yield StreamEndEvent()


def _events(value: Any) -> Iterator[Event]:
    match value:
        case Mapping():
            yield MappingStartEvent(None, None, implicit=True, flow_style=True)
            for name, each in value.items():
                yield _text(str(name))
                yield from _events(each)
            yield MappingEndEvent()
        case list() | tuple():
            yield SequenceStartEvent(None, None, implicit=True, flow_style=True)
            for each in value:
                yield from _events(each)
            yield SequenceEndEvent()
        case None:
            yield _plain("null")
        case bool():
            yield _plain(str(value).lower())
        case int():
            short = abs(value) < 10**_MOST_DIGITS
            yield _plain(str(value)) if short else _text(hex(value))
        case float() if math.isfinite(value):
            written = repr(value)
            yield _plain(written if "." in written else written.replace("e", ".0e"))
        case _:
            yield _text(str(value))


def _plain(written: str) -> ScalarEvent:
    return ScalarEvent(None, None, (True, False), written)


def _text(text: str) -> ScalarEvent:
    if _WORD.fullmatch(text) and text.lower() not in _NO_WORDS:
        return _plain(text)
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return ScalarEvent(None, None, (False, True), text, style='"')

"""An object that a script wrote, out of its CLIXML: flat records by one pattern, every other shape with care.

A flat record is what PowerShell makes of `@{ Kind = ...; ... }` where each value is a text, a number, a truth, a date
or nothing. It is taken only where every character of the message fits the pattern: no entities, no escapes, no
declarations, a fixed nesting. So it is what clixml.py reads in it, at the same cost to the caps; where a cap is near,
clixml.py is who says so.
"""

from __future__ import annotations

import re
from functools import lru_cache
from types import MappingProxyType

from playbooks.values import Value
from runner.transport.clixml import INTEGER, INTEGERS, TEXTS, Spent, date, parsed, value
from runner.transport.interface import Limits

# What XML reads as it stands: no & < > and no control characters. Said by what it is not, which compiles sooner.
_TEXT = "[^\x00-\x1f&<>\x7f-\x9f\ud800-\udfff\ufffe\uffff\U00010000-\U0010ffff]*+"
_HEAD = re.compile(r'<Obj RefId="[0-9]{1,9}+"><TN RefId="[0-9]{1,9}+">(?:<T>[A-Za-z0-9.]{1,200}+</T>){1,3}+</TN><DCT>')
_TAIL = "</DCT></Obj>"
_ENTRY = re.compile(
    rf'(<En><S N="Key">({_TEXT})</S>'
    rf'<(?:({"|".join(sorted(TEXTS | INTEGERS | {"B", "DT"}))}) N="Value">({_TEXT})</\3>|Nil N="Value" ?/>)</En>)'
)
_SHORT = 2 * 1024  # bytes of a message that is worth remembering
_MOST_SEEN = 512
_TRUTHS = {"true": True, "false": False}


_STATED = re.compile(
    r'<Obj RefId="[0-9]{1,9}+"><MS>'
    rf'((?:<(?P<tag>I32|S|Version) N="[A-Za-z0-9_]{{1,80}}+">{_TEXT}</(?P=tag)>){{1,20}}+)</MS></Obj>'
)
_PROPERTY = re.compile('<([A-Za-z0-9]+) N="([^"]*)">([^<]*)<')


def properties(xml: bytes, limits: Limits) -> dict[str, str] | None:
    """The texts of the properties that a message of a pool's or a pipeline's state is; None where care is to read it.

    `clixml.parsed` refuses none that is read here, and `clixml.text` and `clixml.number` find the same in it, but for
    what is no integer.
    """
    if len(xml) > min(limits.max_xml_bytes, limits.max_text) or xml.count(b"<") > limits.max_values:
        return None
    try:
        found = _STATED.fullmatch(xml.decode())
    except UnicodeDecodeError:
        return None
    if found is None or "_x" in found[1]:
        return None
    named = [(name, said) for _, name, said in _PROPERTY.findall(found[1])]
    stated = dict(named)
    return stated if len(stated) == len(named) else None


def state(xml: bytes, limits: Limits, name: str) -> int | None:
    """The integer property `name` of a message; None where care is to read it."""
    stated = properties(xml, limits)
    said = None if stated is None else stated.get(name)
    return int(said) if said is not None and INTEGER.fullmatch(said) is not None else None


def read(xml: bytes, limits: Limits, spent: Spent) -> Value:
    """The value that a message stands for; adds to `spent`.

    Raises:
        CapExceeded, Malformed: as `clixml.parsed` and `clixml.value`.
    """
    record = flat(xml, limits, spent)
    return value(parsed(xml, limits), limits, spent) if record is None else record


def flat(xml: bytes, limits: Limits, spent: Spent) -> MappingProxyType[str, Value] | None:
    """The record that a message is; None, and nothing spent, where it is to be read with care."""
    if len(xml) > min(limits.max_xml_bytes, limits.max_text) or limits.max_depth < 1:
        return None
    record = _seen(xml) if len(xml) <= _SHORT else _matched(xml)
    if record is None:
        return None
    values = spent.values + 1 + 2 * len(record)
    if values > limits.max_values or spent.objects >= limits.max_objects:
        return None
    spent.values = values
    spent.objects += 1
    return record


def _matched(xml: bytes) -> MappingProxyType[str, Value] | None:
    """The record that a message is by the pattern; None where it is not of its shape."""
    try:
        said = xml.decode()
    except UnicodeDecodeError:
        return None
    head = _HEAD.match(said)
    if head is None or "_x" in said or not said.endswith(_TAIL):
        return None
    body = said[head.end() : -len(_TAIL)]
    found: dict[str, Value] = {}
    names: set[str] = set()
    entries = _ENTRY.findall(body)
    whole = 0  # characters of the entries: all of the body, or something stands between them
    for entry, name, tag, text in entries:
        whole += len(entry)
        names.add(name.lower())
        if tag == "S" or tag in TEXTS:
            found[name] = text
        elif tag in INTEGERS:
            if INTEGER.fullmatch(text) is None:
                return None
            found[name] = int(text)
        elif tag == "B":
            if text not in _TRUTHS:
                return None
            found[name] = _TRUTHS[text]
        else:
            found[name] = date(text) if tag else None
    if not entries or whole != len(body) or len(names) != len(entries):
        return None
    return MappingProxyType(found)


# The markers of a run are the same for all its hosts, and so is what hosts of one build and policy answer.
_seen = lru_cache(maxsize=_MOST_SEEN)(_matched)

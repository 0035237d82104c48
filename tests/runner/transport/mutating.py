"""Valid streams of a server, spoilt: for hypothesis in `make test`, and for atheris in `make soak`.

What is valid to begin with reaches the code that judges values and messages; noise ends at the first byte.
"""

from __future__ import annotations

import copy
import random
import struct
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from playbooks.values import Value
from runner.transport.clixml import CapExceeded, Malformed, Spent, parsed, value
from runner.transport.fragments import Assembler, Garbage, Message, Oversize
from runner.transport.interface import Limits

LIMITS = Limits(max_objects=60, max_values=120, max_depth=6, max_text=600, max_xml_bytes=4_000)
MAX_MESSAGE = 900  # bytes of XML, for the fragments

DOCUMENTS: tuple[bytes, ...] = (
    (
        b'<Obj RefId="0"><TN RefId="0"><T>System.Management.Automation.PSCustomObject</T><T>System.Object</T></TN><MS>'
        b'<S N="Name">w3wp.exe</S><I32 N="Id">4</I32><B N="Is">true</B><Nil N="None" /><Db N="Half">0.5</Db>'
        b'<DT N="When">2021-03-02T13:00:00.1234567Z</DT><BA N="Bytes">AQID</BA><C N="Letter">65</C></MS></Obj>'
    ),
    (
        b'<Obj RefId="0"><TN RefId="0"><T>System.Object[]</T></TN><LST><S>a_x000A_b</S><I64>-9</I64><U64>7</U64>'
        b'<Obj RefId="1"><TNRef RefId="0" /><LST><S>x</S><Ref RefId="0" /></LST></Obj><Ref RefId="1" /></LST></Obj>'
    ),
    (
        b'<Obj RefId="0"><TN RefId="0"><T>System.Collections.Hashtable</T></TN><DCT><En><S N="Key">Kind</S>'
        b'<S N="Value">State</S></En><En><I32 N="Key">1</I32><Obj N="Value" RefId="1"><LST><D>1.5</D></LST></Obj></En>'
        b"</DCT></Obj>"
    ),
    (
        b'<Obj RefId="0"><TN RefId="0"><T>System.DayOfWeek</T><T>System.Enum</T></TN><ToString>Monday</ToString>'
        b"<I32>1</I32></Obj>"
    ),
    b'<Obj RefId="0"><LST><Db>1.5</Db><Sg>NaN</Sg><Db>1e9</Db><BA>AQID</BA></LST></Obj>',
    b"<S>plain</S>",
    b"<Version>15.2.1118.7</Version>",
)

_TAGS = ("S", "I32", "B", "Db", "DT", "BA", "C", "Nil", "Obj", "LST", "DCT", "En", "MS", "Props", "Ref", "TN", "Other")
_TEXTS = ("", "true", "1", "-1", "9" * 30, "1e5", "1__0", "x" * 700, "_xD83D_", "AQ=", "2021-13-45T00:00:00Z", "\u0663")
_BYTES = (b"", b"<", b">", b"&#0;", b"\x00", b"\xff", b"<!-- -->", b'"', b"</Obj>", b"]]>")


def spoilt_document(document: bytes, chance: random.Random) -> bytes:
    """One or a few changes to the elements of a document, or to its bytes."""
    if chance.random() < 0.25:
        return spoilt_bytes(document, chance)
    try:
        root = ET.fromstring(document)
    except ET.ParseError:
        return spoilt_bytes(document, chance)
    for _ in range(chance.randint(1, 3)):
        root = _spoilt_element(root, chance)
    return ET.tostring(root)


def spoilt_bytes(data: bytes, chance: random.Random) -> bytes:
    """A piece of it left out, doubled, or swapped for what breaks parsers."""
    at, length = chance.randrange(len(data) + 1), chance.choice([0, 1, 1, 8, 60])
    piece = data[at : at + length]
    new = chance.choice([piece * 2, chance.randbytes(len(piece)), *_BYTES])
    return data[:at] + new + data[at + length :]


def _spoilt_element(root: ET.Element, chance: random.Random) -> ET.Element:
    nodes = list(root.iter())
    node, other = chance.choice(nodes), chance.choice(nodes)
    if chance.random() < 0.35:
        return _planted(root, nodes, chance)
    match chance.randrange(11):
        case 0:
            node.tag = chance.choice(_TAGS)
        case 1:
            leaf = chance.choice([each for each in nodes if not len(each)])
            leaf.text = chance.choice(_TEXTS)
        case 2 if len(node):
            node.append(chance.choice(list(node)))  # the same once more: names and RefIds twice
        case 3 if len(node):
            node.remove(chance.choice(list(node)))
        case 4 if len(node):
            children = list(node)
            chance.shuffle(children)
            node[:] = children
        case 5:
            node.set(chance.choice(["N", "RefId"]), chance.choice(["0", "1", "7", "Key", "Name", ""]))
        case 6 if node.attrib:
            node.attrib.pop(chance.choice(list(node.attrib)))
        case 7:
            ET.SubElement(node, "Ref", RefId=chance.choice(["0", "1", "99"]))
        case 8 if node is not other and other not in node.iter():
            node.append(copy.deepcopy(other))
        case 9:
            deep = root
            for level in range(chance.choice([1, 3, 8])):
                outer = ET.Element("Obj", RefId=f"d{level}{chance.randrange(1000)}")
                ET.SubElement(outer, "LST").append(deep)
                deep = outer
            return deep
        case _:
            many = ET.SubElement(node, "LST") if node.tag == "Obj" and not len(node) else node
            kind = chance.choice(["Nil", "Obj"])
            for number in range(chance.choice([3, 70, 130])):
                ET.SubElement(many, kind, {} if kind == "Nil" else {"RefId": f"m{number}"})
    return root


# What a serialiser would not write, one for each kind of refusal; found where a value is looked for.
_PLANTS = (
    "<B>maybe</B>",
    "<Db>1__0</Db>",
    "<I32>x</I32>",
    "<BA>A</BA>",
    "<S><S /></S>",
    "<Other />",
    '<Ref RefId="absent" />',
    '<Obj RefId="t"><LST><Obj RefId="t" /></LST></Obj>',
    '<Obj RefId="c"><LST /><LST /></Obj>',
    '<Obj RefId="p"><MS><S N="A" /><S N="A" /></MS></Obj>',
    '<Obj RefId="e"><DCT><En><S N="Key" /></En></DCT></Obj>',
    (
        '<Obj RefId="k"><DCT><En><S N="Key">a</S><Nil N="Value" /></En><En><S N="Key">A</S><Nil N="Value" /></En></DCT>'
        "</Obj>"
    ),
    f"<S>{'x' * 700}</S>",
    f'<Obj RefId="v"><LST>{"<Nil />" * 130}</LST></Obj>',
    f'<Obj RefId="o"><LST>{"".join(f"<Obj RefId={chr(34)}o{n}{chr(34)} />" for n in range(70))}</LST></Obj>',
)


def _planted(root: ET.Element, nodes: Sequence[ET.Element], chance: random.Random) -> ET.Element:
    """The document with one of these in the place of a value, which keeps its name."""
    plant = ET.fromstring(chance.choice(_PLANTS))
    places = [(node, place) for node in nodes if node.tag in ("LST", "MS") for place in range(len(node))]
    if not places:
        return plant
    node, place = chance.choice(places)
    if "N" in node[place].attrib:
        plant.set("N", node[place].attrib["N"])
    node[place] = plant
    return root


def try_document(document: bytes, seen: Counter[str]) -> None:
    """Reads a document and counts what became of it: `value`, the cap, or the kind of refusal.

    Raises:
        AssertionError: a value that the table of clixml.py does not have, or that is over a cap.
        Exception: what the reader must not let out.
    """
    spent = Spent()
    try:
        found = value(parsed(document, LIMITS), LIMITS, spent)
    except CapExceeded as error:
        seen[error.cap] += 1
        return
    except Malformed as error:
        seen[kind_of(str(error))] += 1
        return
    assert spent.objects <= LIMITS.max_objects
    assert spent.values <= LIMITS.max_values
    _check(found, 0)
    seen["value"] += 1


KINDS = (
    "declarations and comments",
    "it is not UTF-8",
    "not XML",
    "unknown element",
    "two objects have one RefId",
    "a reference to an object that has not come",
    "an object has two contents",
    "an object has two properties",
    "an entry of a dictionary",
    "a dictionary has two keys of one name",
    "holds elements",
    "holds ",
    "no integer",
    "no number",
    "bytes are not Base64",
)
CAPS = ("max_depth", "max_values", "max_objects", "max_text")


def kind_of(refusal: str) -> str:
    """Which of KINDS a refusal is."""
    return next((kind for kind in KINDS if kind in refusal), refusal)


def _check(found: Value, depth: int) -> None:
    assert depth <= LIMITS.max_depth
    match found:
        case tuple():
            for each in found:
                _check(each, depth + 1)
        case None | bool() | int() | float() | bytes():
            pass
        case str():
            assert len(found) <= LIMITS.max_text
            found.encode()  # no half pairs
        case datetime():
            assert found.tzinfo is not None
        case _:
            for name, each in found.items():
                assert isinstance(name, str)
                _check(each, depth + 1)


# Fragments.


def framed(documents: Sequence[bytes], chance: random.Random) -> list[bytes]:
    """Messages in fragments of any size (MS-PSRP 2.2.4), each as bytes."""
    fragments: list[bytes] = []
    for number, document in enumerate(documents):
        pipeline = chance.choice([bytes(16), b"p" * 16])
        message = struct.pack("<II16s16s", 1, 0x00041004, bytes(16), pipeline) + document
        size = chance.choice([7, 60, 400, 5_000])
        starts = range(0, len(message), size)
        for place, at in enumerate(starts):
            flags = (1 if place == 0 else 0) | (2 if place == len(starts) - 1 else 0)
            data = message[at : at + size]
            fragments.append(struct.pack(">QQBI", number + 1, place, flags, len(data)) + data)
    return fragments


def spoilt_fragments(fragments: Sequence[bytes], chance: random.Random) -> tuple[bytes, int]:
    """The stream with one thing wrong, and before which byte nothing is."""
    parts = list(fragments)
    at = chance.randrange(len(parts))
    sound = sum(map(len, parts[:at]))
    match chance.randrange(9):
        case 0:
            del parts[at]
        case 1:
            parts.insert(at, parts[at])
        case 2:
            parts[at : at + 2] = reversed(parts[at : at + 2])
        case 3:  # one field of the header: ids, flags, length
            field_at = chance.choice([7, 15, 16, 17, 20])
            sound += field_at
            parts[at] = _set(parts[at], field_at, chance.randrange(256))
        case 4:  # the destination, in a first fragment
            parts[at] = _set(parts[at], 21, 2) if len(parts[at]) > 21 else parts[at]
        case 5:
            parts[at] = parts[at][: chance.randrange(len(parts[at]))]
        case 6:
            parts.insert(at, chance.randbytes(chance.randint(1, 40)))
        case 7:  # a whole message that is too short to have a header
            parts.insert(at, struct.pack(">QQBI", 77, 0, 3, 5) + b"short")
        case _:
            return b"".join(parts), sum(map(len, parts))
    return b"".join(parts), sound


def _set(data: bytes, at: int, byte: int) -> bytes:
    return data[:at] + bytes([byte]) + data[at + 1 :]


GARBAGE = (
    "flags that PSRP does not know",
    "begins before the last one ended",
    "a fragment is missing",
    "shorter than its header",
    "not for a client",
)


def try_stream(stream: bytes, splits: Sequence[int], seen: Counter[str]) -> list[Message | Oversize]:
    """Feeds a stream piece by piece and at once, which must come to the same, and counts what became of it."""
    cut = sorted({0, len(stream), *(min(each, len(stream)) for each in splits)})
    pieces = [stream[begin:end] for begin, end in pairwise(cut)]
    said, ended = _fed(pieces)
    assert (said, ended) == _fed([stream])
    seen["messages"] += sum(isinstance(each, Message) for each in said)
    seen["oversize"] += sum(isinstance(each, Oversize) for each in said)
    seen[next((kind for kind in GARBAGE if kind in ended), ended)] += 1
    return said


def _fed(pieces: Sequence[bytes]) -> tuple[list[Message | Oversize], str]:
    assembler, said = Assembler(MAX_MESSAGE), list[Message | Oversize]()
    try:
        for piece in pieces:
            for each in assembler.feed(piece):
                said.append(each)
                assert len(said) <= sum(map(len, pieces))
    except Garbage as error:
        return said, str(error)
    assert assembler.held <= MAX_MESSAGE + 43
    return said, "whole" if not assembler.held else "unfinished"

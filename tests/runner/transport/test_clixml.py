"""Values come out as they went in by an independent serialiser; hostile text comes to a cap, in few steps."""

import base64
import contextlib
import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import psrpcore.types as ps
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psrpcore.types import serialize

from playbooks.values import Value
from runner.transport.clixml import CapExceeded, Malformed, Spent, error_text, parsed, value
from runner.transport.interface import ErrorText, Limits
from tests.runner.transport.steps import counted

LIMITS = Limits()
_ENTRY = '<En><S N="Key">{}</S><B N="Value">true</B></En>'


class NoCipher(ps.PSCryptoProvider):
    """Nothing here is a secure string."""

    def decrypt(self, value: bytes) -> bytes:
        raise NotImplementedError

    def encrypt(self, value: bytes) -> bytes:
        raise NotImplementedError

    def register_key(self, key: bytes) -> None:
        raise NotImplementedError


NO_CIPHER = NoCipher()


def read(xml: str | bytes, limits: Limits = LIMITS) -> Value:
    return value(parsed(xml.encode() if isinstance(xml, str) else xml, limits), limits, Spent())


def written(thing: object) -> bytes:
    return ET.tostring(serialize(thing, NO_CIPHER), encoding="utf-8")


texts = st.text(st.characters(codec="utf-8"), max_size=20)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    texts.map(lambda text: f"_x0041_{text}_x"),
    st.binary(max_size=20),
    st.integers(-2_000_000_000, 7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds / 8, UTC)),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(tuple), st.dictionaries(texts.filter(bool), inner, max_size=4)
    ),
    max_leaves=12,
)


def as_powershell(wanted: Value) -> object:
    match wanted:
        case Mapping():
            found = ps.PSCustomObject()
            for name, each in wanted.items():
                found.PSObject.extended_properties.append(ps.PSNoteProperty(name, as_powershell(each)))
            return found
        case tuple():
            return [as_powershell(each) for each in wanted]
        case float():
            return ps.PSDouble(wanted)
        case datetime():
            return ps.PSDateTime(
                wanted.year,
                wanted.month,
                wanted.day,
                wanted.hour,
                wanted.minute,
                wanted.second,
                wanted.microsecond,
                UTC,
            )
        case bytes():
            return ps.PSByteArray(wanted)
        case _:
            return wanted


@given(values)
def test_every_value_comes_back_from_an_independent_serialiser(wanted: Value) -> None:
    got = read(written(as_powershell(wanted)))
    assert got == wanted
    assert _types(got) == _types(wanted)
    if isinstance(wanted, Mapping):
        assert isinstance(got, Mapping)
        assert list(got) == list(wanted)


def _types(thing: Value) -> object:
    match thing:
        case Mapping():
            return {name: _types(each) for name, each in thing.items()}
        case tuple():
            return [_types(each) for each in thing]
        case _:
            return type(thing)


TYPED: list[tuple[str, Value]] = [
    ("<By>255</By>", 255),
    ("<I64>-9223372036854775808</I64>", -(2**63)),
    ("<U64>18446744073709551615</U64>", 2**64 - 1),
    ("<D>79228162514264337593543950335.5</D>", "79228162514264337593543950335.5"),
    ("<C>65</C>", "A"),
    ("<C>55296</C>", "\ufffd"),
    ("<Sg>1.5E+10</Sg>", 1.5e10),
    ("<Db>NaN</Db>", "NaN"),
    ("<Db>INF</Db>", "INF"),
    ("<Db>-Infinity</Db>", "-INF"),
    ("<Db>1e999</Db>", "INF"),
    ("<DT>2021-03-02T13:00:00.1234567+02:00</DT>", datetime(2021, 3, 2, 11, 0, 0, 123456, UTC)),
    ("<DT>2021-03-02T13:00:00Z</DT>", datetime(2021, 3, 2, 13, 0, 0, 0, UTC)),
    ("<DT>2021-03-02T13:00:00</DT>", "2021-03-02T13:00:00"),
    ("<DT>0001-01-01T00:00:00+14:00</DT>", "0001-01-01T00:00:00+14:00"),
    ("<TS>PT1H</TS>", "PT1H"),
    ("<G>792e5b37-4505-47ef-b7d2-8711bb7affa8</G>", "792e5b37-4505-47ef-b7d2-8711bb7affa8"),
    ("<Version>15.2.1118.7</Version>", "15.2.1118.7"),
    ("<URI>http://a/</URI>", "http://a/"),
    ("<SBK>1 + 1</SBK>", "1 + 1"),
    ("<SS>whatever</SS>", "[System.Security.SecureString]"),
    ("<S>a_x000A_b_xD83D__xDE00_c_xD83D_</S>", "a\nb😀c\ufffd"),
    ("<S>_x005F_x0041_</S>", "_x0041_"),
    ("<S />", ""),
    ("<Nil />", None),
    (
        (
            '<Obj RefId="0"><TN RefId="0"><T>System.ServiceProcess.ServiceControllerStatus</T><T>System.Enum</T>'
            "<T>System.ValueType</T></TN><ToString>Running</ToString><I32>4</I32></Obj>"
        ),
        "Running",
    ),
    ('<Obj RefId="0"><TN RefId="0"><T>System.Enum</T></TN><I32>4</I32></Obj>', 4),
    ('<Obj RefId="0"><S>C:\\x</S><MS><S N="PSPath">FileSystem::C:\\x</S></MS></Obj>', "C:\\x"),
    (
        '<Obj RefId="0"><TN RefId="0"><T>System.IO.FileInfo</T></TN><ToString>C:\\a.dll</ToString><Props/></Obj>',
        "C:\\a.dll",
    ),
    ('<Obj RefId="0"><TN RefId="0"><T>System.IO.FileInfo</T></TN></Obj>', "[System.IO.FileInfo]"),
    (
        (
            '<Obj RefId="0"><TN RefId="0"><T>System.Collections.Hashtable</T></TN><DCT><En><I32 N="Key">1</I32>'
            '<S N="Value">one</S></En></DCT></Obj>'
        ),
        "[a table with keys that are not text]",
    ),
    (
        (
            '<Obj RefId="0"><TN RefId="0"><T>Selected.X</T><T>System.Management.Automation.PSCustomObject</T></TN><MS>'
            '<Obj N="A" RefId="1"><TNRef RefId="0"/><MS><S N="B">c</S></MS></Obj><Ref N="D" RefId="1"/></MS></Obj>'
        ),
        {"A": {"B": "c"}, "D": {"B": "c"}},
    ),
    (
        (
            '<Obj RefId="0"><TN RefId="0"><T>System.Management.Automation.PSCustomObject</T></TN><MS>'
            '<Ref N="Me" RefId="0"/></MS></Obj>'
        ),
        {"Me": "[reference to an object that holds it]"},
    ),
]


@pytest.mark.parametrize(("xml", "wanted"), TYPED)
def test_types_are_what_the_table_says(xml: str, wanted: Value) -> None:
    got = read(xml)
    assert got == wanted
    assert type(got) is type(wanted) or isinstance(got, Mapping)


BAD = [
    "<I32>1_000</I32>",
    "<I32>٣</I32>",
    "<I32>" + "9" * 30 + "</I32>",
    "<B>maybe</B>",
    "<Db>1__0</Db>",
    "<BA>not base64</BA>",
    "<S><S/></S>",
    "<Whatever/>",
    '<Obj RefId="0"><LST/><LST/></Obj>',
    '<Obj RefId="0"><LST><Obj RefId="0"/></LST></Obj>',
    '<Ref RefId="7"/>',
    '<Obj RefId="0"><DCT><S N="Key"/></DCT></Obj>',
    '<Obj RefId="0"><DCT><En><S N="Key"/><S N="Key"/></En></DCT></Obj>',
    f'<Obj RefId="0"><DCT>{_ENTRY.format("Present")}{_ENTRY.format("Present")}</DCT></Obj>',
    f'<Obj RefId="0"><DCT>{_ENTRY.format("Present")}{_ENTRY.format("PRESENT")}</DCT></Obj>',
    '<Obj RefId="0"><MS><S N="A">1</S><S N="A">2</S></MS></Obj>',
    '<Obj RefId="0"><XYZ/></Obj>',
    "<S>&undefined;</S>",
    "<S>",
    "",
    "<S>\x01</S>",
    '<!DOCTYPE S [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><S>&b;</S>',
    '<!DOCTYPE S SYSTEM "file:///etc/passwd"><S/>',
    "<S><!-- comment --></S>",
    "<S><![CDATA[x]]></S>",
]


@pytest.mark.parametrize("xml", BAD)
def test_what_is_no_clixml_is_refused(xml: str) -> None:
    with pytest.raises(Malformed):
        read(xml)


def test_an_encoding_is_not_taken_from_the_text() -> None:
    """In UTF-16 a declaration would not be found by its bytes."""
    for raw in ("<S>a</S>".encode("utf-16"), "<S>a</S>".encode("utf-16-le"), b"<S>\xff</S>"):
        with pytest.raises(Malformed):
            read(raw)
    assert read(b'<?xml version="1.0" encoding="utf-7"?><S>+ADw-</S>') == "+ADw-"


def nested(levels: int, inner: str) -> str:
    numbers = range(levels)
    return "".join(f'<Obj RefId="{n}"><LST>' for n in numbers) + inner + "</LST></Obj>" * levels


def laughs(levels: int, width: int) -> str:
    """Each object holds the last one `width` times: few bytes, `width ** levels` values."""
    xml = '<Obj RefId="0"><LST><S>ha</S></LST></Obj>'
    for level in range(1, levels):
        again = f'<Ref RefId="{level - 1}"/>' * (width - 1)
        xml = f'<Obj RefId="{level}"><LST>{xml}{again}</LST></Obj>'
    return xml


TIGHT = Limits(max_objects=2_000, max_values=20_000, max_xml_bytes=400_000, max_text=100_000)
HOSTILE = [
    ("nested lists", nested(13, "<S/>"), "max_depth"),
    ("nested lists, many", nested(10_000, "<S/>"), "max_depth"),
    ("references that swell", laughs(12, 10), "max_objects"),
    (
        "references that deepen",
        laughs(10, 2).replace("<S>ha</S>", nested(11, "<S/>").replace('RefId="', 'RefId="9')),
        "max_depth",
    ),
    ("a huge text", "<S>" + "x" * 200_000 + "</S>", "max_text"),
    ("huge bytes", f"<BA>{base64.b64encode(bytes(200_000)).decode()}</BA>", "max_text"),
    ("very many tiny values", '<Obj RefId="0"><LST>' + "<Nil/>" * 50_000 + "</LST></Obj>", "max_values"),
    ("elements without end", "<S>" + "<a/>" * 90_000 + "</S>", None),
    ("more than may be", "<S>" + "x" * 500_000 + "</S>", "max_xml_bytes"),
    (
        "many objects",
        '<Obj RefId="0"><LST>' + "".join(f'<Obj RefId="{n}"/>' for n in range(1, 3_000)) + "</LST></Obj>",
        "max_objects",
    ),
]
STEPS_PER_VALUE = 40  # lines of the reader; about 20 are what it takes


@pytest.mark.parametrize(("xml", "cap"), [each[1:] for each in HOSTILE], ids=[each[0] for each in HOSTILE])
def test_hostile_text_comes_to_its_cap_in_steps_that_its_own_length_and_the_caps_bound(
    xml: str, cap: str | None
) -> None:
    with counted() as steps, pytest.raises((CapExceeded, Malformed)) as raised:
        read(xml, TIGHT)
    most = min(xml.count("<"), TIGHT.max_values + TIGHT.max_objects)
    assert 0 < steps.count <= STEPS_PER_VALUE * (most + 1)
    if cap is not None:
        assert isinstance(raised.value, CapExceeded)
        assert (raised.value.cap, raised.value.limit) == (cap, getattr(TIGHT, cap))


def test_what_its_bytes_show_to_be_over_a_cap_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree of elements takes many times the memory of its text."""

    def never(*_: object) -> None:
        raise AssertionError("it was parsed")

    monkeypatch.setattr("runner.transport.clixml.ET.XML", never)
    for xml, cap in (("<S>" + "x" * 400_000 + "</S>", "max_xml_bytes"), ("<a>" * 120_001, "max_values")):
        with pytest.raises(CapExceeded, match=cap):
            read(xml, TIGHT)


@given(st.integers(0, 12), st.integers(0, 12))
def test_depth_counts_the_same_through_a_reference(outer: int, inner: int) -> None:
    """What is written out and what is referred to come to the same depth, so neither is a way around the cap."""
    chain = "".join(f'<Obj RefId="i{n}"><LST>' for n in range(inner)) + "<S/>" + "</LST></Obj>" * inner
    named = f'<Obj RefId="named"><LST>{chain}</LST></Obj>'
    again = '<Ref RefId="named"/>'
    wrapped = "".join(f'<Obj RefId="o{n}"><LST>' for n in range(outer)) + again + "</LST></Obj>" * outer
    xml = f'<Obj RefId="top"><LST>{named}{wrapped}</LST></Obj>'
    fits = 1 + outer + 1 + inner <= LIMITS.max_depth
    with contextlib.nullcontext() if fits else pytest.raises(CapExceeded, match="max_depth"):
        read(xml)


def test_an_error_record_is_read_as_an_independent_serialiser_writes_it() -> None:
    record = ps.ErrorRecord(
        Exception=ps.NETException(Message="Cannot find path 'C:\\x'"),
        CategoryInfo=ps.ErrorCategoryInfo(Category=ps.ErrorCategory.ObjectNotFound),
        FullyQualifiedErrorId="PathNotFound,Microsoft.PowerShell.Commands.GetItemCommand",
    )
    assert error_text(parsed(written(record), LIMITS), LIMITS) == ErrorText(
        "Cannot find path 'C:\\x'", "PathNotFound,Microsoft.PowerShell.Commands.GetItemCommand", "ObjectNotFound"
    )


def test_a_time_with_another_offset_is_the_same_moment_in_utc() -> None:
    got = read("<DT>2024-02-29T23:30:00.0000000-05:30</DT>")
    assert got == datetime(2024, 2, 29, 23, 30, tzinfo=timezone(-timedelta(hours=5, minutes=30)))
    assert isinstance(got, datetime)
    assert got.tzinfo is UTC
    assert math.isclose(got.timestamp(), 1709269200.0)

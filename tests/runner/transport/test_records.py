"""A record is read by its pattern as care reads it, at the same cost to the caps, or it is left to care."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.values import Value
from runner.transport.clixml import CapExceeded, Malformed, Spent, number, parsed, text, value
from runner.transport.interface import Limits
from runner.transport.records import flat, properties, read, state
from tests.runner.transport.mutating import DOCUMENTS, spoilt_bytes, spoilt_document
from tests.runner.transport.test_clixml import scalars, written

LIMITS = Limits()
HEAD = (
    b'<Obj RefId="0"><TN RefId="0"><T>System.Collections.Hashtable</T><T>System.Object</T></TN><DCT>'
    b'<En><S N="Key">Kind</S><S N="Value">State</S></En>'
)
TAIL = b"</DCT></Obj>"


def entry(name: str, element: str) -> bytes:
    return f'<En><S N="Key">{name}</S>{element}</En>'.encode()


# One of each kind of entry.
RECORDS = (
    HEAD + TAIL,
    HEAD + entry("Name", '<S N="Value">Größe \u2026 "w3wp.exe"</S>') + entry("Id", '<I32 N="Value">-4</I32>') + TAIL,
    HEAD + entry("Is", '<B N="Value">true</B>') + entry("Not", '<B N="Value">false</B>') + TAIL,
    HEAD + entry("None", '<Nil N="Value" />') + entry("Empty", '<S N="Value"></S>') + TAIL,
    HEAD + entry("When", '<DT N="Value">2021-03-02T13:00:00.1234567Z</DT>') + TAIL,
    HEAD + entry("When", '<DT N="Value">2021-03-02T13:00:00</DT>') + entry("Nil", '<Nil N="Value"/>') + TAIL,
    HEAD + entry("Version", '<Version N="Value">15.2.1118.7</Version>') + entry("Big", '<U64 N="Value">7</U64>') + TAIL,
    HEAD.replace(b"Collections.Hashtable", b"Collections.Specialized.OrderedDictionary") + TAIL,
    HEAD + entry("Long", f'<S N="Value">{"x" * 3_000}</S>') + TAIL,
)
ODD = (
    *DOCUMENTS,
    b"",
    HEAD,
    b"\xef\xbb\xbf" + HEAD + TAIL,
    HEAD + TAIL + b"\n",
    HEAD.replace(b"<En>", b"<En> ") + TAIL,
    HEAD + entry("KIND", '<S N="Value">x</S>') + TAIL,
    HEAD + entry("A", '<S N="Value">a_x000A_b</S>') + TAIL,
    HEAD + entry("A", '<S N="Value">a&amp;b</S>') + TAIL,
    HEAD + entry("A", '<S N="Value">a\nb</S>') + TAIL,
    HEAD + entry("A", '<S N="Value">a]]>b</S>') + TAIL,
    HEAD + entry("A", '<S N="Value">\ufffe</S>') + TAIL,
    HEAD + entry("A", '<S N="Value">\U0001f600</S>') + TAIL,
    HEAD + entry("A", '<I32 N="Value">\u0663</I32>') + TAIL,
    HEAD + entry("A", '<I32 N="Value"> 1</I32>') + TAIL,
    HEAD + entry("A", '<B N="Value">True</B>') + TAIL,
    HEAD + entry("A", '<S N="Value">x</I32>') + TAIL,
    HEAD + entry("A", '<S N="Value">x</S><S N="Value">y</S>') + TAIL,
    HEAD + entry("A", '<Obj N="Value" RefId="1"><LST><S>x</S></LST></Obj>') + TAIL,
    HEAD + entry("A", '<Ref N="Value" RefId="0" />') + TAIL,
    HEAD + entry("A", '<S N="Value">x</S>').replace(b"Key", b"Kez") + TAIL,
    HEAD.replace(b"<TN", b"<!-- --><TN") + TAIL,
    HEAD.replace(b"</TN>", b"</TN><ToString>x</ToString>") + TAIL,
    HEAD + TAIL.replace(b"</Obj>", b"<LST /></Obj>"),
    HEAD + b'<En><S N="Key">A</S><S N="Value">\xff</S></En>' + TAIL,
    (HEAD + TAIL).decode().encode("utf-16"),
)


def with_care(xml: bytes, limits: Limits, spent: Spent) -> Value | str:
    """What care reads; or how it refuses."""
    try:
        return value(parsed(xml, limits), limits, spent)
    except CapExceeded as error:
        return f"cap {error.cap}"
    except Malformed as error:
        return f"malformed {error}"


def either_way(xml: bytes, limits: Limits, met: Counter[str]) -> None:
    """Raises AssertionError where the two ways differ."""
    quick, careful = Spent(7, 1, 5), Spent(7, 1, 5)
    found = flat(xml, limits, quick)
    if found is None:
        met["care"] += 1
        assert quick == careful
        return
    met["pattern"] += 1
    wanted = with_care(xml, limits, careful)
    assert found == wanted
    assert [(name, type(each)) for name, each in found.items()] == [
        (name, type(each))
        for name, each in wanted.items()  # type: ignore[union-attr]
    ]
    assert quick == careful


@pytest.mark.parametrize("xml", RECORDS)
def test_what_powershell_writes_is_read_by_the_pattern(xml: bytes) -> None:
    met = Counter[str]()
    either_way(xml, LIMITS, met)
    assert met["pattern"] == 1


@pytest.mark.parametrize("xml", ODD)
def test_what_is_odd_is_left_to_care(xml: bytes) -> None:
    assert flat(xml, LIMITS, Spent()) is None


def test_a_record_that_is_spoilt_says_the_same_either_way_or_is_left_to_care() -> None:
    chance, met = random.Random(11), Counter[str]()
    for turn in range(9_000):
        xml = chance.choice(RECORDS)
        match turn % 3:
            case 0:
                xml = spoilt_document(xml, chance)
            case 1:
                xml = spoilt_bytes(xml, chance)
            case _:  # what stays a record more often: one letter for another
                at = chance.randrange(len(xml))
                xml = xml[:at] + chance.choice("aKkS019 _-:.&<>\"'\t\x7f\u0130\u0131é\ufeff").encode() + xml[at + 1 :]
        either_way(xml, LIMITS, met)
    assert met["pattern"] > 700, met
    assert met["care"] > 3_000, met


NAMES = st.one_of(
    st.text("aAbB 1-", min_size=1, max_size=5), st.text(st.characters(codec="utf-8"), min_size=1, max_size=9)
)
VALUES = st.one_of(
    st.text("aAbB 1-_x", max_size=9), st.integers(-(2**31), 2**31 - 1), st.booleans(), st.none(), scalars
)


def test_tables_of_an_independent_serialiser_come_back_either_way() -> None:
    met = Counter[str]()

    @settings(max_examples=400, deadline=None)
    @given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=3))
    def tables(wanted: dict[str, object]) -> None:
        either_way(written(wanted), LIMITS, met)

    tables()
    assert met["pattern"] > 40, met
    assert met["care"] > 40, met


@settings(max_examples=600, deadline=None)
@given(
    xml=st.sampled_from(RECORDS),
    limits=st.builds(
        Limits,
        max_objects=st.integers(0, 4),
        max_values=st.integers(0, 16),
        max_depth=st.integers(0, 2),
        max_text=st.integers(0, 400),
        max_xml_bytes=st.integers(0, 400),
    ),
)
def test_no_cap_is_passed_by_the_pattern(xml: bytes, limits: Limits) -> None:
    either_way(xml, limits, Counter())
    quick, careful = Spent(7, 1, 5), Spent(7, 1, 5)
    try:
        found: Value | str = read(xml, limits, quick)
    except CapExceeded as error:
        found = f"cap {error.cap}"
    assert (found, quick) == (with_care(xml, limits, careful), careful)


STATES = (
    b'<Obj RefId="0"><MS><I32 N="RunspaceState">2</I32></MS></Obj>',
    b'<Obj RefId="0"><MS><I32 N="PipelineState">-4</I32></MS></Obj>',
    b'<Obj RefId="7"><MS><Version N="PSVersion">2.0</Version><Version N="protocolversion">2.3</Version></MS></Obj>',
    b'<Obj RefId="7"><MS><S N="PipelineState"></S><S N="RunspaceState">5</S></MS></Obj>',
    '<Obj RefId="7"><MS><S N="PipelineState">Gr\u00f6\u00dfe</S><I32 N="A">4</I32></MS></Obj>'.encode(),
)
ODD_STATES = (
    b"",
    b'<Obj RefId="0"><MS></MS></Obj>',
    b'<Obj RefId="0"><MS><I32 N="PipelineState">4</I32><I32 N="PipelineState">3</I32></MS></Obj>',
    b'<Obj RefId="0"><MS><I32 N="PipelineState">4</S></MS></Obj>',
    b'<Obj RefId="0"><MS><I32 N="PipelineState">&#52;</I32></MS></Obj>',
    b'<Obj RefId="0"><MS><S N="protocolversion">_x0032_.3</S></MS></Obj>',
    b'<Obj RefId="0"><MS><I32 N="PipelineState">4</I32></MS></Obj>\n',
    b'<Obj RefId="0"><Props><I32 N="PipelineState">4</I32></Props></Obj>',
    b'<Obj RefId="0"><MS><Obj RefId="1" N="PipelineState"><I32>4</I32></Obj></MS></Obj>',
    b'<Obj RefId="0"><MS><I32 N="PipelineState">4</I32></MS><Props><I32 N="A">4</I32></Props></Obj>',
    b'<Obj RefId="0"><MS><I32 N="PipelineState">5</I32><Obj RefId="1" N="ExceptionAsErrorRecord" /></MS></Obj>',
)
STATED = ("RunspaceState", "PipelineState", "protocolversion", "PSVersion", "A")


def stated_either_way(xml: bytes, limits: Limits, met: Counter[str]) -> None:
    """Raises AssertionError where the two ways differ."""
    found = properties(xml, limits)
    if found is None:
        met["care"] += 1
        assert all(state(xml, limits, name) is None for name in STATED)
        return
    met["pattern"] += 1
    element = parsed(xml, limits)
    for name in STATED:
        assert found.get(name, "") == text(element, limits, name)
        integer = state(xml, limits, name)
        assert integer is None or integer == number(element, limits, name)
        met["integer"] += integer is not None


@pytest.mark.parametrize("xml", STATES)
def test_a_state_that_powershell_writes_is_read_by_the_pattern(xml: bytes) -> None:
    met = Counter[str]()
    stated_either_way(xml, LIMITS, met)
    assert met["pattern"] == 1


@pytest.mark.parametrize("xml", ODD_STATES)
def test_a_state_that_is_odd_is_left_to_care(xml: bytes) -> None:
    assert properties(xml, LIMITS) is None


def test_a_state_that_is_spoilt_says_the_same_either_way_or_is_left_to_care() -> None:
    chance, met = random.Random(12), Counter[str]()
    for turn in range(6_000):
        xml = chance.choice(STATES)
        match turn % 3:
            case 0:
                xml = spoilt_document(xml, chance)
            case 1:
                xml = spoilt_bytes(xml, chance)
            case _:
                at = chance.randrange(len(xml))
                xml = xml[:at] + chance.choice("aKS019 _-:.&<>\"'\t\x7f\u0130\u0663\ufeff").encode() + xml[at + 1 :]
        stated_either_way(xml, LIMITS, met)
    assert met["pattern"] > 400, met
    assert met["integer"] > 200, met
    assert met["care"] > 2_000, met


@settings(max_examples=200, deadline=None)
@given(
    xml=st.sampled_from(STATES),
    limits=st.builds(
        Limits,
        max_values=st.integers(0, 4),
        max_text=st.integers(0, 120),
        max_xml_bytes=st.integers(0, 120),
    ),
)
def test_no_state_is_read_by_the_pattern_that_a_cap_refuses(xml: bytes, limits: Limits) -> None:
    stated_either_way(xml, limits, Counter())

"""Fragments become messages however they are cut, and what is no fragment is never a message."""

import struct
import tracemalloc
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.transport.fragments import Assembler, Garbage, Message, Oversize

PIPELINE = uuid.UUID("11111111-2222-3333-4444-555555555555")
START, END = 1, 2


def message(kind: int, xml: bytes, pipeline: uuid.UUID | None = PIPELINE, destination: int = 1) -> bytes:
    name = bytes(16) if pipeline is None else pipeline.bytes_le
    return struct.pack("<II16s16s", destination, kind, bytes(16), name) + xml


def piece(object_id: int, fragment_id: int, flags: int, data: bytes) -> bytes:
    return struct.pack(">QQBI", object_id, fragment_id, flags, len(data)) + data


def cut(object_id: int, data: bytes, size: int) -> bytes:
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    last = len(parts) - 1
    return b"".join(
        piece(object_id, number, (START if number == 0 else 0) | (END if number == last else 0), part)
        for number, part in enumerate(parts)
    )


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=60), st.booleans(), st.integers(1, 50))),
    st.data(),
)
def test_messages_come_out_whole_however_they_were_cut_and_delivered(
    wanted: list[tuple[int, bytes, bool, int]], data: st.DataObject
) -> None:
    stream = b"".join(
        cut(number, message(kind, xml, PIPELINE if of_pipeline else None), size)
        for number, (kind, xml, of_pipeline, size) in enumerate(wanted)
    )
    assembler, got, left = Assembler(1000), [], stream
    while left:
        size = data.draw(st.integers(1, len(left)))
        got += list(assembler.feed(left[:size]))
        left = left[size:]
    assert [(each.kind, each.xml, each.pipeline) for each in got if isinstance(each, Message)] == [
        (kind, xml.removeprefix(b"\xef\xbb\xbf"), PIPELINE if of_pipeline else None)
        for kind, xml, of_pipeline, _ in wanted
    ]


@pytest.mark.parametrize(
    "stream",
    [
        piece(1, 0, 4, message(1, b"")),
        piece(1, 0, END, message(1, b"")),
        piece(1, 1, START | END, message(1, b"")),
        piece(1, 0, START, message(1, b"")) + piece(1, 0, START, b"x"),
        piece(1, 0, START, message(1, b"")) + piece(2, 1, END, b"x"),
        piece(1, 0, START, message(1, b"")) + piece(1, 2, END, b"x"),
        piece(1, 0, START | END, b"short"),
        piece(1, 0, START | END, message(1, b"", destination=2)),
        b"\xff" * 60,
    ],
    ids=[
        "unknown flags",
        "no beginning",
        "begins in the middle",
        "begins twice",
        "two messages at once",
        "a fragment is missing",
        "shorter than a header",
        "for a server",
        "noise",
    ],
)
def test_what_is_no_fragment_is_refused_after_the_messages_before_it_were_given_out(stream: bytes) -> None:
    feeding = Assembler(1000).feed(cut(0, message(7, b"good"), 30) + stream)
    good = next(feeding)
    assert isinstance(good, Message)
    assert good.xml == b"good"
    with pytest.raises(Garbage):
        list(feeding)


def test_a_fragment_without_data_is_taken() -> None:
    """psrpcore's server sends one where only its header fits."""
    stream = piece(1, 0, START, b"") + piece(1, 1, 0, message(5, b"x")) + piece(1, 2, END, b"")
    (only,) = Assembler(1000).feed(stream)
    assert isinstance(only, Message)
    assert only.xml == b"x"


def test_a_message_that_is_too_large_is_named_once_thrown_away_and_the_next_one_comes() -> None:
    assembler = Assembler(1000)
    stream = cut(1, message(5, b"x" * 5000), 700) + cut(2, message(6, b"small"), 700)
    large, small = assembler.feed(stream)
    assert isinstance(large, Oversize)
    assert large.pipeline == PIPELINE
    assert isinstance(small, Message)
    assert small.xml == b"small"


def test_a_message_without_end_takes_no_memory_without_end() -> None:
    assembler = Assembler(10_000)
    chunk = b"x" * 100_000
    tracemalloc.start()
    said = list(assembler.feed(piece(1, 0, START, message(5, chunk))))
    for number in range(1, 200):
        said += list(assembler.feed(piece(1, number, 0, chunk)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(said) == 1
    assert peak < 2_000_000

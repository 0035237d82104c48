"""PSRP's framing as the lab reads and writes it, with psrpcore as the other side."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psrpcore import ServerPipeline, ServerRunspacePool
from psrpcore.types import PSRPMessageType

from runner.lab.psrp import MAX_FRAGMENT, Assembler, FragmentError, Message, end_of, fragments, split, to_client

POOL, PIPELINE = uuid.UUID(int=1 << 100), uuid.UUID(int=2 << 90)
ROOM = MAX_FRAGMENT - 21 - 40
MESSAGES = st.lists(
    st.builds(
        lambda kind, size, byte: Message(kind, byte * size, POOL.bytes_le, PIPELINE.bytes_le),
        st.sampled_from(list(PSRPMessageType)),
        st.sampled_from([0, 1, 700, ROOM - 1, ROOM, ROOM + 1, 3 * MAX_FRAGMENT]),
        st.sampled_from([b"a", b"\x00"]),
    ),
    min_size=1,
    max_size=4,
)


@given(MESSAGES, st.integers(1, 2**60))
def test_messages_come_back_from_their_fragments(messages: list[Message], first: int) -> None:
    pieces = list(to_client(messages, POOL, PIPELINE, first))
    assert max(map(len, pieces)) <= MAX_FRAGMENT
    assert split(b"".join(pieces)) == pieces
    assembler = Assembler()
    assert [message for piece in pieces for message in assembler.feed(piece)] == messages
    assert assembler.idle
    assert Assembler().feed(b"".join(pieces)) == messages


@given(MESSAGES, st.data())
def test_of_fragments_that_are_cut_anywhere_the_whole_ones_are_found(
    messages: list[Message], data: st.DataObject
) -> None:
    stream = b"".join(to_client(messages, POOL, PIPELINE, 1))
    cut = data.draw(st.integers(0, len(stream)))
    found, end = fragments(stream[:cut])
    more, rest = fragments(stream[end:])
    assert end <= cut
    assert end + rest == len(stream)
    assert found + more == fragments(stream)[0]
    if end != cut:
        with pytest.raises(FragmentError):
            Assembler().feed(stream[:cut])


@given(MESSAGES, st.integers(1, 4), st.sampled_from(["lost", "twice", "early"]))
def test_a_fragment_that_is_lost_or_comes_twice_or_too_early_is_an_error_or_leaves_a_message_open(
    messages: list[Message], back: int, what: str
) -> None:
    last = Message(PSRPMessageType.PipelineOutput, b"x" * (3 * MAX_FRAGMENT), POOL.bytes_le)  # four fragments
    pieces = list(to_client([*messages, last], POOL, PIPELINE, 1))
    at = len(pieces) - back
    match what:
        case "lost":
            del pieces[at]
        case "twice":
            pieces.insert(at, pieces[at])
        case _:
            pieces.insert(max(at - 1, len(pieces) - 4), pieces.pop(at) if back < 4 else pieces.pop(at + 1))
    assembler = Assembler()
    try:
        heard = assembler.feed(b"".join(pieces))
    except FragmentError:
        return
    assert heard == messages
    assert not assembler.idle


@pytest.mark.parametrize("pieces", [1, 2])
def test_a_message_that_is_too_large_or_too_short_for_its_header_is_refused(pieces: int) -> None:
    stream = b"".join(to_client([Message(1, b"x" * (pieces - 1) * MAX_FRAGMENT)], POOL, None, 1))
    assert Assembler(len(stream)).feed(stream)
    with pytest.raises(FragmentError, match="too large"):
        Assembler(39).feed(stream)
    short = fragments(stream)[0][0]
    with pytest.raises(FragmentError, match="too short"):
        Assembler().feed(bytes(16) + b"\x03" + (39).to_bytes(4, "big") + short.blob[:39])


@given(MESSAGES)
@example([Message(PSRPMessageType.RunspacePoolInitData, b"x" * 2 * MAX_FRAGMENT)])
def test_the_end_of_a_message_is_where_its_last_fragment_is(messages: list[Message]) -> None:
    kinds = [message.kind for message in messages]
    pieces = list(to_client(messages, POOL, None, 1))
    for kind in PSRPMessageType:
        end = end_of(pieces, kind)
        if kind not in kinds:
            assert end is None
        else:
            upto = messages[: kinds.index(kind) + 1]
            assert end == len(list(to_client(upto, POOL, None, 1)))


@given(st.integers(0, 3 * MAX_FRAGMENT), st.integers(100, 2 * MAX_FRAGMENT))
def test_what_psrpcore_writes_is_read(size: int, room: int) -> None:
    pool = ServerRunspacePool()
    pool.runspace_pool_id = POOL
    pipeline = ServerPipeline(pool, PIPELINE)
    pipeline.start()
    pipeline.write_output("x" * size)
    pipeline.complete()
    assembler = Assembler()
    heard: list[Message] = []
    while (payload := pool.data_to_send(room)) is not None:
        heard += assembler.feed(payload.data)
    state = PSRPMessageType.PipelineState  # running, then completed
    assert [message.kind for message in heard] == [state, PSRPMessageType.PipelineOutput, state]
    assert {(message.pool, message.pipeline) for message in heard} == {(POOL.bytes_le, PIPELINE.bytes_le)}
    assert b"x" * size in heard[1].data

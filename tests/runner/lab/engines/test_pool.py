"""A pool of engine `sim` beside psrpcore's: from memory it says what psrpcore says, to the byte."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psrpcore import ClientRunspacePool, PSRPCoreError, PSRPPayload, ServerRunspacePool, StreamType
from psrpcore.types import HostInfo, PSRPMessageType, RunspacePoolState

from runner.lab.engines.sim.pool import Opening, Pool, UnusableError, opening
from runner.lab.psrp import Assembler, Message, to_client, to_server

KNOWN = lru_cache(4)(opening)
"""One for the whole module, so that most examples are answered from memory or push others out of it."""


def of_client(**settings: object) -> list[Message]:
    """What a client of psrpcore's says to open a pool."""
    client = ClientRunspacePool(**settings)  # type: ignore[arg-type]
    client.open()
    payload = client.data_to_send()
    assert payload is not None
    return Assembler().feed(payload.data)


def sent(messages: Iterable[Message], pool: uuid.UUID) -> bytes:
    return b"".join(to_server(messages, pool, None, 1))


def by_psrpcore(creation: bytes) -> tuple[bool, list[tuple[int, bytes]]]:
    """Whether psrpcore opens a pool, and what it says."""
    pool = ServerRunspacePool()
    try:
        pool.receive_data(PSRPPayload(creation, StreamType.default, None))
        while pool.next_event() is not None:
            pass
    except (PSRPCoreError, SyntaxError, ValueError, LookupError, AttributeError, TypeError):
        return False, []
    said: list[Message] = []
    while (payload := pool.data_to_send()) is not None:
        said += Assembler().feed(payload.data)
    return pool.state is RunspacePoolState.Opened, [(message.kind, message.data) for message in said]


def by_pool(creation: bytes) -> tuple[bool, list[tuple[int, bytes]]]:
    try:
        said = Pool(KNOWN).open(creation)
    except (PSRPCoreError, SyntaxError, ValueError, LookupError, AttributeError, TypeError, UnusableError):
        return False, []
    return True, [(message.kind, message.data) for message in said]


@given(
    st.integers(1, 3),
    st.integers(0, 2),
    st.builds(HostInfo, IsHostNull=st.booleans(), IsHostUINull=st.booleans()),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    st.uuids(),
)
def test_whatever_a_client_opens_a_pool_with_the_answer_is_psrpcore_s(
    minimum: int, more: int, host: HostInfo, arguments: dict[str, str], name: uuid.UUID
) -> None:
    messages = of_client(
        min_runspaces=minimum, max_runspaces=minimum + more, host=host, application_arguments=arguments
    )
    creation = sent(messages, name)
    opened, said = by_psrpcore(creation)
    assert opened
    pool = Pool(KNOWN)
    assert [(message.kind, message.data) for message in pool.open(creation)] == said
    assert (pool.id, pool.minimum, pool.maximum) == (name, minimum, minimum + more)
    assert pool.has_ui == (not host.IsHostNull and not host.IsHostUINull)


def test_an_opening_that_is_spoilt_is_refused_or_answered_as_psrpcore_does() -> None:
    """Of 600 that were changed in one place some are still openings, some are none: both must have come."""
    chance = random.Random(20261124)
    whole = of_client(max_runspaces=2)
    refused = answered = 0
    for _ in range(600):
        messages = list(whole)
        at = chance.randrange(len(messages))
        data = bytearray(messages[at].data)
        match chance.randrange(4):
            case 0:
                data[chance.randrange(len(data))] = chance.randrange(256)
            case 1:
                del data[chance.randrange(len(data))]
            case 2:
                data[chance.randrange(len(data)) :] = b""
            case _:
                kinds = list(PSRPMessageType)
                messages[at] = Message(chance.choice(kinds), messages[at].data)
        messages[at] = Message(messages[at].kind, bytes(data))
        creation = sent(messages, uuid.UUID(int=1))
        expected = by_psrpcore(creation)
        if expected[0]:
            answered += 1
            assert by_pool(creation) == expected
        else:
            refused += 1
            assert by_pool(creation) == (False, [])
    assert min(refused, answered) > 50


def test_pools_that_are_opened_alike_are_read_once() -> None:
    times = []

    def counted(messages: tuple[tuple[int, bytes], ...]) -> Opening:
        times.append(messages)
        return opening(messages)

    known = lru_cache(4)(counted)
    messages = of_client()
    for number in range(5):
        assert Pool(known).open(sent(messages, uuid.UUID(int=number)))
    assert len(times) == 1


@pytest.mark.parametrize("name", ["ci", "CI", "Ci"])
def test_names_of_properties_are_compared_without_regard_to_case(name: str) -> None:
    pool = Pool(KNOWN)
    pool.open(sent(of_client(), uuid.UUID(int=1)))
    data = f'<Obj RefId="0"><MS><I32 N="maxRUNSPACES">4</I32><I64 N="{name}">7</I64></MS></Obj>'
    (said,) = pool.take(Message(PSRPMessageType.SetMaxRunspaces, data.encode()), 1)
    assert said.data == b'<Obj RefId="0"><MS><B N="SetMinMaxRunspacesResponse">true</B><I64 N="ci">7</I64></MS></Obj>'
    assert pool.maximum == 4


def test_a_client_s_key_is_answered_with_the_session_s() -> None:
    client = ClientRunspacePool()
    client.open()
    opened = client.data_to_send()
    assert opened is not None
    pool = Pool(KNOWN)
    client.receive_data(
        PSRPPayload(b"".join(to_client(pool.open(opened.data), pool.id, None, 1)), StreamType.default, None)
    )
    while client.next_event() is not None:
        pass
    client.exchange_key()
    asked = client.data_to_send()
    assert asked is not None
    (message,) = Assembler().feed(asked.data)
    (key,) = pool.take(message, 1)
    assert key.kind == PSRPMessageType.EncryptedSessionKey

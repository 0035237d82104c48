"""Whatever a host answers, a session ends with a result for each script or a TransportError, in few steps."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runner.transport import gate
from runner.transport.failures import Cause, ScriptRefused, TransportError
from runner.transport.interface import Deadlines, NotRun
from runner.transport.retry import RetryPolicy
from runner.transport.statements import create_pipeline
from tests.runner.transport.sessions import Session, session
from tests.runner.transport.steps import counted
from tests.runner.transport.test_winrm import says, throws

Account = tuple[str, str]
SCRIPTS = {"a": says({"Kind": "A", "N": 1}), "throws": throws, "b": says("b")}


def mutated(reply: bytes, chance: random.Random) -> bytes:
    """A reply with some of its bytes changed, cut out, doubled or swapped for what breaks parsers."""
    for _ in range(chance.randint(1, 4)):
        at, length = chance.randrange(len(reply)), chance.choice([1, 1, 4, 40, 400])
        piece = reply[at : at + length]
        new = chance.choice(
            [b"", piece * 2, chance.randbytes(len(piece)), b"<", b"&#0;", b"\x00", b"999999999999", b'"', b"</s:Body>"]
        )
        reply = reply[:at] + new + reply[at + length :]
    return reply


@settings(
    max_examples=60,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(st.integers(0, 2**32), st.integers(1, 8))
def test_mutated_replies_end_in_results_or_a_transport_error(ntlm_account: Account, seed: int, first: int) -> None:
    chance = random.Random(seed)
    deadlines = Deadlines(host=60.0, connect=5.0, script=5.0, reply=2.0)
    at = session(ntlm_account, SCRIPTS, deadlines=deadlines, policy=RetryPolicy(attempts=2))
    count = 0

    def answer(plain: bytes) -> tuple[int, bytes]:
        nonlocal count
        count += 1
        status, reply = at.host.answer(plain)
        return status, mutated(reply, chance) if count >= first else reply

    at.peer.answer = answer
    try:
        at.transport.open()
        assert len(at.run(*SCRIPTS)) == len(SCRIPTS)
    except TransportError:
        pass
    at.transport.close()
    assert at.clock.now - 1000.0 <= 60.0 + 4.0 + 1.0
    assert at.peer.requests < 400
    at.check_repetitions()


def deep(levels: int) -> bytes:
    return b"<a>" * levels + b"</a>" * levels


REPLIES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "no XML": lambda _: b"hello",
    "deeply nested": lambda _: deep(60_000),
    "nested within the answer": lambda reply: reply.replace(b"</s:Body>", deep(60_000) + b"</s:Body>"),
    "very many elements": lambda reply: reply.replace(b"</s:Body>", b"<a/>" * 100_000 + b"</s:Body>"),
    "the answer to another message": lambda reply: reply.replace(b"uuid:", b"uuid:0"),
    "no body": lambda reply: reply.replace(b"s:Body>", b"s:Nobody>"),
    "another stream": lambda reply: reply.replace(b'Name="stdout"', b'Name="stderr"'),
    "an entity": lambda reply: b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + reply,
    "another encoding": lambda reply: reply.decode().encode("utf-16"),
}


REQUESTS = 6  # of a session that goes well: two to authenticate, then create, open, command, receive
MOST_STEPS = 5_000  # of a session; about 1,500 when it goes well


@pytest.mark.parametrize("at_request", [1, 2, 3, 4], ids=["create", "open", "command", "receive"])
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())
def test_broken_replies_are_named_for_what_they_are_in_steps_that_no_reply_adds_to(
    ntlm_account: Account, reply: Callable[[bytes], bytes], at_request: int
) -> None:
    deadlines = Deadlines(host=60.0, connect=5.0, script=5.0, reply=2.0)
    at = session(ntlm_account, {"a": says(1)}, deadlines=deadlines, policy=RetryPolicy(attempts=1))
    count = 0

    def answer(plain: bytes) -> tuple[int, bytes]:
        nonlocal count
        count += 1
        status, text = at.host.answer(plain)
        return status, reply(text) if count == at_request else text

    at.peer.answer = answer
    causes: set[Cause | None] = set()
    try:
        with counted() as steps:
            at.transport.open()
            (result,) = at.run("a")
        causes = {result.failure.cause if isinstance(result, NotRun) else None}
        if at_request == 3 and isinstance(result, NotRun):
            assert result.started is None  # the host had taken the pipeline, and what it answered says nothing
    except TransportError as error:
        causes = {error.failure.cause}
    assert 0 < steps.count <= MOST_STEPS
    assert at.peer.requests <= REQUESTS
    assert at.clock.now == 1000.0  # nothing was waited for
    assert causes <= {Cause.PROTOCOL, Cause.TIMEOUT, None}


def test_a_text_that_got_into_the_message_by_any_way_is_stopped_by_the_gate(
    ntlm_account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate reads the bytes that are about to leave, so a fault in what writes them cannot send anything."""

    def with_one_more(texts: list[str]) -> bytes:
        return create_pipeline([*texts, "Stop-Computer"])

    at: Session = session(ntlm_account, {"a": says(1)})
    at.transport.open()
    before = at.peer.requests
    monkeypatch.setattr(gate, "create_pipeline", with_one_more)
    with pytest.raises(ScriptRefused):
        at.run("a")
    assert (at.peer.requests, at.host.pipelines) == (before, [])

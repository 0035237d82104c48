"""Each fault happens at its step, at no other, as often as it was asked for, and the host goes on after it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypsrp.exceptions import WinRMTransportError, WSManFaultError

from runner.lab.faults import Act, Fault, FaultPlan, InSession, Step
from runner.lab.server import Lab, Served
from runner.transport.failures import AmbiguousLoss, Cause, TransportError
from tests.runner.lab.conftest import lab_host
from tests.runner.lab.echo import EchoEngine
from tests.runner.lab.walking import ORDER, Walker

Serve = Callable[..., Lab]
MESSAGES = [step for step in ORDER if step not in (Step.CONNECT, Step.AUTHENTICATE)]


def served_with(serve: Serve, *faults: Fault, **settings: Any) -> Served:
    return serve(lab_host(faults=faults, **settings)).host("alpha/EX1")


def stopped_at(served: Served, step: Step) -> bool:
    """The step was reached, and none of those that come later."""
    reached = served.counts.steps
    return reached[step] > 0 and not any(reached[later] for later in ORDER[ORDER.index(step) + 1 :])


def goes_on(served: Served) -> bool:
    """Without the fault a client can walk to the end."""
    served.plan.replace(())
    walker = Walker(served)
    walker.walk()
    return walker.output == ["hello"]


@pytest.mark.parametrize("step", ORDER)
@pytest.mark.parametrize("act", [Act.REFUSE, Act.RESET, Act.HANG])
def test_any_step_can_be_refused_reset_or_left_hanging(serve: Serve, step: Step, act: Act) -> None:
    served = served_with(serve) if step is Step.CONNECT else served_with(serve, Fault(act, step))
    if step is Step.CONNECT:
        served.plan.replace([Fault(act, step)])
    walker = Walker(served, silence=step if act is Act.HANG else None)
    with pytest.raises((TransportError, WSManFaultError, WinRMTransportError)) as failed:
        walker.walk()
    assert stopped_at(served, step)
    match failed.value:
        case WSManFaultError() as fault:
            assert (act, fault.code) == (Act.REFUSE, 5)
        case WinRMTransportError() as answer:
            assert act is Act.REFUSE
            assert step is Step.IDENTIFY
            assert 'Code="5"' in answer.response_text
        case TransportError() as error:
            wanted = {Act.RESET: Cause.CONNECTION_LOST, Act.HANG: Cause.TIMEOUT}
            wanted[Act.REFUSE] = Cause.AUTHENTICATION if step is Step.AUTHENTICATE else Cause.CONNECTION_LOST
            assert error.failure.cause is wanted[act]
    assert goes_on(served)


def test_a_host_that_refuses_connections_from_the_start_does_not_listen(serve: Serve) -> None:
    served = served_with(serve, Fault(Act.REFUSE, Step.CONNECT))
    with pytest.raises(TransportError) as failed:
        Walker(served).walk()
    assert failed.value.failure.cause is Cause.REFUSED
    assert served.counts.connections == 0


@pytest.mark.parametrize("step", MESSAGES)
def test_any_message_can_end_in_a_fault_of_any_code_or_in_a_bare_status(serve: Serve, step: Step) -> None:
    served = served_with(serve, Fault(Act.FAULT, step, code=2150859174))
    with pytest.raises((WSManFaultError, WinRMTransportError)) as failed:
        Walker(served).walk()
    assert stopped_at(served, step)
    assert "2150859174" in str(failed.value)
    served.plan.replace([Fault(Act.STATUS, step, status=503)])
    with pytest.raises(TransportError, match="503"):
        Walker(served).walk()


@pytest.mark.parametrize("act", [Act.RESET, Act.RESET_AFTER])
def test_a_connection_is_reset_before_the_host_has_acted_or_after(serve: Serve, act: Act) -> None:
    engine = EchoEngine()
    served = serve(lab_host(faults=(Fault(act, Step.COMMAND),)), engine=engine).host("alpha/EX1")
    with pytest.raises(AmbiguousLoss):
        Walker(served).walk()
    assert ("command" in engine.shells[0].calls) is (act is Act.RESET_AFTER)


@pytest.mark.parametrize(
    ("act", "cause"),
    [
        (Act.HANG_AFTER, Cause.TIMEOUT),
        (Act.TRUNCATE, Cause.CONNECTION_LOST),
        (Act.HTTP_GARBAGE, Cause.PROTOCOL),
    ],
)
def test_an_answer_is_withheld_cut_off_or_no_http(serve: Serve, act: Act, cause: Cause) -> None:
    served = served_with(serve, Fault(act, Step.CREATE))
    with pytest.raises(TransportError) as failed:
        Walker(served, silence=Step.CREATE if act is Act.HANG_AFTER else None).walk()
    assert failed.value.failure.cause is cause
    assert served.service.shells == 1
    assert goes_on(served)


def test_an_answer_is_no_xml(serve: Serve) -> None:
    served = served_with(serve, Fault(Act.XML_GARBAGE, Step.CREATE))
    walker = Walker(served)
    with pytest.raises(Exception, match="undefined entity"):
        walker.walk()
    assert walker.envelopes[-1].startswith(b"<html>")


def test_fragments_are_noise_in_a_well_formed_answer(serve: Serve) -> None:
    served = served_with(serve, Fault(Act.PSRP_GARBAGE, Step.RECEIVE))
    walker = Walker(served)
    with pytest.raises(Exception):  # noqa: B017  # pypsrp lets out whatever its parser meets
        walker.walk()
    assert b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v" in walker.envelopes[-1]


def test_an_answer_comes_byte_by_byte(serve: Serve) -> None:
    served = served_with(serve, Fault(Act.DRIP, Step.SIGNAL, milliseconds=0.1))
    walker = Walker(served)
    walker.walk()
    assert sum(len(data) == 1 for data in walker.heard) > 100


def test_latency_passes_before_each_answer(serve: Serve) -> None:
    served = served_with(serve, Fault(Act.LATENCY, milliseconds=600_000))
    with pytest.raises(TransportError) as failed:
        Walker(served, silence=Step.IDENTIFY).walk()
    assert failed.value.failure.cause is Cause.TIMEOUT
    assert stopped_at(served, Step.IDENTIFY)
    served.plan.replace([Fault(Act.LATENCY, milliseconds=1)])
    Walker(served).walk()


def test_a_challenge_in_mid_session_is_met_and_the_session_goes_on(serve: Serve) -> None:
    served = served_with(serve, Fault(Act.CHALLENGE, Step.RECEIVE, times=1))
    walker = Walker(served)
    walker.walk()
    assert walker.output == ["hello"]
    assert served.counts.steps[Step.AUTHENTICATE] == 6  # two for each of two clients, two for the new challenge


def head_lines(walker: Walker, wanted: bytes) -> int:
    return b"".join(walker.heard).lower().count(wanted)


def test_answers_come_in_chunks(serve: Serve) -> None:
    walker = Walker(served_with(serve, Fault(Act.CHUNKED)))
    walker.walk("x" * 100_000)
    assert walker.output == ["x" * 100_000]
    assert head_lines(walker, b"transfer-encoding: chunked\r\n") == len(walker.envelopes)


def test_the_connection_is_closed_after_each_answer(serve: Serve) -> None:
    served = served_with(serve, Fault(Act.CLOSE))
    walker = Walker(served)
    walker.walk()
    assert walker.output == ["hello"]
    assert served.counts.connections == len(walker.envelopes)


def test_one_fragment_comes_in_each_receive(serve: Serve) -> None:
    served = served_with(serve, Fault(Act.ONE_FRAGMENT))
    walker = Walker(served)
    walker.walk("repeat:20:word")
    assert walker.output == ["word"] * 20
    assert served.counts.steps[Step.RECEIVE] == 22  # running state is said first, the final state last


def test_the_final_state_comes_in_an_answer_of_its_own(serve: Serve) -> None:
    served = served_with(serve, Fault(Act.STATE_APART))
    walker = Walker(served)
    walker.walk()
    assert not any(b"CommandState/Done" in text and b":Stream" in text for text in walker.envelopes)
    served.plan.replace(())
    plain = Walker(served)
    plain.walk()
    assert any(b"CommandState/Done" in text and b":Stream" in text for text in plain.envelopes)


@pytest.mark.parametrize("act", [Act.PREFIXES, Act.LOWER_CASE])
def test_prefixes_and_the_case_of_identifiers_mean_nothing(serve: Serve, act: Act) -> None:
    served = served_with(serve, Fault(act))
    walker = Walker(served)
    walker.walk()
    assert walker.output == ["hello"]
    text = b"".join(walker.envelopes)
    assert (b"<soapenv:Envelope" in text and b"<s:" not in text) is (act is Act.PREFIXES)
    answers = re.findall(rb"MessageID>uuid:([0-9A-Fa-f-]{36})<", text)
    assert all(answer == answer.lower() for answer in answers) is (act is Act.LOWER_CASE)


@given(st.integers(1, 5), st.none() | st.integers(1, 5), st.lists(st.sampled_from(ORDER), max_size=30))
def test_a_fault_strikes_from_its_first_occurrence_as_often_as_asked(
    first: int, times: int | None, steps: list[Step]
) -> None:
    plan = FaultPlan([Fault(Act.RESET, Step.RECEIVE, first=first, times=times)])
    struck = [bool(plan.strike(step)) for step in steps]
    seen = 0
    for step, was in zip(steps, struck, strict=True):
        seen += step is Step.RECEIVE
        assert was == (step is Step.RECEIVE and first <= seen < first + (times or 100))


@given(st.sampled_from(ORDER))
def test_a_fault_of_messages_strikes_every_step_after_authentication(step: Step) -> None:
    assert bool(FaultPlan([Fault(Act.RESET)]).strike(step)) is (step in MESSAGES)


def test_an_act_that_cannot_happen_at_a_step_is_refused() -> None:
    with pytest.raises(ValueError, match=r"psrp-garbage cannot happen at create; it can at message, receive, receive"):
        Fault(Act.PSRP_GARBAGE, Step.CREATE)


@given(st.lists(st.tuples(st.sampled_from(ORDER), st.sampled_from([None, *InSession])), max_size=30))
def test_a_fault_of_one_session_neither_strikes_nor_counts_in_another(
    steps: list[tuple[Step, InSession | None]],
) -> None:
    plan = FaultPlan([Fault(Act.RESET_AFTER, Step.COMMAND, first=2, session=InSession.FULL)])
    seen = 0
    for step, session in steps:
        mine = step is Step.COMMAND and session is InSession.FULL
        seen += mine
        assert bool(plan.strike(step, session)) is (mine and seen >= 2)


def test_a_session_is_asked_for_only_where_there_is_a_pipeline() -> None:
    with pytest.raises(
        ValueError, match="session goes with the steps of a pipeline, not with create; they are command"
    ):
        Fault(Act.RESET, Step.CREATE, session=InSession.FULL)


@pytest.mark.parametrize("step", [Step.RECEIVE_OPEN, Step.COMMAND, Step.RECEIVE, Step.SIGNAL, Step.DELETE])
def test_the_shells_of_a_host_end_and_what_is_asked_of_one_is_told_so(serve: Serve, step: Step) -> None:
    engine = EchoEngine()
    served = serve(lab_host(faults=(Fault(Act.SHELLS_END, step, times=1),)), engine=engine).host("alpha/EX1")
    with pytest.raises(WSManFaultError) as failed:
        Walker(served).walk()
    assert failed.value.code == 2150858843
    assert stopped_at(served, step)
    assert served.service.shells == 0
    assert engine.shells[0].calls[-1] == "close"
    assert goes_on(served)


@pytest.mark.parametrize("step", MESSAGES)
def test_a_host_restarts_and_goes_on_once_it_is_up(serve: Serve, step: Step) -> None:
    served = served_with(serve, Fault(Act.RESTART, step, times=1))
    with pytest.raises(TransportError) as failed:
        Walker(served).walk()
    assert failed.value.failure.cause is Cause.CONNECTION_LOST
    assert stopped_at(served, step)
    assert served.service.shells == 0
    assert goes_on(served)


def test_a_host_lets_nobody_in_while_it_restarts(serve: Serve) -> None:
    served = served_with(serve, Fault(Act.RESTART, Step.COMMAND, times=1, milliseconds=600_000))
    with pytest.raises(TransportError):
        Walker(served).walk()
    for _ in range(2):
        with pytest.raises(TransportError) as failed:
            Walker(served).walk()
        assert failed.value.failure.cause is Cause.CONNECTION_LOST
    assert served.counts.steps[Step.CREATE] == 1


@pytest.mark.parametrize("act", [Act.SHELLS_END, Act.RESTART])
def test_shells_end_with_messages_alone(act: Act) -> None:
    with pytest.raises(ValueError, match=f"{act} cannot happen at connect"):
        Fault(act, Step.CONNECT)

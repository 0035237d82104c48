"""A change runs at most once, whatever goes wrong at whatever step, and its outcome says no more than is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runner.lab.engines.sim.engine import SimEngine
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Fleet, LabHost
from runner.lab.server import Lab, start
from runner.lab.state import HostState
from runner.secrets.interface import Secret
from runner.transport.failures import Cause, ScriptRefused, TransportError
from runner.transport.gate import BASE_MODULES, LOCK, Gate, importing, marked, marker
from runner.transport.interface import (
    Ambiguous,
    Capped,
    ChangeResult,
    Completed,
    Deadlines,
    Limits,
    NotRun,
    NotStarted,
    Streams,
    Terminated,
    TimedOut,
)
from runner.transport.retry import RetryPolicy
from tests.runner.transport.host import FOREVER, Throw, Writer
from tests.runner.transport.sessions import TOKEN as MARKED
from tests.runner.transport.sessions import Session, script, session
from tests.runner.transport.test_lab import (
    ACCOUNT,
    ANSWERS,
    FATAL,
    HASTY,
    ONCE,
    PATIENT,
    SCRIPTS,
    TOKEN,
    TRANSIENT,
    Made,
    connector,
    inventory_host,
)

Account = tuple[str, str]
COMMAND, RECEIVE = 5, 6  # which request is which
LIMITS = Limits(max_objects=40)
OPENING = (importing(BASE_MODULES).text, LOCK.text)


def says(text: str) -> Callable[[Writer], Iterator[float]]:
    def run(writer: Writer) -> Iterator[float]:
        writer.output(text)
        yield 0.0

    return run


def throws(writer: Writer) -> Iterator[float]:
    writer.output("before")
    raise Throw("no")
    yield 0.0


def hangs(writer: Writer) -> Iterator[float]:
    writer.output("before")
    yield FOREVER


def floods(writer: Writer) -> Iterator[float]:
    for number in range(60):
        writer.output(number)
    yield FOREVER


def garbles(writer: Writer) -> Iterator[float]:
    writer.message(0x00041004, "<S>never closed")
    yield 0.0


def half_constrained(writer: Writer) -> Iterator[float]:
    writer.output("the first half is done")
    raise Throw("The syntax is not supported by this runspace. It is in no-language mode.", "ScriptsNotAllowed")
    yield 0.0


DOES = {
    "says": says("done"),
    "throws": throws,
    "hangs": hangs,
    "floods": floods,
    "garbles": garbles,
    "half": half_constrained,
    "long": says("long"),
}
LONG = "# " + "x" * 400_000  # in several fragments: Command and Sends


def opened(account: Account, **options: Any) -> Session:
    at = session(account, {**DOES, LONG: says("long")}, limits=LIMITS, deadlines=Deadlines(script=10.0), **options)
    at.transport.open()
    return at


def begun(at: Session, name: str) -> int:
    """How often the host was given this script; what it does, it does when it is listened to."""
    return sum(name in statements for statements in at.host.pipelines)


def test_a_change_that_goes_well_costs_two_requests_and_the_same_pool_answers_what_is_asked_after_it(
    ntlm_account: Account,
) -> None:
    at = opened(ntlm_account)
    before = at.peer.requests
    result = at.change("says")
    assert result == Completed(script("says"), Streams(("done",)), result.seconds)  # type: ignore[union-attr]
    assert at.peer.requests - before == 2
    assert at.host.pipelines == [[*OPENING, marker(script("says").sha256, MARKED).text, "says"]]
    (after,) = at.run("throws")
    assert isinstance(after, Terminated)


@pytest.mark.parametrize(
    ("name", "kind"), [("throws", Terminated), ("hangs", TimedOut), ("floods", Capped)], ids=lambda each: str(each)
)
def test_a_change_that_ran_and_says_how_it_ended_is_not_ambiguous(
    ntlm_account: Account, name: str, kind: type[object]
) -> None:
    at = opened(ntlm_account)
    assert isinstance(at.change(name), kind)
    assert at.host.ran == [name]
    assert at.notices == []


@pytest.mark.parametrize("name", ["garbles", "half"])
def test_what_a_change_says_that_cannot_be_taken_for_an_answer_leaves_open_what_it_did(
    ntlm_account: Account, name: str
) -> None:
    """`half` ends in the words of an endpoint that runs no scripts, after its first half."""
    at = opened(ntlm_account)
    assert isinstance(at.change(name), Ambiguous)
    assert at.host.ran == [name]


def test_a_change_that_cannot_be_stopped_is_ambiguous_and_its_pool_is_ended_and_not_made_anew(
    ntlm_account: Account,
) -> None:
    at = opened(ntlm_account)
    at.host.unstoppable = frozenset({"hangs"})
    result = at.change("hangs")
    assert isinstance(result, Ambiguous)
    assert result.failure.cause is Cause.TIMEOUT
    assert at.host.actions.count("Create") == 1
    assert at.host.shells == {}


@pytest.mark.parametrize("request_", [COMMAND, RECEIVE])
@pytest.mark.parametrize("fault", ["close", "act-close", "truncate", "hang", "challenge", "plain"])
def test_a_loss_is_never_followed_by_a_second_run(ntlm_account: Account, request_: int, fault: str) -> None:
    at = opened(ntlm_account)
    at.peer.faults[request_] = fault
    result = at.change("says")
    again = request_ == RECEIVE and fault == "challenge"  # to ask for an answer anew runs nothing
    expected = Completed if again else NotStarted if fault == "challenge" else Ambiguous
    assert isinstance(result, expected)
    assert begun(at, "says") <= (0 if expected is NotStarted else 1)
    if expected is not Completed:
        given_before = list(at.host.pipelines)
        (later,) = at.run("throws")
        assert isinstance(later, NotRun)
        assert later.started is False
        assert isinstance(at.change("says"), NotStarted)
        assert at.host.pipelines == given_before
    assert at.notices == []
    at.transport.close()
    assert at.host.shells == {}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (5, NotStarted),
        (2150859174, NotStarted),  # a quota
        (2150858824, NotStarted),  # too large
        (2150858843, NotStarted),  # the shell is gone
        (995, Ambiguous),  # the service stops
        (1067, Ambiguous),  # the process of the session ended
        (2150858793, Ambiguous),  # not done in time
        (1460, Ambiguous),
        (4711, Ambiguous),  # not known
    ],
)
def test_a_fault_says_that_nothing_began_only_where_it_answers_in_place_of_beginning(
    ntlm_account: Account, code: int, kind: type[object]
) -> None:
    at = opened(ntlm_account)
    at.host.faults["Command"] = code
    assert isinstance(at.change("says"), kind)
    assert at.host.ran == []


@pytest.mark.parametrize("status", [401, 404, 413, 502, 503, 504])
def test_a_status_from_something_in_between_says_nothing_of_the_host(ntlm_account: Account, status: int) -> None:
    at = opened(ntlm_account)
    at.peer.faults[COMMAND] = f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()
    assert isinstance(at.change("says"), NotStarted if status == 401 else Ambiguous)
    assert at.host.ran == []


@pytest.mark.parametrize("fault", ["close", "act-close", "truncate", "challenge"])
@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_change_of_several_parts_has_not_begun_before_its_last_part(
    ntlm_account: Account, part: int, fault: str
) -> None:
    at = opened(ntlm_account)
    at.peer.faults[COMMAND + part] = fault
    result = at.change(LONG)
    parts = at.host.actions.count("Send") + 1
    assert isinstance(result, NotStarted)
    assert at.host.ran == []
    healthy = opened(ntlm_account)
    assert isinstance(healthy.change(LONG), Completed)
    assert parts < healthy.host.actions.count("Send") + 1 == 4


def test_a_change_whose_last_part_is_lost_is_ambiguous(ntlm_account: Account) -> None:
    at = opened(ntlm_account)
    at.peer.faults[COMMAND + 3] = "act-close"
    assert isinstance(at.change(LONG), Ambiguous)
    assert begun(at, LONG) == 1


def test_a_change_that_the_gate_does_not_know_is_not_sent(ntlm_account: Account) -> None:
    at = opened(ntlm_account)
    before = at.peer.requests
    with pytest.raises(ScriptRefused):
        at.change("Stop-Computer")
    assert at.peer.requests == before


def test_a_cancelled_change_does_not_leave(ntlm_account: Account) -> None:
    at = opened(ntlm_account)
    at.transport.cancel()
    result = at.change("says")
    assert isinstance(result, NotStarted)
    assert (result.failure.cause, at.host.ran) == (Cause.INTERRUPTED, [])


def test_a_change_needs_an_open_pool(ntlm_account: Account) -> None:
    at = session(ntlm_account, DOES)
    assert isinstance(at.change("says"), NotStarted)


faults = st.sampled_from(["close", "act-close", "truncate", "hang", "challenge", "plain", b"HTTP/1.1 500 x\r\n\r\n"])


@settings(
    max_examples=80,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    st.dictionaries(st.integers(COMMAND, COMMAND + 12), faults, max_size=4),
    st.lists(
        st.tuples(st.sampled_from(["observe", "change"]), st.sampled_from(sorted(DOES))),
        min_size=1,
        max_size=4,
        unique_by=lambda pair: pair[1],
    ),
)
def test_whatever_is_asked_and_whatever_goes_wrong_no_change_runs_twice(
    ntlm_account: Account, drawn: dict[int, str | bytes], asked: list[tuple[str, str]]
) -> None:
    at = opened(ntlm_account, policy=RetryPolicy(attempts=2))
    at.peer.faults |= drawn
    for how, name in asked:
        if how == "observe":
            at.run(name, *(["long"] if name != "long" else []))
            continue
        before = begun(at, name)
        result = at.change(name)
        runs = begun(at, name) - before
        match result:
            case NotStarted():
                assert runs == 0
            case Ambiguous():
                assert runs <= 1
            case _:
                assert runs == 1
    at.transport.close()
    for how, name in asked:
        if how == "change" and name != "long":
            assert begun(at, name) <= 1


# On the lab: every fault at every step, counted on its ledger.


def changed(made: Made, *faults: Fault) -> tuple[ChangeResult | Cause, int, Lab]:
    """What one change came to on a host with these faults, and how often the host was given it."""
    change = SCRIPTS[0]
    with ExitStack() as stack:
        host = LabHost("alpha", "EX1", HostState(name="EX1", answers=ANSWERS), ACCOUNT, faults=faults)
        lab = stack.enter_context(start(Fleet((host,)), {"sim": SimEngine()}))
        transport = made.transport(inventory_host(lab.host("alpha/EX1")), Secret(ACCOUNT.password))
        result: ChangeResult | Cause
        try:
            transport.open()
            result = transport.change(change)
        except TransportError as error:
            result = error.failure.cause
        transport.close()
        times = [each.text for each in lab.ledger.scripts("alpha/EX1")].count(change.text)
        return result, times, lab


# A script of several fragments, so that Send is a step; and stopping is one where a script does not end.
EVERY = [
    *(fault for fault, _ in FATAL),
    *TRANSIENT,
    *(
        Fault(act, step, times=1)
        for act in (Act.RESET, Act.RESET_AFTER, Act.TRUNCATE, Act.XML_GARBAGE, Act.HTTP_GARBAGE, Act.CHALLENGE)
        for step in (Step.COMMAND, Step.RECEIVE, Step.DELETE)
    ),
]


def _named(fault: Fault) -> str:
    return f"{fault.act} at {fault.at}{'' if fault.times is None else ' once'} {fault.code} {fault.status}"


@pytest.mark.parametrize("fault", EVERY, ids=map(_named, EVERY))
def test_every_fault_at_every_step_leaves_a_change_run_once_at_most(fault: Fault) -> None:
    slow = fault.act in (Act.HANG, Act.HANG_AFTER, Act.DRIP)
    result, times, _ = changed(connector(HASTY if slow else PATIENT, retries=ONCE), fault)
    assert times <= 1
    match result:
        case Cause() | NotStarted():
            assert times == 0
        case Ambiguous():
            pass
        case _:
            assert times == 1


def test_the_same_host_may_be_connected_to_anew_and_a_lost_change_be_looked_into(ntlm_account: Account) -> None:
    """A second connection of the host's work, with a gate of its own that lets nothing but the look pass."""
    change, look = SCRIPTS[0], SCRIPTS[1]
    host = LabHost(
        "alpha",
        "EX1",
        HostState(name="EX1", answers=ANSWERS),
        ACCOUNT,
        faults=(Fault(Act.RESET_AFTER, Step.COMMAND, times=1),),
    )
    with start(Fleet((host,)), {"sim": SimEngine()}) as lab:
        connect = connector().to(inventory_host(lab.host("alpha/EX1")), Secret(ACCOUNT.password))
        first = connect(Gate.of([change], TOKEN), PATIENT)
        first.open()
        assert isinstance(first.change(change), Ambiguous)
        first.close()
        second = connect(Gate.of([look], TOKEN), replace(PATIENT, script=300.0))
        second.open()
        with pytest.raises(ScriptRefused):
            second.change(change)
        (seen,) = second.observe([look])
        assert isinstance(seen, Completed)
        assert connect.requests == first.requests + second.requests > 7
        connect.cancel()
        second.close()
        third = connect(Gate.of([look], TOKEN), PATIENT)
        with pytest.raises(TransportError) as raised:
            third.open()
        assert raised.value.failure.cause is Cause.INTERRUPTED
        texts = [each.text for each in lab.ledger.scripts("alpha/EX1")]
    assert [text for text in texts if text not in OPENING and marked(text) is None] == [change.text, look.text]

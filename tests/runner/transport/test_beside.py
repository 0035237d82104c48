"""Two pools over one connection: what only reads is locked, what changes is apart, and what was lost is ended first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from runner.lab.engines.pwsh.engine import PwshEngine
from runner.lab.engines.sim.engine import SimEngine
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Fleet, LabHost
from runner.lab.server import Lab, start
from runner.lab.state import HostState, ScriptedAnswer
from runner.secrets.interface import Secret
from runner.transport.connecting import Connector, HostConnections
from runner.transport.failures import Cause, ScriptRefused, TransportError
from runner.transport.gate import LOCK, Gate
from runner.transport.interface import Ambiguous, Completed, Deadlines, NotRun, Script, Transport
from runner.transport.retry import RetryPolicy
from tests.runner.transport.sessions import session
from tests.runner.transport.test_lab import ACCOUNT, HASTY, PATIENT, TOKEN, inventory_host

KEY = "alpha/EX1"
LANGUAGE = '"$($ExecutionContext.SessionState.LanguageMode)"'
LOOK, CHANGE = Script("look", LANGUAGE), Script("change", f"# change\n{LANGUAGE}", full=True)
COLLECTS, CHANGES = Gate.of([LOOK], TOKEN), Gate.of([CHANGE], TOKEN, once=True)
STATE = HostState(
    name="EX1",
    answers=[
        ScriptedAnswer(script=LOOK.text, output=["ConstrainedLanguage"]),
        ScriptedAnswer(script=CHANGE.text, output=["FullLanguage"]),
    ],
)

Serve = Callable[..., Lab]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def begin(*faults: Fault) -> Lab:
            host = LabHost("alpha", "EX1", STATE, ACCOUNT, faults=faults)
            return stack.enter_context(start(Fleet((host,)), {"sim": SimEngine()}))

        yield begin


@pytest.fixture(params=["sim", pytest.param("pwsh", marks=pytest.mark.real_powershell)])
def lab(request: pytest.FixtureRequest, serve: Serve) -> Iterator[Lab]:
    if request.param == "sim":
        yield serve()
        return
    engine = PwshEngine(request.getfixturevalue("powershell"))
    host = LabHost("alpha", "EX1", HostState(name="EX1", engine="pwsh"), ACCOUNT, engine="pwsh")
    with closing(engine), start(Fleet((host,)), {"pwsh": engine}) as lab:
        yield lab


def to(lab: Lab) -> HostConnections:
    return Connector(retries=RetryPolicy(attempts=1)).to(inventory_host(lab.host(KEY)), Secret(ACCOUNT.password))


def shells(lab: Lab) -> int:
    return lab.host(KEY).service.shells


def opened(connections: HostConnections) -> Transport:
    transport = connections(COLLECTS, PATIENT)
    transport.open()
    return transport


def said(result: object) -> object:
    assert isinstance(result, Completed), result
    return result.streams.output


def test_a_second_pool_costs_no_second_log_on_and_four_requests_where_answers_come_whole(lab: Lab) -> None:
    whole = lab.host(KEY).host.engine == "sim"  # a real engine is asked as often as it takes
    counts = lab.ledger.host(KEY)
    connections = to(lab)
    first = opened(connections)
    assert said(first.observe([LOOK])[0]) == ("ConstrainedLanguage",)
    before, logged_on = connections.requests, counts.steps[Step.AUTHENTICATE]
    second = connections(CHANGES, PATIENT, beside=first)
    assert connections.requests == before
    second.open()
    assert said(second.change(CHANGE)) == ("FullLanguage",)
    assert not whole or connections.requests - before == 4  # Create, Receive; Command, Receive
    assert said(first.observe([LOOK])[0]) == ("ConstrainedLanguage",)
    second.close()
    assert said(first.observe([LOOK])[0]) == ("ConstrainedLanguage",)
    first.close()
    assert not whole or connections.requests - before == 10  # the two collects, and a Delete each
    assert (counts.connections, counts.steps[Step.AUTHENTICATE]) == (1, logged_on)
    assert [counts.steps[each] for each in (Step.CREATE, Step.COMMAND, Step.DELETE)] == [2, 4, 2]
    pools = {each.shell: [one.text for one in each.statements] for each in lab.ledger.executed(KEY)}
    looked, changed = pools.values()
    assert changed == [CHANGE.text]  # no statement of ours beside it: there is nothing to lock
    assert CHANGE.text not in looked
    assert shells(lab) == 0


def test_neither_pool_takes_what_is_for_the_other(serve: Serve) -> None:
    lab = serve()
    connections = to(lab)
    first = opened(connections)
    second = connections(CHANGES, PATIENT, beside=first)
    second.open()
    before = connections.requests
    for refused in (
        lambda: first.change(CHANGE),
        lambda: first.observe([CHANGE]),
        lambda: second.observe([LOOK]),
        lambda: second.observe([CHANGE]),
        lambda: second.change(LOOK),
    ):
        with pytest.raises(ScriptRefused):
            refused()
    assert connections.requests == before
    second.close()
    first.close()
    assert LOCK.text not in [each.text for each in lab.ledger.scripts(KEY)]


def test_what_is_cancelled_sends_nothing_more_though_the_other_pool_was_closed_since(serve: Serve) -> None:
    lab = serve()
    connections = to(lab)
    first = opened(connections)
    second = connections(CHANGES, PATIENT, beside=first)
    second.open()
    connections.cancel()
    second.close()
    (result,) = first.observe([LOOK])
    assert isinstance(result, NotRun)
    assert result.failure.cause is Cause.INTERRUPTED
    first.close()
    assert lab.ledger.scripts(KEY) == ()
    assert shells(lab) == 0


@pytest.mark.parametrize("deadline", [5.0, 1000.0])
def test_each_pool_keeps_to_its_own_deadline(deadline: float, ntlm_account: tuple[str, str]) -> None:
    at = session(ntlm_account, {"a": lambda writer: iter(())}, deadlines=Deadlines(host=100.0))
    at.transport.open()
    second = at.transport.another(Gate.of([Script("b", "b", full=True)], TOKEN), Deadlines(host=deadline))
    second.open()
    at.clock.now += 50.0
    result = second.change(Script("b", "b", full=True))
    late = deadline < 50.0
    assert type(result).__name__ == ("NotStarted" if late else "Terminated")


def test_a_lost_pool_is_ended_by_the_next_connection_before_anything_else(serve: Serve) -> None:
    """Closing could not end it: the host takes the first Delete for nothing."""
    lab = serve(Fault(Act.RESET, Step.RECEIVE, times=1), Fault(Act.RESET, Step.DELETE, times=1))
    connections = to(lab)
    first = connections(CHANGES, HASTY)
    first.open()
    pool = first.pool
    assert isinstance(first.change(CHANGE), Ambiguous)
    first.close()
    assert shells(lab) == 1
    second = connections(COLLECTS, PATIENT, ending=[pool])
    second.open()
    assert shells(lab) == 1
    assert second.pool not in ("", pool)
    assert said(second.observe([LOOK])[0]) == ("ConstrainedLanguage",)
    second.close()
    assert shells(lab) == 0


def test_a_pool_that_is_gone_already_is_as_good_as_ended(serve: Serve) -> None:
    lab = serve()
    first = opened(to(lab))
    pool = first.pool
    first.close()
    second = to(lab)(COLLECTS, PATIENT, ending=[pool, "0" * 8 + "-0000-0000-0000-" + "0" * 12])
    second.open()
    assert shells(lab) == 1
    second.close()


def test_where_a_lost_pool_cannot_be_ended_nothing_is_looked_at_and_the_reason_is_said(serve: Serve) -> None:
    lab = serve(Fault(Act.RESET, Step.DELETE, times=None))
    connections = to(lab)
    second = connections(COLLECTS, HASTY, ending=["0" * 8 + "-0000-0000-0000-" + "0" * 12])
    with pytest.raises(TransportError, match="could not be ended, so the script may run still"):
        second.open()
    second.close()
    assert lab.ledger.host(KEY).steps[Step.CREATE] == 0

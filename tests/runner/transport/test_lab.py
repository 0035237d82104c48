"""Against the lab, over real sockets: every fault ends in its cause, by itself, and what is legal costs nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from inventory.model import Authentication, CredentialKind, CredentialReference, Host, Scheme
from runner.lab.engines.sim.engine import SimEngine
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.fleet import Limits as LabLimits
from runner.lab.server import Lab, Served, start
from runner.lab.state import HostState, ScriptedAnswer
from runner.secrets.interface import Secret
from runner.transport.connecting import Connector, HostConnections
from runner.transport.failures import Cause, TransportError
from runner.transport.gate import BASE_MODULES, LOCK, LOCKED_LANGUAGE, Gate, importing, marked
from runner.transport.interface import (
    Completed,
    Deadlines,
    Notice,
    NotRun,
    Script,
    ScriptResult,
    Terminated,
    TimedOut,
    Transport,
)
from runner.transport.retry import LockoutGuard, RetryPolicy
from tests.waiting import ends, happens
from texts.places import Location

ACCOUNT = Account("LAB\\auditor", "not-a-secret")
TOKEN = "fedcba9876543210"
SAYS = {f"# script {name}": name for name in "abcdefgh"}
SLOW, HANGS, THROWS, LARGE, TALKS = "# slow", "# hangs", "# throws", "# large", "# talks"
ANSWERS = [
    *(ScriptedAnswer(script=text, output=[{"Kind": "Said", "Name": name}]) for text, name in SAYS.items()),
    ScriptedAnswer(script=SLOW, output=["slow"], seconds=1.2),
    ScriptedAnswer(script=HANGS, output=["before"], seconds=3600.0),
    ScriptedAnswer(script=THROWS, output=["before"], error="thrown"),
    ScriptedAnswer(script=LARGE, output=[{"Kind": "Large", "Text": "é😀" * 100_000}] * 3),
    ScriptedAnswer(script=TALKS, output=["o"], verbose=["v"], warnings=["w"], errors=["e"]),
]
SCRIPTS = [Script(answer.script[2:], answer.script) for answer in ANSWERS]
EIGHT = SCRIPTS[:8]
PATIENT = Deadlines(host=1200.0, connect=600.0, script=600.0, reply=600.0, close=600.0)  # more than any test waits
HASTY = Deadlines(host=1200.0, connect=0.6, script=0.8, reply=0.4, close=0.8)  # for hosts that never answer
ONCE = RetryPolicy(attempts=1)

Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves one host until the test ends: `serve(Fault(...), max_shells_per_user=1)`."""
    with ExitStack() as stack:

        def begin(*faults: Fault, **limits: Any) -> Served:
            state = HostState(name="EX1", answers=ANSWERS)
            host = LabHost("alpha", "EX1", state, ACCOUNT, limits=LabLimits(**limits), faults=faults)
            lab: Lab = stack.enter_context(start(Fleet((host,)), {"sim": SimEngine()}))
            return lab.host("alpha/EX1")

        yield begin


def inventory_host(served: Served, name: str = "EX1") -> Host:
    return Host(
        client="alpha",
        name=name,
        address=served.host.address,
        port=served.port,
        scheme=Scheme.HTTP,
        authentication=Authentication.NTLM,
        origin=Location("lab.yml", 1, 1),
        user=ACCOUNT.user,
        credential=CredentialReference(CredentialKind.ENV, "LAB_PASSWORD"),
    )


@dataclass
class Made:
    """A connector, and what each of its connections is asked for."""

    connector: Connector
    deadlines: Deadlines
    notices: list[Notice] = field(default_factory=list)

    def to(self, host: Host, secret: Secret) -> HostConnections:
        return self.connector.to(host, secret, self.notices.append)

    def transport(self, host: Host, secret: Secret) -> Transport:
        return self.to(host, secret)(Gate.of(SCRIPTS, TOKEN), self.deadlines)


def connector(deadlines: Deadlines = PATIENT, **settings: Any) -> Made:
    return Made(Connector(**settings), deadlines)


def work(served: Served, scripts: list[Script], made: Made, password: str = ACCOUNT.password) -> Worked:
    """Opens, runs and closes, as an audit does; fails when one of them does not end by itself."""
    transport = made.transport(inventory_host(served), Secret(password))
    worked = Worked()

    def session() -> None:
        try:
            transport.open()
            worked.results = transport.observe(scripts)
        except TransportError as error:
            worked.failed = error.failure.cause
        transport.close()
        worked.requests = transport.requests

    thread = threading.Thread(target=session, daemon=True)
    thread.start()
    assert ends(thread)
    return worked


@dataclass
class Worked:
    results: tuple[ScriptResult, ...] = ()
    failed: Cause | None = None
    requests: int = 0

    @property
    def causes(self) -> set[Cause]:
        """Why there is no answer."""
        if self.failed is not None:
            return {self.failed}
        return {each.failure.cause for each in self.results if isinstance(each, NotRun)}

    def all_said(self) -> bool:
        return [each.streams.output for each in self.results if isinstance(each, Completed)] == [
            ({"Kind": "Said", "Name": name},) for name in SAYS.values()
        ]


def test_eight_scripts_cost_seven_requests_and_one_connection(serve: Serve) -> None:
    served = serve()
    worked = work(served, EIGHT, connector())
    assert worked.all_said()
    assert (worked.requests, served.counts.requests, served.counts.connections) == (7, 7, 1)
    assert served.counts.steps == {
        Step.CONNECT: 1,
        Step.AUTHENTICATE: 2,
        Step.CREATE: 1,
        Step.RECEIVE_OPEN: 1,
        Step.COMMAND: 1,
        Step.RECEIVE: 1,
        Step.DELETE: 1,
    }
    assert served.service.shells == 0


def test_streams_errors_large_values_and_slow_scripts_come_whole(serve: Serve) -> None:
    served = serve()
    throws, talks, slow, large = work(served, [SCRIPTS[10], SCRIPTS[12], SCRIPTS[8], SCRIPTS[11]], connector()).results
    assert isinstance(throws, Terminated)
    assert (throws.error.message, throws.streams.output) == ("thrown", ("before",))
    assert isinstance(talks, Completed)
    assert (talks.streams.output, talks.streams.verbose, talks.streams.warnings) == (("o",), ("v",), ("w",))
    assert [error.message for error in talks.streams.errors] == ["e"]
    assert isinstance(large, Completed)
    assert large.streams.output == ({"Kind": "Large", "Text": "é😀" * 100_000},) * 3
    assert isinstance(slow, Completed)
    assert slow.seconds >= 1.0  # of its 1.2: the clock is read when the first word of it comes


def test_a_hanging_script_costs_itself_and_its_deadline(serve: Serve) -> None:
    served = serve()
    scripts = [EIGHT[0], SCRIPTS[9], EIGHT[1]]
    worked = work(served, scripts, connector(replace(PATIENT, per_script={"hangs": 1.5})))
    a, hung, b = worked.results
    assert isinstance(a, Completed)
    assert hung == TimedOut(SCRIPTS[9], 1.5, hung.streams)  # type: ignore[union-attr]
    assert hung.streams.output == ("before",)  # type: ignore[union-attr]
    assert isinstance(b, Completed)
    assert served.service.shells == 0


LEGAL = {
    "chunked": [Fault(Act.CHUNKED)],
    "closed after each reply": [Fault(Act.CLOSE)],
    "one fragment a Receive": [Fault(Act.ONE_FRAGMENT)],
    "the state in a reply of its own": [Fault(Act.STATE_APART)],
    "other prefixes": [Fault(Act.PREFIXES)],
    "lower-case identifiers": [Fault(Act.LOWER_CASE)],
    "all of them": [
        Fault(act) for act in (Act.CHUNKED, Act.CLOSE, Act.ONE_FRAGMENT, Act.STATE_APART, Act.PREFIXES, Act.LOWER_CASE)
    ],
    "latency": [Fault(Act.LATENCY, milliseconds=20)],
    **{
        f"challenged anew at {step}": [Fault(Act.CHALLENGE, step, times=1)]
        for step in (Step.CREATE, Step.RECEIVE_OPEN, Step.COMMAND, Step.RECEIVE, Step.DELETE)
    },
}


@pytest.mark.parametrize("faults", LEGAL.values(), ids=LEGAL.keys())
def test_what_is_legal_but_unusual_is_worked_with_in_one_shell(serve: Serve, faults: list[Fault]) -> None:
    served = serve(*faults)
    worked = work(served, EIGHT, connector())
    assert worked.causes == set()
    assert worked.all_said()
    assert served.counts.steps[Step.CREATE] == 1 + (faults[0].at is Step.CREATE)
    assert served.counts.steps[Step.COMMAND] == 1 + (faults[0].at is Step.COMMAND)
    assert served.service.shells == 0


def test_a_connection_that_idles_out_between_two_batches_goes_on_in_the_same_shell(serve: Serve) -> None:
    served = serve(keep_alive_seconds=0.5)
    transport = connector().transport(inventory_host(served), Secret(ACCOUNT.password))
    transport.open()
    first = transport.observe(EIGHT[:4])
    assert happens(lambda: not served.connections)
    second = transport.observe(EIGHT[4:])
    transport.close()
    assert all(isinstance(each, Completed) for each in first + second)
    assert served.counts.steps[Step.CREATE] == 1
    assert served.counts.connections >= 2
    assert served.service.shells == 0


STEPS = [Step.CREATE, Step.RECEIVE_OPEN, Step.COMMAND, Step.RECEIVE]
LOST, SLOW_, BROKEN = Cause.CONNECTION_LOST, Cause.TIMEOUT, Cause.PROTOCOL
FATAL: list[tuple[Fault, Cause]] = [
    (Fault(Act.REFUSE, Step.CONNECT), Cause.REFUSED),
    (Fault(Act.RESET, Step.CONNECT), LOST),
    (Fault(Act.HANG, Step.CONNECT), SLOW_),
    (Fault(Act.REFUSE, Step.AUTHENTICATE), Cause.AUTHENTICATION),
    (Fault(Act.RESET, Step.AUTHENTICATE), LOST),
    (Fault(Act.HANG, Step.AUTHENTICATE), SLOW_),
    *((Fault(Act.REFUSE, step), Cause.ACCESS_DENIED) for step in STEPS),
    *((Fault(Act.RESET, step), LOST) for step in STEPS),
    *((Fault(Act.RESET_AFTER, step), LOST) for step in STEPS),
    *((Fault(Act.HANG, step), SLOW_) for step in STEPS),
    *((Fault(Act.HANG_AFTER, step), SLOW_) for step in STEPS),  # what a half-open connection looks like from here
    *((Fault(Act.DRIP, step, milliseconds=30), SLOW_) for step in STEPS),
    *((Fault(Act.TRUNCATE, step), LOST) for step in STEPS),
    *((Fault(Act.HTTP_GARBAGE, step), BROKEN) for step in STEPS),
    *((Fault(Act.XML_GARBAGE, step), BROKEN) for step in STEPS),
    *((Fault(act, step), BROKEN) for act in (Act.XML_DEPTH, Act.XML_ELEMENTS, Act.XML_BYTES) for step in STEPS),
    *((Fault(Act.PSRP_GARBAGE, step), BROKEN) for step in (Step.RECEIVE_OPEN, Step.RECEIVE)),
    *((Fault(Act.STATUS, step, status=503), LOST) for step in STEPS),
    *((Fault(Act.STATUS, step, status=404), Cause.ENDPOINT_MISSING) for step in STEPS),
    *((Fault(Act.CHALLENGE, step), Cause.AUTHENTICATION) for step in STEPS),
    *((Fault(Act.FAULT, step, code=2150859173), Cause.QUOTA) for step in STEPS),
    (Fault(Act.FAULT, Step.COMMAND, code=2150858824), Cause.ENVELOPE_SIZE),
    (Fault(Act.FAULT, Step.CREATE, code=2150858811), Cause.ENDPOINT_MISSING),
    (Fault(Act.FAULT, Step.RECEIVE, code=2150858843), LOST),
    *((Fault(Act.FAULT, step, code=995), LOST) for step in STEPS),
    *((Fault(Act.FAULT, step, code=1816), Cause.QUOTA) for step in STEPS),
    *((Fault(Act.FAULT, step, code=2147942405), Cause.ACCESS_DENIED) for step in STEPS),
    *((Fault(Act.FAULT, step, code=1018), Cause.ENDPOINT_MISSING) for step in (Step.CREATE, Step.COMMAND)),
]


@pytest.mark.parametrize(("fault", "cause"), FATAL, ids=[f"{each.act} at {each.at}" for each, _ in FATAL])
def test_every_fault_ends_in_its_cause(serve: Serve, fault: Fault, cause: Cause) -> None:
    """A host that never answers costs the deadline of what it was asked for and that of closing, not the host's own."""
    served = serve(fault)
    worked = work(served, EIGHT, connector(HASTY if cause is Cause.TIMEOUT else PATIENT, retries=ONCE))
    assert worked.causes == {cause}
    assert worked.results == () or len(worked.results) == 8


TRANSIENT = [
    *(Fault(act, step, times=1) for act in (Act.RESET, Act.RESET_AFTER, Act.TRUNCATE) for step in STEPS),
    Fault(Act.RESET, Step.CONNECT, times=1),
    Fault(Act.RESET, Step.AUTHENTICATE, times=1),
    Fault(Act.STATUS, Step.CREATE, times=1, status=503),
    *(Fault(Act.FAULT, step, times=1, code=code) for code in (995, 1115) for step in STEPS),
]


@pytest.mark.parametrize("fault", TRANSIENT, ids=[f"{each.act} at {each.at}" for each in TRANSIENT])
def test_a_fault_that_passes_costs_an_audit_nothing_but_a_new_pool(serve: Serve, fault: Fault) -> None:
    served = serve(fault)
    retries = RetryPolicy(first_wait=0.05)
    worked = work(served, EIGHT, connector(retries=retries))
    assert worked.all_said()
    assert served.service.shells == 0


def test_a_wrong_password_is_offered_three_times_by_thirty_hosts_at_once(serve: Serve) -> None:
    served = serve()
    made = connector(guard=LockoutGuard())
    causes: list[Cause] = []

    def one(number: int) -> None:
        transport = made.transport(inventory_host(served, f"EX{number}"), Secret("wrong"))
        try:
            transport.open()
        except TransportError as error:
            causes.append(error.failure.cause)
        transport.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    assert all(ends(thread) for thread in threads)
    assert sorted(causes) == [Cause.AUTHENTICATION] * 3 + [Cause.LOCKOUT_GUARD] * 27
    ((account, hosts),) = made.connector.guard.stopped()
    assert (account.user, len(hosts)) == (ACCOUNT.user, 3)


@pytest.mark.parametrize("step", [Step.CONNECT, Step.AUTHENTICATE, Step.CREATE, Step.RECEIVE_OPEN, Step.RECEIVE])
def test_a_cancelled_host_ends_at_once_and_its_pool_is_closed_over_a_new_connection(serve: Serve, step: Step) -> None:
    served = serve(Fault(Act.HANG, step, times=1))
    transport = connector().transport(inventory_host(served), Secret(ACCOUNT.password))
    seen: list[Cause] = []

    def run() -> None:
        try:
            transport.open()
            seen.extend({each.failure.cause for each in transport.observe(EIGHT) if isinstance(each, NotRun)})
        except TransportError as error:
            seen.append(error.failure.cause)
        transport.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert happens(lambda: served.counts.steps[step] > 0)
    transport.cancel()
    assert ends(thread)  # its deadlines are longer
    assert seen == [Cause.INTERRUPTED]
    assert served.service.shells == 0


def test_a_quota_of_shells_is_named(serve: Serve) -> None:
    served = serve(max_shells_per_user=1)
    made = connector()
    first = made.transport(inventory_host(served), Secret(ACCOUNT.password))
    first.open()
    assert work(served, EIGHT, made).causes == {Cause.QUOTA}
    first.close()
    assert work(served, EIGHT, made).all_said()


def test_cleartext_is_only_sent_when_it_is_allowed_and_only_taken_where_the_host_allows_it(serve: Serve) -> None:
    strict, lax = serve(), serve(allow_unencrypted=True)
    allowing = connector(allow_cleartext=True, retries=ONCE)
    assert allowing.connector.is_cleartext(inventory_host(lax))
    assert not connector().connector.is_cleartext(inventory_host(lax))
    assert work(lax, EIGHT, allowing).all_said()
    assert work(strict, EIGHT, allowing).causes
    assert work(lax, EIGHT, connector()).all_said()


def test_the_ledger_holds_the_approved_scripts_and_their_markers_and_nothing_else() -> None:
    state = HostState(name="EX1", answers=ANSWERS)
    host = LabHost("alpha", "EX1", state, ACCOUNT)
    with start(Fleet((host,)), {"sim": SimEngine()}) as lab:
        work(lab.host("alpha/EX1"), EIGHT, connector())
        statements = lab.ledger.scripts("alpha/EX1")
    first, second, *rest = [each.text for each in statements if marked(each.text) is None]
    assert (first, second) == (importing(BASE_MODULES).text, LOCK.text)
    assert rest == [each.text for each in EIGHT]
    assert [marked(each.text) for each in statements if marked(each.text) is not None] == [
        {"Kind": "exrun.batch", "Script": each.sha256, "Token": TOKEN, "Language": LOCKED_LANGUAGE} for each in EIGHT
    ]
    assert all(each.script and not each.arguments for each in statements)

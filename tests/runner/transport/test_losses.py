"""A connection that is lost, a host that hangs, and a run that is cancelled end on time and say what may have run."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from runner.transport.failures import Cause, TransportError
from runner.transport.http import HttpTransport
from runner.transport.interface import Completed, Deadlines, NotRun, Repeated, Retried
from runner.transport.retry import RetryPolicy
from runner.transport.wire import Cancellation, SocketWire, Waiting, dialler
from tests.runner.transport.host import FOREVER, Script, Writer
from tests.runner.transport.sessions import Session, script, session
from tests.waiting import HANG_SECONDS, ends

Account = tuple[str, str]
QUOTA = 2150859173
CREATE, POOL, COMMAND, RECEIVE = 3, 4, 5, 6  # which request is which, NTLM's two before them


def says(text: str) -> Script:
    def run(writer: Writer) -> Iterator[float]:
        writer.output(text)
        yield 0.0

    return run


def hangs(writer: Writer) -> Iterator[float]:
    yield FOREVER


def three(account: Account, **options: object) -> Session:
    return session(account, {name: says(name) for name in "abc"}, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("request_", [1, 2, CREATE, POOL])
@pytest.mark.parametrize("fault", ["close", "act-close", "truncate"])
def test_a_loss_before_anything_ran_is_tried_again_and_no_pool_is_left(
    ntlm_account: Account, request_: int, fault: str
) -> None:
    at = three(ntlm_account)
    at.peer.faults[request_] = fault if request_ > 2 else "close"
    at.transport.open()
    assert all(isinstance(each, Completed) for each in at.run("a", "b", "c"))
    assert [type(each) for each in at.notices] == [Retried]
    assert len(at.slept) == 1
    at.transport.close()
    assert at.host.shells == {}


def test_a_host_that_refuses_connections_is_tried_within_its_budget_and_no_further(ntlm_account: Account) -> None:
    at = three(ntlm_account, policy=RetryPolicy(attempts=4))
    at.peer.refuse_dial = [ConnectionRefusedError("no")] * 9
    with pytest.raises(TransportError) as raised:
        at.transport.open()
    assert raised.value.failure.cause is Cause.REFUSED
    assert (len(at.peer.refuse_dial), at.peer.dials, len(at.slept)) == (5, 0, 3)
    at.transport.close()
    assert at.peer.dials == 0  # there is nothing to close


@pytest.mark.parametrize("request_", [COMMAND, RECEIVE])
@pytest.mark.parametrize("fault", ["close", "act-close", "truncate"])
def test_scripts_that_only_read_run_once_more_in_a_new_pool_and_the_journal_is_told(
    ntlm_account: Account, request_: int, fault: str
) -> None:
    at = three(ntlm_account)
    at.peer.faults[request_] = fault
    at.transport.open()
    results = at.run("a", "b", "c")
    assert [each.streams.output for each in results if isinstance(each, Completed)] == [("a",), ("b",), ("c",)]
    (notice,) = at.notices
    assert isinstance(notice, Repeated)
    assert notice.scripts == (script("a"), script("b"), script("c"))
    assert notice.failure.cause is Cause.CONNECTION_LOST
    at.transport.close()
    assert at.host.shells == {}


def test_a_repetition_is_made_once(ntlm_account: Account) -> None:
    at = three(ntlm_account)
    at.transport.open()
    at.peer.faults |= {COMMAND: "close", COMMAND + 5: "close"}
    results = at.run("a", "b", "c")
    assert [each.started for each in results if isinstance(each, NotRun)] == [None, None, None]
    assert len(at.notices) == 1


def test_a_pool_that_is_gone_from_the_host_is_made_anew_for_scripts_that_only_read(ntlm_account: Account) -> None:
    at = three(ntlm_account)
    at.transport.open()
    at.host.shells.clear()  # a restart of WinRM
    assert all(isinstance(each, Completed) for each in at.run("a", "b", "c"))
    at.transport.close()
    assert at.host.shells == {}


def test_a_fault_of_command_says_that_nothing_began(ntlm_account: Account) -> None:
    at = three(ntlm_account)
    at.transport.open()
    at.host.faults["Command"] = QUOTA
    results = at.run("a", "b", "c")
    assert [(each.failure.cause, each.started) for each in results if isinstance(each, NotRun)] == [
        (Cause.QUOTA, False)
    ] * 3


@pytest.mark.parametrize("code", [995, 1115, 2147943515, 1726])
@pytest.mark.parametrize("action", ["Command", "Receive"])
def test_a_service_that_stops_in_the_middle_costs_an_audit_one_repetition(
    ntlm_account: Account, action: str, code: int
) -> None:
    at = three(ntlm_account)
    at.transport.open()
    at.host.faults[action] = code
    assert [each.streams.output for each in at.run("a", "b", "c") if isinstance(each, Completed)] == [
        ("a",),
        ("b",),
        ("c",),
    ]
    (notice,) = at.notices
    assert isinstance(notice, Repeated)
    assert notice.failure.cause is Cause.CONNECTION_LOST
    at.host.faults["Command"] = code
    assert {each.failure.cause for each in at.run("a", "b") if isinstance(each, NotRun)} == {Cause.CONNECTION_LOST}
    assert len(at.notices) == 1


@pytest.mark.parametrize("code", [995, 1115])
def test_a_service_that_is_only_just_starting_is_tried_again(ntlm_account: Account, code: int) -> None:
    at = three(ntlm_account)
    at.host.faults["Create"] = code
    at.transport.open()
    assert [type(each) for each in at.notices] == [Retried]
    assert len(at.run("a")) == 1
    at.transport.close()
    assert at.host.shells == {}


@pytest.mark.parametrize(
    ("code", "cause", "says"),
    [
        (5, Cause.ACCESS_DENIED, "Administrators"),
        (2147942405, Cause.ACCESS_DENIED, "Administrators"),
        (1816, Cause.QUOTA, "MaxMemoryPerShellMB"),
        (2150859174, Cause.QUOTA, "MaxConcurrentOperationsPerUser"),
        (2, Cause.ENDPOINT_MISSING, "Enable-PSRemoting"),
        (1909, Cause.AUTHENTICATION, "unlock"),
        (2150858824, Cause.ENVELOPE_SIZE, "MaxEnvelopeSizekb"),
    ],
)
@pytest.mark.parametrize("action", ["Create", "Command", "Receive"])
def test_a_cause_has_the_same_next_step_before_and_after_the_pool_is_open(
    ntlm_account: Account, action: str, code: int, cause: Cause, says: str
) -> None:
    at = three(ntlm_account)
    if action == "Create":
        at.host.faults[action] = code
        with pytest.raises(TransportError) as raised:
            at.transport.open()
        failures = [raised.value.failure]
    else:
        at.transport.open()
        at.host.faults[action] = code
        failures = [each.failure for each in at.run("a", "b") if isinstance(each, NotRun)]
        failures += [each.failure for each in at.run("c") if isinstance(each, NotRun)]
        assert len(failures) == 3
    assert {each.cause for each in failures} == {cause}
    assert all(says in each.next for each in failures)


def test_what_keeps_a_lost_host_from_coming_back_is_what_is_told(ntlm_account: Account) -> None:
    at = three(ntlm_account)
    at.transport.open()
    at.peer.faults[COMMAND] = "close"
    at.host.faults["Create"] = QUOTA
    results = at.run("a", "b")
    assert {each.failure.cause for each in results if isinstance(each, NotRun)} == {Cause.QUOTA}
    assert all("MaxShellsPerUser" in each.failure.next for each in results if isinstance(each, NotRun))
    assert all("connection-lost" in each.failure.message for each in results if isinstance(each, NotRun))


@pytest.mark.parametrize("error", [KeyError("Shell"), UnicodeEncodeError("ascii", "ü", 0, 1, "no"), TypeError("no")])
@pytest.mark.parametrize("at_open", [True, False])
def test_a_defect_of_ours_is_let_out_as_it_is_and_not_called_the_hosts(
    ntlm_account: Account, monkeypatch: pytest.MonkeyPatch, error: Exception, at_open: bool
) -> None:
    at = three(ntlm_account)

    def breaks(*_: object, **__: object) -> bytes:
        raise error

    if not at_open:
        at.transport.open()
    monkeypatch.setattr(HttpTransport, "send", breaks)
    with pytest.raises(type(error)):
        at.transport.open() if at_open else at.run("a")
    at.transport.close()
    assert at.notices == []


@pytest.mark.parametrize("answer", [b"", b"<a", b"<a/>", b"<s:Envelope/>", b"\xff"])
def test_an_answer_that_pypsrp_cannot_read_is_the_hosts(ntlm_account: Account, answer: bytes) -> None:
    at = three(ntlm_account)
    at.peer.answer = lambda plain: (200, answer)
    with pytest.raises(TransportError) as raised:
        at.transport.open()
    assert raised.value.failure.cause is Cause.PROTOCOL


def test_a_quota_that_forbids_a_pool_is_named_and_not_tried_again(ntlm_account: Account) -> None:
    at = three(ntlm_account)
    at.host.faults["Create"] = QUOTA
    with pytest.raises(TransportError) as raised:
        at.transport.open()
    assert raised.value.failure.cause is Cause.QUOTA
    assert at.host.actions == ["Create"]


@pytest.mark.parametrize("request_", [1, 2, CREATE, POOL])
def test_a_host_that_hangs_before_its_pool_is_open_ends_on_time(ntlm_account: Account, request_: int) -> None:
    deadlines = Deadlines(connect=20.0, reply=5.0)
    at = three(ntlm_account, deadlines=deadlines, policy=RetryPolicy(attempts=1))
    at.peer.faults[request_] = "hang"
    with pytest.raises(TransportError) as raised:
        at.transport.open()
    assert raised.value.failure.cause is Cause.TIMEOUT
    assert at.clock.now - 1000.0 <= 25.0
    at.peer.faults.clear()
    at.transport.close()
    assert at.host.shells == {}


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_host_that_hangs_or_drips_in_the_middle_ends_on_time(ntlm_account: Account, fault: str) -> None:
    at = three(ntlm_account, deadlines=Deadlines(script=60.0, reply=5.0))
    at.transport.open()
    began = at.clock.now
    if fault == "hang":
        at.peer.faults |= {RECEIVE: "hang", RECEIVE + 6: "hang"}  # in the new pool too
    else:
        at.peer.drip = 1.0
    results = at.run("a", "b", "c")
    assert {each.failure.cause for each in results if isinstance(each, NotRun)} == {Cause.TIMEOUT}
    assert len(results) == 3
    assert at.clock.now - began <= 80.0
    assert len(at.notices) <= 1
    began = at.clock.now
    at.peer.faults[at.peer.requests + 1] = "hang"
    at.transport.close()
    assert at.clock.now - began <= Deadlines().close


def test_the_hosts_deadline_ends_everything(ntlm_account: Account) -> None:
    scripts = {"a": says("a"), "hangs": hangs, "b": says("b")}
    at = session(ntlm_account, scripts, deadlines=Deadlines(host=100.0, script=500.0))
    at.transport.open()
    a, hung, b = at.run("a", "hangs", "b")
    assert isinstance(a, Completed)
    assert isinstance(hung, NotRun)
    assert isinstance(b, NotRun)
    assert (hung.failure.cause, hung.started, b.started) == (Cause.TIMEOUT, True, None)
    assert "100 s" in hung.failure.message
    assert at.clock.now - 1000.0 <= 100.5
    at.transport.close()
    assert at.host.shells == {}


def test_a_slow_but_healthy_script_is_waited_for(ntlm_account: Account) -> None:
    def slow(writer: Writer) -> Iterator[float]:
        yield 55.0
        writer.output("done")

    at = session(ntlm_account, {"slow": slow})
    at.transport.open()
    (result,) = at.run("slow")
    assert isinstance(result, Completed)
    assert result.seconds == pytest.approx(55.0)
    assert max(at.host.timeouts) <= 30.0


def test_empty_answers_without_end_end(ntlm_account: Account) -> None:
    at = three(ntlm_account)
    at.transport.open()
    at.host.empty_answers = True
    (result,) = at.run("a")
    assert isinstance(result, NotRun)
    assert result.failure.cause is Cause.PROTOCOL
    assert at.transport.requests < 60


def test_empty_answers_while_a_pool_opens_end_too(ntlm_account: Account) -> None:
    at = three(ntlm_account)
    at.host.empty_answers = True
    with pytest.raises(TransportError) as raised:
        at.transport.open()
    assert raised.value.failure.cause is Cause.PROTOCOL
    assert at.transport.requests < 60


def test_an_account_that_is_refused_in_mid_session_is_not_tried_again_to_close(ntlm_account: Account) -> None:
    at = three(ntlm_account)
    at.transport.open()
    at.peer.faults |= dict.fromkeys(range(COMMAND, COMMAND + 20), "challenge")
    (result,) = at.run("a")
    assert isinstance(result, NotRun)
    assert result.failure.cause is Cause.AUTHENTICATION
    before = at.peer.requests
    at.transport.close()
    assert at.peer.requests == before


def test_a_host_of_powershell_2_is_told_apart(ntlm_account: Account) -> None:
    at = three(ntlm_account)
    at.host.version = "2.1"
    with pytest.raises(TransportError, match=r"PSRP 2\.1"):
        at.transport.open()
    at.transport.close()
    assert at.host.shells == {}


def test_a_cancelled_transport_starts_nothing_and_still_closes(ntlm_account: Account) -> None:
    at = three(ntlm_account)
    at.transport.open()
    at.transport.cancel()
    (result,) = at.run("a")
    assert isinstance(result, NotRun)
    assert (result.failure.cause, result.started) == (Cause.INTERRUPTED, False)
    at.transport.close()
    assert at.host.shells == {}


class Silent:
    """A listener that takes connections, or does not, and never says a word."""

    def __init__(self, *, accepts: bool) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=0 if not accepts else 5)
        self.port: int = self.socket.getsockname()[1]
        self.filler: list[socket.socket] = []
        if not accepts:
            for _ in range(3):  # the backlog is full: a further SYN is not answered
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", self.port))
                self.filler.append(filler)

    def close(self) -> None:
        for each in [self.socket, *self.filler]:
            each.close()


@pytest.mark.parametrize("waits", ["connect", "receive", "sleep"])
def test_whatever_is_waited_for_a_cancellation_ends_it_at_once(waits: str) -> None:
    silent = Silent(accepts=waits != "connect")
    cancellation = Cancellation()
    ended: list[BaseException] = []
    waiting = threading.Event()

    def work() -> None:
        try:
            dial = dialler("127.0.0.1", silent.port, None, Waiting(), cancellation.check)
            waiting.set()
            with contextlib.closing(dial(600.0)) as wire:
                if waits == "receive":
                    wire.recv(600.0)
                cancellation.sleep(600.0)
        except TransportError as error:
            ended.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert waiting.wait(HANG_SECONDS)
    cancellation.set()
    assert ends(thread)  # it would have waited for ten minutes
    silent.close()
    (error,) = ended
    assert isinstance(error, TransportError)
    assert error.failure.cause is Cause.INTERRUPTED


def test_waits_run_to_their_end_again_while_something_is_closed_and_no_longer() -> None:
    cancellation = Cancellation()
    cancellation.set()
    ours, theirs = socket.socketpair()
    wire = SocketWire(ours, cancellation.check)
    with cancellation.closing():
        theirs.send(b"x")
        assert wire.recv(HANG_SECONDS) == b"x"
        with pytest.raises(TimeoutError):
            wire.recv(0.05)
    with pytest.raises(TransportError, match="interrupted"):
        wire.recv(0.05)
    wire.close()
    theirs.close()

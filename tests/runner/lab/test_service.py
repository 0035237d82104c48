"""Quotas, timeouts and the life of shells, on a clock that the test moves."""

from __future__ import annotations

import base64
import heapq
import itertools
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from runner.lab import wsman
from runner.lab.engines.interface import Output, PipelineDone, ShellEnded, ShellEvent, Signal
from runner.lab.fleet import Limits
from runner.lab.ledger import Ledger
from runner.lab.service import Manner, Reply, Service, Waiting
from runner.lab.state import LiveState
from runner.lab.wsman import Action, Request
from tests.runner.lab.conftest import lab_host

POWERSHELL = "http://schemas.microsoft.com/powershell/Microsoft.PowerShell"
USER = "LAB\\auditor"


@dataclass
class Timer:
    call: Callable[[], Any]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """A Scheduler whose time passes only in `pass_time`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.queue: list[tuple[float, int, Timer]] = []
        self.order = itertools.count()

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Timer:
        timer = Timer(lambda: callback(*args))
        heapq.heappush(self.queue, (self.now + delay, next(self.order), timer))
        return timer

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> Timer:
        return self.call_later(0.0, callback, *args)

    call_soon_threadsafe = call_soon

    def pass_time(self, seconds: float = 0.0) -> None:
        until = self.now + seconds
        while self.queue and self.queue[0][0] <= until:
            self.now, _, timer = heapq.heappop(self.queue)
            if not timer.cancelled:
                timer.call()
        self.now = until


@dataclass
class Silent:
    """An engine's shell that says only what the test lets it say."""

    sink: Callable[[ShellEvent], None]
    calls: list[str] = field(default_factory=list)

    def open(self, creation: bytes) -> None:
        self.calls.append("open")

    def command(self, pipeline: uuid.UUID, fragments: bytes) -> None:
        self.calls.append("command")

    def send(self, pipeline: uuid.UUID | None, fragments: bytes) -> None:
        self.calls.append("send")

    def signal(self, pipeline: uuid.UUID, signal: Signal) -> None:
        self.calls.append(signal.value)

    def connect(self, fragments: bytes) -> None:
        self.calls.append("connect")

    def close(self) -> None:
        self.calls.append("close")


class SilentEngine:
    name = "silent"

    def __init__(self) -> None:
        self.shells: list[Silent] = []

    def shell(self, live: LiveState, shell_id: uuid.UUID, sink: Callable[[ShellEvent], None]) -> Silent:
        self.shells.append(Silent(sink))
        return self.shells[-1]

    def close(self) -> None:
        """Nothing was started."""


class Host:
    """A service, asked directly."""

    def __init__(self, **limits: Any) -> None:
        self.clock = Clock()
        self.engine = SilentEngine()
        self.ledger = Ledger(lambda: datetime(2026, 11, 24, tzinfo=UTC))
        host = lab_host(limits=Limits(**limits))
        numbers = itertools.count(1)
        self.service = Service(host, self.engine, self.ledger, self.clock, lambda: uuid.UUID(int=next(numbers)))
        self.waiting: Waiting | None = None

    def ask(self, action: Action, user: str = USER, manner: Manner | None = None, **fields: Any) -> list[Reply]:
        """The list gets the answer, at once or later."""
        answers: list[Reply] = []
        request = Request(action, fields.pop("resource", POWERSHELL), "uuid:ASKED", **fields)
        self.waiting = self.service.handle(request, user, "127.0.0.1", manner or Manner(), answers.append)
        return answers

    def shell(self, **fields: Any) -> uuid.UUID:
        (reply,) = self.ask(Action.CREATE, **fields)
        found = re.search(rb'Name="ShellId">([^<]+)<', reply.body)
        assert found is not None, reply.body
        return uuid.UUID(found[1].decode())

    def command(self, shell: uuid.UUID) -> uuid.UUID:
        pipeline = uuid.uuid4()
        (reply,) = self.ask(Action.COMMAND, shell=shell, pipeline=pipeline)
        assert reply.status == 200
        return pipeline


def code(answers: list[Reply]) -> int | None:
    """The fault's code; None for an answer without a fault."""
    (reply,) = answers
    found = re.search(rb'WSManFault [^>]*Code="(\d+)"', reply.body)
    assert (found is None) == (reply.status == 200)
    return None if found is None else int(found[1])


def test_a_user_has_so_many_shells_and_no_more_until_one_is_closed() -> None:
    host = Host(max_shells_per_user=2)
    first, _ = host.shell(), host.shell()
    assert code(host.ask(Action.CREATE)) == wsman.TOO_MANY_SHELLS
    assert code(host.ask(Action.CREATE, user="LAB\\other")) is None
    host.ask(Action.DISCONNECT, shell=first)
    assert code(host.ask(Action.CREATE)) == wsman.TOO_MANY_SHELLS
    host.ask(Action.DELETE, shell=first)
    assert code(host.ask(Action.CREATE)) is None


def test_a_user_has_so_many_operations_and_no_more_until_one_is_over() -> None:
    host = Host(max_concurrent_operations_per_user=3)
    shell = host.shell()
    first, _ = host.command(shell), host.command(shell)
    waiting = host.ask(Action.RECEIVE, shell=shell)
    assert code(host.ask(Action.COMMAND, shell=shell)) == wsman.TOO_MANY_OPERATIONS
    assert code(host.ask(Action.SIGNAL, shell=shell, pipeline=first, signal=Signal.TERMINATE)) is None
    assert code(host.ask(Action.COMMAND, shell=shell)) is None
    assert waiting == []


@pytest.mark.parametrize(("asked", "allowed", "waits"), [(20.0, 60.0, 20.0), (500.0, 60.0, 60.0)])
def test_a_receive_without_output_times_out_when_the_client_or_the_host_says(
    asked: float, allowed: float, waits: float
) -> None:
    host = Host(operation_seconds=allowed)
    answers = host.ask(Action.RECEIVE, shell=host.shell(), seconds=asked)
    host.clock.pass_time(waits - 0.1)
    assert answers == []
    host.clock.pass_time(0.1)
    assert code(answers) == wsman.TIMED_OUT


def test_an_idle_shell_is_closed_and_unknown_afterwards() -> None:
    host = Host(idle_seconds=60.0)
    shell = host.shell()
    host.clock.pass_time(59.0)
    assert code(host.ask(Action.SEND, shell=shell)) is None
    host.clock.pass_time(59.0)
    assert host.service.shells == 1
    host.clock.pass_time(2.0)
    assert host.service.shells == 0
    assert host.engine.shells[0].calls[-1] == "close"
    assert code(host.ask(Action.SEND, shell=shell)) == wsman.NO_SUCH_SHELL


def test_a_shell_in_which_somebody_waits_is_not_idle() -> None:
    host = Host(idle_seconds=10.0, operation_seconds=1000.0)
    shell = host.shell()
    waiting = host.ask(Action.RECEIVE, shell=shell, seconds=900.0)
    host.clock.pass_time(500.0)
    assert (waiting, host.service.shells) == ([], 1)


@pytest.mark.parametrize(("asked", "lives"), [(5.0, 5.0), (500.0, 100.0)])
def test_a_client_chooses_the_idle_time_up_to_the_host_s_limit(asked: float, lives: float) -> None:
    host = Host(max_idle_seconds=100.0)
    host.shell(idle_seconds=asked)
    host.clock.pass_time(lives - 0.1)
    assert host.service.shells == 1
    host.clock.pass_time(0.2)
    assert host.service.shells == 0


def test_output_waits_for_its_receive_and_a_receive_for_its_output() -> None:
    host = Host()
    shell = host.shell()
    pipeline = host.command(shell)
    sink = host.engine.shells[0].sink
    pool = host.ask(Action.RECEIVE, shell=shell)
    sink(Output(pipeline, b"early"))
    (early,) = host.ask(Action.RECEIVE, shell=shell, pipeline=pipeline)
    assert b">ZWFybHk=<" in early.body
    late = host.ask(Action.RECEIVE, shell=shell, pipeline=pipeline)
    for event in (Output(pipeline, b"one"), Output(pipeline, b"two"), PipelineDone(pipeline)):
        sink(event)
    host.clock.pass_time()
    assert [part in late[0].body for part in (b">b25l<", b">dHdv<", b"CommandState/Done")] == [True] * 3
    assert pool == []
    sink(Output(None, b"pool"))
    host.clock.pass_time()
    assert b">cG9vbA==<" in pool[0].body


def test_what_an_abandoned_receive_would_have_brought_goes_to_the_next() -> None:
    host = Host()
    shell = host.shell()
    abandoned = host.ask(Action.RECEIVE, shell=shell)
    assert host.waiting is not None
    host.service.abandon(host.waiting)
    host.engine.shells[0].sink(Output(None, b"pool"))
    host.clock.pass_time(100.0)
    (reply,) = host.ask(Action.RECEIVE, shell=shell)
    assert b">cG9vbA==<" in reply.body
    assert abandoned == []


def test_of_two_receives_the_later_gets_the_output() -> None:
    host = Host()
    shell = host.shell()
    first, second = host.ask(Action.RECEIVE, shell=shell), host.ask(Action.RECEIVE, shell=shell)
    assert code(first) == wsman.OPERATION_ABORTED
    host.engine.shells[0].sink(Output(None, b"pool"))
    host.clock.pass_time()
    assert code(second) is None


@pytest.mark.parametrize("end", ["delete", "terminate", "died", "disconnect"])
def test_who_waits_in_a_shell_that_ends_is_told(end: str) -> None:
    host = Host()
    shell = host.shell()
    pipeline = host.command(shell)
    waiting = host.ask(Action.RECEIVE, shell=shell, pipeline=pipeline)
    match end:
        case "delete":
            host.ask(Action.DELETE, shell=shell)
        case "terminate":
            host.ask(Action.SIGNAL, shell=shell, pipeline=pipeline, signal=Signal.TERMINATE)
        case "died":
            host.engine.shells[0].sink(ShellEnded("the process died"))
            host.clock.pass_time()
            assert b"the process died" in waiting[0].body
        case _:
            host.ask(Action.DISCONNECT, shell=shell)
    assert code(waiting) == (wsman.STREAM_DISCONNECTED if end == "disconnect" else wsman.OPERATION_ABORTED)
    assert host.service.shells == (0 if end in ("delete", "died") else 1)


def test_what_a_shell_said_before_it_ended_is_still_heard() -> None:
    host = Host()
    shell = host.shell()
    host.engine.shells[0].sink(Output(None, b"last"))
    host.engine.shells[0].sink(ShellEnded("gone"))
    (last,) = host.ask(Action.RECEIVE, shell=shell)
    assert b">bGFzdA==<" in last.body
    assert code(host.ask(Action.RECEIVE, shell=shell)) == wsman.OPERATION_ABORTED
    assert code(host.ask(Action.RECEIVE, shell=shell)) == wsman.NO_SUCH_SHELL


@pytest.mark.parametrize("action", [Action.COMMAND, Action.RECEIVE, Action.SEND])
def test_a_disconnected_shell_takes_nothing_until_it_is_connected_again(action: Action) -> None:
    host = Host()
    shell = host.shell()
    host.ask(Action.DISCONNECT, shell=shell)
    host.engine.shells[0].sink(Output(None, b"meanwhile"))
    assert code(host.ask(action, shell=shell)) == wsman.SHELL_DISCONNECTED
    host.ask(Action.RECONNECT, shell=shell)
    (reply,) = host.ask(Action.RECEIVE, shell=shell)
    assert b">bWVhbndoaWxl<" in reply.body


def test_the_shell_of_another_user_is_unknown() -> None:
    host = Host()
    shell = host.shell()
    for action in (Action.SEND, Action.DELETE, Action.RECEIVE, Action.CONNECT):
        assert code(host.ask(action, user="LAB\\other", shell=shell)) == wsman.NO_SUCH_SHELL
    assert (
        str(shell).upper().encode() not in host.ask(Action.ENUMERATE, user="LAB\\other", resource=wsman.SHELL)[0].body
    )


@pytest.mark.parametrize("action", [Action.RECEIVE, Action.SEND, Action.SIGNAL, Action.CONNECT])
def test_a_command_that_does_not_exist_is_said_to_be_so(action: Action) -> None:
    host = Host()
    answers = host.ask(action, shell=host.shell(), pipeline=uuid.uuid4(), signal=Signal.STOP)
    assert code(answers) == wsman.NO_SUCH_SHELL
    assert b"command identifier that does not exist" in answers[0].body


def test_an_endpoint_that_does_not_exist_is_said_to_be_so() -> None:
    host = Host()
    answers = host.ask(Action.CREATE, resource=f"{wsman.POWERSHELL}/Microsoft.Exchange")
    assert code(answers) == wsman.NO_SUCH_RESOURCE
    assert b"session configuration" in answers[0].body


def fragment(number: int, size: int) -> bytes:
    return number.to_bytes(8, "big") + bytes(8) + b"\x03" + size.to_bytes(4, "big") + b"x" * size


@pytest.mark.parametrize("limit", ["client", "host"])
def test_no_answer_is_larger_than_the_client_and_the_host_allow(limit: str) -> None:
    host = Host(max_envelope_kb=50 if limit == "host" else 500)
    shell = host.shell()
    pieces = [fragment(number, 10_000) for number in range(20)]
    host.engine.shells[0].sink(Output(None, b"".join(pieces)))
    heard, answers = b"", 0
    while len(heard) < len(b"".join(pieces)):
        largest = 51_200 if limit == "client" else 512_000
        (reply,) = host.ask(Action.RECEIVE, shell=shell, max_envelope=largest)
        assert len(reply.body) <= 51_200
        answers += 1
        for part in re.findall(rb">([A-Za-z0-9+/=]+)</rsp:Stream>", reply.body):
            heard += base64.b64decode(part)
    assert heard == b"".join(pieces)
    assert answers == 7  # three fragments of 10 kB fit into 50 KiB of base64

"""WinRM of one simulated server: its shells, what each has to say, who waits for it, and the quotas.

No socket and no thread of its own: requests come in through `handle`, answers go out through the callback that came
with them, now or later; time and deferral are the `Scheduler`'s, which an asyncio loop is.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from psrpcore.types import PSRPMessageType

from runner.lab import psrp, wsman
from runner.lab.engines.interface import Engine, Output, PipelineDone, Shell, ShellEnded, ShellEvent, Signal
from runner.lab.faults import InSession
from runner.lab.fleet import LabHost
from runner.lab.ledger import Ledger, ShellLedger
from runner.lab.restarting import come_up, restarted
from runner.lab.state import HostState, LiveState
from runner.lab.wsman import Action, Request, ShellFacts, Writer, WSManFault
from runner.transport.gate import LOCK

_ENDPOINTS = frozenset({f"{wsman.POWERSHELL}/microsoft.powershell", f"{wsman.POWERSHELL}/microsoft.powershell32"})
_ENVELOPE_OVERHEAD = 2048  # bytes of a ReceiveResponse around its streams, generously
_LOCKING = LOCK.text.encode()  # nothing in it is written otherwise in XML
_NOISE = bytes(range(256)) * 2


class Cancellable(Protocol):
    """A timer."""

    def cancel(self) -> None:
        """It does not go off."""


class Scheduler(Protocol):
    """What the service needs of an event loop."""

    def time(self) -> float:
        """Monotonic seconds."""

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> Cancellable:
        """After what runs now."""

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Cancellable:
        """After `delay` seconds."""

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any) -> Cancellable:
        """From any thread."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP status and an envelope."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Manner:
    """How one request is to be answered; what faults ask of the service."""

    one_fragment: bool = False
    state_apart: bool = False
    prefixes: bool = False
    lower_case: bool = False
    psrp_garbage: bool = False


Answer = Callable[[Reply], None]


class Waiting:
    """A request whose answer is still to come."""

    __slots__ = ("answer", "manner", "over", "request", "timer")

    def __init__(self, request: Request, manner: Manner, answer: Answer) -> None:
        self.request = request
        self.manner = manner
        self.answer = answer
        self.timer: Cancellable | None = None
        self.over = False


@dataclass(slots=True)
class _Stream:
    """What a pool or a pipeline has to say. `waiting` is the Receive that waits for it."""

    chunks: deque[bytes] = field(default_factory=deque)
    done: bool = False
    waiting: Waiting | None = None
    flush_due: bool = False


@dataclass(slots=True)
class _Shell:
    identifier: uuid.UUID
    engine: Shell | None
    ledger: ShellLedger
    owner: str
    client_address: str
    resource: str
    name: str
    idle_seconds: float
    born: float
    used: float
    pool: _Stream = field(default_factory=_Stream)
    pipelines: dict[uuid.UUID, _Stream] = field(default_factory=dict)
    pending: int = 0
    disconnected: bool = False
    attaching: Waiting | None = None
    ended: str | None = None
    timer: Cancellable | None = None

    def streams(self) -> tuple[_Stream, ...]:
        return (self.pool, *self.pipelines.values())


class Service:
    """One server.

    Args:
        host: limits and state; its port may be 0 where the system chooses it.
        engine: answers for the host.
        ledger: records what is executed.
        scheduler: time, and the thread in which everything here runs.
        new_id: makes ids of shells, commands and messages.

    Attributes:
        live: its state, whatever was changed.
        goes_down: told that it goes down for a restart, and how many connections are refused until it is up.
    """

    def __init__(
        self, host: LabHost, engine: Engine, ledger: Ledger, scheduler: Scheduler, new_id: Callable[[], uuid.UUID]
    ) -> None:
        self.host = host
        self.live = LiveState(host.state, lambda task, text: ledger.ran_task(host.key, task, text))
        self.endpoint = ""
        self._engine = engine
        self._ledger = ledger
        self._scheduler = scheduler
        self._new_id = new_id
        self._shells: dict[uuid.UUID, _Shell] = {}
        self._in_flight: dict[str, int] = {}
        self._thread = threading.get_ident()
        self.goes_down: Callable[[int], None] = lambda refused: None
        self.live.restart = self._restart_asked
        self._lingers: int | None = None  # a restart was asked for: so many scripts are still run before
        self._looks: int | None = None  # scripts that were run since it was restarted, while it comes up
        self._plain = Writer(host.name)

    @property
    def shells(self) -> int:
        """Shells that exist now, disconnected ones included."""
        return len(self._shells)

    @property
    def saved(self) -> HostState:
        """Its state as a file is to have it: a restart that was asked for, and what comes up behind it, is over."""
        state = self.live.now
        if self._lingers is not None:
            return come_up(restarted(state, self._ledger.now()), None)
        return state if self._looks is None else come_up(state, None)

    def in_this_thread(self) -> None:
        """Says that the calling thread is the scheduler's."""
        self._thread = threading.get_ident()

    def writer(self, manner: Manner) -> Writer:
        """The writer that `manner` asks for."""
        if not (manner.prefixes or manner.lower_case):
            return self._plain
        if manner.prefixes:
            return Writer(self.host.name, "soapenv", "wsa5", "n1", "n2", "n3", lower=manner.lower_case)
        return Writer(self.host.name, lower=True)

    def fault(self, fault: WSManFault, message_id: str, manner: Manner) -> Reply:
        """A fault as a reply."""
        return Reply(500, self.writer(manner).fault(fault, message_id, self._new_id()))

    def handle(
        self, request: Request, user: str, client_address: str, manner: Manner, answer: Answer
    ) -> Waiting | None:
        """Acts on a request and answers it; returns what waits, when the answer comes later.

        Args:
            user: the authenticated account.
            client_address: for the shell's ClientIP.
            answer: called once, unless the request is abandoned.
        """
        writer = self.writer(manner)
        if request.action in (Action.CREATE, Action.COMMAND) and self._goes_down(request.action):
            return None
        match request.action:
            case Action.IDENTIFY:
                answer(Reply(200, writer.identified(self.host.state.os_version)))
                return None
            case Action.CREATE:
                answer(self._create(request, user, client_address, manner))
                return None
            case Action.ENUMERATE:
                answer(self._enumerate(request, user, manner))
                return None
            case Action.GET if request.resource.rstrip("/") == wsman.CONFIG:
                of = self.host.limits
                body = writer.configuration(of.max_envelope_kb, of.max_shells_per_user, of.idle_seconds)
                answer(Reply(200, writer.got(request, body, self._new_id())))
                return None
            case Action.GET if request.resource != wsman.SHELL:
                answer(self.fault(wsman.fault_of(wsman.NO_SUCH_RESOURCE), request.message_id, manner))
                return None
            case _:
                pass
        shell = None if request.shell is None else self._shells.get(request.shell)
        if shell is None or shell.owner != user:
            named = "" if request.shell is None else self._plain.identifier(request.shell)
            answer(self.fault(wsman.no_such_shell(named), request.message_id, manner))
            return None
        shell.used = self._scheduler.time()
        refused = self._refusal(request, shell)
        if refused is not None:
            answer(self.fault(refused, request.message_id, manner))
            return None
        return self._on_shell(request, shell, writer, manner, answer)

    def session(self, request: Request) -> InSession | None:
        """In which session what is asked for runs, or would run; None where there is no such shell.

        A pool that is not locked yet is, for a pipeline that begins with the statement that locks it.
        """
        shell = None if request.shell is None else self._shells.get(request.shell)
        if shell is None:
            return None
        return InSession.LOCKED if shell.ledger.locked or _LOCKING in request.fragments else InSession.FULL

    def abandon(self, waiting: Waiting) -> None:
        """Nobody waits for the answer any more: its connection is gone. What it would have brought stays."""
        waiting.over = True
        if waiting.timer is not None:
            waiting.timer.cancel()
        for shell in self._shells.values():
            if shell.attaching is waiting:
                shell.attaching = None
                shell.pending -= 1
            for stream in shell.streams():
                if stream.waiting is waiting:
                    stream.waiting = None
                    shell.pending -= 1

    def end_shells(self) -> None:
        """Ends all shells, as when the processes end that they run in: whoever waits is told."""
        for shell in list(self._shells.values()):
            self._end(shell)

    def close(self) -> None:
        """Ends all shells; nothing is answered any more."""
        for shell in list(self._shells.values()):
            self._end(shell, answer=False)

    # A restart

    def _restart_asked(self) -> None:
        """A script has asked for it: from any thread."""
        if threading.get_ident() == self._thread:
            self._will_go_down()
        else:
            with contextlib.suppress(RuntimeError):
                self._scheduler.call_soon_threadsafe(self._will_go_down)

    def _will_go_down(self) -> None:
        restart = self.live.now.restart
        if restart.happens and self._lingers is None:
            self._lingers = restart.lingers

    def _goes_down(self, action: Action) -> bool:
        """Counts a script that is about to be run, or a shell to be made. Whether the server goes down instead.

        What asked for the restart is answered: it goes down when something else is wanted of it.
        """
        if self._lingers == 0:
            self._lingers, self._looks = None, 0
            self.close()
            self.live.become(restarted(self.live.now, self._ledger.now()))
            self._ledger.host(self.host.key).restarts += 1
            self.goes_down(self.live.now.restart.refuses)
            return True
        if action is not Action.COMMAND:
            return False
        if self._lingers is not None:
            self._lingers -= 1
        elif self._looks is not None:
            self._looks += 1
            state = self.live.now
            if (up := come_up(state, self._looks)) is not state:
                self.live.become(up)
            if self._looks > max(state.restart.starting, state.restart.delayed):
                self._looks = None
        return False

    # Requests

    def _refusal(self, request: Request, shell: _Shell) -> WSManFault | None:
        """Why a shell cannot take the request, if so."""
        if shell.disconnected and request.action in _NEEDS_CONNECTION:
            return wsman.fault_of(wsman.SHELL_DISCONNECTED)
        if request.action is Action.COMMAND or request.action is Action.RECEIVE:
            mine = [other for other in self._shells.values() if other.owner == shell.owner]
            operations = sum(len(other.pipelines) + other.pending for other in mine)
            if operations >= self.host.limits.max_concurrent_operations_per_user:
                return wsman.fault_of(wsman.TOO_MANY_OPERATIONS)
        known = request.pipeline is None or request.pipeline in shell.pipelines
        if request.action is not Action.COMMAND and not known:
            return wsman.no_such_command()
        if request.action is Action.COMMAND and known and request.pipeline is not None:
            return WSManFault(wsman.MALFORMED, "The command identifier is in use.", "w:AlreadyExists", sender=True)
        return None

    def _create(self, request: Request, user: str, client_address: str, manner: Manner) -> Reply:
        limits = self.host.limits
        if request.resource.lower() not in _ENDPOINTS:
            name = request.resource.rpartition("/")[2][:100]
            text = (
                f"The WS-Management service cannot process the request. Cannot find the {name} session configuration "
                f"in the WSMan: drive on the {self.host.name} computer."
            )
            fault = WSManFault(wsman.NO_SUCH_RESOURCE, text, "a:DestinationUnreachable", sender=True)
            return self.fault(fault, request.message_id, manner)
        if sum(shell.owner == user for shell in self._shells.values()) >= limits.max_shells_per_user:
            return self.fault(wsman.fault_of(wsman.TOO_MANY_SHELLS), request.message_id, manner)
        identifier = request.new_shell or self._new_id()
        if identifier in self._shells:
            fault = WSManFault(wsman.MALFORMED, "The shell identifier is in use.", "w:AlreadyExists", sender=True)
            return self.fault(fault, request.message_id, manner)
        now = self._scheduler.time()
        asked = limits.idle_seconds if request.idle_seconds is None else request.idle_seconds
        shell = _Shell(
            identifier=identifier,
            engine=None,
            ledger=ShellLedger(self._ledger, self.host.key, identifier),
            owner=user,
            client_address=client_address,
            resource=request.resource,
            name=request.name or "Session1",
            idle_seconds=min(asked, limits.max_idle_seconds),
            born=now,
            used=now,
        )
        self._shells[identifier] = shell
        shell.engine = self._engine.shell(self.live, identifier, lambda event: self._hear(shell, event))
        shell.engine.open(request.fragments)
        self._watch(shell)
        writer = self.writer(manner)
        return Reply(200, writer.created(request, self._facts(shell), self.endpoint, self._new_id()))

    def _on_shell(
        self, request: Request, shell: _Shell, writer: Writer, manner: Manner, answer: Answer
    ) -> Waiting | None:
        engine = shell.engine
        assert engine is not None
        match request.action:
            case Action.COMMAND:
                pipeline = request.pipeline or self._new_id()
                shell.pipelines[pipeline] = _Stream()
                shell.ledger.command(pipeline, request.fragments)
                engine.command(pipeline, request.fragments)
                answer(Reply(200, writer.commanded(request, pipeline, self._new_id())))
                return None
            case Action.SEND:
                shell.ledger.send(request.pipeline, request.fragments)
                engine.send(request.pipeline, request.fragments)
            case Action.SIGNAL:
                self._signal(shell, request)
            case Action.DELETE:
                self._end(shell)
            case Action.DISCONNECT:
                self._disconnect(shell, request)
            case Action.RECONNECT:
                shell.disconnected = False
            case Action.GET:
                body = writer.shell(self._facts(shell))
                answer(Reply(200, writer.got(request, body, self._new_id())))
                return None
            case Action.RECEIVE:
                return self._receive(shell, request, manner, answer)
            case _:
                return self._attach(shell, request, manner, answer)
        answer(Reply(200, writer.acknowledged(request, self._new_id())))
        return None

    def _receive(self, shell: _Shell, request: Request, manner: Manner, answer: Answer) -> Waiting | None:
        stream = shell.pool if request.pipeline is None else shell.pipelines[request.pipeline]
        if stream.waiting is not None:  # its client has given up on it, or never learns
            self._answer_fault(shell, stream, wsman.OPERATION_ABORTED)
        waiting = Waiting(request, manner, answer)
        stream.waiting = waiting
        shell.pending += 1
        if stream.chunks or stream.done or shell.ended is not None:
            self._flush(shell, stream)
            return None
        seconds = min(request.seconds, self.host.limits.operation_seconds)
        waiting.timer = self._scheduler.call_later(seconds, self._expire, shell, stream, waiting)
        return waiting

    def _signal(self, shell: _Shell, request: Request) -> None:
        assert shell.engine is not None
        if request.pipeline is None or request.signal is None:
            return
        shell.engine.signal(request.pipeline, request.signal)
        if request.signal is Signal.TERMINATE:
            self._answer_fault(shell, shell.pipelines[request.pipeline], wsman.OPERATION_ABORTED)
            del shell.pipelines[request.pipeline]
            shell.ledger.forget(request.pipeline)

    def _disconnect(self, shell: _Shell, request: Request) -> None:
        if request.idle_seconds is not None:
            shell.idle_seconds = min(request.idle_seconds, self.host.limits.max_idle_seconds)
        for stream in shell.streams():
            self._answer_fault(shell, stream, wsman.STREAM_DISCONNECTED)
        shell.disconnected = True
        self._watch(shell)

    def _attach(self, shell: _Shell, request: Request, manner: Manner, answer: Answer) -> Waiting | None:
        """Connect: of a command it is only said; of a shell the engine has to greet the new client."""
        if request.pipeline is not None:
            answer(Reply(200, self.writer(manner).connected(request, b"", self._new_id())))
            return None
        assert shell.engine is not None
        if shell.attaching is not None:
            answer(self.fault(wsman.fault_of(wsman.OPERATION_ABORTED), request.message_id, manner))
            return None
        for stream in shell.streams():
            self._answer_fault(shell, stream, wsman.OPERATION_ABORTED)
        shell.disconnected = False
        waiting = Waiting(request, manner, answer)
        shell.attaching = waiting
        shell.pending += 1
        seconds = min(request.seconds, self.host.limits.operation_seconds)
        waiting.timer = self._scheduler.call_later(seconds, self._expire_attach, shell, waiting)
        shell.engine.connect(request.fragments)
        return None if waiting.over else waiting

    def _enumerate(self, request: Request, user: str, manner: Manner) -> Reply:
        writer = self.writer(manner)
        mine = [shell for shell in self._shells.values() if shell.owner == user]
        if request.resource == wsman.SHELL:
            items = [writer.shell(self._facts(shell)) for shell in mine]
        elif request.resource == f"{wsman.SHELL}/Command":
            items = [
                writer.command(shell.identifier, pipeline, disconnected=shell.disconnected)
                for shell in mine
                if request.shell is None or shell.identifier == request.shell
                for pipeline in shell.pipelines
            ]
        else:
            return self.fault(wsman.fault_of(wsman.NO_SUCH_RESOURCE), request.message_id, manner)
        return Reply(200, writer.enumerated(request, items, self._new_id()))

    # What engines say

    def _hear(self, shell: _Shell, event: ShellEvent) -> None:
        """The sink of a shell: from any thread."""
        if threading.get_ident() == self._thread:
            self._take(shell, event)
        else:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and with it whoever would listen
                self._scheduler.call_soon_threadsafe(self._take, shell, event)

    def _take(self, shell: _Shell, event: ShellEvent) -> None:
        match event:
            case Output(pipeline, data):
                stream = shell.pool if pipeline is None else shell.pipelines.get(pipeline)
                if stream is None or not data:
                    return
                stream.chunks.append(data)
                if pipeline is None and shell.attaching is not None:
                    self._greet(shell)
                else:
                    self._wake(shell, stream)
            case PipelineDone(pipeline):
                stream = shell.pipelines.get(pipeline)
                if stream is not None:
                    stream.done = True
                    self._wake(shell, stream)
            case ShellEnded(reason):
                shell.ended = reason
                for stream in shell.streams():
                    self._wake(shell, stream)

    def _wake(self, shell: _Shell, stream: _Stream) -> None:
        """Answers the waiting Receive after everything that is said in this turn: fewer replies for the same words."""
        if stream.waiting is not None and not stream.flush_due:
            stream.flush_due = True
            self._scheduler.call_soon(self._flush, shell, stream)

    def _flush(self, shell: _Shell, stream: _Stream) -> None:
        stream.flush_due = False
        waiting = stream.waiting
        if waiting is None:
            return
        if not stream.chunks and not stream.done:
            if shell.ended is not None:
                self._answer_fault(shell, stream, wsman.OPERATION_ABORTED, shell.ended)
                self._end(shell)
            return
        request, manner = waiting.request, waiting.manner
        chunks = self._taken(stream, request, manner)
        if manner.psrp_garbage and chunks:
            chunks = [_NOISE]
        done = stream.done and not stream.chunks and not (manner.state_apart and chunks)
        body = self.writer(manner).received(request, chunks, self._new_id(), done=done)
        self._finish(shell, stream, Reply(200, body))

    def _taken(self, stream: _Stream, request: Request, manner: Manner) -> list[bytes]:
        """What fits into one reply: whole fragments, and at least one."""
        largest = min(request.max_envelope, self.host.limits.max_envelope_kb * 1024)
        room = max(largest - _ENVELOPE_OVERHEAD, 0) * 3 // 4
        taken: list[bytes] = []
        while stream.chunks:
            chunk = stream.chunks[0]
            if not manner.one_fragment and len(chunk) <= room:
                stream.chunks.popleft()
                taken.append(chunk)
                room -= len(chunk) + 160  # a Stream element around each
                continue
            pieces = psrp.split(chunk)
            if len(pieces) > 1:
                stream.chunks.popleft()
                stream.chunks.extendleft(reversed(pieces))
                continue
            if not taken:
                taken.append(stream.chunks.popleft())
            elif not manner.one_fragment and len(chunk) <= room:
                continue
            break
        return taken

    def _greet(self, shell: _Shell) -> None:
        """Answers Connect once the engine's greeting is whole; the rest is for Receive, as on Windows."""
        waiting = shell.attaching
        if waiting is None:
            return
        pieces = [piece for chunk in shell.pool.chunks for piece in psrp.split(chunk)]
        end = psrp.end_of(pieces, PSRPMessageType.RunspacePoolInitData)
        if end is None:
            return
        shell.attaching = None
        shell.pool.chunks = deque(pieces[end:])
        body = self.writer(waiting.manner).connected(waiting.request, b"".join(pieces[:end]), self._new_id())
        self._over(shell, waiting, Reply(200, body))

    # Answers and ends

    def _finish(self, shell: _Shell, stream: _Stream, reply: Reply) -> None:
        waiting = stream.waiting
        if waiting is not None:
            stream.waiting = None
            self._over(shell, waiting, reply)

    def _over(self, shell: _Shell, waiting: Waiting, reply: Reply) -> None:
        shell.pending -= 1
        shell.used = self._scheduler.time()
        waiting.over = True
        if waiting.timer is not None:
            waiting.timer.cancel()
        waiting.answer(reply)

    def _answer_fault(self, shell: _Shell, stream: _Stream, code: int, reason: str = "") -> None:
        waiting = stream.waiting
        if waiting is None:
            return
        fault = wsman.fault_of(code)
        if reason:
            fault = WSManFault(fault.code, f"{fault.reason} {reason}", fault.subcode, fault.sender)
        self._finish(shell, stream, self.fault(fault, waiting.request.message_id, waiting.manner))

    def _expire(self, shell: _Shell, stream: _Stream, waiting: Waiting) -> None:
        if stream.waiting is waiting:
            self._answer_fault(shell, stream, wsman.TIMED_OUT)

    def _expire_attach(self, shell: _Shell, waiting: Waiting) -> None:
        if shell.attaching is waiting:
            shell.attaching = None
            fault = self.fault(wsman.fault_of(wsman.TIMED_OUT), waiting.request.message_id, waiting.manner)
            self._over(shell, waiting, fault)

    def _watch(self, shell: _Shell) -> None:
        """Closes the shell once it has been idle for its time."""
        if shell.timer is not None:
            shell.timer.cancel()
        rest = shell.used + shell.idle_seconds - self._scheduler.time()
        if shell.pending:
            rest = shell.idle_seconds
        if rest <= 0:
            self._end(shell)
        else:
            # asyncio refuses timers of more than a day on some systems; the watch is renewed when it ends anyway.
            shell.timer = self._scheduler.call_later(min(rest, 3600.0), self._watch, shell)

    def _end(self, shell: _Shell, *, answer: bool = True) -> None:
        if self._shells.pop(shell.identifier, None) is None:
            return
        if shell.timer is not None:
            shell.timer.cancel()
        if answer:
            for stream in shell.streams():
                self._answer_fault(shell, stream, wsman.OPERATION_ABORTED)
            if shell.attaching is not None:
                waiting, shell.attaching = shell.attaching, None
                fault = wsman.fault_of(wsman.OPERATION_ABORTED)
                self._over(shell, waiting, self.fault(fault, waiting.request.message_id, waiting.manner))
        shell.pipelines.clear()
        if shell.engine is not None:
            shell.engine.close()

    def _facts(self, shell: _Shell) -> ShellFacts:
        now = self._scheduler.time()
        return ShellFacts(
            shell.identifier,
            shell.name,
            shell.resource,
            shell.owner,
            shell.client_address,
            shell.idle_seconds,
            now - shell.born,
            now - shell.used,
            shell.disconnected,
        )


_NEEDS_CONNECTION = frozenset({Action.COMMAND, Action.RECEIVE, Action.SEND, Action.SIGNAL})

"""One runspace pool of a simulated server."""

from __future__ import annotations

import struct
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree.ElementTree import ParseError

from psrpcore import (
    GetAvailableRunspacesEvent,
    PSRPCoreError,
    PSRPEvent,
    PSRPPayload,
    ResetRunspaceStateEvent,
    ServerRunspacePool,
    SetMaxRunspacesEvent,
    SetMinRunspacesEvent,
    StreamType,
)
from psrpcore.types import PSRPMessageType, RunspacePoolState

from runner.lab.engines.interface import Output, PipelineDone, ShellEnded, ShellEvent, Signal
from runner.lab.engines.sim.pipeline import CallLater, Run
from runner.lab.engines.sim.request import Memory, has_ui
from runner.lab.engines.sim.responder import Responder, answers_to, metadata_refused
from runner.lab.engines.sim.streams import Items
from runner.lab.psrp import MAX_FRAGMENT, Assembler, FragmentError, Message, to_client

# psrpcore numbers the messages of the pool from 1; those of pipelines begin far above.
_FIRST_OBJECT = 1 << 32

# The quota of Windows for one object of a client (PSMaximumReceivedObjectSizeMB).
_MOST_RECEIVED = 10 * 1024 * 1024

# What bytes that are no PSRP raise, beside psrpcore's own errors.
_GARBLED = (
    FragmentError,
    PSRPCoreError,
    ParseError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    RecursionError,
    struct.error,
)


class _UnusableError(Exception):
    """The pool cannot go on; the text says why."""


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except _GARBLED as error:
        raise _UnusableError(f"the client's PSRP data cannot be read: {error}") from error


class SimShell:
    """A runspace pool. psrpcore speaks for the pool; pipelines' messages are framed here (see runner/lab/psrp.py)."""

    def __init__(
        self, responder: Responder, memory: Memory, call_later: CallLater, sink: Callable[[ShellEvent], None]
    ) -> None:
        self._responder = responder
        self._memory = memory
        self._call_later = call_later
        self._sink = sink
        self._pool = ServerRunspacePool()
        self._ended = False
        self._starting = False
        self._next_object = _FIRST_OBJECT
        self._incoming: dict[uuid.UUID, Assembler] = {}
        self._running: dict[uuid.UUID, Run] = {}
        self._waiting: deque[uuid.UUID] = deque()  # pipelines of _running whose turn has not come

    def open(self, creation: bytes) -> None:
        """The fragments of creationXml: the client's capability and InitRunspacePool."""
        self._while_usable(lambda: self._open(creation))

    def connect(self, fragments: bytes) -> None:
        """The fragments of connectXml, of a client that was not there before."""
        self._while_usable(lambda: self._connect(fragments))

    def command(self, pipeline: uuid.UUID, fragments: bytes) -> None:
        """The first fragments of CreatePipeline."""
        self._incoming[pipeline] = Assembler(_MOST_RECEIVED)
        self.send(pipeline, fragments)

    def send(self, pipeline: uuid.UUID | None, fragments: bytes) -> None:
        """More fragments, of a pipeline or of the pool; those for a pipeline that has ended are dropped."""
        if pipeline is None:
            self._while_usable(lambda: self._pool_data(fragments))
        else:
            self._while_usable(lambda: self._pipeline_data(pipeline, fragments))

    def signal(self, pipeline: uuid.UUID, signal: Signal) -> None:
        """Stops or forgets a pipeline."""
        run = self._running.get(pipeline)
        if run is None:
            return
        if pipeline in self._waiting:
            self._waiting.remove(pipeline)
        match signal:
            case Signal.STOP:
                run.stop()
            case Signal.TERMINATE:
                run.abandon()
                self._forget(pipeline)

    def close(self) -> None:
        """Ends all pipelines; says nothing more."""
        self._ended = True
        self._waiting.clear()
        for run in self._running.values():
            run.abandon()
        self._running.clear()
        self._incoming.clear()

    def _while_usable(self, work: Callable[[], None]) -> None:
        """A pool that has ended says so; one whose client sends what is no PSRP ends."""
        try:
            if self._ended:
                raise _UnusableError("the runspace pool has ended")
            work()
        except _UnusableError as error:
            self.close()
            self._sink(ShellEnded(str(error)))

    def _open(self, creation: bytes) -> None:
        self._pool_data(creation)
        if self._pool.state is not RunspacePoolState.Opened:
            raise _UnusableError("creationXml opens no runspace pool")

    def _connect(self, fragments: bytes) -> None:
        with _reading():
            self._pool.disconnect()
            self._pool.connect()
            self._pool.prepare_message(self._pool.our_capability)  # psrpcore greets only the first client
        self._pool_data(fragments)

    def _pool_data(self, fragments: bytes) -> None:
        with _reading():
            self._pool.receive_data(PSRPPayload(fragments, StreamType.default, None))
            events = list(iter(self._pool.next_event, None))
        for event in events:
            self._pool_event(event)
        while (payload := self._pool.data_to_send(MAX_FRAGMENT)) is not None:
            self._say(Output(None, payload.data))

    def _pipeline_data(self, pipeline: uuid.UUID, fragments: bytes) -> None:
        if pipeline not in self._incoming:
            return
        with _reading():
            messages = self._incoming[pipeline].feed(fragments)
        for message in messages:
            self._pipeline_message(pipeline, message)

    def _pool_event(self, event: PSRPEvent[Any, Any]) -> None:
        match event:
            case GetAvailableRunspacesEvent():
                busy = len(self._running) - len(self._waiting)
                self._pool.runspace_availability_response(event.ci, max(self._pool.max_runspaces - busy, 0))
            case SetMaxRunspacesEvent() | SetMinRunspacesEvent() | ResetRunspaceStateEvent():
                self._pool.runspace_availability_response(event.ci, True)
                self._start_waiting()

    def _pipeline_message(self, pipeline: uuid.UUID, message: Message) -> None:
        if message.kind == PSRPMessageType.CreatePipeline:
            with _reading():
                request = self._memory.request(message.data)
            has_host_ui = has_ui(self._pool.host) if request.has_host_ui is None else request.has_host_ui
            self._add(pipeline, answers_to(request, self._responder), has_host_ui=has_host_ui)
        elif message.kind == PSRPMessageType.GetCommandMetadata:
            self._add(pipeline, metadata_refused(), has_host_ui=False)
        # Else input of the pipeline, or an answer of the client's host: no script of this engine reads them.

    def _add(self, pipeline: uuid.UUID, items: Items, *, has_host_ui: bool) -> None:
        self._running[pipeline] = Run(
            items,
            has_host_ui=has_host_ui,
            write=lambda messages, done: self._write(pipeline, messages, done=done),
            call_later=self._call_later,
        )
        self._waiting.append(pipeline)
        self._start_waiting()

    def _start_waiting(self) -> None:
        """A pool runs as many pipelines at a time as it has runspaces."""
        if self._starting:  # one that ends at once comes back here: the loop below goes on
            return
        self._starting = True
        while self._waiting and len(self._running) - len(self._waiting) < max(self._pool.max_runspaces, 1):
            self._running[self._waiting.popleft()].start()
        self._starting = False

    def _write(self, pipeline: uuid.UUID, messages: list[Message], *, done: bool) -> None:
        gathered: list[bytes] = []
        size = 0
        first, self._next_object = self._next_object, self._next_object + len(messages)
        for fragment in to_client(messages, self._pool.runspace_pool_id, pipeline, first):
            if gathered and size + len(fragment) > MAX_FRAGMENT:
                self._say(Output(pipeline, b"".join(gathered)))
                gathered, size = [], 0
            gathered.append(fragment)
            size += len(fragment)
        self._say(Output(pipeline, b"".join(gathered)))
        if done:
            self._say(PipelineDone(pipeline))
            self._forget(pipeline)

    def _say(self, event: ShellEvent) -> None:
        """Also whoever hears an event may close the shell: then the rest is not said."""
        if not self._ended:
            self._sink(event)

    def _forget(self, pipeline: uuid.UUID) -> None:
        self._incoming.pop(pipeline, None)
        if self._running.pop(pipeline, None) is not None:
            self._start_waiting()

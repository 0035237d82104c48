"""One runspace pool of a simulated server."""

from __future__ import annotations

import struct
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError

from psrpcore import PSRPCoreError
from psrpcore.types import PSRPMessageType

from runner.lab.engines.interface import Output, PipelineDone, ShellEnded, ShellEvent, Signal
from runner.lab.engines.sim.pipeline import CallLater, Run
from runner.lab.engines.sim.pool import Pool, UnusableError
from runner.lab.engines.sim.request import Request
from runner.lab.engines.sim.responder import Responder, answers_to, metadata_refused
from runner.lab.engines.sim.streams import Items
from runner.lab.psrp import MAX_FRAGMENT, Assembler, FragmentError, Message, to_client

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


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except _GARBLED as error:
        raise UnusableError(f"the client's PSRP data cannot be read: {error}") from error


class SimShell:
    """A runspace pool and its pipelines.

    Args:
        pool: not open yet.
        decode: reads what a CreatePipeline asks for.
    """

    def __init__(
        self,
        responder: Responder,
        pool: Pool,
        decode: Callable[[bytes], Request],
        call_later: CallLater,
        sink: Callable[[ShellEvent], None],
    ) -> None:
        self._responder = responder
        self._pool = pool
        self._decode = decode
        self._call_later = call_later
        self._sink = sink
        self._ended = False
        self._starting = False
        self._number = 1  # of the next message that goes out
        self._of_pool = Assembler(_MOST_RECEIVED)
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
                raise UnusableError("the runspace pool has ended")
            work()
        except UnusableError as error:
            self.close()
            self._sink(ShellEnded(str(error)))

    def _open(self, creation: bytes) -> None:
        with _reading():
            said = self._pool.open(creation)
        self._write(None, said)

    def _connect(self, fragments: bytes) -> None:
        with _reading():
            said = self._pool.connect(Assembler(_MOST_RECEIVED).feed(fragments))
        self._of_pool = Assembler(_MOST_RECEIVED)  # who was there before will not finish what it began
        self._write(None, said)

    def _pool_data(self, fragments: bytes) -> None:
        with _reading():
            messages = self._of_pool.feed(fragments)
        for message in messages:
            busy = len(self._running) - len(self._waiting)
            with _reading():
                said = self._pool.take(message, max(self._pool.maximum - busy, 0))
            self._write(None, said)
            self._start_waiting()

    def _pipeline_data(self, pipeline: uuid.UUID, fragments: bytes) -> None:
        if pipeline not in self._incoming:
            return
        with _reading():
            messages = self._incoming[pipeline].feed(fragments)
        for message in messages:
            self._pipeline_message(pipeline, message)

    def _pipeline_message(self, pipeline: uuid.UUID, message: Message) -> None:
        if message.kind == PSRPMessageType.CreatePipeline:
            with _reading():
                request = self._decode(message.data)
            has_host_ui = self._pool.has_ui if request.has_host_ui is None else request.has_host_ui
            self._add(pipeline, answers_to(request, self._responder), has_host_ui=has_host_ui)
        elif message.kind == PSRPMessageType.GetCommandMetadata:
            self._add(pipeline, metadata_refused(), has_host_ui=False)
        # Else input of the pipeline, or an answer of the client's host: no script of this engine reads them.

    def _add(self, pipeline: uuid.UUID, items: Items, *, has_host_ui: bool) -> None:
        self._running[pipeline] = Run(
            items,
            has_host_ui=has_host_ui,
            write=lambda messages, done: self._said(pipeline, messages, done=done),
            call_later=self._call_later,
        )
        self._waiting.append(pipeline)
        self._start_waiting()

    def _start_waiting(self) -> None:
        """A pool runs as many pipelines at a time as it has runspaces."""
        if self._starting:  # one that ends at once comes back here: the loop below goes on
            return
        self._starting = True
        while self._waiting and len(self._running) - len(self._waiting) < max(self._pool.maximum, 1):
            self._running[self._waiting.popleft()].start()
        self._starting = False

    def _write(self, pipeline: uuid.UUID | None, messages: Sequence[Message]) -> None:
        first, self._number = self._number, self._number + len(messages)
        gathered: list[bytes] = []
        size = 0
        for fragment in to_client(messages, self._pool.id, pipeline, first):
            if gathered and size + len(fragment) > MAX_FRAGMENT:
                self._say(Output(pipeline, b"".join(gathered)))
                gathered, size = [], 0
            gathered.append(fragment)
            size += len(fragment)
        if gathered:
            self._say(Output(pipeline, b"".join(gathered)))

    def _said(self, pipeline: uuid.UUID, messages: list[Message], *, done: bool) -> None:
        self._write(pipeline, messages)
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

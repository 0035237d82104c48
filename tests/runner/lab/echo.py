"""A PSRP engine small enough to read: it answers every script with its own text, in this thread or another."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import psrpcore
from psrpcore import PSRPPayload, ServerPipeline, ServerRunspacePool, StreamType
from psrpcore.types import NETException

from runner.lab.engines.interface import Output, PipelineDone, ShellEnded, ShellEvent, Signal
from runner.lab.state import LiveState

FRAGMENT = 32 * 1024


@dataclass
class EchoEngine:
    """Answers `repeat:N:TEXT` with N times TEXT, `hang` with nothing until it is stopped, `end` by ending its shell,
    `fail:TEXT` with an error, and anything else with itself.

    Attributes:
        threaded: events come from a thread of their own.
    """

    threaded: bool = False
    name: str = "echo"
    shells: list[EchoShell] = field(default_factory=list)
    closed: bool = False

    def shell(self, live: LiveState, shell_id: uuid.UUID, sink: Callable[[ShellEvent], None]) -> EchoShell:
        shell = EchoShell(sink, self.threaded)
        self.shells.append(shell)
        return shell

    def close(self) -> None:
        self.closed = True


class EchoShell:
    """One pool."""

    def __init__(self, sink: Callable[[ShellEvent], None], threaded: bool) -> None:
        self.pool = ServerRunspacePool()
        self.sink = sink
        self.threaded = threaded
        self.calls: list[str] = []
        self.running: dict[uuid.UUID, ServerPipeline] = {}
        self.closed = False

    def open(self, creation: bytes) -> None:
        self.calls.append("open")
        self._receive(None, creation)

    def command(self, pipeline: uuid.UUID, fragments: bytes) -> None:
        self.calls.append("command")
        ServerPipeline(self.pool, pipeline)
        self._receive(pipeline, fragments)

    def send(self, pipeline: uuid.UUID | None, fragments: bytes) -> None:
        self.calls.append("send")
        self._receive(pipeline, fragments)

    def signal(self, pipeline: uuid.UUID, signal: Signal) -> None:
        self.calls.append(f"signal-{signal.value}")
        running = self.running.pop(pipeline, None)
        if running is not None and signal is Signal.STOP:
            running.begin_stop()
            running.stop()
            self._say([PipelineDone(pipeline)])

    def connect(self, fragments: bytes) -> None:
        self.calls.append("connect")
        self.pool.begin_disconnect()
        self.pool.disconnect()
        self.pool.connect()
        self.pool.prepare_message(self.pool.our_capability)  # psrpcore greets at the first connection only
        self._receive(None, fragments)

    def close(self) -> None:
        self.calls.append("close")
        self.closed = True

    def _receive(self, pipeline: uuid.UUID | None, data: bytes) -> None:
        if not data:
            return
        try:
            self.pool.receive_data(PSRPPayload(data, StreamType.default, pipeline))
            done: list[ShellEvent] = []
            while True:
                event = self.pool.next_event()
                if event is None:
                    break
                if isinstance(event, psrpcore.CreatePipelineEvent):
                    done += self._run(self.pool.pipeline_table[event.pipeline_id], event)
        except Exception as error:
            self._say([ShellEnded(f"{type(error).__name__}: {error}")])
            return
        self._say(done)

    def _run(self, pipeline: ServerPipeline, event: psrpcore.CreatePipelineEvent) -> list[ShellEvent]:
        pipeline.start()
        for command in event.pipeline.commands:
            text = command.command_text
            if text == "hang":
                self.running[pipeline.pipeline_id] = pipeline
                return []
            if text == "end":
                return [ShellEnded("the process died")]
            if text.startswith("repeat:"):
                _, count, what = text.split(":", 2)
                for _ in range(int(count)):
                    pipeline.write_output(what)
            elif text.startswith("fail:"):
                pipeline.write_error(NETException(Message=text[5:]))
            else:
                pipeline.write_output(text)
        pipeline.complete()
        return [PipelineDone(pipeline.pipeline_id)]

    def _say(self, last: list[ShellEvent]) -> None:
        events: list[ShellEvent] = []
        while True:
            payload = self.pool.data_to_send(FRAGMENT)
            if payload is None:
                break
            events.append(Output(payload.pipeline_id, payload.data))
        events += last
        if self.threaded:
            threading.Thread(target=lambda: [self.sink(event) for event in events]).start()
        else:
            for event in events:
                self.sink(event)

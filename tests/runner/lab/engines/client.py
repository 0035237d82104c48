"""A PSRP client (psrpcore's) against a Shell, without WS-Management between them.

What it has written or read once it does not write or read again: thousands of tests ask the same scripts of servers
that differ in one thing, and psrpcore takes longer to make and to read a message than an engine to answer it.
"""

from __future__ import annotations

import itertools
import queue
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from psrpcore import (
    ClientPowerShell,
    ClientRunspacePool,
    Command,
    ErrorRecordEvent,
    PipelineHostCallEvent,
    PipelineOutputEvent,
    PipelineStateEvent,
    PSRPEvent,
    PSRPPayload,
    StreamType,
    VerboseRecordEvent,
    WarningRecordEvent,
)
from psrpcore.types import (
    ErrorRecord,
    HostInfo,
    PSInvocationState,
    PSObject,
    PSRPMessageType,
    RunspacePoolState,
)

from runner.lab import psrp
from runner.lab.engines.interface import Engine, Output, PipelineDone, ShellEnded, ShellEvent, Signal
from runner.lab.state import HostState, LiveState
from tests.waiting import HANG_SECONDS

# What the CreatePipeline of a script holds, and the object in an output message. Nobody changes what was read.
_ASKED: dict[str, bytes] = {}
_READ: dict[bytes, Any] = {}
_MOST, _LARGEST = 5000, 20_000  # kept of each; bytes of an output that is kept
_OWN_NUMBERS = itertools.count(1 << 32)  # of messages beside those that psrpcore numbers


@dataclass
class Said:
    """What one pipeline said, in the order in which it arrived in each stream, and in all."""

    output: list[Any] = field(default_factory=list)
    verbose: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[ErrorRecord] = field(default_factory=list)
    host_calls: list[tuple[str, list[Any]]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    state: PSInvocationState | None = None
    reason: ErrorRecord | None = None

    @property
    def records(self) -> list[dict[str, tuple[str, Any]]]:
        """The objects with each property's type beside its value, in order: what two engines must agree on."""
        return [typed(each) for each in self.output]

    @property
    def problem(self) -> tuple[str, str, str] | None:
        """What ended the pipeline: message, FullyQualifiedErrorId and category."""
        if self.reason is None:
            return None
        return (
            str(self.reason.Exception.Message),
            str(self.reason.FullyQualifiedErrorId),
            self.reason.CategoryInfo.Category.name,
        )


def typed(value: Any) -> Any:
    """A value with the .NET types that it had; properties in their order, and a table's, which has none, by name."""
    if isinstance(value, list):
        return (value.PSObject.type_names[0], [typed(each) for each in value])  # type: ignore[attr-defined]
    if isinstance(value, dict):
        return (value.PSObject.type_names[0], sorted((key, typed(each)) for key, each in value.items()))  # type: ignore[attr-defined]
    if isinstance(value, PSObject) and value.PSObject.extended_properties and not isinstance(value, str | int):
        properties = [(each.name, typed(each.get_value(value))) for each in value.PSObject.extended_properties]
        return (value.PSObject.type_names[0], properties)
    return (type(value).__name__, value)


class Client:
    """One runspace pool, opened. Close it: an engine may have a process behind it."""

    def __init__(
        self, engine: Engine, state: HostState | LiveState, *, max_runspaces: int = 1, host: HostInfo | None = None
    ) -> None:
        self.events: queue.SimpleQueue[ShellEvent] = queue.SimpleQueue()
        self.done: list[uuid.UUID] = []
        self.largest = 0
        self._said: dict[uuid.UUID, Said] = {}
        self._table: dict[uuid.UUID, ClientPowerShell] = {}
        self.host = host or HostInfo()
        self._plain = host is None
        self._asked = b""  # what the newest CreatePipeline held
        self.pool = ClientRunspacePool(max_runspaces=max_runspaces, host=self.host)
        live = state if isinstance(state, LiveState) else LiveState(state)
        self.shell = engine.shell(live, self.pool.runspace_pool_id, self.events.put)
        self.pool.open()
        self.shell.open(self._to_send().data)
        self.until(lambda: self.pool.state is RunspacePoolState.Opened)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.shell.close()

    def _to_send(self) -> PSRPPayload:
        payload = self.pool.data_to_send()
        assert payload is not None
        return payload

    def run(self, *scripts: str) -> Said:
        """One pipeline, a statement a script, to its end."""
        return self.finish(self.start(*scripts))

    def start(self, *scripts: str) -> uuid.UUID:
        """One pipeline, a statement a script."""
        again = _ASKED.get(scripts[0]) if self._plain and len(scripts) == 1 else None
        if again is not None:
            return self._start_again(again)
        pipeline = self.start_statements([[Command(script, is_script=True)] for script in scripts])
        if self._plain and len(scripts) == 1:
            _keep(_ASKED, scripts[0], self._asked)
        return pipeline

    def _start_again(self, asked: bytes) -> uuid.UUID:
        """A pipeline of scripts that one was started of before: `asked` is what its CreatePipeline held."""
        powershell = ClientPowerShell(self.pool)
        powershell.state = PSInvocationState.Running
        pipeline = powershell.pipeline_id
        message = psrp.Message(PSRPMessageType.CreatePipeline, asked)
        parts = psrp.to_server([message], self.pool.runspace_pool_id, pipeline, next(_OWN_NUMBERS))
        self._begin(powershell, b"".join(parts))
        return pipeline

    def start_statements(self, statements: Sequence[Sequence[Command]]) -> uuid.UUID:
        """One pipeline of piped commands; its identifier."""
        powershell = ClientPowerShell(self.pool, host=self.host)
        for number, commands in enumerate(statements):
            if number:
                powershell.add_statement()
            for command in commands:
                powershell.add_command(command)
        powershell.start()
        payload = self._to_send()
        assert payload.pipeline_id == powershell.pipeline_id
        (message,) = psrp.Assembler().feed(payload.data)
        self._asked = message.data
        self._begin(powershell, payload.data)
        return powershell.pipeline_id

    def _begin(self, powershell: ClientPowerShell, fragments: bytes) -> None:
        self._table[powershell.pipeline_id] = powershell
        self._said[powershell.pipeline_id] = Said()
        self.shell.command(powershell.pipeline_id, fragments)

    def finish(self, pipeline: uuid.UUID) -> Said:
        """Waits for the pipeline's final state and the report that it is done."""
        self.until(lambda: pipeline in self.done)
        said = self._said[pipeline]
        assert said.state is not None, "done, without a final state"
        self._table.pop(pipeline).close()
        return said

    def so_far(self, pipeline: uuid.UUID) -> Said:
        """What has arrived without waiting."""
        while not self.events.empty():
            self._take(self.events.get())
        return self._said[pipeline]

    def stop(self, pipeline: uuid.UUID) -> None:
        """What a client's Signal does."""
        self._table[pipeline].begin_stop()
        self.shell.signal(pipeline, Signal.STOP)

    def until(self, reached: Callable[[], bool]) -> None:
        """Takes events until the condition holds."""
        while not reached():
            self._take(self.events.get(timeout=HANG_SECONDS))

    def _take(self, event: ShellEvent) -> None:
        match event:
            case Output(pipeline, fragments):
                self.largest = max(self.largest, len(fragments))
                for fragment in psrp.split(fragments):
                    self._fragment(fragment, pipeline)
            case PipelineDone(pipeline):
                self.done.append(pipeline)
            case ShellEnded(reason):
                raise AssertionError(f"the shell ended: {reason}")

    def _fragment(self, fragment: bytes, pipeline: uuid.UUID | None) -> None:
        output = _whole_output(fragment) if pipeline is not None else None
        if output is not None and output in _READ:
            assert pipeline is not None
            said = self._said[pipeline]
            said.output.append(_READ[output])
            said.order.append("PipelineOutput")
            return
        self.pool.receive_data(PSRPPayload(fragment, StreamType.default, pipeline))
        while (event := self.pool.next_event()) is not None:
            if output is not None and len(output) <= _LARGEST and isinstance(event, PipelineOutputEvent):
                _keep(_READ, output, event.data)
            self._message(event)

    def _message(self, event: PSRPEvent[Any, Any]) -> None:
        if event.pipeline_id is None:
            return
        said = self._said[event.pipeline_id]
        match event:
            case PipelineOutputEvent():
                said.output.append(event.data)
            case VerboseRecordEvent():
                said.verbose.append(str(event.record.Message))
            case WarningRecordEvent():
                said.warnings.append(str(event.record.Message))
            case ErrorRecordEvent():
                said.errors.append(event.record)
            case PipelineHostCallEvent():
                said.host_calls.append((event.method_identifier.name, event.method_parameters))
            case PipelineStateEvent():
                said.state, said.reason = event.state, event.reason
        said.order.append(type(event).__name__.removesuffix("Event"))


def _keep(kept: dict[Any, Any], key: Any, value: Any) -> None:
    if len(kept) >= _MOST:
        kept.clear()
    kept[key] = value


def _whole_output(fragment: bytes) -> bytes | None:
    """The data of the output message that a fragment holds whole; None of every other fragment."""
    (found, *_), rest = psrp.fragments(fragment)
    if rest != len(fragment) or not found.end or found.kind != PSRPMessageType.PipelineOutput:
        return None
    (message,) = psrp.Assembler().feed(fragment)
    return message.data

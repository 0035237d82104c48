"""One running pipeline: what its statements say goes out as PSRP messages, in slices that hold up no other host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from psrpcore.types import PSInvocationState, PSRPMessageType

from runner.lab.engines.sim import clixml
from runner.lab.engines.sim.streams import (
    Exited,
    Failed,
    Item,
    Items,
    Output,
    Problem,
    Ready,
    Verbose,
    Waits,
    Warned,
    Wrote,
)
from runner.lab.psrp import Message

_SLICE = 400  # items, or messages, between two turns of the event loop: a few milliseconds
_SET_SHOULD_EXIT, _WRITE_VERBOSE_LINE, _WRITE_WARNING_LINE = 6, 21, 22  # MS-PSRP 2.2.3.17

_STOPPED = Problem(
    "The pipeline has been stopped.",
    "PipelineStopped",
    "OperationStopped",
    "System.Management.Automation.PipelineStoppedException",
)


class Timer(Protocol):
    """A call that is due."""

    def cancel(self) -> None:
        """It will not be made."""


CallLater = Callable[[float, Callable[[], None]], Timer]
Write = Callable[[list[Message], bool], None]


class Run:
    """A pipeline from its start to its final state. All methods are called on one thread.

    Args:
        items: what its statements say.
        has_host_ui: the client's host is told of warnings and verbose texts too, as a server does.
        write: takes messages as they come; True with the last, the final state.
        call_later: as an event loop's; seconds.
    """

    def __init__(self, items: Items, *, has_host_ui: bool, write: Write, call_later: CallLater) -> None:
        self._items = items
        self._has_host_ui = has_host_ui
        self._write = write
        self._call_later = call_later
        self._timer: Timer | None = None
        self._ended = False

    def start(self) -> None:
        """Says what can be said at once."""
        self._timer = None
        messages: list[Message] = []
        for _ in range(_SLICE):
            match next(self._items, None):
                case None:
                    return self._end(messages, PSInvocationState.Completed)
                case Failed(problem):
                    return self._end(messages, PSInvocationState.Failed, problem)
                case Waits(seconds):
                    return self._pause(messages, seconds)
                case Ready(quiet, shown):
                    messages.extend(shown if self._has_host_ui else quiet)
                case item:
                    messages.extend(messages_of(item, self._has_host_ui))
            if len(messages) >= _SLICE:
                break
        return self._pause(messages, 0.0)

    def stop(self) -> None:
        """Ends it now, in the state Stopped."""
        self.abandon()
        if not self._ended:
            self._end([], PSInvocationState.Stopped, _STOPPED)

    def abandon(self) -> None:
        """Nothing more is said."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _pause(self, messages: list[Message], seconds: float) -> None:
        if messages:
            self._write(messages, False)
        self._timer = self._call_later(seconds, self.start)

    def _end(self, messages: list[Message], state: PSInvocationState, problem: Problem | None = None) -> None:
        self._ended = True
        messages.append(Message(PSRPMessageType.PipelineState, clixml.pipeline_state(state.value, problem)))
        self._write(messages, True)


def messages_of(item: Item, has_host_ui: bool) -> Iterator[Message]:
    """What an item is on the wire; nothing for what only the pipeline itself is concerned with."""
    match item:
        case Output(None):
            yield Message(PSRPMessageType.PipelineOutput, b"")
        case Output(value):
            yield Message(PSRPMessageType.PipelineOutput, clixml.value(value))
        case Verbose(message):
            if has_host_ui:
                yield _host_call("WriteVerboseLine", _WRITE_VERBOSE_LINE, message)
            yield Message(PSRPMessageType.VerboseRecord, clixml.informational("VerboseRecord", message))
        case Warned(message):
            if has_host_ui:
                yield _host_call("WriteWarningLine", _WRITE_WARNING_LINE, message)
            yield Message(PSRPMessageType.WarningRecord, clixml.informational("WarningRecord", message))
        case Wrote(problem):
            yield Message(PSRPMessageType.ErrorRecord, clixml.error(problem))
        case Exited(code):
            yield _host_call("SetShouldExit", _SET_SHOULD_EXIT, code)


def _host_call(method: str, number: int, argument: str | int) -> Message:
    return Message(PSRPMessageType.PipelineHostCall, clixml.host_call(method, number, argument))

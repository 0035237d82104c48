"""What the lab's WinRM front asks of an engine: carry PSRP fragments of one shell.

The front (HTTP, authentication, encryption, WS-Management, limits, faults, ledger) hands fragments on; an engine knows
nothing of HTTP. One `Shell` is one runspace pool. All methods may be called from the event loop's thread and must not
block it; what a shell has to say arrives through `sink`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from runner.lab.state import LiveState


@dataclass(frozen=True, slots=True)
class Output:
    """PSRP fragments for a Receive: of one pipeline, or of the pool when `pipeline` is None."""

    pipeline: uuid.UUID | None
    fragments: bytes


@dataclass(frozen=True, slots=True)
class PipelineDone:
    """The pipeline's final state message has been put out; its command state is Done."""

    pipeline: uuid.UUID


@dataclass(frozen=True, slots=True)
class ShellEnded:
    """The pool is gone (closed, or its process died); `reason` is for the fault's text."""

    reason: str


ShellEvent = Output | PipelineDone | ShellEnded


class Signal(StrEnum):
    """What a client's Signal asks."""

    STOP = "stop"  # powershell/signal/crtl_c, or shell/signal/ctrl_c: stop it; its final state still follows
    TERMINATE = "terminate"  # shell/signal/terminate: the client forgets the pipeline; nothing need follow


class Shell(Protocol):
    """One runspace pool of an engine. A method that the shell's state forbids reports ShellEnded, it does not raise."""

    def open(self, creation: bytes) -> None:
        """The fragments of WS-Management's creationXml."""

    def command(self, pipeline: uuid.UUID, fragments: bytes) -> None:
        """A Command: the first fragments of CreatePipeline."""

    def send(self, pipeline: uuid.UUID | None, fragments: bytes) -> None:
        """A Send on stdin: of the pool when `pipeline` is None."""

    def signal(self, pipeline: uuid.UUID, signal: Signal) -> None:
        """A Signal for a pipeline; one that the shell does not have (any more) is ignored."""

    def connect(self, fragments: bytes) -> None:
        """The fragments of WS-Management's connectXml: another client takes over the disconnected pool.

        The pool answers with SESSION_CAPABILITY and RUNSPACEPOOL_INIT_DATA, which go into the answer to Connect, and
        then with its private data and state, which are for the next Receive.
        """

    def close(self) -> None:
        """Delete the shell. Reports nothing more."""


class Engine(Protocol):
    """Makes shells over one host's state."""

    name: str

    def shell(self, live: LiveState, shell_id: uuid.UUID, sink: Callable[[ShellEvent], None]) -> Shell:
        """A new pool of this server: what one pool changes, every other sees.

        `sink` may be called from any thread, also before the method that caused it returns.
        """

    def close(self) -> None:
        """Ends everything that the engine started (processes, directories); the shells are gone by then."""

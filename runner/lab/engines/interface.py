"""What the lab's WinRM front asks of an engine: carry PSRP fragments of one shell.

The front (HTTP, authentication, encryption, WS-Management, limits, faults) knows nothing of PSRP's content; an engine
knows nothing of HTTP. One `Shell` is one runspace pool. All methods may be called from the event loop's thread and
must not block it; what a shell has to say arrives through `sink`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from runner.lab.state import HostState


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


@dataclass(frozen=True, slots=True)
class Executed:
    """One script that was about to be executed, as the ledger keeps it: the exact text that arrived.

    `kind` is `script` for script text and `command` for a command by name with arguments (then `text` is the name
    and its arguments in a readable form).
    """

    host: str
    pipeline: uuid.UUID
    kind: str
    text: str


class Shell(Protocol):
    """One runspace pool of an engine."""

    def open(self, creation: bytes) -> None:
        """The fragments of WS-Management's creationXml."""

    def command(self, pipeline: uuid.UUID, fragments: bytes) -> None:
        """A Command: the first fragments of CreatePipeline."""

    def send(self, pipeline: uuid.UUID | None, fragments: bytes) -> None:
        """A Send on stdin: of the pool when `pipeline` is None."""

    def signal(self, pipeline: uuid.UUID) -> None:
        """Stop the pipeline (powershell/signal/crtl_c)."""

    def close(self) -> None:
        """Delete the shell."""


class Engine(Protocol):
    """Makes shells over one host's state."""

    name: str

    def shell(
        self,
        state: HostState,
        shell_id: uuid.UUID,
        sink: Callable[[ShellEvent], None],
        ledger: Callable[[Executed], None],
    ) -> Shell:
        """A new pool. `sink` and `ledger` may be called from any thread."""

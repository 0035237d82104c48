"""What a transport is: a way to run scripts of an allowed set on one host and to get typed results back.

Scripts go out only through `Gate` (gate.py); failures come back as values of failures.py's tree. Times are seconds
on the controller's monotonic clock, handed in as a callable, never read from a module.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from playbooks.values import Value
from runner.transport.failures import Failure


@dataclass(frozen=True, slots=True)
class Script:
    """A rendered script. `name` says which step it belongs to; the hash covers `text` as UTF-8 bytes only."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256 of the UTF-8 text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ErrorText:
    """One error record as text: tainted. `error_id` is PowerShell's FullyQualifiedErrorId."""

    message: str
    error_id: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class Streams:
    """What one script wrote, kept apart. `output` holds typed values; the rest is tainted text."""

    output: tuple[Value, ...] = ()
    errors: tuple[ErrorText, ...] = ()
    warnings: tuple[str, ...] = ()
    verbose: tuple[str, ...] = ()
    information: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completed:
    """The script ran to its end (it may have written non-terminating errors)."""

    script: Script
    streams: Streams
    seconds: float


@dataclass(frozen=True, slots=True)
class Terminated:
    """The script ended in a terminating error; `streams` is what it had written before."""

    script: Script
    error: ErrorText
    streams: Streams
    seconds: float


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The script overran its deadline and was stopped."""

    script: Script
    limit_seconds: float
    streams: Streams


@dataclass(frozen=True, slots=True)
class Capped:
    """The script overran a cap of `Limits` and was stopped; what it wrote is dropped.

    `cap` is the name of the field of Limits that was hit.
    """

    script: Script
    cap: str
    limit: int


@dataclass(frozen=True, slots=True)
class NotRun:
    """The script gave no answer because the connection failed first. `started` is None when that is ambiguous."""

    script: Script
    failure: Failure
    started: bool | None


ScriptResult = Completed | Terminated | TimedOut | Capped | NotRun


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps per script on what a hostile server may make the controller hold."""

    max_bytes: int = 16 * 1024 * 1024  # of PSRP payload
    max_objects: int = 20_000  # written to any stream, and objects within them
    max_values: int = 200_000  # texts, numbers and so on within objects; what is referred to twice counts twice
    max_depth: int = 12  # nesting of one value
    max_xml_bytes: int = 4 * 1024 * 1024  # one PSRP message
    max_text: int = 1024 * 1024  # characters in one string


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds on the controller's monotonic clock.

    Attributes:
        host: for everything that is done on one host, but closing.
        connect: for connecting and authenticating, each time, and for the host to open a pool or take a pipeline.
        script: for each script.
        per_script: instead, by `Script.name`; from the action's contract.
        reply: how much later than it said a host may answer, or stop a script, before it is taken for dead.
        close: for closing the pool, connecting included.
    """

    host: float = 300.0
    connect: float = 30.0
    script: float = 60.0
    per_script: Mapping[str, float] = field(default_factory=dict)
    reply: float = 10.0
    close: float = 4.0


@dataclass(frozen=True, slots=True)
class Retried:
    """An attempt to open the pool failed and another follows after `wait_seconds`; `attempt` counts from 1."""

    failure: Failure
    attempt: int
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class Repeated:
    """The connection was lost while these scripts may have been running; they run once more in a new pool."""

    failure: Failure
    scripts: tuple[Script, ...]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A script could not be stopped, so its pool was given up and the rest runs in a new one."""

    script: Script


Notice = Retried | Repeated | Replaced
"""What happened beside the results and belongs into the journal."""


class Transport(Protocol):
    """One host, one runspace pool. Every method ends on its deadline; whatever raises other than TransportError is a
    defect of exrun, not the host's doing."""

    @property
    def requests(self) -> int:
        """HTTP requests sent so far, those of authentication included."""

    def open(self) -> None:
        """Connect, authenticate and open the runspace pool."""

    def run(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
        """Run independent scripts as one pipeline where that is possible; one result each, in order."""

    def cancel(self) -> None:
        """From any thread: end what `open` or `run` waits for with Cause.INTERRUPTED, now. `close` still works."""

    def close(self) -> None:
        """Close the pool on the host, best effort and bounded; never raises."""

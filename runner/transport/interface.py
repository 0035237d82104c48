"""What a transport is: a way to run scripts of an allowed set on one host and to get typed results back.

Scripts go out only through `Gate` (gate.py); failures come back as values of failures.py's tree. Times are seconds
on the controller's monotonic clock, handed in as a callable, never read from a module.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from playbooks.values import Value
from runner.transport.failures import Failure

if TYPE_CHECKING:  # the gate is made of scripts
    from runner.transport.gate import Gate


@dataclass(frozen=True, slots=True)
class Script:
    """A rendered script. `name` says which step it belongs to; the hash covers `text` as UTF-8 bytes only.

    Attributes:
        full: it asks for a session in the full language, which the host's own engine does not hold to reading.
        modules: what it needs imported before its session is locked.
    """

    name: str
    text: str
    full: bool = field(default=False, compare=False)
    modules: tuple[str, ...] = field(default=(), compare=False)
    _sha256: str = field(default="", init=False, repr=False, compare=False)

    @property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256 of the UTF-8 text; worked out once, for a text does not change."""
        if not self._sha256:
            object.__setattr__(self, "_sha256", hashlib.sha256(self.text.encode()).hexdigest())
        return self._sha256


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
    """A script that only reads gave no answer. `started` is None when nobody knows whether it had begun."""

    script: Script
    failure: Failure
    started: bool | None


ScriptResult = Completed | Terminated | TimedOut | Capped | NotRun
"""What comes of a script that only reads."""


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The change did not begin: it never left whole, or the host refused to take it. It may be sent again."""

    script: Script
    failure: Failure


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The change may have run, in whole, in part or not at all, or may be running still. Only the host can tell."""

    script: Script
    failure: Failure


ChangeResult = Completed | Terminated | TimedOut | Capped | NotStarted | Ambiguous
"""What comes of a script that changes something. TimedOut and Capped: it ran, and the host says that it was stopped."""


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
        host: for everything that is done over one connection, but closing; from its `open` on.
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
    """These scripts, which only read, may have run without an answer (`failure` says why) and are about to be sent
    once more. Told before they leave."""

    failure: Failure
    scripts: tuple[Script, ...]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A script could not be stopped, so its pool was given up and the rest runs in a new one."""

    script: Script


@dataclass(frozen=True, slots=True)
class LoggingOn:
    """The host is connected to, and is logged on to from now on. For people who watch: no journal has it."""


Notice = Retried | Repeated | Replaced | LoggingOn
"""What happened beside the results and belongs into the journal."""


class Transport(Protocol):
    """One host, one runspace pool. Every method ends on its deadline; whatever raises other than TransportError is a
    defect of exrun, not the host's doing. What `notify` raises (Notice) ends a method before anything is sent."""

    @property
    def requests(self) -> int:
        """HTTP requests sent so far over its connection, those of authentication included."""

    @property
    def pool(self) -> str:
        """What the host knows the runspace pool by, so that another connection can end it; empty without one."""

    @property
    def address(self) -> str:
        """The IP address that its connection leads to; empty without one."""

    def open(self) -> None:
        """Connect, authenticate and open the runspace pool. Raises TransportError.

        Pools that are to be ended first (`Connect`) are; where it is not known whether one is, none is opened.
        """

    def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
        """Run independent scripts that only read, as one pipeline where that is possible; one result each, in order.

        A script that may have run without an answer is sent once more, after a `Repeated` notice; in a new pool where
        the connection was lost, which is made once.

        Raises:
            ScriptRefused: the gate does not know one of them. Nothing was sent.
        """

    def change(self, script: Script) -> ChangeResult:
        """Run one script that may change something, in a pipeline of its own, at most once.

        Its bytes leave at most once: not after a lost connection, not when the host asks for authentication again, not
        in another pool. Behind an Ambiguous this transport sends nothing more: connect anew and look.

        Raises:
            ScriptRefused: the gate does not know it. Nothing was sent.
            Exception: any other, a defect of exrun, leaves open whether it ran.
        """

    def cancel(self) -> None:
        """From any thread: end what waits here with Cause.INTERRUPTED, now. `close` still works."""

    def close(self) -> None:
        """Close the pool on the host, best effort and bounded; never raises. A script that runs in it is ended."""


class Connect(Protocol):
    """The way to one host, of which its work makes connections: one a phase, and a further one when the last is gone
    (a restart, a confirmation). At most one of them is in use at a time.

    Two transports share a connection where one is made `beside` the other: each with a pool, a gate and deadlines of
    its own, so that what only reads is locked and cannot reach the pool in which something is changed.
    """

    @property
    def requests(self) -> int:
        """HTTP requests sent so far over all of them."""

    def wait(self, seconds: float) -> None:
        """Lets so much time pass, for a host that is away.

        Raises:
            TransportError: Cause.INTERRUPTED, once it is cancelled.
        """

    def __call__(
        self, gate: Gate, deadlines: Deadlines, *, beside: Transport | None = None, ending: Sequence[str] = ()
    ) -> Transport:
        """A transport that is not open yet: nothing is sent by making it.

        Args:
            gate: the texts that may be sent over it.
            deadlines: its own; `host` runs from its `open`. `per_script` by the script's name.
            beside: the transport, made by these connections, whose HTTP connection it uses as well: nobody logs on
                anew. It is closed before that one, which it is lost with.
            ending: pools of earlier connections, by `Transport.pool`, in which a script may be running still. Its
                `open` ends them before anything else.

        Raises:
            TransportError: Cause.TLS, when the host's CA or certificate files cannot be used.
        """

    def cancel(self) -> None:
        """From any thread: cancels each of its transports, and those that are still to be made."""

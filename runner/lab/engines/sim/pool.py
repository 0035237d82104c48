"""A runspace pool from its opening on, without a pipeline: messages in, messages out.

psrpcore reads what opens a pool and says what the pool answers. It takes 3 ms for that, and a fleet's hosts are all
sent the same: an opening that was seen before is answered from memory.
"""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from psrpcore import PSRPPayload, ServerRunspacePool, StreamType
from psrpcore.types import HostInfo, PSRPMessageType, RunspacePoolState

from runner.lab.engines import greeting
from runner.lab.psrp import Assembler, Message, to_server


class UnusableError(Exception):
    """The pool cannot go on; the text says why."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a client's first messages make of a pool, and what it answers; the same for every pool that they open."""

    minimum: int
    maximum: int
    has_ui: bool
    said: tuple[Message, ...]


def has_ui(host: HostInfo | None) -> bool:
    """Whether a client's host has a user interface."""
    return host is not None and not host.IsHostNull and not host.IsHostUINull


def opening(messages: tuple[tuple[int, bytes], ...]) -> Opening:
    """What the messages of creationXml open, each a type and its data. What psrpcore raises at CLIXML that is none,
    passes.

    Raises:
        UnusableError: they open no pool.
    """
    pool, said = _fed([Message(kind, data) for kind, data in messages])
    if pool.state is not RunspacePoolState.Opened:
        raise UnusableError("creationXml opens no runspace pool")
    return Opening(pool.min_runspaces, pool.max_runspaces, has_ui(pool.host), tuple(said))


def _fed(messages: Sequence[Message]) -> tuple[ServerRunspacePool, list[Message]]:
    """A pool of psrpcore's that was sent this, and what it says."""
    pool = ServerRunspacePool()
    pool.receive_data(PSRPPayload(b"".join(to_server(messages, _ANY, None, 1)), StreamType.default, None))
    while pool.next_event() is not None:
        pass
    said: list[Message] = []
    while (payload := pool.data_to_send()) is not None:
        said += Assembler().feed(payload.data)
    return pool, said


_ANY = uuid.UUID(int=1)  # what a pool is called changes nothing in what it says
Openings = Callable[[tuple[tuple[int, bytes], ...]], Opening]
"""`opening`, or one that remembers."""


class Pool:
    """One pool. Its methods return what it says; they raise UnusableError where it cannot go on.

    Attributes:
        id: as the client chose it.
        maximum: pipelines that run at a time.
    """

    def __init__(self, openings: Openings) -> None:
        self.id = uuid.UUID(int=0)
        self._openings = openings
        self._opening = Opening(1, 1, False, ())
        self.minimum = self.maximum = 1

    @property
    def has_ui(self) -> bool:
        """Whether the host of the client that opened it has a user interface."""
        return self._opening.has_ui

    def open(self, creation: bytes) -> Sequence[Message]:
        """The fragments of creationXml: the client's capability and InitRunspacePool."""
        messages = Assembler().feed(creation)
        opened = self._opening = self._openings(tuple((message.kind, message.data) for message in messages))
        self.id = uuid.UUID(bytes_le=messages[0].pool)
        self.minimum, self.maximum = opened.minimum, opened.maximum
        return opened.said

    def connect(self, messages: Sequence[Message]) -> Sequence[Message]:
        """What a client says that was not there before, and takes the pool over."""
        if not greeting.asks(messages):
            raise UnusableError("connectXml connects to no runspace pool")
        if any(message.pool != self.id.bytes_le for message in messages):
            raise UnusableError("connectXml is for another runspace pool")
        kept = {message.kind: message.data for message in self._opening.said}
        return greeting.again(kept, self.minimum, self.maximum)

    def take(self, message: Message, free: int) -> Sequence[Message]:
        """One message of the client's to the open pool.

        Args:
            free: runspaces in which nothing runs.
        """
        match message.kind:
            case PSRPMessageType.SetMaxRunspaces:
                ci, count = _call(message, "MaxRunspaces")
                fits = count >= self.minimum
                if fits:
                    self.maximum = count
                return [_answered(ci, f"<B {_RESPONSE}>{str(fits).lower()}</B>")]
            case PSRPMessageType.SetMinRunspaces:
                ci, count = _call(message, "MinRunspaces")
                fits = 1 <= count <= self.maximum
                if fits:
                    self.minimum = count
                return [_answered(ci, f"<B {_RESPONSE}>{str(fits).lower()}</B>")]
            case PSRPMessageType.GetAvailableRunspaces:
                return [_answered(_call(message)[0], f"<I32 {_RESPONSE}>{free}</I32>")]
            case PSRPMessageType.ResetRunspaceState:
                return [_answered(_call(message)[0], f"<B {_RESPONSE}>true</B>")]
            case PSRPMessageType.PublicKey:
                return self._key(message)
            case PSRPMessageType.RunspacePoolHostResponse:
                return []  # the pool has asked its client's host nothing
            case _:
                raise UnusableError(f"a message of type {message.kind:#x} has no place in an open pool")

    def _key(self, message: Message) -> Sequence[Message]:
        """The session's key, in the client's: psrpcore makes it. No script of this engine takes a secure string."""
        return _fed([message])[1]


_RESPONSE = 'N="SetMinMaxRunspacesResponse"'


def _call(message: Message, count: str = "") -> tuple[int, int]:
    """The number of a client's call to the pool, and the count that it names.

    .NET compares names of properties without regard to case, and clients rely on that: PowerShell writes `ci` (MS-PSRP
    2.2.2.6), pypsrp `CI`.
    """
    root = ET.fromstring(message.data)  # noqa: S314  # expat refuses bombs
    found: Mapping[str, str | None] = {each.get("N", "").casefold(): each.text for each in root.iterfind("MS/*")}
    return int(found["ci"] or ""), int(found[count.casefold()] or "") if count else 0


def _answered(ci: int, response: str) -> Message:
    """RUNSPACE_AVAILABILITY (MS-PSRP 2.2.2.8)."""
    data = f'<Obj RefId="0"><MS>{response}<I64 N="ci">{ci}</I64></MS></Obj>'
    return Message(PSRPMessageType.RunspaceAvailability, data.encode())

"""What a pool says to a client that takes it over: what it said when it was opened (MS-PSRP 3.2.5.4.2, 3.2.5.4.19).

PowerShell's server on standard input and output knows no second client. The messages are the same ones as at the
opening, with RUNSPACEPOOL_INIT_DATA among them, so they are kept and said again under numbers of their own.
"""

from __future__ import annotations

import re
import uuid

from psrpcore.types import PSRPMessageType

from runner.lab.psrp import Assembler, FragmentError, Message, to_client

_OPENED = b'<I32 N="RunspaceState">2</I32>'
_RUNSPACES = re.compile(rb'<I32 N="(Min|Max)Runspaces">(\d+)</I32>')
# Numbers of fragmented messages that PowerShell, which counts from 1, will not reach.
_FIRST_NUMBER = (1 << 48) + 1
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # before each message's data, as PowerShell has it


class Greeting:
    """Listens to a pool's opening, and repeats it."""

    def __init__(self) -> None:
        self._from_client = Assembler()
        self._from_server = Assembler()
        self._runspaces = {b"Min": b"1", b"Max": b"1"}
        self._kept: dict[int, bytes] = {}
        self._number = _FIRST_NUMBER
        self.opened = False

    def asked(self, creation: bytes) -> None:
        """What the first client sent to open the pool."""
        for message in _messages(self._from_client, creation):
            if message.kind == PSRPMessageType.InitRunspacePool:
                self._runspaces.update(_RUNSPACES.findall(message.data))

    def heard(self, fragments: bytes) -> None:
        """What the pool said since; of no interest once it is open."""
        if self.opened:
            return
        for message in _messages(self._from_server, fragments):
            if message.kind in (PSRPMessageType.SessionCapability, PSRPMessageType.ApplicationPrivateData):
                self._kept[message.kind] = message.data
            elif message.kind == PSRPMessageType.RunspacePoolState and _OPENED in message.data:
                self._kept[message.kind] = message.data
                self.opened = True

    def again(self, connection: bytes) -> bytes | None:
        """Fragments for a client that connects with `connection`; None where that is no connection to an open pool."""
        asked = _messages(Assembler(), connection)
        if not self.opened or not any(message.kind == PSRPMessageType.ConnectRunspacePool for message in asked):
            return None
        counts = b"".join(b'<I32 N="%sRunspaces">%s</I32>' % each for each in self._runspaces.items())
        said = {
            PSRPMessageType.SessionCapability: self._kept.get(PSRPMessageType.SessionCapability),
            PSRPMessageType.RunspacePoolInitData: b'<Obj RefId="0"><MS>' + counts + b"</MS></Obj>",
            PSRPMessageType.ApplicationPrivateData: self._kept.get(PSRPMessageType.ApplicationPrivateData),
            PSRPMessageType.RunspacePoolState: self._kept.get(PSRPMessageType.RunspacePoolState),
        }
        messages = [Message(kind, _BYTE_ORDER_MARK + data) for kind, data in said.items() if data is not None]
        first, self._number = self._number, self._number + len(messages)
        return b"".join(to_client(messages, uuid.UUID(bytes_le=asked[0].pool), None, first))


def _messages(assembler: Assembler, fragments: bytes) -> list[Message]:
    try:
        return assembler.feed(fragments)
    except FragmentError:
        return []

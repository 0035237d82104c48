"""What a pool says to a client that takes it over: what it said when it was opened (MS-PSRP 3.2.5.4.2, 3.2.5.4.19).

PowerShell's server on standard input and output knows no second client. The messages are the same ones as at the
opening, with RUNSPACEPOOL_INIT_DATA among them, so they are kept and said again under numbers of their own.
"""

from __future__ import annotations

import re
import struct

from runner.lab.fragments import Assembler, FragmentError, Message

_SESSION_CAPABILITY = 0x00010002
_INIT_RUNSPACEPOOL = 0x00010004
_RUNSPACEPOOL_STATE = 0x00021005
_APPLICATION_PRIVATE_DATA = 0x00021009
_RUNSPACEPOOL_INIT_DATA = 0x0002100B
_CONNECT_RUNSPACEPOOL = 0x00010008
_TO_CLIENT = 1
_WHOLE = 3  # one fragment: start and end
_OPENED = b'<I32 N="RunspaceState">2</I32>'
_RUNSPACES = re.compile(rb'<I32 N="(Min|Max)Runspaces">(\d+)</I32>')
# Numbers of fragmented messages that PowerShell, which counts from 1, will not reach.
_FIRST_NUMBER = 1 << 48


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
            if message.kind == _INIT_RUNSPACEPOOL:
                self._runspaces.update(_RUNSPACES.findall(message.data))

    def heard(self, fragments: bytes) -> None:
        """What the pool said since; of no interest once it is open."""
        if self.opened:
            return
        for message in _messages(self._from_server, fragments):
            if message.kind in (_SESSION_CAPABILITY, _APPLICATION_PRIVATE_DATA):
                self._kept[message.kind] = message.data
            elif message.kind == _RUNSPACEPOOL_STATE and _OPENED in message.data:
                self._kept[message.kind] = message.data
                self.opened = True

    def again(self, connection: bytes, pool: bytes) -> bytes | None:
        """Fragments for a client that connects with `connection`; None where that is no connection to an open pool.

        `pool` is the runspace pool's identifier as it stands in messages.
        """
        if not self.opened or not any(
            message.kind == _CONNECT_RUNSPACEPOOL for message in _messages(Assembler(), connection)
        ):
            return None
        counts = b"".join(b'<I32 N="%sRunspaces">%s</I32>' % each for each in self._runspaces.items())
        said = {
            _SESSION_CAPABILITY: self._kept.get(_SESSION_CAPABILITY),
            _RUNSPACEPOOL_INIT_DATA: b'<Obj RefId="0"><MS>' + counts + b"</MS></Obj>",
            _APPLICATION_PRIVATE_DATA: self._kept.get(_APPLICATION_PRIVATE_DATA),
            _RUNSPACEPOOL_STATE: self._kept.get(_RUNSPACEPOOL_STATE),
        }
        return b"".join(self._fragment(kind, data, pool) for kind, data in said.items() if data is not None)

    def _fragment(self, kind: int, data: bytes, pool: bytes) -> bytes:
        self._number += 1
        blob = struct.pack("<II16s16s", _TO_CLIENT, kind, pool, bytes(16)) + b"\xef\xbb\xbf" + data
        return struct.pack(">QQBI", self._number, 0, _WHOLE, len(blob)) + blob


def pool_of(fragments: bytes) -> bytes | None:
    """The identifier of the runspace pool in the first message's header; None where there is no such header."""
    return fragments[29:45] if len(fragments) >= 61 else None


def _messages(assembler: Assembler, fragments: bytes) -> list[Message]:
    try:
        return assembler.feed(fragments)
    except FragmentError:
        return []

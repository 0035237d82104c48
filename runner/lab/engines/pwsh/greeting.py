"""Listens to a pool's opening: PowerShell's server on standard input and output knows no second client, so the engine
greets one itself (greeting.py of the engines), under numbers of its own.
"""

from __future__ import annotations

import re
import uuid

from psrpcore.types import PSRPMessageType

from runner.lab.engines import greeting
from runner.lab.psrp import Assembler, FragmentError, Message, to_client

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
            if message.kind == PSRPMessageType.InitRunspacePool:
                self._runspaces.update(_RUNSPACES.findall(message.data))

    def heard(self, fragments: bytes) -> None:
        """What the pool said since; of no interest once it is open."""
        if self.opened:
            return
        for message in _messages(self._from_server, fragments):
            if message.kind in greeting.KEPT:
                self._kept[message.kind] = message.data
            if message.kind == PSRPMessageType.RunspacePoolState and _OPENED in message.data:
                self.opened = all(kind in self._kept for kind in greeting.KEPT)

    def again(self, connection: bytes) -> bytes | None:
        """Fragments for a client that connects with `connection`; None where that is no connection to an open pool."""
        asked = _messages(Assembler(), connection)
        if not self.opened or not greeting.asks(asked):
            return None
        messages = greeting.again(self._kept, int(self._runspaces[b"Min"]), int(self._runspaces[b"Max"]))
        first, self._number = self._number, self._number + len(messages)
        return b"".join(to_client(messages, uuid.UUID(bytes_le=asked[0].pool), None, first))


def _messages(assembler: Assembler, fragments: bytes) -> list[Message]:
    try:
        return assembler.feed(fragments)
    except FragmentError:
        return []

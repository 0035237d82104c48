"""PSRP messages and the fragments that carry them (MS-PSRP 2.2.1 and 2.2.4).

psrpcore does this too, but as a part of serialising; here a message's body is bytes, so that a body that many hosts
share is written, or read, once.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

# Windows sends fragments of 32 KiB; an envelope of the default size holds several.
MAX_FRAGMENT = 32 * 1024
# The default quota of what a client may send for one object (PSMaximumReceivedObjectSizeMB).
MAX_RECEIVED = 10 * 1024 * 1024

_FRAGMENT = struct.Struct(">QQBI")  # object, fragment, start and end, length
_MESSAGE = struct.Struct("<II16s16s")  # destination, type, runspace pool, pipeline
_TO_CLIENT = 1
_START, _END = 1, 2
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message: its type's number (MS-PSRP 2.2.1) and its CLIXML."""

    kind: int
    body: bytes


def fragments_of(message: Message, pool: uuid.UUID, pipeline: uuid.UUID, object_id: int) -> Iterator[bytes]:
    """The fragments of one message to a client, none longer than MAX_FRAGMENT.

    Args:
        object_id: no other message of the pool may have it.
    """
    blob = _MESSAGE.pack(_TO_CLIENT, message.kind, pool.bytes_le, pipeline.bytes_le) + message.body
    room = MAX_FRAGMENT - _FRAGMENT.size
    for number, at in enumerate(range(0, len(blob), room)):
        piece = blob[at : at + room]
        marks = (_START if at == 0 else 0) | (_END if at + room >= len(blob) else 0)
        yield _FRAGMENT.pack(object_id, number, marks, len(piece)) + piece


class Defragmenter:
    """Puts together the messages of one pipeline's client."""

    def __init__(self) -> None:
        self._rest = b""
        self._parts: dict[int, list[bytes]] = {}
        self._held = 0

    def receive(self, data: bytes) -> Iterator[Message]:
        """The messages that these fragments complete.

        Raises:
            ValueError: the fragments do not fit together, or more is sent than a server takes.
        """
        self._rest += data
        while len(self._rest) >= _FRAGMENT.size:
            object_id, number, marks, length = _FRAGMENT.unpack_from(self._rest)
            if self._held + length > MAX_RECEIVED:
                raise ValueError(f"the client sent an object of more than {MAX_RECEIVED} bytes")
            if len(self._rest) < _FRAGMENT.size + length:
                return
            piece = self._rest[_FRAGMENT.size : _FRAGMENT.size + length]
            self._rest = self._rest[_FRAGMENT.size + length :]
            parts = self._parts.setdefault(object_id, [])
            if number != len(parts) or (number == 0) != bool(marks & _START):
                raise ValueError(f"fragment {number} of object {object_id} arrived where {len(parts)} was due")
            parts.append(piece)
            self._held += length
            if marks & _END:
                del self._parts[object_id]
                self._held -= sum(map(len, parts))
                yield _message(b"".join(parts))


def _message(blob: bytes) -> Message:
    if len(blob) < _MESSAGE.size:
        raise ValueError("a message is shorter than its header")
    _, kind, _, _ = _MESSAGE.unpack_from(blob)
    return Message(kind, blob[_MESSAGE.size :].removeprefix(_BYTE_ORDER_MARK))

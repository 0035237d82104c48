"""The fragments that carry an engine's messages (MS-PSRP 2.2.1 and 2.2.4).

psrpcore makes them too, but as a part of serialising; here a message's body is bytes, written by clixml.py.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from runner.lab.fragments import HEADER

# Windows sends fragments of 32 KiB; an envelope of the default size holds several.
MAX_FRAGMENT = 32 * 1024

_FRAGMENT = struct.Struct(">QQBI")  # object, fragment, start and end, length
_MESSAGE = struct.Struct("<II16s16s")  # destination, type, runspace pool, pipeline
_TO_CLIENT = 1
_START, _END = 1, 2


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
    room = MAX_FRAGMENT - HEADER
    for number, at in enumerate(range(0, len(blob), room)):
        piece = blob[at : at + room]
        marks = (_START if at == 0 else 0) | (_END if at + room >= len(blob) else 0)
        yield _FRAGMENT.pack(object_id, number, marks, len(piece)) + piece

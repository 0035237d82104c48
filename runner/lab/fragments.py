"""PSRP fragments as bytes: where one ends, and which message they make (MS-PSRP 2.2.4, 2.2.1)."""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass

HEADER = 21
CREATE_PIPELINE = 0x00021006  # MS-PSRP 2.2.2.10
GET_COMMAND_METADATA = 0x0002100A  # MS-PSRP 2.2.2.14

_LAYOUT = struct.Struct(">QQBI")
_START, _END = 1, 2


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message: its type, whose it is, and its data (CLIXML)."""

    kind: int
    pipeline: uuid.UUID
    data: bytes


class FragmentError(Exception):
    """The bytes are not whole fragments in order."""


def split(data: bytes) -> list[bytes]:
    """Whole fragments, in order; what does not look like one stays with the rest as one piece."""
    pieces, at = [], 0
    while at < len(data):
        end = at + HEADER
        if end <= len(data):
            end += _LAYOUT.unpack_from(data, at)[3]
        if end > len(data):
            end = len(data)
        pieces.append(data[at:end])
        at = end
    return pieces


class Assembler:
    """Makes messages of one direction's fragments; as strict as a server must be.

    Args:
        most_bytes: of one unfinished message.
    """

    def __init__(self, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._most = most_bytes
        self._parts: dict[int, tuple[int, list[bytes]]] = {}

    @property
    def idle(self) -> bool:
        """No message is unfinished."""
        return not self._parts

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes.

        Raises:
            FragmentError: a fragment is cut off, out of order, or makes a message too large or too short.
        """
        messages, at = [], 0
        while at < len(data):
            if len(data) - at < HEADER:
                raise FragmentError("a fragment's header is cut off")
            number, index, flags, size = _LAYOUT.unpack_from(data, at)
            blob = data[at + HEADER : at + HEADER + size]
            if len(blob) != size:
                raise FragmentError("a fragment is cut off")
            at += HEADER + size
            if flags & _START:
                if index != 0 or number in self._parts:
                    raise FragmentError("a message begins twice")
                expected, parts = 0, list[bytes]()
            elif number in self._parts:
                expected, parts = self._parts.pop(number)
            else:
                raise FragmentError("a message's begin is missing")
            if index != expected:
                raise FragmentError("fragments are out of order")
            parts.append(blob)
            if sum(map(len, parts)) > self._most:
                raise FragmentError("a message is too large")
            if flags & _END:
                messages.append(_message(b"".join(parts)))
            else:
                self._parts[number] = (expected + 1, parts)
        return messages


def _message(data: bytes) -> Message:
    if len(data) < 40:
        raise FragmentError("a message is too short")
    kind = struct.unpack_from("<I", data, 4)[0]
    return Message(kind, uuid.UUID(bytes_le=data[24:40]), data[40:].removeprefix(b"\xef\xbb\xbf"))

"""PSRP's framing: fragments, and the messages that they make (MS-PSRP 2.2.4, 2.2.1). Of content it knows nothing.

A fragment is the number of its message (8 bytes), its own number in it (8), marks (1: start, 2: end), the length of its
blob (4), all big-endian, then the blob. A message is its destination (4), type (4), runspace pool (16) and pipeline
(16), all little-endian, then data, which is CLIXML, with or without a byte order mark.

The types of messages are psrpcore's `PSRPMessageType`.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

MAX_FRAGMENT = 32 * 1024
"""Windows sends fragments of 32 KiB; an envelope of the default size holds several."""

NO_PIPELINE = bytes(16)

_FRAGMENT = struct.Struct(">QQBI")
_MESSAGE = struct.Struct("<II16s16s")
_HEAD = struct.Struct("<II")  # of a message, before whose it is
_TO_CLIENT, _TO_SERVER = 1, 2
_START, _END = 1, 2
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class FragmentError(Exception):
    """The bytes are not whole fragments in order."""


class Fragment(NamedTuple):
    """One fragment. `message` is the number of the message that it is a part of, `number` its own in that."""

    message: int
    number: int
    start: bool
    end: bool
    blob: bytes

    @property
    def kind(self) -> int | None:
        """The type of the message that begins here; None where none does, or its header is not whole."""
        if not self.start or len(self.blob) < _MESSAGE.size:
            return None
        return int(_MESSAGE.unpack_from(self.blob)[1])


def fragments(data: bytes) -> tuple[list[Fragment], int]:
    """The whole fragments with which `data` begins, and where the rest begins that is none, or not yet."""
    found: list[Fragment] = []
    at, end = 0, len(data)
    while end - at >= _FRAGMENT.size:
        message, number, marks, size = _FRAGMENT.unpack_from(data, at)
        begin = at + _FRAGMENT.size
        if begin + size > end:
            break
        at = begin + size
        found.append(Fragment(message, number, bool(marks & _START), bool(marks & _END), data[begin:at]))
    return found, at


def split(data: bytes) -> list[bytes]:
    """Whole fragments as they are, in order; what does not look like one stays with the rest as one piece."""
    pieces: list[bytes] = []
    at = 0
    for fragment in fragments(data)[0]:
        end = at + _FRAGMENT.size + len(fragment.blob)
        pieces.append(data[at:end])
        at = end
    if at < len(data):
        pieces.append(data[at:])
    return pieces


def end_of(pieces: Sequence[bytes], kind: int) -> int | None:
    """How many of these fragments there are up to the end of the first message of a type; None without that end."""
    inside = False
    for index, piece in enumerate(pieces):
        for fragment in fragments(piece)[0]:
            if fragment.start:
                inside = fragment.kind == kind
            if inside and fragment.end:
                return index + 1
    return None


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message: its type, its data, and whose it is; `pipeline` is `NO_PIPELINE` where it is the pool's."""

    kind: int
    data: bytes
    pool: bytes = NO_PIPELINE
    pipeline: bytes = NO_PIPELINE


class Assembler:
    """Makes messages of one direction's fragments; as strict as a server must be.

    Args:
        most_bytes: of one unfinished message.
    """

    def __init__(self, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._most = most_bytes
        self._parts: dict[int, list[bytes]] = {}
        self._sizes: dict[int, int] = {}

    @property
    def idle(self) -> bool:
        """No message is unfinished."""
        return not self._parts

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes.

        Raises:
            FragmentError: a fragment is cut off, out of order, or makes a message too large or too short.
        """
        found, rest = fragments(data)
        messages = [message for fragment in found if (message := self._take(fragment)) is not None]
        if rest != len(data):
            raise FragmentError("a fragment is cut off")
        return messages

    def _take(self, fragment: Fragment) -> Message | None:
        number = fragment.message
        if fragment.start:
            if fragment.number != 0 or number in self._parts:
                raise FragmentError("a message begins twice")
            if fragment.end:
                return _message(fragment.blob, self._most)
            self._parts[number], self._sizes[number] = [], 0
        elif number not in self._parts:
            raise FragmentError("a message's begin is missing")
        parts = self._parts[number]
        if fragment.number != len(parts):
            raise FragmentError("fragments are out of order")
        parts.append(fragment.blob)
        self._sizes[number] += len(fragment.blob)
        if self._sizes[number] > self._most:
            raise FragmentError("a message is too large")
        if not fragment.end:
            return None
        del self._parts[number], self._sizes[number]
        return _message(b"".join(parts), self._most)


def _message(blob: bytes, most: int) -> Message:
    if len(blob) > most:
        raise FragmentError("a message is too large")
    if len(blob) < _MESSAGE.size:
        raise FragmentError("a message is too short")
    _, kind, pool, pipeline = _MESSAGE.unpack_from(blob)
    return Message(kind, blob[_MESSAGE.size :].removeprefix(_BYTE_ORDER_MARK), pool, pipeline)


def to_client(messages: Iterable[Message], pool: uuid.UUID, pipeline: uuid.UUID | None, first: int) -> Iterator[bytes]:
    """The fragments of messages to a client, none longer than MAX_FRAGMENT.

    Args:
        pool: whose messages they are, and of which pipeline of it; what the messages themselves say does not count.
        first: the first one's number, and those that follow have the next; no other message of the pool may have them.
    """
    return _framed(_TO_CLIENT, messages, pool, pipeline, first)


def to_server(messages: Iterable[Message], pool: uuid.UUID, pipeline: uuid.UUID | None, first: int) -> Iterator[bytes]:
    """The same of messages to a server."""
    return _framed(_TO_SERVER, messages, pool, pipeline, first)


def _framed(
    destination: int, messages: Iterable[Message], pool: uuid.UUID, pipeline: uuid.UUID | None, first: int
) -> Iterator[bytes]:
    owner = pool.bytes_le + (NO_PIPELINE if pipeline is None else pipeline.bytes_le)
    room = MAX_FRAGMENT - _FRAGMENT.size
    for number, message in enumerate(messages, first):
        blob = _HEAD.pack(destination, message.kind) + owner + message.data
        if len(blob) <= room:
            yield _FRAGMENT.pack(number, 0, _START | _END, len(blob)) + blob
            continue
        for index, at in enumerate(range(0, len(blob), room)):
            piece = blob[at : at + room]
            marks = (_START if at == 0 else 0) | (_END if at + room >= len(blob) else 0)
            yield _FRAGMENT.pack(number, index, marks, len(piece)) + piece

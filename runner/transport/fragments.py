"""PSRP messages out of the fragments that a server sends, and no more of them in memory than is allowed.

Sans-IO: bytes in, messages out. Facts: MS-PSRP 2.2.4 (fragment), 2.2.1 (message).
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import lru_cache

_FRAGMENT = struct.Struct(">QQBI")  # object id, fragment id, flags, length of the data that follows
_MESSAGE = struct.Struct("<II16s16s")  # destination, type, pool, pipeline
_START, _END = 1, 2
_TO_CLIENT, _TO_SERVER = 1, 2
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NO_PIPELINE = bytes(16)


class Garbage(Exception):  # noqa: N818  # named for what the bytes are
    """The bytes are not PSRP fragments for a client; nothing that follows them can be trusted."""


@dataclass(frozen=True, slots=True)
class Message:
    """One whole PSRP message. `pipeline` is None for those of the pool; `size` is its bytes, headers included."""

    kind: int
    pipeline: uuid.UUID | None
    xml: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Oversize:
    """A message that is larger than allowed; the rest of it is thrown away as it comes. `size` is what it has at least,
    in bytes, however it is delivered."""

    pipeline: uuid.UUID | None
    size: int


class Assembler:
    """Puts the messages of one stream together. As in PowerShell's own client, one message ends before the next.

    Args:
        max_xml_bytes: of one message.
    """

    def __init__(self, max_xml_bytes: int) -> None:
        self._max_size = max_xml_bytes + _MESSAGE.size + len(_BYTE_ORDER_MARK)
        self._header = b""  # of a fragment, as far as it has come
        self._left = 0  # bytes of the current fragment's data that are still to come
        self._ends = False  # whether the current fragment is its message's last
        self._object: tuple[int, int] | None = None  # id, and the fragment id that must follow
        self._data = bytearray()
        self._discarding = False

    @property
    def held(self) -> int:
        """Bytes of a message that is not whole yet."""
        return len(self._data)

    def feed(self, data: bytes) -> Iterator[Message | Oversize]:
        """The messages that `data` completes. A fragment may be split over two calls at any byte.

        Raises:
            Garbage: as soon as it is met; the messages before it have been given out.
        """
        view = memoryview(data)[(yield from self._whole(data)) :]
        while view:
            if not self._left:
                wanted = _FRAGMENT.size - len(self._header)
                self._header += bytes(view[:wanted])
                view = view[wanted:]
                if len(self._header) < _FRAGMENT.size:
                    return
                self._begin()
            chunk = view[: self._left]
            view = view[len(chunk) :]
            self._left -= len(chunk)
            if not self._discarding:
                self._data += chunk
                if len(self._data) > self._max_size:
                    yield Oversize(_header_of(self._data)[1], self._max_size + 1)
                    self._discarding = True
                    self._data = bytearray()
            if not self._left:
                yield from self._finish()

    def _whole(self, data: bytes) -> Generator[Message, None, int]:
        """The messages with which `data` begins that are one fragment each, as most are; how many bytes they take."""
        at, most = 0, len(data) - _FRAGMENT.size
        if self._header or self._left or self._object is not None:
            return 0
        while at <= most:
            _, fragment_id, flags, length = _FRAGMENT.unpack_from(data, at)
            begins = at + _FRAGMENT.size
            ends = begins + length
            if flags != _START | _END or fragment_id or ends > len(data) or length > self._max_size:
                break
            kind, pipeline = _header_of(data[begins : begins + _MESSAGE.size] if length >= _MESSAGE.size else b"")
            yield Message(kind, pipeline, data[begins + _MESSAGE.size : ends].removeprefix(_BYTE_ORDER_MARK), length)
            at = ends
        return at

    def _begin(self) -> None:
        object_id, fragment_id, flags, length = _FRAGMENT.unpack(self._header)
        self._header = b""
        if flags > _START | _END:
            raise Garbage("a fragment has flags that PSRP does not know")
        if bool(flags & _START) != (self._object is None):
            raise Garbage("a message begins before the last one ended, or goes on without having begun")
        if (object_id, fragment_id) != (self._object or (object_id, 0)):
            raise Garbage("a fragment is missing, or from another message")
        self._object = object_id, fragment_id + 1
        self._left = length
        self._ends = bool(flags & _END)

    def _finish(self) -> Iterator[Message]:
        if not self._ends:
            return
        self._object = None
        if self._discarding:
            self._discarding = False
            return
        data, self._data = bytes(self._data), bytearray()
        kind, pipeline = _header_of(data)
        yield Message(kind, pipeline, data[_MESSAGE.size :].removeprefix(_BYTE_ORDER_MARK), len(data))


def _header_of(data: bytes | bytearray) -> tuple[int, uuid.UUID | None]:
    if len(data) < _MESSAGE.size:
        raise Garbage("a message is shorter than its header")
    destination, kind, _, pipeline = _MESSAGE.unpack_from(data)
    if destination != _TO_CLIENT:
        raise Garbage("a message is not for a client")
    return kind, None if pipeline == _NO_PIPELINE else _named(pipeline)


@lru_cache(maxsize=64)
def _named(pipeline: bytes) -> uuid.UUID:
    """The pipeline of a message; most messages of a stream have the same."""
    return uuid.UUID(bytes_le=pipeline)


CREATE_PIPELINE = 0x00021006
SESSION_CAPABILITY = 0x00010002
INIT_RUNSPACEPOOL = 0x00010004


def header(kind: int, pool: uuid.UUID, pipeline: uuid.UUID | None = None) -> bytes:
    """What stands before the XML of a message to a server."""
    return _MESSAGE.pack(_TO_SERVER, kind, pool.bytes_le, _NO_PIPELINE if pipeline is None else pipeline.bytes_le)


def split(object_id: int, message: bytes, largest: int) -> list[bytes]:
    """A message in fragments of at most `largest` bytes each, their own header included."""
    size = largest - _FRAGMENT.size
    packed = []
    for number, at in enumerate(range(0, len(message), size)):
        part = message[at : at + size]
        flags = (_START if at == 0 else 0) | (_END if at + size >= len(message) else 0)
        packed.append(_FRAGMENT.pack(object_id, number, flags, len(part)) + part)
    return packed

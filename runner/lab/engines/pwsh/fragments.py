"""The one thing about PSRP that a carrier has to see: when a pipeline's final state has gone by.

A fragment (MS-PSRP 2.2.4) is ObjectId (8 bytes), FragmentId (8), flags (1: start, 2: end), length of its blob (4), all
big-endian, then the blob. The first fragment of a message holds the message's header (MS-PSRP 2.2.1): destination (4),
type (4), runspace pool (16), pipeline (16), all little-endian, then the data as CLIXML.
"""

from __future__ import annotations

import re
import struct

_FRAGMENT = struct.Struct(">QQBI")
_HEADER = struct.Struct("<II16s16s")
_START, _END = 1, 2
_PIPELINE_STATE = 0x00041006
_STATE = re.compile(rb'<I32 N="PipelineState">(\d+)</I32>')
_FINAL = (b"3", b"4", b"5")  # Stopped, Completed, Failed (MS-PSRP 2.2.3.5)


class PipelineWatch:
    """Follows one pipeline's fragments from the server; `done` is true from the last fragment of its final state on."""

    def __init__(self) -> None:
        self.done = False
        self._rest = b""
        self._final: int | None = None  # ObjectId of the message with the final state

    def feed(self, fragments: bytes) -> bool:
        """Takes more bytes, which may end in the middle of a fragment; returns `done`."""
        self._rest += fragments
        while len(self._rest) >= _FRAGMENT.size:
            object_id, _, flags, length = _FRAGMENT.unpack_from(self._rest)
            end = _FRAGMENT.size + length
            if len(self._rest) < end:
                break
            blob, self._rest = self._rest[_FRAGMENT.size : end], self._rest[end:]
            if flags & _START and _is_final_state(blob):
                self._final = object_id
            if flags & _END and object_id == self._final:
                self.done = True
        return self.done


def _is_final_state(blob: bytes) -> bool:
    if len(blob) < _HEADER.size or _HEADER.unpack_from(blob)[1] != _PIPELINE_STATE:
        return False
    state = _STATE.search(blob, _HEADER.size)
    return state is not None and state[1] in _FINAL

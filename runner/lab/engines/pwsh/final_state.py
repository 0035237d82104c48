"""The one thing about PSRP that a carrier has to see: when a pipeline's final state has gone by."""

from __future__ import annotations

import re

from psrpcore.types import PSRPMessageType

from runner.lab.psrp import Fragment, fragments

_STATE = re.compile(rb'<I32 N="PipelineState">(\d+)</I32>')
_FINAL = (b"3", b"4", b"5")  # Stopped, Completed, Failed (MS-PSRP 2.2.3.5)


class PipelineWatch:
    """Follows one pipeline's fragments from the server; `done` is true from the last fragment of its final state on."""

    def __init__(self) -> None:
        self.done = False
        self._rest = b""
        self._final: int | None = None  # number of the message with the final state

    def feed(self, data: bytes) -> bool:
        """Takes more bytes, which may end in the middle of a fragment; returns `done`."""
        self._rest += data
        found, end = fragments(self._rest)
        self._rest = self._rest[end:]
        for fragment in found:
            if _is_final_state(fragment):
                self._final = fragment.message
            if fragment.end and fragment.message == self._final:
                self.done = True
        return self.done


def _is_final_state(fragment: Fragment) -> bool:
    if fragment.kind != PSRPMessageType.PipelineState:
        return False
    state = _STATE.search(fragment.blob)
    return state is not None and state[1] in _FINAL

"""Ctrl-C: ends a run in good order, and once more than that the process, at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from runner.exit_status import ExitStatus
from runner.fleet import Stop
from runner.rollout import Letting

_SHOW_CURSOR = b"\x1b[?25h"  # a live display has hidden it
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


@contextmanager
def interruptible(stop: Stop, ladder: Sequence[Letting]) -> Iterator[None]:
    """While this lasts, SIGINT, SIGTERM, SIGHUP and Windows' Ctrl-Break ask `stop`, each time for more.

    Args:
        ladder: what the first asks for, the second, and so on; one more ends the process at once, with 130.

    May be used in the main thread alone, as Python handles signals there.
    """

    rungs = iter(ladder)

    def handle(number: int, frame: FrameType | None) -> None:
        wanted = next(rungs, None)
        if wanted is None:
            if sys.stderr.isatty():
                os.write(2, _SHOW_CURSOR)
            os._exit(ExitStatus.INTERRUPTED)
        stop.requested = wanted

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

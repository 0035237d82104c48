"""Waiting for what another thread, process or socket does: the one place in which tests look at a clock.

A wait ends as soon as what is waited for happens. How long it took says how busy the machine is, so nothing here tells;
what a test asserts is what happened.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

HANG_SECONDS = 120.0  # only what never happens takes so long, on a machine however busy
_PAUSE = 0.01  # seconds


def happens(true: Callable[[], bool]) -> bool:
    """Whether it comes to be true, before it must be taken for a hang."""
    until = time.monotonic() + HANG_SECONDS
    while not (now := true()) and time.monotonic() < until:
        time.sleep(_PAUSE)
    return now


def ends(thread: threading.Thread) -> bool:
    """Whether a thread ends, before it must be taken for hanging."""
    thread.join(HANG_SECONDS)
    return not thread.is_alive()

"""Couriers at work beside a run: a thread each, which the run never waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runner.forwarding.courier import Courier, Left

LOOK_SECONDS = 0.5  # between looks at whether the journal has more
END_SECONDS = 5.0  # that the end of a command waits for what is still under way, over all destinations


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one client's events at one destination, when the command ended."""

    client: str
    to: str
    left: Left


class Sending:
    """Begins a thread for each courier that it is given. `finish` at the end."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, end_seconds: float = END_SECONDS) -> None:
        self._monotonic = monotonic
        self._end_seconds = end_seconds
        self._over = threading.Event()
        self._working: list[tuple[str, Courier, threading.Thread]] = []

    def begin(self, client: str, courier: Courier) -> None:
        """Sends what its journal has and gets."""
        # A daemon: an attempt that hangs ends with the process, and what it had not delivered is sent again.
        thread = threading.Thread(target=self._work, args=(courier,), name="exrun-events", daemon=True)
        self._working.append((client, courier, thread))
        thread.start()

    def finish(self) -> Sequence[Sent]:
        """Lets what is left be tried once more, for a few seconds in all, and says what was not delivered."""
        self._over.set()
        until = self._monotonic() + self._end_seconds
        for _, _, thread in self._working:
            thread.join(max(0.0, until - self._monotonic()))
        return [Sent(client, str(courier.to), courier.left()) for client, courier, _ in self._working]

    def _work(self, courier: Courier) -> None:
        while not self._over.is_set():
            if not courier.pump(self._monotonic()):
                self._over.wait(LOOK_SECONDS)
        while courier.last():
            pass

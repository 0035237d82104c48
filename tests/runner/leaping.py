"""Time that controller and lab have in common, and that passes only where both wait: it leaps to what comes first.

Nobody waits for it, and how busy the machine is changes nothing. Before each leap the lab does all that it has to do:
it says when it would wake by itself only once nothing has come to it any more.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from runner.transport.wire import Waiting, _is_ready

PATIENCE_SECONDS = 60.0  # of a test with the lab's thread


class Question:
    """When the lab wakes by itself, once it has nothing to do."""

    def __init__(self) -> None:
        self._answered = threading.Event()
        self._wakes = math.inf

    def answer(self, wakes: float) -> None:
        self._wakes = wakes
        self._answered.set()

    def wait(self) -> float:
        assert self._answered.wait(PATIENCE_SECONDS), "the lab is never at rest"
        return self._wakes


class Time:
    """It. One thread of the controller's may wait at a time, and the lab has one thread.

    Attributes:
        now: seconds.
        looked: called with each leap.
    """

    def __init__(self, began: datetime = datetime(2026, 11, 24, tzinfo=UTC)) -> None:
        self.now = 0.0
        self.asked: Question | None = None
        self._began = began
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self) -> float:
        return self.now

    def date(self) -> datetime:
        """The same, as a server says it."""
        return self._began + timedelta(seconds=self.now)

    @property
    def waiting(self) -> Waiting:
        """What the controller waits with."""
        return Waiting(self, self._ready, self._pause)

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """What the lab is served in."""
        self._loop = _Loop(self)
        return self._loop

    def pass_time(self, seconds: float) -> None:
        """So long nobody does anything but the lab."""
        self._leap(self.now + seconds, lambda: False)

    def _ready(self, sock: socket.socket, writes: bool, seconds: float) -> bool:
        return self._leap(self.now + seconds, lambda: _is_ready(sock, writes, 0.0))

    def _pause(self, event: threading.Event, seconds: float) -> bool:
        return self._leap(self.now + seconds, event.is_set)

    def _leap(self, until: float, come: Callable[[], bool]) -> bool:
        """Whether something comes before this time; it is then."""
        while not come():
            wakes = self._wakes()
            if come():
                return True
            self.now = max(self.now, min(wakes, until))
            if wakes > until:
                return come()
        return True

    def _wakes(self) -> float:
        loop = self._loop
        if loop is None or loop.is_closed():
            return math.inf
        self.asked = asked = Question()
        loop.call_soon_threadsafe(lambda: None)
        return asked.wait()


class _Loop(asyncio.SelectorEventLoop):
    """The lab's, by this time."""

    def __init__(self, time: Time) -> None:
        self._time = time
        super().__init__(_Selector(time))

    def time(self) -> float:
        return self._time.now


class _Selector(selectors.DefaultSelector):
    """Waits for what comes, and for no time to pass."""

    def __init__(self, time: Time) -> None:
        super().__init__()
        self._time = time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        asked = self._time.asked  # what came before it was asked is seen below
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        if asked is not None:
            self._time.asked = None
            asked.answer(math.inf if timeout is None else self._time.now + timeout)
        return super().select(None)

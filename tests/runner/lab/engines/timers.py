"""Time for engines under test: it passes when the test says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Due:
    """A call that is due at a time."""

    at: float
    call: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        """It will not be made."""
        self.cancelled = True


class Timers:
    """An event loop's `call_later`, without the loop."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[Due] = []

    def call_later(self, seconds: float, call: Callable[[], None]) -> Due:
        """The call is made by `pass_time`."""
        due = Due(self.now + seconds, call)
        self.due.append(due)
        return due

    def pass_time(self, seconds: float) -> None:
        """Makes what is due until then, in order, also what that makes due."""
        end = self.now + seconds
        while ready := [due for due in self.due if due.at <= end and not due.cancelled]:
            first = min(ready, key=lambda due: due.at)
            self.due.remove(first)
            self.now = first.at
            first.call()
        self.now = end

    @property
    def waiting(self) -> int:
        """How many calls are still to be made."""
        return sum(not due.cancelled for due in self.due)


class Slices(Timers):
    """The same, and what is due at once is made at once: a long answer comes whole."""

    def call_later(self, seconds: float, call: Callable[[], None]) -> Due:
        """Made now where no time is to pass, else by `pass_time`."""
        if seconds > 0:
            return super().call_later(seconds, call)
        call()
        return Due(self.now, call)

"""What a sink is: something that takes entries and says that they have arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from runner.forwarding.entries import Entry


class NotDeliveredError(Exception):
    """Raised where it is not known that entries have arrived; they are sent again.

    Attributes:
        why: in our words, without any of the receiver's.
        wait_seconds: how long the receiver asks to be left alone; None where it says nothing.
    """

    def __init__(self, why: str, wait_seconds: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.wait_seconds = wait_seconds


class Sink(Protocol):
    """One destination. Used by one thread."""

    def deliver(self, entries: Sequence[Entry]) -> int:
        """Hands entries over, in their order, and returns once they have arrived.

        Returns:
            How many of them the receiver has refused for good: told, and not sent again.

        Raises:
            NotDeliveredError: some may not have arrived.
        """
        ...

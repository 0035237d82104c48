"""How much of what hosts send may be held at one time, over all hosts that are worked with.

Caps on one answer do not bound a run: many hosts together can send more than this machine has. Each host may hold
`floor` bytes unasked, so that one that answers as servers do never waits for others. Beyond it, hosts share `most`
bytes. Who would exceed it waits until others let go, or until its deadline.

Nobody waits for good: once everyone who holds something waits, the one that holds the most is given up, with a cause
that says so. `Books` is the pure part; a `Share` is one connection's, for its thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum, IntEnum, auto

from runner.transport.failures import Cause, TransportError, failure

_SLICE = 0.2  # seconds between two looks at a deadline and a cancellation
_GRAIN = 256 * 1024  # bytes; a share grows and shrinks in such steps, so that most of its changes ask nobody
_MIB = 1024 * 1024


class What(IntEnum):
    """What a share is held for. Each is an estimate of this process's memory, in bytes."""

    REPLY = 0  # an HTTP reply and what is made of it until PSRP is taken from it
    FRAGMENTS = 1  # of messages that are not whole yet
    PARSING = 2  # one message as a tree of elements
    VALUES = 3  # what scripts answered, until the connection is closed


class Answer(Enum):
    """To who asks for more."""

    GRANTED = auto()
    WAIT = auto()
    TOO_MUCH = auto()  # more than there is, whoever lets go
    GIVEN_UP = auto()  # everyone who holds something waits, and this one holds the most


class Books:
    """Who holds how much of `most`, and who waits for more. Pure; not for two threads at once.

    Attributes:
        used: bytes that are held.
        highest: `used` at its highest.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0
        self.highest = 0
        self._held: dict[int, int] = {}
        self._waiting: dict[int, int] = {}

    def held(self, who: int) -> int:
        """What one holds, in bytes."""
        return self._held.get(who, 0)

    def ask(self, who: int, size: int) -> Answer:
        """`who` would hold `size` bytes in all, in place of what it holds. Less is always granted.

        Who is told to wait asks again when something has changed, or ends it with `leave` or a smaller size.
        """
        held = self.held(who)
        if size <= held or self.used - held + size <= self.most:
            self._set(who, size)
            return Answer.GRANTED
        if size > self.most:
            return self._refused(who, Answer.TOO_MUCH)
        self._waiting[who] = size
        # Everyone who waits comes by here again, so the one that holds the most does, and goes.
        if all(each in self._waiting for each in self._held) and max(self._held, key=self.held) == who:
            return self._refused(who, Answer.GIVEN_UP)
        return Answer.WAIT

    def leave(self, who: int) -> None:
        """It holds nothing and waits for nothing any more."""
        self._set(who, 0)

    def _set(self, who: int, size: int) -> None:
        self._waiting.pop(who, None)
        self.used += size - self._held.pop(who, 0)
        self.highest = max(self.highest, self.used)
        if size:
            self._held[who] = size

    def _refused(self, who: int, answer: Answer) -> Answer:
        self._waiting.pop(who, None)
        return answer


class MemoryBudget:
    """The memory of one run. May be used by many threads.

    Args:
        most: bytes that hosts hold together beyond `floor` each.
        floor: bytes that each may hold unasked.
    """

    def __init__(self, most: int = 256 * _MIB, floor: int = _MIB) -> None:
        self.floor = floor
        self._books = Books(most)
        self._changed = threading.Condition()
        self._shares = 0

    @property
    def most(self) -> int:
        """Bytes that hosts hold together beyond `floor` each."""
        return self._books.most

    @property
    def highest(self) -> int:
        """The most bytes that were held at one time, beyond the floors."""
        return self._books.highest

    @property
    def used(self) -> int:
        """Bytes that are held now, beyond the floors."""
        return self._books.used

    def share(self, clock: Callable[[], float], check: Callable[[], None]) -> Share:
        """What one connection holds.

        Args:
            clock: monotonic seconds.
            check: is called while it waits and may raise to end the wait.
        """
        with self._changed:
            self._shares += 1
            return Share(self, self._shares, clock, check)

    def ask(self, who: int, size: int, until: float, clock: Callable[[], float], check: Callable[[], None]) -> None:
        """For Share: waits until `who` may hold `size` bytes. Raises TransportError: Cause.MEMORY, or as `check`."""
        with self._changed:
            answer = self._books.ask(who, size)
            self._changed.notify_all()  # it let go of something; or it waits too, and another may have to go
            while answer is Answer.WAIT:
                try:
                    check()
                    left = until - clock()
                    if left <= 0:
                        raise TransportError(failure(Cause.MEMORY, _in_vain(size + self.floor)))
                    self._changed.wait(min(_SLICE, left))
                except BaseException:
                    self._books.ask(who, self._books.held(who))  # it waits no more
                    raise
                answer = self._books.ask(who, size)
            if answer is not Answer.GRANTED:
                raise TransportError(failure(Cause.MEMORY, self._why(answer, size + self.floor)))

    def leave(self, who: int) -> None:
        """For Share: lets go of everything."""
        with self._changed:
            self._books.leave(who)
            self._changed.notify_all()

    def _why(self, answer: Answer, size: int) -> str:
        if answer is Answer.TOO_MUCH:
            together = f"the hosts of a run may hold {self.most / _MIB:.1f} MiB together"
            return f"what this host sent would take {size / _MIB:.1f} MiB of memory, and {together}"
        return (
            f"what this host sent would take {size / _MIB:.1f} MiB of memory, all hosts with large answers wait for "
            "each other's, and this one holds the most"
        )


def _in_vain(size: int) -> str:
    return (
        f"what this host sent would take {size / _MIB:.1f} MiB of memory, and other hosts' answers left no room for it "
        "before the deadline"
    )


class Share:
    """What one connection holds; of one thread."""

    def __init__(self, budget: MemoryBudget, who: int, clock: Callable[[], float], check: Callable[[], None]) -> None:
        self._budget = budget
        self._who = who
        self._clock = clock
        self._check = check
        self._sizes = [0] * len(What)
        self._total = 0
        self._asked = 0

    def hold(self, what: What, size: int, until: float) -> None:
        """From now on `size` bytes are held for `what`, in place of what was.

        Args:
            until: the time of `clock` to which it may wait for others to let go.

        Raises:
            TransportError: Cause.MEMORY, or as the check it was made with. Then it holds what it held.
        """
        before = self._sizes[what]
        total = self._total + size - before
        beyond = max(total - self._budget.floor, 0)
        if not self._asked - _GRAIN < beyond <= self._asked:
            asked = -(-beyond // _GRAIN) * _GRAIN
            self._budget.ask(self._who, asked, until, self._clock, self._check)
            self._asked = asked
        self._sizes[what] = size
        self._total = total

    def hold_unasked(self, what: What, size: int) -> bool:
        """As `hold`, where the floor has room for it and nothing beyond is held; else False, and nothing changes."""
        total = self._total + size - self._sizes[what]
        if self._asked or total > self._budget.floor:
            return False
        self._sizes[what] = size
        self._total = total
        return True

    def release(self) -> None:
        """Holds nothing any more. It may be used again."""
        self._sizes = [0] * len(What)
        self._total = 0
        if self._asked:
            self._asked = 0
            self._budget.leave(self._who)

"""What may be tried again, how long, and when a credential is left alone before it is locked out.

Only what happened before anything ran is tried again here, and only failures that say `retryable` or a connection lost
while a pool was being opened. A refused account never is.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, TypeVar

from inventory.model import CredentialReference
from runner.transport.failures import (
    AmbiguousLoss,
    Cause,
    CredentialRejected,
    TransportError,
    failure,
)
from runner.transport.interface import Retried
from texts.counting import counted

if TYPE_CHECKING:
    import tenacity

_Result = TypeVar("_Result")
_SLICE = 0.2  # seconds between two looks at a cancellation
_LOSSES = frozenset({Cause.CONNECTION_LOST, Cause.TIMEOUT})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long one host is tried, for each connection that its work asks for.

    Attributes:
        attempts: at most so many, the first included; one for each pool in any case.
        seconds: no attempt begins later than this after the first for the same pool.
        first_wait: the wait before the second attempt is between 0 and this; each further bound is twice as long.
        longest_wait: and no longer than this.
    """

    attempts: int = 3
    seconds: float = 30.0
    first_wait: float = 1.0
    longest_wait: float = 8.0


class RetryBudget:
    """The attempts of one connection. Not for two threads at once.

    Args:
        policy: its limits.
        clock: monotonic seconds.
        sleep: waits so many seconds; may end early with an exception (a cancelled transport does).
        random: gives the jitter.
        notify: is told of each attempt that is followed by another.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        random: Random,
        notify: Callable[[Retried], None] = lambda _: None,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._notify = notify
        self._began = 0.0
        self._attempts = 0

    def another(self) -> RetryBudget:
        """One of the same limits, of which nothing is spent: for another pool over the same connection."""
        return RetryBudget(self._policy, clock=self._clock, sleep=self._sleep, random=self._random, notify=self._notify)

    def spend(self, attempt: Callable[[], _Result]) -> _Result:
        """Calls `attempt` until it succeeds, fails for good, or the budget is spent; then its last error is raised.

        Raises:
            TransportError: as `attempt` raised it.
        """
        self._began = self._clock()
        try:
            return self._counted(attempt)
        except Exception as error:
            if not worth_another_attempt(error):
                raise
            return self._again(error, attempt)

    def _again(self, error: Exception, attempt: Callable[[], _Result]) -> _Result:
        """From a first attempt on that ended with `error`."""
        import tenacity  # with asyncio; few runs need either

        first = [error]

        def next_attempt() -> _Result:
            if first:
                raise first.pop()
            return self._counted(attempt)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(worth_another_attempt),
            stop=self._spent,
            wait=self._wait,
            sleep=self._sleep,
            before_sleep=self._tell,
            reraise=True,
        )
        return retrying(next_attempt)

    def _counted(self, attempt: Callable[[], _Result]) -> _Result:
        self._attempts += 1
        return attempt()

    def _spent(self, state: tenacity.RetryCallState) -> bool:
        late = self._clock() + state.upcoming_sleep - self._began > self._policy.seconds
        return late or self._attempts >= self._policy.attempts

    def _wait(self, state: tenacity.RetryCallState) -> float:
        bound = min(self._policy.first_wait * 2.0 ** (self._attempts - 1), self._policy.longest_wait)
        return self._random.uniform(0.0, bound)

    def _tell(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, TransportError):
            self._notify(Retried(error.failure, self._attempts, state.upcoming_sleep))


def worth_another_attempt(error: BaseException) -> bool:
    """Whether opening a pool may be tried again after this error. Nothing of ours runs before a pool is open."""
    match error:
        case CredentialRejected():
            return False
        case AmbiguousLoss():
            return error.failure.cause in _LOSSES
        case TransportError():
            return error.failure.retryable
        case _:
            return False


@dataclass(frozen=True, slots=True)
class Account:
    """What locks out as one: a user and where its password is kept."""

    user: str | None
    credential: CredentialReference

    def __str__(self) -> str:
        return f"{self.user or 'the account'} ({self.credential})"


@dataclass(slots=True)
class _Record:
    refused_by: list[str] = field(default_factory=list)  # since the last success
    in_flight: int = 0
    proven: bool = False


def _refused_by(refusing: Sequence[str], host: str) -> str:
    """The servers that refused an account, as `host` may hear of them: of another client's nothing but a number."""
    client = host.rpartition("/")[0]
    own = [each for each in refusing if each.rpartition("/")[0] == client]
    elsewhere = len(refusing) - len(own)
    others = [f"{counted(elsewhere, 'server')} elsewhere"] if elsewhere else []
    return ", ".join([*own, *others])


class LockoutGuard:
    """Counts refusals of each account over all hosts and threads of a run, and stops before there are too many.

    Until an account has been accepted once since its last refusal, no more of its proofs are under way than
    refusals are left: however many hosts are worked on at once, a wrong password is offered `refusals` times.

    Args:
        refusals: so many in a row stop the account for the rest of the run.
    """

    def __init__(self, refusals: int = 3) -> None:
        self._refusals = refusals
        self._records: dict[Account, _Record] = {}
        self._changed = threading.Condition()

    def permit(
        self, account: Account, host: str, cancelled: Callable[[], bool] = lambda: False
    ) -> Callable[[float], AbstractContextManager[None]]:
        """What stands around each proof of `account` that goes to `host`, which is `client/name` (http.Permit).

        Entering it raises TransportError: Cause.LOCKOUT_GUARD when the account is stopped, Cause.INTERRUPTED when
        `cancelled`, Cause.TIMEOUT when other hosts do not finish with it in time. Leaving it with CredentialRejected
        counts as a refusal, leaving it without an error as a success, leaving it with any other error as neither.
        """

        @contextlib.contextmanager
        def permitted(seconds: float) -> Iterator[None]:
            record = self._enter(account, host, seconds, cancelled)
            accepted = refused = False
            try:
                yield
                accepted = True
            except CredentialRejected:
                refused = True
                raise
            finally:
                self._leave(record, host, accepted=accepted, refused=refused)

        return permitted

    def stopped(self) -> tuple[tuple[Account, tuple[str, ...]], ...]:
        """The accounts that are stopped, each with the hosts that refused it."""
        with self._changed:
            return tuple(
                (account, tuple(record.refused_by))
                for account, record in self._records.items()
                if len(record.refused_by) >= self._refusals
            )

    def _enter(self, account: Account, host: str, seconds: float, cancelled: Callable[[], bool]) -> _Record:
        with self._changed:
            record = self._records.setdefault(account, _Record())
            left = min(seconds, 86_400.0)
            while True:
                if len(record.refused_by) >= self._refusals:
                    raise TransportError(
                        failure(
                            Cause.LOCKOUT_GUARD,
                            f"{account} was refused by {_refused_by(record.refused_by, host)} and is not used any "
                            "more, so that it is not locked out",
                        )
                    )
                if cancelled():
                    raise TransportError(failure(Cause.INTERRUPTED, "interrupted"))
                if record.proven or record.in_flight < self._refusals - len(record.refused_by):
                    record.in_flight += 1
                    return record
                if left <= 0:
                    raise TransportError(
                        failure(Cause.TIMEOUT, f"other hosts were still trying {account} when the deadline passed")
                    )
                # Slices, because nothing else wakes this thread when it is cancelled.
                self._changed.wait(min(_SLICE, left))
                left -= _SLICE

    def _leave(self, record: _Record, host: str, *, accepted: bool, refused: bool) -> None:
        with self._changed:
            record.in_flight -= 1
            if accepted and len(record.refused_by) < self._refusals:
                record.proven = True
                record.refused_by.clear()
            if refused:
                record.proven = False
                record.refused_by.append(host)
            self._changed.notify_all()

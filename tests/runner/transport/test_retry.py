"""What is tried again, how often, and that a wrong password is offered three times and not once more."""

import random
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import CredentialKind, CredentialReference
from runner.transport.failures import AmbiguousLoss, Cause, CredentialRejected, TransportError, failure
from runner.transport.interface import Retried
from runner.transport.retry import Account, LockoutGuard, RetryBudget, RetryPolicy
from tests.runner.transport.peer import Clock
from tests.waiting import HANG_SECONDS, ends

ACCOUNT = Account("LAB\\auditor", CredentialReference(CredentialKind.ENV, "PASSWORD"))
OTHER = Account("LAB\\other", CredentialReference(CredentialKind.ENV, "PASSWORD"))
LOST = failure(Cause.CONNECTION_LOST, "lost", retryable=True)
REFUSED = failure(Cause.AUTHENTICATION, "refused")


class Attempts:
    """Fails as told, then succeeds; counts."""

    def __init__(self, clock: Clock, errors: list[Exception], seconds: float = 0.0) -> None:
        self.clock, self.errors, self.seconds, self.made = clock, list(errors), seconds, 0

    def __call__(self) -> str:
        self.made += 1
        self.clock.now += self.seconds
        if self.errors:
            raise self.errors.pop(0)
        return "open"


def budget(clock: Clock, policy: RetryPolicy, notices: list[Retried], seed: int = 0) -> RetryBudget:
    def sleep(seconds: float) -> None:
        clock.now += seconds

    return RetryBudget(policy, clock=clock, sleep=sleep, random=random.Random(seed), notify=notices.append)


def test_a_loss_is_tried_again_and_told() -> None:
    clock, notices = Clock(), list[Retried]()
    attempts = Attempts(clock, [TransportError(LOST), AmbiguousLoss(failure(Cause.CONNECTION_LOST, "lost"))])
    assert budget(clock, RetryPolicy(), notices).spend(attempts) == "open"
    assert [(each.attempt, each.failure.cause) for each in notices] == [
        (1, Cause.CONNECTION_LOST),
        (2, Cause.CONNECTION_LOST),
    ]
    assert sum(each.wait_seconds for each in notices) == pytest.approx(clock.now - 1000.0)


@pytest.mark.parametrize(
    "error",
    [
        CredentialRejected(REFUSED),
        TransportError(REFUSED),
        TransportError(failure(Cause.ACCESS_DENIED, "no")),
        TransportError(failure(Cause.INTERRUPTED, "interrupted")),
        TransportError(failure(Cause.TLS, "no")),
        AmbiguousLoss(failure(Cause.PROTOCOL, "no HTTP")),
        KeyError("a fault of ours"),
    ],
    ids=str,
)
def test_what_will_not_go_well_later_is_not_tried_again(error: Exception) -> None:
    clock, notices = Clock(), list[Retried]()
    attempts = Attempts(clock, [error])
    with pytest.raises(type(error)):
        budget(clock, RetryPolicy(), notices).spend(attempts)
    assert (attempts.made, notices, clock.now) == (1, [], 1000.0)


@given(
    st.integers(1, 6),
    st.floats(0.0, 60.0),
    st.floats(0.0, 20.0),
    st.floats(0.1, 4.0),
    st.floats(0.1, 9.0),
    st.integers(),
)
def test_a_budget_is_never_overdrawn(
    count: int, seconds: float, each: float, first: float, longest: float, seed: int
) -> None:
    clock, notices = Clock(), list[Retried]()
    attempts = Attempts(clock, [TransportError(LOST)] * 20, each)
    policy = RetryPolicy(count, seconds, first, longest)
    with pytest.raises(TransportError):
        budget(clock, policy, notices, seed).spend(attempts)
    assert attempts.made <= count
    assert clock.now - 1000.0 <= seconds + each + 1e-6  # the last attempt began in time
    bounds = [min(first * 2**number, longest) for number in range(len(notices))]
    assert all(0 <= notice.wait_seconds <= bound for notice, bound in zip(notices, bounds, strict=True))


def test_attempts_are_counted_over_all_pools_of_a_host_but_each_pool_gets_one() -> None:
    clock, notices = Clock(), list[Retried]()
    shared = budget(clock, RetryPolicy(attempts=3), notices)
    assert shared.spend(Attempts(clock, [TransportError(LOST)])) == "open"
    for made in (1, 1):
        attempts = Attempts(clock, [TransportError(LOST)] * 9)
        with pytest.raises(TransportError):
            shared.spend(attempts)
        assert attempts.made == made


def refuse(guard: LockoutGuard, host: str, account: Account = ACCOUNT) -> None:
    with pytest.raises(CredentialRejected), guard.permit(account, host)(1.0):
        raise CredentialRejected(REFUSED)


def accept(guard: LockoutGuard, host: str, account: Account = ACCOUNT) -> None:
    with guard.permit(account, host)(1.0):
        pass


def test_three_refusals_stop_the_account_everywhere_and_say_where() -> None:
    guard = LockoutGuard()
    for host in ("alpha/EX1", "alpha/EX2", "alpha/EX9"):
        refuse(guard, host)
    with pytest.raises(TransportError) as raised:
        accept(guard, "alpha/EX10")
    assert raised.value.failure.cause is Cause.LOCKOUT_GUARD
    assert not isinstance(raised.value, CredentialRejected)
    for host in ("alpha/EX1", "alpha/EX2", "alpha/EX9", "LAB\\auditor", "env:PASSWORD"):
        assert host in raised.value.failure.message
    accept(guard, "alpha/EX10", OTHER)
    assert guard.stopped() == ((ACCOUNT, ("alpha/EX1", "alpha/EX2", "alpha/EX9")),)


def test_of_servers_of_another_client_that_refused_an_account_only_the_number_is_told() -> None:
    guard = LockoutGuard()
    for host in ("alpha/EX1", "beta/MBX1", "beta/MBX2"):
        refuse(guard, host)
    with pytest.raises(TransportError) as stopped:
        accept(guard, "alpha/EX2")
    message = stopped.value.failure.message
    assert "refused by alpha/EX1, 2 servers elsewhere" in message
    assert "beta" not in message
    assert "MBX" not in message


def test_a_success_forgets_refusals_but_not_a_stop() -> None:
    guard = LockoutGuard()
    refuse(guard, "EX1")
    refuse(guard, "EX2")
    accept(guard, "EX3")
    refuse(guard, "EX1")
    refuse(guard, "EX2")
    assert guard.stopped() == ()
    refuse(guard, "EX4")
    with pytest.raises(TransportError):
        accept(guard, "EX3")


def test_an_error_that_says_nothing_about_the_password_counts_as_nothing() -> None:
    guard = LockoutGuard()
    for _ in range(9):
        with pytest.raises(TimeoutError), guard.permit(ACCOUNT, "EX1")(1.0):
            raise TimeoutError
    assert guard.stopped() == ()


@pytest.mark.parametrize("right", [False, True])
def test_thirty_two_hosts_at_once_offer_an_unproven_password_at_most_three_at_a_time(right: bool) -> None:
    guard = LockoutGuard()
    lock = threading.Lock()
    start = threading.Barrier(32)
    asked, offered, at_once, most, failures = 0, 0, 0, 0, list[TransportError]()
    proven, all_asked = threading.Event(), threading.Event()

    def host(number: int) -> None:
        nonlocal asked, offered, at_once, most
        start.wait(HANG_SECONDS)
        with lock:
            asked += 1
        if asked == 32:
            all_asked.set()
        try:
            with guard.permit(ACCOUNT, f"EX{number}")(600.0):
                with lock:
                    offered, at_once = offered + 1, at_once + 1
                    most = most if proven.is_set() else max(most, at_once)
                assert all_asked.wait(HANG_SECONDS)
                with lock:
                    at_once -= 1
                if not right:
                    raise CredentialRejected(REFUSED)
                proven.set()
        except TransportError as error:
            failures.append(error)

    run_all(host, 32)
    assert most <= 3
    if right:
        assert (offered, failures) == (32, [])
    else:
        assert offered == 3
        assert sorted({type(error).__name__ for error in failures}) == ["CredentialRejected", "TransportError"]
        assert len(failures) == 32


def run_all(work: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        assert ends(thread)


def test_waiting_for_others_ends_with_the_deadline_and_with_a_cancellation() -> None:
    guard = LockoutGuard(refusals=1)
    with guard.permit(ACCOUNT, "EX1")(1.0):
        with pytest.raises(TransportError) as late, guard.permit(ACCOUNT, "EX2")(0.0):
            pass
        with pytest.raises(TransportError) as cancelled, guard.permit(ACCOUNT, "EX3", lambda: True)(60.0):
            pass
    assert (late.value.failure.cause, cancelled.value.failure.cause) == (Cause.TIMEOUT, Cause.INTERRUPTED)

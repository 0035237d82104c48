"""A plan's token, on a disk that dies after each operation: spent by one run or by none, and never by two."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.disk import SystemDisk
from runner.token import Spent, TokenSpentError, TokenUnspendableError, spend, spent_by
from tests.runner.crashing import CrashingDisk, Died
from tests.runner.journal.journals import FullDisk
from tests.waiting import HANG_SECONDS

STATE = Path("/state")
TOKEN = "0123456789abcdef" * 2
FIRST = Spent(TOKEN, "ab" * 32, "r1", "ops@desk", datetime(2026, 11, 28, 2, 40, tzinfo=UTC))
SECOND = replace(FIRST, run="r2", actor="eve@desk")


def standing(disk: CrashingDisk) -> Spent | None:
    return spent_by(STATE, "alpha", TOKEN, disk)


def spends(disk: CrashingDisk, spent: Spent) -> bool:
    """Whether it is spent for this run, where the disk lives that long."""
    try:
        return spend(STATE, "alpha", spent, disk).run == spent.run
    except (Died, TokenSpentError):
        return False


def operations() -> list[str]:
    disk = CrashingDisk()
    spend(STATE, "alpha", FIRST, disk)
    return disk.done


def test_a_token_is_spent_once_and_again_by_the_same_run_alone() -> None:
    disk = CrashingDisk()
    assert standing(disk) is None
    assert spend(STATE, "alpha", FIRST, disk) == FIRST
    later = replace(FIRST, time=datetime(2026, 11, 28, 4, tzinfo=UTC), actor="ops@laptop")
    assert spend(STATE, "alpha", later, disk) == FIRST
    with pytest.raises(TokenSpentError, match="by ops@desk as run r1, at 2026-11-28 02:40:00 UTC") as told:
        spend(STATE, "alpha", SECOND, disk)
    assert told.value.by == FIRST
    with pytest.raises(TokenSpentError, match="for another plan"):
        spend(STATE, "alpha", replace(FIRST, plan="cd" * 32), disk)
    assert spend(STATE, "beta", SECOND, disk) == SECOND  # tokens are random: another client's plan is another plan
    assert standing(disk) == FIRST


def test_after_a_death_at_any_operation_and_any_loss_a_token_is_spent_or_not_and_never_in_doubt() -> None:
    seen: Counter[str] = Counter()
    for lives in range(len(operations()) + 1):
        disk = CrashingDisk(lives)
        acknowledged = spends(disk, FIRST)
        found = [disk.killed(), *(disk.after(outcome) for outcome in disk.outcomes())]
        for after in found:
            before = standing(after)
            assert before in (None, FIRST)
            assert before == FIRST or not acknowledged
            seen["spent" if before else "unspent"] += 1
            # Another run gets it where nobody had it, the same run in any case; and then it is had, also by what a
            # further power failure leaves.
            for who in (SECOND, FIRST):
                again = after.killed()
                assert spends(again, who) == (before is None or who == FIRST)
                owner = before or who
                assert all(standing(again.after(outcome)) == owner for outcome in again.outcomes())
    assert seen["spent"] > 5
    assert seen["unspent"] > 10


def test_two_deaths_in_a_row_leave_no_doubt_either() -> None:
    seen = 0
    for lives, further, who in itertools.product(range(len(operations()) + 1), range(12), (FIRST, SECOND)):
        disk = CrashingDisk(lives)
        first = spends(disk, FIRST)
        for outcome in disk.outcomes():
            second = disk.after(outcome, further)
            got = spends(second, who)
            assert not (first and got and who is SECOND)
            for last in second.outcomes():
                owner = standing(second.after(last))
                assert owner == FIRST if first else owner in (None, FIRST, SECOND)
                assert owner == who if got else True
                seen += 1
    assert seen > 500


@pytest.mark.parametrize("left_out", ["fsync", "sync_directory"])
def test_the_sweep_objects_where_an_operation_is_left_out(left_out: str) -> None:
    disk = CrashingDisk()
    disk.deaf = frozenset({left_out})
    assert spends(disk, FIRST)

    def look() -> None:
        for outcome in disk.outcomes():
            assert standing(disk.after(outcome)) == FIRST

    with pytest.raises((AssertionError, TokenSpentError)):
        look()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([FIRST, SECOND]), st.integers(0, 14), st.booleans(), st.randoms()), max_size=6)
)
def test_however_often_runs_die_a_token_has_one_owner(tries: list[tuple[Spent, int, bool, object]]) -> None:
    disk, owners = CrashingDisk(), set[str]()
    for spent, lives, killed, chance in tries:
        disk.lives = lives
        if spends(disk, spent):
            owners.add(spent.run)
        outcomes = list(disk.outcomes())
        disk = disk.killed() if killed else disk.after(chance.choice(outcomes))
        assert len(owners) < 2
    assert not owners or getattr(standing(disk), "run", None) in owners


def test_of_many_at_once_one_spends_it(tmp_path: Path) -> None:
    start = threading.Barrier(8)

    def one(number: int) -> bool:
        start.wait(HANG_SECONDS)
        try:
            spend(tmp_path, "alpha", replace(FIRST, run=f"r{number}"), SystemDisk())
        except TokenSpentError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(one, range(8))) == 1
    assert [each.name for each in (tmp_path / "alpha" / "spent").iterdir()] == [TOKEN]


NEVER = f'{{"actor":"a","plan":"p","run":"r","time":"0001-01-01T00:00:00+14:00","token":"{TOKEN}"}}'.encode()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"token":"', b"[" * 9000, NEVER])
def test_a_record_that_cannot_be_read_is_a_token_that_is_spent(content: bytes, tmp_path: Path) -> None:
    disk = SystemDisk()
    spend(tmp_path, "alpha", FIRST, disk)
    (tmp_path / "alpha" / "spent" / TOKEN).write_bytes(content)
    for ask in (lambda: spend(tmp_path, "alpha", FIRST, disk), lambda: spent_by(tmp_path, "alpha", TOKEN, disk)):
        with pytest.raises(TokenSpentError, match="cannot be read") as told:
            ask()
        assert told.value.by is None


def test_the_file_is_its_owners_alone_and_a_newer_version_may_say_more(tmp_path: Path) -> None:
    disk = SystemDisk()
    spend(tmp_path, "alpha", FIRST, disk)
    [file] = (tmp_path / "alpha" / "spent").iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (TOKEN, 0o600)
    file.write_bytes(file.read_bytes().replace(b'{"actor"', b'{"aardvark":1,"actor"'))
    assert spent_by(tmp_path, "alpha", TOKEN, disk) == FIRST


def test_a_full_disk_spends_nothing_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(TokenUnspendableError, match=r"No space left.*nothing is sent"):
        spend(tmp_path, "alpha", FIRST, FullDisk(10))
    assert spent_by(tmp_path, "alpha", TOKEN, SystemDisk()) is None
    assert spend(tmp_path, "alpha", SECOND, SystemDisk()) == SECOND


@pytest.mark.parametrize("token", ["", "../../x", "AB" * 16, "ab" * 17])
def test_what_is_no_token_names_no_file(token: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="32 hexadecimal"):
        spend(tmp_path, "alpha", replace(FIRST, token=token), SystemDisk())
    assert list(tmp_path.iterdir()) == []

"""Hosts held, token spent, journal opened, intent written: in this order, with a death after each single operation.

What leaves after the intent is on the disk may have changed a server. So wherever a crash comes: where there is an
intent, the plan is this run's and the hosts are; and the run itself can always go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from runner.journal.errors import JournalUnreadable
from runner.journal.lines import Line
from runner.journal.location import JOURNAL, run_directory
from runner.journal.verification import read
from runner.locks import HostsHeldError, Owner, take
from runner.token import Spent, TokenSpentError, spend, spent_by
from tests.runner.crashing import CrashingDisk, Died
from tests.runner.journal.journals import opened

STATE = Path("/state")
NOW = datetime(2026, 11, 28, 2, 40, tzinfo=UTC)
TOKEN = "0123456789abcdef" * 2
HOSTS = ("EX1", "EX2", "EX3")


def never(seconds: float) -> None:
    raise AssertionError("nobody else is at the locks")


def owner(run: str) -> Owner:
    return Owner(run, "ops@desk", "desk", 4242, NOW, NOW)


def signed(text: str) -> str:
    return f"{text}\n\u2014 ops AAAAAAAA\n"


def begin(disk: CrashingDisk, run: str, told: list[str], *, hasty: bool = False) -> None:
    """What a run does before the first change, and at its end. `hasty` is a bug: it announces before it may."""
    locks = take(STATE, "alpha", owner(run), HOSTS, disk, wait=never)
    told.append("held")
    if not hasty:
        spend(STATE, "alpha", Spent(TOKEN, "ab" * 32, run, "ops@desk", NOW), disk)
        told.append("spent")
    journal = opened(STATE, run=run, disk=disk, sign=signed)
    journal.record("run", "intent", durable=True)
    told.append("intent")
    if hasty:
        spend(STATE, "alpha", Spent(TOKEN, "ab" * 32, run, "ops@desk", NOW), disk)
    journal.record("run", "outcome")
    journal.checkpoint()
    told.append("outcome")
    journal.close()
    told.append("releasing")
    locks.release(never)


def events_of(disk: CrashingDisk, run: str) -> list[str]:
    lines: tuple[Line, ...] = ()
    with suppress(JournalUnreadable):
        lines, _ = read(run_directory(STATE, "alpha", run) / JOURNAL, disk=disk)
    return [line.event for line in lines]


def deaths(*, hasty: bool = False) -> Iterator[tuple[CrashingDisk, list[str]]]:
    """Every disk on which the run has died, as a process alone or with the machine, and what it had been told."""
    whole = CrashingDisk()
    begin(whole, "r1", [], hasty=hasty)
    for lives in range(len(whole.done) + 1):
        disk, told = CrashingDisk(lives), list[str]()
        with suppress(Died):
            begin(disk, "r1", told, hasty=hasty)
        for found in (disk.killed(), *(disk.after(outcome) for outcome in disk.outcomes())):
            yield found, told


def look(disk: CrashingDisk, told: list[str], seen: Counter[str]) -> None:
    before = events_of(disk, "r1")
    assert set(told) & {"intent", "outcome"} <= set(before)
    # Another run of the same plan: not while the hosts are held, and never once something was announced.
    other, its, held = disk.killed(), list[str](), {(host, "r1", True) for host in HOSTS}
    try:
        begin(other, "r2", its)
    except HostsHeldError as error:
        seen["held"] += {(each.host, each.owner.run, each.stale) for each in error.held} == held
    except TokenSpentError:
        seen["spent"] += 1
        assert "releasing" in told
    else:
        seen["free"] += 1
        assert before == []
        assert "held" not in told
    seen["looked"] += 1
    assert seen["looked"] == seen["held"] + seen["spent"] + seen["free"]
    assert "intent" not in its or before == []
    # The run itself goes on, whatever was left, and is vouched for to its end.
    again = disk.killed()
    begin(again, "r1", [])
    after = events_of(again, "r1")
    assert after[: len(before)] == before or "tail-dropped" in after
    assert after.count("intent") == before.count("intent") + 1


def test_wherever_a_run_dies_its_plan_and_hosts_are_its_own_before_anything_is_announced() -> None:
    seen: Counter[str] = Counter()
    for disk, told in deaths():
        look(disk, told, seen)
    assert min(seen[kind] for kind in ("held", "spent", "free")) > 3, seen


def is_spent_where_it_is_announced(*, hasty: bool) -> bool:
    found = [disk for disk, _ in deaths(hasty=hasty) if "intent" in events_of(disk, "r1")]
    assert len(found) > 20
    return all(spent_by(STATE, "alpha", TOKEN, disk) is not None for disk in found)


def test_a_token_that_is_spent_too_late_is_noticed() -> None:
    assert is_spent_where_it_is_announced(hasty=False)
    assert not is_spent_where_it_is_announced(hasty=True)

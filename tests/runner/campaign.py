"""Three hosts of six steps under one plan, on a disk that may die: locks, token, journal and work, as a run has them.

One host after the other, so that the same seed gives the same operations. What the run was told (`told`) is what a
crash may not take back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from runner import events
from runner.applied import AppliedHost
from runner.events import Recorded, StepDue
from runner.fleet import Brake
from runner.journal.errors import JournalError
from runner.journal.location import JOURNAL, run_directory
from runner.locks import HostsHeldError, Owner, take
from runner.moves import Outcome
from runner.token import Spent, TokenSpentError, spend, spent_by
from runner.transport.interface import Script
from tests.runner.changeable import RIGHT, Applied
from tests.runner.crashing import CrashingDisk, Died
from tests.runner.crashing import Outcome as Kept
from tests.runner.explaining import Against, illegal
from tests.runner.happenings import STARTED
from tests.runner.journal.journals import opened

STATE = Path("/state")
FILE = run_directory(STATE, "alpha", "r1") / JOURNAL
NOW = datetime(2026, 11, 28, 2, 40, tzinfo=UTC)
TOKEN = "0123456789abcdef" * 2
FATES = ("completes", "never-begins", "lost-before", "lost-after", "runs-on")


def never(seconds: float) -> None:
    raise AssertionError("nobody else is at the locks")


def signed(text: str) -> str:
    return f"{text}\n\u2014 ops AAAAAAAA\n"


@dataclass
class Campaign:
    """The run. `fates` are what becomes of the first changes on each host."""

    fates: Sequence[Sequence[str]] = ((), (), ())
    steps: int = 6
    disk: CrashingDisk = field(default_factory=CrashingDisk)
    each: dict[str, Applied] = field(init=False)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.each = {
            f"EX{number}": Applied(steps=self.steps, name=f"EX{number}", disk=self.disk)
            for number in range(len(self.fates))
        }
        for one, fates in zip(self.each.values(), self.fates, strict=True):
            one.server.fate = list(fates)

    def on(self, disk: CrashingDisk) -> None:
        """The machine stands again."""
        self.disk = disk
        for one in self.each.values():
            one.disk = disk

    def session(self, run: str = "r1") -> list[AppliedHost]:
        """Begins it, or goes on with it.

        Raises:
            Died, JournalError: the disk does not go on.
            HostsHeldError, TokenSpentError: it is another run's.
        """
        owner = Owner(run, "ops@desk", "desk", 4242, NOW, NOW)
        locks = take(STATE, "alpha", owner, tuple(self.each), self.disk, wait=never)
        spend(STATE, "alpha", Spent(TOKEN, "ab" * 32, run, "ops@desk", NOW), self.disk)
        first = next(iter(self.each.values()))
        state = first.state() if run == "r1" else None
        journal = opened(STATE, run=run, disk=self.disk, sign=signed)
        if state is None:
            due = tuple(
                StepDue(each.step.id, each.action.id, Script("", each.collect).sha256, None, {})
                for each in first.ready.steps
            )
            events.put(journal, replace(STARTED, hosts=tuple(self.each), steps=due))
        else:
            events.put(journal, events.RunResumed())
        rows = []
        for name, one in self.each.items():
            one.brake = Brake()
            one.work = one.applying(journal, None if state is None else state.hosts.get(name))
            rows.append(one.work.run())
            if self.disk.dead:
                raise Died
        journal.close()
        self.told.append("releasing")
        locks.release(never)
        return rows

    def illegal(self) -> tuple[Against, ...]:
        ledger = [ran for one in self.each.values() for ran in one.ledger]
        return illegal([one.plan for one in self.each.values()], next(iter(self.each.values())).recorded(), ledger)

    @property
    def anything_ran(self) -> bool:
        return any(one.server.given for one in self.each.values())


def dead(campaign: Campaign, lives: int) -> bytes | None:
    """Lets it run until its disk dies after so many operations; what was safe then. None where it came to its end."""
    campaign.disk.lives = lives
    with suppress(Died, JournalError):
        campaign.session()
        return None
    campaign.disk.dead = True
    return campaign.disk.durable(FILE)


def check_found(campaign: Campaign, safe: bytes) -> None:
    """What is on the disk that is found: nothing that was acknowledged is gone, and the plan is this run's."""
    first = next(iter(campaign.each.values()))
    with suppress(FileNotFoundError), campaign.disk.read(FILE) as file:
        assert file.read().startswith(safe)
    assert not safe or first.recorded()
    assert campaign.illegal() == ()
    if not campaign.anything_ran:
        return
    spent = spent_by(STATE, "alpha", TOKEN, campaign.disk)
    assert spent is not None
    assert spent.run == "r1"
    held = campaign.disk
    campaign.on(held.killed())
    given = [list(one.server.given) for one in campaign.each.values()]
    with pytest.raises((HostsHeldError, TokenSpentError)) as refused:
        campaign.session("r2")
    if isinstance(refused.value, HostsHeldError):
        assert {each.owner.run for each in refused.value.held} == {"r1"}
    else:
        assert "releasing" in campaign.told
    assert given == [list(one.server.given) for one in campaign.each.values()]
    campaign.on(held)


def check_resumed(campaign: Campaign) -> None:
    """It goes on to its end, and everything was done once."""
    for one in campaign.each.values():
        one.server.fate = []
    rows = campaign.session()
    assert campaign.illegal() == ()
    recorded = next(iter(campaign.each.values())).recorded()
    for one, row in zip(campaign.each.values(), rows, strict=True):
        assert row.is_over
        assert all(times == 1 for times in one.server.ran.values()), one.server.ran
        if row.outcome is Outcome.CHANGED:
            assert set(one.server.things.values()) == {RIGHT}
        else:  # of a change that was lost twice nothing more is tried
            assert row.outcome is Outcome.FAILED
            assert max(sendings(recorded, one.name).values()) > 1


def sendings(recorded: Sequence[Recorded], host: str) -> Counter[str]:
    """How often each script that changes something was about to be sent to a host."""
    return Counter(
        each.event.scripts[0].script
        for each in recorded
        if isinstance(each.event, events.ScriptSending) and each.event.host == host and each.event.purpose.changes
    )


def fated(random: Random, hosts: int = 3, steps: int = 6) -> Campaign:
    """A campaign in which some of the changes are lost in one way or another."""
    return Campaign(
        [[random.choice(FATES) if random.random() < 0.3 else "completes" for _ in range(steps)] for _ in range(hosts)],
        steps,
    )


def kept(disk: CrashingDisk, random: Random) -> Kept:
    """What of the unsynced is kept, at random."""
    names, writes = disk.unsynced()
    return Kept(tuple(random.random() < 0.5 for _ in names), tuple(random.choice(each.ends) for each in writes))


def operations(campaign: Campaign) -> int:
    """How many it takes when nothing dies."""
    campaign.session()
    assert campaign.illegal() == ()
    return len(campaign.disk.done)


def power_lost(seed: int) -> int:
    """The power goes, up to three times, each time at any operation; what was not synced is there or not. How often it
    went while the run was at work."""
    random = Random(seed)
    fates = random.getrandbits(64)
    lasts = operations(fated(Random(fates)))
    campaign = fated(Random(fates))
    went = 0
    for _ in range(random.randint(1, 3)):
        safe = dead(campaign, random.randrange(lasts))
        if safe is None:
            break
        went += 1
        campaign.on(campaign.disk.after(kept(campaign.disk, random)))
        check_found(campaign, safe)
    campaign.on(campaign.disk.killed())
    check_resumed(campaign)
    return went


def swept(fates: int, places: slice) -> int:
    """Dies after each of these operations; how many there were."""
    lasts = operations(fated(Random(fates)))
    found = 0
    for lives in range(lasts)[places]:
        campaign = fated(Random(fates))
        safe = dead(campaign, lives)
        assert safe is not None
        campaign.on(campaign.disk.killed())
        check_found(campaign, safe)
        check_resumed(campaign)
        found += 1
    return found

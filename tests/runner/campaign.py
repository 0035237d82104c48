"""Three hosts of six steps under one plan, on a disk that may die: locks, token, journal, evidence, work, as a run has
them. The six are of every kind: what is kept before, guarded changes, tasks, a restart.

The wiring is the product's (runner/remediating.py); hosts, clock and disk are in memory. One host after the other, so
that the same seed gives the same operations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from random import Random

import pytest

from inventory.model import CredentialReference
from playbooks.changes import Change, ReadyChange
from playbooks.model import ReadyStep
from runner import events
from runner.applied import AppliedHost
from runner.approval.approving import Standing
from runner.events import Recorded
from runner.fleet import Stop
from runner.journal.chain import is_whole
from runner.journal.errors import JournalError
from runner.journal.location import JOURNAL, run_directory
from runner.locks import HostsHeldError, LockError
from runner.moves import Outcome
from runner.opening import Opened, World
from runner.order import Order
from runner.plan import file
from runner.plan.keeping import NotKeptError, kept_plan
from runner.plan.planning import step_plans
from runner.plan.records import Going, Plan
from runner.redaction import Redactor
from runner.remediating import Approved, Remediation
from runner.secrets.interface import Secret
from runner.state import fold
from runner.token import TokenError, TokenSpentError, spent_by
from tests.runner.changeable import RIGHT, WRONG, Applied, Kind, Way, kept_of, render
from tests.runner.crashing import CrashingDisk, Died
from tests.runner.crashing import Outcome as Kept
from tests.runner.explaining import Against, ByItself, Own, illegal
from tests.runner.fleets import JUDGEMENT, host
from tests.runner.plan.plans import one_change

STATE = Path("/state")
NOW = datetime(2026, 11, 28, 2, 40, tzinfo=UTC)
TOKEN = "0123456789abcdef" * 2
KINDS = (Kind.KEPT, Kind.GUARDED, Kind.DETACHED, Kind.KEPT | Kind.GUARDED, Kind.RESTARTING, Kind.KEPT | Kind.DETACHED)
INTERRUPTION = 30  # seconds
FATES = ("completes", "never-begins", "lost-before", "lost-after", "runs-on")


def never(seconds: float) -> None:
    raise AssertionError("nobody else is at the locks")


def signed(text: str) -> str:
    return f"{text}\n\u2014 ops AAAAAAAA\n"


class Unheard:
    """A listener to whom nothing matters but what goes wrong."""

    def __init__(self) -> None:
        self.defects: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *told: None

    def defect(self, where: str, error: BaseException) -> None:
        if not isinstance(error, Died):
            self.defects.append(f"{where}: {error!r}")


class Unrendered(Remediation):
    """With the scripts that the hosts in memory understand."""

    def _render(self, ready: ReadyStep, change: Change) -> ReadyChange:
        return render(ready, change)


@dataclass
class Campaign:
    """The run. `fates` are what becomes of the first changes on each host, `kinds` its steps."""

    fates: Sequence[Sequence[str]] = ((), (), ())
    kinds: Sequence[Kind] = KINDS
    disk: CrashingDisk = field(default_factory=CrashingDisk)
    each: dict[str, Applied] = field(init=False)
    run: str = "r1"
    heard: Unheard = field(default_factory=Unheard)

    def __post_init__(self) -> None:
        self.each = {
            f"EX{number}": Applied(
                steps=len(self.kinds),
                name=f"EX{number}",
                disk=self.disk,
                kinds=self.kinds,
                interruption=INTERRUPTION,
            )
            for number in range(len(self.fates))
        }
        for one, fates in zip(self.each.values(), self.fates, strict=True):
            one.server.fate = list(fates)
        self.plan = self._plan()

    def _plan(self) -> Plan:
        ready = next(iter(self.each.values())).ready
        return replace(
            one_change(),
            token=TOKEN,
            client="alpha",
            going=Going(1, ("1", "rest"), 0, {}, None),
            steps=step_plans(ready),
            hosts=tuple(one.plan for one in self.each.values()),
            texts={
                sha: script.text
                for one in self.each.values()
                for sha, script in {**one.scripts(), **one.reads()}.items()
            },
        )

    def on(self, disk: CrashingDisk) -> None:
        """The machine stands again."""
        self.disk = disk
        for one in self.each.values():
            one.disk = disk

    @property
    def file(self) -> Path:
        """The journal."""
        return run_directory(STATE, "alpha", self.run) / JOURNAL

    def recorded(self) -> list[Recorded]:
        return next(iter(self.each.values())).recorded()

    def session(self, over: frozenset[str] = frozenset()) -> Sequence[AppliedHost]:
        """Begins it, or goes on with it; the rows of all hosts. A run that had taken no plan yet is begun anew.

        Raises:
            Died, and what `Remediation.run` raises: the disk does not go on, or it is another run's.

        Args:
            over: hosts that may be taken from a run whose process is gone.
        """
        recorded = self.recorded()
        before = fold(recorded)
        if before is not None and before.plan is None:
            self.begin(f"r{int(self.run[1:]) + 1}")
            recorded, before, over = [], None, frozenset(self.each)
        data = file.write(self.plan)
        remediation = Unrendered(
            Opened(self._order(), self._world(), {}, {"alpha": Redactor()}),
            Approved(self.plan, data, file.digest(data), {}, Standing((), (), None)),
            before,
            len(recorded),
            over=over,
            wait=never,
        )
        if not remediation.due:
            return [remediation._unworked(name) for name in self.each]
        rows = remediation.run(Stop(), self.heard).hosts
        assert self.disk.dead or self.heard.defects == []
        return rows

    def begin(self, run: str) -> None:
        """Under another name."""
        self.run = run
        for one in self.each.values():
            one.run = run

    def _order(self) -> Order:
        return Order(
            run=self.run,
            playbook=next(iter(self.each.values())).ready,
            judgement=JUDGEMENT,
            hosts=tuple(host(name) for name in self.each),
            inventory_source="inventory.yml",
            inventory_digest="cd" * 32,
            selection=None,
            parallel=1,
            host_seconds=300.0,
            token="0" * 32,
        )

    def _world(self) -> World:
        return World(
            state=STATE,
            secrets=NoSecrets(),
            reach=lambda reached, secret, notify: self._way(reached.name),
            actor="ops@desk",
            now=lambda: NOW,
            monotonic=lambda: sum(one.server.waited for one in self.each.values()),
            disk=self.disk,
            sign=signed,
        )

    def _way(self, name: str) -> Way:
        one = self.each[name]
        one.way = Way(one.server)
        return one.way

    def time_passes(self, random: Random) -> None:
        """While nobody is at work on them: deadlines are over on some hosts, and tasks have ended."""
        for one in self.each.values():
            if random.random() < 0.2:
                one.server.deadlines_pass()
            if random.random() < 0.5:
                one.server.tasks_end()

    def illegal(self, recorded: Sequence[Recorded] | None = None) -> tuple[Against, ...]:
        """What is against it that the hosts did what their journal says; `recorded` where that was read already."""
        ledger = [ran for one in self.each.values() for ran in one.ledger]
        plans = [one.plan for one in self.each.values()]
        return illegal(plans, self.recorded() if recorded is None else recorded, ledger)

    @property
    def anything_ran(self) -> bool:
        return any(one.server.given for one in self.each.values())


class NoSecrets:
    """A store that is never asked."""

    def resolve(self, reference: CredentialReference) -> Secret:
        raise AssertionError("no host has a password")


def dead(campaign: Campaign, lives: int) -> bytes | None:
    """Lets it run until its disk dies after so many operations. None where it came to its end.

    Returns:
        The lines that were safe then, up to what an earlier crash had left in pieces.
    """
    campaign.disk.lives = lives
    with suppress(Died, JournalError, LockError, TokenError, NotKeptError):
        campaign.session()
    if not campaign.disk.dead:
        return None
    return b"".join(takewhile(is_whole, campaign.disk.durable(campaign.file).splitlines(keepends=True)))


def check_found(campaign: Campaign, safe: bytes) -> None:
    """What is on the disk that is found: nothing that was acknowledged is gone, and the plan is this run's."""
    with suppress(FileNotFoundError), campaign.disk.read(campaign.file) as there:
        assert there.read().startswith(safe)
    recorded = campaign.recorded()
    assert recorded or not safe
    assert campaign.illegal(recorded) == ()
    for each in recorded:
        if isinstance(each.event, events.EvidenceKept):
            with campaign.disk.read(STATE / "alpha" / "evidence" / f"{each.event.sha256}.evidence") as there:
                assert there.read() == kept_of(each.event.step)
    if not campaign.anything_ran:
        return
    spent = spent_by(STATE, "alpha", TOKEN, campaign.disk)
    assert spent is not None
    assert spent.run == campaign.run
    assert kept_plan(campaign.file.parent, spent.plan, campaign.disk) == campaign.plan
    # Another run of the plan, also one that takes over every server, does nothing.
    mine, run = campaign.disk, campaign.run
    given = [list(one.server.given) for one in campaign.each.values()]
    for over in (frozenset[str](), frozenset(campaign.each)):
        campaign.on(mine.killed())
        campaign.begin("other")
        with pytest.raises(TokenSpentError if over else (HostsHeldError, TokenSpentError)):
            campaign.session(over)
    assert given == [list(one.server.given) for one in campaign.each.values()]
    campaign.on(mine)
    campaign.begin(run)


SESSIONS = 3  # until it comes to its end: what was lost before a restart is looked for in two


def check_resumed(campaign: Campaign) -> None:
    """It goes on to its end, and everything was done once."""
    for one in campaign.each.values():
        one.server.fate = []
    for _ in range(SESSIONS):
        rows = campaign.session()
        if all(row.is_over for row in rows):
            break
    recorded = campaign.recorded()
    assert campaign.illegal(recorded) == ()
    for one, row in zip(campaign.each.values(), rows, strict=True):
        assert row.is_over
        assert all(times == 1 for times in one.server.ran.values()), one.server.ran
        assert "armed" not in one.server.guards.values() or row.outcome is Outcome.FAILED
        undone = any(isinstance(each, ByItself) and each.own is Own.UNDID for each in one.ledger)
        if row.outcome is Outcome.CHANGED:
            assert set(one.server.things.values()) == {RIGHT}
            assert not undone
        elif row.outcome is Outcome.ROLLED_BACK:  # of a step that the host undoes: in time, or from here
            back = {step.step for step in row.steps if step.outcome is Outcome.ROLLED_BACK}
            assert {is_ for (step, _), is_ in one.server.things.items() if step in back} == {WRONG}
            assert undone or max(sendings(recorded, one.name).values()) > 1
        else:  # of a change that was lost twice nothing more is tried, nor of a restart that was not seen
            assert row.outcome is Outcome.FAILED
            failed = next(step.step for step in row.steps if step.outcome is Outcome.FAILED)
            restarts = Kind.RESTARTING in one.server.kind(failed)
            assert undone or restarts or max(sendings(recorded, one.name).values()) > 1


def sendings(recorded: Sequence[Recorded], host: str) -> Counter[str]:
    """How often each script that changes something was about to be sent to a host."""
    return Counter(
        each.event.scripts[0].script
        for each in recorded
        if isinstance(each.event, events.ScriptSending) and each.event.host == host and each.event.purpose.changes
    )


def fated(random: Random, hosts: int = 3) -> Campaign:
    """A campaign in which some of the changes are lost in one way or another; its steps are in any order."""
    kinds = random.sample(KINDS, len(KINDS))
    return Campaign(
        [[random.choice(FATES) if random.random() < 0.3 else "completes" for _ in kinds] for _ in range(hosts)],
        kinds,
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
        campaign.time_passes(random)
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

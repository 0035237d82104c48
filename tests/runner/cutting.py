"""A server that is isolated while everything goes wrong: the command is killed, answers to it are lost, the server
restarts or is off at its deadline, its clock jumps, time passes anywhere.

The account is the server's own: each time its state is another, and each time that its clock moves, it is asked
whether it is cut off, and by what right. The controller's clock and word count for nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from playbooks.guarding import LOOK_SECONDS, most_looks
from runner.journal.location import JOURNAL
from runner.lab.engines.sim import SimEngine
from runner.lab.engines.sim.engine import running_loop
from runner.lab.engines.sim.pipeline import Timer
from runner.lab.fleet import Account, LabHost
from runner.lab.restarting import come_up, restarted
from runner.lab.state import PROFILES, GuardState, HostState, LiveState
from tests.runner.dying import KILLED, POINTS, Kill, run
from tests.runner.lab.engines.isolations import ODD, PLAIN, SERVICES
from tests.runner.lab.engines.timers import Timers
from tests.runner.losing import drops
from tests.runner.rehearsal import Rehearsal, came, rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD

NAME = "EX1"
SECONDS = 300  # of the action's contract: from the change to its deadline
BEGAN = datetime(2026, 11, 28, 1, tzinfo=UTC)
PLAYBOOK = """\
name: repair
title: Isolation
steps:
  - id: isolate
    action: windows.isolate
    with: {domain_controllers: [10.0.0.10]}
"""
SESSIONS = 4


class World:
    """An engine whose servers' clock is set from here. Its tasks run when they are due, and the server is on."""

    def __init__(self) -> None:
        self.timers = Timers()
        self.skew = timedelta()
        self.engine = SimEngine(self._later, self.now)

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.timers.now) + self.skew

    def _later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return running_loop(seconds, call) if 0 < seconds < 60 else self.timers.call_later(seconds, call)

    def pass_time(self, seconds: float) -> None:
        """While it runs."""
        self.timers.pass_time(seconds)

    def set_clock(self, seconds: float) -> None:
        """Forwards or back; Windows' scheduler is told."""
        self.skew += timedelta(seconds=seconds)
        self.engine.look_at_the_clock()

    def be_off(self, seconds: float) -> None:
        """No task runs; what was due runs when it starts."""
        self.skew += timedelta(seconds=seconds)
        self.engine.look_at_the_clock()


def is_cut_off(state: HostState) -> bool:
    """Whether anything of the isolation is in force."""
    profiles = [state.firewall.profile("ActiveStore", name) for name in PROFILES]
    return any(each.default_outbound == "Block" for each in profiles)


@dataclass
class Witness:
    """What stands on the server, whenever that or its clock changes.

    Attributes:
        broken: what must not be, each in a sentence.
        kept_at: the server's time at which a guard was confirmed first.
        armed_at: how long the server has been running, in seconds, when a guard was first seen armed.
        behind_at: the same, where its clock is before the time of the arming, since it is.
    """

    world: World
    live: LiveState
    before: HostState
    broken: list[str] = field(default_factory=list)
    kept_at: datetime | None = None
    armed_at: float | None = None
    behind_at: float | None = None
    undone: bool = False

    def __post_init__(self) -> None:
        become = self.live.become

        def becomes(state: HostState) -> None:
            become(state)
            self.look()

        self.live.become = becomes  # type: ignore[method-assign]

    def look(self, *, at_rest: bool = False) -> None:
        """`at_rest`: nothing is in the middle of a script, so what was due has run."""
        state = self.live.now
        cut_off = is_cut_off(state)
        for guard in state.guards.values():
            if guard.stands == "confirmed" and self.kept_at is None:
                self.kept_at = self.world.now()
                if not guard.since <= self.kept_at < guard.due:
                    self.broken.append(f"it was kept at {self.kept_at}, and its time was {guard.since} to {guard.due}")
                if self.undone:
                    self.broken.append("it was kept behind its undoing")
            if guard.stands == "undone":
                self.undone = True
                if at_rest and cut_off:
                    self.broken.append("it has undone the isolation, and is isolated")
            if at_rest and guard.stands == "armed" and self.world.now() >= guard.due and cut_off:
                self.broken.append(
                    f"it is isolated at {self.world.now()}, behind its deadline {guard.due}, unconfirmed"
                )
            if guard.stands == "armed":
                self._set_back(guard, at_rest=at_rest and cut_off)
        if at_rest and cut_off and not state.guards:
            self.broken.append("it is isolated, and nothing would take that back or says that it was confirmed")
        running = state.services["MSExchangeHM"].state
        if at_rest and cut_off and running != "Stopped":
            self.broken.append(f"Managed Availability is {running} while it is isolated")

    def _set_back(self, guard: GuardState, *, at_rest: bool) -> None:
        """No clock that is set puts the end off: not by more than to the next look, nor again and again."""
        running = self.world.timers.now
        if self.armed_at is None:
            self.armed_at = running
        if self.world.now() >= guard.since:
            self.behind_at = None
        elif self.behind_at is None:
            self.behind_at = running
        if at_rest and self.behind_at is not None and running - self.behind_at > LOOK_SECONDS:
            self.broken.append(f"it is isolated at {self.world.now()}, before the time of its arming, unconfirmed")
        if at_rest and running - self.armed_at > most_looks(SECONDS) * LOOK_SECONDS:
            self.broken.append(f"it is isolated {running - self.armed_at:.0f} seconds behind its arming, unconfirmed")


@dataclass
class Cutting:
    """One server under one plan."""

    lab: Rehearsal
    world: World
    witness: Witness
    random: Random
    counts: Counter[str] = field(default_factory=Counter)
    folder: Path = Path()
    _asked: int = 0
    _due: list[tuple[int, Callable[[], None]]] = field(default_factory=list)

    def happens(self) -> None:
        """The server is asked something: a second passes, and with it what is due to happen."""
        self._asked += 1
        self.world.pass_time(1)
        self.witness.look()
        while self._due and self._due[0][0] <= self._asked:
            self._due.pop(0)[1]()

    def draw(self) -> None:
        """What happens in a session, and when."""
        self._asked = 0
        kinds = (self.time_passes, self.clock_jumps, self.restarts)
        some = [
            (self.random.randint(1, 45), self.random.choice(kinds)) for _ in range(self.random.choice([0, 1, 2, 3]))
        ]
        self._due = sorted(some, key=lambda each: each[0])

    def time_passes(self) -> None:
        self.counts["time passed in a session"] += 1
        self.world.pass_time(self.random.choice([30, 200, 299, 301, 1000]))

    def clock_jumps(self) -> None:
        self.counts["clock jumped"] += 1
        self.world.set_clock(self.random.choice([-86_400, -301, -60, 60, 301, 86_400]))

    def restarts(self) -> None:
        """Off for a while; whoever connects meanwhile is refused."""
        self.counts["restarted"] += 1
        served = self.lab.lab.host(f"alpha/{NAME}")
        live = self.witness.live
        live.become(come_up(restarted(live.now, self.world.now()), None))
        asyncio.get_running_loop().call_soon(served.restart, 0.0, self.random.choice([0, 1, 3]))
        self.world.be_off(self.random.choice([30, 200, 301]))

    @property
    def journal(self) -> Path | None:
        for path in (self.folder / ".exrun").glob(f"alpha/runs/*/{JOURNAL}"):
            if b'"plan-taken"' in path.read_bytes():
                return path
        return None

    def session(self, kill: Kill | None, percent: int) -> int:
        """The command, or the run that it has begun, in a process of its own; how it ended."""
        journal = self.journal
        words = ["apply", "plan.json", "--take-over", NAME] if journal is None else ["resume", journal.parent.name]
        return run(
            self.lab, [*words, "--connect-timeout", "2"], kill, lambda: drops(self.random, percent, 8), self.happens
        )


def cut(folder: Path, seed: int) -> Counter[str]:
    """Isolates a server under what this seed draws; what was counted.

    Raises:
        AssertionError: it was isolated past its deadline without a confirmation, kept by one that came too late, or the
            run's last word of it is not so.
    """
    random, world = Random(seed), World()
    world.skew = timedelta(seconds=random.choice([0, 0, -86_400, 7_200]))  # to the controller's clock
    # What starts by hand is stopped behind a restart, whoever isolates the server: all of them start by themselves.
    state = random.choice([PLAIN, ODD]).model_copy(update={"name": NAME, "services": SERVICES})
    lying = random.random() < 0.2  # it sees us come from where we are not, and refuses us once it is isolated
    if lying:
        tcp = [each.model_copy(update={"remote_address": "192.0.2.7"}) for each in state.tcp]
        state = state.model_copy(update={"tcp": tcp})
    folder.mkdir(parents=True, exist_ok=True)
    host = LabHost("alpha", NAME, state, Account("alpha\\auditor", PASSWORD))
    with (
        pytest.MonkeyPatch.context() as patch,
        rehearsed(folder, patch, host, text=PLAYBOOK, engine=world.engine) as lab,
    ):
        patch.setenv("LAB_IMPATIENT", "1")
        live = lab.lab.host(f"alpha/{NAME}").service.live
        assert lab.plan()[0] == 1
        cutting = Cutting(lab, world, Witness(world, live, live.now), random, folder=folder)
        before, kills = live.now, 0
        for _ in range(random.randint(1, SESSIONS)):
            kill = random.choice(
                [None, Kill(random.choice(POINTS), random.choice([1, 1, 2, 3])), Kill(at=random.randint(1, 45))]
            )
            cutting.draw()
            status = cutting.session(kill, random.choice([0, 0, 5, 20]))
            kills += status == KILLED
            cutting.witness.look(at_rest=status != KILLED)
            world.pass_time(random.choice([0, 1, 100, 299, 301]))
            cutting.witness.look(at_rest=True)
        cutting.draw()
        cutting._due = []
        cutting.session(None, 0)
        world.pass_time(2 * SECONDS)
        cutting.witness.look(at_rest=True)
        cutting.session(None, 0)
        assert cutting.witness.broken == [], cutting.witness.broken
        outcome = "not begun" if cutting.journal is None else came(lab.json_of("show", "last-applied")[1])[NAME]
        now = live.now
        stands = {guard.stands for guard in now.guards.values()}
        assert "armed" not in stands, "nothing is left that would undo, at its deadline, what somebody does after it"
        if outcome == "changed":
            assert is_cut_off(now)
            assert stands == {"confirmed"}
        else:
            assert (now.firewall, set(now.files)) == (before.firewall, set(before.files)), outcome
            settings = {name: (each.state, each.start_mode) for name, each in now.services.items()}
            assert settings == {name: (each.state, each.start_mode) for name, each in before.services.items()}
        assert not (lying and outcome == "changed"), "nobody could have confirmed it over a new connection"
    cutting.counts += Counter({"kills": kills, f"ended {outcome}": 1, "saw us elsewhere": int(lying)})
    return cutting.counts

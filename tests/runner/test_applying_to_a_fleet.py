"""Applying a plan to many hosts: each has its row, the budget ends the run, and hosts that were not begun can be."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from inventory.model import Host
from playbooks.model import OnFailure
from runner import events
from runner.applied import AppliedHost, applied
from runner.applying import Applying, on_failures
from runner.events import Purpose, StepDue
from runner.fleet import Brake, Fleet, HealthCheck, Stop
from runner.health import Checking, asked_by, concern
from runner.journal.writer import JournalWriter
from runner.moves import Outcome
from runner.rollout import Halt, Rules
from runner.state import Key, RunState
from runner.steps import collects_by_step
from runner.terms import Ending
from runner.transport.failures import Failure
from runner.transport.gate import Gate
from runner.transport.interface import Deadlines, Script
from tests.runner.changeable import STATE, Applied, Way
from tests.runner.crashing import CrashingDisk
from tests.runner.fleets import JUDGEMENT, host, playbook, step
from tests.runner.happenings import STARTED
from tests.runner.journal.journals import opened


@dataclass
class Heard:
    """A listener."""

    rows: list[AppliedHost] = field(default_factory=list)
    when_ended: Callable[[str], None] = lambda name: None
    defects: list[str] = field(default_factory=list)

    def started(self, host: Host) -> None:
        """Not kept."""

    def ended(self, row: AppliedHost) -> None:
        self.rows.append(row)
        self.when_ended(row.name)

    def halting(self, halt: Halt) -> None:
        """Not kept."""

    def defect(self, where: str, error: BaseException) -> None:
        self.defects.append(f"{where}: {error!r}")


@dataclass
class Many:
    """Hosts of one client, over one journal."""

    fates: Sequence[str]
    health: Sequence[str] = ()
    disk: CrashingDisk = field(default_factory=CrashingDisk)
    heard: Heard = field(default_factory=Heard)
    brake: Brake = field(default_factory=Brake)

    def __post_init__(self) -> None:
        self.each = {
            f"EX{number}": Applied(steps=2, name=f"EX{number}", disk=self.disk) for number in range(len(self.fates))
        }
        for one, fate in zip(self.each.values(), self.fates, strict=True):
            one.server.fate = [fate]

    def run(self, rules: Rules) -> dict[str, AppliedHost]:
        first = next(iter(self.each.values()))
        state = first.state()
        journal = opened(STATE, disk=self.disk)
        if state is None:
            events.put(journal, replace(STARTED, hosts=tuple(self.each), steps=due_of(first)))
        else:
            events.put(journal, events.RunResumed())
        self.brake = Brake()
        fleet = Fleet[AppliedHost](
            rules,
            300.0,
            lambda host: self.work(journal, state, host),
            self.unbegun,
            self.brake,
            self.heard,
            time.monotonic,
            is_failure=lambda row: row.has_failed,
            health=self.check(journal, state) if self.health else None,
        )
        rows = fleet.work([host(name) for name in self.each], Stop())
        journal.close()
        return {row.name: row for row in rows}

    def check(self, journal: JournalWriter, state: RunState | None) -> HealthCheck[AppliedHost]:
        first = next(iter(self.each.values()))
        checking = Checking(
            self.health,
            first.ready,
            due_of(first),
            JUDGEMENT,
            lambda host, secret, notify: Way(self.each[host.name].server),
            Gate.of(collects_by_step(first.ready).values()),
            Deadlines(),
            lambda host: None,
            {"alpha": journal},
            {} if state is None else {("alpha", name): each for name, each in state.hosts.items()},
            self.brake,
            lambda: 0.0,
            lambda where, error: self.heard.defects.append(f"{where}: {error!r}"),
        )
        return HealthCheck(concern, checking.ask)

    def said(self) -> list[tuple[str, bool, str]]:
        """What each health check came to, by the journal."""
        events_ = (each.event for each in next(iter(self.each.values())).recorded())
        return [(each.host, each.well, each.why) for each in events_ if isinstance(each, events.HealthAnswered)]

    def work(self, journal: JournalWriter, state: RunState | None, host: Host) -> Applying:
        one = self.each[host.name]
        one.brake = self.brake
        return one.applying(journal, None if state is None else state.hosts.get(host.name))

    def unbegun(self, host: Host, why: Failure) -> AppliedHost:
        one = self.each[host.name]
        return applied(one.plan, "alpha", on_failures(one.ready), None, why, 0, 0.0)


def due_of(applied: Applied) -> tuple[StepDue, ...]:
    return tuple(
        StepDue(each.step.id, each.action.id, Script("", each.collect).sha256, None, {}) for each in applied.ready.steps
    )


def came(rows: dict[str, AppliedHost]) -> list[Outcome]:
    return [row.outcome for row in rows.values()]


@pytest.mark.parametrize("parallel", [1, 4])
def test_hosts_side_by_side_are_each_changed_once_whatever_becomes_of_others(parallel: int) -> None:
    many = Many(["completes", "lost-after", "breaks", "runs-on", "never-begins", "lost-before"] * 2)
    rows = many.run(Rules(parallel))
    changed = [Outcome.CHANGED, Outcome.CHANGED, Outcome.FAILED, Outcome.CHANGED, Outcome.CHANGED, Outcome.CHANGED]
    assert came(rows) == changed * 2
    assert all(times == 1 for one in many.each.values() for times in one.server.ran.values())
    assert many.heard.defects == []


def test_a_spent_budget_ends_the_run_and_what_was_not_begun_is_not_over() -> None:
    many = Many(["breaks", "completes", "breaks", "completes", "completes"])
    rows = many.run(Rules(1, budget=2))
    assert came(rows) == [Outcome.FAILED, Outcome.CHANGED, Outcome.FAILED, Outcome.PENDING, Outcome.PENDING]
    assert many.brake.halted is not None
    assert many.brake.halted.ending is Ending.BUDGET
    assert [row.is_over for row in rows.values()] == [True, True, True, False, False]
    assert "the failure budget is spent" in rows["EX3"].steps[0].why
    assert many.each["EX3"].server.given == []
    again = many.run(Rules(1))
    assert came(again) == [Outcome.FAILED, Outcome.CHANGED, Outcome.FAILED, Outcome.CHANGED, Outcome.CHANGED]
    assert all(times == 1 for one in many.each.values() for times in one.server.ran.values())


WAVES = Rules(2, waves=(2, 1, 1), health=True)


def test_hosts_that_were_changed_are_asked_before_the_next_wave_and_the_plan_goes_on_where_they_are_well() -> None:
    many = Many(["completes"] * 4, health=["s1"])
    rows = many.run(WAVES)
    assert came(rows) == [Outcome.CHANGED] * 4
    assert sorted(many.said()) == [("EX0", True, ""), ("EX1", True, ""), ("EX2", True, "")]
    assert many.heard.defects == []
    names = [events.name_of(each.event) for each in many.each["EX0"].recorded()]
    assert names.count("health-asked") == 3
    state = many.each["EX0"].state()
    assert state is not None
    progress = state.hosts["EX0"]
    assert progress.health is not None
    assert isinstance(progress.ended, events.HostApplied), "what the work with it came to stands"
    assert [key for key in progress.attempts if key.purpose is Purpose.HEALTH] == [Key("s1", Purpose.HEALTH, 1)]


def test_where_a_changed_host_is_not_well_the_run_drains_with_its_own_reason_and_goes_on_once_it_is() -> None:
    many = Many(["completes"] * 4, health=["s1"])

    def breaks(name: str) -> None:
        if name == "EX1":
            many.each[name].server.things["s1", "c0"] = "wrong"

    many.heard.when_ended = breaks
    rows = many.run(WAVES)
    assert came(rows) == [Outcome.CHANGED, Outcome.CHANGED, Outcome.PENDING, Outcome.PENDING]
    assert many.brake.halted is not None
    assert many.brake.halted.ending is Ending.HEALTH
    assert "EX1 (s1 is attention)" in rows["EX2"].steps[0].why, "who was not touched knows why"
    assert many.each["EX2"].server.given == []
    assert sorted(many.said()) == [("EX0", True, ""), ("EX1", False, "s1: 1 to be set right")]

    many.heard.when_ended = lambda name: None
    again = many.run(WAVES)
    assert many.brake.halted is not None, "the host is still not well: it is asked again, and nothing goes on"
    assert came(again)[2:] == [Outcome.PENDING, Outcome.PENDING]

    many.each["EX1"].server.things["s1", "c0"] = "right"
    last = many.run(WAVES)
    assert came(last) == [Outcome.CHANGED] * 4
    assert many.brake.halted is None
    assert all(times == 1 for one in many.each.values() for times in one.server.ran.values())
    assert many.heard.defects == []


def test_a_host_that_cannot_be_reached_for_its_check_is_not_well() -> None:
    many = Many(["completes"] * 4, health=["s1"])

    def gone(name: str) -> None:
        many.each[name].server.unreachable = 1 if name == "EX0" else 0

    many.heard.when_ended = gone
    rows = many.run(WAVES)
    assert "EX0 (not reached: connection-lost)" in rows["EX3"].steps[0].why
    assert ("EX0", False, "connection-lost: the connection went") in many.said()


def test_a_host_of_which_nobody_knows_what_became_of_a_change_is_not_asked_and_not_well() -> None:
    many = Many(["completes", "lost-after", "completes"], health=["s1"])
    many.each["EX1"].server.unending = True
    rows = many.run(Rules(2, waves=(2, 1), health=True))
    assert came(rows) == [Outcome.CHANGED, Outcome.UNKNOWN, Outcome.PENDING]
    assert "EX1 (what became of a change is not known)" in rows["EX2"].steps[0].why
    assert [name for name, _, _ in many.said()] == ["EX0"]


def test_a_wave_that_could_not_be_reached_does_not_pass_for_one_that_is_well() -> None:
    many = Many(["completes", "completes"], health=["s1"])
    many.each["EX0"].server.unreachable = 9
    rows = many.run(Rules(1, waves=(1, 1), health=True))
    assert came(rows) == [Outcome.UNREACHABLE, Outcome.PENDING]
    assert "nothing was changed on any server of the wave, and alpha/EX0 failed" in rows["EX1"].steps[0].why


def test_what_is_asked_are_the_steps_that_are_named_and_those_that_their_conditions_hang_on() -> None:
    first, second, third = step("a", stop=True), step("b"), step("c", when="a.good")
    three = playbook(first, second, third)
    assert [ready.step.id for ready in asked_by(three, ["c"]).steps] == ["a", "c"]
    assert [ready.step.id for ready in asked_by(three, ["b"]).steps] == ["b"]
    assert {ready.step.on_failure for ready in asked_by(three, ["b", "c"]).steps} == {OnFailure.CONTINUE}

"""Applying a plan to many hosts: each has its row, the budget ends the run, and hosts that were not begun can be."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from inventory.model import Host
from runner import events
from runner.applied import AppliedHost, applied
from runner.applying import Applying, on_failures
from runner.events import StepDue
from runner.fleet import Brake, Fleet, Stop
from runner.journal.writer import JournalWriter
from runner.moves import Outcome
from runner.rollout import Halt, Rules
from runner.state import RunState
from runner.terms import Ending
from runner.transport.failures import Failure
from runner.transport.interface import Script
from tests.runner.changeable import STATE, Applied
from tests.runner.crashing import CrashingDisk
from tests.runner.fleets import host
from tests.runner.happenings import STARTED
from tests.runner.journal.journals import opened


@dataclass
class Heard:
    """A listener."""

    rows: list[AppliedHost] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)

    def started(self, host: Host) -> None:
        """Not kept."""

    def ended(self, row: AppliedHost) -> None:
        self.rows.append(row)

    def halting(self, halt: Halt) -> None:
        """Not kept."""

    def defect(self, where: str, error: BaseException) -> None:
        self.defects.append(f"{where}: {error!r}")


@dataclass
class Many:
    """Hosts of one client, over one journal."""

    fates: Sequence[str]
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
            due = tuple(
                StepDue(each.step.id, each.action.id, Script("", each.collect).sha256, None, {})
                for each in first.ready.steps
            )
            events.put(journal, replace(STARTED, hosts=tuple(self.each), steps=due))
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
        )
        rows = fleet.work([host(name) for name in self.each], Stop())
        journal.close()
        return {row.name: row for row in rows}

    def work(self, journal: JournalWriter, state: RunState | None, host: Host) -> Applying:
        one = self.each[host.name]
        one.brake = self.brake
        return one.applying(journal, None if state is None else state.hosts.get(host.name))

    def unbegun(self, host: Host, why: Failure) -> AppliedHost:
        one = self.each[host.name]
        return applied(one.plan, "alpha", on_failures(one.ready), None, why, 0, 0.0)


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

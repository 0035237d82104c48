"""The real command under SIGKILL, at named points and while it talks to servers: it goes on, nothing runs twice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runner.lab.engines.sim import SimEngine
from tests.runner.accounted import PLAN, Manner, accounted
from tests.runner.dying import KILLED, POINTS, Kill, killed, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL, and forks nothing")

CHAINS = {
    "before-anything": ("after disk.make_directory", "before event.plan-taken", "after disk.link"),
    "around-evidence": ("before store.keep", "after store.keep", "after event.evidence-kept"),
    "around-a-change": ("before host.change", "after host.change", "before event.settled"),
    "around-its-lines": ("after event.script-sending", "before event.script-answered", "after event.settled"),
    "at-the-end": ("before event.host-applied", "after event.wave-ended", "after event.run-ended"),
}
# Those of changes that servers undo by themselves, and of tasks of theirs.
CONFIRMED = {
    "before-it-is-armed": ("before host.change", "after host.change", "before event.settled"),
    "between": ("after work.part", "before event.script-sending.confirm", "after event.script-sending.verify"),
    "around-a-confirmation": ("after event.script-sending.confirm", "after host.change", "before event.host-applied"),
}
DETACHED = {
    "before-it-begins": ("before host.change", "after host.change", "before event.detached-seen"),
    "while-it-runs": ("before event.script-sending.poll", "after event.detached-seen", "before work.wait"),
    "behind-it": ("after work.wait", "after event.detached-seen", "before event.settled"),
}


def test_there_are_more_than_twenty_points() -> None:
    assert len(set(POINTS)) > 70
    assert {point for each in (CHAINS, CONFIRMED, DETACHED) for chain in each.values() for point in chain} <= set(
        POINTS
    )


@pytest.mark.parametrize("chain", CHAINS)
def test_it_is_killed_at_three_points_one_after_the_other_and_comes_to_its_end(chain: str, tmp_path: Path) -> None:
    kills = [Kill(point) for point in CHAINS[chain]]
    assert killed(tmp_path / "run", SimEngine(), kills) == kills


@pytest.mark.parametrize("chain", CONFIRMED)
def test_so_it_does_where_servers_undo_what_is_not_confirmed(chain: str, tmp_path: Path) -> None:
    kills = [Kill(point) for point in CONFIRMED[chain]]
    made = killed(tmp_path / "run", SimEngine(), kills, services=Manner.CONFIRMED, quarantine=Manner.CONFIRMED)
    assert made == kills


@pytest.mark.parametrize("chain", DETACHED)
def test_so_it_does_where_tasks_of_the_servers_make_the_changes(chain: str, tmp_path: Path) -> None:
    kills = [Kill(point) for point in DETACHED[chain]]
    made = killed(tmp_path / "run", SimEngine(), kills, services=Manner.DETACHED, quarantine=Manner.DETACHED)
    assert made == kills


def test_it_is_killed_while_it_talks_to_servers_and_comes_to_its_end(tmp_path: Path) -> None:
    kills = [Kill(at=14), Kill(at=9)]
    assert killed(tmp_path / "run", SimEngine(), kills) == kills


def test_it_is_killed_while_it_undoes_what_it_did_and_comes_to_its_end(tmp_path: Path) -> None:
    kills = [Kill("after event.rollback-asked"), Kill("after host.change"), Kill("before event.settled")]
    assert killed(tmp_path / "run", SimEngine(), kills, undo=True) == kills


def test_a_server_of_a_run_that_was_killed_is_taken_by_name_alone(tmp_path: Path) -> None:
    """By another plan. The run that held it sends it nothing more."""
    with accounted(tmp_path / "run", SimEngine()) as fleet:
        assert fleet.plan()[0] == 1
        assert run(fleet, ["apply", PLAN], Kill("before host.change")) == KILLED
        first = fleet.journal
        assert first is not None
        assert fleet.plan("other.json")[0] == 1
        status, said = fleet.exrun("apply", "other.json")
        assert status == 4
        assert "whose process is gone" in said
        assert fleet.changes_sent() == {name: [] for name in fleet.names}
        taken = (word for name in fleet.names for word in ("--take-over", name))
        assert fleet.exrun("apply", "other.json", *taken)[0] == 0
        due = fleet.changes_sent()
        assert all(due.values())
        fleet.exrun("resume", first.parent.name)
        assert fleet.changes_sent() == due

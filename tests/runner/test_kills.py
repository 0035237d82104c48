"""The real command under SIGKILL, at named points and while it talks to servers: it goes on, nothing runs twice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runner.lab.engines.sim import SimEngine
from tests.runner.accounted import PLAN, accounted
from tests.runner.dying import KILLED, POINTS, Kill, killed, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL, and forks nothing")

CHAINS = {
    "before-anything": ("after disk.make_directory", "before event.plan-taken", "after disk.link"),
    "around-evidence": ("before event.evidence-kept", "after event.evidence-kept", "after host.observe"),
    "around-a-change": ("before host.change", "after host.change", "before event.settled"),
    "around-its-lines": ("after event.script-sending", "before event.script-answered", "after event.settled"),
    "at-the-end": ("before event.host-applied", "after event.wave-ended", "after event.run-ended"),
}


def test_there_are_more_than_twenty_points() -> None:
    assert len(set(POINTS)) > 40
    assert {point for chain in CHAINS.values() for point in chain} <= set(POINTS)


@pytest.mark.parametrize("chain", CHAINS)
def test_it_is_killed_at_three_points_one_after_the_other_and_comes_to_its_end(chain: str, tmp_path: Path) -> None:
    kills = [Kill(point) for point in CHAINS[chain]]
    assert killed(tmp_path / "run", SimEngine(), kills) == kills


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

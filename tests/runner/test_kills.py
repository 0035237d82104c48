"""The real command under SIGKILL, at named points and while it talks to servers: it goes on, nothing runs twice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runner.lab.engines.sim import SimEngine
from tests.runner.dying import POINTS, Kill, killed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL, and forks nothing")

CHAINS = {
    "before-anything": ("after disk.make_directory", "before event.plan-taken", "after disk.link"),
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
    assert killed(tmp_path / "run", SimEngine(), kills) == len(kills)


def test_it_is_killed_while_it_talks_to_servers_and_comes_to_its_end(tmp_path: Path) -> None:
    assert killed(tmp_path / "run", SimEngine(), [Kill(at=14), Kill(at=9)]) == 2


def test_it_is_killed_while_it_undoes_what_it_did_and_comes_to_its_end(tmp_path: Path) -> None:
    kills = [Kill("after event.rollback-asked"), Kill("after host.change"), Kill("before event.settled")]
    assert killed(tmp_path / "run", SimEngine(), kills, undo=True) == len(kills)

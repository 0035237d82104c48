"""Isolation while everything goes wrong: never past its deadline without a confirmation, never kept by a late one."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from playbooks.guarding import LOOK_SECONDS, most_looks
from runner.lab.engines.sim.guarding import Guarding
from runner.lab.state import LiveState
from tests.runner.cutting import SECONDS, Witness, World, cut
from tests.runner.lab.engines.client import Client
from tests.runner.lab.engines.isolations import PLAIN, Isolation


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL, and forks nothing")
@pytest.mark.parametrize("seed", [12, 13, 14])
def test_a_server_is_cut_off_by_right_alone_whatever_happens(seed: int, tmp_path: Path) -> None:
    """`make soak-isolation` has 500 of these."""
    cut(tmp_path / "run", seed)


def witnessed() -> tuple[World, LiveState, Witness, str]:
    """A server that has just been isolated, and the script that confirms it."""
    world = World()
    live = LiveState(PLAIN)
    witness = Witness(world, live, PLAIN)
    with Client(world.engine, live) as client:
        planned = Isolation(client).change()
        assert Isolation(client).run(planned.apply) == ""
    witness.look(at_rest=True)
    assert witness.broken == []
    assert planned.confirm is not None
    return world, live, witness, planned.confirm


def test_the_witness_sees_a_server_that_stays_isolated_past_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guarding, "_look", lambda self, live, name: None)
    world, _, witness, _ = witnessed()
    world.pass_time(SECONDS + 1)
    witness.look(at_rest=True)
    assert "behind its deadline" in " ".join(witness.broken)


def test_the_witness_sees_a_server_that_a_clock_keeps_isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guarding, "_look", lambda self, live, name: None)
    world, _, witness, _ = witnessed()
    world.set_clock(-86_400)
    witness.look(at_rest=True)
    world.pass_time(LOOK_SECONDS)
    witness.look(at_rest=True)
    assert witness.broken == []
    world.pass_time(1)
    witness.look(at_rest=True)
    assert "before the time of its arming" in " ".join(witness.broken)
    world.set_clock(86_400)
    witness.broken.clear()
    for _ in range(most_looks(SECONDS)):
        world.pass_time(LOOK_SECONDS)
        world.set_clock(-LOOK_SECONDS)
        witness.look(at_rest=True)
    assert "behind its arming" in " ".join(witness.broken)


def test_a_server_whose_clock_is_set_back_by_a_day_is_not_cut_off_for_a_day() -> None:
    world, live, witness, confirm = witnessed()
    world.set_clock(-86_400)
    with Client(world.engine, live) as client:
        assert "it was confirmed too late" in Isolation(client).run(confirm)
    world.pass_time(LOOK_SECONDS)
    witness.look(at_rest=True)
    assert (witness.broken, live.now.firewall) == ([], PLAIN.firewall)


def test_the_witness_sees_a_confirmation_that_was_taken_too_late() -> None:
    world, live, witness, confirm = witnessed()
    now, world.skew = world.skew, world.skew + timedelta(seconds=SECONDS + 1)  # nothing has run yet
    with Client(world.engine, live) as client:
        assert "too late" in Isolation(client).run(confirm)
        world.skew = now
        assert Isolation(client).run(confirm) == ""
    assert witness.broken == []
    [guard] = live.now.guards.values()
    late = guard.model_copy(update={"due": world.now() - timedelta(seconds=1)})
    witness.kept_at = None
    live.become(live.now.model_copy(update={"guards": {"x": late}}))
    assert "it was kept at" in " ".join(witness.broken)


def test_a_server_that_was_off_at_its_deadline_takes_it_back_when_it_starts() -> None:
    world, live, witness, _ = witnessed()
    world.be_off(SECONDS + 1)
    witness.look(at_rest=True)
    assert (witness.broken, live.now.firewall) == ([], PLAIN.firewall)

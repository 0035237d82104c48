"""What servers were sent, by their own account: collects while a plan is made, then what it names for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runner import events
from runner.journal.verification import read
from runner.lab.engines.sim import SimEngine
from runner.plan import file
from tests.runner.accounted import PLAN, Accounted, accounted


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Accounted]:
    with accounted(tmp_path / "run", SimEngine()) as one:
        assert one.plan()[0] == 1
        yield one


def test_while_a_plan_is_made_collects_run_and_they_run_locked(fleet: Accounted) -> None:
    plan = fleet.made
    assert plan is not None
    [journal] = fleet.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    recorded = [events.read(line).event for line in read(journal)[0]]
    named = {each.script for each in recorded if isinstance(each, events.ScriptNamed)}
    executed = fleet.lab.ledger.executed()
    assert {each.host.partition("/")[2] for each in executed} == set(fleet.names)
    assert [each.changes for each in executed if each.changes] == []
    collected = {statement.sha256 for each in executed for statement in each.collects}
    assert collected == {step.collect for step in plan.steps}
    assert collected <= named
    assert not named & set(plan.texts)


def test_a_plan_is_run_for_each_server_with_its_own_scripts_and_once(fleet: Accounted) -> None:
    plan = fleet.made
    assert plan is not None
    due = {host.host: [change.apply for _, change in host.changes] for host in plan.hosts}
    assert len({tuple(each) for each in due.values()}) == len(due)
    assert fleet.exrun("apply", PLAN)[0] == 0
    assert fleet.changes_sent() == due
    assert fleet.illegal() == ()
    status, said = fleet.exrun("apply", PLAN)
    assert status == 4
    assert "the plan was run" in said
    assert fleet.changes_sent() == due


def test_a_plan_that_gives_servers_each_others_changes_sends_none_of_them(fleet: Accounted) -> None:
    """It is whole, its digest is the one that is named, its scripts are ours: what refuses it is the servers."""
    plan = fleet.made
    assert plan is not None
    steps = [host.steps for host in plan.hosts]
    hosts = tuple(replace(host, steps=other) for host, other in zip(plan.hosts, steps[1:] + steps[:1], strict=True))
    data = file.write(replace(plan, hosts=hosts))
    (fleet.folder / PLAN).write_bytes(data)
    status, said = fleet.exrun("apply", PLAN, "--digest", file.digest(data))
    assert status == 4
    assert said.count("refused") >= len(hosts)
    assert fleet.changes_sent() == {name: [] for name in fleet.names}
    assert fleet.illegal() == ()

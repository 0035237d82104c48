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
from tests.runner.accounted import PLAN, Rehearsed, rehearsed


@pytest.fixture
def rehearsal(tmp_path: Path) -> Iterator[Rehearsed]:
    with rehearsed(tmp_path / "run", SimEngine()) as one:
        assert one.plan_().status == 1
        yield one


def test_while_a_plan_is_made_collects_run_and_they_run_locked(rehearsal: Rehearsed) -> None:
    plan = rehearsal.plan
    assert plan is not None
    [journal] = rehearsal.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    recorded = [events.read(line).event for line in read(journal)[0]]
    named = {each.script for each in recorded if isinstance(each, events.ScriptNamed)}
    executed = rehearsal.lab.ledger.executed()
    assert {each.host.partition("/")[2] for each in executed} == set(rehearsal.names)
    assert [each.changes for each in executed if each.changes] == []
    collected = {statement.sha256 for each in executed for statement in each.collects}
    assert collected == {step.collect for step in plan.steps}
    assert collected <= named
    assert not named & set(plan.texts)


def test_a_plan_is_run_for_each_server_with_its_own_scripts_and_once(rehearsal: Rehearsed) -> None:
    plan = rehearsal.plan
    assert plan is not None
    due = {host.host: [change.apply for _, change in host.changes] for host in plan.hosts}
    assert len({tuple(each) for each in due.values()}) == len(due)
    assert rehearsal.exrun("apply", PLAN).status == 0
    assert rehearsal.changes_sent() == due
    assert rehearsal.illegal() == ()
    again = rehearsal.exrun("apply", PLAN)
    assert again.status == 4
    assert "the plan was run" in again.err
    assert rehearsal.changes_sent() == due


def test_a_plan_that_gives_servers_each_others_changes_sends_none_of_them(rehearsal: Rehearsed) -> None:
    """It is whole, its digest is the one that is named, its scripts are ours: what refuses it is the servers."""
    plan = rehearsal.plan
    assert plan is not None
    steps = [host.steps for host in plan.hosts]
    hosts = tuple(replace(host, steps=other) for host, other in zip(plan.hosts, steps[1:] + steps[:1], strict=True))
    data = file.write(replace(plan, hosts=hosts))
    (rehearsal.folder / PLAN).write_bytes(data)
    refused = rehearsal.exrun("apply", PLAN, "--digest", file.digest(data))
    assert refused.status == 4
    assert refused.out.count("refused") >= len(hosts)
    assert rehearsal.changes_sent() == {name: [] for name in rehearsal.names}
    assert rehearsal.illegal() == ()


def test_a_plan_of_which_a_byte_was_altered_sends_nothing_at_all(rehearsal: Rehearsed) -> None:
    plan = rehearsal.plan
    assert plan is not None
    before = len(rehearsal.lab.ledger.executed())
    (rehearsal.folder / PLAN).write_bytes(file.write(replace(plan, planner="somebody@else")))
    refused = rehearsal.exrun("apply", PLAN)
    assert refused.status == 4
    assert "not as it was made" in refused.err
    assert len(rehearsal.lab.ledger.executed()) == before

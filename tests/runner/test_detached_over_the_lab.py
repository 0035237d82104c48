"""`exrun apply` of changes that run as tasks of the servers, over real WinRM: begun once, whatever is lost or dies."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import events
from runner.events import DetachedState, Purpose
from runner.lab.faults import Act, Fault, Step
from runner.lab.state import HostState
from runner.plan.records import Plan
from tests.runner.rehearsal import Rehearsal, came, rehearsed, server

DETACHED = "    detached: {seconds: 60}\n"
ENGINE = "EX1"


def seen(lab: Rehearsal) -> list[events.DetachedSeen]:
    return [each for each in lab.events() if isinstance(each, events.DetachedSeen)]


def each_ran_once(lab: Rehearsal, plan: Plan) -> None:
    """Every script was begun by one sending, and its task ran once."""
    tasks = [each.task for each in lab.lab.ledger.tasks()]
    assert len(tasks) == len(set(tasks)) == len(list(plan.changes))
    assert lab.strange(plan) == []


def test_changes_run_as_tasks_and_what_they_come_to_is_seen_by_the_step_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(tmp_path, monkeypatch, server(ENGINE), step=DETACHED) as lab:
        before = {name: lab.lab.host(f"alpha/{name}").service.live.now.services for name in (ENGINE,)}
        _, plan = lab.plan()
        planned = [change for host in plan.hosts for _, change in host.changes]
        assert all(change.poll and change.detached_seconds == 60 for change in planned)

        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (0, {ENGINE: "changed"})
        assert lab.changed(ENGINE, plan).count(planned[0].apply) == 1
        each_ran_once(lab, plan)
        assert [each.state for each in seen(lab) if each.state.is_over] == [DetachedState.DONE] * len(planned)
        assert lab.plan("again.json")[0] == 0

        status, undone = lab.json("rollback", "last")
        assert (status, came(undone)) == (0, {ENGINE: "rolled-back"})
        assert {name: lab.lab.host(f"alpha/{name}").service.live.now.services for name in (ENGINE,)} == before


@pytest.mark.parametrize("number", range(1, 9))
def test_a_reply_that_is_lost_begins_nothing_twice(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers to what begins a task, to looks how far it is, and to collects: each in turn never arrives."""
    wrong = server(ENGINE, services=("MSExchangeIS",))
    with rehearsed(tmp_path, monkeypatch, wrong, step=DETACHED) as lab:
        _, plan = lab.plan()
        lab.fail(ENGINE, Fault(Act.RESET_AFTER, Step.RECEIVE, first=number, times=1))
        status, document = lab.json("apply", "plan.json")
        if came(document)[ENGINE] != "changed":
            status, document = lab.json("resume", "last")
        assert (status, came(document)) == (0, {ENGINE: "changed"})
        each_ran_once(lab, plan)


CUT_OFF = Fault(Act.RESET, Step.AUTHENTICATE, first=4, times=1_000_000)  # the first connection takes three


def test_a_run_that_died_while_a_task_runs_is_resumed_and_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = server(ENGINE, services=("MSExchangeIS",))
    with rehearsed(tmp_path, monkeypatch, wrong, step=DETACHED) as lab:
        _, plan = lab.plan()

        def dies(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("runner.applying.Applying._poll", dies)
            with pytest.raises(KeyboardInterrupt):
                raise KeyboardInterrupt
        lab.alter(ENGINE, lambda state: state)
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (0, {ENGINE: "changed"})


def slow(state: HostState) -> HostState:
    return state.model_copy(update={"task_seconds": 100_000.0})


def test_polls_are_of_the_plan_and_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(tmp_path, monkeypatch, server(ENGINE), step=DETACHED) as lab:
        _, plan = lab.plan()
        assert lab.json("apply", "plan.json")[0] == 0
        polls = {change.poll for _, _, change in plan.changes}
        locked = {each.sha256 for done in lab.lab.ledger.executed() for each in done.collects}
        outside = {each.sha256 for done in lab.lab.ledger.executed() for each in done.changes}
        assert polls <= locked
        assert not polls & outside
        sent = [each for each in lab.events() if isinstance(each, events.ScriptSending)]
        assert Purpose.POLL in {each.purpose for each in sent}

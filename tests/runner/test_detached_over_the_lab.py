"""`exrun apply` of changes that run as tasks of the servers, over real WinRM: begun once, whatever is lost or dies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks.detaching import OVER_SECONDS
from runner import applying, events
from runner.applying import Applying
from runner.events import DetachedState, Purpose
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import LabHost
from runner.plan.records import Plan
from tests.runner import rehearsal
from tests.runner.rehearsal import Rehearsal, came, rehearsed
from tests.runner.test_confirming_over_the_lab import Deadlines

DETACHED = "    detached: {seconds: 60}\n"
ENGINE = "EX1"


def server(name: str, services: Sequence[str] = rehearsal.WRONG) -> LabHost:
    """One whose tasks are done within a moment."""
    found = rehearsal.server(name, services=services)
    return replace(found, state=found.state.model_copy(update={"task_seconds": 0.2}))


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


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other sooner than a user's do: what is waited for takes a tenth of a second here."""
    monkeypatch.setattr(applying, "BETWEEN_LOOKS_SECONDS", 0.1)


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


def test_a_run_that_broke_off_while_a_task_runs_is_resumed_and_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = server(ENGINE, services=("MSExchangeIS",))
    with rehearsed(tmp_path, monkeypatch, wrong, step=DETACHED) as lab:
        _, plan = lab.plan()
        with monkeypatch.context() as patched:
            patched.setattr(Applying, "_poll", breaks_off)
            status, document = lab.json("apply", "plan.json")
            assert (status, came(document)) == (3, {ENGINE: "unknown"})
        assert seen(lab) == []
        status, document = lab.json("resume", "last")
        assert (status, came(document)) == (0, {ENGINE: "changed"})
        each_ran_once(lab, plan)


def test_a_run_that_broke_off_behind_a_look_at_a_running_task_is_resumed_and_sees_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was seen last is that it runs: that says nothing of what it has come to since."""
    slow = server(ENGINE, services=("MSExchangeIS",))
    slow = replace(slow, state=slow.state.model_copy(update={"task_seconds": 0.5}))
    with rehearsed(tmp_path, monkeypatch, slow, step=DETACHED) as lab:
        _, plan = lab.plan()
        with monkeypatch.context() as patched:
            patched.setattr(Applying, "_wait", breaks_off)
            status, document = lab.json("apply", "plan.json")
            assert (status, came(document)) == (3, {ENGINE: "unknown"})
        assert [each.state for each in seen(lab)] == [DetachedState.RUNNING]
        status, document = lab.json("resume", "last")
        assert (status, came(document)) == (0, {ENGINE: "changed"})
        each_ran_once(lab, plan)


def breaks_off(*_: object) -> None:
    raise RuntimeError("the controller dies here")


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


def test_a_task_that_does_not_end_is_looked_at_until_its_time_is_over_and_what_it_came_to_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines = Deadlines()
    hanging = server(ENGINE, services=("MSExchangeIS",))
    hanging = replace(hanging, state=hanging.state.model_copy(update={"task_seconds": 100_000.0}))
    looks: list[None] = []

    def waits(_: Applying) -> None:
        looks.append(None)
        deadlines.pass_time(5)

    with rehearsed(tmp_path, monkeypatch, hanging, step=DETACHED, engine=deadlines.engine) as lab:
        _, plan = lab.plan()
        monkeypatch.setattr(Applying, "_wait", waits)
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (3, {ENGINE: "failed"})
        assert "its task on the server was ended when its time was over" in document["hosts"][0]["steps"][0]["why"]
        assert len(looks) == (60 + OVER_SECONDS) / 5 + 1
        assert lab.lab.ledger.tasks() == ()
        assert len(lab.changed(ENGINE, plan)) == 1, "what follows it is not made"


def test_real_powershells_run_tasks_as_the_plan_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, powershell: Path
) -> None:
    engine = PwshEngine(powershell)
    wrong = server(ENGINE, services=("MSExchangeIS",))
    wrong = replace(wrong, engine="pwsh", state=wrong.state.model_copy(update={"engine": "pwsh"}))
    with rehearsed(tmp_path, monkeypatch, wrong, step=DETACHED, engine=engine) as lab:
        _, plan = lab.plan()
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (0, {ENGINE: "changed"})
        each_ran_once(lab, plan)
        assert {each.state for each in seen(lab) if each.state.is_over} == {DetachedState.DONE}

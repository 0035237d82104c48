"""`exrun apply` of changes that servers undo by themselves, over real WinRM: who is first, and what is left behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runner import events
from runner.applying import Applying
from runner.events import Purpose
from runner.lab.engines.sim import SimEngine
from runner.lab.engines.sim.engine import running_loop
from runner.lab.engines.sim.pipeline import Timer
from runner.lab.faults import Act, Fault, InSession, Step
from tests.runner.lab.engines.timers import Timers
from tests.runner.rehearsal import Rehearsal, came, rehearsed, server

CONFIRM = "    confirm: {seconds: 300}\n"
ENGINE = "EX1"


class Deadlines:
    """An engine whose deadlines are over when a test says so; what takes seconds takes them as ever."""

    def __init__(self) -> None:
        self.timers = Timers()
        self.engine = SimEngine(self._later, lambda: datetime(2026, 11, 24, tzinfo=UTC) + self._passed)

    @property
    def _passed(self) -> timedelta:
        return timedelta(seconds=self.timers.now)

    def _later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return running_loop(seconds, call) if seconds < 60 else self.timers.call_later(seconds, call)

    def pass_time(self, seconds: float) -> None:
        self.timers.pass_time(seconds)


def guards(lab: Rehearsal, name: str = ENGINE) -> set[str]:
    return {guard.stands for guard in lab.lab.host(f"alpha/{name}").service.live.now.guards.values()}


def purposes(lab: Rehearsal) -> list[Purpose]:
    return [each.purpose for each in lab.events() if isinstance(each, events.ScriptSending) and each.purpose.changes]


def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when all the time is over for which exchange.services announces that a server may be away."""
    monkeypatch.setattr(Applying, "_is_patient", property(lambda self: False))


def test_changes_are_confirmed_over_a_new_connection_and_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deadlines = Deadlines()
    with rehearsed(tmp_path, monkeypatch, server(ENGINE), step=CONFIRM, engine=deadlines.engine) as lab:
        before = lab.states()
        _, plan = lab.plan()
        planned = [change for host in plan.hosts for _, change in host.changes]
        assert all(change.confirm and change.confirm_seconds == 300 for change in planned)
        assert "the server undoes it after 300 s unless confirmed" in lab("show", "plan.json")[1]
        connections = lab.lab.ledger.host(f"alpha/{ENGINE}").connections

        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (0, {ENGINE: "changed"})
        assert lab.lab.ledger.host(f"alpha/{ENGINE}").connections == connections + 2
        assert lab.changed(ENGINE, plan) == [
            *(change.apply for change in planned),
            *(change.confirm for change in planned),
        ]
        assert lab.strange(plan) == []
        assert guards(lab) == {"confirmed"}
        deadlines.pass_time(10_000)
        assert lab.lab.ledger.tasks() == ()
        assert lab.plan("again.json")[0] == 0

        status, undone = lab.json("rollback", "last")
        assert (status, came(undone)) == (0, {ENGINE: "rolled-back"})
        assert lab.states() == before


CUT_OFF = Fault(Act.RESET, Step.AUTHENTICATE, first=4, times=1_000_000)  # the first connection takes three


def test_a_server_that_cannot_be_reached_anew_undoes_its_changes_and_the_resumed_run_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines = Deadlines()
    with rehearsed(tmp_path, monkeypatch, server(ENGINE), step=CONFIRM, engine=deadlines.engine) as lab:
        before = lab.states()
        _, plan = lab.plan()
        lab.fail(ENGINE, CUT_OFF)
        nobody_waits(monkeypatch)
        status, document = lab.json("apply", "plan.json", "--connect-timeout", "5")
        assert (status, came(document)) == (3, {ENGINE: "unknown"})
        assert Purpose.CONFIRM not in purposes(lab)
        assert guards(lab) == {"armed"}

        deadlines.pass_time(300)
        assert guards(lab) == {"undone"}
        undone = [each.text for each in lab.lab.ledger.tasks()]
        assert len(undone) == len(list(plan.changes))
        lab.fail(ENGINE)
        status, document = lab.json("resume", "last")
        assert (status, came(document)) == (3, {ENGINE: "rolled-back"})
        assert Purpose.CONFIRM not in purposes(lab)
        assert lab.states() == before
        assert guards(lab) == set()


def test_a_run_that_is_resumed_in_time_confirms_what_it_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deadlines = Deadlines()
    with rehearsed(tmp_path, monkeypatch, server(ENGINE), step=CONFIRM, engine=deadlines.engine) as lab:
        _, plan = lab.plan()
        lab.fail(ENGINE, CUT_OFF)
        nobody_waits(monkeypatch)
        assert lab.json("apply", "plan.json", "--connect-timeout", "5")[0] == 3
        deadlines.pass_time(299)
        lab.fail(ENGINE)
        status, document = lab.json("resume", "last")
        assert (status, came(document)) == (0, {ENGINE: "changed"})
        deadlines.pass_time(10_000)
        assert lab.lab.ledger.tasks() == ()
        assert len(set(lab.changed(ENGINE, plan))) == len(lab.changed(ENGINE, plan))


@pytest.mark.parametrize("number", range(1, 9))
def test_a_reply_that_is_lost_while_it_is_confirmed_is_settled(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers to changes, to the look over the new connection, and to confirmations: each in turn never arrives."""
    deadlines = Deadlines()
    wrong = server(ENGINE, services=("MSExchangeIS",))
    with rehearsed(tmp_path, monkeypatch, wrong, step=CONFIRM, engine=deadlines.engine) as lab:
        _, plan = lab.plan()
        lab.fail(ENGINE, Fault(Act.RESET_AFTER, Step.RECEIVE, first=number, times=1))
        status, document = lab.json("apply", "plan.json")
        if came(document)[ENGINE] != "changed":
            status, document = lab.json("resume", "last")
        assert (status, came(document)) == (0, {ENGINE: "changed"})
        assert guards(lab) == {"confirmed"}
        applies = [change.apply for _, _, change in plan.changes]
        assert sorted(sha for sha in lab.changed(ENGINE, plan) if sha in applies) == sorted(applies)


@pytest.mark.parametrize("number", range(1, 5))
def test_an_answer_that_is_lost_while_it_is_undone_is_settled_and_no_guard_stays(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers to the two rollbacks, and to what is sent after them: each in turn never arrives."""
    deadlines = Deadlines()
    wrong = server(ENGINE, services=("MSExchangeIS",))
    with rehearsed(tmp_path, monkeypatch, wrong, step=CONFIRM, engine=deadlines.engine) as lab:
        before = lab.states()
        _, plan = lab.plan()
        lab.fail(ENGINE, CUT_OFF)
        nobody_waits(monkeypatch)
        assert lab.json("apply", "plan.json", "--connect-timeout", "5")[0] == 3
        lab.fail(ENGINE, Fault(Act.RESET_AFTER, Step.RECEIVE, first=number, times=1, session=InSession.FULL))
        status, document = lab.json("rollback", "last")
        if came(document)[ENGINE] == "unknown":
            status, document = lab.json("resume", "last")
        assert (status, came(document)) == (0, {ENGINE: "rolled-back"})
        assert lab.states() == before
        rollbacks = [change.rollback for _, _, change in plan.changes]
        assert sorted(sha for sha in lab.changed(ENGINE, plan) if sha in rollbacks) == sorted(rollbacks)
        deadlines.pass_time(10_000)
        assert lab.lab.ledger.tasks() == ()

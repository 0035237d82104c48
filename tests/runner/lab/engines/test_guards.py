"""A change that a server undoes by itself: both engines make the same of it, whatever comes first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psrpcore.types import PSInvocationState

from playbooks.guarding import Guarded, guarded
from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.state import LiveState, ServiceState
from tests.runner.lab.engines.client import Client
from tests.runner.lab.engines.test_changing import WAYS, script, server
from tests.runner.lab.engines.timers import Timers

PLAN = "0123456789ab"
BEGAN = datetime(2026, 11, 24, tzinfo=UTC)
SECONDS = 300
NAME = "msexchangeis"


def made() -> Guarded:
    apply, rollback = script(WAYS["started"]), script(WAYS["stopped"])
    return guarded(PLAN, "start.msexchangeis", apply, rollback, SECONDS)


class Lab:
    """A server, and its time: that of what runs in a PowerShell begins with what it has registered."""

    def __init__(self, powershell: Path | None) -> None:
        self.timers = Timers()
        self.began = BEGAN
        self.pwsh = None if powershell is None else PwshEngine(powershell, now=self.now)
        self.engine: Engine = self.pwsh or SimEngine(self.timers.call_later, self.now)
        self.ran: list[tuple[str, str]] = []
        state = server(ServiceState(state="Stopped")).now
        self.live = LiveState(state, lambda task, text: self.ran.append((task, text)))

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.timers.now)

    def runs(self, text: str) -> bool:
        with Client(self.engine, self.live) as client:
            said = client.run(text)
        if self.pwsh is not None and self.began == BEGAN:
            self.began = min(guard.due for guard in self.live.now.guards.values()) - timedelta(seconds=SECONDS)
        return said.state is PSInvocationState.Completed

    def pass_time(self, seconds: int) -> None:
        self.timers.pass_time(seconds)
        if self.pwsh is not None:
            self.pwsh.run_due_tasks()

    @property
    def state(self) -> str:
        return self.live.now.services[NAME].state

    @property
    def guards(self) -> list[str]:
        return [guard.stands for guard in self.live.now.guards.values()]


@pytest.fixture(params=["sim", "pwsh"])
def host(request: pytest.FixtureRequest) -> Iterator[Lab]:
    lab = Lab(request.getfixturevalue("powershell") if request.param == "pwsh" else None)
    yield lab
    lab.engine.close()


def test_a_change_that_is_not_confirmed_is_undone_at_its_deadline_and_not_before(host: Lab) -> None:
    assert host.runs(made().apply)
    assert (host.state, host.guards) == ("Running", ["armed"])
    host.pass_time(SECONDS - 1)
    assert host.state == "Running"
    host.pass_time(1)
    assert (host.state, host.guards) == ("Stopped", ["undone"])
    [(task, text)] = host.ran
    assert task.startswith(f"{PLAN}-start.msexchangeis-")
    assert script(WAYS["stopped"]) in text


def test_a_change_that_is_confirmed_stays_and_may_be_confirmed_again(host: Lab) -> None:
    assert host.runs(made().apply)
    assert host.runs(made().confirm)
    assert host.runs(made().confirm)
    host.pass_time(10 * SECONDS)
    assert (host.state, host.guards, host.ran) == ("Running", ["confirmed"], [])


def test_a_confirmation_that_comes_too_late_is_refused_by_the_host(host: Lab) -> None:
    assert host.runs(made().apply)
    host.pass_time(SECONDS)
    assert not host.runs(made().confirm)
    assert (host.state, host.guards) == ("Stopped", ["undone"])


def test_a_change_that_arrives_twice_is_made_once_also_behind_its_undoing(host: Lab) -> None:
    assert host.runs(made().apply)
    host.pass_time(SECONDS)
    assert not host.runs(made().apply)
    assert host.state == "Stopped"


def test_what_undoes_it_from_outside_takes_the_guard_away(host: Lab) -> None:
    assert host.runs(made().apply)
    assert host.runs(made().rollback)
    assert (host.state, host.guards) == ("Stopped", [])
    assert host.runs(script(WAYS["started"]))
    host.pass_time(10 * SECONDS)
    assert (host.state, host.ran) == ("Running", [])


def test_a_confirmation_behind_the_deadline_is_refused_though_the_task_has_not_run_yet() -> None:
    """A server that was off at the deadline and starts: whoever is first there, what was not confirmed is undone."""
    lab = Lab(None)
    assert lab.runs(made().apply)
    lab.began += timedelta(seconds=SECONDS)  # the clock alone: nothing ran meanwhile
    assert not lab.runs(made().confirm)
    assert (lab.state, lab.guards) == ("Running", ["armed"])
    lab.pass_time(SECONDS)
    assert (lab.state, lab.guards) == ("Stopped", ["undone"])


@pytest.mark.real_powershell
def test_the_script_of_a_confirmation_looks_at_the_servers_own_clock(powershell: Path) -> None:
    lab = Lab(powershell)
    try:
        assert lab.runs(made().apply)
        due = next(line for line in made().confirm.splitlines() if "due.txt" in line)
        early, late = (
            made().confirm.replace(due, due.replace("Get-Date", f"(Get-Date).AddSeconds({at})"))
            for at in (1, SECONDS + 2)
        )
        assert not lab.runs(late)
        assert lab.guards == ["armed"]
        assert lab.runs(early)
        assert lab.guards == ["confirmed"]
    finally:
        lab.engine.close()


def test_a_clock_that_is_set_back_puts_the_deadline_off_and_does_not_lose_it() -> None:
    lab = Lab(None)
    assert lab.runs(made().apply)
    lab.began -= timedelta(seconds=100)
    lab.pass_time(SECONDS)
    assert (lab.state, lab.guards) == ("Running", ["armed"])
    lab.pass_time(100)
    assert (lab.state, lab.guards) == ("Stopped", ["undone"])

"""A change that a server undoes by itself: both engines make the same of it, whatever comes first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psrpcore.types import PSInvocationState

from playbooks.guarding import LOOK_SECONDS, Guarded, Names, guarded, most_looks
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

    def look_at_the_clock(self) -> None:
        assert isinstance(self.engine, SimEngine)
        self.engine.look_at_the_clock()

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
        before, early, late = (
            made().confirm.replace("(Get-Date)", f"(Get-Date).AddSeconds({at})") for at in (-86_400, 1, SECONDS + 2)
        )
        assert not lab.runs(late)
        assert not lab.runs(before)
        assert lab.guards == ["armed"]
        assert lab.runs(early)
        assert lab.guards == ["confirmed"]
    finally:
        lab.engine.close()


def test_a_clock_that_is_set_back_behind_the_arming_undoes_it_within_a_minute(host: Lab) -> None:
    assert host.runs(made().apply)
    host.pass_time(10)
    host.began -= timedelta(days=1)
    host.pass_time(LOOK_SECONDS)
    assert (host.state, host.guards) == ("Stopped", ["undone"])
    assert len(host.ran) == 1
    host.began += timedelta(days=1)
    host.pass_time(10 * SECONDS)
    assert len(host.ran) == 1, "nothing looks any more"


def test_a_confirmation_by_a_clock_that_was_set_back_is_refused() -> None:
    lab = Lab(None)
    assert lab.runs(made().apply)
    lab.began -= timedelta(seconds=1)
    assert not lab.runs(made().confirm)
    assert lab.guards == ["armed"]
    lab.began += timedelta(seconds=1)
    assert lab.runs(made().confirm)
    assert lab.guards == ["confirmed"]


def test_a_clock_that_is_set_back_again_and_again_puts_the_deadline_off_by_three_minutes_at_most() -> None:
    """By less than the time since the arming each time: no look at the clock shows it."""
    lab = Lab(None)
    assert lab.runs(made().apply)
    for _ in range(SECONDS // LOOK_SECONDS + 2):
        lab.pass_time(LOOK_SECONDS)
        assert (lab.state, lab.guards) == ("Running", ["armed"])
        lab.began -= timedelta(seconds=LOOK_SECONDS)
    lab.pass_time(LOOK_SECONDS)
    assert (lab.state, lab.guards) == ("Stopped", ["undone"])


@pytest.mark.real_powershell
def test_the_script_that_undoes_counts_its_looks(powershell: Path) -> None:
    lab = Lab(powershell)
    try:
        assert lab.runs(made().apply)
        assert lab.pwsh is not None
        looks = [-1]
        while lab.guards == ["armed"]:  # between the arming and the deadline, in another minute each time
            [guard] = lab.live.now.guards.values()
            # What the lab's own thread has seen before is no look, or one: each turn is one from then on.
            assert looks[-1] < guard.looks or len(looks) == 2
            assert lab.state == "Running"
            looks.append(guard.looks)
            lab.began += timedelta(seconds=-LOOK_SECONDS if len(looks) % 2 else LOOK_SECONDS)
            lab.pwsh.run_due_tasks()
        assert (lab.state, lab.guards, looks[-1]) == ("Stopped", ["undone"], most_looks(SECONDS) - 1)
    finally:
        lab.engine.close()


@pytest.mark.parametrize("still_made", [False, True])
def test_what_is_still_being_made_is_not_undone_from_beneath_by_a_clock_that_is_set_back(still_made: bool) -> None:
    """Its script could otherwise go on behind the undoing, and nothing would be left to undo that."""
    lab = Lab(None)
    assert lab.runs(made().apply)
    [(name, guard)] = lab.live.now.guards.items()
    assert guard.made
    lab.live.become(
        lab.live.now.model_copy(update={"guards": {name: guard.model_copy(update={"made": not still_made})}})
    )
    lab.began -= timedelta(days=1)
    lab.pass_time(LOOK_SECONDS)
    assert lab.guards == ["armed" if still_made else "undone"]
    lab.pass_time((most_looks(SECONDS) - 2) * LOOK_SECONDS)
    assert lab.guards == ["armed" if still_made else "undone"]
    lab.pass_time(LOOK_SECONDS)
    assert (lab.state, lab.guards) == ("Stopped", ["undone"])


@pytest.mark.real_powershell
@pytest.mark.parametrize(
    "spoils", ["Remove-Item -LiteralPath '{}\\since.txt'", "Set-Content -LiteralPath '{}\\due.txt' -Value 'soon'"]
)
def test_what_a_guard_cannot_read_it_undoes_and_nobody_confirms(spoils: str, powershell: Path) -> None:
    lab = Lab(powershell)
    try:
        assert lab.runs(made().apply)
        [name] = lab.live.now.guards
        assert lab.runs(spoils.format(Names(name).folder))
        assert not lab.runs(made().confirm)
        lab.pass_time(LOOK_SECONDS)
        assert (lab.state, lab.guards) == ("Stopped", ["undone"])
    finally:
        lab.engine.close()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.integers(0, 400)),
        st.tuples(st.just("jump"), st.one_of(st.integers(-400, 400), st.sampled_from([-86_400, 86_400]))),
        st.tuples(st.just("confirm"), st.just(0)),
    ),
    max_size=25,
)


@given(STEPS)
@settings(deadline=None, max_examples=150)
def test_however_its_clock_jumps_nothing_stands_unconfirmed_outside_of_its_time(steps: list[tuple[str, int]]) -> None:
    lab = Lab(None)
    assert lab.runs(made().apply)
    [(_, armed)] = lab.live.now.guards.items()
    started = lab.timers.now
    for what, seconds in steps:
        if what == "pass":
            lab.pass_time(seconds)
        elif what == "jump":
            lab.began += timedelta(seconds=seconds)
            lab.look_at_the_clock()
        elif lab.guards == ["armed"]:
            assert armed.since <= lab.now() < armed.due
            assert lab.runs(made().confirm)
        else:
            assert lab.runs(made().confirm) == (lab.guards == ["confirmed"])
        if lab.guards == ["armed"]:
            assert lab.state == "Running"
            assert armed.since <= lab.now() < armed.due
            assert lab.timers.now - started < most_looks(SECONDS) * LOOK_SECONDS
        else:
            assert lab.state == {"undone": "Stopped", "confirmed": "Running"}[lab.guards[0]]

"""A script that runs detached: both engines make the same of it, and say the same of how far it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psrpcore.types import PSInvocationState

from playbooks.detaching import Detached, detached
from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.state import LiveState, ServiceState
from runner.transport.gate import LOCK
from tests.runner.lab.engines.client import Client
from tests.runner.lab.engines.test_changing import WAYS, script, server
from tests.runner.lab.engines.timers import Timers

NAME = "msexchangeis"
AFTER = 40.0


def made(seconds: int = 300) -> Detached:
    return detached("0123456789ab", f"start.{NAME}", script(WAYS["started"]), script(WAYS["stopped"]), seconds)


class Lab:
    """A server whose tasks take their time; in a PowerShell it is the real one's that passes, and this adds to it."""

    def __init__(self, powershell: Path | None, service: ServiceState) -> None:
        self.timers = Timers()
        self.pwsh = None if powershell is None else PwshEngine(powershell, now=self.now)
        self.engine: Engine = self.pwsh or SimEngine(self.timers.call_later, self.now)
        self.ran: list[tuple[str, str]] = []
        state = server(service).now.model_copy(update={"task_seconds": 0.0 if powershell else AFTER})
        self.live = LiveState(state, lambda task, text: self.ran.append((task, text)))

    def now(self) -> datetime:
        """Of the engine: a PowerShell's tasks are due once a test says so."""
        if self.pwsh is None:
            return datetime(2026, 11, 24, tzinfo=UTC) + timedelta(seconds=self.timers.now)
        return datetime(9999 if self.timers.now else 2000, 1, 1, tzinfo=UTC)

    def runs(self, text: str) -> bool:
        with Client(self.engine, self.live) as client:
            return client.run(text).state is PSInvocationState.Completed

    def polled(self, text: str) -> list[Mapping[str, object]]:
        """Over a locked pool."""
        with Client(self.engine, self.live) as client:
            client.run(LOCK.text)
            said = client.run(text)
        assert said.state is PSInvocationState.Completed
        return [dict(each) for each in said.output]

    def states(self) -> list[object]:
        return [each["State"] for each in self.polled(made().poll)]

    def pass_time(self) -> None:
        self.timers.pass_time(AFTER)
        if self.pwsh is not None:
            self.pwsh.run_due_tasks()

    @property
    def state(self) -> str:
        return self.live.now.services[NAME].state


@pytest.fixture(params=["sim", "pwsh"])
def powershell_of(request: pytest.FixtureRequest) -> Path | None:
    return request.getfixturevalue("powershell") if request.param == "pwsh" else None


@pytest.fixture
def host(powershell_of: Path | None) -> Iterator[Lab]:
    lab = Lab(powershell_of, ServiceState(state="Stopped"))
    yield lab
    lab.engine.close()


def test_it_runs_once_by_itself_and_its_result_is_read_in_a_locked_session(host: Lab) -> None:
    assert host.states() == ["none", "none"]
    assert host.runs(made().apply)
    assert (host.state, host.states()) == ("Stopped", ["running", "none"])
    assert not host.runs(made().apply), "begun twice"
    host.pass_time()
    apply, rollback = host.polled(made().poll)
    assert (host.state, apply["State"], rollback["State"]) == ("Running", "done", "none")
    assert (apply["Error"], apply["Exit"]) == ("", "0")
    assert apply["Started"]
    assert apply["Ended"]
    [(task, text)] = host.ran
    assert task.startswith(f"0123456789ab-start.{NAME}-")
    assert script(WAYS["started"]) in text
    assert not host.runs(made().apply), "begun behind its end"
    host.pass_time()
    assert len(host.ran) == 1
    assert [task.stands for task in host.live.now.tasks.values()] == ["done"]


def test_what_undoes_it_runs_as_a_task_of_its_own(host: Lab) -> None:
    assert host.runs(made().apply)
    host.pass_time()
    assert host.runs(made().rollback or "")
    host.pass_time()
    assert (host.state, host.states()) == ("Stopped", ["done", "done"])


def test_a_script_that_fails_leaves_why(powershell_of: Path | None) -> None:
    lab = Lab(powershell_of, ServiceState(state="Stopped", on_start="fails"))
    try:
        assert lab.runs(made().apply)
        lab.pass_time()
        apply, _ = lab.polled(made().poll)
        assert apply["State"] == "failed"
        assert NAME.casefold() in str(apply["Error"]).casefold()
        assert lab.state == "Stopped"
    finally:
        lab.engine.close()


def test_a_task_sees_files_and_folders_as_a_pool_does(powershell: Path) -> None:
    """Windows' paths, whatever this machine's own are."""
    lab = Lab(powershell, ServiceState())
    write = (
        "Set-Content -LiteralPath C:\\seen.txt -Value x\n"
        "$seen = @('C:\\Windows', 'C:\\seen.txt').ForEach({ (Get-Item -LiteralPath $_ -Force).FullName })\n"
        "Set-Content -LiteralPath C:\\seen.txt -Value $seen\n"
    )
    try:
        assert lab.runs(write)
        by_pool = lab.live.now.files["C:\\seen.txt"].data
        assert by_pool == b"C:\\Windows\r\nC:\\seen.txt\r\n"
        lab.runs("Set-Content -LiteralPath C:\\seen.txt -Value nothing")
        assert lab.runs(detached("0123456789ab", "see", write + "# as a task\n", None, 300).apply)
        lab.pass_time()
        assert lab.live.now.files["C:\\seen.txt"].data == by_pool
        assert [task.stands for task in lab.live.now.tasks.values()] == ["done"]
    finally:
        lab.engine.close()

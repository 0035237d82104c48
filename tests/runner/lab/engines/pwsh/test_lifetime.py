"""Processes and directories end with their shell, however it ends."""

from __future__ import annotations

import os
import queue
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from psrpcore import ClientRunspacePool

from runner.lab.engines.interface import ShellEnded, ShellEvent, Signal
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.pwsh.shell import PwshShell
from runner.lab.state import FileState, HostState, LiveState, RegistryKey
from tests.runner.lab.engines.client import Client
from tests.waiting import HANG_SECONDS, happens

pytestmark = pytest.mark.real_powershell


def is_there(pid: int) -> bool:
    """Whether a process exists, a dead one that nobody reaped included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def creation() -> bytes:
    """What a client sends to open a pool."""
    pool = ClientRunspacePool()
    pool.open()
    payload = pool.data_to_send()
    assert payload is not None
    return payload.data


def test_a_closed_shell_leaves_no_process_and_a_closed_engine_no_directory(powershell: Path) -> None:
    engine = PwshEngine(powershell)
    with Client(engine, HostState(name="A")) as client:
        pid = client.shell.pid  # type: ignore[attr-defined]
        assert is_there(pid)
    assert happens(lambda: not is_there(pid))
    assert client.events.empty()
    engine.close()
    assert not engine.root.exists()
    engine.close()


def test_a_script_sees_none_of_the_users_own_environment_and_writes_none_of_the_users_files(
    powershell: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXRUN_TEST_SECRET", "not-for-scripts")
    engine = PwshEngine(powershell)
    try:
        with Client(engine, HostState(name="A")) as client:
            (shown,) = client.run("(Get-ChildItem env:).Value -join [char]10").output
            (places,) = client.run(
                "$names = 'UserProfile', 'ApplicationData', 'LocalApplicationData';"
                " $names.ForEach({ [System.Environment]::GetFolderPath($_, 'DoNotVerify') }) -join [char]10"
            ).output
    finally:
        engine.close()
    home = str(Path.home())
    assert "not-for-scripts" not in shown
    assert [line for line in places.splitlines() if line == home or line.startswith(home + "/")] == []


def test_a_restart_is_told_of_before_the_client_can_know_that_its_script_has_ended(powershell: Path) -> None:
    live = LiveState(HostState(name="A"))
    told: list[str] = []
    live.restart = lambda: told.append("restart")
    engine = PwshEngine(powershell)
    shell = engine.shell

    def listening(state: LiveState, shell_id: uuid.UUID, sink: Callable[[ShellEvent], None]) -> PwshShell:
        def heard(event: ShellEvent) -> None:
            told.append(type(event).__name__)
            sink(event)

        return shell(state, shell_id, heard)

    engine.shell = listening  # type: ignore[method-assign]
    try:
        with Client(engine, live) as client:
            told.clear()
            client.run("Restart-Computer -Force")
    finally:
        engine.close()
    assert told[:2] == ["restart", "Output"], "its state is in the output, and the report that it is done comes later"


def test_a_killed_process_is_a_shell_that_ended_and_later_requests_say_so(powershell: Path) -> None:
    engine = PwshEngine(powershell)
    try:
        events: queue.SimpleQueue[ShellEvent] = queue.SimpleQueue()
        shell = engine.shell(LiveState(HostState(name="A")), uuid.uuid4(), events.put)
        shell.open(creation())
        events.get(timeout=HANG_SECONDS)
        assert shell.pid is not None
        os.kill(shell.pid, 9)
        while not isinstance(event := events.get(timeout=HANG_SECONDS), ShellEnded):
            pass
        assert event.reason == "PowerShell ended with status -9"
        assert happens(lambda: not is_there(shell.pid or 0))
        shell.signal(uuid.uuid4(), Signal.STOP)
        shell.command(uuid.uuid4(), b"")
        assert events.get(timeout=HANG_SECONDS) == ShellEnded("the shell is gone")
    finally:
        engine.close()


def test_a_script_that_will_not_stop_and_what_it_started_are_killed(powershell: Path) -> None:
    engine = PwshEngine(powershell, grace=0.3)
    try:
        client = Client(engine, HostState(name="A"))
        script = (
            "$child = [System.Diagnostics.Process]::Start('/bin/sleep', '600'); $child.Id;"
            " while ($true) { try { [System.Threading.Thread]::Sleep(10000) } finally { while ($true) { } } }"
        )
        pipeline = client.start(script)
        client.until(lambda: bool(client.so_far(pipeline).output))
        child = int(client.so_far(pipeline).output[0])
        pid = client.shell.pid  # type: ignore[attr-defined]
        client.shell.close()
        assert happens(lambda: not is_there(pid))
        assert happens(lambda: not is_there(child) or _is_zombie(child))
    finally:
        engine.close()


def _is_zombie(pid: int) -> bool:
    """Dead; whoever adopted it has not looked yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_closed_engine_ends_shells_that_nobody_closed_those_that_wait_included(powershell: Path) -> None:
    engine = PwshEngine(powershell, max_processes=1)
    client = Client(engine, HostState(name="A"))
    pid = client.shell.pid  # type: ignore[attr-defined]
    told: list[ShellEvent] = []
    waiting = engine.shell(LiveState(HostState(name="B")), uuid.uuid4(), told.append)
    waiting.open(creation())
    engine.close()
    assert not is_there(pid)
    assert (waiting.pid, told) == (None, [])


def test_a_shell_beyond_the_cap_opens_when_another_has_ended(powershell: Path) -> None:
    engine = PwshEngine(powershell, max_processes=1)
    try:
        first = Client(engine, HostState(name="A"))
        events: queue.SimpleQueue[ShellEvent] = queue.SimpleQueue()
        second = engine.shell(LiveState(HostState(name="B")), uuid.uuid4(), events.put)
        second.open(creation())
        assert (second.pid, events.empty()) == (None, True)
        assert first.run("1").output == [1]
        first.shell.close()
        assert not isinstance(events.get(timeout=HANG_SECONDS), ShellEnded)
        assert second.pid is not None
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (
            HostState(name="A", registry={"HKCU:\\Software": RegistryKey()}),
            "registry key 'HKCU:\\\\Software': only keys below HKLM:\\ and HKU:\\ are there",
        ),
        (
            HostState(name="A", files={"C:\\a\\..\\..\\etc\\passwd": FileState()}),
            "file 'C:\\\\a\\\\..\\\\..\\\\etc\\\\passwd': not a path that Windows allows",
        ),
        (
            HostState(name="A", files={"/etc/passwd": FileState()}),
            "file '/etc/passwd': a full path on a drive, such as C:\\Windows\\notepad.exe, is needed",
        ),
    ],
)
def test_a_state_that_no_windows_can_have_ends_the_shell_and_starts_nothing(
    tmp_path: Path, state: HostState, reason: str
) -> None:
    engine = PwshEngine(tmp_path / "never-started")
    try:
        events: queue.SimpleQueue[ShellEvent] = queue.SimpleQueue()
        shell = engine.shell(LiveState(state), uuid.uuid4(), events.put)
        shell.open(creation())
        assert events.get(timeout=HANG_SECONDS) == ShellEnded(reason)
        assert shell.pid is None
    finally:
        engine.close()


def test_a_program_that_is_missing_or_is_no_powershell_ends_the_shell(tmp_path: Path) -> None:
    other = tmp_path / "pwsh"
    other.write_text("#!/bin/sh\necho not PowerShell\nexit 5\n")
    other.chmod(0o700)
    for program, said in ((tmp_path / "none", "cannot be started"), (other, "with status 5: not PowerShell")):
        engine = PwshEngine(program)
        events: queue.SimpleQueue[ShellEvent] = queue.SimpleQueue()
        engine.shell(LiveState(HostState(name="A")), uuid.uuid4(), events.put).open(creation())
        event = events.get(timeout=HANG_SECONDS)
        assert isinstance(event, ShellEnded)
        assert said in event.reason
        engine.close()
        assert not engine.root.exists()


def test_a_request_that_the_shells_state_forbids_is_a_shell_that_ended(powershell: Path) -> None:
    engine = PwshEngine(powershell)
    try:
        with Client(engine, HostState(name="A")) as client:
            client.shell.connect(b"")
            with pytest.raises(AssertionError, match="sent no connection to an open pool"):
                client.until(lambda: False)
    finally:
        engine.close()


def test_a_limit_of_no_processes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_processes has to be 1 or more"):
        PwshEngine(tmp_path, max_processes=0)

"""Scheduled tasks of the servers: each that is due runs, once or every so many seconds, in a PowerShell of its own."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from playbooks.detaching import Work
from playbooks.guarding import Names
from runner.lab.engines.pwsh import directory
from runner.lab.state import LiveState

__all__ = ["Tasks"]

_EVERY_SECONDS = 1.0
_LONGEST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class _Watched:
    live: LiveState
    root: Path
    environment: Mapping[str, str]


class Tasks:
    """The tasks of all servers of an engine.

    Args:
        powershell: the program.
        now: the servers' time, with its zone.
    """

    def __init__(self, powershell: Path, now: Callable[[], datetime]) -> None:
        self._powershell = powershell
        self._now = now
        self._watched: list[_Watched] = []
        self._last: dict[tuple[Path, str], int] = {}  # the interval in which a task that repeats was seen last
        self._running = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, live: LiveState, root: Path, environment: Mapping[str, str]) -> None:
        """From now on its tasks run when they are due."""
        self._watched.append(_Watched(live, root, environment))
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="lab-tasks", daemon=True)
            self._thread.start()

    def run_due(self) -> None:
        """Runs those that are due, and returns when they have ended."""
        with self._running:
            for each in tuple(self._watched):
                with suppress(FileNotFoundError):  # its folder is being taken away: it has no tasks any more
                    for name in self._due(each):
                        self._run(each, name)

    def close(self) -> None:
        """No further task is run. May be called twice."""
        self._closed.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_LONGEST_SECONDS)

    def _watch(self) -> None:
        while not self._closed.wait(_EVERY_SECONDS):
            self.run_due()

    def _due(self, host: _Watched) -> list[str]:
        tasks = json.loads((host.root / directory.TASKS).read_text(encoding="utf-8"))
        now = self._now()
        found = []
        for name, task in tasks.items():
            if not task["registered"]:
                continue
            once = not task["ran"] and bool(task["due"]) and _time(task["due"]) <= now
            if once:
                directory.task_has_run(host.root, name)
            if self._repeats(host.root, name, task.get("every"), now) or once:
                found.append(name)
        return found

    def _repeats(self, root: Path, name: str, every: float | None, now: datetime) -> bool:
        """Whether the clock has come into another interval than it was in, forwards or back."""
        if every is None:
            return False
        interval = int(now.timestamp() // every)
        before, self._last[root, name] = self._last.get((root, name), interval), interval
        return before != interval

    def _run(self, host: _Watched, name: str) -> None:
        """What it finds under another name it does not run. A look that undoes nothing is told to nobody."""
        assert Names(name).folder == Work(name).folder == f"C:\\Program Files\\exrun\\{name}"
        folder = host.root / "drives" / "C" / "Program Files" / "exrun" / name
        script = next((folder / each for each in ("undo.ps1", "run.ps1") if (folder / each).is_file()), None)
        if script is None:
            return
        text = script.read_text(encoding="utf-8-sig")
        looks = script.name == "undo.ps1"
        if not looks:
            host.live.ran_task(name, text.removesuffix("\n"))
        run = f"& ([scriptblock]::Create([System.IO.File]::ReadAllText('{script}')))"
        if looks:  # it looks at the server's clock, which is not always this machine's
            run = f"function Get-Date {{ [datetime] '{self._now().astimezone(UTC).isoformat()}' }}; {run}"
        subprocess.run(  # noqa: S603  # the lab's own engine
            [str(self._powershell), "-NoProfile", "-NonInteractive", "-Command", _as_a_pool(host.root / "shim", run)],
            cwd=host.root / "links",
            env=dict(host.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
        if looks and (folder / "undone.ps1").is_file():  # and was not taken away, or confirmed, meanwhile
            host.live.ran_task(name, text.removesuffix("\n"))
        if directory.asked_to_restart(host.root):
            host.live.restart()


def _as_a_pool(shim: Path, run: str) -> str:
    """A command that runs a script over the simulated Windows, as a pool does: its types, then its files.

    Types can be told to a new session alone: this PowerShell has no cmdlet for them.
    """
    scripts = "; ".join(f". '{shim / each}'" for each in directory.SCRIPTS)
    sessions = "System.Management.Automation.Runspaces"
    return (
        f"$state = [{sessions}.InitialSessionState]::CreateDefault2(); "
        f"$state.Types.Add([{sessions}.SessionStateTypeEntry]::new('{shim / directory.TYPES}')); "
        f"$null = [powershell]::Create($state).AddScript(@'\n{scripts}; {run}\n'@).Invoke()"
    )


def _time(text: str) -> datetime:
    """As a trigger has it: without a zone it is the server's own, which is UTC here."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

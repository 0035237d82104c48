"""The `pwsh` engine: real PowerShell processes, at most so many at once, over one directory a host."""

from __future__ import annotations

import os
import tempfile
import threading
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from runner.lab.engines.interface import ShellEvent
from runner.lab.engines.pwsh import directory
from runner.lab.engines.pwsh.loopback import WebServer
from runner.lab.engines.pwsh.shell import GRACE_SECONDS, Launch, PwshShell
from runner.lab.engines.pwsh.tasks import Tasks
from runner.lab.state import FirewallState, HostState, LiveState

HOME = directory.HOME

MAX_PROCESSES = 16
"""A PowerShell takes about 75 MB of its own: sixteen fit into what a laptop or a CI machine can spare."""


@dataclass(slots=True)
class _Kept:
    """A server of which the engine keeps the state: as it began, or as it was restarted last, and its directory."""

    live: LiveState  # so that no other gets its id
    begun: HostState
    root: Path

    def read(self) -> HostState:
        """The state as scripts have made it."""
        return directory.changed(self.begun, self.root)

    def firewall(self) -> FirewallState:
        """Windows Firewall as scripts have made it."""
        return directory.firewall(self.root)

    def write(self, state: HostState) -> None:
        """Takes what a restart made of it."""
        directory.restart(self.begun, state, self.root)
        self.begun = state


class PwshEngine:
    """Makes shells in which real PowerShell runs over a simulated Windows (windows/*.ps1 beside this file).

    `powershell` is the program (7.4 or later). Everything that the engine writes is below one private temporary
    directory, which `close` removes. `max_processes` PowerShells run at once; a shell beyond that waits until one of
    them has ended. `grace` is how many seconds a process gets to end before it is killed. By `now`, the servers' time,
    scheduled tasks are due.
    """

    name = "pwsh"

    def __init__(
        self,
        powershell: Path,
        max_processes: int = MAX_PROCESSES,
        grace: float = GRACE_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if os.name == "nt":
            # There the drives C: and HKLM: of the machine itself are in every session.
            raise OSError("the pwsh engine does not run on Windows: it could not keep scripts from the machine itself")
        if max_processes < 1:
            raise ValueError("max_processes has to be 1 or more")
        self._powershell = powershell.resolve()
        self._max = max_processes
        self._grace = grace
        self._root = tempfile.TemporaryDirectory(prefix="exrun-lab-pwsh-", ignore_cleanup_errors=True)
        self._lock = threading.Lock()
        self._building = threading.Lock()
        self._hosts: dict[int, _Kept] = {}
        self._web: list[WebServer] = []
        self._built = 0  # directories
        self._shells: set[PwshShell] = set()
        self._running: set[PwshShell] = set()
        self._waiting: deque[PwshShell] = deque()
        self._closed = False
        self._tasks = Tasks(self._powershell, now)

    def run_due_tasks(self) -> None:
        """Runs the tasks that are due, and returns when they have ended; the engine does so by itself every second."""
        self._tasks.run_due()

    @property
    def root(self) -> Path:
        """The engine's private directory."""
        return Path(self._root.name)

    def shell(self, live: LiveState, shell_id: uuid.UUID, sink: Callable[[ShellEvent], None]) -> PwshShell:
        """A new pool of a server. Its shells share its directory, which holds its state from the first of them on."""

        def heard(event: ShellEvent) -> None:
            # Before all that is heard, not only before the end: the output already tells the client that a script has
            # ended, and what it wants next counts as wanted after the restart was asked for.
            self._restart_if_asked(live)
            sink(event)

        shell = PwshShell(lambda: self._launch(live), heard, self._admit, self._gone, self._grace)
        with self._lock:
            self._shells.add(shell)
        return shell

    def close(self) -> None:
        """Ends every process that still runs, waits for them, and removes the directory. May be called twice."""
        self._tasks.close()
        with self._lock:
            self._closed = True
            shells = list(self._shells)
        for shell in shells:
            shell.close()
        for shell in shells:
            shell.join(2 * self._grace + 5)
        for web in self._web:
            web.close()
        self._root.cleanup()

    def _restart_if_asked(self, live: LiveState) -> None:
        """Tells of a restart that a script has asked for."""
        kept = self._hosts.get(id(live))
        if kept is not None and directory.asked_to_restart(kept.root):
            live.restart()

    def _admit(self, shell: PwshShell) -> None:
        with self._lock:
            if self._closed or len(self._running) >= self._max:
                self._waiting.append(shell)
                return
            self._running.add(shell)
        shell.start()

    def _gone(self, shell: PwshShell) -> None:
        with self._lock:
            self._shells.discard(shell)
            self._running.discard(shell)
            if shell in self._waiting:
                self._waiting.remove(shell)
            following = None
            if self._waiting and not self._closed and len(self._running) < self._max:
                following = self._waiting.popleft()
                self._running.add(following)
        if following is not None:
            following.start()

    def _launch(self, live: LiveState) -> Launch:
        with self._building:
            kept = self._directory(live)
        configuration = kept.root / "shim" / directory.CONFIGURATION
        return Launch(
            arguments=(str(self._powershell), "-NoProfile", "-s", "-ConfigurationFile", str(configuration)),
            directory=kept.root / "links",
            environment=_environment(kept.begun, self.root),
        )

    def _directory(self, live: LiveState) -> _Kept:
        if id(live) not in self._hosts or not live.is_elsewhere:  # somebody made another of it
            self._built += 1
            state, root = live.now, self.root / f"host{self._built}"
            root.mkdir()
            directory.build(state, root)
            kept = self._hosts[id(live)] = _Kept(live, state, root)
            self._web.append(web := WebServer(kept.read))
            directory.web_server(root, web.port)
            live.is_kept(kept.read, kept.write, kept.firewall)
            self._tasks.watch(live, root, _environment(state, self.root))
        return self._hosts[id(live)]


def _environment(state: HostState, scratch: Path) -> dict[str, str]:
    """What a script finds under $env: on a Windows server, and the few things that PowerShell itself needs here.

    Nothing of the user's own environment: it may hold credentials.
    """
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH", "DOTNET_ROOT")}
    windows = {
        "ALLUSERSPROFILE": r"C:\ProgramData",
        "COMPUTERNAME": state.name.upper(),
        "CommonProgramFiles": r"C:\Program Files\Common Files",
        "NUMBER_OF_PROCESSORS": "2",
        "OS": "Windows_NT",
        "PROCESSOR_ARCHITECTURE": "AMD64",
        "PUBLIC": r"C:\Users\Public",
        "ProgramData": r"C:\ProgramData",
        "ProgramFiles": r"C:\Program Files",
        "ProgramFiles(x86)": r"C:\Program Files (x86)",
        "SystemDrive": "C:",
        "SystemRoot": r"C:\Windows",
        "USERNAME": "Administrator",
        "USERPROFILE": HOME,
        "windir": r"C:\Windows",
    }
    needed = {
        # PowerShell begins in the home directory's Documents; directory.py sees to it that the drive C: has them.
        "HOME": HOME,
        "TMPDIR": str(scratch),
        "XDG_CACHE_HOME": str(scratch / "cache"),
        "XDG_CONFIG_HOME": str(scratch / "config"),
        "XDG_DATA_HOME": str(scratch / "data"),
        "LANG": "en_US.UTF-8",
        # A process that lives for seconds gains nothing by being profiled.
        "DOTNET_TieredPGO": "0",
        "POWERSHELL_TELEMETRY_OPTOUT": "1",
        "POWERSHELL_UPDATECHECK": "Off",
    }
    return kept | windows | needed

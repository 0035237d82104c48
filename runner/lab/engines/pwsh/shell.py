"""One runspace pool: a PowerShell of its own, spoken to over its standard input and output.

PowerShell handles each line on a thread of its own, so the order of two lines is sure only when the first has been
acknowledged before the second is sent: one thread (the driver) sends and waits, another reads.

A shell goes through waiting (for a place among the processes), running and gone. Whatever happens, the driver's last
act is that the process has ended and is reaped.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal as signals
import subprocess
import threading
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runner.lab.engines.interface import Output, PipelineDone, ShellEnded, ShellEvent, Signal
from runner.lab.engines.pwsh import elements
from runner.lab.engines.pwsh.final_state import PipelineWatch
from runner.lab.engines.pwsh.greeting import Greeting

GRACE_SECONDS = 3.0
"""How long a PowerShell may take to end after it was told to, before it is killed."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start the PowerShell of a shell."""

    arguments: tuple[str, ...]
    directory: Path
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Line:
    """One element for the server, and the acknowledgement that has to come before the next one is sent."""

    text: str
    ack: elements.Ack


class PwshShell:
    """A `Shell` (interface.py) over one process."""

    def __init__(
        self,
        launch: Callable[[], Launch],
        sink: Callable[[ShellEvent], None],
        admit: Callable[[PwshShell], None],
        gone: Callable[[PwshShell], None],
        grace: float = GRACE_SECONDS,
    ) -> None:
        """`admit` is asked for a place at `open` and calls `start` once there is one; `gone` gets the place back."""
        self._launch = launch
        self._sink = sink
        self._admit = admit
        self._gone = gone
        self._grace = grace
        self._outbox: queue.SimpleQueue[_Line | None] = queue.SimpleQueue()
        self._lock = threading.Condition()
        self._acks: set[elements.Ack] = set()
        self._pipelines: dict[uuid.UUID, PipelineWatch] = {}
        self._greeting = Greeting()
        self._state = "new"
        self._closing = False
        self._silent = False
        self._process: subprocess.Popen[bytes] | None = None
        self._driver: threading.Thread | None = None
        self._last_text: deque[str] = deque(maxlen=5)

    @property
    def pid(self) -> int | None:
        """The process's id; None before it was started."""
        return self._process.pid if self._process else None

    # What the front asks.

    def open(self, creation: bytes) -> None:
        with self._lock:
            if self._state != "new":
                return self._refuse("the shell was opened before")
            self._state = "waiting"
            self._greeting.asked(creation)
        self._queue(elements.data(elements.POOL, creation), "Data", elements.POOL)
        self._admit(self)
        return None

    def command(self, pipeline: uuid.UUID, fragments: bytes) -> None:
        with self._lock:
            if not self._usable() or pipeline in self._pipelines:
                return self._refuse("a command came for a shell that cannot take it")
            self._pipelines[pipeline] = PipelineWatch()
        self._queue(elements.command(pipeline), "Command", pipeline)
        if fragments:
            self._queue(elements.data(pipeline, fragments), "Data", pipeline)
        return None

    def send(self, pipeline: uuid.UUID | None, fragments: bytes) -> None:
        with self._lock:
            if not self._usable():
                return self._refuse("input came for a shell that cannot take it")
            watch = self._pipelines.get(pipeline) if pipeline else None
            if pipeline is not None and (watch is None or watch.done):
                return None  # input that arrives after the pipeline's end has nobody to go to
        owner = pipeline or elements.POOL
        self._queue(elements.data(owner, fragments), "Data", owner)
        return None

    def signal(self, pipeline: uuid.UUID, signal: Signal) -> None:
        with self._lock:
            watch = self._pipelines.get(pipeline)
            if watch is None or not self._usable():
                return
            if signal is Signal.TERMINATE:
                del self._pipelines[pipeline]
            running = not watch.done
        if running:
            self._queue(elements.signal(pipeline), "Signal", pipeline)
        if signal is Signal.TERMINATE:
            self._queue(elements.close(pipeline), "Close", pipeline)

    def connect(self, fragments: bytes) -> None:
        with self._lock:
            said = self._greeting.again(fragments) if self._usable() else None
            if said is None:
                return self._refuse("a client that would take it over sent no connection to an open pool")
        self._tell(Output(None, said))
        return None

    def close(self) -> None:
        with self._lock:
            self._silent = True
        self.end()

    # What the engine asks.

    def start(self) -> None:
        """There is a place for the process: start it, on a thread of its own."""
        with self._lock:
            if self._state == "waiting":
                self._state = "running"
                self._driver = threading.Thread(target=self._drive, name="exrun-lab-pwsh", daemon=True)
                self._driver.start()
                return
        self._gone(self)

    def end(self) -> None:
        """Ends the process: politely, then within `grace` seconds by force. Does not wait for that."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            waiting = self._state in ("new", "waiting")
            if waiting:
                self._state = "gone"
            self._lock.notify_all()
        if waiting:
            self._gone(self)
            return
        self._outbox.put(None)

    def join(self, timeout: float) -> bool:
        """Waits until the process is gone; False when `timeout` seconds were not enough."""
        driver = self._driver
        if driver is not None:
            driver.join(timeout)
            return not driver.is_alive()
        return True

    # The driver.

    def _drive(self) -> None:
        reason = "PowerShell ended"
        try:
            reason = self._run()
        except OSError as error:
            reason = f"PowerShell cannot be started: {error}"
        except ValueError as error:
            reason = str(error)
        finally:
            with self._lock:
                self._state = "gone"
                self._closing = True
            self._gone(self)
            self._tell(ShellEnded(reason))

    def _run(self) -> str:
        launch = self._launch()
        with self._lock:
            if self._closing:
                return "closed before it was opened"
            # A session of its own: a Ctrl-C on the lab's terminal is the lab's to handle, and what a script starts
            # can be ended together with it.
            process = subprocess.Popen(  # noqa: S603 - the PowerShell that the caller named, no shell
                launch.arguments,
                cwd=launch.directory,
                env=launch.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._process = process
        reader = threading.Thread(target=self._read, args=(process,), name="exrun-lab-pwsh-reader", daemon=True)
        reader.start()
        killer: threading.Timer | None = None
        try:
            while (line := self._outbox.get()) is not None and self._deliver(process, line):
                pass
        finally:
            killer = threading.Timer(self._grace, _kill, (process,))
            killer.daemon = True
            killer.start()
            with contextlib.suppress(OSError):
                self._write(process, elements.close(elements.POOL))
            with contextlib.suppress(OSError):
                assert process.stdin is not None
                process.stdin.close()
            code = process.wait()
            killer.cancel()
            _kill_rest(process)
            reader.join(self._grace)
            if not reader.is_alive():
                assert process.stdout is not None
                process.stdout.close()
        said = " ".join(self._last_text)
        return f"PowerShell ended with status {code}" + (f": {said}" if said else "")

    def _deliver(self, process: subprocess.Popen[bytes], line: _Line) -> bool:
        """Sends one line and waits until the server has taken it; False when the shell is to end."""
        with self._lock:
            if self._closing:
                return False
        try:
            self._write(process, line.text)
        except OSError:
            return False
        with self._lock:
            self._lock.wait_for(lambda: line.ack in self._acks or self._closing)
            self._acks.discard(line.ack)
            return not self._closing

    def _write(self, process: subprocess.Popen[bytes], text: str) -> None:
        assert process.stdin is not None
        process.stdin.write(text.encode())
        process.stdin.flush()

    # The reader.

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for raw in process.stdout:
            line = raw.decode(errors="replace")
            match elements.parse(line):
                case elements.Data(owner, fragments):
                    self._received(owner, fragments)
                case elements.Ack() as ack:
                    with self._lock:
                        self._acks.add(ack)
                        self._lock.notify_all()
                case None:
                    if line.strip():
                        self._last_text.append(line.strip()[:500])
        # The end of its output is the end of the process, asked for or not.
        self.end()

    def _received(self, owner: uuid.UUID, fragments: bytes) -> None:
        if owner == elements.POOL:
            with self._lock:
                self._greeting.heard(fragments)
            self._tell(Output(None, fragments))
            return
        with self._lock:
            watch = self._pipelines.get(owner)
            if watch is None or watch.done:
                return  # the client has forgotten it, or has been told that it is done
            done = watch.feed(fragments)
        self._tell(Output(owner, fragments))
        if done:
            self._tell(PipelineDone(owner))

    # Both.

    def _usable(self) -> bool:
        return self._state in ("waiting", "running") and not self._closing

    def _queue(self, text: str, what: str, owner: uuid.UUID) -> None:
        self._outbox.put(_Line(text, elements.Ack(what, owner)))

    def _refuse(self, why: str) -> None:
        """The state forbids the request: the shell ends, as one whose client and server disagree has to."""
        if self._closing:
            self._tell(ShellEnded("the shell is gone"))
            return
        self._last_text.append(why)
        threading.Thread(target=self.end, daemon=True).start()

    def _tell(self, event: ShellEvent) -> None:
        if not self._silent:
            self._sink(event)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that we started and have not reaped yet, with what it started itself."""
    if process.poll() is None:
        _signal_group(process.pid)
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def _kill_rest(process: subprocess.Popen[bytes]) -> None:
    """What a script started and left behind is still in the dead process's group."""
    _signal_group(process.pid)


def _signal_group(group: int) -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signals.SIGKILL)

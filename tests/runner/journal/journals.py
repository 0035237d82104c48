"""A journal as a run writes it, with a clock that ticks by itself and disks that fail on request."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from runner import events
from runner.disk import Disk, SystemDisk
from runner.journal.checkpoints import Sign
from runner.journal.writer import Clock, JournalWriter, open_journal
from runner.redaction import Redactor
from tests.runner import happenings
from tests.runner.happenings import SCRIPT


def ticking() -> Clock:
    """Each look at the clock is a millisecond later; monotonic time stands still."""
    start = datetime(2026, 11, 24, 2, 40, tzinfo=UTC)
    count = iter(range(1_000_000))
    return Clock(now=lambda: start + timedelta(milliseconds=next(count)), monotonic=lambda: 0.0)


def opened(
    state: Path,
    *,
    run: str = "r1",
    client: str = "alpha",
    redactor: Redactor | None = None,
    clock: Clock | None = None,
    disk: Disk | None = None,
    sign: Sign | None = None,
) -> JournalWriter:
    return open_journal(
        state,
        run=run,
        client=client,
        actor="ops@desk",
        redactor=redactor or Redactor(),
        clock=clock or ticking(),
        disk=disk,
        sign=sign,
    )


def write_audit(journal: JournalWriter) -> None:
    """Two hosts: EX1 answers and is judged, EX2 is sent a script and gives no answer before Ctrl-C."""
    events.put(journal, happenings.STARTED)
    events.put(journal, events.Overridden("--allow-cleartext", "", ("EX1", "EX2")))
    events.put(journal, events.ScriptNamed(SCRIPT, ("version",), "Get-Item"))
    for host in ("EX1", "EX2"):
        events.put(journal, events.HostStarted(host, f"{host.lower()}.example", 5985))
        events.put(journal, happenings.sending(host), durable=True)
    events.put(journal, happenings.answered())
    events.put(journal, happenings.assessed(answer=None))
    events.put(journal, happenings.host_ended())
    events.put(journal, happenings.INTERRUPTED, durable=True)


class CountingDisk(SystemDisk):
    """Counts what is to reach the disk, and spares it."""

    def __init__(self) -> None:
        self.writes = 0
        self.fsyncs = 0
        self.directory_fsyncs = 0

    def write(self, descriptor: int, data: bytes) -> int:
        self.writes += 1
        return os.write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        self.fsyncs += 1

    def sync_directory(self, path: Path) -> None:
        self.directory_fsyncs += 1


class FullDisk(CountingDisk):
    """Takes `room` bytes, then says that it is full."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, descriptor: int, data: bytes) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = os.write(descriptor, data[: self.room])
        self.room -= taken
        return taken


class MiserlyDisk(CountingDisk):
    """Takes seven bytes of a line at a time, as a system call may; the head is written at once."""

    def write(self, descriptor: int, data: bytes) -> int:
        return os.write(descriptor, data if data.startswith(b'{"closed"') else data[:7])


class InterruptedDisk(CountingDisk):
    """Ctrl-C strikes once, after some bytes of one write have gone out."""

    def __init__(self, taken: Callable[[bytes], int]) -> None:
        super().__init__()
        self.taken = taken
        self.armed = False

    def write(self, descriptor: int, data: bytes) -> int:
        if not self.armed:
            return os.write(descriptor, data)
        self.armed = False
        os.write(descriptor, data[: self.taken(data)])
        raise KeyboardInterrupt

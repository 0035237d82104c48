"""The one writer of a run's journal: structlog through four processors into an append-only file.

What `record` has returned from has reached the operating system, so that a killed process loses nothing of it. With
`durable=True` it has also reached the disk (fsync), together with all that other threads had written by then: one
fsync serves all that wait for it. The rest reaches the disk with the next durable record, or after GROUP_LINES lines
or GROUP_SECONDS, whichever is first seen at a write, or on `close`.

The file `head` beside the journal is replaced after each fsync, never before it: it names a line that is on the disk.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import structlog

from runner.journal.chain import Broken, Head, Verified, intact, link, verify
from runner.journal.errors import JournalBroken, JournalError, JournalLocked, JournalUnwritable
from runner.journal.lines import JOURNAL_PHASE, TAIL_DROPPED, Json, Line, UnrecordableValueError, canonical, is_sha256
from runner.journal.location import HEAD, JOURNAL, LOCK, run_directory
from runner.journal.locking import try_lock
from runner.journal.verification import stored_head
from runner.redaction import Redactor

GROUP_LINES = 64
GROUP_SECONDS = 1.0

_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600

EventDict = MutableMapping[str, Any]


class Disk(Protocol):
    """What the writer asks of the file system for each line; tests hand in one that fails."""

    def write(self, descriptor: int, data: bytes) -> int:
        """As os.write: how many bytes were taken."""
        ...

    def fsync(self, descriptor: int) -> None:
        """As os.fsync."""
        ...


class SystemDisk:
    """The operating system's."""

    def write(self, descriptor: int, data: bytes) -> int:
        """As os.write."""
        return os.write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        """As os.fsync."""
        os.fsync(descriptor)


@dataclass(frozen=True, slots=True)
class TornTail:
    """Half a line that a crash had left at the end and that opening cut off. `size` in bytes."""

    line: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _End:
    size: int  # bytes of whole lines
    head: Head


@dataclass(frozen=True, slots=True)
class _Pending:
    line: bytes
    head: Head


@dataclass(frozen=True, slots=True)
class Clean:
    """Data that is canonical and in which what may hold a secret has passed the redactor: `JournalWriter.clean`."""

    members: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Clock:
    """UTC for what is written; monotonic seconds for when it is flushed."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]


class JournalWriter:
    """Open with `open_journal`. May be used from several threads; `close`, or leave the `with`, at the end.

    Attributes:
        path: of the journal.
        torn: what opening cut off; None when the last writer had ended between two lines.
    """

    def __init__(
        self,
        directory: Path,
        run: str,
        client: str,
        actor: str,
        redactor: Redactor,
        clock: Clock,
        disk: Disk,
        lock: int,
        descriptor: int,
        head: Head,
        torn: TornTail | None,
    ) -> None:
        self.path = directory / JOURNAL
        self.torn = torn
        self._directory = directory
        self._run = run
        self._client = client
        self._actor = actor
        self._redactor = redactor
        self._clock = clock
        self._disk = disk
        self._lock_descriptor = lock
        self._descriptor = descriptor
        self._at = _End(os.fstat(descriptor).st_size, head)
        self._pending = _Pending(b"", head)
        self._durable = head
        self._flushed_at = clock.monotonic()
        self._failure: JournalUnwritable | None = None
        self._closed = False
        self._appending = threading.Lock()  # taken inside _flushing, never the other way round
        self._flushing = threading.Lock()
        self._log = structlog.wrap_logger(
            structlog.ReturnLogger(),
            processors=[self._redact, self._canonical, self._chain, self._write],
            wrapper_class=structlog.BoundLoggerBase,
        )

    @property
    def head(self) -> Head:
        """The last line written, for anchoring it elsewhere."""
        return self._at.head

    def record(
        self,
        phase: str,
        event: str,
        *,
        host: str | None = None,
        step: str | None = None,
        script_hash: str | None = None,
        data: Mapping[str, object] | Clean | None = None,
        durable: bool = False,
    ) -> Head:
        """Write one record and return its place in the chain.

        `data` is redacted whole, unless `clean` made it; the other members are ours, not a server's, and stay as they
        are so that the journal can be read back. Pass `durable=True` for intent, before anything is sent.

        Raises:
            JournalUnwritable: this or an earlier line could not be written; send nothing more.
            UnrecordableValueError: `data` has no canonical form; nothing was written.
        """
        if script_hash is not None and not is_sha256(script_hash):
            raise UnrecordableValueError("a script hash that is no SHA-256 in lower-case hexadecimal")
        with self._appending:
            self._refuse_after_failure()
            self._settle()
            self._log._proxy_to_logger(
                "info", event, phase=phase, host=host, step=step, script_hash=script_hash, data=data or {}
            )
            written = self._at.head
            due = (
                written.sequence - self._durable.sequence >= GROUP_LINES
                or self._clock.monotonic() - self._flushed_at >= GROUP_SECONDS
            )
        if durable or due:
            self._flush(written)
        return written

    def clean(self, write: Callable[[Redactor], Mapping[str, Json]]) -> Clean:
        """What `write` makes of the redactor, for showing the same elsewhere; `record` takes it as it stands.

        Which parts of an event may hold a secret its writer knows: see runner/events.py. `data` of which nothing is
        known passes the redactor whole.
        """
        return Clean(write(self._redactor))

    def close(self) -> None:
        """Flush, mark the head as closed and let go of the lock. A second call does nothing.

        Raises:
            JournalUnwritable: what was written last may not be on the disk. The lock is let go all the same.
        """
        if self._closed:
            return
        try:
            if self._failure is None:
                self._flush(self._at.head, closing=True)
        finally:
            self._closed = True
            os.close(self._descriptor)
            os.close(self._lock_descriptor)

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The four processors, in the order in which every record passes them.

    def _redact(self, _logger: object, _name: str, event: EventDict) -> EventDict:
        if not isinstance(event["data"], Clean):
            event["data"] = self._redactor.redact(event["data"])
        return event

    def _canonical(self, _logger: object, _name: str, event: EventDict) -> EventDict:
        data = event["data"]
        event["data"] = data.members if isinstance(data, Clean) else canonical(data)
        return event

    def _chain(self, _logger: object, _name: str, event: EventDict) -> EventDict:
        record = Line(
            sequence=0,
            time=self._clock.now(),
            run=self._run,
            client=self._client,
            host=event["host"],
            step=event["step"],
            phase=str(event["phase"]),
            event=str(event["event"]),
            script_hash=event["script_hash"],
            actor=self._actor,
            data=event["data"],
            previous="",
        )
        _, line, head = link(record, self._at.head)
        return {"line": line, "head": head}

    def _write(self, _logger: object, _name: str, event: EventDict) -> bytes:
        self._pending = _Pending(event["line"], event["head"])
        self._settle()
        return self._pending.line

    def _settle(self) -> None:
        """Bring the line that was begun last to its end.

        Ctrl-C may strike between any two steps here, also when the line is written and the head not yet moved on; so
        what the file holds is asked for, not remembered, and the next call goes on where this one was stopped.
        """
        pending, at = self._pending, self._at
        if pending.head.sequence <= at.head.sequence:
            return
        try:
            while (done := os.fstat(self._descriptor).st_size - at.size) < len(pending.line):
                if done < 0 or self._disk.write(self._descriptor, pending.line[done:]) == 0:
                    raise OSError(errno.EIO, "the file does not grow")
            if done > len(pending.line):
                raise OSError(errno.EIO, "somebody else writes to the file")
        except OSError as error:
            raise self._fail(error) from error
        self._at = _End(at.size + len(pending.line), pending.head)

    def _flush(self, wanted: Head, *, closing: bool = False) -> None:
        with self._flushing:
            if self._durable.sequence >= wanted.sequence and not closing:
                return
            with self._appending:
                self._refuse_after_failure()
                self._settle()
                reached = self._at.head
            try:
                self._disk.fsync(self._descriptor)
                _replace_head(self._directory, Head(reached.sequence, reached.sha256, closing), self._disk)
            except OSError as error:
                raise self._fail(error) from error
            self._durable = reached
            self._flushed_at = self._clock.monotonic()

    def _refuse_after_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise JournalUnwritable(self.path, "the journal is closed", "Open it again with a new writer.")

    def _fail(self, error: OSError) -> JournalUnwritable:
        # After a failed fsync the kernel may have dropped the pages: a later success would prove nothing.
        self._failure = _unwritable(self.path, error)
        return self._failure


def open_journal(
    state: Path,
    *,
    run: str,
    client: str,
    actor: str,
    redactor: Redactor,
    clock: Clock,
    disk: Disk | None = None,
) -> JournalWriter:
    """The writer of the journal of one run and client, new or continued.

    Half a line at the end, which a crash leaves, is cut off, reported as `torn` and recorded. Anything else that does
    not verify is left alone.

    Arguments:
        state: the state directory, `.exrun`; made, for the owner alone, when it does not exist.

    Raises:
        JournalLocked: somebody else writes it.
        JournalBroken: what is there does not verify, or is of another run or client.
        JournalUnwritable: the directory or file cannot be made or written.
    """
    directory = run_directory(state, client, run)
    path = directory / JOURNAL
    disk = disk or SystemDisk()
    opened: list[int] = []
    try:
        _make_directories(state, directory)
        lock = _open(directory / LOCK, os.O_RDWR)
        opened.append(lock)
        if not try_lock(lock):
            raise JournalLocked(path, "another writer holds this journal", "Wait for that run to end, or stop it.")
        descriptor = _open(path, os.O_RDWR | os.O_APPEND)
        opened.append(descriptor)
        _sync_directory(directory)
        head, torn = _continue(path, descriptor, run, client, disk)
        # From here on lines may follow, so the head of a run that was closed must not call them foreign.
        _replace_head(directory, Head(head.sequence, head.sha256), disk)
        writer = JournalWriter(directory, run, client, actor, redactor, clock, disk, lock, descriptor, head, torn)
        if torn is not None:
            data = {"bytes": torn.size, "sha256": torn.sha256}
            writer.record(JOURNAL_PHASE, TAIL_DROPPED, data=data, durable=True)
    except OSError as error:
        _close_all(opened)
        raise _unwritable(path, error) from error
    except JournalError:
        _close_all(opened)
        raise
    return writer


def _continue(path: Path, descriptor: int, run: str, client: str, disk: Disk) -> tuple[Head, TornTail | None]:
    """Where to go on, after checking what is there and cutting off half a line."""
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    tail = content[len(whole) :]
    try:
        head = stored_head(path)
    except ValueError as error:
        raise _broken(path, f"its head cannot be read: {error}") from error
    match verify(BytesIO(whole), head):
        case Broken(line=line, why=why):
            raise _broken(path, f"line {line}: {why}")
        case Verified(head=reached):
            pass
    if tail and head is not None and head.closed:
        raise _broken(path, f"line {reached.sequence + 1}: something was added after the journal was closed")
    first = next(intact(BytesIO(whole)), None)
    if first is not None and (first.run, first.client) != (run, client):
        raise _broken(path, "it is the journal of another run or client")
    if not tail:
        return reached, None
    os.ftruncate(descriptor, len(whole))
    disk.fsync(descriptor)
    return reached, TornTail(reached.sequence + 1, len(tail), sha256(tail).hexdigest())


def _make_directories(state: Path, directory: Path) -> None:
    """The directories of a run, for the owner alone; a link in place of one is refused."""
    state.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    made = state
    for part in directory.relative_to(state).parts:
        made /= part
        made.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
        if not stat.S_ISDIR(made.lstat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, f"{made} is a link, not a directory")
        if sys.platform != "win32" and stat.S_IMODE(made.stat().st_mode) != _DIRECTORY_MODE:
            made.chmod(_DIRECTORY_MODE)


def _open(path: Path, flags: int) -> int:
    """A descriptor of a regular file, made for the owner alone; a link is not followed."""
    here = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags | os.O_CREAT | here, _FILE_MODE)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "this is not a regular file")
        if sys.platform != "win32":
            os.fchmod(descriptor, _FILE_MODE)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _replace_head(directory: Path, head: Head, disk: Disk) -> None:
    fresh = directory / f"{HEAD}.new"
    descriptor = _open(fresh, os.O_WRONLY | os.O_TRUNC)
    try:
        content = head.to_bytes()
        if disk.write(descriptor, content) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        disk.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.replace(directory / HEAD)


def _sync_directory(directory: Path) -> None:
    """Makes the new file's name durable; Windows has no such call and does so by itself."""
    if sys.platform != "win32":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _broken(path: Path, what: str) -> JournalBroken:
    return JournalBroken(
        path, what, "Nothing was added. Keep the file as evidence, see `exrun journal verify`, and start a new run."
    )


def _unwritable(path: Path, error: OSError) -> JournalUnwritable:
    what = f"the journal cannot be written ({error.strerror or type(error).__name__})"
    return JournalUnwritable(path, what, "Nothing more is sent. Make room or correct the permissions, then resume.")

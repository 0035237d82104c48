"""The one writer of a run's journal: redacted, canonical, chained, and added to an append-only file.

Records wait in the process and are written together: with the next durable one, after GROUP_LINES, at the first after
GROUP_SECONDS, or on `close`. Only `durable=True` waits for the disk: when it returns, this record and all before it
are on it (fsync), and one fsync serves all threads that wait for it. A process that is killed can therefore lose
records that were not durable, a machine that loses power those since the last durable one.

The file `head` beside the journal says that all up to its line must be there; `closed` says that nothing may follow.
It is replaced on opening, on closing, and by a durable record HEAD_FLUSHES or HEAD_SECONDS
after the last. Its line is on the disk before it; it and its name are on the disk before anything comes after it.
"""

from __future__ import annotations

import atexit
import errno
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

from runner.disk import Disk, SystemDisk, make_directories, write_anew
from runner.journal.chain import Broken, Head, Verified, is_whole, verify
from runner.journal.checkpoints import CHECKPOINT, Checkpoint, Hashes, Sign, hold_against, origin_of
from runner.journal.errors import JournalBroken, JournalLocked, JournalUnwritable
from runner.journal.lines import (
    JOURNAL_PHASE,
    TAIL_DROPPED,
    Json,
    Line,
    Pen,
    UnrecordableValueError,
    canonical,
    is_sha256,
)
from runner.journal.location import HEAD, JOURNAL, LOCK, run_directory
from runner.journal.verification import stored_checkpoint, stored_head
from runner.redaction import Gathered, Redactor

GROUP_LINES = 64
GROUP_SECONDS = 1.0

HEAD_FLUSHES = 64
HEAD_SECONDS = 5.0
_LOCK_TRIES, _LOCK_SECONDS = 20, 0.01

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class TornTail:
    """What a crash had left in pieces at the end, and opening cut off. `line` counts from 1, `size` is in bytes."""

    line: int
    size: int
    sha256: str


@dataclass(slots=True)
class _End:
    """Where the file ends and what waits to be added to it: one object, so that Ctrl-C never sees half a change.

    Attributes:
        size: bytes of whole lines in the file.
        head: the last of them.
        waiting: the lines after it, each with the head that it makes.
        begun: whether some of `waiting` may be in the file already.
    """

    size: int
    head: Head
    waiting: list[tuple[bytes, Head]] = field(default_factory=list)
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Clean:
    """Data that is canonical and in which what may hold a secret has passed the redactor: `JournalWriter.clean`."""

    members: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Clock:
    """UTC for what is written; monotonic seconds for when it is flushed; `wait` for as many seconds."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    wait: Callable[[float], None] = time.sleep


class JournalWriter:
    """Open with `open_journal`. May be used from several threads; `close`, or leave the `with`, at the end.

    Attributes:
        path: of the journal.
        torn: what opening cut off; None when the last writer had ended between two lines.
        newest: the newest checkpoint that this writer made, a signed note; for keeping it elsewhere.
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
        sign: Sign | None,
    ) -> None:
        self.path = directory / JOURNAL
        self.torn = torn
        self.newest: str | None = None
        self._origin = origin_of(client, run)
        self._sign = sign
        self._directory = directory
        self._redactor = redactor
        self._clock = clock
        self._disk = disk
        self._lock_descriptor = lock
        self._descriptor = descriptor
        self._pen = Pen(run, client, actor)
        self._at = _End(disk.size(descriptor), head)
        self._durable = head
        self._flushes = 0  # since the head was replaced
        self._written_at = self._head_at = clock.monotonic()
        self._failure: JournalUnwritable | None = None
        self._closed = False
        self._appending = threading.Lock()  # taken inside _flushing, never the other way round
        self._flushing = threading.Lock()
        atexit.register(self._write_at_exit)

    @property
    def head(self) -> Head:
        """The last record, for anchoring it elsewhere."""
        at = self._at
        return at.waiting[-1][1] if at.waiting else at.head

    @property
    def durable(self) -> Head:
        """The last record that no crash takes away."""
        return self._durable

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
            members, before = self._members(data or {}), self.head
            sequence, now = before.sequence + 1, self._clock.now()
            line, own = self._pen.line(sequence, before.sha256, now, phase, event, host, step, script_hash, members)
            place = Head(sequence, own)
            self._at.waiting.append((line, place))
            if not durable and self._is_due():
                self._write()
        if durable:
            self._flush(place)
        return place

    def clean(self, write: Callable[[Redactor | Gathered], Mapping[str, Json]]) -> Clean:
        """What `write` makes of the redactor, for showing the same elsewhere; `record` takes it as it stands.

        See `Redactor.applied`.

        Which parts of an event may hold a secret its writer knows: see runner/events.py. `data` of which nothing is
        known passes the redactor whole.
        """
        return Clean(self._redactor.applied(write))

    def checkpoint(self) -> None:
        """Have all records so far vouched for: flush them, and put a new checkpoint in place of the old.

        Does nothing in a journal that was opened without who signs. `newest` has the note once this returns.

        Raises:
            JournalUnwritable: as for `record`. The checkpoint before is still there.
        """
        if self._sign is not None and self.head.sequence:
            self._flush(self.head)
            self._vouch(self._sign)

    def _vouch(self, sign: Sign) -> None:
        """Sign what is on the disk. A checkpoint never speaks of a line that a crash could take away."""
        with self._flushing:
            self._refuse_after_failure()
            note = sign(Checkpoint(self._origin, self._durable.sequence, self._durable.sha256).text())
            try:
                write_anew(self._directory / CHECKPOINT, note.encode(), self._disk)
            except OSError as error:
                raise self._fail(error) from error
            self.newest = note

    def close(self) -> None:
        """Flush, mark the head as closed, have all vouched for and let go of the lock. A second call does nothing.

        Raises:
            JournalUnwritable: what was written last may not be on the disk. The lock is let go all the same.
        """
        if self._closed:
            return
        try:
            if self._failure is None:
                self._flush(self.head, closing=True)
                if self._sign is not None and self.head.sequence:
                    self._vouch(self._sign)
        finally:
            self._closed = True
            atexit.unregister(self._write_at_exit)
            self._disk.close(self._descriptor)
            self._disk.close(self._lock_descriptor)

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _members(self, data: Mapping[str, object] | Clean) -> Mapping[str, Json]:
        """Data redacted and canonical, as `clean` has made it already."""
        if isinstance(data, Clean):
            return data.members
        return cast(Mapping[str, Json], canonical(self._redactor.redact(data)))

    def _is_due(self) -> bool:
        return len(self._at.waiting) >= GROUP_LINES or self._clock.monotonic() - self._written_at >= GROUP_SECONDS

    def _write(self) -> None:
        """Bring what waits into the file.

        Ctrl-C may strike between any two steps here, also when the bytes are written and nothing has noted it; so
        after one the file is asked what it holds, and the next call goes on where this one was stopped.
        """
        at = self._at
        if not at.waiting:
            return
        data = b"".join([line for line, _ in at.waiting])
        try:
            done = self._disk.size(self._descriptor) - at.size
            if done < 0 or done > (len(data) if at.begun else 0):
                raise OSError(errno.EIO, "somebody else writes to the file")
            at.begun = True
            while done < len(data):
                if self._disk.write(self._descriptor, data[done:] if done else data) == 0:
                    raise OSError(errno.EIO, "the file does not grow")
                done = self._disk.size(self._descriptor) - at.size
            if done > len(data):
                raise OSError(errno.EIO, "somebody else writes to the file")
        except OSError as error:
            raise self._fail(error) from error
        self._at = _End(at.size + len(data), at.waiting[-1][1])
        self._written_at = self._clock.monotonic()

    def _flush(self, wanted: Head, *, closing: bool = False) -> None:
        with self._flushing:
            if self._durable.sequence >= wanted.sequence and not closing:
                return
            with self._appending:
                self._refuse_after_failure()
                self._write()
                reached = self._at.head
            try:
                self._disk.fsync(self._descriptor)
                self._durable = reached
                self._flushes += 1
                if closing or self._is_head_due():
                    head = Head(reached.sequence, reached.sha256, closing)
                    write_anew(self._directory / HEAD, head.to_bytes(), self._disk)
                    self._flushes, self._head_at = 0, self._clock.monotonic()
            except OSError as error:
                raise self._fail(error) from error

    def _is_head_due(self) -> bool:
        return self._flushes >= HEAD_FLUSHES or self._clock.monotonic() - self._head_at >= HEAD_SECONDS

    def _write_at_exit(self) -> None:
        """A process that ends without having closed its journal keeps no line to itself."""
        with self._appending, suppress(JournalUnwritable):
            self._refuse_after_failure()
            self._write()

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
    sign: Sign | None = None,
) -> JournalWriter:
    """The writer of the journal of one run and client, new or continued.

    Half a line at the end, which a crash leaves, is cut off, reported as `torn` and recorded. Anything else that does
    not verify is left alone.

    Arguments:
        state: the state directory, `.exrun`; made, for the owner alone, when it does not exist.
        sign: makes a signed note of a checkpoint's text; None for a journal that nobody vouches for.

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
        make_directories(state, directory, disk)
        lock = disk.open(directory / LOCK)
        opened.append(lock)
        if not _locked(lock, disk, clock):
            raise JournalLocked(path, "another writer holds this journal", "Wait for that run to end, or stop it.")
        descriptor = disk.open(path)
        opened.append(descriptor)
        head, torn = _continue(path, descriptor, run, client, disk)
        # A killed writer may have left lines that no disk has yet, and the new head is to vouch for them.
        disk.fsync(descriptor)
        disk.sync_directory(directory)
        # From here on lines may follow, so the head of a run that was closed must not call them foreign.
        write_anew(directory / HEAD, Head(head.sequence, head.sha256).to_bytes(), disk)
        writer = JournalWriter(directory, run, client, actor, redactor, clock, disk, lock, descriptor, head, torn, sign)
        if torn is not None:
            data = {"bytes": torn.size, "sha256": torn.sha256}
            writer.record(JOURNAL_PHASE, TAIL_DROPPED, data=data, durable=True)
    except OSError as error:
        _close_all(opened, disk)
        raise _unwritable(path, error) from error
    except BaseException:
        _close_all(opened, disk)
        raise
    return writer


def _locked(descriptor: int, disk: Disk, clock: Clock) -> bool:
    """Whether the lock was got. Who only looks whether a journal is written holds it too, for less than this waits."""
    for _ in range(_LOCK_TRIES):
        if disk.lock(descriptor):
            return True
        clock.wait(_LOCK_SECONDS)
    return disk.lock(descriptor)


def is_written(directory: Path, disk: Disk) -> bool:
    """Whether a process writes the journal of this directory now, as far as this machine can tell.

    Where none does its lock is held for a moment, for which `open_journal` waits; one that writes is never disturbed.
    """
    try:
        descriptor = disk.open(directory / LOCK)
    except OSError:
        return False
    try:
        return not disk.lock(descriptor)
    finally:
        disk.close(descriptor)


class _Whole:
    """The lines of a file up to the first that a crash has left in pieces.

    Attributes:
        size: bytes of the lines given so far.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._file:
            if not is_whole(line):
                return
            self.size += len(line)
            yield line


def _continue(path: Path, descriptor: int, run: str, client: str, disk: Disk) -> tuple[Head, TornTail | None]:
    """Where to go on, after checking what is there and cutting off what a crash has left in pieces."""
    try:
        head = stored_head(path, disk)
    except ValueError as error:
        raise _broken(path, f"its head cannot be read: {error}") from error
    try:
        checkpoints = stored_checkpoint(path, disk)
    except ValueError as error:
        raise _broken(path, f"its checkpoint cannot be read: {error}") from error
    strangers: list[Line] = []
    hashes = Hashes.of(checkpoints)

    def look(line: Line) -> None:
        hashes.take(line)
        if (line.run, line.client) != (run, client):
            strangers.append(line)

    with disk.read(path) as file:
        lines = _Whole(file)
        match verify(lines, head, look):
            case Broken(line=line, why=why):
                raise _broken(path, f"line {line}: {why}")
            case Verified(head=reached) as whole:
                broken = hold_against(checkpoints, whole, hashes)
                if broken is not None:  # whoever goes on would vouch for what was done to it
                    raise _broken(path, f"line {broken.line}: {broken.why}")
        tail, digest = disk.size(descriptor) - lines.size, sha256()
        file.seek(lines.size)
        while piece := file.read(_PIECE):
            digest.update(piece)
    if tail and head is not None and head.closed:
        raise _broken(path, f"line {reached.sequence + 1}: something was added after the journal was closed")
    if strangers:
        raise _broken(path, f"line {strangers[0].sequence}: it is the journal of another run or client")
    if not tail:
        return reached, None
    disk.truncate(descriptor, lines.size)
    return reached, TornTail(reached.sequence + 1, tail, digest.hexdigest())


def _close_all(descriptors: list[int], disk: Disk) -> None:
    for descriptor in descriptors:
        disk.close(descriptor)


def _broken(path: Path, what: str) -> JournalBroken:
    return JournalBroken(
        path, what, "Nothing was added. Keep the file as evidence, see `exrun journal verify`, and start a new run."
    )


def _unwritable(path: Path, error: OSError) -> JournalUnwritable:
    what = f"the journal cannot be written ({error.strerror or type(error).__name__})"
    return JournalUnwritable(path, what, "Nothing more is sent. Make room or correct the permissions, then resume.")

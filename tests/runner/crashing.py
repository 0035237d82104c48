"""A disk in memory that dies after any operation, and every disk that may be found afterwards.

What was not synced is on the disk or not, each part by itself: each name that was made or replaced, each write, whole
or up to any byte. A write that is kept after one that is lost leaves zeros where the lost one stood. What a file held
at its last fsync, and the names that a directory had at its last, are there.
"""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO


class Died(BaseException):
    """The machine stops: no handler of ours runs on."""


@dataclass(frozen=True)
class Write:
    """Bytes put at a place; a write that cuts the file to that place has `cuts` and no bytes."""

    at: int
    data: bytes
    cuts: bool = False

    def on(self, content: bytes, kept: int) -> bytes:
        if self.cuts:
            return content[: self.at] if kept else content
        if not kept:
            return content
        end = self.at + kept
        return content[: self.at].ljust(self.at, b"\0") + self.data[:kept] + content[end:]

    @property
    def ends(self) -> tuple[int, ...]:
        """How much of it may be kept: none, all, and the places where a tear is of another kind."""
        size = 1 if self.cuts else len(self.data)
        lines = itertools.accumulate(len(line) for line in self.data.splitlines(keepends=True))
        return tuple(sorted({0, min(1, size), size // 2, max(size - 1, 0), size, *lines}))


@dataclass(eq=False)
class File:
    """What is on the disk, and the writes that are on their way to it."""

    safe: bytes = b""
    writes: list[Write] = field(default_factory=list)

    @property
    def content(self) -> bytes:
        content = self.safe
        for write in self.writes:
            content = write.on(content, len(write.data) or 1)
        return content


@dataclass(frozen=True)
class Named:
    """A name that was given, or taken away; `instead_of` is the one that the same file had before."""

    path: Path
    file: File | None  # None for a directory
    instead_of: Path | None = None
    gone: bool = False

    def on(self, names: dict[Path, File | None]) -> None:
        if self.gone:
            names.pop(self.path, None)
            return
        names[self.path] = self.file
        if self.instead_of is not None:
            names.pop(self.instead_of, None)


@dataclass(frozen=True)
class Outcome:
    """What of the unsynced the disk has kept: each name or not, and how many bytes of each write."""

    names: tuple[bool, ...]
    writes: tuple[int, ...]


class CrashingDisk:
    """See above. Dies after `lives` operations that change or sync something; None lets it live.

    Attributes:
        done: the operations so far, by name.
        dead: it has died, or its process was killed: it refuses all.
        deaf: operations that it pretends to do; for showing that the tests would notice.
    """

    def __init__(self, lives: int | None = None) -> None:
        self.lives = lives
        self.deaf: frozenset[str] = frozenset()
        self.done: list[str] = []
        self.dead = False
        self._safe: dict[Path, File | None] = {Path("/"): None}
        self._names: list[Named] = []
        self._open: dict[int, tuple[Path, File]] = {}
        self._locked: set[int] = set()
        self._numbers = itertools.count(3)

    # What is found after the death.

    def durable(self, path: Path) -> bytes:
        """What a file surely holds, whatever happens now; nothing where its name may be lost."""
        file = self._safe.get(path)
        return b"" if file is None else file.safe

    def unsynced(self) -> tuple[list[Named], list[Write]]:
        """What may be kept or lost, in the order of an `Outcome`."""
        return self._names, [write for file in self._files() for write in file.writes]

    def outcomes(self) -> Iterator[Outcome]:
        """Every combination of what may be kept, with the tears that differ in kind."""
        names, writes = self.unsynced()
        for kept in itertools.product((False, True), repeat=len(names)):
            for ends in itertools.product(*(write.ends for write in writes)):
                yield Outcome(kept, ends)

    def after(self, outcome: Outcome, lives: int | None = None) -> CrashingDisk:
        """The disk that a machine finds when it starts again; this one stays as it is."""
        found = CrashingDisk(lives)
        kept = iter(outcome.writes)
        fresh = {file: File(self._torn(file, kept)) for file in self._files()}
        names = dict(self._safe)
        for named, is_kept in zip(self._names, outcome.names, strict=True):
            if is_kept:
                named.on(names)
        found._safe = {path: None if file is None else fresh[file] for path, file in names.items()}
        for path in sorted(found._safe):
            if path.parent not in found._safe:
                del found._safe[path]
        return found

    def killed(self, lives: int | None = None) -> CrashingDisk:
        """The same disk when the process alone has died: nothing is lost, and nothing more is synced."""
        found = CrashingDisk(lives)
        fresh = {file: File(file.safe, list(file.writes)) for file in self._files()}
        found._safe = {path: None if file is None else fresh[file] for path, file in self._safe.items()}
        found._names = [replace(each, file=None if each.file is None else fresh[each.file]) for each in self._names]
        return found

    def _torn(self, file: File, kept: Iterator[int]) -> bytes:
        content = file.safe
        for write in file.writes:
            content = write.on(content, next(kept))
        return content

    def _files(self) -> Sequence[File]:
        every = (*self._safe.values(), *(named.file for named in self._names))
        return list(dict.fromkeys(file for file in every if file is not None))

    def _seen(self) -> dict[Path, File | None]:
        names = dict(self._safe)
        for named in self._names:
            named.on(names)
        return names

    def _refuse_when_dead(self) -> None:
        if self.dead:
            raise OSError(errno.EIO, "dead")

    def _does(self, operation: str, change: Callable[[], None]) -> None:
        self._refuse_when_dead()
        if self.lives == len(self.done):
            self.dead = True
            raise Died
        self.done.append(operation)
        if operation not in self.deaf:
            change()

    # What a journal asks of it.

    def is_directory(self, path: Path) -> bool:
        return self._seen().get(path, path) is None

    def make_directory(self, path: Path) -> None:
        if path not in self._seen():
            assert self.is_directory(path.parent)
            self._does("make_directory", lambda: self._names.append(Named(path, None)))

    def sync_directory(self, path: Path) -> None:
        def sync() -> None:
            for named in [each for each in self._names if each.path.parent == path]:
                named.on(self._safe)
                self._names.remove(named)

        self._does("sync_directory", sync)

    def open(self, path: Path, *, emptied: bool = False) -> int:
        assert self.is_directory(path.parent)
        file = self._seen().get(path)
        if file is None:
            file = made = File()
            self._does("make", lambda: self._names.append(Named(path, made)))
        elif emptied and file.content:
            emptying = file
            self._does("empty", lambda: emptying.writes.append(Write(0, b"", cuts=True)))
        descriptor = next(self._numbers)
        self._open[descriptor] = path, file
        return descriptor

    def open_to_append(self, path: Path) -> int:
        return self.open(path)

    def read(self, path: Path) -> BinaryIO:
        file = self._seen().get(path)
        if file is None:
            raise FileNotFoundError(errno.ENOENT, "no such file")
        return BytesIO(file.content)

    def lock(self, descriptor: int) -> bool:
        path, _ = self._open[descriptor]
        if any(self._open[other][0] == path for other in self._locked):
            return False
        self._locked.add(descriptor)
        return True

    def size(self, descriptor: int) -> int:
        self._refuse_when_dead()
        return len(self._open[descriptor][1].content)

    def write(self, descriptor: int, data: bytes) -> int:
        _, file = self._open[descriptor]
        self._does("write", lambda: file.writes.append(Write(len(file.content), data)))
        return len(data)

    def truncate(self, descriptor: int, size: int) -> None:
        _, file = self._open[descriptor]
        self._does("truncate", lambda: file.writes.append(Write(size, b"", cuts=True)))

    def fsync(self, descriptor: int) -> None:
        _, file = self._open[descriptor]

        def sync() -> None:
            file.safe, file.writes = file.content, []

        self._does("fsync", sync)

    def replace(self, old: Path, new: Path) -> None:
        file = self._seen()[old]
        self._does("replace", lambda: self._names.append(Named(new, file, instead_of=old)))

    def link(self, old: Path, new: Path) -> None:
        seen = self._seen()
        if new in seen:
            raise FileExistsError(errno.EEXIST, "the name is taken")
        file = seen[old]
        self._does("link", lambda: self._names.append(Named(new, file)))

    def remove(self, path: Path) -> None:
        self._refuse_when_dead()
        if path not in self._seen():
            raise FileNotFoundError(errno.ENOENT, "no such file")
        self._does("remove", lambda: self._names.append(Named(path, None, gone=True)))

    def names(self, directory: Path) -> Sequence[str]:
        return sorted(path.name for path in self._seen() if path.parent == directory and path != directory)

    def close(self, descriptor: int) -> None:
        self._locked.discard(descriptor)
        del self._open[descriptor]

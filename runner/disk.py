"""The whole of what is asked of a file system where a crash must not hurt, as one list of single operations.

A crash can come between any two of them, and what is not yet synced may then be on the disk or not, each part of it by
itself. So whoever calls these decides by their order what a crash can leave; the tests put a disk in their place that
dies after each.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> bool:
        """Lock an open file until it is closed or its process ends, however that is; False when somebody else has."""
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock an open file until it is closed or its process ends, however that is.

        False when somebody else has, in this process or another.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600
_USERS_MODE = 0o644


class Disk(Protocol):
    """One operation a method; each raises OSError where the file system refuses."""

    def is_directory(self, path: Path) -> bool:
        """Whether this is a directory, or a link to one."""
        ...

    def make_directory(self, path: Path) -> None:
        """A directory for its owner alone, in one that is there, unless it is there already. A link is refused."""
        ...

    def sync_directory(self, path: Path) -> None:
        """Makes durable which names stand in a directory."""
        ...

    def open(self, path: Path, *, emptied: bool = False) -> int:
        """A descriptor to read and to append: of a regular file, for its owner alone, made where none is.

        A link is not followed.
        """
        ...

    def open_to_append(self, path: Path) -> int:
        """A descriptor to append to a file of the user's, whose mode and links are left as they are."""
        ...

    def read(self, path: Path) -> BinaryIO:
        """A regular file from its beginning, in lines or pieces; close it. FileNotFoundError where there is none."""
        ...

    def lock(self, descriptor: int) -> bool:
        """Lock an open file until it is closed or its process ends; False when somebody else has."""
        ...

    def size(self, descriptor: int) -> int:
        """In bytes, with what has been written and not yet synced."""
        ...

    def write(self, descriptor: int, data: bytes) -> int:
        """Append; how many bytes were taken."""
        ...

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut off what stands after so many bytes."""
        ...

    def fsync(self, descriptor: int) -> None:
        """Makes durable what the file holds."""
        ...

    def replace(self, old: Path, new: Path) -> None:
        """Give a file another name in the same directory, at once; what had that name is gone."""
        ...

    def link(self, old: Path, new: Path) -> None:
        """Give a file a second name in the same directory. FileExistsError where something has it."""
        ...

    def remove(self, path: Path) -> None:
        """Take a file's name away. FileNotFoundError where there is none."""
        ...

    def names(self, directory: Path) -> Sequence[str]:
        """What stands in a directory, in order; nothing where there is none."""
        ...

    def close(self, descriptor: int) -> None:
        """Let go of a descriptor and of its lock."""
        ...


class SystemDisk:
    """The operating system's."""

    def is_directory(self, path: Path) -> bool:
        """As Path.is_dir."""
        return path.is_dir()

    def make_directory(self, path: Path) -> None:
        """As os.mkdir; one that is there gets its owner's mode again."""
        path.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, f"{path} is a link, not a directory")
        if sys.platform != "win32" and stat.S_IMODE(path.stat().st_mode) != _DIRECTORY_MODE:
            path.chmod(_DIRECTORY_MODE)

    def sync_directory(self, path: Path) -> None:
        """As os.fsync of the directory; Windows has no such call and does so by itself."""
        if sys.platform != "win32":
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def open(self, path: Path, *, emptied: bool = False) -> int:
        """As os.open; only a regular file is kept open."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | (os.O_TRUNC if emptied else 0)
        here = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(path, flags | here, _FILE_MODE)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "this is not a regular file")
            if sys.platform != "win32":
                os.fchmod(descriptor, _FILE_MODE)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def open_to_append(self, path: Path) -> int:
        """As os.open."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        return os.open(path, flags, _USERS_MODE)

    def read(self, path: Path) -> BinaryIO:
        """As open(path, "rb"); a pipe in its place is not waited for."""
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "this is not a regular file")
            return os.fdopen(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise

    def lock(self, descriptor: int) -> bool:
        """As `try_lock`."""
        return try_lock(descriptor)

    def size(self, descriptor: int) -> int:
        """As os.fstat."""
        return os.fstat(descriptor).st_size

    def write(self, descriptor: int, data: bytes) -> int:
        """As os.write."""
        return os.write(descriptor, data)

    def truncate(self, descriptor: int, size: int) -> None:
        """As os.ftruncate."""
        os.ftruncate(descriptor, size)

    def fsync(self, descriptor: int) -> None:
        """As os.fsync."""
        os.fsync(descriptor)

    def replace(self, old: Path, new: Path) -> None:
        """As os.replace."""
        old.replace(new)

    def link(self, old: Path, new: Path) -> None:
        """As os.link."""
        os.link(old, new)

    def remove(self, path: Path) -> None:
        """As os.unlink."""
        path.unlink()

    def names(self, directory: Path) -> Sequence[str]:
        """As os.listdir."""
        try:
            return sorted(os.listdir(directory))
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def close(self, descriptor: int) -> None:
        """As os.close."""
        os.close(descriptor)


def make_directories(root: Path, directory: Path, disk: Disk) -> None:
    """A directory below `root` and all on the way, for the owner alone, and their names on the disk.

    A link in place of one is refused; but `root` is the user's: it may lie anywhere and be a link.
    """
    missing = [each for each in (root, *root.parents) if not disk.is_directory(each)]
    for made in reversed(missing):
        disk.make_directory(made)
        disk.sync_directory(made.parent)
    if not missing:
        # Made by somebody whom a crash stopped, perhaps; but it may stand in what we may not read.
        with suppress(OSError):
            disk.sync_directory(root.parent)
    made = root
    for part in directory.relative_to(root).parts:
        made /= part
        disk.make_directory(made)
        disk.sync_directory(made.parent)


def write_anew(path: Path, content: bytes, disk: Disk) -> None:
    """A file with this content in place of the one that has the name, if one has: after any crash the one or the other.

    What was synced before is on the disk before it; it and its name are on the disk when this returns.
    """
    fresh = path.with_name(f"{path.name}.new")
    _write_whole(fresh, content, disk)
    disk.replace(fresh, path)
    disk.sync_directory(path.parent)


def write_once(path: Path, content: bytes, disk: Disk, *, by: str = "new") -> None:
    """A file with this content under a name that nothing has: after any crash it is there whole or not at all.

    It is on the disk when this returns.

    Args:
        by: of several that may call this at once for one path, each has its own: a part of a file's name.

    Raises:
        FileExistsError: something has the name. It is left as it is, and may not be on the disk yet.
    """
    fresh = path.with_name(f"{path.name}.{by}")
    # One that a crash has left may be the file itself, by its second name: never to be written to again.
    with suppress(FileNotFoundError):
        disk.remove(fresh)
    _write_whole(fresh, content, disk)
    try:
        disk.link(fresh, path)
    except FileExistsError:
        disk.remove(fresh)
        raise
    disk.sync_directory(path.parent)
    disk.remove(fresh)


def _write_whole(path: Path, content: bytes, disk: Disk) -> None:
    descriptor = disk.open(path, emptied=True)
    try:
        if disk.write(descriptor, content) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        disk.fsync(descriptor)
    finally:
        disk.close(descriptor)

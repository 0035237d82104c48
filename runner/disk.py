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

    def read(self, path: Path) -> BinaryIO:
        """A file from its beginning, in lines or pieces; close it. FileNotFoundError where there is none."""
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

    def read(self, path: Path) -> BinaryIO:
        """As open(path, "rb")."""
        return path.open("rb")

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

    def close(self, descriptor: int) -> None:
        """As os.close."""
        os.close(descriptor)

"""Files that are made for a user: all of them or none, and nothing written over."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from runner.cli.output import UsageError

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}  # of a file system without them

__all__ = ["there_already", "write_fresh", "write_new"]


def there_already(folder: Path, names: Iterable[str]) -> list[str]:
    """The paths among these at which something stands, links that lead nowhere too; sorted."""
    return sorted(str(folder / name) for name in names if (folder / name).exists() or (folder / name).is_symlink())


def write_fresh(folder: Path, texts: Mapping[str, str]) -> None:
    """All files or none: what was written is taken away again where one cannot be.

    Raises:
        UsageError: one cannot be written.
    """
    made: list[Path] = []
    try:
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                made.append(path)
                file.write(text)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        raise UsageError(
            f"{error.filename or folder}: cannot be written: {error.strerror}", "Name another folder."
        ) from None


def write_new(path: Path, text: str) -> None:
    """A file that its owner alone can read: whole or not at all, also where this process is killed meanwhile. What
    stands there by now is left as it is.

    Raises:
        UsageError: it cannot be written.
    """
    fresh: Path | None = None
    try:
        number, name = tempfile.mkstemp(prefix=".exrun-", dir=path.parent)  # 0600
        fresh = Path(name)
        with open(number, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)  # fails where something stands, unlike a rename
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if path.exists() or path.is_symlink():
                raise FileExistsError(None, "it is there by now") from None
            fresh.rename(path)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UsageError(f"{path} cannot be written: {why}", "Name another file with -o.") from None
    finally:
        if fresh is not None:
            fresh.unlink(missing_ok=True)

"""Files that are made for a user: all of them or none, and nothing written over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from runner.cli.output import UsageError

__all__ = ["there_already", "write_fresh"]


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

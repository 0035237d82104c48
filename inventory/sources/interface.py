"""What every source of an inventory is: it reads one file and gives all that it says, and all that is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from inventory.sources.reading import Reading


class Source(Protocol):
    """One file format."""

    def read(self, data: bytes, path: Path) -> Reading:
        """What a file with these bytes says, to be joined with what others say.

        Raises:
            SourceError: nothing of it can be read.
        """
        ...

"""What every source of an inventory is: it reads one file and either gives all of it or says all that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from inventory.model import Inventory


class Source(Protocol):
    """One file format."""

    def load(self, path: Path) -> Inventory:
        """The whole inventory.

        Raises:
            SourceError: with every problem that was found; an inventory is never loaded in part.
        """
        ...

"""Where the rows of a catalogue are from: what a journal and a report say of the tables that judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

__all__ = ["Origin", "OwnRows", "SetKind", "Signed"]


class SetKind(StrEnum):
    """Which set it is."""

    SHIPPED = "shipped"  # it came with this version
    INSTALLED = "installed"  # `exrun catalogue update` took it


@dataclass(frozen=True, slots=True)
class Signed:
    """Who vouched for an installed set.

    Attributes:
        by: the signer's principals, as the list of allowed signers has them.
        key: fingerprint of the key, as ssh-keygen shows it: `SHA256:...`.
        taken: when the set was installed, UTC.
    """

    by: str
    key: str
    taken: datetime


@dataclass(frozen=True, slots=True)
class OwnRows:
    """A user's rows beside the set's. `rows` counts all that stand in the folder, by table."""

    folder: str
    rows: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def count(self) -> int:
        """Of all tables."""
        return sum(self.rows.values())


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows are from.

    Attributes:
        manifest: SHA-256 of the set's catalogue.json.
        signed: None for the shipped set.
        own: None where no own rows were given.
    """

    kind: SetKind
    manifest: str
    signed: Signed | None = None
    own: OwnRows | None = None

"""The marks of a pending restart on a server: which stand, which could not be read, and how much they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from playbooks.findings import Facts, UnknownFact
from playbooks.observation import Observed
from playbooks.values import Record

__all__ = ["FACTS", "PLACES", "WEAK", "Marks", "marks"]

FACTS = ("pending", "places")
# Each place and what has written there. The first two are Windows' own, the last is that of Windows' old update.exe.
PLACES = {
    "ComponentBasedServicing": "Windows servicing has changes that wait for a restart",
    "WindowsUpdate": "an update of Windows waits for a restart",
    "PendingFileRenameOperations": "files are to be renamed or deleted at the next start",
    "UpdateExeVolatile": "an installer of an update waits for a restart",
}
# Marks that often stand although nothing waits: antivirus, printer drivers and browsers leave renames behind day by
# day, and UpdateExeVolatile is known to outlive restarts. Exchange's setup refuses to run all the same.
WEAK = frozenset({"PendingFileRenameOperations", "UpdateExeVolatile"})


@dataclass(frozen=True, slots=True)
class Marks:
    """What a server says of them.

    Attributes:
        pending: the places that say that a restart is pending, in the order of PLACES.
        evidence: a line for each of these.
        unread: why not every place was read; empty where each was.
    """

    pending: tuple[str, ...]
    evidence: tuple[str, ...]
    unread: str

    @property
    def weak(self) -> bool:
        """Whether all that say so are known to say so without reason."""
        return set(self.pending) <= WEAK

    @property
    def facts(self) -> Facts:
        """`pending` and `places`, where a restart is pending or every place was read."""
        places = UnknownFact(f"not read: {self.unread}") if self.unread else self.pending
        return {"pending": bool(self.pending), "places": places}


def marks(observation: Observed, beside: str = "") -> Marks:
    """The marks that a collect script has found: its records of Kind RebootMark.

    Args:
        beside: what the script reads besides, whose absence says nothing of marks.
    """
    found: dict[str, list[Record]] = {}
    for mark in observation.of_kind("RebootMark"):
        found.setdefault(str(mark.get("Place")), []).append(mark)
    due = {place: [mark for mark in found.get(place, ()) if mark.get("Pending") is True] for place in PLACES}
    pending = tuple(place for place in PLACES if due[place])
    lacking = [place for place in PLACES if place not in found]
    unread = f"the answer has no record of {', '.join(lacking)}" if lacking else ""
    if closed := [entry for entry in observation.unread if entry.what != beside]:
        unread = "; ".join(f"{entry.what}: {entry.why}" for entry in closed)
    evidence = [f"{place}: {PLACES[place]}" + "".join(f"; {line}" for line in _detail(due[place])) for place in pending]
    if unread:
        evidence.append(f"not read: {unread}")
    return Marks(pending, tuple(evidence) if pending else (), unread)


def _detail(found: Sequence[Record]) -> list[str]:
    """At most five lines of what a place holds; a long list says no more."""
    details = [mark.get("Detail") for mark in found]
    lines = [str(line) for detail in details if isinstance(detail, tuple | list) for line in detail]
    return lines[:5] + (["and more"] if len(lines) > 5 else [])

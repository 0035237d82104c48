"""How far a destination has been served, in a small file beside the journal: so that a kill sends nothing but the last
batch again.

It is not synced: what a loss of power takes away is sent once more, which who receives tells by the event's key.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from runner.forwarding.destinations import Destination, Way
from runner.journal.growing import Place

_MOST_BYTES = 4096
_FARTHEST = 2**63  # bytes into a file


def cursor_path(journal: Path, to: Destination) -> Path:
    """The file of one destination; what it is called says nothing of it. A file is another in another folder."""
    address = str(Path(to.address).absolute()) if to.way is Way.FILE else to.address
    named = hashlib.sha256(f"{to.format.value} {address}".encode()).hexdigest()[:16]
    return journal.with_name(f"sent-{named}")


def stored(path: Path) -> Place | None:
    """What a cursor says; None where there is none, or it is no cursor: then all is sent."""
    try:
        with path.open("rb") as file:
            members = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    match members:
        case {"sequence": int(sequence), "sha256": str(sha256), "begins": int(begins)} if (
            0 <= begins < _FARTHEST and sequence > 0
        ):
            return Place(sequence, sha256, begins)
    return None


def store(path: Path, place: Place | None) -> None:
    """Replaces the cursor; None takes it away.

    Raises:
        OSError: it cannot be written; then the same is sent again by whoever comes next.
    """
    if place is None:
        path.unlink(missing_ok=True)
        return
    fresh = path.with_name(f"{path.name}.new")
    content = {"sequence": place.sequence, "sha256": place.sha256, "begins": place.begins}
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        os.write(descriptor, json.dumps(content).encode())
    finally:
        os.close(descriptor)
    try:
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise

"""Where a journal lies: `STATE/<client>/runs/<run>/journal.jsonl`, whatever a client is called."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

JOURNAL = "journal.jsonl"
HEAD = "head"
LOCK = "lock"

_PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,46}[a-z0-9_-])?")
_NOT_PLAIN = re.compile(r"[^a-z0-9_-]+")
# Names that Windows keeps for devices, with any extension.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{digit}" for port in ("com", "lpt") for digit in range(10))}


def directory_name(name: str) -> str:
    """A directory name for any text: two texts never get the same one, on file systems without case either.

    Short lower-case names stay as they are. Every other gets a readable part, `~` (which no plain name has) and 128
    bits of its SHA-256.
    """
    if _PLAIN.fullmatch(name) and name.split(".")[0] not in _DEVICES:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{_NOT_PLAIN.sub('-', name.lower()).strip('-')[:24] or 'x'}~{digest}"


def run_directory(state: Path, client: str, run: str) -> Path:
    """The directory of one run of one client below the state directory (`.exrun`)."""
    return state / directory_name(client) / "runs" / directory_name(run)

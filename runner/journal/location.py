"""What runs are called, and where a journal lies: `STATE/<client>/runs/<run>/journal.jsonl`, whatever the client."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
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


def new_run_id(now: datetime, token: str) -> str:
    """`2026-11-24t150212z-7f3a`: to be read and typed, sorted by time, a directory's name as it stands.

    Args:
        now: any zone; the id is in UTC.
        token: four hexadecimal digits that tell apart runs of the same second.
    """
    return f"{now.astimezone(UTC):%Y-%m-%dt%H%M%Sz}-{token}"


def unused_run_id(state: Path, clients: Iterable[str], now: datetime, token: Callable[[], str]) -> str:
    """A run id that none of these clients has: a journal is never continued by accident."""
    names = tuple(clients)
    while True:
        run = new_run_id(now, token())
        if not any(run_directory(state, client, run).exists() for client in names):
            return run

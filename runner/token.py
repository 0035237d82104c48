"""A plan runs once: its token is spent on the disk before the first byte leaves.

    STATE/<client>/spent/<token>       which run has spent it

The file comes to be whole or not at all, and only where no other has the name; so after any crash a token is spent by
one run or by none. The run that has spent it may spend it again: that is how it is resumed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from runner.advice import AdvisedError
from runner.disk import Disk, make_directories, write_once
from runner.journal.lines import time_text
from runner.journal.location import directory_name

__all__ = ["Spent", "TokenError", "TokenSpentError", "TokenUnspendableError", "spend", "spent_by"]

_DIRECTORY = "spent"
_TOKEN = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Spent:
    """That a run has spent the token of a plan.

    Attributes:
        plan: SHA-256 of the plan's file.
        actor: who did it, `user@machine`.
        time: UTC.
    """

    token: str
    plan: str
    run: str
    actor: str
    time: datetime


class TokenError(AdvisedError):
    """Raised where a plan may not be run; nothing was sent. `next` is what to do."""


class TokenSpentError(TokenError):
    """Raised for a plan that another run has run, or begun to. `by` is None where the record cannot be read."""

    def __init__(self, what: str, next: str, by: Spent | None) -> None:  # noqa: A002
        super().__init__(what, next)
        self.by = by


class TokenUnspendableError(TokenError):
    """Raised where the disk does not take it. If it has taken it all the same, then for this run and no other."""


def spend(state: Path, client: str, spent: Spent, disk: Disk) -> Spent:
    """Spends a plan's token for a run; when this returns it is spent, whatever happens next.

    Args:
        state: the state directory.
        spent: what is to be recorded.

    Returns:
        What stands on the disk: `spent`, or what the same run had recorded before.

    Raises:
        TokenSpentError: another run has spent it, or this run for another plan.
        TokenUnspendableError: the disk refuses.
        ValueError: the token is not 32 hexadecimal digits.
    """
    path = _path(state, client, spent.token)
    try:
        make_directories(state, path.parent, disk)
        try:
            write_once(path, _to_bytes(spent), disk, by=directory_name(spent.run))
        except FileExistsError:
            # Who had it may have been killed before its name was on the disk; what is said of it next is to stay true.
            disk.sync_directory(path.parent)
            before = _read(path, spent.token, disk)
            if before is None or (before.run, before.plan) != (spent.run, spent.plan):
                raise _spent(path, before, spent) from None
            return before
    except OSError as error:
        raise TokenUnspendableError(
            f"{path}: the plan's token cannot be spent ({error.strerror or type(error).__name__}), so nothing is sent",
            "Make room or correct the permissions, then run it again.",
        ) from error
    return spent


def spent_by(state: Path, client: str, token: str, disk: Disk) -> Spent | None:
    """Who has spent a token; None for nobody.

    Raises:
        TokenSpentError: somebody has, and the record of who cannot be read.
        ValueError: the token is not 32 hexadecimal digits.
    """
    path = _path(state, client, token)
    try:
        found = _read(path, token, disk)
    except FileNotFoundError:
        return None
    except OSError:
        found = None
    if found is None:
        raise _spent(path, None, None)
    return found


def _path(state: Path, client: str, token: str) -> Path:
    if _TOKEN.fullmatch(token) is None:
        raise ValueError("a token is 32 hexadecimal digits")
    return state / directory_name(client) / _DIRECTORY / token


def _spent(path: Path, by: Spent | None, wanted: Spent | None) -> TokenSpentError:
    if by is None:
        return TokenSpentError(
            f"{path}: the plan was run, and the record of which run it was cannot be read",
            "Look at the client's runs, and make a new plan.",
            None,
        )
    if wanted is not None and by.run == wanted.run:
        what = f"{path}: the run {by.run} has spent this token for another plan ({by.plan})"
        return TokenSpentError(what, "Resume it with the plan that it began with.", by)
    what = f"the plan was run: by {by.actor} as run {by.run}, at {by.time:%Y-%m-%d %H:%M:%S} UTC"
    return TokenSpentError(what, "A plan runs once. Resume that run, or make a new plan.", by)


def _to_bytes(spent: Spent) -> bytes:
    members = {
        "actor": spent.actor,
        "plan": spent.plan,
        "run": spent.run,
        "time": time_text(spent.time),
        "token": spent.token,
    }
    return json.dumps(members, separators=(",", ":"), sort_keys=True).encode() + b"\n"


def _read(path: Path, token: str, disk: Disk) -> Spent | None:
    """What a file says; None where it says nothing that this version understands. A later one may add members."""
    with disk.read(path) as file:
        content = file.read()
    try:
        match json.loads(content):
            case {"actor": str(actor), "plan": str(plan), "run": str(run), "time": str(time), "token": str(written)}:
                when = datetime.fromisoformat(time)
                if written == token and when.tzinfo is not None:
                    return Spent(token, plan, run, actor, when.astimezone(UTC))
    except (ValueError, OverflowError, RecursionError):
        pass
    return None

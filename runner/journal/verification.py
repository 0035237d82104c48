"""Whether a journal on disk is what was written: needs the file, and for its end the head."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runner.disk import Disk, SystemDisk
from runner.journal import chain
from runner.journal.chain import Broken, Fault, Head, Verified
from runner.journal.checkpoints import CHECKPOINT, Checkpoint, Hashes, checkpoint_from, hold_against, origin_of
from runner.journal.errors import JournalUnreadable
from runner.journal.lines import Line
from runner.journal.location import HEAD

_MAX_HEAD_BYTES = 4096
_MAX_CHECKPOINT_BYTES = 1 << 20


def stored_head(path: Path, disk: Disk) -> Head | None:
    """The head in the file beside a journal; None when there is no such file.

    Raises:
        ValueError: the file holds something else.
        OSError: it may not be read.
    """
    try:
        with disk.read(path.parent / HEAD) as file:
            content = file.read(_MAX_HEAD_BYTES)
    except FileNotFoundError:
        return None
    return chain.head_from_bytes(content)


def stored_checkpoint(path: Path, disk: Disk) -> tuple[Checkpoint, ...]:
    """What the file beside a journal says that it vouches for, whoever signed it; none where there is no such file.

    Raises:
        ValueError: the file holds something else.
        OSError: it may not be read.
    """
    try:
        with disk.read(path.parent / CHECKPOINT) as file:
            content = file.read(_MAX_CHECKPOINT_BYTES)
    except FileNotFoundError:
        return ()
    return (checkpoint_from(content.decode().rpartition("\n\n")[0] + "\n"),)


@dataclass(frozen=True, slots=True)
class Vouched:
    """The chain holds, and so do `held` checkpoints of this journal; the newest vouches for its first `lines` lines.

    `others` are checkpoints of other journals.
    """

    found: Verified
    lines: int
    held: int
    others: int


def vouched(
    path: Path,
    checkpoints: Collection[Checkpoint],
    *,
    known: Callable[[Line], bool] | None = None,
    disk: Disk | None = None,
) -> Vouched | Broken:
    """Whether the journal at `path` is whole, and what some checkpoints, whose signatures hold, say of it.

    Raises:
        JournalUnreadable: as for `verify`.
    """
    hashes, origins = Hashes.of(checkpoints), []

    def look(line: Line) -> None:
        hashes.take(line)
        if line.sequence == 1:
            origins.append(origin_of(line.client, line.run))

    found = verify(path, take=look, known=known, disk=disk)
    if isinstance(found, Broken):
        return found
    mine = [each for each in checkpoints if each.origin in origins]
    if not mine:
        why = "nobody vouches for this journal: there is no checkpoint of it by the key that was named"
        return Broken(max(found.count, 1), Fault.NOT_VOUCHED_FOR, why, 0)
    broken = hold_against(mine, found, hashes)
    if broken is not None:
        return broken
    return Vouched(found, max(each.lines for each in mine), len(mine), len(checkpoints) - len(mine))


def verify(
    path: Path,
    head: Head | None = None,
    take: Callable[[Line], None] | None = None,
    *,
    known: Callable[[Line], bool] | None = None,
    disk: Disk | None = None,
) -> Verified | Broken:
    """Whether the journal at `path` is whole.

    Arguments:
        head: one that was kept elsewhere; without it, the file `head` beside the journal. Without either, `after_head`
            of the answer is None: that no whole lines are missing at the end is then not known.
        take: is given each record before anything that is wrong, in order.
        known: whether the words of a record are known to who reads it; where not, it counts as `newer`.

    Raises:
        JournalUnreadable: the file is missing or may not be read.
    """
    disk = disk or SystemDisk()
    with _lines(path, disk) as lines:
        try:
            stored = stored_head(path, disk) if head is None else head
        except ValueError as error:
            found = chain.verify(lines, take=take, known=known)
            if isinstance(found, Broken):
                return found
            why = f"the file {HEAD} beside the journal cannot be read ({error}), so its end is not known"
            return Broken(found.count, Fault.NOT_THE_HEAD, why, found.count)
        return chain.verify(lines, stored, take, known)


def read(
    path: Path, *, known: Callable[[Line], bool] | None = None, disk: Disk | None = None
) -> tuple[tuple[Line, ...], Verified | Broken]:
    """The records before anything that is wrong, and whether anything is: of one reading, so that they agree.

    Raises:
        JournalUnreadable: as for `verify`.
    """
    records: list[Line] = []
    found = verify(path, take=records.append, known=known, disk=disk)
    return tuple(records), found


@contextmanager
def _lines(path: Path, disk: Disk) -> Iterator[BinaryIO]:
    try:
        with disk.read(path) as file:
            yield file
    except OSError as error:
        what = f"the journal cannot be read: {error.strerror}"
        raise JournalUnreadable(path, what, "Name the file journal.jsonl of a run, as its owner.") from error

"""What a page needs besides its rows: whose it is, by a brand file; where it is from, by the journal."""

from __future__ import annotations

from pathlib import Path

from runner import events
from runner.cli.output import UsageError
from runner.cli.plan_files import bytes_of
from runner.disk import SystemDisk
from runner.journal.chain import Head
from runner.journal.lines import MalformedLineError, from_line
from runner.journal.verification import stored_head
from runner.reports.brand import MOST_LOGO, Brand, BrandError, read_brand
from runner.reports.provenance import Provenance
from texts.problems import in_lines

__all__ = ["brand_of", "provenance_of"]

_MOST_BRAND = 64 * 1024
_MOST_LINE = 64 * 1024 * 1024  # the first line names every host of the run


def brand_of(path: Path | None) -> Brand | None:
    """The brand that a file describes; None where no file is named.

    Raises:
        UsageError: it cannot be read, or is wrong.
    """
    if path is None:
        return None
    try:
        return read_brand(bytes_of(path, _MOST_BRAND, "a brand"), str(path), lambda name: _logo(path.parent / name))
    except BrandError as error:
        raise UsageError(
            "\n".join(in_lines(list(error.problems))), "Correct the brand file and run it again."
        ) from None


def provenance_of(journal: Path, head: Head | None = None) -> Provenance | None:
    """Where a run of one client is from; None where its journal does not say.

    Args:
        head: of the journal, where it was verified; None for what the file beside it says.
    """
    try:
        with journal.open("rb") as file:
            line = from_line(file.readline(_MOST_LINE))
        began = events.read(line)
        known = stored_head(journal, SystemDisk()) if head is None else head
    except (OSError, ValueError, MalformedLineError, events.UnreadableEventError):
        return None
    if not isinstance(began.event, events.RunStarted):
        return None
    return Provenance(began.time, line.actor, began.event, known)


def _logo(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_LOGO + 1)

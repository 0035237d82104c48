"""What a page needs besides its rows: whose it is, where it is from, and what was before."""

from __future__ import annotations

from pathlib import Path

from runner.cli.output import UsageError
from runner.cli.plan_files import bytes_of
from runner.comparing import Audited, compare, in_order_of_time
from runner.disk import SystemDisk
from runner.earlier import Beginning, audited, audits_of, beginning_of, previous_audit
from runner.journal.chain import Head
from runner.journal.errors import JournalError
from runner.journal.verification import stored_head
from runner.reports.brand import MOST_LOGO, Brand, BrandError, read_brand
from runner.reports.history import History, Past
from runner.reports.provenance import Provenance
from runner.results import FleetResult
from runner.runs import read_run

__all__ = ["audited_in", "brand_of", "history_of", "provenance_of"]

_MOST_BRAND = 64 * 1024
_MOST_RUNS = 9  # before this one, that a page has a bar for
_MOST_READ = 256 * 1024 * 1024  # bytes of their journals


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
        raise UsageError(str(error), "Correct the brand file and run it again.") from None


def provenance_of(journal: Path, head: Head | None = None) -> Provenance | None:
    """Where a run of one client is from; None where its journal does not say.

    Args:
        head: of the journal, where it was verified; None for what the file beside it says.
    """
    began = beginning_of(journal)
    if began is None:
        return None
    try:
        known = stored_head(journal, SystemDisk()) if head is None else head
    except (OSError, ValueError):
        known = None
    return Provenance(began.at, began.actor, began.started, known)


def audited_in(journal: Path, audit: FleetResult) -> Audited | None:
    """One client's part of an audit that just ended, to be compared; None where its journal does not say how it began.

    Args:
        audit: of this client alone.
    """
    began = beginning_of(journal)
    return None if began is None else Audited(began.client, began.at, began.started, audit)


def history_of(state: Path, one: Audited, since: Audited | None = None) -> History:
    """The audits of the same client before this one; what does not verify is named, and not used.

    Args:
        since: what this one is compared with; None for the audit before it with the same playbook.
    """
    before, left_out = _before(state, one)
    found = previous_audit(state, one) if since is None else None
    if since is None and found is not None:
        since = before.get(found.run)
    if since is not None:
        comparison, why = compare(*in_order_of_time(one, since)), ""
    elif found is None:
        comparison, why = None, "No earlier audit of this client with this playbook is recorded here"
    else:
        comparison, why = None, f"The audit before, {found.run}, could not be read as it was written"
    past = [Past.of(each.began, each.audit) for each in reversed(before.values())]
    return History(comparison, why, (*past, Past.of(one.began, one.audit)), tuple(left_out))


def _before(state: Path, one: Audited) -> tuple[dict[str, Audited], list[str]]:
    """The last audits of the same playbook, the newest first, and the runs that would be among them."""
    found: dict[str, Audited] = {}
    left_out: list[str] = []
    read = 0
    for began in audits_of(state, one.client):
        if began.at >= one.began or began.started.playbook.name != one.started.playbook.name:
            continue
        if len(found) + len(left_out) == _MOST_RUNS:
            break
        read += began.journal.stat().st_size
        whole = _read(began) if read <= _MOST_READ else None
        if whole is None:
            left_out.append(began.run)
        else:
            found[began.run] = whole
    return found, left_out


def _read(began: Beginning) -> Audited | None:
    try:
        [part] = read_run(began.as_run, began.client)
        return audited(part)
    except (ValueError, OSError, JournalError):  # of a journal that is not whole, nor as a writer writes it
        return None


def _logo(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_LOGO + 1)

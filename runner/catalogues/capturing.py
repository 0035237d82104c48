"""A baseline of a server that is known to be clean: of what a scan of it has told. Pure.

What a server says of its own files is all that this is. It counts for nothing until somebody has compared it and named
themselves (`exrun catalogue import --good --reviewed-by`): a server that was broken into would give its web shells too.
So one of which the scan has found anything, or of which a part was not seen, is not captured at all.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from playbooks.actions.webshell.scan.judgement import Judged, Standing, judged
from playbooks.actions.webshell.scan.listing import listing_of
from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue
from playbooks.catalogue.columns import KNOWN_GOOD
from playbooks.investigating.locations import of_exchange
from playbooks.model import ActionContract
from playbooks.observation import Observed
from runner.advice import AdvisedError
from runner.answers import observation_of
from runner.transport.interface import ScriptResult
from texts.counting import counted

__all__ = ["CaptureError", "Captured", "Scanned", "captured"]

_OF_THE_SERVER = (".config",)  # setup writes the server's own settings into them


class CaptureError(AdvisedError):
    """Raised where no baseline can be made of what was recorded."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A baseline, not reviewed.

    Attributes:
        text: the table, as `exrun catalogue import --good` reads it.
        build: of the server.
        pages: how many rows.
        left_out: how many files of Exchange are in none, by the reason.
    """

    text: str
    build: Build
    pages: int
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Scanned:
    """What came of a scan, whole, and of which server and run."""

    client: str
    host: str
    run: str
    result: ScriptResult


def captured(of: Scanned, contract: ActionContract, catalogue: Catalogue, licence: str) -> Captured:
    """The files of Exchange on a server, as a scan has told of them.

    Args:
        contract: of webshell.scan.
        licence: who may have the list.

    Raises:
        CaptureError: it was not scanned wholly, or the scan has found something.
    """
    observation = observation_of(of.result, contract)
    if not isinstance(observation, Observed):
        raise CaptureError(f"{of.host} gave no answer: {observation.reason}", observation.next or "Try it again.")
    listing = listing_of(observation)
    if listing.iis is not True:
        raise CaptureError(f"IIS is not on {of.host}, so it serves nothing of Exchange", "Take a server that does.")
    doubts = (*listing.lies, *listing.gaps)
    if doubts:
        raise CaptureError(
            f"not all of {of.host} was seen, and what was not may be anything: {doubts[0]}"
            + (f", and {len(doubts) - 1} more" if len(doubts) > 1 else ""),
            "Mend that and scan it again.",
        )
    try:
        build = Build.parse(listing.build)
    except ValueError:
        raise CaptureError(f"no build of Exchange was read of {of.host}", "Take a server with Exchange.") from None
    files = judged(listing, catalogue)
    wrong = [each for each in files if each.standing in (Standing.MALICIOUS, Standing.SUSPICIOUS)]
    if wrong:
        raise CaptureError(
            f"{of.host} is not known to be clean: {counted(len(wrong), 'file')} of it malicious or suspicious, the "
            f"first {wrong[0].file.path}",
            "Take another server of this build, or one that was newly installed.",
        )
    left: Counter[str] = Counter()
    source = f"captured of {of.client}/{of.host} in {of.run}"
    rows: dict[str, tuple[object, ...]] = {}
    for each in files:
        path = of_exchange(each.file.path, listing.server)
        if path is None:
            continue
        if why := _why_not(each):
            left[why] += 1
            continue
        rows[path] = (each.file.path[-len(path) :], each.file.sha256, build, build, 1, source, licence)
    if not rows:
        raise CaptureError(f"no file of Exchange was told of by {of.host}", "Take a server with mailboxes.")
    return Captured(_table(rows, f"{source}, build {build}"), build, len(rows), dict(left))


def _why_not(each: Judged) -> str:
    if each.file.path.casefold().endswith(_OF_THE_SERVER):
        return "of this server's own settings"
    if any("[known-good.altered" in reason for reason in each.reasons):
        return "of which Microsoft published other bytes for this build"
    return ""


def _table(rows: Mapping[str, tuple[object, ...]], of: str) -> str:
    text = io.StringIO(newline="")
    text.write(f"# {of}. Not reviewed: it is this server's own word. Compare it with another clean server's.\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in KNOWN_GOOD.columns])
    writer.writerows(rows[path] for path in sorted(rows))
    return text.getvalue()

"""What runs have put into the evidence store, and whether it still is what it was.

    journals -> kept_in -> KeptLine (what the journal says) + EvidenceStore -> held -> Held, and its bytes

The journal says which bytes were kept of which file and when; the store has them, by their SHA-256, and beside them of
which file they are. Where the three do not agree that is said, and nothing is shown as evidence that is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from runner import events
from runner.disk import Disk
from runner.evidence import EvidenceStore, Origin
from runner.journal.chain import Broken
from runner.journal.lines import Line
from runner.journal.verification import verify

__all__ = ["Held", "KeptLine", "RunEvidence", "Stands", "bytes_of", "held", "kept_in"]


class Stands(StrEnum):
    """Whether the store still has what the journal says."""

    WHOLE = "whole"
    ALTERED = "altered"
    MISSING = "missing"
    NOT_KEPT = "not-kept"  # an alternate stream that was not read

    @property
    def is_whole(self) -> bool:
        """Whether it may be shown as evidence."""
        return self is Stands.WHOLE


@dataclass(frozen=True, slots=True)
class KeptLine:
    """What one line of a journal says was kept; `sha256` is None of a stream that was not, and `why` says why."""

    run: str
    client: str
    host: str
    step: str
    script: str
    at: datetime
    sha256: str | None
    size: int
    stream: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """What the journal of one client's part of a run says of evidence.

    Attributes:
        hosts: those of the run.
        broken: why the journal does not verify, and then `kept` is of the lines before; empty where it does.
    """

    run: str
    client: str
    hosts: tuple[str, ...]
    kept: tuple[KeptLine, ...]
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """One piece of evidence, as journal and store have it together.

    Attributes:
        path: of the file, as the plan had it; None where nothing whole in the store says so, as `change` and `title`.
        why: what is wrong; empty where nothing is.
    """

    line: KeptLine
    stands: Stands
    path: str | None
    change: str | None
    title: str | None
    why: str


def kept_in(journal: Path, disk: Disk) -> RunEvidence:
    """What a journal says of evidence.

    Raises:
        JournalUnreadable: it may not be read.
        UnreadableEventError: a line is intact, and not one that this version can read.
    """
    kept: list[KeptLine] = []
    hosts: tuple[str, ...] = ()
    client = journal.parents[2].name

    def take(line: Line) -> None:
        nonlocal hosts, client
        if line.event not in (events.Event.EVIDENCE_KEPT, events.Event.RUN_STARTED):
            return
        client = line.client
        event = events.read(line).event
        if isinstance(event, events.RunStarted):
            hosts = event.hosts
        elif isinstance(event, events.EvidenceKept):
            kept.extend(_kept(line, event))

    found = verify(journal, take=take, disk=disk)
    broken = f"line {found.line} does not verify: {found.why}" if isinstance(found, Broken) else ""
    return RunEvidence(journal.parent.name, client, hosts, tuple(kept), broken)


def _kept(line: Line, event: events.EvidenceKept) -> Iterator[KeptLine]:
    def one(sha256: str | None, size: int, stream: str | None = None, why: str = "") -> KeptLine:
        return KeptLine(
            line.run, line.client, event.host, event.step, event.script, line.time, sha256, size, stream, why
        )

    yield one(event.sha256, event.bytes)
    yield from (one(each.sha256, each.bytes, each.name, each.why) for each in event.streams)


def held(lines: Sequence[KeptLine], store: EvidenceStore) -> Iterator[Held]:
    """What of these the store still has; all of them are of its client."""
    beside: dict[str, list[str]] = {}
    for name in store.names():
        beside.setdefault(name.partition(".")[0], []).append(name)
    looked: dict[str, tuple[Stands, str, tuple[Origin, ...]]] = {}
    for line in lines:
        if line.sha256 is None:
            yield Held(line, Stands.NOT_KEPT, None, None, None, line.why)
            continue
        if line.sha256 not in looked:
            looked[line.sha256] = (*_bytes(store, line.sha256)[1:], store.origins(beside.get(line.sha256, ())))
        stands, why, origins = looked[line.sha256]
        own = next((each for each in origins if _is_of(each, line)), None)
        if own is None:
            also = "what was written beside it, of which file it is, is missing or altered"
            altered = Stands.ALTERED if stands is Stands.WHOLE else stands
            yield Held(line, altered, None, None, None, f"{why}; {also}" if why else also)
            continue
        if stands is Stands.WHOLE and own.size != line.size:
            stands, why = Stands.ALTERED, f"the journal says {line.size} bytes, and there are {own.size}"
        yield Held(line, stands, own.path, own.change, own.title, why)


def bytes_of(piece: Held, store: EvidenceStore) -> bytes | None:
    """Its bytes, read once more and of the SHA-256 and size that the journal has; None where they are not there."""
    if piece.stands is not Stands.WHOLE or piece.line.sha256 is None:
        return None
    data = _bytes(store, piece.line.sha256)[0]
    return data if data is not None and len(data) == piece.line.size else None


def _bytes(store: EvidenceStore, sha256: str) -> tuple[bytes | None, Stands, str]:
    try:
        data = store.bytes_of(sha256)
    except FileNotFoundError:
        return None, Stands.MISSING, "its bytes are not in the store"
    except OSError as error:
        return None, Stands.MISSING, f"its bytes cannot be read: {error.strerror or type(error).__name__}"
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        return None, Stands.ALTERED, f"its bytes have the SHA-256 {found}"
    return data, Stands.WHOLE, ""


def _is_of(origin: Origin, line: KeptLine) -> bool:
    mine = (line.client, line.host, line.step, line.script, line.stream)
    return (origin.client, origin.host, origin.step, origin.script, origin.stream) == mine

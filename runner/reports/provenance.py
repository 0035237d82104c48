"""Where a report is from: what stands in its foot, so that who holds the paper finds the journal, and can prove it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from runner.events import RunStarted
from runner.journal.chain import Head

__all__ = ["Provenance"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """One client's part of a run, as its journal names it.

    Attributes:
        began: when the run did, UTC.
        actor: who ran it, `user@machine`.
        started: versions and digests of all that decided.
        head: the last line of the journal; None where that is not known.
    """

    began: datetime
    actor: str
    started: RunStarted
    head: Head | None

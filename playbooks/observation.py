"""What one collect script said on one host, as records that judgement can rely on.

Every object that a collect script emits is one record: a flat `[pscustomobject]` with a `Kind` that the action's
contract names under `outputs`. A record of Kind `Unread` says what could not be read and why; it is how a script
tells "it is not there" from "I was not allowed to look".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from playbooks.values import Record

UNREAD_KIND = "Unread"


@dataclass(frozen=True, slots=True)
class Unread:
    """Something a collect script tried to read and could not.

    `what` names the thing (a registry path, a file), `why` is the server's own words: tainted text.
    """

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Observed:
    """The script ran to its end. `records` hold every object but those of Kind Unread."""

    records: tuple[Record, ...]
    unread: tuple[Unread, ...] = ()

    def of_kind(self, kind: str) -> Iterator[Record]:
        """The records of one Kind, in the order in which the host sent them."""
        return (record for record in self.records if record.get("Kind") == kind)

    def first(self, kind: str) -> Record | None:
        """The first record of one Kind, or None."""
        return next(self.of_kind(kind), None)

    def why_unread(self, *prefixes: str) -> str | None:
        """Why something that begins with one of `prefixes` (any case) could not be read; None when it could."""
        lowered = tuple(prefix.casefold() for prefix in prefixes)
        for entry in self.unread:
            if entry.what.casefold().startswith(lowered):
                return entry.why
        return None


@dataclass(frozen=True, slots=True)
class NotObserved:
    """The script did not give a complete answer: it failed, hung, overran a cap or never ran.

    `reason` is one sentence for a person, `cause` a stable word for programs (`timeout`, `cap`, `script-error`,
    `contract`, `not-run`, ...). `next` is what to do, from who knows it better than the word does; empty otherwise.
    """

    cause: str
    reason: str
    next: str = ""


Observation = Observed | NotObserved

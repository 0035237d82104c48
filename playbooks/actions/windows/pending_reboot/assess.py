"""Whether this server waits for a restart, and which of the four places says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.assessing import not_observed, unknown
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Facts, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.values import Record, Value

ACTION = "windows.pending_reboot"
FACTS = ("pending", "places")
# Each place and what has written there. The first two are Windows' own, the last is that of Windows' old update.exe.
PLACES = {
    "ComponentBasedServicing": "Windows servicing has changes that wait for a restart",
    "WindowsUpdate": "an update of Windows waits for a restart",
    "PendingFileRenameOperations": "files are to be renamed or deleted at the next start",
    "UpdateExeVolatile": "an installer of an update waits for a restart",
}
# Antivirus, printer drivers and browsers leave renames behind day by day; Exchange's setup refuses to run all the same.
WEAK = {"PendingFileRenameOperations"}
NEXT = "Restart this server before the next update is installed, and audit it again"


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """One place that says so is enough; that none does is known only when all four were read."""
    if not isinstance(observation, Observed):
        return not_observed(ACTION, observation, FACTS)
    marks = {str(mark.get("Place")): mark for mark in observation.of_kind("RebootMark")}
    pending = tuple(place for place in PLACES if place in marks and marks[place].get("Pending") is True)
    unread = tuple(place for place in PLACES if place not in marks)
    if pending:
        return _pending(pending, unread, marks, observation)
    if unread:
        return unknown(ACTION, "every place that a restart is noted in", _why(unread, observation), FACTS)
    return Assessment(Verdict.OK, "no restart is pending", facts={"pending": False, "places": ()})


def _pending(
    pending: tuple[str, ...], unread: tuple[str, ...], marks: Mapping[str, Record], observation: Observed
) -> Assessment:
    evidence = [
        f"{place}: {PLACES[place]}" + "".join(f"; {line}" for line in _detail(marks[place])) for place in pending
    ]
    if unread:
        evidence.append(f"not read: {_why(unread, observation)}")
    facts: Facts = {
        "pending": True,
        "places": UnknownFact(f"not read: {', '.join(unread)}") if unread else pending,
    }
    return Assessment(
        Verdict.ATTENTION,
        f"a restart is pending: {', '.join(pending)}",
        (
            Finding(
                id=f"{ACTION}.pending",
                severity=Severity.LOW if set(pending) <= WEAK else Severity.MEDIUM,
                title="A restart is pending",
                evidence=tuple(evidence),
                next=NEXT,
            ),
        ),
        facts,
    )


def _detail(mark: Record) -> list[str]:
    """At most five lines of what a place holds; a long list says no more."""
    detail = mark.get("Detail")
    lines = [str(line) for line in detail] if isinstance(detail, tuple | list) else []
    return lines[:5] + (["and more"] if len(lines) > 5 else [])


def _why(places: tuple[str, ...], observation: Observed) -> str:
    return "; ".join(f"{entry.what}: {entry.why}" for entry in observation.unread) or (
        f"the answer has no record of {', '.join(places)}"
    )

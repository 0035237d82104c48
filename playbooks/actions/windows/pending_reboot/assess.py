"""Whether this server waits for a restart, and which of the places in which that is noted says so.

Read are the marks that HealthChecker looks at (CSS-Exchange, Shared/Get-ServerRebootPending.ps1) and those of Windows'
servicing that others look at as well (Salt, win_system.get_pending_component_servicing: the keys RebootPending,
RebootInProgress, PackagesPending). Not asked: the Configuration Manager client, which answers only to a method call
(root\\ccm\\clientSDK, CCM_ClientUtilities.DetermineIfRebootPending), and collecting calls none; a changed computer
name, which Exchange does not support; Cluster-Aware Updating, which restarts by the marks of Windows Update.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Facts, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_observed, unknown
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
# Marks that often stand although nothing waits: antivirus, printer drivers and browsers leave renames behind day by
# day, and UpdateExeVolatile is known to outlive restarts. Exchange's setup refuses to run all the same.
WEAK = {"PendingFileRenameOperations", "UpdateExeVolatile"}
NEXT = "Restart this server before the next update is installed, and audit it again"
NEXT_WEAK = f"{NEXT}; a mark that outlives the restart is a leftover, for which Exchange's setup stops all the same"


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """One place that says so is enough; that none does is known only when all were read."""
    if not isinstance(observation, Observed):
        return not_observed(ACTION, observation, FACTS)
    marks: dict[str, list[Record]] = {}
    for mark in observation.of_kind("RebootMark"):
        marks.setdefault(str(mark.get("Place")), []).append(mark)
    due = {place: [mark for mark in marks.get(place, ()) if mark.get("Pending") is True] for place in PLACES}
    pending = tuple(place for place in PLACES if due[place])
    why = _why_not_all(marks, observation)
    if pending:
        return _pending(pending, due, why)
    if why:
        return unknown(ACTION, "every place that a restart is noted in", why, FACTS)
    return Assessment(Verdict.OK, "no restart is pending", facts={"pending": False, "places": ()})


def _pending(pending: tuple[str, ...], due: Mapping[str, Sequence[Record]], why: str) -> Assessment:
    weak = set(pending) <= WEAK
    evidence = [f"{place}: {PLACES[place]}" + "".join(f"; {line}" for line in _detail(due[place])) for place in pending]
    if why:
        evidence.append(f"not read: {why}")
    facts: Facts = {"pending": True, "places": UnknownFact(f"not read: {why}") if why else pending}
    return Assessment(
        Verdict.ATTENTION,
        f"a restart is pending: {', '.join(pending)}" + (", which is weak evidence by itself" if weak else ""),
        (
            Finding(
                id=f"{ACTION}.pending",
                severity=Severity.LOW if weak else Severity.MEDIUM,
                title="A restart may be pending: marks that can outlive one" if weak else "A restart is pending",
                evidence=tuple(evidence),
                next=NEXT_WEAK if weak else NEXT,
            ),
        ),
        facts,
    )


def _detail(marks: Sequence[Record]) -> list[str]:
    """At most five lines of what a place holds; a long list says no more."""
    details = [mark.get("Detail") for mark in marks]
    lines = [str(line) for detail in details if isinstance(detail, tuple | list) for line in detail]
    return lines[:5] + (["and more"] if len(lines) > 5 else [])


def _why_not_all(marks: Mapping[str, Sequence[Record]], observation: Observed) -> str:
    """Why not every place was read; empty where each was."""
    if observation.unread:
        return "; ".join(f"{entry.what}: {entry.why}" for entry in observation.unread)
    lacking = [place for place in PLACES if place not in marks]
    return f"the answer has no record of {', '.join(lacking)}" if lacking else ""

"""What several Exchange actions say of a build in the same words: how far behind, what to install, how old a table."""

from __future__ import annotations

from datetime import date

from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Availability, Behind, Catalogue, Release
from playbooks.findings import Finding, Severity
from texts.counting import counted

UPDATE_CATALOGUE = "Install a newer exrun, or newer tables with `exrun catalogue update`, and audit again"


def one_of(kbs: tuple[str, ...]) -> str:
    """`KB5019758`, `KB1 or KB2`; says so where none is known."""
    return " or ".join(kbs) if kbs else "its KB is not in the catalogue"


def named(release: Release) -> str:
    """`Sep26SUv2 (15.2.2562.53, KB5129955)`."""
    return f"{release.update or release.cu} ({release.build}, {one_of(release.kbs)})"


def how_far(behind: Behind) -> str:
    """`12 updates and 15 months behind Oct26SU`."""
    months = f" and {counted(behind.months, 'month')}" if behind.months else ""
    return f"{counted(behind.updates, 'update')}{months} behind {behind.newest.update or behind.newest.cu}"


def install(release: Release, catalogue: Catalogue, today: date, *, needed: Build | None = None) -> str:
    """`Install Oct26SU (...)`; where only paying customers could get it, also what else there is.

    Args:
        release: the newest update of a cumulative update.
        needed: the build that has all fixes that are missing; None where none is.
    """
    if release.availability is not Availability.ESU:
        return f"Install {named(release)}"
    public = [row for row in catalogue.of_cu(release.build) if row.availability is Availability.PUBLIC]
    enough = [row for row in public if needed is not None and row.build >= needed]
    otherwise = f"install {named(enough[-1])}, the newest for everybody" if enough else "move to Exchange Server SE"
    return f"{esu(release, catalogue, today)}, install {named(release)}; without, {otherwise}"


def esu(release: Release, catalogue: Catalogue, today: date) -> str:
    """`With Extended Security Updates, which ended 2026-10-31`."""
    support = catalogue.support(release.product)
    ends = None if support is None else support.esu_ends
    when = "" if ends is None else f", which {'ended' if today > ends else 'end'} {ends}"
    return f"With Extended Security Updates{when}"


def behind_finding(action: str, behind: Behind | None, catalogue: Catalogue, today: date, seen: str) -> Finding | None:
    """The finding that a newer update of the same cumulative update is listed; None where none is.

    Args:
        action: the action's id.
        seen: the evidence for the build.
    """
    if behind is None:
        return None
    newest = behind.newest
    return Finding(
        id=f"{action}.behind",
        severity=Severity.MEDIUM,
        title=f"This server is {how_far(behind)}, the newest update of its cumulative update",
        evidence=(
            seen,
            f"newest of {newest.product} {newest.cu} in the catalogue of {catalogue.as_of}: {named(newest)}",
        ),
        next=install(newest, catalogue, today),
        kbs=newest.kbs,
    )


def too_old(catalogue: Catalogue, today: date) -> str:
    """What a manager should know before reading on: `as far as tables of 2026-11-27 tell; they are 130 days old`."""
    return f"as far as tables of {catalogue.as_of} tell; they are {(today - catalogue.as_of).days} days old"


def not_current(action: str, catalogue: Catalogue, today: date) -> Finding:
    """The finding that a good verdict rests on tables that are too old for it."""
    return Finding(
        id=f"{action}.not-current",
        severity=Severity.MEDIUM,
        title="Updates and attacks since the catalogue's day are not known here, so no server is called current",
        evidence=(f"catalogue as of {catalogue.as_of}, {(today - catalogue.as_of).days} days old",),
        next=UPDATE_CATALOGUE,
    )

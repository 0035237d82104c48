"""What each file of a scan comes to, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from playbooks.actions.webshell.scan.compiled import of_pages
from playbooks.actions.webshell.scan.listing import Listed, Listing
from playbooks.catalogue.catalogue import Catalogue


class Standing(StrEnum):
    """What a file comes to, worst first."""

    MALICIOUS = "malicious"
    SUSPICIOUS = "suspicious"
    UNKNOWN = "unknown"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Judged:
    """A file with what it comes to.

    Attributes:
        reasons: one sentence each, with source and licence where somebody else's word is taken.
        copies: paths of what ASP.NET has compiled of it.
        pools: the application pools that serve it.
    """

    file: Listed
    standing: Standing
    reasons: tuple[str, ...]
    copies: tuple[str, ...]
    pools: tuple[str, ...]


def judged(listing: Listing, catalogue: Catalogue) -> tuple[Judged, ...]:
    """Every file of a scan, in its order."""
    compiled = of_pages(listing)
    return tuple(
        Judged(each, *_standing(each, catalogue), compiled.get(each.path.casefold(), ()), listing.pools_of(each))
        for each in listing.files
    )


def _standing(file: Listed, catalogue: Catalogue) -> tuple[Standing, tuple[str, ...]]:
    known = catalogue.known_bad(file.sha256) if file.sha256 else None
    if known is None:
        return Standing.UNKNOWN, ("no list knows its bytes",)
    author = f", {known.author}" if known.author else ""
    return Standing.MALICIOUS, (f"published as {known.what} ({known.source}{author}; {known.licence})",)

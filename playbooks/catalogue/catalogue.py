"""Facts about Exchange builds and what may be concluded from them. Pure but for `Catalogue.load`.

Builds and minimum builds come from the public build table of microsoft/CSS-Exchange as of 2026-04-02; support dates
from Microsoft's lifecycle pages. They are data beside this file, so that a newer table is a newer file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib import resources

from playbooks.catalogue.build import Build


@dataclass(frozen=True, slots=True)
class Release:
    """One row of builds.csv. `update` is empty for the cumulative update itself; `released` is a day or a month."""

    product: str
    cu: str
    update: str
    build: Build
    released: str

    @property
    def title(self) -> str:
        """`Exchange Server 2016 CU23 Nov22SU`."""
        return " ".join(part for part in (f"Exchange Server {self.product}", self.cu, self.update) if part)


@dataclass(frozen=True, slots=True)
class Fix:
    """One row of minimum-builds.csv: the lowest build of one CU that contains the campaign's fix."""

    campaign: str
    cves: tuple[str, ...]
    product: str
    cu: str
    minimum: Build
    kb: str


@dataclass(frozen=True, slots=True)
class Known:
    """The build is that of a release in the catalogue."""

    release: Release


@dataclass(frozen=True, slots=True)
class Between:
    """No row has exactly this build. `after` is the newest release below it; `same_cu` says it is of that CU."""

    after: Release
    same_cu: bool


@dataclass(frozen=True, slots=True)
class NewerThanCatalogue:
    """Above the newest build of its product: nothing is known of it, neither good nor bad."""

    product: str
    newest: Release


@dataclass(frozen=True, slots=True)
class NotInCatalogue:
    """No product of the catalogue has such a build (Exchange 2010 and older, or no Exchange)."""


@dataclass(frozen=True, slots=True)
class OlderThanCatalogue:
    """Below the oldest build of its product: an RTM or preview build, long superseded."""

    product: str
    oldest: Release


Identity = Known | Between | NewerThanCatalogue | OlderThanCatalogue | NotInCatalogue


@dataclass(frozen=True, slots=True)
class Patched:
    """The build contains the fix. `by` is the row that says so."""

    by: Fix


@dataclass(frozen=True, slots=True)
class Vulnerable:
    """A fix exists for this CU and this build is below it."""

    needs: Fix


@dataclass(frozen=True, slots=True)
class NeedsCu:
    """No fix was made for this CU: a newer CU comes first. `oldest` is the nearest row above, None without one."""

    oldest: Fix | None


@dataclass(frozen=True, slots=True)
class Undecided:
    """The catalogue cannot say; `why` is one sentence."""

    why: str


PatchState = Patched | Vulnerable | NeedsCu | Undecided


@dataclass(frozen=True)
class Catalogue:
    """Releases, fixes and ends of support, with the day on which they were true."""

    as_of: date
    releases: tuple[Release, ...]
    fixes: tuple[Fix, ...]
    support_ends: Mapping[str, date | None]

    @classmethod
    def load(cls) -> Catalogue:
        """The catalogue that ships with this version."""
        support = _rows("support.csv")
        return cls(
            as_of=date(2026, 4, 2),
            releases=tuple(
                Release(row["product"], row["cu"], row["update"], Build.parse(row["build"]), row["released"])
                for row in _rows("builds.csv")
            ),
            fixes=tuple(
                Fix(
                    row["campaign"],
                    tuple(row["cves"].split()),
                    row["product"],
                    row["cu"],
                    Build.parse(row["min_build"]),
                    row["kb"],
                )
                for row in _rows("minimum-builds.csv")
            ),
            support_ends={row["product"]: date.fromisoformat(row["ends"]) if row["ends"] else None for row in support},
        )

    @cached_property
    def campaigns(self) -> tuple[str, ...]:
        """Names of all campaigns, oldest first."""
        return tuple(dict.fromkeys(fix.campaign for fix in self.fixes))

    def product_of(self, build: Build) -> str | None:
        """The product whose builds share the first two numbers; SE continues 2019's 15.2 from its RTM build on."""
        line = [row for row in self.releases if (row.build.major, row.build.minor) == (build.major, build.minor)]
        if not line:
            return None
        at_or_below = [row for row in line if row.build.cu_level <= build.cu_level]
        nearest = max(at_or_below, key=_by_build) if at_or_below else min(line, key=_by_build)
        return nearest.product

    def identify(self, build: Build) -> Identity:
        """Which release a build is."""
        product = self.product_of(build)
        if product is None:
            return NotInCatalogue()
        rows = sorted((row for row in self.releases if row.product == product), key=_by_build)
        if build > rows[-1].build:
            return NewerThanCatalogue(product, rows[-1])
        # A CU and its first update can bear the same file version (2016 CU12 and Feb19SU): the CU is named.
        exact = next((row for row in rows if row.build == build), None)
        if exact is not None:
            return Known(exact)
        below = [row for row in rows if row.build < build]
        if not below:
            return OlderThanCatalogue(product, rows[0])
        return Between(below[-1], same_cu=below[-1].build.cu_level == build.cu_level)

    def fixed(self, campaign: str, build: Build) -> PatchState:
        """Whether a build contains a campaign's fix.

        Security updates are made per CU: the row of the build's own CU decides. A CU released after the fix contains
        it; a CU without a row that is older than the product's newest listed CU has no fix (minimum-builds.csv).

        Raises:
            KeyError: the campaign is not in the catalogue.
        """
        rows = [fix for fix in self.fixes if fix.campaign == campaign]
        if not rows:
            raise KeyError(campaign)
        product = self.product_of(build)
        if product is None:
            return Undecided(f"the catalogue of {self.as_of} knows no product with build {build}")
        own = sorted((fix for fix in rows if fix.product == product), key=lambda fix: fix.minimum)
        if not own:
            return self._without_row(product, rows)
        for fix in own:
            if fix.minimum.cu_level == build.cu_level:
                return Patched(fix) if build >= fix.minimum else Vulnerable(fix)
        if build.cu_level > own[-1].minimum.cu_level:
            return Patched(own[-1])
        return NeedsCu(next(fix for fix in own if fix.minimum.cu_level > build.cu_level))

    def _without_row(self, product: str, rows: Iterable[Fix]) -> PatchState:
        """A product that a campaign does not name: newer than all that it names, or out of support by then."""
        order = list(dict.fromkeys(release.product for release in self.releases))
        newest = max(rows, key=lambda fix: order.index(fix.product))
        if order.index(product) > order.index(newest.product):
            return Patched(newest)
        return NeedsCu(None)

    def in_support(self, product: str, today: date) -> bool | None:
        """Whether Microsoft still supports the product on a day; None when the catalogue has no date for it."""
        if product not in self.support_ends:
            return None
        ends = self.support_ends[product]
        return ends is None or today <= ends


def _by_build(release: Release) -> Build:
    return release.build


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("playbooks.catalogue").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))

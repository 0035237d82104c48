"""What may be concluded from the catalogue's tables. Pure but for `Catalogue.load`.

A table that has no row for something says nothing about it: what is concluded from rows and what is only not listed
are different types here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from playbooks.catalogue.build import Build
from playbooks.catalogue.origin import Origin, SetKind, Signed
from playbooks.catalogue.sets import CatalogueSet, shipped_set, with_own_rows
from playbooks.catalogue.tables import (
    Availability,
    Campaign,
    Fix,
    Kind,
    KnownBad,
    KnownGood,
    Release,
    Support,
    Tables,
    out_by,
)

__all__ = [
    "AGED_DAYS",
    "STALE_DAYS",
    "Age",
    "Availability",
    "Behind",
    "Between",
    "Campaign",
    "Catalogue",
    "Fix",
    "Identity",
    "Kind",
    "Known",
    "KnownBad",
    "KnownGood",
    "NewerThanCatalogue",
    "NoFixListed",
    "NoFixMade",
    "NotInCatalogue",
    "PatchState",
    "Patched",
    "Release",
    "Support",
    "Undecided",
    "UnlistedCu",
    "Vulnerable",
    "age_of",
]

# Microsoft publishes security updates on the second Tuesday of a month: after 35 days one has been missed for certain.
AGED_DAYS = 35
# Four months: whatever these tables say of a server is no longer worth the word `ok`.
STALE_DAYS = 120


class Age(Enum):
    """How old a catalogue is on a day."""

    CURRENT = "current"
    AGED = "aged"  # over 35 days: an update may have been missed
    STALE = "stale"  # over 120 days: nobody may call a server current by it


@dataclass(frozen=True, slots=True)
class Known:
    """The build is that of a release in the catalogue."""

    release: Release


@dataclass(frozen=True, slots=True)
class Between:
    """Of a listed cumulative update, and no row has exactly this build. `after` is the newest release below it.

    An interim update by Microsoft's support, or an update that the catalogue lacks.
    """

    after: Release


@dataclass(frozen=True, slots=True)
class NewerThanCatalogue:
    """Above the newest build of its cumulative update, or of a newer one than its product's newest.

    Nothing is known of it, neither good nor bad. `same_cu` says whether `newest` is of its cumulative update.
    """

    product: str
    newest: Release
    same_cu: bool


@dataclass(frozen=True, slots=True)
class UnlistedCu:
    """Of a cumulative update or preview that the catalogue does not list. `after` is the nearest release below."""

    product: str
    after: Release | None


@dataclass(frozen=True, slots=True)
class NotInCatalogue:
    """No product of the catalogue has such a build (Exchange 2010 and older, or no Exchange)."""


Identity = Known | Between | NewerThanCatalogue | UnlistedCu | NotInCatalogue


@dataclass(frozen=True, slots=True)
class Patched:
    """The build contains the fix. `by` is the row that says so."""

    by: Fix


@dataclass(frozen=True, slots=True)
class Vulnerable:
    """A fix exists for this CU and this build is below it. `needs.minimum` is never None."""

    needs: Fix


@dataclass(frozen=True, slots=True)
class NoFixMade:
    """`said` is the row that says that no fix was made for this CU; `first` the nearest row above with one."""

    said: Fix
    first: Fix | None


@dataclass(frozen=True, slots=True)
class NoFixListed:
    """The catalogue lists no fix for this CU, and the build is below the first that it lists.

    `first` is that row; None where no row is of this product at all.
    """

    first: Fix | None


@dataclass(frozen=True, slots=True)
class Undecided:
    """The catalogue cannot say; `why` is one sentence."""

    why: str


PatchState = Patched | Vulnerable | NoFixMade | NoFixListed | Undecided


@dataclass(frozen=True, slots=True)
class Behind:
    """A newer update of the same cumulative update is listed.

    Attributes:
        updates: how many are newer, without those that were withdrawn or replaced.
        months: from the month of the build's own release to that of the newest; None where the build is not listed.
    """

    newest: Release
    updates: int
    months: int | None


@dataclass(frozen=True, slots=True)
class _Line:
    """The builds that share their first two numbers, by their CUs: from each level on, which product they are of."""

    levels: tuple[tuple[int, int, int], ...]
    products: tuple[str, ...]
    below: str  # all of them

    @classmethod
    def of(cls, rows: Sequence[Release]) -> _Line:
        levels = sorted({row.build.cu_level for row in rows})
        nearest = (max((row for row in rows if row.build.cu_level <= level), key=_by_build) for level in levels)
        return cls(tuple(levels), tuple(row.product for row in nearest), min(rows, key=_by_build).product)

    def product_at(self, build: Build) -> str:
        at = bisect_right(self.levels, build.cu_level)
        return self.products[at - 1] if at else self.below


@dataclass(frozen=True)
class Catalogue:
    """Releases, campaigns, fixes and ends of support, with the day on which they were true, and where they are from."""

    as_of: date
    tables: Tables
    origin: Origin

    @classmethod
    def load(cls, own: Path | None = None) -> Catalogue:
        """The catalogue that ships with this version, with the own rows of a folder beside it.

        Raises:
            CatalogueError: the shipped set was changed, or the own rows are wrong.
        """
        return cls.of(shipped_set(), SetKind.SHIPPED, own=own)

    @classmethod
    def of(
        cls, tables: CatalogueSet, kind: SetKind, *, signed: Signed | None = None, own: Path | None = None
    ) -> Catalogue:
        """The catalogue of a set. Own rows may add to it; they do not make its day later.

        Args:
            own: a folder of a user's own rows.

        Raises:
            CatalogueError: the own rows are wrong.
        """
        if own is None:
            return cls(tables.as_of, tables.tables, Origin(kind, tables.sha256, signed))
        merged, given = with_own_rows(tables, own)
        return cls(tables.as_of, merged, Origin(kind, tables.sha256, signed, given))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all rows, own ones included."""
        return self.tables.digest

    def on(self, day: date) -> Catalogue:
        """What this catalogue knew on an earlier day, without what was not out by then: so a lab's verdicts stay.

        On its own day or a later one it is the catalogue itself. Lists of hashes have no days, and stay as they are.
        """
        if day >= self.as_of:
            return self
        out = [row for row in self.releases if row.released_by(day)]
        names = {(row.product, row.cu, row.update) for row in out}
        releases = tuple(
            row if (row.product, row.cu, row.replaced_by) in names else _not_yet_replaced(row) for row in out
        )
        builds = {row.build for row in releases}
        fixes = tuple(row for row in self.tables.fixes if row.minimum is None or row.minimum in builds)
        listed = {row.campaign for row in fixes if row.minimum is not None}
        campaigns = tuple(
            row
            for row in self.tables.campaigns
            if row.name in listed and (not row.published or out_by(row.published, day))
        )
        known = {row.name for row in campaigns}
        kept = tuple(row for row in fixes if row.campaign in known)
        tables = replace(self.tables, releases=releases, fixes=kept, campaigns=campaigns)
        return replace(self, as_of=day, tables=tables)

    def age(self, today: date) -> Age:
        """How old it is on a day."""
        return age_of(self.as_of, today)

    @property
    def releases(self) -> tuple[Release, ...]:
        """Every build."""
        return self.tables.releases

    @cached_property
    def campaigns(self) -> tuple[str, ...]:
        """Names of all campaigns, in the order of their table."""
        return tuple(campaign.name for campaign in self.tables.campaigns)

    def campaign(self, name: str) -> Campaign:
        """The row of a campaign.

        Raises:
            KeyError: the catalogue has no such campaign.
        """
        return self._campaigns[name]

    @cached_property
    def _campaigns(self) -> Mapping[str, Campaign]:
        return {campaign.name: campaign for campaign in self.tables.campaigns}

    # Every server is judged by every campaign: rows are found by what they are asked by, not looked through each time.

    @cached_property
    def _lines(self) -> Mapping[tuple[int, int], _Line]:
        lines = _grouped(self.releases, lambda row: (row.build.major, row.build.minor))
        return {numbers: _Line.of(rows) for numbers, rows in lines.items()}

    @cached_property
    def _by_cu(self) -> Mapping[tuple[int, int, int], tuple[Release, ...]]:
        return _grouped(sorted(self.releases, key=_by_build), lambda row: row.build.cu_level)

    @cached_property
    def _by_product(self) -> Mapping[str, tuple[Release, ...]]:
        return _grouped(sorted(self.releases, key=_by_build), lambda row: row.product)

    @cached_property
    def _fixes(self) -> Mapping[str, tuple[Fix, ...]]:
        return _grouped(self.tables.fixes, lambda row: row.campaign)

    @cached_property
    def products(self) -> tuple[str, ...]:
        """Products, oldest first."""
        return tuple(dict.fromkeys(row.product for row in sorted(self.releases, key=_by_build)))

    def kbs(self, build: Build) -> frozenset[str]:
        """The KBs of which one is that of the update with this build; empty where it is not known."""
        return frozenset(kb for row in self.releases if row.build == build for kb in row.kbs)

    def releases_with(self, kb: str) -> tuple[Release, ...]:
        """The releases whose KB this is, or may be."""
        return tuple(row for row in self.releases if kb in row.kbs)

    def product_of(self, build: Build) -> str | None:
        """The product whose builds share the first two numbers; SE continues 2019's 15.2 from its RTM build on."""
        line = self._lines.get((build.major, build.minor))
        return None if line is None else line.product_at(build)

    def identify(self, build: Build) -> Identity:
        """Which release a build is."""
        product = self.product_of(build)
        if product is None:
            return NotInCatalogue()
        rows = self._by_product[product]
        # A CU and its first update can bear the same file version (2016 CU12 and Feb19SU): the CU is named.
        exact = next((row for row in rows if row.build == build), None)
        if exact is not None:
            return Known(exact)
        own = self.of_cu(build)
        if own:
            if build > own[-1].build:
                return NewerThanCatalogue(product, own[-1], same_cu=True)
            below = [row for row in own if row.build < build]
            if below:
                return Between(below[-1])
        if build.cu_level > rows[-1].build.cu_level:
            return NewerThanCatalogue(product, rows[-1], same_cu=False)
        older = [row for row in rows if row.build < build]
        return UnlistedCu(product, older[-1] if older else None)

    def of_cu(self, build: Build) -> tuple[Release, ...]:
        """The releases of a build's cumulative update, oldest first."""
        return self._by_cu.get(build.cu_level, ())

    def behind(self, build: Build) -> Behind | None:
        """What is newer for the build's cumulative update; None where nothing is listed above it.

        An update for which sources give two builds is not behind itself.
        """
        own = {row.update for row in self.of_cu(build) if row.build == build}
        newer = [
            row
            for row in self.of_cu(build)
            if row.build > build
            and row.update not in own
            and row.availability is not Availability.WITHDRAWN
            and not row.replaced_by
        ]
        if not newer:
            return None
        newest = newer[-1]
        identity = self.identify(build)
        months = _months(identity.release, newest) if isinstance(identity, Known) else None
        return Behind(newest, len({row.build for row in newer}), months)

    def fixed(self, campaign: str, build: Build) -> PatchState:
        """Whether a build contains a campaign's fix.

        Security updates are made per cumulative update: the row of the build's own one decides. One above the
        last row of its product contains the fix if it came out later (Microsoft's updates are cumulative).

        Raises:
            KeyError: the campaign is not in the catalogue.
        """
        product = self.product_of(build)
        rows = self._fixes.get(self.campaign(campaign).name, ())
        if product is None:
            return Undecided(f"the catalogue of {self.as_of} knows no product with build {build}")
        own = sorted(
            ((row.minimum, row) for row in rows if row.product == product and row.minimum is not None),
            key=lambda pair: pair[0],
        )
        first = next((row for minimum, row in own if minimum.cu_level > build.cu_level), None)
        for minimum, row in own:
            if minimum.cu_level == build.cu_level:
                return Patched(row) if build >= minimum else Vulnerable(row)
        said = next((row for row in rows if row.minimum is None and self._is_of(row, product, build)), None)
        if said is not None:
            return NoFixMade(said, first)
        if not own:
            return self._without_row(campaign, product, build, rows)
        if first is not own[0][1] and isinstance(self.identify(build), UnlistedCu):
            return Undecided(f"the catalogue of {self.as_of} does not list the cumulative update of {build}")
        return self._after(own[-1][1], build) if first is None else NoFixListed(first)

    def _is_of(self, row: Fix, product: str, build: Build) -> bool:
        return row.product == product and any(release.cu == row.cu for release in self.of_cu(build))

    def _without_row(self, campaign: str, product: str, build: Build, rows: Sequence[Fix]) -> PatchState:
        """A product that a campaign does not name: it came after all that it names, or nothing is listed for it."""
        made = [(self.products.index(row.product), row.minimum, row) for row in rows if row.minimum is not None]
        if not made:
            return Undecided(f"the catalogue of {self.as_of} lists no build with the fix for {campaign}")
        of, _, newest = max(made, key=lambda each: each[:2])
        if self.products.index(product) > of:
            return self._after(newest, build)
        return NoFixListed(None)

    def _after(self, fix: Fix, build: Build) -> PatchState:
        """A build of a newer cumulative update than that of a fix, which may have come out before the fix was made.

        What a service accepts is not a matter of time.
        """
        own = self.of_cu(build)
        made = next((row for row in self.releases if row.build == fix.minimum), None)
        if made is None or not own or self.campaign(fix.campaign).kind is Kind.SERVICE:
            return Patched(fix)
        out = next((row for row in reversed(own) if row.build <= build), own[0])
        exact = min(len(out.released), len(made.released))
        if out.released[:exact] >= made.released[:exact]:
            return Patched(fix)
        return Undecided(
            f"the catalogue of {self.as_of} lists no fix for {out.product} {out.cu}, "
            f"and {out.title} is older than {made.title}, which has it"
        )

    def known_bad(self, sha256: str) -> KnownBad | None:
        """What somebody has published of a file with these bytes; None where no list has it, which proves nothing.

        Args:
            sha256: 64 hexadecimal digits, in capitals or small letters.

        Raises:
            CatalogueError: the set's list is no sound table, although its manifest names it.
        """
        return self._known_bad.get(sha256.lower())

    @cached_property
    def _known_bad(self) -> Mapping[str, KnownBad]:
        return {row.sha256: row for row in self.tables.known_bad}

    def known_good(self, sha256: str) -> tuple[KnownGood, ...]:
        """The pages of Exchange that have these bytes, each with its path and builds; none proves nothing.

        Args:
            sha256: 64 hexadecimal digits, in capitals or small letters.

        Raises:
            CatalogueError: the set's list is no sound table, although its manifest names it.
        """
        return self._known_good.get(sha256.lower(), ())

    @cached_property
    def _known_good(self) -> Mapping[str, tuple[KnownGood, ...]]:
        return _grouped(self.tables.known_good, lambda row: row.sha256)

    def pages_at(self, path: str) -> tuple[KnownGood, ...]:
        """What is known of the page at a path below Exchange's folder, in any case of its letters.

        Raises:
            CatalogueError: as `known_good`.
        """
        return self._pages.get(path.casefold(), ())

    @cached_property
    def _pages(self) -> Mapping[str, tuple[KnownGood, ...]]:
        return _grouped(self.tables.known_good, lambda row: row.path.casefold())

    @cached_property
    def builds_of_pages(self) -> frozenset[Build]:
        """Builds of which pages are certainly listed: those that rows begin or end with."""
        return frozenset(build for row in self.tables.known_good for build in (row.first, row.last))

    def support(self, product: str) -> Support | None:
        """When support of a product ends; None where the catalogue has no row for it."""
        return next((row for row in self.tables.support if row.product == product), None)

    def in_support(self, product: str, today: date) -> bool | None:
        """Whether Microsoft still supports the product on a day; None when the catalogue has no date for it."""
        row = self.support(product)
        if row is None:
            return None
        return row.ends is None or today <= row.ends


def _not_yet_replaced(release: Release) -> Release:
    if not release.replaced_by:
        return release
    withdrawn = release.availability is Availability.WITHDRAWN
    return replace(release, replaced_by="", availability=Availability.PUBLIC if withdrawn else release.availability)


def age_of(as_of: date, today: date) -> Age:
    """How old tables of one day are on another."""
    days = (today - as_of).days
    if days > STALE_DAYS:
        return Age.STALE
    return Age.AGED if days > AGED_DAYS else Age.CURRENT


def _by_build(release: Release) -> Build:
    return release.build


def _months(earlier: Release, later: Release) -> int:
    (year, month), (last_year, last_month) = earlier.month, later.month
    return max(0, 12 * (last_year - year) + last_month - month)


_Row = TypeVar("_Row")
_Key = TypeVar("_Key")


def _grouped(rows: Iterable[_Row], key: Callable[[_Row], _Key]) -> dict[_Key, tuple[_Row, ...]]:
    """Rows by what they have in common, in their order."""
    groups: dict[_Key, list[_Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {each: tuple(group) for each, group in groups.items()}

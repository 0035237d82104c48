"""Rows laid over rows: a set of tables, and a user's own rows over it. Pure.

A row may add, and fill what the row beneath it leaves empty. What contradicts the row beneath is a problem that names
both places: of two statements one is wrong, and a verdict must not depend on which was read last.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from playbooks.catalogue.build import Build
from playbooks.catalogue.columns import (
    BUILDS,
    CAMPAIGNS,
    KNOWN_BAD,
    KNOWN_GOOD,
    MINIMUM_BUILDS,
    NO_FIX,
    SUPPORT,
    Row,
    Table,
)
from playbooks.catalogue.reading import Placed
from playbooks.catalogue.tables import Campaign, Fix, HashList, Kind, KnownBad, KnownGood, Release, Support, Tables
from texts.places import Location
from texts.problems import Problem
from texts.spelling import meant, nearest, suggestion

__all__ = ["NO_ROWS", "Rows", "laid"]


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows with their places, each table in the order of its file."""

    builds: tuple[Placed[Release], ...] = ()
    campaigns: tuple[Placed[Campaign], ...] = ()
    fixes: tuple[Placed[Fix], ...] = ()
    support: tuple[Placed[Support], ...] = ()
    known_bad: tuple[Placed[KnownBad], ...] = ()
    known_good: tuple[Placed[KnownGood], ...] = ()

    @property
    def tables(self) -> Tables:
        """The same without places."""
        return Tables(
            tuple(placed.row for placed in self.builds),
            tuple(placed.row for placed in self.campaigns),
            tuple(placed.row for placed in self.fixes),
            tuple(placed.row for placed in self.support),
            HashList.of(tuple(placed.row for placed in self.known_bad)),
            HashList.of(tuple(placed.row for placed in self.known_good)),
        )

    def __len__(self) -> int:
        tables = (self.builds, self.campaigns, self.fixes, self.support, self.known_bad, self.known_good)
        return sum(len(table) for table in tables)


NO_ROWS = Rows()


def laid(beneath: Rows, over: Rows, problems: list[Problem]) -> Rows:
    """`over` upon `beneath`, which is whole by itself; every problem is at a row of `over`."""
    campaigns = _merged(CAMPAIGNS, beneath.campaigns, over.campaigns, lambda row: row.name, problems)
    merged = Rows(
        builds=_builds(beneath.builds, over.builds, problems),
        campaigns=_named_by_fixes(campaigns, over.fixes, problems),
        fixes=_merged(
            MINIMUM_BUILDS, beneath.fixes, over.fixes, lambda row: (row.campaign, row.product, row.cu), problems
        ),
        support=_merged(SUPPORT, beneath.support, over.support, lambda row: row.product, problems),
        known_bad=_merged(KNOWN_BAD, beneath.known_bad, over.known_bad, lambda row: row.sha256, problems),
        known_good=_pages(beneath.known_good, over.known_good, problems),
    )
    _coherent(merged, over, problems)
    return merged


# One row over another


def _released(beneath: str, over: str) -> str | None:
    """A day of the month that the other names is the same statement, only more exact."""
    if over.startswith(beneath):
        return over
    return beneath if beneath.startswith(over) else None


def _kbs(beneath: tuple[str, ...], over: tuple[str, ...]) -> tuple[str, ...] | None:
    """One of these is the KB: whoever names fewer of them knows more."""
    if set(over) <= set(beneath):
        return over
    return beneath if set(beneath) <= set(over) else None


def _cves(beneath: tuple[str, ...], over: tuple[str, ...]) -> tuple[str, ...] | None:
    return beneath if set(beneath) == set(over) else None


def _exploited(beneath: tuple[str, ...], over: tuple[str, ...]) -> tuple[str, ...]:
    """A CVE becomes known to be exploited, and stays so."""
    return (*beneath, *(cve for cve in over if cve not in beneath))


def _also(beneath: str, over: str) -> str:
    """That two say it of a file is no contradiction, and a match shows both."""
    return "; ".join(dict.fromkeys((*beneath.split("; "), *over.split("; "))))


_REFINED: Mapping[str, Callable[[Any, Any], Any]] = {
    "released": _released,
    "published": _released,
    "kb": _kbs,
    "cves": _cves,
    "kev": _exploited,
    **{column.name: _also for column in KNOWN_BAD.columns if column.name != "sha256"},
}


def _combined(table: Table[Row], beneath: Placed[Row], over: Placed[Row], problems: list[Problem]) -> Placed[Row]:
    cells = dict(beneath.cells)
    filled = False
    for name in _compared(table, over):
        said, also = beneath.cells[name], over.cells[name]
        if name not in beneath.given:
            cells[name], filled = also, True
        elif said != also:
            refined = _REFINED[name](said, also) if name in _REFINED else None
            if refined is None:
                problems.append(_contradiction(_at(over, name), _shown(said), beneath.place))
            elif refined != said:
                cells[name], filled = refined, True
    if not filled:
        return beneath
    if table.file != KNOWN_BAD.file:
        cells["source"] = "; ".join(
            dict.fromkeys(part for part in (beneath.cells["source"], over.cells["source"]) if part)
        )
    return Placed(table.make(cells), over.place, cells, {**beneath.given, **over.given})


def _compared(table: Table[Row], over: Placed[Row]) -> list[str]:
    """A source is no statement about Exchange, and the CVEs of a fix are its campaign's.

    Who says that a file is bad is all that is known of it.
    """
    if table.file == KNOWN_BAD.file:
        return [column.name for column in table.columns if column.name in over.given]
    left_out = {"source"} | ({"cves"} if table.file == MINIMUM_BUILDS.file else set())
    return [column.name for column in table.columns if column.name in over.given.keys() - left_out]


def _contradiction(at: Location, said: str, place: Location) -> Problem:
    return Problem(at, f"contradicts {place}, which says {said}", "remove it, or say the same")


def _shown(value: object) -> str:
    if value is None:
        return f"`{NO_FIX}`"
    return f"`{' '.join(value)}`" if isinstance(value, tuple) else f"`{value}`"


def _at(placed: Placed[Row], column: str) -> Location:
    return replace(placed.place, column=placed.given.get(column, 1), path=column)


def _twice(placed: Placed[Row], first: Location) -> Problem:
    return Problem(placed.place, f"stands here a second time, first in line {first.line}", "remove one")


def _merged(
    table: Table[Row],
    beneath: Iterable[Placed[Row]],
    over: Iterable[Placed[Row]],
    key: Callable[[Row], Hashable],
    problems: list[Problem],
) -> tuple[Placed[Row], ...]:
    merged = {key(placed.row): placed for placed in beneath}
    seen: dict[Hashable, Location] = {}
    for placed in over:
        name = key(placed.row)
        if name in seen:
            problems.append(_twice(placed, seen[name]))
            continue
        seen[name] = placed.place
        merged[name] = _combined(table, merged[name], placed, problems) if name in merged else placed
    return tuple(merged.values())


def _pages(
    beneath: tuple[Placed[KnownGood], ...], over: tuple[Placed[KnownGood], ...], problems: list[Problem]
) -> tuple[Placed[KnownGood], ...]:
    """A page can have the same bytes in builds that are far apart, and each row is a statement of its own."""
    if not over:
        return beneath

    def key(row: KnownGood) -> Hashable:
        return (row.path.casefold(), row.sha256, row.first, row.last)

    seen: dict[Hashable, Location] = {}
    known = {key(placed.row) for placed in beneath}
    more = []
    for placed in over:
        name = key(placed.row)
        if name in seen:
            problems.append(_twice(placed, seen[name]))
        elif name not in known:
            more.append(placed)
        seen.setdefault(name, placed.place)
        if placed.row.last < placed.row.first:
            problems.append(Problem(_at(placed, "last_build"), "is below first_build", "correct one of the two"))
    return (*beneath, *more)


def _builds(
    beneath: tuple[Placed[Release], ...], over: tuple[Placed[Release], ...], problems: list[Problem]
) -> tuple[Placed[Release], ...]:
    """As `_merged`, but a build and an update name each other: neither may be given to another."""
    merged = {(_update(placed.row), placed.row.build): placed for placed in beneath}
    by_update: dict[tuple[str, str, str], list[Placed[Release]]] = {}
    by_build: dict[Build, list[Placed[Release]]] = {}
    for placed in beneath:
        by_update.setdefault(_update(placed.row), []).append(placed)
        by_build.setdefault(placed.row.build, []).append(placed)
    own: dict[tuple[tuple[str, str, str], Build], Location] = {}
    for placed in over:
        row, name = placed.row, _update(placed.row)
        if (name, row.build) in own:
            problems.append(_twice(placed, own[name, row.build]))
            continue
        own[name, row.build] = placed.place
        if (name, row.build) in merged:
            merged[name, row.build] = _combined(BUILDS, merged[name, row.build], placed, problems)
            continue
        for other in by_update.get(name, ()):
            # Sources can differ on a build, and then a set has the rows of both.
            if other.place.file != placed.place.file or not _two_sources(other.row, row):
                problems.append(_contradiction(_at(placed, "build"), _shown(other.row.build), other.place))
        for other in by_build.get(row.build, ()):
            if not _same_file_version(other.row, row):
                said = f"that {row.build} is {other.row.title}"
                problems.append(_contradiction(_at(placed, "build"), said, other.place))
        merged[name, row.build] = placed
        by_update.setdefault(name, []).append(placed)
        by_build.setdefault(row.build, []).append(placed)
    return tuple(merged.values())


def _update(row: Release) -> tuple[str, str, str]:
    return (row.product, row.cu, row.update)


def _two_sources(one: Release, other: Release) -> bool:
    return bool(one.source and other.source) and one.source != other.source


def _same_file_version(one: Release, other: Release) -> bool:
    """A cumulative update and its first update can bear the same (2016 CU12 and its Feb19SU); no others can."""
    if _update(one) == _update(other):
        return True
    return (one.product, one.cu) == (other.product, other.cu) and not (one.update and other.update)


def _named_by_fixes(
    campaigns: tuple[Placed[Campaign], ...], fixes: Iterable[Placed[Fix]], problems: list[Problem]
) -> tuple[Placed[Campaign], ...]:
    """The campaigns, with those that stand in no campaigns.csv: a row of minimum-builds.csv may name their CVEs."""
    known = {placed.row.name: placed for placed in campaigns}
    for fix in fixes:
        name, cves = fix.row.campaign, fix.cells["cves"]
        if name not in known:
            if not cves:
                otherwise = "give the row a column `cves`, or add the campaign to campaigns.csv"
                problems.append(
                    Problem(
                        _at(fix, "campaign"), f"no campaign is called `{name}`", suggestion(name, known) or otherwise
                    )
                )
                continue
            twin = next((other for other in known.values() if set(other.row.cves) == set(cves)), None)
            if twin is not None:
                what = f"the CVEs of `{name}` are those of `{twin.row.name}` ({twin.place})"
                problems.append(Problem(_at(fix, "campaign"), what, f"write `{twin.row.name}`"))
                continue
            row = Campaign(name, Kind.SECURITY, name, cves, (), "", fix.row.source)
            known[name] = Placed(row, fix.place, {"cves": cves}, {"cves": fix.given.get("cves", 1)})
        elif cves and set(cves) != set(known[name].row.cves):
            said = _shown(known[name].row.cves) if known[name].row.cves else "that it has no CVE"
            problems.append(_contradiction(_at(fix, "cves"), said, known[name].place))
    return tuple(known.values())


# What rows must be to one another


def _coherent(merged: Rows, over: Rows, problems: list[Problem]) -> None:
    """What holds in `beneath` is broken by a row of `over` alone, so that only these need to be looked at."""
    products = [placed.row.product for placed in merged.support]
    used = [
        *((each.row.product, _at(each, "product")) for each in over.builds),
        *((each.row.product, _at(each, "product")) for each in over.fixes),
    ]
    for product, at in used:
        if product not in products:
            problems.append(Problem(at, f"`{product}` is no product of {SUPPORT.file}", _meant(product, products)))
    for placed in over.support:
        near = nearest(placed.row.product, [product for product in products if product != placed.row.product])
        if near.casefold() == placed.row.product.casefold():
            problems.append(Problem(_at(placed, "product"), "is no product", meant(near)))
        if placed.row.esu_ends is not None and (placed.row.ends is None or placed.row.esu_ends < placed.row.ends):
            problems.append(
                Problem(_at(placed, "esu_ends"), "is not after the end of support", "correct one of the two")
            )
    bad = {placed.row.sha256: placed.row for placed in merged.known_bad}
    good = {placed.row.sha256 for placed in merged.known_good}
    both = bad.keys() & good
    twice = [_at(one, "sha256") for one in over.known_bad if one.row.sha256 in both]
    twice += [_at(one, "sha256") for one in over.known_good if one.row.sha256 in both]
    for at in twice:
        what = f"stands in {KNOWN_BAD.file} and in {KNOWN_GOOD.file}"
        problems.append(Problem(at, what, "remove the one that is wrong"))
    for each in over.known_bad:
        row = bad[each.row.sha256]
        if "DRL" in row.licence.upper() and not (row.author and row.url):
            what = "the Detection Rule License asks that author and URL go with every match"
            problems.append(Problem(_at(each, "licence"), what, "give the row its `author` and its `url`"))
    of_products = tuple(placed for placed in over.builds if placed.row.product in products)
    _families(merged.builds, of_products, problems)
    _references(merged, over, problems)


def _meant(product: str, products: list[str]) -> str:
    """Years are all alike, so that the nearest is a guess: of these, all are named."""
    same = next((known for known in products if known.casefold() == product.casefold()), None)
    names = ", ".join(products)
    return meant(same) if same else f"write one of {names}, or add its row to {SUPPORT.file}"


def _families(merged: tuple[Placed[Release], ...], over: tuple[Placed[Release], ...], problems: list[Problem]) -> None:
    """A product's builds share their first two numbers, those of a cumulative update the first three."""
    families: dict[str, Placed[Release]] = {}
    levels: dict[tuple[str, str], Placed[Release]] = {}
    updates: dict[tuple[int, int, int], Placed[Release]] = {}
    for placed in merged:
        row = placed.row
        families.setdefault(row.product, placed)
        levels.setdefault((row.product, row.cu), placed)
        updates.setdefault(row.build.cu_level, placed)
    for placed in over:
        row = placed.row
        family, level, update = families[row.product], levels[row.product, row.cu], updates[row.build.cu_level]
        if row.build.cu_level[:2] != family.row.build.cu_level[:2]:
            said = f"that a build of {row.product} begins as {family.row.build} does"
            problems.append(_contradiction(_at(placed, "build"), said, family.place))
        elif row.build.cu_level != level.row.build.cu_level:
            said = f"that a build of {row.product} {row.cu} begins as {level.row.build} does"
            problems.append(_contradiction(_at(placed, "build"), said, level.place))
        elif (row.product, row.cu) != (update.row.product, update.row.cu):
            said = f"that {update.row.build} is of {update.row.product} {update.row.cu}"
            problems.append(_contradiction(_at(placed, "cu"), said, update.place))


def _references(merged: Rows, over: Rows, problems: list[Problem]) -> None:
    """What a row names must have a row."""
    builds: dict[tuple[str, str], dict[Build, str]] = {}
    for release in merged.builds:
        builds.setdefault((release.row.product, release.row.cu), {})[release.row.build] = release.row.update
    for release in over.builds:
        row = release.row
        updates = [name for name in builds[row.product, row.cu].values() if name]
        if row.replaced_by and row.replaced_by not in updates:
            what = f"{BUILDS.file} has no {row.replaced_by} of {row.product} {row.cu}"
            problems.append(
                Problem(
                    _at(release, "replaced_by"), what, suggestion(row.replaced_by, updates, otherwise="add its row")
                )
            )
    for fix in over.fixes:
        cu = f"{fix.row.product} {fix.row.cu}"
        own = builds.get((fix.row.product, fix.row.cu), {})
        if not own:
            problems.append(Problem(_at(fix, "cu"), f"{BUILDS.file} has no row of {cu}", "correct it, or add its row"))
        elif fix.row.minimum is not None and fix.row.minimum not in own:
            what = f"no release of {cu} has the build {fix.row.minimum}"
            known = [str(build) for build in own]
            advice = suggestion(str(fix.row.minimum), known, otherwise="")
            problems.append(
                Problem(_at(fix, "min_build"), what, f"{advice} Else add its row to {BUILDS.file}".lstrip())
            )
    fixed = {placed.row.campaign for placed in merged.fixes}
    campaigns = {placed.row.name: placed.row for placed in merged.campaigns}
    for campaign in over.campaigns:
        name = campaign.row.name
        if name not in fixed:
            what = f"no row of {MINIMUM_BUILDS.file} says which builds have the fix for `{name}`"
            advice = suggestion(name, fixed, otherwise="add them: without, no server could be judged by it")
            problems.append(Problem(_at(campaign, "campaign"), what, advice))
        unknown = set(campaign.row.exploited) - set(campaigns[name].cves)
        if unknown:
            what = f"{', '.join(sorted(unknown))} is not in cves"
            problems.append(Problem(_at(campaign, "kev"), what, "add it there, or remove it here"))

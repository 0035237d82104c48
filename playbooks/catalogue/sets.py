"""A set of tables: six CSV files and the manifest that vouches for them, in the package or in a folder.

Every load holds every file against the manifest: a set that does not verify is an error, never half a catalogue.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from playbooks.catalogue.columns import (
    BUILDS,
    CAMPAIGNS,
    HASHES,
    KNOWN_BAD,
    KNOWN_GOOD,
    MINIMUM_BUILDS,
    SUPPORT,
    TABLES,
    Row,
    Table,
)
from playbooks.catalogue.layers import NO_ROWS, Rows, laid
from playbooks.catalogue.manifest import MANIFEST, Manifest, manifest_of, read_manifest
from playbooks.catalogue.origin import OwnRows
from playbooks.catalogue.reading import MOST_BYTES, Placed, read_table
from playbooks.catalogue.tables import Campaign, Fix, HashList, KnownBad, KnownGood, Release, Support, Tables
from playbooks.errors import CatalogueError
from texts.places import Location
from texts.problems import Problem
from texts.spelling import suggestion

__all__ = [
    "SHIPPED",
    "CatalogueSet",
    "counts_of",
    "folder_files",
    "licences_of",
    "own_files",
    "packed_manifest",
    "read_set",
    "set_files",
    "shipped_files",
    "shipped_set",
    "sources_of",
    "with_own_rows",
]

_Listed = TypeVar("_Listed", KnownBad, KnownGood)

SHIPPED = "shipped"  # what messages call the folder of the shipped set


@dataclass(frozen=True, slots=True)
class CatalogueSet:
    """A set whose every file is as its manifest says and whose every row is sound. `sha256` is the manifest's.

    Attributes:
        rows: without those of its lists of hashes.
        bad: reads the one list, with places.
        good: reads the other, with places.
        known_bad: the first without places.
        known_good: the second without places.
    """

    manifest: Manifest
    sha256: str
    rows: Rows
    bad: Callable[[], tuple[Placed[KnownBad], ...]]
    good: Callable[[], tuple[Placed[KnownGood], ...]]
    known_bad: HashList[KnownBad]
    known_good: HashList[KnownGood]

    @property
    def as_of(self) -> date:
        """The day up to which it knows what happened."""
        return self.manifest.as_of

    @property
    def tables(self) -> Tables:
        """Its rows without their places."""
        return replace(self.rows.tables, known_bad=self.known_bad, known_good=self.known_good)


def set_files() -> tuple[str, ...]:
    """What a set consists of, manifest first."""
    return (MANIFEST, *(table.file for table in TABLES))


def shipped_set() -> CatalogueSet:
    """The set that comes with this version.

    Raises:
        CatalogueError: somebody has changed it.
    """
    return read_set(shipped_files(), SHIPPED, otherwise="install exrun again; in a checkout: make catalogue")


def shipped_files() -> dict[str, bytes]:
    """The files of that set, by name; nothing of them is verified."""
    folder = resources.files("playbooks.catalogue")
    return {name: folder.joinpath(name).read_bytes() for name in set_files()}


def read_set(files: Mapping[str, bytes], where: str, *, otherwise: str, whole: bool = False) -> CatalogueSet:
    """A set from the bytes of its files.

    Its lists of hashes are held to the manifest, and their rows are read later: whoever packed or took the set has
    read them.

    Args:
        files: by name, those of `set_files`.
        where: what its folder is called in messages.
        otherwise: what to do where a file is not as the manifest says.
        whole: read the lists of hashes too.

    Raises:
        CatalogueError: with all problems.
    """
    problems: list[Problem] = []
    manifest = read_manifest(files[MANIFEST], f"{where}/{MANIFEST}", problems)
    if manifest is None:
        raise CatalogueError(problems)
    for table in TABLES:
        if hashlib.sha256(files[table.file]).hexdigest() != manifest.tables[table.name].sha256:
            what = f"is not what {MANIFEST} names: it was changed afterwards"
            problems.append(Problem(Location(f"{where}/{table.file}"), what, otherwise))
    if problems:
        raise CatalogueError(problems)
    later = {table.file for table in HASHES}
    at_once = {name: each for name, each in files.items() if name not in later}
    bad = partial(_known_bad, files[KNOWN_BAD.file], where)
    good = partial(_known_good, files[KNOWN_GOOD.file], where)
    read, rows = _sound(at_once, where, manifest.as_of, problems)
    if problems:
        raise CatalogueError(problems)
    counts = counts_of(read.tables) | {table.name: manifest.tables[table.name].rows for table in HASHES}
    if whole:
        counts |= {KNOWN_BAD.name: len(bad()), KNOWN_GOOD.name: len(good())}
    for table in TABLES:
        entry, count = manifest.tables[table.name], counts[table.name]
        if entry.rows != count:
            what = f"says {entry.rows} rows, and {table.file} has {count}"
            at = Location(f"{where}/{MANIFEST}", path=f"tables.{table.name}.rows")
            problems.append(Problem(at, what, otherwise))
    if problems:
        raise CatalogueError(problems)
    known_bad = _list(manifest, KNOWN_BAD, lambda: tuple(placed.row for placed in bad()))
    known_good = _list(manifest, KNOWN_GOOD, lambda: tuple(placed.row for placed in good()))
    digest = hashlib.sha256(files[MANIFEST]).hexdigest()
    return CatalogueSet(manifest, digest, rows, bad, good, known_bad, known_good)


def _list(manifest: Manifest, table: Table[_Listed], read: Callable[[], tuple[_Listed, ...]]) -> HashList[_Listed]:
    said = manifest.tables[table.name]
    return HashList(said.sha256, said.rows, read)


def _known_bad(data: bytes, where: str) -> tuple[Placed[KnownBad], ...]:
    return _hashes(KNOWN_BAD, data, where).known_bad


def _known_good(data: bytes, where: str) -> tuple[Placed[KnownGood], ...]:
    return _hashes(KNOWN_GOOD, data, where).known_good


def _hashes(table: Table[Any], data: bytes, where: str) -> Rows:
    """The rows of a list of hashes.

    Raises:
        CatalogueError: it is no sound table.
    """
    problems: list[Problem] = []
    read = _read({table.file: data}, where, problems)
    rows = read if problems else laid(NO_ROWS, read, problems)
    if problems:
        raise CatalogueError(problems)
    return rows


def packed_manifest(files: Mapping[str, bytes], where: str, as_of: date) -> Manifest:
    """The manifest for tables that have none yet, or another.

    Raises:
        CatalogueError: a table is not sound, or knows of what came after `as_of`.
    """
    problems: list[Problem] = []
    read, _ = _sound(files, where, as_of, problems)
    if problems:
        raise CatalogueError(problems)
    counts, sources = counts_of(read.tables), sources_of(read.tables)
    return manifest_of(
        as_of, {table.name: (files[table.file], counts[table.name], sources[table.name]) for table in TABLES}
    )


def counts_of(tables: Tables) -> dict[str, int]:
    """How many rows each table has, by the table's name."""
    return {name: len(rows) for name, rows in _by_name(tables).items()}


def sources_of(tables: Tables) -> dict[str, list[str]]:
    """What the rows of each table rest on, by the table's name: each source once, sorted."""
    sources = {name: {row.source for row in rows if row.source} for name, rows in _by_name(tables).items()}
    sources[KNOWN_BAD.name] = {each for joined in sources[KNOWN_BAD.name] for each in joined.split("; ")}
    return {name: sorted(each) for name, each in sources.items()}


def licences_of(tables: Tables) -> dict[str, list[str]]:
    """Under which licences the rows of each table are passed on that name any, each once, sorted."""
    bad = {each for row in tables.known_bad for each in row.licence.split("; ")}
    good = {each for row in tables.known_good for each in row.licence.split("; ")}
    return {KNOWN_BAD.name: sorted(bad), KNOWN_GOOD.name: sorted(good)}


def _by_name(
    tables: Tables,
) -> dict[str, Sequence[Release | Campaign | Fix | Support] | HashList[KnownBad] | HashList[KnownGood]]:
    return {
        BUILDS.name: tables.releases,
        CAMPAIGNS.name: tables.campaigns,
        MINIMUM_BUILDS.name: tables.fixes,
        SUPPORT.name: tables.support,
        KNOWN_BAD.name: tables.known_bad,
        KNOWN_GOOD.name: tables.known_good,
    }


def _sound(files: Mapping[str, bytes], where: str, as_of: date, problems: list[Problem]) -> tuple[Rows, Rows]:
    """The rows as they stand in the files, and as they are when each table knows of the others."""
    read = _read(files, where, problems)
    if problems:  # else what is only missing for a mistake elsewhere would be told too
        return read, read
    rows = laid(NO_ROWS, read, problems)
    for placed in rows.builds:
        released = placed.row.released
        if released > as_of.isoformat()[: len(released)]:
            at = replace(placed.place, column=placed.given.get("released", 1), path="released")
            problems.append(Problem(at, f"is after {as_of}, the day of this set", "give the set a later day"))
    return read, rows


def _read(files: Mapping[str, bytes], where: str, problems: list[Problem]) -> Rows:
    def read(table: Table[Row]) -> tuple[Placed[Row], ...]:
        if table.file not in files:
            return ()
        return read_table(table, files[table.file], f"{where}/{table.file}", problems)

    return Rows(read(BUILDS), read(CAMPAIGNS), read(MINIMUM_BUILDS), read(SUPPORT), read(KNOWN_BAD), read(KNOWN_GOOD))


def folder_files(folder: Path, *, also: Collection[str] = (), without: Collection[str] = ()) -> dict[str, bytes]:
    """The files of a set's folder, which holds these and nothing else.

    Args:
        also: further files that must be there, such as a signature.
        without: files of a set that may be missing.

    Raises:
        CatalogueError: a file is missing, too many, no plain file or too large.
    """
    problems: list[Problem] = []
    wanted = (*set_files(), *also)
    there = _names(folder)
    for name in sorted(there - set(wanted)):
        advice = suggestion(
            name, wanted, otherwise="remove it: a set is these files alone, and nothing vouches for others"
        )
        problems.append(Problem(Location(str(folder / name)), "is no file of a set", advice))
    for name in wanted:
        if name not in there and name not in without:
            advice = "make the set with `exrun catalogue pack --sign`"
            problems.append(Problem(Location(str(folder / name)), "is not there", advice))
    files = {}
    for name in wanted:
        if name in there:
            data = _plain_file(folder / name, problems)
            if data is not None:
                files[name] = data
    if problems:
        raise CatalogueError(problems)
    return files


def _names(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in os.scandir(folder)}
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CatalogueError(
            [Problem(Location(str(folder)), f"cannot be read as a folder: {reason}", "check the path")]
        ) from None


def _plain_file(path: Path, problems: list[Problem]) -> bytes | None:
    """What a file holds that is a file itself, no link to one, no pipe that never ends."""
    at = Location(str(path))
    try:
        # Without O_NONBLOCK, opening a pipe would wait for somebody who writes to it.
        descriptor = os.open(path, os.O_RDONLY | _flag("O_NOFOLLOW") | _flag("O_NONBLOCK") | _flag("O_BINARY"))
    except OSError as error:
        what = "is a link" if path.is_symlink() else f"cannot be read: {error.strerror or type(error).__name__}"
        problems.append(Problem(at, what, "put the file itself there"))
        return None
    with os.fdopen(descriptor, "rb") as file:
        if path.is_symlink() or not stat.S_ISREG(os.fstat(descriptor).st_mode):
            problems.append(Problem(at, "is not a plain file", "put the file itself there"))
            return None
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        problems.append(Problem(at, f"is larger than {MOST_BYTES >> 20} MiB", "is this the right file?"))
        return None
    return data


def _flag(name: str) -> int:
    return int(getattr(os, name, 0))  # O_NOFOLLOW, O_NONBLOCK: not on Windows; O_BINARY: only there


# A user's own rows


def own_files(folder: Path) -> dict[str, bytes]:
    """The tables in a folder of own rows: any of them, and no other CSV file.

    Raises:
        CatalogueError: the folder cannot be read, has no table, or one that is called otherwise.
    """
    problems: list[Problem] = []
    names, tables = _names(folder), [table.file for table in TABLES]
    if MANIFEST in names:
        what = "this is a whole set of tables, not own rows beside one"
        raise CatalogueError([Problem(Location(str(folder / MANIFEST)), what, "take it with `exrun catalogue update`")])
    for name in sorted(names - set(tables)):
        if name.casefold().endswith(".csv"):
            advice = suggestion(name, tables, otherwise=f"the tables are {', '.join(tables)}")
            problems.append(Problem(Location(str(folder / name)), "is no table of the catalogue", advice))
        elif name.casefold().endswith((".xlsx", ".xls", ".ods")) and not name.startswith(("~", ".")):
            at = Location(str(folder / name))
            problems.append(Problem(at, "is a workbook", "save its sheet as CSV UTF-8, under the name of a table"))
    if not problems and not names & set(tables):
        problems.append(Problem(Location(str(folder)), "has no table", f"put any of {', '.join(tables)} there"))
    files = {}
    for table in tables:
        if table in names:
            data = _own_file(folder / table, problems)
            if data is not None:
                files[table] = data
    if problems:
        raise CatalogueError(problems)
    return files


def _own_file(path: Path, problems: list[Problem]) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        problems.append(Problem(Location(str(path)), f"cannot be read: {reason}", "check the file"))
        return None


def with_own_rows(beneath: CatalogueSet, folder: Path) -> tuple[Tables, OwnRows]:
    """The tables of a set with a user's own rows beside them, and how many these are.

    Raises:
        CatalogueError: with all problems of the folder's tables.
    """
    problems: list[Problem] = []
    own = _read(own_files(folder), str(folder), problems)
    if problems:
        raise CatalogueError(problems)
    below = beneath.rows
    if own.known_bad or own.known_good:  # a hash may not stand in both
        below = replace(below, known_bad=beneath.bad(), known_good=beneath.good())
    rows = laid(below, own, problems)
    if problems:
        raise CatalogueError(problems)
    tables = rows.tables
    if rows.known_bad == below.known_bad:  # nothing is said that the set does not say
        tables = replace(tables, known_bad=beneath.known_bad)
    if rows.known_good == below.known_good:
        tables = replace(tables, known_good=beneath.known_good)
    return tables, OwnRows(folder.resolve().name, MappingProxyType(counts_of(own.tables)))

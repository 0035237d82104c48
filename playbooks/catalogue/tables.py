"""The rows of the catalogue's tables. How they are read is in reading.py, what may be concluded in catalogue.py.

builds.csv                Release    every build that Microsoft released
campaigns.csv             Campaign   what is looked for
minimum-builds.csv        Fix        the lowest build of a cumulative update that contains a campaign's fix
support.csv               Support    when a product's support ends
known-bad-sha256.csv      KnownBad   files that somebody has published as malicious
web-pages-known-good.csv  KnownGood  web pages of Exchange as Microsoft shipped them
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from enum import StrEnum
from functools import cached_property, lru_cache, partial
from typing import Generic, TypeVar

from playbooks.catalogue.build import Build

# What Microsoft called a cumulative update where its number says otherwise.
_ALSO_CALLED = {("2013", "CU4"): "CU4 (SP1)"}
_MONTH = re.compile(r"\d{4}-\d{2}")


def out_by(when: str, day: date) -> bool:
    """Whether a day or month of a table was surely over on a day: a month without a day, when the next one begins."""
    if _MONTH.fullmatch(when):
        return (int(when[:4]), int(when[5:7])) < (day.year, day.month)
    return date.fromisoformat(when) <= day


class Availability(StrEnum):
    """Who can get an update."""

    PUBLIC = "public"
    ESU = "esu"  # customers of Extended Security Updates only
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Release:
    """One row of builds.csv.

    Attributes:
        update: empty for the cumulative update itself.
        released: a day, or a month where no source has the day.
        kbs: one of these is its KB; empty where it is not known.
        replaced_by: the update that Microsoft issued in its place; empty for none.
    """

    product: str
    cu: str
    update: str
    build: Build
    released: str
    kbs: tuple[str, ...] = ()
    availability: Availability = Availability.PUBLIC
    replaced_by: str = ""
    source: str = ""

    @property
    def title(self) -> str:
        """`Exchange Server 2016 CU23 Nov22SU`."""
        cu = _ALSO_CALLED.get((self.product, self.cu), self.cu)
        return " ".join(part for part in (f"Exchange Server {self.product}", cu, self.update) if part)

    @property
    def month(self) -> tuple[int, int]:
        """Year and month of its release."""
        return int(self.released[:4]), int(self.released[5:7])

    def released_by(self, day: date) -> bool:
        """Whether it was surely out on a day."""
        return out_by(self.released, day)


class Kind(StrEnum):
    """What a campaign is about."""

    SECURITY = "security"  # a fix for known CVEs
    SERVICE = "service"  # below these builds a service of Microsoft's refuses the server


@dataclass(frozen=True, slots=True)
class Campaign:
    """One row of campaigns.csv.

    Attributes:
        exploited: those of `cves` that are in CISA's Known Exploited Vulnerabilities.
        published: day or month of fix or demand; empty for not known.
    """

    name: str
    kind: Kind
    title: str
    cves: tuple[str, ...]
    exploited: tuple[str, ...]
    published: str
    source: str


@dataclass(frozen=True, slots=True)
class Fix:
    """One row of minimum-builds.csv: the lowest build of one cumulative update that contains the campaign's fix.

    Attributes:
        minimum: None: no fix was made for this cumulative update, and `source` says so.
        kbs: one of these is its KB; empty where it came in the cumulative update, or is not known.
    """

    campaign: str
    product: str
    cu: str
    minimum: Build | None
    kbs: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Support:
    """One row of support.csv: last days. `ends` None: no fixed end; `esu_ends` None: no Extended Security Updates."""

    product: str
    ends: date | None
    esu_ends: date | None
    source: str


@dataclass(frozen=True, slots=True)
class KnownBad:
    """One row of known-bad-sha256.csv. Where several say it of one file, their words stand in one row, `; ` between.

    Attributes:
        sha256: of the file's bytes, 64 small hexadecimal digits.
        what: what it is, or by which rule it was found, in the words of its source.
        licence: that of the source, under which the row is passed on.
        author: empty where the licence asks for none. With `url`, what DRL 1.1 asks to be shown with a match.
    """

    sha256: str
    what: str
    source: str
    licence: str
    author: str = ""
    url: str = ""

    @property
    def said(self) -> str:
        """All that is to be shown with a match, in one line."""
        by = f"{self.source}; by {self.author}" if self.author else self.source
        return ", ".join(part for part in (f"{self.what}: {by}", f"licence {self.licence}", self.url) if part)


@dataclass(frozen=True, slots=True)
class KnownGood:
    """One row of web-pages-known-good.csv: a web page as Microsoft shipped it.

    Attributes:
        path: below Exchange's folder, with `\\`.
        sha256: of the file's bytes, 64 small hexadecimal digits.
        first: the lowest build that has these bytes there.
        last: the highest one; a build between the two may have others.
        builds: in how many builds they are; 0 where that was not counted.
        licence: that of the source, under which the row is passed on.
    """

    path: str
    sha256: str
    first: Build
    last: Build
    builds: int
    source: str
    licence: str

    def is_of(self, build: Build) -> bool:
        """Whether the build is one of those from the first to the last."""
        return self.first <= build <= self.last

    @property
    def said(self) -> str:
        """Where it stands and who says so, in one line."""
        return f"{self.path} of builds {self.first} to {self.last}: {self.source}, licence {self.licence}"


_Listed = TypeVar("_Listed", KnownBad, KnownGood)


@dataclass(frozen=True)
class HashList(Generic[_Listed]):
    """The rows of a list of hashes, read when they are first asked for: most runs ask for none.

    Two are equal where their digests are.

    Attributes:
        digest: SHA-256 of the bytes that they are read from, or of the rows where own ones are among them.
        count: how many rows there are.
        read: gives them; raises CatalogueError where the bytes are no sound table.
    """

    digest: str
    count: int = field(compare=False)
    read: Callable[[], tuple[_Listed, ...]] = field(compare=False, repr=False)

    @classmethod
    def of(cls, rows: tuple[_Listed, ...]) -> HashList[_Listed]:
        """A list of rows that are read already."""
        return cls(_digest_of(rows), len(rows), partial(tuple, rows))

    @cached_property
    def rows(self) -> tuple[_Listed, ...]:
        """In the order of the file."""
        return self.read()

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[_Listed]:
        return iter(self.rows)


@dataclass(frozen=True, slots=True)
class Tables:
    """All rows, each table in the order of its file."""

    releases: tuple[Release, ...]
    campaigns: tuple[Campaign, ...]
    fixes: tuple[Fix, ...]
    support: tuple[Support, ...]
    known_bad: HashList[KnownBad]
    known_good: HashList[KnownGood]

    @property
    def digest(self) -> str:
        """SHA-256 over every row: of equal tables it is equal, wherever these were read from.

        A set's lists of hashes are in it by the SHA-256 of their files, so that they need not be read.
        """
        members = [_members(table) for table in (self.releases, self.campaigns, self.fixes, self.support)]
        return _digest([*members, self.known_bad.digest, self.known_good.digest])


@lru_cache(8)
def _digest_of(rows: tuple[_Listed, ...]) -> str:
    """Of the same rows, which are laid out anew wherever others come to them."""
    return _digest(_members(rows))


def _digest(members: object) -> str:
    return hashlib.sha256(json.dumps(members, default=_plain, separators=(",", ":")).encode()).hexdigest()


def _members(rows: Sequence[Release | Campaign | Fix | Support | KnownBad | KnownGood]) -> list[list[object]]:
    """The same as `astuple` of each row, whose deep copies took a sixth of the start of an audit."""
    if not rows:
        return []
    names = [each.name for each in fields(rows[0])]
    return [[getattr(row, name) for name in names] for row in rows]


def _plain(value: object) -> object:
    return (value.major, value.minor, value.build, value.revision) if isinstance(value, Build) else str(value)

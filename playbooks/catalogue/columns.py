"""What may stand in each column of the catalogue's tables.

A table has required columns, those in which such tables are published; every other may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar

from playbooks.catalogue.build import Build
from playbooks.catalogue.tables import Availability, Campaign, Fix, Kind, KnownBad, KnownGood, Release, Support
from texts.problems import MistakeError
from texts.spelling import meant, suggestion

__all__ = [
    "BUILDS",
    "CAMPAIGNS",
    "HASHES",
    "KNOWN_BAD",
    "KNOWN_GOOD",
    "MINIMUM_BUILDS",
    "NO_FIX",
    "SUPPORT",
    "TABLES",
    "Column",
    "Table",
]

Row = TypeVar("Row", Release, Campaign, Fix, Support, KnownBad, KnownGood)

NO_FIX = "none"
# What parameters of playbooks mean by these words is not a campaign.
_RESERVED = {"all", NO_FIX}
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_UPDATE = re.compile(rf"(?:{_MONTHS})\d\d(?:SU|HU)(?:v[2-9])?", re.ASCII)
_CU = re.compile(r"RTM|CU[1-9]\d?", re.ASCII)
_PRODUCT = re.compile(r"[A-Za-z0-9]{1,12}", re.ASCII)
_CAMPAIGN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_CVE = re.compile(r"CVE-\d{4}-\d{4,7}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_KB = re.compile(r"KB\d{6,8}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MONTH = re.compile(r"\d{4}-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        read: the cell's value; of an empty cell what its absence means. Raises MistakeError.
        required: the table must have it.
        filled: no cell of it may be empty.
    """

    name: str
    read: Callable[[str], object]
    required: bool = False
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Table(Generic[Row]):
    """One table: `name` in the manifest, its file, and how a row is made of its cells."""

    name: str
    file: str
    columns: tuple[Column, ...]
    make: Callable[[Mapping[str, Any]], Row]

    @property
    def beginning(self) -> str:
        """The line of names that such a file may begin with: its required columns."""
        return ",".join(column.name for column in self.columns if column.required)


def _text(cell: str) -> str:
    return cell


def _formed(pattern: re.Pattern[str], what: str, advice: str) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if cell and not pattern.fullmatch(cell):
            raise MistakeError(what, advice)
        return cell

    return read


def _cu(cell: str) -> str:
    if _CU.fullmatch(cell):
        return cell
    if _CU.fullmatch(cell.upper().replace(" ", "")):
        raise MistakeError("is not a cumulative update", meant(cell.upper().replace(" ", "")))
    raise MistakeError("is not a cumulative update", "write RTM or CU and a number, such as CU23; SP1 of 2013 is CU4")


def _update(cell: str) -> str:
    if not cell or _UPDATE.fullmatch(cell):
        return cell
    raise MistakeError(
        "is not the name of an update",
        "write it as Nov22SU, May25HU or Aug23SUv2; empty for the cumulative update itself",
    )


def _build(cell: str) -> Build:
    try:
        return Build.parse(cell)
    except ValueError:
        raise MistakeError("is not a build of four numbers", "write it as 15.1.2507.66") from None


def _minimum(cell: str) -> Build | None:
    if cell == NO_FIX:
        return None
    try:
        return Build.parse(cell)
    except ValueError:
        raise MistakeError(
            f"is neither a build of four numbers nor `{NO_FIX}`",
            f"write it as 15.1.2507.66, or `{NO_FIX}` where Microsoft made no fix for this cumulative update",
        ) from None


def _released(cell: str) -> str:
    if not cell:
        return cell
    try:
        if _MONTH.fullmatch(cell):
            date.fromisoformat(f"{cell}-01")
            return cell
        if _DAY.fullmatch(cell):
            date.fromisoformat(cell)
            return cell
    except ValueError:
        pass
    raise MistakeError(
        "is neither a day nor a month",
        "write a day as 2026-11-10, a month as 2026-11 (in Excel: give the column the format Text first)",
    )


def _day(cell: str) -> date | None:
    if not cell:
        return None
    try:
        if _DAY.fullmatch(cell):
            return date.fromisoformat(cell)
    except ValueError:
        pass
    raise MistakeError("is not a day", "write it as 2026-10-31 (in Excel: give the column the format Text first)")


def _kbs(cell: str) -> tuple[str, ...]:
    return _words(cell, _KB, "a KB", "KB5074992")


def _cves(cell: str) -> tuple[str, ...]:
    return _words(cell, _CVE, "a CVE", "CVE-2026-42897")


def _words(cell: str, pattern: re.Pattern[str], what: str, example: str) -> tuple[str, ...]:
    words = tuple(cell.split())
    for word in words:
        if not pattern.fullmatch(word):
            raise MistakeError(f"`{word[:40]}` is not {what}", f"write it as {example}; several with a space between")
    if len(set(words)) != len(words):
        raise MistakeError(f"names {what} twice", "remove one")
    return words


def _availability(cell: str) -> Availability:
    if not cell:
        return Availability.PUBLIC
    return Availability(_one_of(cell, tuple(Availability)))


def _kind(cell: str) -> Kind:
    return Kind(_one_of(cell, tuple(Kind))) if cell else Kind.SECURITY


def _one_of(cell: str, known: tuple[str, ...]) -> str:
    if cell in known:
        return cell
    names = ", ".join(str(name) for name in known)
    raise MistakeError(f"is none of {names}", suggestion(cell, known, otherwise="write one of these"))


def _sha256(cell: str) -> str:
    """Programs write it in capitals or in small letters."""
    if _SHA256.fullmatch(cell.lower()):
        return cell.lower()
    raise MistakeError("is not a SHA-256", "write 64 hexadecimal digits; MD5 and SHA-1 are not taken")


def _path(cell: str) -> str:
    """Below Exchange's folder: what a path of a server is cut to before it is compared."""
    names = cell.split("\\")
    if cell and (not all(names) or {".", ".."} & set(names) or ":" in cell or "/" in cell):
        raise MistakeError(
            "is no path below Exchange's folder", "write it as FrontEnd\\HttpProxy\\owa\\auth\\logon.aspx"
        )
    return cell


def _count(cell: str) -> int:
    if not re.fullmatch(r"[0-9]{0,6}", cell, re.ASCII):
        raise MistakeError("is no number", "write in how many builds the page has these bytes, or leave it empty")
    return int(cell or 0)


def _campaign(cell: str) -> str:
    if cell in _RESERVED:
        raise MistakeError(f"`{cell}` is a word of exrun's own", "give the campaign another name")
    if _CAMPAIGN.fullmatch(cell):
        return cell
    raise MistakeError(
        "is not the name of a campaign", "write small letters, digits and `-`, such as owa-xss-2026-42897"
    )


_product = _formed(_PRODUCT, "is not the name of a product", "write it as the other tables do: 2016, 2019 or SE")

BUILDS: Table[Release] = Table(
    "builds",
    "builds.csv",
    (
        Column("product", _product, required=True, filled=True),
        Column("cu", _cu, required=True, filled=True),
        Column("update", _update, required=True),
        Column("build", _build, required=True, filled=True),
        Column("released", _released, required=True, filled=True),
        Column("kb", _kbs),
        Column("availability", _availability),
        Column("replaced_by", _update),
        Column("source", _text),
    ),
    lambda cells: Release(
        cells["product"],
        cells["cu"],
        cells["update"],
        cells["build"],
        cells["released"],
        cells["kb"],
        cells["availability"],
        cells["replaced_by"],
        cells["source"],
    ),
)
CAMPAIGNS: Table[Campaign] = Table(
    "campaigns",
    "campaigns.csv",
    (
        Column("campaign", _campaign, required=True, filled=True),
        Column("kind", _kind),
        Column("title", _text),
        Column("cves", _cves),
        Column("kev", _cves),
        Column("published", _released),
        Column("source", _text),
    ),
    lambda cells: Campaign(
        cells["campaign"],
        cells["kind"],
        cells["title"] or cells["campaign"],
        cells["cves"],
        cells["kev"],
        cells["published"],
        cells["source"],
    ),
)
MINIMUM_BUILDS: Table[Fix] = Table(
    "minimum-builds",
    "minimum-builds.csv",
    (
        Column("campaign", _campaign, required=True, filled=True),
        Column("product", _product, required=True, filled=True),
        Column("cu", _cu, required=True, filled=True),
        Column("min_build", _minimum, required=True, filled=True),
        Column("kb", _kbs),
        Column("cves", _cves),
        Column("source", _text),
    ),
    lambda cells: Fix(
        cells["campaign"], cells["product"], cells["cu"], cells["min_build"], cells["kb"], cells["source"]
    ),
)
SUPPORT: Table[Support] = Table(
    "support",
    "support.csv",
    (
        Column("product", _product, required=True, filled=True),
        Column("ends", _day, required=True),
        Column("esu_ends", _day),
        Column("source", _text),
    ),
    lambda cells: Support(cells["product"], cells["ends"], cells["esu_ends"], cells["source"]),
)
KNOWN_BAD: Table[KnownBad] = Table(
    "known-bad-sha256",
    "known-bad-sha256.csv",
    (
        Column("sha256", _sha256, required=True, filled=True),
        Column("source", _text, required=True, filled=True),
        Column("what", _text, required=True, filled=True),
        Column("licence", _text, required=True, filled=True),
        Column("author", _text),
        Column("url", _text),
    ),
    lambda cells: KnownBad(
        cells["sha256"], cells["what"], cells["source"], cells["licence"], cells["author"], cells["url"]
    ),
)
KNOWN_GOOD: Table[KnownGood] = Table(
    "web-pages-known-good",
    "web-pages-known-good.csv",
    (
        Column("path", _path, required=True, filled=True),
        Column("sha256", _sha256, required=True, filled=True),
        Column("first_build", _build, required=True, filled=True),
        Column("last_build", _build, required=True, filled=True),
        Column("builds", _count),
        Column("source", _text, required=True, filled=True),
        Column("licence", _text, required=True, filled=True),
    ),
    lambda cells: KnownGood(
        cells["path"],
        cells["sha256"],
        cells["first_build"],
        cells["last_build"],
        cells["builds"],
        cells["source"],
        cells["licence"],
    ),
)
TABLES: tuple[Table[Any], ...] = (BUILDS, CAMPAIGNS, MINIMUM_BUILDS, SUPPORT, KNOWN_BAD, KNOWN_GOOD)
# Tables that are read when the first hash is asked for.
HASHES: tuple[Table[Any], ...] = (KNOWN_BAD, KNOWN_GOOD)

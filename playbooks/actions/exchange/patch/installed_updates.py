"""Which updates of Exchange the registry names, and what they say of a build: by KB, in whatever language.

Two places are read. Entries of programs (Windows' Uninstall key) name the KB in the key or in the display name, whose
words are in the language of the update's package: "Security Update für Exchange Server 2019 Kumulatives Update 15
(KB5063221)". And setup keeps a key for each update below Microsoft\\Updates\\Exchange 2013, 2016 or 2019, with
PackageName and InstalledDate (CSS-Exchange, HealthChecker, Get-ExchangeUpdates.ps1); Exchange SE writes below 2019.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue, Release
from playbooks.observation import Observed, Unread
from playbooks.values import Record, text_of

UNINSTALL_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
UPDATES_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Updates"
# All of these are looked for in the plain form of a text. ASCII throughout: Chinese and Japanese put no blank between
# their words and `Exchange Server 2019`, so that only ASCII letters and digits may bound a word.
_IN_ANY_LANGUAGE = re.ASCII | re.IGNORECASE
# KB5063221, KB 5063221, kb-5063221.
_KB = re.compile(r"(?<![A-Z])KB[ :#\u2010-\u2015-]{0,2}(\d{6,8})(?!\d)", _IN_ANY_LANGUAGE)
# The product's name is in Latin letters in every language. The key of the product begins `Microsoft Exchange v15`.
_EXCHANGE = re.compile(r"\bExchange Server\b", _IN_ANY_LANGUAGE)
_KEY = re.compile(r"Microsoft Exchange v15\b", _IN_ANY_LANGUAGE)
_YEAR = re.compile(r"Exchange Server (20\d\d)\b", _IN_ANY_LANGUAGE)
# `CU14`, or a number of one or two digits by itself, whatever the words for cumulative update are: but not that of a
# service pack, nor a part of `1.2` or `64-bit`.
_CU = re.compile(r"(?:\bCU ?|(?<![\w./-])(?<!SP )(?<!Service Pack ))(\d{1,2})(?![\w/-]|\.\d)", _IN_ANY_LANGUAGE)
# How Microsoft writes its name as the publisher of localised packages.
_MICROSOFT = ("microsoft", "майкрософт", "微软", "微軟", "マイクロソフト")
# KBs of one month's updates differ by less.
ONE_MONTH = 100
# The key that setup uses below Microsoft\Updates, by the second number of a build.
_PRODUCT_KEYS = {0: "Exchange 2013", 1: "Exchange 2016", 2: "Exchange 2019"}


class Says(Enum):
    """What the entry of an update says of a build."""

    OWN = "it is the build's own update"
    MAY_BE = "its KB is not in the catalogue, and nothing is against its being the build's own"
    ODD = "of a newer update, or of the same month's for another cumulative update or product"
    HISTORY = "of an older update, or of another product"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an Exchange update: as text for a person, and its KBs as `KB1234567`."""

    text: str
    kbs: frozenset[str]
    says: Says


def entries(observed: Observed, release: Release, catalogue: Catalogue) -> tuple[Entry, ...]:
    """The entries of Exchange's updates, in the order in which the host gave them.

    Args:
        release: what ExSetup.exe's build is.
    """
    return (*_uninstall(observed, release, catalogue), *_update_keys(observed, release, catalogue))


def kbs_in(text: str) -> frozenset[str]:
    """The KBs that a text names, as `KB1234567`."""
    return frozenset(f"KB{number}" for number in _KB.findall(_plain(text)))


def cut_short(observed: Observed) -> tuple[str, ...]:
    """The places that have more keys than were read, a line each."""
    return tuple(
        f"{text_of(each, 'What')}: of {each.get('Seen')!s} keys only {each.get('Limit')!s} were read"
        for each in observed.of_kind("Capped")
    )


def is_entry(unread: Unread) -> bool:
    """Whether what could not be read is one of the two places, or a key in one."""
    return unread.what.casefold().startswith((UNINSTALL_KEY.casefold(), UPDATES_KEY.casefold()))


def is_exchange_s(key: str, record: Record, name: str = "DisplayName") -> bool:
    """Whether an entry of a program is Exchange's, or of an update of it.

    Args:
        key: the name of its key.
        record: with what it says as `Publisher` and, as `name`, the property with its name for people.
    """
    shown = _plain(text_of(record, name))
    return _KEY.match(key) is not None or (_EXCHANGE.search(shown) is not None and _is_microsofts(record))


def _uninstall(observed: Observed, release: Release, catalogue: Catalogue) -> Iterator[Entry]:
    for record in observed.of_kind("Update"):
        key, name = text_of(record, "Key"), _plain(text_of(record, "DisplayName"))
        kbs = kbs_in(name) | kbs_in(key)
        known = any(catalogue.releases_with(kb) for kb in kbs)
        if kbs and (known or is_exchange_s(key, record)):
            fits = _fits(name, release)
            yield Entry(name or key, kbs, _says(kbs, release, catalogue, fits=fits))


def _update_keys(observed: Observed, release: Release, catalogue: Catalogue) -> Iterator[Entry]:
    for record in observed.of_kind("UpdateKey"):
        name, product = text_of(record, "Name"), text_of(record, "Product")
        # PackageName is the name for people, which other tools show.
        package = _plain(text_of(record, "PackageName"))
        kbs = kbs_in(name) | kbs_in(package)
        if kbs:
            fits = product == _PRODUCT_KEYS.get(release.build.minor) and _fits(package, release)
            yield Entry(f"{UPDATES_KEY}\\{product}\\{name}", kbs, _says(kbs, release, catalogue, fits=fits))


def _says(kbs: frozenset[str], release: Release, catalogue: Catalogue, *, fits: bool) -> Says:
    """By the best of an entry's KBs: a key's name and a display name can differ.

    Args:
        fits: the entry names no other product or cumulative update, so that an unknown KB may be the build's own.
    """
    each = {_kb_says(kb, release, catalogue, fits=fits) for kb in kbs}
    return next(said for said in Says if said in each)


def _kb_says(kb: str, release: Release, catalogue: Catalogue, *, fits: bool) -> Says:
    own = catalogue.kbs(release.build)
    rows = catalogue.releases_with(kb)
    if kb in own:
        return Says.OWN
    if not rows:
        return Says.MAY_BE if fits and not _is_older(kb, release, catalogue) else Says.HISTORY
    same = [row for row in rows if row.build.cu_level == release.build.cu_level]
    if same:
        return Says.ODD if max(row.build for row in same) > release.build else Says.HISTORY
    return Says.ODD if max(row.month for row in rows) >= release.month else Says.HISTORY


def _is_older(kb: str, release: Release, catalogue: Catalogue) -> bool:
    """Whether a KB that the catalogue does not know is of an earlier month than the build.

    Their numbers rise with time. Those of one month lie within a few of each other: 5074992 to 5074995 in
    February 2026.
    """
    number = _number(kb)
    own = [_number(each) for each in release.kbs]
    earlier = [_number(each) for row in catalogue.releases if row.month < release.month for each in row.kbs]
    return (bool(own) and number + ONE_MONTH < min(own)) or (bool(earlier) and number <= max(earlier))


def _number(kb: str) -> int:
    return int(kb.removeprefix("KB"))


def _fits(name: str, release: Release) -> bool:
    """Whether a display name is not of another product or cumulative update; what it leaves out counts for it."""
    year, cus = _YEAR.search(name), {f"CU{int(number)}" for number in _CU.findall(name)}
    return (year is None or year[1] == release.product) and (not cus or release.cu in cus)


def _is_microsofts(record: Record) -> bool:
    """Other makers' products have Exchange in their names too."""
    publisher = _plain(text_of(record, "Publisher")).casefold()
    return not publisher or any(name in publisher for name in _MICROSOFT)


def _plain(text: str) -> str:
    """Without marks of direction and width, which nobody sees; blanks and full-width forms as in ASCII."""
    seen = "".join(character for character in text if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFKC", seen)


def is_update(build: Build, release: Release) -> bool:
    """Whether a build is that of a security update, which leaves entries. It is not known that each hotfix does."""
    return release.build == build and "SU" in release.update

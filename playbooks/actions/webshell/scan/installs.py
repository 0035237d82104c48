"""On which days Exchange and its updates were installed, as far as a server says.

Windows Installer writes `InstallDate` of a program, `yyyyMMdd`, a day where the server is; it is that of the last patch
or repair where there was one (Microsoft, MsiGetProductInfo, INSTALLPROPERTY_INSTALLDATE). Below Microsoft\\Updates it
writes `InstalledDate` as its country writes days, `9/18/2003` or `18.09.2003` (Microsoft, KB 888535): where month and
day can be told either way, both days are meant. ExSetup.exe is made anew by setup and by updates.

Each of these can be written by whoever broke in: more days make age say less, and it never speaks for a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from playbooks.actions.exchange.patch.installed_updates import UNINSTALL_KEY, UPDATES_KEY, is_exchange_s
from playbooks.investigating.ages import in_utc
from playbooks.observation import Observed
from playbooks.values import text_of

__all__ = ["Installs", "installs_of", "is_of_installs"]

_PROGRAM = "\\bin\\exsetup.exe"
_TOLD = "days of installs"
_LONGEST = 100  # characters of a text that is no day
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})\s*[./-]\s*(\d{1,2})\s*[./-]\s*(\d{1,2})\.?", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})\s*[./-]\s*(\d{1,2})\s*[./-]\s*(\d{4})\.?", re.ASCII)
# The first Exchange with these keys is of 2012; a year of another calendar is none that is read.
_YEARS = range(2012, 2200)


@dataclass(frozen=True, slots=True)
class Installs:
    """When Exchange and its updates were installed.

    Attributes:
        days: on which it was, as the server's calendar has them, but for ExSetup.exe's, which is UTC.
        unknown: what of that could not be read, one line each.
    """

    days: frozenset[date]
    unknown: tuple[str, ...]


def is_of_installs(what: str) -> bool:
    """Whether what was not read, or left out, is one of the places where days of installs stand."""
    return what == _TOLD or what.casefold().startswith((UNINSTALL_KEY.casefold(), UPDATES_KEY.casefold()))


def installs_of(observed: Observed) -> Installs:
    """What a server says of its installs, in whatever order."""
    days: set[date] = set()
    unknown = {f"{entry.what}: {entry.why}" for entry in observed.unread if is_of_installs(entry.what)}
    unknown |= {
        f"{text_of(each, 'What')}: {each.get('Limit')!s} of at least {each.get('Seen')!s}"
        for each in observed.of_kind("Capped")
        if is_of_installs(text_of(each, "What"))
    }
    for record in observed.of_kind("Installed"):
        key, said = text_of(record, "Key"), text_of(record, "On").strip()
        in_uninstall = key.casefold().startswith(f"{UNINSTALL_KEY}\\".casefold())
        if not said or (in_uninstall and not is_exchange_s(key[len(UNINSTALL_KEY) + 1 :], record, "Name")):
            continue
        found = frozenset(_made(said) if key.casefold().endswith(_PROGRAM) else _days(said))
        days |= found
        if not found:
            unknown.add(f"{key}: {said[:_LONGEST]!r} is no day of an install")
    return Installs(frozenset(days), tuple(sorted(unknown)))


def _days(said: str) -> Iterator[date]:
    if found := _COMPACT.fullmatch(said) or _YEAR_FIRST.fullmatch(said):
        yield from _day(int(found[1]), int(found[2]), int(found[3]))
    elif found := _YEAR_LAST.fullmatch(said):
        yield from _day(int(found[3]), int(found[1]), int(found[2]))
        yield from _day(int(found[3]), int(found[2]), int(found[1]))


def _day(year: int, month: int, day: int) -> Iterator[date]:
    if year in _YEARS:
        try:
            yield date(year, month, day)
        except ValueError:
            return


def _made(said: str) -> Iterator[date]:
    when = in_utc(said)
    if when is not None and when.year in _YEARS:
        yield when.date()

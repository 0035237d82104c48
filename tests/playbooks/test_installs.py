"""On which days Exchange was installed, whatever stands where days should, in whatever order."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.actions.exchange.patch.installed_updates import UNINSTALL_KEY, UPDATES_KEY
from playbooks.actions.webshell.scan.installs import installs_of, is_of_installs
from playbooks.observation import Observed, Unread
from playbooks.values import Record

PRODUCT = f"{UNINSTALL_KEY}\\{{CD981244-E9B8-405A-9026-6AEB9DCEF1F1}}"
UPDATE = f"{UPDATES_KEY}\\Exchange 2019\\KB5000871"
PROGRAM = "C:\\Exchange\\Bin\\ExSetup.exe"


def entry(
    on: str | None, key: str = PRODUCT, name: str | None = "Microsoft Exchange Server", by: str | None = None
) -> Record:
    return {"Kind": "Installed", "Key": key, "Name": name, "Publisher": by, "On": on}


records = st.builds(
    entry,
    st.none()
    | st.text(max_size=20)
    | st.from_regex(r"\d{1,4}[./-]?\d{1,2}[./-]?\d{1,4}", fullmatch=True)
    | st.datetimes().map(lambda each: each.isoformat()),
    st.sampled_from((PRODUCT, UPDATE, PROGRAM, UNINSTALL_KEY, "")) | st.text(max_size=9),
    st.none() | st.sampled_from(("Microsoft Exchange Server", "Backup for Exchange Server")) | st.text(max_size=9),
    st.none() | st.sampled_from(("Microsoft Corporation", "Somebody")),
)


@given(st.lists(records, max_size=6), st.randoms())
def test_whatever_it_says_it_is_read_the_same_in_any_order(said: list[Record], order: object) -> None:
    mixed = list(said)
    order.shuffle(mixed)  # type: ignore[attr-defined]
    found = installs_of(Observed(tuple(said)))
    assert found == installs_of(Observed(tuple(mixed)))
    assert all(2012 <= each.year < 2200 for each in found.days)
    assert len(found.unknown) <= len(said)


@given(st.dates(date(2012, 1, 1), date(2199, 12, 31)))
def test_a_day_of_windows_installer_is_that_day_and_none_other(day: date) -> None:
    assert installs_of(Observed((entry(f"{day:%Y%m%d}"),))).days == {day}
    for form in ("%Y-%m-%d", "%Y/%m/%d", "%Y. %m. %d."):
        assert installs_of(Observed((entry(f"{day:{form}}", UPDATE),))).days == {day}
    for form in ("%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", " %d. %m. %Y "):
        found = installs_of(Observed((entry(f"{day:{form}}", UPDATE),))).days
        assert day in found
        assert found <= {day, *([day.replace(month=day.day, day=day.month)] if day.day <= 12 else [])}


@pytest.mark.parametrize(
    "on",
    [
        *("99999999", "20211332", "20210230", "2021031", "yesterday", "31.12.9999", "1.1.1", "00000000", "\x1b[2J"),
        *("٢٠٢١٠٣١٢", "2564/03/12", "12032564", "2021-03-12T00:00:00Z", "20210312 ; x", "3/16/23"),
    ],
)
def test_what_is_no_day_is_told_and_is_none(on: str) -> None:
    found = installs_of(Observed((entry(on),)))
    assert found.days == frozenset()
    (said,) = found.unknown
    assert said.startswith(PRODUCT)
    assert "\x1b" not in said


def test_what_bears_no_day_is_none_and_nothing_to_tell() -> None:
    assert installs_of(Observed((entry(None), entry(""), entry("  ", UPDATE)))) == installs_of(Observed(()))


@pytest.mark.parametrize(
    ("made", "day"),
    [("2021-03-12T23:30:00.0000000Z", 12), ("2021-03-12T23:30:00-02:00", 13), ("2021-03-12T00:30:00+02:00", 11)],
)
def test_when_the_program_of_setup_was_made_is_a_day_in_utc(made: str, day: int) -> None:
    assert installs_of(Observed((entry(made, PROGRAM, None),))).days == {date(2021, 3, day)}


def test_only_places_where_days_stand_are_told_as_such() -> None:
    for what in (UNINSTALL_KEY, PRODUCT.upper(), UPDATE, "days of installs"):
        assert is_of_installs(what)
        assert installs_of(Observed((), (Unread(what, "closed"),))).unknown == (f"{what}: closed",)
    for what in ("C:\\inetpub\\wwwroot", "files told of", "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15\\Setup", ""):
        assert not is_of_installs(what)

"""Updates are known by their KB, in whatever words and characters it stands."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.actions.exchange.patch.installed_updates import Says, entries, kbs_in
from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue, Known, Release
from playbooks.observation import Observed
from playbooks.values import Record

CATALOGUE = Catalogue.load()
BLANKS = ("", " ", "\u00a0", "\u202f", "\u3000", "-")
FULL_WIDTH = str.maketrans("KB0123456789", "\uff2b\uff22" + "".join(chr(0xFF10 + digit) for digit in range(10)))


def release(build: str) -> Release:
    """The row of a build."""
    identity = CATALOGUE.identify(Build.parse(build))
    assert isinstance(identity, Known)
    return identity.release


SE_FEB26 = release("15.2.2562.37")


def said(*records: Record, of: Release = SE_FEB26) -> list[Says]:
    """What each entry says of a build."""
    return [entry.says for entry in entries(Observed(records), of, CATALOGUE)]


def entry(name: str, *, key: str = "{1}", publisher: str | None = "Microsoft Corporation") -> Record:
    """The record of an entry of programs."""
    return {"Kind": "Update", "Key": key, "DisplayName": name, "DisplayVersion": None, "Publisher": publisher}


def update_key(name: str, product: str = "Exchange 2019") -> Record:
    """The record of setup's own key."""
    return {"Kind": "UpdateKey", "Name": name, "Product": product, "PackageName": None, "InstalledDate": None}


def words(text: str) -> bool:
    """Whether a text has neither a digit nor a KB of its own."""
    plain = unicodedata.normalize("NFKC", text)
    return not any(character.isdigit() for character in plain) and "kb" not in plain.casefold()


@given(
    before=st.text().filter(words),
    opening=st.sampled_from(["(", "\uff08", "\u00ab", " ", "\u66f4\u65b0"]),
    blank=st.sampled_from(BLANKS),
    number=st.integers(min_value=100_000, max_value=99_999_999),
    after=st.text().filter(words),
    wide=st.booleans(),
)
def test_a_kb_is_found_in_whatever_stands_around_it(
    before: str, opening: str, blank: str, number: int, after: str, wide: bool
) -> None:
    kb = f"KB{blank}{number}"
    assert kbs_in(before + opening + (kb.translate(FULL_WIDTH) if wide else kb) + after) == {f"KB{number}"}


@pytest.mark.parametrize("text", ["", "KB", "KB12345", "SKB1234567", "KB123456789", "Exchange 5074992"])
def test_what_is_no_kb_is_none(text: str) -> None:
    assert kbs_in(text) == frozenset()


def test_kbs_rise_with_time_so_that_a_lower_one_is_older() -> None:
    months = sorted({row.month for row in CATALOGUE.releases if row.kbs})
    spans = [
        (min(numbers), max(numbers))
        for month in months
        for numbers in [[int(kb[2:]) for row in CATALOGUE.releases if row.month == month for kb in row.kbs]]
    ]
    assert len(spans) > 5
    assert all(earlier[1] < later[0] for earlier, later in pairwise(spans))


def test_the_key_says_it_where_the_display_name_does_not() -> None:
    assert said(entry("", key="Microsoft Exchange v15.KB5074992")) == [Says.OWN]
    assert said(update_key("KB5074992")) == [Says.OWN]


def test_a_key_named_after_another_kb_does_not_outweigh_the_display_name() -> None:
    assert said(entry("Security Update (KB5074992)", key="Microsoft Exchange v15.KB5074993")) == [Says.OWN]


def test_the_same_months_update_of_another_product_is_odd_and_an_earlier_months_is_history() -> None:
    assert said(update_key("KB5074993"), update_key("KB5066367")) == [Says.ODD, Says.HISTORY]


def test_a_newer_update_of_this_cumulative_update_is_odd_and_an_older_one_is_history() -> None:
    assert said(update_key("KB5121608"), update_key("KB5071876")) == [Says.ODD, Says.HISTORY]


def test_an_unknown_kb_of_later_numbers_may_be_it_and_of_earlier_ones_is_history() -> None:
    assert said(update_key("KB5075111"), update_key("KB5032146")) == [Says.MAY_BE, Says.HISTORY]


@pytest.mark.parametrize(
    "record",
    [
        entry("Microsoft .NET Framework 4.8 (KB5075111)"),
        entry("Update for SQL Server 2019 (KB5075111)"),
        entry("Backup for Microsoft Exchange Server (KB5075111)", publisher="Somebody Else Ltd."),
        update_key("Language Pack"),
    ],
)
def test_entries_of_others_are_no_entries_of_exchange(record: Record) -> None:
    assert said(record) == []


@pytest.mark.parametrize(
    "record",
    [
        entry("Security Update for Exchange Server 2016 Cumulative Update 23 (KB5075111)"),
        entry("Security Update for Exchange Server 2019 CU15 (KB5075111)"),
        update_key("KB5075111", "Exchange 2016"),
    ],
)
def test_an_unknown_kb_of_another_product_or_cumulative_update_is_history(record: Record) -> None:
    assert said(record) == [Says.HISTORY]

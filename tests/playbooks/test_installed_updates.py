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
BLANKS = ("", " ", "\u00a0", "\u202f", "\u3000", "-", "\u2011", "\u200e", "\u200b")
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


def update_key(name: str, product: str = "Exchange 2019", package: str | None = None) -> Record:
    """The record of setup's own key."""
    return {"Kind": "UpdateKey", "Name": name, "Product": product, "PackageName": package, "InstalledDate": None}


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


SE_AUG25, CU14_AUG25 = release("15.2.2562.20"), release("15.2.1544.33")


@pytest.mark.parametrize(
    "record",
    [
        entry("\u9002\u7528\u4e8eExchange Server Subscription Edition\u7684\u5b89\u5168\u66f4\u65b0 (KB5063224)"),
        entry("Exchange Server\u7528\u30bb\u30ad\u30e5\u30ea\u30c6\u30a3\u66f4\u65b0 (KB5063224)"),
        entry("Aktualizacja zabezpiecze\u0144 Exchange\u00a0Server SE (KB\u20115063224)"),
        entry("\u05e2\u05d3\u05db\u05d5\u05df Exchange Server \u200e(KB\u200e5063224)"),
        entry(
            "Exchange Server SE (KB5063224)",
            publisher="\u041a\u043e\u0440\u043f\u043e\u0440\u0430\u0446\u0438\u044f "
            "\u041c\u0430\u0439\u043a\u0440\u043e\u0441\u043e\u0444\u0442",
        ),
        update_key("{6B}", package="Security Update for Exchange Server SE (KB5063224)"),
    ],
)
def test_an_unknown_kb_may_be_it_in_every_language(record: Record) -> None:
    assert said(record, of=SE_AUG25) == [Says.MAY_BE]


@pytest.mark.parametrize(
    "words",
    [
        "Sicherheitsupdate f\u00fcr Exchange Server 2019 Kumulatives Update 13",
        "Mise \u00e0 jour de s\u00e9curit\u00e9 pour la mise \u00e0 jour cumulative\u00a013 d'Exchange Server 2019",
        "Exchange Server 2019 \u306e\u7d2f\u7a4d\u66f4\u65b0\u30d7\u30ed\u30b0\u30e9\u30e013\u306e\u66f4\u65b0",
        "\u9002\u7528\u4e8eExchange Server 2016\u7684\u5b89\u5168\u66f4\u65b0",
    ],
)
def test_another_cumulative_update_is_told_in_every_language(words: str) -> None:
    assert said(entry(f"{words} (KB5063222)"), of=CU14_AUG25) == [Says.HISTORY]
    assert said(update_key("KB5063222", package=words), of=CU14_AUG25) == [Says.HISTORY]


@pytest.mark.parametrize(
    "words",
    [
        "Kumulatives Update 14 f\u00fcr Exchange Server 2019, 64-Bit, 1.2, 11/8/2022",
        "Update 2 for Exchange Server 2019 CU14",
        "Exchange Server 2019 Service Pack 1",
    ],
)
def test_numbers_of_other_things_are_no_other_cumulative_update(words: str) -> None:
    assert said(entry(f"{words} (KB5063222)"), of=CU14_AUG25) == [Says.MAY_BE]

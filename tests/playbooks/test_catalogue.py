"""What may be concluded from a build number."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import (
    Between,
    Catalogue,
    Known,
    NeedsCu,
    NewerThanCatalogue,
    NotInCatalogue,
    OlderThanCatalogue,
    Patched,
    Release,
    Vulnerable,
)

CATALOGUE = Catalogue.load()
ROOT = Path(__file__).resolve().parent.parent.parent
RELEASES = st.sampled_from(CATALOGUE.releases)
CAMPAIGNS = st.sampled_from(CATALOGUE.campaigns)
NUMBERS = st.integers(min_value=0, max_value=99_999)
BUILDS = st.builds(Build, NUMBERS, NUMBERS, NUMBERS, NUMBERS)


def title(text: str) -> str:
    match CATALOGUE.identify(Build.parse(text)):
        case Known(release):
            return release.title
        case other:
            return type(other).__name__


@given(BUILDS)
def test_a_build_is_read_back_from_its_own_text(build: Build) -> None:
    assert Build.parse(str(build)) == build


@given(BUILDS)
def test_the_form_of_a_version_resource_is_the_same_build(build: Build) -> None:
    padded = f"{build.major:02}.{build.minor:02}.{build.build:04}.{build.revision:03}"
    assert Build.parse(padded) == build


@pytest.mark.parametrize(
    "text", ["", "15.1.2176", "15.1.2176.9.1", "15.1.x.9", "15,1,2176,9", "١٥.1.2176.9", "1" * 400]
)
def test_what_is_not_four_numbers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a build of four numbers"):
        Build.parse(text)


def test_builds_compare_as_numbers_and_not_as_text() -> None:
    assert Build.parse("15.1.2176.9") < Build.parse("15.1.2176.14")


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        ("15.0.1497.2", "Exchange Server 2013 CU23"),
        ("15.01.2176.009", "Exchange Server 2016 CU19 Mar21SU"),
        ("15.1.2507.66", "Exchange Server 2016 CU23 Feb26SU"),
        ("15.2.1748.43", "Exchange Server 2019 CU15 Feb26SU"),
        ("15.2.2562.17", "Exchange Server SE RTM"),
        ("15.1.2507.99", "NewerThanCatalogue"),
        ("15.2.2562.99", "NewerThanCatalogue"),
        ("15.2.221.12", "OlderThanCatalogue"),
        ("15.1.2176.3", "Between"),
        ("14.3.123.4", "NotInCatalogue"),
        ("16.0.1.1", "NotInCatalogue"),
    ],
)
def test_a_build_is_named(build: str, expected: str) -> None:
    assert title(build) == expected


@given(RELEASES)
def test_every_row_is_known_under_its_own_product_and_cu(row: Release) -> None:
    assert row in CATALOGUE.releases
    identity = CATALOGUE.identify(row.build)
    assert isinstance(identity, Known)
    assert (identity.release.product, identity.release.cu) == (row.product, row.cu)


@given(BUILDS)
def test_any_build_gets_one_answer_and_never_an_exception(build: Build) -> None:
    identity = CATALOGUE.identify(build)
    assert isinstance(identity, Known | Between | NewerThanCatalogue | OlderThanCatalogue | NotInCatalogue)
    assert (CATALOGUE.product_of(build) is None) == isinstance(identity, NotInCatalogue)


@pytest.mark.parametrize(
    ("campaign", "build", "expected"),
    [
        ("proxylogon", "15.1.2176.9", Patched),
        ("proxylogon", "15.1.2176.8", Vulnerable),
        ("proxylogon", "15.1.2176.14", Patched),
        ("proxylogon", "15.1.1261.39", NeedsCu),
        ("proxylogon", "15.1.2242.4", Patched),
        ("proxylogon", "15.2.2562.17", Patched),
        ("proxyshell", "15.0.1473.6", NeedsCu),
        ("proxynotshell", "15.1.2507.13", Vulnerable),
        ("proxynotshell", "15.2.1258.12", Patched),
        ("owa-rce-2024-26198", "15.0.1497.48", NeedsCu),
        ("hybrid-2025-53786", "15.2.1544.14", Vulnerable),
    ],
)
def test_the_row_of_the_builds_own_cu_decides(campaign: str, build: str, expected: type) -> None:
    assert isinstance(CATALOGUE.fixed(campaign, Build.parse(build)), expected)


@given(CAMPAIGNS, RELEASES, st.integers(min_value=0, max_value=200))
def test_a_higher_build_of_one_cu_is_never_less_patched(campaign: str, row: Release, more: int) -> None:
    lower = row.build
    higher = Build(lower.major, lower.minor, lower.build, lower.revision + more)
    if isinstance(CATALOGUE.fixed(campaign, lower), Patched):
        assert isinstance(CATALOGUE.fixed(campaign, higher), Patched)


@given(CAMPAIGNS, RELEASES)
def test_a_vulnerable_server_is_told_a_build_of_its_own_cu(campaign: str, row: Release) -> None:
    state = CATALOGUE.fixed(campaign, row.build)
    if isinstance(state, Vulnerable):
        assert state.needs.minimum > row.build
        assert state.needs.cu == row.cu


def test_an_unknown_campaign_is_an_error_and_not_a_verdict() -> None:
    with pytest.raises(KeyError):
        CATALOGUE.fixed("proxylogin", Build.parse("15.1.2176.9"))


def test_support_ends_on_the_last_day_and_not_before() -> None:
    assert CATALOGUE.in_support("2016", date(2025, 10, 14)) is True
    assert CATALOGUE.in_support("2016", date(2025, 10, 15)) is False
    assert CATALOGUE.in_support("SE", date(2030, 1, 1)) is True
    assert CATALOGUE.in_support("2010", date(2030, 1, 1)) is None


@pytest.mark.needs_shared
@pytest.mark.parametrize("name", ["builds.csv", "minimum-builds.csv"])
def test_the_shipped_tables_are_those_of_the_domain_facts(shared: Path, name: str) -> None:
    shipped = (ROOT / "playbooks" / "catalogue" / name).read_text(encoding="utf-8")
    assert shipped == (shared / "exchange" / name).read_text(encoding="utf-8")


def test_the_as_of_day_is_the_one_that_the_table_itself_names() -> None:
    text = (ROOT / "playbooks" / "catalogue" / "builds.csv").read_text(encoding="utf-8")
    assert f"as of {CATALOGUE.as_of}" in text

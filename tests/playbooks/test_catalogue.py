"""What may be concluded from a build number."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import (
    Age,
    Availability,
    Between,
    Campaign,
    Catalogue,
    Fix,
    Kind,
    Known,
    NewerThanCatalogue,
    NoFixListed,
    NoFixMade,
    NotInCatalogue,
    Patched,
    Release,
    Undecided,
    Vulnerable,
)

CATALOGUE = Catalogue.load()
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
        ("15.0.847.64", "Exchange Server 2013 CU4 (SP1) Mar21SU"),
        ("15.01.2176.009", "Exchange Server 2016 CU19 Mar21SU"),
        ("15.1.2507.66", "Exchange Server 2016 CU23 Feb26SU"),
        ("15.2.221.12", "Exchange Server 2019 RTM"),
        ("15.2.1748.43", "Exchange Server 2019 CU15 Feb26SU"),
        ("15.2.2562.17", "Exchange Server SE RTM"),
        ("15.1.2507.99", "NewerThanCatalogue"),
        ("15.2.1544.99", "NewerThanCatalogue"),
        ("15.2.2562.99", "NewerThanCatalogue"),
        ("15.2.2700.1", "NewerThanCatalogue"),
        ("15.1.2176.3", "Between"),
        ("15.2.1600.1", "UnlistedCu"),
        ("15.2.196.0", "UnlistedCu"),
        ("14.3.123.4", "NotInCatalogue"),
        ("16.0.1.1", "NotInCatalogue"),
    ],
)
def test_a_build_is_named(build: str, expected: str) -> None:
    assert title(build) == expected


def test_newer_than_the_catalogue_is_decided_within_the_cumulative_update() -> None:
    own = CATALOGUE.identify(Build.parse("15.2.1544.99"))
    assert isinstance(own, NewerThanCatalogue)
    assert (own.newest.cu, own.same_cu) == ("CU14", True)
    later = CATALOGUE.identify(Build.parse("15.2.2700.1"))
    assert isinstance(later, NewerThanCatalogue)
    assert (later.newest.product, later.same_cu) == ("SE", False)


@given(RELEASES)
def test_every_row_is_known_under_its_own_product_and_cu(row: Release) -> None:
    identity = CATALOGUE.identify(row.build)
    assert isinstance(identity, Known)
    assert (identity.release.product, identity.release.cu) == (row.product, row.cu)


@given(BUILDS)
def test_any_build_gets_one_answer_and_never_an_exception(build: Build) -> None:
    identity = CATALOGUE.identify(build)
    assert (CATALOGUE.product_of(build) is None) == isinstance(identity, NotInCatalogue)


@given(RELEASES, st.integers(min_value=0, max_value=200))
def test_a_build_of_a_listed_cu_is_never_told_as_one_of_another(row: Release, more: int) -> None:
    build = Build(row.build.major, row.build.minor, row.build.build, row.build.revision + more)
    match CATALOGUE.identify(build):
        case Known(found) | Between(found) | NewerThanCatalogue(newest=found, same_cu=True):
            assert found.build.cu_level == row.build.cu_level
        case other:
            pytest.fail(f"{build} is {other}")


@pytest.mark.parametrize(
    ("campaign", "build", "expected"),
    [
        ("proxylogon", "15.1.2176.9", Patched),
        ("proxylogon", "15.1.2176.8", Vulnerable),
        ("proxylogon", "15.1.2176.14", Patched),
        ("proxylogon", "15.1.1261.39", NoFixListed),
        ("proxylogon", "15.0.847.64", Patched),
        ("proxylogon", "15.0.913.22", NoFixListed),
        ("proxylogon", "15.2.221.18", Patched),
        ("proxylogon", "15.2.221.12", Vulnerable),
        ("proxylogon", "15.1.2242.4", Patched),
        ("proxylogon", "15.2.2562.17", Patched),
        ("proxyshell", "15.0.1473.6", NoFixListed),
        ("proxynotshell", "15.1.2507.13", Vulnerable),
        ("proxynotshell", "15.2.1258.12", Patched),
        ("owa-rce-2024-26198", "15.0.1497.48", NoFixListed),
        ("owa-rce-2024-26198", "15.2.1600.1", Undecided),
        ("hybrid-2025-53786", "15.2.1544.14", Vulnerable),
        ("hybrid-2025-53786", "15.2.1600.1", Undecided),
        ("owa-xss-2026-42897", "15.2.2562.37", Vulnerable),
        ("oct-2026", "15.2.2700.1", Patched),
        ("exchange-online-floor-2026", "15.2.1748.36", Vulnerable),
        ("exchange-online-floor-2026", "15.2.2562.17", Patched),
    ],
)
def test_the_row_of_the_builds_own_cu_decides(campaign: str, build: str, expected: type) -> None:
    assert isinstance(CATALOGUE.fixed(campaign, Build.parse(build)), expected)


@given(CAMPAIGNS, BUILDS | RELEASES.map(lambda row: row.build))
def test_that_no_fix_was_made_is_said_by_a_row_alone(campaign: str, build: Build) -> None:
    state = CATALOGUE.fixed(campaign, build)
    if isinstance(state, NoFixMade):
        assert state.said.minimum is None
        assert state.said in CATALOGUE.tables.fixes


def test_a_row_can_say_that_no_fix_was_made() -> None:
    said = Fix("proxyshell", "2016", "CU18", None, (), "KB5003435")
    with_row = replace(CATALOGUE, tables=replace(CATALOGUE.tables, fixes=(*CATALOGUE.tables.fixes, said)))
    build = Build.parse("15.1.2106.13")
    assert isinstance(CATALOGUE.fixed("proxyshell", build), NoFixListed)
    state = with_row.fixed("proxyshell", build)
    assert isinstance(state, NoFixMade)
    assert (state.said, state.first and state.first.cu) == (said, "CU19")


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
        assert state.needs.minimum is not None
        assert state.needs.minimum > row.build
        assert state.needs.cu == row.cu


@given(CAMPAIGNS, RELEASES)
def test_a_fix_for_another_cu_is_always_of_a_newer_one(campaign: str, row: Release) -> None:
    match CATALOGUE.fixed(campaign, row.build):
        case NoFixListed(Fix(minimum=Build() as minimum)) | NoFixMade(first=Fix(minimum=Build() as minimum)):
            assert minimum.cu_level > row.build.cu_level


@pytest.mark.parametrize(
    ("build", "cu", "minimum", "expected"),
    [
        # Older than the fix for another cumulative update or product, and no row of their own: nothing is known.
        ("15.2.1748.39", "CU14", "15.2.1544.50", Undecided),
        ("15.2.2562.17", "CU15", "15.2.1748.55", Undecided),
        # As new as the fix, or newer.
        ("15.2.1748.55", "CU14", "15.2.1544.50", Patched),
        ("15.2.1748.10", "CU13", "15.2.1258.32", Patched),
        ("15.2.2900.5", "CU15", "15.2.1748.55", Patched),
    ],
)
def test_a_later_cumulative_update_has_a_fix_only_if_it_came_out_later(
    build: str, cu: str, minimum: str, expected: type
) -> None:
    campaign = Campaign("of-one-cu", Kind.SECURITY, "", ("CVE-2026-99999",), (), "", "")
    fix = Fix("of-one-cu", "2019", cu, Build.parse(minimum), (), "")
    tables = CATALOGUE.tables
    of_one_cu = replace(tables, campaigns=(*tables.campaigns, campaign), fixes=(*tables.fixes, fix))
    assert isinstance(replace(CATALOGUE, tables=of_one_cu).fixed("of-one-cu", Build.parse(build)), expected)


def test_an_update_of_two_builds_is_not_behind_itself() -> None:
    assert CATALOGUE.behind(Build.parse("15.1.1415.8")) is None
    assert CATALOGUE.behind(Build.parse("15.1.1415.7")) is not None


def test_an_unknown_campaign_is_an_error_and_not_a_verdict() -> None:
    with pytest.raises(KeyError):
        CATALOGUE.fixed("proxylogin", Build.parse("15.1.2176.9"))


@pytest.mark.parametrize(
    ("build", "newest", "updates", "months"),
    [
        ("15.2.2562.17", "Oct26SU", 11, 15),
        ("15.2.2562.53", "Oct26SU", 1, 0),
        ("15.2.2562.50", "Oct26SU", 2, None),
        ("15.1.2375.7", "Nov22SU", 8, 14),
        ("15.2.1258.38", "Nov24SUv2", 1, 0),
    ],
)
def test_what_is_newer_for_a_cumulative_update_is_counted(
    build: str, newest: str, updates: int, months: int | None
) -> None:
    behind = CATALOGUE.behind(Build.parse(build))
    assert behind is not None
    assert (behind.newest.update, behind.updates, behind.months) == (newest, updates, months)


@given(RELEASES)
def test_a_release_is_behind_unless_nothing_newer_stands(row: Release) -> None:
    newer = [
        other
        for other in CATALOGUE.releases
        if other.build.cu_level == row.build.cu_level
        and other.build > row.build
        and other.availability is not Availability.WITHDRAWN
        and not other.replaced_by
        and other.update != row.update
    ]
    behind = CATALOGUE.behind(row.build)
    assert (behind is None) == (not newer)
    assert behind is None or behind.newest.build == max(other.build for other in newer)


def test_a_replaced_update_is_behind_the_one_that_replaces_it() -> None:
    behind = CATALOGUE.behind(Build.parse("15.2.2562.49"))
    assert behind is not None
    assert behind.updates == 2


DAYS = st.dates(min_value=date(2013, 1, 1), max_value=date(2026, 11, 27))


@given(DAYS, DAYS, RELEASES)
def test_a_day_shows_what_was_out_by_then_and_never_less_than_an_earlier_one(
    one: date, other: date, row: Release
) -> None:
    earlier, later = sorted((one, other))
    before, after = CATALOGUE.on(earlier), CATALOGUE.on(later)
    # By build: an update that was withdrawn or replaced between the two is another row on the later day.
    assert {release.build for release in before.releases} <= {release.build for release in after.releases}
    assert set(before.campaigns) <= set(after.campaigns)
    assert all(release.released_by(earlier) for release in before.releases)
    assert before.on(earlier) is before
    assert before == after.on(earlier)
    assert before.as_of == earlier
    assert before.age(earlier) is Age.CURRENT


def test_on_its_own_day_and_later_a_catalogue_is_itself() -> None:
    assert CATALOGUE.on(CATALOGUE.as_of) is CATALOGUE
    assert CATALOGUE.on(date(2030, 1, 1)) is CATALOGUE


def test_a_month_without_a_day_is_over_before_its_update_is_counted() -> None:
    october = Build.parse("15.2.2562.56")
    assert not isinstance(CATALOGUE.on(date(2026, 10, 31)).identify(october), Known)
    assert isinstance(CATALOGUE.on(date(2026, 11, 1)).identify(october), Known)


def test_tables_age_after_35_days_and_are_stale_after_120() -> None:
    ages = {days: CATALOGUE.age(CATALOGUE.as_of + timedelta(days=days)) for days in (-9, 0, 35, 36, 120, 121)}
    assert ages == {-9: Age.CURRENT, 0: Age.CURRENT, 35: Age.CURRENT, 36: Age.AGED, 120: Age.AGED, 121: Age.STALE}


def test_support_ends_on_the_last_day_and_not_before() -> None:
    assert CATALOGUE.in_support("2016", date(2025, 10, 14)) is True
    assert CATALOGUE.in_support("2016", date(2025, 10, 15)) is False
    assert CATALOGUE.in_support("SE", date(2030, 1, 1)) is True
    assert CATALOGUE.in_support("2010", date(2030, 1, 1)) is None
    support = CATALOGUE.support("2019")
    assert support is not None
    assert support.esu_ends == date(2026, 10, 31)


def test_every_fix_names_a_campaign_and_a_build_that_is_listed_for_its_cu() -> None:
    listed = {(row.product, row.cu, row.build) for row in CATALOGUE.releases}
    for fix in CATALOGUE.tables.fixes:
        assert fix.campaign in CATALOGUE.campaigns
        assert fix.minimum is None or (fix.product, fix.cu, fix.minimum) in listed, fix


@pytest.mark.needs_shared
@pytest.mark.parametrize("name", ["builds.csv", "builds-new.csv"])
def test_every_build_of_the_domain_facts_is_shipped(shared: Path, name: str) -> None:
    shipped = {(row.product, row.cu, row.update, str(row.build)): row for row in CATALOGUE.releases}
    for fact in facts(shared, name):
        row = shipped[fact["product"], fact["cu"], fact["update"], fact["build"]]
        assert row.released.startswith(fact["released"])
        assert fact.get("kb", "") in (*row.kbs, "")


@pytest.mark.needs_shared
@pytest.mark.parametrize("name", ["minimum-builds.csv", "minimum-builds-new.csv"])
def test_every_minimum_build_of_the_domain_facts_is_shipped(shared: Path, name: str) -> None:
    shipped = {(fix.campaign, fix.product, fix.cu, str(fix.minimum)) for fix in CATALOGUE.tables.fixes}
    for fact in facts(shared, name):
        assert (fact["campaign"], fact["product"], fact["cu"], fact["min_build"]) in shipped
        assert CATALOGUE.campaign(fact["campaign"]).cves == tuple(fact["cves"].split())


def facts(shared: Path, name: str) -> list[dict[str, str]]:
    lines = (shared / "exchange" / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))

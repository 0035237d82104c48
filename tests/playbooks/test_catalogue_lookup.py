"""Rows of the catalogue that are found by an index are those that a look through all rows finds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue, Known
from playbooks.catalogue.tables import Release
from tests.runner.fleets import CATALOGUE

few = st.integers(0, 3)
builds = st.builds(Build, few, few, few, few)
rows = st.lists(
    st.builds(
        Release,
        product=st.sampled_from(["2016", "2019", "SE"]),
        cu=st.sampled_from(["CU1", "CU2"]),
        update=st.sampled_from(["", "Jan26SU"]),
        build=builds,
        released=st.just("2026-01"),
    ),
    max_size=12,
)


def catalogue(releases: list[Release]) -> Catalogue:
    return Catalogue(date(2026, 1, 1), replace(CATALOGUE.tables, releases=tuple(releases)), CATALOGUE.origin)


@given(rows, builds)
def test_the_product_of_a_build_is_that_of_the_nearest_release_at_or_below_its_cu(
    releases: list[Release], build: Build
) -> None:
    line = [row for row in releases if (row.build.major, row.build.minor) == (build.major, build.minor)]
    at_or_below = [row for row in line if row.build.cu_level <= build.cu_level]
    expected = None
    if line:
        by_build = {"key": lambda row: row.build}
        expected = (max(at_or_below, **by_build) if at_or_below else min(line, **by_build)).product
    assert catalogue(releases).product_of(build) == expected


@given(rows, builds)
def test_the_releases_of_a_cu_are_all_of_its_level_oldest_first(releases: list[Release], build: Build) -> None:
    found = catalogue(releases).of_cu(build)
    level = build.cu_level
    assert list(found) == sorted((row for row in releases if row.build.cu_level == level), key=lambda row: row.build)


@given(rows.filter(bool), st.data())
def test_a_build_of_a_row_is_known(releases: list[Release], data: st.DataObject) -> None:
    build = data.draw(st.sampled_from([row.build for row in releases]))
    asked = catalogue(releases)
    identity = asked.identify(build)
    of_product = [row for row in releases if row.product == asked.product_of(build) and row.build == build]
    assert identity == Known(of_product[0]) if of_product else not isinstance(identity, Known)


@given(rows)
def test_the_digest_is_over_every_value_of_every_row(releases: list[Release]) -> None:
    tables = catalogue(releases).tables
    whole = [
        [astuple(row) for row in table] for table in (tables.releases, tables.campaigns, tables.fixes, tables.support)
    ]
    text = json.dumps([*whole, tables.known_bad.digest, tables.known_good.digest], default=str, separators=(",", ":"))
    assert tables.digest == hashlib.sha256(text.encode()).hexdigest()

"""Exchange's own pages: what is known of a hash, of a path, and for which builds."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.catalogue import sets
from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue, KnownGood
from playbooks.catalogue.columns import KNOWN_BAD, KNOWN_GOOD
from playbooks.errors import CatalogueError

SHIPPED = Catalogue.load()
ROWS = SHIPPED.tables.known_good.rows
OTHER = hashlib.sha256(b"a page that Microsoft never shipped").hexdigest()
COLUMNS = "path,sha256,first_build,last_build,builds,source,licence"


def own(folder: Path, *rows: str) -> Path:
    (folder / KNOWN_GOOD.file).write_text("\n".join([COLUMNS, *rows]))
    return folder


def refused(folder: Path) -> str:
    with pytest.raises(CatalogueError) as raised:
        Catalogue.load(folder)
    (problem,) = raised.value.problems
    return str(problem).removeprefix(f"{folder}/")


def test_all_published_pages_are_listed_with_source_and_licence() -> None:
    assert len(ROWS) == 3781
    assert len({row.sha256 for row in ROWS}) == 2488
    assert {row.licence for row in ROWS} == {"MIT"}
    assert min(row.first for row in ROWS) == Build.parse("15.0.516.32")
    assert max(row.last for row in ROWS) == Build.parse("15.2.858.5")
    assert all(row.first <= row.last and row.builds > 0 for row in ROWS)


@given(st.sampled_from(ROWS), st.booleans())
def test_a_page_is_found_by_its_hash_and_by_its_path_however_they_are_written(row: KnownGood, upper: bool) -> None:
    assert row in SHIPPED.known_good(row.sha256.upper() if upper else row.sha256)
    assert row in SHIPPED.pages_at(row.path.upper() if upper else row.path)
    assert row.is_of(row.first)
    assert row.is_of(row.last)
    for part in (row.path, row.source, row.licence):
        assert part in row.said


def test_of_what_no_list_has_nothing_is_said() -> None:
    assert SHIPPED.known_good(OTHER) == ()
    assert SHIPPED.pages_at("FrontEnd\\HttpProxy\\owa\\auth\\RedirSuiteServerProxy.aspx") == ()


def test_the_list_is_read_when_it_is_asked_for_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    reading = sets.read_table

    def noted(table, *given):  # type: ignore[no-untyped-def]
        read.append(table.name)
        return reading(table, *given)

    monkeypatch.setattr(sets, "read_table", noted)
    catalogue = Catalogue.load()
    assert catalogue.digest == SHIPPED.digest
    assert KNOWN_GOOD.name not in read
    for _ in range(2):
        assert catalogue.known_good(ROWS[0].sha256)
    assert read.count(KNOWN_GOOD.name) == 1
    assert KNOWN_BAD.name not in read


def test_own_rows_say_more_of_later_builds(tmp_path: Path) -> None:
    row = f"FrontEnd\\HttpProxy\\owa\\auth\\logon.aspx,{OTHER.upper()},15.2.2562.17,15.2.2562.17,,captured of EX1,ours"
    catalogue = Catalogue.load(own(tmp_path, row))
    (found,) = catalogue.known_good(OTHER)
    assert (found.first, found.builds, found.source) == (Build.parse("15.2.2562.17"), 0, "captured of EX1")
    assert found in catalogue.pages_at("frontend\\httpproxy\\owa\\auth\\LOGON.aspx")
    assert len(catalogue.tables.known_good) == len(ROWS) + 1
    assert catalogue.digest != SHIPPED.digest


def test_rows_that_the_set_has_change_nothing(tmp_path: Path) -> None:
    row = ROWS[7]
    text = f"{row.path},{row.sha256},{row.first},{row.last},{row.builds},{row.source},{row.licence}"
    assert Catalogue.load(own(tmp_path, text)).digest == SHIPPED.digest


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"..\\x.aspx,{OTHER},15.2.1.1,15.2.1.1,,a,b", "2:1: path: is no path below Exchange's folder"),
        (f"C:\\x.aspx,{OTHER},15.2.1.1,15.2.1.1,,a,b", "2:1: path: is no path below Exchange's folder"),
        (f"x.aspx,{OTHER},15.2.1.1,15.2.1.0,,a,b", "2:82: last_build: is below first_build"),
        (f"x.aspx,{OTHER},15.2.1.1,15.2.1.1,many,a,b", "2:91: builds: is no number"),
        (f"x.aspx,{OTHER},15.2.1.1,15.2.1.1,,a,", "2:94: licence: is empty"),
    ],
)
def test_what_is_wrong_with_an_own_page_is_told_with_its_place(tmp_path: Path, row: str, said: str) -> None:
    assert refused(own(tmp_path, row)).startswith(f"{KNOWN_GOOD.file}:{said}")


def test_a_hash_cannot_be_good_and_bad(tmp_path: Path) -> None:
    bad = next(iter(SHIPPED.tables.known_bad)).sha256
    assert f"sha256: stands in {KNOWN_BAD.file} and in {KNOWN_GOOD.file}" in refused(
        own(tmp_path, f"x.aspx,{bad},15.2.1.1,15.2.1.1,,a,b")
    )

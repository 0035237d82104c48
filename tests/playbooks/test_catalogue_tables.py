"""How the catalogue's tables are read: what is taken as it is, and what is refused, where and with which advice."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue, Known, NoFixMade, Patched, Vulnerable
from playbooks.catalogue.columns import BUILDS, CAMPAIGNS, KNOWN_BAD, KNOWN_GOOD, MINIMUM_BUILDS, SUPPORT
from playbooks.catalogue.manifest import MANIFEST, manifest_text, schema_text
from playbooks.catalogue.reading import read_table
from playbooks.catalogue.sets import folder_files, packed_manifest, read_set, set_files, shipped_set
from playbooks.errors import CatalogueError
from texts.problems import Problem

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "playbooks" / "catalogue"
SHIPPED = Catalogue.load()
BUILD_COLUMNS = "product,cu,update,build,released"
FIX_COLUMNS = "campaign,product,cu,min_build"


def own(folder: Path, **tables: str) -> Path:
    """A folder of own rows: `minimum_builds` is the text of minimum-builds.csv."""
    for name, text in tables.items():
        (folder / f"{name.replace('_', '-')}.csv").write_text(text, encoding="utf-8")
    return folder


def problems(folder: Path) -> list[str]:
    """What is wrong with a folder of own rows, without the folder."""
    with pytest.raises(CatalogueError) as raised:
        Catalogue.load(folder)
    return [str(problem).removeprefix(f"{folder}/") for problem in raised.value.problems]


def only(folder: Path) -> str:
    (problem,) = problems(folder)
    return problem


# The shipped set


def test_the_shipped_manifest_is_that_of_the_shipped_tables() -> None:
    files = {name: (TABLES / name).read_bytes() for name in set_files()}
    written = files[MANIFEST].decode()
    assert written == manifest_text(packed_manifest(files, "shipped", SHIPPED.as_of)), "renew it: make catalogue"


def test_the_published_schema_of_a_manifest_is_current() -> None:
    published = ROOT / "docs" / "reference" / "schemas" / "catalogue.json"
    assert published.read_text(encoding="utf-8") == schema_text()


def test_every_row_of_the_shipped_tables_names_its_source() -> None:
    tables = SHIPPED.tables
    for row in (*tables.releases, *tables.campaigns, *tables.fixes, *tables.support):
        assert row.source, row
    for listed in (*tables.known_bad, *tables.known_good):
        assert listed.source, listed
        assert listed.licence, listed


@pytest.mark.parametrize("name", [name for name in set_files() if name != MANIFEST])
def test_a_shipped_table_that_somebody_changed_is_not_read(name: str) -> None:
    files = {each: (TABLES / each).read_bytes() for each in set_files()}
    changed = {**files, name: files[name].replace(b"2", b"3", 1)}
    with pytest.raises(CatalogueError, match=f"shipped/{name}:1:1: is not what catalogue.json names"):
        read_set(changed, "shipped", otherwise="install it again")


def test_a_set_knows_nothing_of_what_came_after_its_day() -> None:
    files = {name: (TABLES / name).read_bytes() for name in set_files()}
    with pytest.raises(CatalogueError, match=r"shipped/builds.csv:\d+:\d+: released: is after 2026-06-30"):
        packed_manifest(files, "shipped", date(2026, 6, 30))


def test_a_digest_is_of_the_rows_and_not_of_the_file(tmp_path: Path) -> None:
    assert Catalogue.load().digest == SHIPPED.digest
    same = own(tmp_path, builds=f"{BUILD_COLUMNS}\n2016,CU23,,15.1.2507.6,2022-04\n")
    assert Catalogue.load(same).digest == SHIPPED.digest
    other = own(tmp_path, builds=f"{BUILD_COLUMNS}\nSE,RTM,Dec26SU,15.2.2562.60,2026-12-08\n")
    assert Catalogue.load(other).digest != SHIPPED.digest


# What people and their programs write


def _excel(text: str) -> str:
    """As Excel saves it: comments quoted, all rows as wide as the widest, a row of empty cells at the end."""
    rows = [next(csv.reader([line])) for line in text.splitlines()]
    width = max(len(row) for row in rows)
    written = io.StringIO()
    csv.writer(written, delimiter=";", lineterminator="\r\n").writerows(
        [*(row + [""] * (width - len(row)) for row in rows), [""] * width]
    )
    return written.getvalue()


TABLE_TEXT = (TABLES / "builds.csv").read_text(encoding="utf-8")
FORMS: Mapping[str, bytes] = {
    "CRLF": TABLE_TEXT.replace("\n", "\r\n").encode(),
    "lone CR": TABLE_TEXT.replace("\n", "\r").encode(),
    "byte order mark": TABLE_TEXT.encode("utf-8-sig"),
    "UTF-16": TABLE_TEXT.encode("utf-16"),
    "Excel": _excel(TABLE_TEXT).encode("utf-8-sig"),
    "sep=": ("sep=;\r\n" + _excel(TABLE_TEXT)).encode(),
    "Export-Csv": ("#TYPE Selected.System.Object\r\n" + TABLE_TEXT).encode(),
    "no end of line": TABLE_TEXT.rstrip("\n").encode(),
    "capital names": TABLE_TEXT.replace("product,cu,", "Product,CU,", 1).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_rows_are_read_from_every_form_of_the_file(form: str) -> None:
    wrong: list[Problem] = []
    rows = read_table(BUILDS, FORMS[form], "builds.csv", wrong)
    assert wrong == []
    assert tuple(placed.row for placed in rows) == SHIPPED.releases


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("product,cu\nÖ".encode("cp1252"), "builds.csv:2:1: is not UTF-8; save it as UTF-8 (in Excel: CSV UTF-8)"),
        (b"\xff\xfea", "builds.csv:1:1: is not UTF-16 although it begins like it"),
        (b"product\0", "builds.csv:1:1: has a NUL character"),
        (b"# nothing\n\n", "builds.csv:1:1: has no line with the names of columns; begin it with product,cu,update,"),
        (b"x" * (4 * 1024 * 1024 + 1), "builds.csv:1:1: is larger than 4 MiB"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(data: bytes, said: str) -> None:
    wrong: list[Problem] = []
    assert read_table(BUILDS, data, "builds.csv", wrong) == ()
    assert str(wrong[0]).startswith(said)


PROBLEMS = YAML(typ="safe", pure=True).load(Path(__file__).with_name("catalogue_problems.yml"))


@pytest.mark.parametrize("case", PROBLEMS, ids=lambda case: case["says"][:60])
def test_what_is_wrong_with_a_row_is_told_with_its_place_and_what_to_write(
    tmp_path: Path, case: Mapping[str, str]
) -> None:
    (tmp_path / f"{case['table']}.csv").write_text(case["text"].replace("{zero-width}", "\u200b"), encoding="utf-8")
    assert only(tmp_path).startswith(f"{case['table']}.csv:{case['says']}")


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_the_files(tmp_path: Path) -> None:
    folder = own(
        tmp_path,
        builds=f"{BUILD_COLUMNS}\nSE,RTM,x,y,z\nSE,,Dec26SU,15.2.2562.60,2026-12-08\n",
        minimum_builds=f"{FIX_COLUMNS}\nx y,SE,RTM,none\n",
    )
    assert [problem.split("; ")[0] for problem in problems(folder)] == [
        "builds.csv:2:8: update: is not the name of an update",
        "builds.csv:2:10: build: is not a build of four numbers",
        "builds.csv:2:12: released: is neither a day nor a month",
        "builds.csv:3:4: cu: is empty",
        "minimum-builds.csv:2:1: campaign: is not the name of a campaign",
    ]


# Own rows beside a set


def test_own_rows_add_an_update_and_a_campaign_with_it(tmp_path: Path) -> None:
    folder = own(
        tmp_path,
        builds=f"{BUILD_COLUMNS}\nSE,RTM,Dec26SU,15.2.2562.60,2026-12-08\n",
        minimum_builds=f"{FIX_COLUMNS},cves\ndec-2026,SE,RTM,15.2.2562.60,CVE-2026-99001\n",
    )
    catalogue = Catalogue.load(folder)
    assert catalogue.as_of == SHIPPED.as_of
    assert isinstance(catalogue.identify(Build.parse("15.2.2562.60")), Known)
    assert isinstance(catalogue.fixed("dec-2026", Build.parse("15.2.2562.56")), Vulnerable)
    assert isinstance(catalogue.fixed("dec-2026", Build.parse("15.2.2562.60")), Patched)
    assert catalogue.campaign("dec-2026").cves == ("CVE-2026-99001",)
    assert catalogue.origin.own is not None
    assert (catalogue.origin.own.folder, catalogue.origin.own.count) == (tmp_path.name, 2)


@given(day=st.dates(min_value=date(2013, 1, 1), max_value=date(2026, 11, 26)))
@settings(max_examples=40)
def test_own_rows_are_known_on_a_day_as_soon_as_their_builds_were_out(
    tmp_path_factory: pytest.TempPathFactory, day: date
) -> None:
    folder = tmp_path_factory.mktemp("own")
    rows = f"{FIX_COLUMNS},cves\nours,2016,CU23,15.1.2507.6,CVE-2022-99001\n"
    catalogue = Catalogue.load(own(folder, minimum_builds=rows)).on(day)
    out = any(row.build == Build.parse("15.1.2507.6") for row in catalogue.releases)
    assert ("ours" in catalogue.campaigns) == out
    assert catalogue.origin.own is not None


def test_an_own_row_can_say_that_no_fix_was_made(tmp_path: Path) -> None:
    folder = own(tmp_path, minimum_builds=f"{FIX_COLUMNS},source\nproxyshell,2016,CU18,none,KB5003435\n")
    state = Catalogue.load(folder).fixed("proxyshell", Build.parse("15.1.2106.13"))
    assert isinstance(state, NoFixMade)
    assert state.said.source == "KB5003435"


def test_an_own_row_fills_what_the_shipped_one_leaves_empty_and_both_sources_stay(tmp_path: Path) -> None:
    bare = next(row for row in SHIPPED.releases if not row.kbs and row.update and len(row.released) == 7)
    text = f"{bare.product},{bare.cu},{bare.update},{bare.build},{bare.released}-12,KB5009999,our ticket"
    catalogue = Catalogue.load(own(tmp_path, builds=f"{BUILD_COLUMNS},kb,source\n{text}\n"))
    (filled,) = (row for row in catalogue.releases if row.build == bare.build)
    assert (filled.kbs, filled.released) == (("KB5009999",), f"{bare.released}-12")
    assert filled.source == f"{bare.source}; our ticket"
    assert len(catalogue.releases) == len(SHIPPED.releases)


def test_a_cve_that_becomes_known_to_be_exploited_may_be_added(tmp_path: Path) -> None:
    folder = own(tmp_path, campaigns="campaign,kev\noct-2026,CVE-2026-70279\n")
    assert Catalogue.load(folder).campaign("oct-2026").exploited == ("CVE-2026-70279",)


def test_the_tables_in_their_public_form_say_nothing_against_the_shipped_ones(tmp_path: Path) -> None:
    builds = [",".join((row.product, row.cu, row.update, str(row.build), row.released)) for row in SHIPPED.releases]
    fixes = [
        f"{fix.campaign},{fix.product},{fix.cu},{fix.minimum or 'none'},{' '.join(SHIPPED.campaign(fix.campaign).cves)}"
        for fix in SHIPPED.tables.fixes
    ]
    folder = own(
        tmp_path,
        builds="\n".join([BUILD_COLUMNS, *builds]),
        minimum_builds="\n".join([f"{FIX_COLUMNS},cves", *fixes]),
    )
    assert Catalogue.load(folder).tables == SHIPPED.tables


@given(data=st.data())
@settings(max_examples=60)
def test_rows_that_the_set_has_already_change_nothing(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever part of the shipped tables stands in the folder: it adds nothing and contradicts nothing."""
    folder = tmp_path_factory.mktemp("own")
    for table in (BUILDS, CAMPAIGNS, MINIMUM_BUILDS, SUPPORT, KNOWN_BAD, KNOWN_GOOD):
        lines = [line for line in (TABLES / table.file).read_text().splitlines() if not line.startswith("#")]
        kept = data.draw(st.lists(st.sampled_from(lines[1:]), unique=True, max_size=8))
        (folder / table.file).write_text("\n".join([lines[0], *kept]))
    assert Catalogue.load(folder).digest == SHIPPED.digest


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f"{BUILD_COLUMNS}\n{text}".encode()))
def test_any_bytes_are_read_or_refused_with_a_place(data: bytes) -> None:
    wrong: list[Problem] = []
    rows = read_table(BUILDS, data, "builds.csv", wrong)
    assert all(problem.location.line >= 1 and problem.what and problem.advice for problem in wrong)
    assert all(placed.row.product for placed in rows)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("build.csv", "build.csv:1:1: is no table of the catalogue; did you mean `builds.csv`?"),
        ("Builds.CSV", "Builds.CSV:1:1: is no table of the catalogue; did you mean `builds.csv`?"),
        ("hotfixes.csv", "hotfixes.csv:1:1: is no table of the catalogue; the tables are builds.csv, campaigns.csv,"),
        ("builds.xlsx", "builds.xlsx:1:1: is a workbook; save its sheet as CSV UTF-8"),
        ("catalogue.json", "catalogue.json:1:1: this is a whole set of tables, not own rows beside one; take it with"),
    ],
)
def test_a_file_that_is_no_table_of_own_rows_is_named(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "README.txt").write_text("ours")
    (tmp_path / name).write_text(f"{BUILD_COLUMNS}\n")
    assert only(tmp_path).startswith(said)


def test_a_folder_without_any_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"has no table; put any of builds.csv, campaigns.csv"):
        Catalogue.load(tmp_path)
    with pytest.raises(CatalogueError, match="cannot be read as a folder: No such file"):
        Catalogue.load(tmp_path / "missing")


# A set in a folder


def a_set(folder: Path) -> Path:
    for name in set_files():
        (folder / name).write_bytes((TABLES / name).read_bytes())
    return folder


def test_a_set_in_a_folder_is_read_as_the_shipped_one(tmp_path: Path) -> None:
    files = folder_files(a_set(tmp_path))
    assert read_set(files, str(tmp_path), otherwise="").tables == shipped_set().tables


def test_a_folder_with_a_file_more_or_less_or_a_link_or_a_pipe_is_no_set(tmp_path: Path) -> None:
    folder = a_set(tmp_path)
    (folder / "readme.txt").write_text("x")
    (folder / "builds.csv").unlink()
    (folder / "builds.csv").symlink_to(TABLES / "builds.csv")
    (folder / "support.csv").unlink()
    (folder / "campaigns.csv").unlink()
    os.mkfifo(folder / "campaigns.csv")
    with pytest.raises(CatalogueError) as raised:
        folder_files(folder)
    assert [str(problem).removeprefix(f"{folder}/").split("; ")[0] for problem in raised.value.problems] == [
        "builds.csv:1:1: is a link",
        "campaigns.csv:1:1: is not a plain file",
        "readme.txt:1:1: is no file of a set",
        "support.csv:1:1: is not there",
    ]


def test_a_file_of_a_set_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    folder = a_set(tmp_path)
    (folder / "builds.csv").write_bytes(b"#" * (4 * 1024 * 1024 + 1))
    with pytest.raises(CatalogueError, match=r"builds.csv:1:1: is larger than 4 MiB"):
        folder_files(folder)


@given(st.data())
@settings(max_examples=150)
def test_a_set_with_any_byte_of_a_table_changed_is_refused(data: st.DataObject) -> None:
    files = {name: (TABLES / name).read_bytes() for name in set_files()}
    name = data.draw(st.sampled_from([name for name in files if name != MANIFEST]))
    place = data.draw(st.integers(min_value=0, max_value=len(files[name]) - 1))
    change = data.draw(st.integers(min_value=1, max_value=255))
    changed = bytearray(files[name])
    changed[place] ^= change
    with pytest.raises(CatalogueError):
        read_set({**files, name: bytes(changed)}, "set", otherwise="")

"""Files that others have published as malicious: what is said of a hash, by whom, and when the list is read at all."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.catalogue import sets
from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue, KnownBad
from playbooks.catalogue.columns import KNOWN_BAD
from playbooks.catalogue.manifest import MANIFEST
from playbooks.catalogue.sets import read_set, set_files, shipped_files
from playbooks.errors import CatalogueError

SHIPPED = Catalogue.load()
LISTED = {row.sha256: row for row in SHIPPED.tables.known_bad}
DRL = next(row for row in LISTED.values() if row.licence == "DRL 1.1")
OTHER = hashlib.sha256(b"nobody has listed this").hexdigest()
COLUMNS = "sha256,source,what,licence"


def own(folder: Path, *rows: str, columns: str = COLUMNS) -> Path:
    (folder / KNOWN_BAD.file).write_text("\n".join([columns, *rows]))
    return folder


def refused(folder: Path) -> str:
    with pytest.raises(CatalogueError) as raised:
        Catalogue.load(folder)
    (problem,) = raised.value.problems
    return str(problem).removeprefix(f"{folder}/")


@given(st.sampled_from(sorted(LISTED)), st.data())
def test_a_listed_hash_is_found_however_it_is_written(sha256: str, data: st.DataObject) -> None:
    upper = data.draw(st.lists(st.booleans(), min_size=64, max_size=64))
    written = "".join(digit.upper() if up else digit for digit, up in zip(sha256, upper, strict=True))
    found = SHIPPED.known_bad(written)
    assert found == LISTED[sha256]
    assert found is not None
    for part in (found.what, found.source, found.licence, found.author, found.url):
        assert part in found.said


@given(st.binary(max_size=50).map(lambda data: hashlib.sha256(data).hexdigest()) | st.text(max_size=70))
def test_of_what_no_list_has_nothing_is_said(sha256: str) -> None:
    assert SHIPPED.known_bad(sha256) is LISTED.get(sha256.lower())


def test_every_shipped_row_has_all_that_its_licence_asks_for() -> None:
    for row in LISTED.values():
        licences = set(row.licence.split("; "))
        assert licences
        assert licences <= {"MIT", "BSD-2-Clause", "DRL 1.1"}, row
        assert row.author, row
        assert all(url.startswith("https://") for url in row.url.split("; ")), row
        # Who passes on signature-base does so under its licence, whoever else names the file.
        assert ("signature-base" in row.source) == ("DRL 1.1" in licences), row
    assert len(LISTED) == len(SHIPPED.tables.known_bad)


def test_no_page_that_microsoft_shipped_is_listed() -> None:
    pages = {row.sha256 for row in SHIPPED.tables.known_good}
    assert len(pages) > 1000
    assert [sha256 for sha256 in pages if SHIPPED.known_bad(sha256)] == []


# When it is read


def test_the_list_is_read_when_the_first_hash_is_asked_for_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    reading = sets.read_table

    def noted(table, *given):  # type: ignore[no-untyped-def]
        read.append(table.name)
        return reading(table, *given)

    monkeypatch.setattr(sets, "read_table", noted)
    catalogue = Catalogue.load()
    assert (catalogue.digest, len(catalogue.tables.known_bad)) == (SHIPPED.digest, len(LISTED))
    catalogue.identify(Build.parse("15.2.2562.56"))
    assert KNOWN_BAD.name not in read
    assert "builds" in read
    for _ in range(2):
        assert catalogue.known_bad(DRL.sha256) == DRL
    assert read.count(KNOWN_BAD.name) == 1


def test_a_list_that_its_manifest_counts_wrongly_is_not_taken() -> None:
    files = shipped_files()
    manifest = json.loads(files[MANIFEST])
    manifest["tables"][KNOWN_BAD.name]["rows"] += 1
    files[MANIFEST] = json.dumps(manifest).encode()
    with pytest.raises(CatalogueError, match=f"says {len(LISTED) + 1} rows, and {KNOWN_BAD.file} has {len(LISTED)}"):
        read_set(files, "set", otherwise="", whole=True)


@pytest.mark.parametrize("last", ["x,y,z", f"{DRL.sha256},a,b,MIT", f"{OTHER},rule,signature-base,DRL 1.1"])
def test_a_list_that_is_no_sound_table_is_not_taken_whoever_vouches_for_it(last: str) -> None:
    files = shipped_files()
    columns = len(KNOWN_BAD.columns)
    files[KNOWN_BAD.file] += (last + "," * (columns - 1 - last.count(","))).encode()
    manifest = json.loads(files[MANIFEST])
    entry = manifest["tables"][KNOWN_BAD.name]
    entry["rows"] += 1
    entry["sha256"] = hashlib.sha256(files[KNOWN_BAD.file]).hexdigest()
    files[MANIFEST] = json.dumps(manifest).encode()
    with pytest.raises(CatalogueError, match=f"set/{KNOWN_BAD.file}:"):
        read_set(files, "set", otherwise="", whole=True)
    # By one who took it unread it is never taken for an empty list.
    unread = read_set(files, "set", otherwise="")
    with pytest.raises(CatalogueError, match=f"set/{KNOWN_BAD.file}:"):
        tuple(unread.known_bad)


def test_the_list_is_part_of_a_set() -> None:
    assert KNOWN_BAD.file in set_files()


@given(st.dates(min_value=date(2013, 1, 1), max_value=date(2030, 1, 1)))
def test_a_hash_is_known_on_every_day(day: date) -> None:
    assert SHIPPED.on(day).known_bad(DRL.sha256) == DRL


# Own rows


def test_own_hashes_stand_beside_the_set_s(tmp_path: Path) -> None:
    catalogue = Catalogue.load(own(tmp_path, f"{OTHER.upper()},our ticket 12,a page that we found,ours"))
    assert catalogue.known_bad(OTHER) == KnownBad(OTHER, "a page that we found", "our ticket 12", "ours")
    assert catalogue.known_bad(DRL.sha256) == DRL
    assert catalogue.digest != SHIPPED.digest
    assert catalogue.origin.own is not None
    assert catalogue.origin.own.rows[KNOWN_BAD.name] == 1


def test_what_others_say_of_a_listed_file_is_shown_beside_what_is_said_already(tmp_path: Path) -> None:
    found = Catalogue.load(own(tmp_path, f"{DRL.sha256},our ticket 12,{DRL.what},ours")).known_bad(DRL.sha256)
    assert found is not None
    assert (found.what, found.source) == (DRL.what, f"{DRL.source}; our ticket 12")
    assert (found.licence, found.author, found.url) == ("DRL 1.1; ours", DRL.author, DRL.url)


@given(st.lists(st.sampled_from(sorted(LISTED)), unique=True, max_size=10))
def test_hashes_that_the_set_has_already_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, hashes: list[str]
) -> None:
    rows = [LISTED[sha256] for sha256 in hashes]
    folder = own(tmp_path_factory.mktemp("own"), *(f'{r.sha256},"{r.source}","{r.what}","{r.licence}"' for r in rows))
    catalogue = Catalogue.load(folder)
    assert catalogue.digest == SHIPPED.digest
    assert catalogue.tables == SHIPPED.tables


def test_a_rule_s_author_and_place_go_with_its_hash(tmp_path: Path) -> None:
    row = f"{OTHER},signature-base yara/x.yar,SOME_RULE,DRL 1.1"
    assert refused(own(tmp_path, row)) == (
        f"{KNOWN_BAD.file}:2:{row.index('DRL') + 1}: licence: the Detection Rule License asks that author and URL go "
        "with every match; give the row its `author` and its `url`"
    )
    whole = own(tmp_path, f"{row},Somebody,https://rules.example/x.yar", columns=f"{COLUMNS},author,url")
    found = Catalogue.load(whole).known_bad(OTHER)
    assert found is not None
    assert "by Somebody, licence DRL 1.1, https://rules.example/x.yar" in found.said


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("0123,a,b,MIT", "2:1: sha256: is not a SHA-256; write 64 hexadecimal digits; MD5 and SHA-1 are not taken"),
        (f"{'0' * 63}\u0660,a,b,MIT", "2:1: sha256: is not a SHA-256"),
        (f"{OTHER},,b,MIT", "2:66: source: is empty"),
        (f"{OTHER},a,b,", "2:70: licence: is empty"),
        (f"{OTHER},a,b\u202e,MIT", "2:68: what: has a character that does not show; remove it"),
        (f"{OTHER},a,b,MIT\n{OTHER},c,d,MIT", "3:1: stands here a second time, first in line 2; remove one"),
    ],
)
def test_what_is_wrong_with_an_own_hash_is_told_with_its_place(tmp_path: Path, row: str, said: str) -> None:
    assert refused(own(tmp_path, row)).startswith(f"{KNOWN_BAD.file}:{said}")

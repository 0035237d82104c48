"""`exrun catalogue import`, as somebody at a terminal sees it: from a list to a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from playbooks.catalogue.catalogue import Catalogue
from tests.runner.cli.conftest import CommandLine

A, B = "a" * 64, "b" * 64
PATTERN = {
    "type": "indicator",
    "pattern_type": "stix",
    "pattern": f"[file:hashes.'SHA-256' = '{A}']",
    "name": "a shell",
}
SAYS = ("--source", "CERT Alpha", "--licence", "TLP:GREEN", "--what", "a web shell")


@pytest.fixture
def feed(exrun: CommandLine) -> Path:
    path = exrun.folder / "feed.json"
    path.write_text(json.dumps([PATTERN, {"type": "indicator", "pattern": "[file:name = 'x']"}]))
    return path


def test_what_a_list_says_is_found_from_then_on_with_who_says_it(exrun: CommandLine, feed: Path) -> None:
    assert exrun("catalogue", "find", A)[0] == 0
    status, out, _ = exrun("catalogue", "import", "feed.json", "-o", "our-rows", *SAYS)
    assert (status, out.splitlines()) == (
        0,
        [
            "feed.json: STIX, 1 file",
            "  left out: 1 without the SHA-256 of a file",
            "our-rows/known-bad-sha256.csv: 1 added",
            "Read them with --catalogue our-rows",
        ],
    )
    status, out, _ = exrun("catalogue", "find", A, "--catalogue", "our-rows")
    assert status == 1
    assert [line.split(maxsplit=1)[1] for line in out.splitlines()] == ["KNOWN BAD: a shell", "CERT Alpha", "TLP:GREEN"]


def test_what_is_there_stays_as_it_is_and_is_not_added_twice(exrun: CommandLine, feed: Path) -> None:
    exrun("catalogue", "import", "feed.json", "-o", "our-rows", *SAYS)
    table = exrun.folder / "our-rows" / "known-bad-sha256.csv"
    table.write_text(table.read_text() + f"# by hand\n{B},us,ours,CC0,,")
    before = table.read_text()
    status, out, _ = exrun("catalogue", "import", "feed.json", "-o", "our-rows", *SAYS)
    assert (status, "0 added, 1 were there" in out) == (0, True)
    assert table.read_text() == before
    shipped = next(iter(Catalogue.load().tables.known_bad)).sha256
    (exrun.folder / "more.txt").write_text(f"{'c' * 64}\n{shipped}\n")
    status, out, _ = exrun("catalogue", "import", "more.txt", "feed.json", "-o", "our-rows", *SAYS)
    assert (status, "2 added, 1 were there, 1 of them the catalogue has too" in out) == (0, True), out
    assert table.read_text().startswith(f"{before}\n")
    assert exrun("catalogue", "find", B, "c" * 64, "--catalogue", "our-rows")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (SAYS[2:], "the list does not say the source of 1 of 1 file"),
        (SAYS[:2], "the list does not say the licence of 1 of 1 file"),
        (("nothing.txt", *SAYS), "nothing.txt: cannot be read"),
        (("empty.txt", *SAYS), "empty.txt:1:1: names the SHA-256 of no file"),
    ],
)
def test_what_is_not_whole_is_refused_and_nothing_is_added(
    exrun: CommandLine, feed: Path, arguments: tuple[str, ...], said: str
) -> None:
    (exrun.folder / "empty.txt").write_text("")
    status, _, err = exrun("catalogue", "import", "feed.json", *arguments, "-o", "our-rows")
    assert (status, said in err) == (2, True), err
    assert not (exrun.folder / "our-rows").exists()


@pytest.mark.parametrize("header", ["what,sha256,source,licence", "sha256;source;what;licence;author;url"])
def test_a_table_in_another_form_is_left_as_it_is(exrun: CommandLine, feed: Path, header: str) -> None:
    folder = exrun.folder / "our-rows"
    folder.mkdir()
    (folder / "known-bad-sha256.csv").write_text(f"{header}\n")
    status, _, err = exrun("catalogue", "import", "feed.json", "-o", "our-rows", *SAYS)
    assert (status, "in another order, or another form" in err) == (2, True), err
    assert (folder / "known-bad-sha256.csv").read_text() == f"{header}\n"


def test_a_folder_whose_rows_are_wrong_is_refused_before_anything_is_written(exrun: CommandLine, feed: Path) -> None:
    folder = exrun.folder / "our-rows"
    folder.mkdir()
    (folder / "builds.csv").write_text("product,cu\n")
    status, _, err = exrun("catalogue", "import", "feed.json", "-o", "our-rows", *SAYS)
    assert (status, "builds.csv" in err) == (2, True), err
    assert [path.name for path in folder.iterdir()] == ["builds.csv"]

"""Which names are allowed and which are taken for one another."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest

from inventory.names import canonical_address, drawn, folded, is_address, why_not_a_name


@pytest.mark.parametrize("name", ["EX1", "ex-1.alpha.example", "Müller GmbH", "日本支社", "0815", "a_b", "and"])
def test_ordinary_names_in_any_script_are_allowed(name: str) -> None:
    assert why_not_a_name(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        ".hidden",
        "a/b",
        "a\\b",
        "a:b",
        "a*",
        "a\nb",
        "a\u202eb",
        "a\u200bb",
        "a.",
        "a ",
        "COM1",
        "nul.txt",
        "u\u0308",
    ],
)
def test_a_name_that_is_no_safe_directory_or_not_what_it_looks_like_is_refused(name: str) -> None:
    assert why_not_a_name(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ЕХСН", "EXCH"),
        ("аlрha", "alpha"),
        ("ΑΒΕ", "abe"),
        ("ехсh", "EXCH"),
        ("ᎬX1", "EX1"),
        ("𐊆X1", "EX1"),
        ("EX۱", "EX1"),
        ("MAІL", "mail"),
        ("ᗷERLIN", "Berlin"),
    ],
)
def test_letters_of_other_scripts_are_taken_for_the_latin_ones_they_look_like(one: str, other: str) -> None:
    assert folded(one) != folded(other)
    assert drawn(one) == drawn(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("EX1", "EX2"),
        ("EX01", "EXO1"),
        ("Müller", "Muller"),
        ("Москва", "Mockba2"),
        ("Köln", "Kőln"),
        ("EX1", "EXl"),
    ],
)
def test_names_that_a_reader_tells_apart_stay_apart(one: str, other: str) -> None:
    assert drawn(one) != drawn(other)


@pytest.mark.parametrize(("one", "other"), [("EX1", "ex1"), ("ＥＸ１", "EX1"), ("STRASSE", "straße"), ("Ω", "ω")])
def test_case_and_compatibility_forms_do_not_make_another_name(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    "text", ["ex1", "ex1.alpha.example", "ex1.", "10.0.0.1", "2001:db8::1", "EX_1", "münchen.example"]
)
def test_host_names_and_addresses_are_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text", ["", ".", "http://ex1", "ex1:5985", "u@ex1", "ex1/wsman", "10.0.0.300", "a..b", "-a", "a b"]
)
def test_anything_around_a_host_name_makes_it_no_address(text: str) -> None:
    assert not is_address(text)


def test_one_address_has_one_spelling() -> None:
    assert canonical_address("EX1.Alpha.Example.") == canonical_address("ex1.alpha.example")
    assert canonical_address("2001:0db8:0::0001") == canonical_address("2001:db8::1")


def test_every_letter_of_the_table_poses_as_an_ascii_one_and_keeps_doing_so_in_any_case() -> None:
    with files("inventory").joinpath("look_alikes.csv").open(encoding="utf-8") as rows:
        table = list(csv.DictReader(rows))
    assert len(table) > 300
    table = [row for row in table if row["letter"] != "ӏ"]  # as an l, whatever the table says
    for row in table:
        assert not row["letter"].isascii()
        assert row["drawn_like"].isascii()
        assert drawn(f"EX{row['letter']}") == drawn(f"EX{row['drawn_like']}"), row

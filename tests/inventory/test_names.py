"""Which names are allowed and which are taken for one another."""

from __future__ import annotations

import csv
import re
from importlib.resources import files

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inventory.names import (
    called,
    canonical_address,
    drawn,
    encoded,
    folded,
    is_address,
    why_not_a_name,
    why_not_an_address,
)


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


@pytest.mark.parametrize(
    ("address", "looked_up", "called_so"),
    [
        ("ex1.alpha.example.", "ex1.alpha.example.", "ex1.alpha.example"),
        ("10.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::1%eth0", "fe80::1"),
        ("bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("faß.de", "xn--fa-hia.de", "xn--fa-hia.de"),  # IDNA 2003 would make it fass.de, which is another's
        ("EX_1.münchen.example", "EX_1.xn--mnchen-3ya.example", "EX_1.xn--mnchen-3ya.example"),
        ("日本.example", "xn--wgv71a.example", "xn--wgv71a.example"),
        ("ｅｘ１.example", "ex1.example", "ex1.example"),
    ],
)
def test_an_address_is_looked_up_and_called_in_ascii_and_without_a_zone(
    address: str, looked_up: str, called_so: str
) -> None:
    assert is_address(address)
    assert (encoded(address), called(address)) == (looked_up, called_so)


@pytest.mark.parametrize(
    "address",
    ["bü_x.example", "⒈example.example", "é" * 63, ".".join(["ü" * 50] * 5), "①.②", "xü--y-.example", "اa.example"],
)
def test_a_name_that_the_dns_cannot_hold_is_refused_with_what_to_do(address: str) -> None:
    why = why_not_an_address(address)
    assert why is not None
    what, advice = why
    assert what
    assert advice
    assert address not in what + advice


@pytest.mark.parametrize(
    "address", ["10.0.0.1%eth0", "fe80::1%", "fe80::1%a b", "fe80::1%a/b", "fe80::1%]", "ex1%eth0"]
)
def test_a_zone_stands_behind_an_ipv6_address_alone(address: str) -> None:
    why = why_not_an_address(address)
    assert why is not None
    assert "fe80::1%eth0" in why[1]


@given(st.text(max_size=80))
@example("a.\u3002b")
@example("xn--\u00fc")
def test_whatever_passes_for_an_address_can_be_looked_up_and_said_in_a_header(text: str) -> None:
    if is_address(text):
        assert encoded(text).isascii()
        assert re.fullmatch(r"[A-Za-z0-9_.:-]+", called(text))


def test_one_server_under_two_spellings_of_a_name_is_one_address() -> None:
    assert canonical_address("Bücher.example") == canonical_address("xn--bcher-kva.EXAMPLE.")
    assert canonical_address("fe80::1%eth0") != canonical_address("fe80::1%eth1")
    assert canonical_address("::ffff:10.0.0.1") == canonical_address("10.0.0.1")


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

"""A text as it reads with its escapes undone, and where what is found stands in what was written."""

from __future__ import annotations

import base64
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.readings import _GROWS, encoded, readings, undone
from tests.runner.test_pseudonyms import SPELT

WRITTEN = ("a", "Z", "é", "ß", "İ", "%41", "\\u00e9", "&#65;", "&uuml;", "_x0041_", "''", "+", "\0", "\n ", "%")
PIECES = st.sampled_from(WRITTEN)
TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), min_size=9, max_size=40)


@given(st.lists(PIECES, max_size=12))
def test_each_part_of_a_reading_leads_to_what_was_written_of_it(pieces: list[str]) -> None:
    text = "".join(pieces)
    for reading in readings(text):
        assert reading.text == reading.text.casefold()
        for start in range(len(reading.text)):
            begin, end = reading.span(start, start + 1)
            assert begin < end
            own = [each.text for each in readings(text[begin:end])]
            assert any(reading.text[start] in each for each in own), (text, reading, start)
        if reading.text:
            assert reading.span(0, len(reading.text))[1] <= len(text)


@given(st.text("KäX€ß7", min_size=1, max_size=6), st.sampled_from(SPELT), st.text(" x;", max_size=3))
def test_an_escaped_name_reads_as_it_is(name: str, spelt: object, before: str) -> None:
    if any(ord(each) > 0xFF for each in name) and "%" in spelt("K"):  # type: ignore[operator]
        return  # %20AC is nobody's way
    written = before + spelt(name)  # type: ignore[operator]
    found = [
        reading.span(at, at + len(name.casefold()))
        for reading in readings(written)
        if (at := reading.text.find(name.casefold(), len(before.casefold()))) >= 0
    ]
    assert (len(before), len(written)) in found


def test_every_letter_that_grows_when_folded_is_known() -> None:
    grows = re.compile(_GROWS)
    letters = (chr(number) for number in range(sys.maxunicode + 1) if len(chr(number).casefold()) > 1)
    assert [each for each in letters if not grows.match(each)] == []


@pytest.mark.parametrize(
    ("written", "reads"),
    [
        ("%C3%A9", "é"),
        ("%F0%9F%98%80", "😀"),
        ("%E9", "é"),
        ("\\ud83d\\ude00", "😀"),
        ("%ud83d%ude00", "😀"),
        ("_xD83D__xDE00_", "😀"),
        ("&amp;&Uuml;&#x41;&#065;", "&ÜAA"),
        ("C:\\users", "C:\\users"),
        ("100%", "100%"),
        ("&#9999999;", "\ufffd"),
    ],
)
def test_escapes(written: str, reads: str) -> None:
    assert undone(written) == reads


@given(TEXTS, st.sampled_from(["utf-8", "utf-16-le"]))
def test_text_in_base64_and_hexadecimal_is_read_and_written_alike(text: str, codec: str) -> None:
    raw = text.encode(codec)
    base, hexadecimal = base64.b64encode(raw).decode(), raw.hex()
    for written in (base, base64.urlsafe_b64encode(raw).decode(), hexadecimal, raw.hex("-").upper()):
        found = [one for one in encoded(f"<{written}>", binary=True) if one.is_text and one.text == text]
        assert all(one.anew(text) == written for one in found)
        assert found or codec == "utf-16-le" or written not in (base, hexadecimal)


def test_base64_behind_a_path_and_over_lines() -> None:
    raw = b"user klagenfurt7 and more of what is said here, until the line is full and another begins"
    written = base64.b64encode(raw).decode()
    assert raw.decode() in [one.text for one in encoded(f"a/path/{written}", binary=False)]
    wrapped = f"{written[:76]}\r\n{written[76:]}"
    assert raw.decode() in [one.text for one in encoded(f"-----BEGIN\r\n{wrapped}\r\n", binary=False)]

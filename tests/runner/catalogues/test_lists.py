"""Lists of known-bad files that others publish: what counts, and what is left out with a reason."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.catalogues.lists import Listed, ReadList, UnreadListError, read_list

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
IDENTITY = {"type": "identity", "id": "identity--1", "name": "CERT Alpha"}
GREEN = {"type": "marking-definition", "id": "marking-definition--1", "definition_type": "tlp"}
GREEN |= {"definition": {"tlp": "green"}}


def indicator(pattern: str, **members: object) -> dict[str, object]:
    return {"type": "indicator", "id": "indicator--1", "pattern_type": "stix", "pattern": pattern, **members}


def bundle(*objects: object) -> bytes:
    return json.dumps({"type": "bundle", "id": "bundle--1", "objects": objects}).encode()


def read(data: bytes | str, name: str = "list.txt") -> ReadList:
    return read_list(data if isinstance(data, bytes) else data.encode(), name)


def hashes(found: ReadList) -> list[str]:
    return [row.sha256 for row in found.rows]


def test_a_bundle_of_stix_says_what_who_under_which_licence_and_where() -> None:
    found = read(
        bundle(
            IDENTITY,
            GREEN,
            indicator(
                f"[file:hashes.'SHA-256' = '{A.upper()}']",
                name="a page\nthat runs what it is sent",
                created_by_ref="identity--1",
                object_marking_refs=["marking-definition--1"],
                external_references=[{"source_name": "us", "url": "https://cert.alpha.example/1"}],
            ),
        )
    )
    assert found.form == "STIX"
    assert found.rows == (
        Listed(
            A,
            what="a page that runs what it is sent",
            source="CERT Alpha",
            licence="TLP:GREEN",
            url="https://cert.alpha.example/1",
        ),
    )
    assert not found.left_out


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (f"[file:hashes.'SHA-256' = '{A}' OR file:hashes.'SHA-256' = '{B}']", [A, B]),
        (f"[file:hashes.'SHA-256' = '{A}'] OR [file:hashes.SHA256 = '{B}']", [A, B]),
        (f"[file:hashes.MD5 = '{'d' * 32}' AND file:hashes.'SHA-256' = '{A}' AND file:name = 'x.aspx']", [A]),
        (f"[file:hashes.'SHA-256' IN ('{A}', '{B}', 'no hash')]", [A, B]),
        (f"[file:hashes.'SHA-256' = '{A}'] OR [ipv4-addr:value = '192.0.2.1']", [A]),
    ],
)
def test_a_pattern_names_files_by_their_hash(pattern: str, expected: list[str]) -> None:
    assert hashes(read(bundle(indicator(pattern)))) == expected


@pytest.mark.parametrize(
    ("left", "why"),
    [
        (indicator(f"[file:hashes.'SHA-256' = '{B}'] AND [ipv4-addr:value = '192.0.2.1']"), "only together"),
        (indicator(f"[file:hashes.'SHA-256' = '{B}'] FOLLOWEDBY [process:pid = 1]"), "only together"),
        (indicator(f"[file:hashes.'SHA-256' != '{B}']"), "without the SHA-256 of a file"),
        (indicator(f"[file:hashes.'SHA-256' NOT = '{B}']"), "without the SHA-256 of a file"),
        (indicator(f"[file:hashes.'SHA-256' NOT IN ('{B}')]"), "without the SHA-256 of a file"),
        (indicator(f"[file:hashes.'SHA-256' LIKE '{B}']"), "without the SHA-256 of a file"),
        (indicator(f"[artifact:hashes.'SHA-256' = '{B}']"), "without the SHA-256 of a file"),
        (indicator("[file:name = 'errorEE.aspx']"), "without the SHA-256 of a file"),
        (indicator(f"[file:hashes.'SHA-256' = '{B}'"), "cannot be read"),
        (indicator("[" + "(" * 30_000), "cannot be read"),
        (indicator(f"[file:hashes.'SHA-256' = '{B}'{' ' * 70_000}]"), "more than 65536 characters"),
        (indicator(f"[file:hashes.'SHA-256' = '{B}']", revoked=True), "revoked"),
        (indicator("rule x {}", pattern_type="yara"), "not STIX's"),
    ],
)
def test_what_is_no_statement_about_one_file_is_left_out_with_a_reason(left: dict[str, object], why: str) -> None:
    found = read(bundle(indicator(f"[file:hashes.'SHA-256' = '{A}']"), left))
    assert hashes(found) == [A]
    [(reason, count)] = found.left_out.items()
    assert (why in reason, count) == (True, 1), reason


def test_a_file_that_was_only_seen_is_not_called_bad() -> None:
    seen = {"type": "file", "id": "file--1", "hashes": {"SHA-256": B}}
    assert hashes(read(bundle(seen, indicator(f"[file:hashes.'SHA-256' = '{A}']")))) == [A]


@pytest.mark.parametrize(
    ("name", "text", "expected", "left"),
    [
        ("sums", f"{A}  shell one.aspx\n{B} *two.aspx\n", [(A, "shell one.aspx"), (B, "two.aspx")], {}),
        ("hashes.txt", f"# ours\n\n{A.upper()}\n{'d' * 40}\nnothing\n", [(A, "")], {"another kind of hash", "not a"}),
        ("bad.csv", f"sha256,source,what,licence\n{A},us,a shell,CC0\n", [(A, "a shell")], {}),
        ("files.csv", f'"Algorithm","Hash","Path"\n"SHA256","{A.upper()}","C:\\x.aspx"\n', [(A, "C:\\x.aspx")], {}),
        (
            "files.csv",
            f'"Algorithm","Hash","Path"\n"MD5","{A}","C:\\x.aspx"\n"SHA256","{B}","y"\n',
            [(B, "y")],
            {"kind"},
        ),
        (
            "feed.csv",
            f"DateAdded,FirstSeen,Indicator,IndicatorType,TLP\n1,2,{A},FileHash-SHA256,White\n1,2,192.0.2.1,IP,White\n",
            [(A, "")],
            {"another kind"},
        ),
        ("excel.csv", f"sep=;\nsha256;what\n{A};a shell\n", [(A, "a shell")], {}),
        ("no-ending", f"sha256,what\n{A},a shell\n", [(A, "a shell")], {}),
    ],
)
def test_tables_and_lines_are_read_as_programs_write_them(
    name: str, text: str, expected: list[tuple[str, str]], left: set[str]
) -> None:
    for data in (text.encode(), text.encode("utf-16"), b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()):
        found = read(data, name)
        assert [(row.sha256, row.what) for row in found.rows] == expected
        assert len(found.left_out) == len(left)
        assert all(any(part in why for why in found.left_out) for part in left)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x", b"", "names the SHA-256 of no file (nothing stands in it)"),
        ("x", b"{", "is not JSON"),
        ("x", b"[1, 2]", "no bundle of STIX objects"),
        ("x", b"[" * 100_000, "is not JSON"),
        ("x.csv", b"name,size\nx,1\n", "has no column for the hash"),
        ("x", b"d41d8cd98f00b204e9800998ecf8427e\n", "(1 of another kind of hash)"),
        ("x", b"a" * 64 + b"\0", "has a NUL character"),
        ("x", b"a" * (16 * 1024 * 1024 + 1), ""),
    ],
)
def test_what_is_no_such_list_is_refused(name: str, data: bytes, said: str) -> None:
    with pytest.raises(UnreadListError) as caught:
        read_list(data, name)
    assert said in str(caught.value.problem)
    assert caught.value.problem.advice


@given(st.lists(st.text(max_size=400), min_size=3, max_size=3))
def test_no_text_of_a_list_shows_as_anything_but_text(texts: list[str]) -> None:
    """One line without control characters, and no formula for whoever opens the table in Excel."""
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([["sha256", "source", "what", "licence"], [A, *(f'"{each}' for each in texts)]])
    try:
        found = read(stream.getvalue().encode("utf-8", "replace"), "x.csv")
    except UnreadListError:
        return
    for row in found.rows:
        for said in (row.source, row.what, row.licence):
            assert said.isprintable()
            assert len(said) <= 300
            assert not said.startswith(("=", "+", "-", "@"))

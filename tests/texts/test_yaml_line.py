"""What is written as a line of YAML is read back as it was, by the reader of this house and by another's."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from texts.problems import Problem
from texts.yaml_line import Dumper, fastest_dumper, one_line
from texts.yaml_tree import Rules, plain, read_tree

RULES = Rules(
    begin="begin",
    where="here",
    instead_of_alias="",
    instead_of_anchor="",
    most_bytes=64 * 1024 * 1024,
    deepest=24,
    only_utf8=True,
    typed=True,
    foreign=True,
)
DUMPERS = pytest.mark.parametrize("dumper", [yaml.SafeDumper, fastest_dumper()], ids=["PyYAML", "fastest"])
HOSTILE = (
    "---", "...", "- x", "? y", "a: b", "# c", "%TAG", "&a", "*a", "<<", "!!x", "~", "true", "NULL", "1e3", "0x1F",
    ".5", "\t", "a\tb", " x ", "\r\n", "\n---\n", "'", '"', "\\", "\\x41", "{", "[", ",", "\x85", "\u2028", "\x9b31m",
    "\ufeff", "\u202e", "\U000e0041", "\U0001f600", "\0", "\x7f", "k" * 129, "k" * 1025, "ü" * 1025, "\n" * 1025,
    "-", "=", "",
)  # fmt: skip
TEXTS = st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8"), max_size=30)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**29), 10**29)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)


def read(line: str) -> Any:
    problems: list[Problem] = []
    tree = read_tree(f"value: {line}\n".encode(), "f", RULES, problems)
    assert tree is not None, (problems, line)
    assert problems == []
    return plain(tree)["value"]


@DUMPERS
@given(value=VALUES)
@example(value={text: text for text in HOSTILE})
@example(value=[list(HOSTILE), {"a": {"b": []}}, {}])
def test_what_is_written_is_read_as_it_was(dumper: Dumper, value: Any) -> None:
    line = one_line(value, dumper)
    assert line.isprintable()
    assert repr(read(line)) == repr(value)  # -0.0 and 0.0, 1 and True are told apart


@given(value=VALUES)
@example(value={text: text for text in HOSTILE})
def test_another_reader_takes_it_for_the_same(value: Any) -> None:
    assert YAML(typ="safe", pure=True).load(io.StringIO(f"value: {one_line(value)}\n"))["value"] == value


@DUMPERS
def test_what_has_no_form_is_text(dumper: Dumper) -> None:
    for value, text in (
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (10**30, hex(10**30)),
        (10**5000, hex(10**5000)),
        ("half \ud83d of", "half \ufffd of"),
    ):
        assert read(one_line([value], dumper)) == [text]
        assert read(one_line({"k": value}, dumper)) == {"k": text}
    assert read(one_line({"\ud83d": 1}, dumper)) == {"\ufffd": 1}


def test_what_reorders_or_hides_text_is_spelt_out() -> None:
    assert one_line({"a": "x\u202ey\u200bz\x9bü"}) == '{a: "x\\u202Ey\\u200Bz\\x9Bü"}'

"""Every `broken/*.case` is an inventory, a line `=== error`, and exactly what loading it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inventory.errors import SourceError
from inventory.loading import load
from inventory.sources.native import RULES, read_native
from texts.problems import Problem
from texts.yaml_tree import Loader, Mapping, Scalar, plain, read_tree

CASES = sorted((Path(__file__).parent / "broken").glob("*.case"))
NOWHERE = Path("/nonexistent")


def errors_of(data: bytes) -> str:
    with pytest.raises(SourceError) as caught:
        read_native(data, file="inventory.yml", folder=NOWHERE)
    return str(caught.value)


def test_there_are_enough_broken_inventories() -> None:
    assert len(CASES) >= 25


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_a_broken_inventory_is_refused_with_exactly_its_error(case: Path) -> None:
    text, expected = case.read_text(encoding="utf-8").split("=== error\n")
    assert errors_of(text.encode()) == expected.rstrip("\n")


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_no_error_repeats_a_password(case: Path) -> None:
    text, _ = case.read_text(encoding="utf-8").split("=== error\n")
    assert "Winter2021" not in errors_of(text.encode())


def test_pyyaml_reads_with_libyaml_here() -> None:
    assert yaml.__with_libyaml__, "the wheels have it; without it 5,000 hosts do not load in 2 s"


def tree_of(data: bytes, loader: Loader) -> tuple[object, list[str]]:
    """The tree with the place of all that is not empty, and the problems; of what is not YAML, only the line."""
    problems: list[Problem] = []
    tree = read_tree(data, "i", RULES, problems, loader)
    told = [re.sub(r":\d+: is not YAML.*", ": is not YAML", str(problem)) for problem in problems]
    return (tree and (plain(tree), places(tree))), told


def places(node: Mapping) -> list[object]:
    inner = [places(value) for value in node.items.values() if isinstance(value, Mapping)]
    empty = [key for key, value in node.items.items() if isinstance(value, Scalar) and value.text is None]
    return [*node.keys.items(), *(value.at for key, value in node.items.items() if key not in empty), *inner]


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_without_libyaml_the_same_tree_and_problems_come_out(case: Path) -> None:
    data = case.read_text(encoding="utf-8").split("=== error\n")[0].encode()
    assert tree_of(data, yaml.SafeLoader) == tree_of(data, yaml.CSafeLoader)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"exrun: inventory/1\n# M\xfcnchen\n", "inventory.yml:2:4: is not UTF-8; save the file as UTF-8"),
        (
            b"\xff\xfe" + "exrun: inventory/1\n# x".encode("utf-16-le") + b"y",
            "inventory.yml:2:1: is not UTF-16 although it begins like it; save the file as UTF-8",
        ),
        (
            b"exrun: inventory/1\nclients: \x07\n",
            "inventory.yml:2:10: a control character; remove it; YAML allows printable characters only",
        ),
        (
            "exrun: inventory/1\nclients: a\u2028b\n".encode(),
            "inventory.yml:2:11: a control character; remove it; YAML allows printable characters only",
        ),
        (b"#" * (32 * 1024 * 1024 + 1), "inventory.yml:1:1: is larger than 32 MiB; is this the right file?"),
    ],
    ids=["latin-1", "utf-16-cut-off", "bell", "line-separator", "too-large"],
)
def test_bytes_that_are_no_text_for_yaml_are_refused_with_their_place(data: bytes, expected: str) -> None:
    assert errors_of(data) == expected


def test_a_file_that_is_not_there_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read: No such file or directory; check the path"):
        load(tmp_path / "absent.yml")


def test_a_long_list_of_problems_is_cut_in_the_message_and_kept_whole_in_the_error() -> None:
    hosts = "".join(f"      EX{number}: {{zzz: 1}}\n" for number in range(70))
    with pytest.raises(SourceError) as caught:
        read_native(f"exrun: inventory/1\nclients:\n  a:\n    hosts:\n{hosts}".encode(), file="i", folder=NOWHERE)
    assert len(caught.value.problems) == 70
    assert str(caught.value).endswith("\nand 20 more")


SPLITTERS = ["\n", "  ", ": ", "{", "}", "[", "]", ",", "- ", "? ", "~", "#", "'", '"', "\\", "\t", "\u2028", "\x85"]
INDICATORS = ["&a ", "*a ", "!x ", "!!set ", "<<", "|\n", ">\n", "%TAG ! x\n", "---\n", "...\n", "\ud7ff"]
WORDS = [
    "exrun: inventory/1\n",
    "clients:",
    "alpha",
    "hosts",
    "groups",
    "labels",
    "port",
    "EX1",
    "credential",
    "env:X",
    "1",
]
YAMLISH = st.lists(st.sampled_from([*SPLITTERS, *INDICATORS, *WORDS]), max_size=40).map("".join)


def problems_of(text: str) -> list[str]:
    try:
        read_native(text.encode(), file="i", folder=NOWHERE)
    except SourceError as error:
        return [str(problem) for problem in error.problems] or ["an error without a problem"]
    return []


@settings(max_examples=300, deadline=None)
@given(YAMLISH)
@example('"\\U00110000"')
@example("%YAML 1.1\n--- !!map\n? {a: b}\n")
def test_whatever_stands_in_a_file_loads_or_gives_problems_with_their_places(text: str) -> None:
    for whole in (text, f"exrun: inventory/1\nclients:\n  alpha:\n    {text}"):
        assert all(re.match(r"i:\d+:\d+: \S", problem) for problem in problems_of(whole))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_whatever_bytes_a_file_has_they_give_a_source_error(data: bytes) -> None:
    with pytest.raises(SourceError):
        read_native(data, file="i", folder=NOWHERE)

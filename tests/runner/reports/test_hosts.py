"""An inventory in lines: no word broken, nothing lost, and none wider than the terminal unless one word is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import Host
from runner.reports.fitting import cells
from runner.reports.hosts import host_lines
from tests.runner.fleets import host

NAMES = st.one_of(
    st.from_regex(r"[A-Za-z][A-Za-z0-9.-]{0,90}", fullmatch=True),
    st.text(st.characters(blacklist_categories=["Z", "C"]), min_size=1, max_size=12),
)
LABELS = st.dictionaries(st.sampled_from(["site", "dag", "role"]), NAMES.map(lambda each: (each,)), max_size=3)
HOSTS = st.lists(
    st.builds(lambda name, labels, groups: replace(host(name), labels=labels, groups=frozenset(groups)),
        NAMES, LABELS, st.lists(NAMES, max_size=3)),
    min_size=1, max_size=6,
)  # fmt: skip


def site(number: int, *, long: bool = False) -> Host:
    name = f"mbx-{number:04}.frankfurt.contoso.example" if long else f"EX{number:04}"
    labels = {"site": ("north" if number % 2 else "HQ",), "dag": (f"DAG{number}",), "role": ("mailbox",)}
    return replace(host(name), address="127.0.0.1", port=40000 + number, labels=labels)


@given(HOSTS, st.sampled_from([80, 120, 200, None]))
def test_every_word_is_whole_and_nothing_is_wider_than_its_longest_word(
    hosts: Sequence[Host], width: int | None
) -> None:
    lines = [*host_lines(hosts, width)]
    words = {word for line in lines for word in line.split(" ")}
    for each in hosts:
        assert each.key in words
        assert {f"{each.address}:{each.port}", f"{each.address}:{each.port};"} & words
        text = " ".join(words)
        assert all(f"{label}={value}" in text for label, values in each.labels.items() for value in values)
        assert all(group in text for group in each.groups)
    if width is not None:
        longest = max(map(cells, words)) + len("    ")
        assert max(map(cells, lines)) <= max(width, longest)
    else:
        assert len(lines) == len(hosts) + 1


@pytest.mark.parametrize(("width", "most"), [(80, 4), (120, 1), (200, 1)])
def test_a_lab_is_a_table_at_every_width(width: int, most: int) -> None:
    lines = [*host_lines([*map(site, range(1, 8)), site(8, long=True)], width)]
    assert re.match(r"SERVER +ADDRESS +", lines[0])
    assert len(lines) <= 2 + 8 * most
    assert len([line for line in lines if line.startswith("alpha/")]) == 8


def test_what_all_have_alike_is_told_once_where_columns_have_no_room() -> None:
    lines = [*host_lines([*map(site, range(1, 3))], 80)]
    assert [line.split() for line in lines[:1]] == [["SERVER", "ADDRESS", "LABELS", "WRITTEN", "IN"]]
    assert lines[-1].startswith("of each: how: ")
    assert lines[-1].endswith("groups: all, exchange")


def test_one_server_says_all_of_itself() -> None:
    [only] = [replace(site(8, long=True), groups=frozenset({"every-server-of-frankfurt", "second-ring-of-patches"}))]
    text = " ".join(" ".join(host_lines([only], 80)).split())
    for part in (only.key, "127.0.0.1:40008", "dag=DAG8", "every-server-of-frankfurt, second-ring-of-patches"):
        assert part in text

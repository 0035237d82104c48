"""Many names are found in one pass, as looking for each by itself would find them."""

from __future__ import annotations

import random
import re

from hypothesis import example, given
from hypothesis import strategies as st

from runner.name_search import Edge, NameSearch

ALPHABET = "ab1_-. é"
NAMES = st.dictionaries(
    st.text(ALPHABET, min_size=1, max_size=7),
    st.tuples(st.sampled_from([Edge(number) for number in range(4)]), st.sampled_from([Edge(n) for n in range(4)])),
    min_size=1,
    max_size=12,
)
CLASSES = {Edge.NOTHING: "", Edge.LETTER: r"[^\W\d_]", Edge.DIGIT: r"\d", Edge.LETTER | Edge.DIGIT: r"[^\W_]"}


def one_by_one(names: dict[str, tuple[Edge, Edge]], text: str) -> list[tuple[int, int]]:
    """Of each place the longest name that begins there, by a pattern for each name."""
    longest: dict[int, int] = {}
    for name, (before, after) in names.items():
        front = f"(?<!{CLASSES[before]})" if before else ""
        back = f"(?!{CLASSES[after]})" if after else ""
        pattern = re.compile(f"{front}(?=({re.escape(name)}){back})")
        for found in pattern.finditer(text):
            longest[found.start()] = max(longest.get(found.start(), 0), found.end(1))
    return sorted(longest.items())


@given(NAMES, st.text(f"{ALPHABET}²٣\n", max_size=60))
@example({"a": (Edge.NOTHING, Edge.NOTHING), "ab": (Edge.NOTHING, Edge.LETTER)}, "abb ab")
@example({"abab1": (Edge.NOTHING, Edge.NOTHING), "abab": (Edge.NOTHING, Edge.NOTHING)}, "ababab1")
@example({"a": (Edge.LETTER, Edge.NOTHING)}, "a²a٣a")
def test_the_same_is_found_as_by_a_look_for_each_name(names: dict[str, tuple[Edge, Edge]], text: str) -> None:
    assert list(NameSearch(names).found(text)) == one_by_one(names, text)


def test_no_name_is_in_no_text() -> None:
    assert list(NameSearch({}).found("any")) == []
    assert not NameSearch({}).stands_in("any")


def test_what_is_looked_up_does_not_grow_with_the_names() -> None:
    """By names that any text has the beginnings of: from 200 to 20,000 of them."""
    drawn = random.Random(1)
    words = ["mail", "exch", "serv", "data", "client", "front", "owa", "log", "auth", "site"]
    text = " ".join(f"{drawn.choice(words)}{drawn.randrange(10**5)}" for _ in range(20_000))
    looked: list[int] = []
    for many in (200, 2_000, 20_000):
        names = {f"{words[number % 10]}{number:05}": (Edge.NOTHING, Edge.DIGIT) for number in range(many)}
        search = NameSearch(names)
        assert all(text[start:end] in names for start, end in search.found(text))
        looked.append(search.looked)
    assert max(looked) <= 1.1 * min(looked) <= 20_000, looked


def test_names_that_are_all_beginnings_of_one_another_cost_their_lengths() -> None:
    names = {"a" * length: (Edge.LETTER, Edge.LETTER) for length in range(1, 257)}
    search = NameSearch(names)
    assert list(search.found("a" * 10_000)) == []
    assert search.looked <= 256 * 10_000

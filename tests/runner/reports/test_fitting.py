"""Text in the cells of a line: none is exceeded, names stay whole, and what is left out is counted."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from runner.reports.fitting import MORE, broken, cells, fitted, names_in, shortened
from runner.terminal import visible

TEXT = st.text(max_size=120).map(visible)
NAMES = st.lists(st.text(min_size=1, max_size=60).map(visible), min_size=1, max_size=60, unique=True)


def test_a_letter_of_cjk_takes_two_cells_and_a_combining_mark_none() -> None:
    assert [cells(text) for text in ("EX1", "漢字", "e\u0301", "각", "")] == [3, 4, 1, 2, 0]


def test_words_are_cut_at_a_word_and_a_path_within() -> None:
    assert fitted("no answer in 30 s", 17) == "no answer in 30 s"
    assert fitted("no answer in 30 s", 16) == "no answer in..."
    assert fitted("no answer in 30 s", 15) == "no answer in..."
    assert fitted("no C:\\inetpub\\wwwroot\\aspnet_client\\x.aspx", 20) == "no C:\\inetpub\\www..."


def test_a_name_that_is_wider_than_its_line_keeps_both_its_ends() -> None:
    short = shortened("mbx-0001." + "x" * 60 + ".example", 20)
    assert (cells(short), short[:8], short[-8:]) == (20, "mbx-0001", ".example")


@given(TEXT, st.integers(0, 60))
@example("漢字漢字", 5)
@example("a❤️❤️❤️ b", 4)
def test_nothing_is_wider_than_its_room(text: str, room: int) -> None:
    assert cells(fitted(text, room)) <= room
    assert cells(shortened(text, room)) <= room
    assert fitted(text, cells(text)) == shortened(text, cells(text)) == text


@given(TEXT, st.integers(20, 100), st.integers(0, 8))
@example("漢" * 50, 21, 4)
def test_broken_lines_have_their_room_and_lose_nothing_but_blanks(text: str, room: int, hang: int) -> None:
    lines = list(broken(text, room, hang))
    assert max(map(cells, lines), default=0) <= room
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@given(NAMES, st.integers(20, 120), st.integers(1, 3))
def test_every_name_stands_whole_or_is_counted(names: list[str], room: int, most: int) -> None:
    lines = names_in(names, room, most)
    assert len(lines) <= most + 1
    assert all(cells(line) <= room for line in lines)
    said = " ".join(lines)
    counted = re.search(r"(?:^| )and (\d+) more$", said)
    left_out = int(counted[1]) if counted else 0
    shown = names[: len(names) - left_out]
    assert len(shown) >= 1
    whole = ", ".join(shown)
    if cells(names[0]) <= room - len(" and 60 more"):
        assert said.removesuffix(f" and {left_out} more").removesuffix(f"and {left_out} more").rstrip(" ,") == (
            whole.rstrip(" ,")
        )
    else:
        assert MORE in said or names[0] in said

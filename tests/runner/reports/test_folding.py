"""Lines for a terminal: nothing of them is lost, none is wider, and a script's stay as they are."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.reports.folding import HANG, Command, Verbatim, folded
from runner.reports.plan import View, lines
from tests.runner.reports.board import board_plan

WORDS = st.lists(st.text("ab-\\:", min_size=1, max_size=30), min_size=1, max_size=20)


@settings(max_examples=200)
@given(st.integers(0, 12), WORDS, st.integers(40, 120))
def test_a_line_is_broken_between_words_and_loses_none(indent: int, words: list[str], width: int) -> None:
    line = " " * indent + " ".join(words)
    found = list(folded([line], width))
    assert all(len(each) <= width for each in found)
    assert "".join(found).replace(" ", "") == "".join(words)
    if max(map(len, words)) <= width - indent - HANG:  # a longer one has to be broken
        assert " ".join(" ".join(found).split()) == " ".join(words)
        assert found[0].startswith(" " * indent + words[0])
    assert all(len(each) - len(each.lstrip()) == indent + HANG for each in found[1:])
    assert list(folded([line], None)) == [line]


def test_a_plan_keeps_within_its_terminal_and_scripts_stay_as_they_are() -> None:
    script = "Set-ItemProperty -LiteralPath '" + "x" * 200 + "' -Name a -Value b"
    plan = board_plan()
    sha = next(iter(plan.texts))
    plan = replace(plan, texts={**plan.texts, sha: script})
    told = list(lines(plan, "ab" * 32, View(scripts=True, diff=True, width=80)))
    assert "        " + script in told
    assert max(len(line) for line in told if script not in line and "inetpub" not in line) <= 80
    assert list(folded([Verbatim("x" * 200)], 80)) == ["x" * 200]


def test_a_command_stays_in_one_piece_on_a_line_of_its_own_where_it_does_not_fit_behind_its_words() -> None:
    command = Command("  next", "exrun show r1 --host EX1")
    assert list(folded([command], 80)) == list(folded([command], None)) == ["  next: exrun show r1 --host EX1"]
    assert list(folded([command], 30)) == ["  next:", "      exrun show r1 --host EX1"]
    assert list(folded([command], 10)) == ["  next:", "      exrun show r1 --host EX1"]

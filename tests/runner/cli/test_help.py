"""Help is laid out for the width there is, says what values are in words, and shows how each command is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.core import TyperCommand, TyperGroup

from inventory.model import Authentication, Scheme
from runner.cli.commands import Group
from runner.cli.demo import EngineName
from runner.cli.help import GROUPS, NARROWEST, example_lines, help_lines, told, usage
from runner.cli.main import COMMANDS, app
from runner.cli.values import _CHOICES, Kind, takes_value, word_of

Anyone = TyperCommand | TyperGroup


def commands_of(command: Anyone, path: str = "exrun") -> Iterator[tuple[str, Anyone]]:
    yield path, command
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            assert isinstance(inner, TyperCommand | TyperGroup)
            yield from commands_of(inner, f"{path} {name}")


ALL = dict(commands_of(typer.main.get_command(app)))  # type: ignore[arg-type]
LEAVES = {path: command for path, command in ALL.items() if isinstance(command, TyperCommand)}


def shown(path: str, width: int) -> list[str]:
    command = ALL[path]
    return list(help_lines(command, path, width, command.headed() if isinstance(command, Group) else ()))


@pytest.mark.parametrize("width", [NARROWEST, 80, 100])
@pytest.mark.parametrize("path", ALL)
def test_no_line_of_help_is_wider_than_the_terminal(path: str, width: int) -> None:
    for line in shown(path, width):
        if len(line) > width:
            words = line.rstrip("\\").split()
            assert (width, len(words)) == (NARROWEST, 1) or len(words[-1]) > width - 20, line


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_shows_an_example_of_itself_and_its_exit_statuses(path: str) -> None:
    known = told(LEAVES[path].help or "")
    assert any(example.startswith(path) for example in known.examples)
    assert known.statuses or known.note
    assert "Exit status:" in shown(path, 80)


@pytest.mark.parametrize("path", LEAVES)
def test_no_value_is_called_by_the_name_of_a_type_of_python(path: str) -> None:
    for each in LEAVES[path].params:
        if takes_value(each):  # type: ignore[arg-type]
            word = word_of(each)  # type: ignore[arg-type]
            assert re.fullmatch(r"[A-Z][A-Z0-9=|-]*|[a-z0-9-]+(\|[a-z0-9-]+)*|FILE\|command:\.\.\.", word), word
    assert [line for line in shown(path, 80) if re.search(r"<\w+|list\[|\benv var\b", line)] == []


def test_the_help_of_the_program_has_every_command_once_under_a_heading() -> None:
    command = ALL["exrun"]
    assert isinstance(command, Group)
    headed = command.headed()
    assert [heading for heading, _ in headed if heading != "More"] == [heading for heading, _ in GROUPS]
    names = [row.term for _, rows in headed for row in rows]
    assert sorted(names) == sorted(COMMANDS)


def test_what_must_be_given_stands_before_what_may() -> None:
    assert usage(ALL["exrun plan"], "exrun plan") == "exrun plan PLAYBOOK [SELECTION]... -o FILE [OPTIONS]"


def test_a_docstring_is_read_however_it_is_folded() -> None:
    text = (
        "Do it.\n\n\b\nFirst,\nthen. Exit status: 0 all, of 3, or 2 not\nmore; the highest that applies.\n\n"
        "\b\nExamples:\n  exrun x\n  exrun y\n"
    )
    read = told(text)
    assert read.paragraphs == ("Do it.", "First, then.")
    assert read.statuses == (("0", "all, of 3"), ("2", "not more"))
    assert read.note == "The highest that applies."
    assert read.examples == ("exrun x", "exrun y")


WORDS = st.lists(st.from_regex(r'[a-z/.]{1,12}|--[a-z]{2,8}|"[a-z ]{0,12}"', fullmatch=True), min_size=1)


@given(WORDS, st.integers(40, 90))
def test_a_folded_example_is_the_same_command_to_a_shell(words: list[str], width: int) -> None:
    line = " ".join(words)
    lines = list(example_lines(line, width))
    assert re.sub(r" +\\\n +", " ", " \n".join(lines).replace("\\ \n", "\\\n")) == line
    assert all(len(each) <= width for each in lines)


@pytest.mark.parametrize(("columns", "widest"), [("60", 60), ("80", 80), ("300", 100)])
def test_the_width_is_that_of_the_terminal(columns: str, widest: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "runner.cli.main", "audit", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": columns},
    )
    assert widest - 12 < max(map(len, done.stdout.splitlines())) <= widest


def test_what_takes_only_some_words_though_it_is_a_text_takes_these() -> None:
    assert _CHOICES["EXRUN_SCHEME"] == tuple(Scheme)
    assert _CHOICES["EXRUN_AUTHENTICATION"] == tuple(Authentication)
    assert _CHOICES["EXRUN_ENGINE"] == tuple(EngineName)


def test_each_kind_of_value_has_its_word() -> None:
    assert all(str(kind) == kind.value and kind.value.isupper() for kind in Kind)

"""The man page has every command and option of the help, and renders without a warning."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.core import TyperOption
from typer.main import get_command

from runner.cli.commands import Group, leaves_of
from runner.cli.main import app, main
from runner.cli.manual import _text, manual

ROOT = get_command(app)
assert isinstance(ROOT, Group)
PAGE = manual(ROOT, "1.2.3", date(2026, 11, 29))


def plain(page: str) -> str:
    """What a reader sees of it, more or less."""
    return re.sub(r"\\f[BR]|\\&", "", page).replace("\\-", "-").replace("\\e", "\\")


def test_every_command_and_option_is_there() -> None:
    for words, command in leaves_of(ROOT):
        section = plain(PAGE).partition(f".SS exrun {words} ")[2].partition(".SS ")[0]
        assert section, words
        for option in command.params:
            if isinstance(option, TyperOption):
                assert option.opts[-1] in section
                assert str(option.envvar) in section


def test_the_command_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["man"]) == 0
    assert main(["man", "-o", str(tmp_path / "exrun.1")]) == 0
    assert capsys.readouterr().out == (tmp_path / "exrun.1").read_text(encoding="utf-8")


@given(st.text())
def test_no_text_is_a_request_or_an_escape_of_roff(text: str) -> None:
    line = _text(text)
    assert "\n" not in line
    assert not line.startswith((".", "'"))
    assert plain(line) == " ".join(text.split()).replace("\\&", "\\&")


@pytest.mark.parametrize(
    "command",
    [["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-man", "-ww", "-T", "utf8", "-b", "-z"]],
    ids=lambda each: each[0],
)
def test_it_renders_without_a_warning(command: list[str], tmp_path: Path) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"NO MAN: there is no {command[0]} here")
    (tmp_path / "exrun.1").write_text(PAGE, encoding="utf-8")
    done = subprocess.run(
        [*command, "exrun.1"], cwd=tmp_path, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_man_shows_it_at_80_columns(tmp_path: Path) -> None:
    if shutil.which("man") is None or shutil.which("groff") is None:
        pytest.skip("NO MAN: there is no man here")
    (tmp_path / "exrun.1").write_text(PAGE, encoding="utf-8")
    done = subprocess.run(
        ["man", "-P", "cat", "--warnings", "-l", "exrun.1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "80", "LC_ALL": "C.UTF-8"},
        check=True,
    )
    assert done.stderr == ""
    assert "exrun - Take a fleet of Microsoft Exchange servers" in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 80

"""The captures of real runs that docs/explanation/screens keeps obey what a screen is held to, and are all listed."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from runner.reports.fitting import cells
from runner.reports.glance import MOST_LINES

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "docs" / "explanation" / "screens"
KEPT = sorted(FOLDER.glob("*.txt"))
NAMED = re.compile(r"(audit|plan|apply)-(\d+)-(\d+)x(\d+)-(during|after)")
ENDS = {"audit": ("next: exrun ",), "plan": ("next: exrun apply ",), "apply": ("next: exrun ",)}
OURS = re.compile(r"^(?:\$ |exrun: |    )")  # the command and what was said while it went on
PIECE = re.compile(r"\b(?:EX\d{1,3}|mbx-\d+(?:\.[a-z]+){0,2})(?![\w.])")  # of a name of the fleet that was broken


def problems(name: str, text: str) -> list[str]:
    """What is wrong with one capture."""
    found = NAMED.fullmatch(name)
    if found is None:
        return ["its name says not what it is of"]
    did, columns, height, when = found[1], int(found[3]), int(found[4]), found[5]
    lines = text.splitlines()
    wrong = [f"wider than {columns}: {line}" for line in lines if cells(line) > columns]
    wrong += [f"a broken name: {each}" for line in lines for each in PIECE.findall(line)]
    wrong += ["an escape sequence"] if "\x1b" in text else []
    live = [line for line in lines if re.match(r"(?:auditing|planning|applying) \[", line)]
    if when == "during":
        wrong += [f"{len(lines)} lines on a terminal of {height}"] if len(lines) > height else []
        wrong += [f"{len(live)} lines of progress"] if len(live) != 1 else []
        return wrong
    told = list(lines)
    while told and OURS.match(told[0]):
        told.pop(0)
    wrong += ["lines of progress stay behind"] if live else []
    wrong += [f"{len(told)} lines"] if len(told) > MOST_LINES else []
    wrong += [f"it ends with: {lines[-1]}"] if not " ".join(lines[-2:]).strip().count(ENDS[did][0]) else []
    return wrong


@pytest.mark.parametrize("path", KEPT, ids=[path.stem for path in KEPT])
def test_a_capture_has_its_width_breaks_no_name_and_ends_with_the_next_command(path: Path) -> None:
    assert problems(path.stem, path.read_text(encoding="utf-8")) == []


def test_the_index_lists_every_capture_and_no_other() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\]\(([^)/]+\.txt)\)", index)) == [path.name for path in KEPT]
    assert KEPT


def test_what_a_capture_must_not_be_is_noticed() -> None:
    name = "audit-8-80x24-after"
    good = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    for bad in (
        good + "and on\nand on\n",
        good.replace("VERDICT ", "VERDICT " + 70 * " ", 1),
        good.replace("EX0003", "EX00", 1),
        good.replace("VERDICT", "auditing [..] 1/8 0:00\nVERDICT", 1),
        good.replace("VERDICT", "\x1b[1mVERDICT", 1),
        good.replace("VERDICT", MOST_LINES * "more\n" + "VERDICT", 1),
    ):
        assert problems(name, bad)


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("exrun_screens", ROOT / "scripts" / "screens.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux on PATH: apt-get install tmux")
def test_eight_servers_are_captured_in_a_terminal_of_80_columns(tmp_path: Path) -> None:
    assert _script().main(["--servers", "8", "--sizes", "80x24", "--to", str(tmp_path)]) == 0
    made = sorted(tmp_path.glob("*.txt"))
    assert [path.stem.replace("-8-80x24", "") for path in made] == [
        f"{did}-{when}" for did in ("apply", "audit", "plan") for when in ("after", "during")
    ]
    assert {path.stem: problems(path.stem, path.read_text(encoding="utf-8")) for path in made} == {
        path.stem: [] for path in made
    }


def test_a_run_counts_as_at_work_between_its_first_and_last_server() -> None:
    at_work = _script().at_work
    line = "  EX0007  0:01  log on\n"
    assert not at_work("$ exrun audit\nexrun: run x\n")
    assert not at_work("auditing [........] 10/200 0:01\n" + line)
    assert at_work("auditing [##......] 60/200 0:01\n  90 a minute\n" + line)
    assert not at_work("auditing [########] 200/200 0:01\n")
    assert at_work("applying [........] 0/2 0:00\n" + line)

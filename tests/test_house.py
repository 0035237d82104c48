"""What the contracts in pyproject.toml cannot say of the house: names, its page, and that tests look at no clock."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
VAGUE_NAMES = {"utils", "helpers", "common", "base", "manager", "core"}


def test_no_module_bears_a_name_that_says_nothing() -> None:
    vague = [
        str(path.relative_to(ROOT))
        for package in ("inventory", "playbooks", "runner", "texts", "tests")
        for path in (ROOT / package).rglob("*.py")
        if path.stem in VAGUE_NAMES
    ]
    assert vague == []


def test_every_place_that_the_page_on_the_house_names_is_there() -> None:
    page = (ROOT / "docs" / "explanation" / "house.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/])(?:\w+/)*\w+(?:\.py|/)(?!\w)", page))
    there = {
        f"/{path.relative_to(ROOT).as_posix()}{'/' if path.is_dir() else ''}"
        for package in ("inventory", "playbooks", "runner", "texts")
        for path in (ROOT / package, *(ROOT / package).rglob("*"))
    }
    assert len(named) > 40
    assert [place for place in sorted(named) if not any(path.endswith(f"/{place}") for path in there)] == []


@pytest.mark.parametrize(
    ("contract", "folder"), [("runner", "runner/"), ("playbooks", "playbooks/"), ("scripts", "playbooks/lint/")]
)
def test_the_page_on_the_house_draws_the_layers_that_the_contract_holds(contract: str, folder: str) -> None:
    page = (ROOT / "docs" / "explanation" / "house.md").read_text(encoding="utf-8")
    drawn = re.search(rf"\nIn `{folder}`:\n\n((?:    [a-z_ ]+\n)+)\n", page)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    [held] = [each["layers"] for each in contracts if each["id"] == contract]
    assert drawn is not None
    assert [line.split() for line in drawn[1].splitlines()] == [layer.split(" | ") for layer in held]


def test_everything_that_stands_at_the_top_of_a_package_has_its_place_on_the_page() -> None:
    page = (ROOT / "docs" / "explanation" / "house.md").read_text(encoding="utf-8")
    lacking = [
        f"{package}/{path.name}"
        for package in ("inventory", "playbooks", "runner", "texts")
        for path in (ROOT / package).iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").is_file()) and not path.stem.startswith("__")
        if not re.search(rf"(?<!\w){path.name}{'/' if path.is_dir() else ''}(?!\w)", page)
    ]
    assert lacking == []


def test_the_walk_on_the_page_visits_each_stage_once_each_way() -> None:
    page = (ROOT / "docs" / "explanation" / "house.md").read_text(encoding="utf-8")
    out, _, back = page.partition("## The walk")[2].partition("\n## ")[0].partition("\nThe way back")
    for walk, least in ((out, 20), (back, 6)):
        stages = re.findall(r"^    .*? ((?:inventory|playbooks|runner)/\S+?),?(?:  |$| )", walk, re.MULTILINE)
        assert len(stages) > least
        assert len(set(stages)) == len(stages)


CLOCKS = {"sleep", "time", "time_ns", "monotonic", "perf_counter", "process_time", "thread_time"}
MAY_LOOK_AT_A_CLOCK = {"tests/waiting.py", "tests/playbooks/lint/soundness/soak.py"}  # a soak is no test of `make test`


def looks_at_a_clock(source: str) -> list[int]:
    """Lines that read the time, sleep, or wait for an event that nobody sets. `time.monotonic` handed on is none."""
    tree = ast.parse(source)
    own = {
        name.asname or name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time"
        for name in node.names
    }
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name("time"), attr=clock)) if clock in CLOCKS:
                found.append(node.lineno)
            case ast.Call(func=ast.Name(clock)) if clock in own:
                found.append(node.lineno)
            case ast.Call(func=ast.Attribute(value=ast.Name("asyncio"), attr="sleep"), args=[ast.Constant(seconds)]):
                found += [node.lineno] if seconds else []
            case ast.Call(func=ast.Attribute(value=ast.Call(func=made), attr="wait")) if "Event" in ast.unparse(made):
                found.append(node.lineno)
            case _:
                pass
    return found


def test_no_test_sleeps_or_measures_how_long_something_took() -> None:
    """On a busy machine it would fail: count steps, hand in a clock, or wait with tests/waiting.py."""
    offenders = [
        f"{path.relative_to(ROOT).as_posix()}:{line}"
        for path in (ROOT / "tests").rglob("*.py")
        if path.relative_to(ROOT).as_posix() not in MAY_LOOK_AT_A_CLOCK
        for line in looks_at_a_clock(path.read_text(encoding="utf-8"))
    ]
    assert offenders == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("began = time.monotonic()", [1]),
        ("x = 1\ntime.sleep(0.1)", [2]),
        ("from time import process_time as cpu\nassert cpu() < 2", [2]),
        ("async def f():\n    await asyncio.sleep(0.1)\n    await asyncio.sleep(0)", [2]),
        ("threading.Event().wait(0.02)", [1]),
        ("run(clock=time.monotonic)\nevent.wait(HANG_SECONDS)\nclock.sleep(3)", []),
    ],
)
def test_a_look_at_a_clock_is_found_and_a_clock_that_is_handed_on_is_not(source: str, found: list[int]) -> None:
    assert looks_at_a_clock(source) == found


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_random_test_that_fails_says_the_command_that_draws_its_values_again(ci: str, tmp_path: Path) -> None:
    command = re.compile(r"^.* -m pytest -n 0 test_it.py::test_it.*$", re.MULTILINE)
    drawn = re.compile(r"drew=(\d+)")
    (tmp_path / "test_it.py").write_text(
        "from hypothesis import Phase, given, settings, strategies\n"
        "@settings(phases=[Phase.generate], database=None, max_examples=20)\n"
        "@given(strategies.integers(0, 2**64))\n"
        "def test_it(number):\n"
        "    assert number < 1000, f'drew={number}'\n"
    )
    options = ["-p", "tests.conftest", "--rootdir", str(tmp_path), "-c", str(ROOT / "pyproject.toml")]

    def run(arguments: list[str], **variables: str) -> str:
        environment = {**os.environ, "CI": "", **variables}
        ended = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
        assert ended.returncode == 1, ended.stdout + ended.stderr
        return ended.stdout

    first = run([sys.executable, "-m", "pytest", "-n", "0", "test_it.py", *options], CI=ci)
    [line] = command.findall(first)
    assert drawn.findall(run([*shlex.split(line), *options])) == drawn.findall(first) != []

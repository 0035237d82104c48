"""The wheel holds everything that the packages need at run time, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.main import get_command

from runner.cli.commands import Group
from runner.cli.main import app
from runner.cli.manual import manual

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("inventory", "playbooks", "runner", "texts")
# One of each kind of data: a rule that drops a kind is named by this test even where all files of it are new.
DATA = (
    "inventory/look_alikes.csv",
    "inventory/py.typed",
    "playbooks/actions/exchange/version/action.yml",
    "playbooks/actions/exchange/version/collect.ps1.j2",
    "playbooks/catalogue/builds.csv",
    "playbooks/lint/commands.csv",
    "playbooks/py.typed",
    "playbooks/library/exchange-audit.yml",
    "runner/lab/demo/expected.yml",
    "runner/lab/demo/hosts/contoso/ex01.yml",
    "runner/lab/demo/fleet.yml",
    "runner/py.typed",
    "runner/reports/applied.html.j2",
    "runner/reports/audit.html.j2",
    "runner/reports/page.css",
    "runner/reports/plan.html.j2",
    "texts/py.typed",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def on_disk() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(wheel: zipfile.ZipFile) -> None:
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name and ".data/" not in name}
    assert packed == on_disk()


@pytest.mark.parametrize("name", DATA)
def test_the_wheel_holds_each_kind_of_data(wheel: zipfile.ZipFile, name: str) -> None:
    assert wheel.getinfo(name).file_size == (ROOT / name).stat().st_size


def test_the_wheel_brings_the_man_page_of_its_own_help(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if ".data/" in name)
    assert name.endswith(".data/data/share/man/man1/exrun.1")
    page = wheel.read(name).decode()
    root = get_command(app)
    assert isinstance(root, Group)
    day = re.match(r'\.TH EXRUN 1 "(\d{4}-\d\d-\d\d)"', page)
    assert day is not None
    assert page == manual(root, version("exrun"), date.fromisoformat(day[1]))


def test_the_wheel_installs_the_command_and_carries_the_licence(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "exrun = runner.cli.entry:main" in wheel.read(entry_points).decode()
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_the_image_is_of_a_named_base_runs_as_nobody_and_sees_what_a_wheel_is_made_of() -> None:
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines()
    assert {line.split()[1] for line in lines if line.startswith("FROM ")} == {"${BASE}"}
    [base] = [line.removeprefix("ARG BASE=") for line in lines if line.startswith("ARG ")]
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+-slim-[a-z]+", base)
    last = [line.split() for line in lines if line][-2:]
    assert [words[0] for words in last] == ["USER", "ENTRYPOINT"]
    assert int(last[0][1]) > 0
    kept = {line[1:] for line in (ROOT / ".containerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packed = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert kept == {*packed, "pyproject.toml"}
    assert (ROOT / ".dockerignore").read_bytes() == (ROOT / ".containerignore").read_bytes()

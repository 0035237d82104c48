"""The house stays one-way: inventory and playbooks import neither runner nor each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {"inventory": {"playbooks", "runner"}, "playbooks": {"inventory", "runner"}}
VAGUE_NAMES = {"utils", "helpers", "common", "base", "manager", "core"}


def imported_packages(source: str) -> set[str]:
    """Top-level packages that a module imports, wherever in the module it does so."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found.update(alias.name.split(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                found.add(module.split(".")[0])
            case _:
                pass
    return found


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_a_package_imports_nothing_from_the_rooms_above_or_beside_it(package: str) -> None:
    offenders = {
        str(path.relative_to(ROOT)): sorted(imported_packages(path.read_text(encoding="utf-8")) & FORBIDDEN[package])
        for path in (ROOT / package).rglob("*.py")
        if imported_packages(path.read_text(encoding="utf-8")) & FORBIDDEN[package]
    }
    assert offenders == {}


def test_the_lab_is_imported_only_by_the_lab_and_the_command_line() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "runner").rglob("*.py")
        if "lab" not in path.relative_to(ROOT / "runner").parts
        and "cli" not in path.relative_to(ROOT / "runner").parts
        and "runner.lab" in path.read_text(encoding="utf-8")
    ]
    assert offenders == []


def test_an_import_inside_a_function_is_seen_too() -> None:
    assert imported_packages("def f():\n    from runner.audit import audit\n") == {"runner"}


def test_no_module_bears_a_name_that_says_nothing() -> None:
    vague = [
        str(path.relative_to(ROOT))
        for package in ("inventory", "playbooks", "runner", "tests")
        for path in (ROOT / package).rglob("*.py")
        if path.stem in VAGUE_NAMES
    ]
    assert vague == []

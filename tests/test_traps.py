"""docs/reference/traps.md names cases and tests that are there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "traps.md"
CASE = re.compile(r"(?P<action>[a-z_]+\.[a-z_]+): `(?P<case>.+)`")


def rows() -> list[tuple[str, str]]:
    """Trap and what holds it, of every table but the last."""
    held = PAGE.read_text(encoding="utf-8").partition("## Held by nothing yet")[0]
    cells = [line.strip("| ").split(" | ") for line in held.splitlines() if line.startswith("| ")]
    return [(trap, by) for trap, by in cells if trap != "trap"]


@cache
def cases(action: str) -> frozenset[str]:
    """The names of an action's cases, read once."""
    folder = ROOT / "playbooks" / "actions" / Path(*action.split(".")) / "cases"
    documents = [YAML(typ="safe", pure=True).load(path) for path in folder.glob("*.yml")]
    return frozenset(entry["case"] for document in documents for entry in document["cases"])


ROWS = rows()


def test_there_are_traps_enough_and_none_stands_twice() -> None:
    assert len(ROWS) >= 75
    assert len({trap for trap, _ in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("trap", "by"), ROWS, ids=[trap for trap, _ in ROWS])
def test_what_holds_it_is_there(trap: str, by: str) -> None:
    if by.startswith("tests/"):
        assert "\ndef test_" in (ROOT / by).read_text(encoding="utf-8")
        return
    found = CASE.fullmatch(by)
    assert found is not None, by
    assert found["case"] in cases(found["action"])

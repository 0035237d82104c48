"""The page on reasons names every one that there is, and none that there is not."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from playbooks.investigating.rules import rules

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "playbooks" / "investigating"
PAGE = (ROOT / "docs" / "reference" / "webshells.md").read_text(encoding="utf-8")
# What is put in where a reason's id has a part that changes.
_PARTS = {"{page.wrapping}": ("pst", "der", "picture", "zip", "binary")}


def reasons() -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in PACKAGE.glob("*.py")]
    # Others than of files have reasons of their own.
    of_files = [text for text in texts if "from playbooks.investigating.verdicts import" in text]
    written = {found for text in of_files for found in re.findall(r'Reason\(\s*f?"([a-z][a-z.{}_-]*)"', text)}
    lines = [line for line in (PACKAGE / "locations.csv").read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    parts = {**_PARTS, "{row.id}": tuple(row["id"] for row in csv.DictReader(lines))}
    found = {rule.id for rule in rules().values()}
    for each in written:
        part = next((name for name in parts if name in each), "")
        found |= {each.replace(part, value) for value in parts[part]} if part else {each}
    return found


def test_every_reason_is_explained() -> None:
    named = set(re.findall(r"`((?:content|location|config|compiled|known|contradicted|not|age)[.a-z-]+)`", PAGE))
    assert named == reasons()


def test_every_rule_is_told_as_it_says_of_itself() -> None:
    for rule in rules().values():
        row = f"| `{rule.id}` | {rule.grade} | {rule.what} | {rule.reference} | {rule.false_positives} |"
        assert row in PAGE, rule.name

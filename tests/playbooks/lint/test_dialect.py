"""The dialect beside the proof: each rule has scripts that depart from it and the same written as it should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from playbooks.lint import lint, style
from playbooks.lint.dialect import DIALECT
from playbooks.lint.dialect.header import FIRST

HERE = Path(__file__).parent
CASES = YAML(typ="safe").load(HERE / "dialect.yml")
ROOT = HERE.parents[2]


def whole(rule: str, script: str) -> str:
    """A case with the header that every script has, unless the header is what the case is about."""
    return script if rule == "style-header" else "\n".join((*FIRST, script))


def test_each_rule_of_the_dialect_has_cases() -> None:
    assert {rule for rule, _, _ in CASES} == {name for rule in DIALECT for name in rule.explains}


@pytest.mark.parametrize(("rule", "departs", "keeps"), CASES)
def test_a_departure_is_found_by_its_rule_and_the_same_written_right_is_not(
    rule: str, departs: str, keeps: str
) -> None:
    found = style(whole(rule, departs), source="x.ps1")
    assert {problem.rule for problem in found} == {rule}
    assert all(problem.why and problem.instead and problem.line for problem in found)
    assert style(whole(rule, keeps), source="x.ps1") == ()


@pytest.mark.parametrize(("rule", "departs", "keeps"), CASES)
def test_the_proof_does_not_ask_for_the_dialect(rule: str, departs: str, keeps: str) -> None:
    assert lint(whole(rule, departs), source="x.ps1") == ()
    assert lint(whole(rule, keeps), source="x.ps1") == ()


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("playbooks/actions/*/*/collect.ps1.j2")), ids=lambda path: path.parent.name
)
def test_every_built_in_collect_script_is_written_in_the_dialect(path: Path) -> None:
    assert style(path.read_text(encoding="utf-8"), source=path.name) == ()

"""What a host said, and what judgement must conclude: every case file of every built-in action."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from playbooks.assessing import Assess
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Coverage, UnknownFact, Verdict
from playbooks.observation import UNREAD_KIND, NotObserved, Observation, Observed, Unread

ACTIONS = Path(__file__).resolve().parent.parent.parent / "playbooks" / "actions"
CATALOGUE = Catalogue.load()


def cases() -> Iterator[Any]:
    """Every entry of every cases/*.yml, named after its sentence."""
    for path in sorted(ACTIONS.glob("*/*/cases/*.yml")):
        for entry in YAML(typ="safe", pure=True).load(path)["cases"]:
            yield pytest.param(entry, id=f"{entry['action']}: {entry['case']}")


def observation(entry: dict[str, Any]) -> Observation:
    """The case's observation; records of Kind Unread become `unread`, as on the way from a host."""
    if "not_observed" in entry:
        return NotObserved(**entry["not_observed"])
    records = entry["observed"]
    return Observed(
        records=tuple(record for record in records if record["Kind"] != UNREAD_KIND),
        unread=tuple(Unread(record["What"], record["Why"]) for record in records if record["Kind"] == UNREAD_KIND),
    )


def assess_of(action: str) -> Assess:
    """The built-in assess function of an action's id."""
    function: Assess = import_module(f"playbooks.actions.{action}.assess").assess
    return function


@pytest.mark.parametrize("entry", list(cases()))
def test_the_case_is_judged_as_it_says(entry: dict[str, Any]) -> None:
    today = date.fromisoformat(str(entry["today"]))
    assessment = assess_of(entry["action"])(observation(entry), entry.get("params", {}), CATALOGUE, today)
    expected = entry["expect"]
    assert assessment.verdict == Verdict(expected["verdict"])
    assert [finding.id for finding in assessment.findings] == expected["findings"]
    for name, value in expected.get("facts", {}).items():
        assert assessment.facts[name] == value, name
    for name in expected.get("unknown", []):
        assert isinstance(assessment.facts[name], UnknownFact), name


@pytest.mark.parametrize("entry", list(cases()))
def test_every_finding_has_evidence_and_a_next_step(entry: dict[str, Any]) -> None:
    today = date.fromisoformat(str(entry["today"]))
    assessment = assess_of(entry["action"])(observation(entry), entry.get("params", {}), CATALOGUE, today)
    assert assessment.summary
    for finding in assessment.findings:
        assert finding.id.startswith(f"{entry['action']}.")
        assert finding.evidence
        assert finding.next
    if assessment.verdict is Verdict.UNKNOWN:
        assert assessment.coverage is Coverage.NOT_KNOWABLE

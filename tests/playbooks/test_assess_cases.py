"""What a host said, and what judgement must conclude: every case file of every built-in action."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from playbooks.cases import Case, case_files, cases_of, read_cases
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Coverage, Verdict
from playbooks.loading import load_action
from playbooks.model import Action
from playbooks.shelf import shelf
from runner.trying import answered, assessed, compared, unproven

ACTIONS = Path(__file__).resolve().parent.parent.parent / "playbooks" / "actions"
CATALOGUE = Catalogue.load()
CVE = re.compile(r"CVE-\d{4}-\d{4,}")
KB = re.compile(r"KB\d{6,8}")
LONG_AGO = date(2000, 1, 1)  # on which no case is right that hangs on a day and names none


@cache
def action(name: str) -> Action:
    return load_action(shelf([]).action(name)[0], CATALOGUE)


@cache
def entries() -> tuple[Case, ...]:
    """Every case, in the order of actions, files and lines."""
    found: list[Case] = []
    for each in shelf([]).actions:
        for place in case_files(each.place):
            document = read_cases(place, f"{each.source}/{place.name}")
            assert {written.action for written in document.model.cases} == {each.name}
            found += cases_of(document, action(each.name), CATALOGUE)
    return tuple(found)


def cases() -> Iterator[Any]:
    """Every case, named after its sentence."""
    for case in entries():
        yield pytest.param(case, id=f"{case.action}: {case.sentence}")


def judged(case: Case) -> Assessment:
    """The assessment of a case on its day."""
    of = action(case.action)
    return assessed(case, of, answered(case, of), CATALOGUE, LONG_AGO)


def test_there_are_enough_cases_of_every_action() -> None:
    counted = Counter(case.action for case in entries())
    assert set(counted) == {f"{path.parent.parent.name}.{path.parent.name}" for path in ACTIONS.glob("*/*/action.yml")}
    assert min(counted.values()) >= 10
    assert sum(counted.values()) >= 40


def test_no_two_cases_say_the_same_sentence() -> None:
    sentences = Counter((case.action, case.sentence) for case in entries())
    assert [sentence for sentence, times in sentences.items() if times > 1] == []


@pytest.mark.parametrize("case", list(cases()))
def test_the_case_is_judged_as_it_says(case: Case) -> None:
    of = action(case.action)
    observation = answered(case, of)
    assessment = assessed(case, of, observation, CATALOGUE, LONG_AGO)
    assert compared(case, observation, assessment) == ()
    assert unproven(case, of, assessment) == ()


@pytest.mark.parametrize("case", list(cases()))
def test_every_finding_has_evidence_and_a_next_step(case: Case) -> None:
    assessment = judged(case)
    assert assessment.summary
    for finding in assessment.findings:
        assert finding.id.startswith(f"{case.action}.")
        assert finding.evidence
        assert finding.next
        named = CVE.findall(finding.title)
        assert named[:1] == list(finding.cves[:1]) or not named, "what a title is about, programs are told too"
        assert all(map(CVE.fullmatch, finding.cves))
        assert all(map(KB.fullmatch, finding.kbs))
    if assessment.verdict is Verdict.UNKNOWN:
        assert assessment.coverage is Coverage.NOT_KNOWABLE

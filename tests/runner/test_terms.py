"""What is to be known of a run before any of its rows."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.catalogue.catalogue import Age, Catalogue
from playbooks.findings import Assessment, Severity, Verdict
from runner.exit_status import ExitStatus
from runner.results import HostResult, StepResult, exit_status, fleet_result, judged, strict_status
from runner.terms import ALLOW_CLEARTEXT, AS_OF, SKIP_UNRESOLVED, End, Ending, Override, Terms

CATALOGUE = Catalogue.load()
DAY = CATALOGUE.as_of
WELL = Terms(DAY, DAY)

overrides = st.sampled_from([Override(ALLOW_CLEARTEXT), Override(SKIP_UNRESOLVED), Override(AS_OF, "2026-10-01")])
ends = st.builds(End, st.sampled_from(Ending), st.text(), st.text())
terms = st.builds(
    Terms,
    st.just(DAY),
    st.integers(-400, 400).map(lambda days: DAY + timedelta(days=days)),
    ends,
    st.lists(overrides, unique=True).map(tuple),
)


def row(verdict: Verdict) -> HostResult:
    return judged("EX1", "alpha", [StepResult("s", "x.y", Assessment(verdict, "why"))], 8, 1.0)


def test_of_a_run_by_a_current_catalogue_that_came_to_its_end_nothing_is_found() -> None:
    assert WELL.findings == ()


@given(st.integers(-400, 400))
def test_the_run_finds_its_catalogue_old_on_the_days_on_which_the_catalogue_itself_says_so(days: int) -> None:
    today = DAY + timedelta(days=days)
    found = [finding.id for finding in Terms(DAY, today).findings]
    expected = {Age.CURRENT: [], Age.AGED: ["run.catalogue-aged"], Age.STALE: ["run.catalogue-stale"]}
    assert found == (["run.clock"] if days < 0 else expected[CATALOGUE.age(today)])


@given(terms)
def test_every_finding_of_a_run_says_what_and_what_to_do_worst_first(of_run: Terms) -> None:
    found = of_run.findings
    assert [finding.severity.rank for finding in found] == sorted(finding.severity.rank for finding in found)
    assert all(finding.title for finding in found)
    assert all(finding.next for finding in found if finding.id not in ("run.deadline", "run.journal"))
    assert sum(finding.id == "run.override" for finding in found) == len(of_run.overrides)
    assert (of_run.end.how is Ending.COMPLETE) == (f"run.{of_run.end.how}" not in {finding.id for finding in found})


@given(terms, st.lists(st.sampled_from(Verdict).map(row), max_size=3))
def test_strict_never_lowers_a_status_and_raises_none_but_0(of_run: Terms, rows: list[HostResult]) -> None:
    audit = fleet_result("r", of_run, rows)
    usual, strict = exit_status(audit.hosts), strict_status(audit)
    grave = any(finding.severity is not Severity.INFO for finding in of_run.findings)
    assert strict == (usual if usual is not ExitStatus.WELL or not grave else ExitStatus.FINDINGS)


@pytest.mark.parametrize("override", [Override(ALLOW_CLEARTEXT), Override(SKIP_UNRESOLVED), Override(AS_OF, "x")])
def test_an_override_alone_costs_nothing_with_strict(override: Override) -> None:
    audit = fleet_result("r", Terms(DAY, DAY, overrides=(override,)), [row(Verdict.OK)])
    assert strict_status(audit) is ExitStatus.WELL


def test_an_override_that_this_version_does_not_know_is_said_all_the_same() -> None:
    [found] = Terms(DAY, DAY, overrides=(Override("--of-a-later-version", "{x}"),)).findings
    assert found.evidence == ("--of-a-later-version {x}",)


def test_terms_name_the_age_in_days() -> None:
    assert Terms(date(2026, 10, 1), date(2027, 2, 1)).days == 123

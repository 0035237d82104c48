"""What an audit comes to, for any steps and hosts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.investigating.rotation import AFTER_CLEANING
from playbooks.investigating.standing import CLEAR_OF, LOOKED_FOR, WELL, verdict_of
from runner.exit_status import ExitStatus
from runner.results import (
    STEP_BY_STEP,
    CoverageCount,
    HostResult,
    Judged,
    NotReached,
    Outcome,
    StepResult,
    exit_status,
    fleet_result,
    judged,
    of_client,
    to_rotate,
    worst_first,
)
from runner.terms import Terms
from runner.transport.failures import Cause, Failure

TERMS = Terms(date(2026, 4, 2), date(2026, 4, 2))

findings = st.builds(
    Finding, id=st.just("exchange.patch.x"), severity=st.sampled_from(Severity), title=st.text(), next=st.text()
)
assessments = st.builds(
    Assessment,
    verdict=st.sampled_from(Verdict),
    summary=st.text(min_size=1),
    findings=st.lists(findings, max_size=3).map(tuple),
    coverage=st.sampled_from(Coverage),
)
results = st.builds(StepResult, st.sampled_from(["version", "patch", "hunt", "iis"]), st.just("a.b"), assessments)
steps = st.lists(results, max_size=4, unique_by=lambda result: result.step)
names = st.one_of(st.sampled_from(["EX1", "ex1", "Ex1"]), st.text(min_size=1, max_size=6))
answered = st.builds(judged, names, st.sampled_from(["alpha", "beta"]), steps, st.integers(0, 20), st.floats(0, 9))
failures = st.builds(Failure, st.sampled_from(Cause), st.text(), st.text(min_size=1))
silent = st.builds(NotReached, names, st.sampled_from(["alpha", "beta"]), failures, st.just(3), st.just(1), st.just(1))
fleets = st.lists(st.one_of(answered, silent), max_size=8)


def saying(*verdicts: Verdict, findings: Sequence[Finding] = ()) -> HostResult:
    """A host of which each step says one of `verdicts`; the first has the findings."""
    return judged(
        "EX1",
        "alpha",
        [
            StepResult(
                f"s{index}",
                "exchange.patch",
                Assessment(verdict, f"why {verdict}", tuple(findings) if index == 0 else ()),
            )
            for index, verdict in enumerate(verdicts)
        ],
        requests=8,
        seconds=1.5,
    )


def refused(cause: Cause) -> HostResult:
    return NotReached("EX2", "beta", Failure(cause, "no answer", "Start WinRM"), steps_due=2, requests=1, seconds=3)


@settings(max_examples=60)
@given(st.lists(assessments, min_size=1, max_size=5))
def test_no_action_says_worse_than_the_verdict_of_its_host(of_host: list[Assessment]) -> None:
    assert verdict_of(of_host).rank >= min(each.verdict.rank for each in of_host)
    if min(each.verdict.rank for each in of_host) < Verdict.OK.rank:
        assert verdict_of(of_host).rank == min(each.verdict.rank for each in of_host)


def test_a_host_without_any_assessment_is_unknown_and_not_ok() -> None:
    assert verdict_of([]) is Verdict.UNKNOWN
    host = judged("EX1", "alpha", [], requests=0, seconds=0)
    assert (host.outcome, host.why) == (Outcome.UNKNOWN, "no step was run on this host")
    assert host.next


def test_a_host_without_exchange_whose_windows_is_in_order_is_not_called_ok() -> None:
    assert saying(Verdict.NOT_EXCHANGE, Verdict.OK, Verdict.NOT_APPLICABLE).verdict is Verdict.NOT_EXCHANGE


def test_a_host_without_exchange_that_wants_a_reboot_says_so() -> None:
    assert saying(Verdict.NOT_EXCHANGE, Verdict.ATTENTION).verdict is Verdict.ATTENTION


@pytest.mark.parametrize(
    ("verdicts", "outcome"),
    [
        ((Verdict.OK, Verdict.OK), Outcome.COMPLIANT),
        ((Verdict.NOT_EXCHANGE, Verdict.NOT_APPLICABLE), Outcome.COMPLIANT),
        ((Verdict.OK, Verdict.VULNERABLE), Outcome.FINDINGS),
        ((Verdict.NEWER_THAN_CATALOGUE,), Outcome.FINDINGS),
        ((Verdict.VULNERABLE, Verdict.UNKNOWN), Outcome.UNKNOWN),
    ],
)
def test_the_outcome_says_whether_the_verdict_is_all_of_it(verdicts: tuple[Verdict, ...], outcome: Outcome) -> None:
    assert saying(*verdicts).outcome is outcome


def test_a_vulnerable_host_that_is_not_wholly_known_keeps_its_verdict_and_exits_3() -> None:
    host = saying(Verdict.UNKNOWN, Verdict.VULNERABLE)
    assert (host.verdict, exit_status([host])) == (Verdict.VULNERABLE, ExitStatus.NOT_ALL_JUDGED)


def test_a_finding_above_info_is_left_to_do_even_where_the_verdict_is_ok() -> None:
    low, info = (Finding("a.b", severity, "t") for severity in (Severity.LOW, Severity.INFO))
    assert saying(Verdict.OK, findings=[low]).outcome is Outcome.FINDINGS
    assert saying(Verdict.OK, findings=[info]).outcome is Outcome.COMPLIANT


def test_the_row_says_the_reason_and_next_step_of_the_action_that_decided() -> None:
    host = judged(
        "EX1",
        "alpha",
        [
            StepResult(
                "reboot",
                "windows.pending_reboot",
                Assessment(
                    Verdict.ATTENTION, "a reboot is due", (Finding("w.r", Severity.CRITICAL, "t", next="Reboot"),)
                ),
            ),
            StepResult(
                "patch",
                "exchange.patch",
                Assessment(
                    Verdict.VULNERABLE,
                    "KB5001779 is missing",
                    (
                        Finding("e.p.note", Severity.LOW, "t", next="Read the note"),
                        Finding("e.p.vulnerable", Severity.HIGH, "t", next="Install KB5001779"),
                    ),
                ),
            ),
        ],
        requests=8,
        seconds=1,
    )
    assert (host.why, host.next) == ("KB5001779 is missing", "Install KB5001779")
    assert [(found.step, found.action, found.finding.id) for found in host.findings] == [
        ("reboot", "windows.pending_reboot", "w.r"),
        ("patch", "exchange.patch", "e.p.vulnerable"),
        ("patch", "exchange.patch", "e.p.note"),
    ]


def test_the_product_is_named_from_facts_and_an_unknown_fact_names_none() -> None:
    known = Assessment(Verdict.OK, "s", facts={"product": "2016", "cu": "CU23", "update": "Nov22SU"})
    unread = Assessment(Verdict.UNKNOWN, "s", facts={"product": UnknownFact("denied"), "cu": "CU23"})
    assert judged("h", "c", [StepResult("v", "a.b", known)], 0, 0).product == "Exchange Server 2016 CU23 Nov22SU"
    assert judged("h", "c", [StepResult("v", "a.b", unread)], 0, 0).product == ""


@pytest.mark.parametrize("cause", list(Cause))
def test_a_host_without_a_session_is_a_row_that_says_the_cause_and_what_to_do(cause: Cause) -> None:
    host = refused(cause)
    ours = dict.fromkeys(
        (Cause.LOCKOUT_GUARD, Cause.PUBLIC_ADDRESS, Cause.INTERRUPTED, Cause.SCRIPT_REFUSED, Cause.DEFECT),
        Verdict.NOT_ASKED,
    )
    ours[Cause.CREDENTIAL] = Verdict.NO_CREDENTIAL
    outcome = Outcome.FAILED if cause in ours else Outcome.UNREACHABLE
    assert (host.verdict, host.outcome) == (ours.get(cause, Verdict.UNREACHABLE), outcome)
    further = outcome is Outcome.UNREACHABLE and cause is not Cause.AUTHENTICATION  # never one more attempt
    assert host.next == ("Start WinRM" + f" {STEP_BY_STEP}" * further)
    assert host.why == f"{cause.value}: no answer"
    assert exit_status([host]) == 3


@settings(max_examples=100)
@given(answered)
def test_why_and_next_step_of_a_row_are_those_of_the_steps_that_decided_it(host: Judged) -> None:
    deciding = [step.assessment for step in host.steps if step.assessment.verdict is host.verdict]
    others = {step.assessment.summary for step in host.steps if step.assessment.verdict is not host.verdict}
    if not host.steps:
        return
    assert host.why == "; ".join(dict.fromkeys(each.summary for each in deciding))
    assert deciding
    assert deciding[0].summary not in others - {each.summary for each in deciding}
    said = sorted((found for each in deciding for found in each.findings), key=lambda found: found.severity.rank)
    asked = next((found.next for found in said if found.next), "")
    if asked:
        assert host.next == asked
    elif host.verdict not in WELL:
        names = ", ".join(step.step for step in host.steps if step.assessment.verdict is host.verdict)
        assert host.next == f"See what {names} says of this server, and look by hand"


def test_the_advice_of_another_step_is_no_answer_to_the_verdict() -> None:
    reboot = Assessment(Verdict.ATTENTION, "a reboot is due", (Finding("w.r", Severity.MEDIUM, "t", next="Reboot"),))
    bare = Assessment(Verdict.VULNERABLE, "a fix is missing", (Finding("e.p.v", Severity.CRITICAL, "t"),))
    host = judged("EX1", "alpha", [StepResult("reboot", "w.r", reboot), StepResult("patch", "e.p", bare)], 8, 1)
    assert host.next == "See what patch says of this server, and look by hand"


@settings(max_examples=60)
@given(fleets, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_which_host_answered_first(hosts: list[HostResult], random: Random) -> None:
    distinct = list({(host.client, host.name): host for host in hosts}.values())
    shuffled = list(distinct)
    random.shuffle(shuffled)
    assert worst_first(shuffled) == worst_first(distinct)


@settings(max_examples=60)
@given(fleets)
def test_no_host_is_lost_and_no_better_verdict_stands_before_a_worse(hosts: list[HostResult]) -> None:
    audit = fleet_result("r1", TERMS, hosts)
    assert sorted(map(repr, audit.hosts)) == sorted(map(repr, hosts))
    ranks = [host.verdict.rank for host in audit.hosts]
    assert ranks == sorted(ranks)


@settings(max_examples=60)
@given(fleets)
def test_each_total_adds_up_to_the_hosts_it_counts(hosts: list[HostResult]) -> None:
    summary = fleet_result("r1", TERMS, hosts).summary
    assert summary.hosts == sum(summary.outcomes.values()) == sum(summary.verdicts.values()) == len(hosts)
    assert sum(summary.severities.values()) == sum(len(host.findings) for host in hosts)
    assert summary.coverage.steps == sum(host.coverage.steps for host in hosts)
    assert (set(summary.outcomes), set(summary.verdicts)) == (set(Outcome), set(Verdict))


@settings(max_examples=60)
@given(fleets)
def test_the_parts_of_the_clients_make_the_whole_and_none_holds_anothers_host(hosts: list[HostResult]) -> None:
    audit = fleet_result("r1", TERMS, hosts)
    parts = {client: of_client(audit, client) for client in ("alpha", "beta")}
    assert all(host.client == client for client, part in parts.items() for host in part.hosts)
    assert sum(part.summary.hosts for part in parts.values()) == audit.summary.hosts
    assert sum(part.summary.requests for part in parts.values()) == audit.summary.requests


@settings(max_examples=100)
@given(fleets)
def test_the_exit_status_is_0_only_where_every_step_of_every_host_is_well(hosts: list[HostResult]) -> None:
    well = all(
        isinstance(host, Judged)
        and host.steps
        and all(step.assessment.verdict in WELL for step in host.steps)
        and all(step.assessment.coverage is not Coverage.NOT_KNOWABLE for step in host.steps)
        and all(found.finding.severity is Severity.INFO for found in host.findings)
        for host in hosts
    )
    assert (exit_status(hosts) == 0) is well


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        ([], 0),
        ([saying(Verdict.OK)], 0),
        ([saying(Verdict.OK), saying(Verdict.VULNERABLE)], 1),
        ([saying(Verdict.VULNERABLE), saying(Verdict.UNKNOWN), saying(Verdict.OK)], 3),
        ([saying(Verdict.VULNERABLE), refused(Cause.CREDENTIAL)], 3),
        ([refused(Cause.TIMEOUT)], 3),
    ],
)
def test_the_highest_exit_status_that_applies_is_given(hosts: list[HostResult], status: int) -> None:
    assert exit_status(hosts) == status


def test_steps_that_no_session_could_ask_count_as_not_knowable() -> None:
    assert refused(Cause.TLS).coverage == CoverageCount(not_knowable=2)


def test_a_server_with_a_clean_log_is_clean_since_its_day_and_that_is_well() -> None:
    hunt = Assessment(Verdict.OK, "nothing", facts={"since": "2026-10-28", CLEAR_OF: LOOKED_FOR})
    host = judged("EX1", "alpha", [StepResult("hunt", "proxylogon.hunt", hunt)], 8, 1)
    assert (host.verdict, host.clean_since, host.outcome) == (Verdict.OK, date(2026, 10, 28), Outcome.COMPLIANT)
    assert exit_status([host]) == 0


def test_a_server_whose_logs_cannot_say_since_when_is_not_all_judged() -> None:
    hunt = Assessment(Verdict.OK, "nothing", facts={"since": UnknownFact("no log was read")})
    host = judged("EX1", "alpha", [StepResult("hunt", "proxylogon.hunt", hunt)], 8, 1)
    assert (host.verdict, host.outcome, exit_status([host])) == (Verdict.UNKNOWN, Outcome.UNKNOWN, 3)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_what_to_rotate_is_listed_where_a_server_is_compromised_and_nowhere_else(verdict: Verdict) -> None:
    hosts = [saying(Verdict.OK), saying(verdict)]
    assert to_rotate(hosts) == (AFTER_CLEANING if verdict is Verdict.COMPROMISED else ())


def test_what_to_rotate_says_what_was_seen_on_which_server() -> None:
    key = Finding("iis.configuration.known-key", Severity.CRITICAL, "t", (), "n")
    of_key = StepResult("iis", "iis.configuration", Assessment(Verdict.COMPROMISED, "x", findings=(key,)))
    of_other = StepResult("iis", "iis.configuration", Assessment(Verdict.SUSPICIOUS, "x", findings=(key,)))
    hosts = [judged("EX1", "alpha", [of_key], 8, 1), judged("EX2", "alpha", [of_other], 8, 1)]
    told = {each.id: each.seen for each in to_rotate(hosts) if each.seen}
    assert told == {"machine-keys": ("EX1: a machine key that everybody knows is configured",)}


def test_a_compromised_server_of_which_not_all_is_known_exits_3() -> None:
    cut = Assessment(Verdict.COMPROMISED, "a session, and a log that was cut", coverage=Coverage.NOT_KNOWABLE)
    host = judged("EX1", "alpha", [StepResult("hunt", "proxylogon.hunt", cut)], 8, 1)
    assert (host.verdict, exit_status([host])) == (Verdict.COMPROMISED, 3)

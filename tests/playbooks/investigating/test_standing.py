"""How a server stands by all of its steps: the worst counts, what is missing is said, and clean has a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import permutations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.investigating.standing import CLEAR_OF, LOOKED_FOR, SINCE, WELL, Because, standing_of

QUIET = "nothing of what was looked for is in the logs since"
DENIED = UnknownFact("access is denied")
ABSENT = (Verdict.NOT_EXCHANGE, Verdict.NOT_APPLICABLE)
# Of an intruder, or of a door that is open to one.
SPEAK = (
    Verdict.COMPROMISED,
    Verdict.SUSPICIOUS,
    Verdict.VULNERABLE,
    Verdict.NEEDS_CU,
    Verdict.HALF_INSTALLED,
    Verdict.PROBED,
)
OPEN = (Verdict.UNKNOWN, Verdict.UNREACHABLE, Verdict.NO_CREDENTIAL, Verdict.NOT_ASKED)

days = st.dates(date(2020, 1, 1), date(2026, 11, 28)).map(date.isoformat)
not_days = st.sampled_from(
    ["", "2026-13-01", "20261101", "2026-11-01T00:00:00", "2026-W44-7", "yesterday", 20261101, None]
)
findings = st.builds(
    Finding,
    st.sampled_from(["a.b.c", "a.b.d"]),
    st.sampled_from(Severity),
    st.just("t"),
    next=st.sampled_from(["", "go"]),
)
assessments = st.builds(
    Assessment,
    st.sampled_from(Verdict),
    st.text(min_size=1, max_size=8),
    st.lists(findings, max_size=2).map(tuple),
    st.one_of(
        st.just({}),
        st.fixed_dictionaries(
            {SINCE: st.one_of(days, not_days, st.builds(UnknownFact, st.text(max_size=5)))},
            optional={CLEAR_OF: st.one_of(st.just(LOOKED_FOR), st.builds(UnknownFact, st.text(max_size=5)))},
        ),
        st.fixed_dictionaries({CLEAR_OF: st.lists(st.sampled_from(LOOKED_FOR), max_size=7, unique=True).map(tuple)}),
    ),
)
servers = st.dictionaries(st.sampled_from(["patch", "hunt", "scan", "iis", "reboot"]), assessments, max_size=5)


def said(verdict: Verdict, since: object = None, summary: str = "why") -> Assessment:
    facts = {} if since is None else {SINCE: since}
    return Assessment(verdict, summary, facts=facts)  # type: ignore[arg-type]


def clear(*of: str, since: str = "2026-10-28") -> Assessment:
    return Assessment(Verdict.OK, "nothing", facts={SINCE: since, CLEAR_OF: of or LOOKED_FOR})


@settings(max_examples=300)
@given(servers)
def test_clean_is_said_only_where_nothing_speaks_of_an_intruder_and_every_log_has_a_day(
    server: Mapping[str, Assessment],
) -> None:
    standing = standing_of(server)
    if standing.clean_since is None:
        return
    assert not {each.verdict for each in server.values()} & {*SPEAK, *OPEN}
    assert all(each.coverage is not Coverage.NOT_KNOWABLE for each in server.values())
    readers = [each for each in server.values() if SINCE in each.facts and each.verdict not in ABSENT]
    assert readers
    assert all(each.verdict is Verdict.OK for each in readers)
    assert standing.clean_since == max(date.fromisoformat(str(each.facts[SINCE])) for each in readers)
    for what in LOOKED_FOR:
        assert any(isinstance(told := each.facts.get(CLEAR_OF), tuple) and what in told for each in server.values())


@pytest.mark.parametrize("missing", LOOKED_FOR)
def test_a_server_that_was_searched_in_part_is_not_called_clean(missing: str) -> None:
    """A quiet log says nothing of a web shell that lay there before, nor a list of pages of a task."""
    others = [what for what in LOOKED_FOR if what != missing]
    searched = {what: clear(what) for what in others}
    standing = standing_of(searched)
    assert (standing.verdict, standing.clean_since) == (Verdict.OK, None)
    assert standing.why.endswith(f"not called clean, for no step looked for {missing}")
    assert standing_of({**searched, "last": clear(missing)}).clean_since == date(2026, 10, 28)


def test_a_step_in_doubt_of_what_it_looked_for_leaves_no_server_clean() -> None:
    doubt = Assessment(Verdict.ATTENTION, "one file was not read", facts={CLEAR_OF: UnknownFact("not read")})
    others = clear(*[what for what in LOOKED_FOR if what != "web shells"])
    assert standing_of({"scan": doubt, "others": others}).clean_since is None


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_server_that_only_wants_an_update_or_a_restart_is_clean_beside_it(verdict: Verdict) -> None:
    standing = standing_of({"hunt": clear(), "other": said(verdict)})
    wanting = verdict not in (*SPEAK, *OPEN)
    assert standing.clean_since == (date(2026, 10, 28) if wanting else None)


@pytest.mark.parametrize(
    "facts",
    [
        {"compliant": False},
        {"compliant": DENIED},
        {"suspicious": 2},
        {"suspicious": DENIED},
        {"compromised": True},
        {"suspicious": 0, "compromised": DENIED},
    ],
)
def test_what_speaks_of_an_intruder_in_a_fact_is_not_passed_over(facts: Mapping[str, int | UnknownFact]) -> None:
    """A user's own action, whatever it looks for, and a step that calls something odd worth a look and no more."""
    own = Assessment(Verdict.ATTENTION, "something odd", facts=facts)
    standing = standing_of({"hunt": clear(), "own": own})
    assert (standing.verdict, standing.clean_since) == (Verdict.ATTENTION, None)
    assert standing.logs_since == date(2026, 10, 28)


def test_facts_that_say_that_nothing_was_found_leave_a_server_clean() -> None:
    facts = {"compliant": True, "suspicious": 0, "compromised": False}
    well = Assessment(Verdict.OK, "nothing", facts=facts)
    assert standing_of({"hunt": clear(), "scan": well}).clean_since == date(2026, 10, 28)


@settings(max_examples=300)
@given(servers, st.sampled_from(OPEN), st.sampled_from([None, "2026-10-28", DENIED]))
def test_a_step_that_was_not_answered_leaves_no_server_clean_or_ok(
    server: Mapping[str, Assessment], verdict: Verdict, since: object
) -> None:
    standing = standing_of({**server, "lost": said(verdict, since)})
    assert standing.verdict not in WELL
    assert standing.verdict.rank <= verdict.rank
    assert standing.clean_since is None


@settings(max_examples=300)
@given(servers, assessments)
@example({"scan": said(Verdict.OK)}, said(Verdict.OK, DENIED))
@example({"hunt": said(Verdict.OK, "2026-10-28")}, said(Verdict.NOT_EXCHANGE))
def test_a_further_answer_never_makes_a_verdict_better(server: Mapping[str, Assessment], further: Assessment) -> None:
    """Of those that are well none is better than another."""
    if not server:
        return
    before, after = standing_of(server), standing_of({**server, "further": further})
    assert after.verdict.rank <= before.verdict.rank or (before.verdict in WELL and after.verdict in WELL)
    if before.clean_since is not None and after.clean_since is not None:
        assert after.clean_since >= before.clean_since


@settings(max_examples=200)
@given(servers, st.sampled_from([Verdict.OK, Verdict.NOT_APPLICABLE, Verdict.ATTENTION]))
def test_a_mitigation_that_is_in_place_is_no_patch(server: Mapping[str, Assessment], verdict: Verdict) -> None:
    """A server that lacks a fix stays as bad as it is, whatever a step says of what stands before the hole."""
    lacking = {**server, "patch": said(Verdict.VULNERABLE, summary="CVE-2021-26855 is open")}
    held = standing_of({**lacking, "mitigation": said(verdict, summary="a rule stands before it")})
    assert held.verdict is standing_of(lacking).verdict
    assert held.verdict.rank <= Verdict.VULNERABLE.rank


@settings(max_examples=100)
@given(servers)
def test_the_order_of_the_steps_decides_no_verdict(server: Mapping[str, Assessment]) -> None:
    verdicts = {standing_of(dict(order)).verdict for order in list(permutations(server.items()))[:24]}
    assert len(verdicts) == 1


@settings(max_examples=200)
@given(servers)
def test_every_verdict_names_the_steps_that_decided_it(server: Mapping[str, Assessment]) -> None:
    standing = standing_of(server)
    assert bool(standing.because) is bool(server)
    for each in standing.because:
        assert each.step in server
        assert not each.finding or each.finding in {finding.id for finding in server[each.step].findings}
    assert standing.next or standing.verdict in WELL


def test_clean_is_since_the_latest_of_the_days_to_which_the_logs_reach() -> None:
    standing = standing_of(
        {
            "patch": said(Verdict.OK),
            "proxylogon": clear(*LOOKED_FOR[:3]),
            "proxyshell": clear(*LOOKED_FOR[3:], since="2026-11-02"),
            "iis": said(Verdict.NOT_APPLICABLE, DENIED),
        }
    )
    assert (standing.verdict, standing.clean_since) == (Verdict.OK, date(2026, 11, 2))
    assert standing.why == (
        "none of 3 steps found anything; of the days before 2026-11-02 nothing is known: no log reaches further"
    )


@pytest.mark.parametrize("since", [DENIED, "yesterday", "20261101", ""])
def test_where_a_log_cannot_say_since_when_nobody_can(since: object) -> None:
    standing = standing_of({"proxylogon": said(Verdict.OK, "2026-10-28"), "owa": said(Verdict.OK, since)})
    assert (standing.verdict, standing.logs_since, standing.clean_since) == (Verdict.UNKNOWN, None, None)
    assert standing.because == (Because("owa", ""),)
    assert "how far back the logs reach is not known" in standing.why
    assert "owa" in standing.next


def test_without_logs_a_server_is_ok_and_never_clean() -> None:
    standing = standing_of({"patch": said(Verdict.OK, summary="fixed"), "reboot": said(Verdict.OK, summary="no")})
    assert (standing.verdict, standing.clean_since, standing.why) == (Verdict.OK, None, "fixed; no")


def test_nothing_asked_is_nothing_known() -> None:
    standing = standing_of({})
    assert (standing.verdict, standing.because, standing.clean_since) == (Verdict.UNKNOWN, (), None)


def test_a_server_that_was_searched_says_what_else_is_wrong_beside_the_worst() -> None:
    standing = standing_of(
        {
            "patch": said(Verdict.VULNERABLE, summary="KB5000871 is missing"),
            "proxylogon": said(Verdict.PROBED, "2026-10-28", "probed"),
            "iis": said(Verdict.UNKNOWN, summary="not read"),
            "reboot": said(Verdict.ATTENTION, summary="a restart is pending"),
        }
    )
    assert standing.verdict is Verdict.VULNERABLE
    assert standing.why == ("KB5000871 is missing; also unknown (iis), probed (proxylogon), attention (reboot)")


def test_a_server_that_is_only_behind_says_what_its_logs_say() -> None:
    standing = standing_of(
        {"patch": said(Verdict.BEHIND, summary="2 updates behind"), "hunt": said(Verdict.OK, "2026-10-28")}
    )
    assert standing.why == f"2 updates behind; {QUIET} 2026-10-28"


def test_findings_that_decided_are_named_worst_first() -> None:
    low, high = (
        Finding(f"a.b.{severity}", severity, "t", next=f"do {severity}") for severity in (Severity.LOW, Severity.HIGH)
    )
    standing = standing_of(
        {
            "iis": Assessment(Verdict.SUSPICIOUS, "a module", (low,)),
            "scan": Assessment(Verdict.SUSPICIOUS, "a page", (high,)),
            "hunt": said(Verdict.OK, "2026-10-28"),
        }
    )
    assert standing.because == (Because("scan", "a.b.high"), Because("iis", "a.b.low"))
    assert (standing.why, standing.next) == (f"a module; a page; {QUIET} 2026-10-28", "do high")


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (Verdict.COMPROMISED, Verdict.SUSPICIOUS),
        (Verdict.SUSPICIOUS, Verdict.VULNERABLE),
        (Verdict.SUSPICIOUS, Verdict.UNKNOWN),
        (Verdict.UNKNOWN, Verdict.PROBED),
        (Verdict.PROBED, Verdict.BEHIND),
        (Verdict.BEHIND, Verdict.OK),
    ],
)
def test_of_two_steps_the_worse_is_the_servers(worse: Verdict, better: Verdict) -> None:
    assert standing_of({"one": said(better, "2026-10-28"), "other": said(worse)}).verdict is worse

"""What became of servers between two audits, for any two: nothing that is not known is ever called better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.catalogue.origin import OwnRows, SetKind
from playbooks.findings import Assessment, Coverage, Finding, Severity, Verdict
from runner.comparing import (
    Audited,
    Became,
    Comparison,
    ServerChange,
    UnlikeIn,
    compare,
    in_order_of_time,
)
from runner.events import InventoryUsed, PlaybookUsed, RunStarted, StepDue, TablesUsed
from runner.results import HostResult, NotReached, StepResult, fleet_result, judged
from runner.terms import End, Ending, Override, Terms
from runner.transport.failures import Cause, Failure

DAY = date(2026, 11, 28)
BEGAN = datetime(2026, 11, 28, 2, 40, tzinfo=UTC)
TERMS = Terms(DAY, DAY)
STEPS = ("version", "patch", "hunt")
NOT_KNOWN = {Verdict.UNKNOWN, Verdict.UNREACHABLE, Verdict.NO_CREDENTIAL, Verdict.NOT_ASKED}
OPPOSITE = {
    Became.WORSE: Became.BETTER,
    Became.BETTER: Became.WORSE,
    Became.NEW: Became.GONE,
    Became.GONE: Became.NEW,
    Became.SAME: Became.SAME,
    Became.CHANGED: Became.CHANGED,
}


def asked(steps: Sequence[str] = STEPS) -> RunStarted:
    return RunStarted(
        exrun="1.0",
        inventory=InventoryUsed("inventory.yml", "a" * 64, (), 1),
        selection="*",
        hosts=(),
        playbook=PlaybookUsed("patch", "Patched", "patch.yml", "b" * 64),
        steps=tuple(StepDue(step, f"test.{step}", "c" * 64, None, {}) for step in steps),
        catalogue=TablesUsed(DAY, 0, "d" * 64, SetKind.SHIPPED, "e" * 64, None, None),
        today=DAY,
        marker_token="f" * 32,
        parallel=8,
        host_seconds=60,
        run_seconds=None,
    )


def audited(*hosts: HostResult, run: str = "r1", terms: Terms = TERMS, steps: Sequence[str] = STEPS) -> Audited:
    return Audited("alpha", BEGAN, asked(steps), fleet_result(run, terms, hosts))


def step(name: str, verdict: Verdict, *findings: Finding, coverage: Coverage = Coverage.PROBED) -> StepResult:
    return StepResult(name, f"test.{name}", Assessment(verdict, f"why {verdict}", findings, {}, coverage))


def server(*steps: StepResult, name: str = "EX1") -> HostResult:
    return judged(name, "alpha", steps, requests=8, seconds=1.5)


def silent(cause: Cause = Cause.REFUSED, name: str = "EX1") -> HostResult:
    return NotReached(name, "alpha", Failure(cause, "no answer", "Start WinRM"), 3, 1, 3.0)


def finding(severity: Severity, *evidence: str, name: str = "a.b") -> Finding:
    return Finding(name, severity, "it is so", evidence, "See to it")


def of_one(before: HostResult, after: HostResult) -> ServerChange:
    [change] = compare(audited(before), audited(after, run="r2")).servers
    return change


findings = st.builds(
    Finding,
    id=st.sampled_from(["a.one", "a.two"]),
    severity=st.sampled_from(Severity),
    title=st.sampled_from(["it is so", "it is so for 3 days"]),
    evidence=st.lists(st.sampled_from(["C:\\x.aspx", "C:\\y.aspx"]), max_size=2).map(tuple),
)
assessments = st.builds(
    Assessment,
    verdict=st.sampled_from(Verdict),
    summary=st.just("why"),
    findings=st.lists(findings, max_size=3).map(tuple),
    facts=st.sampled_from(
        [{}, {"product": "2016", "build": "15.1.2507.6"}, {"product": "2016", "build": "15.1.2507.9"}]
    ),
    coverage=st.sampled_from(Coverage),
)
answered = st.lists(
    st.builds(lambda step, said: StepResult(step, f"test.{step}", said), st.sampled_from(STEPS), assessments),
    max_size=3,
    unique_by=lambda each: each.step,
)
names = st.sampled_from(["EX1", "EX2", "ex2", "EX3"])
hosts = st.one_of(
    st.builds(lambda name, steps: server(*steps, name=name), names, answered),
    st.builds(lambda name, cause: silent(cause, name), names, st.sampled_from(Cause)),
)
audits = st.builds(
    lambda hosts, steps: audited(*hosts, steps=steps),
    st.lists(hosts, max_size=4, unique_by=lambda host: host.name),
    st.sampled_from([STEPS, STEPS[:2]]),
)


@given(audits)
def test_an_audit_compared_with_itself_is_the_same_throughout(audit: Audited) -> None:
    compared = compare(audit, audit)
    assert {each.became for each in compared.servers} <= {Became.SAME}
    assert [each for each in compared.servers if each.differs or each.may_be_worse] == []
    assert (compared.unlike, compared.may_be_worse) == ((), False)


@settings(max_examples=150)
@given(audits, audits)
def test_swapped_better_is_worse_and_new_is_gone(one: Audited, other: Audited) -> None:
    def told(compared: Comparison) -> dict[str, ServerChange]:
        return {each.name.casefold() if folded else each.name: each for each in compared.servers}

    folded = all(
        len({host.name.casefold() for host in each.audit.hosts}) == len(each.audit.hosts) for each in (one, other)
    )
    there, back = told(compare(one, other)), told(compare(other, one))
    assert there.keys() == back.keys()
    for name, change in there.items():
        again = back[name]
        assert again.became is OPPOSITE[change.became]
        assert (again.before, again.after) == (change.after, change.before)
        assert sorted(map(repr, again.appeared)) == sorted(map(repr, (*change.disappeared, *change.unseen)))
        assert {(each.before, each.after) for each in again.altered} == {
            (each.after, each.before) for each in change.altered
        }


@given(audits, audits, st.randoms())
def test_every_server_of_either_is_there_once_however_they_came_in(
    one: Audited, other: Audited, chance: object
) -> None:
    compared = compare(one, other)
    sides = [len([each for each in compared.servers if each.before]), len([e for e in compared.servers if e.after])]
    assert sides == [len(one.audit.hosts), len(other.audit.hosts)]
    assert {host.name for host in other.audit.hosts} <= {each.name for each in compared.servers}
    assert len({each.name for each in compared.servers}) == len(compared.servers) == sum(compared.counts.values())
    shuffled = list(one.audit.hosts)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert compare(replace(one, audit=replace(one.audit, hosts=tuple(shuffled))), other) == compared


@settings(max_examples=150)
@given(audits, audits)
def test_nothing_that_is_not_known_is_better(one: Audited, other: Audited) -> None:
    for each in compare(one, other).servers:
        if each.became is Became.BETTER:
            assert each.before is not None
            assert each.after is not None
            assert each.after.verdict not in NOT_KNOWN
            assert each.unseen == ()
        if each.became is Became.SAME:
            assert each.before is not None
            assert each.after is not None
            assert each.before.verdict is each.after.verdict


@pytest.mark.parametrize(
    ("before", "after", "became"),
    [
        (Verdict.VULNERABLE, Verdict.OK, Became.BETTER),
        (Verdict.COMPROMISED, Verdict.SUSPICIOUS, Became.BETTER),
        (Verdict.OK, Verdict.COMPROMISED, Became.WORSE),
        (Verdict.OK, Verdict.OK, Became.SAME),
        (Verdict.OK, Verdict.UNKNOWN, Became.WORSE),
        (Verdict.UNKNOWN, Verdict.OK, Became.BETTER),
        (Verdict.VULNERABLE, Verdict.UNKNOWN, Became.CHANGED),
        (Verdict.UNKNOWN, Verdict.VULNERABLE, Became.CHANGED),
        (Verdict.COMPROMISED, Verdict.NOT_EXCHANGE, Became.CHANGED),
    ],
)
def test_verdicts_are_compared_by_their_rank_as_far_as_they_are_known(
    before: Verdict, after: Verdict, became: Became
) -> None:
    assert of_one(server(step("patch", before)), server(step("patch", after))).became is became


def test_a_server_that_no_longer_answers_is_worse_than_well_and_never_better_than_vulnerable() -> None:
    well, bad = server(step("patch", Verdict.OK)), server(step("patch", Verdict.VULNERABLE))
    assert of_one(well, silent()).became is Became.WORSE
    assert of_one(silent(), well).became is Became.BETTER
    for cause in (Cause.REFUSED, Cause.CREDENTIAL, Cause.INTERRUPTED):
        there, back = of_one(bad, silent(cause)), of_one(silent(cause), bad)
        assert (there.became, back.became) == (Became.CHANGED, Became.CHANGED)
        assert (there.may_be_worse, back.may_be_worse) == (True, True)
    assert of_one(silent(Cause.CREDENTIAL), silent(Cause.REFUSED)).became is Became.CHANGED


def test_a_verdict_is_not_better_where_the_step_that_said_worse_gave_no_answer() -> None:
    shell = finding(Severity.CRITICAL, "C:\\x.aspx", name="shell")
    before = server(step("patch", Verdict.VULNERABLE), step("hunt", Verdict.COMPROMISED, shell))
    after = server(step("patch", Verdict.VULNERABLE), step("hunt", Verdict.UNKNOWN, coverage=Coverage.NOT_KNOWABLE))
    change = of_one(before, after)
    assert change.after is not None
    assert (change.after.verdict, change.became) == (Verdict.VULNERABLE, Became.CHANGED)
    assert ([each.finding for each in change.unseen], change.disappeared) == ([shell], ())
    assert change.after.unknown == ("version", "hunt")


@pytest.mark.parametrize(
    ("before", "after", "became"),
    [
        ([], [finding(Severity.LOW)], Became.WORSE),
        ([finding(Severity.LOW)], [], Became.BETTER),
        ([], [finding(Severity.INFO)], Became.SAME),
        ([finding(Severity.HIGH)], [finding(Severity.MEDIUM)], Became.BETTER),
        ([finding(Severity.INFO)], [finding(Severity.LOW)], Became.WORSE),
        ([finding(Severity.HIGH, name="one")], [finding(Severity.HIGH, name="two")], Became.CHANGED),
        ([finding(Severity.CRITICAL, "x.aspx")], [finding(Severity.CRITICAL, "x.aspx", "y.aspx")], Became.CHANGED),
        ([finding(Severity.HIGH, "x", "y")], [finding(Severity.HIGH, "y", "x")], Became.SAME),
    ],
)
def test_within_one_verdict_it_is_findings_that_came_or_went(
    before: list[Finding], after: list[Finding], became: Became
) -> None:
    one, other = (server(step("hunt", Verdict.ATTENTION, *each)) for each in (before, after))
    change = of_one(one, other)
    assert change.became is became
    assert change.differs is (became is not Became.SAME or bool(change.appeared))


def test_a_second_web_shell_under_the_same_finding_is_told() -> None:
    one, other = finding(Severity.CRITICAL, "x.aspx"), finding(Severity.CRITICAL, "x.aspx", "y.aspx")
    change = of_one(server(step("hunt", Verdict.COMPROMISED, one)), server(step("hunt", Verdict.COMPROMISED, other)))
    assert (change.appeared, change.disappeared) == ((), ())
    [altered] = change.altered
    assert (altered.evidence_gained, altered.evidence_lost) == (("y.aspx",), ())


def test_evidence_that_differs_by_the_day_of_the_tables_alone_is_the_same() -> None:
    old, new = (
        finding(Severity.HIGH, f"catalogue as of {day}", f"in the catalogue of {day}: CU14")
        for day in ("2026-10-01", "2026-11-27")
    )
    before, after = (server(step("patch", Verdict.BEHIND, each)) for each in (old, new))
    assert (of_one(before, after).became, of_one(before, after).altered) == (Became.SAME, ())
    planted = finding(Severity.HIGH, "catalogue of 2026-11-27.aspx created 2026-11-27", "catalogue as of 2026-10-01")
    assert of_one(before, server(step("patch", Verdict.BEHIND, planted))).became is Became.CHANGED


def test_nothing_is_better_by_tables_that_know_less() -> None:
    before, after = audited(server(step("patch", Verdict.VULNERABLE))), audited(server(step("patch", Verdict.OK)))
    own = replace(TERMS, own_rows=OwnRows("own", {"builds": 2}))
    for less, more in ((replace(TERMS, as_of=date(2026, 10, 1)), TERMS), (TERMS, own)):
        told = [
            compare(
                replace(one, audit=replace(one.audit, terms=was)), replace(other, audit=replace(other.audit, terms=now))
            )
            for one, other, was, now in (
                (before, after, more, less),
                (before, after, less, more),
                (after, before, less, more),
                (after, before, more, less),
            )
        ]
        became = [each.servers[0].became for each in told]
        assert became == [Became.CHANGED, Became.BETTER, Became.WORSE, Became.WORSE]


def test_a_step_that_one_playbook_alone_has_makes_nothing_better() -> None:
    shell = step("hunt", Verdict.COMPROMISED, finding(Severity.CRITICAL))
    before = audited(server(step("patch", Verdict.VULNERABLE), shell))
    after = audited(server(step("patch", Verdict.VULNERABLE)), run="r2", steps=STEPS[:2])
    compared = compare(before, after)
    assert [each.became for each in compared.servers] == [Became.CHANGED]
    assert [(each.what, each.before, each.after) for each in compared.unlike] == [(UnlikeIn.STEPS, ("hunt",), ())]


def test_a_server_that_is_new_and_not_well_may_make_the_fleet_worse() -> None:
    well, bad = (server(step("patch", verdict)) for verdict in (Verdict.OK, Verdict.VULNERABLE))
    assert [compare(audited(), audited(each)).may_be_worse for each in (well, bad)] == [False, True]
    assert compare(audited(bad), audited()).may_be_worse is False


def test_builds_and_days_since_which_a_server_is_clean_are_told() -> None:
    def with_build(build: str) -> HostResult:
        said = Assessment(Verdict.OK, "fine", facts={"build": build, "product": "2019", "cu": "CU14", "update": ""})
        return server(StepResult("version", "test.version", said))

    change = of_one(with_build("15.2.1544.4"), with_build("15.2.1544.11"))
    assert change.before is not None
    assert change.after is not None
    assert (change.before.build, change.after.build) == ("15.2.1544.4", "15.2.1544.11")
    assert (change.became, change.differs, change.after.product) == (Became.SAME, True, "Exchange Server 2019 CU14")


def test_what_may_not_be_compared_is_said() -> None:
    before = audited(server(step("patch", Verdict.OK)))
    other = asked()
    other = replace(
        other,
        exrun="2.0",
        selection="site:HQ",
        playbook=replace(other.playbook, name="investigate"),
        steps=(other.steps[0], replace(other.steps[1], params={"deep": True}), StepDue("own", "a.b", "0", None, {})),
    )
    terms = Terms(
        date(2026, 11, 1), DAY, End(Ending.INTERRUPTED, "interrupted", "Go on"), (Override("--as-of"),),
        OwnRows("own", {"builds": 2}), 3,
    )  # fmt: skip
    after = replace(before, started=other, audit=replace(before.audit, terms=terms))
    told = {each.what: (each.before, each.after) for each in compare(before, after).unlike}
    assert list(told) == list(UnlikeIn)
    assert told[UnlikeIn.STEPS] == (("patch", "hunt"), ("patch", "own"))
    assert told[UnlikeIn.ENDING] == (("complete",), ("interrupted",))
    assert [each.what for each in compare(after, after).unlike] == [UnlikeIn.ENDING, UnlikeIn.NEWER]


def test_two_clients_are_never_compared() -> None:
    foreign = replace(server(step("patch", Verdict.OK)), client="beta")
    with pytest.raises(ValueError, match="one client only"):
        compare(audited(), audited(foreign))
    with pytest.raises(ValueError, match="one client only"):
        compare(audited(), replace(audited(), client="beta"))


def test_the_earlier_of_two_stands_first_however_they_are_named() -> None:
    early, late = audited(), replace(audited(), began=BEGAN + timedelta(seconds=1))
    assert in_order_of_time(late, early) == in_order_of_time(early, late) == (early, late)

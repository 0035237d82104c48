"""What several servers have alike is said once, and nothing that any of them said is lost by it."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from playbooks.findings import Assessment, Finding, Severity, Verdict
from runner.reports.merging import alike, called, key
from runner.results import HostResult, StepResult, fleet_result, judged
from runner.terms import Terms
from tests.runner.reports.fleets import fleet

WORDS = st.sampled_from(["a", "b", "c"])
FINDINGS = st.builds(
    Finding,
    id=WORDS,
    severity=st.sampled_from([Severity.HIGH, Severity.INFO]),
    title=WORDS,
    evidence=st.lists(st.sampled_from("pqrs"), max_size=4).map(tuple),
    next=WORDS,
    kbs=st.sampled_from([(), ("KB5000871",)]),
)


@st.composite
def fleets(draw: st.DrawFn) -> tuple[HostResult, ...]:
    rows = []
    for number, findings in enumerate(draw(st.lists(st.lists(FINDINGS, max_size=4), max_size=6))):
        step = StepResult("s", "a.b", Assessment(Verdict.ATTENTION, "so", tuple(findings)))
        rows.append(judged(f"EX{number}", draw(st.sampled_from(["alpha", "beta"])), [step], 1, 1.0))
    return fleet_result("r", Terms(date(2026, 4, 2), date(2026, 4, 2)), rows).hosts


@given(fleets())
def test_a_server_stands_with_a_shared_finding_if_and_only_if_it_has_it_and_no_line_is_lost(
    hosts: tuple[HostResult, ...],
) -> None:
    shared = alike(hosts)
    several = len({host.client for host in hosts}) > 1
    assert [each.number for each in shared.values()] == list(range(1, len(shared) + 1))
    for host in hosts:
        name = called(host, several=several)
        for found in host.findings:
            having = {called(each, several=several) for each in hosts if key(found) in map(key, each.findings)}
            of = shared.get(key(found))
            assert (of is not None) is (len(having) > 1)
            if of is not None:
                assert set(of.hosts) == having
                common = {line.text for line in of.evidence if not line.hosts}
                mine = {line for each in host.findings if key(each) == key(found) for line in each.finding.evidence}
                assert common | set(of.beside.get(name, ())) == mine
                assert of.finding.evidence == ()
                assert of.finding.kbs == found.finding.kbs
    for of in shared.values():
        assert name_of_no_other(of.hosts, hosts, several=several)
    ranks = [of.finding.severity.rank for of in shared.values()]
    assert ranks == sorted(ranks)


def name_of_no_other(names: tuple[str, ...], hosts: tuple[HostResult, ...], *, several: bool) -> bool:
    return len(set(names)) == len(names) and set(names) <= {called(host, several=several) for host in hosts}


def test_of_forty_servers_every_equal_finding_is_one() -> None:
    shared = alike(fleet(40).hosts)
    assert {of.finding.id: len(of.hosts) for of in shared.values()} == {
        "exchange.patch.vulnerable": 11,
        "proxylogon.hunt.session-obtained": 5,
        "webshell.scan.malicious": 5,
        "proxylogon.hunt.unread": 5,
        "exchange.version.behind": 11,
        "proxylogon.hunt.probed": 10,
        "proxylogon.hunt.reach": 39,
        "exchange.transport_agents.agents": 39,
    }

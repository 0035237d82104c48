"""A fleet at a glance: within its width and lines, nobody lost, nothing worse hidden, totals and what to do last."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.findings import Assessment, Coverage, Finding, Severity, Verdict
from playbooks.investigating.standing import WELL
from runner.reports.fitting import cells
from runner.reports.glance import MOST_LINES, GlanceReport, Whereabouts, screen
from runner.reports.typed_next import Begun, word
from runner.reports.wording import totals
from runner.results import FleetResult, HostResult, NotReached, Outcome, StepResult, fleet_result, judged
from runner.terminal import visible
from runner.terms import End, Ending, Override, Terms
from runner.transport.failures import Cause, Failure

DAY = date(2026, 4, 2)
TERMS = Terms(DAY, DAY)
RUN = "2026-11-28t012323z-df68"
WHERE = Whereabouts((f".exrun/alpha/runs/{RUN}/journal.jsonl",), ("audit.html",))
WHYS = (
    "aug-2026: 15.2.1544.9 is below 15.2.1544.44; 13 updates and 30 months behind Sep26SU",
    "1 web shell in C:\\inetpub\\wwwroot\\aspnet_client\\system_web\\4_0_30319\\supp0rt.aspx",
    "a restart is pending",
    "漢字漢字漢字 \x1b[2J\u202e",
)
ASKED = [
    verdict for verdict in Verdict if verdict not in (Verdict.UNREACHABLE, Verdict.NO_CREDENTIAL, Verdict.NOT_ASKED)
]


def host(name: str, verdict: Verdict, why: str = "", *, client: str = "alpha", more: str = "") -> HostResult:
    bad = verdict not in WELL
    found = (Finding("a.b", Severity.HIGH if bad else Severity.LOW, f"Found: {why}", ("seen",), f"Mend {why}"),)
    said = Assessment(verdict, why or "well", found if bad or more == "finding" else ())
    steps = [StepResult("patch", "exchange.patch", said)]
    if more == "open":
        steps.append(StepResult("x", "x.x", Assessment(verdict, why, (), coverage=Coverage.NOT_KNOWABLE)))
    return judged(name, client, steps, 8, 1.0)


def silent(name: str, cause: Cause = Cause.TIMEOUT, client: str = "alpha") -> HostResult:
    return NotReached(name, client, Failure(cause, "no answer in 30 s", "Check that WinRM listens"), 1, 1, 30.0)


NAMES = st.one_of(
    st.from_regex(r"EX[0-9]{1,4}", fullmatch=True),
    st.from_regex(r"mbx-[a-z]{1,20}\.[a-z]{1,40}\.example", fullmatch=True),
    st.text(min_size=1, max_size=30),
    st.text("漢字e\u0301\u202e\x1b", min_size=1, max_size=40),
    st.text("ab", min_size=60, max_size=270),
)
ROWS = st.tuples(NAMES, st.sampled_from(ASKED), st.sampled_from(WHYS), st.sampled_from(["", "", "open", "finding"]))
CLIENTS = st.sampled_from(["alpha", "beta"])


@st.composite
def fleets(draw: st.DrawFn) -> FleetResult:
    hosts: dict[tuple[str, str], HostResult] = {}
    distinct = draw(st.booleans())
    for number, (name, verdict, why, more) in enumerate(draw(st.lists(ROWS, max_size=120))):
        client = draw(CLIENTS)
        said = f"{why} {number}" if distinct else why
        hosts[client, name] = host(name, verdict, said, client=client, more=more)
    for name in draw(st.lists(NAMES, max_size=20)):
        hosts["alpha", name] = silent(name, draw(st.sampled_from(list(Cause))))
    return fleet_result(RUN, TERMS, hosts.values())


def told(audit: FleetResult, width: int = 80) -> list[str]:
    return GlanceReport(width, where=WHERE).render(audit).splitlines()


def rows(lines: list[str]) -> list[str]:
    """The lines about servers: up to the first empty one."""
    return lines[1 : lines.index("")]


@settings(max_examples=200, deadline=None)
@given(fleets(), st.integers(80, 200))
def test_no_line_is_wider_than_the_terminal_and_no_screen_longer_than_its_lines(audit: FleetResult, width: int) -> None:
    lines = told(audit, width)
    assert max(cells(line) for line in lines if not line.lstrip().startswith("exrun ")) <= width
    assert len(lines) <= MOST_LINES


@settings(max_examples=200, deadline=None)
@given(fleets(), st.integers(80, 200))
def test_every_server_stands_whole_or_is_counted_under_its_own_verdict(audit: FleetResult, width: int) -> None:
    counted: Counter[str] = Counter()
    named = {visible(f"{each.client}/{each.name}") for each in audit.hosts} | {
        visible(each.name) for each in audit.hosts
    }
    lines = rows(told(audit, width)) if audit.hosts else []
    for line in lines:
        verdict = line.split(" ")[0]
        if verdict not in set(Verdict) or line.startswith(" "):
            continue
        group = re.match(r"[a-z-]+ +(\d+) servers(?:  |$)", line)
        is_name = group is not None and f"{group[1]} servers" in named
        counted[verdict] += int(group[1]) if group and not is_name else 1
    if any(visible(each.name).endswith(" servers") for each in audit.hosts):
        return  # a server that is called like a count
    assert counted == Counter(each.verdict.value for each in audit.hosts)


@settings(max_examples=200, deadline=None)
@given(fleets(), st.integers(80, 200))
def test_the_worst_server_is_named_and_the_totals_and_what_comes_next_stand_last(
    audit: FleetResult, width: int
) -> None:
    lines = told(audit, width)
    flat = " ".join(" ".join(lines).split())
    assert " ".join(totals(audit.summary).split()) in flat
    assert flat.index(totals(audit.summary)) > flat.rfind("Mend ")
    if not audit.hosts:
        return
    worst = audit.hosts[0]
    name = visible(worst.name)
    if cells(name) <= width - len(worst.client) - len("/ and 999 more") - 2:
        assert name in "\n".join(lines)
    end = flat[flat.rfind("next: ") :]
    assert end.startswith(
        (f"next: exrun show {RUN} ", f"next: exrun report {RUN} --html", "next: exrun doctor ")
    ) or not word(worst.name)
    assert f"journal: {WHERE.journals[0]}" in flat
    assert f"all of it: exrun show {RUN}" in flat
    assert "report: audit.html" in flat


@settings(max_examples=100, deadline=None)
@given(fleets())
def test_without_colour_there_is_no_escape_and_with_it_the_words_are_the_same(audit: FleetResult) -> None:
    plain, coloured = GlanceReport(80).render(audit), GlanceReport(80, colour=True).render(audit)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_a_small_fleet_has_a_line_a_server_and_what_is_worst_below() -> None:
    fleet = [
        host("EX1", Verdict.VULNERABLE, WHYS[0]),
        host("EX2", Verdict.OK),
        silent("EX3"),
        host("EX4", Verdict.OK),
    ]
    assert told(fleet_result(RUN, TERMS, fleet)) == [
        "VERDICT      SERVER     WHY",
        "vulnerable   EX1        aug-2026: 15.2.1544.9 is below 15.2.1544.44; 13...",
        "unreachable  EX3        timeout: no answer in 30 s",
        "ok           2 servers  EX2, EX4",
        "",
        "EX1",
        "  [high] Found: aug-2026: 15.2.1544.9 is below 15.2.1544.44; 13 updates and 30",
        "    months behind Sep26SU",
        "  next: Mend aug-2026: 15.2.1544.9 is below 15.2.1544.44; 13 updates and 30",
        "    months behind Sep26SU",
        "",
        "4 servers: 1 vulnerable, 1 unreachable, 2 ok",
        "catalogue as of 2026-04-02; 3 of 4 checks probed (75 %), 1 not knowable",
        "report: audit.html",
        f"run {RUN}, journal:",
        f"  .exrun/alpha/runs/{RUN}/journal.jsonl",
        f"all of it: exrun show {RUN}",
        f"next: exrun show {RUN} --host EX1",
    ]


@pytest.mark.parametrize("count", [200, 2000])
@pytest.mark.parametrize("differ", [False, True])
def test_a_large_fleet_is_at_most_sixty_lines_and_counts_everybody(count: int, differ: bool) -> None:
    verdicts = [Verdict.OK, Verdict.OK, Verdict.OK, *Verdict]
    fleet = [
        host(f"EX{number:04}", verdicts[number % len(verdicts)], WHYS[0] + (f" {number}" if differ else ""))
        for number in range(count)
    ]
    audit = fleet_result(RUN, TERMS, fleet)
    lines = told(audit)
    assert len(lines) <= MOST_LINES
    assert {line.split(" ")[0] for line in rows(lines) if not line.startswith(" ")} == {str(each) for each in Verdict}


def test_what_is_well_and_yet_not_all_known_is_in_no_fold() -> None:
    fleet = [host("EX1", Verdict.OK), host("EX2", Verdict.OK, "well", more="open"), host("EX3", Verdict.OK)]
    assert [each.outcome for each in fleet] == [Outcome.COMPLIANT, Outcome.UNKNOWN, Outcome.COMPLIANT]
    lines = rows(told(fleet_result(RUN, TERMS, fleet)))
    assert lines == ["ok       EX2        not known in full; well", "ok       2 servers  EX1, EX3"]


def test_a_name_as_wide_as_the_line_is_shortened_in_the_middle_and_shorter_ones_are_not() -> None:
    long, longer = "mbx-" + "a" * 59 + "-end", "mbx-" + "b" * 200 + "-end"
    lines = told(fleet_result(RUN, TERMS, [host(long, Verdict.SUSPICIOUS, "x"), host(longer, Verdict.SUSPICIOUS, "y")]))
    assert any(long in line for line in lines)
    short = next(line for line in lines if line.startswith("  mbx-bbb"))
    assert (cells(short), short[-4:], "..." in short) == (80, "-end", True)


def test_what_is_to_be_known_of_the_run_stands_above_the_totals_and_where_an_option_is_needed_it_is_said() -> None:
    terms = Terms(DAY, DAY, End(Ending.INTERRUPTED, "the run was interrupted"), (Override("--allow-cleartext"),))
    audit = fleet_result(RUN, terms, [silent("EX 1", Cause.INTERRUPTED, client="a"), silent("EX2", client="b")])
    where = Whereabouts(("x", "y"), (), Begun(state="/srv/exrun"))
    lines = [line.text for line in screen(audit, 100, where)]
    assert lines.index("2 servers: 1 unreachable, 1 not-asked") > next(
        at for at, line in enumerate(lines) if line.startswith("high: The run did not come to its end")
    )
    assert lines[-3:] == [
        f"run {RUN}, 2 journals, the first: x",
        f"all of it: exrun show {RUN} --state /srv/exrun",
        "next: exrun doctor b/EX2 --state /srv/exrun",
    ]


def test_the_next_command_of_a_server_that_was_not_reached_is_what_its_row_says() -> None:
    where = Whereabouts(begun=Begun(("hosts.yml",)))
    for one, then in (
        (silent("EX1"), "exrun doctor EX1 -i hosts.yml"),
        (silent("EX1", Cause.AUTHENTICATION), f"exrun show {RUN} --host EX1"),  # no further attempt of a password
        (silent("not EX1"), f'exrun show {RUN} --host "not EX1"'),
        (silent("EX1", Cause.INTERRUPTED), f"exrun show {RUN} --host EX1"),
    ):
        assert screen(fleet_result(RUN, TERMS, [one]), 120, where)[-1].text == f"next: {then}"


def test_since_when_servers_are_clean_stands_in_their_fold() -> None:
    days = (date(2026, 3, 1), date(2026, 3, 9), None)
    fleet = [replace(host(f"EX{at}", Verdict.OK), clean_since=day) for at, day in enumerate(days)]  # type: ignore[type-var]
    assert rows(told(fleet_result(RUN, TERMS, fleet))) == [
        "ok       2 servers  clean since 2026-03-01 to 2026-03-09, each its own day",
        "         EX0, EX1",
        "ok       EX2        well",
    ]

"""What running a plan came to, at a glance: nobody lost, nothing worse hidden, totals and the next command last."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.moves import Outcome
from runner.reports.applied import AppliedDocument, AppliedHostMember, Became, counts
from runner.reports.applied_glance import applied_screen, applied_text
from runner.reports.fitting import cells
from runner.reports.glance import MOST_LINES
from runner.reports.typed_next import USUAL, Begun
from runner.terms import End, Ending
from tests.runner.changeable import Applied
from tests.runner.reports.test_applied import fleet, told

WHYS = ("s0: 1 to be set right; attempt 1 to apply c0 ended in an error: no", "no answer in 30 s", "漢字" * 20)
SMALL = told(*fleet("completes", "breaks"))
BEGUN = Begun(inventory=("inventories/of-a-client.yml",), state="/srv/exrun", policy="policy.yml")


def host(name: str, outcome: Outcome, why: str, *, begun: bool = True) -> AppliedHostMember:
    return SMALL.hosts[0].model_copy(
        update={"name": name, "outcome": outcome, "why": why, "begun": begun, "next": "", "open_ends": [], "wave": None}
    )


HOSTS = st.lists(
    st.builds(
        host,
        st.one_of(st.from_regex(r"EX[0-9]{1,4}", fullmatch=True), st.text(min_size=1, max_size=90).filter(str.strip)),
        st.sampled_from(Outcome),
        st.sampled_from(WHYS),
        begun=st.booleans(),
    ),
    max_size=100,
    unique_by=lambda each: each.name,
)


def of(hosts: list[AppliedHostMember]) -> AppliedDocument:
    order = {outcome: rank for rank, outcome in enumerate(Outcome)}
    hosts = sorted(hosts, key=lambda each: order[each.outcome])
    outcomes = Counter(each.outcome for each in hosts)
    summary = SMALL.summary.model_copy(
        update={"hosts": len(hosts), "outcomes": {outcome: outcomes[outcome] for outcome in Outcome}}
    )
    return SMALL.model_copy(update={"hosts": hosts, "summary": summary})


@settings(max_examples=150, deadline=None)
@given(HOSTS, st.integers(80, 200))
def test_every_server_is_counted_under_its_outcome_within_width_and_lines(
    hosts: list[AppliedHostMember], width: int
) -> None:
    found = of(hosts)
    lines = [line.text for line in applied_screen(found, width, begun=BEGUN)]
    assert max(cells(line) for line in lines if not line.lstrip().startswith("exrun ")) <= width
    assert len(lines) <= MOST_LINES
    counted: Counter[str] = Counter()
    for line in lines:
        match = re.match(r"([a-z-]+)  +(?:(\d+) servers(?:  |$)|.)", line)
        if match and match[1] in set(Outcome):
            counted[match[1]] += int(match[2] or 1)
    if not any(each.name.endswith(" servers") for each in hosts):
        assert counted == Counter(str(each.outcome) for each in hosts)
    flat = " ".join(" ".join(lines).split())
    assert f": {counts(found.summary.outcomes)}".rstrip() in flat
    assert "\x1b" not in applied_text(found, width, "", USUAL, colour=False)


def test_a_run_that_broke_off_says_why_what_each_came_to_and_how_it_goes_on() -> None:
    each, rows = fleet("completes", "breaks")
    away = Applied(steps=2, name="EX4")
    end = End(Ending.BUDGET, "the failure budget is spent: 1 server failed", "See to it")
    found = told([*each, away], rows, end, [["EX0"], ["EX1", "EX4"]])
    assert [
        line.text for line in applied_screen(found, 80, "exrun resume r1 -i inventory.yml", Begun(("a b.yml",), "s"))
    ] == [
        "run r1, client contoso: plan 0123456789ab of repair.yml",
        "  no approval was asked for: the plan was made without a policy",
        "OUTCOME  SERVER  WHY",
        "failed   EX1     s0: 1 to be set right; attempt 1 to apply c0 ended in an...",
        "pending  EX4     2 changes: 2 not-sent",
        "changed  EX0     2 changes: 2 made",
        "",
        "EX1",
        "  s0: failed: 1 to be set right; attempt 1 to apply c0 ended in an error: no",
        "    not-made: Set c0 right",
        "  s1: skipped: not begun: step s0 is failed",
        "    not-sent: Set c0 right",
        "",
        "wave 1: 1 server: 1 changed",
        "wave 2: 2 servers: 1 failed, 1 pending",
        "not touched: EX4",
        "failed: See why, mend that, and plan this server again: exrun plan",
        "pending: Go on: exrun resume r1",
        "NOT FINISHED: the failure budget is spent: 1 server failed",
        "3 servers: 1 failed, 1 pending, 1 changed",
        "6 changes: 1 not-made, 2 made, 3 not-sent",
        "all of it: exrun show r1 --state s",
        'What was made can be undone: exrun rollback r1 -i "a b.yml" --state s',
        "next: exrun resume r1 -i inventory.yml",
    ]


@pytest.mark.parametrize("count", [200, 2000])
@pytest.mark.parametrize("differ", [False, True])
def test_a_large_run_is_at_most_sixty_lines(count: int, differ: bool) -> None:
    outcomes = list(Outcome)
    hosts = [
        host(f"EX{number:04}", outcomes[number % len(outcomes)], WHYS[0] + (str(number) if differ else ""))
        for number in range(count)
    ]
    assert len(applied_screen(of(hosts), 80)) <= MOST_LINES


def test_a_server_that_could_not_be_planned_is_not_green() -> None:
    row = host("EX1", Outcome.SKIPPED, "not planned: no answer").model_copy(update={"planned": False})
    [line] = [line for line in applied_screen(of([row]), 80) if line.text.startswith("skipped")]
    assert line.tone == "open"


def test_what_the_scripts_warned_of_and_steps_that_were_not_run_stand_in_the_row_of_a_changed_server() -> None:
    each, rows = fleet("completes")
    found = told(each, rows)
    [only] = found.hosts
    step = only.steps[0].model_copy(update={"why": "it is right; the script warned: over http alone"})
    row = only.model_copy(update={"steps": [step], "open_ends": ["later"]})
    [line] = [
        line.text
        for line in applied_screen(found.model_copy(update={"hosts": [row]}), 120)
        if line.text.startswith("changed")
    ]
    assert line.endswith("2 changes: 2 made; not run: later; the script warned: over http alone")
    assert only.became == {Became.MADE: 2}

"""What people read of a run that applied a plan: true of every server, whatever became of it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import junitparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.changes import Change
from playbooks.model import OnFailure
from runner.applied import AppliedHost, AppliedStep
from runner.events import Approved
from runner.exit_status import ExitStatus
from runner.moves import Outcome
from runner.plan.records import From, Plan, PlannedHost, Standing, StepPlan
from runner.reports.applied import (
    AppliedDocument,
    AppliedRun,
    AppliedStepMember,
    Became,
    came_to,
    counts,
    document,
    json_text,
    schema_text,
    text,
)
from runner.reports.applied_junit import applied_junit
from runner.reports.applied_markdown import applied_markdown
from runner.reports.applied_page import applied_page
from runner.state import HostProgress
from runner.terms import End, Ending
from tests.runner.changeable import ODD, RIGHT, WRONG, Applied, apply_text, drawing, planned, ready_playbook, undo_text
from tests.runner.plan.plans import one_change, sha
from tests.runner.reports.test_formats import tables
from tests.runner.reports.test_hostile_answers import (
    HOSTILE,
    MENTIONS,
    TABLES,
    Structure,
    and_each_known,
    hostile,
    marks,
    tree,
    unshown,
)

PUBLISHED = Path(__file__).resolve().parents[3] / "docs" / "reference" / "schemas" / "applied.json"
COMPLETE = End()
RENEW = "from runner.reports.applied import schema_text; print(schema_text(), end='')"


def plan_of(hosts: Sequence[PlannedHost], on_failure: OnFailure = OnFailure.STOP) -> Plan:
    names = dict.fromkeys(step.step for host in hosts for step in host.steps)
    steps = tuple(StepPlan(name, "test.change", sha("c"), on_failure, None, sha("k")) for name in names)
    return replace(one_change(), hosts=tuple(hosts), steps=steps)


def told(
    each: Sequence[Applied], rows: Sequence[AppliedHost], end: End = COMPLETE, waves: Sequence[Sequence[str]] = ()
) -> AppliedDocument:
    progress = progress_of(each)
    plan = plan_of([one.plan for one in each], each[0].on_failure)
    return document(AppliedRun("r1", plan, "ab" * 32, rows, progress, end, waves))


def progress_of(each: Sequence[Applied]) -> dict[str, HostProgress]:
    states = [one.state() for one in each]
    return {name: found for state in states if state is not None for name, found in state.hosts.items()}


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from(OnFailure),
    st.sampled_from([0.0, 0.2, 0.5]),
    st.integers(1, 3),
)
def test_what_is_said_of_every_change_is_what_the_server_has(
    seed: int, steps: int, changes: int, on_failure: OnFailure, faults: float, sessions: int
) -> None:
    one = Applied(steps=steps, changes=changes, on_failure=on_failure)
    drawing(one.server, Random(seed), faults)
    for _ in range(sessions):
        row = one.session()
    given_to_it = {text for _, text in one.server.given if not text.startswith("Get-")}
    found = told([one], [row])
    [host] = found.hosts
    assert (host.outcome, host.begun) == (row.outcome, True)
    assert host.touched is bool(given_to_it) or (host.touched and in_doubt(host.steps))
    assert found.untouched == ([] if host.touched else ["EX1"])
    for step in host.steps:
        for change in step.changes:
            now = one.server.things[step.step, change.id]
            scripts = {apply_text(step.step, change.id), undo_text(step.step, change.id)}
            match change.became:
                case Became.MADE:
                    assert now == RIGHT
                case Became.NOT_SENT:
                    assert not given_to_it & scripts
                case Became.UNDONE | Became.NOT_MADE:
                    assert now == WRONG
                case Became.PARTLY_MADE:
                    assert now == ODD
                case Became.IN_DOUBT:
                    assert step.outcome in (Outcome.UNKNOWN, Outcome.FAILED, Outcome.PENDING)
    if host.outcome is Outcome.CHANGED:
        assert {change.became for step in host.steps for change in step.changes} == {Became.MADE}


def in_doubt(steps: Sequence[AppliedStepMember]) -> bool:
    return any(change.became in (Became.IN_DOUBT, Became.NOT_MADE) for step in steps for change in step.changes)


def fleet(*fates: str) -> tuple[list[Applied], list[AppliedHost]]:
    each = [Applied(steps=2, name=f"EX{number}") for number in range(len(fates))]
    for one, fate in zip(each, fates, strict=True):
        one.server.fate = [fate]
    return each, [one.session() for one in each]


def test_servers_stand_worst_first_and_each_is_counted_once() -> None:
    each, rows = fleet("completes", "breaks", "completes", "breaks")
    away = Applied(steps=2, name="EX4")  # the run never came to it
    end = End(Ending.BUDGET, "the failure budget is spent: 2 servers failed", "See to them")
    found = told([*each, away], rows, end, [["EX0"], ["EX1", "EX2"], ["EX3", "EX4"]])
    assert [(host.name, host.outcome.value, host.wave) for host in found.hosts] == [
        ("EX1", "failed", 2),
        ("EX3", "failed", 3),
        ("EX4", "pending", 3),
        ("EX0", "changed", 1),
        ("EX2", "changed", 2),
    ]
    assert {outcome: count for outcome, count in found.summary.outcomes.items() if count} == {
        Outcome.FAILED: 2,
        Outcome.PENDING: 1,
        Outcome.CHANGED: 2,
    }
    assert sum(found.summary.became.values()) == found.summary.changes == 10
    assert found.untouched == ["EX4"]
    assert [wave.outcomes for wave in found.waves] == [
        {Outcome.CHANGED: 1},
        {Outcome.FAILED: 1, Outcome.CHANGED: 1},
        {Outcome.FAILED: 1, Outcome.PENDING: 1},
    ]


def test_the_text_names_what_was_not_touched_why_and_what_to_do() -> None:
    each, rows = fleet("completes", "breaks")
    away = Applied(steps=2, name="EX4")
    end = End(Ending.BUDGET, "the failure budget is spent: 1 server failed", "See to it")
    assert (
        text(told([*each, away], rows, end, [["EX0"], ["EX1", "EX4"]]))
        == f"""\
run r1, client contoso: plan 0123456789ab of repair.yml
  made 2026-11-28 00:00 UTC by ops@controller, SHA-256 {"ab" * 32}
  no approval was asked for: the plan was made without a policy
  NOT FINISHED: the failure budget is spent: 1 server failed

EX1  failed  wave 2
  s0: failed: 1 to be set right; attempt 1 to apply c0 ended in an error: no
    not-made: Set c0 right
  s1: skipped: not begun: step s0 is failed
    not-sent: Set c0 right
EX4  pending  wave 2  2 changes: 2 not-sent
EX0  changed  wave 1  2 changes: 2 made

wave 1: 1 server: 1 changed
wave 2: 2 servers: 1 failed, 1 pending
3 servers: 1 failed, 1 pending, 1 changed
6 changes: 1 not-made, 2 made, 3 not-sent
not touched: EX4
What was made can be undone: exrun rollback r1
failed: See why, mend that, and plan this server again: exrun plan
pending: Go on: exrun resume r1
"""
    )


def test_one_server_is_shown_with_every_value_and_script_and_the_totals_stay_those_of_all() -> None:
    each, rows = fleet("completes", "breaks")
    whole = told(each, rows)
    run = AppliedRun("r1", with_texts(each), "ab" * 32, rows, progress_of(each), End())
    part = document(run, only=frozenset({"ex1"}), texts=True)
    assert ([host.name for host in part.hosts], part.summary) == (["EX1"], whole.summary)
    assert sorted((part.texts or {}).values()) == sorted(
        make(f"s{number}", "c0") for number in range(2) for make in (apply_text, undo_text)
    )
    why = "1 to be set right; attempt 1 to apply c0 ended in an error: no"
    assert text(part, whole=False).splitlines()[4:] == [
        f"EX1  failed  s0: {why}",
        "  next: See why, mend that, and plan this server again: exrun plan",
        *(
            line
            for number, said in ((0, f"failed: {why}"), (1, "skipped: not begun: step s0 is failed"))
            for line in (
                f"  s{number} (test.change): {said}",
                f"    {'not-made' if number == 0 else 'not-sent'}: Set c0 right; sent {1 - number}",
                '        ~ Mode: "wrong" -> "right"',
                f"      apply, SHA-256 {sha(apply_text(f's{number}', 'c0'))}",
                f"        {apply_text(f's{number}', 'c0')}",
                f"      rollback, SHA-256 {sha(undo_text(f's{number}', 'c0'))}",
                f"        {undo_text(f's{number}', 'c0')}",
            )
        ),
        "",
    ]


def with_texts(each: Sequence[Applied]) -> Plan:
    scripts = [text for one in each for text in one.scripts().values()]
    return replace(plan_of([one.plan for one in each]), texts={script.sha256: script.text for script in scripts})


def test_what_the_plan_says_of_a_server_is_never_told_as_seen_in_the_run() -> None:
    one = Applied()
    [step] = one.plan.steps
    well = replace(one.plan, host="EX2", steps=(replace(step, standing=Standing.COMPLIANT, changes=()),))
    blind = replace(one.plan, host="EX3", steps=(replace(step, standing=Standing.UNKNOWN, changes=()),))
    refused = replace(one.plan, host="EX4", steps=(), refused="no answer in 30 s. Check that WinRM listens")
    plan = plan_of([one.plan, well, blind, refused])
    found = document(AppliedRun("r1", plan, "ab" * 32, [], {}, End()))
    assert {host.name: (host.outcome.value, host.begun, host.open_ends) for host in found.hosts} == {
        "EX1": ("pending", False, []),
        "EX2": ("compliant", False, []),
        "EX3": ("skipped", False, ["s0"]),
        "EX4": ("skipped", False, []),
    }
    by_name = {host.name: host for host in found.hosts}
    assert by_name["EX2"].why == "s0: planned; as it was when the plan was made, not looked at since"
    assert by_name["EX4"].why == "not planned: no answer in 30 s. Check that WinRM listens"
    assert (found.summary.not_planned, found.summary.open_ends, found.untouched) == (1, 1, ["EX1"])
    assert "1 server not planned: nothing is sent there under this plan\n" in text(found)
    assert "1 server with steps that this plan does not run: plan again for them\n" in text(found)


def test_a_step_that_had_nothing_to_change_is_not_called_compliant_whatever_it_found() -> None:
    """A server on which somebody was inside is no compliant one because no step of the plan changes that."""
    one = Applied()
    [step] = one.plan.steps
    hunt = replace(
        step, step="hunt", standing=Standing.COMPLIANT, changes=(), summary="a session as SYSTEM was obtained"
    )
    found = document(AppliedRun("r1", plan_of([replace(one.plan, steps=(hunt, step))]), "ab" * 32, [], {}, End()))
    [host] = found.hosts
    assert {each.step: came_to(each) for each in host.steps} == {"hunt": "nothing to change", step.step: "pending"}
    for seen in (text(found, whole=False), words(applied_page(found))):
        assert "compliant: " not in seen
        assert "nothing to change" in seen


def test_a_journal_that_says_that_another_script_was_sent_leaves_every_change_in_doubt() -> None:
    one = Applied(steps=1)
    row = one.session()
    [step] = one.plan.steps
    [change] = step.changes
    one.plan = replace(one.plan, steps=(replace(step, changes=(replace(change, apply="cd" * 32),)),))
    for rows in ([], [row]):
        [host] = told([one], rows).hosts
        assert [each.became for step in host.steps for each in step.changes] == [Became.IN_DOUBT]
        assert host.touched


@pytest.mark.parametrize("said", HOSTILE, ids=[f"hostile-{number}" for number in range(len(HOSTILE))])
def test_whatever_a_server_says_is_text_and_nothing_else(said: str) -> None:
    one = Applied(steps=1)
    row = one.session()
    [step] = row.steps
    row = replace(row, steps=(replace(step, outcome=Outcome.REFUSED, why=said),))
    plan = replace(one.plan, steps=tuple(replace(each, step=each.step, summary=said) for each in one.plan.steps))
    one.plan = plan
    found = told([one], [row])
    assert unshown(text(found)) == set()
    assert unshown(json_text(found)) == set()
    assert AppliedDocument.model_validate_json(json_text(found)) == found


def test_the_page_says_first_what_came_of_it_then_each_server_and_each_change() -> None:
    each, rows = fleet("completes", "breaks")
    away = Applied(steps=2, name="EX4")
    end = End(Ending.BUDGET, "the failure budget is spent: 1 server failed", "See to it")
    seen = words(applied_page(told([*each, away], rows, end, [["EX0"], ["EX1", "EX4"]])))
    parts = [
        "The run did not come to its end. 2 of 6 changes made. 1 of 3 servers failed.",
        "On 1 server with planned changes nothing was changed.",
        "budget : the failure budget is spent",
        "Not touched",
        "EX4",
        "Servers, worst first",
        "EX1 2 failed 1 not-made, 1 not-sent s0: 1 to be set right",
        "EX0 1 changed 2 made",
        "Waves",
        "What the outcomes mean",
        "Each change",
        "not-made : Set c0 right sent 1× · apply",
    ]
    at = [seen.find(part) for part in parts]
    assert -1 not in at, parts[at.index(-1)]
    assert at == sorted(at)


@settings(max_examples=60, deadline=None)
@given(hostile)
@and_each_known
def test_the_page_has_the_same_marks_whatever_a_server_says(said: str) -> None:
    page = applied_page(hostile_run(said or "-"))
    assert unshown(page) == set()
    assert Structure(page).marks == Structure(applied_page(hostile_run("harmless"))).marks


def hostile_run(said: str) -> AppliedDocument:
    """Everything that a server, a user or a transport can say is this text."""
    one = planned(ready_playbook(1), 1)
    [step] = one.steps
    [change] = step.changes
    change = replace(change, change=Change("c0", said, {}))
    plan = plan_of([replace(one, steps=(replace(step, changes=(change,)),))])
    plan = replace(plan, client=said, planner=said, playbook=From(said, sha("p")))
    row = AppliedHost("EX1", said, (AppliedStep("s0", Outcome.REFUSED, said),), None, 1, 1.0)
    end = End(Ending.INTERRUPTED, said, said)
    return document(AppliedRun(said, plan, "ab" * 32, [row], {}, end, [["EX1"], []], [Approved(said, said)]))


def test_each_row_of_the_page_leads_to_its_part_and_the_bars_count_every_server_and_change() -> None:
    each, rows = fleet("completes", "breaks", "completes")
    away = Applied(steps=2, name="EX9")
    found = told([*each, away], rows)
    page = applied_page(found)
    parts = dict(re.findall(r'<article id="(s\d+)" class="server[^"]*">\s*<h3><bdi>([^<]*)</bdi>', page))
    links = dict(re.findall(r'<th scope="row" role="rowheader"><a href="#(s\d+)"><bdi>([^<]*)</bdi>', page))
    assert links == parts
    seen = words(page)
    assert "4 servers 1 failed, 1 pending, 2 changed" in seen
    assert "8 changes 1 not-made, 4 made, 3 not-sent" in seen
    assert "Journal not at hand when this page was made" in seen


def test_who_approved_is_said_on_the_screen_and_on_the_page() -> None:
    plan = replace(plan_of([planned(ready_playbook(1), 1)]), policy=sha("policy"))
    by = [Approved("board@x", "SHA256:a"), Approved("ops@x", "SHA256:b")]
    found = document(AppliedRun("r1", plan, "ab" * 32, [], {}, End(), (), by))
    assert "\n  approved by board@x (SHA256:a)\n  approved by ops@x (SHA256:b)\n" in text(found)
    assert "approved by board@x SHA256:a , ops@x SHA256:b" in words(applied_page(found))
    nobody = document(AppliedRun("r1", plan, "ab" * 32, [], {}, End()))
    assert "approved by nobody: its actions need no approval" in words(applied_page(nobody))


def words(page: str) -> str:
    """What a reader sees, in one line."""
    return " ".join(" ".join(Structure(page).words).split())


def test_every_outcome_has_a_meaning_and_a_tone() -> None:
    for outcome in Outcome:
        row = AppliedHost("EX1", "alpha", (AppliedStep("s0", outcome, "so"),), None, 1, 1.0)
        plan = plan_of([planned(ready_playbook(1), 1)])
        page = applied_page(document(AppliedRun("r1", plan, "ab" * 32, [row], {}, End())))
        assert re.search(rf'<dt class="(grave|open|well|soft)">{outcome}</dt><dd>\w+', page)


@settings(max_examples=60, deadline=None)
@given(hostile | st.sampled_from([*MENTIONS, *TABLES]))
@and_each_known
def test_in_a_ticket_and_in_junit_a_servers_words_are_text_and_nothing_else(said: str) -> None:
    said = said if said.strip() else "-"
    ticket, junit = applied_markdown(hostile_run(said)), applied_junit(hostile_run(said))
    assert unshown(ticket + junit) == set()
    assert marks(ticket) == marks(applied_markdown(hostile_run("harmless")))
    assert tree(ElementTree.fromstring(junit)) == tree(ElementTree.fromstring(applied_junit(hostile_run("harmless"))))


def test_junitparser_finds_every_server_and_step_and_fails_where_the_run_does() -> None:
    for outcome in Outcome:
        row = AppliedHost("EX1", "alpha", (AppliedStep("s0", outcome, "so"),), None, 1, 1.5)
        plan = plan_of([planned(ready_playbook(1), 1)])
        found = document(AppliedRun("r1", plan, "ab" * 32, [row], {}, End()))
        [suite] = junitparser.JUnitXml.fromstring(applied_junit(found).encode())
        assert [(case.classname, case.name) for case in suite] == [("contoso/EX1", "server"), ("contoso/EX1", "s0")]
        assert (suite.failures + suite.errors > 0) is (row.status is not ExitStatus.WELL), outcome
        assert suite.time == 1.5


def test_what_was_undone_since_somebody_asked_for_it_is_no_failure() -> None:
    one = Applied(steps=1)
    one.session()
    row = one.session(undo=True)
    assert row.outcome is Outcome.ROLLED_BACK
    [suite] = junitparser.JUnitXml.fromstring(applied_junit(told([one], [row])).encode())
    assert (suite.tests, suite.failures, suite.errors) == (2, 0, 0)


def test_a_ticket_names_every_server_step_and_change_worst_first() -> None:
    each, rows = fleet("completes", "breaks")
    found = told(each, rows, COMPLETE, [["EX0"], ["EX1"]])
    cells = tables(applied_markdown(found))
    assert [row[:4] for row in cells["Servers, worst first"]] == [
        [host.name, str(host.wave), host.outcome.value, counts(host.became)] for host in found.hosts
    ]
    changes = [
        [host.name, step.step, change.became.value, change.title]
        for host in found.hosts
        for step in host.steps
        for change in step.changes
    ]
    assert cells["Changes"] == changes
    assert len(cells["Steps"]) == sum(len(host.steps) for host in found.hosts)


def test_the_published_schema_is_that_of_the_document() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), (
        f'renew it: .venv/bin/python -c "{RENEW}" > docs/reference/schemas/applied.json'
    )
    assert json.loads(schema_text())["properties"]["schema"]["const"] == "exrun.applied/1"

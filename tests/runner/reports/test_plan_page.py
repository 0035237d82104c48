"""The page that a change board decides by: it holds all of the plan, says what is not known, and nothing runs in it."""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

from runner.plan.records import Plan
from runner.reports.plan import View, lines
from runner.reports.plan_page import Approvals, plan_page
from tests.runner.plan.plans import one_change, plans
from tests.runner.reports.board import APPLY, UNDO, board_plan, hostile_plan
from tests.runner.reports.test_hostile_answers import Structure, and_each_known, hostile, unshown

NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
AGAINST = ("1 of 2 approvals that count", "Have it signed")
SIGNED = Approvals(2, (("board@x", "SHA256:a"),), (AGAINST,), ("p.1.sig",), NOW)
UNSEEN = Approvals(None, (), (), (), NOW)


def words(page: str) -> str:
    """What a reader sees, in one line."""
    return " ".join(" ".join(Structure(page).words).split())


def test_a_manager_reads_first_what_is_changed_when_and_what_is_not_known() -> None:
    seen = words(plan_page(board_plan(), "ab" * 32, UNSEEN))
    parts = [
        "7 changes on 4 of 7 servers. 2 changes cannot be undone. 1 server could not be planned.",
        "SHA-256 of the file " + "ab" * 32,
        "What is changed, and why",
        "Set MSExchangeIS to start automatically (2 servers)",
        "1 known web shell (2 servers)",
        "What is interrupted, and for how long",
        "OWA and ECP for up to 20 seconds yes yes no",
        "Which servers, and when",
        "waves of 1, 2, 1; 600 s between; at most 1 of one dag together; ends once 1 server failed (10%). At most 2 of",
        "Blast radius",
        "DAG DAG1 2 of 4 servers in this plan, at most 1 at a time",
        "Risks",
        "shell.aspx into quarantine, on 2 servers (EX02, EX07)",
        "2 servers restarted: EX02, EX07",
        "No health check stands between the waves",
        "What is not known",
        "role of 1 server, no step of this plan has seen it: EX07",
        "the limit for each dag does not hold 2 servers without that label: EX04, EX07",
        "Approval",
        "how many have to approve, and whether signatures count, is not known here",
        "EX06 no answer in 30 s. Check that WinRM listens",
        "Each server",
    ]
    at = [seen.find(part) for part in parts]
    assert -1 not in at, parts[at.index(-1)]
    assert at == sorted(at)


def test_an_engineer_finds_every_value_before_and_after_and_every_script_once() -> None:
    plan = board_plan()
    page = plan_page(plan, "ab" * 32, UNSEEN)
    seen = words(page)
    assert seen.count('StartMode "Disabled" → "Automatic"') == 5
    assert 'State "Stopped" stays' in seen
    assert "Size 4711 goes" in seen
    assert 'Quarantine ["C:\\exrun-quarantine\\4f2a\\1.bin"] was not there' in seen
    for text in plan.texts.values():
        assert page.count(html.escape(text, quote=True).replace("&#x27;", "&#39;").rstrip("\n")) == 1
    assert (APPLY % "MSExchangeIS") in plan.texts.values()
    assert (UNDO % "MSExchangeIS") in plan.texts.values()


@settings(max_examples=40, deadline=None)
@given(plans())
def test_every_server_change_and_script_of_any_plan_is_in_its_page_and_every_link_leads_somewhere(plan: Plan) -> None:
    # What only a reader of the file could make: steps that the playbook has not.
    names = {step.step for host in plan.hosts for step in host.steps}
    plan = replace(plan, steps=tuple(replace(plan.steps[0], id=name) for name in sorted(names)))
    page = plan_page(plan, "ab" * 32, UNSEEN)
    rows = Counter(re.findall(r"<h3><bdi>([^<]*)</bdi></h3>", page))
    told = {host.host for host in plan.hosts if not host.refused and host.steps}
    assert set(rows) <= told
    for host in plan.hosts:
        assert f"<bdi>{host.host}</bdi>" in page
    applied = [change.apply for _, _, change in plan.changes]
    hidden = [host for host in plan.hosts if host.refused]
    shown = Counter(change.apply for host in plan.hosts if not host.refused for _, change in host.changes)
    links = Counter(re.findall(r'apply <a href="#s([0-9a-f]{64})"', page))
    assert links == shown
    targets = Counter(re.findall(r'<details class="script" id="s([0-9a-f]{64})">', page))
    assert set(targets.values()) <= {1}
    assert set(targets) == {sha for _, _, change in plan.changes for sha in change.texts}
    told = "\n".join(lines(plan, "ab" * 32, View(scripts=True)))
    assert all(sha in told for host in plan.hosts if not host.refused for _, each in host.changes for sha in each.texts)
    assert set(re.findall(r'href="#s([0-9a-f]{64})"', page)) <= set(targets)
    assert hidden or set(applied) == set(links)


@settings(max_examples=60, deadline=None)
@given(hostile)
@and_each_known
def test_whatever_a_server_or_a_playbook_says_the_page_has_the_same_marks(text: str) -> None:
    text = text.encode("utf-8", "replace").decode() or "-"  # half of a surrogate pair has no place in a plan

    def marks(of: str) -> list[str]:
        page = plan_page(hostile_plan(of), "ab" * 32, Approvals(1, ((of, of),), ((of, of),), (of,), NOW))
        assert unshown(page) == set()
        return [re.sub(r"s[0-9a-f]{64}", "s", mark) for mark in Structure(page).marks]

    assert marks(text) == marks("harmless")
    for view in (View(), View(scripts=True, diff=True)):
        assert unshown("".join(f"{line}\n" for line in lines(hostile_plan(text), "ab" * 32, view))) == set()


def test_every_server_stands_once_in_the_table_and_leads_to_its_part_where_it_has_one() -> None:
    page = plan_page(board_plan(), "ab" * 32, UNSEEN)
    rows = re.findall(r'<tr role="row" data-verdict="([^"]*)">.*?<bdi>([^<]*)</bdi>', page)
    assert {name: stands for stands, name in rows} == {
        "EX01": "to change",
        "EX02": "to change",
        "EX03": "nothing to change",
        "EX04": "to change",
        "EX05": "not known in full",
        "EX06": "not planned",
        "EX07": "to change",
    }
    links = re.findall(r'href="#(h\d+)"><bdi>([^<]*)</bdi>', page)
    parts = dict(re.findall(r'<article id="(h\d+)" class="server several">\s*<h3><bdi>([^<]*)</bdi>', page))
    assert {parts[link] for link, _ in links} == {name for _, name in links} == set(parts.values())
    assert all(parts[link] == name for link, name in links)
    assert "1 not planned, 4 to change, 1 not known in full, 1 nothing to change" in words(page).replace(" ,", ",")


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (
            board_plan(),
            "5 of 7 changes have a script for that, which is approved with this plan: nobody is asked again.",
        ),
        (one_change(), "None of these changes can be undone."),
    ],
    ids=["some", "none"],
)
def test_a_board_reads_what_can_be_undone_and_how(plan: Plan, said: str) -> None:
    seen = words(plan_page(plan, "ab" * 32, UNSEEN))
    assert f"How it is undone {said}" in seen
    assert ("exrun rollback with the id of that run" in seen) is ("None" not in said)


def test_nothing_is_loaded_and_no_script_runs_but_the_one_that_the_policy_names() -> None:
    page = plan_page(board_plan(), "ab" * 32, UNSEEN)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert html.unescape(policy[1]).startswith("default-src 'none'; style-src 'sha256-")
    assert page.count("<script") == 1
    assert not re.search(r"<(img|link|iframe|form|object|embed)\b|\son\w+=|url\(|https?:", page)


@pytest.mark.parametrize(
    ("approvals", "said"),
    [
        (SIGNED, ["1 of 2 approvals given, as of 2026-11-28 03:00 UTC", "board@x SHA256:a",
                  "approvals that count . Have", "Signature files beside the plan: p.1.sig ."]),
        (Approvals(None, (), (), ("p.1.sig",), NOW), ["whether signatures count, is not known here", "p.1.sig"]),
    ],
    ids=["with-policy", "without"],
)  # fmt: skip
def test_who_approved_is_said_as_far_as_it_is_known(approvals: Approvals, said: list[str]) -> None:
    seen = words(plan_page(board_plan(), "ab" * 32, approvals))
    assert [part for part in said if part not in seen] == []


def test_a_plan_without_a_policy_says_that_nobody_is_asked() -> None:
    seen = words(plan_page(one_change(), "ab" * 32, UNSEEN))
    assert "None is asked for: the plan was made without a policy." in seen
    assert "No policy: nobody has to approve it, and no change window holds it" in seen
    assert "There is no failure budget" in seen


def test_a_plan_of_a_newer_exrun_says_that_not_all_of_it_is_here() -> None:
    page = plan_page(replace(board_plan(), newer=("hosts[0].colour",)), "ab" * 32, UNSEEN)
    assert "it was made by a newer version. What only that one knows: hosts[0].colour." in words(page)


def test_a_script_is_there_to_its_last_character() -> None:
    plan = board_plan()
    long = "# " + "x" * 50_000 + " the end"
    sha = next(iter(plan.texts))
    page = plan_page(replace(plan, texts={**plan.texts, sha: long}), "ab" * 32, UNSEEN)
    assert long in page

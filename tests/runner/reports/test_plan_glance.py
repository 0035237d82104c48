"""A plan at a glance: within its width and lines, every change shown or counted, what cannot be undone never hidden."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.plan.records import Plan
from runner.plan.sums import sums
from runner.reports.fitting import cells
from runner.reports.plan_glance import MOST_LINES, plan_screen
from runner.terminal import visible
from tests.runner.plan.plans import plans
from tests.runner.reports.board import board_plan, hostile_plan
from tests.runner.reports.test_hostile_answers import HOSTILE

ALL = "exrun show plan.json"
LAST = ("Written to plan.json.", f"all of it: {ALL} --diff --scripts", "next: exrun approve plan.json --key KEY")


def screen(plan: Plan, width: int = 80) -> list[str]:
    return list(plan_screen(plan, "ab" * 32, width, ALL, LAST))


def large(count: int) -> Plan:
    """The board's servers over and over; every tenth has a change of its own."""
    plan = board_plan()
    hosts = []
    for number in range(count):
        host = plan.hosts[number % len(plan.hosts)]
        steps = host.steps
        if number % 10 == 0 and steps and steps[1].changes:
            change = steps[1].changes[0]
            own = replace(change, change=replace(change.change, title=f"Set service {number} to start"))
            steps = (steps[0], replace(steps[1], changes=(own,)), *steps[2:])
        hosts.append(replace(host, host=f"EX{number:04}", steps=steps))
    return replace(plan, hosts=tuple(hosts))


@settings(max_examples=100, deadline=None)
@given(plans(), st.integers(80, 200))
def test_no_line_is_wider_than_the_terminal(plan: Plan, width: int) -> None:
    assert max(map(cells, screen(plan, width))) <= width


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isprintable() or "\ud800" not in text])
def test_what_a_server_calls_itself_moves_no_cursor_and_no_margin(text: str) -> None:
    lines = screen(hostile_plan(text))
    assert max(map(cells, lines)) <= 80
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("count", [7, 200, 2000])
@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_plan_of_any_size_is_at_most_sixty_lines_and_loses_no_change(count: int, width: int) -> None:
    plan = large(count)
    lines = screen(plan, width)
    assert len(lines) <= MOST_LINES
    found, flat = sums(plan), " ".join(" ".join(lines).split())
    assert f"Plan: {found.changes} changes on {found.changing} of {count} servers." in flat
    assert f"{found.irreversible} changes: cannot be undone (!)" in flat
    shown = blocks(lines)
    rest = re.search(r"and (\d+) further servers?:", flat)
    talked_of = sum(
        host.refused != "" or any(step.changes or step.standing in ("unknown", "deferred") for step in host.steps)
        for host in plan.hosts
    )
    assert shown + (int(rest[1]) if rest else 0) == talked_of
    assert lines[-3:] == list(LAST)


def blocks(lines: list[str]) -> int:
    """How many servers the blocks are about."""
    heads = [line for before, line in pairwise(lines) if not before and not line.startswith((" ", "Reaches", "and "))]
    return sum(
        int(found[1]) if (found := re.fullmatch(r"(\d+) servers", line)) else 1
        for line in heads
        if line and not line.startswith("Plan")
    )


def test_equal_changes_of_several_servers_stand_once_and_what_cannot_be_undone_stands_first() -> None:
    lines = screen(board_plan(), 120)
    start = lines.index("") + 1
    assert lines[start].startswith("EX02")
    assert "    ! Move C:\\inetpub\\wwwroot\\aspnet_client\\shell.aspx into quarantine" in lines
    plan = large(14)
    alike = [host.host for host in plan.hosts if host.host in ("EX0006", "EX0013")]
    at = screen(plan, 120).index(f"  {', '.join(alike)}")
    assert screen(plan, 120)[at - 1] == "2 servers"


def test_what_is_disturbed_and_lost_is_seen_before_the_many_dags() -> None:
    plan = large(200)
    hosts = [
        replace(host, labels={**host.labels, "dag": (f"DAG{number % 50}",)}) for number, host in enumerate(plan.hosts)
    ]
    lines = screen(replace(plan, hosts=tuple(hosts)), 200)
    dags = next((number for number, line in enumerate(lines) if "DAG" in line), len(lines))
    assert dags > next(number for number, line in enumerate(lines) if "can be noticed" in line)
    assert any("cannot be undone on" in line for line in lines)


@pytest.mark.parametrize("width", [80, 200])
def test_the_heading_of_dags_never_stands_alone(width: int) -> None:
    cut = 0
    for noticed in range(1, 14):
        plan = large(30)
        hosts = [
            replace(
                host,
                labels={**host.labels, "dag": (f"DAG{number % 7}",)},
                steps=tuple(
                    replace(
                        step,
                        changes=tuple(
                            replace(each, change=replace(each.change, disturbs=f"W3SVC waits {number % noticed} s"))
                            for each in step.changes
                        ),
                    )
                    for step in host.steps
                ),
            )
            for number, host in enumerate(plan.hosts)
        ]
        lines = screen(replace(plan, hosts=tuple(hosts)), width)
        cut += any("further lines of that" in line for line in lines)
        if "  DAGs:" in lines:
            assert lines[lines.index("  DAGs:") + 1].startswith("    ")
    assert cut


def test_a_name_is_never_broken() -> None:
    plan = board_plan()
    name = "mbx-" + "a" * 59
    lines = screen(replace(plan, hosts=(replace(plan.hosts[0], host=name),)))
    assert sum(visible(name) in line for line in lines) >= 1

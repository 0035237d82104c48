"""A plan in a change ticket: all that is changed and all that is open, and a server's words as code alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.plan.records import Plan, Standing
from runner.plan.sums import sums
from runner.plan.waves import host_waves
from runner.reports.plan_markdown import plan_markdown
from tests.runner.plan.plans import plans
from tests.runner.reports.board import board_plan, hostile_plan
from tests.runner.reports.test_formats import tables
from tests.runner.reports.test_hostile_answers import MENTIONS, TABLES, and_each_known, hostile, marks, unshown

DIGEST = "ab" * 32


def test_a_board_reads_what_comes_and_what_is_not_known_and_what_it_approves() -> None:
    written = plan_markdown(board_plan(), DIGEST)
    for said in (
        "7 changes on 4 of 7 servers",
        f"which is what is approved: `{DIGEST}`",
        "- **1 server not planned",
        "- **restarted**: `EX02, EX07`",
        "- **cannot be undone** on 2 servers: `",
        '`StartMode`: `"Disabled"` → `"Automatic"`',
    ):
        assert said in written
    changed = tables(written)["Changes"]
    assert sum(row[4] == "no" for row in changed) == sums(board_plan()).irreversible


@settings(max_examples=40, deadline=None)
@given(plans())
def test_a_reader_finds_every_server_wave_and_change_of_any_plan(plan: Plan) -> None:
    cells = tables(plan_markdown(plan, DIGEST))
    assert [(row[0], row[1]) for row in cells.get("Servers", [])] == [
        (str(number), host.host) for number, wave in enumerate(host_waves(plan), start=1) for host in wave
    ]
    assert [(row[0], row[1]) for row in cells.get("Changes", [])] == [
        (host.host, step.step) for host, step, _ in plan.changes
    ]
    left = [row[0] for row in cells.get("Not changed under this plan, and not known to be well", [])]
    for host in plan.hosts:
        doubtful = any(
            step.standing in (Standing.UNKNOWN, Standing.DEFERRED) and not step.changes for step in host.steps
        )
        assert (host.host in left) is (bool(host.refused) or doubtful)


@settings(max_examples=60, deadline=None)
@given(hostile | st.sampled_from(MENTIONS + TABLES))
@and_each_known
def test_in_a_ticket_a_servers_words_are_code_and_nothing_else(text: str) -> None:
    said = text.encode("utf-8", "replace").decode() if text.strip() else "-"
    written = plan_markdown(hostile_plan(said), DIGEST)
    assert unshown(written) == set()
    assert marks(written) == marks(plan_markdown(hostile_plan("harmless"), DIGEST))


@pytest.mark.parametrize("text", [*MENTIONS, *TABLES])
def test_every_row_has_as_many_cells_as_its_heading(text: str) -> None:
    bars = [
        len(re.findall(r"\|", line))
        for line in plan_markdown(hostile_plan(text), DIGEST).splitlines()
        if line[:1] == "|"
    ]
    harmless = plan_markdown(hostile_plan("harmless"), DIGEST).splitlines()
    assert bars == [len(re.findall(r"\|", line)) for line in harmless if line[:1] == "|"]

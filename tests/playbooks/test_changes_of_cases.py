"""Every change that a case of a built-in action names becomes scripts, proven to write what it may alone."""

from __future__ import annotations

import pytest

from playbooks.cases import Case
from playbooks.changing import ready_changes
from playbooks.shelf import shelf
from tests.playbooks.test_assess_cases import action, entries, judged

CHANGING = [case for case in entries() if case.expect.changes]


def test_every_built_in_action_that_changes_has_such_a_case() -> None:
    changing = {found.name for found in shelf([]).actions if action(found.name).templates.apply}
    assert changing == {case.action for case in CHANGING}
    assert changing


@pytest.mark.parametrize("case", CHANGING, ids=lambda case: f"{case.action}: {case.sentence}")
def test_its_changes_are_proven(case: Case) -> None:
    of = action(case.action)
    changes = judged(case).changes
    ready = ready_changes(of, case.params, changes, "0123456789ab")
    assert [each.change for each in ready] == list(changes)
    assert all(bool(each.rollback) is of.contract.reversible for each in ready)

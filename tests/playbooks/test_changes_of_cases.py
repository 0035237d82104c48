"""Every change that a case of a built-in action names becomes scripts, proven to write what it may alone."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from playbooks.changing import ready_changes
from playbooks.loading import load_action
from playbooks.model import Action
from playbooks.parameters import value_of
from playbooks.shelf import shelf
from tests.playbooks.test_assess_cases import CATALOGUE, entries, judged

CHANGING = [entry for entry in entries() if entry["expect"].get("changes")]


@cache
def action(name: str) -> Action:
    return load_action(shelf([]).action(name)[0], CATALOGUE)


def test_every_built_in_action_that_changes_has_such_a_case() -> None:
    changing = {found.name for found in shelf([]).actions if action(found.name).templates.apply}
    assert changing == {entry["action"] for entry in CHANGING}
    assert changing


@pytest.mark.parametrize("entry", CHANGING, ids=lambda entry: f"{entry['action']}: {entry['case']}")
def test_its_changes_are_proven(entry: dict[str, Any]) -> None:
    of = action(entry["action"])
    params = {name: value_of(spec.default) for name, spec in of.contract.params.items()} | entry.get("params", {})
    changes = judged(entry).changes
    ready = ready_changes(of, params, changes, "0123456789ab")
    assert [each.change for each in ready] == list(changes)
    assert all(bool(each.rollback) is of.contract.reversible for each in ready)

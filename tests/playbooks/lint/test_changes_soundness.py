"""Whatever the linter accepts as a change writes, on a real engine, only what the contract names."""

from __future__ import annotations

from pathlib import Path

import pytest

from playbooks.lint import Place, lint_change
from tests.playbooks.lint.soundness.changes import ALLOWED, changes, written

SEED, COUNT = 10, 2000


@pytest.mark.real_powershell
def test_no_change_that_is_accepted_writes_anything_else_when_it_runs(powershell: Path) -> None:
    scripts = list(dict.fromkeys(changes(SEED, COUNT)))
    accepted = [script for script in scripts if not lint_change(script, ALLOWED, source="x")]
    done = written(powershell, accepted)
    assert [(each.beyond, script) for script, each in zip(accepted, done, strict=True) if each.beyond] == []
    assert len(accepted) >= 250
    assert sum(each.places > 0 for each in done) >= 200


@pytest.mark.real_powershell
def test_many_that_are_refused_would_have_written_something_else(powershell: Path) -> None:
    """Else nothing would be known of the measurement."""
    refused = [script for script in changes(SEED + 1, 600) if lint_change(script, ALLOWED, source="x")]
    assert sum(bool(each.beyond) for each in written(powershell, refused)) >= 100


def test_the_same_seed_gives_the_same_changes() -> None:
    assert list(changes(3, 50)) == list(changes(3, 50))


@pytest.mark.real_powershell
@pytest.mark.parametrize("planted", ["_is_assigned", "_joined"])
def test_a_linter_that_takes_a_place_for_another_is_caught(
    powershell: Path, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    """One that does not ask whether a variable was surely assigned; one that sees only how a sum begins."""
    bugs = {"_is_assigned": lambda flow, node: True, "_joined": lambda parts: parts[0]}
    monkeypatch.setattr(f"playbooks.lint.literals.{planted}", bugs[planted])
    allowed = (*ALLOWED, Place("service", "MSExch*"))
    accepted = [script for script in changes(SEED, COUNT) if not lint_change(script, allowed, source="x")]
    assert any(each.beyond for each in written(powershell, accepted))

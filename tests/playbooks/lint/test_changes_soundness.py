"""Whatever the linter accepts as a change writes, on a real engine, only what the contract names."""

from __future__ import annotations

from pathlib import Path

import pytest

from playbooks.lint import Place, lint_change
from tests.playbooks.lint.soundness.changes import ALLOWED, changes, written
from tests.playbooks.lint.soundness.judging import check
from tests.playbooks.lint.soundness.mutations import mutations
from tests.playbooks.lint.test_changes import ACCEPTED, REFUSED
from tests.playbooks.lint.test_changes import ALLOWED as OF_THE_CASES

SEED, COUNT = 10, 4000


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


@pytest.mark.real_powershell
def test_the_real_tree_of_an_accepted_change_has_nothing_but_the_commands_of_changes_besides(powershell: Path) -> None:
    """Its names, parameters and forms are harmless by the check of collect scripts, but for those commands."""
    written_by_hand = [script for script in ACCEPTED if not lint_change(script, OF_THE_CASES, source="x")]
    drawn = [
        script
        for script in (*mutations(ACCEPTED, [script for _, script in REFUSED], SEED, 400), *changes(SEED, 400))
        if not lint_change(script, (*OF_THE_CASES, *ALLOWED), source="x")
    ]
    assert written_by_hand == ACCEPTED
    assert len(drawn) >= 100
    scripts = [*written_by_hand, *drawn]
    wrong = [
        (answer.against, script)
        for script, answer in zip(scripts, check(powershell, scripts, changes=True), strict=True)
        if answer.against
    ]
    assert wrong == []


@pytest.mark.real_powershell
def test_the_check_finds_what_changes_otherwise(powershell: Path) -> None:
    planted = [
        "Get-Service | Stop-Service",
        "Stop-Service -Name a -Force",
        "Remove-Item -LiteralPath 'C:\\x' -Recurse",
        "Set-Content -LiteralPath 'C:\\x' -Value 1 -Stream y",
        "Set-Content -Path 'C:\\x*' -Value 1",
        "Add-Content -LiteralPath 'C:\\x' -Value 1",
        "(Get-Service -Name a).Stop()",
        "& 'Stop-Service' a",
        "Restart-Computer -ComputerName EX2 -Force",
        "Start-Process -FilePath cmd.exe -Wait -PassThru -NoNewWindow",
        'Start-Process -FilePath "$env:SystemRoot\\System32\\netsh.exe" -ArgumentList "advfirewall reset"',
        'Start-Process -FilePath "$env:SystemRoot\\System32\\netsh.exe" -Verb RunAs',
    ]
    answers = check(powershell, planted, changes=True)
    assert [script for script, answer in zip(planted, answers, strict=True) if not answer.against] == []


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

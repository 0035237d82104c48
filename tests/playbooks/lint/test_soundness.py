"""What the linter accepts, PowerShell's own syntax tree shows to be harmless: a smaller share of `make soak`."""

from __future__ import annotations

import pytest

from playbooks.lint import lint
from tests.playbooks.lint.soundness.judging import check, judge, sources
from tests.playbooks.lint.soundness.mutations import mutations

SEED, COUNT = 4, 400
PLANTED = [
    "Remove-Item C:\\x",
    "Get-Process | Stop-Process",
    "& $name",
    ". C:\\x.ps1",
    "return'\\..\\x.exe'",
    "(if (1) { 2 })",
    "$file.Delete()",
    "$x.$name()",
    "Get-Service > C:\\x",
    "Get-Item @options",
    "[wmi]'x'",
    "$x -as 'wmi'",
    "[IO.File]::Delete('C:\\x')",
    "$x.Name = 1",
    "$global:x = 1",
    "Get-Service | ForEach-Object Stop",
    "$f = { 1 }",
    "using module x",
    "class A { }",
    "param ([ValidateScript({ 1 })]$x)",
    "Get-Content \\\\server\\share\\x",
    "$s = '\\'\nGet-Content ($s + '\\server\\x')",
    "Get-Content ('{0}{0}server' -f '\\')",
    "Get-Service -ComputerName other",
    "[pscustomobject]@{ ComputerName = 'other' } | Get-Service",
    "Get-CimInstance -ClassName Win32_Product",
    "$x.PSObject",
]


@pytest.mark.real_powershell
@pytest.mark.parametrize("script", PLANTED)
def test_the_linter_refuses_what_is_planted(script):
    assert lint(script, source="x") != ()


@pytest.mark.real_powershell
def test_the_independent_check_finds_what_is_planted_and_most_of_what_changes_a_host(powershell):
    _, refused = sources()
    answers = check(powershell, [*PLANTED, *refused])
    assert [script for script, answer in zip(PLANTED, answers[: len(PLANTED)], strict=True) if not answer["harm"]] == []
    found = sum(bool(answer["harm"]) for answer in answers[len(PLANTED) :])
    assert found >= 0.6 * len(refused)  # it knows no data flow: what it misses is mostly paths from elsewhere


@pytest.mark.real_powershell
def test_no_script_that_the_linter_accepts_could_change_reach_or_run_anything_by_the_real_tree(powershell):
    accepted, refused = sources()
    verdicts = judge(powershell, [*accepted, *mutations(accepted, refused, SEED, COUNT)])
    assert [f"{why}\n{script}" for script, why in verdicts.against] == [], "replay: make soak SEED=4 COUNT=400"
    assert len(verdicts.accepted) >= 0.2 * verdicts.scripts


def test_the_same_seed_gives_the_same_scripts():
    accepted, refused = sources()
    assert list(mutations(accepted, refused, 7, 50)) == list(mutations(accepted, refused, 7, 50))


@pytest.mark.real_powershell
def test_a_linter_that_lets_everything_through_is_caught(powershell, monkeypatch):
    monkeypatch.setattr("tests.playbooks.lint.soundness.judging.lint", lambda text, source: ())
    verdicts = judge(powershell, ["$x.Delete()", "Stop-Service W3SVC"])
    assert {script for script, _ in verdicts.against} == {"$x.Delete()", "Stop-Service W3SVC"}

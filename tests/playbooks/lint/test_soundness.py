"""What the linter accepts, PowerShell's own syntax tree shows to be harmless: a smaller share of `make soak`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from playbooks.lint import lint
from playbooks.lint.syntax import parse
from tests.playbooks.lint.soundness.engine import deeds
from tests.playbooks.lint.soundness.judging import check, judge, sources
from tests.playbooks.lint.soundness.mutations import mutations
from tests.playbooks.lint.soundness.shapes import difference
from tests.playbooks.lint.soundness.soak import unreached
from tests.playbooks.lint.soundness.ways import classes, ways

SEED, COUNT = 4, 400
CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "lint" / "harmful"
HARMFUL = YAML(typ="safe").load(Path(__file__).with_name("harmful.yml"))
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
    "Get-ExchangeCertificate -Server other",
]


@pytest.mark.real_powershell
@pytest.mark.parametrize("script", PLANTED)
def test_the_linter_refuses_what_is_planted(script):
    assert lint(script, source="x") != ()


@pytest.mark.real_powershell
def test_the_independent_check_finds_what_is_planted_and_most_of_what_changes_a_host(powershell):
    _, refused = sources()
    answers = check(powershell, [*PLANTED, *refused])
    assert [script for script, answer in zip(PLANTED, answers[: len(PLANTED)], strict=True) if not answer.against] == []
    found = sum(bool(answer.against) for answer in answers[len(PLANTED) :])
    assert found >= 0.88 * len(refused)  # what it lets pass is refused for other reasons than harm


@pytest.mark.real_powershell
def test_the_independent_check_objects_to_each_harmful_script_that_was_once_accepted(powershell):
    answers = check(powershell, HARMFUL)
    trees = [
        answer.tree is not None and difference(script, parse(script), answer.tree)
        for script, answer in zip(HARMFUL, answers, strict=True)
    ]
    assert [
        script
        for script, answer, differs in zip(HARMFUL, answers, trees, strict=True)
        if not answer.against and not differs
    ] == []


NAMES = sorted(path.name for path in CASES.glob("*.ps1"))


@pytest.fixture(scope="module")
def harmful_cases(powershell):
    """What the independent check says of each case: one process of PowerShell for all of them."""
    texts = [(CASES / name).read_text(encoding="utf-8") for name in NAMES]
    return dict(zip(NAMES, check(powershell, texts), strict=True))


@pytest.mark.real_powershell
@pytest.mark.parametrize("case", NAMES or ["NO ../shared/cases/lint/harmful"])
def test_the_independent_check_objects_to_each_case(harmful_cases, case):
    if not NAMES:
        pytest.skip("NO CASES: ../shared/cases/lint/harmful is not beside this checkout")
    assert harmful_cases[case].against != ()


@pytest.fixture(scope="module")
def ordinary(powershell):
    """What the independent check says of the scripts that must pass."""
    accepted, _ = sources()
    return dict(zip(accepted, check(powershell, accepted), strict=True))


@pytest.mark.real_powershell
def test_the_independent_check_has_nothing_against_ordinary_scripts_and_the_built_in_ones(ordinary):
    assert [f"{answer.against}\n{script}" for script, answer in ordinary.items() if answer.against] == []


@pytest.mark.real_powershell
def test_no_script_that_the_linter_accepts_could_change_reach_or_run_anything_by_the_real_tree(powershell, ordinary):
    accepted, refused = sources()
    verdicts = judge(powershell, [*accepted, *mutations(accepted, refused, SEED, COUNT)], ordinary)
    assert [f"{why}\n{script}" for script, why in verdicts.against] == [], "replay: make soak SEED=4 COUNT=400"
    assert len(verdicts.accepted) >= 0.2 * verdicts.scripts


@pytest.mark.real_powershell
def test_no_way_that_a_value_can_take_leads_an_accepted_script_elsewhere(powershell):
    made = list(ways(SEED, COUNT))
    verdicts = judge(powershell, [one.text for one in made])
    assert [f"{why}\n{script}" for script, why in verdicts.against] == [], "replay: make soak SEED=4"
    passed = set(verdicts.accepted)
    assert {name for one in made if one.text in passed for name in one.classes} == classes()


@pytest.mark.real_powershell
def test_whatever_does_harm_on_the_engine_is_objected_to_by_the_check(powershell):
    made = [one.text for one in ways(SEED + 1, 600)]
    done, paths = deeds(powershell, made)
    unseen = [
        f"{why}\n{script}"
        for (script, why), answer in zip(done, check(powershell, [script for script, _ in done]), strict=True)
        if not answer.against
    ]
    assert unseen == []
    assert len(done) >= 40
    assert paths >= 300


def test_a_soak_that_did_not_come_to_a_class_says_so():
    everywhere = Counter(dict.fromkeys(classes(), 1))
    assert unreached(everywhere, everywhere) == []
    assert unreached(everywhere - Counter(["cast"]), everywhere) == ["cast"]
    assert unreached(everywhere, everywhere - Counter(["phases"])) == ["phases"]


TREES = [
    ("-not $a, 'b'", "-not ($a, 'b')"),
    ("-join $a, 'b'", "-join ($a, 'b')"),
    ("$a -and $b -or $c", "$a -and ($b -or $c)"),
    ("1 + 2 * 3", "(1 + 2) * 3"),
    ("Get-Content 'a' 'b'", "Get-Content 'a', 'b'"),
    ("if ($a) { 1 } else { 2 }", "if ($a) { 1 }\n2"),
    ("$a[0].b", "$a.b[0]"),
    ('"$a.b"', '"$($a.b)"'),
    ("[string]$a, $b", "[string]($a, $b)"),
    ("Get-Date | Out-Null", "Get-Date; Out-Null"),
]


@pytest.mark.real_powershell
def test_trees_of_another_structure_are_told_apart(powershell):
    """Not only names: the same words with other operands, elements, pipelines or statements."""
    for (one, other), answer in zip(TREES, check(powershell, [one for one, _ in TREES]), strict=True):
        assert answer.tree is not None
        assert difference(one, parse(other), answer.tree), (one, other)


def test_the_same_seed_gives_the_same_scripts():
    accepted, refused = sources()
    assert list(mutations(accepted, refused, 7, 50)) == list(mutations(accepted, refused, 7, 50))
    assert list(ways(7, 50)) == list(ways(7, 50))


@pytest.mark.real_powershell
def test_a_linter_that_lets_everything_through_is_caught(powershell, monkeypatch):
    monkeypatch.setattr("tests.playbooks.lint.soundness.judging.lint", lambda text, source: ())
    verdicts = judge(powershell, ["$x.Delete()", "Stop-Service W3SVC"])
    assert {script for script, _ in verdicts.against} == {"$x.Delete()", "Stop-Service W3SVC"}

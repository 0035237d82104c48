"""Scripts that must pass, scripts that must not, and the table against what servers have."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from playbooks.catalogue.catalogue import Catalogue
from playbooks.checking import check
from playbooks.lint import lint
from playbooks.lint.commands import known_commands
from playbooks.lint.rules import READ_ONLY

HERE = Path(__file__).parent
ACCEPTED = YAML(typ="safe").load(HERE / "accepted.yml")
REFUSED = YAML(typ="safe").load(HERE / "refused.yml")
OF_CHANGES = frozenset({"decided", "program", "target"})  # rules of changes alone: test_changes.py
COUNTERPARTS = YAML(typ="safe").load(HERE / "counterparts.yml")
HARMFUL = YAML(typ="safe").load(HERE / "harmful.yml")
MISTAKES = YAML(typ="safe").load(HERE / "mistakes.yml")


ROOT = Path(__file__).resolve().parents[3]
LINT = ROOT / "playbooks" / "lint"


def test_there_are_as_many_scripts_as_the_project_promises():
    assert len(REFUSED) >= 80
    assert len(ACCEPTED) >= 60


def names_of_refusals() -> set[str]:
    """Every name that a refusal of the proof can bear, read from the linter's own code."""
    names = {name for rule in READ_ONLY for name in rule.explains}
    for path in LINT.rglob("*.py"):
        if "dialect" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("Refusal", "refuse") and isinstance(node.args[0], ast.Constant):
                names.add(str(node.args[0].value))
    return names


def test_each_name_of_a_refusal_has_a_script_that_is_refused_and_one_that_passes():
    """A rule without a failing case would be a rule that nobody has seen work, one without a passing case too."""
    names = names_of_refusals() - OF_CHANGES
    assert len(names) >= 30
    assert names - {rule for rule, _ in REFUSED} == set()
    assert names ^ set(COUNTERPARTS) == set()


@pytest.mark.parametrize("rule", sorted(COUNTERPARTS))
def test_the_nearest_ordinary_script_passes(rule):
    assert [str(problem) for problem in lint(COUNTERPARTS[rule], source="x.ps1")] == []


@pytest.mark.parametrize("script", ACCEPTED)
def test_an_ordinary_read_only_script_is_proven(script):
    assert [str(problem) for problem in lint(script, source="x.ps1")] == []


@pytest.mark.parametrize(("rule", "script"), REFUSED)
def test_a_script_outside_the_subset_is_refused_by_the_rule_that_explains_it(rule, script):
    problems = lint(script, source="x.ps1")
    assert rule in [problem.rule for problem in problems]
    assert all(problem.why and problem.instead for problem in problems)


@pytest.mark.parametrize("script", HARMFUL)
def test_a_script_that_once_deceived_a_linter_is_refused(script):
    assert lint(script, source="x.ps1") != ()


@pytest.mark.parametrize(("mistake", "advice", "right"), MISTAKES)
def test_what_only_a_newer_powershell_has_is_refused_with_advice_of_its_own_and_that_advice_passes(
    mistake, advice, right
):
    (problem,) = lint(mistake, source="x.ps1")
    assert problem.rule in ("command", "parameter")
    assert advice in problem.instead
    assert [str(each) for each in lint(right, source="x.ps1")] == []


@pytest.mark.parametrize("switch", ["-File", "-Directory", "-Depth 2"])
def test_what_windows_powershell_has_since_3_to_5_is_no_mistake(switch):
    assert lint(f"Get-ChildItem -LiteralPath C:\\x {switch}", source="x.ps1") == ()
    assert lint("Get-FileHash -LiteralPath C:\\x", source="x.ps1") == ()


def test_a_refusal_says_where():
    (problem,) = lint("Get-Service\n  Remove-Item C:\\x", source="x.ps1")
    assert (problem.line, problem.column, problem.source) == (2, 3, "x.ps1")


@pytest.mark.needs_shared
def test_servers_have_every_command_and_parameter_of_the_table(shared):
    there = set()
    for name in ("windows", "exchange"):
        with (shared / "windows" / f"{name}-commands.csv").open(encoding="utf-8") as lines:
            there |= {(row["command"].lower(), row["parameter"].lower()) for row in csv.DictReader(lines)}
    # The Storage and NetConnection modules are on every server since 2012, but their pages are not in the list.
    beyond = {"get-disk", "get-partition", "get-volume", "get-physicaldisk", "get-netconnectionprofile"}
    ours = {
        (command, parameter) for command, known in known_commands().items() for parameter in ("", *known.parameters)
    }
    assert {entry for entry in ours if entry[0] not in beyond} - there == set()


@pytest.mark.parametrize(
    "folder",
    sorted(path.parent for path in ROOT.glob("playbooks/actions/*/*/collect.ps1.j2")),
    ids=lambda folder: f"{folder.parent.name}.{folder.name}",
)
def test_every_script_of_a_built_in_action_stays_in_its_subset(folder):
    assert check(folder, Catalogue.load(), styled=True) == ()


@pytest.mark.parametrize("switch", ["-Server other", "-DomainController dc1"])
def test_an_exchange_command_may_not_be_pointed_at_another_server(switch):
    assert [problem.rule for problem in lint(f"Get-Mailbox {switch}", source="s")] == ["parameter"]

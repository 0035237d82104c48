"""What lies in a folder is told by what it holds: nothing that could be a playbook is passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from inventory.sources.native import VERSION
from playbooks.catalogue.catalogue import Catalogue
from playbooks.checking import check, checked
from playbooks.surveying import Survey, What, survey, what_is
from texts.problems import Problem

CATALOGUE = Catalogue.load()
ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = "name: %s\ntitle: Mine\nsteps:\n  - {id: a, action: exchange.version}\n"
ARE = {
    "a playbook": (PLAYBOOK % "x", What.PLAYBOOK),
    "one with a misspelt key": ("name: x\ntitle: X\nstepps: []\n", What.PLAYBOOK),
    "one without its name": ("title: X\nsteps: []\n", What.PLAYBOOK),
    "cases": ("cases:\n  - {case: x}\n", What.CASES),
    "an inventory": (f"exrun: {VERSION}\nclients: {{}}\n", What.INVENTORY),
    "a policy": ("client: alpha\napprovers: []\n", What.POLICY),
    "a fleet": ("lab: fleet/1\nclients: {}\n", What.LAB_FLEET),
    "a state": ("name: EX1\nservices: {}\n", What.LAB_STATE),
    "Ansible's": ("- hosts: all\n  tasks: []\n", What.ANSIBLE_PLAYBOOK),
    "a compose file": ("services: {}\nvolumes: {}\n", What.NEITHER),
    "nothing": ("", What.NEITHER),
    "a list": ("- 1\n", What.NEITHER),
}


@pytest.mark.parametrize("case", sorted(ARE))
def test_a_file_is_told_by_its_keys(case: str) -> None:
    text, what = ARE[case]
    assert what_is(text.encode(), "x.yml") == what


@pytest.mark.parametrize("text", ["name: [", "name: x\nsteps: \t- a\n", "\x00"])
def test_a_file_that_cannot_be_read_may_be_a_playbook_and_is_a_problem(text: str) -> None:
    assert isinstance(what_is(text.encode(), "x.yml"), Problem)


def test_every_shipped_playbook_policy_fleet_and_state_is_what_it_is() -> None:
    found = survey(ROOT / "playbooks")
    assert set(found.playbooks) == set((ROOT / "playbooks" / "library").glob("*.yml"))
    assert set(found.actions) == {path.parent for path in (ROOT / "playbooks" / "actions").glob("*/*/action.yml")}
    assert (found.cases, found.unreadable) == ((), ())
    states = survey(ROOT / "runner" / "lab" / "demo")
    assert states.playbooks == ()
    assert {what for _, what in states.others} <= {What.LAB_FLEET, What.LAB_STATE, What.NEITHER}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project as somebody has it: two playbooks, one of them deep, an action, and what else lies about."""
    for name, text in (
        ("audit.yml", PLAYBOOK % "audit"),
        ("inventory.yml", ARE["an inventory"][0]),
        ("policy.yml", ARE["a policy"][0]),
        ("clients/alpha/monthly.yaml", PLAYBOOK % "monthly"),
        ("clients/alpha/compose.yml", ARE["a compose file"][0]),
        (".hidden/broken.yml", "name: ["),
        ("notes.txt", "name: ["),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_folder_is_looked_through_at_every_depth(folder: Path) -> None:
    assert survey(folder) == Survey(
        playbooks=(folder / "audit.yml", folder / "clients/alpha/monthly.yaml"),
        others=(
            (folder / "inventory.yml", What.INVENTORY),
            (folder / "policy.yml", What.POLICY),
            (folder / "clients/alpha/compose.yml", What.NEITHER),
        ),
    )


def test_what_is_neither_is_no_problem_and_is_said(folder: Path) -> None:
    found = checked([folder], CATALOGUE)
    assert found.problems == ()
    assert [(path.name, what) for path, what in found.looked_at] == [
        ("audit.yml", "a playbook"),
        ("monthly.yaml", "a playbook"),
    ]
    assert [path.name for path, _ in found.passed_over] == ["inventory.yml", "policy.yml", "compose.yml"]


def test_a_misspelt_key_and_what_cannot_be_read_are_problems_of_a_folder(folder: Path) -> None:
    (folder / "clients" / "alpha" / "monthly.yaml").write_text((PLAYBOOK % "monthly").replace("steps", "stepps"))
    (folder / "half.yml").write_text("name: [")
    said = "\n".join(map(str, check(folder, CATALOGUE)))
    assert "monthly.yaml:3:1: stepps: unknown key; did you mean `steps`?" in said
    assert "half.yml:2:1: is not YAML" in said


def test_a_folder_with_nothing_to_check_says_what_lies_there(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text(ARE["an inventory"][0])
    [problem] = check(tmp_path, CATALOGUE)
    assert problem.what == "has nothing in it that can be checked: inventory.yml is an inventory"


def test_what_is_wrong_with_cases_is_said_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "report.yml").write_text("cases:\n  - case: x\n    action: exchange.version\n    observd: []\n")
    said = "\n".join(map(str, check(tmp_path, CATALOGUE)))
    assert "report.yml:4:5: cases[0].observd: unknown key; did you mean `observed`?" in said

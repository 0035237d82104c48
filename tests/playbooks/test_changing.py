"""Scripts of changes: what they are told, what they are held to, and what is said where they cannot be made."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Change, ChangeValue
from playbooks.changing import places, ready_changes
from playbooks.errors import ChangeError, RenderingError
from playbooks.lint import Place, lint_change
from playbooks.lint.places import may_write
from playbooks.loading import load_playbook
from playbooks.model import Action, Templates, Write
from playbooks.observation import Observed
from playbooks.values import Value
from tests.playbooks.test_loading import changing

CATALOGUE = Catalogue.load()
PLAN = "0123456789ab"


@pytest.fixture(scope="module")
def action(tmp_path_factory: pytest.TempPathFactory) -> Action:
    ready = load_playbook(str(changing(tmp_path_factory.mktemp("changing"))), {}, CATALOGUE)
    return replace(ready.steps[1].action, source="my/smb")


PARAMS: dict[str, Value] = {"name": "W3SVC", "start": "Disabled"}


def change(name: str = "one", **values: ChangeValue) -> Change:
    return Change(name, "Set it", {"service": "W3SVC", "before": "Manual", "marked": False, **values})


def test_both_scripts_are_told_parameters_values_and_the_plan(action: Action) -> None:
    [ready] = ready_changes(action, PARAMS, [change(marked=True)], PLAN)
    assert ready.apply == (
        "New-Item -Path ('C:\\exrun\\' + '0123456789ab') -ItemType Directory -Force | Out-Null\n"
        "Set-Service -Name 'W3SVC' -StartupType 'Disabled'\n"
    )
    assert ready.rollback == "Set-Service -Name 'W3SVC' -StartupType 'Manual'\n"


def test_the_same_values_give_the_same_scripts_and_other_plans_other_names(action: Action) -> None:
    one, same, other = (ready_changes(action, PARAMS, [change(marked=True)], plan) for plan in (PLAN, PLAN, "f" * 12))
    assert one == same
    assert one[0].apply != other[0].apply
    assert one[0].rollback == other[0].rollback


def test_what_cannot_be_undone_has_no_rollback(action: Action) -> None:
    without = replace(action, templates=Templates(action.templates.collect, action.templates.apply))
    assert ready_changes(without, PARAMS, [change()], PLAN)[0].rollback is None


@pytest.mark.parametrize("name", ["*", "W3SVC`", "[a-z]", "W3?", " W3SVC", ""])
def test_what_a_host_calls_a_service_widens_no_place(action: Action, name: str) -> None:
    with pytest.raises(ChangeError, match="the change one of"):
        ready_changes(action, PARAMS, [change(service=name)], PLAN)


@pytest.mark.parametrize("name", ["W3SVC'; Stop-Service X; '", "W3SVC\u2019; Stop-Service X", "$(Get-Date)", "a\nb"])
def test_what_a_host_calls_a_service_stays_that_text(action: Action, name: str) -> None:
    [ready] = ready_changes(action, PARAMS, [change(service=name)], PLAN)
    assert lint_change(ready.apply, [Place("service", name)], source="x") == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            [change(service="W3*")],
            "my/smb/apply.ps1.j2:1:19: target: the change one of my.smb: 'W3*' has wildcards; name one service",
        ),
        ([change(), change()], "my/smb/apply.ps1.j2:1:1: the change one of my.smb: is named twice; give each"),
        (
            [change(), change("two", before="Disabled")],
            "apply.ps1.j2:1:1: the change two of my.smb: is the script of one",
        ),
        (
            [change(marked=True), change("two")],
            "rollback.ps1.j2:1:1: the change two of my.smb: is the script of one, and what became of either",
        ),
        ([change(start="x")], "is told start twice: as a value, and as a parameter or the plan's id"),
        ([change(plan="x")], "is told plan twice"),
        (
            [Change("two", "Set it", {"service": "W3SVC"})],
            "apply.ps1.j2:1:1: the change two of my.smb: 'marked'",
        ),
        ([Change("two", "Set it", {"marked": False})], "my/smb/action.yml:1:1: the change two of my.smb: writes names"),
        ([change(service=True)], "service is no text, and cannot stand in writes"),
        ([change(service=None)], "service is no text, and cannot stand in writes"),
    ],
)
def test_an_error_names_action_change_and_template(action: Action, changes: list[Change], said: str) -> None:
    with pytest.raises(ChangeError) as caught:
        ready_changes(action, PARAMS, changes, PLAN)
    assert said in str(caught.value)


def test_an_action_that_changes_nothing_makes_no_script(action: Action) -> None:
    reading = replace(action, templates=Templates(action.templates.collect))
    assert ready_changes(reading, PARAMS, [], PLAN) == ()
    with pytest.raises(ChangeError, match="is missing"):
        ready_changes(reading, PARAMS, [change()], PLAN)
    with pytest.raises(ValueError, match="12 hexadecimal digits"):
        ready_changes(action, PARAMS, [], "plan")


def test_each_script_is_held_to_the_contract(action: Action) -> None:
    templates = replace(action.templates, rollback="Stop-Service -Name WAS\n")
    with pytest.raises(ChangeError) as caught:
        ready_changes(replace(action, templates=templates), PARAMS, [change()], PLAN)
    [problem] = caught.value.problems
    assert (problem.location.file, problem.rule) == ("my/smb/rollback.ps1.j2", "target")


def write(**entry: str) -> Write:
    return Write.model_validate(entry)


def test_a_list_stands_for_each_of_its_members_and_what_is_filled_in_for_itself() -> None:
    told: dict[str, Value] = {"names": ("A", "B*"), "folder": "C:\\q[1]", "number": 7, "plan": PLAN}
    assert places([write(service="{{ names }}-{{number}}*"), write(file="{{ folder }}\\{{ plan }}\\?")], told) == (
        Place("service", "A-7*"),
        Place("service", "B`*-7*"),
        Place("file", f"C:\\q`[1`]\\{PLAN}\\?"),
    )
    for wrong in ({"name": 1.5}, {"name": None}, {"name": True}, {"name": ""}, {}):
        with pytest.raises(RenderingError):
            places([write(service="{{ name }}")], wrong)  # type: ignore[arg-type]


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_a_place_that_a_value_makes_is_that_value_alone(value: str, other: str) -> None:
    made = places([write(service="{{ name }}")], {"name": value})
    assert may_write(("service",), value, made)
    if other.casefold() != value.casefold():
        assert not may_write(("service",), other, made)


def judged(action: Action, *records: dict[str, Any], params: dict[str, Value] | None = None) -> tuple[Change, ...]:
    return action.assess(Observed(records), params or PARAMS, CATALOGUE, date(2026, 11, 28)).changes


def service(name: str, start: str) -> dict[str, Any]:
    return {"Kind": "Service", "Name": name, "StartType": start}


def test_each_record_that_is_not_as_it_should_be_gives_a_change_whatever_their_order(action: Action) -> None:
    records = [service("W3SVC", "Manual"), service("WAS", "Automatic"), service("Spooler", "Disabled")]
    found = judged(action, *records)
    assert found == judged(action, *reversed(records))
    assert [each.id for each in found] == ["set-w3svc-to-start-disabled", "set-was-to-start-disabled"]
    assert found[0] == Change(
        "set-w3svc-to-start-disabled",
        "Set W3SVC to start Disabled",
        {"service": "W3SVC", "before": "Manual", "marked": True},
        {"StartType": "Manual"},
        {"StartType": "Disabled"},
    )
    assert len(ready_changes(action, PARAMS, found, PLAN)) == 2
    assert judged(action, service("W3SVC", "Disabled")) == ()


def test_changes_of_one_title_are_told_apart_and_the_same_is_named_once(action: Action) -> None:
    records = [service("a b", "Manual"), service("a-b", "Manual"), service("a b", "Manual")]
    found = judged(action, *records)
    assert [each.id for each in found] == ["set-a-b-to-start-disabled", "set-a-b-to-start-disabled-2"]
    assert found == judged(action, *reversed(records))


@given(st.lists(st.tuples(st.text(max_size=150), st.text(max_size=3)), max_size=5))
def test_whatever_services_are_called_changes_have_ids_of_their_own(
    action: Action, said: list[tuple[str, str]]
) -> None:
    found = judged(action, *(service(name, start) for name, start in said))
    assert len({each.id for each in found}) == len(found) == len({each for each in said if each[1] != "Disabled"})

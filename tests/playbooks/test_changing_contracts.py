"""What is wrong with the contract or templates of an action that changes is said when it is loaded, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Change
from playbooks.changing import KeptFile, kept_file, ready_changes
from playbooks.errors import ChangeError, DocumentError
from playbooks.loading import load_action
from playbooks.shelf import Found
from tests.playbooks.test_loading import CHANGING

CATALOGUE = Catalogue.load()
CONTRACT, APPLY, ROLLBACK = "action.yml", "apply.ps1.j2", "rollback.ps1.j2"
SERVICE = '  - service: "{{ service }}"'
CASES = {
    "a sentence where a place stood": (
        CONTRACT, SERVICE + "\n    what: how it starts", "  - how services start",
        "action.yml:10:5: writes[0]: must be a mapping; write `key: value` lines",
    ),
    "two kinds in one entry": (
        CONTRACT, SERVICE, SERVICE + "\n    file: 'C:\\x'",
        "action.yml:10:5: writes[0]: names service and file; give each entry one of service, file,",
    ),
    "no kind": (CONTRACT, SERVICE + "\n    what: how it starts", "  - what: x", "names no place; give each"),
    "a misspelt kind": (CONTRACT, SERVICE, SERVICE.replace("service:", "servise:"), "servise: unknown key;"),
    "a name that nothing has": (
        CONTRACT, "{{ service }}", "{{ servcie }}",
        "action.yml:10:14: writes[0].service: names 'servcie', which no value and no parameter is; there are: before,",
    ),
    "an expression where a name stands": (CONTRACT, "{{ service }}", "{{ Service.Name }}", "which is no name; write"),
    "braces that do not close": (CONTRACT, "{{ service }}", "{{ service", "has braces that do not close; write"),
    "a pattern that is none": (CONTRACT, "{{ service }}", "W3[SVC", "has a [ without a ]; put a backtick before"),
    "a folder without a drive": (
        CONTRACT, "'C:\\exrun\\{{ plan }}'", "exrun",
        "writes[1].folder: does not say where that is; begin with a drive",
    ),
    "no changes": (
        CONTRACT, CHANGING[CONTRACT][CHANGING[CONTRACT].index("changes:") :], "",
        "does not say what is changed where compliant_when is false; add changes: title, values, before, after",
    ),
    "changes without a judgement": (
        CONTRACT, "compliant_when: Service.StartType == params.start\n", "",
        "action.yml:20:1: changes: goes with compliant_when; remove it, or add that",
    ),
    "a property that is not declared": (
        CONTRACT, "service: Service.Name", "service: Service.Nam",
        "action.yml:23:21: changes.values.service: 'Service' has no property 'Nam'; did you mean `Name`?",
    ),
    "a text without quotes": (
        CONTRACT, "before: Service.StartType, marked", "before: manual, marked",
        "changes.values.before: 'manual' is not a property; write Kind.Property",
    ),
    "a comparison": (
        CONTRACT, "marked: true", "marked: Service.Name == 'x'",
        "changes.values.marked: is no single value; write Kind.Property, params.name, 'text', a number, true or false",
    ),
    "a fraction": (CONTRACT, "marked: true", "marked: 1.5", "changes.values.marked"),
    "a value of the name of a parameter": (
        CONTRACT, "marked: true", "marked: true, start: 1",
        "changes.values.start: is a parameter, which the templates are told anyway; remove it",
    ),
    "a value of the name of the plan": (
        CONTRACT, "marked: true", "marked: true, plan: 1",
        "changes.values.plan: is the plan's id; remove it, or give it another name",
    ),
    "a parameter of the name of the plan": (
        CONTRACT, "params:\n", "params:\n  plan: {type: text, description: A plan., default: x}\n",
        "action.yml:4:3: params.plan: is what templates call the plan's id; rename it",
    ),
    "braces in a title that do not close": (
        CONTRACT, "title: Set {{ Service.Name }}", "title: Set {{ Service.Name",
        "action.yml:22:10: changes.title: has braces that do not close; write {{ Kind.Property }}",
    ),
    "a template that writes what the contract does not name": (
        APPLY, "{{ service }}", "'W3SVC'",
        "apply.ps1.j2:2:19: target: Set-Service writes the service 'W3SVC', which `writes` of the contract does",
    ),
    "a rollback that writes what the contract does not name": (
        ROLLBACK, "Set-Service -Name {{ service }}", "Set-Service -Name W3SVC",
        "rollback.ps1.j2:1:19: target: Set-Service writes the service 'W3SVC'",
    ),
    "a template that asks for what nothing tells": (
        APPLY, "{{ start }}", "{{ strat }}", "apply.ps1.j2:4:1: 'strat' is undefined",
    ),
    "a template that runs what it puts together": (
        APPLY, "Set-Service", "& 'Set-Service'", "apply.ps1.j2:2:1: call-operator:",
    ),
}  # fmt: skip


def loaded(folder: Path) -> str:
    try:
        load_action(Found("my.smb", "my/smb", folder, built_in=False), CATALOGUE)
    except DocumentError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("case", sorted(CASES))
def test_it_is_refused_with_its_place_and_what_to_do(case: str, tmp_path: Path) -> None:
    name, old, new, said = CASES[case]
    for each, text in CHANGING.items():
        (tmp_path / each).write_text(text, encoding="utf-8")
    assert loaded(tmp_path) == ""
    assert CHANGING[name].count(old) == 1
    (tmp_path / name).write_text(CHANGING[name].replace(old, new), encoding="utf-8")
    assert said in loaded(tmp_path)


def test_what_says_that_it_changes_something_has_an_apply(tmp_path: Path) -> None:
    for each in (CONTRACT, "collect.ps1.j2"):
        (tmp_path / each).write_text(CHANGING[each], encoding="utf-8")
    assert "writes: goes with apply.ps1.j2, which is missing; write [], or add that" in loaded(tmp_path)
    assert "changes: goes with apply.ps1.j2, which is missing; add that" in loaded(tmp_path)


def test_what_changes_names_is_judged_too(tmp_path: Path) -> None:
    """Else there may be several records of it, and none is the one of which the condition does not hold."""
    written = CHANGING[CONTRACT].replace("outputs:\n", "outputs:\n  Other: {Name: text}\n")
    for each, text in {**CHANGING, CONTRACT: written.replace("marked: true", "marked: Other.Name")}.items():
        (tmp_path / each).write_text(text, encoding="utf-8")
    assert "changes.values.marked: names Other, of which compliant_when says nothing; name Service" in loaded(tmp_path)


EVIDENCE = "evidence.ps1.j2"
NAMED = {
    "nothing": (None, "action.yml:1:1: evidence: is missing; say what evidence.ps1.j2 reads"),
    "a path alone": ("{path: name}", "evidence.sha256: is missing"),
    "what nothing tells": (
        "{path: name, sha256: digest}",
        "evidence.sha256: names 'digest', which no value and no parameter is; there are: before, ",
    ),
    "a number": ("{path: name, sha256: count}", "evidence.sha256: names 'count', which is not of type text"),
}


@pytest.mark.parametrize("case", sorted(NAMED))
def test_what_reads_evidence_says_which_file_and_of_which_bytes(case: str, tmp_path: Path) -> None:
    named, said = NAMED[case]
    written = CHANGING[CONTRACT].replace("params:\n", "params:\n  count: {type: integer, description: x, default: 1}\n")
    lines = "" if named is None else f"evidence: {named}\n"
    texts = {**CHANGING, CONTRACT: written + lines, EVIDENCE: "@{ Kind = 'Evidence'; Size = 0; Sha256 = 'x' }\n"}
    for each, text in texts.items():
        (tmp_path / each).write_text(text, encoding="utf-8")
    assert said in loaded(tmp_path)
    (tmp_path / CONTRACT).write_text(written + "evidence: {path: name, sha256: before}\n", encoding="utf-8")
    assert loaded(tmp_path) == ""
    (tmp_path / EVIDENCE).unlink()
    assert "evidence: goes with evidence.ps1.j2, which is missing; remove it, or add that" in loaded(tmp_path)


@pytest.mark.parametrize(("value", "right"), [("ab" * 32, True), ("AB" * 32, True), ("ab" * 31, False), (None, False)])
def test_a_plan_is_not_made_where_what_is_to_be_kept_has_no_sha256(
    value: str | None, right: bool, tmp_path: Path
) -> None:
    for each, text in CHANGING.items():
        (tmp_path / each).write_text(text, encoding="utf-8")
    contract = CHANGING[CONTRACT] + "evidence: {path: name, sha256: before}\n"
    (tmp_path / CONTRACT).write_text(contract, encoding="utf-8")
    (tmp_path / EVIDENCE).write_text("@{ Kind = 'Evidence'; Size = 0; Sha256 = {{ before }} }\n", encoding="utf-8")
    action = load_action(Found("my.smb", "my/smb", tmp_path, built_in=False), CATALOGUE)
    params = {"name": "C:\\x.txt", "start": "Disabled"}
    change = Change("x", "Set it", {"service": "W3SVC", "before": value, "marked": True})
    if right:
        assert kept_file(action, params, change) == KeptFile("C:\\x.txt", "ab" * 32)
        assert ready_changes(action, params, [change], "0" * 12)
    else:
        with pytest.raises(ChangeError, match="what is kept has no SHA-256: before is not 64 hexadecimal digits"):
            ready_changes(action, params, [change], "0" * 12)

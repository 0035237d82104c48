"""`exrun playbook test`: cases pass, fail with what differs, or are not run; nothing else counts as passed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.cases import cases_of, read_cases
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Verdict
from playbooks.loading import load_action
from playbooks.shelf import Found
from runner.cli.main import main
from runner.reports.cases import TestsDocument, schema_text
from runner.trying import Result, on_recorded_answer
from tests.playbooks.test_assess_cases import LONG_AGO
from tests.playbooks.test_loading import CHANGING

CATALOGUE = Catalogue.load()
SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "reference" / "schemas" / "tests.json"
CASES = """\
bases:
  off:
    - {Kind: Service, Name: W3SVC, StartType: Disabled}
cases:
  - case: it is off
    base: off
    expect: {verdict: ok, facts: {compliant: true}}
  - case: it starts by hand
    observed:
      - {Kind: Service, Name: W3SVC, StartType: Manual}
    expect:
      verdict: attention
      findings: [my.smb.not-compliant]
      severities: [medium]
      changes: [set-w3svc-to-start-disabled]
      then: {compliant: true}
  - case: nobody may look
    observed:
      - {Kind: Unread, What: services, Why: Access denied}
    expect: {verdict: unknown, findings: [my.smb.unknown], unknown: [compliant]}
  - case: the script did not end
    not_observed: {cause: timeout, reason: it did not end}
    expect: {verdict: unknown, findings: [my.smb.unknown]}
"""


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CATALOGUE", "DEBUG", "FORMAT", "SEARCH", "TEST", "TEST_ENGINE"):
        monkeypatch.delenv(f"EXRUN_{name}", raising=False)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This folder, with an action that is not built in."""
    action = tmp_path / "actions" / "my" / "smb"
    (action / "cases").mkdir(parents=True)
    for name, text in CHANGING.items():
        (action / name).write_text(text, encoding="utf-8")
    (action / "cases" / "smb.yml").write_text(CASES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return action


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["playbook", "test", *arguments])
    written = capsys.readouterr()
    return status, written.out, written.err


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    status, out, err = answer(capsys, *arguments, "--format", "json")
    assert err == ""
    TestsDocument.model_validate_json(out)
    return status, json.loads(out)


@pytest.mark.parametrize(
    "named", [[], ["."], ["my.smb"], ["actions"], ["actions/my/smb"], ["actions/my/smb/cases/smb.yml"]]
)
def test_cases_of_an_action_of_ones_own_are_found_however_it_is_named(
    named: list[str], own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = answer(capsys, *named)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[1:5] == [
        "  pass     it is off",
        "  pass     it starts by hand",
        "  pass     nobody may look",
        "  pass     the script did not end",
    ]
    assert lines[-1] == "4 passed: 4 cases of 1 action, on recorded answers"


def test_what_is_named_twice_is_tried_once(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, read = document(capsys, "my.smb", ".", "actions/my/smb/cases/smb.yml")
    assert read["totals"] == {"passed": 4, "failed": 0, "not_run": 0, "without_cases": 0}


def test_what_differs_is_shown_and_the_status_is_1(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = own / "cases" / "smb.yml"
    file.write_text(CASES.replace("{verdict: ok, facts: {compliant: true}}", "{verdict: attention}"), encoding="utf-8")
    status, out, _ = answer(capsys)
    assert status == 1
    assert (
        "  FAIL     it is off\n"
        "           actions/my/smb/cases/smb.yml:5:5\n"
        "           verdict\n"
        "             expected  attention\n"
        "             came      ok\n"
    ) in out
    assert out.splitlines()[-1] == "1 failed, 3 passed: 4 cases of 1 action, on recorded answers"
    status, read = document(capsys)
    [action] = read["actions"]
    assert [case["result"] for case in action["cases"]] == ["failed", "passed", "passed", "passed"]
    assert action["cases"][0]["differences"] == [{"what": "verdict", "expected": "attention", "came": "ok"}]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("StartType: Manual}", "StartType: 3}", "the answer"),
        ("StartType: Manual}", "StartType: Manual, Colour: red}", "the answer"),
        ("Name: W3SVC, StartType: Manual}", "Name: W3SVC}", "the answer"),
        ("findings: [my.smb.not-compliant]", "findings: []", "findings"),
        ("severities: [medium]", "severities: [high]", "severities"),
        ("changes: [set-w3svc-to-start-disabled]", "changes: []", "changes"),
        ("      then: {compliant: true}\n", "", "then"),
        ("unknown: [compliant]", "facts: {compliant: true}", "facts.compliant"),
        ("facts: {compliant: true}", "facts: {complaint: true}", "facts.complaint"),
        ("facts: {compliant: true}", "facts: {compliant: 1}", "facts.compliant"),
    ],
)
def test_anything_else_than_expected_fails(
    old: str, new: str, what: str, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert CASES.count(old) == 1
    (own / "cases" / "smb.yml").write_text(CASES.replace(old, new), encoding="utf-8")
    status, read = document(capsys)
    differences = [each["what"] for case in read["actions"][0]["cases"] for each in case["differences"]]
    assert (status, differences[:1]) == (1, [what])


def test_scripts_of_a_change_that_write_something_else_fail_the_case(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are proven for the values that come of the case, which samples know nothing of."""
    text = CASES.replace("Name: W3SVC, StartType: Manual", "Name: '', StartType: Manual")
    (own / "cases" / "smb.yml").write_text(text.replace("set-w3svc-to-start", "set-to-start"), encoding="utf-8")
    status, read = document(capsys)
    [differs] = read["actions"][0]["cases"][1]["differences"]
    assert (status, differs["what"]) == (1, "scripts of changes")
    assert "service is empty" in differs["came"]


def test_a_case_that_only_an_engine_can_run_is_not_passed(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only = """\
cases:
  - case: it runs
    state: {services: {W3SVC: {state: Running, start_mode: Auto}}}
    expect: {verdict: ok}
"""
    (own / "cases" / "smb.yml").write_text(only, encoding="utf-8")
    status, out, _ = answer(capsys)
    assert status == 2
    assert "  not run  it runs: it has a state and no recorded answer: --engine runs its scripts" in out
    assert out.splitlines()[-1] == "0 passed, 1 not run: 1 case of 1 action, on recorded answers"


def test_an_action_without_cases_is_said_and_nothing_run_is_no_success(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "cases" / "smb.yml").unlink()
    status, out, _ = answer(capsys)
    assert status == 2
    assert "no cases: put some into cases/" in out
    assert out.splitlines()[-1].endswith("; 1 action without a case")


WRONG = {
    "a misspelt key": ("off\n    base", "off\n    bse", "bse: unknown key; did you mean `base`?"),
    "no such base": ("    base: off", "    base: of", "cases[0].base: no base has this name; did you mean `off`?"),
    "no such verdict": ("verdict: ok", "verdict: fine", "cases[0].expect.verdict: is not one of"),
    "no such parameter": ("    base: off", "    base: off\n    params: {strat: x}", "did you mean `start`?"),
    "another action": (
        "    base: off", "    base: off\n    action: my.other",
        "is not the action in whose folder it lies, my.smb",
    ),
    "the same sentence": (
        "case: nobody may look", "case: it is off", "cases[2]: is the sentence of an earlier case too",
    ),
    "nothing to judge": ("    base: off\n", "", "cases[0].case: has nothing to judge; add observed"),
    "without what is not there": (
        "    base: off", "    base: off\n    without: [BITS]", "nothing of the base has this name",
    ),
    "no day": ("    base: off", "    base: off\n    today: 2026-13-01", "is not a day; write 2026-11-24"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(WRONG))
def test_what_is_wrong_with_a_file_of_cases_is_said_with_its_place(
    case: str, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, said = WRONG[case]
    assert CASES.count(old) == 1
    (own / "cases" / "smb.yml").write_text(CASES.replace(old, new), encoding="utf-8")
    status, out, err = answer(capsys)
    assert (status, out) == (2, "")
    assert said in err
    assert "actions/my/smb/cases/smb.yml:" in err
    assert main(["playbook", "lint", "."]) == 2
    assert said in capsys.readouterr().out


def test_code_that_came_with_an_action_is_not_run(
    own: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (own / "assess.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n", encoding="utf-8")
    status, _, err = answer(capsys)
    assert status == 2
    assert "is not run: code that comes with a playbook stays off the controller" in err
    assert not (tmp_path / "ran").exists()


def test_cases_of_built_in_actions_and_of_files_that_name_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, _ = answer(capsys, "exchange.services")
    assert status == 0
    assert out.splitlines()[1:] == ["  pass     57 cases", "", "57 passed: 57 cases of 1 action, on recorded answers"]
    report = """\
cases:
  - case: x
    action: windows.pending_reboot
    not_observed: {cause: timeout, reason: x}
    expect: {verdict: unknown, findings: [windows.pending_reboot.unknown]}
"""
    (tmp_path / "report.yml").write_text(report, encoding="utf-8")
    assert answer(capsys, "report.yml")[0] == 0
    (tmp_path / "report.yml").write_text(report.replace("pending_reboot\n", "pending_reboots\n"), encoding="utf-8")
    status, _, err = answer(capsys, "report.yml")
    assert (status, "did you mean `windows.pending_reboot`?" in err) == (2, True)
    assert answer(capsys, "exchange.servces")[0] == 2
    assert answer(capsys, "./absent")[0] == 2


def test_the_schema_is_the_published_one() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()


NAMES = st.sampled_from(["Kind", "Name", "StartType", "X"])
VALUES = st.sampled_from(["Service", "W3SVC", "Disabled", 3, None, True])


@settings(max_examples=60, deadline=None)
@given(records=st.lists(st.dictionaries(NAMES, VALUES), max_size=3), verdict=st.sampled_from(list(Verdict)))
def test_a_case_passes_only_where_judgement_says_what_it_expects(
    records: list[dict[str, Any]], verdict: Verdict, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("own")
    for name, text in CHANGING.items():
        (folder / name).write_text(text, encoding="utf-8")
    written = {"cases": [{"case": "x", "observed": records, "expect": {"verdict": str(verdict)}}]}
    (folder / "x.yml").write_text(json.dumps(written), encoding="utf-8")
    action = load_action(Found("my.smb", "my/smb", folder, built_in=False), CATALOGUE)
    [case] = cases_of(read_cases(folder / "x.yml", "x.yml"), action, CATALOGUE)
    result = on_recorded_answer(case, action, CATALOGUE, LONG_AGO)
    well = bool(records) and all(
        each.keys() == {"Kind", "Name", "StartType"}
        and (each["Kind"], each["StartType"]) == ("Service", "Disabled")
        and isinstance(each["Name"], str)
        for each in records
    )
    assert (result.result is Result.PASSED) is (well and verdict is Verdict.OK)

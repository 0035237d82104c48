"""`exrun playbook new` writes an action that lints, is tested and runs at once; the three commands that it says do."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from runner.cli.main import main
from runner.cli.playbook_new import texts_of
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.server import start
from runner.lab.state import ServiceState
from tests.runner.lab.engines.states import STATES
from tests.runner.test_audit_over_the_lab import PASSWORD, inventory

ACTION = "our.print_spooler"
FOLDER = Path("actions/our/print_spooler")
SPOOLER = {"Spooler": ServiceState()}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CATALOGUE", "DEBUG", "FORMAT", "NEW", "NEW_CHANGES", "NEW_FOLDER", "SEARCH", "TEST", "TEST_ENGINE"):
        monkeypatch.delenv(f"EXRUN_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def written(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["playbook", "new", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.parametrize("changes", [False, True])
def test_what_is_written_lints_by_our_own_style_and_passes_its_cases(
    changes: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, out, _ = written(capsys, ACTION, *(["--changes"] if changes else []))
    assert status == 0
    assert [line for line in out.splitlines() if "schemas/" not in line][:4] == [
        "actions/our/print_spooler/action.yml",
        "actions/our/print_spooler/collect.ps1.j2",
        "actions/our/print_spooler/cases/print_spooler.yml",
        "print-spooler.yml",
    ]
    assert (FOLDER / "rollback.ps1.j2").exists() is (FOLDER / "apply.ps1.j2").exists() is changes
    assert main(["playbook", "lint", ".", "--style"]) == 0
    assert capsys.readouterr().out == "nothing is wrong with a playbook and an action\n"
    assert main(["playbook", "test", "--format", "json"]) == 0
    read = json.loads(capsys.readouterr().out)
    assert read["totals"] == {"passed": 5, "failed": 0, "not_run": 0, "without_cases": 0}


def test_the_next_three_commands_are_said_and_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, powershell: Path
) -> None:
    _, out, _ = written(capsys, ACTION, "--changes")
    said = [shlex.split(line) for line in out.partition("Next:\n")[2].splitlines()]
    assert [words[:3] for words in said] == [
        ["exrun", "playbook", "lint"],
        ["exrun", "playbook", "test"],
        ["exrun", "audit", "--playbook"],
    ]
    base = STATES["Exchange 2019 with its update"]
    host = LabHost(
        "alpha",
        "EX1",
        base.model_copy(update={"name": "EX1", "services": {**base.services, **SPOOLER}}),
        Account("alpha\\auditor", PASSWORD),
        engine="pwsh",
    )
    engine = PwshEngine(powershell)
    try:
        with start(Fleet((host,)), {"pwsh": engine}) as lab:
            Path("inventory.yml").write_text(inventory(lab, monkeypatch), encoding="utf-8")
            assert [main(words[1:]) for words in said] == [0, 0, 1]
    finally:
        engine.close()
    out = capsys.readouterr().out
    assert "5 passed: 5 cases of 1 action, on recorded answers" in out
    main(["show", "last", "--format", "json"])
    assert f'"{ACTION}.not-compliant"' in capsys.readouterr().out


@pytest.mark.parametrize("changes", [False, True])
def test_what_is_written_is_right_by_the_schemas_that_it_names(
    changes: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    written(capsys, ACTION, *(["--changes"] if changes else []))
    files = list(Path().rglob("*.yml"))
    assert len(files) == 3
    for path in files:
        first = path.read_text(encoding="utf-8").splitlines()[0]
        named = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", first)
        assert named is not None
        schema = json.loads((path.parent / named[1]).read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator(schema).validate(YAML(typ="safe", pure=True).load(path))


def test_nothing_is_written_over_and_where_one_file_is_there_none_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Path("print-spooler.yml").write_text("mine", encoding="utf-8")
    status, out, err = written(capsys, ACTION)
    assert (status, out) == (2, "")
    assert "print-spooler.yml is there already: nothing was written" in err
    assert [path.name for path in tmp_path.iterdir()] == ["print-spooler.yml"]
    assert Path("print-spooler.yml").read_text(encoding="utf-8") == "mine"
    assert written(capsys, ACTION, "other")[0] == 0
    status, _, err = written(capsys, ACTION, "other")
    assert (status, "is there already" in err) == (2, True)
    assert written(capsys, "our.other", "other")[0] == 0  # beside the first, whose schemas it takes
    assert main(["playbook", "lint", "other"]) == 0


@pytest.mark.parametrize("name", ["exchange.patch", "patch", "Our.x", "our.x.y", "our.../../x", "our.x y", ""])
def test_an_id_that_is_none_or_taken_is_refused(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert written(capsys, name)[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_there_are_at_least_three_cases_each_with_a_state_and_an_answer() -> None:
    for changes in (False, True):
        [text] = [text for path, text in texts_of(ACTION, changes=changes).items() if "/cases/" in path]
        cases = YAML(typ="safe", pure=True).load(text)["cases"]
        assert len(cases) >= 3
        assert all({"state", "observed"} <= set(case) for case in cases)
        assert {case["expect"]["verdict"] for case in cases} == {"ok", "attention", "unknown"}

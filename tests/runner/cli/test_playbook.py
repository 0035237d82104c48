"""`exrun playbook`: list, show, lint and schema, for people and for programs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from playbooks.catalogue.catalogue import Catalogue
from playbooks.loading import load_playbook
from runner.cli.main import main
from tests.playbooks.test_loading import COLLECT, CONTRACT

LIBRARY = Path(__file__).resolve().parents[3] / "playbooks" / "library"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEBUG", "FORMAT", "LINT", "PARAM", "PLAYBOOK", "SCHEMA", "SCRIPTS", "SEARCH", "STYLE"):
        monkeypatch.delenv(f"EXRUN_{name}", raising=False)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["playbook", *arguments])
    written = capsys.readouterr()
    return status, written.out, written.err


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    status, out, err = answer(capsys, *arguments, "--format", "json")
    assert err == ""
    return status, json.loads(out)


def test_list_names_every_playbook_and_action_of_this_version(capsys: pytest.CaptureFixture[str]) -> None:
    status, read = document(capsys, "list")
    assert (status, read["schema"]) == (0, "exrun.playbooks/1")
    assert [entry["name"] for entry in read["playbooks"]] == [path.stem for path in sorted(LIBRARY.glob("*.yml"))]
    assert "exchange.patch" in [entry["name"] for entry in read["actions"]]
    assert all(entry["title"] and entry["built_in"] for entry in (*read["playbooks"], *read["actions"]))


def test_list_names_a_file_that_cannot_be_read_and_goes_on(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text("name: [", encoding="utf-8")
    status, out, _ = answer(capsys, "list", "--search", str(tmp_path))
    assert status == 0
    assert "broken                   cannot be read: lint it" in out
    assert "exchange-audit" in out


def test_show_prints_the_text_that_would_be_sent_with_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    status, read = document(capsys, "show", "exchange-audit", "--param", "campaign=proxylogon", "--scripts")
    assert (status, read["schema"]) == (0, "exrun.playbook/1")
    ready = load_playbook("exchange-audit", {"campaign": "proxylogon"}, Catalogue.load())
    assert [step["collect"] for step in read["steps"]] == [step.collect for step in ready.steps]
    for step in read["steps"]:
        assert step["collect_sha256"] == hashlib.sha256(step["collect"].encode()).hexdigest()
    assert read["steps"][1]["params"] == {"campaign": "proxylogon"}


def test_show_keeps_scripts_to_itself_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    _, read = document(capsys, "show", "exchange-audit")
    assert all("collect" not in step for step in read["steps"])
    _, out, _ = answer(capsys, "show", "exchange-audit")
    assert "Set-StrictMode" not in out
    _, out, _ = answer(capsys, "show", "exchange-audit", "--scripts")
    assert "   | Set-StrictMode -Version 2.0" in out


def test_show_of_an_action_says_what_it_reads_and_which_facts_it_gives(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = answer(capsys, "show", "windows.pending_reboot")
    assert status == 0
    places = ["ComponentBasedServicing", "WindowsUpdate", "PendingFileRenameOperations", "UpdateExeVolatile"]
    assert "  pending: true or false\n  places: a list of texts; one of " in out
    assert all(f'"{place}"' in out for place in places)
    _, read = document(capsys, "show", "windows.pending_reboot")
    assert (read["schema"], read["writes"], read["facts"]) == (
        "exrun.action/1",
        [],
        {"pending": "boolean", "places": {"type": "text[]", "values": places}},
    )


def test_show_of_an_action_says_what_it_needs_and_in_which_language_it_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, out, _ = answer(capsys, "show", "exchange.services")
    rights = document(capsys, "show", "exchange.services")[1]["needs"]["rights"]
    assert rights
    assert "\n".join(["", "Needs", *(f"  {right}" for right in rights), ""]) in out
    assert "full language" not in out
    action = tmp_path / "actions" / "my" / "smb"
    action.mkdir(parents=True)
    asking = CONTRACT.replace("rights: [local administrator]", "rights: [local administrator], modules: [SmbShare]")
    (action / "action.yml").write_text(f"{asking}session: full\n", encoding="utf-8")
    (action / "collect.ps1.j2").write_text(COLLECT, encoding="utf-8")
    _, out, _ = answer(capsys, "show", "my.smb", "--search", str(tmp_path))
    assert "Needs\n  local administrator\n  the module SmbShare\n" in out
    assert "Asks for a session in the full language: read-only by the linter alone" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "exchange-adit"), "exchange-adit: there is no such playbook; did you mean `exchange-audit`?"),
        (("show", "exchange-audit", "--param", "campaign"), "--param: write it as name=value"),
        (
            ("show", "exchange-audit", "--param", "campaign=a", "--param", "campaign=b"),
            "--param campaign: is given twice; keep one",
        ),
        (
            ("show", "exchange-audit", "--param", "campaign=proxylogin"),
            "--param campaign: is not one of its choices; did you mean `proxylogon`?",
        ),
        (
            ("show", "exchange.patch", "--param", "campaign=all"),
            "exchange.patch: is an action; --param is for playbooks",
        ),
        (("list", "--search", "/nonexistent"), "/nonexistent: there is no such folder; correct --search"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_exits_2(
    capsys: pytest.CaptureFixture[str], arguments: Sequence[str], says: str
) -> None:
    status, out, err = answer(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.splitlines()[0] == says


def test_lint_of_what_is_well_says_so_and_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = answer(capsys, "lint", str(LIBRARY), str(LIBRARY.parent / "actions"))
    playbooks, actions = len(list(LIBRARY.glob("*.yml"))), len(list(LIBRARY.parent.glob("actions/*/*/action.yml")))
    assert (status, out, err) == (0, f"nothing is wrong with {playbooks} playbooks and {actions} actions\n", "")


def test_lint_of_a_script_names_line_rule_why_and_what_instead(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = tmp_path / "check.ps1"
    script.write_text("Get-Service\nRemove-Item -Path C:\\x\n", encoding="utf-8")
    status, out, _ = answer(capsys, "lint", str(script))
    assert status == 2
    assert out.startswith(f"{script}:2:1: command: ")
    assert "; " in out
    status, read = document(capsys, "lint", str(script))
    assert (status, read["schema"]) == (2, "exrun.lint/1")
    assert [(each["line"], each["column"], each["rule"]) for each in read["problems"]] == [(2, 1, "command")]


def test_lint_says_every_problem_of_every_path_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    playbook = tmp_path / "mine.yml"
    playbook.write_text("name: mine\ntitle: Mine\nsteps:\n  - {id: a, action: exchange.versoin}\n", encoding="utf-8")
    status, out, _ = answer(capsys, "lint", str(playbook), str(playbook), str(tmp_path / "absent"))
    assert status == 2
    assert out.splitlines() == [
        f"{playbook}:4:21: steps[0].action: there is no such action; did you mean `exchange.version`?",
        f"{tmp_path / 'absent'}:1:1: there is no such file or folder; correct the path",
        "2 problems in a playbook",
    ]


@pytest.mark.parametrize("command", ["list", "show", "lint"])
def test_help_has_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    _, out, _ = answer(capsys, command, "--help")
    assert f"exrun playbook {command}" in out.split("Examples:")[1]


def test_lint_asks_for_the_dialect_only_when_told_to(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    script = tmp_path / "check.ps1"
    script.write_text("gci C:\\x\n", encoding="utf-8")
    assert answer(capsys, "lint", str(script))[0] == 0
    status, read = document(capsys, "lint", str(script), "--style")
    assert (status, {problem["rule"] for problem in read["problems"]}) == (
        2,
        {"style-header", "style-alias", "style-parameter"},
    )
    assert answer(capsys, "lint", str(LIBRARY.parent / "actions"), "--style")[0] == 0

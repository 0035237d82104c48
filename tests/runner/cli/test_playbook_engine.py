"""A case on an engine: its state is collected, changed, looked at again, changed once more and undone. What is wrong
with any of it fails the case; nothing that was not done counts as done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.cli.main import main

FOLDER = Path("actions/our/print_spooler")
CASES = FOLDER / "cases" / "print_spooler.yml"
ALL = ["answer", "state", "apply", "again", "rollback"]


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("CATALOGUE", "DEBUG", "FORMAT", "NEW", "NEW_CHANGES", "NEW_FOLDER", "SEARCH", "TEST", "TEST_ENGINE"):
        monkeypatch.delenv(f"EXRUN_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["playbook", "new", "our.print_spooler", "--changes"]) == 0
    capsys.readouterr()


@pytest.fixture
def pwsh(powershell: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine of this name finds its PowerShell."""
    monkeypatch.setenv("EXRUN_PWSH", str(powershell))


def tried(capsys: pytest.CaptureFixture[str], engine: str = "pwsh") -> tuple[int, list[dict[str, Any]]]:
    status = main(["playbook", "test", "our.print_spooler", "--engine", engine, "--format", "json"])
    said = capsys.readouterr()
    assert said.out, said.err
    document = json.loads(said.out)
    assert document["engine"] == engine
    return status, document["actions"][0]["cases"]


def alter(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def only_the_first() -> None:
    text = CASES.read_text(encoding="utf-8")
    CASES.write_text(text[: text.index("  - case: the service is stopped")], encoding="utf-8")


@pytest.mark.usefixtures("pwsh")
def test_scripts_are_run_changes_made_again_and_undone(capsys: pytest.CaptureFixture[str]) -> None:
    status, cases = tried(capsys)
    assert (status, [case["differences"] for case in cases]) == (0, [[]] * 5)
    assert [case["on"] for case in cases] == [ALL, ALL, ["answer", "state"], ["answer", "state"], ["answer", "state"]]
    assert main(["playbook", "test", "our.print_spooler", "--engine", "pwsh"]) == 0
    assert "pass     the service runs (answer, state, apply, again, rollback)\n" in capsys.readouterr().out


WRONG = {
    "an apply that does half of it": (
        FOLDER / "apply.ps1.j2", "Stop-Service -Name {{ service }}\n", "",
        "after apply", "[stop-spooler-and-disable-it]",
    ),
    "an apply that fails": (
        FOLDER / "apply.ps1.j2", "Stop-Service", "throw 'not today'\nStop-Service", "apply", "not today",
    ),
    "a rollback that forgets the start type": (
        FOLDER / "rollback.ps1.j2", "-StartupType Automatic", "-StartupType Manual", "rollback", "Manual",
    ),
    "a rollback that does not start it": (
        FOLDER / "rollback.ps1.j2", "Start-Service -Name {{ service }}", "", "rollback", "Stopped",
    ),
    "a script that says something else than was recorded": (
        FOLDER / "collect.ps1.j2", "State     = [string]$service.State", "State     = 'Paused'",
        "records", "{Kind: Service, Name: Spooler, Present: true, StartMode: Auto, State: Paused}",
    ),
}  # fmt: skip


@pytest.mark.usefixtures("pwsh")
@pytest.mark.parametrize("case", sorted(WRONG))
def test_what_is_wrong_with_a_script_fails_the_case(
    case: str, capsys: pytest.CaptureFixture[str], powershell: Path
) -> None:
    only_the_first()
    path, old, new, what, came = WRONG[case]
    alter(path, old, new)
    status, [first] = tried(capsys)
    assert (status, first["result"]) == (1, "failed")
    said = [each for each in first["differences"] if each["what"] == what]
    assert any(came in each["came"] for each in said), first["differences"]


def test_sim_knows_no_script_of_ones_own_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    status, cases = tried(capsys, "sim")
    assert status == 0
    assert {tuple(case["on"]) for case in cases} == {("answer",)}
    assert {case["why"] for case in cases} == {
        "on its recorded answer alone: sim knows the scripts of this version alone: --engine pwsh runs any"
    }


BUILT_IN = """\
cases:
  - case: a service that Exchange needs is disabled
    action: exchange.services
    today: 2026-11-24
    state: ex.yml
    expect:
      verdict: attention
      findings: [exchange.services.disabled, exchange.services.missing]
      changes: [start-type.msexchangeis, start.msexchangeis]
      then: {disabled: [], stopped: []}
"""


def test_changes_of_a_built_in_action_on_sim_converge_and_are_undone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from runner.lab.saving import state_text
    from tests.runner.rehearsal import broken

    (tmp_path / "ex.yml").write_text(state_text(broken("EX1", "MSExchangeIS")), encoding="utf-8")
    (tmp_path / "report.yml").write_text(BUILT_IN, encoding="utf-8")
    status = main(["playbook", "test", "report.yml", "--engine", "sim", "--format", "json"])
    said = capsys.readouterr()
    [case] = json.loads(said.out)["actions"][0]["cases"]
    assert (status, case["differences"], case["on"]) == (0, [], ["state", "apply", "again", "rollback"])


@pytest.mark.usefixtures("pwsh")
@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("absent.yml", "absent.yml cannot be read"),
        ("{servces: {}}", "state.servces: extra inputs are not permitted"),
        ("{services: {Spooler: {state: Sleeping}}}", "state.services.Spooler.state"),
    ],
)
def test_a_state_that_is_wrong_is_said_with_its_place(
    state: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    only_the_first()
    alter(CASES, "{services: {Spooler: {state: Running, start_mode: Auto}}}", state)
    assert main(["playbook", "test", "our.print_spooler", "--engine", "pwsh"]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "print_spooler.yml:" in err


def test_without_powershell_the_engine_is_refused_with_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXRUN_PWSH", "/nowhere/pwsh")
    assert main(["playbook", "test", "our.print_spooler", "--engine", "pwsh"]) == 2
    assert "needs PowerShell 7.4 or later" in capsys.readouterr().err

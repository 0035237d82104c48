"""Each command of the pages for those who write playbooks runs, in order, in a fresh folder over the lab; what the
pages show of files is what is written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml

from playbooks.schemas import SchemaName, json_schema
from runner.cli.main import main
from runner.cli.playbook_new import texts_of
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.server import Lab, start
from runner.lab.state import ServiceState
from tests.runner.lab.engines.states import STATES
from tests.runner.test_audit_over_the_lab import PASSWORD, inventory

HOW_TO = Path(__file__).resolve().parents[3] / "docs" / "how-to"
ACTION, CLIENT = HOW_TO / "write-an-action.md", HOW_TO / "write-a-client-playbook.md"


def blocks(page: Path) -> list[str]:
    """What is shown indented, each block without its indent."""
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE).strip("\n") for block in found]


def commands(page: Path) -> list[str]:
    return [line for block in blocks(page) for line in block.splitlines() if line.startswith("exrun ")]


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, powershell: Path) -> Iterator[Lab]:
    """A fresh folder with an inventory of one server of the lab, on which the spooler runs."""
    for name in ("CATALOGUE", "FORMAT", "INVENTORY", "NEW", "NEW_CHANGES", "SEARCH", "STATE", "TEST", "TEST_ENGINE"):
        monkeypatch.delenv(f"EXRUN_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXRUN_PWSH", str(powershell))
    base = STATES["Exchange 2019 with its update"]
    state = base.model_copy(update={"name": "EX1", "services": {**base.services, "Spooler": ServiceState()}})
    engine = PwshEngine(powershell)
    try:
        host = LabHost("alpha", "EX1", state, Account("alpha\\auditor", PASSWORD), engine="pwsh")
        with start(Fleet((host,)), {"pwsh": engine}) as served:
            Path("inventory.yml").write_text(inventory(served, monkeypatch), encoding="utf-8")
            yield served
    finally:
        engine.close()


def run(line: str, capsys: pytest.CaptureFixture[str]) -> int:
    """One command of a page; what it prints goes where `>` says."""
    command, _, target = line.partition(" > ")
    capsys.readouterr()
    status = main(shlex.split(command)[1:])
    if target:
        Path(target).write_text(capsys.readouterr().out, encoding="utf-8")
    return status


def test_the_page_on_actions_runs_from_nothing_to_a_change_that_is_undone(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    def spooler() -> tuple[str, str]:
        [(_, _, state)] = lab.states()
        return state.services["Spooler"].state, state.services["Spooler"].start_mode

    came = {line: (run(line, capsys), spooler()) for line in commands(ACTION)}
    on, off = ("Running", "Auto"), ("Stopped", "Disabled")
    assert came == {
        "exrun playbook new our.print_spooler --changes": (0, on),
        "exrun playbook lint .": (0, on),
        "exrun playbook test": (0, on),
        "exrun playbook test --engine pwsh": (0, on),
        "exrun playbook show our.print_spooler --search . --scripts": (0, on),
        "exrun audit --playbook ./print-spooler.yml": (1, on),
        "exrun plan ./print-spooler.yml -o plan.json": (1, on),
        "exrun apply plan.json": (0, off),
        "exrun rollback last": (0, on),
    }


def test_the_page_on_a_clients_playbook_runs(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    [playbook] = [block for block in blocks(CLIENT) if "name: monthly-alpha" in block]
    Path("monthly-alpha.yml").write_text(playbook + "\n", encoding="utf-8")
    Path("schemas").mkdir()
    came = {line.split()[1] + " " + line.split()[2]: run(line, capsys) for line in commands(CLIENT)}
    assert came.pop("audit --playbook") in (0, 1)
    assert came.pop("plan ./monthly-alpha.yml") in (0, 1)
    assert came == {"schema playbook": 0, "playbook lint": 0, "playbook show": 0}
    assert Path("plan.json").exists()


def test_what_the_page_shows_of_files_is_what_is_written() -> None:
    files = texts_of("our.print_spooler", changes=True).values()
    texts = [re.sub(r"^ +", "", text, flags=re.MULTILINE) for text in files]
    shown = [
        re.sub(r"^ +", "", part, flags=re.MULTILINE)
        for block in blocks(ACTION)
        for part in block.split("\n\n")
        if not part.startswith(("exrun ", "actions/"))
    ]
    assert len(shown) >= 8
    assert [part for part in shown if not any(part in text for text in texts)] == []


ROOT = HOW_TO.parents[1]
SHIPPED = {
    SchemaName.PLAYBOOK: "playbooks/library/*.yml",
    SchemaName.ACTION: "playbooks/actions/*/*/action.yml",
    SchemaName.CASES: "playbooks/actions/*/*/cases/*.yml",
}


@pytest.mark.parametrize("name", list(SchemaName))
def test_every_shipped_file_is_right_by_its_schema(name: SchemaName) -> None:
    validator = jsonschema.Draft202012Validator(json_schema(name))
    paths = sorted(ROOT.glob(SHIPPED[name]))
    assert len(paths) >= 10
    for path in paths:
        assert [error.message for error in validator.iter_errors(_plain(path))][:3] == [], path


def _plain(path: Path) -> object:
    """The document as JSON has it: days are texts."""

    class Loader(yaml.CSafeLoader):
        """Without days."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
        for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }
    return yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # CSafeLoader's

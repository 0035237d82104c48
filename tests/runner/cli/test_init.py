"""`exrun init`: every file is sound, nothing is written over, and each command of its README runs, in order."""

from __future__ import annotations

import os
import re
import shlex
from datetime import UTC
from pathlib import Path

import pytest

from inventory.loading import load
from runner.approval.policy import read_policy
from runner.cli.main import main
from runner.lab.engines.sim import SimEngine
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.publishing import inventory_text, password_variables
from runner.lab.server import start
from tests.runner.cli.conftest import CommandLine
from tests.runner.lab.engines.states import STATES

PASSWORD = "Lab-passw0rd!"
KINDS = ("inventory", "playbook", "action", "cases", "policy", "brand", "exrun-toml")
FILES = {
    ".gitignore",
    "README.md",
    "exrun.toml",
    "inventory.yml",
    "playbooks/monthly.yml",
    "policy.yml",
    ".vscode/settings.json",
    ".vscode/extensions.json",
    *(f".vscode/schemas/{kind}.json" for kind in KINDS),
}


@pytest.fixture
def empty(exrun: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh folder that is the current one."""
    folder = exrun.folder / "fresh"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def commands_of(readme: Path) -> list[str]:
    return re.findall(r"^    (exrun [^\n]+)$", readme.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_file_is_there_and_said(exrun: CommandLine, empty: Path) -> None:
    status, out, err = exrun("init", "new/alpha")
    assert (status, err) == (0, "")
    assert files_of(empty / "new" / "alpha") == FILES
    assert out.splitlines()[-1] == "Next: cd new/alpha, read README.md."


@pytest.mark.parametrize("client", ["alpha", "no", "7", "Café du Nord", "a-b.c_d"])
def test_the_inventory_is_accepted_once_its_example_is_no_comment(exrun: CommandLine, empty: Path, client: str) -> None:
    assert exrun("init", "--client", client)[0] == 0
    status, _, err = exrun("inventory", "check")
    assert status == 2
    assert "hosts: is empty; write servers below it, such as `EX1: {address: ex1.example.com}`; " in err
    path = empty / "inventory.yml"
    path.write_text(path.read_text("utf-8").replace("      # E", "      E"), encoding="utf-8")
    assert exrun("inventory", "check")[0] == 0
    assert [(one.name, len(one.hosts)) for one in load(path).clients] == [(client, 3)]


def test_the_policy_is_one_once_its_example_is_no_comment_and_has_a_key(exrun: CommandLine, empty: Path) -> None:
    assert exrun("init", "--client", "Café du Nord")[0] == 0
    text = (empty / "policy.yml").read_text(encoding="utf-8")
    key = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    document = re.sub(r"^# ?(?=client|approv|expires|windows|  - )", "", text, flags=re.MULTILINE)
    policy = read_policy(
        document.replace("AAAA...", key).encode(), "policy.yml", local=lambda naive: naive.replace(tzinfo=UTC)
    )
    assert policy.client == "Café du Nord"


def test_the_playbook_lints(exrun: CommandLine, empty: Path) -> None:
    assert exrun("init")[0] == 0
    status, out, _ = exrun("playbook", "lint", "playbooks/monthly.yml")
    assert (status, out.startswith("nothing is wrong")) == (0, True)


@pytest.mark.parametrize("there", sorted(FILES))
def test_nothing_is_written_where_one_file_is_there(exrun: CommandLine, empty: Path, there: str) -> None:
    path = empty / there
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# mine", encoding="utf-8")
    status, out, err = exrun("init")
    assert (status, out) == (2, "")
    assert f"exrun: {there} is there already: nothing was written. " in err
    assert files_of(empty) == {there}
    assert path.read_text(encoding="utf-8") == "# mine"


@pytest.mark.skipif(os.name == "nt", reason="a link needs a right on Windows")
def test_a_link_that_leads_nowhere_is_there_too(exrun: CommandLine, empty: Path) -> None:
    (empty / "policy.yml").symlink_to(empty.parent / "elsewhere.yml")
    assert exrun("init")[0] == 2
    assert not (empty.parent / "elsewhere.yml").exists()


@pytest.mark.skipif(os.name == "nt" or not os.getuid(), reason="root may write everywhere")
def test_what_was_written_is_taken_away_where_the_rest_cannot_be(exrun: CommandLine, empty: Path) -> None:
    (empty / "playbooks").mkdir(mode=0o500)
    assert exrun("init")[0] == 2
    assert files_of(empty) == set()


def test_a_list_becomes_the_inventory(exrun: CommandLine, empty: Path) -> None:
    (empty / "hosts.txt").write_text("ex1.alpha.example\nex2.alpha.example\n", encoding="utf-8")
    given = ("--user", "ALPHA\\ops", "--credential", "env:ALPHA_PW")
    assert exrun("init", "alpha", "--client", "beta", "--import", "hosts.txt", *given)[0] == 0
    loaded = load(empty / "alpha" / "inventory.yml")
    assert [(host.client, host.user, str(host.credential)) for host in loaded.hosts] == [
        ("beta", "ALPHA\\ops", "env:ALPHA_PW")
    ] * 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--client", "../x"], "--client: a name has letters"),
        (["--user", "ALPHA\\ops"], "--user and --credential are for --import"),
        (["--import", "none.csv"], "none.csv"),
        (["--import", "hosts.txt", "--credential", "hunter2"], "--credential: "),
    ],
)
def test_what_is_wrong_is_said_and_nothing_written(
    exrun: CommandLine, empty: Path, arguments: list[str], said: str
) -> None:
    (empty / "hosts.txt").write_text("ex1.alpha.example\n", encoding="utf-8")
    status, _, err = exrun("init", "p", *arguments)
    assert status == 2
    assert said in err
    assert files_of(empty) == {"hosts.txt"}


def test_each_command_of_the_readme_runs_in_order_over_the_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("EXRUN_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    assert main(["init", "alpha", "--client", "alpha"]) == 0
    monkeypatch.chdir(tmp_path / "alpha")
    state = STATES["Exchange 2019 with its update"].model_copy(update={"name": "EX1"})
    fleet = Fleet((LabHost("alpha", "EX1", state, Account("alpha\\auditor", PASSWORD)),))
    monkeypatch.setenv(password_variables(fleet)["alpha"], PASSWORD)
    commands = commands_of(Path("README.md"))
    assert commands[:3] == ["exrun inventory check", "exrun audit", "exrun show last"]
    with start(fleet, {"sim": SimEngine()}) as lab:
        text = re.sub(r'"authentication": "\w+"', '"authentication": "ntlm"', inventory_text(lab, None, {}))
        Path("inventory.yml").write_text(text, encoding="utf-8")
        for command in commands:
            status = main(shlex.split(command)[1:])
            shown = capsys.readouterr()
            assert status in (0, 1), (command, shown)
            assert "exrun has a defect" not in shown.err
    assert Path("plan.json").is_file()

"""exrun.toml: where it counts from, what it gives, what it is refused, and that it is said whenever it is used."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.core import TyperOption
from typer.main import get_command

from runner.cli.commands import leaves_of
from runner.cli.config import Configuration, schema_text
from runner.cli.defaults import _REFUSED, FILE, SHARED, folders, found, read
from runner.cli.main import app
from runner.cli.output import UsageError
from tests.runner.cli.conftest import INVENTORY, CommandLine

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "reference" / "schemas" / "config.json"
LEAVES = dict(leaves_of(get_command(app)))
COMMANDS = {words.split()[0] for words in LEAVES}


def written(folder: Path, text: str) -> Path:
    path = folder / FILE
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_typed_comes_first_then_the_variable_then_the_file_then_what_is_built_in(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timeout(*typed: str) -> str:
        before = set(exrun.runs)
        exrun("audit", "-i", "inventory.yml", "-p", "./smb.yml", *typed)
        (run,) = set(exrun.runs) - before
        journal = (exrun.folder / ".exrun" / "alpha" / "runs" / run / "journal.jsonl").read_text("utf-8")
        return str(json.loads(journal.splitlines()[0])["data"]["host_seconds"])

    assert timeout() == "300.0"
    written(exrun.folder, "[common]\ntimeout = 40\n")
    assert timeout() == "40.0"
    written(exrun.folder, "[common]\ntimeout = 40\n[audit]\ntimeout = 50\n")
    assert timeout() == "50.0"
    monkeypatch.setenv("EXRUN_TIMEOUT", "60")
    assert timeout() == "60.0"
    assert timeout("--timeout", "70") == "70.0"


def test_what_is_used_of_it_is_said_and_recorded_where_it_changes_what_is_asked(exrun: CommandLine) -> None:
    written(exrun.folder, '[audit]\nlimit = "client:alpha"\ninventory = "inventory.yml"\nplaybook = "smb.yml"\n')
    status, out, err = exrun("audit")
    assert status == 0
    assert "exrun: exrun.toml: inventory = inventory.yml, playbook = smb.yml, limit = client:alpha\n" in err
    assert "MBX1" not in out
    assert "stands in a file of defaults: playbook, limit" in " ".join(out.split())
    _, shown, _ = exrun("show", "last")
    assert "exrun.toml playbook, limit" in " ".join(shown.split())
    _, out, err = exrun("audit", "EX1", "--limit", "x")
    assert "limit" not in err.splitlines()[0]


def test_a_capture_has_it_in_its_journal_too(exrun: CommandLine) -> None:
    (exrun.folder / FILE).write_text("[catalogue.capture]\ntimeout = 200\n", encoding="utf-8")
    exrun("catalogue", "capture", "EX1", "-i", "inventory.yml", "-o", "ex1.csv")
    (journal,) = exrun.folder.glob(".exrun/*/runs/*/journal.jsonl")
    assert override_of(journal) == "timeout"


def test_a_plan_has_it_in_its_journal_too(exrun: CommandLine) -> None:
    written(exrun.folder, '[plan]\nlimit = "client:alpha"\nout = "plan.json"\ninventory = "inventory.yml"\n')
    status, _, err = exrun("plan", "./smb.yml")
    assert (status, (exrun.folder / "plan.json").exists()) == (0, True)
    assert "exrun: exrun.toml: inventory = inventory.yml, out = plan.json, limit = client:alpha\n" in err
    (journal,) = exrun.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    assert override_of(journal) == "limit"


def test_what_an_option_holds_is_in_the_journal_where_there_is_one_client_and_can_name_no_other(
    exrun: CommandLine,
) -> None:
    (exrun.folder / "one.yml").write_text(INVENTORY.partition("  beta:")[0], encoding="utf-8")
    written(exrun.folder, '[audit]\nlimit = "EX1"\ntimeout = 200\ninventory = "one.yml"\n')
    exrun("audit", "-p", "./smb.yml")
    (journal,) = exrun.folder.glob(".exrun/alpha/runs/*/journal.jsonl")
    assert override_of(journal) == "limit = EX1, timeout = 200"
    written(exrun.folder, '[audit]\nlimit = ["EX1", "client:beta"]\ninventory = "inventory.yml"\n')
    exrun("audit", "-p", "./smb.yml", "--state", "other")
    for journal in exrun.folder.glob("other/*/runs/*/journal.jsonl"):
        assert override_of(journal) == "limit"
        assert ("beta" in journal.read_text("utf-8")) == ("beta" in journal.parts)


def override_of(journal: Path) -> str:
    lines = [json.loads(line) for line in journal.read_text("utf-8").splitlines()]
    (override,) = [line for line in lines if line["event"] == "override"]
    assert override["data"]["option"] == "exrun.toml"
    return str(override["data"]["value"])


def test_places_and_formats_are_no_matter_of_the_journal(exrun: CommandLine) -> None:
    written(exrun.folder, '[audit]\ninventory = "inventory.yml"\nformat = "json"\nstate = "kept"\n')
    status, out, _ = exrun("audit", "-p", "./smb.yml")
    assert (status, json.loads(out)["schema"][:11]) == (0, "exrun.audit")
    assert "exrun.toml" not in out
    assert list(exrun.folder.glob("kept/alpha/runs/*"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[audit]\n\nlimt = "x"\n', "exrun.toml:3: exrun audit has no option --limt. Write limit, or see exrun audit"),
        ("[audt]\n", "exrun.toml:1: [audt] is no command. Write [audit]."),
        ("[common]\ntimout = 3\n", "exrun.toml:2: no command has an option --timout. Write timeout."),
        ("timeout = 3\n", "exrun.toml:1: timeout stands in no table. Put it below [common], or below [audit]"),
        ("[audit]\nallow-cleartext = true\n", "exrun.toml:2: allow-cleartext is not taken from a file: it switches"),
        ("[common]\nallow_full_language = true\n", "exrun.toml:2: allow_full_language is not taken from a file"),
        ('[apply]\ntake-over = ["EX1"]\n', "exrun.toml:2: take-over is not taken from a file"),
        ("[audit]\nas-of = 2020-01-01\n", "exrun.toml:2: as-of is not taken from a file: as on which day"),
        ('[audit]\ntimeout = "soon"\n', "exrun.toml:2: --timeout: `soon` is not a number."),
        ("[audit]\ntimeout = [3]\n", "exrun.toml:2: timeout holds one value, not a list. Write one value."),
        ("[audit]\ntimeout = 12:00:00\n", "exrun.toml:2: timeout is neither a text, a number, a day, true nor false."),
        ('[audit]\nanchor = ["command:curl x"]\n', "exrun.toml:2: a program is not started because of a file"),
        (
            '[audit]\nevents-auth = "hunter2"\n',
            "exrun.toml:2: events-auth may hold a secret, and this file is no place",
        ),
        (
            '[audit]\nnotify = ["slack://hunter2"]\n',
            "exrun.toml:2: notify may hold a secret, and this file is no place",
        ),
        ('[audit]\nnotify = "alpha=command:x"\n', "exrun.toml:2: a program is not started because of a file"),
        ('[audit]\nevents-auth = ["command:curl x"]\n', "exrun.toml:2: a program is not started because of a file"),
        ("[audit]\ntimeout = \n", "exrun.toml:2:11: Invalid value. Correct it"),
        (
            '[audit]\n[audit.limit]\nx = "\\u001b"\n',
            "exrun.toml:3: exrun audit has no command `limit`. Put keys",
        ),
        ('[audit]\n"\\u001b[2J" = 3\n', "exrun audit has no option --<U+001B>[2J"),
    ],
)
def test_what_is_wrong_in_it_is_said_with_its_line_and_nothing_is_sent(
    exrun: CommandLine, text: str, said: str
) -> None:
    written(exrun.folder, text)
    status, out, err = exrun("audit", "-i", "inventory.yml", "-p", "./smb.yml")
    assert (status, out) == (2, "")
    assert said in err
    assert "hunter2" not in err
    assert exrun.runs == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such bits")
def test_to_whom_events_and_notes_go_is_no_matter_of_any_clients_journal(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "json://127.0.0.1:9/not-a-real-token")
    monkeypatch.setenv("EXRUN_NOTIFY", "alpha=json://127.0.0.1:9/not-a-real-token")
    assert "not-a-real-token" not in "".join(map(str, exrun("config", "audit")))
    monkeypatch.delenv("EXRUN_NOTIFY")
    text = '[audit]\nevents = ["alpha=a.jsonl", "beta=b.jsonl"]\nnotify = ["beta=env:HOOK"]\n'
    (exrun.folder / "exrun.toml").write_text(text, encoding="utf-8")
    (exrun.folder / "below").mkdir()
    (exrun.folder / ".git").mkdir()
    status, out, err = exrun.audit()
    assert (status, "not-a-real-token" in out + err) == (0, False)
    assert (exrun.folder / "a.jsonl").exists()
    for client, other in (("alpha", b"beta"), ("beta", b"alpha")):
        [journal] = exrun.folder.glob(f".exrun/{client}/runs/*/journal.jsonl")
        assert not any(each in journal.read_bytes() for each in (b"a.jsonl", b"b.jsonl", b"HOOK", other))
    monkeypatch.chdir(exrun.folder / "below")
    _, shown, _ = exrun("config", "audit", "--format", "json")
    [events] = [each["value"] for each in json.loads(shown)["options"] if each["option"] == "--events"]
    places = [Path(each.partition("=")[2]).resolve() for each in events.split(", ")]
    assert places == [exrun.folder / "a.jsonl", exrun.folder / "b.jsonl"]


def test_a_file_that_others_may_write_decides_nothing(exrun: CommandLine) -> None:
    written(exrun.folder, "[common]\ntimeout = 3\n").chmod(0o666)
    status, _, err = exrun("audit", "-i", "inventory.yml", "-p", "./smb.yml")
    assert (status, exrun.runs) == (2, [])
    assert "exrun.toml: everybody may write it. chmod o-w exrun.toml" in err


def test_a_file_is_looked_for_up_to_the_projects_root_and_below_home_and_nowhere_else(tmp_path: Path) -> None:
    home = tmp_path / "home"
    here = home / "cases" / "alpha"
    here.mkdir(parents=True)
    other = tmp_path / "srv" / "x"
    other.mkdir(parents=True)
    assert list(folders(here, home)) == [here, here.parent]
    assert list(folders(other, home)) == [other]
    assert list(folders(home, home)) == [home]
    (other.parent / ".git").mkdir()
    assert list(folders(other, home)) == [other, other.parent]
    for folder in (tmp_path, home):
        written(folder, "[common]\n")
    assert found(here, home, {}) is None
    assert found(other, home, {}) is None
    assert found(here.parent, home, {}) is None
    path = written(here.parent, "[common]\n")
    assert found(here, home, {}) == path
    assert found(here.parent, home, {}) == Path(FILE)
    assert found(here, home, {"EXRUN_CONFIG": ""}) is None
    assert found(here, home, {"EXRUN_CONFIG": str(path)}) == path
    with pytest.raises(UsageError, match="there is no such file"):
        found(here, home, {"EXRUN_CONFIG": "none.toml"})


def test_paths_in_it_are_those_of_its_own_folder(tmp_path: Path) -> None:
    path = written(tmp_path, '[audit]\ninventory = ["a.yml"]\nplaybook = "p.yml"\nanchor = "keep"\nlimit = "EX1"\n')
    options = [each for each in LEAVES["audit"].params if isinstance(each, TyperOption)]
    entries = {name: entry.value for name, entry in read(path, COMMANDS).of(("audit",), options).items()}
    assert entries == {
        "inventory": [str(tmp_path / "a.yml")],
        "playbook": str(tmp_path / "p.yml"),
        "anchor": [str(tmp_path / "keep")],
        "limit": ["EX1"],
    }


def test_every_option_that_is_refused_or_shared_is_one_of_some_command() -> None:
    names = {option.opts[-1].lstrip("-") for leaf in LEAVES.values() for option in leaf.params}
    assert names >= SHARED
    assert _REFUSED.keys() - {"debug"} <= names
    assert any(name.startswith("allow-") for name in names)


@given(st.text())
def test_any_text_is_read_or_refused_with_its_file(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        said = str(path)
        try:
            read(path, COMMANDS)
        except UsageError as error:
            said = error.what
        assert said.startswith(str(path))


# --- exrun config


def test_each_value_is_shown_with_where_it_is_from(exrun: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    written(exrun.folder, '[common]\ntimeout = 40\n\n[audit]\nlimit = ["client:alpha", "EX1"]\n')
    monkeypatch.setenv("EXRUN_PARALLEL", "3")
    status, out, err = exrun("config", "audit")
    assert (status, err) == (0, "")
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines() if line.startswith("  --")}
    assert rows["--timeout"] == "40 (exrun.toml:2)"
    assert rows["--limit"] == "client:alpha, EX1 (exrun.toml:5)"
    assert rows["--parallel"] == "3 (EXRUN_PARALLEL)"
    assert rows["--connect-timeout"] == "30"
    assert rows["--expect"] == "-"
    assert "exrun plan\n  --parallel  3  (EXRUN_PARALLEL)\n" in exrun("config")[1]


def test_no_secret_that_was_put_in_the_wrong_place_is_shown(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(
        exrun.folder,
        '[audit]\ninventory = "inventory.yml"\nevents = ["https://u:hunter2@siem.example/x", "kept.jsonl"]\n'
        '[inventory.import]\nuser = "a"\n',
    )
    for name in ("CREDENTIAL", "EVENTS_AUTH", "NOTIFY"):
        monkeypatch.setenv(f"EXRUN_{name}", "slack://hunter2/x")
    for arguments in (["config"], ["config", "audit"], ["config", "--format", "json"]):
        _, out, err = exrun(*arguments)
        assert "hunter2" not in out + err
        assert err == ""
    assert "https://...@siem.example/x, kept.jsonl" in exrun("config", "audit")[1]
    monkeypatch.setenv("EXRUN_CREDENTIAL", "env:ALPHA_PW")
    assert "--credential  env:ALPHA_PW  (EXRUN_CREDENTIAL)" in exrun("config")[1]


def test_json_has_every_option_of_every_command(exrun: CommandLine) -> None:
    status, out, _ = exrun("config", "--format", "json")
    document = json.loads(out)
    Configuration.model_validate(document)
    assert (status, document["schema"], document["file"]) == (0, "exrun.config/1", None)
    named = {(each["command"], each["option"]) for each in document["options"]}
    options = {(words, each.opts[-1]) for words, leaf in LEAVES.items() for each in leaf.params}
    assert named == {(words, option) for words, option in options if option.startswith("-")}


def test_the_published_schema_is_the_one_of_the_code() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), (
        "renew it: python -c \"from runner.cli.config import schema_text; print(schema_text(), end='')\" "
        "> docs/reference/schemas/config.json"
    )


def test_a_command_that_is_not_there_is_said(exrun: CommandLine) -> None:
    status, _, err = exrun("config", "nope")
    assert (status, err) == (2, "exrun: exrun has no command `nope`. See exrun --help.\n")

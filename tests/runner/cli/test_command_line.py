"""What the command answers, with which exit status, and that no error shows a traceback."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from runner.cli import entry
from runner.cli import journal as command
from runner.cli.journal import verification_text
from runner.cli.main import app, main
from runner.events import Event, Phase
from runner.exit_status import ExitStatus
from runner.journal.chain import Broken, Fault, Head, Verified, head_from_bytes, link
from runner.journal.lines import Line
from runner.journal.location import HEAD
from runner.journal.writer import Clock, open_journal
from runner.redaction import Redactor

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "command-line.md"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EXRUN_DEBUG", "EXRUN_FORMAT", "EXRUN_JOURNAL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal of two lines, closed in good order, with its head."""
    now = datetime(2026, 11, 24, tzinfo=UTC)
    clock = Clock(now=lambda: now, monotonic=lambda: 0.0)
    with open_journal(tmp_path, run="r1", client="alpha", actor="ops@desk", redactor=Redactor(), clock=clock) as writer:
        writer.record(Phase.RUN, Event.RUN_STARTED, data={"playbook": "audit"})
        writer.record(Phase.RUN, Event.RUN_ENDED, data={})
    return next(tmp_path.rglob("journal.jsonl"))


def answer(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> tuple[int, str, str]:
    status = main(arguments)
    written = capsys.readouterr()
    return status, written.out, written.err


def test_a_whole_journal_verifies_and_exits_0(capsys: pytest.CaptureFixture[str], journal: Path) -> None:
    status, out, err = answer(capsys, ["journal", "verify", str(journal)])
    assert (status, err) == (0, "")
    assert "2 lines verified; it ends where its head says" in out


def test_without_its_head_nobody_claims_to_know_the_end(capsys: pytest.CaptureFixture[str], journal: Path) -> None:
    (journal.parent / HEAD).unlink()
    status, out, _ = answer(capsys, ["journal", "verify", str(journal)])
    assert status == 0
    assert "whole lines may be missing at the end" in out


def test_an_altered_journal_exits_6_and_names_the_line(capsys: pytest.CaptureFixture[str], journal: Path) -> None:
    journal.write_bytes(journal.read_bytes().replace(b'"playbook":"audit"', b'"playbook":"other"'))
    status, out, _ = answer(capsys, ["journal", "verify", str(journal)])
    assert status == 6
    assert f"{journal}:1: altered: " in out


def test_a_journal_cut_off_at_a_line_exits_6(capsys: pytest.CaptureFixture[str], journal: Path) -> None:
    journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0])
    status, out, _ = answer(capsys, ["journal", "verify", str(journal), "--format", "json"])
    read = json.loads(out)
    assert (status, read["verified"], read["fault"]) == (6, False, "shorter-than-head")


def test_json_is_one_object_with_the_hash_to_keep(
    capsys: pytest.CaptureFixture[str], journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXRUN_FORMAT", "json")
    monkeypatch.setenv("EXRUN_JOURNAL", str(journal))
    status, out, _ = answer(capsys, ["journal", "verify"])
    assert status == 0
    assert json.loads(out) == {
        "schema": "exrun.journal-verification/1",
        "verified": True,
        "lines": 2,
        "sha256": json.loads((journal.parent / HEAD).read_bytes())["sha256"],
        "after_head": 0,
        "newer": 0,
        "vouched": None,
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--debug"], "exrun needs a command. See exrun --help."),
        (["nope"], "exrun has no command `nope`. See exrun --help."),
        (["audti"], "exrun has no command `audti`. Write exrun audit, or see exrun --help."),
        (["journal", "verfy"], "exrun journal has no command `verfy`. Write exrun journal verify, or see"),
        (["journal", "verify"], "exrun journal verify needs "),
        (["journal", "verify", "x", "--format", "xml"], "--format: `xml` is not one of text, json"),
        (["journal", "verify", "x", "--format", "jsn"], "--format: `jsn` is not one of text, json; json is near"),
        (["journal", "verify", "x", "--nope"], "exrun journal verify has no option --nope. See exrun journal verify"),
        (["audit", "--inventry", "x"], "exrun audit has no option --inventry. Write --inventory, or see exrun audit"),
        (["journal", "verify", "x", "--version"], "--version stands before the command. Write exrun --version journal"),
        (["audit", "--html"], "--html of exrun audit needs a value: FILE. See exrun audit --help."),
        (["audit", "--strict=3"], "--strict of exrun audit takes no value. Write --strict alone."),
        (["keys", "new", "a", "b c"], "exrun keys new takes NAME alone: `b c` is too many. Leave it out; what has a"),
        (["show", "\x1b[2J", "b", "c"], "exrun show takes RUN|PLAN alone: `b` and `c` are too many. Leave them out"),
        (["audit", "--\x1b[2J"], "exrun audit has no option --"),
        (["journal", "verify", "/nowhere/journal.jsonl"], "/nowhere/journal.jsonl: the journal cannot be read: "),
        (["journal", "verify", "\x1b[2Jname"], "<U+001B>[2Jname"),
    ],
)
def test_wrong_input_exits_2_with_one_line_on_standard_error_and_no_traceback(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    status, out, err = answer(capsys, arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert err.startswith("exrun: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert err.removesuffix("\n").isprintable()


@pytest.mark.parametrize("group", ["journal", "lab", "inventory", "playbook", "catalogue", "evidence", "keys"])
def test_a_bare_group_shows_its_help(capsys: pytest.CaptureFixture[str], group: str) -> None:
    bare = answer(capsys, [group])
    assert bare == answer(capsys, [group, "--help"])
    assert (bare[0], bare[2]) == (0, "")


def test_the_bare_program_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = answer(capsys, [])
    assert (status, err) == (0, "")
    assert out == answer(capsys, ["--help"])[1]
    assert "Find out:\n  audit " in out


def test_the_version_is_one_line_of_exrun_python_and_system(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = answer(capsys, ["--version"])
    assert (status, err, out.count("\n")) == (0, "", 1)
    python = ".".join(map(str, sys.version_info[:3]))
    assert out.startswith(f"exrun {version('exrun')}, Python {python}, {platform.system()} ")


def test_a_value_of_a_variable_that_an_option_does_not_take_is_said_to_be_of_the_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXRUN_TIMEOUT", "soon")
    status, _, err = answer(capsys, ["audit", "-i", "x.yml"])
    assert status == 2
    assert err == ("exrun: EXRUN_TIMEOUT, the variable of --timeout: `soon` is not a number. See exrun audit --help.\n")


def test_a_traceback_is_shown_only_on_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["journal", "verify", "/nowhere/journal.jsonl"]
    assert "Traceback" not in answer(capsys, arguments)[2]
    assert "Traceback" in answer(capsys, ["--debug", *arguments])[2]
    monkeypatch.setenv("EXRUN_DEBUG", "1")
    assert "Traceback" in answer(capsys, arguments)[2]


def test_a_defect_of_ours_is_one_line_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path, **_: object) -> Verified:
        raise RuntimeError(f"at {path}\x1b[0m")

    monkeypatch.setattr(command, "verify", broken)
    status, _, err = answer(capsys, ["journal", "verify", "x.jsonl"])
    assert status == 70  # not 2: a defect may show after something was sent
    assert err.startswith("exrun: exrun has a defect: RuntimeError: at x.jsonl<U+001B>[0m")
    assert err.count("\n") == 1


def test_ctrl_c_exits_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path, **_: object) -> Verified:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "verify", interrupted)
    assert answer(capsys, ["journal", "verify", "x.jsonl"])[0] == 130


def test_help_shows_an_example_and_the_variables(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = answer(capsys, ["journal", "verify", "--help"])
    assert status == 0
    for said in ("Examples:", "exrun journal verify journal.jsonl --format json", "EXRUN_FORMAT", "EXRUN_JOURNAL"):
        assert said in out


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Verified(Head(3, "0" * 64), 3, 2), "the last 2 lines follow its head, and nothing outside the file vouches"),
        (
            Verified(Head(3, "0" * 64), 3, 0, 1),
            "its head says\n1 line of a newer exrun: intact, and not all",
        ),
        (Broken(2, Fault.ALTERED, "said \x1b[2J", 1), "j.jsonl:2: altered: said <U+001B>[2J"),
    ],
)
def test_what_is_found_is_said_in_words_that_steer_no_terminal(found: Verified | Broken, said: str) -> None:
    assert said in verification_text(Path("j.jsonl"), found)


def test_lines_of_tomorrow_are_intact_and_said_to_be_of_a_newer_exrun(
    capsys: pytest.CaptureFixture[str], journal: Path
) -> None:
    head = head_from_bytes((journal.parent / HEAD).read_bytes())
    (journal.parent / HEAD).write_bytes(Head(head.sequence, head.sha256).to_bytes())
    when = datetime(2026, 11, 24, tzinfo=UTC)
    with journal.open("ab") as file:
        for event, more in (("override", {}), ("override", {"wave": 1}), ("word-of-tomorrow", {})):
            line = Line(0, when, "r1", "alpha", None, None, "run", event, None, "ops@desk", {}, "", more=more)
            _, content, head = link(line, head)
            file.write(content)
    status, out, _ = answer(capsys, ["journal", "verify", str(journal), "--format", "json"])
    assert (status, json.loads(out)["verified"], json.loads(out)["newer"]) == (0, True, 2)


def test_the_reference_names_every_fault_and_member() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    members = {
        *command.verification_document(Verified(Head(0, "0" * 64), 0)),
        *command.verification_document(Broken(1, Fault.ALTERED, "", 0)),
    }
    assert [name for name in [*members, *Fault] if f"`{name}`" not in page] == []


def test_ctrl_c_before_the_command_is_loaded_ends_with_130_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    with monkeypatch.context() as without:
        without.setattr("builtins.__import__", pressed)
        status = entry.main()
    assert status is ExitStatus.INTERRUPTED


def leaves(command: TyperCommand | TyperGroup, path: str = "") -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            assert isinstance(inner, TyperCommand | TyperGroup)
            yield from leaves(inner, f"{path} {name}".strip())
    else:
        yield path, command


LEAVES = dict(leaves(typer.main.get_command(app)))  # type: ignore[arg-type]
SINGLE = [
    (path, option)
    for path, command in LEAVES.items()
    for option in command.params
    if isinstance(option, TyperOption) and not option.multiple and not option.is_flag
]


def test_every_command_is_found_with_its_options() -> None:
    assert {"audit", "inventory import", "lab up", "playbook lint"} <= LEAVES.keys()
    assert len(SINGLE) > 30


@pytest.mark.parametrize(("path", "option"), SINGLE, ids=lambda each: each if isinstance(each, str) else each.name)
def test_no_option_that_holds_one_value_is_silently_the_last_one(
    capsys: pytest.CaptureFixture[str], path: str, option: TyperOption
) -> None:
    for spelling in option.opts:
        status, out, err = answer(capsys, [*path.split(), spelling, "1", option.opts[0], "2"])
        assert (status, out) == (2, "")
        assert f"{option.opts[-1]}: is given more than once and holds one value; give it once" in err

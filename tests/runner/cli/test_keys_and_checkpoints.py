"""From a new key to a journal that it vouches for: `exrun keys new`, `audit --sign-with`, `journal verify --key`."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from tests.runner.cli.conftest import CommandLine


@pytest.fixture
def key(exrun: CommandLine) -> str:
    status, out, err = exrun("keys", "new", "ops.example/journal", "-o", "journal.key")
    assert (status, err) == (0, "exrun: wrote the private key to journal.key; the line above is the public one\n")
    return out.strip()


def journals(exrun: CommandLine) -> dict[str, Path]:
    return {path.parents[2].name: path for path in exrun.folder.glob(".exrun/*/runs/*/journal.jsonl")}


def test_a_key_is_its_owners_alone_and_never_written_over(exrun: CommandLine, key: str) -> None:
    file = exrun.folder / "journal.key"
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_text()
    assert before.startswith("PRIVATE+KEY+ops.example/journal+")
    status, out, err = exrun("keys", "new", "ops.example/journal", "-o", "journal.key")
    assert (status, out) == (2, "")
    assert "journal.key is there already, and is left as it is" in err
    assert file.read_text() == before
    assert before.split("+")[-1].strip() not in key
    assert exrun("keys", "new", "ops.example/journal")[0] == 0
    assert sorted(each.name for each in exrun.folder.glob("*.key*")) == ["journal.key", "ops.example-journal.key"]


@pytest.mark.parametrize(("name", "said"), [("a b", "no space"), ("a+b", "no space or `+`"), ("", "at least one")])
def test_a_name_that_is_none_makes_no_key(exrun: CommandLine, name: str, said: str) -> None:
    status, out, err = exrun("keys", "new", name, "-o", "x.key")
    assert (status, out) == (2, "")
    assert said in err
    assert not list(exrun.folder.glob("*.key"))


def test_each_clients_journal_is_vouched_for_and_its_checkpoint_is_kept_elsewhere(exrun: CommandLine, key: str) -> None:
    status, _, _ = exrun.audit("--sign-with", "journal.key", "--anchor", "elsewhere", "--anchor", "again")
    assert status == 0
    (exrun.folder / "journal.pub").write_text(f"{key}\n")
    for client, journal in journals(exrun).items():
        status, out, _ = exrun("journal", "verify", str(journal), "--key", key)
        lines = len(journal.read_bytes().splitlines())
        assert status == 0
        assert f"ops.example/journal vouches for it up to line {lines} (1 checkpoint); that is all of them" in out
        (journal.parent / "checkpoint").unlink()
        arguments = ("journal", "verify", str(journal), "--key", "journal.pub", "--checkpoint", "elsewhere")
        status, out, _ = exrun(*arguments, "--format", "json")
        assert status == 0, client
        assert json.loads(out)["vouched"] == {
            "lines": lines, "by": ["ops.example/journal"], "checkpoints": 1, "unreadable": 0,
        }  # fmt: skip
        # Cut by whoever can write all that lies there.
        journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
        (journal.parent / "head").unlink()
        assert exrun("journal", "verify", str(journal))[0] == 0
        status, out, _ = exrun(*arguments)
        assert status == 6
        assert "shorter-than-checkpoint" in out
    assert (exrun.folder / "again").read_text() == (exrun.folder / "elsewhere").read_text()


def test_a_journal_without_a_checkpoint_does_not_verify_with_a_key(exrun: CommandLine, key: str) -> None:
    assert exrun.audit("EX1")[0] == 0
    [journal] = journals(exrun).values()
    status, out, _ = exrun("journal", "verify", str(journal), "--key", key, "--format", "json")
    assert status == 6
    found = json.loads(out)
    assert (found["verified"], found["fault"], found["intact"]) == (False, "not-vouched-for", 0)


def test_an_anchor_that_fails_is_said_and_is_no_success(exrun: CommandLine, key: str) -> None:
    failing = shlex.join([sys.executable, "-c", "raise SystemExit(3)"])
    status, out, err = exrun.audit("--sign-with", "journal.key", "--anchor", f"command:{failing}")
    assert status == 6
    assert err.count("the checkpoint was not kept elsewhere: the command ended with status 3") == 2
    assert out.startswith("VERDICT")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--anchor", "elsewhere"], "--anchor without --sign-with"),
        (["--sign-with", "nowhere.key"], "nowhere.key cannot be read"),
        (["--sign-with", "inventory.yml"], "others than its owner may read"),
        (["--sign-with", "journal.key", "--anchor", "no/where"], "there is no folder no"),
        (["--sign-with", "journal.key", "--anchor", "command:"], "there is no command"),
    ],
)
def test_what_cannot_sign_or_keep_is_said_before_anything_is_sent(
    exrun: CommandLine, key: str, arguments: list[str], said: str
) -> None:
    (exrun.folder / "inventory.yml").chmod(0o644)
    status, out, err = exrun.audit(*arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert exrun.transports == {}
    assert exrun.runs == []


def test_a_key_that_is_none_verifies_nothing(exrun: CommandLine) -> None:
    assert exrun.audit("EX1")[0] == 0
    [journal] = journals(exrun).values()
    for arguments, said in (
        (["--key", "nowhere.pub"], "nowhere.pub cannot be read"),
        (["--key", "a+b+c"], "no public key"),
        (["--checkpoint", "x"], "--checkpoint without --key"),
    ):
        status, out, err = exrun("journal", "verify", str(journal), *arguments)
        assert (status, out) == (2, "")
        assert said in err

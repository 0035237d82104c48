"""`exrun journal verify` of runs, folders, patterns and several files: each has its line, the worst decides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runner.cli.conftest import CommandLine

PATTERN = ".exrun/*/runs/*/journal.jsonl"


@pytest.fixture
def audited(exrun: CommandLine) -> CommandLine:
    """Two runs of alpha, of which the second is of beta too."""
    exrun.audit("--limit", "client:alpha")
    exrun.audit()
    return exrun


def journals(exrun: CommandLine, client: str = "*") -> list[Path]:
    return sorted(path.relative_to(exrun.folder) for path in exrun.folder.glob(f".exrun/{client}/runs/*/journal.jsonl"))


def alter(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes().replace(b'"Banner":"none"', b'"Banner":"some"'))


def test_a_run_has_a_line_for_the_journal_of_each_client(audited: CommandLine) -> None:
    for word in ("last", "LAST", journals(audited, "beta")[0].parent.name):
        status, out, err = audited("journal", "verify", word)
        assert (status, err) == (0, "")
        alpha, beta, total = out.splitlines()
        assert alpha.startswith(".exrun/alpha/runs/")
        assert beta.startswith(".exrun/beta/runs/")
        assert "it ends where its head says; last line " in alpha
        assert total == "2 journals: 2 whole"


def test_a_pattern_is_expanded_where_no_shell_does(audited: CommandLine) -> None:
    found = journals(audited)
    assert len(found) == 3
    status, out, _ = audited("journal", "verify", PATTERN)
    assert (status, out.splitlines()[-1]) == (0, "3 journals: 3 whole")
    assert [line.split(":")[0] for line in out.splitlines()[:-1]] == [str(each) for each in found]
    assert audited("journal", "verify", *map(str, found))[1] == out
    status, out, err = audited("journal", "verify", "nowhere/*.jsonl")
    assert (status, out, "no file fits nowhere/*.jsonl" in err) == (2, "", True)


def test_what_is_named_twice_is_verified_once(audited: CommandLine) -> None:
    [beta] = journals(audited, "beta")
    out = audited("journal", "verify", str(beta), str(beta.parent), str(audited.folder / beta))[1]
    assert out.splitlines()[-1] == "1 journal: 1 whole"


def test_a_file_in_brackets_is_that_file_and_no_pattern(audited: CommandLine) -> None:
    [beta] = journals(audited, "beta")
    odd = Path("[b]eta.jsonl")
    odd.write_bytes(beta.read_bytes())
    assert audited("journal", "verify", str(odd))[1].startswith("[b]eta.jsonl: ")


def test_the_worst_decides_and_every_other_has_its_line(audited: CommandLine) -> None:
    first, second, beta = journals(audited)
    alter(second)
    status, out, err = audited("journal", "verify", str(first), "gone.jsonl", str(second), str(beta))
    assert (status, err) == (6, "")
    lines = out.splitlines()
    assert lines[1] == "gone.jsonl: the journal cannot be read: No such file or directory"
    assert lines[2].startswith(f"{second}:")
    assert ": altered: " in lines[2]
    assert lines[4:] == ["4 journals: 2 whole, 1 not as written, 1 not to be read"]
    assert audited("journal", "verify", str(first), "gone.jsonl")[0] == 2


def test_as_json_one_file_is_an_object_and_whatever_else_a_list(audited: CommandLine) -> None:
    first, second, _ = journals(audited)
    one = json.loads(audited("journal", "verify", str(first), "--format", "json")[1])
    assert (one["schema"], one["verified"]) == ("exrun.journal-verification/1", True)
    alter(second)
    status, out, _ = audited("journal", "verify", PATTERN, "gone.jsonl", "--format", "json")
    several = json.loads(out)
    assert (status, several["schema"]) == (6, "exrun.journal-verifications/1")
    assert [(each["verified"], each.get("fault")) for each in several["journals"]] == [
        (True, None),
        (False, "altered"),
        (True, None),
        (False, "unreadable"),
    ]
    del one["schema"]
    assert several["journals"][0] == {"file": str(first), **one}


def test_a_run_that_is_not_there_is_an_error_that_names_the_newest(audited: CommandLine) -> None:
    status, out, err = audited("journal", "verify", "2020")
    assert (status, out) == (2, "")
    assert f"is called '2020'; the newest are: {audited.runs[-1]}, {audited.runs[0]}" in err


def test_a_key_is_read_once_for_all(audited: CommandLine) -> None:
    status, key, _ = audited("keys", "new", "board", "-o", "board")
    assert status == 0
    audited.audit("--sign-with", "board")
    status, out, _ = audited("journal", "verify", "last", "--key", key.strip())
    assert (status, out.count("board vouches for it"), out.splitlines()[-1]) == (0, 2, "2 journals: 2 whole")

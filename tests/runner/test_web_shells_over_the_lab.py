"""Web shells are planned, taken away and brought back over WinRM; a server that changed in between is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from runner.lab.fleet import Account, LabHost
from runner.lab.state import FileState, HostState, WebState
from tests.runner.lab.engines.test_webshell_quarantine import (
    BAD,
    COMPILED,
    HIDDEN,
    LIBRARY,
    OTHER,
    SHELL,
    server,
    sha256,
)
from tests.runner.rehearsal import rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD

PLAYBOOK = """name: repair
title: Take away what was found
params:
  include: {type: "text[]", description: What to take, default: []}
steps:
  - id: shells
    action: webshell.quarantine
    with: {include: "{{ params.include }}"}
"""
NAMED = ("--include", sha256(BAD), "--include", OTHER)


def among_files(changes: Mapping[str, FileState | None]) -> Callable[[HostState], HostState]:
    """Something else at these places; nothing where None."""

    def drifted(state: HostState) -> HostState:
        files: dict[str, FileState | None] = {**state.files, **changes}
        return state.model_copy(update={"files": {path: file for path, file in files.items() if file is not None}})

    return drifted


def host(name: str) -> LabHost:
    return LabHost("alpha", name, server().model_copy(update={"name": name}), Account("alpha\\auditor", PASSWORD))


EXCHANGED = FileState(content="another")
# By what was done between plan and apply: that, the outcome, and what the row says.
BETWEEN: Mapping[str, tuple[Mapping[str, FileState | None], str, tuple[str, ...]]] = {
    "nothing": ({}, "changed", ()),
    "a page is exchanged, and its hash is not named any more": (
        {SHELL: EXCHANGED},
        "refused",
        (f"Quarantine {SHELL}, ", f"before.sha256 was {sha256(BAD)}, is {sha256(EXCHANGED)}"),
    ),
    "a page is exchanged that was named by its path": (
        {OTHER: EXCHANGED},
        "refused",
        (f"before.sha256 was {sha256(HIDDEN)}, is {sha256(EXCHANGED)}",),
    ),
    "both are exchanged, so nothing is left that is named by its hash": (
        {SHELL: EXCHANGED, OTHER: None, COMPILED: None, LIBRARY: None},
        "refused",
        (f"before.sha256 was {sha256(BAD)}, is {sha256(EXCHANGED)}",),
    ),
    "a compiled copy is another": (
        {LIBRARY: FileState(size=9000)},
        "refused",
        (f"before.sha256 was {sha256(FileState(size=8192))}, is {sha256(FileState(size=9000))}",),
    ),
    "the same page has another time": (
        {OTHER: HIDDEN.model_copy(update={"modified": "2026-11-27T08:00:00.0000000Z"})},
        "refused",
        ("before.changed was 2020-01-01T00:00:00.0000000Z, is 2026-11-27T08:00:00.0000000Z",),
    ),
    "a page has gone": ({OTHER: None}, "refused", (f"no longer to be done: Quarantine {OTHER}",)),
    "all of them have gone": (dict.fromkeys((SHELL, OTHER, COMPILED, LIBRARY)), "compliant", ()),
    "a process holds a page open": (
        {SHELL: BAD.model_copy(update={"in_use": True})},
        "failed",
        ("used by another process",),
    ),
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, object]]:
    """What became of each server."""
    hosts = [host(f"EX{number}") for number in range(len(BETWEEN))]
    with (
        pytest.MonkeyPatch.context() as patched,
        rehearsed(tmp_path_factory.mktemp("shells"), patched, *hosts, text=PLAYBOOK) as fleet,
    ):
        status, plan = fleet.plan("plan.json", *NAMED)
        assert (status, len(plan.due)) == (1, len(hosts))
        for each, (changes, _, _) in zip(hosts, BETWEEN.values(), strict=True):
            fleet.alter(each.name, among_files(changes))
        before = fleet.states()
        _, came = fleet.json("apply", "plan.json")
        after = fleet.states()
        found = {each["name"]: each for each in came["hosts"]}
        for each, (_, outcome, _) in zip(hosts, BETWEEN.values(), strict=True):
            if outcome in ("refused", "compliant"):
                assert before[each.name] == after[each.name]
        return {kind: found[each.name] for each, kind in zip(hosts, BETWEEN, strict=True)}


@pytest.mark.parametrize("kind", BETWEEN)
def test_exactly_what_was_approved_is_taken_away(kind: str, rows: Mapping[str, Mapping[str, object]]) -> None:
    _, outcome, said = BETWEEN[kind]
    row = rows[kind]
    assert row["outcome"] == outcome
    for each in said:
        assert each in str(row["why"])


def test_no_plan_says_that_nothing_is_to_be_done_where_a_web_shell_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known-bad by its hash, and behind a name that nothing moves back to."""
    own = tmp_path / "own"
    own.mkdir()
    row = f"{sha256(BAD)},case 17,web shell,ours\n"
    (own / "known-bad-sha256.csv").write_text(f"sha256,source,what,licence\n{row}", encoding="utf-8")
    one = host("EX1")
    files = {path: file for path, file in one.state.files.items() if path not in (SHELL, COMPILED, LIBRARY)}
    files["C:\\inetpub\\wwwroot\\COM1.aspx"] = BAD
    left = LabHost("alpha", "EX1", one.state.model_copy(update={"files": files}), one.account)
    with rehearsed(tmp_path, monkeypatch, left, text=PLAYBOOK) as fleet:
        status, plan = fleet.plan("plan.json", "--catalogue", str(own))
        assert (status, plan.due) == (3, ())
        _, shown, _ = fleet("show", "plan.json")
        assert "1 left alone" in shown


def test_a_row_has_what_a_change_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is away; that nobody answers for it any more was not seen, and nobody is to think so."""
    one = host("EX1")
    silent = LabHost("alpha", "EX1", one.state.model_copy(update={"web": WebState(answers=False)}), one.account)
    with rehearsed(tmp_path, monkeypatch, silent, text=PLAYBOOK) as fleet:
        fleet.plan("plan.json", *NAMED)
        status, came = fleet.json("apply", "plan.json")
        assert status == 0
        [row] = came["hosts"]
        assert row["outcome"] == "changed"
        assert "the script warned: Nobody answered at https://127.0.0.1/aspnet_client/it%27s" in str(row["why"])
        assert "hidden.aspx, so that the page is gone was not seen" in str(row["why"])
        _, shown, _ = fleet("show", "last")
        assert "so that the page is gone was not seen" in " ".join(shown.split())


def test_what_was_taken_away_comes_back_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(tmp_path, monkeypatch, host("EX1"), text=PLAYBOOK) as fleet:

        def now() -> HostState:
            [(_, _, state)] = fleet.lab.states()
            return state

        before = now()
        fleet.plan("plan.json", *NAMED)
        assert fleet.json("apply", "plan.json")[0] == 0
        kept = {each.name for each in (tmp_path / ".exrun" / "alpha" / "evidence").glob("*.evidence")}
        taken = (BAD, HIDDEN, before.files[COMPILED], before.files[LIBRARY])
        assert {f"{sha256(each)}.evidence" for each in taken} <= kept
        assert not {SHELL, OTHER, COMPILED, LIBRARY} & set(now().files)
        assert fleet.plan("again.json", *NAMED)[1].due == ()
        status, undone = fleet.json("rollback", "last")
        assert status == 0, [(h["outcome"], h["why"], h["steps"]) for h in undone["hosts"]]
        assert now().model_copy(update={"web": before.web}) == before
        assert now().web.recycled == {"MSExchangeOWAAppPool": 2}


def test_two_pages_of_one_compiled_library_come_back_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library is known as a page's by what lies beside it, so the order in which all of it comes back counts."""
    second = SHELL.replace(" [1]", " [2]")
    files = {
        **server().files,
        second: BAD,
        COMPILED.replace(" [1]", " [2]"): FileState(
            content=server().files[COMPILED].data.decode().replace("[1]", "[2]")
        ),
    }
    one = host("EX1")
    shared = LabHost("alpha", "EX1", one.state.model_copy(update={"files": files}), one.account)
    with rehearsed(tmp_path, monkeypatch, shared, text=PLAYBOOK) as fleet:
        [(_, _, before)] = fleet.lab.states()
        _, plan = fleet.plan("plan.json", "--include", sha256(BAD))
        assert [len(step.changes) for each in plan.hosts for step in each.steps] == [5]
        assert fleet.json("apply", "plan.json")[0] == 0
        assert fleet.json("rollback", "last")[0] == 0
        [(_, _, after)] = fleet.lab.states()
        assert after.model_copy(update={"web": before.web}) == before


def test_a_file_with_a_comma_is_named_by_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(tmp_path, monkeypatch, host("EX1"), text=PLAYBOOK) as fleet:
        status, _, err = fleet(
            "plan", "./repair.yml", "-i", "inventory.yml", "-o", "p.json", "--include", "C:\\a,b.aspx"
        )
    assert (status, (tmp_path / "p.json").exists()) == (2, False)
    assert "has a comma: name the file by its SHA-256" in " ".join(err.split())

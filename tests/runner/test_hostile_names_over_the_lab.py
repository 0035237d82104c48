"""Web shells with names that break terminals, reports and paths: found, kept, taken away, shown, and brought back."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from pathlib import Path

import pytest

from runner.lab.fleet import Account, LabHost
from runner.lab.state import FileState, HostState
from tests.runner.lab.engines.test_webshell_quarantine import BAD, CONFIG, ROOT, SITES, WEB, server, sha256
from tests.runner.rehearsal import Rehearsal, rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD
from tests.runner.test_web_shells_over_the_lab import PLAYBOOK

# What a file system takes, below aspnet_client.
NAMES = (
    "\u202egnp.aspx",
    "\u2066a\u2069\u200f.aspx",
    "x\u200by.aspx",
    "\u0430spx.aspx",
    "\u00c4.aspx",
    "A\u0308.aspx",
    "=cmd' A0.aspx",
    "+1+1.aspx",
    "{{ 7+7 }}${jndi_x}%s%n.aspx",
    "[bold red]x[-].aspx",
    "'; Remove-Item C; #.aspx",
    "$(calc)&calc.aspx",
    "x.aspx.",
    "x.aspx ",
    "x.aspx",
    "con\\x.aspx",
    "\U0001f600\ud7ff\ufffd.aspx",
    f"{'n' * 240}.aspx",
    f"{'d' * 200}\\{'e' * 200}\\{'f' * 200}.aspx",
)
# What only a liar sends, and no server has.
LIES = ("\x1b[2J\x1b]0;owned\x07.aspx", "\r\nEX9  ok.aspx", "a/../../../etc/x.aspx", "x.txt:shell.aspx")
PLACES = tuple(f"{ROOT}\\aspnet_client\\{name}" for name in NAMES)
LIED = tuple(f"{ROOT}\\aspnet_client\\{name}" for name in LIES)


def host() -> LabHost:
    files = {CONFIG: FileState(content=SITES), **dict.fromkeys((*PLACES, *LIED), BAD)}
    state = server(files=files, web=WEB).model_copy(update={"name": "EX1"})
    return LabHost("alpha", "EX1", state, Account("alpha\\auditor", PASSWORD))


def is_shown(character: str) -> bool:
    return character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")


def outputs(fleet: Rehearsal, *commands: tuple[str, ...]) -> None:
    """Nothing that these write moves a cursor, turns text round, or is half a character."""
    for command in commands:
        status, out, err = fleet(*command)
        assert status in (0, 1), (command, err)
        assert out, command
        for text in (out, err):
            assert [each for each in text if not is_shown(each)] == [], command


def now(fleet: Rehearsal) -> HostState:
    [(_, _, state)] = fleet.lab.states()
    return state


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    with rehearsed(tmp_path, monkeypatch, host(), text=PLAYBOOK) as one:
        yield one


def test_each_is_taken_away_under_a_name_of_ours_and_comes_back_under_its_own(fleet: Rehearsal, tmp_path: Path) -> None:
    before = now(fleet)
    _, plan = fleet.plan("plan.json", "--include", sha256(BAD))
    due = [change for each in plan.hosts for step in each.steps for change in step.changes]
    assert {str(each.change.values["path"]) for each in due} == set(PLACES)
    outputs(
        fleet,
        ("show", "plan.json"),
        ("show", "plan.json", "--diff", "--script"),
        ("report", "plan.json", "-f", "html"),
    )
    assert len(due) == len({each.change.id for each in due}) == len(PLACES)

    _, came = fleet.json("apply", "plan.json")
    [row] = came["hosts"]
    assert row["outcome"] == "changed", row["why"]
    assert not set(PLACES) & set(now(fleet).files)
    assert set(LIED) <= set(now(fleet).files)
    outputs(
        fleet,
        ("show", "last"),
        ("show", "last", "--scripts"),
        ("report", "last", "-f", "text"),
        ("report", "last", "-f", "html"),
        ("evidence", "list", "last"),
        ("status",),
        ("runs",),
        ("watch",),
    )
    for command in (("report", "last", "-f", "json"), ("show", "last", "--format", "json")):
        _, out, _ = fleet(*command)
        assert json.loads(out)
    assert fleet("evidence", "export", "last", "-o", "handed")[0] == 0
    own = {f"{sha256(BAD)}.quarantined", "manifest.json"}
    assert own <= {path.name for path in (tmp_path / "handed").rglob("*")}
    manifest = (tmp_path / "handed" / "manifest.json").read_text(encoding="utf-8")
    assert {each for each in PLACES if json.dumps(each)[1:-1] in manifest or each in manifest} == set(PLACES)
    made = [path.name for path in tmp_path.rglob("*")]
    assert [name for name in made if "aspx" in name or "owned" in name or len(name) > 120] == []

    assert fleet.json("rollback", "last")[0] == 0
    assert now(fleet).model_copy(update={"web": before.web}) == before


def test_an_audit_shows_them_as_text_wherever_it_is_written(fleet: Rehearsal) -> None:
    status, out, errors = fleet("audit", "-p", "repair.yml", "-i", "inventory.yml")
    assert status in (1, 3), errors
    assert [each for each in out if not is_shown(each)] == []
    outputs(fleet, ("show", "last"), ("report", "last", "-f", "html"), ("report", "last", "-f", "text"))
    _, out, _ = fleet("report", "last", "-f", "csv")
    [_, *rows] = csv.reader(io.StringIO(out))
    assert [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@", "\t", "\r")] == []
    assert [each for each in out if not is_shown(each) and each not in "\r\n"] == []


def test_more_web_shells_than_anybody_reads_are_told_of_and_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {f"{ROOT}\\aspnet_client\\{number}.aspx": BAD for number in range(201)}
    state = server(files={CONFIG: FileState(content=SITES), **places}, web=WEB).model_copy(update={"name": "EX1"})
    many = LabHost("alpha", "EX1", state, Account("alpha\\auditor", PASSWORD))
    with rehearsed(tmp_path, monkeypatch, many, text=PLAYBOOK) as fleet:
        status, plan = fleet.plan("plan.json", "--include", sha256(BAD))
        assert (status, plan.due) == (3, ())
        _, out, _ = fleet("show", "plan.json")
        assert "201 files to take away, more than one plan takes: none is taken" in " ".join(out.split())
        assert set(places) < set(now(fleet).files)

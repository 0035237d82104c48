"""webshell.scan of servers that mean harm: each ends in an answer that says so, and nothing of it is acted upon."""

from __future__ import annotations

import itertools
import json
import unicodedata
from pathlib import Path

import pytest

from runner.lab.fleet import Account, LabHost
from runner.lab.state import FileState
from tests.runner.lab.engines.states import WHOLE, binaries, server
from tests.runner.lab.engines.webs import HOST_CONFIG, SITES, WWWROOT
from tests.runner.rehearsal import rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD

PLAYBOOK = "name: repair\ntitle: Web shells\nsteps:\n  - {id: webshells, action: webshell.scan, with: {files: 1000}}\n"
# Names that break terminals, reports and paths: what a file system takes, and what only a liar sends.
HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07",
    "\u202egnp.x",
    "..\u2215..\u2215etc\u2215passwd",
    "\r\nHTTP/1.1 200 OK\r\n",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "{{ 7*7 }}${jndi:x}%s%n",
    "n" * 300,
    "\u0430spnet_client\u200b",
    "CON",
    "\ud800 half a pair",
    "'; Remove-Item C: #",
)


def host(name: str, files: dict[str, FileState]) -> LabHost:
    state = server(WHOLE, {**binaries("15.02.1544.036"), HOST_CONFIG: FileState(content=SITES), **files})
    return LabHost("alpha", name, state.model_copy(update={"name": name}), Account("alpha\\auditor", PASSWORD))


def is_shown(character: str) -> bool:
    return character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")


@pytest.mark.parametrize("count", [100_000])
def test_a_hundred_thousand_files_with_hostile_names_are_cut_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    page = FileState(content="hello")
    names = itertools.cycle(HOSTILE)
    files = {f"{WWWROOT}\\d{at % 50}\\{next(names)}{at}.aspx": page for at in range(count)}
    with rehearsed(tmp_path, monkeypatch, host("EX1", files), text=PLAYBOOK) as lab:
        status, out, errors = lab("audit", "-p", "repair.yml", "-i", "inventory.yml", "--format", "json")
        assert out, errors
        row = json.loads(out)["hosts"][0]
        assert status in (1, 3)
        assert row["verdict"] in ("unknown", "suspicious")
        said = [each for finding in row["findings"] for each in finding["evidence"]]
        assert f"files told of: 1000 of at least {count + 1}" in said
        _, shown, more = lab("show", "last", "--host", "EX1")
        for text in (shown, more, errors):
            assert [each for each in text if not is_shown(each)] == []
    made = {path.name for path in tmp_path.rglob("*")}
    assert not [name for name in made if "aspx" in name or "owned" in name]

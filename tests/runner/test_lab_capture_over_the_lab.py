"""exrun lab capture over WinRM: a server's answers become a file without its names that judges the same anywhere."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from inventory import loading
from runner import pseudonyms, recording
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Account, LabHost
from runner.lab.state import FileState
from runner.reports.capture import schema_text
from tests.runner.lab.engines import agents, logs
from tests.runner.lab.engines.planted import USUAL, USUAL_FILES
from tests.runner.lab.engines.states import STATES, WHOLE, binaries, server
from tests.runner.rehearsal import Rehearsal, rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "reference" / "schemas" / "capture.json"
FILE = "bug-report.yml"
NAME = "KLAGENFURT7"


def plain(name: str = NAME, *faults: Fault, engine: str = "sim") -> LabHost:
    state = STATES["Exchange 2019 with its update"].model_copy(update={"name": name, "engine": engine})
    return LabHost("alpha", name, state, Account("alpha\\auditor", PASSWORD), engine=engine, faults=faults)


def capture(lab: Rehearsal, *arguments: str, host: str = NAME) -> tuple[int, str, str]:
    return lab("lab", "capture", host, "-i", "inventory.yml", "-o", FILE, *arguments)


def beside(lab: Rehearsal) -> list[str]:
    """What writing a file may have left."""
    return [each.name for each in lab.folder.iterdir() if each.name.startswith(".exrun-")]


def elsewhere(lab: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """The file alone, in a folder of somebody else."""
    fresh = lab.folder / "fresh"
    fresh.mkdir()
    (fresh / FILE).write_bytes((lab.folder / FILE).read_bytes())
    monkeypatch.chdir(fresh)
    return lab("playbook", "test", FILE)


def test_an_audit_is_a_file_that_runs_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(tmp_path, monkeypatch, plain(), plain("VILLACH8")) as lab:
        _, audit, _ = lab("audit", NAME, "-i", "inventory.yml", "--format", "json")
        steps = {each["step"]: each["verdict"] for each in json.loads(audit)["hosts"][0]["steps"]}
        status, out, err = capture(lab, "--format", "json")
        told = json.loads(out)
        assert (status, told["differs"]) == (0, []), err
        assert out.isascii()
        jsonschema.validate(told, json.loads(SCHEMA.read_text(encoding="utf-8")))
        assert {each["step"]: each["verdict"] for each in told["steps"]} == steps
        text = (lab.folder / FILE).read_text(encoding="utf-8")
        assert NAME.casefold() not in text.casefold()
        assert PASSWORD not in text
        assert stat.S_IMODE((lab.folder / FILE).stat().st_mode) == 0o600
        # A run like any other: what was sent is on record, and no other script ran.
        _, shown, _ = lab("runs", "--format", "json")
        assert json.loads(shown)["runs"][0]["run"] == told["run"]
        status, out, err = capture(lab)
        assert (status, "is there already" in err) == (2, True), err
        assert beside(lab) == []
        status, out, err = elsewhere(lab, monkeypatch)
        assert status == 0, out + err


def test_an_investigation_of_a_server_with_names_everywhere_is_judged_the_same_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = f"{logs.DEFAULT}\\Logging\\HttpProxy\\Ecp\\HttpProxy_2021030304-1.LOG"
    session = logs.log(logs.HEADER, logs.row(logs.AUTODISCOVER), logs.row(logs.SESSION, "241"))
    page = FileState(
        content=f'<%@ Page Language="C#" %><!-- {NAME}.graz.seebacher.at {NAME.lower()} SEEBACHER\\h.novak -->'
    )
    planted = {
        written: session,
        f"C:\\inetpub\\wwwroot\\aspnet_client\\{NAME}.aspx": page,
        "C:\\inetpub\\wwwroot\\odd.aspx": FileState(
            content=f'<%@ Page %>{{"h":"\\u004bLAGENFURT7"}} %4BLAGENFURT7 http://mail.seebacher.at/x {NAME}'
        ),
    }
    files = {**binaries("15.02.1544.036"), **logs.quiet(), **USUAL_FILES, **agents.usual(), **planted}
    state = server({**WHOLE, **USUAL}, files).model_copy(update={"name": NAME})
    host = LabHost("alpha", NAME, state, Account("alpha\\auditor", PASSWORD))
    with rehearsed(tmp_path, monkeypatch, host) as lab:
        status, out, err = capture(lab, "-p", "exchange-investigate", "--replace", "Seebacher", "--format", "json")
        told = json.loads(out)
        assert (status, told["differs"]) == (0, []), err + out
        assert {each["step"]: each["verdict"] for each in told["steps"]}["proxylogon"] == "compromised"
        text = (lab.folder / FILE).read_text(encoding="utf-8").casefold()
        for name in (NAME, "lagenfurt7", "seebacher", "h.novak"):
            assert name.casefold() not in text, name
        status, out, err = elsewhere(lab, monkeypatch)
        assert status == 0, out + err


def test_a_step_whose_answer_is_missing_is_named_in_the_file_and_by_the_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(tmp_path, monkeypatch, plain(NAME, Fault(Act.RESET, Step.RECEIVE, times=None))) as lab:
        status, out, err = capture(lab)
        assert status == 3, out + err
        assert "THE ANSWER IS MISSING" in out
        assert "not_observed" in (lab.folder / FILE).read_text(encoding="utf-8")


def test_a_server_that_is_not_reached_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(tmp_path, monkeypatch, plain(NAME, Fault(Act.RESET, Step.CONNECT, times=None))) as lab:
        status, _, err = capture(lab)
        assert (status, "gave no answer" in err) == (3, True), err
        assert not (lab.folder / FILE).exists()


def test_one_server_is_captured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(tmp_path, monkeypatch, plain(), plain("VILLACH8")) as lab:
        for host, said in (("*", "2 servers are meant"), ("NONE", "NONE")):
            status, _, err = capture(lab, host=host)
            assert (status, said in err) == (2, True), err
        status, _, err = capture(lab, "--step", "verzion")
        assert (status, "version" in err) == (2, True), err
        assert not (lab.folder / FILE).exists()
        status, out, err = capture(lab, "--step", "version")
        assert (status, "1 answer of 1 step" in out, "READ IT" in out) == (0, True, True), err


def test_the_published_schema_is_current() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), (
        'renew it: .venv/bin/python -c "from runner.reports.capture import schema_text; '
        "print(schema_text(), end='')\" > docs/reference/schemas/capture.json"
    )


@pytest.mark.real_powershell
def test_what_a_real_powershell_answers_is_judged_the_same_without_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, powershell: Path
) -> None:
    """A page with the name in UTF-16, and records as PowerShell writes them."""
    wide = "\0".join(f"<%@ Page %> {NAME} eval(Request)")
    planted = {
        "C:\\inetpub\\wwwroot\\aspnet_client\\odd.aspx": FileState(content=f"<%@ Page %> \u00e4\u2028\x9b\t--- {NAME}"),
        "C:\\inetpub\\wwwroot\\wide.aspx": FileState(content=wide),
    }
    files = {**binaries("15.02.1544.036"), **logs.quiet(), **USUAL_FILES, **agents.usual(), **planted}
    state = server({**WHOLE, **USUAL}, files).model_copy(update={"name": NAME, "engine": "pwsh"})
    host = LabHost("alpha", NAME, state, Account("alpha\\auditor", PASSWORD), engine="pwsh")
    with (
        contextlib.closing(PwshEngine(powershell)) as engine,
        rehearsed(tmp_path, monkeypatch, host, engine=engine) as lab,
    ):
        status, out, err = capture(lab, "-p", "exchange-webshells", "--format", "json")
        told = json.loads(out)
        assert (status, told["differs"]) == (0, []), err + out
        text = (lab.folder / FILE).read_text(encoding="utf-8")
        assert "odd.aspx" in text
        assert NAME.casefold() not in text.casefold().replace("\\0", "")
        status, out, err = elsewhere(lab, monkeypatch)
        assert status == 0, out + err


OWN = """\
title: Pages
description: What pages hold.
outputs:
  Page: {Name: text, Content: bytes?}
reads: [pages]
writes: []
needs: {rights: [local administrator]}
disruptive: false
reboots: false
interruption: none
reversible: false
timeouts: {collect: 60}
idempotent: true
compliant_when: Page.Name == 'KLAGENFURT7'
"""
SAID = {
    "bytes": "@{ Kind = 'Page'; Name = 'KLAGENFURT7'; Content = [byte[]](255, 0, 155, 75, 76, 65, 71, 69, 78, 70) }",
    "broken": "[string[]]$said = @('klagenfurt7', [string][char]0x9b, [string][char]0x2028, '---')\n"
    "@{ Kind = 'Page'; Name = $said; Content = $null }",
    "other": "@{ Kind = 'Page'; Name = [double]::NaN; Content = $null }",
    "ended": "@{ Kind = 'Page'; Name = 'KLAGENFURT7'; Content = $null }\nthrow 'klagenfurt7'",
}


@pytest.mark.real_powershell
def test_bytes_broken_contracts_and_errors_of_a_real_powershell_stand_in_the_file_without_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, powershell: Path
) -> None:
    for name, script in SAID.items():
        action = tmp_path / "actions" / "our" / name
        action.mkdir(parents=True)
        (action / "action.yml").write_text(OWN, encoding="utf-8")
        text = f"Set-StrictMode -Version 2.0\n$ErrorActionPreference = 'Stop'\n{script}\n"
        (action / "collect.ps1.j2").write_text(text, encoding="utf-8")
    steps = "".join(f"  - id: {name}\n    action: our.{name}\n" for name in SAID)
    (tmp_path / "own.yml").write_text(f"name: own\ntitle: Own\nsteps:\n{steps}", encoding="utf-8")
    with (
        contextlib.closing(PwshEngine(powershell)) as engine,
        rehearsed(tmp_path, monkeypatch, plain(engine="pwsh"), engine=engine) as lab,
    ):
        status, out, err = capture(lab, "-p", "./own.yml", "--format", "json")
        assert out, err
        told = json.loads(out)
        # An action that knows the name judges otherwise without it, and that is said.
        assert (status, {each.partition(":")[0] for each in told["differs"]}) == (3, {"bytes"}), err + out
        assert {each["step"]: each["missing"] for each in told["steps"]} == {
            "bytes": None,
            "broken": "no answer",
            "other": None,  # what is no number comes as text
            "ended": "no answer",
        }
        text = (lab.folder / FILE).read_text(encoding="utf-8")
        assert "latin-1" in text
        assert text.count("# came all the same: ") == 2
        assert "klagenfurt7" not in text.casefold()
        assert all(line.isprintable() for line in text.split("\n"))
        status, out, err = lab("playbook", "test", FILE)
        assert status == 0, out + err


def test_what_is_asked_for_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An inventory that is changed meanwhile would replace the names of another."""
    read: list[object] = []
    load = loading.load

    def counted(*paths: Any) -> Any:
        read.append(paths)
        return load(*paths)

    with rehearsed(tmp_path, monkeypatch, plain()) as lab:
        monkeypatch.setattr(loading, "load", counted)
        assert capture(lab)[0] == 0
        assert len(read) == 1


def test_a_file_that_cannot_be_written_whole_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: Any) -> tuple[int, str]:
        return os.open("/dev/full", os.O_WRONLY), str(tmp_path / ".exrun-full")

    if not Path("/dev/full").exists():
        pytest.skip("no device here that is always full")
    with rehearsed(tmp_path, monkeypatch, plain()) as lab:
        monkeypatch.setattr("runner.cli.fresh_files.tempfile.mkstemp", full)
        status, _, err = capture(lab)
        assert (status, "No space left" in err) == (2, True), err
        assert not (lab.folder / FILE).exists()
        assert beside(lab) == []


def test_a_file_system_without_links_takes_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    with rehearsed(tmp_path, monkeypatch, plain()) as lab:
        monkeypatch.setattr(os, "link", none)
        status, _, err = capture(lab)
        assert status == 0, err
        assert stat.S_IMODE((lab.folder / FILE).stat().st_mode) == 0o600
        assert beside(lab) == []


def test_what_stands_there_meanwhile_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(tmp_path, monkeypatch, plain()) as lab:
        link = os.link

        def late(*paths: Any) -> None:
            (lab.folder / FILE).write_text("another's", encoding="utf-8")
            link(*paths)

        monkeypatch.setattr(os, "link", late)
        status, _, err = capture(lab)
        assert (status, "cannot be written" in err) == (2, True), err
        assert (lab.folder / FILE).read_text(encoding="utf-8") == "another's"
        assert beside(lab) == []


@pytest.mark.parametrize(
    ("module", "name", "value", "said"),
    [
        (recording, "MOST_BYTES", 2000, "MiB are more than a file of cases may have"),
        (pseudonyms, "_MOST_PASSES", 0, "put others together"),
    ],
)
def test_what_cannot_be_without_names_is_not_written_and_says_why(
    module: Any, name: str, value: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(tmp_path, monkeypatch, plain()) as lab:
        monkeypatch.setattr(module, name, value)
        status, out, err = capture(lab)
        assert (status, out, said in err, "Nothing is written" in err) == (3, "", True, True), err
        assert not (lab.folder / FILE).exists()

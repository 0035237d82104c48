"""exrun lab capture over WinRM: a server's answers become a file without its names that judges the same anywhere."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Account, LabHost
from runner.lab.state import FileState
from tests.runner.lab.engines import agents, logs
from tests.runner.lab.engines.planted import USUAL, USUAL_FILES
from tests.runner.lab.engines.states import STATES, WHOLE, binaries, server
from tests.runner.rehearsal import Rehearsal, rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD

FILE = "bug-report.yml"
NAME = "KLAGENFURT7"


def plain(name: str = NAME, *faults: Fault) -> LabHost:
    state = STATES["Exchange 2019 with its update"].model_copy(update={"name": name})
    return LabHost("alpha", name, state, Account("alpha\\auditor", PASSWORD), faults=faults)


def capture(lab: Rehearsal, *arguments: str, host: str = NAME) -> tuple[int, str, str]:
    return lab("lab", "capture", host, "-i", "inventory.yml", "-o", FILE, *arguments)


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

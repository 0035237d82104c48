"""exrun catalogue capture and import: a server's own word is a baseline once somebody has looked at it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.lab.fleet import Account, LabHost
from runner.lab.state import FileState
from tests.runner.lab.engines import logs
from tests.runner.lab.engines.states import WHOLE, binaries, server
from tests.runner.lab.engines.webs import HOST_CONFIG
from tests.runner.rehearsal import Rehearsal, rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD

PROXY = f"{logs.DEFAULT}\\FrontEnd\\HttpProxy"
LOGON = f"{PROXY}\\owa\\auth\\logon.aspx"
PAGE = FileState(content='<%@ Page Language="C#" %><html><body>planted: a page that nobody knows</body></html>')
CONFIG = FileState(
    content="<configuration><system.applicationHost><sites><site name='Default Web Site' id='1'>"
    f"<application path='/owa' applicationPool='P'><virtualDirectory path='/' physicalPath='{PROXY}\\owa' />"
    "</application></site></sites></system.applicationHost></configuration>"
)
FILES = {
    HOST_CONFIG: CONFIG,
    "C:\\Windows\\System32\\inetsrv\\config\\redirection.config": FileState(content="<configuration />"),
    "C:\\inetpub\\wwwroot": FileState(folder=True),
    f"{PROXY}\\owa\\web.config": FileState(content="<configuration />"),
    LOGON: PAGE,
}
REVIEW = ("--good", "--reviewed-by", "A. Reader", "-o", "our-rows")


def host(name: str, *, without: tuple[str, ...] = (), **more: FileState) -> LabHost:
    files = {path: file for path, file in FILES.items() if path not in without}
    state = server(WHOLE, {**binaries("15.02.1544.036"), **files, **more})
    return LabHost("alpha", name, state.model_copy(update={"name": name}), Account("alpha\\auditor", PASSWORD))


def captured(lab: Rehearsal, name: str = "EX1") -> tuple[int, str, str]:
    return lab("catalogue", "capture", name, "-i", "inventory.yml", "-o", "ex1.csv")


def unknown(lab: Rehearsal, *arguments: str) -> dict[str, bool]:
    """Of which servers a scan calls logon.aspx a file that nobody knows."""
    _, out, err = lab("audit", "-p", "exchange-webshells", "-i", "inventory.yml", "--format", "json", *arguments)
    assert out, err
    hosts = json.loads(out)["hosts"]
    assert {each["verdict"] for each in hosts} <= {"unknown", "ok"}, hosts
    return {each["name"]: any(LOGON in line for f in each["findings"] for line in f["evidence"]) for each in hosts}


def test_what_a_clean_server_has_is_known_on_another_once_somebody_has_reviewed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(tmp_path, monkeypatch, host("EX1"), host("EX2")) as lab:
        assert unknown(lab) == {"EX1": True, "EX2": True}
        status, out, err = captured(lab)
        assert status == 0, err
        text = (lab.folder / "ex1.csv").read_text()
        assert text.startswith("# captured of alpha/EX1 in ")
        assert "Not reviewed" in text.splitlines()[0]
        assert "FrontEnd\\HttpProxy\\owa\\auth\\logon.aspx," in text
        assert "web.config" not in text
        assert "left out: 1 of this server's own settings" in out

        status, _, err = lab("catalogue", "import", "ex1.csv", "--good", "-o", "our-rows")
        assert (status, "nobody is named who has reviewed it" in err) == (2, True)
        status, out, err = lab("catalogue", "import", "ex1.csv", *REVIEW)
        assert (status, "added" in out) == (0, True), err
        assert unknown(lab, "--catalogue", "our-rows") == {"EX1": False, "EX2": False}


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (host("EX1", **{f"{PROXY}\\owa\\auth\\RedirSuiteServerProxy.aspx": PAGE}), "is not known to be clean"),
        (host("EX1", **{f"{PROXY}\\owa\\closed.aspx": FileState(content="x", denied=True)}), "not all of EX1 was seen"),
        (host("EX1", without=(HOST_CONFIG,)), "IIS is not on EX1"),
    ],
)
def test_of_a_server_that_is_not_known_to_be_clean_nothing_is_captured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: LabHost, said: str
) -> None:
    with rehearsed(tmp_path, monkeypatch, server) as lab:
        status, _, err = captured(lab)
        assert (status, said in err) == (2, True), err
        assert not (lab.folder / "ex1.csv").exists()


def test_one_server_is_captured_and_no_file_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed(tmp_path, monkeypatch, host("EX1"), host("EX2")) as lab:
        status, _, err = captured(lab, "EX*")
        assert (status, "2 servers are meant: EX1, EX2" in err) == (2, True), err
        (lab.folder / "ex1.csv").write_text("theirs")
        status, _, err = captured(lab)
        assert (status, "is there already" in err) == (2, True), err
        assert (lab.folder / "ex1.csv").read_text() == "theirs"

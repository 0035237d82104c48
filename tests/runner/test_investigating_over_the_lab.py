"""exrun audit -p exchange-investigate: what every reading action says together, of a server that was broken into and of
one that was not, over WinRM."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.lab.fleet import Account, LabHost
from runner.lab.state import FileState
from tests.runner.lab.engines import agents, logs
from tests.runner.lab.engines.planted import USUAL, USUAL_FILES
from tests.runner.lab.engines.states import WHOLE, binaries, server
from tests.runner.rehearsal import rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD

PLAYBOOK = "exchange-investigate"
BUILD = binaries("15.02.1544.036")


def host(name: str, files: dict[str, FileState]) -> LabHost:
    state = server({**WHOLE, **USUAL}, {**BUILD, **logs.quiet(), **USUAL_FILES, **agents.usual(), **files})
    return LabHost("alpha", name, state.model_copy(update={"name": name}), Account("alpha\\auditor", PASSWORD))


def test_a_server_with_a_session_of_proxylogon_is_compromised_and_the_one_beside_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = f"{logs.DEFAULT}\\Logging\\HttpProxy\\Ecp\\HttpProxy_2021030304-1.LOG"
    session = logs.log(logs.HEADER, logs.row(logs.AUTODISCOVER), logs.row(logs.SESSION, "241"))
    hosts = host("EX1", {written: session}), host("EX2", {})
    with rehearsed(tmp_path, monkeypatch, *hosts) as lab:
        status, out, _ = lab("audit", "-p", PLAYBOOK, "-i", "inventory.yml", "--format", "json")
        found = {each["name"]: each for each in json.loads(out)["hosts"]}
        assert status == 1, out
        assert found["EX1"]["verdict"] == "compromised"
        assert found["EX2"]["verdict"] != "compromised"
        steps = {each["step"]: each["verdict"] for each in found["EX2"]["steps"]}
        assert (steps["proxylogon"], steps["proxyshell"]) == ("ok", "ok")
        assert set(steps) == {
            *("version", "patch", "proxylogon", "proxyshell", "owa", "webshells", "iis", "directories"),
            *("exports", "transport", "components", "services", "persistence", "firewall", "reboot"),
        }  # fmt: skip
        # Of EX2 the row says since when its logs hold nothing, beside what else is not well there.
        reach = found["EX2"]["logs_since"]
        assert f"nothing of what was looked for is in the logs since {reach}" in found["EX2"]["why"]
        assert found["EX1"]["because"][0] == {"step": "proxylogon", "finding": "proxylogon.hunt.session-obtained"}
        rotated = [each["what"] for each in json.loads(out)["rotate"]]
        assert "The Exchange Auth certificate" in " ".join(rotated)
        # The row says it first, with what to do; then, in order, what to rotate.
        _, table, _ = lab("show", "last", "--host", "EX1")
        shown = " ".join(table.split())
        assert "a session as SYSTEM was obtained" in shown
        assert all(what in shown for what in rotated)
        _, other, _ = lab("show", "last", "--host", "EX2")
        assert "rotate" not in other

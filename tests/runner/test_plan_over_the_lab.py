"""`exrun plan` over real WinRM against the lab: servers are sent collects and nothing else, whatever is planned."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from runner import events
from runner.cli.main import main
from runner.journal.verification import read
from runner.lab.engines.sim import SimEngine
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.server import start
from runner.lab.state import HostState, ScriptedAnswer
from runner.plan import file
from runner.plan.records import Standing
from runner.transport.gate import is_own
from tests.runner.changing import COLLECT, write_playbook
from tests.runner.test_audit_over_the_lab import PASSWORD, inventory


def server(name: str, *faults: Fault, enabled: bool) -> LabHost:
    said = {"Kind": "Protocol", "Enabled": enabled, "Banner": "none"}
    state = HostState(name=name, answers=[ScriptedAnswer(script=COLLECT, output=[said])])
    return LabHost("alpha", name, state, Account("alpha\\auditor", PASSWORD), faults=faults)


def test_a_plan_sends_collects_alone_and_what_cannot_be_planned_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_playbook(tmp_path)
    hosts = (
        server("wrong", enabled=True),
        server("right", enabled=False),
        server("away", Fault(Act.REFUSE, Step.CONNECT), enabled=True),
    )
    out = io.StringIO()
    with start(Fleet(hosts), {"sim": SimEngine()}) as lab:
        labelled = inventory(lab, monkeypatch).replace("address:", "labels: {site: HQ}, address:")
        (tmp_path / "inventory.yml").write_text(labelled, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            status = main(["plan", "./off.yml", "-i", "inventory.yml", "-o", "plan.json", "--timeout", "60"])
        sent = {key: [each for done in lab.ledger.executed(key) for each in done.statements] for key in lab.hosts}

    assert status == 3, out.getvalue()
    plan = file.read((tmp_path / "plan.json").read_bytes())
    by_name = {host.host: host for host in plan.hosts}
    assert by_name["away"].refused
    assert [each.standing for each in by_name["wrong"].steps] == [Standing.PLANNED]
    assert [each.standing for each in by_name["right"].steps] == [Standing.COMPLIANT]
    assert len(plan.texts) == 2

    [journal] = tmp_path.glob(".exrun/alpha/runs/*/journal.jsonl")
    named = [each.event for each in map(events.read, read(journal)[0]) if isinstance(each.event, events.ScriptNamed)]
    may_be_sent = {each.text for each in named}
    assert may_be_sent.isdisjoint(plan.texts.values())
    assert {name: bool(sent[f"alpha/{name}"]) for name in by_name} == {"wrong": True, "right": True, "away": False}
    for statements in sent.values():
        assert [each.text for each in statements if each.text not in may_be_sent and not is_own(each.text)] == []
        assert not {each.sha256 for each in statements} & set(plan.texts)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("compliant_when: not Protocol.Enabled", "compliant_when: Protocol.Enabled or not Protocol.Enabled"),
        ("values: {enabled: false,", "values: {enabled: true,"),
        ("apply: 60", "apply: 600"),
    ],
)
def test_a_contract_that_was_altered_since_is_another_action(
    was: str, now: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_playbook(tmp_path)
    contract = tmp_path / "actions" / "test" / "off" / "action.yml"
    with start(Fleet((server("wrong", enabled=True),)), {"sim": SimEngine()}) as lab:
        (tmp_path / "inventory.yml").write_text(inventory(lab, monkeypatch), encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        text = (tmp_path / "off.yml").read_text(encoding="utf-8").replace(", limits: {site: 1}", "")
        (tmp_path / "off.yml").write_text(text, encoding="utf-8")
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            assert main(["plan", "./off.yml", "-i", "inventory.yml", "-o", "plan.json"]) == 1
            contract.write_text(contract.read_text(encoding="utf-8").replace(was, now), encoding="utf-8")
            status = main(["apply", "plan.json", "-i", "inventory.yml"])
    assert (status, "the actions of the playbook off.yml are not as they were" in err.getvalue()) == (4, True)

"""`exrun apply` that isolates servers over real WinRM: one that can be reached anew keeps it, another takes it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from playbooks.findings import Verdict
from runner import events
from runner.events import Purpose
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.fleet import Account, LabHost
from runner.lab.state import FirewallProfile, HostState
from tests.runner.lab.engines.isolations import PLAIN
from tests.runner.rehearsal import Rehearsal, came, rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD
from tests.runner.test_confirming_over_the_lab import Deadlines, guards, nobody_waits

ENGINE = "EX1"
ISOLATE = """\
name: repair
title: Isolation
steps:
  - id: isolate
    action: windows.isolate
    with: {%s}
"""
RELEASE = """\
name: repair
title: Release
steps:
  - id: release
    action: windows.release
"""


def host(state: HostState = PLAIN, engine: str = "sim") -> LabHost:
    named = state.model_copy(update={"name": ENGINE, "engine": engine})
    return LabHost("alpha", ENGINE, named, Account("alpha\\auditor", PASSWORD), engine=engine)


def purposes(lab: Rehearsal) -> list[Purpose]:
    return [each.purpose for each in lab.events() if isinstance(each, events.ScriptSending) and each.purpose.changes]


def isolated(lab: Rehearsal) -> bool:
    firewall = lab.lab.host(f"alpha/{ENGINE}").service.live.now.firewall
    return {firewall.profile("ActiveStore", "Domain").default_outbound} == {"Block"}


def test_a_server_is_isolated_confirmed_over_a_new_connection_and_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines = Deadlines()
    with rehearsed(tmp_path, monkeypatch, host(), text=ISOLATE % "", engine=deadlines.engine) as lab:
        before = lab.lab.host(f"alpha/{ENGINE}").service.live.now
        status, plan = lab.plan()
        assert status == 1
        shown = " ".join(lab("show", "plan.json")[1].split())
        assert "Cut this server off from all but what is named" in shown
        assert "the server undoes it after 300 s unless confirmed" in shown
        assert "WINRM-HTTP-In-TCP-PUBLIC" in shown, "each rule that is switched off stands in the plan"
        assert "127.0.0.1" in shown
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (0, {ENGINE: "changed"})
        assert purposes(lab) == [Purpose.APPLY, Purpose.CONFIRM]
        assert (isolated(lab), guards(lab)) == (True, {"confirmed"})
        assert lab.strange(plan) == []
        deadlines.pass_time(10_000)
        assert isolated(lab)
        assert lab.plan("again.json")[0] == 0

        (tmp_path / "repair.yml").write_text(RELEASE, encoding="utf-8")
        assert lab.plan("release.json")[0] == 1
        status, document = lab.json("apply", "release.json")
        assert (status, came(document)) == (0, {ENGINE: "changed"})
        deadlines.pass_time(10_000)
        now = lab.lab.host(f"alpha/{ENGINE}").service.live.now
        assert (now.firewall, now.services) == (before.firewall, before.services)


def test_a_rollback_of_the_run_brings_everything_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deadlines = Deadlines()
    with rehearsed(tmp_path, monkeypatch, host(), text=ISOLATE % "", engine=deadlines.engine) as lab:
        before = lab.states()
        lab.plan()
        assert lab.json("apply", "plan.json")[0] == 0
        status, undone = lab.json("rollback", "last")
        assert (status, came(undone)) == (0, {ENGINE: "rolled-back"})
        assert lab.states() == before
        assert guards(lab) == set()


def test_a_server_that_lets_us_in_no_more_is_never_confirmed_and_takes_it_back_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Management is said to be where it is not, as where an address is translated on the way: the lab's server refuses
    every new connection once it is isolated."""
    lying = PLAIN.model_copy(
        update={"tcp": [each.model_copy(update={"remote_address": "192.0.2.7"}) for each in PLAIN.tcp]}
    )
    deadlines = Deadlines()
    given = "domain_controllers: [10.0.0.10]"
    with rehearsed(tmp_path, monkeypatch, host(lying), text=ISOLATE % given, engine=deadlines.engine) as lab:
        before = lab.states()
        status, _ = lab.plan()
        assert status == 1
        nobody_waits(monkeypatch)
        status, document = lab.json("apply", "plan.json", "--connect-timeout", "5")
        assert (status, came(document)) == (3, {ENGINE: "unknown"})
        assert purposes(lab) == [Purpose.APPLY]
        assert (isolated(lab), guards(lab)) == (True, {"armed"})
        deadlines.pass_time(300)
        assert (isolated(lab), guards(lab)) == (False, {"undone"})
        status, document = lab.json("resume", "last")
        assert (status, came(document)) == (3, {ENGINE: "rolled-back"})
        assert Purpose.CONFIRM not in purposes(lab)
        assert lab.states() == before


def test_where_policy_decides_nothing_is_sent_and_the_plan_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_policy = PLAIN.firewall.model_copy(update={"policy": {"Domain": FirewallProfile(allow_local_rules="False")}})
    decided = PLAIN.model_copy(update={"firewall": of_policy})
    with rehearsed(tmp_path, monkeypatch, host(decided), text=ISOLATE % "") as lab:
        _, plan = lab.plan()
        assert list(plan.changes) == []
        [planned] = plan.hosts
        assert planned.steps[0].verdict is Verdict.UNKNOWN
        assert "group policy decides" in " ".join(lab("show", "plan.json")[1].split())


def test_a_rule_that_somebody_adds_between_plan_and_apply_is_drift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(tmp_path, monkeypatch, host(), text=ISOLATE % "") as lab:
        lab.plan()
        added = PLAIN.firewall.rules[0].model_copy(update={"id": "backdoor", "local_port": ["4444"]})
        lab.alter(
            ENGINE,
            lambda state: state.model_copy(
                update={"firewall": state.firewall.model_copy(update={"rules": [*state.firewall.rules, added]})}
            ),
        )
        status, document = lab.json("apply", "plan.json")
        assert (status, came(document)) == (4, {ENGINE: "refused"})
        assert not isolated(lab)


@pytest.mark.real_powershell
def test_the_scripts_themselves_isolate_a_server_and_bring_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, powershell: Path
) -> None:
    engine = PwshEngine(powershell)
    try:
        with rehearsed(tmp_path, monkeypatch, host(engine="pwsh"), text=ISOLATE % "", engine=engine) as lab:
            before = lab.states()
            assert lab.plan()[0] == 1
            status, document = lab.json("apply", "plan.json")
            assert (status, came(document)) == (0, {ENGINE: "changed"})
            assert (isolated(lab), guards(lab)) == (True, {"confirmed"})
            status, undone = lab.json("rollback", "last")
            assert (status, came(undone)) == (0, {ENGINE: "rolled-back"})
            assert lab.states() == before
    finally:
        engine.close()

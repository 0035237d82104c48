"""Windows Firewall of the lab: its module, what is in force, and what comes of more rules than are looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.engines.sim.answers import windows_firewall
from runner.lab.engines.sim.machine import Machine
from runner.lab.engines.sim.streams import Output
from runner.lab.state import PROFILES, FirewallProfile, FirewallRule, FirewallState, HostState
from runner.transport.gate import BASE_MODULES, LOCK, importing
from tests.runner.lab.engines.client import Client
from tests.runner.lab.engines.judging import SCRIPTS
from tests.runner.lab.engines.timers import Timers

ACTION = "windows.firewall"
IMPORT = importing([*BASE_MODULES, "NetSecurity"]).text
OLD = FirewallState(answers="without-commands")
SWITCH = st.sampled_from(["True", "False", "NotConfigured"])
DEFAULT = st.sampled_from(["Allow", "Block", "NotConfigured"])
PROFILE = st.builds(
    FirewallProfile,
    enabled=SWITCH,
    default_inbound=DEFAULT,
    default_outbound=DEFAULT,
    allow_inbound_rules=SWITCH,
    allow_local_rules=SWITCH,
)


def says_in_a_locked_session(engine: Engine, firewall: FirewallState) -> tuple[list[str], list[object]]:
    """The modules that are not there, and the script's records behind the lock."""
    with Client(engine, HostState(name="EX01", firewall=firewall)) as client:
        missing = [each["Module"] for each in client.run(IMPORT).output]
        client.run(LOCK.text)
        said = client.run(SCRIPTS[ACTION])
        assert (said.problem, said.errors) == (None, [])
        return missing, list(said.records)


@pytest.mark.real_powershell
def test_a_locked_session_reads_it_on_both_engines(powershell: Path) -> None:
    sim, pwsh = SimEngine(Timers().call_later), PwshEngine(powershell)
    try:
        for firewall, missing in ((FirewallState(), []), (OLD, ["NetSecurity"])):
            said = says_in_a_locked_session(pwsh, firewall)
            assert said == says_in_a_locked_session(sim, firewall)
            assert said[0] == missing
    finally:
        pwsh.close()


@given(
    local=st.dictionaries(st.sampled_from(PROFILES), PROFILE),
    policy=st.dictionaries(st.sampled_from(PROFILES), PROFILE),
)
def test_what_policy_sets_is_in_force_and_what_it_leaves_is_the_servers(
    local: dict[str, FirewallProfile], policy: dict[str, FirewallProfile]
) -> None:
    firewall = FirewallState.model_validate({"local": local, "policy": policy})
    for name in PROFILES:
        active = firewall.profile("ActiveStore", name).model_dump()
        assert "NotConfigured" not in active.values()
        for setting, value in active.items():
            of_policy = getattr(firewall.profile("RSOP", name), setting)
            of_server = getattr(firewall.profile("PersistentStore", name), setting)
            said = [each for each in (of_policy, of_server) if each != "NotConfigured"]
            assert not said or said[0] == value


def test_of_more_rules_than_the_cap_all_are_counted_and_the_first_are_listed() -> None:
    rules = [FirewallRule(id=f"rule {number}", local_port=["5985"]) for number in range(2001)]
    items = list(windows_firewall.answer(Machine(HostState(name="EX01", firewall=FirewallState(rules=rules))), {}))
    records = [each.value for each in items if isinstance(each, Output) and isinstance(each.value, dict)]
    [counted] = [each for each in records if each["Kind"] == "FirewallRules" and each["Store"] == "PersistentStore"]
    assert (counted["Enabled"], counted["Allow"], counted["Listed"]) == (2001, 2001, 2000)
    for kind in ("FirewallRule", "FirewallPort", "FirewallRemote", "FirewallProgram"):
        assert [each["InstanceID"] for each in records if each["Kind"] == kind] == [rule.id for rule in rules[:2000]]
    assert "-First 2000" in SCRIPTS[ACTION]

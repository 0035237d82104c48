"""windows.isolate on both engines: the same is made of a server, and all of it comes back, whoever undoes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.actions.windows.isolating import RECOVERY, RecordError, can_be_named, read
from playbooks.findings import Verdict
from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.state import PROFILES, FirewallRule, HostState, LiveState
from tests.runner.lab.engines.client import Client
from tests.runner.lab.engines.isolations import ODD, PLAIN, PLAN, SERVICES, Isolation
from tests.runner.lab.engines.timers import Timers

BEGAN = datetime(2026, 11, 28, tzinfo=UTC)
SECONDS = 300
OTHER = "ba9876543210"
NOTED = f"C:\\Program Files\\exrun\\isolation-{PLAN}"
RELEASED = f"C:\\Program Files\\exrun\\released-{PLAN}"
STRANGE = PLAIN.firewall.model_copy(update={"unset": "refused"})


RECORD: dict[str, Any] = {
    "exrun-isolation": 1,
    "profiles": {name: {"enabled": "True", "inbound": "Block", "outbound": "Allow"} for name in PROFILES},
    "rules": ["a"],
    "automatic": [],
    "running": ["MSExchangeHM"],
    "open_ports": ["443"],
    "allowed": {
        **{key: [] for key in ("name_servers", "directory", "time", "agents", "collectors", "neighbours", "leases")},
        "management": ["10.0.5.7"],
        "winrm_ports": ["5985"],
    },
}


def altered(name: str, value: object) -> str:
    """The record with another value in it, as deep as it is."""
    allowed = {**RECORD["allowed"], name: value} if name in RECORD["allowed"] else RECORD["allowed"]
    return json.dumps({**RECORD, "allowed": allowed, **({name: value} if name in RECORD else {})})


class Lab:
    """An engine, and its servers' time."""

    def __init__(self, powershell: Path | None) -> None:
        self.timers = Timers()
        self.began = BEGAN
        self.pwsh = None if powershell is None else PwshEngine(powershell, now=self.now)
        self.engine: Engine = self.pwsh or SimEngine(self.timers.call_later, self.now)

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.timers.now)

    def pass_time(self, live: LiveState, seconds: int) -> None:
        if self.pwsh is not None and self.began == BEGAN:
            self.began = min(guard.due for guard in live.now.guards.values()) - timedelta(seconds=SECONDS)
        self.timers.pass_time(seconds)
        if self.pwsh is not None:
            self.pwsh.run_due_tasks()


@pytest.fixture(params=["sim", "pwsh"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    found = Lab(request.getfixturevalue("powershell") if request.param == "pwsh" else None)
    yield found
    found.engine.close()


def cut_off(live: LiveState) -> None:
    """Nothing is let through but by rules of the isolation."""
    firewall = live.now.firewall
    for name in PROFILES:
        profile = firewall.profile("ActiveStore", name)
        assert (profile.enabled, profile.default_inbound, profile.default_outbound) == ("True", "Block", "Block")
    allowing = [rule for rule in firewall.rules if rule.enabled and rule.action == "Allow"]
    assert {rule.group for rule in allowing} == {"exrun-isolation"}
    assert all(rule.id.startswith(f"exrun-isolation-{PLAN}-") for rule in allowing)
    anybody = {rule.id.removeprefix(f"exrun-isolation-{PLAN}-") for rule in allowing if rule.remote_address == ["Any"]}
    assert anybody <= {"mtu", "neighbours-in", "neighbours-out", "errors-in", "dhcp-in"}


@pytest.mark.parametrize("state", [PLAIN, ODD], ids=["plain", "odd"])
def test_it_converges_and_what_undoes_it_brings_every_setting_back(lab: Lab, state: HostState) -> None:
    live = LiveState(state)
    with Client(lab.engine, live) as client:
        isolation = Isolation(client)
        planned = isolation.change()
        assert isolation.run(planned.apply) == ""
        cut_off(live)
        for name in ("MSExchangeHM", "MSExchangeHMRecovery"):
            service = live.now.services[name]
            assert (service.state, service.start_mode in ("Disabled", "Manual")) == ("Stopped", True)
        found = isolation.judged()
        assert (found.verdict, found.changes) == (Verdict.OK, ())
        assert found.summary == f"isolated, by plan {PLAN}"
        assert sorted(live.now.files) == [f"{NOTED}.json", f"{NOTED}.wfw"]
        exported = json.loads(live.now.files[f"{NOTED}.wfw"].content)
        assert exported == state.firewall.model_dump(mode="json", include={"local", "rules"})

        assert isolation.run(planned.rollback) == ""
        assert live.now == state
        assert isolation.change() == planned


@pytest.mark.parametrize("state", [PLAIN, ODD], ids=["plain", "odd"])
def test_it_takes_itself_back_at_its_deadline_and_can_be_confirmed_no_more(lab: Lab, state: HostState) -> None:
    live = LiveState(state)
    with Client(lab.engine, live) as client:
        isolation = Isolation(client)
        planned = isolation.change()
        assert isolation.run(planned.apply) == ""
        lab.pass_time(live, SECONDS - 1)
        cut_off(live)
        lab.pass_time(live, 1)
        assert live.now.model_copy(update={"guards": {}}) == state
        assert "confirmed too late" in isolation.run(planned.confirm)
        assert live.now.model_copy(update={"guards": {}}) == state


def test_what_is_confirmed_stays(lab: Lab) -> None:
    live = LiveState(PLAIN)
    with Client(lab.engine, live) as client:
        isolation = Isolation(client)
        planned = isolation.change()
        assert isolation.run(planned.apply) == ""
        assert isolation.run(planned.confirm) == ""
        lab.pass_time(live, 10 * SECONDS)
        cut_off(live)


def test_where_a_default_cannot_be_set_back_to_nothing_it_becomes_what_that_stands_for(lab: Lab) -> None:
    """The documentation has NotConfigured for group policy alone: then what is in force is the same as before."""
    state = PLAIN.model_copy(update={"firewall": STRANGE})
    live = LiveState(state)
    with Client(lab.engine, live) as client:
        isolation = Isolation(client)
        planned = isolation.change()
        assert isolation.run(planned.apply) == ""
        assert isolation.run(planned.rollback) == ""
        for name in PROFILES:
            before, after = (each.firewall.profile("ActiveStore", name) for each in (state, live.now))
            assert before == after
        assert live.now.firewall.rules == state.firewall.rules


def test_what_cannot_be_given_back_keeps_nothing_else_from_it(lab: Lab) -> None:
    broken = PLAIN.model_copy(
        update={
            "services": {
                **SERVICES,
                "MSExchangeHMRecovery": SERVICES["MSExchangeHMRecovery"].model_copy(update={"on_start": "fails"}),
            }
        }
    )
    live = LiveState(broken)
    with Client(lab.engine, live) as client:
        isolation = Isolation(client)
        planned = isolation.change()
        assert isolation.run(planned.apply) == ""
        said = isolation.run(planned.rollback)
        assert said.startswith("Not all of it was given back: the service MSExchangeHMRecovery: ")
        assert live.now.firewall == broken.firewall
        assert live.now.services["MSExchangeHM"] == SERVICES["MSExchangeHM"]
        assert live.now.files == {}


def test_what_netsh_does_not_export_holds_nothing_up_and_is_said(lab: Lab) -> None:
    state = PLAIN.model_copy(update={"firewall": PLAIN.firewall.model_copy(update={"exports": "in-part"})})
    live = LiveState(state)
    with Client(lab.engine, live) as client:
        isolation = Isolation(client)
        planned = isolation.change()
        assert isolation.run(planned.apply) == ""
        cut_off(live)
        assert sorted(live.now.files) == [f"{NOTED}.json"], "half of an export is none"
        found = isolation.judged()
        assert (found.verdict, [each.id for each in found.findings]) == (Verdict.OK, ["windows.isolate.unexported"])
        assert isolation.run(planned.rollback) == ""
        assert live.now == state


def test_the_export_stays_where_the_firewall_is_not_given_back_and_what_undoes_it_says_where(lab: Lab) -> None:
    live = LiveState(PLAIN)
    with Client(lab.engine, live) as client:
        planned = Isolation(client).change()
        assert Isolation(client).run(planned.apply) == ""
    denied = live.now.firewall.model_copy(update={"answers": "denied"})
    live.be_another(live.now.model_copy(update={"firewall": denied}))
    with Client(lab.engine, live) as client:
        said = Isolation(client).run(planned.rollback)
    assert said.startswith("Not all of it was given back: the profile Domain: Access is denied")
    assert said.endswith(f"; all of the policy as it was is in {NOTED}.wfw")
    assert sorted(live.now.files) == [f"{NOTED}.wfw"]


def test_a_rule_that_somebody_has_removed_since_keeps_nothing_else_from_coming_back(lab: Lab) -> None:
    live = LiveState(PLAIN)
    with Client(lab.engine, live) as client:
        planned = Isolation(client).change()
        assert Isolation(client).run(planned.apply) == ""
    firewall = live.now.firewall
    gone, left = firewall.rules[0], firewall.rules[1:]
    live.be_another(live.now.model_copy(update={"firewall": firewall.model_copy(update={"rules": left})}))
    with Client(lab.engine, live) as client:
        assert Isolation(client).run(planned.rollback) == ""
    assert live.now.firewall.rules == [rule for rule in PLAIN.firewall.rules if rule.id != gone.id]
    assert live.now.firewall.local == PLAIN.firewall.local


def test_what_somebody_has_made_since_stays_for_no_export_is_imported(lab: Lab) -> None:
    live = LiveState(PLAIN)
    with Client(lab.engine, live) as client:
        planned = Isolation(client).change()
        assert Isolation(client).run(planned.apply) == ""
    made = FirewallRule(id="monitoring", direction="Outbound", protocol="TCP", enabled=False)
    firewall = live.now.firewall.model_copy(update={"rules": [*live.now.firewall.rules, made]})
    live.be_another(live.now.model_copy(update={"firewall": firewall}))
    with Client(lab.engine, live) as client:
        assert Isolation(client).run(planned.rollback) == ""
    assert live.now.firewall.rules == [*PLAIN.firewall.rules, made]


def test_a_server_that_cannot_note_what_it_was_like_stays_as_it_is() -> None:
    state = PLAIN.model_copy(update={"disk_full": True})
    live = LiveState(state)
    engine = SimEngine(Timers().call_later)
    with Client(engine, live) as client:
        isolation = Isolation(client)
        planned = isolation.change()
        assert "not enough space" in isolation.run(planned.apply)
        assert live.now.firewall == state.firewall


def test_everything_that_may_be_let_through_is_let_through_by_rules_of_its_own(lab: Lab) -> None:
    live = LiveState(ODD)
    with Client(lab.engine, live) as client:
        isolation = Isolation(
            client,
            management=("127.0.0.0/8",),
            domain_controllers=("10.0.0.0/24",),
            ntp=("10.0.0.123",),
            edr=("192.0.2.10",),
            evidence=("10.0.8.0/24",),
        )
        assert isolation.run(isolation.change().apply) == ""
    ours = {
        rule.id.removeprefix(f"exrun-isolation-{PLAN}-"): (
            rule.direction,
            rule.protocol,
            rule.local_port,
            rule.remote_port,
            rule.remote_address,
        )
        for rule in live.now.firewall.rules
        if rule.group == "exrun-isolation"
    }
    anywhere, winrm, servers = ["Any"], ["5985", "5986"], ["10.0.0.10", "fd00::10"]
    assert ours == {
        "winrm": ("Inbound", "TCP", winrm, anywhere, ["127.0.0.0/8"]),
        "mtu": ("Inbound", "ICMPv4", anywhere, anywhere, anywhere),
        "dns-udp": ("Outbound", "UDP", anywhere, ["53"], servers),
        "dns-tcp": ("Outbound", "TCP", anywhere, ["53"], servers),
        "directory": ("Outbound", "Any", anywhere, anywhere, ["10.0.0.0/24"]),
        "time": ("Outbound", "UDP", anywhere, ["123"], ["10.0.0.0/24", "10.0.0.123"]),
        "agents": ("Outbound", "TCP", anywhere, anywhere, ["192.0.2.10"]),
        "evidence-in": ("Inbound", "Any", anywhere, anywhere, ["10.0.8.0/24"]),
        "evidence-out": ("Outbound", "Any", anywhere, anywhere, ["10.0.8.0/24"]),
        "neighbours-in": ("Inbound", "ICMPv6", anywhere, anywhere, anywhere),
        "neighbours-out": ("Outbound", "ICMPv6", anywhere, anywhere, anywhere),
        "errors-in": ("Inbound", "ICMPv6", anywhere, anywhere, anywhere),
        "dhcp-out": ("Outbound", "UDP", ["68"], ["67"], ["10.0.0.2", "255.255.255.255"]),
        "dhcp-in": ("Inbound", "UDP", ["68"], ["67"], anywhere),
        "dhcpv6-out": ("Outbound", "UDP", ["546"], ["547"], ["ff02::1:2"]),
        "dhcpv6-in": ("Inbound", "UDP", ["546"], ["547"], ["fe80::/10"]),
    }


@pytest.mark.parametrize("state", [PLAIN, ODD], ids=["plain", "odd"])
def test_a_release_brings_back_what_was_recorded_and_what_undoes_it_isolates_again(lab: Lab, state: HostState) -> None:
    live = LiveState(state)
    with Client(lab.engine, live) as client:
        isolation = Isolation(client)
        planned = isolation.change()
        assert isolation.run(planned.apply) == isolation.run(planned.confirm) == ""
        isolated = live.now.model_copy(update={"guards": {}})

        release = Isolation(client, "windows.release")
        given_back = release.change(OTHER)
        assert release.run(given_back.apply) == ""
        after = live.now
        assert (after.firewall, after.services) == (state.firewall, state.services)
        assert sorted(after.files) == [f"{RELEASED}.json", f"{RELEASED}.wfw"]
        assert release.judged().summary == f"released, by the record of plan {PLAN}"
        assert release.judged().changes == ()
        assert isolation.judged().verdict is Verdict.ATTENTION  # it could be isolated anew

        assert release.run(given_back.rollback) == ""
        assert live.now.model_copy(update={"guards": {}}) == isolated
        cut_off(live)
        assert release.change(OTHER) == given_back


def test_a_release_that_nobody_confirms_ends_in_the_isolation(lab: Lab) -> None:
    live = LiveState(PLAIN)
    with Client(lab.engine, live) as client:
        isolation = Isolation(client)
        planned = isolation.change()
        assert isolation.run(planned.apply) == isolation.run(planned.confirm) == ""
        assert Isolation(client).run(Isolation(client, "windows.release").change(OTHER).apply) == ""
        lab.pass_time(live, 2 * SECONDS)
        cut_off(live)


def test_what_listens_no_more_behind_a_release_is_said() -> None:
    live = LiveState(PLAIN)
    engine = SimEngine(Timers().call_later)
    with Client(engine, live) as client:
        assert Isolation(client).run(Isolation(client).change().apply) == ""
        assert Isolation(client).run(Isolation(client, "windows.release").change(OTHER).apply) == ""
        live.be_another(live.now.model_copy(update={"tcp": [each for each in PLAIN.tcp if each.local_port != 443]}))
    with Client(engine, live) as client:
        found = Isolation(client, "windows.release").judged()
        assert (found.verdict, found.facts["silent"]) == (Verdict.ATTENTION, ("443",))


def test_what_listens_behind_a_release_and_lets_nobody_in_is_said(lab: Lab) -> None:
    live = LiveState(PLAIN)
    with Client(lab.engine, live) as client:
        assert Isolation(client).run(Isolation(client).change().apply) == ""
        assert Isolation(client).run(Isolation(client, "windows.release").change(OTHER).apply) == ""
    mute = [each.model_copy(update={"accepts": each.local_port != 443}) for each in PLAIN.tcp]
    live.be_another(live.now.model_copy(update={"tcp": mute}))
    with Client(lab.engine, live) as client:
        found = Isolation(client, "windows.release").judged()
    assert (found.verdict, found.facts["silent"]) == (Verdict.ATTENTION, ("443",))
    assert [finding.evidence for finding in found.findings] == [("TCP 443: listens, and lets nobody in at 127.0.0.1",)]


VALUES = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=5) | st.integers(), max_size=2)


@given(
    st.text(max_size=50)
    | st.builds(json.dumps, VALUES | st.dictionaries(st.sampled_from([*RECORD]), VALUES, max_size=4))
    | st.builds(altered, st.sampled_from([*RECORD, *RECORD["allowed"]]), VALUES)
)
def test_a_record_that_is_none_is_refused_and_no_other_error_comes_of_it(text: str) -> None:
    """Whoever is administrator there can have written it."""
    try:
        recorded = read(text)
    except RecordError:
        return
    assert all(can_be_named(rule) for rule in recorded.rules)
    assert set(recorded.running) | set(recorded.automatic) <= set(RECOVERY)
    assert recorded.allowed.management
    assert read(recorded.text) == recorded

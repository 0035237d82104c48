"""Servers that are to be isolated, and what the action makes of them on an engine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import ReadyChange
from playbooks.changing import ready_changes
from playbooks.findings import Assessment
from playbooks.loading import load_action
from playbooks.model import Action
from playbooks.rendering import render
from playbooks.shelf import shelf
from playbooks.values import Value
from runner.answers import observation_of
from runner.lab.state import RULES, FirewallProfile, FirewallRule, FirewallState, HostState, ServiceState, TcpState
from runner.transport.interface import Completed, Script, Streams
from tests.runner.lab.engines.client import Client
from tests.runner.lab.engines.judging import ISOLATION, as_value

CATALOGUE = Catalogue.load()
TODAY = date(2026, 11, 28)
PLAN = "0123456789ab"
SERVICES = {
    "MpsSvc": ServiceState(),
    "MSExchangeHM": ServiceState(display_name="Health Manager"),
    "MSExchangeHMRecovery": ServiceState(display_name="Health Manager Recovery"),
}
PLAIN = HostState(
    name="EX1",
    joined=True,
    dns_servers=["10.0.0.10", "fec0:0:0:ffff::1"],
    tcp=[
        TcpState(state="Listen", local_port=5985),
        TcpState(state="Listen", local_port=443, local_address="::"),
        TcpState(local_port=5985, remote_address="127.0.0.1", remote_port=50001),
        TcpState(local_port=50002, remote_address="10.0.0.10", remote_port=3268),
    ],
    services=SERVICES,
)
# What comes back has to come back as it was, each in its own way.
ODD = PLAIN.model_copy(
    update={
        "firewall": FirewallState(
            local={
                "Domain": FirewallProfile(enabled="False", default_inbound="Allow"),
                "Private": FirewallProfile(enabled="True", default_outbound="Allow"),
            },
            rules=[
                *RULES,
                FirewallRule(id="off", enabled=False),
                FirewallRule(id="Größe ☃ 'x' \"y\"", display_name="quoted"),
                FirewallRule(id="blocked", action="Block", local_port=["445"]),
                FirewallRule(id="out", direction="Outbound", protocol="Any"),
                *(FirewallRule(id=f"{{{number:08X}}}", local_port=[str(number)]) for number in range(1, 120)),
            ],
        ),
        "services": {
            **SERVICES,
            "MSExchangeHM": ServiceState(state="Stopped", start_mode="Manual"),
            "MSExchangeHMRecovery": ServiceState(start_mode="Manual"),
        },
        "dns_servers": ["10.0.0.10", "fd00::10"],
        "leases": ["10.0.0.2", ""],
        "leased_v6": 1,
    }
)


def action(name: str) -> Action:
    """A built-in one."""
    [found] = shelf([]).action(name)
    return load_action(found, CATALOGUE)


class Isolation:
    """The action on a server, as a plan has it.

    Args:
        given: parameters, beside their defaults.
    """

    def __init__(self, client: Client, name: str = "windows.isolate", **given: Value) -> None:
        self.action = action(name)
        self.params: Mapping[str, Value] = {**(ISOLATION if name == "windows.isolate" else {}), **given}
        self._client = client

    def judged(self) -> Assessment:
        """A look at the server."""
        collect = render(self.action.templates.collect, self.params)
        said = self._client.run(collect)
        assert (said.problem, said.errors) == (None, [])
        records = tuple({name: as_value(each) for name, each in record.items()} for record in said.output)
        observed = observation_of(
            Completed(Script(self.action.id, collect), Streams(output=records), 0.0), self.action.contract
        )
        return self.action.assess(observed, self.params, CATALOGUE, TODAY)

    def change(self, plan: str = PLAN) -> ReadyChange:
        """The one change that is named, with the scripts that would be sent."""
        found = self.judged()
        [ready] = ready_changes(self.action, self.params, found.changes, plan)
        return ready

    def run(self, text: str | None) -> str:
        """What a script ended in; empty where it came to its end."""
        assert text is not None
        said = self._client.run(text)
        return "" if said.problem is None else said.problem[0]

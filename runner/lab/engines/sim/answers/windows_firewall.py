"""windows.firewall: profiles and rules of Windows Firewall, as its stores have them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.records import record, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError, folded
from runner.lab.engines.sim.streams import Items
from runner.lab.state import PROFILES, FirewallRule

_LISTED = 2000
_MAY_REACH_WINRM = re.compile(r"(^|,)(Any|5985|5986|[0-9]+-[0-9]+)(,|$)", re.IGNORECASE)
_TCP = ("TCP", "6", "ANY")


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    try:
        states = [each.state for each in machine.services() if folded(each.name) == "MPSSVC"]
        yield record("FirewallService", State=states[0].replace(" ", "") if states else None)
    except UnreadableError as error:
        yield unread("MpsSvc", error)
    yield from profiles(machine)
    firewall = machine.state.firewall
    yield from _rules(machine, "PersistentStore", firewall.rules)
    yield from _rules(machine, "RSOP", firewall.policy_rules)


def profiles(machine: Machine) -> Items:
    """The profiles of each store, as every script that asks for them gives them."""
    for store in ("ActiveStore", "PersistentStore", "RSOP"):
        try:
            machine.ask_firewall("Get-NetFirewallProfile")
        except UnreadableError as error:
            yield unread(f"profiles of {store}", error)
            continue
        for name in PROFILES:
            profile = machine.state.firewall.profile(store, name)
            yield record(
                "FirewallProfile",
                Store=store,
                Name=name,
                Enabled=profile.enabled,
                DefaultInboundAction=profile.default_inbound,
                DefaultOutboundAction=profile.default_outbound,
                AllowInboundRules=profile.allow_inbound_rules,
                AllowLocalFirewallRules=profile.allow_local_rules,
            )


def _rules(machine: Machine, store: str, rules: list[FirewallRule]) -> Items:
    try:
        machine.ask_firewall("Get-NetFirewallRule")
    except UnreadableError as error:
        yield unread(f"rules of {store}", error)
        return
    enabled = [rule for rule in rules if rule.enabled]
    listed = enabled[:_LISTED]
    yield record(
        "FirewallRules",
        Store=store,
        Enabled=len(enabled),
        Allow=sum(rule.action == "Allow" for rule in enabled),
        Block=sum(rule.action == "Block" for rule in enabled),
        Listed=len(listed),
    )
    for rule in listed:
        yield record(
            "FirewallRule",
            Store=store,
            InstanceID=rule.id,
            DisplayName=rule.display_name,
            Group=rule.group,
            Direction=rule.direction,
            Action=rule.action,
            Profile=rule.profile,
            Source=store,
        )
    inbound = {folded(rule.id) for rule in listed if rule.direction == "Inbound" and rule.action == "Allow"}
    may = [
        rule
        for rule in rules
        if folded(rule.id) in inbound
        and folded(rule.protocol) in _TCP
        and _MAY_REACH_WINRM.search(",".join(rule.local_port))
    ]
    for rule in may:
        yield record(
            "FirewallPort", Store=store, InstanceID=rule.id, Protocol=rule.protocol, LocalPort=[*rule.local_port]
        )
    for rule in may:
        yield record("FirewallRemote", Store=store, InstanceID=rule.id, RemoteAddress=[*rule.remote_address])
    for rule in may:
        yield record("FirewallProgram", Store=store, InstanceID=rule.id, Program=rule.program)

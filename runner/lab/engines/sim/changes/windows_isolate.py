"""windows.isolate: a server is cut off from all but what is named, and gets back what it had."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from playbooks.guarding import FOLDER
from playbooks.values import Value, text_of
from runner.lab.engines.sim import file_system, service_control
from runner.lab.engines.sim.machine import Machine, UnreadableError, folded
from runner.lab.engines.sim.streams import Failed, Items, Problem, Warned, error_thrown
from runner.lab.state import PROFILES, FileState, FirewallProfile, FirewallRule, FirewallState, LiveState

_GROUP = "exrun-isolation"
_NOT_TAKEN = "The parameter is incorrect. "
_ANYBODY = {"remote_address": ["Any"]}
_OF_DHCP: Mapping[str, object] = {"local_port": ["68"], "remote_port": ["67"], "protocol": "UDP"}
_OF_DHCPV6: Mapping[str, object] = {"local_port": ["546"], "remote_port": ["547"], "protocol": "UDP"}
_IN: Mapping[str, object] = {"direction": "Inbound"}
_OUT: Mapping[str, object] = {"direction": "Outbound"}
# By the value that the script shows for it: what it lets through, in the order of the script. Whom it is about is that
# value, where it is not said here.
_RULES: tuple[tuple[str, str, str, Mapping[str, object]], ...] = (
    ("managers", "winrm", "WinRM", {**_IN, "protocol": "TCP"}),
    ("managers", "mtu", "fragmentation needed", {**_IN, **_ANYBODY, "protocol": "ICMPv4", "icmp_type": ["3:4"]}),
    ("name_servers", "dns-udp", "DNS", {**_OUT, "protocol": "UDP", "remote_port": ["53"]}),
    ("name_servers", "dns-tcp", "DNS", {**_OUT, "protocol": "TCP", "remote_port": ["53"]}),
    ("directory", "directory", "domain controllers", {**_OUT, "protocol": "Any"}),
    ("time", "time", "time", {**_OUT, "protocol": "UDP", "remote_port": ["123"]}),
    ("agents", "agents", "endpoint detection", {**_OUT, "protocol": "TCP"}),
    ("collectors", "evidence-in", "evidence", {**_IN, "protocol": "Any"}),
    ("collectors", "evidence-out", "evidence", {**_OUT, "protocol": "Any"}),
    ("neighbours", "neighbours-in", "IPv6 neighbours", {**_IN, **_ANYBODY, "protocol": "ICMPv6"}),
    ("neighbours", "neighbours-out", "IPv6 neighbours", {**_OUT, **_ANYBODY, "protocol": "ICMPv6"}),
    ("neighbours", "errors-in", "IPv6 errors", {**_IN, **_ANYBODY, "protocol": "ICMPv6", "icmp_type": [*"1234"]}),
    ("leases", "dhcp-out", "DHCP", {**_OUT, **_OF_DHCP}),
    ("leases", "dhcp-in", "DHCP", {**_IN, **_ANYBODY, **_OF_DHCP}),
    ("leases", "dhcpv6-out", "DHCPv6", {**_OUT, **_OF_DHCPV6, "remote_address": ["ff02::1:2"]}),
    ("leases", "dhcpv6-in", "DHCPv6", {**_IN, **_OF_DHCPV6, "remote_address": ["fe80::/10"]}),
)


def apply(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the apply script does."""
    return isolate(live, values, text_of(values, "plan"), _recorded)


def rollback(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the rollback script does."""
    return release(live, values, text_of(values, "plan"), _forgotten)


Note = Callable[[LiveState, Mapping[str, Value]], Items]
Ends = Callable[[LiveState, Mapping[str, Value], bool], list[str]]


def isolate(live: LiveState, values: Mapping[str, Value], plan: str, note: Note) -> Items:
    """Until the first error, as the script does.

    Args:
        note: what it does with the record.
    """
    steps: list[Items] = [
        *(service_control.set_start_type(live, name, "Disabled") for name in _texts(values, "recovery_auto")),
        *(service_control.stop(live, name) for name in _texts(values, "recovery_running")),
        note(live, values),
        _isolated(live, values, plan),
    ]
    for step in steps:
        for item in step:
            yield item
            if isinstance(item, Failed):
                return


def _isolated(live: LiveState, values: Mapping[str, Value], plan: str) -> Items:
    for told, end, what, of_rule in _RULES:
        if not (addresses := _texts(values, told)):
            continue
        if (problem := _not_asked(live, "New-NetFirewallRule")) is not None:
            yield Failed(problem)
            return
        more: dict[str, object] = {"icmp_type" if told == "neighbours" else "remote_address": addresses}
        if end == "winrm":
            more["local_port"] = _texts(values, "winrm_ports")
        rule = FirewallRule.model_validate(
            {
                "id": f"exrun-isolation-{plan}-{end}",
                "display_name": f"exrun-isolation: {what}",
                "group": _GROUP,
                **more,
                **of_rule,
            }
        )
        if _named(live.now.firewall, rule.id) is not None:
            why = "Cannot create a file when that file already exists. "
            about = "HRESULT 0x800700b7,New-NetFirewallRule"
            yield Failed(Problem(why, about, "ResourceExists", "System.IO.IOException", target=rule.id))
            return
        _put(live, rules=[*live.now.firewall.rules, rule])
    for name in _texts(values, "rules"):
        problem = _switched(live, name, enabled=False)
        if problem is not None:
            yield Failed(problem)
            return
    for profile in PROFILES:
        problem = _set(live, profile, "True", "Block", "Block")
        if problem is not None:
            yield Failed(problem)
            return


def release(live: LiveState, values: Mapping[str, Value], plan: str, ends: Ends) -> Items:
    """Each thing by itself, and what failed of it at the end, as the script does.

    Args:
        ends: what it does with the record and the export, told whether something failed of the firewall; what it says
            besides where something failed.
    """
    failed: list[str] = []
    for profile in PROFILES:
        low = profile.lower()
        for suffix in ("", "_or"):
            wanted = [text_of(values, f"{low}_{each}{suffix}") for each in ("enabled", "inbound", "outbound")]
            problem = _set(live, profile, *wanted)
            if problem is None:
                break
        else:
            assert problem is not None
            failed.append(f"the profile {profile}: {problem.message}")
    there: set[str] = set()
    if (problem := _not_asked(live, "Get-NetFirewallRule")) is None:
        there = {folded(rule.id) for rule in live.now.firewall.rules}
    else:
        failed.append(f"the rules: {problem.message}")
    for name in _texts(values, "rules"):
        if folded(name) in there and (problem := _switched(live, name, enabled=True)) is not None:
            failed.append(f"the rule {name}: {problem.message}")
    ours = {folded(f"exrun-isolation-{plan}-{end}") for _, end, _, _ in _RULES}
    _put(live, rules=[rule for rule in live.now.firewall.rules if folded(rule.id) not in ours & there])
    of_firewall = bool(failed)
    for name in _texts(values, "recovery_auto"):
        yield from _tried(service_control.set_start_type(live, name, "Automatic"), f"the service {name}", failed)
    for name in _texts(values, "recovery_running"):
        yield from _tried(service_control.start(live, name), f"the service {name}", failed)
    failed += ends(live, values, of_firewall)
    if failed:
        yield Failed(error_thrown(f"Not all of it was given back: {'; '.join(failed)}"))


def _tried(items: Items, what: str, failed: list[str]) -> Items:
    for item in items:
        if isinstance(item, Failed):
            failed.append(f"{what}: {item.problem.message}")
        else:
            yield item


def _recorded(live: LiveState, values: Mapping[str, Value]) -> Items:
    path = f"{FOLDER}\\isolation-{text_of(values, 'plan')}.json"
    if live.now.disk_full:
        file_system.put(live, path, FileState())
        yield Failed(file_system.no_space(path))
        return
    # Windows PowerShell 5.1 writes a byte-order mark and ends the line.
    file_system.put(live, path, FileState(content=f"\ufeff{text_of(values, 'record')}\r\n"))
    yield from _exported(live, f"{FOLDER}\\isolation-{text_of(values, 'plan')}.wfw")


def _exported(live: LiveState, path: str) -> Items:
    """What netsh makes of the policy: here its JSON, on Windows what no other program reads."""
    _removed(live, path)
    problem, firewall = _not_asked(live, "netsh"), live.now.firewall
    if problem is not None or firewall.exports == "in-part":
        yield Warned("The policy of the firewall was not exported: netsh ended with 1")
        return
    policy = firewall.model_dump(mode="json", include={"local", "rules"})
    file_system.put(live, path, FileState(content=json.dumps(policy)))


def _forgotten(live: LiveState, values: Mapping[str, Value], of_firewall: bool) -> list[str]:
    path, whole = (f"{FOLDER}\\isolation-{text_of(values, 'plan')}.{ending}" for ending in ("json", "wfw"))
    _removed(live, path)
    if of_firewall and file_system.at(live.now.files, whole) is not None:
        return [f"all of the policy as it was is in {whole}"]
    _removed(live, whole)
    return []


def _removed(live: LiveState, path: str) -> None:
    if file_system.spelt(live.now.files, path) is None:
        return
    files = {each: file for each, file in live.now.files.items() if folded(each) != folded(path)}
    live.become(live.now.model_copy(update={"files": files}))  # the folder is that of guards, which are told apart


def _not_asked(live: LiveState, command: str) -> Problem | None:
    try:
        Machine(live.now).ask_firewall(command)
    except UnreadableError as error:
        return error_thrown(str(error))
    return None


def _named(firewall: FirewallState, name: str) -> FirewallRule | None:
    return next((rule for rule in firewall.rules if folded(rule.id) == folded(name)), None)


def _switched(live: LiveState, name: str, *, enabled: bool) -> Problem | None:
    command = f"{'Enable' if enabled else 'Disable'}-NetFirewallRule"
    if (problem := _not_asked(live, command)) is not None:
        return problem
    if _named(live.now.firewall, name) is None:
        why = (
            f"No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '{name}'.  Verify the "
            "value of the property and retry."
        )
        about = f"CmdletizationQuery_NotFound_InstanceID,{command}"
        return Problem(why, about, "ObjectNotFound", "System.Management.Automation.ItemNotFoundException", target=name)
    _put(
        live,
        rules=[
            rule.model_copy(update={"enabled": enabled}) if folded(rule.id) == folded(name) else rule
            for rule in live.now.firewall.rules
        ],
    )
    return None


def _set(live: LiveState, name: str, enabled: str, inbound: str, outbound: str) -> Problem | None:
    if (problem := _not_asked(live, "Set-NetFirewallProfile")) is not None:
        return problem
    firewall = live.now.firewall
    if firewall.unset == "refused" and "NotConfigured" in (enabled, inbound, outbound):
        return error_thrown(_NOT_TAKEN)
    profile = next(each for each in PROFILES if each == name)
    was = firewall.local.get(profile, FirewallProfile(enabled="True"))
    update = {"enabled": enabled, "default_inbound": inbound, "default_outbound": outbound}
    _put(live, local={**firewall.local, profile: was.model_copy(update=update)})
    return None


def _put(live: LiveState, **update: object) -> None:
    firewall = live.now.firewall.model_copy(update=update)
    live.become(live.now.model_copy(update={"firewall": firewall}))


def _texts(values: Mapping[str, Value], name: str) -> list[str]:
    found = values.get(name)
    return [str(each) for each in found] if isinstance(found, list | tuple) else []

"""windows.isolate: whether the server could be isolated by its own firewall, as its stores and connections have it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from playbooks.guarding import FOLDER
from playbooks.values import Value
from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.answers.records import record, text, unread
from runner.lab.engines.sim.answers.windows_firewall import profiles
from runner.lab.engines.sim.machine import Machine, UnreadableError, folded
from runner.lab.engines.sim.streams import Items
from runner.lab.state import FirewallRule

_LISTED = 2000
_NAMED = 50
_ASKED = {folded(name) for name in ("MpsSvc", "ClusSvc", "MSExchangeHM", "MSExchangeHMRecovery")}
_DIRECTORY = (389, 636, 3268, 3269)
_SERVED = (25, 80, 110, 143, 443, 587, 717, 993, 995, 2525)
_TIME = "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\W32Time\\Parameters"
_HISTORY = (
    "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Group Policy\\History\\{35378EAC-683F-11D2-A89A-00C04FBBCFA2}"
)
_EXPORT = re.compile(r"isolation-[0-9a-f]{12}\.wfw", re.IGNORECASE)
_NO_COUNTER = "The specified object was not found on the computer."
_MODES = {"Auto": "Automatic"}


def answer(machine: Machine, values: Mapping[str, Value]) -> Items:
    """The script's objects."""
    clustered = False
    try:
        for each in machine.services():
            if folded(each.name) in _ASKED:
                mode = _MODES.get(each.start_mode, each.start_mode)
                yield record("Service", Name=each.name, State=each.state.replace(" ", ""), StartMode=mode)
                clustered = clustered or (folded(each.name) == "CLUSSVC" and each.start_mode != "Disabled")
        yield record("Services", Asked=True)
    except UnreadableError as error:
        yield unread("services", error)
    yield from profiles(machine)
    firewall = machine.state.firewall
    yield from _rules(machine, "PersistentStore", firewall.rules)
    yield from _rules(machine, "RSOP", firewall.policy_rules)
    yield from connections(machine, values["winrm_ports"])
    for address in machine.state.dns_servers:
        yield record("NameServer", Address=address)
    yield record("NameServers", Asked=True)
    try:
        servers = machine.leases()
        for server in servers:
            yield record("Lease", Server=server or None)
        yield record("Adapters", Found=len(servers) + 2, LeasedV6=machine.state.leased_v6)
    except UnreadableError as error:
        yield unread("adapters", error)
    try:
        yield record("Member", Joined=machine.in_domain())
    except UnreadableError as error:
        yield unread("Win32_ComputerSystem", error)
    try:
        time = machine.values(_TIME)
        yield record("TimeSource", Type=text(time["Type"]), Servers=text(time["NtpServer"]))
    except UnreadableError as error:
        yield unread(_TIME, error)
    yield from _policies(machine)
    names = [name for name in file_system.names_in(machine.state.files, FOLDER) if _EXPORT.fullmatch(name)]
    for name in names[:100]:
        file = file_system.at(machine.state.files, f"{FOLDER}\\{name}")
        assert file is not None
        yield record("Export", Name=name, Empty=file.length == 0)
    yield record("Exports", Found=len(names))
    if clustered:
        yield from _mounted(machine)


def _mounted(machine: Machine) -> Items:
    """By the counter, where it is named in English; else by WMI."""
    mounted = machine.state.databases_mounted
    if mounted is not None and machine.state.counters == "english":
        yield record("ActiveCopies", Mounted=mounted)
        return
    try:
        yield record("ActiveCopies", Mounted=machine.mounted_by_wmi())
    except UnreadableError as error:
        why = f"the counter: {_NO_COUNTER}; WMI: {error}"
        yield unread("mounted databases", UnreadableError(why))


def _policies(machine: Machine) -> Items:
    try:
        numbers = machine.names_below(_HISTORY)
    except UnreadableError as error:
        yield unread(_HISTORY, error)
        return
    for number in numbers:
        try:
            found = machine.values(f"{_HISTORY}\\{number}")
            yield record("Policy", Place=number, DisplayName=text(found["DisplayName"]))
        except UnreadableError as error:
            yield unread(f"{_HISTORY}\\{number}", error)


def connections(machine: Machine, winrm_ports: Value) -> Items:
    """Who is connected, and what the server listens to."""
    ports = tuple(map(str, winrm_ports)) if isinstance(winrm_ports, list | tuple) else ()
    peers: list[str] = []
    directory: list[str] = []
    heard: list[str] = []
    for each in machine.state.tcp:
        established, port = each.state == "Established", str(each.local_port)
        if established and port in ports and each.remote_address not in peers:
            peers.append(each.remote_address)
        if established and each.remote_port in _DIRECTORY and each.remote_address not in directory:
            directory.append(each.remote_address)
        outside = each.state == "Listen" and each.local_address not in ("127.0.0.1", "::1")
        if outside and each.local_port in _SERVED and port not in heard:
            heard.append(port)
    yield record("Connections", Winrm=len(peers), Directory=len(directory))
    for address in peers[:_NAMED]:
        yield record("Connection", To="winrm", Address=address)
    for address in directory[:_NAMED]:
        yield record("Connection", To="directory", Address=address)
    for port in heard:
        yield record("OpenPort", Port=port)


def _rules(machine: Machine, store: str, rules: list[FirewallRule]) -> Items:
    try:
        machine.ask_firewall("Get-NetFirewallRule")
    except UnreadableError as error:
        yield unread(f"rules of {store}", error)
        return
    enabled = [rule for rule in rules if rule.enabled]
    listed = enabled[:_LISTED]
    allow = sum(rule.action == "Allow" for rule in enabled)
    yield record("FirewallRules", Store=store, Enabled=len(enabled), Allow=allow, Listed=len(listed))
    for rule in listed:
        yield record(
            "FirewallRule",
            Store=store,
            InstanceID=rule.id,
            DisplayName=rule.display_name,
            Group=rule.group,
            Direction=rule.direction,
            Action=rule.action,
            Source=(rule.gpo or store) if store == "RSOP" else store,
        )
    blocking = {folded(rule.id) for rule in listed if rule.direction == "Inbound" and rule.action == "Block"}
    those = [rule for rule in rules if folded(rule.id) in blocking]
    for rule in those:
        yield record(
            "FirewallPort", Store=store, InstanceID=rule.id, Protocol=rule.protocol, LocalPort=[*rule.local_port]
        )
    for rule in those:
        yield record("FirewallRemote", Store=store, InstanceID=rule.id, RemoteAddress=[*rule.remote_address])

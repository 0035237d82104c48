"""windows.release: whether the server is isolated, what was recorded of it, and what it listens to."""

from __future__ import annotations

import re
from collections.abc import Mapping

from playbooks.guarding import FOLDER
from playbooks.values import Value
from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.answers.records import record, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError, folded
from runner.lab.engines.sim.streams import Items

_NOTE = re.compile(r"(isolation|released)-[0-9a-f]{12}\.json", re.IGNORECASE)
_ASKED = {folded(name) for name in ("MSExchangeHM", "MSExchangeHMRecovery")}
_MODES = {"Auto": "Automatic"}
_SERVED = (25, 80, 110, 143, 443, 587, 717, 993, 995, 2525)
_EVERYWHERE = ("0.0.0.0", "::")
_LARGEST = 1_000_000


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    files = machine.state.files
    names = [name for name in file_system.names_in(files, FOLDER) if _NOTE.fullmatch(name)]
    for name in names[:100]:
        file = file_system.at(files, f"{FOLDER}\\{name}")
        assert file is not None
        content = file.data.decode().removeprefix("\ufeff") if file.length <= _LARGEST else None
        yield record("IsolationNote", Name=name, Written=file.modified, Content=content)
    yield record("IsolationNotes", Found=len(names))
    try:
        for each in machine.services():
            if folded(each.name) in _ASKED:
                mode = _MODES.get(each.start_mode, each.start_mode)
                yield record("Service", Name=each.name, State=each.state.replace(" ", ""), StartMode=mode)
        yield record("Services", Asked=True)
    except UnreadableError as error:
        yield unread("services", error)
    try:
        machine.ask_firewall("Get-NetFirewallRule")
        rules = machine.state.firewall.rules
        listed = rules[:10_000]
        yield record("FirewallRules", Store="PersistentStore", Rules=len(rules), Listed=len(listed))
        for rule in listed:
            yield record(
                "FirewallRule",
                Store="PersistentStore",
                InstanceID=rule.id,
                Group=rule.group,
                Enabled=str(rule.enabled),
                Action=rule.action,
            )
    except UnreadableError as error:
        yield unread("rules of PersistentStore", error)
    heard = [each for each in machine.state.tcp if each.state == "Listen"]
    ports = list(
        dict.fromkeys(str(each.local_port) for each in heard if each.local_address not in ("127.0.0.1", "::1"))
    )
    for port in ports[:1000]:
        yield record("OpenPort", Port=port)
    yield record("OpenPorts", Found=len(ports))
    for served in _SERVED:
        at = {each.local_address: each.accepts for each in heard if each.local_port == served}
        if not at.keys().isdisjoint(_EVERYWHERE):
            accepts = any(lets for address, lets in at.items() if address in (*_EVERYWHERE, "127.0.0.1"))
            yield record("Answer", Port=str(served), Accepts=accepts)

"""mitigation.um: how the services of Unified Messaging start, and whether they run."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.actions.mitigation.um.assess import NAMES
from playbooks.values import Value
from runner.lab.engines.sim.answers.mitigation_iis import emergency_settings
from runner.lab.engines.sim.answers.records import SETUP_KEY, number, record, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError, folded
from runner.lab.engines.sim.streams import Items

_START_TYPES = {"Auto": "Automatic", "Manual": "Manual", "Disabled": "Disabled"}
_EMERGENCY = "MSExchangeMitigation"


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    try:
        present = machine.key_exists(SETUP_KEY)
        minor = number(machine.values(SETUP_KEY)["MsiProductMinor"])
        yield record("ExchangeSetup", Present=present, MsiProductMinor=minor)
    except UnreadableError as error:
        yield unread(SETUP_KEY, error)
    try:
        services = machine.services()
    except UnreadableError as error:
        yield unread("MSExchangeUM", error)
        return
    known = False
    for each in services:
        shown = {"State": each.state.replace(" ", ""), "StartMode": _START_TYPES[each.start_mode]}
        if folded(each.name) == folded(_EMERGENCY):
            known = True
            yield record("EmergencyMitigation", Present=True, **shown)
        if folded(each.name) in map(folded, NAMES):
            yield record("Service", Name=each.name, **shown)
    if not known:
        yield record("EmergencyMitigation", Present=False, State=None, StartMode=None)
    else:
        yield emergency_settings(machine)

"""exchange.services: start types and states of Exchange's services and of those that it stands on."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.actions.exchange.services.required import OTHERS
from playbooks.values import Value
from runner.lab.engines.sim.answers.records import ROLES, SETUP_KEY, number, record, roles_present, shown, unread
from runner.lab.engines.sim.machine import SERVICES_KEY, Held, Machine, Service, UnreadableError, folded
from runner.lab.engines.sim.streams import Items, Plain

_DEPTH = 8
_OTHERS = frozenset(name.casefold() for name in OTHERS)
# System.ServiceProcess.ServiceStartMode, which Get-Service shows, has another word than WMI for the first.
_START_TYPES = {"Auto": "Automatic", "Manual": "Manual", "Disabled": "Disabled"}


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    try:
        present = machine.key_exists(SETUP_KEY)
        setup = machine.values(SETUP_KEY)
        yield record(
            "ExchangeSetup",
            Present=present,
            MsiProductMajor=number(setup["MsiProductMajor"]),
            MsiProductMinor=number(setup["MsiProductMinor"]),
        )
    except UnreadableError as error:
        yield unread(SETUP_KEY, error)

    yield from roles_present(machine, ROLES)

    yield from _services(machine)


def _services(machine: Machine) -> Items:
    try:
        services = machine.services_of_wmi()
        if not services:
            raise UnreadableError("WMI lists no service")
        from_wmi = True
        yield record("ServiceSource", Name="Win32_Service", Why=None)
    except UnreadableError as without_wmi:
        try:
            services = machine.services()
            from_wmi = False
            yield record("ServiceSource", Name="Get-Service", Why=str(without_wmi))
        except UnreadableError:
            yield unread("Win32_Service", without_wmi)
            return
    yield from _shown(machine, services, from_wmi=from_wmi)


def _shown(machine: Machine, services: list[Service], *, from_wmi: bool) -> Items:
    asked = {
        folded(each.name)
        for each in services
        if each.name.casefold().startswith("msexchange") or each.name.casefold() in _OTHERS
    }
    known: set[str] = set()
    for _ in range(_DEPTH):
        below: set[str] = set()
        for service in services:
            if folded(service.name) not in asked or folded(service.name) in known:
                continue
            known.add(folded(service.name))
            delayed: int | None = None
            stands: list[Plain] | None = None
            key = f"{SERVICES_KEY}\\{service.name}"
            try:
                values = machine.values(key)
                there = _texts(values["DependOnService"])
                below |= {folded(each) for each in there}
                if values["DelayedAutostart"] is None or number(values["DelayedAutostart"]) is not None:
                    delayed, stands = number(values["DelayedAutostart"]), [*there]
            except UnreadableError as error:
                yield unread(key, error)
            yield record(
                "Service",
                Name=service.name,
                DisplayName=service.display_name,
                State=service.state if from_wmi else service.state.replace(" ", ""),
                StartMode=service.start_mode if from_wmi else _START_TYPES[service.start_mode],
                DelayedAutostart=delayed,
                DependsOn=stands,
            )
        asked = below


def _texts(value: Held) -> tuple[str, ...]:
    """`foreach ($each in $value) { [string]$each }`."""
    match value:
        case None:
            return ()
        case tuple():
            return value
        case bytes():
            return tuple(str(each) for each in value)
        case _:
            return (shown(value),)

"""What the part mitigation/iis.ps1.j2 of scripts says: IIS's own files, and the service that applies mitigations."""

from __future__ import annotations

from collections.abc import Iterator

from runner.lab.engines.sim.answers.iis_files import HOST, REDIRECTION, configuration_file, server
from runner.lab.engines.sim.answers.records import record, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError, folded
from runner.lab.engines.sim.streams import Output

_SERVICE = "MSExchangeMitigation"
_START_TYPES = {"Auto": "Automatic", "Manual": "Manual", "Disabled": "Disabled"}


def has_iis(machine: Machine) -> bool:
    """`$hasIis`."""
    try:
        return machine.file_exists(HOST)
    except UnreadableError:
        return False


def configuration(machine: Machine) -> Iterator[Output]:
    """The part's objects."""
    yield server()
    yield from configuration_file(machine, HOST)
    yield from configuration_file(machine, REDIRECTION)
    if has_iis(machine):
        yield from emergency_service(machine)


def emergency_service(machine: Machine) -> Iterator[Output]:
    """The part mitigation/service.ps1.j2, where it is asked for."""
    try:
        service = next((each for each in machine.services() if folded(each.name) == folded(_SERVICE)), None)
    except UnreadableError as error:
        yield unread(_SERVICE, error)
        return
    yield record(
        "EmergencyMitigation",
        Present=service is not None,
        State=None if service is None else service.state.replace(" ", ""),
        StartMode=None if service is None else _START_TYPES[service.start_mode],
    )
    if service is not None:
        yield emergency_settings(machine)


def emergency_settings(machine: Machine) -> Output:
    """The part mitigation/emergency.ps1.j2, where the service is there."""
    why, said = None, None
    try:
        machine.add_exchange_commands()
        said = machine.ask_emergency()
    except UnreadableError as error:
        why = str(error)
    return record(
        "EmergencySettings",
        Answered=said is not None,
        Why=why,
        Organization=None if said is None else said.organization,
        Server=None if said is None else said.server,
        Applied=[*(() if said is None else said.applied)],
        Blocked=[*(() if said is None else said.blocked)],
    )

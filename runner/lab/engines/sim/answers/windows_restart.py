"""windows.restart: what windows.pending_reboot reads, when Windows was started, and which services are to come."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers import windows_pending_reboot
from runner.lab.engines.sim.answers.records import record, unread
from runner.lab.engines.sim.machine import SERVICES_KEY, Machine, Service, UnreadableError
from runner.lab.engines.sim.streams import Items
from runner.lab.restarting import NEVER_STARTED


def answer(machine: Machine, params: Mapping[str, Value]) -> Items:
    """The script's objects."""
    yield from windows_pending_reboot.answer(machine, params)
    try:
        time = machine.boot_time()
        starting = sum(_is_to_come(machine, service) for service in machine.services_of_wmi())
        yield record("Boot", Time=time, Starting=starting)
    except UnreadableError as error:
        yield unread("Win32_OperatingSystem and Win32_Service", error)


def _is_to_come(machine: Machine, service: Service) -> bool:
    if service.state == "Start Pending":
        return True
    waits = service.start_mode == "Auto" and service.state == "Stopped" and service.exit_code == NEVER_STARTED
    return waits and not machine.key_exists(f"{SERVICES_KEY}\\{service.name}\\TriggerInfo")

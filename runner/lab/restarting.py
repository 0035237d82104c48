"""What a restart makes of a server's state, and of its services step by step while it comes up. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from runner.lab.state import HostState, RegistryKey, ServiceState

__all__ = ["NEVER_STARTED", "come_up", "restarted", "spelt"]

NEVER_STARTED = 1077  # ERROR_SERVICE_NEVER_STARTED of winerror.h: no attempt to start it since the last boot
_FAILED = 1053  # ERROR_SERVICE_REQUEST_TIMEOUT
_DEPENDENCY = 1068  # ERROR_SERVICE_DEPENDENCY_FAIL
_SERVICING = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing"
# Keys that stand only while a restart is due, and values that Windows works off at its start.
_KEYS = (
    *(f"{_SERVICING}\\{mark}" for mark in ("RebootPending", "RebootInProgress", "PackagesPending")),
    "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired",
)
_SESSION = "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager"
_VALUES = ("PendingFileRenameOperations", "PendingFileRenameOperations2")


def restarted(state: HostState, now: datetime) -> HostState:
    """A server that has just been started again: nothing runs yet, and what starts by itself is on its way.

    Args:
        now: the time, with its zone. Where it is no later than the last start, that is one second ago.
    """
    before = datetime.fromisoformat(state.boot_time)
    found = {
        "boot_time": spelt(max(now, before + timedelta(seconds=1))),
        "services": {name: _at_boot(service) for name, service in state.services.items()},
    }
    if not state.restart.keeps_marks:
        found["registry"] = dict(_without_marks(state.registry))
    return state.model_copy(update=found)


def come_up(state: HostState, looks: int | None) -> HostState:
    """The same after it has run so many scripts since, the one that is about to run included; None: long after."""
    services = dict(state.services)
    for name, service in state.services.items():
        late = _is_delayed(service)
        if looks is None or looks > (state.restart.delayed if late else state.restart.starting):
            begun = service.state == "Start Pending"
            waits = late and service.state == "Stopped" and service.exit_code == NEVER_STARTED
            if service.start_mode == "Auto" and (begun or waits):
                _start(services, name, ())
    return state if services == state.services else state.model_copy(update={"services": services})


def spelt(time: datetime) -> str:
    """As a state has times: UTC, in ticks of 100 ns."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def _is_delayed(service: ServiceState) -> bool:
    return service.start_mode == "Auto" and service.delayed_autostart == 1


def _at_boot(service: ServiceState) -> ServiceState:
    if service.start_mode == "Auto" and not _is_delayed(service):
        return service.model_copy(update={"state": "Start Pending", "exit_code": 0})
    return service.model_copy(update={"state": "Stopped", "exit_code": NEVER_STARTED})


def _start(services: dict[str, ServiceState], asked: str, by: tuple[str, ...]) -> bool:
    """Starts a service as the service control manager does, and before it what it stands on."""
    name = next((each for each in services if each.casefold() == asked.casefold()), None)
    if name is None or name in by or services[name].start_mode == "Disabled":
        return False
    service = services[name]
    if service.state == "Running":
        return True
    if not all(_start(services, each, (*by, name)) for each in service.depends_on):
        became = {"state": "Stopped", "exit_code": _DEPENDENCY}
    elif service.on_start == "fails":
        became = {"state": "Stopped", "exit_code": _FAILED}
    elif service.on_start == "hangs":
        became = {"state": "Start Pending", "exit_code": 0}
    else:
        became = {"state": "Running", "exit_code": 0}
    services[name] = service.model_copy(update=became)
    return became["state"] == "Running"


def _without_marks(registry: Mapping[str, RegistryKey]) -> Mapping[str, RegistryKey]:
    kept: dict[str, RegistryKey] = {}
    for path, key in registry.items():
        folded = _folded(path)
        if any(f"{folded}\\".startswith(f"{_folded(mark)}\\") for mark in _KEYS):
            continue
        if folded == _folded(_SESSION):
            lowered = {each.casefold() for each in _VALUES}
            values = {name: value for name, value in key.values.items() if name.casefold() not in lowered}
            key = key.model_copy(update={"values": values})
        kept[path] = key
    return kept


def _folded(path: str) -> str:
    names = [name for name in path.replace("/", "\\").casefold().split("\\") if name]
    hive = {"hklm": "hklm:", "hkey_local_machine": "hklm:"}.get(names[0], names[0]) if names else ""
    return "\\".join([hive, *names[1:]])

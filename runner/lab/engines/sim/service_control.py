"""Set-Service, Start-Service and Stop-Service on a state, under `$ErrorActionPreference = 'Stop'`.

The texts of errors are those of Windows PowerShell 5.1; windows/Services.ps1 of the engine `pwsh` gives the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runner.lab.engines.sim.machine import SERVICES_DENIED, SERVICES_KEY, folded
from runner.lab.engines.sim.streams import Failed, Items, Problem, Waits, Warned
from runner.lab.state import LiveState, ServiceState

_CONTROL = "Microsoft.PowerShell.Commands.ServiceCommandException"
_INVALID = "System.InvalidOperationException"
_POLL = 2.0  # seconds between two looks of Start-Service and Stop-Service
State = Literal["Running", "Stopped", "Start Pending", "Stop Pending"]
_MODES: dict[str, Literal["Auto", "Manual", "Disabled"]] = {
    "Automatic": "Auto",
    "Manual": "Manual",
    "Disabled": "Disabled",
}


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    service: ServiceState

    @property
    def shown(self) -> str:
        """Display name and name, as messages have them."""
        return f"{self.service.display_name or self.name} ({self.name})"


def set_start_type(live: LiveState, name: str, start_type: str) -> Items:
    """`Set-Service -Name NAME -StartupType TYPE`."""
    found = _found(live, name, "SetServiceCommand")
    if isinstance(found, Problem):
        missing = f"Service {name} was not found on computer '.'."
        yield Failed(
            found
            if found.message == SERVICES_DENIED
            else Problem(
                missing, f"InvalidOperationException,{_command('SetServiceCommand')}", "ObjectNotFound", _INVALID
            )
        )
        return
    _put(live, found.name, found.service.model_copy(update={"start_mode": _MODES[start_type]}))


def set_delayed(live: LiveState, name: str, value: int) -> Items:
    """`Set-ItemProperty` of DelayedAutostart in the key of a service."""
    found = _with_key(live, name)
    if isinstance(found, Problem):
        yield Failed(found)
        return
    _put(live, found.name, found.service.model_copy(update={"delayed_autostart": value}))


def remove_delayed(live: LiveState, name: str, value: int) -> Items:
    """`Remove-ItemProperty` of it, where it has this value."""
    found = _with_key(live, name)
    if isinstance(found, Problem):
        yield Failed(found)
        return
    if found.service.delayed_autostart == value:
        _put(live, found.name, found.service.model_copy(update={"delayed_autostart": None}))


def _with_key(live: LiveState, name: str) -> _Found | Problem:
    for known, service in live.now.services.items():
        if folded(known) == folded(name):
            return _Found(known, service)
    key = f"{SERVICES_KEY}\\{name}"
    why = f"Cannot find path '{key}' because it does not exist."
    about = "PathNotFound,Microsoft.PowerShell.Commands.SetItemPropertyCommand"
    return Problem(why, about, "ObjectNotFound", "System.Management.Automation.ItemNotFoundException", target=key)


def start(live: LiveState, name: str) -> Items:
    """`Start-Service -Name NAME`: what runs or is starting is left so."""
    found = _found(live, name, "StartServiceCommand")
    if isinstance(found, Problem):
        yield Failed(found)
        return
    service = found.service
    if service.state == "Running":
        return
    if service.state in ("Paused", "Pause Pending"):
        why = f"Failed to start service '{found.shown}'."
        yield Failed(Problem(why, f"StartServiceFailed,{_command('StartServiceCommand')}", "OpenError", _CONTROL))
        return
    begun = service.state in ("Start Pending", "Continue Pending")
    if not begun and (service.start_mode == "Disabled" or service.on_start == "fails" or service.state != "Stopped"):
        yield Failed(_cannot(found, "start", "StartServiceCommand", "CouldNotStartService", "OpenError"))
        return
    if not begun and not all(_raised(live, each, (folded(found.name),)) for each in service.depends_on):
        yield Failed(_cannot(found, "start", "StartServiceCommand", "CouldNotStartService", "OpenError"))
        return
    if service.on_start == "hangs":
        yield from _for_ever(live, found, "Start Pending", "start")
        return
    _become(live, found, "Running")


def _raised(live: LiveState, name: str, by: tuple[str, ...]) -> bool:
    """Starts what a service depends on, as the service control manager does; those that it has started stay so.

    Args:
        by: for whom: the services on the way here.
    """
    found = _found(live, name, "StartServiceCommand")
    if isinstance(found, Problem) or folded(found.name) in by:
        return False
    service = found.service
    if service.state == "Running":
        return True
    if service.state != "Stopped" or service.start_mode == "Disabled" or service.on_start != "runs":
        return False
    if not all(_raised(live, each, (*by, folded(found.name))) for each in service.depends_on):
        return False
    _become(live, found, "Running")
    return True


def stop(live: LiveState, name: str) -> Items:
    """`Stop-Service -Name NAME`: what is stopped is left so."""
    found = _found(live, name, "StopServiceCommand")
    if isinstance(found, Problem):
        yield Failed(found)
        return
    service = found.service
    if service.state == "Stopped":
        return
    for other in live.now.services.values():
        if other.state != "Stopped" and folded(found.name) in map(folded, other.depends_on):
            why = (
                f"Cannot stop service '{found.shown}' because it has dependent services. It can only be stopped if the "
                "Force flag is set."
            )
            error_id = f"ServiceHasDependentServices,{_command('StopServiceCommand')}"
            yield Failed(Problem(why, error_id, "InvalidOperation", _CONTROL))
            return
    begun = service.state == "Stop Pending"
    if not begun and (service.on_stop == "fails" or service.state not in ("Running", "Paused")):
        yield Failed(_cannot(found, "stop", "StopServiceCommand", "CouldNotStopService", "CloseError"))
        return
    if service.on_stop == "hangs":
        yield from _for_ever(live, found, "Stop Pending", "stop")
        return
    _become(live, found, "Stopped")


def _found(live: LiveState, name: str, command: str) -> _Found | Problem:
    state = live.now
    if state.services_denied:
        return Problem(SERVICES_DENIED, f"{_INVALID},{_command(command)}", "NotSpecified", _INVALID)
    for known, service in state.services.items():
        if folded(known) == folded(name):
            return _Found(known, service)
    why = f"Cannot find any service with service name '{name}'."
    return Problem(why, f"NoServiceFoundForGivenName,{_command(command)}", "ObjectNotFound", _CONTROL, target=name)


def _cannot(found: _Found, verb: str, command: str, error_id: str, category: str) -> Problem:
    done = {"start": "started", "stop": "stopped"}[verb]
    why = (
        f"Service '{found.shown}' cannot be {done} due to the following error: "
        f"Cannot {verb} service {found.name} on computer '.'."
    )
    return Problem(why, f"{error_id},{_command(command)}", category, _CONTROL)


def _for_ever(live: LiveState, found: _Found, state: State, verb: str) -> Items:
    """The command waits and says so, until it is stopped."""
    _become(live, found, state)
    while True:
        yield Waits(_POLL)
        yield Warned(f"Waiting for service '{found.shown}' to {verb}...")


def _become(live: LiveState, found: _Found, state: State) -> None:
    update: dict[str, object] = {"state": state}
    if state in ("Running", "Start Pending"):
        update["exit_code"] = 0
    _put(live, found.name, found.service.model_copy(update=update))


def _put(live: LiveState, name: str, service: ServiceState) -> None:
    state = live.now
    live.become(state.model_copy(update={"services": {**state.services, name: service}}))


def _command(name: str) -> str:
    return f"Microsoft.PowerShell.Commands.{name}"

"""Commands of the module WebAdministration on a state, under `$ErrorActionPreference = 'Stop'`.

windows/WebAdministration.ps1 of the engine `pwsh` gives the same texts of errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from runner.lab.engines.sim import file_system, web_configuration
from runner.lab.engines.sim.machine import APPLICATION_HOST, CONFIGURATION_DENIED, NO_COMMAND, NO_POOL, folded
from runner.lab.engines.sim.streams import Failed, Items, error_thrown
from runner.lab.engines.sim.web_configuration import ConfigurationError
from runner.lab.state import LiveState

_NOT_STARTED = "The object on which Stop-WebAppPool was called is not started."


class CommandError(Exception):
    """What a command ends in; the text is Windows' own."""


def failing(items: Items) -> Items:
    """What a script says, up to the error that ends it."""
    try:
        yield from items
    except CommandError as error:
        yield Failed(error_thrown(str(error)))


def pool_state(live: LiveState, name: str) -> str:
    """`(Get-WebAppPoolState -Name NAME).Value`."""
    return live.now.pools[_pool(live, "Get-WebAppPoolState", name)]


def start_pool(live: LiveState, name: str) -> None:
    """`Start-WebAppPool -Name NAME`."""
    _put_pool(live, _pool(live, "Start-WebAppPool", name), "Started")


def stop_pool(live: LiveState, name: str) -> None:
    """`Stop-WebAppPool -Name NAME`, which fails where it does not run."""
    known = _pool(live, "Stop-WebAppPool", name)
    if live.now.pools[known] == "Stopped":
        raise CommandError(_NOT_STARTED)
    _put_pool(live, known, "Stopped")


def add(live: LiveState, location: str | None, way: str, values: Mapping[str, str], *, first: bool = False) -> None:
    """`Add-WebConfigurationProperty -Name '.' -Value VALUES`; `first` is -AtIndex 0."""
    _edit(
        live,
        "Add-WebConfigurationProperty",
        lambda text: web_configuration.add(text, location, way, values, first=first),
    )


def set_property(live: LiveState, location: str | None, way: str, name: str, value: str) -> None:
    """`Set-WebConfigurationProperty -Name NAME -Value VALUE`."""
    _edit(
        live,
        "Set-WebConfigurationProperty",
        lambda text: web_configuration.set_attribute(text, location, way, name, value),
    )


def clear(live: LiveState, location: str | None, way: str) -> None:
    """`Clear-WebConfiguration`."""
    _edit(live, "Clear-WebConfiguration", lambda text: web_configuration.clear(text, location, way))


def names(live: LiveState, location: str | None, way: str) -> list[str]:
    """The names of what `Get-WebConfiguration` gives."""
    return web_configuration.names(_text(live, "Get-WebConfiguration"), location, way)


def _pool(live: LiveState, command: str, name: str) -> str:
    _text(live, command)
    for known in live.now.pools:
        if folded(known) == folded(name):
            return known
    raise CommandError(NO_POOL.format(name))


def _put_pool(live: LiveState, name: str, state: str) -> None:
    live.become(live.now.model_copy(update={"pools": {**live.now.pools, name: state}}))


def _text(live: LiveState, command: str) -> str:
    path = file_system.spelt(live.now.files, APPLICATION_HOST)
    if path is None or live.now.files[path].folder:
        raise CommandError(NO_COMMAND.format(command))
    if live.now.files[path].denied:
        raise CommandError(CONFIGURATION_DENIED)
    return live.now.files[path].data.decode("utf-8")


def _edit(live: LiveState, command: str, how: Callable[[str], str]) -> None:
    text = _text(live, command)
    begins = "\ufeff" if text.startswith("\ufeff") else ""
    try:
        edited = begins + how(text.removeprefix("\ufeff"))
    except ConfigurationError as error:
        raise CommandError(str(error)) from None
    if edited != text:
        path = file_system.spelt(live.now.files, APPLICATION_HOST) or APPLICATION_HOST
        file_system.put(live, path, live.now.files[path].model_copy(update={"content": edited, "size": 0}))

"""The mitigations by rules of URL Rewrite: IIS's own files, and the web.configs of Exchange's applications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from playbooks.values import Value
from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.answers.iis_files import configuration_file
from runner.lab.engines.sim.answers.mitigation_iis import configuration, has_iis
from runner.lab.engines.sim.answers.records import SETUP_KEY, folder, on_a_drive, record, text, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError, folded
from runner.lab.engines.sim.streams import Items
from runner.lab.state import FileState

_ALL = (
    "owa",
    "owa\\Calendar",
    "owa\\Integrated",
    "owa\\oma",
    "ecp",
    "autodiscover",
    "ews",
    "mapi",
    "oab",
    "powershell",
    "rpc",
    "sync",
    "rest",
)


def backend_cookie(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    return _answer(machine, _ALL)


def powershell_inbound(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    return _answer(machine, ("autodiscover",))


def owa_csp(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    return _answer(machine, ("owa",))


def _answer(machine: Machine, applications: Sequence[str]) -> Items:
    yield from configuration(machine)
    folders: list[str] = []
    try:
        present = machine.key_exists(SETUP_KEY)
        install_path = text(machine.values(SETUP_KEY)["MsiInstallPath"])
        yield record("ExchangeSetup", Present=present, InstallPath=install_path)
        if (installed := folder(install_path)) and has_iis(machine):
            folders += [f"{installed}\\FrontEnd\\HttpProxy\\{each}" for each in applications]
    except UnreadableError as error:
        yield unread(SETUP_KEY, error)
    if has_iis(machine):
        folders.append("C:\\inetpub\\wwwroot")
    for each in folders:
        yield from configuration_file(machine, f"{each}\\web.config")
    above = {folded(each) for each in folders}
    waiting = [each for each, name in zip(folders, applications, strict=False) if "\\" not in name]
    yield from _below(machine, waiting, above)


def _below(machine: Machine, waiting: list[str], read: set[str]) -> Items:
    """web.configs in folders below; no state has so many that the script's caps count."""
    files = machine.state.files
    while waiting:
        folder = waiting.pop(0)
        if not on_a_drive(folder):
            continue
        try:
            found = file_system.at(files, folder)
        except UnreadableError as error:
            yield unread(folder, error)
            continue
        for name in file_system.names_in(files, folder) if found is not None and found.folder else ():
            place = f"{folder}\\{name}"
            item = _item(files, place)
            if item.folder:
                if "reparsepoint" in file_system.attributes(item).lower():
                    yield record("Unread", What=place, Why="it is a link, which was not followed")
                else:
                    waiting.append(place)
            elif folded(name) == folded("web.config") and folded(folder) not in read:
                yield from configuration_file(machine, place)


def _item(files: Mapping[str, FileState], place: str) -> FileState:
    """As its folder lists it, also where nobody may open it."""
    listed = file_system.spelt(files, place)
    return FileState(folder=True) if listed is None else files[listed]

"""The mitigations by rules of URL Rewrite: IIS's own files, and the web.configs of Exchange's applications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from playbooks.values import Value
from runner.lab.engines.sim.answers.iis_files import configuration_file
from runner.lab.engines.sim.answers.mitigation_iis import configuration, has_iis
from runner.lab.engines.sim.answers.records import SETUP_KEY, folder, record, text, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items

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

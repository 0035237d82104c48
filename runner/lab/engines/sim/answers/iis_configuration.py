"""iis.configuration: the files in which IIS is configured."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.iis_files import HOST, REDIRECTION, configuration_file, server
from runner.lab.engines.sim.answers.records import SETUP_KEY, folder, record, text, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items

_FILES = (HOST, REDIRECTION, "C:\\inetpub\\wwwroot\\web.config")
_OF_EXCHANGE = (
    "FrontEnd\\HttpProxy\\owa",
    "FrontEnd\\HttpProxy\\ecp",
    "FrontEnd\\HttpProxy\\autodiscover",
    "ClientAccess\\owa",
    "ClientAccess\\ecp",
)


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    yield server()
    files = list(_FILES)
    try:
        present = machine.key_exists(SETUP_KEY)
        install_path = text(machine.values(SETUP_KEY)["MsiInstallPath"])
        yield record("ExchangeSetup", Present=present, InstallPath=install_path)
        if installed := folder(install_path):
            files += [f"{installed}\\{part}\\web.config" for part in _OF_EXCHANGE]
    except UnreadableError as error:
        yield unread(SETUP_KEY, error)
    for file in files:
        yield from configuration_file(machine, file)

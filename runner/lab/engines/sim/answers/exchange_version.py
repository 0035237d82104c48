"""exchange.version: which Exchange Server is installed, with which roles, on which Windows."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.records import (
    SETUP_KEY,
    elsewhere,
    no_drive,
    on_a_drive,
    record,
    roles_present,
    shown,
    unread,
)
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items, Plain

_SETUP_VALUES = ("MsiProductMajor", "MsiProductMinor", "MsiBuildMajor", "MsiBuildMinor")
_LEGACY_KEY = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v14\\Setup"
_ROLES = ("MailboxRole", "ClientAccessRole", "EdgeTransportRole", "HubTransportRole", "UnifiedMessagingRole")
_WINDOWS_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
_FRAMEWORK_KEY = "HKLM:\\SOFTWARE\\Microsoft\\NET Framework Setup\\NDP\\v4\\Full"


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    install_path: Plain = None
    try:
        if machine.key_exists(SETUP_KEY):
            setup = machine.values(SETUP_KEY)
            install_path = setup["MsiInstallPath"]
            values = {name: setup[name] for name in _SETUP_VALUES}
            yield record("ExchangeSetup", Present=True, InstallPath=install_path, **values)
        else:
            yield record("ExchangeSetup", Present=False, InstallPath=None, **dict.fromkeys(_SETUP_VALUES))
    except UnreadableError as error:
        yield unread(SETUP_KEY, error)

    yield from _legacy(machine)

    if not on_a_drive(install_path):
        yield from elsewhere(install_path)
    else:
        try:
            program = machine.join(shown(install_path), "Bin\\ExSetup.exe")
        except UnreadableError as error:
            yield no_drive(error)
            return
        try:
            exists = machine.file_exists(program)
            version = machine.file_version(program) if exists else None
            yield record("ExSetup", Path=program, Exists=exists, FileVersion=version)
        except UnreadableError as error:
            yield unread(program, error)

    yield from roles_present(machine, _ROLES)

    try:
        windows = machine.values(_WINDOWS_KEY)
        yield record("Windows", ProductName=windows["ProductName"], Build=windows["CurrentBuildNumber"])
    except UnreadableError as error:
        yield unread(_WINDOWS_KEY, error)

    try:
        yield record("NetFramework", Release=machine.values(_FRAMEWORK_KEY)["Release"])
    except UnreadableError as error:
        yield unread(_FRAMEWORK_KEY, error)


def _legacy(machine: Machine) -> Items:
    program: str | None = None
    exists = False
    try:
        present = machine.key_exists(_LEGACY_KEY)
        path = machine.values(_LEGACY_KEY)["MsiInstallPath"] if present else None
        if shown(path) and not on_a_drive(path):
            raise UnreadableError("MsiInstallPath is not on a drive of this server")
        if on_a_drive(path):
            program = machine.join(shown(path), "Bin\\ExSetup.exe")
            exists = machine.file_exists(program)
        yield record("Exchange2010", Present=present, Program=program, ProgramExists=exists)
    except UnreadableError as error:
        yield unread(_LEGACY_KEY, error)

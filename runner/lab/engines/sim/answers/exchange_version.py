"""exchange.version: which Exchange Server is installed, with which roles, on which Windows."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.records import (
    ROLES,
    SETUP_KEY,
    elsewhere,
    folder,
    number,
    on_a_drive,
    record,
    roles_present,
    text,
    unread,
)
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items

_SETUP_VALUES = ("MsiProductMajor", "MsiProductMinor", "MsiBuildMajor", "MsiBuildMinor")
_LEGACY_KEY = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v14\\Setup"
_WINDOWS_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
_FRAMEWORK_KEY = "HKLM:\\SOFTWARE\\Microsoft\\NET Framework Setup\\NDP\\v4\\Full"


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    install_path: str | None = None
    try:
        present = machine.key_exists(SETUP_KEY)
        setup = machine.values(SETUP_KEY)
        install_path = text(setup["MsiInstallPath"])
        values = {name: number(setup[name]) for name in _SETUP_VALUES}
        yield record("ExchangeSetup", Present=present, InstallPath=install_path, **values)
    except UnreadableError as error:
        yield unread(SETUP_KEY, error)

    yield from _legacy(machine)

    installed = folder(install_path)
    if not on_a_drive(installed):
        yield from elsewhere(installed)
    else:
        program = f"{installed}\\Bin\\ExSetup.exe"
        try:
            exists = machine.file_exists(program)
            version = machine.file_version(program) if exists else None
            yield record("ExSetup", Path=program, Exists=exists, FileVersion=version)
        except UnreadableError as error:
            yield unread(program, error)

    yield from roles_present(machine, ROLES)

    try:
        windows = machine.values(_WINDOWS_KEY)
        yield record("Windows", ProductName=text(windows["ProductName"]), Build=text(windows["CurrentBuildNumber"]))
    except UnreadableError as error:
        yield unread(_WINDOWS_KEY, error)

    try:
        yield record("NetFramework", Release=number(machine.values(_FRAMEWORK_KEY)["Release"]))
    except UnreadableError as error:
        yield unread(_FRAMEWORK_KEY, error)


def _legacy(machine: Machine) -> Items:
    program: str | None = None
    exists = False
    try:
        present = machine.key_exists(_LEGACY_KEY)
        installed = folder(machine.values(_LEGACY_KEY)["MsiInstallPath"])
        if on_a_drive(installed):
            program = f"{installed}\\Bin\\ExSetup.exe"
            exists = machine.file_exists(program)
        elif installed:
            raise UnreadableError("MsiInstallPath is not on a drive of this server")
        yield record("Exchange2010", Present=present, Program=program, ProgramExists=exists)
    except UnreadableError as error:
        yield unread(_LEGACY_KEY, error)

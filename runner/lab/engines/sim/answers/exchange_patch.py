"""exchange.patch: what an installed security update leaves behind."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.records import (
    PRODUCT_KEY,
    ROLES,
    SETUP_KEY,
    elsewhere,
    folder,
    on_a_drive,
    record,
    text,
    unread,
)
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items

_PROGRAMS = {
    "ExSetup.exe": "Bin",
    "Microsoft.Exchange.Data.dll": "Bin",
    "Microsoft.Exchange.RpcClientAccess.Service.exe": "Bin",
    "Microsoft.Exchange.Management.ControlPanel.dll": "ClientAccess\\ecp\\bin",
    "Microsoft.Exchange.Clients.Owa2.Server.dll": "ClientAccess\\Owa\\bin",
}
_UNINSTALL_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
_UPDATES_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Updates"
_PRODUCTS = ("Exchange 2013", "Exchange 2016", "Exchange 2019")


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    install_path: str | None = None
    try:
        present = machine.key_exists(SETUP_KEY)
        install_path = text(machine.values(SETUP_KEY)["MsiInstallPath"])
        yield record("ExchangeSetup", Present=present, InstallPath=install_path)
    except UnreadableError as error:
        yield unread(SETUP_KEY, error)

    yield from _binaries(machine, folder(install_path))
    yield from _entries(machine)
    for product in _PRODUCTS:
        yield from _update_keys(machine, product)

    for role in (*ROLES, "AdminTools"):
        key = f"{PRODUCT_KEY}\\{role}"
        try:
            present = machine.key_exists(key)
            state = machine.values(key)
            yield record(
                "RoleState",
                Name=role,
                Present=present,
                Action=text(state["Action"]),
                Watermark=text(state["Watermark"]),
            )
        except UnreadableError as error:
            yield unread(key, error)


def _binaries(machine: Machine, installed: str) -> Items:
    if not on_a_drive(installed):
        yield from elsewhere(installed)
        return
    for program, place in _PROGRAMS.items():
        path = f"{installed}\\{place}\\{program}"
        try:
            exists = machine.file_exists(path)
            version = machine.file_version(path) if exists else None
            yield record("Binary", Name=program, Path=path, Exists=exists, FileVersion=version)
        except UnreadableError as error:
            yield unread(path, error)


def _entries(machine: Machine) -> Items:
    try:
        names = machine.names_below(_UNINSTALL_KEY)
    except UnreadableError as error:
        yield unread(_UNINSTALL_KEY, error)
        return
    for name in names:
        key = f"{_UNINSTALL_KEY}\\{name}"
        try:
            entry = machine.values(key)
        except UnreadableError as error:
            yield unread(key, error)
            continue
        shown = text(entry["DisplayName"])
        if "kb" in name.casefold() or "kb" in (shown or "").casefold():
            yield record(
                "Update",
                Key=name,
                DisplayName=shown,
                DisplayVersion=text(entry["DisplayVersion"]),
                Publisher=text(entry["Publisher"]),
            )


def _update_keys(machine: Machine, product: str) -> Items:
    above = f"{_UPDATES_KEY}\\{product}"
    try:
        names = machine.names_below(above)
    except UnreadableError as error:
        yield unread(above, error)
        return
    for name in names:
        key = f"{above}\\{name}"
        try:
            update = machine.values(key)
        except UnreadableError as error:
            yield unread(key, error)
            continue
        yield record(
            "UpdateKey",
            Name=name,
            Product=product,
            PackageName=text(update["PackageName"]),
            InstalledDate=text(update["InstalledDate"]),
        )

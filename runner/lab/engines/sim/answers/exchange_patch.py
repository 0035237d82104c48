"""exchange.patch: what an installed security update leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from playbooks.values import Value
from runner.lab.engines.sim.answers.records import (
    PRODUCT_KEY,
    ROLES,
    SETUP_KEY,
    UNINSTALL_KEY,
    UPDATED_PRODUCTS,
    UPDATES_KEY,
    elsewhere,
    folder,
    on_a_drive,
    record,
    text,
    unread,
)
from runner.lab.engines.sim.machine import Machine, Properties, UnreadableError
from runner.lab.engines.sim.streams import Items, Output

_PROGRAMS = {
    "ExSetup.exe": "Bin",
    "Microsoft.Exchange.Data.dll": "Bin",
    "Microsoft.Exchange.RpcClientAccess.Service.exe": "Bin",
    "Microsoft.Exchange.Management.ControlPanel.dll": "ClientAccess\\ecp\\bin",
    "Microsoft.Exchange.Clients.Owa2.Server.dll": "ClientAccess\\Owa\\bin",
}
MOST_PROGRAMS, MOST_UPDATES = 5000, 1000  # keys


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
    yield from _below(machine, UNINSTALL_KEY, MOST_PROGRAMS, _entry)
    for product in UPDATED_PRODUCTS:
        yield from _below(machine, f"{UPDATES_KEY}\\{product}", MOST_UPDATES, partial(_update_key, product))

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


def _below(machine: Machine, above: str, most: int, made: Callable[[str, Properties], Output | None]) -> Items:
    """What is made of each key right below another, by its name and values."""
    try:
        names = machine.names_below(above)
    except UnreadableError as error:
        yield unread(above, error)
        return
    if len(names) > most:
        yield record("Capped", What=above, Limit=most, Seen=len(names))
    for name in names[:most]:
        key = f"{above}\\{name}"
        try:
            values = machine.values(key)
        except UnreadableError as error:
            yield unread(key, error)
            continue
        found = made(name, values)
        if found is not None:
            yield found


def _entry(name: str, values: Properties) -> Output | None:
    shown = text(values["DisplayName"])
    if "kb" not in name.casefold() and "kb" not in (shown or "").casefold():
        return None
    return record(
        "Update",
        Key=name,
        DisplayName=shown,
        DisplayVersion=text(values["DisplayVersion"]),
        Publisher=text(values["Publisher"]),
    )


def _update_key(product: str, name: str, values: Properties) -> Output:
    return record(
        "UpdateKey",
        Name=name,
        Product=product,
        PackageName=text(values["PackageName"]),
        InstalledDate=text(values["InstalledDate"]),
    )

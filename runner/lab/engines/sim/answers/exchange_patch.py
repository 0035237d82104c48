"""exchange.patch: what an installed security update leaves behind."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.records import (
    PRODUCT_KEY,
    ROLES,
    SETUP_KEY,
    elsewhere,
    like,
    no_drive,
    on_a_drive,
    record,
    shown,
    unread,
)
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items, Plain

_PROGRAMS = ("ExSetup.exe", "Microsoft.Exchange.Data.dll", "Microsoft.Exchange.RpcClientAccess.Service.exe")
_UNINSTALL_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall"


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    install_path: Plain = None
    try:
        present = machine.key_exists(SETUP_KEY)
        if present:
            install_path = machine.values(SETUP_KEY)["MsiInstallPath"]
        yield record("ExchangeSetup", Present=present, InstallPath=install_path)
    except UnreadableError as error:
        yield unread(SETUP_KEY, error)

    if not on_a_drive(install_path):
        yield from elsewhere(install_path)
    else:
        for program in _PROGRAMS:
            try:
                path = machine.join(machine.join(shown(install_path), "Bin"), program)
            except UnreadableError as error:
                yield no_drive(error)
                return
            try:
                exists = machine.file_exists(path)
                version = machine.file_version(path) if exists else None
                yield record("Binary", Name=program, Path=path, Exists=exists, FileVersion=version)
            except UnreadableError as error:
                yield unread(path, error)

    try:
        # The script reads all entries before it emits the first.
        entries = [entry for entry in machine.values_below(_UNINSTALL_KEY) if _is_update(entry["DisplayName"])]
        for entry in entries:
            yield record("Update", DisplayName=entry["DisplayName"], DisplayVersion=entry["DisplayVersion"])
    except UnreadableError as error:
        yield unread(_UNINSTALL_KEY, error)

    for role in ROLES:
        key = f"{PRODUCT_KEY}\\{role}"
        try:
            if machine.key_exists(key):
                state = machine.values(key)
                yield record("RoleState", Name=role, Action=state["Action"], Watermark=state["Watermark"])
        except UnreadableError as error:
            yield unread(key, error)


def _is_update(name: Plain) -> bool:
    return like(name, "Security Update for Exchange Server")

"""exchange.virtual_directories: the URLs of this server's virtual directories, as the directory has them."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.records import PRODUCT_KEY, ROLES, SETUP_KEY, record, text, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items

_KINDS = ("Oab", "Ecp", "Owa", "WebServices", "ActiveSync", "Mapi", "PowerShell", "Autodiscover")
_MOST, _LONGEST = 100, 4096


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    present = False
    try:
        present = machine.key_exists(SETUP_KEY)
        install = machine.values(SETUP_KEY)["MsiInstallPath"]
        yield record("ExchangeSetup", Present=present, InstallPath=_cut(text(install)))
    except UnreadableError as error:
        yield unread(SETUP_KEY, error)
    has_directories = False
    for role in ROLES:
        key = f"{PRODUCT_KEY}\\{role}"
        try:
            is_there = machine.key_exists(key)
            yield record("ExchangeRole", Name=role, Present=is_there)
            has_directories = has_directories or (is_there and role != "EdgeTransportRole")
        except UnreadableError as error:
            has_directories = True
            yield unread(key, error)
    if not present or not has_directories:
        return
    try:
        machine.add_exchange_commands()
    except UnreadableError as error:
        yield unread("Exchange's commands", error)
        return
    for kind in _KINDS:
        yield from _directories(machine, kind)


def _directories(machine: Machine, kind: str) -> Items:
    command = f"Get-{kind}VirtualDirectory"
    try:
        found = [each for each in machine.ask_directory() if each.kind == kind][:_MOST]
    except UnreadableError as error:
        yield unread(command, error)
        return
    yield record("Answered", Command=command, Count=len(found))
    for each in found:
        yield record(
            "VirtualDirectory",
            Command=command,
            Name=each.name,
            Internal=_cut(each.internal),
            External=_cut(each.external),
            Changed=None if each.changed is None else f"{each.changed[:19]}Z",
        )


def _cut(value: str | None) -> str | None:
    return None if value is None else value[:_LONGEST]

"""The part of scripts that ask Exchange's own commands: exchange/snapin.ps1.j2."""

from __future__ import annotations

from collections.abc import Generator

from runner.lab.engines.sim.answers.records import PRODUCT_KEY, ROLES, SETUP_KEY, record, text, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Output

_LONGEST = 4096


def exchange_asked(machine: Machine) -> Generator[Output, None, bool]:
    """What the part says, and `$isAsked` after it: whether Exchange's commands are there."""
    present = False
    try:
        present = machine.key_exists(SETUP_KEY)
        install = machine.values(SETUP_KEY)["MsiInstallPath"]
        yield record("ExchangeSetup", Present=present, InstallPath=cut(text(install)))
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
        return False
    try:
        machine.add_exchange_commands()
    except UnreadableError as error:
        yield unread("Exchange's commands", error)
        return False
    return True


def cut(value: str | None) -> str | None:
    """`Get-Text`, as the part defines it."""
    return None if value is None else value[:_LONGEST]


def seconds(time: str | None) -> str | None:
    """`Get-Time`, as the part defines it."""
    return None if time is None else f"{time[:19]}Z"

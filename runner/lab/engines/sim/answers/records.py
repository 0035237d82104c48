"""The parts that the collect scripts have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Failed, Output, Plain, Problem

SETUP_KEY = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15\\Setup"
PRODUCT_KEY = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15"
ROLES = (
    "MailboxRole",
    "ClientAccessRole",
    "CafeRole",
    "FrontendTransportRole",
    "HubTransportRole",
    "UnifiedMessagingRole",
    "EdgeTransportRole",
)


def record(kind: str, **properties: Plain) -> Output:
    """`[pscustomobject]@{ Kind = KIND; ... }`."""
    return Output({"Kind": kind, **properties})


def unread(what: str, error: UnreadableError) -> Output:
    """The record of a `catch`: what could not be read, and why."""
    return record("Unread", What=what, Why=str(error))


def roles_present(machine: Machine, roles: Iterable[str]) -> Iterator[Output]:
    """Whether each role's key is there."""
    for role in roles:
        key = f"{PRODUCT_KEY}\\{role}"
        try:
            yield record("ExchangeRole", Name=role, Present=machine.key_exists(key))
        except UnreadableError as error:
            yield unread(key, error)


def no_drive(error: UnreadableError) -> Failed:
    """`Join-Path` on a drive that is not there, outside every `try`."""
    return Failed(
        Problem(
            str(error),
            "DriveNotFound,Microsoft.PowerShell.Commands.JoinPathCommand",
            "ObjectNotFound",
            "System.Management.Automation.DriveNotFoundException",
            activity="Join-Path",
        )
    )


def truth(value: Plain) -> bool:
    """PowerShell's truth of a value: an array of one is its element, a longer one is true."""
    match value:
        case tuple() | list():
            return truth(value[0]) if len(value) == 1 else len(value) > 1
        case _:
            return bool(value)


def like(value: Plain, prefix: str) -> bool:
    """`$value -like 'PREFIX*'` as a condition."""
    match value:
        case None:
            return False
        case tuple() | list():
            return any(like(each, prefix) for each in value)
        case _:
            return shown(value).casefold().startswith(prefix.casefold())


def on_a_drive(value: Plain) -> bool:
    """`[string]$value -like '[A-Z]:\\*'`."""
    return re.match(r"[A-Z]:\\", shown(value), re.IGNORECASE) is not None


def elsewhere(value: Plain) -> Iterator[Output]:
    """The record of an install folder that is not on a drive of the server, if it is one at all."""
    if folder := shown(value):
        yield record(
            "Unread", What=f"{folder}\\Bin\\ExSetup.exe", Why="MsiInstallPath is not on a drive of this server"
        )


def shown(value: Plain) -> str:
    """A value inside double quotes."""
    match value:
        case None:
            return ""
        case tuple() | list():
            return " ".join(shown(each) for each in value)
        case _:
            return str(value)

"""The parts that the collect scripts have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from runner.lab.engines.sim.machine import Held, Machine, Qword, UnreadableError
from runner.lab.engines.sim.streams import Output, Plain

SETUP_KEY = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15\\Setup"
PRODUCT_KEY = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15"
UNINSTALL_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
UPDATES_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Updates"
UPDATED_PRODUCTS = ("Exchange 2013", "Exchange 2016", "Exchange 2019")  # that of SE writes below the last
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
    """`@{ Kind = KIND; ... }`."""
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


def text(value: Held) -> str | None:
    """`Get-Text`, as the collect scripts define it."""
    return None if value is None else shown(value)


def number(value: Held) -> int | None:
    """`Get-Number`, as the collect scripts define it: a REG_DWORD alone is one."""
    return value if isinstance(value, int) else None


def folder(value: Held) -> str:
    """`[string]([string]$value).Replace('/', '\\').Trim(' "').TrimEnd('\\')`."""
    return shown(value).replace("/", "\\").strip(' "').rstrip("\\")


def on_a_drive(path: str) -> bool:
    """`$path -like '[A-Z]:\\*'`."""
    return re.match(r"[A-Z]:\\", path, re.IGNORECASE) is not None


def elsewhere(path: str) -> Iterator[Output]:
    """The record of an install folder that is not on a drive of the server, if it is one at all."""
    if path:
        yield record("Unread", What=f"{path}\\Bin\\ExSetup.exe", Why="MsiInstallPath is not on a drive of this server")


def shown(value: Held) -> str:
    """`[string]$value`."""
    match value:
        case None:
            return ""
        case tuple():
            return " ".join(value)
        case bytes():
            return " ".join(str(byte) for byte in value)
        case Qword(held):
            return str(held)
        case _:
            return str(value)

"""windows.pending_reboot: the places in which Windows and its installers note that a restart is due."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.records import record, shown, unread
from runner.lab.engines.sim.machine import Held, Machine, Properties, UnreadableError
from runner.lab.engines.sim.streams import Items, Output, Plain

_SERVICING_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing"
_SERVICING_MARKS = ("RebootPending", "RebootInProgress", "PackagesPending")
_UPDATE_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired"
_SESSION_KEY = "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager"
_SESSION_VALUES = ("PendingFileRenameOperations", "PendingFileRenameOperations2")
_INSTALLER_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Updates"
_VOLATILE_KEY = f"{_INSTALLER_KEY}\\UpdateExeVolatile"
_SHOWN_FILES = 20


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    for mark in _SERVICING_MARKS:
        key = f"{_SERVICING_KEY}\\{mark}"
        try:
            pending = machine.key_exists(key)
            yield _mark("ComponentBasedServicing", pending, [mark] if pending else [])
        except UnreadableError as error:
            yield unread(key, error)

    try:
        yield _mark("WindowsUpdate", machine.key_exists(_UPDATE_KEY), [])
    except UnreadableError as error:
        yield unread(_UPDATE_KEY, error)

    try:
        files = _files(machine.values(_SESSION_KEY))
        yield _mark("PendingFileRenameOperations", bool(files), files[:_SHOWN_FILES])
    except UnreadableError as error:
        yield unread(_SESSION_KEY, error)

    for key, value, form in (
        (_VOLATILE_KEY, "Flags", "UpdateExeVolatile, Flags"),
        (_INSTALLER_KEY, "UpdateExeVolatile", "UpdateExeVolatile"),
    ):
        try:
            flags = shown(machine.values(key)[value])
            pending = bool(flags.strip("0 "))
            yield _mark("UpdateExeVolatile", pending, [f"{form} = {flags}"] if pending else [])
        except UnreadableError as error:
            yield unread(key, error)


def _mark(place: str, pending: bool, detail: list[Plain]) -> Output:
    return record("RebootMark", Place=place, Pending=pending, Detail=detail)


def _files(session: Properties) -> list[Plain]:
    return [shown(each) for name in _SESSION_VALUES for each in _each(session[name]) if _true(each)]


def _each(value: Held) -> list[Held]:
    """A value as a pipeline takes it: an array is its elements."""
    return list(value) if isinstance(value, tuple | bytes) else [value]


def _true(value: Held) -> bool:
    """PowerShell's truth of one element."""
    return shown(value) not in ("", "0") or value == "0"

"""windows.pending_reboot: the four places in which Windows and its installers note that a restart is due."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.records import record, shown, truth, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items, Plain

_MARKS = (
    (
        "ComponentBasedServicing",
        "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\RebootPending",
    ),
    (
        "WindowsUpdate",
        "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired",
    ),
)
_SESSION_KEY = "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager"
_INSTALLER_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Updates"
_SHOWN_FILES = 20


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    for place, key in _MARKS:
        try:
            yield record("RebootMark", Place=place, Pending=machine.key_exists(key), Detail=[])
        except UnreadableError as error:
            yield unread(key, error)

    try:
        files = [each for each in _each(machine.values(_SESSION_KEY)["PendingFileRenameOperations"]) if truth(each)]
        yield record(
            "RebootMark",
            Place="PendingFileRenameOperations",
            Pending=bool(files),
            Detail=files[:_SHOWN_FILES],
        )
    except UnreadableError as error:
        yield unread(_SESSION_KEY, error)

    volatile: Plain = None
    try:
        if machine.key_exists(_INSTALLER_KEY):
            volatile = machine.values(_INSTALLER_KEY)["UpdateExeVolatile"]
        due = truth(volatile)
        detail: list[Plain] = [f"UpdateExeVolatile = {shown(volatile)}"] if due else []
        yield record("RebootMark", Place="UpdateExeVolatile", Pending=due, Detail=detail)
    except UnreadableError as error:
        yield unread(_INSTALLER_KEY, error)


def _each(value: Plain) -> list[Plain]:
    """A value as a pipeline takes it: an array is its elements."""
    return list(value) if isinstance(value, tuple | list) else [value]

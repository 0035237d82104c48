"""windows.release: a server gets back what its isolation has recorded, or is isolated again."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.guarding import FOLDER
from playbooks.values import Value, text_of
from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.changes import windows_isolate
from runner.lab.engines.sim.streams import Failed, Items
from runner.lab.state import LiveState


def apply(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the apply script does."""
    return windows_isolate.release(live, values, text_of(values, "isolation"), _released)


def rollback(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the rollback script does."""
    return windows_isolate.isolate(live, values, text_of(values, "isolation"), _isolated)


def _released(live: LiveState, values: Mapping[str, Value], of_firewall: bool) -> list[str]:
    for isolated, released in _places(values):
        if file_system.at(live.now.files, isolated) is not None:
            file_system.move(live, isolated, released)
    return []


def _isolated(live: LiveState, values: Mapping[str, Value]) -> Items:
    (isolated, released), (whole, kept) = _places(values)
    if file_system.at(live.now.files, released) is None:
        yield Failed(file_system.missing(released))
        return
    file_system.move(live, released, isolated)
    if file_system.at(live.now.files, kept) is not None:
        file_system.move(live, kept, whole)


def _places(values: Mapping[str, Value]) -> list[tuple[str, str]]:
    """Of the record and of the export: what they are called while it is isolated, and when it is released."""
    plan = text_of(values, "isolation")
    return [(f"{FOLDER}\\isolation-{plan}.{end}", f"{FOLDER}\\released-{plan}.{end}") for end in ("json", "wfw")]

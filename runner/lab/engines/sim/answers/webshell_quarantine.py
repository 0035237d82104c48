"""webshell.quarantine: what webshell.scan says, and what is needed to take a file away and put it back."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.answers import webshell_scan
from runner.lab.engines.sim.answers.file_quarantine import evidence, quarantines
from runner.lab.engines.sim.answers.records import on_a_drive, record, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items, Output

__all__ = ["answer", "evidence"]

_PATHS = 200


def answer(machine: Machine, params: Mapping[str, Value]) -> Items:
    """The script's objects."""
    files = machine.state.files
    shown: list[str] = []
    for item in webshell_scan.answer(machine, params):
        yield item
        value = item.value if isinstance(item, Output) else None
        if isinstance(value, dict) and value.get("Kind") == "File":
            shown.append(str(value["Path"]))
    lists: dict[str, list[str]] = {}
    drives: list[str] = []
    for path in shown:
        if not on_a_drive(path):
            continue
        try:
            found = file_system.at(files, path)
        except UnreadableError as error:
            yield unread(path, error)
            continue
        assert found is not None
        lists.setdefault(found.sddl, []).append(path)
        for name, size in file_system.streams(found):
            if name != ":$DATA":
                yield record("Stream", Path=path, Name=name, Size=size)
        if path[:2].upper() not in [each.upper() for each in drives]:
            drives.append(path[:2])
    for sddl, paths in lists.items():
        for at in range(0, len(paths), _PATHS):
            yield record("Access", Sddl=sddl, Paths=[*paths[at : at + _PATHS]])
    for drive in drives:
        yield from quarantines(files, f"{drive}\\")

"""file.quarantine: one file is moved away, and back."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value, text_of
from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.machine import UnreadableError
from runner.lab.engines.sim.streams import Failed, Items, Problem, error_thrown
from runner.lab.state import FileState, LiveState

_CLOSED_FOLDER = "O:BAG:SYD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
_CLOSED_FILE = "O:BAG:SYD:P(A;;FA;;;SY)(A;;FA;;;BA)"


def apply(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the apply script does."""
    return _unless_denied(_apply(live, values))


def rollback(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the rollback script does."""
    return _unless_denied(_rollback(live, values))


def _unless_denied(items: Items) -> Items:
    try:
        yield from items
    except UnreadableError as error:
        yield Failed(Problem(str(error), "ItemExistsUnauthorizedAccessError", "PermissionDenied"))


def _apply(live: LiveState, values: Mapping[str, Value]) -> Items:
    path, (folder, kept, about) = file_system.opened(text_of(values, "opens")), _places(values)
    parts = path.split("\\")
    for count in range(2, len(parts) + 1):
        here = "\\".join(parts[:count])
        found = file_system.at(live.now.files, here)
        if found is None:
            yield Failed(file_system.missing(here))
            return
        if _is_link(found):
            yield Failed(error_thrown("A link stands on the way to the file. Nothing was moved."))
            return
    file = file_system.at(live.now.files, path)
    assert file is not None
    if not _has(file, values):
        yield Failed(error_thrown("The file is another one than was approved. Nothing was moved."))
        return
    there = file_system.at(live.now.files, folder) or FileState(folder=True)
    if _is_link(there):
        yield Failed(error_thrown("The folder of the quarantine is a link. Nothing was moved."))
        return
    file_system.put(live, folder, there.model_copy(update={"sddl": _CLOSED_FOLDER}))
    if file_system.at(live.now.files, kept) is not None:
        yield Failed(error_thrown("The quarantine has a file of that name already. Nothing was moved."))
        return
    if file_system.at(live.now.files, about) is not None:
        file_system.remove(live, about)
    if live.now.disk_full:
        file_system.put(live, about, FileState())
        yield Failed(file_system.no_space(about))
        return
    # Windows PowerShell 5.1 writes a byte-order mark and ends the line.
    file_system.put(live, about, FileState(content=f"\ufeff{text_of(values, 'about')}\r\n"))
    if file.in_use:
        file_system.remove(live, about)
        if not file_system.names_in(live.now.files, folder):
            file_system.remove(live, folder)
        yield Failed(file_system.in_use(path))
        return
    file_system.move(live, path, kept)
    file_system.put(live, kept, file.model_copy(update={"sddl": _CLOSED_FILE}))


def _rollback(live: LiveState, values: Mapping[str, Value]) -> Items:
    path, (folder, kept, about) = file_system.opened(text_of(values, "opens")), _places(values)
    if file_system.at(live.now.files, path) is not None:
        yield Failed(error_thrown("Something stands where the file was. Nothing was moved."))
        return
    parts = path.split("\\")
    for count in range(2, len(parts)):
        here = "\\".join(parts[:count])
        found = file_system.at(live.now.files, here)
        if found is None:
            yield Failed(file_system.missing(here))
            return
        if _is_link(found):
            yield Failed(error_thrown("A link stands on the way to where the file was. Nothing was moved."))
            return
    file = file_system.at(live.now.files, kept)
    if file is None:
        yield Failed(file_system.missing(kept))
        return
    if not _has(file, values):
        yield Failed(error_thrown("The file in quarantine is another one than was put there. Nothing was moved."))
        return
    file_system.move(live, kept, path)
    restored: dict[str, object] = {name: values[name] for name in ("created", "modified", "sddl")}
    if "attributes" in values and file_system.attributes(file) != values["attributes"]:
        restored["attributes"] = values["attributes"]
    file_system.put(live, path, file.model_copy(update=restored))
    file_system.remove(live, about)
    if not file_system.names_in(live.now.files, folder):
        file_system.remove(live, folder)


def _places(values: Mapping[str, Value]) -> tuple[str, str, str]:
    folder = f"{text_of(values, 'drive')}\\exrun-quarantine-{text_of(values, 'plan')}"
    item = text_of(values, "item")
    return folder, f"{folder}\\{item}.quarantined", f"{folder}\\{item}.json"


def _is_link(file: FileState) -> bool:
    return "ReparsePoint" in file_system.attributes(file)


def _has(file: FileState, values: Mapping[str, Value]) -> bool:
    return file_system.sha256(file).lower() == text_of(values, "sha256").lower()

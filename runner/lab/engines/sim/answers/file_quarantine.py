"""file.quarantine: one file, the folders on the way to it, and what quarantines hold."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping

from playbooks.values import Value, text_of
from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.answers.iis_files import HOST, REDIRECTION, configuration_file, server
from runner.lab.engines.sim.answers.records import on_a_drive, record, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError, folded
from runner.lab.engines.sim.streams import Failed, Items, Output, Problem
from runner.lab.state import FileState

_QUARANTINE = "exrun-quarantine-"
_MOST, _MOST_OF_STREAMS, _PIECE = 8_388_608, 2_097_152, 65_536


def answer(machine: Machine, params: Mapping[str, Value]) -> Items:
    """The script's objects."""
    yield server()
    if "path" not in params:
        yield record("Way", Place="", Present=False, Folder=None, Attributes=None)
        return
    files, path = machine.state.files, text_of(params, "path")
    drive, *parts = path.split("\\")
    clear = yield from _way(files, drive, parts)
    if clear:
        yield from _file(files, path)
    for each in (HOST, REDIRECTION):
        yield from configuration_file(machine, each)
    yield from quarantines(files, f"{drive}\\")


def evidence(machine: Machine, params: Mapping[str, Value]) -> Items:
    """The objects of the script that reads the file's bytes."""
    path = file_system.opened(text_of(params, "opens"))
    try:
        found = file_system.at(machine.state.files, path)
    except UnreadableError as error:
        yield Failed(Problem(str(error), "ItemExistsUnauthorizedAccessError", "PermissionDenied"))
        return
    if found is None or found.folder:
        yield Failed(file_system.missing(path))
        return
    yield record("Evidence", Size=found.length, Sha256=file_system.sha256(found))
    if found.length <= _MOST:
        yield from _pieces(found.data)
    left = _MOST_OF_STREAMS
    for name, size in file_system.streams(found):
        data = found.stream(name)
        if data is None:  # the unnamed one
            continue
        if size > left:
            yield record("Stream", Name=name, Size=size, Why="more than 2 MB of streams")
            continue
        left -= size
        yield record("Stream", Name=name, Size=size, Why="")
        yield from _pieces(data)


def _pieces(data: bytes) -> Iterator[Output]:
    for number, at in enumerate(range(0, len(data), _PIECE)):
        yield record("Piece", Number=number, Bytes=data[at : at + _PIECE])


def _way(files: Mapping[str, FileState], drive: str, parts: list[str]) -> Generator[Output, None, bool]:
    here = drive
    for part in parts:
        here = f"{here}\\{part}"
        if not on_a_drive(here):
            continue
        try:
            found = file_system.at(files, here)
        except UnreadableError as error:
            yield unread(here, error)
            return False
        if found is None:
            yield record("Way", Place=here, Present=False, Folder=None, Attributes=None)
            return False
        attributes = file_system.attributes(found)
        yield record("Way", Place=here, Present=True, Folder=found.folder, Attributes=attributes)
        if "reparsepoint" in attributes.lower():
            return False
    return True


def _file(files: Mapping[str, FileState], path: str) -> Iterator[Output]:
    found = file_system.at(files, path)
    if found is None or found.folder:
        return
    yield record(
        "File",
        Size=found.length,
        Created=found.created,
        Modified=found.modified,
        Sha256=file_system.sha256(found),
        Sddl=found.sddl,
        Owner=file_system.owner(found),
    )
    for name, size in file_system.streams(found):
        yield record("Stream", Name=name, Size=size)


def quarantines(files: Mapping[str, FileState], root: str) -> Iterator[Output]:
    """What `Get-Quarantined` says.

    Args:
        root: of the drive, `C:\\`.
    """
    for folder in file_system.names_in(files, root):
        if not folded(folder).startswith(folded(_QUARANTINE)):
            continue
        found = file_system.at(files, f"{root}{folder}")
        if found is not None and found.folder and "ReparsePoint" not in file_system.attributes(found):
            for name in file_system.names_in(files, f"{root}{folder}"):
                yield record("Quarantined", Folder=folder, Name=name)

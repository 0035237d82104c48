"""Files on a state: what stands at a path, and what moving, writing and removing make of it.

As windows/Files.ps1 and Marks.ps1 of the engine `pwsh` have it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from runner.lab.engines.sim.machine import UnreadableError, folded
from runner.lab.engines.sim.streams import Problem
from runner.lab.state import FileState, LiveState, with_folders

_OWNERS = {"BA": "BUILTIN\\Administrators", "SY": "NT AUTHORITY\\SYSTEM"}
_FOLDER = FileState(folder=True)


def spelt(files: Mapping[str, FileState], path: str) -> str | None:
    """The path as the state spells it; None where it does not list it."""
    return next((each for each in files if folded(each) == folded(path)), None)


def at(files: Mapping[str, FileState], path: str) -> FileState | None:
    """What stands there; a folder also where the state lists only what is in it.

    Raises:
        UnreadableError: nobody may look at it.
    """
    if (listed := spelt(files, path)) is not None:
        if files[listed].denied:
            raise UnreadableError("Access is denied")
        return files[listed]
    below = f"{folded(path.rstrip(chr(92)))}\\"
    return _FOLDER if any(folded(each).startswith(below) for each in files) else None


def opened(path: str) -> str:
    """The path behind `\\\\?\\`, where it stands there."""
    return path.removeprefix("\\\\?\\")


def attributes(file: FileState) -> str:
    """As Windows prints them."""
    return file.attributes or ("Directory" if file.folder else "Archive")


def owner(file: FileState) -> str:
    """Of its security descriptor, as Get-Acl shows it."""
    name = file.sddl.removeprefix("O:").partition("G:")[0]
    return _OWNERS.get(name, name)


def sha256(file: FileState) -> str:
    """As Get-FileHash shows it."""
    return hashlib.sha256(file.data).hexdigest().upper()


def streams(file: FileState) -> Iterator[tuple[str, int]]:
    """Names and sizes, the unnamed one first."""
    yield ":$DATA", file.length
    yield from ((name, len(held.encode()) if isinstance(held, str) else held) for name, held in file.streams.items())


def names_in(files: Mapping[str, FileState], folder: str) -> list[str]:
    """The names right below a folder, folders first, each kind by name."""
    begin = f"{folded(folder.rstrip(chr(92)))}\\"
    found: dict[str, tuple[bool, str]] = {}
    for path, file in files.items():
        if folded(path).startswith(begin):
            name, inner, _ = path[len(begin) :].partition("\\")
            found[folded(name)] = (not (inner or file.folder), name)
    return [name for _, name in sorted(found.values(), key=lambda each: (each[0], folded(each[1])))]


def missing(path: str) -> Problem:
    """What Get-Item says of a path at which nothing stands."""
    return Problem(
        f"Cannot find path '{path}' because it does not exist.",
        "PathNotFound,Microsoft.PowerShell.Commands.GetItemCommand",
        "ObjectNotFound",
        "System.Management.Automation.ItemNotFoundException",
        target=path,
    )


def no_space(path: str) -> Problem:
    """What Set-Content says where the disk is full; it leaves an empty file."""
    return Problem(
        "There is not enough space on the disk.",
        "GetContentWriterIOError,Set-Content",
        "WriteError",
        "System.IO.IOException",
        target=path,
    )


def in_use(path: str) -> Problem:
    """What Move-Item says of a file that a process has open."""
    return Problem(
        "The process cannot access the file because it is being used by another process.",
        "MoveFileInfoItemIOError,Microsoft.PowerShell.Commands.MoveItemCommand",
        "WriteError",
        "System.IO.IOException",
        target=path,
    )


def move(live: LiveState, path: str, to: str) -> None:
    """A file that is there, to a name that is free."""
    files = dict(live.now.files)
    listed = spelt(files, path)
    assert listed is not None
    file = files.pop(listed)
    _become(live, _added(with_folders(live.now.files, files), to, file))


def put(live: LiveState, path: str, file: FileState) -> None:
    """A file or folder in place of what stands there, or where nothing does."""
    files = dict(live.now.files)
    _become(live, _added(files, spelt(files, path) or path, file))


def remove(live: LiveState, path: str) -> None:
    """A file or an empty folder that is there."""
    files = dict(live.now.files)
    listed = spelt(files, path)
    assert listed is not None
    del files[listed]
    _become(live, with_folders(live.now.files, files))


def _added(files: dict[str, FileState], path: str, file: FileState) -> dict[str, FileState]:
    """With this file; a folder that stood there for itself alone is now there because of it."""
    above = folded(path)
    kept = {
        each: found for each, found in files.items() if not (found == _FOLDER and above.startswith(f"{folded(each)}\\"))
    }
    return {**kept, path: file}


def _become(live: LiveState, files: dict[str, FileState]) -> None:
    live.become(live.now.model_copy(update={"files": files}))

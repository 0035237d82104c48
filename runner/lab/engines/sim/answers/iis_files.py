"""What the part iis/files.ps1.j2 of scripts says: the server's names of folders, and files of IIS's configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.answers.records import on_a_drive, record, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Output
from runner.lab.state import FileState

HOST = "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
REDIRECTION = "C:\\Windows\\System32\\inetsrv\\config\\redirection.config"
_MOST, _LINES = 2_097_152, 200


def server() -> Output:
    """The record of the environment."""
    return record(
        "Server",
        SystemRoot="C:\\Windows",
        SystemDrive="C:",
        ProgramFiles="C:\\Program Files",
        ProgramData="C:\\ProgramData",
        Public="C:\\Users\\Public",
    )


def configuration_file(machine: Machine, path: str) -> Iterator[Output]:
    """What `Get-ConfigurationFile` says."""
    if not on_a_drive(path):
        yield record("Unread", What=path, Why="not on a drive of this server")
        return
    try:
        found = file_system.at(machine.state.files, path)
    except UnreadableError as error:
        yield unread(path, error)
        return
    yield from _file(path, None if found is None or found.folder else found)


def _file(path: str, found: FileState | None) -> Iterator[Output]:
    if found is None:
        none = dict.fromkeys(("Size", "Created", "Modified", "Sha256", "Lines"))
        yield record("ConfigFile", Place=path, Present=False, **none)
        return
    lines = _lines(found.data.decode("utf-8-sig")) if found.length <= _MOST else None
    yield record(
        "ConfigFile",
        Place=path,
        Present=True,
        Size=found.length,
        Created=found.created,
        Modified=found.modified,
        Sha256=file_system.sha256(found),
        Lines=None if lines is None else len(lines),
    )
    for number, at in enumerate(range(0, len(lines or ()), _LINES)):
        yield record("ConfigPiece", Place=path, Number=number, Lines=[*(lines or ())[at : at + _LINES]])


def _lines(content: str) -> list[str]:
    """As StreamReader.ReadLine parts them."""
    lines = re.split(r"\r\n|\n|\r", content)
    return lines if lines[-1] else lines[:-1]

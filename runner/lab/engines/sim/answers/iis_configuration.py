"""iis.configuration: the files in which IIS is configured."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from playbooks.values import Value
from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.answers.records import SETUP_KEY, folder, on_a_drive, record, text, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items, Output
from runner.lab.state import FileState

_MOST, _LINES = 2_097_152, 200
_FILES = (
    "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config",
    "C:\\Windows\\System32\\inetsrv\\config\\redirection.config",
    "C:\\inetpub\\wwwroot\\web.config",
)
_OF_EXCHANGE = (
    "FrontEnd\\HttpProxy\\owa",
    "FrontEnd\\HttpProxy\\ecp",
    "FrontEnd\\HttpProxy\\autodiscover",
    "ClientAccess\\owa",
    "ClientAccess\\ecp",
)


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    yield record(
        "Server",
        SystemRoot="C:\\Windows",
        SystemDrive="C:",
        ProgramFiles="C:\\Program Files",
        ProgramData="C:\\ProgramData",
        Public="C:\\Users\\Public",
    )
    files = list(_FILES)
    try:
        present = machine.key_exists(SETUP_KEY)
        install_path = text(machine.values(SETUP_KEY)["MsiInstallPath"])
        yield record("ExchangeSetup", Present=present, InstallPath=install_path)
        if installed := folder(install_path):
            files += [f"{installed}\\{part}\\web.config" for part in _OF_EXCHANGE]
    except UnreadableError as error:
        yield unread(SETUP_KEY, error)
    for file in files:
        if not on_a_drive(file):
            yield record("Unread", What=file, Why="not on a drive of this server")
            continue
        try:
            found = file_system.at(machine.state.files, file)
        except UnreadableError as error:
            yield unread(file, error)
            continue
        yield from _file(file, None if found is None or found.folder else found)


def _file(path: str, found: FileState | None) -> Iterator[Output]:
    if found is None:
        none = dict.fromkeys(("Size", "Created", "Modified", "Sha256", "Lines"))
        yield record("File", Place=path, Present=False, **none)
        return
    lines = _lines(found.data.decode("utf-8-sig")) if found.length <= _MOST else None
    yield record(
        "File",
        Place=path,
        Present=True,
        Size=found.length,
        Created=found.created,
        Modified=found.modified,
        Sha256=file_system.sha256(found),
        Lines=None if lines is None else len(lines),
    )
    for number, at in enumerate(range(0, len(lines or ()), _LINES)):
        yield record("Piece", Place=path, Number=number, Lines=[*(lines or ())[at : at + _LINES]])


def _lines(content: str) -> list[str]:
    """As StreamReader.ReadLine parts them."""
    lines = re.split(r"\r\n|\n|\r", content)
    return lines if lines[-1] else lines[:-1]

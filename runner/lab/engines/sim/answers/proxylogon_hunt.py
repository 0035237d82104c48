"""proxylogon.hunt: lines of Exchange's logs that bear a mark of ProxyLogon, and how far back the logs reach."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from playbooks.values import Value
from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.answers.records import ROLES, SETUP_KEY, folder, on_a_drive, record, roles_present, text
from runner.lab.engines.sim.answers.records import unread as unread_record
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items, Output
from runner.lab.state import FileState

_FOLDERS = (
    "HttpProxy\\Ecp",
    "ECP\\Server",
    "OABGeneratorLog",
    *(
        f"HttpProxy\\{name}"
        for name in ("Autodiscover", "Eas", "Ews", "Mapi", "Oab", "Owa", "OwaCalendar", "PowerShell", "RpcHttp")
    ),
)
_LINES, _CHARACTERS, _LONGEST, _FILES, _OTHERS = 250, 400_000, 4096, 20_000, 5
_END = re.compile(r"\r\n|\r|\n")


@dataclass(slots=True)
class _Sent:
    """What was sent of one kind of lines of a folder."""

    lines: int = 0
    characters: int = 0

    def takes(self, length: int) -> bool:
        if self.lines >= _LINES or self.characters + length > _CHARACTERS:
            return False
        self.lines += 1
        self.characters += length
        return True


@dataclass(slots=True)
class _Folder:
    """What is looked for in a folder, and what came of it."""

    name: str
    mark: str = "ServerInfo~"
    needed: str = "ServerInfo~"
    grave: str = r"proxyLogon\.ecp|VirtualDirectory|emsmdb"
    seen: int = 0
    given: int = 0
    graves: _Sent = field(default_factory=_Sent)
    others: _Sent = field(default_factory=_Sent)


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    path = ""
    try:
        present = machine.key_exists(SETUP_KEY)
        install = machine.values(SETUP_KEY)["MsiInstallPath"]
        path = folder(install)
        yield record("ExchangeSetup", Present=present, InstallPath=text(install))
    except UnreadableError as error:
        yield unread_record(SETUP_KEY, error)

    yield from roles_present(machine, ROLES)

    if on_a_drive(path):
        yield from _logs(machine.state.files, f"{path}\\Logging")
    elif path:
        yield record("Unread", What=f"{path}\\Logging", Why="MsiInstallPath is not on a drive of this server")


def _logs(files: Mapping[str, FileState], logging: str) -> Items:
    names = list(_FOLDERS)
    above = f"{logging}\\HttpProxy"
    try:
        others = list(_others(files, above))
        if len(others) > _OTHERS:
            yield record("Capped", What="HttpProxy", Limit=_OTHERS, Seen=len(others))
        names += others[:_OTHERS]
    except UnreadableError as error:
        yield unread_record(above, error)
    for name in names:
        yield from _folder(files, logging, _looked_for(name))


def _looked_for(name: str) -> _Folder:
    match name:
        case "ECP\\Server":
            return _Folder(name, "VirtualDirectory", "Set-", "<|%3c")
        case "OABGeneratorLog":
            mark = "Download failed and temporary file"
            return _Folder(name, mark, mark, r"^(?!.*ClientAccess\\OAB\\)")
        case _:
            return _Folder(name)


def _others(files: Mapping[str, FileState], above: str) -> Iterator[str]:
    if not _is_folder(file_system.at(files, above)):
        return
    known = {each.casefold() for each in _FOLDERS}
    found = (name for name in file_system.names_in(files, above) if _is_folder(files_at(files, f"{above}\\{name}")))
    for name in list(found)[:100]:
        if f"httpproxy\\{name.casefold()}" not in known:
            yield f"HttpProxy\\{name}"


def files_at(files: Mapping[str, FileState], path: str) -> FileState | None:
    """What is listed there, whoever may open it."""
    listed = file_system.spelt(files, path)
    return file_system.at(files, path) if listed is None else files[listed]


def _is_folder(file: FileState | None) -> bool:
    return file is not None and file.folder


def _folder(files: Mapping[str, FileState], logging: str, looked_for: _Folder) -> Items:
    place = f"{logging}\\{looked_for.name}"
    logs: list[tuple[str, FileState]] = []
    try:
        found = file_system.at(files, place)
        there = _is_folder(found)
        if there:
            assert found is not None
            if "reparsepoint" in file_system.attributes(found).lower():
                raise UnreadableError("it is a link")
            logs = _listed(files, place)
        if len(logs) > _FILES:
            yield record("Capped", What=f"{looked_for.name}\\*.log", Limit=_FILES, Seen=len(logs))
        times = sorted(file.modified for _, file in logs)
        yield record(
            "LogFolder",
            Name=looked_for.name,
            Present=there,
            Files=len(logs),
            Bytes=sum(file.length for _, file in logs),
            Oldest=times[0] if times else None,
            Newest=times[-1] if times else None,
        )
    except UnreadableError as error:
        yield unread_record(place, error)
    for name, file in logs[:_FILES]:
        try:
            if file.denied:
                raise UnreadableError("Access is denied")
            if "reparsepoint" in file_system.attributes(file).lower():
                raise UnreadableError("it is a link")
            yield from _lines(looked_for, f"{looked_for.name}\\{name}", file.data.decode())
        except UnreadableError as error:
            yield unread_record(f"{place}\\{name}", error)
    if looked_for.seen > looked_for.given:
        yield record("Capped", What=looked_for.name, Limit=looked_for.given, Seen=looked_for.seen)


def _listed(files: Mapping[str, FileState], place: str) -> list[tuple[str, FileState]]:
    found = []
    for name in file_system.names_in(files, place):
        file = files_at(files, f"{place}\\{name}")
        if name.casefold().endswith(".log") and file is not None and not file.folder:
            found.append((name, file))
    return found[: _FILES + 1]


def _lines(looked_for: _Folder, file: str, held: str) -> Iterator[Output]:
    header: str | None = None
    header_at: str | None = None
    header_given = False
    for number, line in enumerate(_END.split(held.removeprefix("\ufeff")), start=1):
        folded = line.casefold()
        if folded.startswith(("#fields:", "datetime,", "timestamp,")):
            header, header_at, header_given = line, f"{file}:{number}", False
            continue
        if looked_for.mark.casefold() not in folded or looked_for.needed.casefold() not in folded:
            continue
        looked_for.seen += 1
        cut = len(line) > _LONGEST
        sent = looked_for.graves if re.search(looked_for.grave, line, re.IGNORECASE) else looked_for.others
        line = line[:_LONGEST]
        if not sent.takes(len(line)):
            continue
        looked_for.given += 1
        if header is not None and not header_given:
            header_given = True
            header = header[:_LONGEST]
            yield record("Header", Place=header_at, Line=header)
        yield record("Hit", Place=f"{file}:{number}", Folder=looked_for.name, Header=header_at, Line=line, Cut=cut)

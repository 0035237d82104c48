"""What the hunts for traces have in common: lines of logs and events that bear a mark, and how far back the logs reach.

One module a hunt says what it looks for (proxylogon_hunt.py and so on), as the beginnings of their scripts do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.answers.records import ROLES, SETUP_KEY, folder, on_a_drive, record, roles_present, text
from runner.lab.engines.sim.answers.records import unread as unread_record
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items, Output
from runner.lab.state import EventLogState, FileState

CONFIGURATION = "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
REDIRECTION = "C:\\Windows\\System32\\inetsrv\\config\\redirection.config"
_EVENTS = 100_000
_LINES, _CHARACTERS, _LONGEST, _FILES, _OTHERS, _DIRECTORIES, _SITES = 250, 400_000, 4096, 20_000, 5, 20, 50
_END = re.compile(r"\r\n|\r|\n")
_HEADERS, _STRETCHES = 20, 200
_DIRECTORY = re.compile(r"""\bdirectory\s*(=\s*("[^"]*"|'[^']*')?|$)""", re.IGNORECASE)
_QUOTED = re.compile(r"""^[^"']*["']?(.*?)["']?$""", re.DOTALL)
_REDIRECTED = re.compile(r"""\benabled\s*=\s*["']true""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Marks:
    """What is looked for in a log, as regular expressions; and whether each file of it names its columns."""

    mark: str
    needed: str
    grave: str
    headed: bool = True


@dataclass(frozen=True, slots=True)
class Logs:
    """What a hunt looks into: folders of HttpProxy, other folders below Logging, IIS, event logs with a provider."""

    request: Marks
    folders: tuple[str, ...]
    others: Mapping[str, Marks]
    events: Mapping[str, tuple[str, Marks]]
    iis: Marks


@dataclass(slots=True)
class _Room:
    """What was sent of one kind of lines of a log."""

    most: int | None
    lines: int = 0
    characters: int = 0

    def takes(self, length: int) -> bool:
        if self.lines >= _LINES or (self.most is not None and self.characters + length > self.most):
            return False
        self.lines += 1
        self.characters += length
        return True


@dataclass(slots=True)
class _Log:
    """One log while it is read."""

    name: str
    looked_for: Marks
    most: int | None = _CHARACTERS
    seen: int = 0
    given: int = 0
    rooms: dict[bool, _Room] = field(default_factory=dict)
    headers: set[str] = field(default_factory=set)
    headless: list[str] = field(default_factory=list)

    def takes(self, line: str) -> tuple[str, bool] | None:
        """What is sent of a line, and whether it was cut; None where it is not wanted, or there is no room."""
        if re.search(self.looked_for.needed, line, re.IGNORECASE) is None:
            return None
        self.seen += 1
        grave = re.search(self.looked_for.grave, line, re.IGNORECASE) is not None
        cut = len(line) > _LONGEST
        line = line[:_LONGEST]
        if not self.rooms.setdefault(grave, _Room(self.most)).takes(len(line)):
            return None
        self.given += 1
        return line, cut

    def capped(self, name: str) -> Items:
        if self.seen > self.given:
            yield record("Capped", What=name, Limit=self.given, Seen=self.seen)


def hunted(machine: Machine, logs: Logs) -> Items:
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
        yield from _logs(machine, logs, f"{path}\\Logging")
    elif path:
        yield record("Unread", What=f"{path}\\Logging", Why="MsiInstallPath is not on a drive of this server")


def _logs(machine: Machine, logs: Logs, logging: str) -> Items:
    files = machine.state.files
    names = list(logs.folders)
    above = f"{logging}\\HttpProxy"
    try:
        others = list(_unknown(files, above, logs.folders))
        if len(others) > _OTHERS:
            yield record("Capped", What="HttpProxy", Limit=_OTHERS, Seen=len(others))
        names += others[:_OTHERS]
    except UnreadableError as error:
        yield unread_record(above, error)
    for name in names:
        yield from _folder(files, f"{logging}\\{name}", _Log(name, logs.request))
    for name, looked_for in logs.others.items():
        yield from _folder(files, f"{logging}\\{name}", _Log(name, looked_for))
    for name, (provider, looked_for) in logs.events.items():
        yield from _events(machine.state.event_logs, provider, _Log(name, looked_for, most=None))
    yield from _events(machine.state.event_logs, "", _Log("System", Marks("", "(?!)", ""), most=None))
    yield from _of_iis(files, logs.iis)


def _unknown(files: Mapping[str, FileState], above: str, known: tuple[str, ...]) -> Iterator[str]:
    if not _is_folder(file_system.at(files, above)):
        return
    folded = {each.casefold() for each in known}
    for name in [name for name in file_system.names_in(files, above) if _is_folder(listed(files, f"{above}\\{name}"))][
        :100
    ]:
        if f"httpproxy\\{name.casefold()}" not in folded:
            yield f"HttpProxy\\{name}"


def _of_iis(files: Mapping[str, FileState], looked_for: Marks) -> Items:
    directories = ["C:\\inetpub\\logs\\LogFiles"]
    try:
        configuration = file_system.at(files, CONFIGURATION)
        if configuration is not None and not configuration.folder:
            for line in _END.split(configuration.data.decode().removeprefix("\ufeff")):
                for found in _DIRECTORY.finditer(line):
                    named = _QUOTED.sub(r"\1", found[0], count=1)
                    named = re.sub("%SystemDrive%", "C:", named, flags=re.IGNORECASE).replace("/", "\\").rstrip("\\")
                    if not named or "&" in named:
                        why = f"where IIS writes logs is put in a way that is not read: {found[0]}"
                        yield record("Unread", What=CONFIGURATION, Why=why)
                    elif named.casefold() not in {each.casefold() for each in directories}:
                        directories.append(named)
        redirection = file_system.at(files, REDIRECTION)
        if (
            redirection is not None
            and not redirection.folder
            and any(_REDIRECTED.search(line) for line in _END.split(redirection.data.decode()))
        ):
            why = "IIS takes its configuration, and where its logs are, from elsewhere"
            yield record("Unread", What=REDIRECTION, Why=why)
    except UnreadableError as error:
        yield unread_record(CONFIGURATION, error)
    if len(directories) > _DIRECTORIES:
        yield record("Capped", What="folders of logs of IIS", Limit=_DIRECTORIES, Seen=len(directories))
    for directory in directories[:_DIRECTORIES]:
        if not on_a_drive(directory):
            why = "logs of IIS that are not on a drive of this server, or by a variable"
            yield record("Unread", What=directory, Why=why)
            continue
        try:
            if not _is_folder(file_system.at(files, directory)):
                continue
            yield from _folder(files, directory, _Log(directory, replace(looked_for, headed=False)), quiet=True)
            sites = [
                f"{directory}\\{name}"
                for name in file_system.names_in(files, directory)
                if name.upper().startswith("W3SVC") and _is_folder(listed(files, f"{directory}\\{name}"))
            ]
        except UnreadableError as error:
            yield unread_record(directory, error)
            continue
        if len(sites) > _SITES:
            yield record("Capped", What=f"{directory}\\W3SVC*", Limit=_SITES, Seen=len(sites))
        for place in sites[:_SITES]:
            yield from _folder(files, place, _Log(place, looked_for), quiet=True)


def listed(files: Mapping[str, FileState], path: str) -> FileState | None:
    """What is listed there, whoever may open it."""
    listed = file_system.spelt(files, path)
    return file_system.at(files, path) if listed is None else files[listed]


def _is_folder(file: FileState | None) -> bool:
    return file is not None and file.folder


def _folder(files: Mapping[str, FileState], place: str, log: _Log, *, quiet: bool = False) -> Items:
    logs: list[tuple[str, FileState]] = []
    try:
        found = file_system.at(files, place)
        there = _is_folder(found)
        if there:
            assert found is not None
            if "reparsepoint" in file_system.attributes(found).lower():
                raise UnreadableError("it is a link")
            logs = _logs_in(files, place)
        if len(logs) > _FILES:
            yield record("Capped", What=f"{log.name}\\*.log", Limit=_FILES, Seen=len(logs))
        times = sorted(file.modified for _, file in logs if file.length)
        if logs or not quiet:
            yield record(
                "LogFolder",
                Name=log.name,
                Present=there,
                Files=len(logs),
                Bytes=sum(file.length for _, file in logs),
                Oldest=times[0] if times else None,
                Newest=times[-1] if times else None,
                Days=_stretches(times),
            )
    except UnreadableError as error:
        yield unread_record(place, error)
    for name, file in logs[:_FILES]:
        try:
            if "reparsepoint" in file_system.attributes(file).lower():
                raise UnreadableError("it is a link")
            if file.denied:
                raise UnreadableError("Access is denied")
            yield from _lines(log, f"{log.name}\\{name}", file.data.decode())
        except UnreadableError as error:
            yield unread_record(f"{place}\\{name}", error)
    if log.headless:
        why = "no line names its columns, so that it may be no text that can be searched, or another format"
        if len(log.headless) > 1:
            why = f"{why}; and so with others, {len(log.headless)} logs in all"
        yield record("Unread", What=f"{place}\\{log.headless[0].rpartition(chr(92))[2]}", Why=why)
    yield from log.capped(log.name)


def _stretches(times: list[str]) -> str:
    """`Get-Stretch`, as the script defines it, of times in their order."""
    stretches: list[tuple[date, date]] = []
    for day in sorted({date.fromisoformat(time[:10]) for time in times}):
        if stretches and stretches[-1][1] + timedelta(days=1) == day:
            stretches[-1] = (stretches[-1][0], day)
        else:
            stretches.append((day, day))
    return " ".join(f"{first}/{last}" for first, last in stretches[-_STRETCHES:])


def _logs_in(files: Mapping[str, FileState], place: str) -> list[tuple[str, FileState]]:
    found = []
    for name in file_system.names_in(files, place):
        file = listed(files, f"{place}\\{name}")
        if name.casefold().endswith(".log") and file is not None and not file.folder:
            found.append((name, file))
    return found[: _FILES + 1]


def _lines(log: _Log, file: str, held: str) -> Iterator[Output]:
    header: str | None = None
    header_at: str | None = None
    header_given = False
    mark = re.compile(log.looked_for.mark, re.IGNORECASE)
    for number, line in enumerate(_END.split(held.removeprefix("\ufeff")), start=1):
        folded = line.casefold()
        if folded.startswith(("#fields:", "datetime,", "timestamp,")):
            header, header_at, header_given = line[:_LONGEST], f"{file}:{number}", False
            if header.casefold() not in log.headers and len(log.headers) <= _HEADERS:
                log.headers.add(header.casefold())
                if len(log.headers) > _HEADERS:
                    yield record("Capped", What=f"{log.name}, headers", Limit=_HEADERS, Seen=len(log.headers))
                else:
                    header_given = True
                    yield record("Header", Place=header_at, Line=header)
            continue
        if mark.search(line) is None or (sent := log.takes(line)) is None:
            continue
        if header is not None and not header_given:
            header_given = True
            yield record("Header", Place=header_at, Line=header)
        yield record("Hit", Place=f"{file}:{number}", Folder=log.name, Header=header_at, Line=sent[0], Cut=sent[1])
    if log.looked_for.headed and header is None and held:
        log.headless.append(file)


def _events(logs: Mapping[str, EventLogState], provider: str, log: _Log) -> Items:
    name = f"event log {log.name}"
    held = next((each for given, each in logs.items() if given.casefold() == log.name.casefold()), None)
    if held is None:
        yield record("EventLog", Name=log.name, Present=False, Enabled=False, Records=0, Oldest=None, Newest=None)
        return
    if held.denied:
        yield record("Unread", What=name, Why="Attempted to perform an unauthorized operation.")
        return
    oldest, newest = (held.events[0].time, held.events[-1].time) if held.events else (None, None)
    yield record(
        "EventLog",
        Name=log.name,
        Present=True,
        Enabled=held.enabled,
        Records=len(held.events),
        Oldest=oldest,
        Newest=newest,
    )
    wanted = [each for each in held.events if not provider or each.provider.casefold() == provider.casefold()]
    for event in list(reversed(wanted))[:_EVENTS]:
        if (sent := log.takes("\n".join(event.texts))) is None:
            continue
        yield record(
            "Event",
            Log=log.name,
            Provider=event.provider,
            Id=event.id,
            Time=event.time,
            Text=sent[0],
            Cut=sent[1],
        )
    if len(wanted) >= _EVENTS and len(held.events) > _EVENTS:
        yield record("Capped", What=f"events of {log.name}", Limit=_EVENTS, Seen=len(held.events))
    yield from log.capped(name)

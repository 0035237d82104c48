"""windows.persistence: what Windows starts by itself, and who is an administrator."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from playbooks.values import Value
from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.answers.records import number, on_a_drive, record, shown, unread
from runner.lab.engines.sim.machine import SERVICES_KEY, Held, Machine, Qword, UnreadableError, folded
from runner.lab.engines.sim.streams import Items
from runner.lab.state import FileState

_WINDOWS = "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
_CACHE = f"{_WINDOWS}\\Schedule\\TaskCache"
_VIEWS = ("HKLM:\\SOFTWARE", "HKLM:\\SOFTWARE\\WOW6432Node")
_RUN = ("Run", "RunOnce", "RunServices", "RunServicesOnce", "Policies\\Explorer\\Run")
_USERS = "Registry::HKEY_USERS"
_RUN_OF_USERS = ("Run", "RunOnce", "Policies\\Explorer\\Run")
_LSA = "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Lsa"
_CONTROL = "HKLM:\\SYSTEM\\CurrentControlSet\\Control"
_SYSTEM = "C:\\Windows\\System32"
_INTERPRETERS = {
    "cmd.exe": f"{_SYSTEM}\\cmd.exe",
    "WindowsPowerShell\\v1.0\\powershell.exe": f"{_SYSTEM}\\WindowsPowerShell\\v1.0\\powershell.exe",
    "taskmgr.exe": f"{_SYSTEM}\\taskmgr.exe",
    "..\\explorer.exe": "C:\\Windows\\explorer.exe",
    "..\\regedit.exe": "C:\\Windows\\regedit.exe",
}
_OWN_STARTUP = "AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\StartUp"
_TOLD = 500
_STARTUP = "C:\\ProgramData\\Microsoft\\Windows\\Start Menu\\Programs\\StartUp"
_TASKS, _SERVICES, _VALUES, _PROGRAMS = 3000, 5000, 200, 1000
_PATTERN = re.compile(r"[*?\[\]`]")
_ADMINISTRATORS = "members of S-1-5-32-544"


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    yield record("Server", SystemRoot="C:\\Windows", SystemDrive="C:", ProgramData="C:\\ProgramData")
    yield from _tasks(machine)
    yield from _services(machine)
    for view in _VIEWS:
        for each in _RUN:
            yield from _each_command(machine, f"{view}\\Microsoft\\Windows\\CurrentVersion\\{each}")
    yield from _logon(machine, f"{_WINDOWS}\\Winlogon")
    for view in _VIEWS:
        yield from _each_command(machine, f"{view}\\Microsoft\\Command Processor")
        yield from _each_command(machine, f"{view}\\Microsoft\\NetSh")
    yield from _each_command(machine, f"{_CONTROL}\\Session Manager\\AppCertDlls")
    for each in ("v4tov4", "v4tov6", "v6tov4", "v6tov6"):
        yield from _each_command(machine, f"{SERVICES_KEY}\\PortProxy\\{each}\\tcp")
    yield from _each_command(machine, f"{_WINDOWS}\\Winlogon\\SpecialAccounts\\UserList")
    users = _hives(machine)
    if isinstance(users, UnreadableError):
        yield unread(_USERS, users)
        users = []
    else:
        yield record("Hives", Loaded=len(users))
    yield from _users(machine, users)
    for view in _VIEWS:
        yield from _values(machine, f"{view}\\Microsoft\\Windows NT\\CurrentVersion\\Windows", ("AppInit_DLLs",))
    try:
        lsa = machine.values(_LSA)
        for name in ("Authentication Packages", "Notification Packages", "Security Packages"):
            for package in _each(lsa[name]):
                yield record("Autorun", Place=_LSA, Name=name, Value=_text(package))
    except UnreadableError as error:
        yield unread(_LSA, error)
    for name in ("Image File Execution Options", "SilentProcessExit"):
        yield from _options(machine, f"{_WINDOWS}\\{name}")
    yield from _startup(machine, _STARTUP)
    yield from _profiles(machine, users)
    yield from _run_first(machine)
    yield from _before_logon(machine)
    yield from _told(machine, "System", (104, 7045))
    yield from _told(machine, "Security", (1102, 4697, 4698, 4702, 4720, 4728, 4732, 4756))
    yield from _subscriptions(machine)
    yield from _accounts(machine)


def _text(value: Held, most: int = 4096) -> str | None:
    """`Get-Text`, as the script defines it, and `Get-Bytes` with more."""
    return None if value is None else shown(value)[:most]


def _is_true(value: Held) -> bool:
    """As `if` takes it: a list of one is as that one."""
    match value:
        case tuple() | bytes() if len(value) == 1:
            return bool(value[0])
        case Qword(held):
            return bool(held)
        case _:
            return bool(value)


def _each(value: Held) -> Iterable[Held]:
    """`foreach` over a value: one that is not there is none, one that is no list is itself."""
    match value:
        case None:
            return ()
        case tuple():
            return value
        case bytes():
            return tuple(value)
        case _:
            return (value,)


def _tasks(machine: Machine) -> Items:
    above = f"{_CACHE}\\Tasks"
    try:
        present = machine.key_exists(above)
        ids = machine.names_below(above)
    except UnreadableError as error:
        yield unread(above, error)
        return
    if len(ids) > _TASKS:
        yield record("Capped", What="scheduled tasks", Limit=_TASKS, Seen=len(ids))
    yield record("TaskCache", Present=present, Tasks=len(ids))
    for each in ids[:_TASKS]:
        try:
            yield from _task(machine, each)
        except UnreadableError as error:
            yield unread(f"{above}\\{each}", error)


def _task(machine: Machine, name: str) -> Items:
    task = machine.values(f"{_CACHE}\\Tasks\\{name}")
    path = _text(task["Path"])
    listed = secured = described = False
    modified = None
    if path:
        tree = f"{_CACHE}\\Tree{path}"
        listed = machine.key_exists(tree)
        secured = listed and machine.values(tree)["SD"] is not None
        file = file_system.at(machine.state.files, f"C:\\Windows\\System32\\Tasks{path}")
        described = file is not None and not file.folder
        modified = file.modified if file is not None and described else None
    yield record(
        "Task",
        Id=name,
        Path=path,
        Author=_text(task["Author"]),
        Date=_text(task["Date"]),
        Actions=_text(task["Actions"], 65536),
        Dynamic=_text(task["DynamicInfo"], 65536),
        Listed=listed,
        Secured=secured,
        Described=described,
        Modified=modified,
    )


def _services(machine: Machine) -> Items:
    try:
        names = machine.names_below(SERVICES_KEY)
    except UnreadableError as error:
        yield unread(SERVICES_KEY, error)
        return
    if len(names) > _SERVICES:
        yield record("Capped", What="services", Limit=_SERVICES, Seen=len(names))
    yield record("Services", Listed=len(names))
    for name in names[:_SERVICES]:
        key = f"{SERVICES_KEY}\\{name}"
        try:
            service = machine.values(key)
            more = machine.values(f"{key}\\Parameters")
            yield record(
                "Service",
                Name=name,
                ImagePath=_text(service["ImagePath"]),
                ServiceDll=_text(more["ServiceDll"]) or _text(service["ServiceDll"]),
                FailureCommand=_text(service["FailureCommand"]),
                Account=_text(service["ObjectName"]),
                Start=number(service["Start"]),
                Type=number(service["Type"]),
            )
        except UnreadableError as error:
            yield unread(key, error)


def _each_command(machine: Machine, key: str) -> Items:
    """`Get-EachCommand`, as the script defines it."""
    try:
        values = machine.values(key)
    except UnreadableError as error:
        yield unread(key, error)
        return
    names = values.names
    if len(names) > _VALUES:
        yield record("Capped", What=key, Limit=_VALUES, Seen=len(names))
    for name in names[:_VALUES]:
        if _PATTERN.search(name):
            why = "its name has characters that PowerShell takes for a pattern"
            yield record("Unread", What=f"{key}, value {name}", Why=why)
        else:
            yield record("Autorun", Place=key, Name=name, Value=_text(values[name]))


def _logon(machine: Machine, key: str) -> Items:
    """`Get-Logon`, as the script defines it."""
    yield from _values(machine, key, ("Shell", "Userinit", "Taskman"))


def _values(machine: Machine, key: str, names: tuple[str, ...]) -> Items:
    try:
        values = machine.values(key)
        for name in names:
            yield record("Autorun", Place=key, Name=name, Value=_text(values[name]))
    except UnreadableError as error:
        yield unread(key, error)


def _hives(machine: Machine) -> list[str] | UnreadableError:
    try:
        return [
            name
            for name in machine.names_below(_USERS)
            if not folded(name).endswith("_CLASSES") and folded(name) != ".DEFAULT"
        ]
    except UnreadableError as error:
        return error


def _users(machine: Machine, users: list[str]) -> Items:
    for user in users:
        for each in _RUN_OF_USERS:
            yield from _each_command(machine, f"{_USERS}\\{user}\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\{each}")
        yield from _each_command(machine, f"{_USERS}\\{user}\\SOFTWARE\\Microsoft\\Command Processor")
        windows = f"{_USERS}\\{user}\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
        yield from _logon(machine, f"{windows}\\Winlogon")
        yield from _values(machine, f"{windows}\\Windows", ("Load", "Run"))
        yield from _values(machine, f"{_USERS}\\{user}\\Environment", ("UserInitMprLogonScript",))


def _options(machine: Machine, above: str) -> Items:
    try:
        programs = machine.names_below(above)
    except UnreadableError as error:
        yield unread(above, error)
        return
    if len(programs) > _PROGRAMS:
        yield record("Capped", What=above, Limit=_PROGRAMS, Seen=len(programs))
    for program in programs[:_PROGRAMS]:
        key = f"{above}\\{program}"
        try:
            values = machine.values(key)
            for name in ("Debugger", "VerifierDlls", "MonitorProcess"):
                if _is_true(values[name]):
                    yield record("Autorun", Place=key, Name=name, Value=_text(values[name]))
        except UnreadableError as error:
            yield unread(key, error)


def _startup(machine: Machine, place: str) -> Items:
    """`Get-Startup`, as the script defines it."""
    files = machine.state.files
    if not on_a_drive(place):
        return
    try:
        folder = file_system.at(files, place)
        if folder is not None and folder.folder:
            for name in file_system.names_in(files, place)[:_VALUES]:
                if folded(name) != "DESKTOP.INI":
                    yield record("Autorun", Place=place, Name=name, Value=f"{place}\\{name}")
    except UnreadableError as error:
        yield unread(place, error)


def _profiles(machine: Machine, users: list[str]) -> Items:
    above = f"{_WINDOWS}\\ProfileList"
    try:
        names = machine.names_below(above)
    except UnreadableError as error:
        yield unread(above, error)
        return
    if len(names) > _PROGRAMS:
        yield record("Capped", What=above, Limit=_PROGRAMS, Seen=len(names))
    loaded = {folded(user) for user in users}
    for name in names[:_PROGRAMS]:
        try:
            path = _text(machine.values(f"{above}\\{name}")["ProfileImagePath"])
            yield record("Profile", Sid=name, Path=path, Loaded=folded(name) in loaded)
            yield from _startup(machine, f"{path}\\{_OWN_STARTUP}")
        except UnreadableError as error:
            yield unread(f"{above}\\{name}", error)


def _file(machine: Machine, path: str) -> FileState | None:
    file = file_system.at(machine.state.files, path)
    return None if file is None or file.folder else file


def _run_first(machine: Machine) -> Items:
    above = f"{_SYSTEM}\\WindowsPowerShell\\v1.0"
    for name in ("profile.ps1", "Microsoft.PowerShell_profile.ps1"):
        try:
            if _file(machine, f"{above}\\{name}"):
                yield record("Autorun", Place=above, Name=name, Value=f"{above}\\{name}")
        except UnreadableError as error:
            yield unread(f"{above}\\{name}", error)


def _before_logon(machine: Machine) -> Items:
    interpreters: dict[str, str] = {}
    for name, path in _INTERPRETERS.items():
        try:
            if file := _file(machine, path):
                interpreters[_hash(file)] = name
        except UnreadableError as error:
            yield unread(f"{_SYSTEM}\\{name}", error)
    for name in ("sethc", "utilman", "osk", "Magnify", "Narrator", "DisplaySwitch", "AtBroker"):
        path = f"{_SYSTEM}\\{name}.exe"
        try:
            if file := _file(machine, path):
                hashed = _hash(file)
                yield record("BeforeLogon", Path=path, Sha256=hashed, Same=interpreters.get(hashed))
        except UnreadableError as error:
            yield unread(path, error)


def _hash(file: FileState) -> str:
    if file.denied:
        raise UnreadableError("Access to the path is denied.")
    return hashlib.sha256(file.data).hexdigest().upper()


def _told(machine: Machine, log: str, ids: tuple[int, ...]) -> Items:
    """`Get-Told`, as the script defines it."""
    held = next((each for name, each in machine.state.event_logs.items() if name.casefold() == log.casefold()), None)
    if held is None:
        yield record("EventLog", Name=log, Present=False, Enabled=False, Records=0, Oldest=None, Newest=None)
        return
    if held.denied:
        yield record("Unread", What=f"event log {log}", Why="Attempted to perform an unauthorized operation.")
        return
    oldest, newest = (held.events[0].time, held.events[-1].time) if held.events else (None, None)
    count = len(held.events)
    yield record("EventLog", Name=log, Present=True, Enabled=held.enabled, Records=count, Oldest=oldest, Newest=newest)
    told = [event for event in reversed(held.events) if event.id in ids]
    for event in told[:_TOLD]:
        texts = "\n".join(re.sub(r"\s+", " ", each)[:4096] for each in event.texts)
        yield record("Event", Log=log, Provider=event.provider, Id=event.id, Time=event.time, Text=texts)
    if len(told) > _TOLD:
        yield record("Capped", What=f"events of {log}", Limit=_TOLD, Seen=_TOLD + 1)


def _subscriptions(machine: Machine) -> Items:
    try:
        held = machine.subscriptions()
    except UnreadableError as error:
        yield unread("root/subscription", error)
        return
    if len(held.consumers) > _VALUES:
        yield record("Capped", What="WMI consumers", Limit=_VALUES, Seen=len(held.consumers))
    yield record("Wmi", Consumers=len(held.consumers), Filters=len(held.filters), Bindings=len(held.bindings))
    for each in held.consumers[:_VALUES]:
        yield record(
            "WmiConsumer",
            Class=f"ROOT/subscription:{each.class_name}",
            Name=each.name,
            Command=_text(each.command_line),
            Program=_text(each.program),
            Engine=_text(each.engine),
            File=_text(each.script_file),
            Script=_text(each.script),
        )
    for event in held.filters[:_VALUES]:
        yield record("WmiFilter", Name=event.name, Query=_text(event.query))
    classes = {folded(each.name): each.class_name for each in reversed(held.consumers)}
    for bound in held.bindings[:_VALUES]:
        of = classes.get(folded(bound.consumer), "__EventConsumer")
        yield record(
            "WmiBinding",
            Filter=_text(f'__EventFilter (Name = "{bound.filter}")'),
            Consumer=_text(f'{of} (Name = "{bound.consumer}")'),
        )


def _accounts(machine: Machine) -> Items:
    try:
        accounts = machine.ask_accounts()
        if accounts.answers == "unresolved":
            raise UnreadableError("Failed to compare two elements in the array.")
        yield record("Administrators", Members=len(accounts.administrators))
        for each in accounts.administrators:
            yield record("Member", Name=each.name, Sid=each.sid, Class=each.kind, Source=each.source)
    except UnreadableError as error:
        yield unread(_ADMINISTRATORS, error)
    try:
        for user in machine.ask_accounts().users:
            yield record(
                "LocalUser",
                Name=user.name,
                Sid=user.sid,
                Enabled=user.enabled,
                PasswordSet=user.password_set,
                LastLogon=user.last_logon,
            )
    except UnreadableError as error:
        yield unread("local users", error)

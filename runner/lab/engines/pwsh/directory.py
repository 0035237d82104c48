"""A host's state as a directory, for the shim module that runs inside PowerShell.

    registry/SOFTWARE/...        a directory a key; %values.json holds its values, %denied marks a closed key
    drives/C/Program Files/...   the files; sparse, of the size that the state says
    host.json                    what is no key and no file: name, Windows, versions of files, closed files
    services.json                the services; what a script makes of them is written here
    files.json                   times, attributes, access lists and streams of files; likewise
    events.json                  the event logs
    mailboxes.json               mailboxes and the rights on their folders
    firewall.json                profiles and rules of Windows Firewall, what is set here and what group policy sets
    loopback                     the port of this machine at which its web server answers (loopback.py)
    web.json                     what IIS answers on loopback where no file is for it, and pools that were recycled
    pools.json                   the application pools of IIS, and whether each runs
    tasks.json                   the scheduled tasks that scripts have registered
    restart                      stands while a restart is asked for that was not told of yet
    shim/                        the shim's files and the session configuration that loads them
    links/                       where .NET looks for `C:\\...`: see `_link`

The shim's files (windows/ in this package) find the rest beside the directory that they stand in.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path, PureWindowsPath
from typing import Any, Literal

from playbooks.detaching import Work
from playbooks.guarding import FOLDER, LOOK_SECONDS, Names
from runner.lab.state import (
    DirectoryState,
    FileState,
    FirewallState,
    GuardState,
    HostState,
    ServiceState,
    TaskState,
    WebState,
    with_folders,
)

SHIM = resources.files("runner.lab.engines.pwsh") / "windows"
CONFIGURATION = "lab.pssc"
SCRIPTS = (
    "Host.ps1",
    "Services.ps1",
    "Accounts.ps1",
    "Restart.ps1",
    "Network.ps1",
    "Registry.ps1",
    "Tasks.ps1",
    "Marks.ps1",
    "Files.ps1",
    "Firewall.ps1",
    "Cim.ps1",
    "Events.ps1",
    "Exchange.ps1",
    "WebServer.ps1",
    "WebAdministration.ps1",
    "Windows51.ps1",
    "Language.ps1",
)
TYPES = "Windows.types.ps1xml"
HOST = "host.json"
SERVICES = "services.json"
# What the service control manager keeps in the key of a service is read of services.json (windows/Registry.ps1).
_SERVICES_KEY = ("SYSTEM", "CurrentControlSet", "Services")
FILES = "files.json"
FIREWALL = "firewall.json"
POOLS = "pools.json"
ACCOUNTS = "accounts.json"
SUBSCRIPTIONS = "subscriptions.json"
DIRECTORY = "directory.json"
EVENTS = "events.json"
MAILBOXES = "mailboxes.json"
TASKS = "tasks.json"
WEB = "web.json"
RESTART = "restart"  # a script has asked for it (windows/Restart.ps1)
# By what a guard's script is called: how far it is (playbooks/guarding.py).
_STANDS: Mapping[str, Literal["armed", "undone", "confirmed"]] = {
    "undo.ps1": "armed",
    "undone.ps1": "undone",
    "confirmed.ps1": "confirmed",
}

# What every Windows has, listed in the state or not.
HOME = r"C:\Users\Administrator"
ALWAYS = (r"C:\Program Files", HOME + r"\Documents", r"C:\Windows\System32", r"C:\Windows\Temp")


class StateError(ValueError):
    """The state names something that no Windows server can have; the text says what."""


def build(state: HostState, root: Path) -> Path:
    """Writes the state below the existing, empty directory `root`; returns the session configuration's path.

    Raises StateError for a key or a path that Windows cannot have.
    """
    for place in ("registry", "users", "drives", "shim", "links"):
        (root / place).mkdir()
    _registry(state, root / "registry")
    files = _files(state, root)
    _write_json(
        root / HOST,
        {
            "name": state.name,
            "os_version": state.os_version,
            "os_caption": state.os_caption,
            "boot_time": state.boot_time,
            "files": files,
            "services_denied": state.services_denied,
            "disk_full": state.disk_full,
            "task_seconds": state.task_seconds,
            "wmi": state.wmi,
            "tcp": [each.model_dump() for each in state.tcp],
            "dns_servers": state.dns_servers,
            "leases": state.leases,
            "leased_v6": state.leased_v6,
            "joined": state.joined,
            "databases_mounted": state.databases_mounted,
            "counters": state.counters,
        },
    )
    marks = {
        path: file.model_dump(exclude_defaults=True, exclude={"size", "content"}) for path, file in state.files.items()
    }
    _write_json(root / FILES, {_spelt(path): mark for path, mark in marks.items()})
    _write_json(root / SERVICES, {name: service.model_dump() for name, service in state.services.items()})
    _write_json(root / FIREWALL, state.firewall.model_dump())
    _write_json(root / WEB, state.web.model_dump())
    _write_json(root / POOLS, state.pools)
    _write_json(root / ACCOUNTS, state.accounts.model_dump())
    _write_json(root / DIRECTORY, state.directory.model_dump())
    _write_json(root / SUBSCRIPTIONS, state.subscriptions.model_dump())
    _write_json(root / MAILBOXES, [mailbox.model_dump() for mailbox in state.mailboxes])
    _write_json(root / EVENTS, {name: log.model_dump() for name, log in state.event_logs.items()})
    _guards(state, root)
    for entry in SHIM.iterdir():
        if entry.name.endswith((".ps1", ".ps1xml")):
            (root / "shim" / entry.name).write_bytes(entry.read_bytes())
    configuration = root / "shim" / CONFIGURATION
    configuration.write_text(_session(root / "shim"), encoding="utf-8")
    return configuration


def web_server(root: Path, port: int) -> None:
    """Where what is asked of loopback is answered (loopback.py)."""
    (root / "loopback").write_text(str(port), encoding="ascii")


def firewall(root: Path) -> FirewallState:
    """Windows Firewall as scripts have made it."""
    return FirewallState.model_validate_json((root / FIREWALL).read_text(encoding="utf-8"))


def changed(state: HostState, root: Path) -> HostState:
    """The state with what scripts have made of the directory that was built from it."""
    written = json.loads((root / SERVICES).read_text(encoding="utf-8"))
    services = {name: ServiceState(**each) for name, each in written.items()}
    files = _files_as_they_are(state, root)
    guards, tasks = dict(_guards_of(root)), dict(_tasks_of(root))
    web = WebState(**json.loads((root / WEB).read_text(encoding="utf-8")))
    pools = json.loads((root / POOLS).read_text(encoding="utf-8"))
    directory = DirectoryState(**json.loads((root / DIRECTORY).read_text(encoding="utf-8")))
    now = {
        "services": services,
        "files": files,
        "firewall": firewall(root),
        "guards": guards,
        "tasks": tasks,
        "pools": pools,
        "directory": directory,
        "web": web,
    }
    if all(getattr(state, name) == found for name, found in now.items()):
        return state
    return state.model_copy(update=now)


def asked_to_restart(root: Path) -> bool:
    """Whether a script has asked for a restart since this was asked last."""
    try:
        (root / RESTART).unlink()
    except FileNotFoundError:
        return False
    return True


def restart(before: HostState, after: HostState, root: Path) -> None:
    """Writes what a restart, and coming up behind it, have made of the state: boot time, services and registry."""
    if after.boot_time != before.boot_time:
        host = json.loads((root / HOST).read_text(encoding="utf-8"))
        _write_json(root / f"{HOST}.new", {**host, "boot_time": after.boot_time})
        (root / f"{HOST}.new").replace(root / HOST)
    with _held(root / SERVICES):
        _write_json(root / f"{SERVICES}.new", {name: service.model_dump() for name, service in after.services.items()})
        (root / f"{SERVICES}.new").replace(root / SERVICES)
    hive = root / "registry"
    kept = {_key(hive, path) for path in after.registry}
    for path, key in before.registry.items():
        folder = _key(hive, path)
        if path not in after.registry:
            shutil.rmtree(folder, ignore_errors=True)
            above = folder.parent  # it was there because of this one alone
            while above not in (hive, *kept) and above.is_dir() and not any(above.iterdir()):
                above.rmdir()
                above = above.parent
        elif after.registry[path].values != key.values:
            _write_json(folder / "%values.json", after.registry[path].model_dump()["values"])


def _guards(state: HostState, root: Path) -> None:
    """Writes what undoes a change by itself: its script, and its task."""
    tasks: dict[str, object] = {}
    for name, guard in state.guards.items():
        folder = _real(root / "drives", Names(name).folder)
        folder.mkdir(parents=True)
        file = next(file for file, stands in _STANDS.items() if stands == guard.stands)
        (folder / file).write_text(guard.undo + "\n", encoding="utf-8", newline="\n")
        for noted, number in (("since", _ticks(guard.since)), ("due", _ticks(guard.due)), ("looks", guard.looks)):
            (folder / f"{noted}.txt").write_text(f"{number}\n", encoding="utf-8")
        if guard.made:
            (folder / "made.txt").write_text("made\n", encoding="utf-8")
        armed = guard.stands == "armed"
        tasks[name] = {
            "registered": armed,
            "due": guard.due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "user": "SYSTEM",
            "execute": "powershell.exe",
            "arguments": Names(name).told["arguments"],
            "every": LOOK_SECONDS,
            "ran": not armed,
        }
    for name, task in state.tasks.items():
        tasks[name] = _put_task(root, name, task)
    _write_json(root / TASKS, tasks)


def _put_task(root: Path, name: str, task: TaskState) -> dict[str, object]:
    """Writes a script that was begun detached. What ran still when the state was written does not go on."""
    folder = _real(root / "drives", Work(name).folder)
    folder.mkdir(parents=True)
    (folder / "begun.ps1").write_text(task.run + "\n", encoding="utf-8", newline="\n")
    (folder / "until.txt").write_text(f"{_ticks(task.until)}\n", encoding="utf-8")
    if task.stands != "running":
        lines = (task.stands, task.started, task.ended, "0", task.error)
        (folder / "ended.txt").write_text("".join(f"{each}\n" for each in lines), encoding="utf-8")
    return {"registered": False, "due": None, "user": "SYSTEM", "execute": "", "arguments": "", "ran": True}


def _ticks(time: datetime) -> int:
    """As .NET counts them."""
    return (time - datetime(1, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10


def _of_ticks(ticks: int) -> datetime:
    return datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)


def _number(file: Path) -> int | None:
    """What a script has noted; None where it is not there, is being written, or is none."""
    try:
        return int(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None


def _guards_of(root: Path) -> Iterator[tuple[str, GuardState]]:
    tasks = json.loads((root / TASKS).read_text(encoding="utf-8"))
    for name, task in tasks.items():
        folder = _real(root / "drives", Names(name).folder)
        for file, stands in _STANDS.items():
            if (folder / file).is_file():
                undo = (folder / file).read_text(encoding="utf-8-sig").removesuffix("\n")
                since, due = _number(folder / "since.txt"), datetime.fromisoformat(task["due"])
                guard = GuardState(
                    stands=stands,
                    undo=undo,
                    since=due if since is None else _of_ticks(since),  # what cannot be read speaks for no time
                    due=due,
                    made=(folder / "made.txt").is_file(),
                    looks=_number(folder / "looks.txt") or 0,
                )
                yield name, guard


def _tasks_of(root: Path) -> Iterator[tuple[str, TaskState]]:
    """The scripts that were begun detached, and what each has left."""
    for name in json.loads((root / TASKS).read_text(encoding="utf-8")):
        folder = _real(root / "drives", Work(name).folder)
        run = next((folder / file for file in ("run.ps1", "begun.ps1") if (folder / file).is_file()), None)
        if run is None:
            continue
        text = run.read_text(encoding="utf-8-sig").removesuffix("\n")
        until = _of_ticks(int((folder / "until.txt").read_text(encoding="utf-8-sig")))
        came, started, ended, _, error = "running", "", "", "", ""
        if (folder / "ended.txt").is_file():
            came, started, ended, _, error = (folder / "ended.txt").read_text(encoding="utf-8-sig").splitlines()
        yield (
            name,
            TaskState.model_validate(
                {"stands": came, "run": text, "until": until, "started": started, "ended": ended, "error": error}
            ),
        )


def _files_as_they_are(state: HostState, root: Path) -> dict[str, FileState]:
    """Every file and folder that is listed, with the bytes that are there; in the order in which they came to be."""
    marks: dict[str, dict[str, Any]] = json.loads((root / FILES).read_text(encoding="utf-8"))
    files: dict[str, FileState] = {}
    for path, mark in marks.items():
        real = _real(root / "drives", path)
        known = {name: mark[name] for name in mark if name in FileState.model_fields}
        if real.is_dir():
            files[path] = FileState(**{**known, "folder": True})
        else:
            files[path] = FileState(**known).holding(real.read_bytes())
    return with_folders(state.files, {path: file for path, file in files.items() if not _is_of_a_guard(path)})


def _is_of_a_guard(path: str) -> bool:
    """Whether it is told as a guard, and not as a file; what an isolation has noted is one."""
    above, _, name = path.casefold().rpartition("\\")
    if above == FOLDER.casefold() and name.endswith((".json", ".wfw")):
        return False
    return f"{path}\\".casefold().startswith(f"{FOLDER}\\".casefold())


def _session(shim: Path) -> str:
    """A session configuration of PowerShell's that runs the shim's files before the client's first command.

    As scripts and not as a module: what they define then sees the caller's $ErrorActionPreference, as a cmdlet does.
    """
    scripts = ", ".join(_literal(shim / name) for name in SCRIPTS)
    return f"""@{{
    SchemaVersion    = '2.0.0.0'
    GUID             = 'd9b1f2e4-6a8c-4e0f-9a53-1c7b0e6f2d41'
    Description      = 'A simulated Windows server'
    SessionType      = 'Default'
    TypesToProcess   = {_literal(shim / TYPES)}
    ScriptsToProcess = {scripts}
}}
"""


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _registry(state: HostState, hive: Path) -> None:
    for path, key in state.registry.items():
        names = [name for name in path.replace("/", "\\").split("\\") if name]
        if not names or names[0].rstrip(":").upper() not in ("HKLM", "HKEY_LOCAL_MACHINE", "HKU", "HKEY_USERS"):
            raise StateError(f"registry key {path!r}: only keys below HKLM:\\ and HKU:\\ are there")
        folder = _key(hive, path)
        folder.mkdir(parents=True, exist_ok=True)
        if key.values:
            _write_json(folder / "%values.json", key.model_dump()["values"])
        if key.denied:
            (folder / "%denied").touch()
    above = hive
    for name in _SERVICES_KEY:
        above = _child(above, name)
    for name in state.services:
        if "\\" not in name and name:  # no name of a service: nothing can ask for its key
            _child(above, _encoded(name)).mkdir(parents=True, exist_ok=True)


def _key(hive: Path, path: str) -> Path:
    """The directory of a key; those of users' hives stand beside the one of the server (windows/Registry.ps1)."""
    root, *names = [name for name in path.replace("/", "\\").split("\\") if name]
    folder = hive.with_name("users") if root.rstrip(":").upper() in ("HKU", "HKEY_USERS") else hive
    for name in names:
        folder = _child(folder, _encoded(name))
    return folder


def _files(state: HostState, root: Path) -> dict[str, dict[str, object]]:
    """Creates the files; returns what a file system cannot hold, by lower-case Windows path."""
    for path in ALWAYS:
        _real(root / "drives", path).mkdir(parents=True, exist_ok=True)
    _link(root / "links", HOME, _real(root / "drives", HOME))
    extra: dict[str, dict[str, object]] = {}
    for path, file in state.files.items():
        real = _real(root / "drives", path)
        if file.folder:
            real.mkdir(parents=True, exist_ok=True)
        else:
            real.parent.mkdir(parents=True, exist_ok=True)
            with real.open("wb") as stream:
                if file.content is None:
                    stream.truncate(file.size)
                else:
                    stream.write(file.content.encode())
        extra[str(PureWindowsPath(path)).lower()] = {"version": file.version, "denied": file.denied}
        if not file.denied and not file.folder:
            _link(root / "links", path, real)
    return extra


def _real(drives: Path, path: str) -> Path:
    """Where a Windows path stands; the letters of what exists already win, as on a case-preserving file system."""
    windows = PureWindowsPath(path)
    if not windows.is_absolute() or len(windows.drive) != 2:
        raise StateError(f"file {path!r}: a full path on a drive, such as C:\\Windows\\notepad.exe, is needed")
    names = windows.parts[1:]
    if any(name in ("..", "") or set(name) & set('<>:"|?*/') for name in names):
        raise StateError(f"file {path!r}: not a path that Windows allows")
    real = drives / windows.drive[0].upper()
    for name in names:
        real = _child(real, name)
    return real


def _spelt(path: str) -> str:
    """A path of the state as Windows shows it."""
    return str(PureWindowsPath(path))


def _child(folder: Path, name: str) -> Path:
    exact = folder / name
    if exact.exists() or not folder.is_dir():
        return exact
    return next((entry for entry in folder.iterdir() if entry.name.casefold() == name.casefold()), exact)


def _encoded(name: str) -> str:
    """A key's name as a directory's (Registry.psm1 decodes it)."""
    text = name.replace("%", "%25").replace("/", "%2F")
    return text.replace(".", "%2E") if text in (".", "..") else text


def _link(links: Path, path: str, real: Path) -> None:
    """Makes `[System.IO.File]::ReadAllBytes('C:\\...')` find the file.

    On Linux that path is a relative file name, backslashes and all; PowerShell's process starts in `links`. The name
    has to be spelt as in the state, and names beyond what a file system can hold are left out.
    """
    name = str(PureWindowsPath(path))
    if len(name.encode()) <= 255:
        link = links / name
        if not link.exists():
            link.symlink_to(real)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


@contextlib.contextmanager
def _held(file: Path) -> Iterator[None]:
    """Nobody else changes the file meanwhile."""
    with Path(f"{file}.held").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as the shim's own locks are (windows/Tasks.ps1, windows/Services.ps1)
        yield


def task_has_run(root: Path, name: str) -> None:
    """What is due once has run."""
    with _held(root / TASKS):
        tasks = json.loads((root / TASKS).read_text(encoding="utf-8"))
        tasks[name]["ran"] = True
        _write_json(root / f"{TASKS}.new", tasks)
        (root / f"{TASKS}.new").replace(root / TASKS)

"""What an intruder leaves to come back, and what a new Windows has in the same places."""

from __future__ import annotations

import struct
import uuid
from datetime import UTC, datetime

from runner.lab.state import BinaryValue, FileState, RegistryKey, RegistryValue

CACHE = "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache"
SERVICES = "HKLM:\\SYSTEM\\CurrentControlSet\\Services"
_ZERO = datetime(1601, 1, 1, tzinfo=UTC)


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-le")
    return struct.pack("<I", len(encoded)) + encoded


def run(command: str, arguments: str = "") -> bytes:
    """An action that starts a program."""
    return struct.pack("<H", 0x6666) + b"".join(map(_text, ("", command, arguments, ""))) + struct.pack("<H", 0)


def handler(clsid: str) -> bytes:
    """An action that starts a COM object."""
    return struct.pack("<H", 0x7777) + _text("") + uuid.UUID(clsid).bytes_le + _text("")


def actions(*does: bytes) -> bytes:
    """The value Actions, version 3."""
    return struct.pack("<H", 3) + _text("Author") + b"".join(does)


def dynamic(made: datetime, ran: datetime | None = None) -> bytes:
    """The value DynamicInfo."""
    ticks = [0 if when is None else int((when - _ZERO).total_seconds()) * 10_000_000 for when in (made, ran)]
    return struct.pack("<IQQIIQ", 3, *ticks, 0, 0, 0)


def task(
    path: str,
    *does: bytes,
    number: int = 1,
    made: datetime = datetime(2020, 1, 1, tzinfo=UTC),
    listed: bool = True,
    secured: bool = True,
) -> dict[str, RegistryKey]:
    """A task in the cache of the Task Scheduler."""
    values: dict[str, RegistryValue] = {
        "Path": path,
        "Author": "CONTOSO\\admin",
        "Actions": BinaryValue(binary=actions(*does).hex()),
        "DynamicInfo": BinaryValue(binary=dynamic(made).hex()),
    }
    name = f"{{00000000-0000-4000-8000-{number:012}}}"
    keys = {f"{CACHE}\\Tasks\\{name}": RegistryKey(values=values)}
    if listed:
        descriptor: dict[str, RegistryValue] = {"SD": BinaryValue(binary="01 00 04 80")} if secured else {}
        keys[f"{CACHE}\\Tree{path}"] = RegistryKey(values={"Id": name, "Index": 3, **descriptor})
    return keys


def described(path: str) -> dict[str, FileState]:
    """The file of a task."""
    return {f"C:\\Windows\\System32\\Tasks{path}": FileState(content="<Task/>")}


DEFRAG = "\\Microsoft\\Windows\\Defrag\\ScheduledDefrag"
# What every Windows has.
USUAL: dict[str, RegistryKey] = {
    **task(DEFRAG, run("%windir%\\system32\\defrag.exe", "-c -h -o -$"), number=900),
    f"{SERVICES}\\EventLog": RegistryKey(
        values={
            "ImagePath": "%SystemRoot%\\System32\\svchost.exe -k LocalServiceNetworkRestricted -p",
            "ObjectName": "NT AUTHORITY\\LocalService",
            "Start": 2,
            "Type": 32,
        }
    ),
    f"{SERVICES}\\EventLog\\Parameters": RegistryKey(values={"ServiceDll": "%SystemRoot%\\System32\\wevtsvc.dll"}),
}
USUAL_FILES = described(DEFRAG)

_CURRENT = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion"
_NT = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
_USER = "HKU:\\S-1-5-21-7-8-9-1104"
# Of every form: what the scripts tell apart.
LEFT: dict[str, RegistryKey] = {
    **USUAL,
    **task("\\Updater", run("C:\\Users\\Public\\u.exe", "-x"), handler("57BFCFDD-EEE4-4DBB-A751-3CDEB169FF44")),
    **task("\\Größe ☃", run("cmd.exe", "/c whoami"), number=2, secured=False),
    **task("\\Gone", run("a.exe"), number=3, listed=False),
    f"{CACHE}\\Tasks\\{{nameless}}": RegistryKey(values={"Actions": "text", "Date": ["x", "y"]}),
    f"{CACHE}\\Tasks\\{{empty}}": RegistryKey(),
    f"{CACHE}\\Tasks\\{{closed}}": RegistryKey(denied=True),
    f"{CACHE}\\Tasks\\{{behind}}": RegistryKey(values={"Path": "\\Behind"}),
    f"{CACHE}\\Tree\\Behind": RegistryKey(denied=True),
    f"{SERVICES}\\Own": RegistryKey(
        values={"ImagePath": "C:\\ProgramData\\s.exe", "ServiceDll": "a.dll", "FailureCommand": "b", "Type": "16"}
    ),
    f"{SERVICES}\\Long": RegistryKey(values={"ImagePath": "x" * 5000}),
    f"{SERVICES}\\Shut": RegistryKey(denied=True),
    f"{SERVICES}\\Half\\Parameters": RegistryKey(denied=True),
    f"HKLM:\\{_CURRENT}\\Run": RegistryKey(
        values={"one": "a.exe", "(default)": "b", "list": ["c", "d"], "number": 7, "a[b]": "hidden", "Größe ☃": ""}
    ),
    f"HKLM:\\SOFTWARE\\WOW6432Node\\{_CURRENT.removeprefix('SOFTWARE' + chr(92))}\\RunOnce": RegistryKey(
        values={f"v{at:03}": "x" for at in range(205)}
    ),
    f"HKLM:\\{_CURRENT}\\Policies\\Explorer\\Run": RegistryKey(denied=True),
    f"HKLM:\\{_NT}\\Winlogon": RegistryKey(
        values={"Shell": "explorer.exe, C:\\x.exe", "Userinit": "C:\\Windows\\system32\\userinit.exe,"}
    ),
    f"HKLM:\\{_NT}\\Windows": RegistryKey(values={"AppInit_DLLs": "C:\\a.dll"}),
    "HKLM:\\SOFTWARE\\WOW6432Node\\Microsoft\\Windows NT\\CurrentVersion\\Windows": RegistryKey(denied=True),
    "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Lsa": RegistryKey(
        values={
            "Authentication Packages": ["msv1_0"],
            "Notification Packages": ["scecli", "evil"],
            "Security Packages": '""',
        }
    ),
    f"HKLM:\\{_NT}\\Image File Execution Options\\sethc.exe": RegistryKey(values={"Debugger": "cmd.exe"}),
    f"HKLM:\\{_NT}\\Image File Execution Options\\quiet.exe": RegistryKey(values={"Debugger": ""}),
    f"HKLM:\\{_NT}\\Image File Execution Options\\shut.exe": RegistryKey(denied=True),
    f"HKLM:\\{_NT}\\SilentProcessExit\\w3wp.exe": RegistryKey(values={"MonitorProcess": "C:\\m.exe"}),
    f"{_USER}\\{_CURRENT}\\Run": RegistryKey(values={"mine": "C:\\Users\\admin\\AppData\\a.exe"}),
    f"{_USER}\\{_CURRENT}\\RunOnce": RegistryKey(denied=True),
    f"{_USER}\\{_NT}\\Windows": RegistryKey(values={"Load": "l.exe"}),
    f"{_USER}\\{_NT}\\Winlogon": RegistryKey(denied=True),
    f"{_USER}\\Environment": RegistryKey(values={"UserInitMprLogonScript": "s.cmd"}),
    "HKLM:\\SOFTWARE\\Microsoft\\Command Processor": RegistryKey(values={"AutoRun": "c.cmd", "CompletionChar": 9}),
    "HKLM:\\SOFTWARE\\WOW6432Node\\Microsoft\\NetSh": RegistryKey(values={"4": "rasmontr.dll", "x": "C:\\x.dll"}),
    "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\AppCertDlls": RegistryKey(values={"a": "a.dll"}),
    f"{SERVICES}\\PortProxy\\v4tov4\\tcp": RegistryKey(values={"0.0.0.0/8443": "127.0.0.1/3389"}),
    f"HKLM:\\{_NT}\\Winlogon\\SpecialAccounts\\UserList": RegistryKey(values={"support": 0}),
    f"HKLM:\\{_NT}\\ProfileList\\S-1-5-21-7-8-9-1104": RegistryKey(values={"ProfileImagePath": "C:\\Users\\admin"}),
    f"HKLM:\\{_NT}\\ProfileList\\S-1-5-21-7-8-9-1105": RegistryKey(values={"ProfileImagePath": "C:\\Users\\gone"}),
    f"HKLM:\\{_NT}\\ProfileList\\S-1-5-21-7-8-9-1106": RegistryKey(values={"ProfileImagePath": "\\\\files\\x"}),
    f"HKLM:\\{_NT}\\ProfileList\\S-1-5-21-7-8-9-1107": RegistryKey(denied=True),
    f"{_USER}_Classes\\CLSID": RegistryKey(),
    "HKU:\\.DEFAULT\\Environment": RegistryKey(values={"UserInitMprLogonScript": "never"}),
}
STARTUP = "C:\\ProgramData\\Microsoft\\Windows\\Start Menu\\Programs\\StartUp"
LEFT_FILES: dict[str, FileState] = {
    **USUAL_FILES,
    "C:\\Windows\\System32\\cmd.exe": FileState(content="an interpreter"),
    "C:\\Windows\\explorer.exe": FileState(content="a desktop"),
    "C:\\Windows\\System32\\sethc.exe": FileState(content="an interpreter"),
    "C:\\Windows\\System32\\Utilman.exe": FileState(content="utilman itself"),
    "C:\\Windows\\System32\\osk.exe": FileState(content="x", denied=True),
    "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\profile.ps1": FileState(content="x"),
    "C:\\Users\\gone\\AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\StartUp\\l.lnk": FileState(size=1),
    **described("\\Updater"),
    f"{STARTUP}\\a.lnk": FileState(size=10),
    f"{STARTUP}\\desktop.ini": FileState(size=10),
}

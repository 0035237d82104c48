r"""What a command says against itself: by where its program lies, and by what it is told to do.

Nothing is for a command, its name least of all: only what is against it is told. The folders are those in which every
user can make files on a new Windows (icacls of Windows Server 2019), and those that IIS serves on an Exchange server;
the ways of running code are those that Microsoft and MITRE ATT&CK (T1053, T1543, T1547, T1218, T1027.010) describe.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from playbooks.findings import Severity


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is against a command.

    Attributes:
        name: stable, for tests and for who reads a report's JSON.
        says: in words, to stand behind the command.
    """

    name: str
    severity: Severity
    says: str


@dataclass(frozen=True, slots=True)
class Folders:
    """Where Windows is, as the server says: full paths without a backslash at the end."""

    windows: str = "C:\\Windows"
    drive: str = "C:"
    data: str = "C:\\ProgramData"


WRITABLE = Reason("writable", Severity.HIGH, "it lies where every user can write")
PROFILE = Reason("profile", Severity.MEDIUM, "it lies in a user's own folders")
PROGRAM_DATA = Reason("program-data", Severity.LOW, "it lies below ProgramData, where every user can make files")
WEB = Reason("web", Severity.HIGH, "it has to do with a folder that the web server serves")
REMOTE = Reason("remote", Severity.MEDIUM, "it is run from another host")
ENCODED = Reason("encoded", Severity.HIGH, "what it runs is encoded")
DOWNLOAD = Reason("download", Severity.HIGH, "it fetches something from elsewhere")
EVALUATES = Reason("evaluates", Severity.HIGH, "it runs a text as code")
DISGUISED = Reason("disguised", Severity.HIGH, "it has characters that hide what it is")
IMITATES = Reason("imitates", Severity.HIGH, "it has the name of a program of Windows and lies elsewhere")
SHELL = Reason("shell", Severity.HIGH, "its program is a command interpreter")

_ENDS = r"\.(?:exe|com|scr|dll|ocx|cpl|sys|ps1|psm1|psd1|bat|cmd|vbs|vbe|jse?|wsf|wsh|hta|sct|xsl|msi|jar|py|lnk)"
_RUNNABLE = re.compile(rf"{_ENDS}(?![\w.])")
_FROM_A_FOLDER = re.compile(r"[a-z]:\\|\\|system32\\|syswow64\\")
_PATH = re.compile(rf"""(?:[a-z]:|\\\\[^\\\s"',;|<>]+)\\[^"'|<>*?;:]*?{_ENDS}(?![\w.])""")
_WRITABLE = re.compile(
    r"^[a-z]:\\(?:"
    r"users\\(?:public|all users)\\|documents and settings\\|perflogs\\|\$recycle\.bin\\|recycler\\|te?mp\\"
    r"|windows\\(?:temp|tasks|tracing|debug\\wia|registration\\crmlog|system32\\(?:tasks|spool\\drivers\\color|fxstmp"
    r"|com\\dmp|microsoft\\crypto\\rsa\\machinekeys)|syswow64\\(?:tasks|fxstmp|com\\dmp))\\"
    r"|programdata\\(?:[^\\]+$|(?:aux|con|nul|prn|com\d?|lpt\d)\\)"
    rf"|[^\\]+{_ENDS}$)"
)
_PROFILE = re.compile(r"^[a-z]:\\users\\[^\\]+\\|\\config\\systemprofile\\|\\serviceprofiles\\")
_PROGRAM_DATA = re.compile(r"^[a-z]:\\programdata\\")
# Its access list lets nobody but SYSTEM and administrators write there.
_DEFENDER = re.compile(r"^[a-z]:\\programdata\\microsoft\\windows defender\\(?:platform|definition updates)\\")
_WEB = re.compile(
    r"\\inetpub\\(?!(?:logs|history|temp)\b)|\\wwwroot\b|\\aspnet_client\b|\\frontend\\httpproxy\\"
    r"|\\clientaccess\\(?:owa|ecp|exchweb|oab|autodiscover|pushnotifications|mapi|rest|powershell-proxy)\\"
    r"|\\temporary asp\.net files\\|\\owa\\auth\\|\\ecp\\auth\\",
    re.IGNORECASE,
)
_POWERSHELL = re.compile(r"powershell|pwsh")
# Windows PowerShell takes any beginning of -EncodedCommand from -e on, and -ec, after any dash or a slash.
_ENCODED = re.compile(
    r"(?:^|\s)[-/\u2010-\u2015](?:ec|e(?:n(?:c(?:o(?:d(?:e(?:d(?:c\w*)?)?)?)?)?)?)?)[\s:]+([a-z0-9+/=]{16,})",
    re.IGNORECASE,
)
_FROM_BASE64 = re.compile(r"frombase64string|certutil.{0,40}-decode", re.IGNORECASE)
_DOWNLOAD = re.compile(
    r"download(?:string|file|data)|net\.webclient|invoke-(?:webrequest|restmethod)|\b(?:iwr|irm|wget)\b|start-bitstransfer"
    r"|bitsadmin.*(?:/transfer|/addfile)|certutil.*(?:urlcache|verifyctl)|msxml2\.(?:server)?xmlhttp|winhttp\.winhttprequest"
    r"|(?:curl|mshta|regsvr32|rundll32|msiexec|wmic|installutil|hh|cmstp|powershell|pwsh)\b.*(?:https?|ftp)://",
)
_EVALUATES = re.compile(
    r"invoke-expression|\biex\b|scriptblock\]::create|reflection\.assembly|\]::load\(|(?:java|vb)script:|scrobj\.dll"
    r"|executeglobal|\beval\("
)
_HIDING = re.compile("[\x00-\x08\x0a-\x1f\x7f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_OF_WINDOWS = frozenset(
    f"{name}.exe"
    for name in (
        "svchost", "lsass", "lsaiso", "services", "csrss", "winlogon", "smss", "wininit", "spoolsv", "taskhost",
        "taskhostw", "dllhost", "conhost", "rundll32", "dwm", "userinit", "wmiprvse", "explorer", "w3wp", "logonui",
        "fontdrvhost", "searchindexer", "runtimebroker", "sihost", "ctfmon", "msdtc",
    )
)  # fmt: skip
_SHELLS = frozenset(
    f"{name}.exe"
    for name in (
        "cmd", "powershell", "powershell_ise", "pwsh", "wscript", "cscript", "mshta", "regsvr32", "msbuild",
        "installutil", "regasm", "regsvcs", "bitsadmin", "certutil", "bash", "wsl", "wmic", "forfiles",
        "python", "perl",
    )
)  # fmt: skip
_SHOWN = 200


def against(command: str, folders: Folders = Folders()) -> tuple[Reason, ...]:
    """What is against a command: a program with its arguments, as Windows starts it. Each reason once."""
    return tuple(dict.fromkeys(_against(command, folders)))


def runs_a_shell(command: str, folders: Folders = Folders()) -> bool:
    """Whether its program is a command interpreter, or one that runs what it is told on its command line."""
    return _name(program(command, folders)) in _SHELLS


def decoded(command: str) -> str:
    """What an encoded command of PowerShell runs, its beginning; empty where there is none or it is not readable."""
    found = _ENCODED.search(_plain(command))
    if found is None:
        return ""
    given = found[1] + "=" * (-len(found[1]) % 4)
    try:
        text = base64.b64decode(given, validate=True).decode("utf-16-le")
    except (binascii.Error, UnicodeError):
        return ""
    return text[:_SHOWN]


def _against(command: str, folders: Folders) -> Iterator[Reason]:
    if _HIDING.search(command):
        yield DISGUISED
    text = expanded(_plain(command), folders)
    folded = text.casefold()
    main = program(command, folders)
    for path in dict.fromkeys((main, *(_whole(each, folders) for each in _PATH.findall(folded)))):
        yield from _by_place(path)
    if _WEB.search(folded):
        yield WEB
    if (_POWERSHELL.search(folded) and _ENCODED.search(text)) or _FROM_BASE64.search(text):
        yield ENCODED
    inner = decoded(command).casefold()
    for each in (folded, inner):
        if _DOWNLOAD.search(each):
            yield DOWNLOAD
        if _EVALUATES.search(each):
            yield EVALUATES
        if _WEB.search(each):
            yield WEB
    if _name(main) in _OF_WINDOWS and "\\" in main and not _is_in_windows(main, folders):
        yield IMITATES


def _by_place(path: str) -> Iterator[Reason]:
    if path.startswith("\\\\") and path[2:3] not in ("?", "."):
        yield REMOTE
    elif _WRITABLE.match(path):
        yield WRITABLE
    elif _PROFILE.search(path):
        yield PROFILE
    elif _PROGRAM_DATA.match(path) and not _DEFENDER.match(path):
        yield PROGRAM_DATA


def _is_in_windows(path: str, folders: Folders) -> bool:
    windows = folders.windows.casefold()
    folder = path.rpartition("\\")[0]
    return folder in (
        windows, *(f"{windows}\\{each}" for each in ("system32", "syswow64", "system32\\wbem", "syswow64\\wbem",
        "system32\\inetsrv", "syswow64\\inetsrv"))
    )  # fmt: skip


def program(command: str, folders: Folders = Folders()) -> str:
    """The program of a command in small letters, with a full path where it has one.

    Without quotes Windows tries each blank in turn for the end of the path, so all up to the first ending counts.
    """
    text = expanded(command.strip(), folders).strip().casefold()
    if text.startswith('"'):
        return _whole(text[1:].partition('"')[0].strip(), folders)
    ends = _RUNNABLE.search(text)
    whole = "" if ends is None or not _FROM_A_FOLDER.match(text) else _whole(text[: ends.end()], folders)
    # A second drive is that of an argument.
    return whole if whole and ":" not in whole[2:] else _whole(text.partition(" ")[0], folders)


def _whole(path: str, folders: Folders) -> str:
    """A path as the service control manager takes it: without `\\??\\`, and below Windows where it is not full."""
    path = path.replace("/", "\\")
    for prefix in ("\\??\\", "\\\\?\\", "\\\\.\\"):
        path = path.removeprefix(prefix)
    windows = folders.windows.casefold()
    if path.startswith("\\systemroot\\"):
        return windows + path.removeprefix("\\systemroot")
    if path.startswith(("system32\\", "syswow64\\")):
        return f"{windows}\\{path}"
    return path


def _name(path: str) -> str:
    name = path.rpartition("\\")[2]
    return name if "." in name else f"{name}.exe"


def expanded(text: str, folders: Folders) -> str:
    """With the variables that stand for folders of the server; %TEMP% is that of SYSTEM, a user's stay a user's."""
    values = {
        "systemroot": folders.windows,
        "windir": folders.windows,
        "systemdrive": folders.drive,
        "programdata": folders.data,
        "allusersprofile": folders.data,
        "comspec": f"{folders.windows}\\System32\\cmd.exe",
        "programfiles": f"{folders.drive}\\Program Files",
        "programw6432": f"{folders.drive}\\Program Files",
        "programfiles(x86)": f"{folders.drive}\\Program Files (x86)",
        "public": f"{folders.drive}\\Users\\Public",
        "temp": f"{folders.windows}\\Temp",
        "tmp": f"{folders.windows}\\Temp",
        "userprofile": f"{folders.drive}\\Users\\(user)",
        "appdata": f"{folders.drive}\\Users\\(user)\\AppData\\Roaming",
        "localappdata": f"{folders.drive}\\Users\\(user)\\AppData\\Local",
    }
    return re.sub(r"%([^%\s]+)%", lambda found: values.get(found[1].casefold(), found[0]), text)


def _plain(command: str) -> str:
    """Without what the command interpreter takes out: carets and quotes, and PowerShell's backticks."""
    return re.sub(r"[\^`\"]", "", command)

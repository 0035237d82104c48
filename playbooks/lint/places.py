"""The places that a change may write, as its contract names them, and what is wrong with a place that a script names.

A place is the whole of what a command is told, no beginning and no pattern: only then can it be held to a pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from .wildcards import has_wildcards, is_like

__all__ = [
    "APPLICATION_HOST",
    "LONG",
    "MITIGATIONS",
    "RESTART",
    "TAKEN_OFF",
    "Kind",
    "Place",
    "configuration",
    "is_device",
    "is_short",
    "kind_of",
    "may_write",
    "why_not",
]

Kind = Literal[
    "service",
    "file",
    "folder",
    "registry",
    "task",
    "acl",
    "configuration",
    "firewall_profile",
    "firewall_rule",
    "pool",
    "server",
]

# What a change does to the server itself: it restarts it, or sets what Exchange Emergency Mitigation is to leave out.
RESTART, MITIGATIONS = "restart", "mitigations"
# Where a change may write IIS's configuration: in the server's own file, and never in the folder of a site, which may
# lie anywhere. So it is called in WebAdministration, and so in a place that is not below a location.
APPLICATION_HOST, _SERVER_WIDE = "MACHINE/WEBROOT/APPHOST", "applicationHost.config"
# One element from the root of the file or of a location, or an attribute of it: no other XPath.
_ELEMENT = r"[A-Za-z][A-Za-z.]*(?:\[@name='[^'\"\[\]<>&\x00-\x1f]{1,260}'\])?"
_FILTER = re.compile(rf"{_ELEMENT}(?:/{_ELEMENT})*(?:/@[A-Za-z]+)?")
_DRIVE = re.compile(r"[A-Za-z]:\\[^\\]")
# Past Windows' own rules for names (Naming Files, Paths, and Namespaces, learn.microsoft.com).
LONG = "\\\\?\\"
_LONG = re.compile(r"\\\\\?\\[A-Za-z]:\\[^\\]")
_KEY = re.compile(r"(?:HKLM|HKCU):\\[^\\]", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r'[<>|"*?:/\x00-\x1f\x7f]')
# Names of devices in every folder, with any ending (Naming Files, Paths, and Namespaces, learn.microsoft.com).
_DEVICE = re.compile(
    r"(?:CON|PRN|AUX|NUL|CLOCK\$|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9\u00b9\u00b2\u00b3]) *(?:\..*)?", re.I | re.DOTALL
)
# As Windows makes them: six characters at most, a tilde and a number, eight in all; three more behind a dot.
_SHORT = re.compile(r"(?=[^.]{3,8}(?:\.|$))[^.~ ]{1,6}~[0-9]{1,6}(?:\.[^. ]{0,3})?", re.ASCII | re.DOTALL)
# .NET Framework takes these off the end of a path (Path.TrimEndChars), beside what no name has.
TAKEN_OFF = "\x85\xa0"


@dataclass(frozen=True, slots=True)
class Place:
    """Places of one kind, by a pattern with PowerShell's wildcards in which nothing is left to be filled in.

    `registry` is a value: its key, a backslash and its name. `folder` is the folder itself, not what is in it.
    `configuration` is an element or attribute of applicationHost.config, see `configuration`; `pool` an application
    pool of IIS by name. `server` is the server itself: what is done to it, RESTART or MITIGATIONS.
    """

    kind: Kind
    pattern: str


def may_write(kinds: Iterable[Kind], name: str, allowed: Iterable[Place]) -> bool:
    """Whether a place that one command writes, which may be of these kinds, is allowed.

    A file is the same file behind `\\\\?\\`, if there is one that opens without; else nobody can mean another by it.
    """
    plain = name.removeprefix(LONG) if _LONG.match(name) else name
    return any(place.kind in kinds and is_like(plain, place.pattern) for place in allowed)


def configuration(location: str | None, element: str, attribute: str = ".") -> str:
    """A place of IIS's configuration: `Default Web Site: system.webServer/rewrite/rules`, and `/@name` of an attribute.

    Args:
        location: of the file, such as `Default Web Site/owa`; None for what holds for the whole server.
        element: as a filter of WebAdministration.
        attribute: `.` where the element itself is written.
    """
    of = "" if attribute == "." else f"/@{attribute}"
    return f"{_SERVER_WIDE if location is None else location}: {element}{of}"


def kind_of(kinds: tuple[Kind, ...], path: str) -> tuple[Kind, ...]:
    """Which of these kinds a place is: a path says whether it is of the registry."""
    if "registry" in kinds and len(kinds) > 1:
        return ("registry",) if _KEY.match(path) else tuple(kind for kind in kinds if kind != "registry")
    return kinds


def why_not(kind: Kind, name: str, *, literal: bool, long: bool = False) -> str:
    """Why this is no name of one place of this kind, as text that follows it; empty where it is one.

    Args:
        literal: that the parameter takes no wildcards.
        long: that it takes paths behind `\\\\?\\`.
    """
    if kind in ("file", "folder", "acl"):
        if long and _LONG.match(name):
            return _why_no_long(name.removeprefix(LONG))
        return _why_no_path(name, literal=literal)
    if kind == "configuration":
        return _why_no_configuration(name)
    if "\0" in name:
        return "has the character NUL, where the name ends for Windows, and for PowerShell does not"
    if kind == "registry":
        parts = name.split("\\")[1:]
        if not _KEY.match(name) or "/" in name or any(part in ("", ".", "..") for part in parts):
            return "is no value of a key below HKLM:\\ or HKCU:\\, written out"
        return "has wildcards" if any(character in name for character in "*?`") else ""
    return "has wildcards" if has_wildcards(name) else "" if name.strip() == name != "" else "is no name"


def is_device(part: str) -> bool:
    """Whether a part of a path is a device, wherever it stands."""
    return _DEVICE.fullmatch(part) is not None


def is_short(part: str) -> bool:
    """Whether a part of a path may be the 8.3 name of a file or folder that has a longer one."""
    return _SHORT.fullmatch(part) is not None


def _why_no_configuration(name: str) -> str:
    location, colon, element = name.partition(": ")
    parts = location.split("/")
    if (
        not colon
        or any(part != part.strip() or part in ("", ".", "..") for part in parts)
        or _NOT_IN_NAMES.search(location.replace("/", ""))
    ):
        return "is in no location: a site's name, or one with the path of an application"
    return "" if _FILTER.fullmatch(element) else "is no element by its names from the root, such as a/b[@name='c']"


def _why_no_long(name: str) -> str:
    """Of a path behind `\\\\?\\`, in which Windows reads every name as it stands."""
    if _NOT_IN_NAMES.search(name, 2):
        return "has a character that no file's name has, or names a stream"
    parts = name[3:].split("\\")
    if any(part in ("", ".", "..") for part in parts):
        return "has a part that is no name: nothing, . or .."
    return "has a part that may be the short name of another: write the long one" if any(map(is_short, parts)) else ""


def _why_no_path(name: str, *, literal: bool) -> str:
    if not _DRIVE.match(name):
        return "does not begin with a drive, such as C:\\"
    if _NOT_IN_NAMES.search(name, 2):
        return "has a character that no file's name has, or names a stream"
    parts = name[3:].split("\\")
    if parts[-1] == "" or any(part in ("", ".", "..") or part[-1] in ". " or part[0] == " " for part in parts):
        return "has a part that Windows reads otherwise: nothing, .., or a dot or blank at its end"
    if name[-1] in TAKEN_OFF:
        return "has a blank at its end, which Windows may take off"
    if any(map(is_device, parts)):
        return "has a part that is the name of a device, such as CON or COM1"
    if any(map(is_short, parts)):
        return "has a part that may be the short name of another: write the long one"
    return "has [, ] or a backtick, which are wildcards there" if not literal and has_wildcards(name) else ""

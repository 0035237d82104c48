"""Where a path of IIS's configuration leads, as far as the path itself says.

Junctions and mount points are the file system's and not seen here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

_VARIABLE = re.compile(r"%([^%\\/]*)%")
_DRIVE = re.compile(r"[A-Za-z]:(?:\\|$)")
_SHORT_NAME = re.compile(r"~[0-9]")
# Names that Windows takes for devices in every folder, whatever ending follows (Naming Files, Paths, and Namespaces).
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(?:[.:].*)?", re.I)
# Actors' virtual directories led to C:\ProgramData\COM, WHO, ZING and others, and to C:\Users\All Users
# (signature-base, expl_proxyshell.yar).
_WRITABLE = ("programdata", "users", "perflogs", "recovery", "$recycle.bin", "temp", "tmp")
# Of Windows, what Exchange and Windows' own roles serve: RPC over HTTP, certificate services.
_OF_WINDOWS = ("system32\\rpcproxy", "system32\\certsrv")
# Of Exchange, where its sites lie; its other folders are written to all day, logs of requests among them.
_OF_EXCHANGE = ("frontend\\httpproxy", "clientaccess")
# What of inetpub is written by requests or by IIS itself.
_NOT_OF_INETPUB = ("logs", "temp", "history")


class Standing(Enum):
    """What is to be thought of a place that IIS serves."""

    USUAL = "usual"
    ELSEWHERE = "elsewhere"
    HIDDEN = "hidden"  # a place in which web shells were kept, or a path that hides where it leads


@dataclass(frozen=True, slots=True)
class Place:
    """A path with the server's own names put in, and why it stands out; empty where it does not."""

    path: str
    standing: Standing
    why: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """What paths are held against: the server's environment by lower-case names, and Exchange's folder, if any."""

    variables: Mapping[str, str]
    exchange: str

    def expanded(self, path: str) -> str:
        """With variables of the environment put in; one that is not known stays."""
        return _VARIABLE.sub(lambda found: self.variables.get(found[1].casefold(), found[0]), path)

    @property
    def system_drive(self) -> str:
        """`c:`."""
        return self.variables.get("systemdrive", "").casefold()

    @property
    def windows(self) -> str:
        """Windows' folder, as compared."""
        return comparable(self.variables.get("systemroot", ""))


def comparable(path: str) -> str:
    """A path as Windows would take it, in lower case: `.` and `..` followed, blanks and dots at ends of names gone."""
    names: list[str] = []
    for name in path.replace("/", "\\").split("\\"):
        if name == "..":
            del names[max(1, len(names) - 1) :]
        elif kept := name.rstrip(" ."):
            names.append(kept)
    return "\\".join(names).casefold()


def on_a_drive(path: str) -> bool:
    """Whether it is a whole path on a drive, whatever its strokes."""
    return _DRIVE.match(path.replace("/", "\\")) is not None


def place(path: str, server: Server) -> Place:
    """Where a folder that IIS serves lies."""
    whole = server.expanded(path.strip())
    plain = whole.replace("/", "\\")
    if plain.startswith(("\\\\?\\", "\\\\.\\", "\\??\\")):
        return Place(
            whole, Standing.HIDDEN, "a path past Windows' own rules for names, which hides it from most programs"
        )
    if plain.startswith("\\\\"):
        return Place(whole, Standing.HIDDEN, "on another server")
    if left := _VARIABLE.search(plain):
        return Place(whole, Standing.ELSEWHERE, f"{left[0]} is not known, so where it leads is not either")
    if not on_a_drive(plain):
        return Place(whole, Standing.ELSEWHERE, "no whole path on a drive")
    names = [name for name in plain[2:].split("\\") if name]
    if device := next((name for name in names if _DEVICE.fullmatch(name)), None):
        why = f"{device} is the name of a device: such a folder can be opened and deleted only through \\\\?\\"
        return Place(whole, Standing.HIDDEN, why)
    if any(":" in name for name in names):
        return Place(whole, Standing.HIDDEN, "an alternate stream")
    if any(_SHORT_NAME.search(name) for name in names):
        return Place(whole, Standing.HIDDEN, "a short name, which hides where it leads")
    return _by_folder(whole, comparable(plain), server)


def _by_folder(whole: str, path: str, server: Server) -> Place:
    drive, _, below = path.partition("\\")
    if server.exchange and any(_in(path, f"{comparable(server.exchange)}\\{each}") for each in _OF_EXCHANGE):
        return Place(whole, Standing.USUAL)
    if server.exchange and path == comparable(server.exchange):
        return Place(whole, Standing.ELSEWHERE, "the whole of Exchange's folder")
    if server.windows and _in(path, server.windows):
        if any(_in(path, f"{server.windows}\\{each}") for each in _OF_WINDOWS):
            return Place(whole, Standing.USUAL)
        return Place(
            whole, Standing.HIDDEN, "in Windows' folder, and not where Exchange or a role of Windows serves from"
        )
    if drive == server.system_drive and _in(below, "inetpub"):
        if any(_in(below, f"inetpub\\{each}") for each in _NOT_OF_INETPUB) or below == "inetpub":
            return Place(whole, Standing.ELSEWHERE, "in a part of inetpub to which IIS itself writes")
        return Place(whole, Standing.USUAL)
    if not below:
        return Place(whole, Standing.ELSEWHERE, "a whole drive")
    if any(_in(below, each) for each in _WRITABLE):
        return Place(
            whole,
            Standing.HIDDEN,
            "a place to which others than administrators write, and in which web shells were kept",
        )
    return Place(whole, Standing.ELSEWHERE, "outside Exchange's web folders and inetpub")


def _in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}\\")

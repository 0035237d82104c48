"""Which paths name one file of this server and nothing else, and which of those may be quarantined at all.

Windows reads many texts as a path to the same file, and some as a path to another one (Naming Files, Paths, and
Namespaces, learn.microsoft.com). What is moved has to be what was named, so only
the plain one is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from playbooks.lint.places import LONG, TAKEN_OFF, is_device, is_short

__all__ = ["QUARANTINE", "opening", "why_not_below", "why_not_plain", "why_not_takable"]

QUARANTINE = "exrun-quarantine-"
MOST_UNITS = 259  # UTF-16 units of a path that Windows PowerShell 5.1 takes without \\?\
MOST_LONG_UNITS = 32000  # and with it, of 32,767 that Windows has

_DRIVE = re.compile(r"[A-Za-z]:\\", re.ASCII)
_NO_NAME = re.compile(r'[<>"|?*\x00-\x1f\x7f\ud800-\udfff]')


def why_not_plain(path: str) -> str:
    """Why a path is none that names one file and nothing else, as text that follows it; empty where it is one."""
    if path.startswith(("\\\\", "//", "\\??\\")):
        return "is a device or UNC path"
    if not _DRIVE.match(path):
        return "does not begin with a drive, such as C:\\"
    if "/" in path:
        return "has a slash where Windows shows a backslash"
    if ":" in path[2:]:
        return "names an alternate stream, or has a colon that no file has"
    if _NO_NAME.search(path, 3):
        return "has a character that no file's name has"
    if "`" in path:
        return "has a backtick, which PowerShell may take for an escape"
    if path[-1] in TAKEN_OFF:
        return "ends in a blank that Windows may leave out"
    if len(path.encode("utf-16-le")) // 2 > MOST_UNITS:
        return f"is longer than the {MOST_UNITS} characters that Windows PowerShell takes"
    return next((why for part in path[3:].split("\\") if (why := _why_no_part(part))), "")


def why_not_takable(path: str) -> str:
    """Why a file that was read there cannot be moved by its path, plain or behind `\\\\?\\`; empty where it can."""
    return "" if not why_not_plain(path) else _why_not_long(path)


def opening(path: str) -> str:
    """By what a file that can be taken opens: its path, behind `\\\\?\\` where Windows would read it otherwise."""
    return f"{LONG}{path}" if why_not_plain(path) else path


def _why_not_long(path: str) -> str:
    """Behind `\\\\?\\` every name stands for itself. Only on C: such a path is read."""
    if path[:3].upper() != "C:\\":
        return why_not_plain(path)
    parts = path[3:].split("\\")
    if any(part in ("", ".", "..") for part in parts):
        return why_not_plain(path)
    if any(map(is_short, parts)):
        return "has a part that looks like an 8.3 name, which stands for another one"
    if "/" in path or ":" in path[2:] or _NO_NAME.search(path, 3) or "`" in path:
        return why_not_plain(path)
    if len(path.encode("utf-16-le")) // 2 > MOST_LONG_UNITS:
        return f"is longer than the {MOST_LONG_UNITS} characters that Windows takes"
    if is_device(parts[-1].rstrip(". ")):
        return "ends in the name of a device, to which Windows PowerShell moves nothing back"
    return ""


def why_not_below(path: str, roots: Iterable[str]) -> str:
    """Why a plain path lies in none of the folders that may be worked in; empty where it does."""
    if _folded(path[3:]).startswith(_folded(QUARANTINE)):
        return "lies in a quarantine already"
    tried = [root.rstrip("\\") for root in roots]
    if any(not why_not_plain(root) and _folded(path).startswith(_folded(f"{root}\\")) for root in tried):
        return ""
    return f"lies in none of the folders of `roots`: {', '.join(tried) or 'there is none'}"


def _why_no_part(part: str) -> str:
    if part in ("", ".", ".."):
        return "has an empty part, . or .."
    if part[-1] in ". ":
        return "has a part that ends in a dot or a space, which Windows leaves out"
    if part[0] == " ":
        return "has a part that begins with a space"
    if is_device(part):
        return "has a part that is the name of a device"
    if is_short(part):
        return "has a part that looks like an 8.3 name, which stands for another one"
    return ""


def _folded(text: str) -> str:
    """For comparing, as NTFS does: the capitals of single characters."""
    return "".join(capital if len(capital := each.upper()) == 1 else each for each in text)

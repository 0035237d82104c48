"""Which names are allowed, and which two a tired reader would take for one another.

A client's name becomes a directory, and all names are typed into selections: both shape what is allowed.
"""

from __future__ import annotations

import csv
import ipaddress
import re
import unicodedata
from functools import cache
from importlib.resources import files

LONGEST = 100

# Drawn like a Latin letter, and not (ӏ: not as that letter) in Unicode's list.
_ALSO_DRAWN_LIKE = {"Ԛ": "Q", "ӏ": "l", "ʟ": "L"}
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_RESERVED = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(?:\..*)?", re.IGNORECASE)
_HOST_LABEL = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?|_[\w-]{1,62}")


def why_not_a_name(name: str) -> str:
    """Why a client, group or host cannot be called so; empty when it can."""
    if not name:
        return "a name cannot be empty"
    if len(name) > LONGEST:
        return f"a name has at most {LONGEST} characters"
    if unicodedata.normalize("NFC", name) != name:
        return "a name is written in composed characters (Unicode NFC)"
    for character in name:
        if unicodedata.category(character)[0] not in "LMN" and character not in "._- ":
            return f"a name has letters, digits, `.`, `_`, `-` and spaces, not U+{ord(character):04X}"
    if unicodedata.category(name[0])[0] not in "LN":
        return "a name begins with a letter or a digit"
    if name[-1] in ". ":
        return "a name does not end with a dot or a space"
    if _RESERVED.fullmatch(name):
        return "Windows reserves this name for a device"
    return ""


def folded(name: str) -> str:
    """The name as something that ignores case and compatibility forms reads it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


@cache  # a file of the package, which does not change
def _drawn_like() -> dict[int, str]:
    """Letters and digits that are drawn like an ASCII one. From Unicode's confusables (UTS #39), see
    scripts/look_alikes.py; compatibility forms (full-width, ligatures) are left to NFKC."""
    with files("inventory").joinpath("look_alikes.csv").open(encoding="utf-8") as rows:
        table = {row["letter"]: row["drawn_like"] for row in csv.DictReader(rows)}
    return str.maketrans({**table, **_ALSO_DRAWN_LIKE})


def drawn(name: str) -> str:
    """The name as an eye reads it: letters of other scripts as the Latin letters they look like, without case."""
    if name.isascii():
        return name.casefold()
    return folded(unicodedata.normalize("NFKC", name).translate(_drawn_like()))


def is_address(text: str) -> bool:
    """Whether it is an IP address or a host name, without scheme, port, path or user."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        pass
    else:
        return True
    labels = text.removesuffix(".").split(".")
    if len(text) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        return False
    return not all(label.isdigit() for label in labels)  # 10.0.0.300 is a mistyped address, not a name


def canonical_address(address: str) -> str:
    """One spelling of each address, for finding one server entered twice. Names are not resolved."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return folded(address.removesuffix("."))

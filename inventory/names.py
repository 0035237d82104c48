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

from texts.problems import MistakeError

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


_NO_ADDRESS = ("is not a host name or an IP address", "write it without scheme, port, user or path")
_NO_DNS_NAME = (
    "is no name that the DNS can hold (letters beyond ASCII follow IDNA 2008)",
    "correct it, or write the server's IP address",
)
_ZONE = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # names and numbers of network interfaces
_ASCII_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?|_[A-Za-z0-9_-]{1,62}")


def why_not_an_address(text: str) -> tuple[str, str] | None:
    """Why it is neither an IP address nor a host name, and what to write; None when it is one.

    An IPv6 address may have a zone (`fe80::1%eth0`). A name may have letters of any script that IDNA 2008 knows how
    to write; see `encoded`.
    """
    if "%" in text:
        if _is_ip(text) and _ZONE.fullmatch(text.partition("%")[2]):
            return None
        advice = "write it as `fe80::1%eth0`, with the interface's name or number"
        return "is not an IPv6 address with a zone", advice
    if _is_ip(text):
        return None
    labels = text.removesuffix(".").split(".")
    if len(text) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        return _NO_ADDRESS
    if all(label.isdigit() for label in labels):  # 10.0.0.300 is a mistyped address, not a name
        return _NO_ADDRESS
    try:
        encoded(text)
    except MistakeError as error:
        return error.what, error.advice
    return None


def is_address(text: str) -> bool:
    """Whether `why_not_an_address` finds nothing."""
    return why_not_an_address(text) is None


def encoded(address: str) -> str:
    """The address as it is looked up: what a host name has beyond ASCII as punycode (IDNA 2008 with the mapping of
    UTS #46, so that `BÜCHER.example` is `xn--bcher-kva.example`), everything else as it is.

    Raises:
        MistakeError: the name cannot be written so.
    """
    if address.isascii():
        return address
    try:
        labels = [label if label.isascii() else _ascii_label(label) for label in address.split(".")]
    except ValueError:  # idna.IDNAError and UnicodeError are ones too; their texts repeat what was written
        raise MistakeError(*_NO_DNS_NAME) from None
    found = ".".join(labels)
    if len(found) > 253 or all(label.isdigit() for label in labels):
        raise MistakeError(*_NO_DNS_NAME)
    return found


def called(address: str) -> str:
    """What a server is called in everything that is sent to it: `encoded`, without the dot that ends a full name, and
    without the zone of an IPv6 address, which means something on this machine alone (RFC 6874, 1; RFC 6066, 3).

    Raises:
        MistakeError: as `encoded`.
    """
    return encoded(address).partition("%")[0].removesuffix(".")


def canonical_address(address: str) -> str:
    """One spelling of each address, for finding one server entered twice. Names are not resolved."""
    try:
        read = ipaddress.ip_address(address)
        return str((isinstance(read, ipaddress.IPv6Address) and read.ipv4_mapped) or read)
    except ValueError:
        pass
    try:
        return encoded(address.removesuffix(".")).casefold()
    except ValueError:
        return folded(address.removesuffix("."))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _ascii_label(label: str) -> str:
    import idna  # whose tables are large, and most names have letters of ASCII alone

    written = idna.encode(label, uts46=True).decode("ascii")
    if not _ASCII_LABEL.fullmatch(written):
        raise ValueError("it has characters that no host name has")
    return written

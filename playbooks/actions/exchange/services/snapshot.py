"""How the services of a server were to start, as somebody wrote down before its update: `MSExchangeIS=Automatic`.

With it a server is mended to what it was, where without it the defaults of its roles are all that is known. A snapshot
that was taken while an update had the services disabled is none: a second attempt of setup keeps exactly such a one
(ServiceStartupMode.xml), and who mends by it mends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Snapshot", "SnapshotError", "StartType", "start_type", "taken"]


class StartType(StrEnum):
    """How Windows starts a service, in the words of Set-Service."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"
    DISABLED = "Disabled"


# Win32_Service says Auto, Get-Service and Set-Service say Automatic.
_WORDS = {"auto": StartType.AUTOMATIC, **{each.value.casefold(): each for each in StartType}}
# PowerShell 6 and later say the first, the console of services the second.
_DELAYED = frozenset({"automaticdelayedstart", "automatic (delayed start)"})
# Start-Service takes * ? [ ] and ` for a pattern of several names; / and \ are in no name (CreateService).
_ENTRY = re.compile(r"\s*(?P<name>[^=*?\[\]`/\\\x00-\x1f]{1,80}?)\s*=\s*(?P<mode>\w+(?: \(\w+ \w+\))?)\s*")
_BROKEN = frozenset({"w3svc", "iisadmin", "msexchangeadtopology", "winmgmt"})
_MOST_BROKEN = 2


class SnapshotError(ValueError):
    """It cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Names as they were written, with their start types, by the names in lower case.

    Attributes:
        delayed: which of them started later than the others, in lower case; of the rest it is not known.
    """

    services: Mapping[str, tuple[str, StartType]]
    delayed: frozenset[str] = frozenset()


def start_type(word: str) -> StartType | None:
    """A start type in the words of WMI or of Get-Service; None where it is neither."""
    return _WORDS.get(word.casefold())


def taken(entries: Sequence[str]) -> Snapshot:
    """A snapshot from `NAME=Mode` each.

    Raises:
        SnapshotError: an entry is none, a service is named twice, or it is of a server whose services are disabled.
    """
    services: dict[str, tuple[str, StartType]] = {}
    delayed: set[str] = set()
    for number, entry in enumerate(entries, start=1):
        found = _ENTRY.fullmatch(entry)
        is_delayed = found is not None and found["mode"].casefold() in _DELAYED
        mode = StartType.AUTOMATIC if is_delayed else start_type(found["mode"]) if found else None
        if found is None or mode is None:
            modes = "NAME=Automatic, NAME=AutomaticDelayedStart, NAME=Manual or NAME=Disabled"
            raise SnapshotError(f"entry {number} of the snapshot is not {modes}")
        if found["name"].casefold() in services:
            raise SnapshotError(f"the snapshot names {found['name']} twice")
        services[found["name"].casefold()] = (found["name"], mode)
        if is_delayed:
            delayed.add(found["name"].casefold())
    disabled = [name for key, (name, mode) in services.items() if key in _BROKEN and mode is StartType.DISABLED]
    if len(disabled) > _MOST_BROKEN:
        what = f"the snapshot was taken while services were disabled ({', '.join(sorted(disabled))})"
        raise SnapshotError(f"{what}, as an interrupted update leaves them")
    return Snapshot(services, frozenset(delayed))

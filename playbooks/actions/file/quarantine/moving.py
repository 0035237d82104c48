"""What a file has to be so that it can be taken out of the way and brought back as it was, and the change that does it.

How it was when it was found (times, access list, owner, attributes, streams) is in the change's values, so that undoing
it is decided, and approved, before anything is moved. Its last access is not: reading it changes that.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from playbooks.actions.file.quarantine.paths import QUARANTINE, opening
from playbooks.changes import ChangeValue
from playbooks.lint.places import LONG

__all__ = ["Found", "change_of", "item_of", "seen", "told", "why_not_restorable"]

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{7}Z", re.ASCII)
_ATTRIBUTES = re.compile(r"[A-Za-z]+(?:, [A-Za-z]+)*", re.ASCII)
# Owner, group and list, in the security descriptor definition language (MS-DTYP 2.5.1.1).
_SDDL = re.compile(r"O:[A-Z0-9-]+G:[A-Z0-9-]+D:[\x20-\x7e]*", re.ASCII)
# Set-ItemProperty sets no others (FileSystemProvider.SetProperty).
_SETTABLE = frozenset({"Archive", "Hidden", "Normal", "ReadOnly", "System"})
_ADMINISTRATORS = "BUILTIN\\Administrators"


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it was seen.

    Attributes:
        sha256: 64 small hexadecimal digits.
        size: in bytes.
        created: UTC, ISO 8601 to seven places, as `modified`.
        streams: alternate ones, a name with its size each.
    """

    path: str
    sha256: str
    size: int
    created: str
    modified: str
    attributes: str
    owner: str
    sddl: str
    streams: tuple[str, ...]


def item_of(path: str) -> str:
    """The name of a file in a quarantine, without its ending: made of its path, so that two are never one."""
    return hashlib.sha256(path.encode()).hexdigest()[:16]


def change_of(path: str) -> str:
    """The id of the change that takes this file away."""
    return f"quarantine.{item_of(path)}"


def why_not_restorable(file: Found) -> tuple[str, str] | None:
    """What of it could not be put back, and what that is; None where all of it can."""
    return next(_unrestorable(file), None)


def _unrestorable(file: Found) -> Iterator[tuple[str, str]]:
    for what, given, form in (
        ("the time at which it was made", file.created, _TIME),
        ("the time at which it was changed", file.modified, _TIME),
        ("its owner and access list", file.sddl, _SDDL),
        ("its attributes", file.attributes, _ATTRIBUTES),
    ):
        if not form.fullmatch(given):
            yield what, given


def told(file: Found) -> dict[str, ChangeValue]:
    """What the templates that move it, and move it back, are told beside its path and SHA-256."""
    about: dict[str, object] = {
        "format": "exrun-quarantine/1",
        "path": file.path,
        "sha256": file.sha256,
        "size": file.size,
        "created": file.created,
        "modified": file.modified,
        "attributes": file.attributes,
        "owner": file.owner,
        "sddl": file.sddl,
        "streams": list(file.streams),
    }
    opens = opening(file.path)
    way = () if opens == file.path else tuple(_way(file.path))
    return {
        "drive": file.path[:2],
        "opens": opens,
        "way": way,
        "above": way[:-1],
        "item": item_of(file.path),
        "about": json.dumps(about, sort_keys=True),
        "created": file.created,
        "modified": file.modified,
        "attributes": file.attributes if set(file.attributes.split(", ")) <= _SETTABLE else None,
        "sddl": file.sddl,
    }


def _way(path: str) -> Iterator[str]:
    """The folders on the way to a file, each as it opens, and the file."""
    parts = path.split("\\")
    return (f"{LONG}{chr(92).join(parts[:count])}" for count in range(2, len(parts) + 1))


def seen(file: Found) -> tuple[dict[str, ChangeValue], dict[str, ChangeValue]]:
    """What people read of it: before it is moved, and after."""
    before: dict[str, ChangeValue] = {
        "place": file.path,
        "sha256": file.sha256,
        "size": file.size,
        "created": file.created,
        "changed": file.modified,
        "attributes": file.attributes,
        "owner": file.owner,
        "streams": file.streams,
    }
    kept = f"{file.path[:2]}\\{QUARANTINE}<plan>\\{item_of(file.path)}.quarantined"
    return before, {**before, "place": kept, "owner": _ADMINISTRATORS}

"""Records of webshell.scan as cases write them: what a case leaves out of a file follows from what it holds."""

from __future__ import annotations

import hashlib
from typing import Any

_USUAL = {
    "Created": "2020-01-01T00:00:00.0000000Z",
    "Modified": "2020-01-01T00:00:00.0000000Z",
    "Owner": "BUILTIN\\Administrators",
    "Attributes": "Archive",
    "Cut": False,
}


def completed(record: dict[str, Any]) -> dict[str, Any]:
    """A record of a case as a host sends it. `Content` is written as text; without it, `Size` and `Sha256` are."""
    if record["Kind"] != "File" or "Path" not in record:
        return record
    content = record.get("Content")
    data = content.encode() if isinstance(content, str) else content
    derived: dict[str, Any] = {"Content": data}
    if data is not None:
        derived |= {"Size": len(data), "Sha256": hashlib.sha256(data).hexdigest().upper()}
    return {**_USUAL, **derived, **record, "Content": data}

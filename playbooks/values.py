"""The values that cross the boundary between a server and the controller.

A collect script emits flat objects; the transport hands them on as these types and as nothing else, so that
no later stage ever meets a live or deserialised object of a library.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

# None, booleans, integers, floats, text, aware UTC times, bytes, tuples and string-keyed mappings.
Value = None | bool | int | float | str | datetime | bytes | tuple["Value", ...] | Mapping[str, "Value"]
Record = Mapping[str, Value]


def text_of(record: Record, name: str) -> str:
    """A property that is text; empty where it is not there, null or something else."""
    value = record.get(name)
    return value if isinstance(value, str) else ""

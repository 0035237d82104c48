"""The lines that PowerShell's PSRP server reads and writes: one XML element each (OutOfProcessUtils in PowerShell)."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from dataclasses import dataclass

POOL = uuid.UUID(int=0)
"""The identifier that stands for the session itself."""

_ELEMENT = re.compile(
    r"<(?P<name>Data|DataAck|CommandAck|SignalAck|CloseAck)"
    r"(?: Stream='[A-Za-z]*')? PSGuid='(?P<id>[0-9A-Fa-f-]{36})' ?(?:/>|>(?P<text>[A-Za-z0-9+/=]*)</Data>)"
)


@dataclass(frozen=True, slots=True)
class Data:
    """PSRP fragments of the session (POOL) or of a pipeline."""

    owner: uuid.UUID
    fragments: bytes


@dataclass(frozen=True, slots=True)
class Ack:
    """The server has taken a line: `what` is Data, Command, Signal or Close."""

    what: str
    owner: uuid.UUID


def parse(line: str) -> Data | Ack | None:
    """One line of the server's; None for anything that is none of its elements (text that something printed)."""
    match = _ELEMENT.fullmatch(line.strip())
    if match is None:
        return None
    try:
        owner = uuid.UUID(match["id"])
        if match["name"] != "Data":
            return Ack(match["name"].removesuffix("Ack"), owner)
        return Data(owner, base64.b64decode(match["text"] or "", validate=True))
    except (ValueError, binascii.Error):
        return None


def data(owner: uuid.UUID, fragments: bytes) -> str:
    """Fragments for the session or a pipeline."""
    return f"<Data Stream='Default' PSGuid='{owner}'>{base64.b64encode(fragments).decode()}</Data>\n"


def command(pipeline: uuid.UUID) -> str:
    """Announces a pipeline; its fragments follow."""
    return f"<Command PSGuid='{pipeline}' />\n"


def signal(pipeline: uuid.UUID) -> str:
    """Stops a pipeline."""
    return f"<Signal PSGuid='{pipeline}' />\n"


def close(owner: uuid.UUID) -> str:
    """Lets a pipeline go, or ends the session."""
    return f"<Close PSGuid='{owner}' />\n"

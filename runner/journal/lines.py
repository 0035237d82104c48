"""What one line of a journal says, and the one way in which it is written as bytes.

A line is a JSON object with sorted keys, no spaces and ASCII only (so that no terminal escape and no look-alike
character of a server stands raw in the file), then a newline. Its member `sha256` is the SHA-256 of the same object
without that member; `previous` is the SHA-256 of the line before, newline left out. One record has exactly one line:
a line that reads back to a record but is spelt otherwise is not canonical and is refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

FORMAT = 1
MAX_DEPTH = 64  # nesting of `data`; the transport's own cap on a server's values is far lower
MAX_INTEGER_BITS = 1024  # wider integers are kept as hexadecimal text: Python refuses to print very wide ones
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


# What the journal says about itself; all other words belong to who writes it.
JOURNAL_PHASE = "journal"
TAIL_DROPPED = "tail-dropped"  # a crash had left half a line, which was cut off


class MalformedLineError(ValueError):
    """Raised for bytes that are not one canonical line; the message says what is wrong with them."""


class UnrecordableValueError(ValueError):
    """Raised for a value that has no canonical form; the message names its type, never its content."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened.

    Attributes:
        sequence: counts from 1 within a journal, without gaps.
        time: UTC, to the microsecond.
        run, client: the same in every record of a journal.
        host, step: None where the record concerns the whole run or host.
        script_hash: lower-case SHA-256 of the script that the record is about.
        actor: who did it, `user@machine` of the controller.
        phase, event: words of who writes the journal, such as runner/events.py; any text is intact.
        data: what the event adds; already redacted.
        previous: SHA-256 of the line before, 64 zeros in the first.
    """

    sequence: int
    time: datetime
    run: str
    client: str
    host: str | None
    step: str | None
    phase: str
    event: str
    script_hash: str | None
    actor: str
    data: Mapping[str, Json]
    previous: str

    def to_line(self) -> bytes:
        """The canonical line, newline included.

        Raises:
            UnrecordableValueError: something in `data` has no canonical form.
        """
        members = self._members()
        members["sha256"] = hashlib.sha256(_encoded(members)).hexdigest()
        return _encoded(members) + b"\n"

    def _members(self) -> dict[str, Json]:
        return {
            "actor": self.actor,
            "client": self.client,
            "data": canonical(self.data),
            "event": self.event,
            "format": FORMAT,
            "host": self.host,
            "phase": self.phase,
            "previous": self.previous,
            "run": self.run,
            "script_hash": self.script_hash,
            "sequence": self.sequence,
            "step": self.step,
            "time": time_text(self.time),
        }


def from_line(line: bytes) -> Line:
    """The record that a canonical line says.

    Raises:
        MalformedLineError: the line is not JSON, lacks a member, is not canonical, or its `sha256` disagrees.
    """
    if not line.endswith(b"\n"):
        raise MalformedLineError("the line has no end")
    try:
        members = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MalformedLineError("the line is not JSON") from error
    if not isinstance(members, dict):
        raise MalformedLineError("the line is not a JSON object")
    record = _from_members(members)
    try:
        same = record.to_line() == line
    except UnrecordableValueError as error:
        raise MalformedLineError(str(error)) from error
    if not same:
        raise MalformedLineError("the line differs from what its own sha256 was made of")
    return record


def _from_members(members: Mapping[str, object]) -> Line:
    match members:
        case {
            "actor": str(actor),
            "client": str(client),
            "data": dict(data),
            "event": str(event),
            "format": int(version),
            "host": str() | None as host,
            "phase": str(phase),
            "previous": str(previous),
            "run": str(run),
            "script_hash": str() | None as script_hash,
            "sequence": int(sequence),
            "step": str() | None as step,
            "time": str(time),
        }:
            pass
        case _:
            raise MalformedLineError("a member is missing or of the wrong type")
    if version != FORMAT:
        raise MalformedLineError(f"the line is of format {version}; this version reads format {FORMAT}")
    try:
        when = datetime.strptime(time, _TIME).replace(tzinfo=UTC)
        return Line(
            sequence=sequence,
            time=when,
            run=run,
            client=client,
            host=host,
            step=step,
            phase=phase,
            event=event,
            script_hash=script_hash,
            actor=actor,
            data=data,
            previous=previous,
        )
    except ValueError as error:
        raise MalformedLineError("the time is none that this version knows") from error


def line_hash(line: bytes) -> str:
    """The SHA-256 by which the next line names this one; the newline is left out."""
    return hashlib.sha256(line.removesuffix(b"\n")).hexdigest()


def is_sha256(text: str) -> bool:
    """Whether a text is a SHA-256 in lower-case hexadecimal."""
    return _SHA256.fullmatch(text) is not None


def time_text(time: datetime) -> str:
    """ISO 8601 in UTC with microseconds and `Z`. A time without a zone raises UnrecordableValueError."""
    if time.tzinfo is None:
        raise UnrecordableValueError("a time without a zone cannot be recorded")
    utc = time.astimezone(UTC)
    # strftime does not pad years before 1000 on every platform, and strptime demands four digits.
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def canonical(value: object, depth: int = 0) -> Json:
    """A value as plain JSON: times as text, bytes as `{"base64": ...}`, numbers that JSON lacks as text.

    Raises:
        UnrecordableValueError: a type that has no form here, a key that is no text, or nesting beyond MAX_DEPTH.
    """
    if depth > MAX_DEPTH:
        raise UnrecordableValueError(f"nested deeper than {MAX_DEPTH}")
    match value:
        case StrEnum():
            return value.value
        case None | bool() | str():
            return value
        case int():
            return hex(value) if value.bit_length() > MAX_INTEGER_BITS else int(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime():
            return time_text(value)
        case bytes():
            return {"base64": base64.b64encode(value).decode()}
        case Mapping():
            plain: dict[str, Json] = {}
            for key, member in value.items():
                if not isinstance(key, str):
                    raise UnrecordableValueError(f"a key of type {type(key).__name__}")
                plain[key] = canonical(member, depth + 1)
            return plain
        case list() | tuple():
            return [canonical(member, depth + 1) for member in value]
        case _:
            raise UnrecordableValueError(f"a value of type {type(value).__name__}")


def _encoded(members: Mapping[str, Json]) -> bytes:
    text = json.dumps(members, ensure_ascii=True, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return text.encode("ascii")

"""What is kept of a server before it is changed: bytes by their SHA-256, and beside them where each is from.

    STATE/<client>/evidence/<sha256>.evidence            the bytes; never to be run, readable for their owner alone
    STATE/<client>/evidence/<sha256>.<digest>.json       one place that they are from, as canonical JSON

    answer of an evidence script -> taken -> bytes, or why not -> EvidenceStore.keep -> on the disk, or why not

Nothing is taken from a server on trust: its pieces must be whole and in order, of the size and the SHA-256 that it
says, and of the SHA-256 that the plan names. Nobody named the bytes of its alternate streams: these are kept as what
the server said, and what stands beside them says of which file and stream. Each file is written under another name,
synced, and then given its own, so it is there whole or not at all; what two servers have alike is one file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from playbooks.values import Value
from runner.disk import Disk, SystemDisk, make_directories, write_once
from runner.journal.lines import Json
from runner.journal.location import directory_name
from runner.transport.interface import Capped, Completed, NotRun, ScriptResult, Terminated, TimedOut

__all__ = [
    "MOST_BYTES",
    "MOST_BYTES_OF_STREAMS",
    "EvidenceError",
    "EvidenceStore",
    "Origin",
    "Taken",
    "TakenStream",
    "taken",
]

FOLDER = "evidence"
FORMAT = "exrun-evidence/1"
MOST_BYTES = 8 * 1024 * 1024
"""Of one file. A pipeline may say 16 MB, and bytes travel as Base64."""
MOST_BYTES_OF_STREAMS = 2 * 1024 * 1024
"""Of all of its alternate streams together."""

_MOST_OF_AN_ORIGIN = 4 * 1024 * 1024  # bytes; the values of a change stand in it
_SHA256 = re.compile(r"[0-9a-f]{64}")


class EvidenceError(Exception):
    """Raised where what is to be kept cannot be: so nothing is changed. The message quotes the host, and is tainted."""


@dataclass(frozen=True, slots=True)
class TakenStream:
    """An alternate stream as a host gave it: nothing but the host says what it holds.

    Attributes:
        size: in bytes, as the host says.
        data: None where it was not read; `why` then says why not, and is tainted, as the name is.
    """

    name: str
    size: int
    data: bytes | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What an evidence script has read: a file's bytes, which are those that were named, and its alternate streams."""

    data: bytes
    streams: tuple[TakenStream, ...] = ()


def taken(result: ScriptResult, expected: str) -> Taken:
    """The bytes that an evidence script has read.

    Args:
        expected: the SHA-256 that they must have, hexadecimal.

    Raises:
        EvidenceError: they are not all there, or others.
    """
    match result:
        case Completed(streams=streams) if not streams.errors:
            pass
        case Completed(streams=streams):
            raise EvidenceError(f"it could not be read: {streams.errors[0].message:.300}")
        case Terminated(error=error):
            raise EvidenceError(f"it could not be read: {error.message:.300}")
        case TimedOut(limit_seconds=limit):
            raise EvidenceError(f"it was not read within {limit:g} s")
        case Capped(cap=cap, limit=limit):
            raise EvidenceError(f"the server said more than {limit} of {cap}")
        case NotRun(failure=why):
            raise EvidenceError(why.message)
    records = [each for each in streams.output if isinstance(each, Mapping)]
    if len(records) != len(streams.output) or not records or records[0].get("Kind") != "Evidence":
        raise EvidenceError("the answer is not of the kind that the script gives")
    ends = [at for at, each in enumerate(records) if each.get("Kind") == "Stream"]
    data = _file(records[: ends[0] if ends else len(records)], expected)
    alternate = tuple(_stream(records[at:end]) for at, end in pairwise([*ends, len(records)]))
    if len({each.name for each in alternate}) < len(alternate):
        raise EvidenceError("the answer has two alternate streams of one name")
    if sum(len(each.data or b"") for each in alternate) > MOST_BYTES_OF_STREAMS:
        raise EvidenceError(f"its alternate streams are more than the {MOST_BYTES_OF_STREAMS} bytes that are kept")
    return Taken(data, alternate)


def _file(records: Sequence[Mapping[str, Value]], expected: str) -> bytes:
    head, *pieces = records
    size, said = head.get("Size"), head.get("Sha256")
    if type(size) is not int or not isinstance(said, str) or not _SHA256.fullmatch(said.lower()):
        raise EvidenceError("the answer does not say its size and its SHA-256")
    if size > MOST_BYTES:
        raise EvidenceError(f"it has {size} bytes, and {MOST_BYTES} are kept at most")
    data = _joined(pieces)
    found = hashlib.sha256(data).hexdigest()
    if len(data) != size or found != said.lower():
        raise EvidenceError(
            f"{len(data)} bytes of SHA-256 {found} arrived, and the server says {size} of {said.lower()}"
        )
    if found != expected.lower():
        raise EvidenceError(f"it has the SHA-256 {found}, and {expected.lower()} is what the plan names")
    return data


def _stream(records: Sequence[Mapping[str, Value]]) -> TakenStream:
    head, *pieces = records
    name, size, why = head.get("Name"), head.get("Size"), head.get("Why")
    if not isinstance(name, str) or not name or type(size) is not int or size < 0 or not isinstance(why, str):
        raise EvidenceError("the answer does not say the name and the size of an alternate stream")
    if why:
        if pieces:
            raise EvidenceError(f"the alternate stream {name!r:.80} was not read, and has bytes")
        return TakenStream(name, size, None, why)
    data = _joined(pieces)
    if len(data) != size:
        raise EvidenceError(f"{len(data)} bytes of the alternate stream {name!r:.80} arrived, and it has {size}")
    return TakenStream(name, size, data)


def _joined(records: Sequence[Mapping[str, Value]]) -> bytes:
    pieces: list[bytes] = []
    for number, each in enumerate(records):
        piece = each.get("Bytes")
        if (
            each.get("Kind") != "Piece"
            or type(each.get("Number")) is not int
            or each["Number"] != number
            or not isinstance(piece, bytes)
        ):
            raise EvidenceError(f"piece {number} is missing, or not in its place")
        pieces.append(piece)
    return b"".join(pieces)


@dataclass(frozen=True, slots=True)
class Origin:
    """Of which file some bytes are, as it was written beside them; `stream` is None for the file itself."""

    client: str
    host: str
    step: str
    script: str
    change: str
    title: str
    path: str
    stream: str | None
    size: int

    @classmethod
    def of(cls, said: Mapping[str, object]) -> Origin:
        """Raises KeyError or TypeError where something is missing or is not of its type."""
        texts = {name: said[name] for name in ("client", "host", "step", "script", "change", "title", "path")}
        stream, size = said.get("stream"), said["size"]
        if not all(isinstance(each, str) for each in (*texts.values(), stream or "")) or type(size) is not int:
            raise TypeError("it is not of the kind that is written")
        return cls(
            **{name: str(each) for name, each in texts.items()},
            stream=None if stream is None else str(stream),
            size=size,
        )


@dataclass(frozen=True, slots=True)
class EvidenceStore:
    """The evidence of one client.

    Attributes:
        state: the state directory.
        client: whose; its folder there is that of its runs.
    """

    state: Path
    client: str
    disk: Disk = field(default_factory=SystemDisk)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.state / directory_name(self.client) / FOLDER

    def keep(self, data: bytes, origin: Mapping[str, Json]) -> str:
        """Keeps these bytes and where they are from; both are on the disk when this returns their SHA-256.

        Done twice it is the same as done once, also where the first was broken off at any place.

        Raises:
            EvidenceError: they cannot be written, or something else stands in their place.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        about = {"format": FORMAT, **origin, "sha256": sha256, "size": len(data)}
        text = json.dumps(about, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        digest = hashlib.sha256(text).hexdigest()[:16]
        try:
            make_directories(self.state, self.folder, self.disk)
            self._keep(self.folder / f"{sha256}.evidence", data, digest)
            self._keep(self.folder / f"{sha256}.{digest}.json", text, digest)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise EvidenceError(f"{self.folder} cannot be written: {why}") from None
        return sha256

    def bytes_of(self, sha256: str) -> bytes:
        """What stands under this SHA-256, whatever it is: the caller compares. No more than ever was kept.

        Raises:
            OSError: there is none, or it cannot be read.
        """
        with self.disk.read(self.folder / f"{sha256}.evidence") as stream:
            return stream.read(MOST_BYTES + 1)

    def names(self) -> Sequence[str]:
        """The files that it has."""
        return self.disk.names(self.folder)

    def origins(self, names: Iterable[str]) -> tuple[Origin, ...]:
        """Of which files some bytes are, as these files of it say; what is not as it was written is left out."""
        found: list[Origin] = []
        for name in names:
            if not name.endswith(".json"):
                continue
            try:
                with self.disk.read(self.folder / name) as stream:
                    text = stream.read(_MOST_OF_AN_ORIGIN + 1)
                if hashlib.sha256(text).hexdigest()[:16] == name.split(".")[1]:
                    found.append(Origin.of(json.loads(text)))
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                continue
        return tuple(found)

    def _keep(self, path: Path, content: bytes, by: str) -> None:
        try:
            write_once(path, content, self.disk, by=by)
        except FileExistsError:
            with self.disk.read(path) as stream:
                there = stream.read(len(content) + 1)
            if there != content:
                raise EvidenceError(f"{path} is there and holds something else: look at it by hand") from None
            self.disk.sync_directory(path.parent)

"""Checkpoints: what somebody with a key vouches that a journal held, in the form of a C2SP tlog-checkpoint.

    exrun-journal/1/<client>/<run>       the origin: which journal; both percent-encoded
    1234                                 so many lines
    47DEQpj8HBSa+/TImW+5JCeuQeRkm5NM...  the SHA-256 of the last of them in Base64, by which line 1235 would name it

What is signed is this text, as a signed note; by whom and how is handed in, so that a journal knows no keys. A chain
has one end, so its newest hash vouches for every line before it: it stands where a Merkle tree has its root.

https://github.com/C2SP/C2SP/blob/main/tlog-checkpoint.md
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from runner.journal.chain import Broken, Fault, Verified
from runner.journal.lines import Line

CHECKPOINT = "checkpoint"  # the file beside the journal: the newest

Sign = Callable[[str], str]  # from the text of a checkpoint to the note

_ORIGIN = "exrun-journal/1"
_SIGNATURE = "\u2014 "


class NotACheckpointError(ValueError):
    """Raised for a text that is no checkpoint; the message says why."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Of the journal `origin`, the first `lines` lines, of which the last has this `sha256` (as `line_hash`)."""

    origin: str
    lines: int
    sha256: str

    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.lines}\n{base64.b64encode(bytes.fromhex(self.sha256)).decode()}\n"


def origin_of(client: str, run: str) -> str:
    """By what the checkpoints of a journal say which journal it is."""
    return "/".join((_ORIGIN, *(quote(each, safe="", errors="surrogatepass") for each in (client, run))))


def checkpoint_from(text: str) -> Checkpoint:
    """The checkpoint that a note's text says. Lines after the third, which others may add, are of no account.

    Raises:
        NotACheckpointError: it says none.
    """
    origin, *rest = text.removesuffix("\n").split("\n")
    if not origin or len(rest) < 2 or not text.endswith("\n"):
        raise NotACheckpointError("a checkpoint has at least three lines")
    count, encoded, *_ = rest
    if re.fullmatch("[1-9][0-9]{0,17}", count) is None:
        raise NotACheckpointError("its second line is no number of lines")
    try:
        sha256 = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise NotACheckpointError("its third line is not in Base64") from None
    if len(sha256) != 32 or base64.b64encode(sha256).decode() != encoded:
        raise NotACheckpointError("its third line is no SHA-256 in Base64")
    return Checkpoint(origin, int(count), sha256.hex())


def notes_in(content: str) -> Iterator[str]:
    """The notes of a file to which one after the other was appended, and each half of one that a crash has left.

    A note is its text, an empty line and its signatures. The next begins with an origin, or with the first line that is
    no signature; empty lines between two are of no account.
    """
    lines: list[str] = []
    signatures = False
    for line in re.findall(r"[^\n]*\n|[^\n]+", content):
        is_signature = line.startswith(_SIGNATURE)
        if lines and (line.startswith(f"{_ORIGIN}/") or (signatures and not is_signature)):
            yield "".join(lines)
            lines, signatures = [], False
        if lines or line != "\n":
            signatures = signatures or (is_signature and lines[-1:] == ["\n"])
            lines.append(line)
    if lines:
        yield "".join(lines)


@dataclass(slots=True)
class Hashes:
    """Remembers the hash of each line that is asked for, while records pass by in order."""

    wanted: frozenset[int]
    found: dict[int, str] = field(default_factory=dict)

    def take(self, record: Line) -> None:
        """A record; it names the hash of the line before it."""
        if record.sequence - 1 in self.wanted:
            self.found[record.sequence - 1] = record.previous

    @classmethod
    def of(cls, checkpoints: Iterable[Checkpoint]) -> Hashes:
        """For holding these checkpoints against the lines."""
        return cls(frozenset(each.lines for each in checkpoints))


def hold_against(checkpoints: Iterable[Checkpoint], found: Verified, hashes: Hashes) -> Broken | None:
    """The first of some checkpoints of a journal that its lines do not bear out; None where they bear out all.

    Args:
        found: what its chain came to.
        hashes: to which each of its records was given.
    """
    held = {**hashes.found, found.head.sequence: found.head.sha256}
    intact = 0  # lines of which a checkpoint says that they are as they were
    for each in sorted(checkpoints, key=lambda one: one.lines):
        if each.lines > found.count:
            why = (
                f"the journal ends after line {found.count}, but a checkpoint vouches for {each.lines}: lines were cut"
            )
            return Broken(found.count + 1, Fault.SHORTER_THAN_CHECKPOINT, why, intact)
        if held[each.lines] != each.sha256:
            why = "a checkpoint vouches for another history up to this line: the journal was written anew"
            return Broken(each.lines, Fault.NOT_THE_CHECKPOINT, why, intact)
        intact = each.lines
    return None

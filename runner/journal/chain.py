"""The chain over a journal's lines, as pure functions: values in, values out.

Each line names the SHA-256 of the one before. A change anywhere but at the end therefore shows in the next line, and
each line also carries a SHA-256 of itself, so that a change shows in the last one too. What the lines alone cannot
show is that whole lines are missing at the end, or that somebody without a key appended new ones: for that the head
(sequence and SHA-256 of the last line) is kept elsewhere and handed to `verify`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from runner.journal.lines import FORMAT, Line, MalformedLineError, from_line, is_sha256, line_hash

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Head:
    """The last line that is known: its sequence (0 before the first) and SHA-256.

    `closed` says that the writer ended in good order at this line, so that any line after it is foreign.
    """

    sequence: int
    sha256: str
    closed: bool = False

    def to_bytes(self) -> bytes:
        """What the file `head` holds: one canonical JSON object and a newline."""
        members = {"closed": self.closed, "sequence": self.sequence, "sha256": self.sha256}
        return json.dumps(members, separators=(",", ":"), sort_keys=True).encode() + b"\n"


EMPTY = Head(0, GENESIS)


class Fault(StrEnum):
    """What is wrong with a chain."""

    ALTERED = "altered"
    MISSING = "missing"
    REORDERED = "reordered"
    DUPLICATE = "duplicate"
    TRUNCATED = "truncated"  # the file ends in the middle of a line, or in what never reached the disk
    SHORTER_THAN_HEAD = "shorter-than-head"
    NOT_THE_HEAD = "not-the-head"
    AFTER_CLOSE = "after-close"
    SHORTER_THAN_CHECKPOINT = "shorter-than-checkpoint"
    NOT_THE_CHECKPOINT = "not-the-checkpoint"
    NOT_VOUCHED_FOR = "not-vouched-for"  # no checkpoint of the key that was asked for


@dataclass(frozen=True, slots=True)
class Verified:
    """The chain holds.

    `after_head` counts the lines that follow the given head, which nothing outside vouches for; None when no head was
    given, so that nobody knows whether whole lines are missing at the end.

    `newer` counts the lines that a newer version must have written: of a higher format, with members or with words
    that this one does not know. They are as whole as the others; what they say is not known.
    """

    head: Head
    count: int
    after_head: int | None = None
    newer: int = 0


@dataclass(frozen=True, slots=True)
class Broken:
    """The chain does not hold. `line` counts from 1; the `intact` lines before it are as they were written."""

    line: int
    fault: Fault
    why: str
    intact: int


def head_from_bytes(content: bytes) -> Head:
    """The head that a file `head` holds.

    A later version may have added members; they are of no account here.

    Raises:
        ValueError: the content is not what `Head.to_bytes` writes.
    """
    try:
        members = json.loads(content)
        canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode() + b"\n"
    except (ValueError, RecursionError) as error:
        raise ValueError("the head is not JSON") from error
    match members:
        case {"closed": bool(closed), "sequence": int(sequence), "sha256": str(sha256)} if is_sha256(sha256):
            head = Head(sequence, sha256, closed)
        case _:
            raise ValueError("the head lacks a member")
    if isinstance(sequence, bool) or sequence < 0 or canonical != content:
        raise ValueError("the head is not written as a journal writes it")
    return head


def link(record: Line, head: Head) -> tuple[Line, bytes, Head]:
    """A record put after `head`: the record with its place in the chain, its line, and the new head.

    `sequence` and `previous` of the record that comes in are of no account.
    """
    linked = replace(record, sequence=head.sequence + 1, previous=head.sha256)
    line = linked.to_line()
    return linked, line, Head(linked.sequence, line_hash(line))


def intact(lines: Iterable[bytes]) -> Iterator[Line]:
    """The records up to the first line that is broken, and none after it."""
    at = EMPTY
    for line in lines:
        try:
            record = from_line(line)
        except MalformedLineError:
            return
        if record.sequence != at.sequence + 1 or record.previous != at.sha256:
            return
        yield record
        at = Head(record.sequence, line_hash(line))


def is_whole(line: bytes) -> bool:
    """Whether a line is not what a crash leaves of one: without its end, or with zeros where bytes never arrived.

    A file system may have made a file longer and not yet brought what was written there; it then reads as zeros, also
    before bytes that did arrive. No line as it is written holds one.
    """
    return line.endswith(b"\n") and b"\0" not in line


def verify(
    lines: Iterable[bytes],
    head: Head | None = None,
    take: Callable[[Line], None] | None = None,
    known: Callable[[Line], bool] | None = None,
) -> Verified | Broken:
    """Whether lines (each with its newline) are a whole chain, and one that holds the line that `head` names.

    Args:
        take: is given each record before anything that is wrong, in order.
        known: whether the words of a record are known to who reads it; without it all are.
    """
    remaining = iter(lines)
    at = EMPTY
    newer = 0
    for line in remaining:
        number = at.sequence + 1
        if head is not None and head.closed and head.sequence < number:
            why = f"the journal was closed at line {head.sequence}; somebody else wrote this"
            return Broken(number, Fault.AFTER_CLOSE, why, at.sequence)
        if not is_whole(line) and not (line.endswith(b"\n") and head is not None and head.sequence >= number):
            return Broken(number, Fault.TRUNCATED, _why_truncated(line, number, head), at.sequence)
        try:
            record = from_line(line)
        except MalformedLineError as error:
            return Broken(number, Fault.ALTERED, f"altered: {error}", at.sequence)
        broken = _misplaced(record, at, remaining)
        if broken is not None:
            return broken
        at = Head(record.sequence, line_hash(line))
        if head is not None and head.sequence == at.sequence and head.sha256 != at.sha256:
            why = "the line is well-formed, but the stored head names another: the journal was written anew"
            return Broken(number, Fault.NOT_THE_HEAD, why, at.sequence - 1)
        if record.format != FORMAT or record.more or (known is not None and not known(record)):
            newer += 1
        if take is not None:
            take(record)
    if head is None:
        return Verified(at, at.sequence, newer=newer)
    if head.sequence > at.sequence:
        why = (
            f"the journal ends after line {at.sequence}, but the stored head names line {head.sequence}: lines were cut"
        )
        return Broken(at.sequence + 1, Fault.SHORTER_THAN_HEAD, why, at.sequence)
    if head.sequence == 0 and head.sha256 != GENESIS:
        return Broken(1, Fault.NOT_THE_HEAD, "the stored head names no line, yet has a hash", at.sequence)
    return Verified(replace(at, closed=head.closed), at.sequence, at.sequence - head.sequence, newer)


def _misplaced(record: Line, at: Head, later: Iterator[bytes]) -> Broken | None:
    """What is wrong with a well-formed record after `at`. Reads `later` only when something is."""
    expected = at.sequence + 1
    if record.sequence <= at.sequence:
        why = f"sequence {record.sequence} stands here again, where {expected} belongs"
        return Broken(expected, Fault.DUPLICATE, why, at.sequence)
    if record.sequence > expected:
        if any(_sequence_of(line) == expected for line in later):
            why = f"sequence {record.sequence} stands where {expected} belongs, which comes later"
            return Broken(expected, Fault.REORDERED, why, at.sequence)
        why = f"sequence {record.sequence} stands where {expected} belongs, which is nowhere in the file"
        return Broken(expected, Fault.MISSING, why, at.sequence)
    if record.previous != at.sha256:
        why = "the line does not follow from the one before: one of the two was replaced"
        return Broken(expected, Fault.ALTERED, why, at.sequence)
    return None


def _sequence_of(line: bytes) -> int | None:
    try:
        return from_line(line).sequence
    except MalformedLineError:
        return None


def _why_truncated(line: bytes, number: int, head: Head | None) -> str:
    if line.endswith(b"\n"):
        return "zeros stand in the line: the machine stopped before what was written had reached the disk"
    why = "the line has no end: the writer was stopped in the middle of it, or the file was cut"
    if head is not None and head.sequence >= number:
        return f"{why}; the stored head names line {head.sequence}, so lines that were durable are gone"
    return why

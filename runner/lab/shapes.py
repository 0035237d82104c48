"""Requests that differ from one that was read before only in identifiers, address and payload are read by that shape.

A fleet is sent thousands of envelopes of five shapes. What stands between the marks of a shape (its identifiers, its
address, its payload) must be there byte for byte, and a mark must be of its kind: then the XML is the same but for the
marks, and `wsman.parse` would read the same. It reads every other envelope, and each shape's first.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections import deque
from dataclasses import dataclass, replace
from enum import Enum, auto

from runner.lab.wsman import MalformedError, Request, parse


class _Kind(Enum):
    IDENTIFIER = auto()
    ADDRESS = auto()
    PAYLOAD = auto()


_FORMS = {
    _Kind.IDENTIFIER: re.compile(rb"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
    _Kind.ADDRESS: re.compile(rb"https?://[A-Za-z0-9.:\[\]-]+/wsman"),
    _Kind.PAYLOAD: re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}"),
}
_IDENTIFIER_LENGTH = 36
_MARKS = re.compile(
    rb"(?P<IDENTIFIER>(?<![0-9A-Za-z-])%s(?![0-9A-Za-z-]))|(?<=>)(?:(?P<ADDRESS>%s)|(?P<PAYLOAD>%s))(?=<)"
    % tuple(form.pattern for form in _FORMS.values())
)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What stands before each mark and after the last, of which kind each is, and which tells what.

    Attributes:
        request: with what the marks do not tell.
        message_id: which mark, and what stands around it.
    """

    constants: tuple[bytes, ...]
    kinds: tuple[_Kind, ...]
    last: bytes
    request: Request
    shell: int | None
    pipeline: int | None
    new_shell: int | None
    payload: int | None
    message_id: tuple[int, str, str]

    def read(self, data: bytes) -> Request | None:
        """The request; None where the envelope has another shape."""
        marks: list[bytes] = []
        at = 0
        for constant, kind in zip(self.constants, self.kinds, strict=True):
            if not data.startswith(constant, at):
                return None
            at += len(constant)
            end = at + _IDENTIFIER_LENGTH if kind is _Kind.IDENTIFIER else data.find(b"<", at)
            mark = data[at : max(end, at)]
            if kind is not _Kind.PAYLOAD and not _FORMS[kind].fullmatch(mark):
                return None
            marks.append(mark)
            at = end
        if data[at:] != self.last:
            return None
        fragments = self.request.fragments
        if self.payload is not None:
            try:
                fragments = binascii.a2b_base64(marks[self.payload], strict_mode=True)
            except binascii.Error:
                return None
        which, before, after = self.message_id
        known = self.request
        return Request(
            known.action,
            known.resource,
            f"{before}{marks[which].decode()}{after}",
            known.shell if self.shell is None else uuid.UUID(marks[self.shell].decode()),
            known.seconds,
            known.max_envelope,
            known.pipeline if self.pipeline is None else uuid.UUID(marks[self.pipeline].decode()),
            fragments,
            known.signal,
            known.idle_seconds,
            known.new_shell if self.new_shell is None else uuid.UUID(marks[self.new_shell].decode()),
            known.name,
        )


class Shapes:
    """Reads envelopes as `wsman.parse` does, and remembers the shapes of the last ones.

    Args:
        most: that are remembered at a time.
        in_all: that are learnt; of clients that write each envelope in a shape of its own there is nothing to learn.

    Attributes:
        hits: envelopes that had a shape that was known.
    """

    def __init__(self, most: int = 16, in_all: int = 200) -> None:
        self.hits = 0
        self._known: deque[_Shape] = deque(maxlen=most)
        self._left = in_all

    def parse(self, data: bytes) -> Request:
        """Reads one envelope.

        Raises:
            MalformedError: as `wsman.parse`.
        """
        for shape in self._known:
            request = shape.read(data)
            if request is not None:
                self.hits += 1
                return request
        request = parse(data)
        if self._left:
            self._left -= 1
            learnt = _learnt(data, request)
            if learnt is not None:
                self._known.append(learnt)
        return request


def _learnt(data: bytes, request: Request) -> _Shape | None:
    """The shape of an envelope; None where other marks would change more than what they tell, or tell it twice."""
    found = list(_MARKS.finditer(data))
    kinds = tuple(_Kind[str(mark.lastgroup)] for mark in found)
    edges = [0, *(mark.end() for mark in found)]
    constants = tuple(data[begin : mark.start()] for begin, mark in zip(edges, found, strict=False))
    last = data[edges[-1] :]
    # Other marks of the same kinds, no two alike, show what each of them tells.
    others = [_another(kind) for kind in kinds]
    changed = b"".join(part for pair in zip(constants, others, strict=True) for part in pair) + last
    try:
        told = parse(changed)
    except MalformedError:
        return None
    names = {uuid.UUID(other.decode()): at for at, other in enumerate(others) if kinds[at] is _Kind.IDENTIFIER}
    payload = [at for at, kind in enumerate(kinds) if kind is _Kind.PAYLOAD]
    which = next((at for at, other in enumerate(others) if other.decode() in told.message_id), None)
    if which is None or len(payload) > 1:
        return None
    before, _, after = told.message_id.partition(others[which].decode())
    shape = _Shape(
        constants,
        kinds,
        last,
        replace(told, message_id=request.message_id),
        names.get(told.shell) if told.shell else None,
        names.get(told.pipeline) if told.pipeline else None,
        names.get(told.new_shell) if told.new_shell else None,
        payload[0] if payload else None,
        (which, before, after),
    )
    # What a shape is for: it reads both as they were read. A mark in a text that is no identifier's would differ.
    return shape if shape.read(data) == request and shape.read(changed) == told else None


def _another(kind: _Kind) -> bytes:
    fresh = uuid.uuid4()
    match kind:
        case _Kind.IDENTIFIER:
            return str(fresh).encode()
        case _Kind.ADDRESS:
            return b"http://%s/wsman" % fresh.hex.encode()
        case _Kind.PAYLOAD:
            return base64.b64encode(fresh.bytes * 4)

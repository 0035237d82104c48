"""A lab that says again what it said before, so that a benchmark measures the client and not the lab.

What was asked once in a place of a session is answered from then on with the same bytes, but for the identifiers of
the session; the first time the lab's own service answers. A client's NTLM gets one and the same challenge, and is
proven as by the lab, without pyspnego. HTTP, sealing and the reading of envelopes are the lab's.

It remembers scripts that it was sent and does not run them again: it is no lab for tests.
"""

from __future__ import annotations

import base64
import functools
import hmac
import re
import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from spnego._ntlm_raw.crypto import RC4Handle, ntowfv1, ntowfv2

from runner.lab import connection, server
from runner.lab.authentication import TO_CLIENT, TO_SERVER, Acceptor, RefusedError, Sealing, is_usual
from runner.lab.service import Answer, Manner, Reply, Service, Waiting
from runner.lab.wsman import Action, Request

_NOBODY = bytes(16)
_POOL = slice(29, 45)  # of Create's fragments: the pool's id, in the first message's head (MS-PSRP 2.2.1, 2.2.4)
_STREAM = re.compile(rb"(?<=>)[A-Za-z0-9+/]{60,}={0,2}(?=<)")


@dataclass(frozen=True, slots=True)
class _Ids:
    """What is a session's own; `payload` makes the Base64 of a stream of it."""

    message: bytes
    shell: bytes
    pipeline: bytes
    raw: tuple[bytes, bytes]

    def written(self, parts: tuple[bytes | int, ...]) -> bytes:
        """Base64 of bytes that name the pool (0) and the pipeline (1)."""
        return base64.b64encode(b"".join(part if isinstance(part, bytes) else self.raw[part] for part in parts))


@dataclass(slots=True)
class _Said:
    """One answer, and what was said after it by what was asked then."""

    status: int = 0
    parts: tuple[bytes | Callable[[_Ids], bytes], ...] = ()
    then: dict[tuple[Action, bytes], _Said] = field(default_factory=dict)

    def again(self, ids: _Ids) -> Reply:
        """The same to another session."""
        return Reply(self.status, b"".join(part if isinstance(part, bytes) else part(ids) for part in self.parts))


def _learnt(reply: Reply, ids: _Ids) -> _Said:
    """An answer by its parts."""
    parts: list[bytes | Callable[[_Ids], bytes]] = []
    named = {ids.message: lambda own: own.message, ids.shell: lambda own: own.shell}
    if ids.pipeline:
        named[ids.pipeline] = lambda own: own.pipeline
    names = re.compile(b"|".join(map(re.escape, named)))

    def text(piece: bytes) -> None:
        at = 0
        for found in names.finditer(piece):
            parts.extend((piece[at : found.start()], named[found[0]]))
            at = found.end()
        parts.append(piece[at:])

    at = 0
    for stream in _STREAM.finditer(reply.body):
        text(reply.body[at : stream.start()])
        pieces = re.split(b"(%s)" % b"|".join(map(re.escape, ids.raw)), base64.b64decode(stream[0]))
        marked = tuple(ids.raw.index(piece) if piece in ids.raw else piece for piece in pieces)
        parts.append(functools.partial(_Ids.written, parts=marked))
        at = stream.end()
    text(reply.body[at:])
    return _Said(reply.status, tuple(parts))


class Replaying(Service):
    """One server, with one session at a time."""

    recording: ClassVar[_Said] = _Said()

    _asked: tuple[Request, ...] = ()
    _acted = 0  # so many of these the service itself was asked
    _at = recording
    _pool = _pipeline = _NOBODY

    def handle(
        self, request: Request, user: str, client_address: str, manner: Manner, answer: Answer
    ) -> Waiting | None:
        """As the lab's."""
        if request.action is Action.CREATE:
            self._asked, self._acted, self._at = (), 0, self.recording
            self._pool, self._pipeline = request.fragments[_POOL], _NOBODY
        elif request.action is Action.COMMAND and request.pipeline is not None:
            self._pipeline = request.pipeline.bytes_le
        self._asked = (*self._asked, request)
        ids = self._ids(request)
        fragments = request.fragments.replace(self._pool, b"pool").replace(self._pipeline, b"pipeline")
        asked = (request.action, fragments)
        known = self._at.then.get(asked)
        if known is not None:
            self._at = known
            if request.action is Action.DELETE:
                self._asked = ()
            answer(known.again(ids))
            return None
        place = self._at

        def go_on(reply: Reply) -> None:
            if self._acted < len(self._asked):
                following, self._acted = self._asked[self._acted], self._acted + 1
                Service.handle(self, following, user, client_address, manner, go_on)
                return
            self._at = place.then.setdefault(asked, _learnt(reply, ids))
            answer(reply)

        go_on(Reply(0, b""))
        return None

    def _ids(self, request: Request) -> _Ids:
        shell = request.shell or request.new_shell or uuid.UUID(int=0)
        pipeline = b"" if request.pipeline is None else self._plain.identifier(request.pipeline).encode()
        named = self._plain.identifier(shell).encode()
        return _Ids(request.message_id.encode(), named, pipeline, (self._pool, self._pipeline))


class Knowing(Acceptor):
    """NTLM's accepting side for one account (MS-NLMP 3.3.2, 3.4.5.1); what is not of the usual kind is pyspnego's.

    Attributes:
        password: the account's, of every host.
    """

    password: ClassVar[str] = ""
    challenges: ClassVar[dict[bytes, bytes]] = {}

    _challenge = b""

    def step(self, token: bytes) -> bytes | None:
        """As the lab's."""
        if self._challenge and is_usual(token):
            self._prove(token)
            return None
        known = self.challenges.get(token)
        if known is None:
            known = super().step(token)
            if known is None or not known.startswith(b"NTLMSSP\x00"):
                return known
            self.challenges[token] = known
        self._challenge = known[24:32]  # MS-NLMP 2.2.1.2
        return known

    def _prove(self, token: bytes) -> None:
        response, domain, user, encrypted_key = (_field(token, at) for at in (20, 28, 36, 52))  # MS-NLMP 2.2.1.3
        key = _response_key(self.password, user, domain)
        if hmac.digest(key, self._challenge + response[16:], "md5") != response[:16]:
            raise RefusedError("the proof is wrong")
        session_key = RC4Handle(hmac.digest(key, response[:16], "md5")).update(encrypted_key)
        self._directions = Sealing(session_key, TO_SERVER), Sealing(session_key, TO_CLIENT)
        self.complete = True
        self.user = self._accounts.user(f"{domain.decode('utf-16-le')}\\{user.decode('utf-16-le')}".lstrip("\\"))


def _field(token: bytes, at: int) -> bytes:
    length, _, begin = struct.unpack_from("<HHI", token, at)
    return token[begin : begin + length]


@functools.lru_cache(16)
def _response_key(password: str, user: bytes, domain: bytes) -> bytes:
    return ntowfv2(user.decode("utf-16-le"), ntowfv1(password), domain.decode("utf-16-le"))


def instead_of_the_lab(password: str) -> None:
    """From now on labs of this process replay."""
    Knowing.password = password
    setattr(server, "Service", Replaying)  # noqa: B010  # mypy holds a class to be no variable
    setattr(connection, "Acceptor", Knowing)  # noqa: B010

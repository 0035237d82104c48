"""One HTTP connection to a simulated server: authentication, sealing, and the faults that were asked for."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import socket
import ssl
import struct
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate
from functools import lru_cache
from typing import Protocol

from runner.lab import wsman
from runner.lab.authentication import Acceptor, Accounts, RefusedError
from runner.lab.faults import Act, Fault, FaultPlan, InSession, Step
from runner.lab.http import Conversation, GoOn, Incoming, Trouble, Unanswerable
from runner.lab.ledger import HostLedger
from runner.lab.sealing import CONTENT_TYPE, SealError, is_sealed
from runner.lab.service import Manner, Reply, Service, Waiting
from runner.lab.shapes import Shapes
from runner.lab.wsman import Action, MalformedError, Request

_SOAP = "application/soap+xml;charset=UTF-8"
_MUTUAL = b"http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
_CHALLENGE = ("WWW-Authenticate", "Negotiate")
_SEALING_OVERHEAD = 1024
_GARBAGE = b"\x15\x03\x01\x00\x02\x02\x0a\x00\xff\xfeSSH-2.0-none\r\n" * 4
_NO_XML = b"<html><body><h1>It works!</h1><p>&nbsp;<br></body>"
_LINGER_NOT = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST

_STEPS: dict[Action, Step] = {
    Action.IDENTIFY: Step.IDENTIFY,
    Action.CREATE: Step.CREATE,
    Action.COMMAND: Step.COMMAND,
    Action.SEND: Step.SEND,
    Action.SIGNAL: Step.SIGNAL,
    Action.DELETE: Step.DELETE,
    Action.DISCONNECT: Step.DISCONNECT,
    Action.RECONNECT: Step.RECONNECT,
    Action.CONNECT: Step.ATTACH,
    Action.GET: Step.QUERY,
    Action.ENUMERATE: Step.QUERY,
}


@lru_cache(maxsize=16)
def _date(seconds: int) -> str:
    """A time as HTTP writes it (RFC 9110, 5.6.7); worked out once for all answers of a second."""
    return formatdate(seconds, usegmt=True)


class Door(Protocol):
    """What a connection needs of the host that it came to."""

    service: Service
    plan: FaultPlan
    counts: HostLedger
    accounts: Accounts
    tls: ssl.SSLContext | None
    binding: bytes | None
    shapes: Shapes
    connections: set[Connection]

    def lets_in(self) -> bool:
        """Whether a connection that has come is let in: not while it restarts."""

    def mapped(self, certificate: bytes) -> str | None:
        """The account that a client certificate (DER) stands for, if any."""

    def restart(self, seconds: float) -> None:
        """Every shell and connection ends, and for so long there is no other."""


class Connection(asyncio.Protocol):
    """One client's connection. Requests are answered one after the other."""

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        self._door = door
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._http = Conversation(door.service.host.limits.max_envelope_kb * 1024 + _SEALING_OVERHEAD)
        self._busy = False
        self._deaf = False
        self._secured = door.tls is None
        self._acceptor: Acceptor | None = None
        self._user: str | None = None
        self._waiting: Waiting | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._quiet_since = 0.0
        self._securing: asyncio.Task[None] | None = None
        self._peer = ""

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is accepted; with TLS the handshake is still to come."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.pause_reading()  # what comes before `_greet` is for nobody, and with TLS no HTTP
        self._door.connections.add(self)
        self._door.counts.connections += 1
        self._door.counts.steps[Step.CONNECT] += 1
        self._peer = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._door.service.live.firewall.lets_winrm_in(self._peer) or not self._door.lets_in():
            self.reset()
            return
        self._strike(Step.CONNECT, self._greet)

    def data_received(self, data: bytes) -> None:
        """Bytes of requests."""
        if self._deaf:
            return
        self._http.receive(data)
        if self._secured:  # else the request came with the handshake's end, before `_secure` goes on
            self._read()

    def eof_received(self) -> bool:
        """The client has nothing more to say, so nobody waits for an answer."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone; whatever waits is abandoned."""
        self._deaf = True
        self._door.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._waiting is not None:
            self._door.service.abandon(self._waiting)
            self._waiting = None

    def close(self) -> None:
        """Ends the connection."""
        if self._securing is not None:
            self._securing.cancel()
        if self._transport is not None:
            self._transport.abort()

    # Faults

    def _strike(self, step: Step, go_on: Callable[[Sequence[Fault]], None], session: InSession | None = None) -> None:
        """Carries out what comes before acting; goes on with the faults that remain, unless one forbids it."""
        faults = self._door.plan.strike(step, session)
        if not faults:
            go_on(faults)
            return
        seconds = sum(fault.milliseconds for fault in faults if fault.act is Act.LATENCY) / 1000
        if seconds:
            self._loop.call_later(seconds, self._fall, step, faults, go_on)
        else:
            self._fall(step, faults, go_on)

    def _fall(self, step: Step, faults: Sequence[Fault], go_on: Callable[[Sequence[Fault]], None]) -> None:
        if self._deaf:
            return
        for fault in faults:
            match fault.act:
                case Act.RESET:
                    self.reset()
                    return
                case Act.HANG:
                    self._hang()
                    return
                case Act.SHELLS_END:
                    self._door.service.end_shells()
                case Act.RESTART:
                    self._door.restart(fault.milliseconds / 1000)
                    return
                case Act.REFUSE if step is Step.CONNECT:
                    self.reset()
                    return
                case Act.REFUSE if step is Step.AUTHENTICATE:
                    self._forget()
                    self._send(401, [_CHALLENGE], b"", faults)
                    return
                case Act.HTTP_GARBAGE if step is Step.CONNECT:
                    self._raw(_GARBAGE)
                    return
                case Act.STATUS if step is not Step.CONNECT:
                    self._send(fault.status, [("Content-Type", "text/html")], b"", faults)
                    return
                case Act.CHALLENGE if step not in (Step.CONNECT, Step.AUTHENTICATE):
                    self._forget()
                    self._send(401, [_CHALLENGE], b"", faults)
                    return
                case _:
                    pass
        go_on(faults)

    def reset(self) -> None:
        """The connection breaks off, with nothing said."""
        if self._transport is None:
            return
        self._deaf = True
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._transport.abort()

    def _hang(self) -> None:
        """Says nothing any more; the connection stays until the client or the lab ends it."""
        self._deaf = True
        if self._timer is not None:
            self._timer.cancel()

    def _raw(self, data: bytes) -> None:
        self._deaf = True
        if self._transport is not None:
            self._transport.write(data)
            self._transport.close()

    # Requests

    def _greet(self, faults: Sequence[Fault]) -> None:
        """The connection stands: TLS first where it is due."""
        if self._door.tls is not None:
            self._securing = self._loop.create_task(self._secure(self._door.tls))
        elif self._transport is not None:
            self._transport.resume_reading()
        self._rest()

    async def _secure(self, context: ssl.SSLContext) -> None:
        assert self._transport is not None
        try:
            secured = await self._loop.start_tls(self._transport, self, context, server_side=True)
        except (OSError, ssl.SSLError):
            self.close()
            return
        if secured is None:
            return
        self._transport = secured
        certificate = secured.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if certificate:
            self._user = self._door.mapped(certificate)
        self._secured = True
        self._read()

    def _rest(self) -> None:
        """Waits for the next request, but not for ever."""
        self._quiet_since = self._loop.time()
        if self._timer is None:
            self._idle()

    def _idle(self) -> None:
        """Closes the connection that has been quiet for its time; else looks again when that can be."""
        if self._transport is None:
            return
        rest = self._quiet_since + self._door.service.host.limits.keep_alive_seconds - self._loop.time()
        if rest <= 0 and not self._busy:
            self._transport.close()
            return
        if self._busy:
            rest = self._door.service.host.limits.keep_alive_seconds
        self._timer = self._loop.call_later(min(rest, 3600.0), self._idle)

    def _read(self) -> None:
        while not self._busy and not self._deaf:
            match self._http.next():
                case Incoming() as request:
                    self._busy = True
                    self._count()
                    self._dispatch(request)
                case GoOn(data):
                    if self._transport is not None:
                        self._transport.write(data)
                case Trouble.TOO_LARGE:
                    self._refuse(413)
                case Trouble.MALFORMED:
                    self._refuse(400)
                case Trouble.CLOSED:
                    if self._transport is not None:
                        self._transport.close()
                    return
                case None:
                    return

    def _refuse(self, status: int) -> None:
        """An answer to what is no request; the last one."""
        self._count()
        self._send(status, [("Connection", "close")], b"", ())
        self._deaf = True

    def _count(self) -> None:
        self._door.counts.requests += 1

    def _dispatch(self, request: Incoming) -> None:
        if request.target.split(b"?", 1)[0].rstrip(b"/").lower() != b"/wsman":
            self._send(404, [], b"", ())
            return
        if request.method != b"POST":
            self._send(405, [("Allow", "POST")], b"", ())
            return
        offered = request.fields.get(b"authorization", b"")
        if self._user is not None and (not offered or offered == _MUTUAL):
            self._message(request, [])
            return
        self._door.counts.steps[Step.AUTHENTICATE] += 1
        self._strike(Step.AUTHENTICATE, lambda faults: self._authenticate(request, offered, faults))

    def _forget(self) -> None:
        self._user = None
        self._acceptor = None

    def _authenticate(self, request: Incoming, offered: bytes, faults: Sequence[Fault]) -> None:
        scheme, _, encoded = offered.partition(b" ")
        if scheme.lower() not in (b"negotiate", b"ntlm") or not encoded.strip():
            self._forget()
            self._send(401, [_CHALLENGE], b"", faults)
            return
        name = "NTLM" if scheme.lower() == b"ntlm" else "Negotiate"
        if self._acceptor is None or self._acceptor.complete:
            self._forget()
            self._acceptor = Acceptor(self._door.accounts, self._door.binding)
        acceptor = self._acceptor
        try:
            token = acceptor.step(base64.b64decode(encoded.strip(), validate=True))
        except (RefusedError, binascii.Error):
            self._forget()
            self._send(401, [_CHALLENGE], b"", faults)
            return
        answer = f"{name} {base64.b64encode(token).decode()}" if token else name
        if not acceptor.complete:
            self._send(401, [("WWW-Authenticate", answer)], b"", faults)
            return
        self._user = acceptor.user
        proof = [("WWW-Authenticate", answer)] if token else []
        if request.body:
            self._message(request, proof)
        else:
            self._send(200, proof, b"", faults)

    def _message(self, incoming: Incoming, proof: list[tuple[str, str]]) -> None:
        """A body of somebody who is authenticated."""
        sealed = is_sealed(incoming.fields.get(b"content-type", b"").decode("latin-1"))
        body = incoming.body
        if not body:
            self._send(200, proof, b"", ())
            return
        limits = self._door.service.host.limits
        if sealed:
            if self._acceptor is None:
                self._send(400, [("Connection", "close")], b"", ())
                return
            try:
                body = self._acceptor.open(body)
            except SealError:
                self._forget()
                self._send(400, [("Connection", "close")], b"", ())
                return
        elif self._door.tls is None and not limits.allow_unencrypted:
            self._send(500, proof, b"", ())  # what Windows says when AllowUnencrypted is false
            return
        if len(body) > limits.max_envelope_kb * 1024:
            self._send(413, [("Connection", "close")], b"", ())
            return
        try:
            request = self._door.shapes.parse(body)
        except MalformedError as error:
            reply = self._door.service.fault(error.fault, error.message_id, Manner())
            self._reply(reply, sealed, proof, ())
            return
        step = _step(request)
        self._door.counts.steps[step] += 1
        session = self._door.service.session(request) if self._door.plan.by_session else None
        self._strike(step, lambda faults: self._act(request, sealed, proof, faults), session)

    def _act(self, request: Request, sealed: bool, proof: list[tuple[str, str]], faults: Sequence[Fault]) -> None:
        service = self._door.service
        if faults:
            acts = {fault.act for fault in faults}
            manner = Manner(
                one_fragment=Act.ONE_FRAGMENT in acts,
                state_apart=Act.STATE_APART in acts,
                prefixes=Act.PREFIXES in acts,
                lower_case=Act.LOWER_CASE in acts,
                psrp_garbage=Act.PSRP_GARBAGE in acts,
            )
            wrong = next((fault for fault in faults if fault.act in (Act.FAULT, Act.REFUSE)), None)
            if wrong is not None:
                code = wrong.code if wrong.act is Act.FAULT else wsman.ACCESS_DENIED
                reply = service.fault(wsman.fault_of(code), request.message_id, manner)
                self._reply(reply, sealed, proof, faults)
                return
        else:
            manner = _PLAIN
        assert self._user is not None

        def answer(reply: Reply) -> None:
            self._waiting = None
            self._reply(reply, sealed, proof, faults)

        self._waiting = service.handle(request, self._user, self._peer, manner, answer)

    # Replies

    def _reply(self, reply: Reply, sealed: bool, proof: Sequence[tuple[str, str]], faults: Sequence[Fault]) -> None:
        if self._deaf:
            return
        body, content_type = reply.body, _SOAP
        for fault in faults:
            body = _costly(fault.act, body)
        if sealed and self._acceptor is not None:
            body, content_type = self._acceptor.seal(body), CONTENT_TYPE
        self._send(reply.status, [("Content-Type", content_type), *proof], body, faults)

    def _send(self, status: int, headers: Sequence[tuple[str, str]], body: bytes, faults: Sequence[Fault]) -> None:
        transport = self._transport
        if transport is None or self._deaf:
            return
        acts = {fault.act: fault for fault in faults} if faults else {}
        now = int(time.time() + self._door.service.host.limits.clock_ahead_seconds)
        fields = [("Server", "Microsoft-HTTPAPI/2.0"), ("Date", _date(now)), *headers]
        if Act.CLOSE in acts:
            fields.append(("Connection", "close"))
        try:
            out = self._http.reply(status, fields, body, chunked=Act.CHUNKED in acts)
        except Unanswerable:
            transport.close()
            return
        if acts and self._spoil(transport, out, acts):
            return
        transport.write(out)
        self._next()

    def _next(self) -> None:
        if self._http.over:
            if self._transport is not None:
                self._deaf = True
                self._transport.close()
            return
        self._busy = False
        self._rest()
        if self._http.more:
            self._loop.call_soon(self._read)

    def _spoil(self, transport: asyncio.Transport, out: bytes, acts: dict[Act, Fault]) -> bool:
        """Carries out what befalls an answer on its way; True when that was the end of it."""
        if Act.RESET_AFTER in acts:
            self.reset()
        elif Act.HANG_AFTER in acts:
            self._hang()
        elif Act.HTTP_GARBAGE in acts:
            self._raw(_GARBAGE)
        elif Act.TRUNCATE in acts:
            self._raw(out[: len(out) * 2 // 3])
        elif Act.DRIP in acts:
            self._drip(out, 0, acts[Act.DRIP].milliseconds / 1000)
        else:
            return False
        return True

    def _drip(self, out: bytes, at: int, seconds: float) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(out[at : at + 1])
        if at + 1 < len(out):
            self._loop.call_later(seconds, self._drip, out, at + 1, seconds)
        else:
            self._next()


_PLAIN = Manner()
_MANY = 280_000  # nested: just within 2 MiB
_BODY_ENDS = re.compile(rb"(?=</[A-Za-z0-9]+:Body>)")


def _costly(act: Act, body: bytes) -> bytes:
    """An envelope that is none, or that costs whoever reads it more than it cost to send."""
    match act:
        case Act.XML_GARBAGE:
            return _NO_XML
        case Act.XML_DEPTH:
            return b"<a>" * _MANY + b"</a>" * _MANY
        case Act.XML_ELEMENTS:
            return _BODY_ENDS.sub(b"<a/>" * _MANY, body, count=1)
        case Act.XML_BYTES:
            return _BODY_ENDS.sub((b"<a>" + b"x" * 1_000_000 + b"</a>") * 8, body, count=1)
        case _:
            return body


def _step(request: Request) -> Step:
    if request.action is Action.RECEIVE:
        return Step.RECEIVE_OPEN if request.pipeline is None else Step.RECEIVE
    return _STEPS[request.action]

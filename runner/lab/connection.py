"""One HTTP connection to a simulated server: h11, authentication, sealing, and the faults that were asked for."""

from __future__ import annotations

import asyncio
import base64
import binascii
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from typing import Protocol

import h11

from runner.lab import wsman
from runner.lab.authentication import Acceptor, Accounts, RefusedError
from runner.lab.faults import Act, Fault, FaultPlan, Step
from runner.lab.ledger import HostLedger
from runner.lab.sealing import CONTENT_TYPE, SealError, is_sealed
from runner.lab.service import Manner, Reply, Service, Waiting
from runner.lab.wsman import Action, MalformedError, Request

_SOAP = "application/soap+xml;charset=UTF-8"
_MUTUAL = b"http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
_CHALLENGE = ("WWW-Authenticate", "Negotiate")
_SEALING_OVERHEAD = 1024
_MAX_HEADER_BYTES = 64 * 1024  # NTLM and Kerberos tokens stand in headers
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


class Door(Protocol):
    """What a connection needs of the host that it came to."""

    service: Service
    plan: FaultPlan
    counts: HostLedger
    accounts: Accounts
    tls: ssl.SSLContext | None
    binding: bytes | None
    connections: set[Connection]

    def mapped(self, certificate: bytes) -> str | None:
        """The account that a client certificate (DER) stands for, if any."""


class Connection(asyncio.Protocol):
    """One client's connection. Requests are answered one after the other."""

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        self._door = door
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEADER_BYTES)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._busy = False
        self._deaf = False
        self._secured = door.tls is None
        self._acceptor: Acceptor | None = None
        self._user: str | None = None
        self._waiting: Waiting | None = None
        self._timer: asyncio.TimerHandle | None = None
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
        self._strike(Step.CONNECT, self._greet)

    def data_received(self, data: bytes) -> None:
        """Bytes of requests."""
        if self._deaf:
            return
        self._http.receive_data(data)
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

    def _strike(self, step: Step, go_on: Callable[[Sequence[Fault]], None]) -> None:
        """Carries out what comes before acting; goes on with the faults that remain, unless one forbids it."""
        faults = self._door.plan.strike(step)
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
                    self._reset()
                    return
                case Act.HANG:
                    self._hang()
                    return
                case Act.REFUSE if step is Step.CONNECT:
                    self._reset()
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

    def _reset(self) -> None:
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
        if self._timer is not None:
            self._timer.cancel()
        seconds = self._door.service.host.limits.keep_alive_seconds
        self._timer = self._loop.call_later(min(seconds, 3600.0), self._idle)

    def _idle(self) -> None:
        if not self._busy and self._transport is not None:
            self._transport.close()

    def _read(self) -> None:
        largest = self._door.service.host.limits.max_envelope_kb * 1024 + _SEALING_OVERHEAD
        try:
            while not self._busy and not self._deaf:
                event = self._http.next_event()
                if isinstance(event, h11.Request):
                    self._request = event
                    self._body.clear()
                    if self._http.they_are_waiting_for_100_continue and self._transport is not None:
                        go_on = self._http.send(h11.InformationalResponse(status_code=100, headers=[]))
                        self._transport.write(go_on or b"")
                elif isinstance(event, h11.Data):
                    self._body += event.data
                    if len(self._body) > largest:
                        self._count()
                        self._send(413, [("Connection", "close")], b"", ())
                        return
                elif isinstance(event, h11.EndOfMessage):
                    self._busy = True
                    self._count()
                    self._dispatch()
                elif isinstance(event, h11.ConnectionClosed):
                    if self._transport is not None:
                        self._transport.close()
                    return
                else:
                    return
        except h11.RemoteProtocolError:
            self._count()
            self._send(400, [("Connection", "close")], b"", ())

    def _count(self) -> None:
        self._door.counts.requests += 1

    def _dispatch(self) -> None:
        request = self._request
        assert request is not None
        if request.target.split(b"?", 1)[0].rstrip(b"/").lower() != b"/wsman":
            self._send(404, [], b"", ())
            return
        if request.method != b"POST":
            self._send(405, [("Allow", "POST")], b"", ())
            return
        headers = dict(request.headers)
        offered = headers.get(b"authorization", b"")
        if self._user is not None and (not offered or offered == _MUTUAL):
            self._message(headers, [])
            return
        self._door.counts.steps[Step.AUTHENTICATE] += 1
        self._strike(Step.AUTHENTICATE, lambda faults: self._authenticate(headers, offered, faults))

    def _forget(self) -> None:
        self._user = None
        self._acceptor = None

    def _authenticate(self, headers: dict[bytes, bytes], offered: bytes, faults: Sequence[Fault]) -> None:
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
        if self._body:
            self._message(headers, proof)
        else:
            self._send(200, proof, b"", faults)

    def _message(self, headers: dict[bytes, bytes], proof: list[tuple[str, str]]) -> None:
        """A body of somebody who is authenticated."""
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        sealed = is_sealed(content_type)
        body = bytes(self._body)
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
            request = wsman.parse(body)
        except MalformedError as error:
            reply = self._door.service.fault(error.fault, error.message_id, Manner())
            self._reply(reply, sealed, proof, ())
            return
        step = _step(request)
        self._door.counts.steps[step] += 1
        self._strike(step, lambda faults: self._act(request, sealed, proof, faults))

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
        if any(fault.act is Act.XML_GARBAGE for fault in faults):
            body = _NO_XML
        if sealed and self._acceptor is not None:
            body, content_type = self._acceptor.seal(body), CONTENT_TYPE
        self._send(reply.status, [("Content-Type", content_type), *proof], body, faults)

    def _send(self, status: int, headers: Sequence[tuple[str, str]], body: bytes, faults: Sequence[Fault]) -> None:
        transport = self._transport
        if transport is None or self._deaf:
            return
        acts = {fault.act: fault for fault in faults} if faults else {}
        fields = [("Server", "Microsoft-HTTPAPI/2.0"), *headers]
        if Act.CLOSE in acts:
            fields.append(("Connection", "close"))
        http = self._http
        try:
            if Act.CHUNKED in acts and body:
                out = self._chunked(status, fields, body)
            else:
                fields.append(("Content-Length", str(len(body))))
                response = h11.Response(status_code=status, headers=fields, reason=_REASONS.get(status, b""))
                out = http.send(response) or b""
                if body:
                    out += http.send(h11.Data(data=body)) or b""
                out += http.send(h11.EndOfMessage()) or b""
        except h11.LocalProtocolError:  # the client broke the protocol in the middle of its request
            transport.close()
            return
        if acts and self._spoil(transport, out, acts):
            return
        transport.write(out)
        if http.our_state is h11.MUST_CLOSE or http.our_state is h11.CLOSED or http.their_state is h11.ERROR:
            self._deaf = True
            transport.close()
            return
        self._next()

    def _next(self) -> None:
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        elif self._transport is not None:
            self._deaf = True
            self._transport.close()
            return
        self._busy = False
        self._rest()
        self._loop.call_soon(self._read)

    def _chunked(self, status: int, fields: list[tuple[str, str]], body: bytes) -> bytes:
        size = max(len(body) // 7, 1)
        response = h11.Response(
            status_code=status, headers=[*fields, ("Transfer-Encoding", "chunked")], reason=_REASONS.get(status, b"")
        )
        out = [self._http.send(response) or b""]
        out += [self._http.send(h11.Data(data=body[at : at + size])) or b"" for at in range(0, len(body), size)]
        out.append(self._http.send(h11.EndOfMessage()) or b"")
        return b"".join(out)

    def _spoil(self, transport: asyncio.Transport, out: bytes, acts: dict[Act, Fault]) -> bool:
        """Carries out what befalls an answer on its way; True when that was the end of it."""
        if Act.RESET_AFTER in acts:
            self._reset()
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
_REASONS = {
    200: b"",
    400: b"Bad Request",
    401: b"",
    404: b"Not Found",
    405: b"Method Not Allowed",
    413: b"Request Entity Too Large",
    500: b"",
    503: b"Service Unavailable",
}


def _step(request: Request) -> Step:
    if request.action is Action.RECEIVE:
        return Step.RECEIVE_OPEN if request.pipeline is None else Step.RECEIVE
    return _STEPS[request.action]

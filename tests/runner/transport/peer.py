"""A WinRM server in memory: real h11, real NTLM acceptor, real sealing; time only passes where a test says so."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

import h11
import spnego
from pypsrp.encryption import WinRMEncryption
from spnego.exceptions import NegotiateOptions, SpnegoError

SEALED = 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"'


@dataclass
class Clock:
    """Monotonic seconds that a test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Peer:
    """Answers sealed POSTs with `answer(plaintext) -> (status, plaintext)`.

    Attributes:
        faults: what to do at the n-th request (from 1) instead of answering: `close` before acting, `act-close` after
            acting, `challenge` with 401, `hang`, `truncate`, `plain` (answers unsealed), or bytes to send as they are.
        closing: answers to messages carry `Connection: close`.
        idle_close: the next look at an idle connection finds it closed.
        drip: seconds that pass for each byte of an answer; None sends it at once.
        latency: seconds that pass for each receive.
    """

    answer: Callable[[bytes], tuple[int, bytes]]
    clock: Clock
    faults: dict[int, str | bytes] = field(default_factory=dict)
    closing: bool = False
    idle_close: bool = False
    drip: float | None = None
    latency: float = 0.0
    refuse_dial: list[OSError] = field(default_factory=list)
    certificate: bytes | None = None
    address: str = "10.0.0.1"
    sealing: bool = True
    requests: int = 0
    dials: int = 0
    acted: list[bytes] = field(default_factory=list)
    seen: list[tuple[dict[bytes, bytes], bytes]] = field(default_factory=list)

    def dial(self, seconds: float) -> MemoryWire:
        if self.refuse_dial:
            raise self.refuse_dial.pop(0)
        self.dials += 1
        return MemoryWire(self)


class MemoryWire:
    """One connection to a Peer."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.http = h11.Connection(h11.SERVER)
        self.context: spnego.ContextProxy | None = None
        self.authenticated = False
        self.outgoing = b""
        self.closed = False
        self.body = b""
        self.request: h11.Request | None = None

    @property
    def address(self) -> str:
        return self.peer.address

    @property
    def certificate(self) -> bytes | None:
        return self.peer.certificate

    def send(self, data: memoryview, seconds: float) -> int:
        if seconds <= 0:
            raise TimeoutError("the deadline has passed")
        if self.closed:
            raise BrokenPipeError("gone")
        self.http.receive_data(bytes(data))
        while not self.closed:
            event = self.http.next_event()
            if isinstance(event, h11.Request):
                self.request, self.body = event, b""
            elif isinstance(event, h11.Data):
                self.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self._handle()
            else:
                break
        return len(data)

    def recv(self, seconds: float) -> bytes:
        peer = self.peer
        if seconds <= 0:
            raise TimeoutError("the deadline has passed")
        wait = peer.latency if peer.drip is None else peer.drip
        if wait > seconds or (not self.outgoing and not self.closed):
            peer.clock.now += seconds
            raise TimeoutError("timed out")
        peer.clock.now += wait
        size = len(self.outgoing) if peer.drip is None else 1
        chunk, self.outgoing = self.outgoing[:size], self.outgoing[size:]
        return chunk

    def stale(self) -> bool:
        if self.peer.idle_close:
            self.peer.idle_close = False
            self.closed = True
        return self.closed

    def close(self) -> None:
        self.closed = True

    def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes, *, close: bool = False) -> None:
        fields = [("Content-Length", str(len(body))), *headers, *([("Connection", "close")] if close else [])]
        out = self.http.send(h11.Response(status_code=status, headers=fields)) or b""
        out += self.http.send(h11.Data(data=body)) or b""
        out += self.http.send(h11.EndOfMessage()) or b""
        self.outgoing += out
        if self.http.our_state is h11.DONE and self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
        else:
            self.closed = True

    def _handle(self) -> None:
        peer = self.peer
        peer.requests += 1
        assert self.request is not None
        headers = dict(self.request.headers)
        peer.seen.append((headers, self.body))
        fault = peer.faults.get(peer.requests)
        match fault:
            case bytes():
                self.outgoing, self.closed = fault, True
            case "close":
                self.closed = True
            case "hang":
                return
            case "challenge":
                self.authenticated, self.context = False, None
                self._reply(401, [("WWW-Authenticate", "Negotiate"), ("WWW-Authenticate", "Kerberos")], b"")
            case _ if not self.authenticated or b"authorization" in headers:
                self._authenticate(headers.get(b"authorization", b""))
            case _:
                self._act(fault)

    def _authenticate(self, header: bytes) -> None:
        if not header.startswith(b"Negotiate "):
            self._reply(401, [("WWW-Authenticate", "Negotiate")], b"")
            return
        if self.context is None or self.context.complete:
            options = NegotiateOptions.wrapping_winrm if self.peer.sealing else NegotiateOptions.none
            self.context = spnego.server(protocol="negotiate", options=options | NegotiateOptions.use_negotiate)
        try:
            token = self.context.step(base64.b64decode(header[10:]))
        except SpnegoError:
            self.context = None
            self._reply(401, [("WWW-Authenticate", "Negotiate")], b"")
            return
        value = "Negotiate" + (f" {base64.b64encode(token).decode()}" if token else "")
        self.authenticated = self.context.complete
        self._reply(200 if self.context.complete else 401, [("WWW-Authenticate", value)], b"")

    def _act(self, fault: str | None) -> None:
        peer = self.peer
        sealer = WinRMEncryption(self.context, WinRMEncryption.SPNEGO)
        try:
            plain = sealer.unwrap_message(self.body, "Encrypted Boundary") if peer.sealing else self.body
        except SpnegoError:
            self._reply(400, [], b"sealed for another context")
            return
        peer.acted.append(plain)
        status, text = peer.answer(plain)
        if fault == "act-close":
            self.closed = True
        elif fault == "plain" or not peer.sealing:
            self._reply(status, [("Content-Type", "application/soap+xml;charset=UTF-8")], text, close=peer.closing)
        else:
            _, body = sealer.wrap_message(text)
            self._reply(status, [("Content-Type", SEALED)], body, close=peer.closing)
        if fault == "truncate":
            self.outgoing, self.closed = self.outgoing[:-10], True

"""A port that speaks HTTP to TLS, or TLS to HTTP, is told apart from one that is broken; over real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Literal

import pytest

from inventory.model import Authentication, CredentialKind, CredentialReference, Host, Scheme
from runner.lab.engines.sim.engine import SimEngine
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.server import Served, start
from runner.lab.state import HostState
from runner.secrets.interface import Secret
from runner.transport.connecting import Connector
from runner.transport.failures import Cause, Failure, TransportError
from runner.transport.gate import Gate
from runner.transport.http import HttpTransport, contexts
from runner.transport.interface import Deadlines
from runner.transport.retry import LockoutGuard, RetryPolicy
from tests.runner.transport.peer import Clock, Peer
from texts.places import Location

ACCOUNT = Account("LAB\\auditor", "not-a-secret")
Answering = Callable[[bytes], int]


@pytest.fixture
def serve() -> Iterator[Callable[[Literal["http", "https"]], Served]]:
    with ExitStack() as stack:

        def begin(scheme: Literal["http", "https"]) -> Served:
            host = LabHost("alpha", "EX1", HostState(name="EX1"), ACCOUNT, scheme=scheme)
            return stack.enter_context(start(Fleet((host,)), {"sim": SimEngine()})).host("alpha/EX1")

        yield begin


@pytest.fixture
def answering() -> Iterator[Answering]:
    """A port that answers the first bytes of one connection with `said` and closes."""
    with ExitStack() as stack:

        def begin(said: bytes) -> int:
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def run() -> None:
                taken, _ = server.accept()
                with taken:
                    taken.recv(65536)
                    taken.sendall(said)

            thread = threading.Thread(target=run, daemon=True)
            stack.callback(thread.join, 30)
            thread.start()
            return int(server.getsockname()[1])

        yield begin


def failed(port: int, scheme: Scheme) -> Failure:
    host = Host(
        client="alpha",
        name="EX1",
        address="127.0.0.1",
        port=port,
        scheme=scheme,
        authentication=Authentication.NTLM,
        origin=Location("i.yml", 1, 1),
        user=ACCOUNT.user,
        credential=CredentialReference(CredentialKind.ENV, "PASSWORD"),
    )
    guard = LockoutGuard(1)
    connector = Connector(retries=RetryPolicy(attempts=1), guard=guard)
    transport = connector.to(host, Secret(ACCOUNT.password))(Gate.of([]), Deadlines())
    with pytest.raises(TransportError) as raised:
        transport.open()
    transport.close()
    assert guard.stopped() == ()
    return raised.value.failure


def test_https_on_a_port_of_http_says_so(serve: Callable[[str], Served]) -> None:
    found = failed(serve("http").port, Scheme.HTTPS)
    assert found.cause is Cause.TLS
    assert "plain HTTP" in found.message
    assert "`scheme: http`" in found.next
    assert "5986" in found.next
    assert not found.retryable


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.0 200 OK\n\n"])
def test_any_web_server_counts_as_one(answering: Answering, said: bytes) -> None:
    assert "`scheme: http`" in failed(answering(said), Scheme.HTTPS).next


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.6\r\n", b"220 smtp.example ESMTP\r\n", b"\x00" * 20])
def test_what_is_neither_is_not_called_http(answering: Answering, said: bytes) -> None:
    found = failed(answering(said), Scheme.HTTPS)
    assert found.cause is Cause.TLS
    assert "plain HTTP" not in found.message
    assert "does not speak TLS" in found.next


def test_a_port_that_closes_at_a_handshake_is_lost(answering: Answering) -> None:
    assert failed(answering(b""), Scheme.HTTPS).cause is Cause.CONNECTION_LOST


@pytest.mark.parametrize(
    "said",
    [
        b"\x15\x03\x01\x00\x02\x02\x0a",  # an alert: unexpected message
        b"\x15\x03\x03\x00\x02\x02\x46",
        b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03",
        b"HTTP/1.1 400 X\r\nContent-Length: 46\r\n\r\nThe plain HTTP request was sent to HTTPS port\n",
    ],
)
def test_http_on_a_port_of_https_says_so(answering: Answering, said: bytes) -> None:
    found = failed(answering(said), Scheme.HTTP)
    assert found.cause is Cause.TLS
    assert "`scheme: https`" in found.next
    assert "5985" in found.next
    assert not found.retryable


def test_an_alert_that_comes_byte_by_byte_is_one_too(ntlm_account: tuple[str, str]) -> None:
    peer = Peer(lambda plain: (200, plain), Clock(), faults={1: b"\x15\x03\x01\x00\x02\x02\x0a"}, drip=0.1)
    with pytest.raises(TransportError) as raised:
        over(peer, "http://ex1.example:5985/wsman", ntlm_account).send(b"<a/>")
    assert raised.value.failure.cause is Cause.TLS


def over(peer: Peer, endpoint: str, account: tuple[str, str]) -> HttpTransport:
    new_context = contexts("ntlm", *account, "ex1.example", sealing=True)
    return HttpTransport(endpoint, peer.dial, new_context, sealed=True, clock=peer.clock)


@pytest.mark.parametrize(
    ("endpoint", "advice"),
    [
        ("http://ex1.example:5986/wsman", "`scheme: https`"),
        ("http://[fe80::1]:443/wsman", "`scheme: https`"),
        ("https://ex1.example:5985/wsman", "`scheme: http`"),
        ("http://ex1.example:5985/wsman", "Run again"),
    ],
)
def test_a_port_that_only_closes_is_named_by_its_number(
    ntlm_account: tuple[str, str], endpoint: str, advice: str
) -> None:
    """HTTP.sys resets a connection on which it expects TLS."""
    peer = Peer(lambda plain: (200, plain), Clock(), faults={1: "close"})
    http = over(peer, endpoint, ntlm_account)
    with pytest.raises(TransportError) as raised:
        http.send(b"<a/>")
    assert raised.value.failure.cause is Cause.CONNECTION_LOST
    assert advice in raised.value.failure.next
    assert raised.value.failure.retryable
    http.send(b"<a/>")  # it was only lost
    peer.faults[peer.requests + 1] = "close"
    peer.idle_close = True
    with pytest.raises(TransportError) as raised:
        http.send(b"<a/>")
    assert "Run again" in raised.value.failure.next

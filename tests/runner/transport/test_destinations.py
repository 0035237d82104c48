"""Nothing of NTLM leaves for an address that is neither private nor allowed, however the host came to have it."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import Authentication, CredentialKind, CredentialReference, Host, Scheme
from runner.secrets.interface import Secret
from runner.transport import connecting, wire
from runner.transport.connecting import Connector
from runner.transport.destinations import WhyNot, anywhere, ntlm_to
from runner.transport.failures import Cause, TransportError
from runner.transport.gate import Gate
from runner.transport.http import HttpTransport, contexts
from runner.transport.interface import Deadlines
from runner.transport.retry import LockoutGuard, RetryPolicy
from runner.transport.wire import Waiting, dialler
from tests.runner.transport.peer import Clock, Peer
from texts.places import Location

Account = tuple[str, str]
PUBLIC = ["203.0.113.7", "8.8.8.8", "172.32.0.1", "100.128.0.1", "169.253.1.1", "2001:db8::1", "::ffff:203.0.113.7"]
PRIVATE = ["10.1.2.3", "172.31.255.255", "192.168.0.1", "127.9.9.9", "169.254.1.1", "100.64.0.1", "::1", "fe80::1%eth0"]


@pytest.mark.parametrize("address", [*PRIVATE, "fd12:3456::1", "::ffff:10.0.0.1", "fe80::1", "100.127.255.255"])
def test_private_addresses_are_private(address: str) -> None:
    assert ntlm_to("ex1.example", ())(address) is None


@pytest.mark.parametrize(
    "address",
    [
        *PUBLIC,
        "64:ff9b::a00:1",  # 10.0.0.1 through somebody's NAT64
        "64:ff9b:1::a00:1",
        "2002:a00:1::1",  # 10.0.0.1 through 6to4
        "::10.0.0.1",  # a form that is not in use any more
        "fec0::1",
        "0.0.0.0",
        "::",
        "192.0.2.1",
        "ff02::1",
        "224.0.0.1",
        "not an address",
        "",
    ],
)
def test_all_others_are_not(address: str) -> None:
    why = ntlm_to("ex1.example", ())(address)
    assert why is not None
    assert why.cause is Cause.PUBLIC_ADDRESS
    assert "internet" in why.message
    assert "`allow_public`" in why.next
    assert not why.retryable


@given(st.ip_addresses())
def test_an_address_means_the_same_in_each_way_it_is_written(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    forms = [str(address), address.exploded]
    if isinstance(address, ipaddress.IPv4Address):
        forms += [f"::ffff:{address}"]
    else:
        forms += [f"{address}%eth0"]
    assert len({ntlm_to("ex1", ())(form) is None for form in forms}) == 1
    assert len({ntlm_to("ex1", [str(address)])(form) for form in forms}) == 1


@pytest.mark.parametrize(
    ("allowed", "address", "admitted"),
    [
        (["203.0.113.0/24"], "203.0.113.7", True),
        (["203.0.113.0/24"], "203.0.114.7", False),
        (["203.0.113.7"], "203.0.113.7", True),
        (["203.0.113.0/24"], "::ffff:203.0.113.7", True),
        (["::ffff:203.0.113.0/120"], "203.0.113.7", True),
        (["203.0.113.0/24"], "64:ff9b::203.0.113.7", True),
        (["203.0.113.0/24"], "64:ff9b::8.8.8.8", False),
        (["10.0.0.0/8"], "64:ff9b::10.0.0.1", True),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["2001:db8::/32"], "2001:db9::1", False),
        (["EX1.Example."], "8.8.8.8", True),
        (["ex2.example"], "8.8.8.8", False),
        (["bücher.example"], "8.8.8.8", False),
        ([], "8.8.8.8", False),
    ],
)
def test_what_the_inventory_allows_is_allowed_and_nothing_else(
    allowed: list[str], address: str, admitted: bool
) -> None:
    assert (ntlm_to("ex1.example", allowed)(address) is None) is admitted


def test_a_name_is_allowed_in_either_of_its_spellings() -> None:
    assert ntlm_to("xn--bcher-kva.example", ["BÜCHER.example"])("8.8.8.8") is None
    assert ntlm_to("bücher.example", ["xn--bcher-kva.example"])("8.8.8.8") is None


def echo(plain: bytes) -> tuple[int, bytes]:
    return 200, b"<ok>" + plain + b"</ok>"


def over(peer: Peer, account: Account, protocol: str, *allowed: str, **options: object) -> HttpTransport:
    return HttpTransport(
        "http://ex1.example:5985/wsman",
        peer.dial,
        contexts(protocol, *account, "ex1.example", sealing=True),
        sealed=True,
        clock=peer.clock,
        why_not_ntlm=ntlm_to("ex1.example", allowed),
        **options,  # type: ignore[arg-type]
    )


def tokens(peer: Peer) -> bytes:
    """All that was said to the peer to authenticate, decoded."""
    return b"".join(
        base64.b64decode(headers[b"authorization"].partition(b" ")[2])
        for headers, _ in peer.seen
        if b"authorization" in headers
    )


@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
@pytest.mark.parametrize("address", PUBLIC)
def test_no_byte_of_ntlm_leaves_for_a_public_address(ntlm_account: Account, protocol: str, address: str) -> None:
    peer = Peer(echo, Clock(), address=address)
    asked: list[float] = []

    @contextlib.contextmanager
    def permit(seconds: float) -> Iterator[None]:
        asked.append(seconds)
        yield

    with pytest.raises(TransportError) as raised:
        over(peer, ntlm_account, protocol, permit=permit).send(b"<a/>")
    assert raised.value.failure.cause is Cause.PUBLIC_ADDRESS
    assert (peer.seen, peer.acted, asked) == ([], [], [])


@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
@pytest.mark.parametrize("address", PRIVATE)
def test_ntlm_is_spoken_with_a_private_address(ntlm_account: Account, protocol: str, address: str) -> None:
    assert over(Peer(echo, Clock(), address=address), ntlm_account, protocol).send(b"<a/>") == b"<ok><a/></ok>"


def test_ntlm_is_spoken_with_a_public_address_that_is_allowed(ntlm_account: Account) -> None:
    peer = Peer(echo, Clock(), address="203.0.113.7")
    assert over(peer, ntlm_account, "ntlm", "203.0.113.0/24").send(b"<a/>") == b"<ok><a/></ok>"


class FallsBack:
    """A context that begins with Kerberos and goes on with NTLM, as Negotiate does when the server picks that."""

    complete = False

    def __init__(self) -> None:
        self.steps = 0

    def step(self, token: bytes | None = None) -> bytes:
        self.steps += 1
        return b"a Kerberos token" if self.steps == 1 else b"\xa1\x30 NTLMSSP\x00\x01\x00\x00\x00"


def test_a_fallback_in_the_middle_is_seen_before_ntlm_leaves() -> None:
    challenge = b"HTTP/1.1 401 X\r\nWWW-Authenticate: Negotiate oRA=\r\nContent-Length: 0\r\n\r\n"
    peer = Peer(echo, Clock(), address="203.0.113.7", faults={1: challenge})
    http = HttpTransport(
        "http://ex1.example:5985/wsman",
        peer.dial,
        lambda bindings: FallsBack(),  # type: ignore[arg-type,return-value]
        sealed=True,
        clock=peer.clock,
        why_not_ntlm=ntlm_to("ex1.example", ()),
    )
    with pytest.raises(TransportError) as raised:
        http.send(b"<a/>")
    assert raised.value.failure.cause is Cause.PUBLIC_ADDRESS
    assert tokens(peer) == b"a Kerberos token"


def test_kerberos_is_not_held_back() -> None:
    """Every address is public to it; only tokens of NTLM are looked for."""
    peer = Peer(echo, Clock(), address="203.0.113.7", faults={1: b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"})
    http = HttpTransport(
        "http://ex1.example:5985/wsman",
        peer.dial,
        lambda bindings: FallsBack(),  # type: ignore[arg-type,return-value]
        sealed=True,
        clock=peer.clock,
        why_not_ntlm=ntlm_to("ex1.example", ()),
    )
    with pytest.raises(TransportError) as raised:
        http.send(b"<a/>")
    assert raised.value.failure.cause is Cause.CONNECTION_LOST
    assert tokens(peer) == b"a Kerberos token"


@pytest.fixture
def listening() -> Iterator[int]:
    """A port of 127.0.0.1 at which connections are taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were connected to, of a name that has a public one before a private one."""
    found: list[str] = []
    real = wire._connect

    def resolve(address: str, port: int, seconds: float, check: object) -> list[wire._Target]:
        return [(socket.AF_INET, ("203.0.113.7", port)), (socket.AF_INET, ("127.0.0.1", port))]

    def connect(sock: socket.socket, target: tuple[str, int], *waits: Any) -> None:
        found.append(target[0])
        if target[0] != "127.0.0.1":  # tests talk to this machine alone
            raise ConnectionRefusedError(111, "refused")
        real(sock, target, *waits)

    monkeypatch.setattr(wire, "_resolve", resolve)
    monkeypatch.setattr(wire, "_connect", connect)
    return found


@pytest.mark.parametrize(
    ("why_not", "alone", "expected"),
    [
        (anywhere, False, ["203.0.113.7", "127.0.0.1"]),
        (ntlm_to("ex1", ()), False, ["127.0.0.1"]),
        (ntlm_to("ex1", ()), True, ["127.0.0.1"]),
        (ntlm_to("ex1", ["203.0.113.7"]), True, ["203.0.113.7", "127.0.0.1"]),
    ],
    ids=["kerberos", "negotiate", "ntlm", "ntlm-allowed"],
)
def test_each_address_of_a_name_is_judged(
    listening: int, tried: list[str], why_not: WhyNot, alone: bool, expected: list[str]
) -> None:
    dial = dialler("ex1", listening, None, Waiting(lambda: 0.0), why_not=why_not, ntlm_alone=alone)
    made = dial(5.0)
    assert made.address == "127.0.0.1"
    made.close()
    assert tried == expected


def inventory_host(authentication: Authentication, address: str, *allowed: str, port: int = 5985) -> Host:
    return Host(
        client="alpha",
        name="EX1",
        address=address,
        port=port,
        scheme=Scheme.HTTP,
        authentication=authentication,
        origin=Location("i.yml", 1, 1),
        user="LAB\\auditor",
        credential=CredentialReference(CredentialKind.ENV, "PASSWORD"),
        allow_public=allowed,
    )


def test_with_ntlm_a_public_address_is_not_even_connected_to_and_no_refusal_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[object] = []
    monkeypatch.setattr(wire, "_connect", lambda *arguments: tried.append(arguments))
    guard = LockoutGuard(1)
    connector = Connector(guard=guard, retries=RetryPolicy(attempts=3))
    to_host = connector.to(inventory_host(Authentication.NTLM, "203.0.113.7"), Secret("not-a-secret"))
    transport = to_host(Gate.of([]), Deadlines())
    with pytest.raises(TransportError) as raised:
        transport.open()
    transport.close()
    assert raised.value.failure.cause is Cause.PUBLIC_ADDRESS
    assert "203.0.113.7" in raised.value.failure.message
    assert (tried, transport.requests, guard.stopped()) == ([], 0, ())


@pytest.mark.parametrize(
    ("authentication", "held_back"),
    [
        (Authentication.NTLM, True),
        (Authentication.NEGOTIATE, True),
        (Authentication.KERBEROS, False),
        (Authentication.CERTIFICATE, False),
    ],
)
def test_only_what_may_speak_ntlm_is_held_back(
    monkeypatch: pytest.MonkeyPatch, authentication: Authentication, held_back: bool
) -> None:
    judges: list[object] = []
    real = connecting.dialler

    def noting(*arguments: object, **settings: object) -> object:
        judges.append(settings["why_not"])
        return real(*arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(connecting, "dialler", noting)
    host = inventory_host(authentication, "203.0.113.7")
    if authentication is Authentication.CERTIFICATE:
        object.__setattr__(host, "scheme", Scheme.HTTPS)
    Connector().to(host, Secret("x"))(Gate.of([]), Deadlines())
    (judge,) = judges
    assert (judge("203.0.113.7") is not None) is held_back  # type: ignore[operator]

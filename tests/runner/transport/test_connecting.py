"""A host's settings become the transport that they mean, and nothing is sent by making it."""

import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from inventory.model import Authentication, CredentialKind, CredentialReference, Host, Scheme
from runner.secrets.interface import Secret
from runner.transport import connecting, wire
from runner.transport.connecting import Connector
from runner.transport.failures import Cause, TransportError
from runner.transport.gate import Gate
from runner.transport.http import HttpTransport, nt_hash
from runner.transport.interface import Deadlines, LoggingOn, Notice
from runner.transport.retry import RetryPolicy
from runner.transport.wire import Waiting, dialler
from tests.runner.transport.peer import Clock, Peer
from texts.places import Location


def host(scheme: Scheme, authentication: Authentication, **settings: object) -> Host:
    return Host(
        client="alpha",
        name="EX1",
        address="ex1.example",
        port=5985,
        scheme=scheme,
        authentication=authentication,
        origin=Location("i.yml", 1, 1),
        **settings,  # type: ignore[arg-type]
    )


GATE, DEADLINES = Gate.of([]), Deadlines()
PASSWORD = {"user": "LAB\\auditor", "credential": CredentialReference(CredentialKind.ENV, "PASSWORD")}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What HttpTransports were made with."""
    calls: list[dict[str, object]] = []

    class Recorder(HttpTransport):
        def __init__(self, endpoint: str, dial: object, new_context: object, **settings: object) -> None:
            calls.append({"endpoint": endpoint, "new_context": new_context, **settings})
            super().__init__(endpoint, dial, new_context, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(connecting, "HttpTransport", Recorder)
    return calls


@pytest.mark.parametrize("allow_cleartext", [False, True])
@pytest.mark.parametrize("scheme", Scheme)
def test_messages_are_sealed_over_http_unless_cleartext_is_allowed(
    made: list[dict[str, object]], scheme: Scheme, allow_cleartext: bool
) -> None:
    connector = Connector(allow_cleartext=allow_cleartext)
    server = host(scheme, Authentication.NTLM, **PASSWORD)
    connector.to(server, Secret("x"))(GATE, DEADLINES)
    (call,) = made
    assert call["sealed"] is (scheme is Scheme.HTTP and not allow_cleartext)
    assert connector.is_cleartext(server) is (scheme is Scheme.HTTP and allow_cleartext)


def test_who_watches_is_told_when_a_host_is_logged_on_to(made: list[dict[str, object]]) -> None:
    told: list[Notice] = []
    Connector().to(host(Scheme.HTTP, Authentication.NTLM, **PASSWORD), Secret("x"), told.append)(GATE, DEADLINES)
    made[0]["logging_on"]()  # type: ignore[operator]
    assert told == [LoggingOn()]


def test_a_certificate_needs_no_password_and_no_context(made: list[dict[str, object]]) -> None:
    Connector().to(host(Scheme.HTTPS, Authentication.CERTIFICATE), None)(GATE, DEADLINES)
    assert made[0]["new_context"] is None
    assert made[0]["sealed"] is False


def test_a_domain_controller_is_asked_under_the_lock_out_guard_too(made: list[dict[str, object]]) -> None:
    connector = Connector()
    for authentication in (Authentication.KERBEROS, Authentication.NEGOTIATE, Authentication.NTLM):
        connector.to(host(Scheme.HTTP, authentication, **PASSWORD), Secret("x"))(GATE, DEADLINES)
    connector.to(host(Scheme.HTTP, Authentication.KERBEROS), None)(GATE, DEADLINES)
    assert [call["asks_kdc"] for call in made] == [True, True, False, False]


def test_an_ipv6_address_stands_in_brackets(made: list[dict[str, object]]) -> None:
    server = host(Scheme.HTTP, Authentication.NTLM, **PASSWORD)
    object.__setattr__(server, "address", "fe80::1")
    Connector().to(server, Secret("x"))(GATE, DEADLINES)
    assert made[0]["endpoint"] == "http://[fe80::1]:5985/wsman"


def called(server: Host, address: str) -> Host:
    object.__setattr__(server, "address", address)
    return server


@pytest.mark.parametrize(
    ("address", "endpoint", "name"),
    [
        ("fe80::1%eth0", "http://[fe80::1]:5985/wsman", "fe80::1"),
        ("fe80::1%12", "http://[fe80::1]:5985/wsman", "fe80::1"),
        ("bücher.example", "http://xn--bcher-kva.example:5985/wsman", "xn--bcher-kva.example"),
        ("EX1.straße.example", "http://EX1.xn--strae-oqa.example:5985/wsman", "EX1.xn--strae-oqa.example"),
        ("日本.example", "http://xn--wgv71a.example:5985/wsman", "xn--wgv71a.example"),
        ("ex1.example.", "http://ex1.example:5985/wsman", "ex1.example"),
    ],
)
def test_neither_a_zone_nor_a_letter_beyond_ascii_leaves_in_what_a_server_is_called(
    made: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch, address: str, endpoint: str, name: str
) -> None:
    spns: list[str] = []

    def contexts(
        protocol: str, user: str, password: str, hostname: str, *, sealing: bool, hashed: str | None
    ) -> object:
        spns.append(hostname)
        return lambda bindings: None

    monkeypatch.setattr(connecting, "contexts", contexts)
    server = called(host(Scheme.HTTP, Authentication.NEGOTIATE, **PASSWORD), address)
    Connector().to(server, Secret("x"))(GATE, DEADLINES)
    assert made[0]["endpoint"] == endpoint
    made[0]["new_context"](None)  # type: ignore[operator]
    assert spns == [name]


@pytest.mark.parametrize("address", ["fe80::1%eth0", "bücher.example"])
def test_the_host_header_and_the_envelope_are_ascii_and_without_a_zone(
    monkeypatch: pytest.MonkeyPatch, ntlm_account: tuple[str, str], address: str
) -> None:
    peer = Peer(lambda plain: (500, b""), Clock())
    monkeypatch.setattr(connecting, "dialler", lambda *arguments, **settings: peer.dial)
    server = called(host(Scheme.HTTP, Authentication.NTLM, **PASSWORD), address)
    transport = Connector(retries=RetryPolicy(attempts=1)).to(server, Secret("not-a-secret"))(GATE, DEADLINES)
    with pytest.raises(TransportError):
        transport.open()
    hosts = {headers[b"host"] for headers, _ in peer.seen}
    assert hosts == {b"[fe80::1]:5985" if "%" in address else b"xn--bcher-kva.example:5985"}
    assert peer.acted
    assert all(b"%" not in message and message.isascii() for message in peer.acted)


def test_a_zone_is_used_for_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no ::1")
    targets: list[tuple[object, ...]] = []
    real = wire._connect

    def noting(sock: socket.socket, target: tuple[object, ...], *waits: Any) -> None:
        targets.append(target)
        real(sock, target, *waits)

    monkeypatch.setattr(wire, "_connect", noting)
    with server:
        port = server.getsockname()[1]
        dialler("::1%1", port, None, Waiting(lambda: 0.0))(5.0).close()
    assert targets == [("::1", port, 0, 1)]


def test_a_zone_that_this_machine_does_not_have_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(socket.gaierror, match="no network interface 'none9'"):
        dialler("fe80::1%none9", 5985, None, Waiting(lambda: 0.0))(5.0)


def test_a_name_is_looked_up_and_verified_as_punycode(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    names: list[str] = []

    def resolve(address: str, port: int, seconds: float, check: object) -> list[wire._Target]:
        asked.append(address)
        return [(socket.AF_INET, ("127.0.0.1", port))]

    class Tls:
        def wrap_socket(self, sock: socket.socket, *, server_hostname: str, do_handshake_on_connect: bool) -> None:
            names.append(server_hostname)
            raise ConnectionResetError("as far as this test goes")

    monkeypatch.setattr(wire, "_resolve", resolve)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(ConnectionResetError),
    ):
        dialler("Bücher.Example.", server.getsockname()[1], Tls(), Waiting(lambda: 0.0))(5.0)  # type: ignore[arg-type]
    assert (asked, names) == (["xn--bcher-kva.Example."], ["xn--bcher-kva.Example"])


def test_a_ca_file_that_is_missing_fails_before_anything_is_sent(tmp_path: Path) -> None:
    server = host(Scheme.HTTPS, Authentication.NTLM, ca_file=tmp_path / "none.pem", **PASSWORD)
    with pytest.raises(TransportError) as raised:
        Connector().to(server, Secret("x"))(GATE, DEADLINES)
    assert raised.value.failure.cause is Cause.TLS


def test_hosts_with_the_same_files_share_what_was_read_from_them(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    real = connecting.client_tls

    def counting(*files: Path | None) -> object:
        read.append(files)
        return real(*files)  # type: ignore[arg-type]

    monkeypatch.setattr(connecting, "client_tls", counting)
    connector = Connector()
    for _ in range(5):
        connector.to(host(Scheme.HTTPS, Authentication.NTLM, **PASSWORD), Secret("x"))(GATE, DEADLINES)
    assert len(read) == 1


def test_a_password_is_hashed_once_for_all_hosts_of_its_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []

    def counted(password: str) -> str | None:
        hashed.append(password)
        return nt_hash(password)

    monkeypatch.setattr(connecting, "nt_hash", counted)
    connector, one = Connector(), host(Scheme.HTTP, Authentication.NTLM, **PASSWORD)
    said = {connector.nt_hash(one, Secret("Password")) for _ in range(3)}
    assert hashed == ["Password"]
    if sys.platform != "win32":
        assert said == {"a4f49c406510bdcab6824ee7c30fd852"}  # MS-NLMP 4.2.2.1.2


@pytest.mark.parametrize("password", ["lm:nt", f"{'0' * 32}:{'f' * 32}"])
def test_what_pyspnego_might_take_for_two_hashes_is_left_to_it(password: str) -> None:
    assert nt_hash(password) is None

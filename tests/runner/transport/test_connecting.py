"""A host's settings become the transport that they mean, and nothing is sent by making it."""

from pathlib import Path

import pytest

from inventory.model import Authentication, CredentialKind, CredentialReference, Host, Location, Scheme
from runner.secrets.interface import Secret
from runner.transport import connecting
from runner.transport.connecting import Connector
from runner.transport.failures import Cause, TransportError
from runner.transport.gate import Gate
from runner.transport.http import HttpTransport


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
    connector = Connector(Gate.of([]), allow_cleartext=allow_cleartext)
    server = host(scheme, Authentication.NTLM, **PASSWORD)
    connector.transport(server, Secret("x"))
    (call,) = made
    assert call["sealed"] is (scheme is Scheme.HTTP and not allow_cleartext)
    assert connector.is_cleartext(server) is (scheme is Scheme.HTTP and allow_cleartext)


def test_a_certificate_needs_no_password_and_no_context(made: list[dict[str, object]]) -> None:
    Connector(Gate.of([])).transport(host(Scheme.HTTPS, Authentication.CERTIFICATE), None)
    assert made[0]["new_context"] is None
    assert made[0]["sealed"] is False


def test_a_domain_controller_is_asked_under_the_lock_out_guard_too(made: list[dict[str, object]]) -> None:
    connector = Connector(Gate.of([]))
    for authentication in (Authentication.KERBEROS, Authentication.NEGOTIATE, Authentication.NTLM):
        connector.transport(host(Scheme.HTTP, authentication, **PASSWORD), Secret("x"))
    connector.transport(host(Scheme.HTTP, Authentication.KERBEROS), None)
    assert [call["asks_kdc"] for call in made] == [True, True, False, False]


def test_an_ipv6_address_stands_in_brackets(made: list[dict[str, object]]) -> None:
    server = host(Scheme.HTTP, Authentication.NTLM, **PASSWORD)
    object.__setattr__(server, "address", "fe80::1")
    Connector(Gate.of([])).transport(server, Secret("x"))
    assert made[0]["endpoint"] == "http://[fe80::1]:5985/wsman"


def test_a_ca_file_that_is_missing_fails_before_anything_is_sent(tmp_path: Path) -> None:
    server = host(Scheme.HTTPS, Authentication.NTLM, ca_file=tmp_path / "none.pem", **PASSWORD)
    with pytest.raises(TransportError) as raised:
        Connector(Gate.of([])).transport(server, Secret("x"))
    assert raised.value.failure.cause is Cause.TLS


def test_hosts_with_the_same_files_share_what_was_read_from_them(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    real = connecting.client_tls

    def counting(*files: Path | None) -> object:
        read.append(files)
        return real(*files)  # type: ignore[arg-type]

    monkeypatch.setattr(connecting, "client_tls", counting)
    connector = Connector(Gate.of([]))
    for _ in range(5):
        connector.transport(host(Scheme.HTTPS, Authentication.NTLM, **PASSWORD), Secret("x"))
    assert len(read) == 1

"""What a server offers instead of Negotiate is answered where it can be, and else said with what to do."""

import base64

import pytest
import spnego
from spnego.exceptions import NegotiateOptions

from runner.transport.failures import Cause, CredentialRejected, TransportError
from runner.transport.http import HttpTransport, contexts
from tests.runner.transport.peer import Clock, MemoryWire, Peer

Account = tuple[str, str]


def echo(plain: bytes) -> tuple[int, bytes]:
    return 200, b"<ok>" + plain + b"</ok>"


def offering(*offers: str) -> Peer:
    """A server that offers these to whoever comes with another scheme or none."""
    lines = "".join(f"WWW-Authenticate: {offer}\r\n" for offer in offers)
    reply = f"HTTP/1.1 401 Unauthorized\r\n{lines}Content-Length: 0\r\n\r\n".encode()
    return Peer(echo, Clock(), faults=dict.fromkeys(range(1, 9), reply))


def failed(peer: Peer, account: Account, *, kerberos: bool = False) -> TransportError:
    http = HttpTransport(
        "http://ex1.example:5985/wsman",
        peer.dial,
        contexts("ntlm", *account, "ex1.example", sealing=True),
        sealed=True,
        clock=peer.clock,
        kerberos=kerberos,
    )
    with pytest.raises(TransportError) as raised:
        http.send(b"<a/>")
    return raised.value


@pytest.mark.parametrize(
    ("offers", "message", "advice"),
    [
        (("Kerberos",), "offers Kerberos, and not Negotiate", "`authentication: kerberos`"),
        (("Kerberos", 'Basic realm="WSMAN"'), "Kerberos and Basic", "`authentication: kerberos`"),
        (("Kerberos, CredSSP",), "Kerberos and CredSSP", "`authentication: kerberos`"),
        (('Basic realm="Negotiate"',), "offers Basic, and not Negotiate or Kerberos", "does not speak Basic"),
        (("CredSSP",), "offers CredSSP", "winrm/config/service/auth"),
        (("CredSSP", "Basic realm=x"), "CredSSP and Basic", "does not speak CredSSP or Basic"),
        (('Digest realm="a, b", nonce=", Kerberos"',), "offers Digest", "winrm/config/service/auth"),
        (("NTLM",), "offers NTLM alone", "another web server"),
        (("Hawk\x7f",), "no scheme that exrun knows", "winrm/config/service/auth"),
        ((), "offers no way to authenticate", "winrm/config/service/auth"),
    ],
)
def test_what_a_server_offers_is_said_with_what_to_do(
    ntlm_account: Account, offers: tuple[str, ...], message: str, advice: str
) -> None:
    error = failed(offering(*offers), ntlm_account)
    assert error.failure.cause is Cause.AUTHENTICATION
    assert message in error.failure.message
    assert advice in error.failure.next
    assert "account" not in error.failure.message  # nothing of it was looked at
    assert not isinstance(error, CredentialRejected)


def test_a_server_that_offers_negotiate_and_takes_no_token_is_told_apart(ntlm_account: Account) -> None:
    error = failed(offering("Negotiate", "Kerberos"), ntlm_account)
    assert "refused to begin" in error.failure.message


@pytest.fixture
def schemes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Makes every peer one that speaks `Kerberos` alone, and notes the schemes that it hears. What is within is NTLM:
    a KDC is not at hand, and HTTP does not care.
    """
    heard: list[bytes] = []

    def authenticate(wire: MemoryWire, header: bytes) -> None:
        scheme, _, token = header.partition(b" ")
        if scheme:
            heard.append(scheme)
        if scheme != b"Kerberos":
            wire._reply(401, [("WWW-Authenticate", "Kerberos")], b"")
            return
        if wire.context is None or wire.context.complete:
            options = NegotiateOptions.wrapping_winrm | NegotiateOptions.use_negotiate
            wire.context = spnego.server(protocol="negotiate", options=options)
        answer = wire.context.step(base64.b64decode(token))
        value = "Kerberos" + (f" {base64.b64encode(answer).decode()}" if answer else "")
        wire.authenticated = wire.context.complete
        wire._reply(200 if wire.authenticated else 401, [("WWW-Authenticate", value)], b"")

    monkeypatch.setattr(MemoryWire, "_authenticate", authenticate)
    return heard


def test_kerberos_that_is_asked_for_answers_a_server_that_offers_it_alone(
    ntlm_account: Account, schemes: list[bytes]
) -> None:
    peer = Peer(echo, Clock())
    http = HttpTransport(
        "http://ex1.example:5985/wsman",
        peer.dial,
        contexts("ntlm", *ntlm_account, "ex1.example", sealing=True),
        sealed=True,
        clock=peer.clock,
        kerberos=True,
    )
    assert http.send(b"<a/>") == b"<ok><a/></ok>"
    assert schemes == [b"Negotiate", b"Kerberos", b"Kerberos"]
    content_type = next(headers[b"content-type"] for headers, body in peer.seen if body)
    assert b'protocol="application/HTTP-Kerberos-session-encrypted"' in content_type  # MS-WSMV 2.2.9.1
    assert b"application/HTTP-Kerberos-session-encrypted" in next(body for _, body in peer.seen if body)
    peer.idle_close = True
    assert http.send(b"<b/>") == b"<ok><b/></ok>"
    assert schemes[3:] == [b"Kerberos", b"Kerberos"]  # it is not asked about again


def test_negotiate_does_not_answer_to_the_name_of_kerberos(ntlm_account: Account, schemes: list[bytes]) -> None:
    error = failed(Peer(echo, Clock()), ntlm_account)
    assert "`authentication: kerberos`" in error.failure.next
    assert schemes == [b"Negotiate"]


def test_a_server_that_takes_kerberos_back_is_not_asked_for_ever(ntlm_account: Account) -> None:
    peer = offering("Kerberos")
    error = failed(peer, ntlm_account, kerberos=True)
    assert error.failure.cause is Cause.AUTHENTICATION
    assert peer.requests == 2


def test_a_certificate_that_is_not_mapped_is_said() -> None:
    peer = offering("Negotiate")
    http = HttpTransport("https://ex1.example:5986/wsman", peer.dial, None, sealed=False, clock=peer.clock)
    with pytest.raises(TransportError) as raised:
        http.send(b"<a/>")
    assert raised.value.failure.cause is Cause.AUTHENTICATION
    assert "client certificate" in raised.value.failure.message
    assert "certmapping" in raised.value.failure.next

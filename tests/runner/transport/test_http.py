"""The client keeps one authenticated connection, ends on time, and never says twice what may have been heard."""

import base64
import contextlib
import datetime
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypsrp.exceptions import WinRMTransportError

from runner.transport import http as module
from runner.transport.failures import AmbiguousLoss, Cause, CredentialRejected, TransportError
from runner.transport.http import HttpTransport, client_tls, contexts
from runner.transport.http_replies import Partial, Reply, plain_reply
from runner.transport.wire import SocketWire, Waiting, _sliced, dialler, endpoint_binding
from tests.runner.transport.peer import Clock, MemoryWire, Peer

ENDPOINT = "http://ex1.example:5985/wsman"


def echo(plain: bytes) -> tuple[int, bytes]:
    return 200, b"<ok>" + plain + b"</ok>"


@pytest.fixture
def peer() -> Peer:
    return Peer(echo, Clock())


def client(peer: Peer, account: tuple[str, str], protocol: str = "ntlm", **options: object) -> HttpTransport:
    new_context = contexts(protocol, *account, "ex1.example", sealing=peer.sealing)
    return HttpTransport(
        ENDPOINT,
        peer.dial,
        new_context,
        sealed=peer.sealing,
        clock=peer.clock,
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
def test_authentication_costs_two_requests_and_then_each_message_one(
    peer: Peer, ntlm_account: tuple[str, str], protocol: str
) -> None:
    told: list[int] = []
    http = client(peer, ntlm_account, protocol, logging_on=lambda: told.append(peer.dials))
    assert [http.send(b"<a/>"), http.send(b"<b/>")] == [b"<ok><a/></ok>", b"<ok><b/></ok>"]
    assert (http.requests, peer.requests, peer.dials) == (4, 4, 1)
    assert told == [1]  # once, when it is connected


def test_the_first_request_carries_a_token_and_no_message_leaves_unsealed(
    peer: Peer, ntlm_account: tuple[str, str]
) -> None:
    client(peer, ntlm_account).send(b"<plaintext/>")
    (first, _), *_ = peer.seen
    assert base64.b64decode(first[b"authorization"].removeprefix(b"Negotiate ")).startswith(b"NTLMSSP\0")
    assert all(b"plaintext" not in body for _, body in peer.seen)
    assert peer.acted == [b"<plaintext/>"]


def test_a_connection_closed_between_two_requests_is_authenticated_again_and_nothing_is_said_twice(
    peer: Peer, ntlm_account: tuple[str, str]
) -> None:
    http = client(peer, ntlm_account)
    http.send(b"<a/>")
    peer.idle_close = True
    assert http.send(b"<b/>") == b"<ok><b/></ok>"
    assert (peer.acted, peer.dials, http.connections) == ([b"<a/>", b"<b/>"], 2, 2)


def test_a_new_challenge_in_mid_session_is_answered_and_the_same_message_sealed_again(
    peer: Peer, ntlm_account: tuple[str, str]
) -> None:
    http = client(peer, ntlm_account)
    http.send(b"<a/>")
    peer.faults[4] = "challenge"
    assert http.send(b"<b/>") == b"<ok><b/></ok>"
    assert (peer.acted, peer.dials, http.requests) == ([b"<a/>", b"<b/>"], 1, 7)
    assert http.send(b"<c/>") == b"<ok><c/></ok>"


def test_a_server_that_closes_after_each_reply_is_worked_with(peer: Peer, ntlm_account: tuple[str, str]) -> None:
    peer.closing = True
    http = client(peer, ntlm_account)
    assert [http.send(text) for text in (b"<a/>", b"<b/>", b"<c/>")] == [
        b"<ok><a/></ok>",
        b"<ok><b/></ok>",
        b"<ok><c/></ok>",
    ]
    assert (peer.dials, http.requests) == (3, 9)


def test_challenges_without_end_end(peer: Peer, ntlm_account: tuple[str, str]) -> None:
    http = client(peer, ntlm_account)
    peer.faults |= {3: "challenge", 6: "challenge"}
    with pytest.raises(TransportError) as raised:
        http.send(b"<a/>")
    assert raised.value.failure.cause is Cause.AUTHENTICATION
    assert not isinstance(raised.value, CredentialRejected)
    assert (peer.requests, peer.acted) == (6, [])


@pytest.mark.parametrize("fault", ["close", "act-close", "truncate"])
def test_a_loss_after_the_request_was_out_is_ambiguous_and_never_repeated(
    peer: Peer, ntlm_account: tuple[str, str], fault: str
) -> None:
    http = client(peer, ntlm_account)
    http.send(b"<a/>")
    peer.faults[4] = fault
    with pytest.raises(AmbiguousLoss) as raised:
        http.send(b"<b/>", retries_on_read_timeout=5)
    assert raised.value.failure.cause is Cause.CONNECTION_LOST
    assert not raised.value.failure.retryable
    assert peer.requests == 4
    assert peer.acted.count(b"<b/>") <= 1


def test_a_request_that_could_not_be_written_to_its_end_is_sent_again(
    peer: Peer, ntlm_account: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    http = client(peer, ntlm_account)
    http.send(b"<a/>")
    real, broken = MemoryWire.send, []

    def breaks_half_way(wire: MemoryWire, data: memoryview, seconds: float) -> int:
        if not broken:
            broken.append(real(wire, data[: len(data) // 2], seconds))
            wire.closed = True
            return broken[0]
        return real(wire, data, seconds)

    monkeypatch.setattr(MemoryWire, "send", breaks_half_way)
    assert http.send(b"<b/>") == b"<ok><b/></ok>"
    assert peer.acted == [b"<a/>", b"<b/>"]


def test_a_hang_ends_on_the_deadline_as_an_ambiguous_timeout(peer: Peer, ntlm_account: tuple[str, str]) -> None:
    http = client(peer, ntlm_account)
    peer.faults[3] = "hang"
    start = peer.clock.now
    with pytest.raises(AmbiguousLoss) as raised:
        http.send(b"<a/>", timeout=7)
    assert raised.value.failure.cause is Cause.TIMEOUT
    assert peer.clock.now - start == pytest.approx(7)


def test_the_body_of_a_reply_that_drips_is_looked_at_once_when_it_is_whole(
    peer: Peer, ntlm_account: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[int] = []

    def counted(data: bytes) -> Reply | Partial | None:
        looked_at.append(len(data))
        return plain_reply(data)

    monkeypatch.setattr(module, "plain_reply", counted)
    http = client(peer, ntlm_account)
    http.send(b"<a/>")
    looked_at.clear()
    peer.drip = 0.0
    long = b"<b>" + b"x" * 20_000 + b"</b>"
    assert http.send(long) == b"<ok>" + long + b"</ok>"
    assert len([size for size in looked_at if size > 1_000]) == 1
    assert len(looked_at) < 1_000


def test_a_slow_drip_ends_on_the_deadline_though_every_read_is_quick(peer: Peer, ntlm_account: tuple[str, str]) -> None:
    http = client(peer, ntlm_account)
    http.send(b"<a/>")
    peer.drip = 0.5
    start = peer.clock.now
    with pytest.raises(AmbiguousLoss) as raised:
        http.send(b"<b/>", timeout=20)
    assert raised.value.failure.cause is Cause.TIMEOUT
    assert peer.clock.now - start <= 20.5


def test_authentication_that_drips_or_hangs_ends_on_its_own_deadline_and_is_not_ambiguous(
    peer: Peer, ntlm_account: tuple[str, str]
) -> None:
    for fault in ({1: "hang"}, {2: "hang"}):
        peer.faults, peer.requests = dict(fault), 0
        start = peer.clock.now
        with pytest.raises(TransportError) as raised:
            client(peer, ntlm_account, connect_seconds=5.0).send(b"<a/>")
        assert not isinstance(raised.value, AmbiguousLoss)
        assert raised.value.failure.cause is Cause.TIMEOUT
        assert raised.value.failure.retryable
        assert peer.clock.now - start == pytest.approx(5)


def test_the_hosts_own_deadline_stands_above_that_of_a_request(peer: Peer, ntlm_account: tuple[str, str]) -> None:
    http = client(peer, ntlm_account)
    http.send(b"<a/>")
    http.expires = peer.clock.now + 3
    peer.faults[4] = "hang"
    with pytest.raises(AmbiguousLoss):
        http.send(b"<b/>", timeout=60)
    assert peer.clock.now == pytest.approx(http.expires)
    with pytest.raises(TransportError) as raised:
        http.send(b"<c/>")
    assert raised.value.failure.cause is Cause.TIMEOUT
    assert peer.dials == 1


def test_a_wrong_password_is_a_rejected_credential_after_one_proof(peer: Peer, ntlm_account: tuple[str, str]) -> None:
    http = client(peer, (ntlm_account[0], "wrong"))
    with pytest.raises(CredentialRejected) as raised:
        http.send(b"<a/>")
    assert raised.value.failure.cause is Cause.AUTHENTICATION
    assert (peer.requests, peer.acted) == (2, [])


def test_a_refusal_before_any_proof_does_not_count_towards_lock_out(peer: Peer, ntlm_account: tuple[str, str]) -> None:
    peer.faults[1] = "challenge"
    with pytest.raises(TransportError) as raised:
        client(peer, ntlm_account).send(b"<a/>")
    assert raised.value.failure.cause is Cause.AUTHENTICATION
    assert not isinstance(raised.value, CredentialRejected)


def test_a_server_that_grants_access_without_a_handshake_is_not_believed(
    peer: Peer, ntlm_account: tuple[str, str]
) -> None:
    peer.faults[1] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(TransportError, match="without proving"):
        client(peer, ntlm_account).send(b"<a/>")
    assert peer.acted == []


def test_the_permit_is_taken_when_the_password_is_proved_and_not_before(
    peer: Peer, ntlm_account: tuple[str, str]
) -> None:
    asked: list[int] = []

    @contextlib.contextmanager
    def permit(seconds: float) -> Iterator[None]:
        asked.append(peer.requests)
        yield

    http = client(peer, ntlm_account, permit=permit)
    http.send(b"<a/>")
    http.send(b"<b/>")
    assert asked == [1]
    peer.faults[5] = "challenge"
    http.send(b"<c/>")
    assert asked == [1, 6]


def test_an_unsealed_reply_to_a_sealed_request_is_refused(peer: Peer, ntlm_account: tuple[str, str]) -> None:
    peer.faults[3] = "plain"
    with pytest.raises(TransportError) as raised:
        client(peer, ntlm_account).send(b"<a/>")
    assert raised.value.failure.cause is Cause.NOT_ENCRYPTED


def test_a_fault_is_handed_on_only_when_it_was_sealed(peer: Peer, ntlm_account: tuple[str, str]) -> None:
    peer.answer = lambda plain: (500, b"<fault/>")
    http = client(peer, ntlm_account)
    with pytest.raises(WinRMTransportError) as raised:
        http.send(b"<a/>")
    assert (raised.value.code, raised.value.response_text) == (500, "<fault/>")
    peer.faults[4] = "plain"
    with pytest.raises(TransportError) as refused:
        http.send(b"<b/>")
    assert refused.value.failure.cause is Cause.NOT_ENCRYPTED


def sealed_reply(content_type: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


HOSTILE = [
    (b"\x16\x03\x01\x02\x00", Cause.PROTOCOL),
    (b"SSH-2.0-OpenSSH_9.6\r\n", Cause.PROTOCOL),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", Cause.PROTOCOL),
    (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000, Cause.PROTOCOL),
    (b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000, Cause.PROTOCOL),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"a" * 900_000, Cause.PROTOCOL),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", Cause.PROTOCOL),
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope", Cause.ENDPOINT_MISSING),
    (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", Cause.CONNECTION_LOST),
    (sealed_reply("multipart/encrypted", b""), Cause.PROTOCOL),
    (sealed_reply('multipart/encrypted;boundary="(a+)+$"', b"a" * 5000), Cause.PROTOCOL),
    (sealed_reply('multipart/encrypted;boundary="Encrypted Boundary"', b""), Cause.PROTOCOL),
    (
        sealed_reply('multipart/encrypted;boundary="Encrypted Boundary"', b"--Encrypted Boundary\r\n" * 9),
        Cause.PROTOCOL,
    ),
    (
        sealed_reply(
            'multipart/encrypted;boundary="Encrypted Boundary"',
            b"--Encrypted Boundary\r\nLength=99\r\n--Encrypted Boundary\r\n"
            b"\tContent-Type: application/octet-stream\r\n\x10\x00\x00\x00" + b"0" * 40 + b"--Encrypted Boundary--\r\n",
        ),
        Cause.PROTOCOL,
    ),
]


@pytest.mark.parametrize(("reply", "cause"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_reply_becomes_one_cause_and_never_an_answer(
    peer: Peer, ntlm_account: tuple[str, str], reply: bytes, cause: Cause
) -> None:
    peer.faults[3] = reply
    with pytest.raises(TransportError) as raised:
        client(peer, ntlm_account, max_reply_bytes=500_000).send(b"<a/>")
    assert raised.value.failure.cause is cause


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.integers(1, 3),
    head=st.sampled_from(
        [b"", b"HTTP/1.1 ", b"HTTP/1.1 401 X\r\nWWW-Authenticate: Negotiate ", b"HTTP/1.1 200 OK\r\n"]
    ),
    noise=st.binary(max_size=80),
)
def test_no_noise_at_any_step_gives_anything_but_a_transport_error(
    ntlm_account: tuple[str, str], at: int, head: bytes, noise: bytes
) -> None:
    peer = Peer(echo, Clock(), faults={at: head + noise})
    with pytest.raises(TransportError):
        client(peer, ntlm_account).send(b"<a/>")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    challenge=st.one_of(
        st.binary(min_size=1, max_size=80),
        st.binary(max_size=80).map(lambda rest: b"NTLMSSP\0\x02\0\0\0" + rest),
        st.binary(max_size=80).map(lambda rest: b"\xa1\x30" + rest),
    )
)
@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
def test_no_malformed_challenge_gives_anything_but_a_transport_error(
    ntlm_account: tuple[str, str], protocol: str, challenge: bytes
) -> None:
    reply = b"HTTP/1.1 401 X\r\nWWW-Authenticate: Negotiate " + base64.b64encode(challenge)
    peer = Peer(echo, Clock(), faults={1: reply + b"\r\nContent-Length: 0\r\n\r\n"})
    with pytest.raises(TransportError):
        client(peer, ntlm_account, protocol).send(b"<a/>")


@pytest.mark.parametrize(
    "text",
    [
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        '<?xml version="1.0" encoding="utf-16"?><a/>'.encode("utf-16"),
        b'<?xml version="1.0" encoding="cp037"?>' + "<!DOCTYPE a []><a/>".encode("cp037"),
    ],
)
def test_an_answer_that_could_hide_entities_never_reaches_a_parser(
    peer: Peer, ntlm_account: tuple[str, str], text: bytes
) -> None:
    peer.answer = lambda plain: (200, text)
    with pytest.raises(TransportError) as raised:
        client(peer, ntlm_account).send(b"<a/>")
    assert raised.value.failure.cause is Cause.PROTOCOL


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ConnectionRefusedError(111, "refused"), Cause.REFUSED),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), Cause.NAME_RESOLUTION),
        (TimeoutError("timed out"), Cause.TIMEOUT),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), Cause.TLS),
    ],
)
def test_what_keeps_it_from_connecting_has_its_cause_and_is_not_ambiguous(
    peer: Peer, ntlm_account: tuple[str, str], error: OSError, cause: Cause
) -> None:
    peer.refuse_dial = [error]
    with pytest.raises(TransportError) as raised:
        client(peer, ntlm_account).send(b"<a/>")
    assert raised.value.failure.cause is cause
    assert not isinstance(raised.value, AmbiguousLoss)


def test_over_tls_the_context_is_bound_to_the_certificate_and_messages_are_not_sealed_twice(
    peer: Peer, ntlm_account: tuple[str, str], authority: "Authority"
) -> None:
    peer.sealing, peer.certificate = False, authority.der
    seen: list[object] = []
    real = contexts("ntlm", *ntlm_account, "ex1.example", sealing=False)

    def new_context(bindings: object) -> object:
        seen.append(bindings)
        return real(bindings)  # type: ignore[arg-type]

    http = HttpTransport(ENDPOINT, peer.dial, new_context, sealed=False, clock=peer.clock)  # type: ignore[arg-type]
    assert http.send(b"<a/>") == b"<ok><a/></ok>"
    assert seen[0].application_data == endpoint_binding(authority.der)  # type: ignore[attr-defined]
    digest = hashes.Hash(hashes.SHA256())
    digest.update(authority.der)
    assert endpoint_binding(authority.der) == b"tls-server-end-point:" + digest.finalize()


def test_sealing_without_a_context_cannot_be_asked_for(peer: Peer) -> None:
    with pytest.raises(ValueError, match="sealed"):
        HttpTransport(ENDPOINT, peer.dial, None, sealed=True, clock=peer.clock)


class Authority:
    """A self-signed certificate for one name."""

    def __init__(self, folder: Path, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.der = certificate.public_bytes(serialization.Encoding.DER)
        self.pem = folder / f"{name}.pem"
        self.pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.key = folder / f"{name}.key"
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "localhost")


def test_a_file_that_is_no_certificate_is_named_before_anything_is_dialled(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("not a certificate")
    for ca_file in (wrong, tmp_path / "missing.pem"):
        with pytest.raises(TransportError, match=ca_file.name) as raised:
            client_tls(ca_file, None, None)
        assert raised.value.failure.cause is Cause.TLS


def handshake(authority: Authority, trusted: Path | None, address: str) -> Callable[[], SocketWire]:
    """A dial in which both ends of a TLS handshake are driven by one thread, over memory."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority.pem, authority.key)
    context = client_tls(trusted, None, None)

    def run() -> SocketWire:
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        near = context.wrap_bio(to_client, to_server, server_hostname=address)
        far = server.wrap_bio(to_server, to_client, server_side=True)
        for _ in range(6):
            for side in (near, far):
                with contextlib.suppress(ssl.SSLWantReadError):
                    side.do_handshake()
        return near  # type: ignore[return-value]

    return run


def test_a_certificate_is_verified_against_the_given_ca_and_the_hosts_name(
    authority: Authority, tmp_path: Path
) -> None:
    handshake(authority, authority.pem, "localhost")()
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority, None, "localhost")()
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority, authority.pem, "ex1.example")()
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority, Authority(tmp_path, "other").pem, "localhost")()


def test_a_real_socket_notices_that_it_was_closed_while_idle_and_a_wait_ends() -> None:
    near, far = socket.socketpair()
    wire = SocketWire(near)
    assert not wire.stale()
    with pytest.raises(TimeoutError):
        wire.recv(0.01)
    assert wire.send(memoryview(b"abc"), 1.0) == 3
    far.close()
    assert wire.stale()
    wire.close()
    assert wire.stale()


@pytest.mark.parametrize("wants", [ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError])
def test_a_wait_ends_though_there_is_always_something_that_is_not_enough(wants: type[OSError]) -> None:
    """As where TLS gets byte after byte of a record, and the record does not end."""
    near, far = socket.socketpair()
    far.send(b"x")
    calls = 0

    def never() -> None:
        nonlocal calls
        calls += 1
        assert calls < 2_000_000
        raise wants

    near.setblocking(False)
    with contextlib.closing(near), contextlib.closing(far), pytest.raises(TimeoutError):
        _sliced(near, 0.01, lambda: None, never, Waiting())
    assert calls


def test_dialling_a_port_that_nobody_serves_is_refused_and_a_bad_name_is_not_resolved() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        dialler("127.0.0.1", port, None, Waiting(lambda: 0.0))(5.0).close()
    with pytest.raises(ConnectionRefusedError):
        dialler("127.0.0.1", port, None, Waiting(lambda: 0.0))(5.0)
    with pytest.raises(socket.gaierror):
        dialler("a" * 70 + ".example", port, None, Waiting(lambda: 0.0))(5.0)

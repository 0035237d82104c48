"""The HTTP/1.1 client beneath WS-Management: one kept connection, authenticated, sealed, and on time.

It stands where pypsrp's own client stood (`WSMan.transport`: `endpoint`, `send`, `close`), for three reasons. A new
context makes a sealed message unreadable, so when the server closes the connection or challenges anew, the plaintext
must be sealed again; pypsrp sends the old bytes again and fails. Its timeouts are per read, so that a slow drip never
ends. And it looks for proxies at every request, of which there are none here.

What may be sent twice: only what the host provably did not act on. That is so when it answered 401, when the
connection was closed before the request, and when the request could not be written to its end. Any other loss is an
AmbiguousLoss and for the caller to reconcile.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import ssl
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from email.message import Message
from functools import lru_cache
from pathlib import Path

import h11
import spnego
from pypsrp.encryption import WinRMEncryption
from pypsrp.exceptions import WinRMError, WinRMTransportError
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import NegotiateOptions, SpnegoError

from runner.transport.classifying import classify, is_refusal_by_kdc
from runner.transport.destinations import WhyNot, anywhere
from runner.transport.envelopes import EnvelopeCaps, check_envelope
from runner.transport.failures import (
    SPEAKS_TLS,
    AmbiguousLoss,
    Cause,
    CredentialRejected,
    Failure,
    TransportError,
    failure,
    quoted,
)
from runner.transport.http_replies import Partial, Reply, plain_reply
from runner.transport.memory import MemoryBudget, Share, What
from runner.transport.replies import Plain, plain
from runner.transport.sealing import BOUNDARY, opened, sealed
from runner.transport.wire import Dial, Wire, endpoint_binding

NewContext = Callable[[GssChannelBindings | None], spnego.ContextProxy]
"""Makes a fresh security context, bound to the TLS channel where there is one."""

Permit = Callable[[float], AbstractContextManager[None]]
"""Stands around each proof of a password (argument: seconds it may wait). The lock-out guard of retry.py is one.

It is left with CredentialRejected when the account was refused, without an error when it was accepted, and with any
other error when neither is known.
"""

_PLAIN = "application/soap+xml;charset=UTF-8"
_SEALED = 'multipart/encrypted;protocol="{}";boundary="Encrypted Boundary"'
_MUTUAL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
_TOKEN = re.compile(r"(?:^|,)\s*(?:Negotiate|Kerberos|NTLM)[ \t]+([A-Za-z0-9+/=]+)\s*(?=,|$)", re.IGNORECASE)
_SCHEMES = ("Negotiate", "Kerberos", "NTLM", "CredSSP", "Basic", "Digest", "Bearer", "Certificate")
_OFFER = re.compile(rf"(?:^|,)\s*({'|'.join(_SCHEMES)})\b", re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_NTLM = b"NTLMSSP\x00"  # MS-NLMP 2.2.1: every message begins so, within SPNEGO too
_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # an alert and a handshake (RFC 8446, 5.1)
_HTTP_PORTS, _HTTPS_PORTS = frozenset({80, 5985}), frozenset({443, 5986})
_XML_ENCODING = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"']*)["']""")
_STATUS_LINE = b"HTTP/1."
_VISIBLE = re.compile("[!-~]+")  # no line ends early, and no header begins within another
_MAX_LEGS = 6  # NTLM takes 2, Kerberos 1 or 2; a server that asks for more plays with us
_MAX_HEADER_BYTES = 64 * 1024
_COPIES = 6  # of a reply at one time: parts, body, what was sealed, its text in a tree, PSRP's bytes; measured below 6
_MAX_TOKEN_BYTES = 48 * 1024


class _Undecided(Exception):  # noqa: N818  # not an error
    """Leaves a permit without having learnt whether the password is right."""


class _OtherScheme(Exception):  # noqa: N818  # an outcome
    """The server speaks Kerberos by that name alone: to be begun anew under it."""


class _NotSentError(Exception):
    """The request could not be written to its end, so the host did not act on it."""

    def __init__(self, lost: OSError) -> None:
        super().__init__(str(lost))
        self.lost = lost


@dataclass(slots=True)
class _Connection:
    wire: Wire
    http: h11.Connection = field(
        default_factory=lambda: h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEADER_BYTES)
    )
    context: spnego.ContextProxy | None = None
    authenticated: bool = False


def client_tls(ca_file: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later with verification, against `ca_file` alone or else the system's CAs, with a client certificate.

    Raises:
        TransportError: Cause.TLS, when a file cannot be read or does not hold what it should.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate is not None:
            # A password would be asked for on the terminal; an encrypted key is an error instead.
            context.load_cert_chain(str(certificate), None if key is None else str(key), password=lambda: "")
    except (OSError, ValueError) as error:
        named = ", ".join(str(path) for path in (ca_file, certificate, key) if path is not None)
        raise TransportError(
            Failure(
                Cause.TLS,
                f"cannot use {named or 'the CAs of this system'}: {quoted(error)}",
                "Check that the files exist, are PEM, fit together, and that the key has no password.",
            )
        ) from error
    return context


def nt_hash(password: str) -> str | None:
    """The NT hash (MS-NLMP 3.3.1) of a password in hexadecimal: as precious as the password itself.

    pyspnego works it out anew for each context, and with it an LM hash that NTLMv2 does not use. None where its
    function is not where it was, or where Windows does NTLM itself and takes no hash.
    """
    if sys.platform == "win32" or ":" in password:  # pyspnego takes LM:NT for two hashes
        return None
    try:
        from spnego._ntlm_raw.crypto import ntowfv1
    except ImportError:
        return None
    return ntowfv1(password).hex()


def contexts(
    protocol: str,
    user: str | None,
    password: str | None,
    hostname: str,
    *,
    sealing: bool,
    service: str = "host",
    hashed: str | None = None,
) -> NewContext:
    """Security contexts of `protocol` (negotiate, kerberos, ntlm) for one account and one host; no delegation.

    Args:
        password: None for what the system has cached of the user.
        sealing: for WinRM's message encryption, which plain HTTP needs.
        hashed: the password's `nt_hash`, which NTLM then takes; all else takes the password.
    """
    account: str | list[spnego.Credential] | None = user
    if user is not None and password is not None and hashed is not None:
        account = [spnego.NTLMHash(username=user, nt_hash=hashed), spnego.Password(username=user, password=password)]
        password = None

    def new_context(bindings: GssChannelBindings | None) -> spnego.ContextProxy:
        options = NegotiateOptions.wrapping_winrm if sealing else NegotiateOptions.none
        try:
            return spnego.client(
                account,
                password,
                hostname=hostname,
                service=service,
                channel_bindings=bindings,
                protocol=protocol,
                options=options,
            )
        except ImportError as error:
            raise TransportError(
                Failure(
                    Cause.CREDENTIAL,
                    f"{protocol} is not available here: {quoted(error)}",
                    "Install exrun[kerberos], or set the host's authentication to ntlm.",
                )
            ) from error

    return new_context


def _unwatched() -> None:
    """The check of a share that nobody cancels."""


@contextlib.contextmanager
def always_permitted(seconds: float) -> Iterator[None]:
    """The permit that lets every authentication pass."""
    yield


class HttpTransport:
    """One host's HTTP. Not for use by two threads at once.

    Args:
        endpoint: the URL, `http://host:5985/wsman`.
        dial: opens a connection (wire.dialler).
        new_context: makes a security context; None for authentication by TLS certificate.
        sealed: messages travel encrypted by the context. True unless `dial` gives TLS.
        clock: monotonic seconds.
        permit: stands around each proof of the password.
        asks_kdc: the first step of a context may offer the password to a domain controller already (Kerberos).
        kerberos: contexts are of Kerberos alone, so that a server may be answered that offers `Kerberos` and not
            `Negotiate`.
        why_not_ntlm: judges the address at the other end before anything of NTLM is said to it.
        connect_seconds: for connecting and authenticating, each time.
        read_seconds: for one request where the caller gives no timeout.
        max_reply_bytes: of one reply as it comes from the wire, headers included.
        caps: on the envelope in it.
        share: of the run's memory; replies are held in it.

    Attributes:
        requests: HTTP requests sent so far, those of authentication included.
        connections: connections opened so far.
        expires: no operation goes on after this time of `clock`.
        plain: what the last answer says, where it was of the shape that WinRM has.
        accepted: the host has let the account in, at least once.
    """

    def __init__(
        self,
        endpoint: str,
        dial: Dial,
        new_context: NewContext | None,
        *,
        sealed: bool,
        clock: Callable[[], float],
        permit: Permit = always_permitted,
        asks_kdc: bool = False,
        kerberos: bool = False,
        why_not_ntlm: WhyNot = anywhere,
        connect_seconds: float = 30.0,
        read_seconds: float = 30.0,
        max_reply_bytes: int = 2 * 1024 * 1024,
        caps: EnvelopeCaps | None = None,
        share: Share | None = None,
        logging_on: Callable[[], None] = lambda: None,
    ) -> None:
        if sealed and new_context is None:
            raise ValueError("messages cannot be sealed without a security context")
        self.endpoint = endpoint
        self.requests = 0
        self.connections = 0
        self.expires = float("inf")
        self.plain: Plain | None = None
        self.accepted = False
        self._host, _, path = endpoint.partition("://")[2].partition("/")
        self._path = "/" + path
        if not _VISIBLE.fullmatch(f"{self._host}{self._path}"):
            raise ValueError("an endpoint has visible ASCII characters only")
        self._dial = dial
        self._new_context = new_context
        self._seals = sealed
        self._clock = clock
        self._permit = permit
        self._asks_kdc = asks_kdc
        self._kerberos = kerberos
        self._why_not_ntlm = why_not_ntlm
        self._scheme = "Negotiate"
        self._answered = False
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._max_reply_bytes = max_reply_bytes
        self._caps = caps or EnvelopeCaps()
        self._logging_on = logging_on
        self._share = share or MemoryBudget().share(clock, _unwatched)
        self._connection: _Connection | None = None

    def send(
        self,
        message: bytes,
        *,
        retries_on_read_timeout: int = 0,
        timeout: int | float | tuple[int | float, int | float] | None = None,
        once: bool = False,
    ) -> bytes:
        """Sends one SOAP envelope and returns the plaintext of the answer.

        Args:
            retries_on_read_timeout: not honoured. pypsrp asks for it on Receive; a Receive whose answer was lost may
                have taken output with it, and to ask again would give an incomplete observation for a whole one.
            timeout: seconds for the exchange, connecting not included.
            once: the message leaves at most once, not even again where the host provably did not act on it.

        Raises:
            WinRMTransportError: an answer other than 200; pypsrp makes a WSManFaultError of it where it is a fault.
            AmbiguousLoss: the host may or may not have acted on the message.
            TransportError: anything else; the host has not acted on the message.
        """
        seconds = timeout[1] if isinstance(timeout, tuple) else timeout
        challenged = unwritten = False
        self.plain = None
        connection = self._ready()
        deadline = min(self._clock() + (self._read_seconds if seconds is None else seconds), self.expires)
        while True:
            headers, body = self._outgoing(connection, message)
            try:
                reply = self._exchange(connection, headers, body, deadline)
            except _NotSentError as error:
                if once or unwritten or isinstance(error.lost, TimeoutError):
                    raise TransportError(classify(error.lost)) from error
                unwritten = True
                connection = self._ready()
                continue
            except (OSError, EOFError) as error:
                raise AmbiguousLoss(_not_retryable(classify(error))) from error
            if reply.status != 401:
                self.accepted = True
                return self._incoming(connection, reply)
            if once and self._new_context is not None:
                self.close()
                raise TransportError(
                    failure(
                        Cause.CONNECTION_LOST,  # the account is not refused: its session on this connection ended
                        "the host asked for authentication again in place of taking what was sent",
                        then="Nothing was done; run it again.",
                        retryable=True,
                    )
                )
            if challenged or self._new_context is None:
                self.close()
                again = failure(Cause.AUTHENTICATION, "the host asks for authentication again after having granted it")
                raise TransportError(again if self._new_context is not None else _unmapped(reply))
            challenged = True
            connection.authenticated = False
            connection = self._ready()

    def ask(self) -> Reply:
        """The answer, whatever its status, to a request without account and message, over a connection of its own.

        Raises:
            TransportError: there is none.
        """
        now = self._clock()
        deadline = min(now + self._connect_seconds, self.expires)
        try:
            if deadline <= now:
                raise TimeoutError("the deadline has passed")
            self._connection = connection = _Connection(self._dial(deadline - now))
            self.connections += 1
            return self._exchange(connection, [("Content-Length", "0")], b"", deadline)
        except AmbiguousLoss as error:
            raise TransportError(error.failure) from error  # nothing was said that it could have acted on
        except _NotSentError as error:
            raise TransportError(self._hinted(classify(error.lost))) from error
        except (OSError, EOFError) as error:
            raise TransportError(self._hinted(classify(error))) from error
        finally:
            self.close()

    @property
    def address(self) -> str:
        """The IP address at the other end of its connection; empty without one."""
        return "" if self._connection is None else self._connection.wire.address

    def close(self) -> None:
        """Closes the connection; never raises. `send` would open a new one."""
        if self._connection is not None:
            self._connection.wire.close()
            self._connection = None

    def _ready(self) -> _Connection:
        """A connection that is open and authenticated, the kept one where it still is."""
        now = self._clock()
        deadline = min(now + self._connect_seconds, self.expires)
        try:
            if self._connection is not None and self._connection.wire.stale():
                self.close()
            if self._connection is None:
                if deadline <= now:
                    raise TimeoutError("the deadline has passed")
                self._connection = _Connection(self._dial(deadline - now))
                self.connections += 1
            connection = self._connection
            if not connection.authenticated:
                if self._new_context is not None:
                    self._logging_on()
                    with contextlib.ExitStack() as permits:
                        self._authenticate(connection, self._new_context, deadline, permits)
                    self.accepted = True
                connection.authenticated = True
            return connection
        except _OtherScheme:
            return self._ready()  # once, for the scheme is not asked about again
        except AmbiguousLoss as error:
            self.close()
            raise TransportError(error.failure) from error  # no message was out yet, so nothing is ambiguous
        except _NotSentError as error:
            self.close()
            raise TransportError(self._hinted(classify(error.lost))) from error
        except (OSError, EOFError, SpnegoError) as error:
            self.close()
            raise TransportError(self._hinted(classify(error))) from error
        except BaseException:
            self.close()
            raise

    def _authenticate(
        self,
        connection: _Connection,
        new_context: NewContext,
        deadline: float,
        permits: contextlib.ExitStack,
    ) -> None:
        """Completes a new context over `connection`. The first request carries the first token already.

        The permit is taken as late as the first message that proves the password, so that a host that hangs before
        holds up no other; the wait for it does not count as the host's.
        """
        certificate = connection.wire.certificate
        bindings = None if certificate is None else GssChannelBindings(application_data=endpoint_binding(certificate))
        context, token = self._first_step(new_context, bindings)
        proved = False
        for leg in range(_MAX_LEGS):
            headers = [("Content-Length", "0")]
            if token:
                if _NTLM in token and (why := self._why_not_ntlm(connection.wire.address)) is not None:
                    raise TransportError(why)
                headers.append(("Authorization", f"{self._scheme} {base64.b64encode(token).decode()}"))
            if not proved and (context.complete or leg > 0):
                before = self._clock()
                permits.enter_context(self._permit(max(self.expires - before, 0.0)))
                deadline = min(deadline + self._clock() - before, self.expires)
                proved = True
            reply = self._exchange(connection, headers, b"", deadline)
            challenge = _token(reply)
            if reply.status == 401 and (context.complete or challenge is None):
                schemes = offered(reply)
                if leg == 0 and self._scheme not in schemes:
                    # A server does not look at a proof of a scheme that it does not speak.
                    if not self._kerberos or "Kerberos" not in schemes:
                        raise TransportError(not_offered(reply, kerberos=self._kerberos))
                    self._scheme = "Kerberos"
                    raise _OtherScheme
                if proved:
                    raise CredentialRejected(failure(Cause.AUTHENTICATION, "the host refused the account or password"))
                raise TransportError(failure(Cause.AUTHENTICATION, "the host refused to begin authentication"))
            if reply.status not in (200, 401):
                raise TransportError(classify(WinRMTransportError("http", reply.status, _text(reply.body))))
            if challenge is not None and not context.complete:
                token = _stepped(context, challenge)
            if reply.status == 200:
                if not context.complete:
                    raise TransportError(
                        failure(Cause.AUTHENTICATION, "the host granted access without proving who it is")
                    )
                if connection is not self._connection:
                    raise EOFError("the host closed the connection that it had just authenticated")
                connection.context = context
                return
            if connection is not self._connection:
                raise EOFError("the host closed the connection in the middle of authentication")
        raise TransportError(failure(Cause.AUTHENTICATION, f"authentication did not end in {_MAX_LEGS} requests"))

    def _hinted(self, found: Failure) -> Failure:
        """With advice on the scheme, where the host has never said a word and the port is commonly the other one's."""
        scheme, _, rest = self.endpoint.partition("://")
        port = rest.partition("/")[0].rpartition(":")[2]
        if self._answered or found.cause is not Cause.CONNECTION_LOST or not port.isdecimal():
            return found
        if scheme == "http" and int(port) in _HTTPS_PORTS:
            then = f"Port {port} is mostly for HTTPS: set `scheme: https`, or the port of the HTTP listener (5985)."
        elif scheme == "https" and int(port) in _HTTP_PORTS:
            then = f"Port {port} is mostly for HTTP: set `scheme: http`, or the port of the HTTPS listener (5986)."
        else:
            return found
        return replace(found, next=then)

    def _first_step(
        self, new_context: NewContext, bindings: GssChannelBindings | None
    ) -> tuple[spnego.ContextProxy, bytes | None]:
        if not self._asks_kdc:
            context = new_context(bindings)
            return context, context.step()
        with contextlib.suppress(_Undecided), self._permit(max(self.expires - self._clock(), 0.0)):
            try:
                context = new_context(bindings)
                token = context.step()
            except SpnegoError as error:
                if is_refusal_by_kdc(error):
                    raise CredentialRejected(failure(Cause.AUTHENTICATION, quoted(error))) from error
                raise
            raise _Undecided
        return context, token

    def _outgoing(self, connection: _Connection, message: bytes) -> tuple[list[tuple[str, str]], bytes]:
        if not self._seals:
            headers = [("Content-Type", _PLAIN), ("Content-Length", str(len(message)))]
            if self._new_context is None:
                headers.append(("Authorization", _MUTUAL))
            return headers, message
        protocol = WinRMEncryption.KERBEROS if self._scheme == "Kerberos" else WinRMEncryption.SPNEGO
        assert connection.context is not None
        body = sealed(connection.context, protocol, message)
        return [("Content-Type", _SEALED.format(protocol)), ("Content-Length", str(len(body)))], body

    def _incoming(self, connection: _Connection, reply: Reply) -> bytes:
        """The plaintext of an answer. Drops the connection when it is not what it must be.

        Raises:
            WinRMTransportError: as `send`.
            AmbiguousLoss: what came is no answer that can be trusted, so what the host did is not known.
        """
        try:
            body = self._opened(connection, reply)
            self.plain = plain(body, self._caps)
            if self.plain is None:
                _refuse_declarations(body)
                check_envelope(body, self._caps)
        except TransportError as error:
            self.close()
            raise AmbiguousLoss(error.failure) from error
        if reply.status != 200:
            raise WinRMTransportError("http", reply.status, _text(body))
        return body

    def _opened(self, connection: _Connection, reply: Reply) -> bytes:
        encoding = reply.headers.get("content-encoding", "identity").strip().lower()
        if encoding != "identity":
            raise TransportError(failure(Cause.PROTOCOL, f"the reply is compressed ({quoted(encoding)}) unasked"))
        encrypted, boundary = _media(reply.headers.get("content-type", ""))
        if not self._seals:
            if encrypted:
                raise TransportError(failure(Cause.PROTOCOL, "the reply is sealed though the request was not"))
            return reply.body
        if not encrypted:
            if reply.status in (200, 500):
                raise TransportError(
                    failure(Cause.NOT_ENCRYPTED, f"the request was sealed, its reply (HTTP {reply.status}) was not")
                )
            # The web server beneath WinRM answers these itself, before any context; of an unsealed
            # text only the number is used.
            raise TransportError(classify(WinRMTransportError("http", reply.status, "(not sealed)")))
        # pypsrp builds regular expressions of the boundary; Windows and Exchange only ever send this one.
        if boundary != BOUNDARY:
            raise TransportError(failure(Cause.PROTOCOL, "the sealed reply has a boundary that WinRM does not use"))
        try:
            assert connection.context is not None
            message = opened(connection.context, reply.body)
        except (SpnegoError, WinRMError, ArithmeticError, LookupError, ValueError, struct.error) as error:
            raise TransportError(
                failure(Cause.PROTOCOL, f"the sealed reply cannot be opened: {quoted(error)}")
            ) from error
        if not message:
            # A body without any part opens to nothing, and nothing has then proved where it came from.
            raise TransportError(failure(Cause.PROTOCOL, "the sealed reply holds no message"))
        return message

    def _exchange(self, connection: _Connection, headers: list[tuple[str, str]], body: bytes, deadline: float) -> Reply:
        """One request and its whole reply. Whatever goes wrong drops the connection.

        Raises:
            _NotSentError, OSError (TimeoutError among them), EOFError: as the module's text says.
            TransportError: the reply is too large or not HTTP. Then the host may have acted (AmbiguousLoss).
        """
        try:
            reply = self._converse(connection, headers, body, deadline)
            if connection.http.our_state is h11.DONE and connection.http.their_state is h11.DONE:
                connection.http.start_next_cycle()
            elif connection.http.our_state is not h11.IDLE:  # it is where plain_reply read the reply
                self.close()
            return reply
        except BaseException:
            self.close()
            raise

    def _converse(self, connection: _Connection, headers: list[tuple[str, str]], body: bytes, deadline: float) -> Reply:
        named = [
            ("Host", self._host),
            ("User-Agent", "exrun"),
            ("Accept-Encoding", "identity"),
            ("Connection", "Keep-Alive"),
            *headers,
        ]
        data = written(self._path, named, body)
        self.requests += 1
        left = memoryview(data)
        unwritten: OSError | None = None
        while left:
            try:
                left = left[connection.wire.send(left, deadline - self._clock()) :]
            except OSError as error:
                if isinstance(error, TimeoutError):
                    raise _NotSentError(error) from error
                unwritten = error  # a server may answer 401 and close before it has read everything
                break
        try:
            return self._reply(connection, named, deadline)
        except (OSError, EOFError) as error:
            if unwritten is not None:
                raise _NotSentError(unwritten) from error
            raise
        except h11.RemoteProtocolError as error:
            if "closed connection" in str(error):
                raise EOFError(f"the connection was closed within a reply: {quoted(error)}") from error
            raise AmbiguousLoss(failure(Cause.PROTOCOL, f"the reply is not HTTP: {quoted(error)}")) from error

    def _reply(self, connection: _Connection, named: list[tuple[str, str]], deadline: float) -> Reply:
        """The whole reply to a request with these headers. h11 is told of the request when it is to read the reply."""
        http = connection.http
        received = 0
        self._share.hold(What.REPLY, 0, deadline)  # the last one was read
        begun = b""
        unread: bytearray | None = bytearray()  # what h11 has not been given; None once it reads
        needs = 0  # bytes of it before which nothing more can be told
        closed = False
        response: h11.Response | None = None
        parts: list[bytes] = []
        if http.trailing_data != (b"", False):
            _tell(http, self._path, named)
            unread = None
        while True:
            event = http.next_event() if unread is None else h11.NEED_DATA
            if event is h11.NEED_DATA:
                chunk = b"" if closed else connection.wire.recv(deadline - self._clock())
                begun += chunk[: len(_STATUS_LINE) - len(begun)]
                if not self._answered and begun[:2] in _TLS_RECORDS:
                    raise AmbiguousLoss(failure(Cause.TLS, "the host answers in TLS, not in HTTP", then=SPEAKS_TLS))
                if not self._answered and chunk and any(begun == each[:1] for each in _TLS_RECORDS):
                    continue  # the second byte tells
                if not _STATUS_LINE.startswith(begun):
                    raise AmbiguousLoss(failure(Cause.PROTOCOL, f"the reply is not HTTP: {quoted(_text(chunk))}"))
                received += len(chunk)
                if received > self._max_reply_bytes:
                    raise AmbiguousLoss(
                        failure(Cause.PROTOCOL, f"the reply is larger than {self._max_reply_bytes} bytes")
                    )
                try:
                    self._share.hold(What.REPLY, received * _COPIES, deadline)
                except TransportError as error:
                    raise AmbiguousLoss(error.failure) from error
                if unread is not None:
                    unread += chunk
                    if chunk and len(unread) < needs:
                        continue
                    found = plain_reply(bytes(unread)) if chunk else None
                    if isinstance(found, Reply):
                        self._answered = True
                        return found
                    if isinstance(found, Partial):
                        needs = found.needs
                        continue
                    _tell(http, self._path, named)
                    if unread:
                        http.receive_data(bytes(unread))
                    unread, closed = None, not chunk
                    continue
                if not chunk and response is None:
                    raise EOFError("the host closed the connection without a reply")
                http.receive_data(chunk)
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                parts.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage) and response is not None:
                self._answered = True
                return Reply(response.status_code, _joined(response), b"".join(parts))
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                raise EOFError("the host closed the connection without a reply")


def written(path: str, named: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """The bytes of a POST, as h11 writes them."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in named)
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode("ascii") + body


def _tell(http: h11.Connection, path: str, named: list[tuple[str, str]]) -> None:
    """Brings h11 to where it is once a request has left. It writes it out as well, and nobody reads that."""
    http.send(h11.Request(method="POST", target=path, headers=named))
    length = next(int(value) for name, value in named if name == "Content-Length")
    if length:
        http.send(h11.Data(data=bytes(length)))
    http.send(h11.EndOfMessage())


@lru_cache(maxsize=16)
def _media(content_type: str) -> tuple[bool, object]:
    """Whether a Content-Type is that of sealed messages, and its boundary. Servers have one or two of them."""
    kind = Message()
    kind["Content-Type"] = content_type
    sealed = kind.get_content_type() in ("multipart/encrypted", "multipart/x-multi-encrypted")
    return sealed, kind.get_param("boundary")


def _stepped(context: spnego.ContextProxy, challenge: bytes) -> bytes | None:
    try:
        return context.step(challenge)
    except SpnegoError:
        raise
    except Exception as error:  # pyspnego's parsers let KeyError, struct.error and others out on malformed tokens
        raise TransportError(
            failure(Cause.AUTHENTICATION, f"the host's challenge cannot be read: {type(error).__name__}")
        ) from error


def _joined(response: h11.Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers:
        key, text = name.decode("ascii", "replace"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _token(reply: Reply) -> bytes | None:
    found = _TOKEN.search(reply.headers.get("www-authenticate", ""))
    if found is None or len(found[1]) > _MAX_TOKEN_BYTES:
        return None
    try:
        return base64.b64decode(found[1], validate=True) or None
    except binascii.Error:
        return None


def offered(reply: Reply) -> tuple[str, ...]:
    """The schemes that a 401 offers, by their names here; others are left out."""
    unquoted = _QUOTED.sub('""', reply.headers.get("www-authenticate", ""))
    found = {each.lower() for each in _OFFER.findall(unquoted)}
    return tuple(scheme for scheme in _SCHEMES if scheme.lower() in found)


def not_offered(reply: Reply, *, kerberos: bool) -> Failure:
    """The failure where a server offers nothing that can be answered. Its words are quoted only where they are none
    of the names that are known."""
    schemes = offered(reply)
    allow = 'On the host, allow Negotiate (winrm set winrm/config/service/auth @{Negotiate="true"}).'
    match schemes:
        case ():
            said = quoted(reply.headers.get("www-authenticate", ""))
            unknown = f"the host offers no scheme that exrun knows, but: {said}"
            message, then = unknown if said else "the host refuses access and offers no way to authenticate", allow
        case _ if "Kerberos" in schemes and not kerberos:
            message = f"the host offers {' and '.join(schemes)}, and not Negotiate"
            then = (
                "Set `authentication: kerberos` for this host, with its full name as `address` "
                f"(needs exrun[kerberos] and a domain account). Or: {allow}"
            )
        case ("NTLM",):
            message = "the host offers NTLM alone, and not Negotiate, under which WinRM takes it"
            then = f"Check that WinRM itself answers at this port, and not another web server or a proxy. {allow}"
        case _:
            message = f"the host offers {' and '.join(schemes)}, and not Negotiate or Kerberos"
            then = f"exrun does not speak {' or '.join(schemes)}, which would give the password away. {allow}"
    return failure(Cause.AUTHENTICATION, message, then=then)


def _unmapped(reply: Reply) -> Failure:
    schemes = " and ".join(offered(reply)) or "nothing else"
    return failure(
        Cause.AUTHENTICATION,
        f"the host does not let the client certificate log on; it offers {schemes}",
        then="On the host, allow certificates (winrm/config/service/auth, Certificate) and map this one to an account "
        "(winrm/config/service/certmapping). Or set `authentication: negotiate`, with `user` and `credential`.",
    )


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _not_retryable(found: Failure) -> Failure:
    return Failure(found.cause, found.message, found.next, retryable=False)


def _refuse_declarations(body: bytes) -> None:
    """SOAP forbids document type declarations (SOAP 1.2, 5); entities in one can swell without end."""
    head = body[:4]
    if b"\x00" in head or head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TransportError(failure(Cause.PROTOCOL, "the reply is not UTF-8"))
    declared = _XML_ENCODING.match(body)
    if declared is not None and declared[1].lower() not in (b"utf-8", b"us-ascii"):
        raise TransportError(failure(Cause.PROTOCOL, "the reply declares an encoding other than UTF-8"))
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise TransportError(failure(Cause.PROTOCOL, "the reply has a document type declaration, which SOAP forbids"))

"""The steps of a connection by themselves, for who asks which of them fails. Nobody logs on, and no script is sent.

They are those of every connection (wire.py, http.py) but one: a certificate that was refused is looked at over a
handshake that checks nothing, over which nothing is sent and nothing is read.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from runner.transport.classifying import classify
from runner.transport.destinations import WhyNot
from runner.transport.failures import Failure, TransportError, quoted
from runner.transport.http import HttpTransport, offered
from runner.transport.http_replies import Reply
from runner.transport.memory import Share
from runner.transport.wire import Dial, SocketWire, Waiting, addresses_of, dialler

MOST_NAMES = 20  # of one certificate that are told
_UNREADABLE = (ValueError, TypeError, LookupError, UnsupportedAlgorithm, x509.DuplicateExtension)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says of itself: tainted text, and nothing of it is proven here.

    Attributes:
        names: those that it is for, names and IP addresses; at most MOST_NAMES, without repetition.
        self_issued: subject and issuer are the same.
    """

    subject: str
    names: tuple[str, ...]
    issuer: str
    not_before: datetime
    not_after: datetime
    self_issued: bool


@dataclass(frozen=True, slots=True)
class Presented:
    """What came of a handshake: the version, such as `TLSv1.3`, and the certificate; None for one that is not read."""

    version: str
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What answers at /wsman to who says nothing.

    Attributes:
        status: of HTTP.
        schemes: of authentication that it offers.
        reply: whole, for who words a failure.
    """

    status: int
    schemes: tuple[str, ...]
    reply: Reply

    def header(self, name: str) -> str:
        """A header by its name in small letters: tainted, shortened and without control characters."""
        return quoted(self.reply.headers.get(name, ""))

    @property
    def words(self) -> str:
        """The beginning of the body: tainted, shortened and without control characters."""
        return quoted(self.reply.body[:4096].decode("utf-8", "replace"))


class Probe:
    """The steps of a connection to one host. For one thread.

    Every method raises TransportError where its step fails, or where `check` does.

    Args:
        endpoint: its URL.
        tls: makes what verifies its certificate; None without TLS. Raises TransportError where a file cannot be used.
        seconds: for each step.
        check: is called while something is waited for.
        why_not: judges addresses, see `dialler`.
        asked: told of each HttpTransport that is made, whose requests count.
    """

    def __init__(
        self,
        address: str,
        port: int,
        endpoint: str,
        tls: Callable[[], ssl.SSLContext] | None,
        *,
        seconds: float,
        waiting: Waiting,
        check: Callable[[], None],
        share: Share,
        why_not: WhyNot,
        asked: Callable[[HttpTransport], None],
    ) -> None:
        self._address = address
        self._port = port
        self._endpoint = endpoint
        self._tls = tls
        self._seconds = seconds
        self._waiting = waiting
        self._check = check
        self._share = share
        self._why_not = why_not
        self._asked = asked

    def addresses(self) -> tuple[tuple[str, Failure | None], ...]:
        """The IP addresses of the name, as the resolver orders them, each with why NTLM may not be spoken with it."""
        try:
            found = addresses_of(self._address, self._port, self._seconds, self._check)
        except OSError as error:
            raise TransportError(classify(error)) from error
        return tuple((each, self._why_not(each)) for each in found)

    def connect(self) -> str:
        """The address at which the port takes a connection, which is closed again."""
        with self._dialled(None) as wire:
            return wire.address

    def load(self) -> None:
        """Reads the files that a handshake needs; nothing is sent."""
        self._verifying()

    def secure(self) -> Presented:
        """A handshake with whoever proves to be the host."""
        with self._dialled(self._verifying()) as wire:
            return _presented(wire)

    def look(self) -> Presented:
        """A handshake with anybody, in any version that this machine still speaks."""
        anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anybody.check_hostname = False
        anybody.verify_mode = ssl.CERT_NONE  # what is presented is shown; nothing is sent over it
        anybody.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        anybody.set_ciphers("ALL:@SECLEVEL=0")
        with self._dialled(anybody) as wire:
            return _presented(wire)

    def ask(self) -> Asked:
        """What is answered to a request without account and message."""
        http = HttpTransport(
            self._endpoint,
            self._dial(self._verifying()),
            None,
            sealed=False,
            clock=self._waiting.clock,
            connect_seconds=self._seconds,
            share=self._share,
        )
        self._asked(http)
        reply = http.ask()
        return Asked(reply.status, offered(reply), reply)

    def _verifying(self) -> ssl.SSLContext | None:
        return None if self._tls is None else self._tls()

    def _dial(self, tls: ssl.SSLContext | None) -> Dial:
        return dialler(self._address, self._port, tls, self._waiting, self._check, why_not=self._why_not)

    def _dialled(self, tls: ssl.SSLContext | None) -> closing[SocketWire]:
        try:
            wire = self._dial(tls)(self._seconds)
        except OSError as error:
            raise TransportError(classify(error)) from error
        assert isinstance(wire, SocketWire)
        return closing(wire)


def _presented(wire: SocketWire) -> Presented:
    return Presented(wire.tls_version, None if wire.certificate is None else read(wire.certificate))


def read(der: bytes) -> Certificate | None:
    """What a certificate in DER says of itself; None for one that cannot be read."""
    try:
        found = x509.load_der_x509_certificate(der)
        subject, issuer = found.subject.rfc4514_string(), found.issuer.rfc4514_string()
        return Certificate(
            quoted(subject),
            tuple(dict.fromkeys(islice(_names(found), MOST_NAMES))),
            quoted(issuer),
            found.not_valid_before_utc,
            found.not_valid_after_utc,
            found.subject == found.issuer,
        )
    except _UNREADABLE:
        return None


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(each) for each in names.get_values_for_type(x509.IPAddress)]
    return [quoted(each) for each in (*names.get_values_for_type(x509.DNSName), *addresses)]

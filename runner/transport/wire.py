"""One TCP or TLS connection on which every wait has an end."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes


class Wire(Protocol):
    """A byte stream. Each wait ends after `seconds` with TimeoutError; other losses are OSError."""

    @property
    def certificate(self) -> bytes | None:
        """The peer's certificate in DER; None without TLS."""

    def send(self, data: memoryview, seconds: float) -> int:
        """Writes some of `data` and returns how many bytes it took."""

    def recv(self, seconds: float) -> bytes:
        """Some bytes; none when the peer has closed."""

    def stale(self) -> bool:
        """Whether an idle connection can no longer be used: closed by the peer, or the peer spoke unasked."""

    def close(self) -> None:
        """Closes; never raises."""


Dial = Callable[[float], Wire]
"""Opens a new connection within so many seconds; raises OSError and its kin (socket.gaierror, ssl.SSLError)."""

_CHUNK = 65536
_Target = tuple[socket.AddressFamily, tuple[Any, ...]]  # as getaddrinfo says it


class SocketWire:
    """A Wire over a connected socket, plain or TLS."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    @property
    def certificate(self) -> bytes | None:
        return self._socket.getpeercert(binary_form=True) if isinstance(self._socket, ssl.SSLSocket) else None

    def send(self, data: memoryview, seconds: float) -> int:
        self._socket.settimeout(_positive(seconds))
        return self._socket.send(data[:_CHUNK])

    def recv(self, seconds: float) -> bytes:
        self._socket.settimeout(_positive(seconds))
        return self._socket.recv(_CHUNK)

    def stale(self) -> bool:
        try:
            if isinstance(self._socket, ssl.SSLSocket):
                # Readable need not mean data: TLS 1.3 sends session tickets when it likes.
                self._socket.settimeout(0.0)
                self._socket.recv(1)
                return True
            readable, _, _ = select.select([self._socket], [], [], 0)
            return bool(readable)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except (OSError, ValueError):
            return True

    def close(self) -> None:
        try:
            self._socket.close()
        except OSError:
            return


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise TimeoutError("the deadline has passed")
    return min(seconds, 86_400.0)  # settimeout overflows on infinity


def _resolve(address: str, port: int, seconds: float) -> list[_Target]:
    """The addresses of a name. Raises socket.gaierror, UnicodeError, or TimeoutError after `seconds`."""
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [(family, sockaddr) for family, _, _, _, sockaddr in found]
    except socket.gaierror:
        pass
    # The system's resolver knows no deadline; a thread that it holds up is left behind.
    answers: list[list[_Target]] = []
    errors: list[Exception] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
            answers.append([(family, sockaddr) for family, _, _, _, sockaddr in found])
        except (OSError, UnicodeError) as error:
            errors.append(error)

    thread = threading.Thread(target=ask, name=f"resolve {address}", daemon=True)
    thread.start()
    thread.join(_positive(seconds))
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"the name {address} was not resolved in time")
    return answers[0]


def dialler(address: str, port: int, tls: ssl.SSLContext | None, clock: Callable[[], float]) -> Dial:
    """Dials `address`; every address of a name is tried in order. With `tls` the certificate must fit `address`.

    Args:
        address: a name or an IP address.
        clock: monotonic seconds.
    """

    def dial(seconds: float) -> Wire:
        deadline = clock() + seconds
        try:
            targets = _resolve(address, port, seconds)
        except UnicodeError as error:
            raise socket.gaierror(socket.EAI_NONAME, f"{address!r} is not a host name") from error
        failed: OSError | None = None
        for family, target in targets:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(_positive(deadline - clock()))
                sock.connect(target)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if tls is None:
                    return SocketWire(sock)
                sock.settimeout(_positive(deadline - clock()))
                return SocketWire(tls.wrap_socket(sock, server_hostname=address))
            except OSError as error:
                sock.close()
                failed = error
                if isinstance(error, ssl.SSLError):
                    break
            except BaseException:
                sock.close()
                raise
        raise failed or socket.gaierror(socket.EAI_NONAME, f"{address} has no address")

    return dial


def endpoint_binding(certificate: bytes) -> bytes:
    """The application data of a `tls-server-end-point` channel binding for a certificate in DER (RFC 5929, 4.1).

    The hash is that of the certificate's signature; SHA-256 where that is MD5, SHA-1, or not known.
    """
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        algorithm = None
    if algorithm is None or algorithm.name in ("md5", "sha1"):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(certificate)
    return b"tls-server-end-point:" + digest.finalize()

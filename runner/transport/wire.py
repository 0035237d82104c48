"""One TCP or TLS connection on which every wait has an end."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from inventory.names import called, encoded
from runner.transport.destinations import WhyNot, anywhere
from runner.transport.failures import SPEAKS_HTTP, Cause, TransportError, failure


class Wire(Protocol):
    """A byte stream. Each wait ends after `seconds` with TimeoutError; other losses are OSError."""

    @property
    def address(self) -> str:
        """The IP address at the other end."""

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
_STATUS = re.compile(rb"(?:HTTP/)?1\.[01] [1-5][0-9]{2}\b")
_Target = tuple[socket.AddressFamily, tuple[Any, ...]]  # as getaddrinfo says it


def _is_ready(sock: socket.socket, writes: bool, seconds: float) -> bool:
    """Whether within `seconds` a socket can be read from or written to, or has an error to tell."""
    if sock.fileno() < 0:
        return True  # it is closed, and says so itself
    if sys.platform == "win32":
        of = [sock]
        return any(select.select([] if writes else of, of if writes else [], of, seconds))
    poll = select.poll()  # `select` ends at descriptor 1023
    poll.register(sock, select.POLLOUT if writes else select.POLLIN)
    return bool(poll.poll(seconds * 1000))


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where time passes: everything that a connection waits for, it waits for with these. One for all of a run.

    Attributes:
        clock: monotonic seconds.
        ready: whether within so many seconds a socket can be written to (True) or read from, or has an error to tell.
        pause: waits so many seconds, or until the event is set.
    """

    clock: Callable[[], float] = time.monotonic
    ready: Callable[[socket.socket, bool, float], bool] = _is_ready
    pause: Callable[[threading.Event, float], object] = threading.Event.wait


class Cancellation:
    """Ends, from any thread, what another thread waits for.

    A waiting thread looks at it five times a second instead of being woken: that needs no second descriptor a
    connection, and works for sockets, TLS, name resolution and pauses alike, on Windows too.
    """

    def __init__(self, event: threading.Event | None = None, waiting: Waiting | None = None) -> None:
        self._event = event or threading.Event()
        self._waiting = waiting or Waiting()
        self._closing = False

    def another(self) -> Cancellation:
        """One that is cancelled together with this one and has a closing of its own, for a further connection."""
        return Cancellation(self._event, self._waiting)

    def set(self) -> None:
        """Cancels."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether it was cancelled and work may not go on."""
        return self._event.is_set() and not self._closing

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """Within it waits run to their own ends again: for closing what the cancelled work left on the host."""
        before, self._closing = self._closing, True
        try:
            yield
        finally:
            self._closing = before

    def check(self) -> None:
        """Raises TransportError (Cause.INTERRUPTED) when it was cancelled."""
        if self.is_set():
            raise TransportError(failure(Cause.INTERRUPTED, "interrupted"))

    def sleep(self, seconds: float) -> None:
        """Waits so long, or raises as `check` does as soon as it is cancelled."""
        self._waiting.pause(self._event, seconds)
        self.check()


def _unchecked() -> None:
    """The check of a wire that nobody cancels."""


_SLICE = 0.2  # seconds between two checks
_Outcome = TypeVar("_Outcome")


class SocketWire:
    """A Wire over a connected socket, plain or TLS.

    Args:
        check: is called while it waits and may raise to end the wait.
        address: that the socket was connected to; it no longer tells once the other end has reset it.
        waiting: how it waits.
    """

    def __init__(
        self,
        sock: socket.socket,
        check: Callable[[], None] = _unchecked,
        address: str = "",
        waiting: Waiting | None = None,
    ) -> None:
        if sock.gettimeout() != 0.0:
            sock.setblocking(False)  # for good: to wait here costs a call of the system less each time
        self._socket = sock
        self._tls = isinstance(sock, ssl.SSLSocket)
        self._check = check
        self._address = address
        self._waiting = waiting or Waiting()

    @property
    def address(self) -> str:
        return self._address

    @property
    def certificate(self) -> bytes | None:
        return self._socket.getpeercert(binary_form=True) if isinstance(self._socket, ssl.SSLSocket) else None

    @property
    def tls_version(self) -> str:
        """Such as `TLSv1.3`; empty without TLS."""
        return (self._socket.version() or "") if isinstance(self._socket, ssl.SSLSocket) else ""

    def send(self, data: memoryview, seconds: float) -> int:
        send = partial(self._socket.send, data[:_CHUNK])
        return _sliced(self._socket, seconds, self._check, send, self._waiting, writes=True)

    def recv(self, seconds: float) -> bytes:
        # TLS may hold what it has read already, of which the socket knows nothing.
        receive = partial(self._socket.recv, _CHUNK)
        return _sliced(self._socket, seconds, self._check, receive, self._waiting, waits=not self._tls)

    def stale(self) -> bool:
        try:
            # Not by `select`: its sets end at descriptor 1023. And a readable TLS socket need not have data for us:
            # TLS 1.3 sends session tickets when it likes.
            self._socket.recv(1)
            return True
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
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


def _sliced(
    sock: socket.socket,
    seconds: float,
    check: Callable[[], None],
    operation: Callable[[], _Outcome],
    waiting: Waiting,
    *,
    writes: bool = False,
    waits: bool = False,
) -> _Outcome:
    """An operation on a socket that does not block, with a check before it and between two slices of waiting.

    Args:
        writes: it waits until the socket takes something, not until there is something; TLS says itself which.
        waits: it is not tried before the socket is ready.
    """
    ends = waiting.clock() + _positive(seconds)
    while True:
        check()
        if not waits:
            try:
                return operation()
            except BlockingIOError:
                pass
            except ssl.SSLWantReadError:
                writes = False
            except ssl.SSLWantWriteError:
                writes = True
        left = ends - waiting.clock()
        waits = left <= 0.0 or not waiting.ready(sock, writes, min(left, _SLICE))
        if waits and left <= _SLICE:
            raise TimeoutError("timed out")


def _connect(
    sock: socket.socket, target: tuple[Any, ...], seconds: float, check: Callable[[], None], waiting: Waiting
) -> None:
    """Connects within `seconds`, and leaves a socket that does not block."""
    ends = waiting.clock() + _positive(seconds)
    sock.setblocking(False)
    begun = sock.connect_ex(target)
    if begun in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN):
        while not waiting.ready(sock, True, min(max(ends - waiting.clock(), 0.0), _SLICE)):
            check()
            if waiting.clock() >= ends:
                raise TimeoutError("timed out")
        begun = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if begun:
        raise OSError(begun, os.strerror(begun))


def _resolve(address: str, port: int, seconds: float, check: Callable[[], None]) -> list[_Target]:
    """The addresses of a name. Raises socket.gaierror, UnicodeError, or TimeoutError after `seconds`."""
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [(family, sockaddr) for family, _, _, _, sockaddr in found]
    except socket.gaierror as error:
        if "%" in address:  # no name has one
            raise socket.gaierror(
                error.errno, f"this machine has no network interface {address.partition('%')[2]!r}"
            ) from error
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
    ends = time.monotonic() + _positive(seconds)
    thread.start()
    while thread.is_alive() and (left := ends - time.monotonic()) > 0:
        check()
        thread.join(min(left, _SLICE))
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"the name {address} was not resolved in time")
    return answers[0]


def _targets(address: str, port: int, seconds: float, check: Callable[[], None]) -> list[_Target]:
    """As `_resolve`; of an address as an inventory has it. Raises socket.gaierror for what is no host name."""
    try:
        return _resolve(encoded(address), port, seconds, check)
    except ValueError as error:  # UnicodeError is one too
        raise socket.gaierror(socket.EAI_NONAME, f"{address!r} is not a host name") from error


def addresses_of(address: str, port: int, seconds: float, check: Callable[[], None] = _unchecked) -> tuple[str, ...]:
    """The IP addresses of a name, each once, as the resolver orders them; those of `dialler`.

    Raises:
        OSError: socket.gaierror and TimeoutError among it.
        TransportError: as `check` raises it.
    """
    return tuple(dict.fromkeys(str(target[0]) for _, target in _targets(address, port, seconds, check)))


def dialler(
    address: str,
    port: int,
    tls: ssl.SSLContext | None,
    waiting: Waiting,
    check: Callable[[], None] = _unchecked,
    *,
    why_not: WhyNot = anywhere,
    ntlm_alone: bool = False,
) -> Dial:
    """Dials `address`; every address of a name is tried in order. With `tls` the certificate must fit what the host is
    called (inventory.names.called).

    Args:
        address: a name or an IP address, as an inventory has it; an IPv6 address may have a zone.
        waiting: how it waits, here and in the wires; only the system's resolver keeps to a clock of its own.
        check: is called while something is waited for; may raise to end the wait.
        why_not: judges addresses; those with which NTLM may be spoken are tried first.
        ntlm_alone: those with which it may not are not tried at all.
    """

    def dial(seconds: float) -> Wire:
        deadline = waiting.clock() + seconds
        targets = _targets(address, port, seconds, check)
        failed: OSError | None = None
        for family, target in _admitted(targets, why_not, ntlm_alone=ntlm_alone):
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                _connect(sock, target, deadline - waiting.clock(), check, waiting)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if tls is not None:
                    # Non-blocking here, so that the socket does not say "not connected" and the handshake can wait.
                    sock = tls.wrap_socket(sock, server_hostname=called(address), do_handshake_on_connect=False)
                    _secure(sock, deadline, check, waiting)
                return SocketWire(sock, check, str(target[0]), waiting)
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


def _admitted(targets: Sequence[_Target], why_not: WhyNot, *, ntlm_alone: bool) -> Sequence[_Target]:
    """The addresses in the order in which they are tried.

    Raises:
        TransportError: none of them may be tried.
    """
    judged = [(target, why_not(target[1][0])) for target in targets]
    admitted = [target for target, why in judged if why is None]
    refused = [(target, why) for target, why in judged if why is not None]
    if not ntlm_alone:
        return [*admitted, *(target for target, _ in refused)]
    if refused and not admitted:
        raise TransportError(refused[0][1])
    return admitted


def _secure(sock: ssl.SSLSocket, deadline: float, check: Callable[[], None], waiting: Waiting) -> None:
    """The TLS handshake.

    Raises:
        TransportError: the other end speaks plain HTTP.
        OSError: what else goes wrong, ssl.SSLError among it.
    """
    try:
        _sliced(sock, deadline - waiting.clock(), check, sock.do_handshake, waiting)
    except ssl.SSLError as error:
        if error.reason == "WRONG_VERSION_NUMBER" and _answered_http(sock):
            raise TransportError(
                failure(Cause.TLS, "the host answers in plain HTTP, not in TLS", then=SPEAKS_HTTP)
            ) from error
        raise


def _answered_http(sock: ssl.SSLSocket) -> bool:
    """Whether what TLS could not read is HTTP. It has taken the 5 bytes of a record's header from it: `HTTP/`."""
    with contextlib.suppress(OSError, ValueError):
        # Beneath TLS, whose own `recv` would not give what is not sealed.
        return _STATUS.match(socket.socket.recv(sock, 64)) is not None
    return False


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

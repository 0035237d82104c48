"""One exchange with a receiver, from its first connection to the last byte of its answer, in so many seconds in all.

The timeout of a socket is that of one wait: who says a byte now and then is waited for without end. Here every call of
a socket asks first how long it may still take, also where the calls are those of a library.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

WAIT_SECONDS = 10.0  # for a connection, and for each wait for the receiver
_PIECE = 65536  # bytes; TLS would have all of them taken within one wait
EXCHANGE_SECONDS = 60.0  # for a batch, whatever came meanwhile: 100 events of 7,000 bytes over 100 kbit/s


class Deadline:
    """For one exchange after another; of one thread. `begin` each."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        wait_seconds: float = WAIT_SECONDS,
        exchange_seconds: float = EXCHANGE_SECONDS,
    ) -> None:
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._exchange_seconds = exchange_seconds
        self._ends = float("-inf")
        self._over = False

    def begin(self) -> None:
        """From now on."""
        self._ends = self._clock() + self._exchange_seconds
        self._over = False

    def wait(self) -> float:
        """Seconds that the next wait may take.

        Raises:
            TimeoutError: there are none left.
        """
        left = self._ends - self._clock()
        if left <= 0.0:
            self._over = True
            raise TimeoutError
        return min(left, self._wait_seconds)

    @property
    def over(self) -> bool:
        """Whether a wait was asked for that there was no time for."""
        return self._over

    @property
    def said(self) -> str:
        """Why something ended in a TimeoutError, of who kept us waiting."""
        if self._over:
            return f"has not taken a batch in {self._exchange_seconds:g} seconds"
        return f"does not answer within {self._wait_seconds:g} seconds"


_Socket = TypeVar("_Socket", bound=type[socket.socket])


def _bound(kind: _Socket, deadline: Deadline) -> _Socket:
    """A kind of socket whose waits all end. What is ignored here is that mypy knows no class of a variable base."""

    class Bound(kind):  # type: ignore[misc, valid-type]
        def recv(self, *of: int) -> bytes:
            self.settimeout(deadline.wait())
            return super().recv(*of)  # type: ignore[no-any-return]

        def recv_into(self, buffer: WriteableBuffer, *of: int) -> int:
            self.settimeout(deadline.wait())
            return super().recv_into(buffer, *of)  # type: ignore[no-any-return]

        def send(self, data: ReadableBuffer, *of: int) -> int:
            self.settimeout(deadline.wait())
            return super().send(data, *of)  # type: ignore[no-any-return]

        def sendall(self, data: ReadableBuffer, *of: int) -> None:
            left = memoryview(data).cast("B")
            while left:
                left = left[self.send(left[:_PIECE], *of) :]

        def do_handshake(self, *of: bool) -> None:
            self.settimeout(deadline.wait())
            super().do_handshake(*of)

        def unwrap(self) -> socket.socket:
            self.settimeout(deadline.wait())
            return super().unwrap()  # type: ignore[no-any-return]

    return Bound  # type: ignore[return-value]


def seal(context: ssl.SSLContext, deadline: Deadline) -> ssl.SSLContext:
    """The context, whose sockets keep to the deadline from their handshake on."""
    context.sslsocket_class = _bound(ssl.SSLSocket, deadline)
    return context


def connected(host: str, port: int, deadline: Deadline) -> socket.socket:
    """A connection to the first address of a name that takes one. Only the system's resolver keeps to its own time.

    Raises:
        OSError: none does; socket.gaierror and TimeoutError among it.
    """
    failed: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            connection = _bound(socket.socket, deadline)(family, kind, protocol)
        except OSError as error:  # a family that this machine does not have
            failed = error
            continue
        try:
            connection.settimeout(deadline.wait())
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            connection.close()
            failed = error
            if deadline.over:
                break
        else:
            return connection
    raise failed or socket.gaierror(socket.EAI_NONAME, f"{host} has no address")

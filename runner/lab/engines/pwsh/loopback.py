"""The web servers of an engine's hosts, on a socket: what a script asks of 127.0.0.1 is asked of this one.

Each host has a port of this machine. The shim connects to it, and says first, in two bytes, which port the script has
asked for; from there on the connection is that of the script: with TLS where the port is bound to https, under a
certificate of another name and of nobody whom anything trusts, as Exchange's own is.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from runner.lab.certificates import Authority
from runner.lab.state import HostState
from runner.lab.web import scheme_at, status

__all__ = ["WebServer"]

_SECONDS = 30.0  # that a client may be silent
_MOST = 16 * 1024  # bytes of a request's head


class WebServer:
    """One host's, from the moment at which it is made until it is closed.

    Args:
        state: how the host is at the moment at which it is asked.
    """

    def __init__(self, state: Callable[[], HostState]) -> None:
        self._server = _Server(state)
        self._thread = threading.Thread(
            target=functools.partial(self._server.serve_forever, poll_interval=0.05), name="lab-web", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """Of this machine, on 127.0.0.1."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Nobody is answered any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = False

    def __init__(self, state: Callable[[], HostState]) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.state = state

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone, or speaks no TLS, is told of nowhere."""


class _Request(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        connection: socket.socket = self.request
        connection.settimeout(_SECONDS)
        with contextlib.suppress(OSError):
            port = int.from_bytes(_exactly(connection, 2), "big")
            scheme = scheme_at(self.server.state(), str(port))
            connection.sendall(b"\x00" if scheme is None else b"\x01")  # whether anybody listens there
            if scheme == "https":
                with _context().wrap_socket(connection, server_side=True) as secure:
                    self._answer(secure, f"https://127.0.0.1:{port}")
            elif scheme is not None:
                self._answer(connection, f"http://127.0.0.1:{port}")

    def _answer(self, connection: socket.socket, origin: str) -> None:
        target = _target(connection)
        code = None if target is None else status(self.server.state(), f"{origin}{target}")
        if code is not None:
            to = "Location: https://127.0.0.1/\r\n" if 300 <= code < 400 else ""
            head = f"HTTP/1.1 {code} x\r\n{to}Content-Length: 0\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode())


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError("it was closed")
        data += more
    return data


def _target(connection: socket.socket) -> str | None:
    """What is asked for; None where it is no request."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(4096)
        head += more
        if not more or len(head) > _MOST or not head.startswith(b"G"):  # TLS where none is spoken, for one
            return None
    parts = head.split(b"\r\n", 1)[0].split(b" ")
    return parts[1].decode("ascii", "replace") if len(parts) == 3 and parts[0] == b"GET" else None


@functools.cache
def _context() -> ssl.SSLContext:
    authority = Authority(datetime.now(UTC))
    context = authority.server_context(authority.server("mail.another.test", "192.0.2.1"))
    context.verify_mode = ssl.CERT_NONE
    return context

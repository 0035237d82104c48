"""However a receiver draws it out, an exchange ends: clock and receiver here go on when the clock is looked at."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from runner.forwarding import cef
from runner.forwarding.destinations import destination
from runner.forwarding.sinks.deadline import Deadline
from runner.forwarding.sinks.http import HttpSink
from runner.forwarding.sinks.interface import NotDeliveredError
from runner.forwarding.sinks.syslog import SyslogSink
from runner.lab.certificates import Authority
from tests.runner.forwarding.test_sinks import ENTRIES, Endpoint, listening
from tests.waiting import HANG_SECONDS

LOOKS = 200
OVER = "has not taken a batch in 60 seconds"


class Counting:
    """A clock that stands, and is far ahead once it was looked at so often. Each look lets a receiver say one thing."""

    def __init__(self, looks: int = LOOKS) -> None:
        self._left = looks
        self._turns = threading.Semaphore(0)
        self._over = False

    def __call__(self) -> float:
        self._left -= 1
        self._turns.release()
        return 0.0 if self._left > 0 else 1e9

    @property
    def deadline(self) -> Deadline:
        return Deadline(self, wait_seconds=HANG_SECONDS)

    def turn(self) -> bool:
        """Waits for a look; False where there will be none any more."""
        return self._turns.acquire(timeout=HANG_SECONDS) and not self._over

    def stop(self) -> None:
        self._over = True
        self._turns.release()


def trickling(clock: Counting, pieces: Iterable[bytes]) -> Callable[[socket.socket], None]:
    """What says a piece at each look, and reads nothing."""

    def serve(connection: socket.socket) -> None:
        for piece in pieces:
            if not clock.turn():
                return
            try:
                connection.sendall(piece)
            except OSError:  # it has had enough
                return

    return serve


def bytewise(start: bytes, then: bytes) -> Iterator[bytes]:
    return (bytes([each]) for each in itertools.chain(start, itertools.cycle(then)))


DRAWN_OUT: dict[str, Callable[[], Iterable[bytes]]] = {
    "status line": lambda: bytewise(b"", b"H"),
    "headers": lambda: bytewise(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"),
    "continue": lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": lambda: itertools.chain([b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"], bytewise(b"", b"\x0a")),
    "chunks": lambda: itertools.chain(
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"], bytewise(b"1;", b"e=1;")
    ),
    "gzip": lambda: itertools.chain(
        [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 60000\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\0"],
        bytewise(b"", b"n"),
    ),
}


@pytest.mark.parametrize("how", DRAWN_OUT)
def test_an_answer_that_comes_in_drops_is_no_delivery(how: str) -> None:
    clock = Counting()
    with listening(trickling(clock, DRAWN_OUT[how]())) as port:
        sink = HttpSink(destination(f"otlp+http://127.0.0.1:{port}", None), None, None, clock.deadline)
        with pytest.raises(NotDeliveredError, match=OVER):
            sink.deliver(ENTRIES)
        clock.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    authority = Authority(datetime.now(UTC))
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    path.write_bytes(authority.pem)
    return authority.server_context(authority.server("soc", "127.0.0.1")), str(path)


def sealed(context: ssl.SSLContext, serve: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    def within(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as inner:
            serve(inner)

    return within


def test_nor_is_one_over_tls(certificate: tuple[ssl.SSLContext, str]) -> None:
    clock = Counting()
    context, ca = certificate
    with listening(sealed(context, trickling(clock, DRAWN_OUT["headers"]()))) as port:
        sink = HttpSink(destination(f"https://127.0.0.1:{port}/", None), None, ca, clock.deadline)
        with pytest.raises(NotDeliveredError, match=OVER):
            sink.deliver(ENTRIES)
        clock.stop()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nor_one_of_a_proxy(
    scheme: str, certificate: tuple[ssl.SSLContext, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Counting()
    context, ca = certificate
    serve = trickling(clock, DRAWN_OUT["headers"]())
    with listening(serve if scheme == "http" else sealed(context, serve)) as port:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("https_proxy", f"{scheme}://127.0.0.1:{port}")
        sink = HttpSink(destination("https://soc.example/", None), None, ca, clock.deadline)
        with pytest.raises(NotDeliveredError, match=OVER):
            sink.deliver(ENTRIES)
        clock.stop()


def test_what_is_too_large_by_halves_ends_too() -> None:
    clock = Counting(6)
    answers = itertools.repeat(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
    with listening(trickling(clock, answers)) as port:
        sink = HttpSink(destination(f"http://127.0.0.1:{port}/", None), None, None, clock.deadline)
        with pytest.raises(NotDeliveredError):
            sink.deliver(ENTRIES)
        clock.stop()


def test_a_syslog_that_talks_instead_of_listening_holds_up_nothing() -> None:
    clock = Counting()
    with listening(trickling(clock, itertools.repeat(b"x"))) as port:
        sink = SyslogSink(destination(f"syslog+tcp://127.0.0.1:{port}", None), cef.render, None, clock.deadline)
        with pytest.raises(NotDeliveredError, match=OVER):
            sink.deliver(ENTRIES)
        clock.stop()


@pytest.mark.parametrize("kind", ["syslog+tcp", "syslog+tls"])
def test_one_that_takes_a_little_at_a_time_neither(kind: str, certificate: tuple[ssl.SSLContext, str]) -> None:
    """More than any buffer between holds, so that it is written in pieces."""
    clock = Counting(6)
    context, ca = certificate

    def serve(connection: socket.socket) -> None:
        with suppress(OSError):
            while connection.recv(65536):
                pass

    with listening(serve if kind == "syslog+tcp" else sealed(context, serve)) as port:
        to = destination(f"{kind}://127.0.0.1:{port}", None)
        sink = SyslogSink(to, lambda _: b"x" * 8_000_000, ca, clock.deadline)
        with pytest.raises(NotDeliveredError, match=OVER):
            sink.deliver(ENTRIES)


def test_a_name_with_addresses_without_end_is_not_tried_to_its_last(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = server.getsockname()
    target = (socket.AF_INET, socket.SOCK_STREAM, 0, "", nobody)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [target] * 100_000)
    clock = Counting(20)
    sink = SyslogSink(destination("syslog+tcp://soc.example", None), cef.render, None, clock.deadline)
    with pytest.raises(NotDeliveredError, match=OVER):
        sink.deliver(ENTRIES)


@pytest.mark.parametrize("kind", ["syslog+tcp", "syslog+tls", "http", "https"])
def test_who_does_not_answer_at_all_is_told_so(kind: str, certificate: tuple[ssl.SSLContext, str]) -> None:
    """By the system's clock, whose wait is of no account here: nothing ever comes."""
    silent = threading.Event()
    with listening(lambda _: silent.wait(HANG_SECONDS) and None) as port:
        deadline = Deadline(wait_seconds=0.05)
        to = destination(f"{kind}://127.0.0.1:{port}", None)
        of = HttpSink(to, None, certificate[1], deadline) if kind.startswith("http") else None
        sink = of or SyslogSink(to, cef.render, certificate[1], deadline)
        with pytest.raises(NotDeliveredError, match=r"does not answer within 0\.05 seconds"):
            sink.deliver(ENTRIES)
        silent.set()


def test_each_batch_has_the_whole_time_anew() -> None:
    now = [0.0]
    with Endpoint() as endpoint:
        to = destination(f"http://{endpoint.address}/", None)
        sink = HttpSink(to, None, None, Deadline(lambda: now[0], HANG_SECONDS))
        for _ in range(3):
            sink.deliver(ENTRIES[:1])
            now[0] += 59.0
    assert len(endpoint.got) == 3

"""The HTTP of a simulated server, byte for byte where it matters."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pypsrp.exceptions import WinRMTransportError
from pypsrp.powershell import PowerShell, RunspacePool

from runner.lab.engines.sim import SimEngine
from runner.lab.fleet import Fleet, Limits
from runner.lab.sealing import SealError, join, split
from runner.lab.server import Lab, Served, start
from runner.lab.state import HostState, ScriptedAnswer
from tests.runner.lab.conftest import lab_host
from tests.runner.lab.test_stock_client import client

Serve = Callable[..., Lab]


def said(served: Served, request: bytes, *, half: bool = False) -> bytes:
    """What the host answers to bytes; with `half` the client then has no more to say."""
    with socket.create_connection((served.host.address, served.port), timeout=30) as sock:
        sock.sendall(request)
        if half:
            sock.shutdown(socket.SHUT_WR)
        heard = b""
        while data := sock.recv(65536):
            heard += data
            if not half and b"\r\n\r\n" in heard and b"Content-Length: 0" in heard:
                break
        return heard


HOST = b"Host: x\r\n"


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /wsman HTTP/1.1\r\n", 405),
        (b"POST /PowerShell HTTP/1.1\r\n", 404),
        (b"POST /wsman HTTP/1.1\r\n", 401),
        (b"POST /wsman?PSVersion=5.1 HTTP/1.1\r\n", 401),
        (b"POST /wsman HTTP/1.1\r\nAuthorization: Basic bGFiOng=\r\n", 401),
        (b"POST /wsman HTTP/1.1\r\nAuthorization: Negotiate !\r\n", 401),
        (b"POST /wsman HTTP/1.1\r\nAuthorization: Negotiate TlRMTVNTUAAB\r\n", 401),
        (b"\x16\x03\x01\x02\x00\r\n", 400),
    ],
)
def test_what_is_no_request_for_winrm_has_its_status(serve: Serve, request_head: bytes, status: int) -> None:
    served = serve(lab_host()).host("alpha/EX1")
    answer = said(served, request_head + HOST + b"Content-Length: 0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert (b"WWW-Authenticate: Negotiate\r\n" in answer) is (status == 401)
    assert served.counts.requests == 1


def test_a_request_that_is_too_large_is_refused_before_it_is_read_to_its_end(serve: Serve) -> None:
    served = serve(lab_host(limits=Limits(max_envelope_kb=8))).host("alpha/EX1")
    head = b"POST /wsman HTTP/1.1\r\n" + HOST + b"Content-Length: 100000000\r\n\r\n"
    assert said(served, head + b"x" * 10_000).startswith(b"HTTP/1.1 413 ")


def test_a_script_that_is_too_large_for_the_envelope_is_refused(serve: Serve) -> None:
    served = serve(lab_host(limits=Limits(max_envelope_kb=100))).host("alpha/EX1")
    with client(served, max_envelope_size=500 * 1024) as wsman:
        pool = RunspacePool(wsman)
        pool.open()
        with pytest.raises(WinRMTransportError, match="413"):
            PowerShell(pool).add_script("x" * 200_000).invoke()
    with client(served, max_envelope_size=100 * 1024) as wsman, RunspacePool(wsman) as pool:
        assert PowerShell(pool).add_script("x" * 200_000).invoke() == ["x" * 200_000]


def test_a_client_that_asks_first_whether_to_send_its_body_is_told_to(serve: Serve) -> None:
    served = serve(lab_host()).host("alpha/EX1")
    head = b"POST /wsman HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection((served.host.address, served.port), timeout=30) as sock:
        sock.sendall(head)
        assert sock.recv(65536).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"x")
        assert sock.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_a_quiet_connection_is_closed_after_its_time(serve: Serve) -> None:
    served = serve(lab_host(limits=Limits(keep_alive_seconds=0.05))).host("alpha/EX1")
    with socket.create_connection((served.host.address, served.port), timeout=30) as sock:
        assert sock.recv(1) == b""


def test_requests_that_come_together_are_answered_one_after_the_other(serve: Serve) -> None:
    served = serve(lab_host()).host("alpha/EX1")
    one = b"POST /wsman HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n"
    last = one.replace(HOST, HOST + b"Connection: close\r\n")
    with socket.create_connection((served.host.address, served.port), timeout=30) as sock:
        sock.sendall(one * 3 + last)
        heard = b""
        while data := sock.recv(65536):
            heard += data
    assert heard.count(b"HTTP/1.1 401 ") == 4


def test_bytes_of_any_kind_end_no_more_than_their_own_connection(serve: Serve) -> None:
    served = serve(lab_host()).host("alpha/EX1")
    request = b"POST /wsman HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n"

    @settings(max_examples=25, deadline=None)
    @given(st.binary(max_size=300))
    def each(noise: bytes) -> None:
        said(served, noise, half=True)
        assert said(served, request).startswith(b"HTTP/1.1 401 ")

    each()


@given(st.binary(min_size=1, max_size=50), st.binary(max_size=500), st.integers(0, 10**9 - 1))
def test_a_sealed_message_is_taken_apart_as_it_was_put_together(signature: bytes, sealed: bytes, length: int) -> None:
    assert split(join(signature, sealed, length)) == (signature, sealed, length)


@example(b"\x00\x00", 256)
@given(st.binary(max_size=400), st.integers(0, 400))
def test_what_is_no_sealed_message_is_refused(noise: bytes, cut: int) -> None:
    whole = join(b"0123456789abcdef", noise, len(noise))
    with pytest.raises(SealError):  # without its line end a message is still one: at least a dash is cut off
        split(whole[: max(len(whole) - 3 - cut, 0)])
    with pytest.raises(SealError):
        split(noise)


def test_with_sim_a_pool_is_left_and_taken_up_by_another_client() -> None:
    state = HostState(name="EX1", answers=[ScriptedAnswer(script="ping", output=["pong"])])
    fleet = Fleet((lab_host(engine="sim", state=state),))
    with start(fleet, {"sim": SimEngine()}) as lab:
        served = lab.host("alpha/EX1")
        with client(served) as wsman, client(served) as other:
            pool = RunspacePool(wsman)
            pool.open()
            pool.disconnect()
            (found,) = RunspacePool.get_runspace_pools(other)
            found.connect()
            assert PowerShell(found).add_script("ping").invoke() == ["pong"]
            found.close()
        assert served.service.shells == 0

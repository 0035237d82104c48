"""An HTTP reply that is read from its bytes says what h11 reads, and leaves the connection as h11 would."""

import random
from collections import Counter

import h11
import pytest

from runner.transport.http import _joined, _tell, written
from runner.transport.http_replies import Partial, Reply, plain_reply
from tests.runner.transport.mutating import spoilt_bytes

NAMED = [("Host", "h:5985"), ("User-Agent", "exrun"), ("Connection", "Keep-Alive"), ("Content-Length", "3")]
PLAIN = (
    (
        b'HTTP/1.1 200 \r\nContent-Type: multipart/encrypted;boundary="x y"\r\nServer: Microsoft-HTTPAPI/2.0\r\n'
        b"Date: Sat, 28 Nov 2026 06:00:00 GMT\r\nContent-Length: 4\r\n\r\nabcd"
    ),
    b"HTTP/1.1 401 \r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: Kerberos\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 500 Internal Server Error\r\nConnection: Keep-Alive\r\ncontent-length:3\r\n\r\n\r\n\r",
    b"HTTP/1.1 200\r\nContent-Length: 1  \r\n\r\nx",
)
ODD = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
    b"HTTP/1.1 200 OK\r\nX-A: b\r\n folded\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\nX\xff: b\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\nx",
    b"HTTP/1.1 200 OK\r\n\r\nx",
    b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 4_000,
)


def _by_h11(data: bytes) -> Reply | str:
    """What h11 makes of it, and whether the connection can go on."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=64 * 1024)
    _tell(http, "/wsman", NAMED)
    http.receive_data(data)
    response: h11.Response | None = None
    parts: list[bytes] = []
    try:
        while True:
            event = http.next_event()
            if isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                parts.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage) and response is not None:
                http.start_next_cycle()
                assert http.trailing_data == (b"", False)
                return Reply(response.status_code, _joined(response), b"".join(parts))
            elif event is h11.NEED_DATA or event is h11.PAUSED:
                return "more"
    except h11.ProtocolError as error:
        return str(error)


@pytest.mark.parametrize("data", PLAIN)
def test_what_winrm_sends_is_read_directly_however_it_is_cut(data: bytes) -> None:
    assert plain_reply(data) == _by_h11(data)
    for cut in range(len(data)):
        found = plain_reply(data[:cut])
        assert isinstance(found, Partial)
        assert cut < found.needs <= len(data)


@pytest.mark.parametrize("data", ODD)
def test_what_is_odd_is_left_to_h11(data: bytes) -> None:
    assert plain_reply(data) is None


def test_a_reply_that_is_spoilt_says_what_h11_reads_or_is_left_to_it() -> None:
    chance, met = random.Random(4), Counter[str]()
    for number in range(6_000):
        data = spoilt_bytes(chance.choice(PLAIN), chance)
        if number % 2:
            data = chance.choice(PLAIN)
            at = chance.randrange(data.index(b"\r\n\r\n"))
            data = data[:at] + bytes([chance.choice(b"abcZ019 :;-=\t\x00\x7f\xe4,")]) + data[at + 1 :]
        found = plain_reply(data)
        match found:
            case Reply():
                met["direct"] += 1
                assert found == _by_h11(data), data
            case Partial():
                met["partial"] += 1
                assert not isinstance(_by_h11(data), Reply), data
            case None:
                met["h11"] += 1
    assert min(met["direct"], met["partial"], met["h11"]) > 200, met


@pytest.mark.parametrize("body", [b"", b"abc", b"\r\n\r\n"])
def test_a_request_is_the_one_that_h11_writes(body: bytes) -> None:
    named = [*NAMED[:-1], ("Content-Length", str(len(body))), ("Authorization", "Negotiate YIIB+/=")]
    http = h11.Connection(h11.CLIENT)
    theirs = (http.send(h11.Request(method="POST", target="/wsman", headers=named)) or b"") + (
        http.send(h11.Data(data=body)) or b""
    )
    assert written("/wsman", named, body) == theirs + (http.send(h11.EndOfMessage()) or b"")

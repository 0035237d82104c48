"""Ways to a receiver, against receivers on loopback that take, refuse, hang up or are somebody else."""

from __future__ import annotations

import http.server
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from runner.disk import SystemDisk
from runner.forwarding import cef, ecs
from runner.forwarding.destinations import destination
from runner.forwarding.sinks.file import FileSink
from runner.forwarding.sinks.http import HttpSink
from runner.forwarding.sinks.interface import NotDeliveredError
from runner.forwarding.sinks.syslog import SyslogSink, message
from runner.lab.certificates import Authority
from runner.secrets.interface import Secret
from tests.runner.forwarding.told import entries
from tests.waiting import HANG_SECONDS

ENTRIES = entries()
MESSAGES = [message(entry, cef.render(entry)) for entry in ENTRIES]


def test_a_file_gets_a_line_each_and_what_was_torn_stays_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = FileSink(path, ecs.render, SystemDisk())
    sink.deliver(ENTRIES[:2])
    with path.open("ab") as file:
        file.write(b'{"half a li')
    sink.deliver(ENTRIES[2:])
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines.pop(2) == '{"half a li'
    assert [json.loads(line)["event"]["sequence"] for line in lines] == [each.sequence for each in ENTRIES]


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotDeliveredError, match="the file cannot be written"):
        FileSink(tmp_path / "none" / "events.jsonl", ecs.render, SystemDisk()).deliver(ENTRIES)


def test_runs_that_share_a_file_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    threads = [
        threading.Thread(target=FileSink(path, ecs.render, SystemDisk()).deliver, args=(ENTRIES * 20,))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 80 * len(ENTRIES)
    assert {json.loads(line)["event"]["sequence"] for line in lines} == {each.sequence for each in ENTRIES}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk here that is always full")
def test_a_full_disk_is_told() -> None:
    with pytest.raises(NotDeliveredError, match="the file cannot be written: No space left"):
        FileSink(Path("/dev/full"), ecs.render, SystemDisk()).deliver(ENTRIES)


def octets(data: bytes) -> list[bytes]:
    """Messages with counted octets, as RFC 6587 3.4.1 has them."""
    found: list[bytes] = []
    while data:
        count = re.match(rb"([1-9][0-9]*) ", data)
        assert count is not None
        end = count.end() + int(count[1])
        found.append(data[count.end() : end])
        data = data[end:]
    return found


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """One connection at a time is handed to `serve`."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(HANG_SECONDS)

        def work() -> None:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(HANG_SECONDS)
                serve(connection)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            thread.join(HANG_SECONDS)
            assert not thread.is_alive()


def test_over_tcp_octets_are_counted_and_the_receivers_end_says_that_it_read_all() -> None:
    got: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        while piece := connection.recv(100):
            got.append(piece)

    with listening(serve) as port:
        SyslogSink(destination(f"syslog+tcp://127.0.0.1:{port}", None), cef.render, None).deliver(ENTRIES)
    assert octets(b"".join(got)) == MESSAGES


def test_a_receiver_that_ends_before_it_has_read_all_has_got_nothing() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(10)  # what is unread when a socket is closed resets the connection

    with (
        listening(serve) as port,
        pytest.raises(NotDeliveredError, match=r"127\.0\.0\.1: "),
    ):
        SyslogSink(destination(f"syslog+tcp://127.0.0.1:{port}", None), cef.render, None).deliver(ENTRIES * 50)


def test_a_receiver_that_ended_before_us_has_got_nothing_though_it_had_read_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = threading.Event()
    still_listens = SyslogSink._still_listens

    def and_it_ends(sink: SyslogSink, connection: socket.socket) -> None:
        assert ended.wait(HANG_SECONDS)
        still_listens(sink, connection)

    def serve(connection: socket.socket) -> None:
        left = len(b"".join(b"%d %b" % (len(each), each) for each in MESSAGES))
        while left:
            left -= len(connection.recv(left))
        connection.close()
        ended.set()

    monkeypatch.setattr(SyslogSink, "_still_listens", and_it_ends)
    with listening(serve) as port, pytest.raises(NotDeliveredError, match="hung up"):
        SyslogSink(destination(f"syslog+tcp://127.0.0.1:{port}", None), cef.render, None).deliver(ENTRIES)


def test_a_reset_behind_the_receivers_end_is_no_delivery() -> None:
    """As from far away: its end is here when we write, what it says to that comes later."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        to = destination(f"syslog+tcp://127.0.0.1:{server.getsockname()[1]}", None)
        sink = SyslogSink(to, cef.render, None)
        with socket.create_connection(server.getsockname(), HANG_SECONDS) as connection:
            accepted, _ = server.accept()
            accepted.close()
            assert connection.recv(1, socket.MSG_PEEK) == b""
            connection.sendall(b"what it never reads")
            sink._wait_for_end(connection)  # all that it says is its end
            with pytest.raises((NotDeliveredError, OSError)):
                sink._has_all(connection)


def test_over_udp_each_event_is_a_datagram_and_nobody_there_is_told_where_the_system_says_so() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(HANG_SECONDS)
        port = receiver.getsockname()[1]
        sink = SyslogSink(destination(f"syslog://127.0.0.1:{port}", None), cef.render, None)
        sink.deliver(ENTRIES)
        assert [receiver.recv(65536) for _ in ENTRIES] == MESSAGES
    with pytest.raises(NotDeliveredError, match="refused"):
        sink.deliver(ENTRIES)


def test_an_event_longer_than_any_datagram_is_refused_and_holds_up_none_behind_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(HANG_SECONDS)
        long = iter([b"x" * 70000])
        sink = SyslogSink(
            destination(f"syslog://127.0.0.1:{receiver.getsockname()[1]}", None),
            lambda entry: next(long, None) or cef.render(entry),
            None,
        )
        assert sink.deliver(ENTRIES) == 1
        assert [receiver.recv(65536) for _ in ENTRIES[1:]] == MESSAGES[1:]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """What a receiver on 127.0.0.1 presents itself with, and the file of the authority that vouches for it."""
    authority = Authority(datetime.now(UTC))
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    path.write_bytes(authority.pem)
    context = authority.server_context(authority.server("soc", "127.0.0.1"))
    context.num_tickets = 2  # as servers have it, which send them when they like
    return context, str(path)


@pytest.mark.parametrize("orderly", [True, False])
def test_over_tls_the_same_is_read_to_its_end(certificate: tuple[ssl.SSLContext, str], orderly: bool) -> None:
    context, ca = certificate
    got: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        sealed = context.wrap_socket(connection, server_side=True)
        while piece := sealed.recv(1000):
            got.append(piece)
        if orderly:
            sealed.unwrap()
        sealed.close()

    with listening(serve) as port:
        SyslogSink(destination(f"syslog+tls://127.0.0.1:{port}", None), cef.render, ca).deliver(ENTRIES)
    assert octets(b"".join(got)) == MESSAGES


def test_a_certificate_that_nobody_vouches_for_gets_nothing(certificate: tuple[ssl.SSLContext, str]) -> None:
    context, _ = certificate
    got: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        with pytest.raises(ssl.SSLError), context.wrap_socket(connection, server_side=True) as sealed:
            got.append(sealed.recv(1000))

    with listening(serve) as port, pytest.raises(NotDeliveredError, match="could not be verified"):
        SyslogSink(destination(f"syslog+tls://127.0.0.1:{port}", None), cef.render, None).deliver(ENTRIES)
    assert got == []


class Endpoint:
    """Answers POST with what it is told, and keeps what it got."""

    def __init__(self, *answers: tuple[int, dict[str, str], bytes]) -> None:
        self.answers = list(answers)
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.got.append((self.path, dict(self.headers), body))
                status, headers, data = endpoint.answers.pop(0) if endpoint.answers else (200, {}, b"")
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Endpoint:
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_a_post_holds_lines_of_json_and_says_who_sends_them() -> None:
    with Endpoint() as endpoint:
        sink = HttpSink(destination(f"http://{endpoint.address}/in?x=1", None), Secret("Bearer not-real"), None)
        assert sink.deliver(ENTRIES) == 0
    [(path, headers, body)] = endpoint.got
    assert path == "/in?x=1"
    assert headers["Authorization"] == "Bearer not-real"
    assert headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(each) for each in body.splitlines()] == [ecs.document(each) for each in ENTRIES]


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (500, {}, None),
        (401, {}, None),
        (429, {"Retry-After": "7"}, 7.0),
        (429, {"Retry-After": "99999"}, 300.0),
        (503, {"Retry-After": "Wed, 21 Oct"}, None),
        (302, {"Location": "http://127.0.0.1:9/"}, None),
    ],
)
def test_any_status_but_2xx_is_no_delivery(status: int, headers: dict[str, str], wait: float | None) -> None:
    with Endpoint((status, headers, b"<p>no</p>")) as endpoint:
        sink = HttpSink(destination(f"http://{endpoint.address}/", None), None, None)
        with pytest.raises(NotDeliveredError, match=f"answered {status}") as raised:
            sink.deliver(ENTRIES)
        assert raised.value.wait_seconds == wait
        assert sink.deliver(ENTRIES) == 0
    assert len(endpoint.got) == 2


def test_what_is_too_large_comes_in_halves_and_an_event_that_is_so_alone_holds_up_no_other() -> None:
    too_large = (413, {}, b"")
    with Endpoint(too_large, too_large, too_large) as endpoint:  # all, the first half, the first quarter
        sink = HttpSink(destination(f"http://{endpoint.address}/", None), None, None)
        assert sink.deliver(ENTRIES[:4]) == 1
    numbers = [[json.loads(line)["event"]["sequence"] for line in body.splitlines()] for _, _, body in endpoint.got]
    assert numbers == [[1, 2, 3, 4], [1, 2], [1], [2], [3, 4]]


def test_to_this_machine_no_proxy_is_asked_and_no_password_file_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ops password not-a-secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with Endpoint() as proxy, Endpoint() as endpoint:
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        monkeypatch.delenv("no_proxy", raising=False)
        HttpSink(destination(f"http://{endpoint.address}/", None), None, None).deliver(ENTRIES)
    assert proxy.got == []
    assert "Authorization" not in endpoint.got[0][1]


def test_nobody_there_is_told() -> None:
    with Endpoint() as endpoint:
        address = endpoint.address
    with pytest.raises(NotDeliveredError, match="cannot be reached"):
        HttpSink(destination(f"http://{address}/", None), None, None).deliver(ENTRIES)


def test_otlp_goes_where_collectors_listen_and_what_is_refused_for_good_is_counted() -> None:
    refused = ExportLogsServiceResponse(
        partial_success=ExportLogsPartialSuccess(rejected_log_records=3, error_message="too old")
    )
    with Endpoint((200, {}, refused.SerializeToString())) as endpoint:
        sink = HttpSink(destination(f"otlp+http://{endpoint.address}", None), None, None)
        assert sink.deliver(ENTRIES) == 3
        assert sink.deliver(ENTRIES) == 0
    path, headers, body = endpoint.got[0]
    assert (path, headers["Content-Type"]) == ("/v1/logs", "application/x-protobuf")
    request = ExportLogsServiceRequest.FromString(body)
    assert len(request.resource_logs[0].scope_logs[0].log_records) == len(ENTRIES)

"""HTTP as a WinRM server speaks it, without a socket: bytes in, requests out; replies in, bytes out.

h11 reads and writes everything. It takes 0.2 ms for a request and its reply, so a request of the one shape that clients
of WinRM send is read directly, and answered as h11 would answer it: tests compare the two. Whatever has any other shape
is h11's, and from then on the connection is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import h11

MAX_HEADER_BYTES = 64 * 1024  # NTLM and Kerberos tokens stand in headers

# Method, version, and a line for each field; a field's value neither begins nor ends with a blank.
_HEAD = re.compile(rb"POST (/[!-~]*) HTTP/1\.1\r\n((?:[A-Za-z-]{1,40}: ?[!-~]+(?: [!-~]+)*\r\n)+)\r\n")
_PLAIN = frozenset(
    {
        b"host",
        b"user-agent",
        b"accept",
        b"accept-encoding",
        b"connection",
        b"content-type",
        b"content-length",
        b"authorization",
    }
)
_BLANK_LINE = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"[0-9]{1,9}")
_LENGTH_FIELD = re.compile(rb"\r\ncontent-length: ?", re.IGNORECASE)
_KEPT = frozenset({b"keep-alive"})  # h11 looks for `close` in it

REASONS = {
    200: b"",
    400: b"Bad Request",
    401: b"",
    404: b"Not Found",
    405: b"Method Not Allowed",
    413: b"Request Entity Too Large",
    500: b"",
    503: b"Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Incoming:
    """A whole request. Names of fields are in lower case; of a field that comes twice the last counts."""

    method: bytes
    target: bytes
    fields: Mapping[bytes, bytes]
    body: bytes


@dataclass(frozen=True, slots=True)
class GoOn:
    """The client asks whether to send its body; `data` tells it to."""

    data: bytes


class Trouble(Enum):
    """Why there will be no request."""

    MALFORMED = auto()
    TOO_LARGE = auto()
    CLOSED = auto()


class Unanswerable(Exception):  # noqa: N818  # named for what the request is
    """The client broke the protocol in the middle of its request, so that nothing can be said to it."""


class Conversation:
    """The server's side of one connection.

    Args:
        largest: bytes of a request's body.
        direct: whether plain requests are read directly; the rest is the same.
    """

    def __init__(self, largest: int, *, direct: bool = True) -> None:
        self._largest = largest
        self._buffer = b""
        self._raw = b""  # the request that was read directly and has no answer yet
        # Of the last head: what stands before and after the length of the body, and its fields.
        self._last: tuple[bytes, bytes, Mapping[bytes, bytes]] = (b"", b"", {})
        self._target = b""
        self._h11: h11.Connection | None = None
        self._request: h11.Request | None = None
        self._body = bytearray()
        if not direct:
            self._hand_over(b"")

    @property
    def direct(self) -> bool:
        """No request has come that is h11's."""
        return self._h11 is None

    @property
    def more(self) -> bool:
        """There may be a request in what has come already."""
        return self._h11 is not None or bool(self._buffer)

    @property
    def over(self) -> bool:
        """After a reply: the connection cannot go on."""
        http = self._h11
        if http is None:
            return False
        return http.our_state is not h11.IDLE

    def receive(self, data: bytes) -> None:
        """Bytes of the client's."""
        if self._h11 is not None:
            self._h11.receive_data(data)
        else:
            self._buffer = self._buffer + data if self._buffer else data

    def next(self) -> Incoming | GoOn | Trouble | None:
        """What comes next; None where more bytes are needed. Not asked for while a request has no reply."""
        if self._h11 is None:
            found = self._plain()
            if found is not None:
                return found
            if self._h11 is None:
                return None
        return self._careful(self._h11)

    def reply(self, status: int, fields: Sequence[tuple[str, str]], body: bytes, *, chunked: bool = False) -> bytes:
        """The bytes of an answer.

        Raises:
            Unanswerable: see there.
        """
        if self._h11 is None and not chunked and not any(name == "Connection" for name, _ in fields):
            self._raw = b""
            head = "".join(f"{name}: {value}\r\n" for name, value in fields)
            return b"HTTP/1.1 %d %s\r\n%sContent-Length: %d\r\n\r\n%s" % (
                status,
                REASONS.get(status, b""),
                head.encode("ascii"),
                len(body),
                body,
            )
        http = self._h11
        if http is None:
            http = self._hand_over(self._raw + self._buffer)
            while not isinstance(http.next_event(), h11.EndOfMessage):
                pass
        try:
            return self._written(http, status, list(fields), body, chunked=chunked)
        except h11.LocalProtocolError as error:
            raise Unanswerable(str(error)) from error

    # Directly

    def _plain(self) -> Incoming | None:
        """The request at the buffer's begin; None where it is not whole, or h11's."""
        data = self._buffer
        if not data:
            return None
        before, after, known = self._last
        if known and data.startswith(before):
            # The head of the request before, but for the length of its body.
            at = data.find(b"\r\n", len(before))
            length = data[len(before) : max(at, 0)]
            if data.startswith(after, at) and _LENGTH.fullmatch(length) and int(length) <= self._largest:
                return self._whole(data, at + len(after), {**known, b"content-length": length})
        head = _HEAD.match(data)
        if head is None:
            # What is no request of that shape, or not yet: h11 says which.
            if len(data) > MAX_HEADER_BYTES or _BLANK_LINE.search(data) or not data.startswith(b"POST /"[: len(data)]):
                self._hand_over(data)
            return None
        fields: dict[bytes, bytes] = {}
        for line in head[2].split(b"\r\n")[:-1]:
            name, _, value = line.partition(b":")
            fields[name.lower()] = value.strip()
        length = fields.get(b"content-length", b"")
        if (
            len(fields) != head[2].count(b"\r\n")
            or not fields.keys() <= _PLAIN
            or b"host" not in fields
            or fields.get(b"connection", b"keep-alive").lower() not in _KEPT
            or not _LENGTH.fullmatch(length)
            or int(length) > self._largest
            or head.end() > MAX_HEADER_BYTES
        ):
            self._hand_over(data)
            return None
        self._target = head[1]
        found = _LENGTH_FIELD.search(data, 0, head.end())
        if found is not None:
            self._last = data[: found.end()], data[found.end() + len(length) : head.end()], fields
        return self._whole(data, head.end(), fields)

    def _whole(self, data: bytes, begin: int, fields: Mapping[bytes, bytes]) -> Incoming | None:
        """The request whose body begins there; None where it has not come to its end."""
        end = begin + int(fields[b"content-length"])
        if len(data) < end:
            return None
        self._raw, self._buffer = data[:end], data[end:]
        return Incoming(b"POST", self._target, fields, data[begin:end])

    def _hand_over(self, data: bytes) -> h11.Connection:
        self._buffer = self._raw = b""
        http = self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEADER_BYTES)
        if data:
            http.receive_data(data)
        return http

    # By h11

    def _careful(self, http: h11.Connection) -> Incoming | GoOn | Trouble | None:
        try:
            while True:
                event = http.next_event()
                if isinstance(event, h11.Request):
                    self._request = event
                    self._body.clear()
                    if http.they_are_waiting_for_100_continue:
                        return GoOn(http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
                elif isinstance(event, h11.Data):
                    self._body += event.data
                    if len(self._body) > self._largest:
                        return Trouble.TOO_LARGE
                elif isinstance(event, h11.EndOfMessage):
                    request = self._request
                    assert request is not None
                    return Incoming(request.method, request.target, dict(request.headers), bytes(self._body))
                elif isinstance(event, h11.ConnectionClosed):
                    return Trouble.CLOSED
                else:
                    return None
        except h11.RemoteProtocolError:
            return Trouble.MALFORMED

    def _written(
        self, http: h11.Connection, status: int, fields: list[tuple[str, str]], body: bytes, *, chunked: bool
    ) -> bytes:
        size = max(len(body), 1)
        if chunked and body:
            size = max(len(body) // 7, 1)
            fields.append(("Transfer-Encoding", "chunked"))
        else:
            fields.append(("Content-Length", str(len(body))))
        response = h11.Response(status_code=status, headers=fields, reason=REASONS.get(status, b""))
        out = [http.send(response) or b""]
        out += [http.send(h11.Data(data=body[at : at + size])) or b"" for at in range(0, len(body), size)]
        out.append(http.send(h11.EndOfMessage()) or b"")
        if http.our_state is h11.DONE and http.their_state is h11.DONE:
            http.start_next_cycle()
        return b"".join(out)

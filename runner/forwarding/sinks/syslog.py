"""Events to a syslog: RFC 5424 over UDP (RFC 5426), TCP with counted octets (RFC 6587) or TLS (RFC 5425).

Syslog acknowledges nothing. Over TCP and TLS a batch is a connection: when all is written our side is closed, and the
receiver, which reads to the end before it closes its own, thereby says that it has read all. A receiver that dies with
something unread resets the connection, which is looked for behind its end too; one that had ended before ours has not
kept to that, and has got nothing. What it read and had not yet written when it died no syslog tells: the batch before
one that fails is therefore sent again (courier.py). Over UDP nobody says anything: what could be sent is called
delivered, and may be lost.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from runner.forwarding.destinations import Destination, Way
from runner.forwarding.entries import Entry, Level
from runner.forwarding.sinks.deadline import Deadline, connected, seal
from runner.forwarding.sinks.interface import NotDeliveredError, unverified
from runner.journal.lines import time_text

_LOOKS, _LOOK_SECONDS = 500, 0.02  # at whether all was acknowledged, and between two
_FACILITY = 13  # log audit
_SEVERITY = {Level.INFO: 6, Level.NOTICE: 5, Level.WARNING: 4, Level.ERROR: 3, Level.ALERT: 1}
_NOT_PRINTED = re.compile(r"[^!-~]")


def message(entry: Entry, text: bytes) -> bytes:
    """The entry's text as a message of RFC 5424."""
    machine = _NOT_PRINTED.sub("", entry.actor.rpartition("@")[2])[:255] or "-"
    kind = _NOT_PRINTED.sub("", entry.event)[:32] or "-"
    priority = _FACILITY * 8 + _SEVERITY[entry.level]
    return f"<{priority}>1 {time_text(entry.time)} {machine} exrun - {kind} - ".encode() + text


class SyslogSink:
    """A connection a batch; datagrams one an entry."""

    keeps = False

    def __init__(
        self,
        to: Destination,
        render: Callable[[Entry], bytes],
        ca_file: str | None,
        deadline: Deadline | None = None,
    ) -> None:
        self._to = to
        self._render = render
        self._deadline = deadline or Deadline()
        self._context = (
            None if to.way is not Way.TLS else seal(ssl.create_default_context(cafile=ca_file), self._deadline)
        )

    def deliver(self, entries: Sequence[Entry]) -> int:
        messages = [message(entry, self._render(entry)) for entry in entries]
        self._deadline.begin()
        try:
            if self._to.way is Way.UDP:
                return self._as_datagrams(messages)
            self._as_stream(b"".join(b"%d %b" % (len(each), each) for each in messages))
        except ssl.SSLCertVerificationError as error:
            raise unverified(self._to.host, error) from None
        except TimeoutError:
            raise NotDeliveredError(f"{self._to.host} {self._deadline.said}") from None
        except OSError as error:
            raise NotDeliveredError(f"{self._to.host}: {error.strerror or type(error).__name__}") from None
        return 0

    def _as_datagrams(self, messages: Sequence[bytes]) -> int:
        """How many are longer than any datagram."""
        refused = 0
        family, kind, protocol, _, address = socket.getaddrinfo(self._to.host, self._to.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as datagrams:
            datagrams.settimeout(self._deadline.wait())
            datagrams.connect(address)  # so that `nobody listens there` comes back, where it does
            for each in messages:
                try:
                    datagrams.send(each)
                except OSError as error:
                    if error.errno != errno.EMSGSIZE:
                        raise
                    refused += 1
        return refused

    def _as_stream(self, data: bytes) -> None:
        with connected(self._to.host, self._to.port, self._deadline) as plain:
            if self._context is None:
                plain.sendall(data)
                self._still_listens(plain)
                plain.shutdown(socket.SHUT_WR)
                self._wait_for_end(plain)
                self._has_all(plain)
                return
            with self._context.wrap_socket(plain, server_hostname=self._to.host) as sealed:
                sealed.sendall(data)
                # Says that this is the end, and waits for the receiver to say the same; many close without a word, when
                # they have read ours.
                with suppress(ssl.SSLEOFError, ssl.SSLZeroReturnError):
                    sealed.unwrap()
                self._has_all(sealed)

    def _still_listens(self, connection: socket.socket) -> None:
        """That it has not closed before our end: whoever does has died, or was told to stop."""
        connection.setblocking(False)
        with suppress(BlockingIOError):
            if not socket.socket.recv(connection, 1, socket.MSG_PEEK):  # which does not wait, unlike that of ours
                raise NotDeliveredError(f"{self._to.host} hung up")

    def _has_all(self, connection: socket.socket) -> None:
        """That every byte was taken by a system whose program then read it, where this system tells.

        Behind the receiver's end a reset is not shown to who reads, and comes later than the end where it is far away.
        """
        for _ in range(_LOOKS):
            unsent = _unacknowledged(connection)
            _raise_error_of(connection)
            if not unsent:
                return
            self._deadline.wait()
            time.sleep(_LOOK_SECONDS)
        raise NotDeliveredError(f"{self._to.host} hung up before it had all")

    def _wait_for_end(self, connection: socket.socket) -> None:
        """Reads what nobody listens to until the receiver closes."""
        while connection.recv(4096):
            pass


def _raise_error_of(connection: socket.socket) -> None:
    if error := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, os.strerror(error))


def _unacknowledged(connection: socket.socket) -> int:
    """Bytes that the receiver's system has not acknowledged; 0 where this one does not tell."""
    if sys.platform != "linux":
        return 0
    import fcntl
    import struct
    import termios

    count: int = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
    return count

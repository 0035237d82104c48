"""Events to a syslog: RFC 5424 over UDP (RFC 5426), TCP with counted octets (RFC 6587) or TLS (RFC 5425).

Syslog acknowledges nothing. Over TCP and TLS a batch is a connection: when all is written our side is closed, and the
receiver, which reads to the end before it closes its own, thereby says that it has read all. A receiver that dies
resets the connection, or closes it before ours is. Over UDP nobody says anything: what could be sent is called
delivered, and may be lost.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress

from runner.forwarding.destinations import Destination, Way
from runner.forwarding.entries import Entry, Level
from runner.forwarding.sinks.interface import NotDeliveredError
from runner.journal.lines import time_text

SECONDS = 10.0  # for a connection, and for each wait for the receiver
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

    def __init__(self, to: Destination, render: Callable[[Entry], bytes], ca_file: str | None) -> None:
        self._to = to
        self._render = render
        self._context = None if to.way is not Way.TLS else ssl.create_default_context(cafile=ca_file)

    def deliver(self, entries: Sequence[Entry]) -> int:
        messages = [message(entry, self._render(entry)) for entry in entries]
        try:
            if self._to.way is Way.UDP:
                self._as_datagrams(messages)
            else:
                self._as_stream(b"".join(b"%d %b" % (len(each), each) for each in messages))
        except ssl.SSLCertVerificationError:
            raise NotDeliveredError(
                f"the certificate of {self._to.host} could not be verified (--events-ca names its authority)"
            ) from None
        except TimeoutError:
            raise NotDeliveredError(f"{self._to.host} does not answer within {SECONDS:g} seconds") from None
        except OSError as error:
            raise NotDeliveredError(f"{self._to.host}: {error.strerror or type(error).__name__}") from None
        return 0

    def _as_datagrams(self, messages: Sequence[bytes]) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(self._to.host, self._to.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as datagrams:
            datagrams.settimeout(SECONDS)
            datagrams.connect(address)  # so that `nobody listens there` comes back, where it does
            for each in messages:
                datagrams.send(each)

    def _as_stream(self, data: bytes) -> None:
        with socket.create_connection((self._to.host, self._to.port), SECONDS) as plain:
            if self._context is None:
                plain.sendall(data)
                plain.shutdown(socket.SHUT_WR)
                self._wait_for_end(plain)
                return
            with self._context.wrap_socket(plain, server_hostname=self._to.host) as sealed:
                sealed.sendall(data)
                try:
                    sealed.unwrap()  # says that this is the end, and waits for the receiver to say the same
                except ssl.SSLEOFError:
                    return  # it closed without a word, as many do: it had read ours
                except ssl.SSLZeroReturnError:
                    return

    def _wait_for_end(self, connection: socket.socket) -> None:
        """Reads what nobody listens to until the receiver closes."""
        for _ in range(1000):
            if not connection.recv(4096):
                return
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        raise NotDeliveredError(f"{self._to.host} talks instead of listening")

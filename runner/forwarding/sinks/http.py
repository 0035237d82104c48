"""Events by POST: lines of JSON (application/x-ndjson), or requests of OTLP. A status of 2xx says that they arrived."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.forwarding import otlp
from runner.forwarding.destinations import Destination, Format
from runner.forwarding.ecs import render
from runner.forwarding.entries import Entry
from runner.forwarding.sinks.interface import NotDeliveredError, unverified
from runner.loopback import is_this_machine
from runner.secrets.interface import Secret

if TYPE_CHECKING:
    from requests import Response

SECONDS = 10.0  # for a connection, and for each wait for bytes of the answer
MOST_ANSWER = 65536  # bytes of an answer that are read
_TOO_LARGE = 413
LONGEST_WAIT = 300.0  # seconds that a receiver may ask for


class HttpSink:
    """One connection that is kept."""

    keeps = True

    def __init__(self, to: Destination, authorization: Secret | None, ca_file: str | None) -> None:
        import requests  # with urllib3 a quarter of a second, for this kind of destination alone

        self._to = to
        self._url = to.address.removeprefix("otlp+")
        self._authorization = authorization
        self._requests = requests
        self._session = requests.Session()
        # Settings of the environment: a proxy, an authority. Never the ~/.netrc, and no proxy to this machine.
        self._session.trust_env = not is_this_machine(self._host)
        self._session.auth = self._authorize
        self._verify: bool | str = ca_file or True

    @property
    def _host(self) -> str:
        from urllib.parse import urlsplit

        return urlsplit(self._url).hostname or ""

    def deliver(self, entries: Sequence[Entry]) -> int:
        if self._to.format is Format.OTLP:
            kind, body = "application/x-protobuf", otlp.request(entries)
        else:
            kind, body = "application/x-ndjson", b"".join(render(entry) + b"\n" for entry in entries)
        known = self._requests.exceptions
        try:
            with self._session.post(
                self._url,
                data=body,
                headers={"Content-Type": kind, "User-Agent": "exrun"},
                timeout=SECONDS,
                allow_redirects=False,  # nobody but who was named gets a client's events
                stream=True,
                verify=self._verify,
            ) as response:
                answer = self._answer(response) if self._to.format is Format.OTLP else b""
        except known.SSLError as error:
            raise unverified(self._host, error) from None
        except known.Timeout:
            raise NotDeliveredError(f"{self._host} does not answer within {SECONDS:g} seconds") from None
        except (known.RequestException, OSError) as error:
            raise NotDeliveredError(f"{self._host} cannot be reached ({type(error).__name__})") from None
        if response.status_code == _TOO_LARGE:  # and stays so, however often it is sent
            half = len(entries) // 2
            return self.deliver(entries[:half]) + self.deliver(entries[half:]) if half else 1
        if not 200 <= response.status_code < 300:
            raise NotDeliveredError(
                f"{self._host} answered {response.status_code}", _wait(response.headers.get("Retry-After", ""))
            )
        return self._rejected(answer)

    def _answer(self, response: Response) -> bytes:
        """Of a receiver that says a byte now and then no more than has come in time."""
        until, answer = time.monotonic() + SECONDS, bytearray()
        for piece in response.iter_content(1):
            answer += piece
            if len(answer) >= MOST_ANSWER or time.monotonic() > until:
                break
        return bytes(answer)

    def _rejected(self, answer: bytes) -> int:
        return otlp.rejected(answer)[0] if self._to.format is Format.OTLP else 0

    def _authorize(self, request):  # type: ignore[no-untyped-def]
        """What requests calls for each request; that it is there keeps it from looking into ~/.netrc."""
        if self._authorization is not None:
            request.headers["Authorization"] = self._authorization.reveal()
        return request


def _wait(text: str) -> float | None:
    return min(float(text), LONGEST_WAIT) if text.isascii() and text.isdigit() and len(text) < 6 else None

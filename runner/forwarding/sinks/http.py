"""Events by POST: lines of JSON (application/x-ndjson), or requests of OTLP. A status of 2xx says that they arrived."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runner.forwarding import otlp
from runner.forwarding.destinations import Destination, Format
from runner.forwarding.ecs import render
from runner.forwarding.entries import Entry
from runner.forwarding.sinks.deadline import Deadline, connected, seal
from runner.forwarding.sinks.interface import NotDeliveredError, unverified
from runner.loopback import is_this_machine
from runner.secrets.interface import Secret

if TYPE_CHECKING:
    from requests import Response
    from requests.adapters import HTTPAdapter

MOST_ANSWER = 65536  # bytes of an answer that are read
_TOO_LARGE = 413
LONGEST_WAIT = 300.0  # seconds that a receiver may ask for


class HttpSink:
    """One connection that is kept."""

    keeps = True

    def __init__(
        self,
        to: Destination,
        authorization: Secret | None,
        ca_file: str | None,
        deadline: Deadline | None = None,
    ) -> None:
        import requests  # with urllib3 a quarter of a second, for this kind of destination alone

        self._to = to
        self._url = to.address.removeprefix("otlp+")
        self._authorization = authorization
        self._requests = requests
        self._deadline = deadline or Deadline()
        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _adapter(self._deadline, ca_file))
        # Settings of the environment: a proxy, an authority. Never the ~/.netrc, and no proxy to this machine.
        self._session.trust_env = not is_this_machine(self._host)
        self._session.auth = self._authorize
        self._verify: bool | str = ca_file or True

    @property
    def _host(self) -> str:
        from urllib.parse import urlsplit

        return urlsplit(self._url).hostname or ""

    def deliver(self, entries: Sequence[Entry]) -> int:
        self._deadline.begin()
        return self._deliver(entries)

    def _deliver(self, entries: Sequence[Entry]) -> int:
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
                allow_redirects=False,  # nobody but who was named gets a client's events
                stream=True,
                verify=self._verify,
            ) as response:
                answer = self._answer(response) if self._to.format is Format.OTLP else b""
        except known.SSLError as error:
            raise unverified(self._host, error) from None
        except (known.RequestException, OSError) as error:
            if self._deadline.over or _is_late(error):
                raise NotDeliveredError(f"{self._host} {self._deadline.said}") from None
            raise NotDeliveredError(f"{self._host} cannot be reached ({type(error).__name__})") from None
        if response.status_code == _TOO_LARGE:  # and stays so, however often it is sent
            half = len(entries) // 2
            return self._deliver(entries[:half]) + self._deliver(entries[half:]) if half else 1
        if not 200 <= response.status_code < 300:
            raise NotDeliveredError(
                f"{self._host} answered {response.status_code}", _wait(response.headers.get("Retry-After", ""))
            )
        return self._rejected(answer)

    def _answer(self, response: Response) -> bytes:
        answer = bytearray()
        for piece in response.iter_content(1024):
            answer += piece
            if len(answer) >= MOST_ANSWER:
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


def _is_late(error: BaseException) -> bool:
    """Whether a wait ran out beneath what a library says of it."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, TimeoutError):
        found = found.__context__
    return found is not None


def _adapter(deadline: Deadline, ca_file: str | None) -> HTTPAdapter:
    """What requests connects with, through a proxy too: every socket keeps to the deadline."""
    from requests.adapters import HTTPAdapter
    from requests.utils import DEFAULT_CA_BUNDLE_PATH
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.util.ssl_ import create_urllib3_context

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connected(self._dns_host, self.port, deadline)

    class Sealed(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connected(self._dns_host, self.port or 443, deadline)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SealedPool(HTTPSConnectionPool):
        ConnectionCls = Sealed

    pools = {"http": PlainPool, "https": SealedPool}

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **named: Any) -> None:
            named["ssl_context"] = seal(create_urllib3_context(), deadline)
            super().init_poolmanager(connections, maxsize, block, **named)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
            if proxy.lower().startswith("socks"):
                return super().proxy_manager_for(proxy, **named)
            # That of the proxy itself, for which requests has none: it trusts whom we trust behind it.
            before = create_urllib3_context()
            trusted = ca_file or os.environ.get("REQUESTS_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH
            before.load_verify_locations(**{"capath" if os.path.isdir(trusted) else "cafile": trusted})
            named["proxy_ssl_context"] = seal(before, deadline)
            named["ssl_context"] = seal(create_urllib3_context(), deadline)
            manager = super().proxy_manager_for(proxy, **named)
            manager.pool_classes_by_scheme = pools
            return manager

    return Adapter()

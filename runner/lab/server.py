"""Serving a fleet: one event loop, one listening socket a host, in the calling thread or in one of its own.

with start(fleet, {"sim": SimEngine()}) as lab:
    lab.host("alpha/EX1").url
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TextIO

from runner.lab.authentication import Accounts
from runner.lab.certificates import Authority, Issued
from runner.lab.connection import Connection
from runner.lab.engines.interface import Engine
from runner.lab.faults import Act, FaultPlan, Step
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.ledger import HostLedger, Ledger
from runner.lab.service import Service

_BACKLOG = 128
_PATIENCE = 30.0  # seconds for the loop's thread to begin and to end


class LabError(Exception):
    """The lab cannot begin: an address that is taken, or an engine that nobody gave."""


class Served:
    """One host while it is served.

    Attributes:
        host: as the fleet says, with the port that it got.
        plan: its faults; may be replaced while it runs.
    """

    def __init__(
        self,
        host: LabHost,
        service: Service,
        accounts: Accounts,
        counts: HostLedger,
        tls: ssl.SSLContext | None = None,
        binding: bytes | None = None,
        client: Issued | None = None,
    ) -> None:
        self.host = host
        self.service = service
        self.plan = FaultPlan(host.faults)
        self.counts = counts
        self.accounts = accounts
        self.tls = tls
        self.binding = binding
        self._client = client
        self.connections: set[Connection] = set()
        self.port = host.port

    @property
    def url(self) -> str:
        """Where WinRM is."""
        return f"{self.host.scheme}://{self.host.address}:{self.port}/wsman"

    def mapped(self, certificate: bytes) -> str | None:
        """The account that a client certificate (DER) stands for, if any."""
        if self._client is not None and certificate == self._client.der:
            return self.host.account.user
        return None


class Lab:
    """A fleet that is served. Made by `start`; `ledger` and the hosts' plans may be used from any thread."""

    def __init__(
        self,
        fleet: Fleet,
        engines: Mapping[str, Engine],
        ledger: Ledger,
        authority: Authority,
        new_id: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        missing = sorted({host.engine for host in fleet.hosts} - set(engines))
        if missing:
            raise LabError(f"no engine {', '.join(missing)}; there is {', '.join(sorted(engines)) or 'none'}")
        self.fleet = fleet
        self.ledger = ledger
        self._engines = engines
        self._new_id = new_id
        self._authority = authority
        self._accounts: dict[Account, Accounts] = {}
        self._client_certificates: dict[Account, Issued] = {}
        self._served: dict[str, Served] = {}
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []

    @property
    def hosts(self) -> Mapping[str, Served]:
        """Served hosts by `client/name`."""
        return self._served

    def host(self, key: str) -> Served:
        """One served host by `client/name`."""
        return self._served[key]

    @property
    def ca_pem(self) -> bytes:
        """What clients must trust to reach the hosts over HTTPS."""
        return self._authority.pem

    def client_certificate(self, account: Account) -> Issued:
        """The certificate with which an account may log on over HTTPS."""
        if account not in self._client_certificates:
            self._client_certificates[account] = self._authority.client(account.user)
        return self._client_certificates[account]

    async def begin(self) -> None:
        """Listens for all hosts.

        Raises:
            LabError: an address cannot be had.
        """
        loop = asyncio.get_running_loop()
        _allow_files(3 * len(self.fleet.hosts) + 256)
        for host in self.fleet.hosts:
            if host.account not in self._accounts:
                self._accounts[host.account] = Accounts([host.account])
            accounts, counts = self._accounts[host.account], self.ledger.host(host.key)
            service = Service(host, self._engines[host.engine], self.ledger, loop, self._new_id)
            if host.scheme == "https":
                issued = self._authority.server(host.name, host.address)
                tls = self._authority.server_context(issued)
                client = self.client_certificate(host.account)
                served = Served(host, service, accounts, counts, tls, issued.endpoint_binding, client)
            else:
                served = Served(host, service, accounts, counts)
            sock = _bound(host)
            self._sockets.append(sock)
            served.port = sock.getsockname()[1]
            service.endpoint = served.url
            self._served[host.key] = served
            if not _refuses(host):
                sock.setblocking(False)
                self._servers.append(await loop.create_server(_maker(served, loop), sock=sock, backlog=_BACKLOG))

    async def end(self) -> None:
        """Closes everything that `begin` opened."""
        for server in self._servers:
            server.close()
        for served in self._served.values():
            for connection in list(served.connections):
                connection.close()
            served.service.close()
        for sock in self._sockets:
            sock.close()
        for accounts in self._accounts.values():
            accounts.path.unlink(missing_ok=True)
        await asyncio.sleep(0)


def _maker(served: Served, loop: asyncio.AbstractEventLoop) -> Callable[[], Connection]:
    return lambda: Connection(served, loop)


def _allow_files(count: int) -> None:
    """Raises this process's limit of open files towards `count`, as far as the system lets it."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _refuses(host: LabHost) -> bool:
    return any(fault.act is Act.REFUSE and fault.at is Step.CONNECT and fault.first == 1 for fault in host.faults)


def _bound(host: LabHost) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host.address, host.port))
    except OSError as error:
        sock.close()
        raise LabError(f"{host.key}: cannot listen on {host.address}:{host.port}: {error.strerror}") from error
    return sock


@contextmanager
def start(fleet: Fleet, engines: Mapping[str, Engine], *, ledger_file: TextIO | None = None) -> Iterator[Lab]:
    """Serves a fleet in a thread until the block ends. The engines are not closed.

    Raises:
        LabError: see there.
    """
    ledger = Ledger(lambda: datetime.now(UTC), ledger_file)
    lab = Lab(fleet, engines, ledger, Authority(datetime.now(UTC)))
    thread = _Thread(lab)
    thread.start()
    try:
        thread.begun.wait(_PATIENCE)
        if thread.failure is not None:
            raise thread.failure
        yield lab
    finally:
        thread.stop()


class _Thread(threading.Thread):
    """The lab's own thread, with its event loop."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(name="exrun-lab", daemon=True)
        self.begun = threading.Event()
        self.failure: BaseException | None = None
        self._lab = lab
        self._loop: asyncio.AbstractEventLoop | None = None
        self._enough: asyncio.Event | None = None

    def run(self) -> None:
        """Serves until `stop`."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._enough = asyncio.Event()
        try:
            await self._lab.begin()
        except BaseException as error:
            self.failure = error
            await self._lab.end()
            return
        finally:
            self.begun.set()
        await self._enough.wait()
        await self._lab.end()

    def stop(self) -> None:
        """Ends the loop and waits for it."""
        if self._loop is not None and self._enough is not None and self.is_alive():
            with contextlib.suppress(RuntimeError):  # it ended by itself
                self._loop.call_soon_threadsafe(self._enough.set)
        self.join(_PATIENCE)

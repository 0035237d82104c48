"""Serving a fleet: one event loop, one listening socket a host, in the calling thread or in one of its own.

with start(fleet, {"sim": SimEngine()}) as lab:
    lab.host("alpha/EX1").url
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
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
from runner.lab.errors import LabError
from runner.lab.faults import Act, FaultPlan, Step
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.ledger import HostLedger, Ledger
from runner.lab.service import Service
from runner.lab.shapes import Shapes
from runner.lab.state import HostState

_BACKLOG = 128
_FAREWELL = 5.0  # seconds in which connections must be gone
_PAUSE = 0.1  # seconds
_PATIENCE = 30.0  # seconds for the loop's thread to begin and to end


def alone() -> None:
    """Says that this process does nothing else but serve what is there now.

    The garbage collector went over all modules and hosts again and again, a seventh of what an audited host cost. Now
    it looks only at what has come since, and more rarely.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


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
        shapes: Shapes,
        tls: ssl.SSLContext | None = None,
        binding: bytes | None = None,
        client: Issued | None = None,
    ) -> None:
        self.host = host
        self.service = service
        self.plan = FaultPlan(host.faults)
        self.counts = counts
        self.shapes = shapes
        self.accounts = accounts
        self.tls = tls
        self.binding = binding
        self._client = client
        self.connections: set[Connection] = set()
        self.port = host.port
        self._up = 0.0  # from when on, on the loop's clock
        self._refuses = 0  # connections
        service.goes_down = lambda refused: self.restart(0.0, refused)

    @property
    def url(self) -> str:
        """Where WinRM is."""
        return f"{self.host.scheme}://{self.host.address}:{self.port}/wsman"

    def lets_in(self) -> bool:
        """Whether a connection that has come is let in: not while it restarts. Only in the lab's loop."""
        if self._refuses:
            self._refuses -= 1
            return False
        return asyncio.get_running_loop().time() >= self._up

    def restart(self, seconds: float, refused: int = 0) -> None:
        """Every shell and connection ends; for so long, and for so many that come, there is no other. Only in the lab's
        loop."""
        self._up = asyncio.get_running_loop().time() + seconds
        self._refuses = refused
        self.service.close()
        for connection in list(self.connections):
            connection.reset()

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
        self._shapes = Shapes()
        self._accounts: dict[Account, Accounts] = {}
        self._client_certificates: dict[Account, Issued] = {}
        self._served: dict[str, Served] = {}
        self._sockets: list[socket.socket] = []
        self._entrances: list[_Entrance] = []

    @property
    def hosts(self) -> Mapping[str, Served]:
        """Served hosts by `client/name`."""
        return self._served

    def host(self, key: str) -> Served:
        """One served host by `client/name`."""
        return self._served[key]

    def states(self) -> Iterator[tuple[str, str, HostState]]:
        """Client, name and state, as it is now, of each host; until its engine is closed."""
        for one in self._served.values():
            yield one.host.client, one.host.name, one.service.saved

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
                served = Served(host, service, accounts, counts, self._shapes, tls, issued.endpoint_binding, client)
            else:
                served = Served(host, service, accounts, counts, self._shapes)
            sock = _bound(host)
            self._sockets.append(sock)
            served.port = sock.getsockname()[1]
            service.endpoint = served.url
            self._served[host.key] = served
            if not _refuses(host):
                self._entrances.append(_Entrance(served, sock))
                await self._entrances[-1].open()

    async def end(self) -> None:
        """Closes everything that `begin` opened."""
        for entrance in self._entrances:
            await entrance.close()
        loop = asyncio.get_running_loop()
        until = loop.time() + _FAREWELL
        while open_still := [connection for served in self._served.values() for connection in served.connections]:
            for connection in open_still:
                connection.close()
            if loop.time() > until:
                break
            await asyncio.sleep(0)
        for served in self._served.values():
            served.service.close()
        for sock in self._sockets:
            sock.close()
        for accounts in self._accounts.values():
            accounts.path.unlink(missing_ok=True)


class _Entrance:
    """Lets clients in to one host.

    Not asyncio.Server, nor sock_accept: one that is closed while it accepts loses the connection without closing it
    (Python 3.11). Where the loop cannot watch a socket (Windows), it is asyncio.Server after all.
    """

    def __init__(self, served: Served, sock: socket.socket) -> None:
        self._served = served
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._coming: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """From now on clients are let in."""
        self._sock.setblocking(False)
        try:
            self._loop.add_reader(self._sock, self._accept)
        except NotImplementedError:
            self._server = await self._loop.create_server(self._connection, sock=self._sock, backlog=_BACKLOG)

    async def close(self) -> None:
        """Nobody is let in any more, and whoever was is in `connections`."""
        if self._server is not None:
            self._server.close()
        else:
            self._loop.remove_reader(self._sock)
            await asyncio.gather(*self._coming, return_exceptions=True)

    def _connection(self) -> Connection:
        return Connection(self._served, self._loop)

    def _accept(self) -> None:
        try:
            accepted, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # gone before it was let in
        except OSError:  # no descriptor left: look again later, not at once for ever
            self._loop.remove_reader(self._sock)
            self._loop.call_later(_PAUSE, self._again)
            return
        accepted.setblocking(False)
        task = self._loop.create_task(self._let_in(accepted))
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)

    def _again(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.add_reader(self._sock, self._accept)

    async def _let_in(self, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._connection, accepted)
        except OSError:
            accepted.close()


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
        if host.port and os.name == "posix":
            # A port that was in use a moment ago. Never for a port that the system chooses: it would give the port of
            # a socket that does not listen yet, or never does, because its host refuses connections.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host.address, host.port))
        if not _refuses(host):
            sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise LabError(f"{host.key}: cannot listen on {host.address}:{host.port}: {error.strerror}") from error
    return sock


@contextmanager
def start(
    fleet: Fleet,
    engines: Mapping[str, Engine],
    *,
    ledger_file: TextIO | None = None,
    new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
) -> Iterator[Lab]:
    """Serves a fleet in a thread until the block ends. The engines are not closed.

    Args:
        new_loop: the loop in which it is served; its time is the servers'.

    Raises:
        LabError: see there.
    """
    ledger = Ledger(lambda: datetime.now(UTC), ledger_file)
    lab = Lab(fleet, engines, ledger, Authority(datetime.now(UTC)))
    thread = _Thread(lab, new_loop)
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

    def __init__(self, lab: Lab, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        super().__init__(name="exrun-lab", daemon=True)
        self.begun = threading.Event()
        self.failure: BaseException | None = None
        self._lab = lab
        self._new_loop = new_loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._enough: asyncio.Event | None = None

    def run(self) -> None:
        """Serves until `stop`."""
        with asyncio.Runner(loop_factory=self._new_loop) as runner:
            runner.run(self._serve())

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

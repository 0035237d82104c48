"""One client that walks through every step of the protocol, over exrun's own HTTP, and a tap on what it hears."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.shell import SignalCode
from pypsrp.wsman import WSMan

from runner.lab.faults import Step
from runner.lab.server import Served
from runner.transport.http import HttpTransport, contexts
from runner.transport.wire import SocketWire, Waiting, Wire, dialler
from tests.runner.lab.conftest import ACCOUNT

IDENTIFY = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body>'
    b'<i:Identify xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"/></s:Body></s:Envelope>'
)
ORDER = (
    Step.CONNECT,
    Step.AUTHENTICATE,
    Step.IDENTIFY,
    Step.CREATE,
    Step.RECEIVE_OPEN,
    Step.QUERY,
    Step.COMMAND,
    Step.RECEIVE,
    Step.SIGNAL,
    Step.SEND,
    Step.DISCONNECT,
    Step.RECONNECT,
    Step.ATTACH,
    Step.DELETE,
)
"""The steps of `Walker.walk`, in the order in which each comes first."""
_SLICE = 0.2  # seconds between two looks at whether the host is silent


@dataclass
class Tap:
    """A Wire that remembers what came, and gives up once the host has come to where it says nothing more."""

    inner: SocketWire
    heard: list[bytes]
    silent: Callable[[], bool]

    @property
    def address(self) -> str:
        return self.inner.address

    @property
    def certificate(self) -> bytes | None:
        return self.inner.certificate

    def send(self, data: memoryview, seconds: float) -> int:
        return self.inner.send(data, seconds)

    def recv(self, seconds: float) -> bytes:
        while True:
            seconds -= _SLICE
            try:
                data = self.inner.recv(min(seconds, 0.0) + _SLICE)
            except TimeoutError:
                if seconds <= 0 or self.silent():
                    raise
            else:
                self.heard.append(data)
                return data

    def stale(self) -> bool:
        return self.inner.stale()

    def close(self) -> None:
        self.inner.close()


@dataclass
class Walker:
    """A client of one host.

    Attributes:
        silence: the step at which the host will not answer: only there it is not waited for.
        heard: what came over the wire, receive by receive.
        envelopes: the answers, opened.
        output: what scripts gave.
    """

    served: Served
    silence: Step | None = None
    heard: list[bytes] = field(default_factory=list)
    envelopes: list[bytes] = field(default_factory=list)
    output: list[object] = field(default_factory=list)

    def wsman(self) -> WSMan:
        """pypsrp over exrun's HTTP, on a connection of its own."""
        host = self.served.host
        dial = dialler(host.address, self.served.port, None, Waiting())

        def tapped(seconds: float) -> Wire:
            wire = dial(seconds)
            assert isinstance(wire, SocketWire)
            return Tap(
                wire, self.heard, lambda: self.silence is not None and self.served.counts.steps[self.silence] > 0
            )

        new_context = contexts("negotiate", ACCOUNT.user, ACCOUNT.password, host.address, sealing=True)
        transport = HttpTransport(self.served.url, tapped, new_context, sealed=True, clock=time.monotonic)
        send = transport.send

        def listened(message: bytes, **options: object) -> bytes:
            answer = send(message)
            self.envelopes.append(answer)
            return answer

        transport.send = listened  # type: ignore[method-assign, assignment]
        wsman = WSMan(host.address, port=self.served.port, ssl=False)
        wsman.transport = transport
        return wsman

    def walk(self, script: str = "hello") -> None:
        """Every step once at least; raises what the first failure raises."""
        for step in self.steps(script):
            step()

    def steps(self, script: str) -> Iterator[Callable[[], object]]:
        """The walk, piece by piece."""
        wsman, other = self.wsman(), self.wsman()
        try:
            yield lambda: wsman.transport.send(IDENTIFY)
            pool = RunspacePool(wsman)
            yield pool.open
            yield wsman.get_server_config
            powershell = PowerShell(pool).add_script(script)
            yield lambda: self.output.extend(powershell.invoke())
            yield lambda: pool.shell.signal(SignalCode.TERMINATE, powershell.id.upper())
            yield lambda: pool.shell.send("stdin", b"")
            yield pool.disconnect
            yield pool.connect
            yield pool.disconnect
            taken = RunspacePool(other)
            taken.id = taken.shell.id = pool.shell.id
            taken.shell.opened = taken._new_client = True
            taken.state = pool.state
            yield taken.connect
            yield taken.close
        finally:
            wsman.close()
            other.close()

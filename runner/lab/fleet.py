"""What the lab serves: accounts, hosts, and per host its state, address, limits and faults; fleet_file.py reads it.

Passwords here are the lab's own and open no door anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Literal

from runner.lab.faults import Fault
from runner.lab.state import HostState

Scheme = Literal["http", "https"]
Authentication = Literal["negotiate", "ntlm", "certificate"]


@dataclass(frozen=True, slots=True)
class Account:
    """Who may log on to a client's hosts: `DOMAIN\\name` and a password."""

    user: str
    password: str

    @property
    def spellings(self) -> tuple[str, ...]:
        """The names under which a client may present the account: as written, as a UPN, and without a domain."""
        domain, _, name = self.user.rpartition("\\")
        return (self.user, f"{name}@{domain}", name) if domain else (self.user,)


@dataclass(frozen=True, slots=True)
class Limits:
    """The quotas and timeouts of one host's WinRM; the defaults are those of Windows Server 2012 and later.

    Attributes:
        max_shells_per_user: open and disconnected shells of one account.
        max_envelope_kb: of one request and of one reply, in KiB.
        max_concurrent_operations_per_user: commands that have not been terminated, and requests without an answer.
        idle_seconds: a shell that no request names for so long is closed. A client may ask for another time...
        max_idle_seconds: ...up to this one.
        operation_seconds: a Receive waits at most this long, whatever OperationTimeout the client gives.
        keep_alive_seconds: a connection without a request is closed after this time.
        allow_unencrypted: messages over HTTP need not be sealed.
        clock_ahead_seconds: how far the clock that its answers bear is ahead of this machine's; less than 0 for behind.
    """

    max_shells_per_user: int = 30
    max_envelope_kb: int = 500
    max_concurrent_operations_per_user: int = 1500
    idle_seconds: float = 7200.0
    max_idle_seconds: float = 2_147_483.647
    operation_seconds: float = 60.0
    keep_alive_seconds: float = 120.0
    allow_unencrypted: bool = False
    clock_ahead_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class LabHost:
    """One simulated server.

    Attributes:
        port: 0 lets the operating system choose.
        authentication: for the inventory; every host takes NTLM and Negotiate, over https a certificate too.
        engine: the name under which the engine is given to `server.start`.
        labels: for the inventory that fits the fleet.
    """

    client: str
    name: str
    state: HostState
    account: Account
    address: str = "127.0.0.1"
    port: int = 0
    scheme: Scheme = "http"
    authentication: Authentication = "negotiate"
    engine: str = "sim"
    limits: Limits = field(default_factory=Limits)
    faults: tuple[Fault, ...] = ()
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def key(self) -> str:
        """`client/name`: unique in a fleet, and the same as in the inventory."""
        return f"{self.client}/{self.name}"


@dataclass(frozen=True, slots=True)
class Fleet:
    """All hosts, in the order of the file. `day` is that as on which they are to be judged; None for today."""

    hosts: tuple[LabHost, ...]
    day: date | None = None

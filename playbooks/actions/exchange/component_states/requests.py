"""What requesters have asked of the components of an Exchange server, as the server's registry keeps it.

A key per component, in it a value per requester: text `1:<state>:<ticks>`. The form is that of Exchange's own reader
and writer (class ServerComponentStates of Microsoft.Exchange.Data.Directory 15.00.1497, as the public repository
PiratesRE/exchange_diff has it decompiled): a version from 1 on, the number of the state, and the time in UTC as ticks
of 100 ns since the year 1; whatever follows a further colon is passed over; names have at most 32 characters and no
colon. There it also stands that a component is down where any requester wants it down, that Inactive goes before
Draining, that ServerWideOffline takes all others down but Monitoring and RecoveryActionsEnabled, and which requesters
there are (ServerComponentRequest; Set-ServerComponentState takes no other).

The numbers are those of the enumeration Microsoft.Exchange.Data.ServiceState there (Draining is 3, and 2 is none). That
1 is Active a server of 2019 confirms (CSS-Exchange, HealthChecker's tests, E19/Exchange/GetServerComponentState.xml):
there Functional asks for Active, as updates do at their end.

Exchange passes over what it cannot read. Here such a value is one of which nobody knows what it asks: what is public is
of Exchange 2013, and other versions may read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from playbooks.observation import Observed
from playbooks.values import Record, text_of

__all__ = ["ALL", "REQUESTERS", "UNTOUCHED", "WATCHING", "Requested", "State", "requested", "unclear"]

ALL = "ServerWideOffline"
# What ServerWideOffline leaves as it is: managed availability, which watches the server and mends it.
WATCHING = ("Monitoring", "RecoveryActionsEnabled")
# Down by default on every server outside Microsoft's own service, and no fault.
UNTOUCHED = frozenset({"forwardsyncdaemon", "provisioningrps"})
# In the order in which what they left is told.
REQUESTERS = ("Functional", "Maintenance", "HealthApi", "Sidelined", "Deployment")

_FORM = re.compile(r"([0-9]{1,9}):([0-9]{1,9}):([0-9]{1,19})(?::.*)?", re.ASCII | re.DOTALL)
_NAME = re.compile(r"[^:]{1,32}", re.DOTALL)
_YEAR_ONE = datetime(1, 1, 1)  # noqa: DTZ001 - ticks are of UTC, and are shown as such


class State(Enum):
    """What a requester can ask for."""

    INACTIVE = 0
    ACTIVE = 1
    DRAINING = 3

    def __str__(self) -> str:
        return self.name.capitalize()


@dataclass(frozen=True, slots=True)
class Requested:
    """What one requester asks of one component.

    Attributes:
        since: when it asked, in UTC, without a zone.
    """

    component: str
    requester: str
    state: State
    since: datetime

    @property
    def line(self) -> str:
        """`HubTransport: Inactive, asked for by Functional on 2026-11-20 at 10:11 UTC`."""
        when = f"{self.since:%Y-%m-%d} at {self.since:%H:%M} UTC"
        return f"{self.component}: {self.state}, asked for by {self.requester} on {when}"


def requested(observed: Observed) -> tuple[Requested, ...]:
    """What is asked for, as far as it can be read; by requester, then as the server lists its components."""
    found = [each for component in observed.of_kind("Component") for each in _of(component)]
    return tuple(sorted(found, key=lambda each: REQUESTERS.index(each.requester)))


def unclear(observed: Observed) -> tuple[str, ...]:
    """A line for everything that is there and of which nobody can tell what it asks."""
    return tuple(line for component in observed.of_kind("Component") for line in _unclear(component))


def _of(component: Record) -> Iterator[Requested]:
    name = text_of(component, "Name")
    for requester in REQUESTERS:
        read = _read(text_of(component, requester))
        if read is not None and _NAME.fullmatch(name):
            yield Requested(name, requester, *read)


def _unclear(component: Record) -> Iterator[str]:
    name = text_of(component, "Name")
    if not _NAME.fullmatch(name):
        yield f"{name[:40]}: no name of a component"
        return
    known = {requester.casefold() for requester in REQUESTERS}
    there = component.get("Requesters")
    for other in map(str, there if isinstance(there, list | tuple) else ()):
        if other.casefold() not in known:
            yield f"{name}: {other[:40]} is no requester that Exchange has"
    for requester in REQUESTERS:
        value = component.get(requester)
        if value is not None and _read(str(value)) is None:
            yield f"{name}: {requester} asks for `{str(value)[:40]}`, which is no state"


def _read(value: str) -> tuple[State, datetime] | None:
    """The state and its time; None where the text is not of the form."""
    parts = _FORM.fullmatch(value)
    if parts is None or int(parts[1]) < 1:
        return None
    try:
        return State(int(parts[2])), _YEAR_ONE + timedelta(microseconds=int(parts[3]) // 10)
    except (ValueError, OverflowError):
        return None

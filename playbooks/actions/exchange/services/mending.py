"""Which changes give a server's services back what they need, and in which order.

A change only ever raises: from Disabled to Manual or Automatic, from Manual to Automatic, from stopped to running. What
was switched off is needed by no role, what is paused was paused by somebody, what is not there is setup's: no change.

Start types come first, for a service cannot start while one that it depends on is disabled. Then Windows' own in the
order in which they stand on each other, the directory that Exchange's services read their configuration from, the rest,
and Managed Availability last: it restarts what it finds stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from playbooks.actions.exchange.services.needed import Needed
from playbooks.actions.exchange.services.snapshot import StartType
from playbooks.changes import Change

__all__ = ["Service", "Wrong", "after", "changes", "wrong"]

_FIRST = (
    "RpcEptMapper",
    "EventLog",
    "Winmgmt",
    "MpsSvc",
    "WAS",
    "IISADMIN",
    "W3SVC",
    "pla",
    "RemoteRegistry",
    "ADAM_MSExchange",
    "MSExchangeADTopology",
    "MSExchangeEdgeCredential",
    "HostControllerService",
    "FMS",
    "MSExchangeServiceHost",
    "MSExchangeIS",
    "MSExchangeRPC",
    "MSExchangeRepl",
    "MSExchangeTransport",
)
_LAST = ("MSExchangeDiagnostics", "MSExchangeHMRecovery", "MSExchangeHM")
_PLACES = {name.casefold(): at for at, name in enumerate(_FIRST)} | {
    name.casefold(): len(_FIRST) + 1 + at for at, name in enumerate(_LAST)
}
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


@dataclass(frozen=True, slots=True)
class Service:
    """A service as a server shows it.

    Attributes:
        starts: None where this PowerShell does not show it.
        state: in the words of Win32_Service or of Get-Service.
    """

    starts: StartType | None
    state: str

    @property
    def runs(self) -> bool:
        """Whether it runs, or is about to: Win32_Service says "Start Pending", Get-Service says StartPending."""
        return self.word in ("running", "startpending", "continuepending")

    @property
    def is_on_its_way(self) -> bool:
        """Whether it starts, and does not run yet: it may fail still."""
        return self.runs and self.word != "running"

    @property
    def is_stopped(self) -> bool:
        """Whether it is stopped or about to be; what is paused is neither."""
        return self.word in ("stopped", "stoppending")

    @property
    def word(self) -> str:
        """Its state, as both spell it."""
        return self.state.casefold().replace(" ", "")


class Wrong(Enum):
    """What is the matter with a service that is needed and there; the worst of it."""

    DISABLED = auto()
    STOPPED = auto()
    MANUAL = auto()


def wrong(service: Service, need: Needed) -> Wrong | None:
    """What is the matter with it; None where nothing is."""
    if service.starts is StartType.DISABLED:
        return Wrong.DISABLED
    if not service.runs and not need.may_stand_still:
        return Wrong.STOPPED
    return Wrong.MANUAL if _would_not_come_back(service, need) else None


def _would_not_come_back(service: Service, need: Needed) -> bool:
    return service.starts is StartType.MANUAL and need.starts is StartType.AUTOMATIC and not need.manual_will_do


def changes(services: Mapping[str, Service], needs: Mapping[str, Needed]) -> tuple[Change, ...]:
    """What differs from what is needed, as far as it can be mended, in the order in which it has to be done.

    Args:
        services: that are there, by their names in lower case.
        needs: likewise.
    """
    ordered = sorted(needs, key=lambda key: (_PLACES.get(key, len(_FIRST)), key))
    there = [(services[key], needs[key]) for key in ordered if key in services]
    return (*_start_types(there), *_starts(there))


def after(services: Mapping[str, Service], made: tuple[Change, ...]) -> dict[str, Service]:
    """The services once all of the changes are made."""
    now = dict(services)
    for change in made:
        key, starts = str(change.values["name"]).casefold(), change.values["start_type"]
        before = now[key]
        now[key] = Service(StartType(str(starts)), before.state) if starts else Service(before.starts, "Running")
    return now


def _start_types(there: list[tuple[Service, Needed]]) -> Iterator[Change]:
    for service, need in there:
        if service.starts is None or not (service.starts is StartType.DISABLED or _would_not_come_back(service, need)):
            continue
        yield Change(
            id=f"start-type.{_plain(need.name)}",
            title=f"Set {need.name} to start {'manually' if need.starts is StartType.MANUAL else 'automatically'}",
            values={"name": need.name, "start_type": need.starts.value, "start_type_before": service.starts.value},
            before={"start type": service.starts.value},
            after={"start type": need.starts.value},
        )


def _starts(there: list[tuple[Service, Needed]]) -> Iterator[Change]:
    for service, need in there:
        if need.may_stand_still or not service.is_stopped or service.starts is None:
            continue
        yield Change(
            id=f"start.{_plain(need.name)}",
            title=f"Start {need.name}",
            values={"name": need.name, "start_type": None, "start_type_before": None},
            before={"state": "Stopped" if service.word == "stopped" else "Stop Pending"},
            after={"state": "Running"},
            disturbs=f"{need.name} takes up its work on this server",
        )


def _plain(name: str) -> str:
    """A name as the part of an id: two names of Windows never give the same one."""
    return "".join(
        each if each in _PLAIN and (each != "_" or at + 1 < len(name)) else f"-{ord(each):06x}"
        for at, each in enumerate(name.casefold())
    )

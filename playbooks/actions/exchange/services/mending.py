"""Which changes give a server's services back what they need, and in which order.

A change only ever raises: from Disabled to Manual or Automatic, from Manual to Automatic, from stopped to running. What
was switched off is needed by no role, what is paused was paused by somebody, what is not there is setup's: no change.
What is disabled as a mitigation has it stays so, also where a snapshot of before has it as needed.
Whether an automatic start is a delayed one is left as it is, but where a snapshot says that it was.

Start types come first, for a service cannot start while one that it depends on is disabled. Then Windows' own in the
order in which they stand on each other, the directory that Exchange's services read their configuration from, the rest,
and Managed Availability last: it restarts what it finds stopped. Where a server says what a service stands on, that
comes before it in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from playbooks.actions.exchange.services.needed import Needed
from playbooks.actions.exchange.services.required import POP_AND_IMAP
from playbooks.actions.exchange.services.snapshot import StartType
from playbooks.changes import Change, ChangeValue

__all__ = ["Service", "Wrong", "after", "changes", "starts_too_soon", "wrong"]

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
# Start-Service takes * ? [ ] and ` for a pattern of several names.
_NAME = re.compile(r"[A-Za-z0-9_.$()-][A-Za-z0-9_.$() -]{0,79}")
_LEFT = frozenset(name.casefold() for name in POP_AND_IMAP)
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


@dataclass(frozen=True, slots=True)
class Service:
    """A service as a server shows it.

    Attributes:
        starts: None where this PowerShell does not show it.
        state: in the words of Win32_Service or of Get-Service.
        name: as the server spells it.
        delayed: its DelayedAutostart, which counts where it starts automatically; None where it has none.
        depends_on: what Windows starts before it, as its key spells them; None where its key was not read.
    """

    starts: StartType | None
    state: str
    name: str = ""
    delayed: int | None = None
    depends_on: tuple[str, ...] | None = None

    @property
    def may_be_started(self) -> bool:
        """Whether it may where no role needs it: a script can name it, and nothing else by it; no POP3 nor IMAP4."""
        return _NAME.fullmatch(self.name) is not None and self.name.casefold() not in _LEFT

    @property
    def runs(self) -> bool:
        """Whether it runs, or is about to: Win32_Service says "Start Pending", Get-Service says StartPending."""
        return self.word in ("running", "startpending", "continuepending")

    @property
    def is_on_its_way(self) -> bool:
        """Whether it starts or stops, and has come to neither yet: it may fail still."""
        return self.word in ("startpending", "continuepending", "stoppending", "pausepending")

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
    HELD_OFF = auto()  # disabled, which may be a mitigation
    STOPPED = auto()
    MANUAL = auto()
    TOO_SOON = auto()


def wrong(service: Service, need: Needed) -> Wrong | None:
    """What is the matter with it; None where nothing is."""
    if service.starts is StartType.DISABLED:
        return Wrong.HELD_OFF if need.may_be_held_off else Wrong.DISABLED
    if not service.runs and not need.may_stand_still:
        return Wrong.STOPPED
    if _would_not_come_back(service, need):
        return Wrong.MANUAL
    return Wrong.TOO_SOON if starts_too_soon(service, need) else None


def starts_too_soon(service: Service, need: Needed) -> bool:
    """Whether it starts with all others, or will once it starts automatically, and has to start after them."""
    return need.delayed and service.depends_on is not None and not service.delayed


def _would_not_come_back(service: Service, need: Needed) -> bool:
    return service.starts is StartType.MANUAL and need.starts is StartType.AUTOMATIC and not need.manual_will_do


def changes(services: Mapping[str, Service], needs: Mapping[str, Needed]) -> tuple[Change, ...]:
    """What differs from what is needed, as far as it can be mended, in the order in which it has to be done.

    Args:
        services: that are there, by their names in lower case.
        needs: likewise.
    """
    needs = {
        key: need
        for key, need in needs.items()
        if key not in services or wrong(services[key], need) is not Wrong.HELD_OFF
    }
    ordered = sorted(needs, key=lambda key: (_PLACES.get(key, len(_FIRST)), key))
    there = [(services[key], needs[key]) for key in ordered if key in services]
    return (*_start_types(there), *_delays(there), *_starts(services, {key: needs[key] for key in ordered}))


def after(services: Mapping[str, Service], made: tuple[Change, ...]) -> dict[str, Service]:
    """The services once all of the changes are made."""
    now = dict(services)
    for change in made:
        key, starts = str(change.values["name"]).casefold(), change.values["start_type"]
        if starts:
            now[key] = replace(now[key], starts=StartType(str(starts)))
        elif change.values["delayed"]:
            now[key] = replace(now[key], delayed=1)
        else:
            now[key] = replace(now[key], state="Running")
    return now


def _values(name: str, **told: ChangeValue) -> dict[str, ChangeValue]:
    """What both scripts are told: what is none of their business is nothing."""
    return {"name": name, "start_type": None, "start_type_before": None, "delayed": None, "delayed_before": None} | told


def _start_types(there: list[tuple[Service, Needed]]) -> Iterator[Change]:
    for service, need in there:
        if service.starts is None or not (service.starts is StartType.DISABLED or _would_not_come_back(service, need)):
            continue
        yield Change(
            id=f"start-type.{_plain(need.name)}",
            title=f"Set {need.name} to start {'manually' if need.starts is StartType.MANUAL else 'automatically'}",
            values=_values(need.name, start_type=need.starts.value, start_type_before=service.starts.value),
            before={"start type": service.starts.value},
            after={"start type": need.starts.value},
        )


def _delays(there: list[tuple[Service, Needed]]) -> Iterator[Change]:
    for service, need in there:
        if service.starts is None or not starts_too_soon(service, need):
            continue
        yield Change(
            id=f"delayed.{_plain(need.name)}",
            title=f"Let {need.name} start later than the others",
            values=_values(need.name, delayed=1, delayed_before=service.delayed),
            before={"DelayedAutostart": service.delayed},
            after={"DelayedAutostart": 1},
        )


def _starts(services: Mapping[str, Service], needs: Mapping[str, Needed]) -> Iterator[Change]:
    """Each before those that stand on it, and what Windows would start with one as a change of its own before it.

    So the plan names all that will be started, and undoing it from the last to the first stops that again.
    """
    begun: set[str] = set()
    for key, need in needs.items():
        service = services.get(key)
        if service is not None and _is_to_start(service) and not need.may_stand_still:
            yield from _start(key, need.name, services, needs, begun)


def _is_to_start(service: Service) -> bool:
    return service.is_stopped and service.starts is not None


def _start(
    key: str, on: str, services: Mapping[str, Service], needs: Mapping[str, Needed], begun: set[str]
) -> Iterator[Change]:
    """What starts a service, and before it what it stands on.

    Args:
        on: the one for which this is started.
        begun: those that have been named, or are about to be: a server may say that they stand on each other.
    """
    if key in begun:
        return
    begun.add(key)
    service, need = services[key], needs.get(key)
    name = need.name if need is not None else service.name
    notes: list[str] = []
    for other in service.depends_on or ():
        below = services.get(other.casefold())
        if below is not None and not below.is_stopped:
            continue
        if below is None or below.starts is None or not (other.casefold() in needs or below.may_be_started):
            notes.append(f"it stands on {other:.80}: where Windows starts that with it, it is not stopped again")
        elif below.starts is StartType.DISABLED and other.casefold() not in needs:
            notes.append(f"it stands on {other:.80}, which is disabled, and does not start before that is changed")
        else:
            yield from _start(other.casefold(), name, services, needs, begun)
    if service.depends_on is None:
        notes.append("what Windows starts with it could not be read, and is not stopped again")
    own = need is not None and not need.may_stand_still
    yield Change(
        id=f"start.{_plain(name)}",
        title=f"Start {name}" if own else f"Start {name}, on which {on} stands",
        values=_values(name),
        before={"state": "Stopped" if service.word == "stopped" else "Stop Pending"},
        after={"state": "Running"},
        disturbs="; ".join((f"{name} takes up its work on this server", *notes)),
    )


def _plain(name: str) -> str:
    """A name as the part of an id: two names of Windows never give the same one."""
    return "".join(
        each if each in _PLAIN and (each != "_" or at + 1 < len(name)) else f"-{ord(each):06x}"
        for at, each in enumerate(name.casefold())
    )

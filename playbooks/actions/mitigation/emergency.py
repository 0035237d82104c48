"""What Exchange Emergency Mitigation (EEMS) does on a server: what it has added, and what it will add again.

Every hour it adds the mitigations that Microsoft has published for builds below the fix, unless it is switched off, for
the organization or for the server, or told to leave one out (MitigationsBlocked). It takes none away, also not one that
it is to leave out from now on, and adds again what somebody took away (Microsoft Learn, "Exchange Emergency Mitigation
service", July 2026). Published so far: PING1, which does nothing, M1 and M2.

What it is told stands in Active Directory, which a session over WinRM seldom reaches: nothing is put in the place of
what was not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from playbooks.observation import Observed
from playbooks.values import Record, Value, text_of

__all__ = ["PUBLISHED", "SERVICE", "Adds", "Emergency", "emergency_of"]

SERVICE = "MSExchangeMitigation"
# By what each is called: what it is for.
PUBLISHED = {"PING1": "a trial that does nothing", "M1": "CVE-2022-41040", "M2": "CVE-2026-42897"}
_SHOWN = 100  # characters of what a server says
_LONGEST = 300  # characters of a reason
_MANY = 20  # names of a list


class Adds(Enum):
    """Whether it adds a mitigation to a server below the fix, also after somebody has taken that away."""

    YES = auto()
    NO = auto()
    NOT_KNOWN = auto()


@dataclass(frozen=True, slots=True)
class Emergency:
    """What is known of it.

    Attributes:
        present: whether its service is there; None where that is not known.
        state: of the service, in the words of Get-Service; empty where it was not read.
        start_type: likewise.
        unread: why what it is told was not read; empty where it was.
        organization: MitigationsEnabled of the organization; None where it was not said.
        server: of this server; likewise.
        applied: MitigationsApplied.
        blocked: MitigationsBlocked.
    """

    present: bool | None
    state: str = ""
    start_type: str = ""
    unread: str = ""
    organization: bool | None = None
    server: bool | None = None
    applied: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()

    def adds(self, mitigation: str) -> Adds:
        """Whether it adds a mitigation of this name, such as M2."""
        if self.present is False or self.blocks(mitigation) or False in (self.organization, self.server):
            return Adds.NO
        if self.state == "Stopped" and self.start_type == "Disabled":
            return Adds.NO
        if self.present is None or self.state != "Running" or not (self.organization and self.server):
            return Adds.NOT_KNOWN
        return Adds.NOT_KNOWN if tuple(self._alike(mitigation)) else Adds.YES

    def says_applied(self, mitigation: str) -> tuple[str, ...]:
        """What it says that it has applied of a mitigation of this name, in all its versions."""
        name = mitigation.casefold()
        return tuple(each for each in self.applied if each.casefold() == name or each.casefold().startswith(f"{name}."))

    def blocks(self, mitigation: str) -> bool:
        """Whether it is told to leave out a mitigation of this name."""
        return mitigation in self.blocked

    def _alike(self, mitigation: str) -> Iterator[str]:
        """Names it is to leave out that may stand for this one: M2.1 is a version of M2, m2 the same in small
        letters, and no source says whether these count."""
        for each in self.blocked:
            if f"{each.casefold()}.".startswith(f"{mitigation.casefold()}.") and each != mitigation:
                yield each

    def foretold(self, mitigation: str) -> str:
        """What is to be reckoned with, as a sentence without its full stop."""
        match self.adds(mitigation):
            case Adds.YES:
                return (
                    f"Exchange Emergency Mitigation adds {mitigation} within the hour, also after it was taken away, "
                    "for as long as this server is below the fix"
                )
            case Adds.NO:
                return f"Exchange Emergency Mitigation adds no {mitigation} here: {self._why_not(mitigation)}"
            case Adds.NOT_KNOWN:
                return (
                    f"Exchange Emergency Mitigation may add {mitigation} within the hour, also after it was taken away"
                    f": {self._why_not_known(mitigation)}"
                )

    def _why_not(self, mitigation: str) -> str:
        if self.present is False:
            return f"the service {SERVICE} is not here"
        if self.blocks(mitigation):
            return (
                f"MitigationsBlocked of this server names {mitigation}; what it had added stays until it is taken away"
            )
        if self.organization is False:
            return "MitigationsEnabled of the organization is false; what it had added stays"
        if self.server is False:
            return "MitigationsEnabled of this server is false; what it had added stays"
        return f"the service {SERVICE} is disabled; what it had added stays"

    def _why_not_known(self, mitigation: str) -> str:
        if self.present is None:
            return f"whether the service {SERVICE} runs was not read"
        if self.unread:
            return f"whether it is told to leave {mitigation} out was not read ({self.unread})"
        if alike := tuple(self._alike(mitigation)):
            return f"MitigationsBlocked names {_listed(alike)} and not {mitigation} itself"
        if self.state != "Running":
            state = self.state or "its state was not read"
            return f"the service {SERVICE} does not run now ({state}), and may be started"
        return "whether it is switched on was not said"

    def lines(self, mitigation: str, cve: str) -> Iterator[str]:
        """Lines of evidence: what is known of it, and what is to be reckoned with.

        Args:
            mitigation: the name of its mitigation of this; empty where it has none.
            cve: what it is held off by this.
        """
        if mitigation:
            yield self.foretold(mitigation)
        elif self.present is not False:
            yield f"Exchange Emergency Mitigation has none of {cve}: published are {', '.join(PUBLISHED)}"
        yield from self.told()

    def told(self) -> Iterator[str]:
        """What was read of it, as lines of evidence."""
        if self.present is None:
            yield f"whether the service {SERVICE} is here was not read: {self.unread}"
        elif self.present is False:
            yield f"the service {SERVICE} (Exchange Emergency Mitigation) is not here"
        else:
            yield f"{SERVICE}: {self.start_type or 'start type not read'}, {self.state or 'state not read'}"
            if self.unread:
                yield f"MitigationsApplied, MitigationsBlocked and MitigationsEnabled were not read: {self.unread}"
            else:
                yield f"MitigationsApplied: {_listed(self.applied)}; MitigationsBlocked: {_listed(self.blocked)}"
                on = f"MitigationsEnabled: organization {_said(self.organization)}, this server {_said(self.server)}"
                yield on


def emergency_of(observed: Observed) -> Emergency:
    """What an answer says of it."""
    for each in observed.unread:
        if each.what == SERVICE:
            return Emergency(None, unread=each.why[:_LONGEST])
    service = observed.first("EmergencyMitigation")
    if service is None:
        return Emergency(None, unread="the answer has no record of it")
    if service.get("Present") is not True:
        return Emergency(False)
    state, start_type = text_of(service, "State"), text_of(service, "StartMode")
    said = observed.first("EmergencySettings")
    if said is None or said.get("Answered") is not True:
        why = "the answer has no record of them" if said is None else text_of(said, "Why") or "no reason was given"
        return Emergency(True, state, start_type, why[:_LONGEST])
    return Emergency(
        True,
        state,
        start_type,
        organization=_flag(said.get("Organization")),
        server=_flag(said.get("Server")),
        applied=_names(said, "Applied"),
        blocked=_names(said, "Blocked"),
    )


def _flag(value: Value) -> bool | None:
    return value if isinstance(value, bool) else None


def _names(record: Record, key: str) -> tuple[str, ...]:
    value = record.get(key)
    return tuple(str(each) for each in value) if isinstance(value, list | tuple) else ()


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(each if len(each) <= _SHOWN else f"{each[:_SHOWN]}..." for each in names[:_MANY])
    more = len(names) - _MANY
    return (f"{shown} and {more} more" if more > 0 else shown) or "none"


def _said(value: bool | None) -> str:
    return "not said" if value is None else str(value).lower()

"""CVE-2021-26857 has Unified Messaging read what somebody has written: where its services do not run, nothing does.

Microsoft's script (ExchangeMitigations.ps1, CSS-Exchange) stops and disables them on Exchange Server 2013 and 2016;
later ones have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.mitigation.emergency import emergency_of
from playbooks.actions.mitigation.reading import NO_PATCH, none_of
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Change, ChangeValue
from playbooks.findings import Assessment, Finding, Severity, Verdict
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_observed, undecided, unknown
from playbooks.values import Record, Value, text_of

ACTION = "mitigation.um"
FACTS = ("present", "in_force")
CVE = "CVE-2021-26857"
NAMES = ("MSExchangeUM", "MSExchangeUMCR")
BREAKS = "Unified Messaging takes no call, and takes and plays no voice mail"
WITH_UM = (0, 1)  # MsiProductMinor of Exchange Server 2013 and 2016
_STATES, _START_TYPES = ("Running", "Stopped"), ("Automatic", "Manual", "Disabled")


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Whether every service of Unified Messaging that is there is stopped and disabled."""
    if not isinstance(observation, Observed):
        return not_observed(ACTION, observation, FACTS)
    setup = observation.first("ExchangeSetup") or {}
    minor = setup.get("MsiProductMinor")
    if setup.get("Present") is False:
        return Assessment(Verdict.NOT_APPLICABLE, "no Exchange Server is installed", facts=none_of(FACTS))
    if isinstance(minor, int) and minor not in WITH_UM:
        summary = "this Exchange Server has no Unified Messaging: 2013 and 2016 alone have"
        return Assessment(Verdict.NOT_APPLICABLE, summary, facts=none_of(FACTS))
    if why := observation.why_unread(NAMES[0]):
        return unknown(ACTION, "the services", why, FACTS)
    if observation.first("EmergencyMitigation") is None:
        return unknown(ACTION, "the services", "the answer has no record of them", FACTS)
    services = {
        text_of(each, "Name"): each for each in observation.of_kind("Service") if text_of(each, "Name") in NAMES
    }
    if not services:
        summary = "Unified Messaging has no service on this server"
        return Assessment(Verdict.NOT_APPLICABLE, summary, facts=none_of(FACTS))
    return _judged(services, observation)


def _judged(services: Mapping[str, Record], observed: Observed) -> Assessment:
    lines = [f"{name}: {_start_type(each) or 'start type not read'}, {_state(each) or 'state not read'}"
             for name, each in services.items()]  # fmt: skip
    if any(_state(each) not in _STATES or _start_type(each) not in _START_TYPES for each in services.values()):
        then = "Wait until the service has come to rest, or set it right by hand, and look again"
        return undecided(ACTION, "whether Unified Messaging is off", "; ".join(lines), FACTS, then)
    evidence = (*lines, *emergency_of(observed).lines("", CVE))
    changes = tuple(_change(name, each) for name, each in services.items() if not _is_off(each))
    if not changes:
        finding = Finding(
            f"{ACTION}.in-force",
            Severity.INFO,
            f"Mitigation of {CVE} in force, no patch: {BREAKS}",
            evidence,
            "Install the update that fixes it, then undo the plan that stopped the services, or start them by hand",
            (CVE,),
        )
        summary = f"Unified Messaging is stopped and disabled: {CVE} is mitigated, and {NO_PATCH}"
        return Assessment(Verdict.OK, summary, (finding,), {"present": True, "in_force": True})
    left = ", ".join(str(change.values["service"]) for change in changes)
    title = f"{CVE} is not mitigated by this: {left} runs or may start"
    then = "Install the update that fixes it; until then stop and disable the services where that is worth it"
    return Assessment(
        Verdict.ATTENTION,
        title,
        (Finding(f"{ACTION}.not-in-force", Severity.LOW, title, evidence, then, (CVE,)),),
        {"present": True, "in_force": False},
        changes=changes,
        then={"present": True, "in_force": True},
    )


def _state(service: Record) -> str:
    return text_of(service, "State")


def _start_type(service: Record) -> str:
    return text_of(service, "StartMode")


def _is_off(service: Record) -> bool:
    return _state(service) == "Stopped" and _start_type(service) == "Disabled"


def _change(name: str, service: Record) -> Change:
    was = _start_type(service)
    values: dict[str, ChangeValue] = {
        "service": name,
        "disable": None if was == "Disabled" else name,
        "start_type_before": None if was == "Disabled" else was,
        "stop": name if _state(service) == "Running" else None,
    }
    return Change(
        id=f"service.{name.casefold()}",
        title=f"Stop the service {name}, and disable it",
        values=values,
        before={"state": _state(service), "start type": was},
        after={"state": "Stopped", "start type": "Disabled"},
        disturbs=f"{BREAKS}, until it is undone",
    )

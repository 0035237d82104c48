"""Whether the services that this server's roles need can start and do run.

Disabled services are the commonest trace of a security update whose service control script failed. They do not say that
the update is not in: "Exchange services may remain in a disabled state after you install this security update. This
condition does not indicate that the update is not installed correctly" (KB4523171, KB5000871). So the verdict is
`attention`, and exchange.patch judges the update.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from playbooks.actions.exchange.services.required import MAY_STAND_STILL, MITIGATION, ON_DEMAND, Product, Role, required
from playbooks.actions.exchange.setup import ROLE_KEYS, Installation, installed
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.unknowns import unknown
from playbooks.values import Value, text_of

ACTION = "exchange.services"
FACTS = ("healthy", "disabled", "stopped", "missing")
SERVICES = "Win32_Service"
ROLES = {
    "MailboxRole": Role.MAILBOX,
    "CafeRole": Role.CLIENT_ACCESS,
    "FrontendTransportRole": Role.CLIENT_ACCESS,
    "EdgeTransportRole": Role.EDGE,
}
SHOWN = 3  # services that a row of a table names
# Win32_Service says "Start Pending", Get-Service says StartPending.
COMING_OR_RUNNING = ("running", "startpending", "continuepending")


@dataclass(frozen=True, slots=True)
class _State:
    """What is wrong with the services that are needed: names, and one line of evidence for each.

    Attributes:
        absent: not there, and not known to be there with every build.
    """

    disabled: dict[str, str]
    stopped: dict[str, str]
    manual: dict[str, str]
    missing: dict[str, str]
    absent: tuple[str, ...]
    no_start_mode: tuple[str, ...]


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Compares each service that the roles need with what it is; see required.py for the table and its source."""
    found = installed(ACTION, observation, FACTS)
    if isinstance(found, Assessment):
        return found
    observed, installation = found
    if installation is Installation.NONE:
        return _not_applicable(installation.value)
    if why := observed.why_unread(ROLE_KEYS):
        return unknown(ACTION, "which roles this server has", why, FACTS)
    roles = frozenset(
        ROLES[str(role.get("Name"))]
        for role in observed.of_kind("ExchangeRole")
        if role.get("Present") is True and role.get("Name") in ROLES
    )
    if not roles:
        if observed.first("ExchangeRole") is None:
            return unknown(ACTION, "which roles this server has", "the answer has no record of them", FACTS)
        return _not_applicable(Installation.TOOLS.value)
    if why := observed.why_unread(SERVICES):
        return unknown(ACTION, "the services", why, FACTS)
    return _judge(_compare(roles, _product(observed), observed), roles, observed)


def _not_applicable(reason: str) -> Assessment:
    return Assessment(Verdict.NOT_APPLICABLE, reason, facts={name: UnknownFact(reason) for name in FACTS})


def _product(observed: Observed) -> Product | None:
    setup = observed.first("ExchangeSetup") or {}
    minor = setup.get("MsiProductMinor")
    known = {product.value: product for product in Product}
    return known.get(minor) if isinstance(minor, int) and setup.get("MsiProductMajor") == 15 else None


def _compare(roles: frozenset[Role], product: Product | None, observed: Observed) -> _State:
    services = {text_of(service, "Name").casefold(): service for service in observed.of_kind("Service")}
    state = _State({}, {}, {}, {}, (), ())
    absent: list[str] = []
    no_start_mode: list[str] = []
    for key, needed in sorted(required(roles, product).items()):
        service = services.get(key)
        if service is None:
            if needed.always:
                state.missing[needed.name] = f"{needed.name} is not there"
            else:
                absent.append(needed.name)
            continue
        mode, now = text_of(service, "StartMode"), text_of(service, "State") or "state not read"
        display = f" ({text_of(service, 'DisplayName')})" if text_of(service, "DisplayName") else ""
        line = f"{needed.name}{display}: {mode or 'start type not read'}, {now}"
        mode, running = mode.casefold(), now.casefold().replace(" ", "") in COMING_OR_RUNNING
        if mode == "disabled":
            state.disabled[needed.name] = line
        elif not running and needed.name not in MAY_STAND_STILL:
            state.stopped[needed.name] = line
        elif mode == "manual" and needed.name not in ON_DEMAND:
            state.manual[needed.name] = line
        if not mode:
            no_start_mode.append(needed.name)
    return replace(state, absent=tuple(absent), no_start_mode=tuple(no_start_mode))


def _judge(state: _State, roles: frozenset[Role], observed: Observed) -> Assessment:
    findings = tuple(finding for finding in _findings(state, observed) if finding is not None)
    if not findings and state.no_start_mode:
        what = "start types"
        return unknown(ACTION, what, f"this PowerShell does not show those of {', '.join(state.no_start_mode)}", FACTS)
    names = " and ".join(role.value for role in Role if role in roles)
    return Assessment(
        Verdict.ATTENTION if findings else Verdict.OK,
        _summary(state, findings) if findings else _all_run(state, names),
        findings,
        {
            "healthy": not (state.disabled or state.stopped or state.missing),
            "disabled": tuple(state.disabled),
            "stopped": tuple(state.stopped),
            "missing": tuple(state.missing),
        },
    )


def _all_run(state: _State, roles: str) -> str:
    """Not said of what is not there."""
    if not state.absent:
        return f"every service that {roles} needs runs"
    more = len(state.absent) - SHOWN
    names = f"{', '.join(state.absent[:SHOWN])}{f' and {more} more' if more > 0 else ''}"
    return f"every service that {roles} needs and that is there runs; not there: {names}"


def _summary(state: _State, findings: tuple[Finding, ...]) -> str:
    counts = (("disabled", state.disabled), ("stopped", state.stopped), ("missing", state.missing))
    parts = [f"{len(names)} {word} ({', '.join(list(names)[:3])}{', ...' if len(names) > 3 else ''})"
             for word, names in counts if names]  # fmt: skip
    return f"services needed: {', '.join(parts)}" if parts else findings[0].title


def _findings(state: _State, observed: Observed) -> tuple[Finding | None, ...]:
    return (
        _finding(
            "disabled",
            Severity.HIGH,
            "Services that this server needs are disabled, as an interrupted update leaves them",
            state.disabled,
            "Set them to Automatic and start them; where exchange.patch says half installed, install the update first",
        ),
        _finding(
            "missing",
            Severity.HIGH,
            "Services that this server's roles always have are not there",
            state.missing,
            "Compare with another server of this role, and repair Exchange with setup of its cumulative update",
        ),
        _finding(
            "stopped",
            Severity.MEDIUM,
            "Services that this server needs do not run",
            state.stopped,
            "Start them, unless this server is in maintenance; the System event log says why they stopped",
        ),
        _finding(
            "manual",
            Severity.LOW,
            "Services that this server needs would not come back after a restart",
            state.manual,
            "Set them to Automatic",
        ),
        _mitigation(observed),
        _wmi(state, observed),
    )


def _finding(name: str, severity: Severity, title: str, lines: Mapping[str, str], then: str) -> Finding | None:
    if not lines:
        return None
    return Finding(f"{ACTION}.{name}", severity, title, tuple(lines.values()), then)


def _mitigation(observed: Observed) -> Finding | None:
    service = next((each for each in observed.of_kind("Service") if text_of(each, "Name") == MITIGATION), None)
    if service is None or text_of(service, "State").casefold().replace(" ", "") in COMING_OR_RUNNING:
        return None
    return Finding(
        id=f"{ACTION}.mitigation",
        severity=Severity.LOW,
        title="Exchange Emergency Mitigation does not run: Microsoft's urgent mitigations do not arrive here",
        evidence=(
            f"{MITIGATION}: {text_of(service, 'StartMode') or 'start type not read'}, {text_of(service, 'State')}",
        ),
        next=f"Set {MITIGATION} to Automatic and start it, unless somebody decided otherwise",
    )


def _wmi(state: _State, observed: Observed) -> Finding | None:
    source = observed.first("ServiceSource")
    if source is None or source.get("Name") == SERVICES or "Winmgmt" in {**state.disabled, **state.stopped}:
        return None
    return Finding(
        id=f"{ACTION}.wmi",
        severity=Severity.LOW,
        title="WMI does not answer; the services were read without it",
        evidence=(f"{SERVICES}: {source.get('Why')!s}",),
        next="Check the service Winmgmt and this account's rights in WMI: Managed Availability depends on it",
    )

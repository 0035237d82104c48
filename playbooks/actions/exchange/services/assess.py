"""Whether the services that this server's roles need can start and do run.

Disabled services are the commonest trace of a security update whose service control script failed. They do not say that
the update is not in: "Exchange services may remain in a disabled state after you install this security update. This
condition does not indicate that the update is not installed correctly" (KB4523171, KB5000871). So the verdict is
`attention`, and exchange.patch judges the update.

What can be mended is named as changes (mending.py), by the defaults of the server's roles or by a snapshot of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from playbooks.actions.exchange.services.mending import Service, Wrong, after, changes, wrong
from playbooks.actions.exchange.services.needed import Needed, needed
from playbooks.actions.exchange.services.required import MITIGATION, Product, Role
from playbooks.actions.exchange.services.snapshot import SnapshotError, start_type, taken
from playbooks.actions.exchange.setup import ROLE_KEYS, Installation, installed, role_names
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Coverage, Facts, Finding, Severity, Verdict
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_applicable, undecided, unknown
from playbooks.values import Value, text_of

ACTION = "exchange.services"
FACTS = ("roles", "healthy", "disabled", "stopped", "missing")
SERVICES = "Win32_Service"
ROLES = {
    "MailboxRole": Role.MAILBOX,
    "CafeRole": Role.CLIENT_ACCESS,
    "FrontendTransportRole": Role.CLIENT_ACCESS,
    "EdgeTransportRole": Role.EDGE,
}
SHOWN = 3  # services that a row of a table names


@dataclass(frozen=True, slots=True)
class _State:
    """What is wrong with the services that are needed: names, and one line of evidence for each.

    Attributes:
        absent: not there, and not known to be there with every build.
        on_their_way: they start or stop, and have come to neither yet.
    """

    disabled: dict[str, str]
    held_off: dict[str, str]
    stopped: dict[str, str]
    manual: dict[str, str]
    too_soon: dict[str, str]
    missing: dict[str, str]
    absent: tuple[str, ...]
    no_start_mode: tuple[str, ...]
    on_their_way: tuple[str, ...]


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Compares each service that the roles need with what it is; see required.py for the table and its source."""
    found = installed(ACTION, observation, FACTS)
    if isinstance(found, Assessment):
        return found
    observed, installation = found
    if installation is Installation.NONE:
        return not_applicable(installation.value, FACTS)
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
        return not_applicable(Installation.TOOLS.value, FACTS)
    if why := observed.why_unread(SERVICES):
        return unknown(ACTION, "the services", why, FACTS)
    try:
        snapshot = taken(_entries(params)) if _entries(params) else None
    except SnapshotError as error:
        then = (
            "Give the start types of this server from a time when it was well, or none: then its roles' defaults count"
        )
        return undecided(ACTION, "how the services are to start", str(error), FACTS, then)
    told = params.get("unified_messaging") is True
    needs = needed(roles, _product(observed), snapshot, unified_messaging=told)
    return _mended(_judge(_compare(needs, observed), roles, observed), needs, observed)


def _entries(params: Mapping[str, Value]) -> tuple[str, ...]:
    given = params.get("snapshot")
    return tuple(str(entry) for entry in given) if isinstance(given, tuple | list) else ()


def _product(observed: Observed) -> Product | None:
    setup = observed.first("ExchangeSetup") or {}
    minor = setup.get("MsiProductMinor")
    known = {product.value: product for product in Product}
    return known.get(minor) if isinstance(minor, int) and setup.get("MsiProductMajor") == 15 else None


def _services(observed: Observed) -> dict[str, Service]:
    """What is there, by name in lower case: Windows compares names of services without case."""
    return {
        text_of(each, "Name").casefold(): Service(
            start_type(text_of(each, "StartMode")),
            text_of(each, "State"),
            text_of(each, "Name"),
            _whole(each.get("DelayedAutostart")),
            _texts(each.get("DependsOn")),
        )
        for each in observed.of_kind("Service")
    }


def _whole(value: Value) -> int | None:
    return value if isinstance(value, int) else None


def _texts(value: Value) -> tuple[str, ...] | None:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else None


def _compare(needs: Mapping[str, Needed], observed: Observed) -> _State:
    records = {text_of(service, "Name").casefold(): service for service in observed.of_kind("Service")}
    services = _services(observed)
    state = _State({}, {}, {}, {}, {}, {}, (), (), ())
    on_their_way: list[str] = []
    absent: list[str] = []
    no_start_mode: list[str] = []
    for key, need in sorted(needs.items()):
        service = services.get(key)
        if service is None:
            if need.always:
                state.missing[need.name] = f"{need.name} is not there"
            else:
                absent.append(need.name)
            continue
        record = records[key]
        display = f" ({text_of(record, 'DisplayName')})" if text_of(record, "DisplayName") else ""
        mode = text_of(record, "StartMode") or "start type not read"
        line = f"{need.name}{display}: {mode}, {service.state or 'state not read'}"
        match wrong(service, need):
            case Wrong.DISABLED:
                state.disabled[need.name] = line
            case Wrong.HELD_OFF:
                state.held_off[need.name] = line
            case Wrong.STOPPED:
                state.stopped[need.name] = line
            case Wrong.MANUAL:
                state.manual[need.name] = line
            case Wrong.TOO_SOON:
                state.too_soon[need.name] = f"{line}, DelayedAutostart {_shown(service.delayed)}"
            case None:
                pass
        if service.starts is None or (need.delayed and service.depends_on is None):
            no_start_mode.append(need.name)
        if service.is_on_its_way:
            on_their_way.append(need.name)
    return replace(state, absent=tuple(absent), no_start_mode=tuple(no_start_mode), on_their_way=tuple(on_their_way))


def _mended(assessment: Assessment, needs: Mapping[str, Needed], observed: Observed) -> Assessment:
    """The same with the changes that mend it, and the facts as they will be once those are made."""
    services = _services(observed)
    made = changes(services, needs)
    if not made or assessment.verdict is Verdict.UNKNOWN:
        return assessment
    then = after(services, made)
    there = [(then[key], need) for key, need in sorted(needs.items()) if key in then]
    if any(service.starts is None for service, _ in there):
        return replace(assessment, changes=made)
    left = {each: tuple(need.name for service, need in there if wrong(service, need) is each) for each in Wrong}
    missing = tuple(need.name for key, need in sorted(needs.items()) if key not in then and need.always)
    disabled = tuple(sorted((*left[Wrong.DISABLED], *left[Wrong.HELD_OFF]), key=str.casefold))
    return replace(assessment, changes=made, then=_facts(observed, disabled, left[Wrong.STOPPED], missing))


def _facts(observed: Observed, disabled: tuple[str, ...], stopped: tuple[str, ...], missing: tuple[str, ...]) -> Facts:
    return {
        "roles": role_names(observed),
        "healthy": not (disabled or stopped or missing),
        "disabled": disabled,
        "stopped": stopped,
        "missing": missing,
    }


def _judge(state: _State, roles: frozenset[Role], observed: Observed) -> Assessment:
    findings = tuple(finding for finding in _findings(state, observed) if finding is not None)
    if not findings and state.no_start_mode:
        what = "start types"
        return unknown(ACTION, what, f"those of {', '.join(state.no_start_mode)} are not shown to this account", FACTS)
    names = " and ".join(role.value for role in Role if role in roles)
    return Assessment(
        Verdict.ATTENTION if findings else Verdict.OK,
        _summary(state, findings) if findings else _all_run(state, names),
        findings,
        _facts(
            observed,
            tuple(sorted((*state.disabled, *state.held_off), key=str.casefold)),
            tuple(state.stopped),
            tuple(state.missing),
        ),
        Coverage.PREDICTED if state.on_their_way else Coverage.PROBED,  # where they will come to
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
        _finding(
            "too-soon",
            Severity.LOW,
            "Services that started later than the others when this server was well start with them",
            state.too_soon,
            "Set them to Automatic (Delayed Start)",
        ),
        _finding(
            "held-off",
            Severity.LOW,
            "Services of Unified Messaging are disabled, as the mitigation of CVE-2021-26857 has them: they stay so",
            state.held_off,
            "Where mitigation.um did that, undo its plan once the update is in; where an interrupted update did, give "
            "`unified_messaging: true`",
            ("CVE-2021-26857",),
        ),
        _mitigation(state, observed),
        _wmi(state, observed),
    )


def _shown(value: int | None) -> str:
    return "not there" if value is None else str(value)


def _finding(
    name: str, severity: Severity, title: str, lines: Mapping[str, str], then: str, cves: tuple[str, ...] = ()
) -> Finding | None:
    if not lines:
        return None
    return Finding(f"{ACTION}.{name}", severity, title, tuple(lines.values()), then, cves)


def _mitigation(state: _State, observed: Observed) -> Finding | None:
    service = next((each for each in observed.of_kind("Service") if text_of(each, "Name") == MITIGATION), None)
    if service is None or MITIGATION in {**state.disabled, **state.stopped}:  # by a snapshot
        return None
    if Service(None, text_of(service, "State")).runs:
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

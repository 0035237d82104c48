"""Whether a server could be isolated by its own firewall, and what would be changed for it.

What is let through is decided here, from parameters and from what the server shows, and stands in the plan: nothing
that the server says later is rendered into a script. It holds only what stays as it is from one look to the next (who
is connected to which domain controller changes by the minute), for another list is another change than was approved.

Sources: Windows PowerShell, NetSecurity (stores, AllowLocalFirewallRules, NotConfigured; what blocks comes before what
allows); Exchange Server, "Network ports for clients and mail flow" (Microsoft supports no filter between Exchange and
domain controllers); Managed Availability (its responders may restart the server where the directory does not answer);
the counter MSExchange Active Manager(_total)\\Database Mounted, "the number of active database copies on the server".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from playbooks.actions.windows.allowing import Allowed, Hindered, allowed, may_hold
from playbooks.actions.windows.isolating import (
    GROUP,
    RECOVERY,
    Profile,
    Recorded,
    can_be_named,
    described,
    values_of,
)
from playbooks.actions.windows.overruling import (
    ACTIVE,
    LOCAL,
    POLICY,
    PROFILES,
    count,
    is_whole,
    overrides,
    profile,
    rules,
)
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Barred, Change, ChangeValue
from playbooks.findings import Assessment, Coverage, Finding, Severity, Verdict
from playbooks.guarding import FOLDER
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_observed, unknown
from playbooks.values import Record, Value, text_of

ACTION = "windows.isolate"
CHANGE = "isolate"
FACTS = ("isolated", "isolatable")
SHOWN = 10  # lines of evidence
# Exchange's services in the words of the service control manager.
ON_THEIR_WAY = frozenset({"StartPending", "StopPending", "ContinuePending", "PausePending"})
TIME = "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\W32Time\\Parameters"
UNREAD = (
    "services",
    "connections",
    "name servers",
    "adapters",
    "Win32_ComputerSystem",
    TIME,
    *(f"profiles of {store}" for store in (ACTIVE, LOCAL, POLICY)),
    *(f"rules of {store}" for store in (LOCAL, POLICY)),
)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why the server is not isolated: a short name for the finding, and what somebody can do about it."""

    name: str
    title: str
    lines: tuple[str, ...]
    then: str


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """The change, where nothing stands against it; else what does, each by itself."""
    if not isinstance(observation, Observed):
        return not_observed(ACTION, observation, FACTS)
    if why := observation.why_unread(*UNREAD):
        return unknown(ACTION, "whether this server can be isolated", why, FACTS)
    if lacking := _lacking(observation):
        return unknown(ACTION, "whether this server can be isolated", f"the answer does not say {lacking}", FACTS)
    ours = [each for each in rules(observation, LOCAL) if text_of(each, "Group") == GROUP]
    others = [
        each
        for each in rules(observation, LOCAL)
        if text_of(each, "Action") == "Allow" and text_of(each, "Group") != GROUP
    ]
    against = tuple(overrides(observation))
    if ours:
        return _isolated(observation, ours, others, against)
    found = allowed(observation, params)
    refusals = tuple(_refusals(observation, params, others, against, found))
    if refusals:
        return _refused(refusals)
    assert isinstance(found, Allowed)
    return _to_be_isolated(observation, found, others)


def _lacking(observed: Observed) -> str:
    """What every server says and this one does not; empty where it says all."""
    for kind, what in (
        ("Services", "which services there are"),
        ("Connections", "who is connected"),
        ("NameServers", "which name servers it asks"),
        ("Adapters", "whether its addresses are leased"),
        ("Member", "whether it is in a domain"),
        ("TimeSource", "where its time is from"),
    ):
        if observed.first(kind) is None:
            return what
    for store in (ACTIVE, LOCAL, POLICY):
        for name in PROFILES:
            if not is_whole(profile(observed, store, name), store):
                return f"how the profile {name} of {store} stands"
    for store in (LOCAL, POLICY):
        if not any(each.get("Store") == store for each in observed.of_kind("FirewallRules")):
            return f"which rules {store} has"
    return ""


def _service(observed: Observed, name: str) -> Record:
    for each in observed.of_kind("Service"):
        if text_of(each, "Name").casefold() == name.casefold():
            return each
    return {}


def _refusals(
    observed: Observed,
    params: Mapping[str, Value],
    others: Sequence[Record],
    against: tuple[str, ...],
    found: Allowed | Hindered,
) -> list[_Refusal]:
    refusals: list[_Refusal] = []
    state = text_of(_service(observed, "MpsSvc"), "State")
    if state and state != "Running":
        refusals.append(
            _Refusal(
                "service",
                "The service of Windows Firewall does not run",
                (f"MpsSvc: {state}",),
                "Start the service MpsSvc, after asking who stopped it",
            )
        )
    if against:
        refusals.append(
            _Refusal(
                "policy",
                "Group policy decides what passes, and local rules do not",
                (*against, *_policies(observed)),
                "Isolate this server at its switch or hypervisor, or have the policy changed",
            )
        )
    if isinstance(found, Hindered):
        refusals.append(
            _Refusal("path", "What has to stay open is not known to stay open", found.lines, "Say it by parameters")
        )
    if isinstance(found, Allowed) and (blocked := tuple(_blocking(observed, found))):
        refusals.append(
            _Refusal(
                "blocked",
                "A rule may block WinRM, and what blocks comes before what allows",
                blocked,
                "Limit these rules to what they are for, or switch them off, and try again",
            )
        )
    refusals += _copies(observed, params)
    cut = tuple(
        f"{store}: {count(observed, store, 'Listed')} of {count(observed, store, 'Enabled')} enabled rules were read"
        for store in (LOCAL, POLICY)
        if count(observed, store, "Listed") < count(observed, store, "Enabled")
    )
    if cut:
        refusals.append(
            _Refusal(
                "capped", "Not every rule was read", cut, "Take rules away that nobody needs: so many are not usual"
            )
        )
    if unnamed := tuple(
        text_of(each, "InstanceID") for each in others if not can_be_named(text_of(each, "InstanceID"))
    ):
        refusals.append(
            _Refusal(
                "named",
                "Rules have names that stand for other rules as well, and cannot be switched off by them",
                tuple(f"{each!r:.200}" for each in unnamed),
                "Look at these rules: no program of Windows names them so. Remove them by hand, and try again",
            )
        )
    return refusals


def _policies(observed: Observed) -> list[str]:
    """A line with the policies of which one may set that: Windows tells of rules, and not of profiles, which does."""
    names = [name for each in observed.of_kind("Policy") if (name := text_of(each, "DisplayName"))]
    shown = f"{', '.join(names[:SHOWN])}{' and others' if names[SHOWN:] else ''}"
    return [f"policies with such settings that were applied here: {shown}"] if names else []


def _blocking(observed: Observed, found: Allowed) -> list[str]:
    """A line for each enabled rule that blocks what comes in, and is not known to leave WinRM alone."""
    lines: list[str] = []
    for store in (LOCAL, POLICY):
        for rule in rules(observed, store):
            if text_of(rule, "Direction") != "Inbound" or text_of(rule, "Action") != "Block":
                continue
            key = (store, text_of(rule, "InstanceID").casefold())
            ports = next((each for each in observed.of_kind("FirewallPort") if _key(each) == key), None)
            whom = next((each for each in observed.of_kind("FirewallRemote") if _key(each) == key), None)
            if (ports is None or _may_be_of(ports, found.winrm_ports)) and (
                whom is None or may_hold(_texts(whom.get("RemoteAddress")), found.management)
            ):
                name = text_of(rule, "DisplayName") or text_of(rule, "InstanceID")
                source = text_of(rule, "Source")
                where = store if source in ("", store) else f"{store}, {source}"
                lines.append(f"{name} ({text_of(rule, 'InstanceID')}, {where})")
    return lines


def _texts(value: Value) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def _key(record: Record) -> tuple[str, str]:
    return text_of(record, "Store"), text_of(record, "InstanceID").casefold()


def _may_be_of(filtered: Record, wanted: Sequence[str]) -> bool:
    """Whether a filter may be about one of these TCP ports; what cannot be read may."""
    if text_of(filtered, "Protocol").casefold() in ("udp", "17", "icmpv4", "icmpv6", "1", "58", "2", "igmp"):
        return False
    ports = filtered.get("LocalPort")
    for each in ports if isinstance(ports, list | tuple) else ():
        first, dash, last = str(each).partition("-")
        if not (first.isascii() and first.isdecimal()):
            return True
        if dash and not (last.isascii() and last.isdecimal()):
            return True
        if any(int(first) <= int(port) <= int(last or first) for port in wanted if port.isdecimal()):
            return True
    return not ports


def _copies(observed: Observed, params: Mapping[str, Value]) -> list[_Refusal]:
    """A member of a database availability group that has active copies, or of which that is not known."""
    cluster = _service(observed, "ClusSvc")
    if not cluster or text_of(cluster, "StartMode") == "Disabled":
        return []
    copies = observed.first("ActiveCopies")
    then = (
        "Move its active copies to other members (StartDagServerMaintenance.ps1), see that none is left "
        "(Get-MailboxDatabaseCopyStatus), and try again"
    )
    if copies is not None:
        mounted = copies.get("Mounted")
        if mounted == 0:
            return []
        line = f"{mounted!r} databases are mounted on this member of a database availability group"
        return [_Refusal("copies", "This member of a group holds active database copies", (line,), then)]
    if params.get("copies_moved") is True:
        return []
    why = observed.why_unread("mounted databases") or "the answer does not say how many"
    return [
        _Refusal(
            "copies",
            "This may be a member of a group, and whether it holds active database copies could not be told",
            (f"ClusSvc: {text_of(cluster, 'StartMode')}; mounted databases: {why}",),
            f"{then} with copies_moved: true",
        )
    ]


def _refused(refusals: tuple[_Refusal, ...]) -> Assessment:
    findings = tuple(
        Finding(f"{ACTION}.{each.name}", Severity.HIGH, each.title, _cut(each.lines), each.then) for each in refusals
    )
    why = "; ".join(_lower(each.title) for each in refusals)
    return Assessment(
        Verdict.UNKNOWN,
        f"not to be isolated: {why}",
        findings,
        {"isolated": False, "isolatable": False},
        Coverage.NOT_KNOWABLE,
        barred=(Barred(CHANGE, {"against it": tuple(each.title for each in refusals)}),),
    )


def _lower(title: str) -> str:
    return title if title.startswith("Exchange") else title[:1].lower() + title[1:]


def _cut(lines: tuple[str, ...]) -> tuple[str, ...]:
    more = (f"and {len(lines) - SHOWN} more",) if len(lines) > SHOWN else ()
    return (*lines[:SHOWN], *more)


def _isolated(
    observed: Observed, ours: Sequence[Record], others: Sequence[Record], against: tuple[str, ...]
) -> Assessment:
    """A server that has rules of an isolation."""
    open_profiles = [
        name
        for name in PROFILES
        if text_of(profile(observed, ACTIVE, name), "Enabled") != "True"
        or {
            text_of(profile(observed, ACTIVE, name), each) for each in ("DefaultInboundAction", "DefaultOutboundAction")
        }
        != {"Block"}
    ]
    plans = sorted({_plan_of(text_of(each, "InstanceID")) for each in ours})
    leaks = [
        *(f"the profile {name} does not block what no rule is about" for name in open_profiles),
        *(f"the rule {text_of(each, 'InstanceID')} allows something beside it" for each in others),
        *against,
    ]
    facts = {"isolated": not leaks, "isolatable": not against}
    by = f"by plan {' and '.join(plans)}"
    if not leaks:
        return Assessment(Verdict.OK, f"isolated, {by}", tuple(_unexported(observed, plans)), facts)
    return Assessment(
        Verdict.UNKNOWN,
        f"isolated in part only, {by}: {len(leaks)} ways are open",
        (
            Finding(
                f"{ACTION}.leaks",
                Severity.HIGH,
                "This server was isolated, and lets something else through",
                _cut(tuple(leaks)),
                "Find out who opened it; release the server, and isolate it anew",
            ),
        ),
        facts,
        Coverage.NOT_KNOWABLE,
        barred=(Barred(CHANGE, {"isolated": f"in part, {by}"}),),
    )


def _unexported(observed: Observed, plans: Sequence[str]) -> Iterator[Finding]:
    """That the whole policy, which nothing but a person would ever import, is not beside the record."""
    empty = {text_of(each, "Name").casefold(): each.get("Empty") for each in observed.of_kind("Export")}
    lines = [
        f"{FOLDER}\\{name} {'is empty' if name in empty else 'is not there'}"
        for plan in plans
        if empty.get(name := f"isolation-{plan}.wfw") is not False
    ]
    if why := observed.why_unread(FOLDER):
        lines = [f"{FOLDER}: {why}"]
    if lines:
        yield Finding(
            f"{ACTION}.unexported",
            Severity.LOW,
            "No export of the firewall's whole policy is kept on this server",
            _cut(tuple(lines)),
            "Nothing needs it: what was changed is recorded rule by rule, and given back by that",
        )


def _plan_of(name: str) -> str:
    parts = name.split("-")
    return parts[2] if len(parts) > 3 else name


def _to_be_isolated(observed: Observed, found: Allowed, others: Sequence[Record]) -> Assessment:
    services = [_service(observed, name) for name in RECOVERY]
    recorded = Recorded(
        profiles={name: Profile.of(profile(observed, LOCAL, name)) for name in PROFILES},
        rules=tuple(sorted((text_of(each, "InstanceID") for each in others), key=lambda name: (name.casefold(), name))),
        automatic=tuple(text_of(each, "Name") for each in services if text_of(each, "StartMode") == "Automatic"),
        running=tuple(
            text_of(each, "Name") for each in services if text_of(each, "State") in ("Running", "StartPending")
        ),
        open_ports=tuple(
            sorted((text_of(each, "Port") for each in observed.of_kind("OpenPort")), key=lambda port: port.zfill(5))
        ),
        allowed=found,
    )
    before: dict[str, ChangeValue] = {
        "allow rules": len(recorded.rules),
        **{f"profile {name}": each.shown for name, each in recorded.profiles.items()},
        "ports": recorded.open_ports,
    }
    change = Change(
        id=CHANGE,
        title="Cut this server off from all but what is named",
        values=values_of(recorded),
        before=before,
        after=described(found, recorded),
        disturbs="all that it serves is away until it is released: mail, Outlook, the web, and what others ask of it",
    )
    assessment = Assessment(
        Verdict.ATTENTION,
        f"not isolated; it would be, but for {found.shown}",
        _warnings(found),
        {"isolated": False, "isolatable": True},
        changes=(change,),
        then={"isolated": True, "isolatable": True},
    )
    moving = [each for each in services if text_of(each, "State") in ON_THEIR_WAY]
    return replace(assessment, coverage=Coverage.PREDICTED) if moving else assessment


def _warnings(found: Allowed) -> tuple[Finding, ...]:
    if not found.left_out:
        return ()
    return (
        Finding(
            f"{ACTION}.left_out",
            Severity.LOW,
            "Something that this server uses would be cut off as well",
            _cut(found.left_out),
            "Name what it needs by parameters, or let it go",
        ),
    )

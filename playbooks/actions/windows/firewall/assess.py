"""What Windows Firewall does here, what group policy takes out of local hands, and whether it could isolate a server.

What policy overrules is found by overruling.py, beside this folder.

The answers for ActiveStore come from the firewall's service itself, so one that answers runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from playbooks.actions.windows.overruling import (
    ACTIVE,
    COUNTS,
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
from playbooks.findings import Assessment, Coverage, Facts, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_observed
from playbooks.values import Record, Value, text_of

ACTION = "windows.firewall"
FACTS = ("isolatable", "profiles_off", "overridden", "local_allow_rules", "winrm_from_anywhere")
WINRM = (5985, 5986)
# Windows runs WinRM's listener in its kernel (http.sys): its own rules name the program System.
PROGRAMS = frozenset({"any", "system"})
ANYWHERE = frozenset({"any", "*", "internet", "0.0.0.0/0", "0.0.0.0/0.0.0.0", "::/0"})
EVERY_ADDRESS = re.compile(r"0\.0\.0\.0-255\.255\.255\.255|::-ffff(:ffff){7}", re.IGNORECASE)
_RULED = (LOCAL, POLICY)
SHOWN = 10  # lines of evidence
OLD = "Windows Server 2008 R2 lacks these commands: look there with Windows Defender Firewall's own console"
LOOK = f"See that the service MpsSvc runs and that this account is a local administrator, and audit it again; {OLD}"


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read, and what was not.

    Attributes:
        unread: a line for each thing that was not.
        no_profiles: stores whose profiles are not known whole.
        no_rules: stores whose rules are not known.
    """

    observed: Observed
    unread: tuple[str, ...]
    no_profiles: frozenset[str]
    no_rules: frozenset[str]

    @property
    def cut(self) -> tuple[str, ...]:
        """A line for each store of which not every rule was listed."""
        seen = {
            store: (count(self.observed, store, "Listed"), count(self.observed, store, "Enabled")) for store in _RULED
        }
        return tuple(
            f"{store}: {listed} of {enabled} enabled rules were looked at"
            for store, (listed, enabled) in seen.items()
            if listed < enabled
        )


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """What was found stands whatever else was not read; that nothing is wrong is known only when everything was."""
    if not isinstance(observation, Observed):
        return not_observed(ACTION, observation, FACTS)
    service = observation.first("FirewallService") or {}
    state = text_of(service, "State")
    read = _read(observation)
    if state and state != "Running":
        return _stopped(state, read)
    off = tuple(name for name in PROFILES if text_of(profile(read.observed, ACTIVE, name), "Enabled") == "False")
    overruled = tuple(overrides(observation))
    open_to_all = tuple(_open(read))
    lines = tuple(_off_lines(read, off))
    findings = (
        _finding(
            "off",
            Severity.MEDIUM,
            f"Windows Firewall is off in {_names(off)}",
            lines,
            "Switch it on where nothing else filters this server's traffic; or have the policy changed",
        ),
        _finding(
            "policy",
            Severity.LOW,
            "Local rules do not decide what passes: this server cannot be isolated by them",
            overruled,
            "Isolate this server at its switch or hypervisor, or have the policy changed before it is needed",
        ),
        _finding(
            "winrm",
            Severity.LOW,
            "WinRM is let in from any address",
            open_to_all,
            "Limit these rules to the addresses from which servers are managed",
        ),
        _finding(
            "capped",
            Severity.LOW,
            "Not every rule was looked at",
            read.cut,
            "Look at the rules by hand: so many are not usual",
        ),
    )
    found = Assessment(
        Verdict.OK,
        "Windows Firewall is on in every profile, and this server could be isolated by it",
        tuple(each for each in findings if each is not None),
        _facts(read, off, overruled, open_to_all),
    )
    if found.findings:
        found = replace(found, verdict=Verdict.ATTENTION, summary="; ".join(_said(found, off)))
    return _with_unread(found, read)


def _read(observed: Observed) -> _Read:
    lines = [f"{entry.what}: {entry.why}" for entry in observed.unread if entry.what != "MpsSvc"]
    no_profiles, no_rules = set[str](), set[str]()
    read = _Read(observed, (), frozenset(), frozenset())
    for store in (ACTIVE, LOCAL, POLICY):
        unread = observed.why_unread(f"profiles of {store}") is not None
        lacking = [name for name in PROFILES if not is_whole(profile(observed, store, name), store)]
        if lacking and not unread:
            lines.append(f"profiles of {store}: the answer does not say how {_names(lacking)} stands")
        if lacking or unread:
            no_profiles.add(store)
    for store in (LOCAL, POLICY):
        unread = observed.why_unread(f"rules of {store}") is not None
        counted = any(each.get("Store") == store for each in observed.of_kind("FirewallRules"))
        if not counted and not unread:
            lines.append(f"rules of {store}: the answer has none of their numbers")
        half = [] if unread else _half_told(observed, store)
        if half:
            lines.append(f"rules of {store}: the answer does not say whom {_names(half[:SHOWN])} let in")
        if unread or not counted or half:
            no_rules.add(store)
    return replace(read, unread=tuple(lines), no_profiles=frozenset(no_profiles), no_rules=frozenset(no_rules))


def _half_told(observed: Observed, store: str) -> list[str]:
    """Rules that may let WinRM in, of which is not said from where, or which program they reach."""
    remotes = {_id(each) for each in observed.of_kind("FirewallRemote") if _texts(each.get("RemoteAddress"))}
    programs = {_id(each) for each in observed.of_kind("FirewallProgram") if text_of(each, "Program")}
    return [
        text_of(each, "InstanceID")
        for each in observed.of_kind("FirewallPort")
        if each.get("Store") == store and not {_id(each)} <= remotes & programs
    ]


def _off_lines(read: _Read, off: tuple[str, ...]) -> Iterator[str]:
    for name in off:
        said = [
            store for store in (POLICY, LOCAL) if text_of(profile(read.observed, store, name), "Enabled") == "False"
        ]
        yield f"{name}: off in {ACTIVE}{f', as {said[0]} says' if said else ''}"


def _open(read: _Read) -> Iterator[str]:
    """A line for each enabled rule that counts and lets WinRM in from anywhere."""
    ports = {_id(each): each for each in read.observed.of_kind("FirewallPort")}
    remotes = {_id(each): each for each in read.observed.of_kind("FirewallRemote")}
    programs = {_id(each): each for each in read.observed.of_kind("FirewallProgram")}
    for store in (LOCAL, POLICY):
        for rule in rules(read.observed, store):
            key = _id(rule)
            if key not in ports or not _counts(read, rule):
                continue
            reached = [port for port in WINRM if _covers(_texts(ports[key].get("LocalPort")), port)]
            program = text_of(programs.get(key, {}), "Program")
            if not reached or program.casefold() not in PROGRAMS:
                continue
            addresses = _texts(remotes.get(key, {}).get("RemoteAddress"))
            if any(each.casefold() in ANYWHERE or EVERY_ADDRESS.fullmatch(each) for each in addresses):
                name = text_of(rule, "DisplayName") or text_of(rule, "InstanceID")
                yield (
                    f"{name} ({text_of(rule, 'InstanceID')}, {store}): TCP {' and '.join(map(str, reached))}, "
                    f"profiles {text_of(rule, 'Profile') or 'not said'}, from {', '.join(addresses[:SHOWN])}"
                )


def _counts(read: _Read, rule: Record) -> bool:
    """Whether a rule that allows something does so in a profile at least."""
    if text_of(rule, "Direction") != "Inbound" or text_of(rule, "Action") != "Allow":
        return False
    said = {each.strip() for each in text_of(rule, "Profile").split(",")}
    names = [name for name in PROFILES if name in said] or list(PROFILES)  # Any, or not said
    for name in names:
        active = profile(read.observed, ACTIVE, name)
        ignored = [setting for setting in COUNTS if text_of(active, setting) == "False"]
        if rule.get("Store") == POLICY and "AllowLocalFirewallRules" in ignored:
            ignored.remove("AllowLocalFirewallRules")
        if not ignored:
            return True
    return False


def _id(record: Record) -> tuple[str, str]:
    return text_of(record, "Store"), text_of(record, "InstanceID").casefold()


def _texts(value: Value) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def _covers(ports: tuple[str, ...], port: int) -> bool:
    """Whether ports as a filter gives them, numbers, ranges or Any, hold one."""
    for each in ports:
        first, _, last = each.partition("-")
        if each.casefold() == "any" or each == str(port):
            return True
        if _is_port(first) and _is_port(last) and int(first) <= port <= int(last):
            return True
    return False


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5


def _facts(read: _Read, off: tuple[str, ...], overruled: tuple[str, ...], open_to_all: tuple[str, ...]) -> Facts:
    not_read = UnknownFact(f"not read: {'; '.join(read.unread)}")
    of_policy = not read.no_profiles and POLICY not in read.no_rules
    looked_through = not read.no_rules and ACTIVE not in read.no_profiles and not read.cut
    of_winrm = UnknownFact("; ".join(read.cut)) if read.cut and not read.no_rules else not_read
    return {
        "isolatable": False if overruled else True if of_policy else not_read,
        "profiles_off": not_read if ACTIVE in read.no_profiles else off,
        "overridden": True if overruled else False if of_policy else not_read,
        "local_allow_rules": not_read if LOCAL in read.no_rules else count(read.observed, LOCAL, "Allow"),
        "winrm_from_anywhere": True if open_to_all else False if looked_through else of_winrm,
    }


def _said(found: Assessment, off: tuple[str, ...]) -> Iterator[str]:
    ids = {finding.id.rpartition(".")[2] for finding in found.findings}
    if off:
        yield f"off in {_names(off)}"
    if "policy" in ids:
        yield "it cannot isolate this server: local rules do not decide"
    if "winrm" in ids:
        yield "WinRM is let in from any address"
    if "capped" in ids:
        yield "not every rule was looked at"


def _stopped(state: str, read: _Read) -> Assessment:
    """Whatever the stores say is not in force then, and no rule can be set."""
    why = f"the service MpsSvc is {state}"
    finding = _finding(
        "service",
        Severity.HIGH,
        "The service of Windows Firewall does not run: nothing that is set is in force",
        (f"MpsSvc: {state}", *read.unread),
        "Start the service MpsSvc, after asking who stopped it; Microsoft does not support to run without it",
    )
    return Assessment(
        Verdict.UNKNOWN,
        f"could not tell what is let in: {why}",
        () if finding is None else (finding,),
        {name: UnknownFact(why) for name in FACTS} | {"isolatable": False},
        Coverage.NOT_KNOWABLE,
    )


def _with_unread(found: Assessment, read: _Read) -> Assessment:
    if not read.unread:
        return found
    finding = Finding(f"{ACTION}.unknown", Severity.HIGH, "Could not read all of Windows Firewall", read.unread, LOOK)
    summary = "could not read all of Windows Firewall"
    return replace(
        found,
        verdict=Verdict.UNKNOWN,
        summary=f"{summary}; {found.summary}" if found.findings else summary,
        findings=(finding, *found.findings),
        coverage=Coverage.NOT_KNOWABLE,
    )


def _finding(name: str, severity: Severity, title: str, lines: tuple[str, ...], then: str) -> Finding | None:
    if not lines:
        return None
    more = (f"and {len(lines) - SHOWN} more",) if len(lines) > SHOWN else ()
    return Finding(f"{ACTION}.{name}", severity, title, (*lines[:SHOWN], *more), then)


def _names(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names)

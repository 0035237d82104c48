"""Whether requests of an attack meet a rule of URL Rewrite that holds them off, and the rule that makes it so.

A rule counts by what it does, where it stands and whether requests come to it: what is called like a mitigation and
does something else is told, what is one and has another name is taken for one. A rule of ours is added beside the
others, of which none is touched (docs/decisions/0035).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from playbooks.actions.iis.configuration.files import server_of
from playbooks.actions.iis.configuration.mitigations import Form, Inbound, Outbound, Wanted, concerns, form
from playbooks.actions.iis.configuration.rules import Condition, Rule
from playbooks.actions.iis.configuration.sites import Site, sites_of
from playbooks.actions.mitigation.effective import Configs, Effective, Ours, effective, is_installed
from playbooks.actions.mitigation.emergency import Emergency, emergency_of
from playbooks.actions.mitigation.reading import (
    NO_PATCH,
    UnreadFileError,
    host_of,
    none_of,
    outside,
    root_of,
)
from playbooks.changes import Change, ChangeValue
from playbooks.findings import Assessment, Finding, Severity, Verdict
from playbooks.investigating.document import Element
from playbooks.investigating.places import Server, comparable
from playbooks.observation import Observation, Observed
from playbooks.unknowns import unknown
from playbooks.values import Record, text_of

__all__ = ["FACTS", "Mitigated", "Named", "judge"]

FACTS = ("present", "in_force")
SITE = "Default Web Site"
SHOWN = 20  # lines of evidence of one finding
_PROXY = "frontend\\httpproxy"
# What the addresses of Exchange's front end begin with, as setup makes them.
_EXCHANGE = frozenset(
    ("api", "autodiscover", "ecp", "ews", "mapi", "microsoft-server-activesync", "oab", "owa", "powershell", "rest")
)
_SECTIONS = {"inbound": "system.webServer/rewrite/rules", "outbound": "system.webServer/rewrite/outboundRules"}


@dataclass(frozen=True, slots=True)
class Named:
    """A rule that is wanted, what ours is called, and what others' are called, in lower case, as they begin."""

    wanted: Wanted
    name: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mitigated:
    """A mitigation by rules.

    Attributes:
        action: the action's id.
        cve: what it holds off.
        application: below the site, for which it has to hold; empty for all of Exchange's.
        locations: where our rules may stand; the first in which they hold.
        rules: all of which are needed.
        breaks: what users miss while it is in force, as a sentence without a full stop.
        until: from when it is not needed any more, as the end of a sentence.
        emergency: what Exchange Emergency Mitigation calls its own of it; empty where it has none.
    """

    action: str
    cve: str
    application: str
    locations: tuple[str, ...]
    rules: tuple[Named, ...]
    breaks: str
    until: str
    emergency: str = ""


@dataclass(slots=True)
class _Seen:
    """What stands there of a mitigation, as lines of evidence by what is the matter with it."""

    holds: list[str] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    off: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)


def judge(of: Mitigated, observation: Observation) -> Assessment:
    """Whether the mitigation is in force for every application that it concerns, and the rules that make it so."""
    found = host_of(of.action, observation, FACTS)
    if isinstance(found, Assessment):
        return found
    observed, host = found
    setup = observed.first("ExchangeSetup")
    if setup is None or (setup.get("Present") is True and not server_of(observed).exchange):
        why = next((each.why for each in observed.unread), "the answer does not say where Exchange lies")
        return unknown(of.action, "where Exchange lies", why, FACTS)
    if setup.get("Present") is not True:
        return Assessment(Verdict.NOT_APPLICABLE, "no Exchange Server is installed", facts=none_of(FACTS))
    if why := next(outside(host, "sites", "rewrite", "rules", "outboundRules", "globalModules", "modules"), ""):
        return unknown(of.action, "the rules of URL Rewrite", why, FACTS)
    try:
        applications, configs = _applications(of, host, observed)
    except UnreadFileError as error:
        return unknown(of.action, "the rules of URL Rewrite", str(error), FACTS)
    if not applications:
        of_what = f"{SITE}/{of.application} of Exchange" if of.application else f"application of Exchange in {SITE}"
        return Assessment(Verdict.NOT_APPLICABLE, f"there is no {of_what} on this server", facts=none_of(FACTS))
    return _judged(of, host, configs, applications, observed)


def _applications(of: Mitigated, host: Element, observed: Observed) -> tuple[list[str], Configs]:
    """The applications that it concerns, and the web.configs on the way to them and below.

    Raises:
        UnreadFileError: one of those was not read.
    """
    server = server_of(observed)
    exchange = comparable(f"{server.exchange}\\{_PROXY}")
    sites = (each for section in host.named("system.applicationHost") for each in sites_of(section))
    site = next((each for each in sites if each.name.casefold() == SITE.casefold()), None)
    found: dict[str, str] = {}
    root = ""
    for folder in () if site is None else site.folders:
        application = folder.address[len(SITE) :].strip("/")
        path = comparable(server.expanded(folder.path))
        if not application:
            root = path
        elif path == exchange or path.startswith(f"{exchange}\\"):
            found[application] = path
    wanted = {each: path for each, path in found.items() if of.application.casefold() in ("", each.casefold())}
    _refuse_elsewhere(of, site, wanted, server)
    configs: dict[str, Element] = {}
    for application, path in {"": root, **wanted}.items() if wanted else ():
        config = _config(path, observed)
        if config is not None:
            configs[application.casefold()] = config
    below = {application.casefold(): tuple(_configs_below(path, observed)) for application, path in wanted.items()}
    return list(wanted), Configs(configs, below)


def _refuse_elsewhere(of: Mitigated, site: Site | None, wanted: Mapping[str, str], server: Server) -> None:
    """Where requests are led to a folder whose web.config nobody has read, what holds there is not known.

    Raises:
        UnreadFileError: an address of Exchange, or one below, leads elsewhere.
    """
    for folder in () if site is None else site.folders:
        application = folder.address[len(SITE) :].strip("/").casefold()
        path = comparable(server.expanded(folder.path))
        is_read = any(path == each or path.startswith(f"{each}\\") for each in wanted.values())
        concerned = of.application.casefold() or application.partition("/")[0]
        is_below = application == concerned or application.startswith(f"{concerned}/")
        is_exchange = concerned in _EXCHANGE or concerned in map(str.casefold, wanted)
        if application and is_below and is_exchange and not is_read:
            raise UnreadFileError(f"{folder.address} leads to {folder.path}, and no web.config there was read")


def _configs_below(folder: str, observed: Observed) -> Iterator[tuple[str, Element]]:
    """The web.configs in folders below, each with where it lies below Exchange's front end.

    Raises:
        UnreadFileError: one of them, or a folder, was not read.
    """
    for each in observed.unread:
        if f"{comparable(each.what)}\\".startswith(f"{folder}\\"):
            raise UnreadFileError(f"{each.what}: {each.why}")
    for file in observed.of_kind("ConfigFile"):
        place = comparable(text_of(file, "Place"))
        if file.get("Present") is True and place.startswith(f"{folder}\\") and place != f"{folder}\\web.config":
            yield place.partition(f"{_PROXY}\\")[2], _whole(file, observed)


def _config(folder: str, observed: Observed) -> Element | None:
    place = f"{folder}\\web.config"
    for each in observed.unread:
        if comparable(each.what) == place:
            raise UnreadFileError(f"{each.what}: {each.why}")
    for file in observed.of_kind("ConfigFile"):
        if comparable(text_of(file, "Place")) == place:
            if file.get("Present") is not True:
                return None
            return _whole(file, observed)
    raise UnreadFileError(f"{place} was not read")


def _whole(file: Record, observed: Observed) -> Element:
    root = root_of(file, observed)
    if why := next(outside(root, "rewrite", "rules", "outboundRules", "modules"), ""):
        raise UnreadFileError(f"{text_of(file, 'Place')}: {why}")
    return root


def _judged(of: Mitigated, host: Element, configs: Configs, applications: list[str], observed: Observed) -> Assessment:
    seen = _Seen()
    lacking: list[Named] = []
    stands = {each: effective(host, configs, SITE, each) for each in applications}
    for rule in of.rules:
        missing = [each for each, there in stands.items() if not _holds(rule, there, each, seen)]
        if missing:
            lacking.append(rule)
        for there in stands.values():
            seen.altered += _altered(rule, there)
    emergency = emergency_of(observed)
    evidence = (*_lines(seen.holds), *emergency.lines(of.emergency, of.cve))
    if not lacking:
        return _in_force(of, evidence)
    findings = [*_findings(of, seen), *_gone(of, emergency)]
    if not is_installed(host):
        return _lacking(of, [_cannot(of), *findings], evidence, ())
    blocked = {
        location: sorted({line for rule in lacking for line in _blocked(location, rule, host, configs, applications)})
        for location in of.locations
    }
    location = next((location for location, why in blocked.items() if not why), None)
    if location is None:
        return _lacking(of, [_blocked_finding(of, blocked[of.locations[0]]), *findings], evidence, ())
    return _lacking(of, findings, evidence, tuple(_changes(of, location, lacking, host, emergency)))


def _in_force(of: Mitigated, evidence: tuple[str, ...]) -> Assessment:
    finding = Finding(
        f"{of.action}.in-force",
        Severity.INFO,
        f"Mitigation of {of.cve} in force, no patch: {of.breaks}",
        evidence,
        f"Install the update that fixes it; {of.until}",
        (of.cve,),
    )
    summary = f"requests of {of.cve} are held off by a rule: a mitigation, and {NO_PATCH}"
    return Assessment(Verdict.OK, summary, (finding,), {"present": True, "in_force": True})


def _lacking(
    of: Mitigated, findings: list[Finding], evidence: tuple[str, ...], changes: tuple[Change, ...]
) -> Assessment:
    then = "Install the update that fixes it; until then add the rule"
    title = f"{of.cve} is not mitigated by a rule"
    told = (*findings, Finding(f"{of.action}.not-in-force", Severity.LOW, title, evidence, then, (of.cve,)))
    first = told[0].title
    summary = title if len(told) == 1 else f"{title}: {first[0].lower()}{first[1:]}"
    return Assessment(
        Verdict.ATTENTION,
        summary,
        told,
        {"present": True, "in_force": False},
        changes=changes,
        then={"present": True, "in_force": True} if changes else None,
    )


def _holds(rule: Named, there: Effective, application: str, seen: _Seen | None) -> bool:
    """Whether requests of an application meet a rule that holds the attack off; what stands in the way is noted."""
    good = False
    for each in there.rules:
        if not concerns(each, rule.wanted):
            continue
        line = f"{application}: {each}"
        how = form(each, rule.wanted, there.precondition(each))
        first = next(there.undoing(each), None)
        match how:
            case Form.CURRENT if not there.runs:
                _note(seen, "without", f"{application}: RewriteModule does not run ({there.without or 'not loaded'})")
            case Form.CURRENT if first is not None:
                _note(seen, "behind", f"{line}: beside {first[0].where}: {first[0].name}, {first[1]}")
            case Form.CURRENT:
                good = True
                _note(seen, "holds", f"{each}: {Form.CURRENT.value}")
            case Form.OUTDATED | Form.OTHER:
                _note(seen, "outdated", f"{line}: {how.value}")
            case Form.OFF:
                _note(seen, "off", f"{line}: {how.value}")
            case _:
                assert_never(how)
    for each, why in there.dropped:
        if concerns(each, rule.wanted):
            _note(seen, "dropped", f"{application}: {each}: dropped by {why}")
    return good


def _note(seen: _Seen | None, name: str, line: str) -> None:
    if seen is not None and line not in getattr(seen, name):
        getattr(seen, name).append(line)


def _altered(rule: Named, there: Effective) -> Iterator[str]:
    """Rules that are called like this mitigation and are none."""
    for each in (*there.rules, *(gone for gone, _ in there.dropped)):
        name = each.name.casefold()
        if not concerns(each, rule.wanted) and (name == rule.name.casefold() or name.startswith(rule.others)):
            yield str(each)


def _ours(location: str, rule: Named) -> Ours:
    where = f"applicationHost.config, {location}"
    match rule.wanted:
        case Inbound() as wanted:
            condition = Condition(wanted.input, wanted.pattern, negate=False)
            return Ours(
                location,
                Rule(where, "inbound", rule.name, True, "", ".*", False, "", (condition,), "AbortRequest", "", True),
            )
        case Outbound() as wanted:
            conditions = tuple(Condition(read, pattern, negate=False) for read, pattern in wanted.preconditions)
            made = Rule(
                where, "outbound", rule.name, True, "", "(.*)", False, wanted.variable, (), "Rewrite", wanted.value,
                False, precondition=_precondition(rule),
            )  # fmt: skip
            return Ours(location, made, conditions)


def _precondition(rule: Named) -> str:
    return f"{rule.name} - precondition"


def _blocked(location: str, rule: Named, host: Element, configs: Configs, applications: list[str]) -> Iterator[str]:
    """Why our rule would not hold either, there."""
    ours = _ours(location, rule)
    for application in applications:
        there = effective(host, configs, SITE, application)
        if any(each.name.casefold() == rule.name.casefold() for each in there.rules) or (
            isinstance(rule.wanted, Outbound) and _precondition(rule) in there.preconditions
        ):
            yield f"{application}: there is a rule {rule.name} already, which does not hold"
            continue
        with_ours = effective(host, configs, SITE, application, ours)
        seen = _Seen()
        if not _holds(rule, with_ours, application, seen):
            yield from (*seen.dropped, *seen.behind, *seen.without, *seen.off, *seen.outdated)


def _cannot(of: Mitigated) -> Finding:
    return Finding(
        f"{of.action}.no-url-rewrite",
        Severity.MEDIUM,
        "The rule cannot be added: the URL Rewrite module is not installed",
        ("applicationHost.config: globalModules has no RewriteModule",),
        "Install URL Rewrite 2.1 (on IIS before 10 KB2999226 comes first), or the update of Exchange, which needs none",
        (of.cve,),
    )


def _blocked_finding(of: Mitigated, why: list[str]) -> Finding:
    return Finding(
        f"{of.action}.blocked",
        Severity.HIGH,
        "A rule of exrun's would not hold either",
        tuple(_lines(why)),
        "Take away by hand what stands in its way, or undo the plan that left the rule unfinished; then plan again",
        (of.cve,),
    )


def _findings(of: Mitigated, seen: _Seen) -> Iterator[Finding]:
    rows = (
        ("dropped", Severity.HIGH, "A mitigation stands there and is dropped further down", seen.dropped,
         "Find out who did that: whoever was inside may have; take the <clear/> or <remove> away by hand"),
        ("without-module", Severity.HIGH, "A mitigation stands there and nothing runs it", seen.without,
         "Find out who took the module RewriteModule away, and give it back"),
        ("off", Severity.MEDIUM, "A mitigation stands there and is not in force", seen.off,
         "Install the update that fixes it; until then have a rule that is in force"),
        ("outdated", Severity.MEDIUM, "A mitigation stands there in a form that requests get past", seen.outdated,
         "Install the update that fixes it; until then add the rule in its current form"),
        ("behind", Severity.MEDIUM, "A mitigation stands beside a rule that may keep it from its work", seen.behind,
         "Look at the other rule; install the update that fixes it, and put the mitigation first until then"),
        ("altered", Severity.MEDIUM, "A rule is called like a mitigation and is none", sorted(set(seen.altered)),
         "Find out who wrote it, and remove it by hand where nobody needs it"),
    )  # fmt: skip
    for name, severity, title, lines, then in rows:
        if lines:
            yield Finding(f"{of.action}.{name}", severity, title, tuple(_lines(lines)), then, (of.cve,))


def _lines(lines: list[str]) -> Iterator[str]:
    yield from (each if len(each) <= 500 else f"{each[:500]}..." for each in lines[:SHOWN])
    if len(lines) > SHOWN:
        yield f"and {len(lines) - SHOWN} more"


def _gone(of: Mitigated, emergency: Emergency) -> Iterator[Finding]:
    """Where Exchange Emergency Mitigation says that it has applied its own, and no rule holds."""
    if of.emergency and (applied := emergency.says_applied(of.emergency)):
        yield Finding(
            f"{of.action}.applied-and-gone",
            Severity.MEDIUM,
            f"Exchange Emergency Mitigation says that it has applied {of.emergency}, and no rule holds it",
            (f"MitigationsApplied: {', '.join(applied)}",),
            "What it says is no proof: find out who took the rule away or dropped it; it comes back within the hour",
            (of.cve,),
        )


def _changes(
    of: Mitigated, location: str, lacking: list[Named], host: Element, emergency: Emergency
) -> Iterator[Change]:
    """One for each rule. A section in which there is nothing of others goes with the last rule that is undone."""
    beside = f". {emergency.foretold(of.emergency)}" if of.emergency else ""
    for rule in lacking:
        ours = _ours(location, rule)
        section = _SECTIONS[ours.rule.kind]
        values: dict[str, ChangeValue] = {
            "location": location,
            "name": rule.name,
            "rule": f"{section}/rule[@name='{rule.name}']",
            "section": section if _is_ours(host, location, section) else None,
        }
        match rule.wanted:
            case Inbound() as wanted:
                values |= {"input": wanted.input, "pattern": wanted.pattern}
            case Outbound() as wanted:
                held = f"{section}/preConditions"
                values |= {
                    "precondition": _precondition(rule),
                    "precondition_element": f"{held}/preCondition[@name='{_precondition(rule)}']",
                    "preconditions": held if _is_ours(host, location, held) else None,
                    "variable": wanted.variable,
                    "value": wanted.value,
                    "first_input": wanted.preconditions[0][0],
                    "first_pattern": wanted.preconditions[0][1],
                    "second_input": wanted.preconditions[1][0],
                    "second_pattern": wanted.preconditions[1][1],
                }
        yield Change(
            id=f"rule.{'-'.join(rule.name.casefold().replace(' - ', ' ').split())}",
            title=f"Add the rule {rule.name} to {location} in applicationHost.config",
            values=values,
            before={"rule": "none"},
            after={"rule": str(ours.rule)},
            disturbs=f"{of.breaks}{beside}",
        )


def _is_ours(host: Element, location: str, section: str) -> bool:
    """Whether a section of a location is not there, or holds nothing but what is exrun's own.

    So it is the same before and after another mitigation was added to it: what a plan says of it stays true.
    """
    located = (
        each
        for each in host.named("location")
        if each.get("path").casefold() == location.casefold() and set(each.attributes) == {"path"}
    )
    found = [section_ for each in located for section_ in each.at(*section.split("/"))]
    return all(each.children and all(map(_is_of_exrun, each.children)) for each in found)


def _is_of_exrun(element: Element) -> bool:
    if element.name == "preConditions":
        return bool(element.children) and all(map(_is_of_exrun, element.children))
    return element.name in ("rule", "preCondition") and element.get("name").startswith("exrun ")

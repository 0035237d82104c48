"""What IIS is configured to serve and to load, and what of it no clean Exchange server has.

Judged by structure: what stands in a comment is not there, names are compared as Windows compares them, and a file that
cannot be read to its end is told with the place, never passed over. What was found in the others is told all the same.

Not known from these files: what a junction leads to, the state of a pool or site at this moment, and what web.configs
say that are not read here. The key of CVE-2020-0688 and actors' virtual directories are from signature-base
(vul_cve_2020_0688, expl_proxyshell.yar), modules and rules from CSS-Exchange.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from playbooks.actions.iis.configuration.extended import beyond_support
from playbooks.actions.iis.configuration.files import HOST, REDIRECTION, NotWholeError, server_of, whole_text
from playbooks.actions.iis.configuration.mitigations import ALL, Form, concerns, form
from playbooks.actions.iis.configuration.modules import is_known_filter, is_of_exchange, why_foreign
from playbooks.actions.iis.configuration.rules import Rule, rules_of
from playbooks.actions.iis.configuration.sites import Pool, Site, pools_of, sites_of
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.investigating.document import Element, UnreadableXmlError, read
from playbooks.investigating.handlers import foreign_handlers
from playbooks.investigating.places import Server, Standing, place
from playbooks.investigating.standing import CLEAR_OF
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_observed, unknown
from playbooks.values import Record, Value, text_of

ACTION = "iis.configuration"
FACTS = ("present", "sites", "web_roots", "applications", "pools", "rewrite_rules", CLEAR_OF)
_CLEAR = ("IIS's configuration",)
SHOWN = 30  # lines of evidence of one finding
MOST = 2_000  # texts of one fact

# What an intruder leaves, and what else may have put there: no clean server has it of itself.
_SUSPICIOUS = frozenset({"hidden", "module-imitates", "known-key", "module-foreign", "handler", "redirected"})
_CVES = {"known-key": ("CVE-2020-0688",)}
_SETUP_KEY = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15\\Setup"
# The same on every server until February 2020 (CVE-2020-0688), and so known to everybody.
_KNOWN_KEY = "CB2721ABDAF8E9DC516D621D8B8BF13A2C9E8689A25303BF"
# Sections that are judged; what they have outside the file, or encrypted, was not read.
_JUDGED = frozenset({"sites", "applicationPools", "globalModules", "handlers", "httpHandlers", "machineKey", "rewrite"})


@dataclass(slots=True)
class _Seen:
    """What was found, as lines of evidence by what it means, and what could not be read."""

    hidden: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    imitations: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    known_keys: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    redirected: list[str] = field(default_factory=list)
    pools_off: list[str] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    off: list[str] = field(default_factory=list)
    breaking: list[str] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    pools: list[Pool] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Judges every file that was read."""
    if not isinstance(observation, Observed):
        return not_observed(ACTION, observation, FACTS)
    files = {text_of(each, "Place").casefold(): each for each in observation.of_kind("ConfigFile")}
    host = next((each for place_, each in files.items() if place_.endswith(HOST)), None)
    if host is None:
        why = next((each.why for each in observation.unread if each.what.casefold().endswith(HOST)), "")
        return unknown(ACTION, "applicationHost.config", why or "the answer does not say whether it is there", FACTS)
    if host.get("Present") is not True:
        none: dict[str, Value] = dict.fromkeys(FACTS, ())
        summary = "IIS is not on this server: it has no applicationHost.config"
        return Assessment(Verdict.NOT_APPLICABLE, summary, facts={**none, "present": False, CLEAR_OF: _CLEAR})
    seen, server = _Seen(), server_of(observation)
    seen.gaps += _not_read(observation)
    for each in files.values():
        if each.get("Present") is True:
            _judge(each, observation, server, seen)
    return _assessment(seen, server)


def _not_read(observed: Observed) -> Iterator[str]:
    setup = observed.first("ExchangeSetup")
    yield from (f"{each.what}: {each.why}" for each in observed.unread)
    if setup is not None and setup.get("Present") is True and not text_of(setup, "InstallPath"):
        yield f"{_SETUP_KEY}: it does not say where Exchange lies"


def _judge(file: Record, observed: Observed, server: Server, seen: _Seen) -> None:
    where = text_of(file, "Place")
    try:
        root = read(whole_text(file, observed))
    except NotWholeError as error:
        seen.gaps.append(f"{where}: {error}")
        return
    except UnreadableXmlError as error:
        seen.gaps.append(f"{where}:{error}")
        return
    if root.name != "configuration":
        seen.gaps.append(f"{where}: it is no configuration: its root is {root.name}")
        return
    if where.casefold().endswith(REDIRECTION):
        _judge_redirection(root, where, seen)
        return
    if where.casefold().endswith(HOST):
        _judge_host(root, where, server, seen)
    _judge_any(root, where, server, seen)


def _judge_redirection(root: Element, where: str, seen: _Seen) -> None:
    for each in root.named("configurationRedirection"):
        if each.is_on("enabled", "false"):
            seen.redirected.append(f"{where}: {each.get('path')}")
            seen.gaps.append(f"{each.get('path')}: IIS reads its configuration there, and that was not read")


def _judge_host(root: Element, where: str, server: Server, seen: _Seen) -> None:
    hosts = list(root.named("system.applicationHost"))
    if not any(True for each in hosts for _ in each.named("sites")):
        seen.gaps.append(f"{where}: it has no section of sites")
    for host in hosts:
        seen.sites += sites_of(host)
        seen.pools += pools_of(host)
    for site in seen.sites:
        for folder in site.folders:
            found = place(folder.path, server)
            line = f"{folder.address} in {folder.pool}: {folder.path}: {found.why}"
            if found.standing is Standing.HIDDEN:
                seen.hidden.append(line)
            elif found.standing is Standing.ELSEWHERE:
                seen.elsewhere.append(line)
    seen.beyond += beyond_support(root)
    serves = {folder.pool.casefold() for site in seen.sites for folder in site.folders}
    seen.pools_off += [
        f"{pool.name}: autoStart false, startMode {pool.mode}"
        for pool in seen.pools
        if not pool.starts and pool.name.casefold() in serves
    ]
    for module in root.all():
        if module.name == "filter":  # of ISAPI: a program as native as a module
            name, image = module.get("name"), module.get("path")
            if image and not is_known_filter(image, server):
                seen.foreign.append(f"filter {name}: {image}: it is none of a clean Exchange server's")
    for module in root.at("system.webServer", "globalModules", "add"):
        name, image = module.get("name"), module.get("image")
        why, imitates = why_foreign(name, image, server)
        if why and not server.exchange and is_of_exchange(image, server) and seen.gaps:
            seen.gaps.append(f"{name}: {image}: whether it is Exchange's own is not known without Exchange's folder")
        elif why:
            (seen.imitations if imitates else seen.foreign).append(f"{name}: {image}: {why}")


def _judge_any(root: Element, where: str, server: Server, seen: _Seen) -> None:
    seen.handlers += (each.line for each in foreign_handlers(root, where, server))
    seen.rules += rules_of(root, where)
    for each in root.all():
        if each.name == "machineKey":
            _judge_key(each, where, seen)
        if each.name in _JUDGED:
            if source := each.get("configSource"):
                seen.gaps.append(f"{where}:{each.line}: {each.name} stands in {source}, which was not read")
            if each.get("configProtectionProvider"):
                seen.gaps.append(f"{where}:{each.line}: {each.name} is encrypted")


def _judge_key(key: Element, where: str, seen: _Seen) -> None:
    for name in ("validationKey", "decryptionKey"):
        written = key.get(name).strip()
        if not written or written.casefold().startswith("autogenerate"):
            continue
        if written.partition(",")[0].strip().upper() == _KNOWN_KEY:
            seen.known_keys.append(f"{where}:{key.line}: {name} is the one that all servers had")
        else:
            # Never the key itself: whoever has it can have this server run what they sign.
            digest = hashlib.sha256(written.upper().encode("utf-8", "surrogatepass")).hexdigest()[:16]
            seen.keys.append(f"{where}:{key.line}: {name}, {len(written)} characters, SHA-256 {digest}...")


def _judge_rules(seen: _Seen) -> None:
    stands = [(rule, wanted, form(rule, wanted)) for rule in seen.rules for wanted in ALL if concerns(rule, wanted)]
    held = {(rule.where.casefold(), wanted) for rule, wanted, how in stands if how is Form.CURRENT}
    for rule in seen.rules:
        if rule.breaks:
            seen.breaking.append(str(rule))
    for rule, wanted, how in stands:
        if (rule.where.casefold(), wanted) in held:
            continue
        if how in (Form.OUTDATED, Form.OTHER):
            seen.outdated.append(f"{wanted.cve}: {rule}")
        elif how is Form.OFF:
            seen.off.append(f"{wanted.cve}: {rule}")


def _assessment(seen: _Seen, server: Server) -> Assessment:
    _judge_rules(seen)
    findings = tuple(_findings(seen))
    ids = {finding.id.removeprefix(f"{ACTION}.") for finding in findings}
    verdict = Verdict.SUSPICIOUS if ids & _SUSPICIOUS else Verdict.ATTENTION
    if seen.gaps:
        start = f"not all of IIS's configuration could be read ({_cut(seen.gaps[0], 200)})"
        told = [finding for finding in findings if finding.id != f"{ACTION}.unknown"]
        summary = f"{start}; what was: {_titles(told)}" if told else start
        verdict = min(verdict, Verdict.UNKNOWN, key=lambda either: either.rank)
    elif findings:
        summary = _titles(findings)
    else:
        verdict = Verdict.OK
        summary = f"{_counted(seen)}: nothing in them that a clean server has not"
    return Assessment(
        verdict,
        summary,
        findings,
        _facts(seen, server, verdict),
        Coverage.NOT_KNOWABLE if seen.gaps else Coverage.PROBED,
    )


def _counted(seen: _Seen) -> str:
    folders = sum(len(site.folders) for site in seen.sites)
    return f"{len(seen.sites)} sites, {folders} folders, {len(seen.pools)} pools, {len(seen.rules)} rewrite rules"


def _titles(findings: Iterable[Finding]) -> str:
    shown = [finding.title[0].lower() + finding.title[1:] for finding in findings]
    return "; ".join(shown[:3]) + (f"; and {len(shown) - 3} more" if len(shown) > 3 else "")


def _facts(seen: _Seen, server: Server, verdict: Verdict) -> dict[str, Value | UnknownFact]:
    if seen.gaps:
        return {name: UnknownFact(_cut(seen.gaps[0], 300)) for name in FACTS if name != "present"} | {"present": True}
    folders = [folder for site in seen.sites for folder in site.folders]
    listed: dict[str, list[str]] = {
        "sites": [f"{site.name}: {', '.join(site.bindings)}" for site in seen.sites],
        "web_roots": [place(folder.path, server).path for folder in folders],
        "applications": [f"{folder.address} in {folder.pool}" for folder in folders],
        "pools": [pool.name for pool in seen.pools],
        "rewrite_rules": [str(rule) for rule in seen.rules],
    }
    facts: dict[str, Value | UnknownFact] = {"present": True}
    facts[CLEAR_OF] = _CLEAR if verdict is not Verdict.SUSPICIOUS else ()
    for name, texts in listed.items():
        once = tuple(dict.fromkeys(texts))
        facts[name] = once if len(once) <= MOST else UnknownFact(f"{len(once)} of them, and {MOST} at most are told")
    return facts


def _findings(seen: _Seen) -> Iterator[Finding]:
    """Worst first."""
    rows = (
        ("hidden", Severity.CRITICAL, "IIS serves a folder in a place where web shells were kept", seen.hidden,
         "Look at the files in these folders, keep them as evidence, and take the virtual directory away"),
        ("module-imitates", Severity.CRITICAL, "IIS loads a program that imitates a module of Windows or Exchange",
         seen.imitations, "Keep the program as evidence, find out who registered it, take this server for compromised"),
        ("known-key", Severity.CRITICAL, "The machine key is the one that is known to everybody (CVE-2020-0688)",
         seen.known_keys, "Install the current update of Exchange, see that the key is gone, and hunt for its use"),
        ("module-foreign", Severity.HIGH, "IIS loads a native module that no clean Exchange server has", seen.foreign,
         "Find out whose program it is (signature, date); keep it as evidence where nobody knows"),
        ("handler", Severity.HIGH, "Files that are no pages run as pages", seen.handlers,
         "Find out who mapped them; look at the files with these endings below the site"),
        ("redirected", Severity.HIGH, "IIS reads its configuration from another place", seen.redirected,
         "Look at applicationHost.config in that place, and find out who redirected it"),
        ("unknown", Severity.HIGH, "Not all of IIS's configuration could be read", seen.gaps,
         "Read these by hand, or audit again with an account that is a local administrator of this server"),
        ("elsewhere", Severity.MEDIUM, "IIS serves folders outside Exchange's web folders and inetpub", seen.elsewhere,
         "Find out whose they are; take away what nobody needs"),
        ("static-key", Severity.MEDIUM, "A machine key is written out", seen.keys,
         "Have keys generated where nothing needs this one: who has read it can have this server run what they sign"),
        ("rule-breaks", Severity.MEDIUM, "A rewrite rule makes every request fail: it is no regular expression",
         seen.breaking, "Correct the pattern to .* or remove the rule"),
        ("mitigation-off", Severity.MEDIUM, "A mitigation stands there and is not in force", seen.off,
         "Install the update that fixes it; until then put the rule in its current form"),
        ("mitigation-outdated", Severity.MEDIUM, "A mitigation stands there in a form that requests get past",
         seen.outdated, "Install the update that fixes it; until then replace the rule by its current form"),
        ("extended-protection", Severity.LOW, "Extended Protection asks for more than Exchange supports",
         seen.beyond, "Clients may fail there: set it to the most that is supported, with Microsoft's script for it"),
        ("pool-off", Severity.LOW, "Application pools that sites use do not start by themselves", seen.pools_off,
         "Find out whether they are off as a mitigation, and set autoStart where not"),
    )  # fmt: skip
    for name, severity, title, lines, then in rows:
        if lines:
            yield Finding(f"{ACTION}.{name}", severity, title, tuple(_shown(lines)), then, _CVES.get(name, ()))


def _shown(lines: list[str]) -> Iterator[str]:
    yield from (_cut(line, 500) for line in lines[:SHOWN])
    if len(lines) > SHOWN:
        yield f"and {len(lines) - SHOWN} more"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}..."

"""The audit as SARIF 2.1.0 (OASIS), for what collects findings of analysis tools: a run a client.

A rule is the id of a finding, a result one finding on one server. The server stands there as a logical location: there
is no file of its that a reader could open. Each server has a result of its own besides, so that one without findings
is there too: `exrun.verdict` (passed, or what it comes to), and `exrun.not-judged` where it is not wholly known. The
latter is an error and no mere note, for a reader of levels alone would take silence for health.

    critical, high -> error    medium -> warning    low -> note    info -> none (informational)
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from playbooks.findings import Finding, Severity
from runner.exit_status import ExitStatus
from runner.reports.json import as_text, labels
from runner.reports.wording import meaning, tables, tone
from runner.results import OPEN_ENDS, FleetResult, HostFinding, HostResult, Outcome, exit_status, of_client
from runner.terminal import visible
from runner.terms import Ending

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
VERDICT, NOT_JUDGED = "exrun.verdict", "exrun.not-judged"
FINGERPRINT = "exrunFinding/v1"
LIMIT = 4000  # characters of a message; the properties have all
_LEVELS: Mapping[Severity, str] = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "none",
}
_TONES: Mapping[str, str] = {"grave": "error", "open": "warning", "well": "note"}
_OF_SERVERS = {
    VERDICT: "What a server comes to",
    NOT_JUDGED: "A server could not be judged, or not by all of its steps",
}


@dataclass(frozen=True, slots=True)
class SarifReport:
    """One log, indented, ASCII only."""

    def render(self, audit: FleetResult) -> str:
        """See Report."""
        clients = dict.fromkeys(host.client for host in audit.hosts)
        runs = [_run(of_client(audit, client), client) for client in clients] or [_run(audit, "")]
        return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": runs}, indent=2, ensure_ascii=True) + "\n"


def _run(audit: FleetResult, client: str) -> dict[str, Any]:
    results = list(_results(audit))
    found = [*audit.terms.findings, *(each.finding for host in audit.hosts for each in host.findings)]
    rules = _rules(found)
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    for result in results:
        result["ruleIndex"] = index[result["ruleId"]]
    whole = exit_status(audit.hosts) < ExitStatus.NOT_ALL_JUDGED and audit.terms.end.how is Ending.COMPLETE
    return {
        "tool": {"driver": {"name": "exrun", "version": version("exrun"), "rules": rules}},
        "automationDetails": {"id": as_text(f"exrun/{client}/{audit.run}" if client else f"exrun/{audit.run}")},
        "invocations": [{"executionSuccessful": whole}],
        "results": results,
        "columnKind": "unicodeCodePoints",
        "properties": {
            "run": as_text(audit.run),
            "client": as_text(client),
            "catalogue": as_text(tables(audit.terms)),
            "judgedOn": audit.terms.today.isoformat(),
            "end": audit.terms.end.how.value,
            "servers": len(audit.hosts),
        },
    }


def _rules(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """One a finding's id, and those of servers. Of an id that has several severities the worst is its rule's."""
    worst: dict[str, Severity] = {}
    for found in findings:
        name = as_text(found.id)
        worst[name] = min(worst.get(name, found.severity), found.severity, key=lambda severity: severity.rank)
    ours = [{"id": name, "shortDescription": {"text": text}} for name, text in _OF_SERVERS.items()]
    # What a finding says differs from server to server, so its rule is described by its id.
    return ours + [
        {
            "id": name,
            "shortDescription": {"text": name},
            "defaultConfiguration": {"level": _LEVELS[severity]},
            "properties": {"severity": severity.value},
        }
        for name, severity in worst.items()
        if name not in _OF_SERVERS
    ]


def _results(audit: FleetResult) -> Iterator[dict[str, Any]]:
    for found in audit.terms.findings:
        yield {
            "ruleId": as_text(found.id),
            **_level(found.severity),
            "message": {"text": _sentence(found.title, found.next)},
            "properties": {"severity": found.severity.value, "evidence": [as_text(line) for line in found.evidence]},
        }
    for host in audit.hosts:
        yield from _of_server(host, audit)
        times: Counter[tuple[str, str]] = Counter()
        for each in host.findings:
            times[each.step, each.finding.id] += 1
            yield _finding(host, each, times[each.step, each.finding.id])


def _of_server(host: HostResult, audit: FleetResult) -> Iterator[dict[str, Any]]:
    known = host.outcome in (Outcome.COMPLIANT, Outcome.FINDINGS)
    said = {"message": {"text": _sentence(f"{host.verdict}: {host.why}", host.next)}, "locations": [_location(host)]}
    properties = {
        **_properties(host),
        "verdict": host.verdict.value,
        "outcome": host.outcome.value,
        "meaning": meaning(host.verdict, audit),
        "product": as_text(host.product),
    }
    if host.outcome is Outcome.COMPLIANT:
        verdict = {"kind": "pass", "level": "none"}
    else:
        verdict = {"level": _TONES[tone(host.verdict)]}
    if known or host.verdict not in OPEN_ENDS:
        yield {
            "ruleId": VERDICT,
            **verdict,
            **said,
            "partialFingerprints": _fingerprint(host, VERDICT),
            "properties": properties,
        }
    if not known:
        yield {
            "ruleId": NOT_JUDGED,
            "level": "error",
            **said,
            "partialFingerprints": _fingerprint(host, NOT_JUDGED),
            "properties": properties,
        }


def _finding(host: HostResult, found: HostFinding, number: int) -> dict[str, Any]:
    """`number` counts findings of this id in this step of this server."""
    told = found.finding
    return {
        "ruleId": as_text(told.id),
        **_level(told.severity),
        "message": {"text": _sentence(told.title, told.next)},
        "locations": [_location(host)],
        "partialFingerprints": _fingerprint(host, found.step, told.id, str(number)),
        "properties": {
            **_properties(host),
            "step": as_text(found.step),
            "action": as_text(found.action),
            "severity": told.severity.value,
            "title": as_text(told.title),
            "next": as_text(told.next),
            "evidence": [as_text(line) for line in told.evidence],
            "cves": [as_text(each) for each in told.cves],
            "kbs": [as_text(each) for each in told.kbs],
        },
    }


def _level(severity: Severity) -> dict[str, str]:
    """What is no failure has no level (SARIF 2.1.0, 3.27.10)."""
    return {"kind": "informational", "level": "none"} if severity is Severity.INFO else {"level": _LEVELS[severity]}


def _location(host: HostResult) -> dict[str, Any]:
    server = {
        "name": as_text(host.name),
        "fullyQualifiedName": as_text(f"{host.client}/{host.name}"),
        "kind": "resource",
    }
    return {"logicalLocations": [server]}


def _properties(host: HostResult) -> dict[str, Any]:
    return {
        "server": as_text(host.name),
        "client": as_text(host.client),
        "address": as_text(host.address),
        "port": host.listed.port,
        "groups": [as_text(group) for group in host.listed.groups],
        "labels": labels(host),
        "build": as_text(host.build),
    }


def _fingerprint(host: HostResult, *of: str) -> dict[str, str]:
    """The same in every run for the same finding on the same server, whatever its words are by then."""
    names = json.dumps([host.client.casefold(), host.name.casefold(), *of], ensure_ascii=True)
    return {FINGERPRINT: hashlib.sha256(names.encode()).hexdigest()}


def _sentence(what: str, then: str) -> str:
    """Text to be shown, in which a reader finds no placeholder `{0}` and no link `[text](target)`.

    Braces stand twice (SARIF 2.1.0, 3.11.5). A bracket that is escaped (3.11.6) would be one again behind a backslash
    of the server's, so the two that make a link are kept apart instead.
    """
    said = visible(f"{what}. {then}" if then else what, LIMIT)
    return said.replace("{", "{{").replace("}", "}}").replace("](", "] (")

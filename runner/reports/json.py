"""The audit as one JSON object for programs. Its schema is published in docs/reference/schemas/audit.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from playbooks.findings import Coverage, Finding, Severity, Verdict
from playbooks.investigating.rotation import Rotate
from runner.results import (
    CoverageCount,
    FleetResult,
    HostFinding,
    HostResult,
    Judged,
    Outcome,
    StepResult,
    Summary,
    to_rotate,
)
from runner.terms import Ending, Terms

SCHEMA: Literal["exrun.audit/1"] = "exrun.audit/1"
Count = Annotated[int, Field(ge=0)]


class _Member(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class OwnRowsMember(_Member):
    """The user's own rows beside the catalogue's."""

    folder: str
    rows: Count


class CatalogueMember(_Member):
    """The tables that judged."""

    as_of: date = Field(description="day up to which the build tables know what happened")
    own: OwnRowsMember | None = Field(description="null where the catalogue's rows alone judged")
    age_days: int = Field(description="on the day of judgement; negative where that is before as_of: a wrong clock")


class RunFindingMember(_Member):
    """Something to know of the whole run before any row: the catalogue's age, an override, an early end."""

    id: str = Field(description="stable and dotted, such as run.catalogue-stale")
    severity: Severity
    title: str
    evidence: list[str]
    next: str = Field(description="what to do now")


class EndMember(_Member):
    """How the run came to its end."""

    how: Ending
    message: str = Field(description="why it is not complete; empty where it is")


class HostFindingMember(_Member):
    """One thing that somebody should know or do."""

    id: str = Field(description="stable and dotted, such as exchange.patch.vulnerable")
    step: str = Field(description="id of the step in the playbook")
    action: str
    severity: Severity
    title: str
    evidence: list[str] = Field(description="what was seen; text of the server, never to be trusted")
    next: str = Field(description="what to do now; empty only for info")
    cves: list[str] = Field(description="vulnerabilities that it is about, such as CVE-2021-26855; empty for none")
    kbs: list[str] = Field(
        description="updates that it is about, such as KB5000871; of several one may be the one for this server"
    )


class StepMember(_Member):
    """What one step came to."""

    step: str
    action: str
    verdict: Verdict
    summary: str
    coverage: Coverage


class CoverageMember(_Member):
    """How many steps were known how well."""

    probed: Count
    predicted: Count
    not_knowable: Count


class BecauseMember(_Member):
    """What decided a verdict."""

    step: str
    finding: str = Field(description="its id; empty where the step's summary is all there is")


class RotateMember(_Member):
    """One thing to rotate once the compromised servers are clean."""

    id: str = Field(description="stable, such as auth-certificate")
    what: str
    why: str = Field(description="what somebody can do with it who was SYSTEM on the server")
    how: str
    source: str = Field(description="an address")
    unknown: str = Field(description="what exrun does not ask and somebody has to find out; empty for nothing")
    seen: list[str] = Field(description="what was found that makes it urgent, each with its server")
    unless: list[str] = Field(description="servers that have no part in it by their own word, which may be a lie")


class HostMember(_Member):
    """One server. Those that gave no answer are here too."""

    name: str
    client: str
    outcome: Outcome
    verdict: Verdict
    product: str = Field(description="product, cumulative update and update; empty where unknown")
    why: str
    next: str
    logs_since: date | None = Field(
        description="day to which all the logs that were read reach back; null where none was read or one cannot say"
    )
    clean_since: date | None = Field(
        description="the same day, where nothing of an intruder was found; null where something was, or is not known"
    )
    because: list[BecauseMember] = Field(description="what decided the verdict, worst first")
    findings: list[HostFindingMember] = Field(description="worst first")
    steps: list[StepMember] = Field(description="in the order of the playbook")
    coverage: CoverageMember
    requests: Count = Field(description="HTTP requests sent")
    seconds: float = Field(ge=0)
    address: str = Field(description="name or address by which it is reached; empty where a journal has none")
    port: Count = Field(description="0 where a journal has none")
    groups: list[str] = Field(description="of the inventory, that hold it directly or through others, by name")
    labels: dict[str, list[str]] = Field(description="of the inventory, own and inherited: the values of each")
    build: str = Field(description="of ExSetup.exe, such as 15.2.1748.10; empty where unknown")


class SummaryMember(_Member):
    """Totals."""

    hosts: Count
    outcomes: dict[Outcome, Count]
    verdicts: dict[Verdict, Count]
    severities: dict[Severity, Count]
    coverage: CoverageMember
    requests: Count


class AuditDocument(_Member):
    """The result of `exrun audit --format json`. A member is only ever added within one number of `schema`."""

    model_config = ConfigDict(serialize_by_alias=True)

    schema_: Literal["exrun.audit/1"] = Field(alias="schema")
    run: str
    catalogue: CatalogueMember
    judged_on: date = Field(description="day as on which was judged: that of the run, unless --as-of named another")
    end: EndMember
    findings: list[RunFindingMember] = Field(description="of the run itself, worst first; those of servers are theirs")
    hosts: list[HostMember] = Field(description="worst first")
    rotate: list[RotateMember] = Field(
        description="in order, once the compromised servers are clean; empty where none is compromised"
    )
    summary: SummaryMember


@dataclass(frozen=True, slots=True)
class JsonReport:
    """One object, indented, ASCII only: no control character and no look-alike of a server stands raw in it."""

    def render(self, audit: FleetResult) -> str:
        """See Report. A lone surrogate, which is no text, becomes U+FFFD."""
        members = document(audit).model_dump(mode="json")
        return json.dumps(members, indent=2, ensure_ascii=True) + "\n"


def document(audit: FleetResult) -> AuditDocument:
    """The audit as the published schema has it."""
    terms = audit.terms
    return AuditDocument(
        schema=SCHEMA,
        run=as_text(audit.run),
        catalogue=CatalogueMember(as_of=terms.as_of, age_days=terms.days, own=_own_rows(terms)),
        judged_on=terms.today,
        end=EndMember(how=terms.end.how, message=as_text(terms.end.message)),
        findings=[run_finding(finding) for finding in terms.findings],
        hosts=[host_member(host) for host in audit.hosts],
        rotate=[rotate(each) for each in to_rotate(audit.hosts)],
        summary=_summary(audit.summary),
    )


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what JsonReport writes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **AuditDocument.model_json_schema(mode="serialization"),
    }


def schema_text() -> str:
    """The schema as docs/reference/schemas/audit.json has it."""
    return json.dumps(schema(), indent=2, sort_keys=True) + "\n"


def run_finding(finding: Finding) -> RunFindingMember:
    """A finding of the run itself; exrun.run/1 has the same."""
    return RunFindingMember(
        id=finding.id,
        severity=finding.severity,
        title=as_text(finding.title),
        evidence=[as_text(line) for line in finding.evidence],
        next=as_text(finding.next),
    )


def because(host: HostResult) -> list[BecauseMember]:
    """What decided the verdict; exrun.run/1 has the same."""
    return [BecauseMember(step=as_text(each.step), finding=as_text(each.finding)) for each in host.because]


def labels(host: HostResult) -> dict[str, list[str]]:
    """The values of each label; exrun.run/1 has the same."""
    return {as_text(name): [as_text(value) for value in values] for name, values in host.labels.items()}


def rotate(each: Rotate) -> RotateMember:
    """One thing to rotate; exrun.run/1 has the same."""
    return RotateMember(
        id=each.id,
        what=each.what,
        why=each.why,
        how=each.how,
        source=each.source,
        unknown=each.unknown,
        seen=[as_text(line) for line in each.seen],
        unless=[as_text(line) for line in each.unless],
    )


def _own_rows(terms: Terms) -> OwnRowsMember | None:
    own = terms.own_rows
    return None if own is None else OwnRowsMember(folder=as_text(own.folder), rows=own.count)


def host_member(host: HostResult) -> HostMember:
    """One server; exrun.audit-line/1 has the same."""
    return HostMember(
        name=as_text(host.name),
        client=as_text(host.client),
        outcome=host.outcome,
        verdict=host.verdict,
        product=as_text(host.product),
        why=as_text(host.why),
        next=as_text(host.next),
        logs_since=host.logs_since,
        clean_since=host.clean_since,
        because=because(host),
        findings=[host_finding(found) for found in host.findings],
        steps=[_step(step) for step in host.steps] if isinstance(host, Judged) else [],
        coverage=_coverage(host.coverage),
        requests=host.requests,
        seconds=round(host.seconds, 3),
        address=as_text(host.address),
        port=host.listed.port,
        groups=[as_text(group) for group in host.listed.groups],
        labels=labels(host),
        build=as_text(host.build),
    )


def host_finding(found: HostFinding) -> HostFindingMember:
    """A finding of a server; exrun.diff/1 has the same."""
    return HostFindingMember(
        id=as_text(found.finding.id),
        step=as_text(found.step),
        action=as_text(found.action),
        severity=found.finding.severity,
        title=as_text(found.finding.title),
        evidence=[as_text(line) for line in found.finding.evidence],
        next=as_text(found.finding.next),
        cves=[as_text(each) for each in found.finding.cves],
        kbs=[as_text(each) for each in found.finding.kbs],
    )


def _step(step: StepResult) -> StepMember:
    return StepMember(
        step=as_text(step.step),
        action=as_text(step.action),
        verdict=step.assessment.verdict,
        summary=as_text(step.assessment.summary),
        coverage=step.assessment.coverage,
    )


def _coverage(count: CoverageCount) -> CoverageMember:
    return CoverageMember(probed=count.probed, predicted=count.predicted, not_knowable=count.not_knowable)


def _summary(summary: Summary) -> SummaryMember:
    return SummaryMember(
        hosts=summary.hosts,
        outcomes=dict(summary.outcomes),
        verdicts=dict(summary.verdicts),
        severities=dict(summary.severities),
        coverage=_coverage(summary.coverage),
        requests=summary.requests,
    )


def as_text(tainted: str) -> str:
    """The text, with U+FFFD for half of a surrogate pair: PSRP can carry one, UTF-8 and strict JSON readers cannot."""
    return tainted.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

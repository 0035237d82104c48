"""What an audit comes to: per step, per host, for the fleet. Pure: values in, values out.

    Assessment -> StepResult -> HostResult -> FleetResult -> report, exit status

A host is judged or was not reached; either way it has a row, a verdict and a next step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from playbooks.findings import Assessment, Coverage, Facts, Finding, Severity, Verdict
from playbooks.investigating.rotation import Rotate, of_servers
from playbooks.investigating.standing import WELL, Because, standing_of
from runner.exit_status import ExitStatus
from runner.terms import Terms
from runner.transport.failures import Cause, Failure, in_words

# Nothing was sent to the host for these, and the host is not what kept it from being sent.
OURS: Mapping[Cause, Verdict] = MappingProxyType(
    {
        Cause.CREDENTIAL: Verdict.NO_CREDENTIAL,
        Cause.LOCKOUT_GUARD: Verdict.NOT_ASKED,
        Cause.PUBLIC_ADDRESS: Verdict.NOT_ASKED,
        Cause.INTERRUPTED: Verdict.NOT_ASKED,
        Cause.SCRIPT_REFUSED: Verdict.NOT_ASKED,
        Cause.DEFECT: Verdict.NOT_ASKED,
    }
)
STEP_BY_STEP = "`exrun doctor` with its name says which step of the way there fails."
OPEN_ENDS = frozenset({Verdict.UNKNOWN, Verdict.UNREACHABLE, Verdict.NO_CREDENTIAL, Verdict.NOT_ASKED})
"""Verdicts that say that something is not known."""


class Outcome(StrEnum):
    """What became of the work on one host. The verdict says how the server is, this says whether that is all of it."""

    COMPLIANT = "compliant"  # every step answered and nothing is left to do
    FINDINGS = "findings"  # every step answered and something is left to do
    UNKNOWN = "unknown"  # at least one step could not be judged, however bad the others are
    UNREACHABLE = "unreachable"  # no session
    FAILED = "failed"  # exrun did not get as far as asking: no credential, interrupted, or a fault of its own


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a host with its values, as its user wrote them."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A host as the inventory has it, with what it inherits there.

    Attributes:
        address: name or address by which it is reached; empty where an older exrun did not record it.
        port: 0 where that is not recorded.
        groups: all that hold it, directly or through others, by name.
        labels: by name.
    """

    address: str = ""
    port: int = 0
    groups: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()


NOT_LISTED = Listed()


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step on one host. `step` is its id in the playbook, `action` what it ran."""

    step: str
    action: str
    assessment: Assessment


@dataclass(frozen=True, slots=True)
class HostFinding:
    """A finding and the step and action that it comes from."""

    step: str
    action: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class CoverageCount:
    """How many steps were known how well."""

    probed: int = 0
    predicted: int = 0
    not_knowable: int = 0

    @property
    def steps(self) -> int:
        """All steps that were to be judged."""
        return self.probed + self.predicted + self.not_knowable

    def __add__(self, other: CoverageCount) -> CoverageCount:
        return CoverageCount(
            self.probed + other.probed, self.predicted + other.predicted, self.not_knowable + other.not_knowable
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """The row of a host with which a session was held; each step is there, with its assessment `unknown` at the worst.

    Attributes:
        why: the reason for the verdict in one sentence; may quote the server and is tainted.
        next: what to do now; empty where nothing is to be done.
        logs_since: the day to which all the logs that were read reach back; None where none was, or one cannot say.
        clean_since: this day, where nothing of an intruder was found; None where something was, or is not known.
        because: the findings that decided the verdict, worst first.
        product: product, cumulative update and update; empty where that is not known.
        build: of ExSetup.exe, such as `15.2.1748.10`; empty where it is not known.
        steps: in the order of the playbook.
        findings: worst first.
        requests: HTTP requests sent.
        seconds: on the controller's monotonic clock.
        listed: what the inventory says of it.
    """

    name: str
    client: str
    outcome: Outcome
    verdict: Verdict
    why: str
    next: str
    logs_since: date | None
    clean_since: date | None
    because: tuple[Because, ...]
    product: str
    build: str
    steps: tuple[StepResult, ...]
    findings: tuple[HostFinding, ...]
    coverage: CoverageCount
    requests: int
    seconds: float
    listed: Listed = NOT_LISTED

    @property
    def address(self) -> str:
        """See Listed."""
        return self.listed.address

    @property
    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """See Listed."""
        return labels_of(self.listed)


@dataclass(frozen=True, slots=True)
class NotReached:
    """The row of a host to which no script was sent: unreachable, or what kept exrun from asking it.

    Attributes:
        failure: why; its message may quote the server.
        steps_due: how many steps the playbook has: none of them could be known.
        requests: HTTP requests sent before it failed.
        seconds: how long was tried.
        listed: what the inventory says of it.
    """

    name: str
    client: str
    failure: Failure
    steps_due: int
    requests: int
    seconds: float
    listed: Listed = NOT_LISTED

    @property
    def address(self) -> str:
        """See Listed."""
        return self.listed.address

    @property
    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """See Listed."""
        return labels_of(self.listed)

    @property
    def outcome(self) -> Outcome:
        """FAILED where the host is not what kept it from being asked."""
        return Outcome.FAILED if self.failure.cause in OURS else Outcome.UNREACHABLE

    @property
    def verdict(self) -> Verdict:
        """Of what is known of a server that was not asked."""
        return OURS.get(self.failure.cause, Verdict.UNREACHABLE)

    @property
    def why(self) -> str:
        """The failure in one sentence; may quote the server and is tainted."""
        return in_words(self.failure)

    @property
    def next(self) -> str:
        """What to do now."""
        if self.outcome is Outcome.FAILED or self.failure.cause is Cause.AUTHENTICATION:
            return self.failure.next  # to log on again would be one more attempt
        return f"{self.failure.next} {STEP_BY_STEP}"

    @property
    def logs_since(self) -> date | None:
        """None: no log was read."""
        return None

    @property
    def clean_since(self) -> date | None:
        """None: nothing is known."""
        return None

    @property
    def because(self) -> tuple[Because, ...]:
        """None: no step was asked."""
        return ()

    @property
    def product(self) -> str:
        """Empty: it is not known."""
        return ""

    @property
    def build(self) -> str:
        """Empty: it is not known."""
        return ""

    @property
    def findings(self) -> tuple[HostFinding, ...]:
        """None: nothing was looked at."""
        return ()

    @property
    def coverage(self) -> CoverageCount:
        """No step is known."""
        return CoverageCount(not_knowable=self.steps_due)


HostResult = Judged | NotReached
"""One row of the report."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals. Every outcome, verdict and severity has a count, zero included."""

    hosts: int
    outcomes: Mapping[Outcome, int]
    verdicts: Mapping[Verdict, int]
    severities: Mapping[Severity, int]
    coverage: CoverageCount
    requests: int


@dataclass(frozen=True, slots=True)
class FleetResult:
    """One audit. `hosts` stand worst first."""

    run: str
    terms: Terms
    hosts: tuple[HostResult, ...]
    summary: Summary


def labels_of(listed: Listed) -> Mapping[str, tuple[str, ...]]:
    """The values of each label, by its name."""
    return {label.name: label.values for label in listed.labels}


def judged(
    name: str,
    client: str,
    steps: Sequence[StepResult],
    requests: int,
    seconds: float,
    listed: Listed = NOT_LISTED,
) -> Judged:
    """The row of a host with which a session was held.

    Args:
        steps: in the order of the playbook; each that gave no answer is there with its assessment `unknown`.
        requests: HTTP requests sent.
        seconds: how long the host took.
        listed: what the inventory says of it.
    """
    standing = standing_of({step.step: step.assessment for step in steps})
    findings = tuple(sorted(_findings(steps), key=lambda found: found.finding.severity.rank))
    return Judged(
        name=name,
        client=client,
        outcome=_outcome(steps, standing.verdict, findings),
        verdict=standing.verdict,
        why=standing.why,
        next=standing.next,
        logs_since=standing.logs_since,
        clean_since=standing.clean_since,
        because=standing.because,
        product=_product(step.assessment.facts for step in steps),
        build=_build(step.assessment.facts for step in steps),
        steps=tuple(steps),
        findings=findings,
        coverage=_coverage(steps),
        requests=requests,
        seconds=seconds,
        listed=listed,
    )


def fleet_result(run: str, terms: Terms, hosts: Iterable[HostResult]) -> FleetResult:
    """The whole audit: rows worst first, with their totals."""
    ordered = worst_first(hosts)
    return FleetResult(run, terms, ordered, summarise(ordered))


def to_rotate(hosts: Iterable[HostResult]) -> tuple[Rotate, ...]:
    """What to rotate, in order, once the compromised ones of these servers are clean; nothing where none is.

    What was seen on them stands beside each thing, with the server's name; both are tainted.
    """
    return of_servers(
        (host.name, {step.step: step.assessment for step in host.steps} if isinstance(host, Judged) else {})
        for host in hosts
        if host.verdict is Verdict.COMPROMISED
    )


def of_client(audit: FleetResult, client: str) -> FleetResult:
    """The part of an audit that one client may see: its own hosts, and totals of these alone."""
    return fleet_result(audit.run, audit.terms, (host for host in audit.hosts if host.client == client))


def worst_first(hosts: Iterable[HostResult]) -> tuple[HostResult, ...]:
    """By verdict, then the worst finding, then client and name: the same order however the hosts came in."""
    return tuple(sorted(hosts, key=_badness))


def summarise(hosts: Sequence[HostResult]) -> Summary:
    """The totals of these hosts."""
    severities = [found.finding.severity for host in hosts for found in host.findings]
    return Summary(
        hosts=len(hosts),
        outcomes=MappingProxyType({each: sum(host.outcome is each for host in hosts) for each in Outcome}),
        verdicts=MappingProxyType({each: sum(host.verdict is each for host in hosts) for each in Verdict}),
        severities=MappingProxyType({each: severities.count(each) for each in Severity}),
        coverage=sum((host.coverage for host in hosts), CoverageCount()),
        requests=sum(host.requests for host in hosts),
    )


def strict_status(audit: FleetResult) -> ExitStatus:
    """`exit_status`, and 1 at least where something is found of the run itself, such as a catalogue past its age."""
    found = any(finding.severity is not Severity.INFO for finding in audit.terms.findings)
    return max(exit_status(audit.hosts), ExitStatus.FINDINGS if found else ExitStatus.WELL)


def exit_status(hosts: Iterable[HostResult]) -> ExitStatus:
    """0 where all is well, 1 for findings, 3 where a host does not answer, is unknown or was not asked; the highest.

    A host can be vulnerable and not wholly known: it has the verdict of the one and the exit status of the other.
    """
    return max((_status(host.outcome) for host in hosts), default=ExitStatus.WELL)


def _status(outcome: Outcome) -> ExitStatus:
    match outcome:
        case Outcome.COMPLIANT:
            return ExitStatus.WELL
        case Outcome.FINDINGS:
            return ExitStatus.FINDINGS
        case Outcome.UNKNOWN | Outcome.UNREACHABLE | Outcome.FAILED:
            return ExitStatus.NOT_ALL_JUDGED


def _outcome(steps: Sequence[StepResult], verdict: Verdict, findings: Sequence[HostFinding]) -> Outcome:
    if verdict in OPEN_ENDS or any(is_open(step.assessment) for step in steps):
        return Outcome.UNKNOWN
    if verdict in WELL and all(found.finding.severity is Severity.INFO for found in findings):
        return Outcome.COMPLIANT
    return Outcome.FINDINGS


def is_open(said: Assessment) -> bool:
    """Whether something was not learnt, however bad what was learnt is."""
    return said.verdict in OPEN_ENDS or said.coverage is Coverage.NOT_KNOWABLE


def _findings(steps: Iterable[StepResult]) -> Iterable[HostFinding]:
    return (HostFinding(step.step, step.action, finding) for step in steps for finding in step.assessment.findings)


def _product(facts_of_steps: Iterable[Facts]) -> str:
    """From the facts `product`, `cu` and `update`, which exchange.version declares."""
    for facts in facts_of_steps:
        product = facts.get("product")
        if isinstance(product, str) and product:
            further = [part for part in (facts.get("cu"), facts.get("update")) if isinstance(part, str) and part]
            return " ".join([f"Exchange Server {product}", *further])
    return ""


def _build(facts_of_steps: Iterable[Facts]) -> str:
    """From the fact `build`, which exchange.version declares beside `product`."""
    for facts in facts_of_steps:
        build = facts.get("build")
        if "product" in facts and isinstance(build, str):
            return build
    return ""


def _coverage(steps: Sequence[StepResult]) -> CoverageCount:
    known = [step.assessment.coverage for step in steps]
    return CoverageCount(
        probed=known.count(Coverage.PROBED),
        predicted=known.count(Coverage.PREDICTED),
        not_knowable=known.count(Coverage.NOT_KNOWABLE),
    )


def _badness(host: HostResult) -> tuple[int, int, str, str, str, str]:
    severity = min((found.finding.severity.rank for found in host.findings), default=len(Severity))
    return (host.verdict.rank, severity, host.client.casefold(), host.client, host.name.casefold(), host.name)

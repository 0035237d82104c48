"""What judgement says: a verdict, findings, facts and changes. This is the language of every assess.py.

`assess(observation, params, catalogue, today) -> Assessment` is pure: the same arguments give the same assessment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from playbooks.changes import Barred, Change
from playbooks.values import Value


class Severity(StrEnum):
    """How much a finding matters, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class Verdict(StrEnum):
    """What one action, and from them one server, comes to; worst first.

    docs/explanation/verdicts.md says what each promises.
    """

    COMPROMISED = "compromised"  # somebody was inside, as far as what was read can show it
    SUSPICIOUS = "suspicious"  # what no clean server has was found, and what it comes from is not known
    VULNERABLE = "vulnerable"  # a fix is listed for this CU and is not in
    NEEDS_CU = "needs-cu"  # no fix is listed for this CU: a newer CU comes first
    HALF_INSTALLED = "half-installed"  # the places that must agree about a fix do not
    UNREACHABLE = "unreachable"  # no session: the row says which step failed
    NO_CREDENTIAL = "no-credential"  # its reference gave no password, so nothing was tried
    NOT_ASKED = "not-asked"  # the run ended before it came to this host, or left it out
    UNKNOWN = "unknown"  # something that the judgement needs could not be read
    PROBED = "probed"  # an attack was tried here, and nothing that was read shows that it came further
    OUT_OF_SUPPORT = "out-of-support"
    BEHIND = "behind"  # every campaign's fix is in, and a newer update of its CU is listed
    NOT_CURRENT = "not-current"  # it would be ok, by a catalogue too old to say so
    ATTENTION = "attention"  # works, but something wants doing: a reboot, a disabled service
    NEWER_THAN_CATALOGUE = "newer-than-catalogue"  # above the newest build of its CU that this catalogue knows
    OK = "ok"  # nothing found by what was asked
    NOT_EXCHANGE = "not-exchange"  # no Exchange Server on this host
    NOT_APPLICABLE = "not-applicable"  # this action does not concern this host

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Verdict).index(self)


class Coverage(StrEnum):
    """How well a dry run knows: seen on the host, derived from what was seen, or not knowable without changing."""

    PROBED = "probed"
    PREDICTED = "predicted"
    NOT_KNOWABLE = "not-knowable"


@dataclass(frozen=True, slots=True)
class UnknownFact:
    """A fact that could not be established, and why. It makes a `when` unknown, never false."""

    reason: str


Facts = Mapping[str, Value | UnknownFact]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should know or do.

    Attributes:
        id: stable and dotted, such as `exchange.patch.vulnerable`; reports and exceptions refer to it.
        severity: how much it matters.
        title: one sentence without a full stop.
        evidence: what was seen, one observation a line; text from a server is tainted and stays text.
        next: what to do now, one imperative sentence; empty only for `info`.
        cves: the vulnerabilities that it is about, such as `CVE-2021-26855`, by the catalogue or by the action that
            answers them; empty where it is about none.
        kbs: the updates that it is about, such as `KB5000871`: those that would mend it, or of which it speaks. For one
            update the catalogue may know several, of which one is its own.
    """

    id: str
    severity: Severity
    title: str
    evidence: tuple[str, ...] = ()
    next: str = ""
    cves: tuple[str, ...] = ()
    kbs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """The judgement of one action on one host.

    Attributes:
        verdict: what it comes to.
        summary: why, in one sentence that fits a table cell.
        findings: worst first.
        facts: named values for `when` of later steps; names are those that the contract's `facts` declare.
        coverage: how well it is known.
        changes: what is to be made different, in the order in which it is to be done; none where the action changes
            nothing, or nothing is wrong.
        then: the facts as they will be once all of the changes are made; None where that cannot be said.
        barred: what was to be changed and cannot be, for something else is there. It is `unknown` then, and none of the
            changes is named. Where a plan was made before, this is drift: known, and not what was approved.
        besides: what stands where a change could be named and none is. It bars nothing. Where a plan that was made
            before names that change, it is drift: something else stands there now.
    """

    verdict: Verdict
    summary: str
    findings: tuple[Finding, ...] = ()
    facts: Facts = field(default_factory=dict)
    coverage: Coverage = Coverage.PROBED
    changes: tuple[Change, ...] = ()
    then: Facts | None = None
    barred: tuple[Barred, ...] = ()
    besides: tuple[Barred, ...] = ()

"""Whether the fixes for one or all campaigns are in, and whether every place that must show it agrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from playbooks.actions.exchange.patch.places import Agreement, agreement, missing_entry
from playbooks.actions.exchange.setup import PROGRAM, installed, program_build
from playbooks.assessing import unknown
from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue, Fix, NeedsCu, NewerThanCatalogue, Patched, Undecided, Vulnerable
from playbooks.findings import Assessment, Facts, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation
from playbooks.values import Value

ACTION = "exchange.patch"
FACTS = ("patched", "half_installed", "needs_cu", "open")
ALL = "all"


@dataclass(frozen=True, slots=True)
class _Judged:
    """The campaigns that were asked for, by what the catalogue says of this build."""

    patched: tuple[tuple[str, Fix], ...]
    vulnerable: tuple[tuple[str, Fix], ...]
    needs_cu: tuple[tuple[str, Fix | None], ...]
    undecided: tuple[tuple[str, str], ...]

    @property
    def open(self) -> tuple[str, ...]:
        return tuple(name for name, _ in (*self.needs_cu, *self.vulnerable))


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Compares ExSetup.exe with the minimum build of each campaign, and the other places with ExSetup.exe.

    Args:
        params: `campaign`, a name of the catalogue, or `all`.

    Raises:
        KeyError: the campaign is not in the catalogue; loading a playbook checks that before.
    """
    asked = str(params["campaign"])
    campaigns = catalogue.campaigns if asked == ALL else (asked,)
    if not set(campaigns) <= set(catalogue.campaigns):
        raise KeyError(asked)
    found = installed(ACTION, observation, FACTS)
    if isinstance(found, Assessment):
        return found
    observed, present = found
    if not present:
        reason = UnknownFact("no Exchange Server 2013 or later is installed")
        return Assessment(Verdict.NOT_APPLICABLE, reason.reason, facts=dict.fromkeys(FACTS, reason))
    binaries = {str(record.get("Name")): record for record in observed.of_kind("Binary")}
    build = program_build(ACTION, observed, binaries.get(PROGRAM), FACTS)
    if isinstance(build, Assessment):
        return build
    judged = _judge(campaigns, build, catalogue)
    places = agreement(build, binaries, observed, _own(judged, build))
    places = Agreement((*places.against, *missing_entry(build, observed, catalogue)), places.odd)
    assessment = _assessment(judged, build, places, catalogue)
    if assessment.verdict is Verdict.OK and observed.unread:
        entry = observed.unread[0]
        return unknown(ACTION, "every place that proves the update", f"{entry.what}: {entry.why}", FACTS)
    return assessment


def _judge(campaigns: Sequence[str], build: Build, catalogue: Catalogue) -> _Judged:
    patched: list[tuple[str, Fix]] = []
    vulnerable: list[tuple[str, Fix]] = []
    needs_cu: list[tuple[str, Fix | None]] = []
    undecided: list[tuple[str, str]] = []
    for campaign in campaigns:
        match catalogue.fixed(campaign, build):
            case Patched(by):
                patched.append((campaign, by))
            case Vulnerable(needs):
                vulnerable.append((campaign, needs))
            case NeedsCu(oldest):
                needs_cu.append((campaign, oldest))
            case Undecided(why):
                undecided.append((campaign, why))
    return _Judged(tuple(patched), tuple(vulnerable), tuple(needs_cu), tuple(undecided))


def _own(judged: _Judged, build: Build) -> list[Fix]:
    return [fix for _, fix in judged.patched if fix.minimum.cu_level == build.cu_level]


def _assessment(judged: _Judged, build: Build, places: Agreement, catalogue: Catalogue) -> Assessment:
    half = bool(places.against)
    if judged.undecided:
        campaigns = ", ".join(name for name, _ in judged.undecided)
        return unknown(ACTION, f"whether {campaigns} is fixed", judged.undecided[0][1], FACTS)
    facts: Facts = {
        "patched": not judged.open and not half,
        "half_installed": half,
        "needs_cu": bool(judged.needs_cu),
        "open": judged.open,
    }
    findings = (
        *_needs_cu(judged, build),
        *_vulnerable(judged, build, catalogue),
        *_half_installed(places),
        *_odd(places),
    )
    if judged.needs_cu:
        summary = f"{', '.join(judged.open)}: no fix was made for {build}; {_target(judged)} comes first"
        return Assessment(Verdict.NEEDS_CU, summary, findings, facts)
    if judged.vulnerable:
        minimum = max(fix.minimum for _, fix in judged.vulnerable)
        summary = f"{', '.join(judged.open)}: {build} is below {minimum}"
        return Assessment(Verdict.VULNERABLE, summary, findings, facts)
    asked = judged.patched[0][0] if len(judged.patched) == 1 else "every known campaign"
    if half:
        return Assessment(Verdict.HALF_INSTALLED, f"{asked}: {places.against[0]}", findings, facts)
    note = " (newer than the catalogue)" if isinstance(catalogue.identify(build), NewerThanCatalogue) else ""
    own = [fix.minimum for fix in _own(judged, build)]
    since = f"fixed since {max(own)}" if own else "fixed in every build of this cumulative update"
    return Assessment(Verdict.OK, f"{asked}: {since}, this is {build}{note}", findings, facts)


def _needs_cu(judged: _Judged, build: Build) -> tuple[Finding, ...]:
    if not judged.needs_cu:
        return ()
    return (
        Finding(
            id=f"{ACTION}.needs-cu",
            severity=Severity.CRITICAL,
            title=f"Vulnerable to {_names(judged.needs_cu)}, and no fix exists for this cumulative update",
            evidence=(
                f"{PROGRAM} is {build}",
                *(
                    f"{name}: fixed for {fix.product} {fix.cu} and later"
                    if fix
                    else f"{name}: not fixed for this product"
                    for name, fix in judged.needs_cu
                ),
            ),
            next=f"Move to {_target(judged)}, then install its security update",
        ),
    )


def _target(judged: _Judged) -> str:
    """The oldest cumulative update for which all that is open was fixed."""
    fixes = [fix for _, fix in judged.needs_cu]
    known = [fix for fix in fixes if fix is not None]
    if len(known) < len(fixes):
        return "a supported product"
    furthest = max(known, key=lambda fix: fix.minimum)
    return f"{furthest.product} {furthest.cu} or later"


def _vulnerable(judged: _Judged, build: Build, catalogue: Catalogue) -> tuple[Finding, ...]:
    if not judged.vulnerable:
        return ()
    cves = ", ".join(cve for _, fix in judged.vulnerable for cve in fix.cves)
    needs = max((fix for _, fix in judged.vulnerable), key=lambda fix: fix.minimum)
    newest = max(
        (release for release in catalogue.releases if release.build.cu_level == build.cu_level),
        key=lambda release: release.build,
    )
    then = f"Install the security update for {needs.cu}: {needs.kb}"
    if newest.build > needs.minimum:
        then += f", or better the newest that is known for it, {newest.update} ({newest.build})"
    return (
        Finding(
            id=f"{ACTION}.vulnerable",
            severity=Severity.CRITICAL,
            title=f"Vulnerable to {_names(judged.vulnerable)} ({cves})",
            evidence=(
                f"{PROGRAM} is {build}",
                *(f"{name}: the fix for {fix.cu} is {fix.minimum}" for name, fix in judged.vulnerable),
            ),
            next=then,
        ),
    )


def _names(campaigns: Sequence[tuple[str, Fix | None]]) -> str:
    return ", ".join(name for name, _ in campaigns)


def _half_installed(places: Agreement) -> tuple[Finding, ...]:
    if not places.against:
        return ()
    return (
        Finding(
            id=f"{ACTION}.half-installed",
            severity=Severity.HIGH,
            title="The installed update is not complete",
            evidence=(*places.against, *places.odd),
            next="Install the update again from an elevated prompt, restart, then audit this server again",
        ),
    )


def _odd(places: Agreement) -> tuple[Finding, ...]:
    if places.against or not places.odd:
        return ()
    return (
        Finding(
            id=f"{ACTION}.mixed-builds",
            severity=Severity.INFO,
            title=f"A file is older than {PROGRAM}, and has every fix that was asked for",
            evidence=places.odd,
            next="Compare with another server that has the same update",
        ),
    )

"""Whether the fixes for one or all campaigns are in, and whether every place that must show it agrees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from playbooks.actions.exchange.patch.places import Agreement, agreement
from playbooks.actions.exchange.setup import PROGRAM, Installation, installed, program_build
from playbooks.actions.exchange.standing import (
    UPDATE_CATALOGUE,
    behind_finding,
    esu,
    how_far,
    install,
    not_current,
    one_of,
    too_old,
)
from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import (
    Age,
    Availability,
    Catalogue,
    Fix,
    Kind,
    NewerThanCatalogue,
    NoFixListed,
    NoFixMade,
    Patched,
    Undecided,
    Vulnerable,
)
from playbooks.findings import Assessment, Facts, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation
from playbooks.unknowns import undecided, unknown
from playbooks.values import Value

ACTION = "exchange.patch"
FACTS = ("patched", "half_installed", "needs_cu", "open")
ALL = "all"
NEWEST_PRODUCT = "Exchange Server SE"
# Verdicts that say that every fix is in: each needs every place that could contradict it.
CLAIMS_FIXED = frozenset({Verdict.OK, Verdict.NOT_CURRENT, Verdict.BEHIND, Verdict.NEWER_THAN_CATALOGUE})
SHOWN = 3  # campaigns that a row of a table names


@dataclass(frozen=True, slots=True)
class _Judged:
    """The campaigns that were asked for, by what the catalogue says of this build.

    Attributes:
        vulnerable: a fix for this very cumulative update exists.
        no_fix: a newer cumulative update comes first.
        refused: campaigns of Kind.SERVICE whose builds this one is below.
    """

    build: Build
    product: str
    patched: Mapping[str, Fix]
    vulnerable: Mapping[str, Fix]
    no_fix: Mapping[str, NoFixMade | NoFixListed]
    undecided: Mapping[str, str]
    refused: Mapping[str, Vulnerable | NoFixMade | NoFixListed]

    @property
    def open(self) -> tuple[str, ...]:
        return (*self.vulnerable, *self.no_fix)

    @property
    def needed(self) -> Build | None:
        """The highest minimum build of this very cumulative update among the fixes that are in; None without any."""
        own = (
            fix.minimum for fix in self.patched.values() if fix.minimum and fix.minimum.cu_level == self.build.cu_level
        )
        return max(own, default=None)


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
    observed, installation = found
    if installation is not Installation.SERVER:
        reason = UnknownFact(installation.value)
        return Assessment(Verdict.NOT_APPLICABLE, reason.reason, facts=dict.fromkeys(FACTS, reason))
    binaries = {str(record.get("Name")): record for record in observed.of_kind("Binary")}
    build = program_build(ACTION, observed, binaries.get(PROGRAM), FACTS)
    if isinstance(build, Assessment):
        return build
    judged = _judge(campaigns, build, catalogue)
    places = agreement(build, observed, catalogue, needed=judged.needed)
    assessment = _assessment(judged, places, catalogue, today, everything=asked == ALL)
    if assessment.verdict in CLAIMS_FIXED and places.unread:
        return unknown(ACTION, "every place that proves the update", places.unread[0], FACTS)
    return assessment


def _judge(campaigns: Sequence[str], build: Build, catalogue: Catalogue) -> _Judged:
    patched: dict[str, Fix] = {}
    vulnerable: dict[str, Fix] = {}
    no_fix: dict[str, NoFixMade | NoFixListed] = {}
    undecided: dict[str, str] = {}
    refused: dict[str, Vulnerable | NoFixMade | NoFixListed] = {}
    for campaign in campaigns:
        service = catalogue.campaign(campaign).kind is Kind.SERVICE
        match catalogue.fixed(campaign, build):
            case Patched(by):
                patched[campaign] = by
            case Undecided(why):
                undecided[campaign] = why
            case state if service:
                refused[campaign] = state
            case Vulnerable(needs):
                vulnerable[campaign] = needs
            case state:
                no_fix[campaign] = state
    return _Judged(build, catalogue.product_of(build) or "?", patched, vulnerable, no_fix, undecided, refused)


def _assessment(
    judged: _Judged, places: Agreement, catalogue: Catalogue, today: date, *, everything: bool
) -> Assessment:
    if judged.undecided and not judged.open:
        why = next(iter(judged.undecided.values()))
        return undecided(ACTION, f"whether {_list(judged.undecided)} is fixed", why, FACTS, UPDATE_CATALOGUE)
    half = bool(places.against)
    facts: Facts = {
        "patched": not judged.open and not half,
        "half_installed": half,
        "needs_cu": bool(judged.no_fix),
        "open": judged.open,
    }
    behind = catalogue.behind(judged.build) if everything else None
    findings = [
        *_vulnerable(judged, catalogue, today),
        *_no_fix(judged, catalogue, today),
        *_half_installed(places, catalogue.kbs(judged.build)),
        *_refused(judged, catalogue, today),
        *_odd(places, judged),
        *_cut(places),
    ]
    if judged.no_fix:
        return Assessment(Verdict.NEEDS_CU, _needs_cu_summary(judged, catalogue), tuple(findings), facts)
    if judged.vulnerable:
        minimum = max(fix.minimum for fix in judged.vulnerable.values() if fix.minimum)
        summary = f"{_short(judged.vulnerable, catalogue)}: {judged.build} is below {minimum}"
        summary += f"; {how_far(behind)}" if behind else ""
        return Assessment(Verdict.VULNERABLE, summary, tuple(findings), facts)
    if half:
        return Assessment(
            Verdict.HALF_INSTALLED,
            f"the update is not complete: {places.against[0]}",
            tuple(findings),
            facts,
        )
    if judged.refused:
        summary = f"{_list(judged.refused)}: {judged.build} is below what is asked for"
        return Assessment(Verdict.BEHIND, summary, tuple(findings), facts)
    summary = _fixed_summary(judged, catalogue, everything)
    if behind is not None:
        finding = behind_finding(ACTION, behind, catalogue, today, f"{PROGRAM} is {judged.build}")
        findings.extend(() if finding is None else (finding,))
        return Assessment(Verdict.BEHIND, f"{summary}, and a newer update is listed", tuple(findings), facts)
    if everything and isinstance(catalogue.identify(judged.build), NewerThanCatalogue):
        return Assessment(Verdict.NEWER_THAN_CATALOGUE, f"{summary}, newer than the catalogue", tuple(findings), facts)
    if catalogue.age(today) is Age.STALE:
        findings.append(not_current(ACTION, catalogue, today))
        return Assessment(Verdict.NOT_CURRENT, f"{summary}, {too_old(catalogue, today)}", tuple(findings), facts)
    return Assessment(Verdict.OK, summary, tuple(findings), facts)


def _fixed_summary(judged: _Judged, catalogue: Catalogue, everything: bool) -> str:
    """`every campaign of the catalogue of 2026-11-27 is fixed in 15.2.2562.56`, or for a single one since when."""
    if everything:
        return f"every campaign of the catalogue of {catalogue.as_of} is fixed in {judged.build}"
    asked = _list(judged.patched)
    if all(catalogue.campaign(name).kind is Kind.SERVICE for name in judged.patched):
        return f"{asked} accepts {judged.build}"
    if judged.needed is None:
        return f"{asked} is fixed in {judged.build}"
    return f"{asked} is fixed since {judged.needed}, this is {judged.build}"


def _vulnerable(judged: _Judged, catalogue: Catalogue, today: date) -> tuple[Finding, ...]:
    """The quick way: fixes that this cumulative update has now."""
    if not judged.vulnerable:
        return ()
    behind = catalogue.behind(judged.build)
    needs = max(judged.vulnerable.values(), key=lambda fix: fix.minimum or judged.build)
    then = (
        install(behind.newest, catalogue, today, needed=needs.minimum)
        if behind
        else f"Install {one_of(needs.kbs)} or a later update"
    )
    if judged.no_fix:
        then += f". Then move to {_target(judged)}"
    return (
        Finding(
            id=f"{ACTION}.vulnerable",
            severity=Severity.CRITICAL,
            title=f"Vulnerable to {_list(judged.vulnerable)}; the fix for {needs.product} {needs.cu} is not installed",
            evidence=(
                f"{PROGRAM} is {judged.build}",
                *(
                    f"{_campaign(name, catalogue)}: fixed for {fix.cu} in {fix.minimum} ({one_of(fix.kbs)})"
                    for name, fix in judged.vulnerable.items()
                ),
            ),
            next=then,
            cves=_cves(judged.vulnerable, catalogue),
            kbs=_once(kb for fix in judged.vulnerable.values() for kb in fix.kbs),
        ),
    )


def _no_fix(judged: _Judged, catalogue: Catalogue, today: date) -> tuple[Finding, ...]:
    if not judged.no_fix:
        return ()
    return (
        Finding(
            id=f"{ACTION}.needs-cu",
            severity=Severity.CRITICAL,
            title=f"Not fixed: {_list(judged.no_fix)}; {_target(judged)} comes first",
            evidence=(
                f"{PROGRAM} is {judged.build}",
                *(
                    f"{_campaign(name, catalogue)}: {_why_no_fix(judged, state)}"
                    for name, state in judged.no_fix.items()
                ),
                *(f"{name}: {why}" for name, why in judged.undecided.items()),
            ),
            next=_move(judged, catalogue, today),
            cves=_cves(judged.no_fix, catalogue),
        ),
    )


def _why_no_fix(judged: _Judged, state: NoFixMade | NoFixListed) -> str:
    match state:
        case NoFixMade(said, first):
            return f"Microsoft made no fix for {said.product} {said.cu} ({said.source}){_first(first)}"
        case NoFixListed(None):
            return f"the catalogue lists no fix for Exchange Server {judged.product}"
        case NoFixListed(first):
            return f"the catalogue lists no fix for this cumulative update{_first(first)}"


def _first(fix: Fix | None) -> str:
    return "" if fix is None else f"; fixed for {fix.product} {fix.cu} from {fix.minimum} on"


def _target(judged: _Judged) -> str:
    """The oldest cumulative update for which all that is open was fixed."""
    furthest = _furthest(judged)
    return NEWEST_PRODUCT if furthest is None else f"{furthest.product} {furthest.cu} or later"


def _furthest(judged: _Judged) -> Fix | None:
    first = [state.first for state in judged.no_fix.values()]
    known = [(fix.minimum, fix) for fix in first if fix is not None and fix.minimum is not None]
    return None if len(known) < len(first) else max(known, key=lambda pair: pair[0])[1]


def _move(judged: _Judged, catalogue: Catalogue, today: date) -> str:
    """Where to, and what else there is where only paying customers could get the update that comes after."""
    target = _furthest(judged)
    to = f"{_target(judged)}, then install its newest update"
    if target is None or target.minimum is None:
        return f"Move to {to}"
    enough = [row for row in catalogue.of_cu(target.minimum) if row.build >= target.minimum]
    if not enough or any(row.availability is Availability.PUBLIC for row in enough):
        return f"Move to {to}"
    return f"{esu(enough[-1], catalogue, today)}, move to {to}; without, move to {NEWEST_PRODUCT}"


def _needs_cu_summary(judged: _Judged, catalogue: Catalogue) -> str:
    """What has a fix now, and what needs a cumulative update first: a sentence each."""
    first = f"{_short(judged.no_fix, catalogue)}: {_target(judged)} comes first"
    if not judged.vulnerable:
        return first
    kbs = sorted({kb for fix in judged.vulnerable.values() for kb in fix.kbs})
    return f"{_short(judged.vulnerable, catalogue)}: {one_of(tuple(kbs))} fixes it for this CU now; {first}"


def _refused(judged: _Judged, catalogue: Catalogue, today: date) -> tuple[Finding, ...]:
    behind = catalogue.behind(judged.build)
    return tuple(
        Finding(
            id=f"{ACTION}.refused-by-service",
            severity=Severity.MEDIUM,
            title=f"{catalogue.campaign(name).title}, such as {judged.build}: it is throttled, then blocked",
            evidence=(f"{PROGRAM} is {judged.build}", _asks(name, judged, state)),
            next=(
                install(behind.newest, catalogue, today, needed=state.needs.minimum)
                if behind and isinstance(state, Vulnerable)
                else "Move to a build that is accepted, where this server sends mail to Exchange Online"
            ),
            kbs=state.needs.kbs if isinstance(state, Vulnerable) else (),
        )
        for name, state in judged.refused.items()
    )


def _asks(name: str, judged: _Judged, state: Vulnerable | NoFixMade | NoFixListed) -> str:
    if isinstance(state, Vulnerable):
        return f"{name}: asks for {state.needs.minimum} with {state.needs.product} {state.needs.cu}"
    first = state.first
    if first is None:
        return f"{name}: lists no build of Exchange Server {judged.product} that is accepted"
    return f"{name}: accepts {first.product} {first.cu} from {first.minimum} on, and this is {judged.build}"


def _campaign(name: str, catalogue: Catalogue) -> str:
    """`proxynotshell (CVE-2022-41040, CVE-2022-41082; known to be exploited)`."""
    campaign = catalogue.campaign(name)
    exploited = "; known to be exploited" if campaign.exploited else ""
    return f"{name} ({', '.join(campaign.cves)}{exploited})" if campaign.cves else name


def _short(campaigns: Mapping[str, object], catalogue: Catalogue) -> str:
    """Four names or, of more, three and how many more there are; those that are known to be exploited stand first."""
    ordered = sorted(campaigns, key=lambda name: not catalogue.campaign(name).exploited)
    more = len(ordered) - SHOWN
    return ", ".join(ordered) if more <= 1 else f"{', '.join(ordered[:SHOWN])} and {more} more"


def _cves(campaigns: Iterable[str], catalogue: Catalogue) -> tuple[str, ...]:
    return _once(cve for name in campaigns for cve in catalogue.campaign(name).cves)


def _once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _list(campaigns: Mapping[str, object]) -> str:
    return ", ".join(campaigns)


def _half_installed(places: Agreement, kbs: Iterable[str]) -> tuple[Finding, ...]:
    if not places.against:
        return ()
    return (
        Finding(
            id=f"{ACTION}.half-installed",
            severity=Severity.HIGH,
            title="The installed update is not complete",
            evidence=(*places.against, *places.odd),
            next="Install the update again from an elevated prompt, restart, then audit this server again",
            kbs=tuple(sorted(kbs)),
        ),
    )


def _odd(places: Agreement, judged: _Judged) -> tuple[Finding, ...]:
    if places.against or not places.odd:
        return ()
    return (
        Finding(
            id=f"{ACTION}.mixed-evidence",
            severity=Severity.INFO,
            title="One of the places that show the update differs"
            + ("" if judged.open else ", and none says that a fix is missing"),
            evidence=places.odd,
            next="Compare with another server that has the same update",
        ),
    )


def _cut(places: Agreement) -> tuple[Finding, ...]:
    if not places.cut:
        return ()
    return (
        Finding(
            id=f"{ACTION}.cut-short",
            severity=Severity.INFO,
            title="The registry has more keys of programs and updates than are read",
            evidence=places.cut,
            next="See what writes so many keys there; no server with every update ever made has as many",
        ),
    )

"""Which Exchange Server this is, and whether Microsoft still supports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from playbooks.actions.exchange.setup import SETUP_KEY, Installation, installed, program_build, role_names
from playbooks.actions.exchange.standing import UPDATE_CATALOGUE, behind_finding, how_far, not_current, too_old
from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import (
    Age,
    Availability,
    Between,
    Catalogue,
    Identity,
    Known,
    NewerThanCatalogue,
    NotInCatalogue,
    UnlistedCu,
)
from playbooks.findings import Assessment, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.unknowns import unknown
from playbooks.values import Value

ACTION = "exchange.version"
LEGACY_KEY = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v14\\Setup"
FACTS = ("installed", "product", "cu", "update", "build", "updates_behind", "roles", "edge", "supported")


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Names the build by ExSetup.exe's file version; AdminDisplayVersion and the registry show the CU only."""
    found = installed(ACTION, observation, FACTS)
    if isinstance(found, Assessment):
        return found
    observed, installation = found
    if installation is not Installation.SERVER:
        return _without_exchange_2013(observed, installation, catalogue)
    build = program_build(ACTION, observed, observed.first("ExSetup"), FACTS)
    if isinstance(build, Assessment):
        return build
    return _of_build(build, observed, catalogue, today)


def _without_exchange_2013(observation: Observed, installation: Installation, catalogue: Catalogue) -> Assessment:
    if why := observation.why_unread(LEGACY_KEY):
        return unknown(ACTION, "whether Exchange Server 2010 is installed", why, FACTS)
    legacy = observation.first("Exchange2010") or {}
    if legacy.get("Present") is True and legacy.get("ProgramExists") is True:
        return Assessment(
            verdict=Verdict.OUT_OF_SUPPORT,
            summary="Exchange Server 2010: out of support since 2020-10-13",
            findings=(
                Finding(
                    id=f"{ACTION}.exchange-2010",
                    severity=Severity.CRITICAL,
                    title="Exchange Server 2010 gets no security updates",
                    evidence=(f"{LEGACY_KEY} exists", f"{legacy.get('Program')!s} exists"),
                    next="Take it off the internet and migrate to a supported release",
                ),
            ),
            facts={**_nothing("Exchange Server 2010 is not covered"), "installed": True, "supported": False},
        )
    if installation is Installation.TOOLS:
        return _tools_only(observation, catalogue)
    setup, program = observation.first("ExchangeSetup") or {}, observation.first("ExSetup") or {}
    left = [
        _left_behind(name, key, path)
        for name, key, present, path in (
            ("Exchange Server 2013 or later", SETUP_KEY, setup.get("Present"), program.get("Path")),
            ("Exchange Server 2010", LEGACY_KEY, legacy.get("Present"), legacy.get("Program")),
        )
        if present is True
    ]
    return Assessment(
        verdict=Verdict.NOT_EXCHANGE,
        summary="no Exchange Server is installed here",
        findings=tuple(left),
        facts={**_nothing("no Exchange Server is installed"), "installed": False},
    )


def _tools_only(observation: Observed, catalogue: Catalogue) -> Assessment:
    """No server, whatever its build: it takes no mail and answers nobody."""
    build = program_build(ACTION, observation, observation.first("ExSetup"), FACTS)
    if isinstance(build, Assessment):
        return build
    identity = catalogue.identify(build)
    title = "" if isinstance(identity, NotInCatalogue) else f" of {_named(identity, build, ('', '')).title}"
    return Assessment(
        verdict=Verdict.NOT_EXCHANGE,
        summary=f"only the management tools{title} ({build}) are installed here, and no role",
        facts={**_nothing("only the management tools of Exchange are installed"), "installed": False},
    )


def _left_behind(product: str, key: str, program: Value) -> Finding:
    return Finding(
        id=f"{ACTION}.left-behind-key",
        severity=Severity.INFO,
        title=f"A key of {product} is left, without its program",
        evidence=(
            f"{key} exists",
            f"{program!s} does not exist" if program else "it names no install folder (MsiInstallPath)",
        ),
        next=f"Nothing, unless an {product} is expected here",
    )


def _nothing(reason: str) -> dict[str, Value | UnknownFact]:
    return {name: UnknownFact(reason) for name in FACTS}


def _edge(observation: Observed) -> Value | UnknownFact:
    role = next(
        (entry for entry in observation.of_kind("ExchangeRole") if entry.get("Name") == "EdgeTransportRole"), None
    )
    if role is None:
        return UnknownFact("the role keys could not be read")
    return role.get("Present") is True


@dataclass(frozen=True, slots=True)
class _Named:
    """What a build is called. `cu` and `update` are None where the catalogue does not list them."""

    title: str
    product: str
    cu: str | None
    update: str | None
    verdict: Verdict
    finding: Finding | None = None


def _of_build(build: Build, observation: Observed, catalogue: Catalogue, today: date) -> Assessment:
    identity = catalogue.identify(build)
    if isinstance(identity, NotInCatalogue):
        return unknown(ACTION, "a product from the build", f"no product has builds like {build}", FACTS)
    evidence = (f"ExSetup.exe is {build}", f"catalogue as of {catalogue.as_of}")
    found = _named(identity, build, evidence)
    edge = _edge(observation)
    behind = catalogue.behind(build)
    findings = [behind_finding(ACTION, behind, catalogue, today, evidence[0]), found.finding]
    verdict, summary = found.verdict, f"{found.title}{', Edge Transport' if edge is True else ''} ({build})"
    if behind is not None:
        verdict, summary = Verdict.BEHIND, f"{summary}: {how_far(behind)}"
    supported = catalogue.in_support(found.product, today)
    if supported is False:
        verdict, summary = Verdict.OUT_OF_SUPPORT, f"{summary}; {_ended(found.product, catalogue, today)}"
        findings.insert(0, _out_of_support(found.product, catalogue, today, evidence))
    elif verdict is Verdict.OK and catalogue.age(today) is Age.STALE:
        verdict, summary = Verdict.NOT_CURRENT, f"{summary}, the newest {too_old(catalogue, today)}"
        findings.append(not_current(ACTION, catalogue, today))
    return Assessment(
        verdict,
        summary,
        tuple(finding for finding in findings if finding is not None),
        {
            "installed": True,
            "product": found.product,
            "cu": UnknownFact("the catalogue does not list this cumulative update") if found.cu is None else found.cu,
            "update": UnknownFact("the catalogue does not list this build") if found.update is None else found.update,
            "build": str(build),
            "updates_behind": _updates_behind(identity, 0 if behind is None else behind.updates),
            "roles": role_names(observation),
            "edge": edge,
            "supported": UnknownFact("no date in the catalogue") if supported is None else supported,
        },
    )


def _updates_behind(identity: Identity, listed: int) -> Value | UnknownFact:
    if isinstance(identity, Known | Between):
        return listed
    return UnknownFact("the catalogue lists no newer build, nor this one")


def _named(
    identity: Known | Between | NewerThanCatalogue | UnlistedCu, build: Build, evidence: tuple[str, str]
) -> _Named:
    match identity:
        case Known(release) if release.availability is Availability.WITHDRAWN:
            return _Named(
                f"{release.title}, which Microsoft withdrew",
                release.product,
                release.cu,
                release.update,
                Verdict.ATTENTION,
                Finding(
                    id=f"{ACTION}.withdrawn",
                    severity=Severity.MEDIUM,
                    title=f"Microsoft withdrew {release.title}, which is installed here",
                    evidence=(*evidence, *((release.source,) if release.source else ())),
                    next=f"Install {release.replaced_by}"
                    if release.replaced_by
                    else "Read why, and what to do instead",
                    kbs=release.kbs,
                ),
            )
        case Known(release):
            return _Named(release.title, release.product, release.cu, release.update, Verdict.OK)
        case Between(after):
            return _Named(
                f"{after.title} or a later interim build",
                after.product,
                after.cu,
                None,
                Verdict.ATTENTION,
                Finding(
                    id=f"{ACTION}.unlisted-build",
                    severity=Severity.LOW,
                    title=f"Build {build} of {after.product} {after.cu} is not in the catalogue",
                    evidence=(*evidence, f"the nearest below is {after.title}, {after.build}"),
                    next="Ask what interim update was installed; the newest listed update of this CU replaces it",
                ),
            )
        case NewerThanCatalogue(product, newest, same_cu):
            of = f"{product} {newest.cu}" if same_cu else f"Exchange Server {product}"
            return _Named(
                f"Exchange Server {product}{f' {newest.cu}' if same_cu else ''}, newer than the catalogue",
                product,
                newest.cu if same_cu else None,
                None,
                Verdict.NEWER_THAN_CATALOGUE,
                Finding(
                    id=f"{ACTION}.newer-than-catalogue",
                    severity=Severity.LOW,
                    title=f"Build {build} is newer than the newest of {of} that this catalogue knows",
                    evidence=(*evidence, f"newest known is {newest.title}, {newest.build}"),
                    next=UPDATE_CATALOGUE,
                ),
            )
        case UnlistedCu(product, after_release):
            below = f"the nearest below is {after_release.title}" if after_release else "no listed release is older"
            return _Named(
                f"Exchange Server {product}, a release that the catalogue does not list",
                product,
                None,
                None,
                Verdict.ATTENTION,
                Finding(
                    id=f"{ACTION}.unlisted-cu",
                    severity=Severity.HIGH,
                    title=f"Build {build} is of no cumulative update that the catalogue lists",
                    evidence=(*evidence, below),
                    next="Compare it with Microsoft's table by hand: it may be a preview, or a release not listed here",
                ),
            )


def _ended(product: str, catalogue: Catalogue, today: date) -> str:
    support = catalogue.support(product)
    assert support is not None
    paid = support.esu_ends
    if paid is None:
        return f"out of support since {support.ends}"
    return f"out of support since {support.ends}, paid updates {'ended' if today > paid else 'until'} {paid}"


def _out_of_support(product: str, catalogue: Catalogue, today: date, evidence: tuple[str, str]) -> Finding:
    return Finding(
        id=f"{ACTION}.out-of-support",
        severity=Severity.HIGH,
        title=f"Exchange Server {product} is {_ended(product, catalogue, today)}",
        evidence=evidence,
        next="Plan the move to Exchange Server SE; until then keep it off the internet",
    )

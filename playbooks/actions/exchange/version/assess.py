"""Which Exchange Server this is, and whether Microsoft still supports it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.exchange.setup import installed, program_build
from playbooks.assessing import unknown
from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import (
    Between,
    Catalogue,
    Known,
    NewerThanCatalogue,
    NotInCatalogue,
    OlderThanCatalogue,
)
from playbooks.findings import Assessment, Facts, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.values import Record, Value

ACTION = "exchange.version"
LEGACY_KEY = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v14\\Setup"
FACTS = ("installed", "product", "cu", "update", "build", "edge", "supported")


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Names the build by ExSetup.exe's file version; AdminDisplayVersion and the registry show the CU only."""
    found = installed(ACTION, observation, FACTS)
    if isinstance(found, Assessment):
        return found
    observed, present = found
    if not present:
        return _without_exchange_2013(observed)
    build = program_build(ACTION, observed, observed.first("ExSetup"), FACTS)
    if isinstance(build, Assessment):
        return build
    return _of_build(build, observed, catalogue, today)


def _without_exchange_2013(observation: Observed) -> Assessment:
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
    return Assessment(
        verdict=Verdict.NOT_EXCHANGE,
        summary="no Exchange Server is installed here",
        findings=_left_behind(legacy),
        facts={**_nothing("no Exchange Server is installed"), "installed": False},
    )


def _left_behind(legacy: Record) -> tuple[Finding, ...]:
    if legacy.get("Present") is not True:
        return ()
    program = legacy.get("Program")
    return (
        Finding(
            id=f"{ACTION}.left-behind-key",
            severity=Severity.INFO,
            title="A key of Exchange Server 2010 is left, without its program",
            evidence=(
                f"{LEGACY_KEY} exists",
                f"{program!s} does not exist" if program else "it names no install folder (MsiInstallPath)",
            ),
            next="Nothing, unless an Exchange Server 2010 is expected here",
        ),
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


def _of_build(build: Build, observation: Observed, catalogue: Catalogue, today: date) -> Assessment:
    edge = _edge(observation)
    role = ", Edge Transport" if edge is True else ""
    findings: tuple[Finding, ...] = ()
    evidence = (f"ExSetup.exe is {build}", f"catalogue as of {catalogue.as_of}")
    match catalogue.identify(build):
        case NotInCatalogue():
            return unknown(ACTION, "a product from the build", f"no product has builds like {build}", FACTS)
        case Known(release):
            title, product, cu, update = release.title, release.product, release.cu, release.update
            verdict = Verdict.OK
        case NewerThanCatalogue(product, newest):
            title, cu, update = f"Exchange Server {product}, newer than the catalogue", "", ""
            verdict = Verdict.NEWER_THAN_CATALOGUE
            findings = (
                Finding(
                    id=f"{ACTION}.newer-than-catalogue",
                    severity=Severity.LOW,
                    title=f"Build {build} is newer than the newest that this catalogue knows",
                    evidence=(*evidence, f"newest known is {newest.title}, {newest.build}"),
                    next="Update exrun, or compare the build with Microsoft's table by hand",
                ),
            )
        case Between(after, same_cu):
            title = f"{after.title} or a later interim build"
            product, cu, update = after.product, after.cu if same_cu else "", ""
            verdict = Verdict.ATTENTION
            findings = (
                Finding(
                    id=f"{ACTION}.unlisted-build",
                    severity=Severity.LOW,
                    title=f"Build {build} is in no public table",
                    evidence=(*evidence, f"the nearest below is {after.title}, {after.build}"),
                    next="Ask what interim update was installed, and install a listed one",
                ),
            )
        case OlderThanCatalogue(product, oldest):
            title, cu, update = f"Exchange Server {product}, older than {oldest.cu}", "", ""
            verdict = Verdict.ATTENTION
            findings = (
                Finding(
                    id=f"{ACTION}.older-than-catalogue",
                    severity=Severity.HIGH,
                    title=f"Build {build} is older than the first listed cumulative update",
                    evidence=(*evidence, f"the oldest known is {oldest.title}, {oldest.build}"),
                    next="Install the newest cumulative update of this product",
                ),
            )
    supported = catalogue.in_support(product, today)
    facts: Facts = {
        "installed": True,
        "product": product,
        "cu": cu,
        "update": update,
        "build": str(build),
        "edge": edge,
        "supported": UnknownFact("no date in the catalogue") if supported is None else supported,
    }
    if supported is False:
        ended = catalogue.support_ends[product]
        verdict = Verdict.OUT_OF_SUPPORT
        findings = (
            Finding(
                id=f"{ACTION}.out-of-support",
                severity=Severity.HIGH,
                title=f"Exchange Server {product} is out of support since {ended}",
                evidence=evidence,
                next="Plan the move to Exchange Server SE; until then keep it off the internet",
            ),
            *findings,
        )
        return Assessment(verdict, f"{title}{role}: out of support since {ended}", findings, facts)
    return Assessment(verdict, f"{title}{role} ({build})", findings, facts)

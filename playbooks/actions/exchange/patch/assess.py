"""Whether a campaign's fix is in, and whether every place that must show it agrees."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.exchange.setup import PROGRAM, installed, program_build
from playbooks.assessing import unknown
from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue, Known, NeedsCu, NewerThanCatalogue, Patched, Undecided, Vulnerable
from playbooks.findings import Assessment, Facts, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.values import Record, Value

ACTION = "exchange.patch"
FACTS = ("patched", "half_installed", "needs_cu")
# A service of the Mailbox and Client Access roles: an Edge Transport server runs none of it.
NOT_ON_EDGE = "Microsoft.Exchange.RpcClientAccess.Service.exe"
UNINSTALL_KEY = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall"


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Compares ExSetup.exe with the campaign's minimum build, and the other places with ExSetup.exe.

    Args:
        params: `campaign`, a name of the catalogue.

    Raises:
        KeyError: the campaign is not in the catalogue; loading a playbook checks that before.
    """
    campaign = str(params["campaign"])
    if campaign not in catalogue.campaigns:
        raise KeyError(campaign)
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
    disagreements = (
        *_disagreements(build, binaries, observed),
        *_missing_entry(build, observed, catalogue),
    )
    assessment = _judge(campaign, build, disagreements, catalogue)
    if assessment.verdict is Verdict.OK and observed.unread:
        entry = observed.unread[0]
        return unknown(ACTION, "every place that proves the update", f"{entry.what}: {entry.why}", FACTS)
    return assessment


def _build(record: Record) -> Build | None:
    try:
        return Build.parse(str(record.get("FileVersion")))
    except ValueError:
        return None


def _disagreements(build: Build, binaries: Mapping[str, Record], observation: Observed) -> tuple[str, ...]:
    """What contradicts ExSetup.exe's build, one observation a line; empty when all places agree."""
    found: list[str] = []
    edge = any(role.get("Name") == "EdgeTransportRole" for role in observation.of_kind("RoleState"))
    for name, record in sorted(binaries.items()):
        if name == PROGRAM or (name == NOT_ON_EDGE and edge and record.get("Exists") is False):
            continue
        other = _build(record)
        if record.get("Exists") is not True:
            found.append(f"{name} is missing")
        elif other is None:
            found.append(f"{name} has no readable version")
        elif other != build:
            found.append(f"{name} is {other}, {PROGRAM} is {build}")
    for role in observation.of_kind("RoleState"):
        for mark in ("Action", "Watermark"):
            if role.get(mark):
                found.append(f"{role.get('Name')!s} has {mark} = {role.get(mark)!s}: setup was interrupted")
    return tuple(found)


def _missing_entry(build: Build, observation: Observed, catalogue: Catalogue) -> tuple[str, ...]:
    """A security update leaves an uninstall entry; its absence contradicts the files (hotfixes are not judged)."""
    identity = catalogue.identify(build)
    if not isinstance(identity, Known) or "SU" not in identity.release.update:
        return ()
    if observation.why_unread(UNINSTALL_KEY) is not None or observation.first("Update") is not None:
        return ()
    return (f"{identity.release.title} leaves an uninstall entry, and there is none",)


def _judge(campaign: str, build: Build, disagreements: tuple[str, ...], catalogue: Catalogue) -> Assessment:
    half = bool(disagreements)
    findings: tuple[Finding, ...] = ()
    if half:
        findings = (
            Finding(
                id=f"{ACTION}.half-installed",
                severity=Severity.HIGH,
                title="The installed update is not complete",
                evidence=disagreements,
                next="Install the update again from an elevated prompt, restart, then audit this server again",
            ),
        )
    match catalogue.fixed(campaign, build):
        case Undecided(why):
            return unknown(ACTION, f"whether {campaign} is fixed", why, FACTS)
        case Vulnerable(needs):
            return Assessment(
                Verdict.VULNERABLE,
                f"{campaign}: {build} is below {needs.minimum}",
                (
                    Finding(
                        id=f"{ACTION}.vulnerable",
                        severity=Severity.CRITICAL,
                        title=f"Vulnerable to {campaign} ({', '.join(needs.cves)})",
                        evidence=(f"{PROGRAM} is {build}", f"the fix for {needs.cu} is {needs.minimum}"),
                        next=f"Install the security update for {needs.cu}: {needs.kb}",
                    ),
                    *findings,
                ),
                _facts(patched=False, half=half, needs_cu=False),
            )
        case NeedsCu(oldest):
            target = "a supported product" if oldest is None else f"{oldest.product} {oldest.cu} or later"
            return Assessment(
                Verdict.NEEDS_CU,
                f"{campaign}: no fix was made for {build}; {target} comes first",
                (
                    Finding(
                        id=f"{ACTION}.needs-cu",
                        severity=Severity.CRITICAL,
                        title=f"Vulnerable to {campaign}, and no fix exists for this cumulative update",
                        evidence=(f"{PROGRAM} is {build}",),
                        next=f"Move to {target}, then install its security update",
                    ),
                    *findings,
                ),
                _facts(patched=False, half=half, needs_cu=True),
            )
        case Patched(by):
            facts = _facts(patched=not half, half=half, needs_cu=False)
            if half:
                return Assessment(Verdict.HALF_INSTALLED, f"{campaign}: {disagreements[0]}", findings, facts)
            note = " (newer than the catalogue)" if isinstance(catalogue.identify(build), NewerThanCatalogue) else ""
            own_cu = by.minimum.cu_level == build.cu_level
            since = f"fixed since {by.minimum}" if own_cu else "fixed in every build of this cumulative update"
            return Assessment(Verdict.OK, f"{campaign}: {since}, this is {build}{note}", findings, facts)


def _facts(*, patched: bool, half: bool, needs_cu: bool) -> Facts:
    return {"patched": patched, "half_installed": half, "needs_cu": needs_cu}

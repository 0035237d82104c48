"""How far ProxyLogon came on this server, as far as its logs tell.

Nothing found is never `clean`: it is nothing since the day from which every log reaches on. A log that is missing,
empty, unreadable or cut short could hold what decides, so without it the verdict is `unknown`, unless what was found is
worse already. A session as SYSTEM counts as a compromise even where no file was written: whoever had it could
do anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from playbooks.actions.exchange.setup import Installation, installed
from playbooks.actions.proxylogon.hunt.traces import Grade, Line, Trace, Unclear, judge
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.unknowns import unknown
from playbooks.values import Value, text_of

ACTION = "proxylogon.hunt"
FACTS = ("grade", "compromised", "since")
SHOWN = 20  # lines of evidence of a finding
DIRECTORY = "a clean object in the directory proves nothing, for attackers set it back after use"

# The folders of Test-ProxyLogon.ps1: health probes see to it that a server with the role writes to them.
_FRONT_END = tuple(
    f"HttpProxy\\{name}"
    for name in ("Ecp", "Autodiscover", "Eas", "Ews", "Mapi", "Oab", "Owa", "OwaCalendar", "PowerShell", "RpcHttp")
)
_MAILBOX = ("ECP\\Server", "OABGeneratorLog")
_FRONT_END_ROLES = ("CafeRole", "FrontendTransportRole")

_NEXT = {
    Grade.WRITTEN: "Take this server for compromised: cut it off from the network, keep its logs and memory, look for "
    f"web shells and for what was done from them, and rotate its secrets; {DIRECTORY}",
    Grade.SESSION: "Take this server for compromised even without a web shell: a session as SYSTEM existed. Cut it "
    f"off, keep its logs and memory, and look for what was done; {DIRECTORY}",
    Grade.LEAKED: "Install the update if exchange.patch asks for it, and look in this server's IIS logs for what "
    f"these client addresses did next; {DIRECTORY}",
    Grade.PROBED: "Install the update if exchange.patch asks for it; a probe alone is no breach, and whoever probed "
    "may come back",
}
_TITLE = {
    Grade.WRITTEN: (Severity.CRITICAL, "A file was written through ProxyLogon"),
    Grade.SESSION: (Severity.CRITICAL, "A session as SYSTEM was obtained through ProxyLogon"),
    Grade.LEAKED: (Severity.HIGH, "ProxyLogon was used beyond a probe, as for learning an account's SID"),
    Grade.PROBED: (Severity.MEDIUM, "This server was probed for ProxyLogon"),
}
_VERDICT = {
    Grade.WRITTEN: Verdict.COMPROMISED,
    Grade.SESSION: Verdict.COMPROMISED,
    Grade.LEAKED: Verdict.SUSPICIOUS,
    Grade.PROBED: Verdict.PROBED,
    Grade.NOTHING: Verdict.OK,
}
_COMES_TO = {
    Grade.WRITTEN: "ProxyLogon: a file was written",
    Grade.SESSION: "ProxyLogon: a session as SYSTEM was obtained",
    Grade.LEAKED: "ProxyLogon: used beyond a probe, as for learning a SID",
    Grade.PROBED: "ProxyLogon: probed",
}


@dataclass(frozen=True, slots=True)
class _Found:
    """What the logs say.

    Attributes:
        traces: by grade, as evidence.
        gaps: what could not be judged, one line each: missing, unreadable, cut.
        since: the day from which every log that was read reaches on; None where none was.
    """

    traces: Mapping[Grade, tuple[str, ...]]
    gaps: tuple[str, ...]
    since: str | None
    folders: tuple[str, ...]

    @property
    def worst(self) -> Grade:
        return max(self.traces, key=lambda grade: grade.rank, default=Grade.NOTHING)


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Grades each line that was sent, and says of what nothing can be said."""
    found = installed(ACTION, observation, FACTS)
    if isinstance(found, Assessment):
        return found
    observed, installation = found
    if installation is not Installation.SERVER:
        return _not_applicable(installation.value)
    asked = _folders_of(observed)
    if not asked:
        return _not_applicable("neither client access nor mailboxes are on this server")
    path = text_of(observed.first("ExchangeSetup") or {}, "InstallPath").replace("/", "\\").strip(' "').rstrip("\\")
    if not path:
        return unknown(ACTION, "the logs", "the setup key names no install folder (MsiInstallPath)", FACTS)
    return _concluded(_found(observed, asked, path, today))


def _not_applicable(reason: str) -> Assessment:
    return Assessment(Verdict.NOT_APPLICABLE, reason, facts={name: UnknownFact(reason) for name in FACTS})


def _folders_of(observed: Observed) -> tuple[str, ...]:
    """The folders that a server of these roles has; a role that was not read may be there."""
    said = {text_of(role, "Name"): role.get("Present") for role in observed.of_kind("ExchangeRole")}
    front_end = any(said.get(role) is not False for role in _FRONT_END_ROLES)
    mailbox = said.get("MailboxRole") is not False
    return (_FRONT_END if front_end else ()) + (_MAILBOX if mailbox else ())


def _found(observed: Observed, asked: tuple[str, ...], path: str, today: date) -> _Found:
    headers = {text_of(each, "Place"): text_of(each, "Line") for each in observed.of_kind("Header")}
    traces: dict[Grade, tuple[str, ...]] = {}
    gaps = [f"{entry.what}: {entry.why}" for entry in observed.unread if "\\Logging" in entry.what]
    gaps += [
        f"{text_of(each, 'What')}: cut short, {each.get('Limit')!s} of at least {each.get('Seen')!s} were sent"
        for each in observed.of_kind("Capped")
    ]
    since = _since(observed)
    if since is not None and since > (today + timedelta(days=1)).isoformat():
        gaps.append(f"the oldest log of a folder is of {since}, a day to come: how far back it reaches is not known")
    for hit in observed.of_kind("Hit"):
        header = headers.get(text_of(hit, "Header"))
        line = Line(text_of(hit, "Place"), text_of(hit, "Folder"), text_of(hit, "Line"), header, hit.get("Cut") is True)
        match judge(line, path):
            case Trace(grade, evidence):
                traces[grade] = (*traces.get(grade, ()), evidence)
            case Unclear(why):
                gaps.append(why)
            case None:
                pass
    return _Found(traces, (*_missing(observed, asked), *gaps), since, _reach(observed))


def _missing(observed: Observed, asked: tuple[str, ...]) -> tuple[str, ...]:
    there = {text_of(each, "Name").casefold(): each for each in observed.of_kind("LogFolder")}
    closed = {entry.what.casefold() for entry in observed.unread}
    found = []
    for name in asked:
        folder = there.get(name.casefold())
        if folder is None:
            if not any(what.endswith(f"\\logging\\{name.casefold()}") for what in closed):
                found.append(f"{name}: the answer has no record of it")
        elif folder.get("Present") is not True:
            found.append(f"{name}: there is no such folder")
        elif not folder.get("Files"):
            found.append(f"{name}: there is no log in it")
    return tuple(found)


def _since(observed: Observed) -> str | None:
    """The latest of the days on which the folders' oldest logs were last written to: all reach at least to it."""
    days = [text_of(each, "Oldest")[:10] for each in observed.of_kind("LogFolder") if text_of(each, "Oldest")]
    return max(days, default=None)


def _reach(observed: Observed) -> tuple[str, ...]:
    return tuple(
        f"{text_of(each, 'Name')}: {text_of(each, 'Oldest')[:10]} to {text_of(each, 'Newest')[:10]}, "
        f"{each.get('Files')!s} files, {each.get('Bytes')!s} bytes"
        for each in observed.of_kind("LogFolder")
        if text_of(each, "Oldest")
    )


def _concluded(found: _Found) -> Assessment:
    worst = found.worst
    decided = worst in (Grade.WRITTEN, Grade.SESSION)
    could_be_worse = bool(found.gaps) and worst is not Grade.WRITTEN
    verdict = _VERDICT[worst]
    if found.gaps:  # what was not read could hold worse than a probe
        verdict = min(verdict, Verdict.UNKNOWN, key=lambda either: either.rank)
    grade: Value | UnknownFact = UnknownFact(found.gaps[0]) if could_be_worse else worst.value
    compromised: Value | UnknownFact = True if decided else UnknownFact(found.gaps[0]) if found.gaps else False
    since = UnknownFact("no log was read") if found.since is None else found.since
    return Assessment(
        verdict,
        _summary(found, could_be_worse),
        tuple(sorted(_findings(found), key=lambda each: each.severity.rank)),
        {"grade": grade, "compromised": compromised, "since": since},
        Coverage.NOT_KNOWABLE if found.gaps else Coverage.PROBED,
    )


def _summary(found: _Found, could_be_worse: bool) -> str:
    counted = f"{len(found.gaps)} part{'s' if len(found.gaps) > 1 else ''} of the logs"
    if found.worst is Grade.NOTHING:
        if could_be_worse:
            return f"could not read {counted}; nothing of ProxyLogon in the rest"
        return f"nothing of ProxyLogon since {found.since}, as far back as every log reaches"
    said = _COMES_TO[found.worst]
    return f"{said} at least, and {counted} could not be read" if could_be_worse else said


def _findings(found: _Found) -> tuple[Finding, ...]:
    findings = []
    for grade, (severity, title) in _TITLE.items():
        if lines := found.traces.get(grade):
            findings.append(Finding(f"{ACTION}.{grade.value}", severity, title, _first(lines), _NEXT[grade]))
    if found.gaps:
        findings.append(
            Finding(
                f"{ACTION}.unread",
                Severity.HIGH,
                "Logs in which ProxyLogon would show are missing, closed or were cut short",
                _first(found.gaps),
                "Find out why, and who removed them if they were there; look at them by hand, or in copies that a "
                "backup or a log server has",
            )
        )
    if found.folders:
        findings.append(
            Finding(
                f"{ACTION}.reach",
                Severity.INFO,
                "How far back the logs reach: of what was before nothing is known",
                found.folders,
                f"For earlier days ask backups and log servers, and look for web shells: {DIRECTORY}",
            )
        )
    return tuple(findings)


def _first(lines: tuple[str, ...]) -> tuple[str, ...]:
    more = len(lines) - SHOWN
    return (*lines[:SHOWN], f"and {more} more") if more > 0 else lines

"""What the hunts for traces of an attack have in common: how far it came, and of what nothing can be said.

Nothing found is never `clean`: it is nothing since the day from which every log has each day (reaching.py). A log that
is missing, empty, switched off, unreadable, cut short, without a column that is looked for, or that ends while others
go on could hold what decides, so without it the verdict is `unknown`, unless what was found is worse already. A session
counts as a compromise even where no file was written: whoever had it could do anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from playbooks.actions.exchange.lines import Line, lacking, short
from playbooks.actions.exchange.reaching import DAY, Stretch, days_of, missing, newest, reach, taken, up_to
from playbooks.actions.exchange.setup import Installation, installed
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.investigating.standing import CLEAR_OF
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_applicable, unknown
from playbooks.values import Record, Value, text_of

FACTS = ("grade", "at_least", "compromised", "since", CLEAR_OF)
SHOWN = 20  # lines of evidence of a finding
DIRECTORY = "a clean object in the directory proves nothing, for attackers set it back after use"
AFTER_A_PROBE = (
    "Install the update if exchange.patch asks for it; a probe alone is no breach, and whoever probed may come back"
)
COMMANDS = "event log MSExchange Management"

# The folders of Test-ProxyLogon.ps1: health probes see to it that a server with the role writes to them.
FRONT_END = tuple(
    f"HttpProxy\\{name}"
    for name in ("Ecp", "Autodiscover", "Eas", "Ews", "Mapi", "Oab", "Owa", "OwaCalendar", "PowerShell", "RpcHttp")
)
_FRONT_END_ROLES = ("CafeRole", "FrontendTransportRole")


class Grade(Enum):
    """How far it came, from what is least; the values are those of the fact `grade`.

    A hunt has those of them that its attack leaves.
    """

    NOTHING = "nothing"
    PROBED = "probed"
    ANSWERED = "answered"
    LEAKED = "sid-leaked"
    SUSPICIOUS = "suspicious"
    SESSION = "session-obtained"
    WRITTEN = "written"

    @property
    def rank(self) -> int:
        """0 for nothing."""
        return list(Grade).index(self)


COMPROMISED = (Grade.SESSION, Grade.WRITTEN)
_VERDICT = {
    Grade.WRITTEN: Verdict.COMPROMISED,
    Grade.SESSION: Verdict.COMPROMISED,
    Grade.SUSPICIOUS: Verdict.SUSPICIOUS,
    Grade.LEAKED: Verdict.SUSPICIOUS,
    Grade.ANSWERED: Verdict.SUSPICIOUS,
    Grade.PROBED: Verdict.PROBED,
    Grade.NOTHING: Verdict.OK,
}


@dataclass(frozen=True, slots=True)
class Trace:
    """What a line or an event comes to, how it is shown as evidence, and which holes it goes through."""

    grade: Grade
    evidence: str
    cves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Aside:
    """What is a trace beside others, and what administrators do as well without them."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """A line or an event that cannot be judged, and why."""

    why: str


Sign = Trace | Aside | Unclear | None


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the server sent it.

    Attributes:
        texts: what stands in it, without the words of its message.
        cut: only the beginning was sent.
    """

    log: str
    provider: str
    number: int
    time: str
    texts: tuple[str, ...]
    cut: bool

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"event log {self.log}, event {self.number}"


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said of a grade: the finding, what the verdict says, what to do next, and by which holes it comes."""

    severity: Severity
    title: str
    comes_to: str
    then: str
    cves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hunt:
    """One attack.

    Attributes:
        name: of the attack.
        wordings: of each grade that it can come to.
        asked: the logs of a server with a front end, with mailboxes: each a group of which any one is enough.
        columns: those of HttpProxy's logs that are looked at.
        line: what a line says; also of the install folder.
        event: what an event says.
        beside: findings beside the grades, by the grade; and gaps.
    """

    action: str
    name: str
    wordings: Mapping[Grade, Wording]
    front_end: tuple[tuple[str, ...], ...]
    mailbox: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...]
    line: Callable[[Line, str], Sign]
    event: Callable[[Event], Sign] = lambda event: None
    beside: Callable[[Observed, Grade], tuple[Finding, ...]] = lambda observed, worst: ()


@dataclass(slots=True)
class _Found:
    """What the logs say.

    Attributes:
        traces: by grade, as evidence.
        cves: by grade, the holes that these traces go through.
        gaps: what could not be judged, one line each: missing, unreadable, cut.
        since: the day from which every log that was asked for has each day; None where one has none.
        read: whether any of them has a day.
        until: the last day that they have, where no log of the server goes on after it; None where they go on to now.
        reach: how far back each log reaches, one line each.
        taken: the days that a log lacks in the middle and others have, one line each.
    """

    traces: dict[Grade, list[str]] = field(default_factory=dict)
    cves: dict[Grade, set[str]] = field(default_factory=dict)
    asides: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    since: str | None = None
    until: str | None = None
    read: bool = False
    reach: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()

    @property
    def worst(self) -> Grade:
        return max(self.traces, key=lambda grade: grade.rank, default=Grade.NOTHING)

    def take(self, sign: Sign) -> None:
        match sign:
            case Trace(grade, evidence, cves):
                self.traces.setdefault(grade, []).append(evidence)
                self.cves.setdefault(grade, set()).update(cves)
            case Aside(evidence):
                self.asides.append(evidence)
            case Unclear(why):
                self.gaps.append(why)
            case None:
                pass


def hunted(hunt: Hunt, observation: Observation, today: date) -> Assessment:
    """Grades each line and event that was sent, and says of what nothing can be said."""
    found = installed(hunt.action, observation, FACTS)
    if isinstance(found, Assessment):
        return found
    observed, installation = found
    if installation is not Installation.SERVER:
        return not_applicable(installation.value, FACTS)
    asked = _asked(hunt, observed)
    if not asked:
        return not_applicable("neither client access nor mailboxes are on this server", FACTS)
    path = text_of(observed.first("ExchangeSetup") or {}, "InstallPath").replace("/", "\\").strip(' "').rstrip("\\")
    if not path:
        return unknown(hunt.action, "the logs", "the setup key names no install folder (MsiInstallPath)", FACTS)
    return _concluded(hunt, observed, _found(hunt, observed, asked, path, today))


def _asked(hunt: Hunt, observed: Observed) -> tuple[tuple[str, ...], ...]:
    """The logs that a server of these roles has; a role that was not read may be there."""
    said = {text_of(role, "Name"): role.get("Present") for role in observed.of_kind("ExchangeRole")}
    front_end = any(said.get(role) is not False for role in _FRONT_END_ROLES)
    mailbox = said.get("MailboxRole") is not False
    return (hunt.front_end if front_end else ()) + (hunt.mailbox if mailbox else ())


def _found(hunt: Hunt, observed: Observed, asked: tuple[tuple[str, ...], ...], path: str, today: date) -> _Found:
    found = _reaching(observed, asked, today)
    found.gaps += [f"{entry.what}: {entry.why}" for entry in observed.unread if _is_of_logs(entry.what, observed)]
    found.gaps += [
        f"{text_of(each, 'What')}: cut short, {each.get('Limit')!s} of at least {each.get('Seen')!s} were sent"
        for each in observed.of_kind("Capped")
    ]
    found.gaps += [
        gap
        for each in observed.of_kind("Header")
        if (gap := lacking(text_of(each, "Place"), text_of(each, "Line"), hunt.columns))
    ]
    headers = {text_of(each, "Place"): text_of(each, "Line") for each in observed.of_kind("Header")}
    for hit in observed.of_kind("Hit"):
        header = headers.get(text_of(hit, "Header"))
        line = Line(text_of(hit, "Place"), text_of(hit, "Folder"), text_of(hit, "Line"), header, hit.get("Cut") is True)
        sign = hunt.line(line, path)
        if sign is None and line.cut:
            sign = Unclear(f"{line.place}: too long to be sent whole, and its beginning does not decide")
        found.take(sign)
    for each in observed.of_kind("Event"):
        event = _event(each)
        sign = hunt.event(event)
        if sign is None and event.cut:
            sign = Unclear(
                f"{event.place} of {event.time}: too long to be sent whole, and its beginning does not decide"
            )
        found.take(sign)
    return found


def _is_of_logs(what: str, observed: Observed) -> bool:
    """Whether it was read for its lines: not a key, nor a place that was only looked through for what is left there."""
    roots = tuple(f"{text_of(each, 'Root')}\\".casefold() for each in observed.of_kind("LeftPlace"))
    return not what.startswith(("HKLM:", "folders of mailbox ")) and not f"{what}\\".casefold().startswith(roots)


def _event(record: Record) -> Event:
    number = record.get("Id")
    return Event(
        text_of(record, "Log"),
        text_of(record, "Provider"),
        number if isinstance(number, int) else 0,
        text_of(record, "Time"),
        tuple(text_of(record, "Text").split("\n")),
        record.get("Cut") is True,
    )


def _logs(observed: Observed) -> Mapping[str, tuple[str, Record]]:
    """Folders and event logs by their names in lower case: what they are short of, or nothing, and the record."""
    found: dict[str, tuple[str, Record]] = {}
    for each in observed.of_kind("LogFolder"):
        name = text_of(each, "Name")
        short_of = (
            "there is no log in it" if not each.get("Files") else "" if each.get("Oldest") else "its logs are empty"
        )
        found[name.casefold()] = (short_of if each.get("Present") is True else "there is no such folder", each)
    for each in observed.of_kind("EventLog"):
        name = f"event log {text_of(each, 'Name')}"
        short_of = "there is no event in it" if not each.get("Records") else ""
        short_of = short_of if each.get("Enabled") is True else "nothing is written to it, for it is switched off"
        found[name.casefold()] = (short_of if each.get("Present") is True else "there is no such log", each)
    return found


def _missing(observed: Observed, asked: tuple[tuple[str, ...], ...]) -> list[str]:
    logs = _logs(observed)
    closed = {entry.what.casefold() for entry in observed.unread}
    found = []
    for group in asked:
        told = [logs.get(name.casefold()) for name in group]
        if any(each is not None and not each[0] for each in told):
            continue
        for name, each in zip(group, told, strict=True):
            if each is not None:
                found.append(f"{name}: {each[0]}")
            elif not any(what == name.casefold() or what.endswith(f"\\logging\\{name.casefold()}") for what in closed):
                found.append(f"{name}: the answer has no record of it")
    return found


def _reaching(observed: Observed, asked: tuple[tuple[str, ...], ...], today: date) -> _Found:
    """What is asked for and missing, and from which day to which all of it has each day.

    Logs of IIS that reach further back are said beside it: what Exchange's own no longer have is in them in part.
    """
    logs = _logs(observed)
    found = _Found(reach=_reach(observed), gaps=_missing(observed, asked))
    told = {name: days_of(record) for name, (_, record) in logs.items()}
    found.gaps += [
        f"{name}: written on {newest([days])}, a day to come: when its lines are of is not known"
        for name, days in told.items()
        if days and days[-1].last > today + DAY
    ]
    days = {name: up_to(each, today + DAY) for name, each in told.items()}
    of_all = newest(days.values())
    groups = []
    for names in asked:
        there = [name for name in names if name.casefold() in logs and not logs[name.casefold()][0]]
        group = tuple(days[name.casefold()] for name in there)
        groups.append(group)
        ends = newest(group)
        found.read = found.read or ends is not None
        if there and ends is None:
            found.gaps.append(f"{' and '.join(there)}: of which days it is, is not said")
        elif ends is not None and of_all is not None and ends < of_all - DAY:
            found.gaps.append(f"{' and '.join(there)}: nothing after {ends}, and other logs go on to {of_all}")
    # Folders of HttpProxy that nobody asks for: perhaps no request was on a day, so only how far back they reach.
    named = {name.casefold() for group in asked for name in group}
    groups += [
        ((Stretch(each[0].first, of_all),),)
        for name, each in days.items()
        if each and of_all and name not in named and ":\\" not in name and not name.startswith("event log ")
    ]
    whole = reach(groups)
    if whole.since is not None and whole.until is not None:
        if whole.since > whole.until:
            found.gaps.append(f"no day is in all logs: one begins on {whole.since}, another ends on {whole.until}")
        else:
            found.since = whole.since.isoformat()
            found.until = whole.until.isoformat() if of_all is not None and of_all < today - DAY else None
    front_end = {name: days[name.casefold()] for name in FRONT_END if name.casefold() in days}
    found.taken = tuple(
        f"{name}: nothing of {line}"
        for name, each in front_end.items()
        for line in taken(each, {other: theirs for other, theirs in front_end.items() if other != name})
    )
    return found


def _reach(observed: Observed) -> tuple[str, ...]:
    found = []
    for each in observed.of_kind("LogFolder"):
        if text_of(each, "Oldest"):
            gaps = [str(gap) for gap in missing(days_of(each))]
            more = f" and {len(gaps) - 3} times more" if len(gaps) > 3 else ""
            without = f", without {', '.join(gaps[-3:])}{more}" if gaps else ""
            found.append(
                f"{text_of(each, 'Name')}: {text_of(each, 'Oldest')[:10]} to {text_of(each, 'Newest')[:10]}, "
                f"{each.get('Files')!s} files, {each.get('Bytes')!s} bytes{without}"
            )
    for each in observed.of_kind("EventLog"):
        name = f"event log {text_of(each, 'Name')}"
        if text_of(each, "Oldest"):
            off = "" if each.get("Enabled") is True else ", switched off"
            span = f"{text_of(each, 'Oldest')[:10]} to {text_of(each, 'Newest')[:10]}"
            found.append(f"{name}: {span}, {each.get('Records')!s} events{off}")
        else:
            found.append(
                f"{name}: {'there is no event in it' if each.get('Present') is True else 'not on this server'}"
            )
    if (
        found
        and any(observed.of_kind("EventLog"))
        and not any(":\\" in text_of(each, "Name") for each in observed.of_kind("LogFolder"))
    ):
        found.append("logs of IIS: none was found")
    return tuple(found)


def _concluded(hunt: Hunt, observed: Observed, found: _Found) -> Assessment:
    worst = found.worst
    beside = hunt.beside(observed, worst)
    decided = worst in COMPROMISED
    could_be_worse = bool(found.gaps) and worst is not Grade.WRITTEN
    verdicts = [_VERDICT[worst]]
    if found.gaps:  # what was not read could hold worse than a probe
        verdicts.append(Verdict.UNKNOWN)
    severities = {each.severity for each in beside}
    if severities & {Severity.CRITICAL, Severity.HIGH}:
        verdicts.append(Verdict.SUSPICIOUS)
    if Severity.MEDIUM in severities or found.taken:
        verdicts.append(Verdict.ATTENTION)
    verdict = min(verdicts, key=lambda either: either.rank)
    grade: Value | UnknownFact = UnknownFact(found.gaps[0]) if could_be_worse else worst.value
    compromised: Value | UnknownFact = True if decided else UnknownFact(found.gaps[0]) if found.gaps else False
    nothing = UnknownFact("no log was read")
    since: Value | UnknownFact = nothing if found.since is None else found.since
    if found.since is None and found.read:
        since = UnknownFact(found.gaps[0])
    at_least = nothing if not found.read and worst is Grade.NOTHING else worst.value
    clear_of: Value | UnknownFact = UnknownFact(found.gaps[0]) if found.gaps else ()
    # Where the logs end before now, of what came after nothing is known.
    if verdict is Verdict.OK and found.until is None:
        clear_of = (hunt.name,)
    return Assessment(
        verdict,
        _summary(hunt, found, could_be_worse),
        tuple(sorted((*_findings(hunt, found), *beside), key=lambda each: each.severity.rank)),
        {"grade": grade, "at_least": at_least, "compromised": compromised, "since": since, CLEAR_OF: clear_of},
        Coverage.NOT_KNOWABLE if found.gaps else Coverage.PROBED,
    )


def _summary(hunt: Hunt, found: _Found, could_be_worse: bool) -> str:
    counted = f"{len(found.gaps)} part{'s' if len(found.gaps) > 1 else ''} of the logs"
    if found.worst is Grade.NOTHING:
        if could_be_worse:
            return f"could not read {counted}; nothing of {hunt.name} in the rest"
        if found.until is not None:
            return f"nothing of {hunt.name} from {found.since} to {found.until}, where the logs end"
        return f"nothing of {hunt.name} since {found.since}, as far back as every log reaches"
    said = hunt.wordings[found.worst].comes_to
    return f"{said} at least, and {counted} could not be read" if could_be_worse else said


def _findings(hunt: Hunt, found: _Found) -> list[Finding]:
    findings = []
    for grade, wording in hunt.wordings.items():
        if lines := found.traces.get(grade):
            name = f"{hunt.action}.{grade.value}"
            cves = tuple(dict.fromkeys((*wording.cves, *sorted(found.cves.get(grade, ())))))
            findings.append(Finding(name, wording.severity, wording.title, first(lines), wording.then, cves))
    if found.asides and found.worst is not Grade.NOTHING:
        findings.append(
            Finding(
                f"{hunt.action}.beside",
                Severity.MEDIUM,
                "What administrators do as well, and attackers to clean up",
                first(found.asides),
                "Ask whoever is named whether it was they",
            )
        )
    if found.gaps:
        findings.append(
            Finding(
                f"{hunt.action}.unread",
                Severity.HIGH,
                f"Logs in which {hunt.name} would show are missing, closed or were cut short",
                first(found.gaps),
                "Find out why, and who removed them if they were there; look at them by hand, or in copies that a "
                "backup or a log server has",
            )
        )
    if found.until is not None:
        findings.append(
            Finding(
                f"{hunt.action}.ended",
                Severity.LOW,
                "No log goes on to the day of this audit: of what came after nothing is known",
                (f"every log has {found.until}, and none has more than a day after it",),
                "Find out whether this server was off, or who ended its logs",
            )
        )
    if found.taken:
        findings.append(
            Finding(
                f"{hunt.action}.days-missing",
                Severity.MEDIUM,
                "Logs lack days in the middle that other logs of the same server have",
                first(list(found.taken)),
                "Find out who took them away; look in what a backup or a log server has of these days",
            )
        )
    if found.reach:
        findings.append(
            Finding(
                f"{hunt.action}.reach",
                Severity.INFO,
                "How far back the logs reach, by days of UTC: of what was before nothing is known",
                found.reach,
                f"For earlier days ask backups and log servers, and look for web shells: {DIRECTORY}. Whoever was an "
                "administrator here could write in logs as well: where it matters, compare with copies kept elsewhere",
            )
        )
    return findings


def first(lines: list[str]) -> tuple[str, ...]:
    """So many lines of evidence as are shown, and how many more there are."""
    more = len(lines) - SHOWN
    return (*lines[:SHOWN], f"and {more} more") if more > 0 else tuple(lines)


def of_event(event: Event) -> str:
    """An event as a line of evidence."""
    return f"{event.time} {short(' '.join(event.texts))} ({event.place})"

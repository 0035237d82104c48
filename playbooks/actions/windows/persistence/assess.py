"""What of that which this server starts by itself, or lets do everything, looks like an intruder's.

Nothing is known to be good: what has nothing against it is counted, and the verdict says no more than that. What could
not be read may be what matters, so without it the verdict is `unknown`, unless what no clean server has was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.windows.persistence.entries import Entry, entries, folders_of
from playbooks.actions.windows.persistence.told import reached, short_of, told
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Coverage, Facts, Finding, Severity, UnknownFact, Verdict
from playbooks.investigating.standing import CLEAR_OF
from playbooks.observation import NotObserved, Observation, Observed
from playbooks.unknowns import not_observed, undecided
from playbooks.values import Value, text_of

ACTION = "windows.persistence"
FACTS = ("suspicious", "tasks", "services", "consumers", "administrators", "users", CLEAR_OF)
SHOWN = 20  # lines of evidence of a finding

_LOOK = "Look at each program, who made it and when; keep a copy with its hash before anything is removed"
_GROUPS: Mapping[str, tuple[str, str]] = {
    "task": ("Scheduled tasks do what an intruder's do", _LOOK),
    "service": ("Services or drivers do what an intruder's do", _LOOK),
    "autorun": ("Something is started or loaded beside what Windows has there", _LOOK),
    "wmi": (
        "WMI starts programs by itself",
        "Find out which product made each; of the others keep filter, consumer and binding before they are removed",
    ),
    "administrator": (
        "Members of the local Administrators should not be there",
        "Ask who added each, and why; then remove it, and look for what it did",
    ),
    "event": (
        "The event logs tell of something that was made, added or cleared",
        "Ask whoever is named whether it was they, and why; what was made may be gone again, and have run",
    ),
    "user": (
        "Local users are enabled, named or new in a way that wants an answer",
        "Ask who made each, and why; disable those that nobody knows",
    ),
}
_NOT_READ = (
    "COM objects that tasks run, what links in StartUp folders lead to, jobs of BITS, WMI namespaces other than "
    "root/subscription, and the accounts' SIDs as the domain has them were not looked into"
)


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Judges each entry by what it does; see commands.py and entries.py for what counts against one."""
    if isinstance(observation, NotObserved):
        return not_observed(ACTION, observation, FACTS)
    given = str(params.get("since") or "").strip()
    try:
        since = date.fromisoformat(given) if given else None
    except ValueError:
        why = f"{given} is no day"
        return undecided(ACTION, "since when things count as new", why, FACTS, "Give `since` as 2021-02-27, or nothing")
    found = (*entries(observation, since), *told(observation, folders_of(observation), since))
    return _concluded(found, (*_gaps(observation), *short_of(observation, since)), observation)


def _gaps(observed: Observed) -> tuple[str, ...]:
    gaps = [f"{entry.what}: {entry.why}" for entry in observed.unread]
    gaps += [
        f"{text_of(each, 'What')}: {each.get('Limit')!s} of {each.get('Seen')!s} were sent"
        for each in observed.of_kind("Capped")
    ]
    closed = [entry.what.casefold() for entry in observed.unread]
    for kind, count, what, place in (
        ("TaskCache", "Tasks", "no scheduled task is listed, and every Windows has some", "\\taskcache\\tasks"),
        ("Services", "Listed", "no service is listed, and every Windows has some", "\\services"),
        ("Administrators", "Members", "the Administrators have no member, and every Windows has one", "s-1-5-32-544"),
    ):
        said = observed.first(kind)
        if (said is None or not said.get(count)) and not any(each.endswith(place) for each in closed):
            gaps.append(what)
    return tuple(gaps)


def _concluded(found: tuple[Entry, ...], gaps: tuple[str, ...], observed: Observed) -> Assessment:
    against = [entry for entry in found if entry.reasons]
    findings = [*_findings(against), *_unread(gaps), _inventory(found, observed)]
    worst = min((entry.severity for entry in against), key=lambda each: each.rank, default=Severity.INFO)
    verdict = Verdict.SUSPICIOUS if worst.rank <= Severity.HIGH.rank else Verdict.ATTENTION if against else Verdict.OK
    if gaps:
        verdict = min(verdict, Verdict.UNKNOWN, key=lambda either: either.rank)
    return Assessment(
        verdict,
        _summary(found, against, gaps),
        tuple(sorted(findings, key=lambda each: each.severity.rank)),
        _facts(against, gaps, observed),
        Coverage.NOT_KNOWABLE if gaps else Coverage.PROBED,
    )


def _findings(against: list[Entry]) -> list[Finding]:
    findings = []
    for group, (title, then) in _GROUPS.items():
        of_group = sorted((each for each in against if each.group == group), key=lambda each: each.severity.rank)
        if of_group:
            lines = _first(tuple(entry.line for entry in of_group))
            findings.append(Finding(f"{ACTION}.{group}", of_group[0].severity, title, lines, then))
    return findings


def _unread(gaps: tuple[str, ...]) -> list[Finding]:
    if not gaps:
        return []
    return [
        Finding(
            f"{ACTION}.unread",
            Severity.HIGH,
            "Not everything that this server starts by itself could be read",
            _first(gaps),
            "Run it with an account that is a local administrator, and look by hand at what stays closed",
        )
    ]


def _inventory(found: tuple[Entry, ...], observed: Observed) -> Finding:
    counts = {group: sum(entry.group == group for entry in found) for group in _GROUPS}
    hives = (observed.first("Hives") or {}).get("Loaded") or 0
    administrators = [entry.shown for entry in found if entry.group == "administrator"]
    counted = (
        f"{counts['task']} tasks, {counts['service']} services and drivers, {counts['autorun']} values of the registry "
        f"and files of StartUp folders, {hives!s} hives of users, {counts['wmi']} WMI consumers, {counts['user']} "
        f"local users, {counts['event']} events that tell of something new"
    )
    away = tuple(
        text_of(each, "Path") or text_of(each, "Sid") for each in observed.of_kind("Profile") if not each.get("Loaded")
    )
    unloaded = [f"not logged on, so that the Run keys were not read: {each}" for each in _first(away)]
    return Finding(
        f"{ACTION}.inventory",
        Severity.INFO,
        "What was looked at, and what was not",
        (
            counted,
            *_first(tuple(f"administrator: {each}" for each in administrators)),
            *unloaded,
            *reached(observed),
            _NOT_READ,
        ),
        "Compare with what you know of this server: an entry with nothing against it is not known to be good",
    )


def _summary(found: tuple[Entry, ...], against: list[Entry], gaps: tuple[str, ...]) -> str:
    looked = f"{len(found)} things that start by themselves or may do everything"
    if against:
        worst = min(against, key=lambda each: each.severity.rank)
        name = worst.shown.partition(" runs ")[0].partition(" = ")[0]
        said = f"{len(against)} of {looked} have something against them; the worst: {worst.group} {name}"
    else:
        said = f"nothing stands against {looked}, which does not say that they are known"
    return f"{said}; {len(gaps)} could not be read" if gaps else said


def _facts(against: list[Entry], gaps: tuple[str, ...], observed: Observed) -> Facts:
    why = f"not everything was read: {gaps[0]}" if gaps else ""
    administrators = tuple(text_of(each, "Sid") for each in observed.of_kind("Member"))
    users = tuple(text_of(each, "Name") for each in observed.of_kind("LocalUser") if each.get("Enabled") is True)
    return {
        "suspicious": UnknownFact(why) if gaps else len(against),
        CLEAR_OF: UnknownFact(why) if gaps else () if against else ("what starts by itself",),
        "tasks": _count(observed, "TaskCache", "Tasks"),
        "services": _count(observed, "Services", "Listed"),
        "consumers": _count(observed, "Wmi", "Consumers"),
        "administrators": administrators if observed.first("Administrators") else UnknownFact("not read"),
        "users": users if not _is_closed(observed, "local users") else UnknownFact("not read"),
    }


def _count(observed: Observed, kind: str, name: str) -> Value | UnknownFact:
    said = observed.first(kind)
    return UnknownFact("not read") if said is None else said.get(name)


def _is_closed(observed: Observed, what: str) -> bool:
    return any(entry.what == what for entry in observed.unread)


def _first(lines: tuple[str, ...]) -> tuple[str, ...]:
    more = len(lines) - SHOWN
    return (*lines[:SHOWN], f"and {more} more") if more > 0 else lines

"""Whether a server is isolated, and what gives it back what was recorded of it.

The record is a file on the server, which whoever is administrator there can have written: it is taken for nothing but
what such a record can have (isolating.py), and what it would bring back stands in the plan. Whether the ports that were
open answer the server tries itself, at 127.0.0.1, where they listen at all of its addresses: a firewall is not on that
way, nor anybody who is to be served.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

from playbooks.actions.windows.isolating import GROUP, Recorded, RecordError, read, values_of
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Barred, Change, ChangeValue
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_observed, unknown
from playbooks.values import Record, Value, text_of

ACTION = "windows.release"
CHANGE = "release"
FACTS = ("isolated", "silent")
FOLDER = "C:\\Program Files\\exrun"
SHOWN = 10  # lines of evidence
_NOTE = re.compile(r"(isolation|released)-([0-9a-f]{12})\.json")
ON_THEIR_WAY = frozenset({"StartPending", "StopPending", "ContinuePending", "PausePending"})
BY_THE_RUN = "Release it by exrun rollback of the run that isolated it, whose plan has what it was like"


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """The change, where one record can be read and the server is isolated by it."""
    if not isinstance(observation, Observed):
        return not_observed(ACTION, observation, FACTS)
    if why := observation.why_unread(FOLDER, "services", "rules of PersistentStore", "connections"):
        return unknown(ACTION, "whether this server is isolated", why, FACTS)
    if lacking := _lacking(observation):
        return unknown(ACTION, "whether this server is isolated", f"the answer does not say {lacking}", FACTS)
    ours = {_plan_of(text_of(each, "InstanceID")) for each in observation.of_kind("FirewallRule") if _is_ours(each)}
    isolated = {plan: note for state, plan, note in _notes(observation) if state == "isolation"}
    if not isolated and not ours:
        return _released(observation)
    if len(isolated) != 1 or not ours <= set(isolated):
        what = f"records of {_all(isolated)}, rules of {_all(ours)}"
        return _refused("record", "What this server was like before it was isolated is not told by one record", (what,))
    [(plan, note)] = isolated.items()
    content = note.get("Content")
    if not isinstance(content, str):
        why = f"isolation-{plan}.json has more than 1 MB"
        return _refused("record", "The record of the isolation cannot be read", (why,))
    try:
        recorded = read(content)
    except RecordError as error:
        why = f"isolation-{plan}.json: {error}"
        return _refused("record", "The record of the isolation cannot be read", (why,))
    return _to_be_released(observation, plan, recorded)


def _lacking(observed: Observed) -> str:
    for kind, what in (
        ("IsolationNotes", "which records there are"),
        ("Services", "which services there are"),
        ("FirewallRules", "which rules there are"),
        ("OpenPorts", "what it listens to"),
    ):
        if observed.first(kind) is None:
            return what
    for kind, total, listed in (("FirewallRules", "Rules", "FirewallRule"), ("OpenPorts", "Found", "OpenPort")):
        counted, found = (observed.first(kind) or {}).get(total), len(tuple(observed.of_kind(listed)))
        if isinstance(counted, int) and counted > found:
            return f"all of its {'rules' if listed == 'FirewallRule' else 'ports'}: {found} of {counted}"
    return ""


def _is_ours(rule: Record) -> bool:
    return text_of(rule, "Group") == GROUP


def _plan_of(name: str) -> str:
    parts = name.split("-")
    return parts[2] if len(parts) > 3 else name


def _notes(observed: Observed) -> list[tuple[str, str, Record]]:
    found = []
    for each in observed.of_kind("IsolationNote"):
        if told := _NOTE.fullmatch(text_of(each, "Name")):
            found.append((told[1], told[2], each))
    return found


def _all(plans: set[str] | Mapping[str, object]) -> str:
    return f"plan {' and '.join(sorted(plans)[:SHOWN])}" if plans else "no plan"


def _ports(observed: Observed) -> frozenset[str]:
    return frozenset(text_of(each, "Port") for each in observed.of_kind("OpenPort"))


def _released(observed: Observed) -> Assessment:
    """Not isolated. Of the last release it is said whether all that was open is open again."""
    notes = sorted(
        (text_of(note, "Written"), plan, note) for state, plan, note in _notes(observed) if state == "released"
    )
    if not notes:
        return Assessment(Verdict.OK, "not isolated by exrun", facts={"isolated": False, "silent": ()})
    _, plan, note = notes[-1]
    content = note.get("Content")
    try:
        recorded = read(content if isinstance(content, str) else "")
    except RecordError as error:
        why = f"released-{plan}.json: {error}"
        facts: dict[str, Value | UnknownFact] = {"isolated": False, "silent": UnknownFact(why)}
        finding = Finding(
            f"{ACTION}.unknown",
            Severity.LOW,
            "Which ports were open before the isolation could not be read",
            (why,),
            "See by hand that mail and web are served again",
        )
        return Assessment(
            Verdict.UNKNOWN,
            "released; which ports were open before is not known",
            (finding,),
            facts,
            Coverage.NOT_KNOWABLE,
        )
    listens = _ports(observed)
    lets = {text_of(each, "Port"): each.get("Accepts") for each in observed.of_kind("Answer")}
    mute = tuple(port for port in recorded.open_ports if port in listens and lets.get(port) is False)
    silent = tuple(port for port in recorded.open_ports if port not in listens or port in mute)
    untried = tuple(port for port in recorded.open_ports if port not in silent and lets.get(port) is not True)
    found = Assessment(
        Verdict.OK,
        f"released, by the record of plan {plan}",
        tuple(_untried(observed, untried)),
        {"isolated": False, "silent": silent},
    )
    if not silent:
        return found
    lines = [
        f"TCP {port}: {'listens, and lets nobody in at 127.0.0.1' if port in mute else 'does not listen'}"
        for port in silent
    ]
    return replace(
        found,
        verdict=Verdict.ATTENTION,
        summary=f"released, and not answering where it did before: TCP {', '.join(silent)}",
        findings=(
            Finding(
                f"{ACTION}.silent",
                Severity.MEDIUM,
                "Ports that were open before the isolation do not answer",
                tuple(lines),
                "See which services serve them, and start these (exchange.services)",
            ),
            *found.findings,
        ),
    )


def _untried(observed: Observed, ports: tuple[str, ...]) -> Iterator[Finding]:
    """Of what listens it is not known whether anybody is let in: it is not said that it answers."""
    if ports:
        yield Finding(
            f"{ACTION}.untried",
            Severity.INFO,
            "Ports listen again, and whether they answer was not tried",
            tuple(
                f"TCP {port}: {observed.why_unread(f'TCP {port}') or 'it listens at some of its addresses only'}"
                for port in ports
            ),
            "Ask them from where they are used",
        )


def _refused(name: str, title: str, lines: tuple[str, ...]) -> Assessment:
    return Assessment(
        Verdict.UNKNOWN,
        f"not to be released: {title[:1].lower()}{title[1:]}",
        (Finding(f"{ACTION}.{name}", Severity.HIGH, title, lines[:SHOWN], BY_THE_RUN),),
        {"isolated": True, "silent": UnknownFact(title)},
        Coverage.NOT_KNOWABLE,
        barred=(Barred(CHANGE, {"against it": (title,)}),),
    )


def _to_be_released(observed: Observed, plan: str, recorded: Recorded) -> Assessment:
    there = {text_of(each, "InstanceID").casefold() for each in observed.of_kind("FirewallRule")}
    gone = tuple(name for name in recorded.rules if name.casefold() not in there)
    kept = replace(recorded, rules=tuple(name for name in recorded.rules if name.casefold() in there))
    told = values_of(kept)
    del told["record"]
    before: dict[str, ChangeValue] = {"isolated by plan": plan, "WinRM from": recorded.allowed.management}
    after: dict[str, ChangeValue] = {
        **{f"profile {name}": each.shown for name, each in recorded.profiles.items()},
        "rules switched on": kept.rules,
        "services started": recorded.running,
        "ports open before": recorded.open_ports,
    }
    change = Change(
        id=CHANGE,
        title=f"Give this server back what its isolation by plan {plan} has recorded",
        values={**told, "isolation": plan, "winrm_ports": recorded.allowed.winrm_ports},
        before=before,
        after=after,
        disturbs="whatever was kept out can come in again",
    )
    findings = (
        ()
        if not gone
        else (
            Finding(
                f"{ACTION}.gone",
                Severity.LOW,
                "Rules that were switched off are not there any more, and do not come back",
                (*gone[:SHOWN], *((f"and {len(gone) - SHOWN} more",) if len(gone) > SHOWN else ())),
                "Make them again where they are needed",
            ),
        )
    )
    moving = any(text_of(each, "State") in ON_THEIR_WAY for each in observed.of_kind("Service"))
    return Assessment(
        Verdict.ATTENTION,
        f"isolated by plan {plan}; {len(kept.rules)} rules would be switched on again",
        findings,
        {"isolated": True, "silent": ()},
        Coverage.PREDICTED if moving else Coverage.PROBED,
        changes=(change,),
        then={"isolated": False, "silent": ()},
    )

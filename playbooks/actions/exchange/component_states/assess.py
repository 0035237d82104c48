"""Whether a component of this Exchange server is held down, and by whom; requests.py says how that is read.

"If you're installing an Exchange update, and the update process fails, it can leave some server components in an
inactive state": by the requester Functional (MicrosoftDocs/OfficeDocs-Exchange, manage-dags.md, which sets
ServerWideOffline, Monitoring and RecoveryActionsEnabled Active again). Each requester lifts only what it asked for
itself (Exchange Team Blog, Server Component States in Exchange 2013). The services POP3 and IMAP4 stop with their
components and may have to be started by hand (office-docs-powershell, Set-ServerComponentState.md).

Exchange compares the registry with the directory's copy, by requester the newer counts, and writes what is newer there
into the registry when it reads both. So `ok` is said of the registry, and of no more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

from playbooks.actions.exchange.component_states.requests import (
    ALL,
    REQUESTERS,
    UNTOUCHED,
    WATCHING,
    Requested,
    State,
    requested,
    unclear,
)
from playbooks.actions.exchange.setup import ROLE_KEYS, Installation, installed
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Facts, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.unknowns import undecided, unknown
from playbooks.values import Value
from texts.counting import counted

ACTION = "exchange.component_states"
FACTS = ("inactive", "maintenance", "requesters")
STATES_KEY = f"{ROLE_KEYS}ServerComponentStates"
SHOWN = 3  # components that a row of a table names
LOOK = "Look with Get-ServerComponentState on this server what holds its components down"
# Who asked, and what to do first.
TOLD = {
    "Functional": ("Left down by an update, as one that failed leaves them", "See that the update is in; then run"),
    "Maintenance": ("In maintenance mode, or left in it", "If nobody works on this server any more, run"),
    "HealthApi": (
        "Taken down by managed availability, which found them unhealthy",
        "Look with Get-HealthReport what is unhealthy and mend it; if they stay down, run",
    ),
    "Sidelined": ("Sidelined by somebody or by a program", "Ask who sidelined them and why; then run"),
    "Deployment": ("Held down by a deployment", "See that no installation is at work here; then run"),
}
_PLAIN = re.compile(r"[A-Za-z0-9]{1,32}")


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """What is asked down is told whatever else was not read; that nothing is, is known only when all was read."""
    found = installed(ACTION, observation, FACTS)
    if isinstance(found, Assessment):
        return found
    observed, installation = found
    if installation is not Installation.SERVER:
        reason = installation.value
        return Assessment(Verdict.NOT_APPLICABLE, reason, facts={name: UnknownFact(reason) for name in FACTS})
    return _judged(observed)


def _why(observed: Observed) -> str:
    """What of the states could not be read; empty where all was."""
    closed = [each for each in observed.unread if each.what.casefold().startswith(STATES_KEY.casefold())]
    return "; ".join(f"{each.what}: {each.why}" for each in closed[:SHOWN])


def _judged(observed: Observed) -> Assessment:
    states = observed.first("ComponentStates")
    unread = _why(observed)
    if states is None and not unread:
        unread = "the answer has no record of them"
    strange = unclear(observed)
    asked = requested(observed)
    down = tuple(
        each for each in asked if each.state is not State.ACTIVE and each.component.casefold() not in UNTOUCHED
    )
    lacking = unread or "; ".join(strange[:SHOWN])
    if down:
        return _down(down, lacking)
    if unread:
        return unknown(ACTION, "what is asked of Exchange's components", unread, FACTS)
    if strange:
        return undecided(ACTION, "what is asked of Exchange's components", lacking, FACTS, LOOK)
    summary = "by the registry, every component of Exchange is active: nobody has asked for anything else"
    if not asked:
        summary = "by the registry, every component of Exchange is active: nothing was ever asked of one"
    return Assessment(Verdict.OK, summary, facts={"inactive": (), "maintenance": False, "requesters": ()})


def _down(down: Sequence[Requested], lacking: str) -> Assessment:
    components = tuple(sorted({each.component for each in down}, key=_rank))
    requesters = tuple(name for name in REQUESTERS if any(each.requester == name for each in down))
    findings = [_finding(name, [each for each in down if each.requester == name], lacking) for name in requesters]
    if ALL in components:
        rest = len(components) - 1
        more = f"; {counted(rest, 'more component')} not active" if rest else ""
        holding = [name for name in requesters if any((each.component, each.requester) == (ALL, name) for each in down)]
        summary = f"the whole server is offline ({ALL}), asked for by {' and '.join(holding)}{more}"
    else:
        more = f" and {len(components) - SHOWN} more" if len(components) > SHOWN else ""
        shown = f"{', '.join(components[:SHOWN])}{more}"
        summary = (
            f"{counted(len(components), 'component')} not active: {shown}, asked for by {' and '.join(requesters)}"
        )
    return Assessment(
        Verdict.ATTENTION,
        summary,
        tuple(sorted(findings, key=lambda finding: finding.severity.rank)),
        _facts(components, requesters, lacking),
    )


def _facts(components: tuple[str, ...], requesters: tuple[str, ...], lacking: str) -> Facts:
    """Lists that may lack something are no facts; that one requester asked is one."""
    maintenance = "Maintenance" in requesters
    if not lacking:
        return {"inactive": components, "maintenance": maintenance, "requesters": requesters}
    unsure = UnknownFact(f"not all could be read: {lacking}")
    return {"inactive": unsure, "maintenance": True if maintenance else unsure, "requesters": unsure}


def _rank(component: str) -> tuple[int, str]:
    """ServerWideOffline first, then the two of managed availability, as Microsoft lists them; then by name."""
    first = (ALL, *WATCHING)
    return (first.index(component) if component in first else len(first), component.casefold())


def _finding(requester: str, down: Sequence[Requested], lacking: str) -> Finding:
    title, then = TOLD[requester]
    ordered = sorted(down, key=lambda each: _rank(each.component))
    everything = ordered[0].component == ALL
    evidence = [each.line for each in ordered]
    if everything:
        evidence.append(f"{ALL} takes down every component but {' and '.join(WATCHING)}")
    if lacking:
        evidence.append(f"not read: {lacking}")
    what = "the whole server is offline" if everything else counted(len(ordered), "component")
    return Finding(
        id=f"{ACTION}.{requester.casefold()}",
        severity=Severity.HIGH if everything else Severity.MEDIUM,
        title=f"{title}: {what}",
        evidence=tuple(evidence),
        next=f"{then} {_commands(requester, [each.component for each in ordered])}",
    )


def _commands(requester: str, components: Sequence[str]) -> str:
    """What lifts it: by the same requester, for no other can. A name that is none is not put into a command."""
    plain = [name for name in components if _PLAIN.fullmatch(name)]
    first = plain[0] if plain else "NAME"
    command = f"Set-ServerComponentState SERVER -Component {first} -State Active -Requester {requester}"
    more = f", and the same for {', '.join(plain[1:])}" if plain[1:] else ""
    after = "; start the services of POP3 and IMAP4 again where they are used" if ALL in components else ""
    if {"HubTransport", "FrontendTransport"} & set(components):
        after += "; restart the transport services"
    return f"{command}{more} (no other requester lifts it){after}"

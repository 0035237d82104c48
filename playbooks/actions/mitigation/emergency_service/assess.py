"""What Exchange Emergency Mitigation has applied, what it leaves out, and what it is to leave out from now on.

Microsoft's way to be rid of one of its mitigations is to name it in MitigationsBlocked of the server, and to take away
by hand what it had added (Microsoft Learn, "Exchange Emergency Mitigation service"). The list is compared and set as a
whole: what somebody else has put into it since a plan was made is neither lost nor taken away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date

from playbooks.actions.mitigation.emergency import PUBLISHED, SERVICE, Emergency, emergency_of
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Change
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_observed, undecided, unknown
from playbooks.values import Value

ACTION = "mitigation.emergency_service"
FACTS = ("present", "applied", "blocked")
_NAME = re.compile(r"[A-Za-z]{1,10}[0-9]{1,4}(?:\.[0-9]{1,4}){0,3}")


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """What it does here, and the change that has it leave out what is asked for."""
    if not isinstance(observation, Observed):
        return not_observed(ACTION, observation, FACTS)
    wanted = _wanted(params)
    if wrong := next((each for each in wanted if not _NAME.fullmatch(each)), None):
        why = f"{wrong!r:.40} is no mitigation"
        return undecided(ACTION, "what is to be left out", why, FACTS, "Name mitigations as Microsoft does, such as M2")
    emergency = emergency_of(observation)
    if emergency.present is None:
        return unknown(ACTION, f"whether the service {SERVICE} is here", emergency.unread, FACTS)
    if emergency.present is False:
        summary = f"the service {SERVICE} (Exchange Emergency Mitigation) is not here"
        return Assessment(Verdict.NOT_APPLICABLE, summary, facts={"present": False, "applied": (), "blocked": ()})
    if emergency.unread:
        return _unread(emergency, wanted)
    return _judged(emergency, wanted)


def _wanted(params: Mapping[str, Value]) -> tuple[str, ...]:
    given = params.get("block")
    named = (str(each).strip() for each in given) if isinstance(given, tuple | list) else ()
    return tuple(dict.fromkeys(named))


def _unread(emergency: Emergency, wanted: tuple[str, ...]) -> Assessment:
    why = f"MitigationsBlocked was not read: {emergency.unread}"
    blocked = ", ".join(f'"{each}"' for each in wanted or ("M2",))
    finding = Finding(
        f"{ACTION}.unread",
        Severity.MEDIUM,
        "Could not tell what Exchange Emergency Mitigation leaves out here",
        (*(emergency.foretold(each) for each in wanted), *emergency.told()),
        "On the server, in the Exchange Management Shell: Get-ExchangeServer NAME | Format-List Mitigations*; to have "
        f"something left out besides, Set-ExchangeServer NAME -MitigationsBlocked @({blocked}) with all that is in it",
    )
    facts: dict[str, Value | UnknownFact] = {
        "present": True,
        "applied": UnknownFact(why),
        "blocked": UnknownFact(why),
    }
    summary = f"could not tell what it leaves out: {emergency.unread}"
    return Assessment(Verdict.UNKNOWN, summary, (finding,), facts, Coverage.NOT_KNOWABLE)


def _judged(emergency: Emergency, wanted: tuple[str, ...]) -> Assessment:
    blocked = tuple(sorted(emergency.blocked))
    facts: dict[str, Value | UnknownFact] = {
        "present": True,
        "applied": tuple(sorted(emergency.applied)),
        "blocked": blocked,
    }
    missing = tuple(each for each in wanted if not emergency.blocks(each))
    evidence = (*(emergency.foretold(each) for each in dict.fromkeys((*wanted, "M1", "M2"))), *emergency.told())
    if not missing:
        said = f"leaves out {', '.join(blocked)}" if blocked else "leaves nothing out"
        title = "What Exchange Emergency Mitigation does here, none of it a patch"
        then = "Install the updates; what it has added and is not needed any more is taken away by hand"
        finding = Finding(f"{ACTION}.state", Severity.INFO, title, evidence, then)
        return Assessment(Verdict.OK, f"Exchange Emergency Mitigation {said}", (finding,), facts)
    named = ", ".join(missing)
    title = f"Exchange Emergency Mitigation is not told to leave out {named}"
    then = f"Have it leave out {named}, then take away by hand what it has added: it does not come back"
    after = tuple(sorted((*blocked, *missing)))
    change = Change(
        id="leave-out",
        title=f"Have Exchange Emergency Mitigation leave out {named} on this server",
        values={"before": blocked, "after": after},
        before={"MitigationsBlocked": blocked},
        after={"MitigationsBlocked": after},
        disturbs="; ".join(_breaks(missing)),
    )
    return Assessment(
        Verdict.ATTENTION,
        title,
        (Finding(f"{ACTION}.not-blocked", Severity.LOW, title, evidence, then),),
        facts,
        changes=(change,),
        then={**facts, "blocked": after},
    )


def _breaks(missing: tuple[str, ...]) -> Iterator[str]:
    for each in missing:
        of = f" ({PUBLISHED[each]})" if each in PUBLISHED else ", which no list knows"
        yield f"{each}{of} is not added again; what stands there stays, and holds until somebody takes it away"

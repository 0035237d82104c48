"""Whether this server is to be restarted: where Windows or an installer waits for it, once for each start of Windows.

The change is bound to the start that was seen: its script does nothing on a server that was started since, and a mark
that outlives the restart names another change than the one that was made. So it is never made twice for one mark
without somebody who plans it anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.windows.marks import FACTS, WEAK, Marks, marks
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Change
from playbooks.findings import Assessment, Finding, Severity, Verdict
from playbooks.model import BOOT
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_observed, unknown
from playbooks.values import Value

ACTION = "windows.restart"
WINDOWS = (
    "Win32_OperatingSystem and Win32_Service"  # as the script says that it could not read when Windows was started
)
LEFT = (
    "See what has written it; a leftover is taken away by hand. To restart for it all the same, give the step "
    "weak_marks: true, once"
)


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """A strong mark is enough; weak ones count where the step says so. That there is none is known only of all."""
    if not isinstance(observation, Observed):
        return not_observed(ACTION, observation, FACTS)
    found = marks(observation, beside=WINDOWS)
    due = bool(found.pending) and (not found.weak or params["weak_marks"] is True)
    if not due and found.unread:
        return unknown(ACTION, "whether a restart is pending", found.unread, FACTS)
    if due:
        boot = observation.first(BOOT)
        if boot is None:
            unread = observation.why_unread(WINDOWS) or "the answer does not have it"
            return unknown(ACTION, "when Windows was started", unread, FACTS)
        return _due(found, str(boot.get("Time")))
    if not found.pending:
        return Assessment(Verdict.OK, "no restart is pending", facts=found.facts)
    return Assessment(
        Verdict.ATTENTION,
        f"no restart is made for what can outlive one: {', '.join(found.pending)}",
        (
            Finding(
                id=f"{ACTION}.leftover",
                severity=Severity.LOW,
                title="A restart may be pending: marks that can outlive one",
                evidence=(*found.evidence, _started(observation)),
                next=LEFT,
            ),
        ),
        found.facts,
    )


def _started(observation: Observed) -> str:
    boot = observation.first(BOOT)
    return "when Windows was started was not read" if boot is None else f"Windows was started at {boot.get('Time')!s}"


def _due(found: Marks, started: str) -> Assessment:
    what = f"a restart is pending: {', '.join(found.pending)}; Windows was started at {started}"
    change = Change(
        id="restart",
        title="Restart the server",
        values={"started": started},
        before={"Started": started},
        disturbs="everything on this server is away until it has started again",
    )
    return Assessment(
        Verdict.ATTENTION,
        what,
        (
            Finding(
                id=f"{ACTION}.pending",
                severity=Severity.LOW if found.weak else Severity.MEDIUM,
                title="A restart is pending",
                evidence=(*found.evidence, f"Windows was started at {started}"),
                next="Restart this server, and see that the marks are gone; one that outlives it is a leftover",
            ),
        ),
        found.facts,
        changes=(change,),
        then=_after(found),
    )


def _after(found: Marks) -> Mapping[str, Value] | None:
    """The facts behind the restart; None where a mark may outlive it."""
    return None if found.unread or WEAK & set(found.pending) else {"pending": False, "places": ()}

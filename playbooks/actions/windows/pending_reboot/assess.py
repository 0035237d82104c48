"""Whether this server waits for a restart, and which of the places in which that is noted says so.

Read are the marks that HealthChecker looks at (CSS-Exchange, Shared/Get-ServerRebootPending.ps1) and those of Windows'
servicing that others look at as well (Salt, win_system.get_pending_component_servicing: the keys RebootPending,
RebootInProgress, PackagesPending). Not asked: the Configuration Manager client, which answers only to a method call
(root\\ccm\\clientSDK, CCM_ClientUtilities.DetermineIfRebootPending), and collecting calls none; a changed computer
name, which Exchange does not support; Cluster-Aware Updating, which restarts by the marks of Windows Update.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.windows.marks import FACTS, Marks, marks
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Finding, Severity, Verdict
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_observed, unknown
from playbooks.values import Value

ACTION = "windows.pending_reboot"
NEXT = "Restart this server before the next update is installed, and audit it again"
NEXT_WEAK = f"{NEXT}; a mark that outlives the restart is a leftover, for which Exchange's setup stops all the same"


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """One place that says so is enough; that none does is known only when all were read."""
    if not isinstance(observation, Observed):
        return not_observed(ACTION, observation, FACTS)
    found = marks(observation)
    if found.pending:
        return _pending(found)
    if found.unread:
        return unknown(ACTION, "every place that a restart is noted in", found.unread, FACTS)
    return Assessment(Verdict.OK, "no restart is pending", facts=found.facts)


def _pending(found: Marks) -> Assessment:
    weak = ", which is weak evidence by itself" if found.weak else ""
    return Assessment(
        Verdict.ATTENTION,
        f"a restart is pending: {', '.join(found.pending)}{weak}",
        (
            Finding(
                id=f"{ACTION}.pending",
                severity=Severity.LOW if found.weak else Severity.MEDIUM,
                title="A restart may be pending: marks that can outlive one" if found.weak else "A restart is pending",
                evidence=found.evidence,
                next=NEXT_WEAK if found.weak else NEXT,
            ),
        ),
        found.facts,
    )

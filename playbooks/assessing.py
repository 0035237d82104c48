"""What an assess.py is: a pure function from what was observed to an Assessment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import NotObserved, Observation
from playbooks.values import Value


class Assess(Protocol):
    """The signature of `assess` in every assess.py.

    `params` are the step's typed parameters, `today` the controller's UTC date: support ends on a day, and a
    judgement that reads the clock itself could not be replayed.
    """

    def __call__(
        self, observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date
    ) -> Assessment: ...


def unknown(action: str, what: str, why: str, facts: tuple[str, ...]) -> Assessment:
    """The assessment of an action that could not learn what it needs.

    Args:
        action: the action's id; the finding is `<action>.unknown`.
        what: what could not be read, for the title.
        why: the server's or the transport's words; tainted.
        facts: names of the action's facts, all of which become unknown.
    """
    reason = f"{what}: {why}"
    return Assessment(
        verdict=Verdict.UNKNOWN,
        summary=f"could not read {what}",
        findings=(
            Finding(
                id=f"{action}.unknown",
                severity=Severity.HIGH,
                title=f"Could not read {what}",
                evidence=(reason,),
                next="Run the audit with an account that is a local administrator of this server, or look by hand",
            ),
        ),
        facts={name: UnknownFact(reason) for name in facts},
        coverage=Coverage.NOT_KNOWABLE,
    )


def not_observed(action: str, observation: NotObserved, facts: tuple[str, ...]) -> Assessment:
    """The assessment of an action whose collect script gave no complete answer."""
    return unknown(action, "this server's answer", f"{observation.cause}: {observation.reason}", facts)

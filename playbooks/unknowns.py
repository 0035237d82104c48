"""The assessment of what could not be known (not read, not told by the tables, not answered) or is no concern."""

from __future__ import annotations

from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import NotObserved

_LOOK = "Run the audit with an account that is a local administrator of this server, or look by hand"
_AFTER = {
    "timeout": "See whether this server is overloaded or hangs, then audit it again; a slow one needs a longer timeout",
    "cap": "Treat this server with suspicion: no honest answer is that large; look by hand",
    "script-error": "Read the error, correct the cause on this server or in the script, and audit it again",
    "contract": "Treat this server with suspicion: its answer is not of the kind that the script gives; look by hand",
    "not-run": "Correct what broke the connection, then audit this server again",
    "stopped": "Correct what made the earlier step fail, then audit this server again",
    "condition": "Correct what kept the earlier step from knowing it, then audit this server again",
    "defect": "Report this as a fault of exrun or of the action; until then look at this server by hand",
}


def unknown(action: str, what: str, why: str, facts: tuple[str, ...]) -> Assessment:
    """The assessment of an action that could not learn what it needs.

    Args:
        action: the action's id; the finding is `<action>.unknown`.
        what: what could not be read, for the title.
        why: the server's or the transport's words; tainted.
        facts: names of the action's facts, all of which become unknown.
    """
    return _unknown(action, f"Could not read {what}", f"could not read {what}", f"{what}: {why}", _LOOK, facts)


def undecided(action: str, what: str, why: str, facts: tuple[str, ...], then: str) -> Assessment:
    """The assessment of an action that read all it needs, and whose tables do not say what it means.

    Args:
        why: what the tables lack.
        then: what to do about it; the others as of `unknown`.
    """
    return _unknown(action, f"Could not tell {what}", f"could not tell {what}", why, then, facts)


def not_applicable(reason: str, facts: tuple[str, ...]) -> Assessment:
    """The assessment of an action that does not concern this server, for a reason in one phrase; no fact is known."""
    return Assessment(Verdict.NOT_APPLICABLE, reason, facts={name: UnknownFact(reason) for name in facts})


def not_observed(action: str, observation: NotObserved, facts: tuple[str, ...]) -> Assessment:
    """The assessment of an action whose collect script gave no complete answer."""
    # Why there was no connection begins with a cause of its own.
    why = observation.reason if observation.cause == "not-run" else f"{observation.cause}: {observation.reason}"
    then = observation.next or _AFTER.get(observation.cause, _LOOK)
    return _unknown(action, "No complete answer", f"no complete answer ({why})", why, then, facts)


def _unknown(action: str, title: str, summary: str, evidence: str, then: str, facts: tuple[str, ...]) -> Assessment:
    return Assessment(
        verdict=Verdict.UNKNOWN,
        summary=summary,
        findings=(
            Finding(
                id=f"{action}.unknown",
                severity=Severity.HIGH,
                title=title,
                evidence=(evidence,),
                next=then,
            ),
        ),
        facts={name: UnknownFact(evidence) for name in facts},
        coverage=Coverage.NOT_KNOWABLE,
    )

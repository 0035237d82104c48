"""What a session on this server is, and whether a group policy forbids scripts in files.

The policy `Turn on Script Execution` holds whatever `-ExecutionPolicy` says (about_Group_Policy_Settings, Microsoft):
EnableScripts 0 lets none run, 1 those that ExecutionPolicy names. A change that undoes itself and one that outlives its
session run as tasks, from files.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_observed, unknown
from playbooks.values import Value

ACTION = "windows.session"
FACTS = ("version", "edition", "forbids_files")
NEXT = (
    "Have the group policy `Turn on Script Execution` allow local scripts on this server before a change that runs as "
    "a task; audits need nothing of it"
)
_FORBIDDING = frozenset({"allsigned", "restricted"})


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """A policy that forbids is attention: what only reads runs all the same."""
    if not isinstance(observation, Observed):
        return not_observed(ACTION, observation, FACTS)
    session, policy = observation.first("Session"), observation.first("ExecutionPolicy")
    if session is None:
        why = "; ".join(each.why for each in observation.unread) or "it says nothing of it"
        return unknown(ACTION, "what the session is", why, FACTS)
    version = str(session["Version"])
    edition = str(session["Edition"]) or "Desktop"  # Windows PowerShell before 5.1 does not say
    facts: dict[str, Value | UnknownFact] = {
        "version": version or UnknownFact("it says no version"),
        "edition": edition,
    }
    told = f"PowerShell {version or 'of no version'} ({edition})"
    if policy is None:
        why = "; ".join(each.why for each in observation.unread) or "it was not read"
        facts["forbids_files"] = UnknownFact(why)
        return Assessment(
            Verdict.UNKNOWN,
            f"{told}; could not read the policy for scripts",
            (Finding(f"{ACTION}.unknown", Severity.HIGH, "Could not read the policy for scripts", (why,), _LOOK),),
            facts,
            coverage=Coverage.NOT_KNOWABLE,
        )
    enabled, set_to = str(policy["Enabled"]), str(policy["Policy"])
    facts["forbids_files"] = forbids = _forbids(enabled, set_to)
    if not forbids:
        return Assessment(Verdict.OK, told, facts=facts)
    return Assessment(
        Verdict.ATTENTION,
        f"{told}; a group policy lets no unsigned script run from a file",
        (
            Finding(
                id=f"{ACTION}.policy",
                severity=Severity.LOW,
                title="A group policy keeps scripts from running as tasks",
                evidence=(f"EnableScripts = {enabled}, ExecutionPolicy = {set_to}",),
                next=NEXT,
            ),
        ),
        facts,
    )


_LOOK = "Use an account that is a local administrator of this server, or look by hand (Get-ExecutionPolicy -List)"


def _forbids(enabled: str, policy: str) -> bool:
    return enabled == "0" or (enabled != "" and policy.casefold() in _FORBIDDING)

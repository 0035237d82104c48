"""What the actions have alike that ask Exchange's own commands about Active Directory.

A session over WinRM has no identity there (the second hop), except with resource-based delegation or as a virtual
account of JEA (Microsoft, "Making the second hop in PowerShell Remoting"). Nothing is put in the place of what could
not be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.exchange.setup import Installation, installed
from playbooks.findings import Assessment
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_applicable, undecided
from playbooks.values import Value, text_of

_ROLES = ("MailboxRole", "ClientAccessRole", "CafeRole", "FrontendTransportRole", "HubTransportRole")
NO_COMMANDS = "Exchange's commands"  # what is told as not read where the snap-in could not be loaded


def asked(
    action: str, observation: Observation, params: Mapping[str, Value], facts: tuple[str, ...], on_edge: str
) -> tuple[Observed, date | None] | Assessment:
    """The observation of a server that can be asked, and the day of the param `since`; or what it comes to without.

    Args:
        action: the action's id.
        facts: names of the action's facts.
        on_edge: why it does not concern an Edge server, which is not asked.
    """
    found = installed(action, observation, facts)
    if isinstance(found, Assessment):
        return found
    observed, installation = found
    if installation is not Installation.SERVER:
        return not_applicable(installation.value, facts)
    said = {text_of(role, "Name"): role.get("Present") for role in observed.of_kind("ExchangeRole")}
    if not any(said.get(role) is not False for role in _ROLES):
        return not_applicable(on_edge, facts)
    given = str(params.get("since") or "").strip()
    try:
        return observed, date.fromisoformat(given) if given else None
    except ValueError:
        why = f"{given} is no day"
        return undecided(action, "since when a change is new", why, facts, "Give `since` as 2021-02-27, or nothing")


def unanswered(observed: Observed, commands: tuple[str, ...]) -> tuple[str, ...]:
    """What these commands did not say, one line each: that none could be loaded, or each that failed or was left out.

    Args:
        commands: whose records `Answered` are due.
    """
    closed = tuple(entry for entry in observed.unread if not entry.what.startswith("HKLM:"))
    if closed and closed[0].what == NO_COMMANDS:
        return (f"{closed[0].what}: {closed[0].why}",)
    answered = {text_of(each, "Command") for each in observed.of_kind("Answered")}
    failed = {entry.what for entry in closed}
    return (
        *(f"{entry.what}: {entry.why}" for entry in closed),
        *(f"{each}: it was not asked" for each in commands if each not in answered and each not in failed),
    )

"""What every Exchange action reads first: the setup key, the roles, and the build that ExSetup.exe bears."""

from __future__ import annotations

from enum import Enum

from playbooks.catalogue.build import Build
from playbooks.findings import Assessment, UnknownFact
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_observed, unknown
from playbooks.values import Record, Value

SETUP_KEY = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15\\Setup"
ROLE_KEYS = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15\\"
PROGRAM = "ExSetup.exe"
ROLES = frozenset(
    {
        "MailboxRole",
        "ClientAccessRole",
        "CafeRole",
        "FrontendTransportRole",
        "HubTransportRole",
        "UnifiedMessagingRole",
        "EdgeTransportRole",
    }
)

# The keys of each role that people speak of; Client Access of 2013 and later is the front end (CafeRole).
_NAMED_ROLES = {
    "Mailbox": ("MailboxRole",),
    "ClientAccess": ("CafeRole", "FrontendTransportRole"),
    "Edge": ("EdgeTransportRole",),
}


class Installation(Enum):
    """What setup has installed; the value says it where an action does not concern a host.

    A machine with the management tools alone has the setup key and ExSetup.exe and no key of a role (CSS-Exchange,
    Shared/Confirm-ExchangeShell.ps1, tells it by the setup key without the value Services and without the Edge key).
    An uninstallation can leave the setup key behind.
    """

    NONE = "no Exchange Server 2013 or later is installed"
    TOOLS = "no role of Exchange is installed, only its management tools"
    SERVER = "a role of Exchange is installed"


def installed(
    action: str, observation: Observation, facts: tuple[str, ...]
) -> tuple[Observed, Installation] | Assessment:
    """The observation and what of Exchange Server 2013 or later is installed; the assessment `unknown` without both.

    Args:
        action: the action's id, for its findings.
        facts: names of the action's facts.
    """
    if not isinstance(observation, Observed):
        return not_observed(action, observation, facts)
    if why := _why_setup_unread(observation):
        return unknown(action, "the Exchange setup key", why, facts)
    setup = observation.first("ExchangeSetup")
    if setup is None:
        return unknown(action, "the Exchange setup key", "the answer has no record of it", facts)
    if setup.get("Present") is not True:
        return observation, Installation.NONE
    if roles(observation) or not _no_role(observation):
        return observation, Installation.SERVER
    return observation, Installation.NONE if _left_behind(setup, observation) else Installation.TOOLS


def roles(observation: Observed) -> frozenset[str]:
    """The roles whose keys are there."""
    records = (*observation.of_kind("ExchangeRole"), *observation.of_kind("RoleState"))
    present = {str(record.get("Name")) for record in records if record.get("Present") is not False}
    return ROLES & present


def role_names(observation: Observed) -> Value | UnknownFact:
    """The roles of this server as its administrators name them: the fact `roles`; unknown where one was not read."""
    said = {
        record.get("Name"): record.get("Present")
        for record in observation.of_kind("ExchangeRole")
        if isinstance(record.get("Present"), bool)
    }
    unread = [key for keys in _NAMED_ROLES.values() for key in keys if key not in said]
    if unread:
        why = observation.why_unread(*(f"{ROLE_KEYS}{key}" for key in unread))
        return UnknownFact(why or f"the answer does not say whether {unread[0]} is there")
    return tuple(name for name, keys in _NAMED_ROLES.items() if any(said[key] for key in keys))


def _no_role(observation: Observed) -> bool:
    """Whether the answer says of every role that it is not there; what it does not say is not so."""
    records = (*observation.of_kind("ExchangeRole"), *observation.of_kind("RoleState"))
    return {str(record.get("Name")) for record in records if record.get("Present") is False} >= ROLES


def _left_behind(setup: Record, observation: Observed) -> bool:
    """Whether the program is gone, so that the key is all that is left. Not where the program was not asked for."""
    if any(entry.what.endswith(PROGRAM) for entry in observation.unread):
        return False
    if "InstallPath" in setup and not setup.get("InstallPath"):
        return True
    binaries = (*observation.of_kind("ExSetup"), *observation.of_kind("Binary"))
    program = next((each for each in binaries if each.get("Name", PROGRAM) == PROGRAM), None)
    return program is not None and program.get("Exists") is False


def _why_setup_unread(observation: Observed) -> str | None:
    return next((entry.why for entry in observation.unread if entry.what.casefold() == SETUP_KEY.casefold()), None)


def program_build(
    action: str, observation: Observed, program: Record | None, facts: tuple[str, ...]
) -> Build | Assessment:
    """The build of ExSetup.exe; the assessment `unknown` where it cannot be told.

    Args:
        action: the action's id, for its findings.
        program: the record of ExSetup.exe: Path, Exists, FileVersion.
        facts: names of the action's facts.
    """
    if program is None:
        why = next((entry.why for entry in observation.unread if entry.what.endswith(PROGRAM)), None)
        why = why or "the setup key names no install folder (MsiInstallPath)"
    elif program.get("Exists") is not True:
        why = f"{program.get('Path')!s} does not exist"
    elif not program.get("FileVersion"):
        why = f"{program.get('Path')!s} bears no version"
    else:
        try:
            return Build.parse(str(program.get("FileVersion")))
        except ValueError as error:
            why = str(error)
    return unknown(action, f"the version of {PROGRAM}", why, facts)

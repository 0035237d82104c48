"""What every Exchange action reads first: the setup key, and the build that ExSetup.exe bears."""

from __future__ import annotations

from playbooks.assessing import not_observed, unknown
from playbooks.catalogue.build import Build
from playbooks.findings import Assessment
from playbooks.observation import Observation, Observed
from playbooks.values import Record

SETUP_KEY = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15\\Setup"
PROGRAM = "ExSetup.exe"


def installed(action: str, observation: Observation, facts: tuple[str, ...]) -> tuple[Observed, bool] | Assessment:
    """The observation and whether Exchange Server 2013 or later is installed; the assessment `unknown` without both.

    Args:
        action: the action's id, for its findings.
        facts: names of the action's facts.
    """
    if not isinstance(observation, Observed):
        return not_observed(action, observation, facts)
    if why := observation.why_unread(SETUP_KEY):
        return unknown(action, "the Exchange setup key", why, facts)
    setup = observation.first("ExchangeSetup")
    if setup is None:
        return unknown(action, "the Exchange setup key", "the answer has no record of it", facts)
    return observation, setup.get("Present") is True


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
    else:
        try:
            return Build.parse(str(program.get("FileVersion")))
        except ValueError as error:
            why = str(error)
    return unknown(action, f"the version of {PROGRAM}", why, facts)

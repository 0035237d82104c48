"""Whether an application pool is stopped and stays so, as the mitigations of 26858 and 27065 of 2021 have it.

Microsoft's script (ExchangeMitigations.ps1, CSS-Exchange) stops the pool and sets autoStart to false and startMode to
OnDemand. Only what differs is set, and only that is undone: to what stood there, or to nothing where nothing did.
"""

from __future__ import annotations

from dataclasses import dataclass

from playbooks.actions.mitigation.emergency import emergency_of
from playbooks.actions.mitigation.reading import NO_PATCH, host_of, none_of, outside
from playbooks.changes import Change, ChangeValue
from playbooks.findings import Assessment, Finding, Severity, UnknownFact, Verdict
from playbooks.investigating.document import Element
from playbooks.observation import Observation, Observed
from playbooks.unknowns import undecided, unknown
from playbooks.values import Value, text_of

__all__ = ["FACTS", "Mitigated", "judge"]

FACTS = ("present", "in_force")
_ON_DEMAND = "OnDemand"


@dataclass(frozen=True, slots=True)
class Mitigated:
    """A mitigation by an application pool.

    Attributes:
        action: the action's id.
        pool: the pool's name.
        cve: what it holds off.
        breaks: what users miss while it is in force, as the end of a sentence.
    """

    action: str
    pool: str
    cve: str
    breaks: str


@dataclass(frozen=True, slots=True)
class _Pool:
    """A pool as it is configured: its own attributes as written, None where they are not, and what counts."""

    auto_start: str | None
    start_mode: str | None
    starts: bool
    mode: str

    @property
    def is_off(self) -> bool:
        return not self.starts and self.mode.casefold() == _ON_DEMAND.casefold()

    def __str__(self) -> str:
        return f"autoStart {str(self.starts).lower()}, startMode {self.mode}"


def judge(of: Mitigated, observation: Observation) -> Assessment:
    """Whether the pool is off, and the change that makes it so."""
    found = host_of(of.action, observation, FACTS)
    if isinstance(found, Assessment):
        return found
    observed, host = found
    if why := next(outside(host, "applicationPools"), ""):
        return unknown(of.action, "the application pools", why, FACTS)
    listed, defaults = _listed(host, of.pool)
    if not listed:
        summary = f"there is no application pool {of.pool} on this server"
        return Assessment(Verdict.NOT_APPLICABLE, summary, facts=none_of(FACTS))
    correct = f"Look at {of.pool} in applicationHost.config and in IIS Manager, and correct it by hand"
    if len(listed) > 1:
        why = f"applicationHost.config has {of.pool} {len(listed)} times"
        return undecided(of.action, f"how {of.pool} is to start", why, FACTS, correct)
    pool = _pool(listed[0], defaults)
    if listed[0].get("name") != of.pool:
        why = f"it is written {listed[0].get('name')}"
        return undecided(of.action, f"how {of.pool} is to start", why, FACTS, correct)
    if unread := observed.why_unread(of.pool):
        return unknown(of.action, f"whether {of.pool} runs", unread, FACTS)
    said = next((each for each in observed.of_kind("Pool") if text_of(each, "Name") == of.pool), None)
    if said is None:
        return unknown(of.action, f"whether {of.pool} runs", "the answer has no record of it", FACTS)
    return _judged(of, pool, text_of(said, "State"), observed)


def _listed(host: Element, name: str) -> tuple[list[Element], Element | None]:
    sections = list(host.at("system.applicationHost", "applicationPools"))
    pools = [each for section in sections for each in section.named("add")]
    defaults = next((each for section in sections for each in section.named("applicationPoolDefaults")), None)
    return [each for each in pools if each.get("name").casefold() == name.casefold()], defaults


def _pool(pool: Element, defaults: Element | None) -> _Pool:
    starts = "true" if defaults is None else defaults.get("autoStart", "true")
    mode = _ON_DEMAND if defaults is None else defaults.get("startMode", _ON_DEMAND)
    return _Pool(
        auto_start=pool.attributes.get("autoStart"),
        start_mode=pool.attributes.get("startMode"),
        starts=pool.is_on("autoStart", starts),
        mode=pool.get("startMode", mode),
    )


def _judged(of: Mitigated, pool: _Pool, state: str, observed: Observed) -> Assessment:
    line = f"{of.pool}: {pool}, {state or 'state not read'}"
    evidence = (line, *emergency_of(observed).lines("", of.cve))
    if state not in ("Started", "Stopped"):
        return undecided(
            of.action, f"whether {of.pool} runs", line, FACTS, "Wait until the pool has come to rest, and look again"
        )
    if pool.is_off and state == "Stopped":
        return Assessment(
            Verdict.OK,
            f"{of.pool} is stopped and does not start by itself: {of.cve} is mitigated, and {NO_PATCH}",
            (
                Finding(
                    f"{of.action}.in-force",
                    Severity.INFO,
                    f"Mitigation of {of.cve} in force, no patch: {of.breaks}",
                    evidence,
                    "Install the update that fixes it, then undo the plan that stopped the pool, or start it by hand",
                    (of.cve,),
                ),
            ),
            {"present": True, "in_force": True},
        )
    if pool.is_off:
        title = f"{of.pool} is set not to start, and runs"
        what = "running-again"
        then = "Stop it again, and override the monitor of Managed Availability that starts it"
    elif state == "Stopped":
        title = f"{of.pool} is stopped, and starts again with IIS"
        what = "would-start"
        then = "Find out who stopped it; set autoStart to false where it is to stay so"
    else:
        title = f"{of.cve} is not mitigated by this: {of.pool} runs"
        what = "not-in-force"
        then = "Install the update that fixes it; until then stop the pool where that is worth it"
    facts: dict[str, Value | UnknownFact] = {"present": True, "in_force": False}
    return Assessment(
        Verdict.ATTENTION,
        title,
        (Finding(f"{of.action}.{what}", Severity.LOW, title, evidence, then, (of.cve,)),),
        facts,
        changes=(_change(of, pool, state),),
        then={"present": True, "in_force": True},
    )


def _change(of: Mitigated, pool: _Pool, state: str) -> Change:
    element = f"system.applicationHost/applicationPools/add[@name='{of.pool}']"
    mode = pool.mode.casefold() != _ON_DEMAND.casefold()
    values: dict[str, ChangeValue] = {
        "element": element,
        "auto_start": False if pool.starts else None,
        "auto_start_before": True if pool.starts and pool.auto_start is not None else None,
        "clear_auto_start": f"{element}/@autoStart" if pool.starts and pool.auto_start is None else None,
        "start_mode": _ON_DEMAND if mode else None,
        "start_mode_before": pool.mode if mode and pool.start_mode is not None else None,
        "clear_start_mode": f"{element}/@startMode" if mode and pool.start_mode is None else None,
        "stop": of.pool if state == "Started" else None,
    }
    return Change(
        id=f"pool.{of.pool.casefold()}",
        title=f"Stop the application pool {of.pool}, and keep it from starting by itself",
        values=values,
        before={"state": state, "autoStart": pool.starts, "startMode": pool.mode},
        after={"state": "Stopped", "autoStart": False, "startMode": _ON_DEMAND},
        disturbs=(
            f"{of.breaks}, until it is undone; Managed Availability may start the pool again "
            "(Add-ServerMonitoringOverride keeps it from that)"
        ),
    )

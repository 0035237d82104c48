"""What a plan comes to: how much of it there is, and what it disturbs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runner.plan.records import Plan, PlannedHost, Standing, StepPlan

__all__ = ["Disturbs", "Sums", "disturbances", "sums"]


@dataclass(frozen=True, slots=True)
class Sums:
    """Counts of a plan. No host is counted twice among `changing`, `settled` and `refused`.

    Attributes:
        changes: on all hosts.
        predicted: of them, those that follow from what will be.
        irreversible: of them, those that cannot be undone.
        changing: hosts with a change.
        settled: hosts of which every step was judged, or does not concern them, and nothing is to be changed.
        refused: hosts that could not be planned at all.
        unknown: hosts of which a step could not be judged.
        deferred: hosts with a step that this plan will never run.
    """

    hosts: int
    changes: int
    predicted: int
    irreversible: int
    changing: int
    settled: int
    refused: int
    unknown: int
    deferred: int


@dataclass(frozen=True, slots=True)
class Disturbs:
    """What an action of a plan does to those who use the servers: how many changes it makes, on how many hosts."""

    step: StepPlan
    changes: int
    hosts: int


def sums(plan: Plan) -> Sums:
    """The counts of a plan."""
    refused = sum(bool(host.refused) for host in plan.hosts)
    changing = sum(bool(host.changes) for host in plan.hosts)
    changes = list(plan.changes)
    return Sums(
        hosts=len(plan.hosts),
        changes=len(changes),
        predicted=sum(step.standing is Standing.PREDICTED for _, step, _ in changes),
        irreversible=sum(change.rollback is None for _, _, change in changes),
        changing=changing,
        settled=sum(_is_settled(host) for host in plan.hosts),
        refused=refused,
        unknown=sum(_has(host, Standing.UNKNOWN) for host in plan.hosts),
        deferred=sum(_has(host, Standing.DEFERRED) for host in plan.hosts),
    )


def disturbances(plan: Plan) -> Iterator[Disturbs]:
    """Each step that changes something somewhere, in the order of the playbook."""
    found: dict[str, list[int]] = {}
    for host in plan.hosts:
        for step in host.steps:
            if step.changes:
                found.setdefault(step.step, []).append(len(step.changes))
    for each in plan.steps:
        if counts := found.get(each.id):
            yield Disturbs(each, sum(counts), len(counts))


def _is_settled(host: PlannedHost) -> bool:
    open_ends = _has(host, Standing.UNKNOWN) or _has(host, Standing.DEFERRED)
    return not (host.refused or host.changes or open_ends)


def _has(host: PlannedHost, standing: Standing) -> bool:
    return any(step.standing is standing for step in host.steps)

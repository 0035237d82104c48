"""Which hosts of a plan are in which wave. Pure."""

from __future__ import annotations

from runner.plan.records import Plan
from runner.rollout import wave_sizes

__all__ = ["waves_of"]


def waves_of(plan: Plan) -> tuple[tuple[str, ...], ...]:
    """The hosts on which something is to be changed, by wave, in the order of the plan."""
    due = [host.host for host in plan.due]
    found: list[tuple[str, ...]] = []
    at = 0
    for size in wave_sizes(plan.going.waves, len(due)):
        found.append(tuple(due[at : at + size]))
        at += size
    return tuple(found)

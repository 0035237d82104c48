"""Which hosts of a plan are in which wave. Pure."""

from __future__ import annotations

from itertools import accumulate

from runner.plan.records import Plan, PlannedHost
from runner.rollout import wave_sizes

__all__ = ["host_waves", "waves_of"]


def host_waves(plan: Plan) -> tuple[tuple[PlannedHost, ...], ...]:
    """The hosts on which something is to be changed, by wave, in the order of the plan."""
    due = plan.due
    ends = tuple(accumulate(wave_sizes(plan.going.waves, len(due))))
    return tuple(due[begin:end] for begin, end in zip((0, *ends), ends, strict=False))


def waves_of(plan: Plan) -> tuple[tuple[str, ...], ...]:
    """The names of these."""
    return tuple(tuple(host.host for host in wave) for wave in host_waves(plan))

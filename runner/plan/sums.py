"""What a plan comes to: how much of it there is, whom it reaches, and what it disturbs. Pure.

All of it is made of what the plan holds. Where that does not say which role, DAG or site a server has, the server is
named among those of which it is not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from runner.plan.records import Plan, PlannedHost, Standing, StepPlan
from runner.plan.waves import host_waves

__all__ = [
    "Among",
    "BlastRadius",
    "Disturbs",
    "Irreversible",
    "Noticed",
    "Sums",
    "Unlimited",
    "blast_radius",
    "disturbances",
    "sums",
]


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


@dataclass(frozen=True, slots=True)
class Among:
    """Servers that have one thing in common: a role, a DAG, a site.

    Attributes:
        changing: those with a change.
        planned: all of them in the plan; others of the same may exist.
        at_once: at most so many of `changing` are in work at a time, by the plan's waves, limits and parallelism.
    """

    name: str
    changing: tuple[str, ...]
    planned: int
    at_once: int


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something that users of the servers may notice, in the words of the changes, and on how many servers."""

    what: str
    changes: int
    hosts: int


@dataclass(frozen=True, slots=True)
class Irreversible:
    """A change that cannot be undone, by its title, and the servers on which it is to be made."""

    step: str
    title: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unlimited:
    """A label that the plan limits, and the servers with a change that the limit does not hold: they lack the label."""

    label: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """Whom a plan reaches. Everything is of servers with a change.

    Attributes:
        hosts: in the order of the plan.
        at_once: at most so many of them are in work at a time.
        roles, dags, sites: those that are known, first those of which most are in work at a time; a server may be in
            several.
        without_role, without_dag, without_site: servers of which the plan does not say it.
        unlimited: limits that do not hold some servers.
        disturbs: what each step disturbs, by its contract.
        noticed: what the changes say that users may notice.
        restarted: servers with a change of a step that restarts them.
        irreversible: what cannot be undone.
    """

    hosts: tuple[str, ...]
    at_once: int
    roles: tuple[Among, ...]
    without_role: tuple[str, ...]
    dags: tuple[Among, ...]
    without_dag: tuple[str, ...]
    sites: tuple[Among, ...]
    without_site: tuple[str, ...]
    unlimited: tuple[Unlimited, ...]
    disturbs: tuple[Disturbs, ...]
    noticed: tuple[Noticed, ...]
    restarted: tuple[str, ...]
    irreversible: tuple[Irreversible, ...]


def blast_radius(plan: Plan) -> BlastRadius:
    """Whom a plan reaches."""
    by_wave = host_waves(plan)
    changing = [host for wave in by_wave for host in wave]
    restarting = {step.id for step in plan.steps if step.disturbs is not None and step.disturbs.reboots}
    roles, without_role = _among(plan, by_wave, lambda host: host.roles or ())
    dags, without_dag = _among(plan, by_wave, lambda host: host.labels.get("dag", ()))
    sites, without_site = _among(plan, by_wave, lambda host: host.labels.get("site", ()))
    return BlastRadius(
        hosts=tuple(host.host for host in changing),
        at_once=_at_once(plan, by_wave),
        roles=roles,
        without_role=without_role,
        dags=dags,
        without_dag=without_dag,
        sites=sites,
        without_site=without_site,
        unlimited=tuple(_unlimited(plan, changing)),
        disturbs=tuple(disturbances(plan)),
        noticed=_noticed(changing),
        restarted=tuple(
            host.host for host in changing if any(step.changes and step.step in restarting for step in host.steps)
        ),
        irreversible=_irreversible(changing),
    )


def _among(
    plan: Plan, by_wave: Sequence[Sequence[PlannedHost]], of: Callable[[PlannedHost], Sequence[str]]
) -> tuple[tuple[Among, ...], tuple[str, ...]]:
    """By each value that servers with a change have; and those of them that have none."""
    planned = Counter(value for host in plan.hosts for value in set(of(host)))
    changing: dict[str, list[list[PlannedHost]]] = {}  # by wave
    without: list[str] = []
    for wave in by_wave:
        of_wave: dict[str, list[PlannedHost]] = {}
        for host in wave:
            values = set(of(host))
            for value in values:
                of_wave.setdefault(value, []).append(host)
            if not values:
                without.append(host.host)
        for value, hosts in of_wave.items():
            changing.setdefault(value, []).append(hosts)
    found = (
        Among(name, tuple(host.host for hosts in each for host in hosts), planned[name], _at_once(plan, each))
        for name, each in changing.items()
    )
    return tuple(sorted(found, key=lambda each: (-each.at_once, -len(each.changing), each.name))), tuple(without)


def _at_once(plan: Plan, by_wave: Iterable[Sequence[PlannedHost]]) -> int:
    """How many of these are in work at a time at most."""
    parallel, limits = plan.going.parallel, plan.going.limits
    return max(
        (
            min([parallel, len(hosts), *(_held(hosts, label, most) for label, most in limits.items())])
            for hosts in by_wave
        ),
        default=0,
    )


def _held(hosts: Sequence[PlannedHost], label: str, most: int) -> int:
    """How many of these one limit lets be in work; one without the label is not held, one with several by the first."""
    counts = Counter(next(iter(host.labels.get(label, ())), None) for host in hosts)
    free = counts.pop(None, 0)
    return free + sum(min(count, most) for count in counts.values())


def _unlimited(plan: Plan, changing: Sequence[PlannedHost]) -> Iterator[Unlimited]:
    for label in plan.going.limits:
        without = tuple(host.host for host in changing if not host.labels.get(label))
        if without:
            yield Unlimited(label, without)


def _noticed(changing: Sequence[PlannedHost]) -> tuple[Noticed, ...]:
    found: dict[str, list[str]] = {}
    for host in changing:
        for step in host.steps:
            for each in step.changes:
                if each.change.disturbs:
                    found.setdefault(each.change.disturbs, []).append(host.host)
    return tuple(Noticed(what, len(hosts), len(set(hosts))) for what, hosts in found.items())


def _irreversible(changing: Sequence[PlannedHost]) -> tuple[Irreversible, ...]:
    found: dict[tuple[str, str], dict[str, None]] = {}
    for host in changing:
        for step in host.steps:
            for each in step.changes:
                if each.rollback is None:
                    found.setdefault((step.step, each.change.title), {})[host.host] = None
    return tuple(Irreversible(step, title, tuple(hosts)) for (step, title), hosts in found.items())


def sums(plan: Plan) -> Sums:
    """The counts of a plan."""
    changes = predicted = irreversible = settled = unknown = deferred = 0
    for host in plan.hosts:
        standings = {step.standing for step in host.steps}
        unknown += Standing.UNKNOWN in standings
        deferred += Standing.DEFERRED in standings
        open_ends = not standings.isdisjoint((Standing.UNKNOWN, Standing.DEFERRED))
        before = changes
        for step in host.steps:
            if step.changes:
                changes += len(step.changes)
                predicted += len(step.changes) if step.standing is Standing.PREDICTED else 0
                irreversible += sum(change.rollback is None for change in step.changes)
        settled += changes == before and not (host.refused or open_ends)
    return Sums(
        hosts=len(plan.hosts),
        changes=changes,
        predicted=predicted,
        irreversible=irreversible,
        changing=len(plan.due),
        settled=settled,
        refused=sum(bool(host.refused) for host in plan.hosts),
        unknown=unknown,
        deferred=deferred,
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

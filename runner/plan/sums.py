"""What a plan comes to: how much of it there is, whom it reaches, and what it disturbs. Pure.

All of it is made of what the plan holds. Where that does not say which role, DAG or site a server has, the server is
named among those of which it is not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from runner.plan.records import Plan, PlannedHost, Standing, StepPlan
from runner.rollout import wave_sizes

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
    "waves",
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
        roles, dags, sites: those that are known; a server may be in several.
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


def waves(plan: Plan) -> tuple[tuple[PlannedHost, ...], ...]:
    """The servers with a change, wave by wave: in the order of the plan."""
    changing = [host for host in plan.hosts if host.changes]
    found: list[tuple[PlannedHost, ...]] = []
    begun = 0
    for size in wave_sizes(plan.going.waves, len(changing)):
        found.append(tuple(changing[begun : begun + size]))
        begun += size
    return tuple(found)


def blast_radius(plan: Plan) -> BlastRadius:
    """Whom a plan reaches."""
    changing = [host for host in plan.hosts if host.changes]
    restarting = {step.id for step in plan.steps if step.disturbs is not None and step.disturbs.reboots}
    roles, without_role = _among(plan, lambda host: host.roles or ())
    dags, without_dag = _among(plan, lambda host: host.labels.get("dag", ()))
    sites, without_site = _among(plan, lambda host: host.labels.get("site", ()))
    return BlastRadius(
        hosts=tuple(host.host for host in changing),
        at_once=_at_once(plan, changing),
        roles=roles,
        without_role=without_role,
        dags=dags,
        without_dag=without_dag,
        sites=sites,
        without_site=without_site,
        unlimited=tuple(_unlimited(plan, changing)),
        disturbs=tuple(disturbances(plan)),
        noticed=_noticed(changing),
        restarted=tuple(host.host for host in changing if any(step.step in restarting for step, _ in host.changes)),
        irreversible=_irreversible(changing),
    )


def _among(plan: Plan, of: Callable[[PlannedHost], Sequence[str]]) -> tuple[tuple[Among, ...], tuple[str, ...]]:
    """By each value that servers with a change have; and those of them that have none."""
    changing: dict[str, list[PlannedHost]] = {}
    planned: Counter[str] = Counter()
    without: list[str] = []
    for host in plan.hosts:
        values = tuple(dict.fromkeys(of(host)))
        planned.update(values)
        if host.changes:
            for value in values:
                changing.setdefault(value, []).append(host)
            if not values:
                without.append(host.host)
    found = (
        Among(name, tuple(host.host for host in hosts), planned[name], _at_once(plan, hosts))
        for name, hosts in changing.items()
    )
    return tuple(sorted(found, key=lambda each: (-len(each.changing), each.name))), tuple(without)


def _at_once(plan: Plan, hosts: Sequence[PlannedHost]) -> int:
    """How many of these are in work at a time at most."""
    names = {host.host for host in hosts}
    of_waves = [[host for host in wave if host.host in names] for wave in waves(plan)]
    limits = plan.going.limits
    return max(
        (
            min([plan.going.parallel, len(wave), *(_held(wave, label, most) for label, most in limits.items())])
            for wave in of_waves
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
        for _, change in host.changes:
            if change.change.disturbs:
                found.setdefault(change.change.disturbs, []).append(host.host)
    return tuple(Noticed(what, len(hosts), len(set(hosts))) for what, hosts in found.items())


def _irreversible(changing: Sequence[PlannedHost]) -> tuple[Irreversible, ...]:
    found: dict[tuple[str, str], dict[str, None]] = {}
    for host in changing:
        for step, change in host.changes:
            if change.rollback is None:
                found.setdefault((step.step, change.change.title), {})[host.host] = None
    return tuple(Irreversible(step, title, tuple(hosts)) for (step, title), hosts in found.items())


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

"""A plan as a page for the change board: first what a manager reads, below it everything that an engineer asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from runner.plan.records import Plan, PlannedHost, PlannedStep, Standing
from runner.plan.sums import Among, BlastRadius, Disturbs, Sums, blast_radius, sums
from runner.plan.waves import host_waves
from runner.reports.brand import Brand
from runner.reports.page import page, text_block
from runner.reports.picture import BY, Bar, Shade, Tile, bar_of
from runner.reports.plan_wording import going, named, not_known, open_ends, scripts_of, shown, together, value_changes
from texts.counting import counted

__all__ = ["Approvals", "plan_page"]

_TITLES = 6  # of the changes of one step that the first part names
_REASONS = 4
_NAMES = 40  # servers of one wave that the first part names
_DAGS = 20


@dataclass(frozen=True, slots=True)
class Approvals:
    """Who approved a plan, as far as that is known.

    Attributes:
        needed: how many have to; None where the policy is not at hand. 0 where none is asked for.
        given: each of those that count, as the policy names them, with the fingerprint of the key.
        against: why it may not be run now, and what to do.
        files: signature files beside the plan, whether they count or not.
        at: when this was looked at.
    """

    needed: int | None
    given: Sequence[tuple[str, str]]
    against: Sequence[tuple[str, str]]
    files: Sequence[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class _Step:
    """One step for the first part: what it changes where and why, and what it disturbs."""

    of: Disturbs
    titles: Sequence[str]
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Row:
    """One server for the table: its wave where it has one, how it stands, its changes in words, and where it is."""

    name: str
    wave: int | None
    stands: str
    changes: str
    place: str


@dataclass(frozen=True, slots=True)
class _Script:
    """One script, once. `kinds` are what it is sent for."""

    sha256: str
    kinds: str
    use: str
    text: Markup


def plan_page(plan: Plan, digest: str, approvals: Approvals, brand: Brand | None = None) -> str:
    """The page.

    Args:
        digest: of the plan's file.
        brand: whose page it is; None for nobody's.
    """
    found, radius = sums(plan), blast_radius(plan)
    told = [host for host in plan.hosts if not host.refused and _has_to_tell(host)]
    wave_of = {host.host: number for number, wave in enumerate(host_waves(plan), start=1) for host in wave}
    rows = [_Row(host.host, wave_of.get(host.host), _stands(host), _changes(host), _place(host)) for host in plan.hosts]
    return page(
        "plan.html.j2",
        servers=len(plan.hosts),
        brand=brand,
        plan=plan,
        digest=digest,
        approvals=approvals,
        sums=found,
        tiles=_tiles(found, radius),
        standing=_servers(plan, found),
        rows=rows,
        undone=_undone(found),
        drawn_among=_among,
        parts={each.host: number for number, each in enumerate(told, start=1)},
        radius=radius,
        headline=" ".join(_headline(found)),
        risks=tuple(_risks(plan, found, radius)),
        steps=_steps(plan, radius),
        waves=[_wave(number, wave) for number, wave in enumerate(host_waves(plan), start=1)],
        going=going(plan.going, found.changing),
        dags=radius.dags[:_DAGS],
        more_dags=len(radius.dags) - _DAGS,
        not_known=(*open_ends(found), *not_known(radius)),
        refused=[host for host in plan.hosts if host.refused],
        hosts=told,
        quiet=[host for host in plan.hosts if not host.refused and not _has_to_tell(host)],
        actions={step.id: step.action for step in plan.steps},
        scripts=tuple(_scripts(plan)),
        made_from=tuple(_made_from(plan)),
        is_open=_is_open,
        values=value_changes,
        scripts_of=scripts_of,
        shown=shown,
        named=named,
        together=together,
        counted=counted,
    )


def _tiles(found: Sums, radius: BlastRadius) -> tuple[Tile, ...]:
    return (
        Tile(
            "open",
            found.changes,
            f"{'change' if found.changes == 1 else 'changes'} on {counted(found.changing, 'server')}",
        ),
        Tile("grave", found.irreversible, "cannot be undone"),
        Tile("open", len(radius.restarted), f"{'server' if len(radius.restarted) == 1 else 'servers'} restarted"),
        Tile("blind", found.refused + found.unknown, "servers not planned, or not known in full"),
    )


_STANDS: Mapping[str, Shade] = {
    "not planned": "grave",
    "to change": "open",
    "not known in full": "blind",
    "nothing to change": "well",
}


def _stands(host: PlannedHost) -> str:
    """One of _STANDS: a server that is to be changed and is not known in full besides has changes first of all."""
    if host.refused:
        return "not planned"
    if any(step.changes for step in host.steps):
        return "to change"
    return "not known in full" if _has_to_tell(host) else "nothing to change"


def _servers(plan: Plan, found: Sums) -> Bar:
    stand = Counter(map(_stands, plan.hosts))
    return bar_of("servers", [(name, stand[name], shaded) for name, shaded in _STANDS.items()], max(found.hosts, 1))


def _changes(host: PlannedHost) -> str:
    changes = [change for step in host.steps for change in step.changes]
    lost = sum(change.rollback is None for change in changes)
    said = counted(len(changes), "change") if changes else "-"
    return f"{said}, {lost} cannot be undone" if lost else said


def _place(host: PlannedHost) -> str:
    """`site HQ, dag DAG1`, as the inventory has it."""
    return ", ".join(f"{label} {' and '.join(host.labels[label])}" for label in BY if host.labels.get(label))


def _among(among: Among) -> Bar:
    """How many of the servers that have something in common are changed."""
    changing = len(among.changing)
    parts: list[tuple[str, int, Shade]] = [
        ("to change", changing, "open"),
        ("not changed", among.planned - changing, "blind"),
    ]
    return bar_of(among.name, parts, max(among.planned, 1))


def _undone(found: Sums) -> str:
    """How what is changed is taken back, as far as it can be."""
    can = found.changes - found.irreversible
    if not can:
        return "None of these changes can be undone."
    of = "" if can == found.changes else f"{can} of "
    have = "has" if max(can, found.changes) == 1 else "have"
    return (
        f"{of}{counted(found.changes, 'change')} {have} a script for that, which is approved with this plan: nobody is "
        "asked again."
    )


def _headline(found: Sums) -> Iterator[str]:
    hosts = counted(found.hosts, "server")
    if found.changes:
        yield f"{counted(found.changes, 'change')} on {found.changing} of {hosts}."
    else:
        yield f"Nothing is to be changed on {found.settled} of {hosts}."
    if found.irreversible:
        yield f"{counted(found.irreversible, 'change')} cannot be undone."
    if found.refused:
        yield f"{counted(found.refused, 'server')} could not be planned."
    if found.unknown:
        yield f"{counted(found.unknown, 'server')} not known in full."


def _risks(plan: Plan, found: Sums, radius: BlastRadius) -> Iterator[str]:
    """What a board weighs, of what the plan holds: each a sentence without a full stop."""
    if not found.changes:
        return
    for lost in radius.irreversible:
        yield f"Cannot be undone: {lost.title}, on {counted(len(lost.hosts), 'server')} ({named(lost.hosts)})"
    if radius.restarted:
        yield f"{counted(len(radius.restarted), 'server')} restarted: {named(radius.restarted)}"
    noticed = sum(each.step.disturbs is not None and each.step.disturbs.disruptive for each in radius.disturbs)
    if noticed:
        yield f"{counted(noticed, 'step')} of {len(radius.disturbs)} can be noticed by those who use the servers"
    most = max((each.at_once for each in radius.dags), default=0)
    if most > 1:
        dags = [each.name for each in radius.dags if each.at_once > 1]
        yield f"Up to {most} servers of one DAG are in work at a time: {named(dags)}"
    several = len(host_waves(plan)) > 1
    if not several and found.changing > 1:
        yield "There is one wave: no server goes ahead of the others to show that it works"
    if several and not plan.going.health:
        yield "No health check stands between the waves: the next one begins once the last has ended"
    if plan.going.budget is None:
        yield "There is no failure budget: the run goes on however many servers fail"
    if plan.policy is None:
        yield "No policy: nobody has to approve it, and no change window holds it"


def _steps(plan: Plan, radius: BlastRadius) -> list[_Step]:
    titles: dict[str, Counter[str]] = {}
    reasons: dict[str, Counter[str]] = {}
    for host in plan.hosts:
        for step in host.steps:
            if step.changes:
                titles.setdefault(step.step, Counter()).update({change.change.title for change in step.changes})
                reasons.setdefault(step.step, Counter())[step.summary] += 1
    return [
        _Step(each, _most(titles[each.step.id], _TITLES), _most(reasons[each.step.id], _REASONS))
        for each in radius.disturbs
    ]


def _most(counts: Counter[str], most: int) -> Sequence[str]:
    """Each with the number of servers that it is said of, the commonest first."""
    told = [f"{text} ({counted(count, 'server')})" for text, count in counts.most_common(most)]
    more = len(counts) - len(told)
    return (*told, f"and {more} more, see below") if more else told


def _wave(number: int, hosts: Sequence[PlannedHost]) -> tuple[int, int, str]:
    return number, len(hosts), named([host.host for host in hosts], _NAMES)


def _has_to_tell(host: PlannedHost) -> bool:
    return any(step.changes or _is_open(step) for step in host.steps)


def _is_open(step: PlannedStep) -> bool:
    return step.standing in (Standing.UNKNOWN, Standing.DEFERRED)


def _scripts(plan: Plan) -> Iterator[_Script]:
    """Every script once, in the order of its first use."""
    kinds: dict[str, dict[str, None]] = {}
    used: Counter[str] = Counter()
    steps: dict[str, dict[str, None]] = {}
    for _, step, change in plan.changes:
        for kind, sha in scripts_of(change):
            kinds.setdefault(sha, {})[kind] = None
            steps.setdefault(sha, {})[step.step] = None
            used[sha] += 1
    for sha, of in kinds.items():
        use = f"{counted(used[sha], 'change')} of {', '.join(steps[sha])}"
        yield _Script(sha, " and ".join(of), use, text_block(plan.texts[sha].splitlines()))


def _made_from(plan: Plan) -> Iterator[tuple[str, str, str]]:
    for each in plan.inventory:
        yield "inventory", each.source, each.sha256
    yield "playbook", plan.playbook.source, plan.playbook.sha256
    yield "policy", "", plan.policy or "none"
    yield "catalogue", "", plan.catalogue
    for step in plan.steps:
        yield f"collect script of {step.id}", step.action, step.collect

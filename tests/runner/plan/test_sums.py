"""Whom a plan reaches: true of every fleet, and what is not known is said."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.changes import Change
from playbooks.findings import Coverage, Verdict
from runner.plan.records import Disturbance, Going, Plan, PlannedHost, PlannedStep, Standing, StepPlan
from runner.plan.sums import BlastRadius, blast_radius
from runner.plan.waves import host_waves
from runner.rollout import Begin, Done, Now, Rules, Wait, decide, wave_sizes
from tests.runner.plan.plans import one_change, planned, sha

LABELLED = st.dictionaries(
    st.sampled_from(["dag", "site", "ring"]), st.lists(st.sampled_from("ABC"), max_size=2, unique=True).map(tuple)
)
SIZES = st.lists(st.sampled_from(["1", "2", "25%", "50%"]), max_size=3).map(tuple)
LIMITS = st.dictionaries(st.sampled_from(["dag", "site", "ring"]), st.integers(1, 3))


def host(
    name: str,
    changes: int = 1,
    labels: dict[str, tuple[str, ...]] | None = None,
    roles: tuple[str, ...] | None = None,
    *,
    step: str = "services",
    undo: bool = True,
    disturbs: str = "",
) -> PlannedHost:
    made = tuple(
        planned(Change(f"c{number}", f"Set c{number}", {}, disturbs=disturbs), f"a{number}", "u" if undo else None)
        for number in range(changes)
    )
    standing = Standing.PLANNED if made else Standing.COMPLIANT
    steps = (PlannedStep(step, standing, Verdict.ATTENTION, "", Coverage.PROBED, sha("o"), made),)
    return PlannedHost(name, f"{name}.example", 5985, steps, "", labels or {}, roles)


def plan(*hosts: PlannedHost, going: Going | None = None, reboots: bool = False) -> Plan:
    disturbs = Disturbance(disruptive=True, reboots=reboots, interruption="a minute of OWA", reversible=True)
    steps = (StepPlan("services", "exchange.services", sha("s"), "stop", disturbs, sha("k")),)
    return replace(one_change(), hosts=hosts, steps=steps, going=going or Going(8, (), 0, {}, None))


def run_through(given_plan: Plan, seed: int) -> dict[str, int]:
    """The most servers of each value of a label that a run had in work at a time, and of all under ``."""
    drawn = Random(seed)
    changing = [each for each in given_plan.hosts if each.changes]
    going = given_plan.going
    labels = {each.host: each.labels for each in changing}
    rules = Rules(
        going.parallel,
        waves=wave_sizes(going.waves, len(changing)),
        limits=going.limits,
        limited={
            name: [(label, value) for label, values in of.items() if label in going.limits for value in values]
            for name, of in labels.items()
        },
    )
    waiting, in_work, begun = [each.host for each in changing], [], 0
    most: Counter[str] = Counter()
    while True:
        match decide(rules, Now(waiting, in_work, begun, ended=0.0 if begun else None)):
            case Begin(hosts=fresh):
                waiting = [name for name in waiting if name not in fresh]
                in_work += fresh
                begun += len(fresh)
            case Wait():
                in_work.remove(drawn.choice(in_work))
            case Done():
                return most
            case other:
                raise AssertionError(other)
        now = Counter(value for name in in_work for value in labels[name].get("dag", ()))
        now[""] = len(in_work)
        most |= now


@settings(max_examples=100, deadline=None)
@given(st.lists(LABELLED, max_size=9), st.integers(1, 5), SIZES, LIMITS, st.integers(0, 99))
def test_no_run_has_more_of_a_dag_in_work_than_is_said(
    fleet: list[dict[str, tuple[str, ...]]], parallel: int, sizes: tuple[str, ...], limits: dict[str, int], seed: int
) -> None:
    given_plan = plan(
        *(host(f"EX{number}", 1, labels) for number, labels in enumerate(fleet)),
        going=Going(parallel, sizes, 0, limits, None),
    )
    found = blast_radius(given_plan)
    most = run_through(given_plan, seed)
    assert most[""] <= found.at_once
    for dag in found.dags:
        assert 1 <= most[dag.name] <= dag.at_once


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(LABELLED, st.integers(0, 2), st.none() | st.lists(st.sampled_from("ME")).map(tuple))))
def test_every_server_with_a_change_is_counted_or_named_as_not_known(
    fleet: list[tuple[dict[str, tuple[str, ...]], int, tuple[str, ...] | None]],
) -> None:
    given_plan = plan(*(host(f"EX{n}", changes, labels, roles) for n, (labels, changes, roles) in enumerate(fleet)))
    found = blast_radius(given_plan)
    changing = {each.host for each in given_plan.hosts if each.changes}
    assert set(found.hosts) == changing == {each.host for wave in host_waves(given_plan) for each in wave}
    for among, without in (
        (found.roles, found.without_role),
        (found.dags, found.without_dag),
        (found.sites, found.without_site),
    ):
        named = {name for each in among for name in each.changing}
        assert named | set(without) == changing
        assert not named & set(without)


def test_a_dag_says_how_many_of_it_at_a_time_under_waves_and_limits() -> None:
    fleet = [host(f"EX{number}", 1, {"dag": ("DAG1",)}) for number in range(4)]
    quiet = host("EX9", 0, {"dag": ("DAG1",)})

    def at_once(going: Going) -> tuple[int, int]:
        [dag] = blast_radius(plan(*fleet, quiet, going=going)).dags
        assert (dag.name, len(dag.changing), dag.planned) == ("DAG1", 4, 5)
        return dag.at_once, blast_radius(plan(*fleet, quiet, going=going)).at_once

    assert at_once(Going(8, (), 0, {}, None)) == (4, 4)
    assert at_once(Going(8, (), 0, {"dag": 1}, None)) == (1, 1)
    assert at_once(Going(2, (), 0, {}, None)) == (2, 2)
    assert at_once(Going(8, ("1", "rest"), 0, {}, None)) == (3, 3)


def test_a_limit_says_which_servers_it_does_not_hold() -> None:
    going = Going(8, (), 0, {"dag": 1}, None)
    found = blast_radius(plan(host("EX1", 1, {"dag": ("DAG1",)}), host("EX2"), host("EX3", 0), going=going))
    assert [(each.label, each.hosts) for each in found.unlimited] == [("dag", ("EX2",))]
    assert found.at_once == 2


def test_what_is_interrupted_restarted_and_cannot_be_undone_is_named_with_its_servers() -> None:
    stops = "OWA is away for a minute"
    found = blast_radius(
        plan(
            host("EX1", 2, disturbs=stops, undo=False),
            host("EX2", 1, disturbs=stops),
            host("EX3", 1, step="other", undo=False),
            reboots=True,
        )
    )
    assert [(each.what, each.changes, each.hosts) for each in found.noticed] == [(stops, 3, 2)]
    assert found.restarted == ("EX1", "EX2")
    assert [(each.step, each.title, each.hosts) for each in found.irreversible] == [
        ("services", "Set c0", ("EX1",)),
        ("services", "Set c1", ("EX1",)),
        ("other", "Set c0", ("EX3",)),
    ]


@pytest.mark.parametrize("roles", [None, ()], ids=["not-observed", "none"])
def test_a_role_that_was_not_seen_is_never_taken_from_the_inventory(roles: tuple[str, ...] | None) -> None:
    found: BlastRadius = blast_radius(plan(host("EX1", 1, {"role": ("Mailbox",)}, roles)))
    assert (found.roles, found.without_role) == ((), ("EX1",))

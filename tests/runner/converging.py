"""Random fleets: planned, applied, and nothing is left to be done; undone, and they are what they were, to the byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random

from runner.lab.engines.interface import Engine
from runner.lab.engines.sim import SimEngine
from runner.lab.saving import save
from runner.lab.state import ServiceState
from tests.runner.accounted import CLIENT, PLAN, Accounted, Manner, accounted
from tests.runner.lab.test_mending_over_the_wire import NAMES


def services(random: Random) -> Mapping[str, ServiceState]:
    """Some of those that are needed, each in any state."""
    return {
        name: ServiceState(
            state=random.choice(["Running", "Stopped", "Stopped", "Paused"]),
            start_mode=random.choice(["Auto", "Manual", "Disabled"]),
        )
        for name in random.sample(NAMES, random.randint(0, 6))
    }


def saved(fleet: Accounted, folder: Path) -> dict[str, bytes]:
    """What `--save` writes of each server, but for what is left of guards and tasks."""
    save(fleet.states_themselves(), folder)
    return {name: (folder / CLIENT / f"{name}.yml").read_bytes() for name in fleet.names}


def converged(
    random: Random, folder: Path, engine: Engine | None = None, hosts: int = 4, *, restart: bool = False
) -> Counter[str]:
    """One fleet; how many hosts and changes it had.

    Args:
        restart: each of its servers waits for a restart as well: that is made last, and is not undone.
    """
    drawn = [dict(services(random)) for _ in range(hosts)]
    for each in drawn if restart else ():  # without WMI nobody knows when a server was started, so none is planned
        each.pop("Winmgmt", None)
    with accounted(
        folder,
        engine or SimEngine(),
        drawn,
        parallel=random.randint(1, 4),
        services=random.choice(list(Manner)),
        quarantine=random.choice([None, *Manner]),
        restart=restart,
    ) as fleet:
        before = saved(fleet, folder / "before")
        planned, plan = fleet.plan()
        assert all(done.changes == () for done in fleet.lab.ledger.executed())
        due = {host.host: [change for _, change in host.changes] for host in plan.hosts}
        changes = sum(map(len, due.values()))
        assert planned == (1 if changes else 0)
        assert saved(fleet, folder / "planned") == before

        status, said = fleet.exrun("apply", PLAN)
        assert status == 0, said
        assert fleet.changes_sent() == fleet.due()
        fleet.check_at_rest()
        assert fleet.planned_again() == 0
        after = saved(fleet, folder / "after")
        assert {name for name in before if after[name] != before[name]} == {name for name, of in due.items() if of}
        if not changes:
            return Counter(hosts=hosts)
        assert fleet.illegal() == ()
        if restart:
            assert {fleet.lab.ledger.host(key).restarts for key in fleet.lab.hosts} == {1}
            return Counter(hosts=hosts, changes=changes, restarts=hosts)

        status, said = fleet.exrun("rollback", "last")
        assert status == 0, said
        assert fleet.changes_sent() == fleet.due(undone=True)
        fleet.check_at_rest(undone=True)
        assert saved(fleet, folder / "undone") == before
        assert fleet.illegal() == ()
        assert fleet.planned_again() == 1
    return Counter(hosts=hosts, changes=changes)

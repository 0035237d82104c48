"""mitigation.ecp_pool and mitigation.oab_pool: IIS's own files, and whether a pool runs."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.mitigation_iis import configuration, has_iis
from runner.lab.engines.sim.answers.records import record, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items


def ecp(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    return _answer(machine, "MSExchangeECPAppPool")


def oab(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    return _answer(machine, "MSExchangeOABAppPool")


def _answer(machine: Machine, pool: str) -> Items:
    yield from configuration(machine)
    if has_iis(machine):
        try:
            yield record("Pool", Name=pool, State=machine.pool_state(pool))
        except UnreadableError as error:
            yield unread(pool, error)

"""mitigation.emergency_service: the service of Exchange Emergency Mitigation, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.mitigation_iis import emergency_service
from runner.lab.engines.sim.machine import Machine
from runner.lab.engines.sim.streams import Items


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    yield from emergency_service(machine)

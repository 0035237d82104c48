"""exchange.services: a start type is set, or a service started; and back."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value, text_of
from runner.lab.engines.sim import service_control
from runner.lab.engines.sim.streams import Items
from runner.lab.state import LiveState


def apply(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the apply script does; it shows a start type, or none."""
    if "start_type" in values:
        return service_control.set_start_type(live, text_of(values, "name"), text_of(values, "start_type"))
    return service_control.start(live, text_of(values, "name"))


def rollback(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the rollback script does."""
    if "start_type_before" in values:
        return service_control.set_start_type(live, text_of(values, "name"), text_of(values, "start_type_before"))
    return service_control.stop(live, text_of(values, "name"))

"""exchange.services: a start type is set, or that it is a delayed one, or a service started; and back."""

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
    if "delayed" in values:
        return service_control.set_delayed(live, text_of(values, "name"), _whole(values, "delayed"))
    return service_control.start(live, text_of(values, "name"))


def rollback(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the rollback script does."""
    if "start_type_before" in values:
        return service_control.set_start_type(live, text_of(values, "name"), text_of(values, "start_type_before"))
    if "delayed_before" in values:
        return service_control.set_delayed(live, text_of(values, "name"), _whole(values, "delayed_before"))
    if "delayed" in values:
        return service_control.remove_delayed(live, text_of(values, "name"), _whole(values, "delayed"))
    return service_control.stop(live, text_of(values, "name"))


def _whole(values: Mapping[str, Value], name: str) -> int:
    value = values[name]
    assert isinstance(value, int)
    return value

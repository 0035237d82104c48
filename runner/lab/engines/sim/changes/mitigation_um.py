"""mitigation.um: a service is disabled and stopped; and back."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value, text_of
from runner.lab.engines.sim import service_control
from runner.lab.engines.sim.streams import Items
from runner.lab.state import LiveState


def apply(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the apply script does."""
    if "disable" in values:
        yield from service_control.set_start_type(live, text_of(values, "disable"), "Disabled")
    if "stop" in values:
        yield from service_control.stop(live, text_of(values, "stop"))


def rollback(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the rollback script does."""
    if "disable" in values:
        before = text_of(values, "start_type_before")
        yield from service_control.set_start_type(live, text_of(values, "disable"), before)
    if "stop" not in values:
        return
    name, was_disabled = text_of(values, "stop"), "disable" not in values
    if was_disabled:
        yield from service_control.set_start_type(live, name, "Manual")
    yield from service_control.start(live, name)
    if was_disabled:
        yield from service_control.set_start_type(live, name, "Disabled")

"""mitigation.ecp_pool and mitigation.oab_pool: a pool is kept from starting and stopped; and back."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value, text_of
from runner.lab.engines.sim import web_administration
from runner.lab.engines.sim.streams import Items
from runner.lab.state import LiveState


def apply(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the apply script does."""
    return web_administration.failing(_apply(live, values))


def rollback(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the rollback script does."""
    return web_administration.failing(_rollback(live, values))


def _apply(live: LiveState, values: Mapping[str, Value]) -> Items:
    for name, attribute in (("auto_start", "autoStart"), ("start_mode", "startMode")):
        if name in values:
            _put(live, values, attribute, values[name])
    if "stop" in values and web_administration.pool_state(live, text_of(values, "stop")) != "Stopped":
        web_administration.stop_pool(live, text_of(values, "stop"))
    yield from ()


def _rollback(live: LiveState, values: Mapping[str, Value]) -> Items:
    for name, attribute in (("auto_start", "autoStart"), ("start_mode", "startMode")):
        if f"clear_{name}" in values:
            web_administration.clear(live, None, text_of(values, f"clear_{name}"))
        elif f"{name}_before" in values:
            _put(live, values, attribute, values[f"{name}_before"])
    if "stop" in values and web_administration.pool_state(live, text_of(values, "stop")) != "Started":
        web_administration.start_pool(live, text_of(values, "stop"))
    yield from ()


def _put(live: LiveState, values: Mapping[str, Value], attribute: str, value: Value) -> None:
    written = str(value).lower() if isinstance(value, bool) else str(value)
    web_administration.set_property(live, None, text_of(values, "element"), attribute, written)

"""The mitigations by rules of URL Rewrite: a rule is added to a location of applicationHost.config; and taken away."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value, text_of
from runner.lab.engines.sim import web_administration
from runner.lab.engines.sim.streams import Items
from runner.lab.state import LiveState

_INBOUND, _OUTBOUND = "system.webServer/rewrite/rules", "system.webServer/rewrite/outboundRules"
_HELD = f"{_OUTBOUND}/preConditions"


def apply_inbound(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the apply script of an inbound rule does."""
    return web_administration.failing(_apply_inbound(live, values))


def rollback_inbound(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What its rollback script does."""
    return web_administration.failing(_rollback_inbound(live, values))


def apply_outbound(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the apply script of an outbound rule does."""
    return web_administration.failing(_apply_outbound(live, values))


def rollback_outbound(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What its rollback script does."""
    return web_administration.failing(_rollback_outbound(live, values))


def _apply_inbound(live: LiveState, values: Mapping[str, Value]) -> Items:
    at, rule = text_of(values, "location"), text_of(values, "rule")
    made = {"name": text_of(values, "name"), "enabled": "false", "stopProcessing": "true"}
    web_administration.add(live, at, _INBOUND, made, first=True)
    web_administration.set_property(live, at, f"{rule}/match", "url", ".*")
    condition = {"input": text_of(values, "input"), "pattern": text_of(values, "pattern")}
    web_administration.add(live, at, f"{rule}/conditions", condition)
    web_administration.set_property(live, at, f"{rule}/action", "type", "AbortRequest")
    web_administration.set_property(live, at, rule, "enabled", "true")
    yield from ()


def _rollback_inbound(live: LiveState, values: Mapping[str, Value]) -> Items:
    at = text_of(values, "location")
    web_administration.clear(live, at, text_of(values, "rule"))
    if "section" in values and not web_administration.names(live, at, f"{_INBOUND}/rule"):
        web_administration.clear(live, at, text_of(values, "section"))
    yield from ()


def _apply_outbound(live: LiveState, values: Mapping[str, Value]) -> Items:
    at, rule, held = (text_of(values, name) for name in ("location", "rule", "precondition_element"))
    name = text_of(values, "precondition")
    precondition = {"name": name, "logicalGrouping": "MatchAll", "patternSyntax": "ECMAScript"}
    web_administration.add(live, at, _HELD, precondition)
    for which in ("first", "second"):
        condition = {"input": text_of(values, f"{which}_input"), "pattern": text_of(values, f"{which}_pattern")}
        web_administration.add(live, at, held, condition)
    made = {"name": text_of(values, "name"), "preCondition": name, "enabled": "false", "stopProcessing": "false"}
    web_administration.add(live, at, _OUTBOUND, made, first=True)
    for element, attribute, value in (
        ("match", "serverVariable", text_of(values, "variable")),
        ("match", "pattern", "(.*)"),
        ("action", "type", "Rewrite"),
        ("action", "value", text_of(values, "value")),
    ):
        web_administration.set_property(live, at, f"{rule}/{element}", attribute, value)
    web_administration.set_property(live, at, rule, "enabled", "true")
    yield from ()


def _rollback_outbound(live: LiveState, values: Mapping[str, Value]) -> Items:
    at = text_of(values, "location")
    web_administration.clear(live, at, text_of(values, "rule"))
    web_administration.clear(live, at, text_of(values, "precondition_element"))
    held = web_administration.names(live, at, f"{_HELD}/preCondition")
    if "preconditions" in values and not held:
        web_administration.clear(live, at, text_of(values, "preconditions"))
    if "section" in values and not held and not web_administration.names(live, at, f"{_OUTBOUND}/rule"):
        web_administration.clear(live, at, text_of(values, "section"))
    yield from ()

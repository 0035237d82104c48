"""exchange.component_states: what requesters have asked of Exchange's components."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.records import PRODUCT_KEY, ROLES, SETUP_KEY, record, roles_present, text, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items

_STATES_KEY = f"{PRODUCT_KEY}\\ServerComponentStates"
_MOST_COMPONENTS = 200
_MOST_REQUESTERS = 50


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    try:
        yield record("ExchangeSetup", Present=machine.key_exists(SETUP_KEY))
    except UnreadableError as error:
        yield unread(SETUP_KEY, error)

    yield from roles_present(machine, ROLES)

    try:
        present = machine.key_exists(_STATES_KEY)
        names = machine.names_below(_STATES_KEY)
        if len(names) > _MOST_COMPONENTS:
            raise UnreadableError("it holds more than 200 components")
    except UnreadableError as error:
        yield unread(_STATES_KEY, error)
        return
    yield record("ComponentStates", Present=present)
    for name in names:
        key = f"{_STATES_KEY}\\{name}"
        try:
            states = machine.values(key)
            yield record(
                "Component",
                Name=name,
                Requesters=[*states.names[:_MOST_REQUESTERS]],
                HealthApi=text(states["HealthApi"]),
                Maintenance=text(states["Maintenance"]),
                Sidelined=text(states["Sidelined"]),
                Functional=text(states["Functional"]),
                Deployment=text(states["Deployment"]),
            )
        except UnreadableError as error:
            yield unread(key, error)

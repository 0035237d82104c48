"""mitigation.emergency_service: what Exchange Emergency Mitigation is to leave out; and what it was."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Failed, Items, error_thrown
from runner.lab.state import LiveState

_PLANNED = "MitigationsBlocked is not what it was when this was planned: somebody has set it since"
_MADE = "MitigationsBlocked is not what the change made of it: somebody has set it since"


def apply(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the apply script does."""
    return _set(live, _listed(values, "before"), _listed(values, "after"), _PLANNED)


def rollback(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the rollback script does."""
    return _set(live, _listed(values, "after"), _listed(values, "before"), _MADE)


def _set(live: LiveState, was: list[str], wanted: list[str], otherwise: str) -> Items:
    machine = Machine(live.now)
    try:
        machine.add_exchange_commands()
        now = sorted(machine.ask_emergency().blocked)
    except UnreadableError as error:
        yield Failed(error_thrown(str(error)))
        return
    if now == sorted(wanted):
        return
    if now != sorted(was):
        yield Failed(error_thrown(otherwise))
        return
    directory = live.now.directory
    emergency = directory.emergency.model_copy(update={"blocked": wanted})
    live.become(live.now.model_copy(update={"directory": directory.model_copy(update={"emergency": emergency})}))


def _listed(values: Mapping[str, Value], name: str) -> list[str]:
    given = values.get(name)
    return [str(each) for each in given] if isinstance(given, list | tuple) else []

"""windows.restart: the server is restarted, unless it was started since."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value, text_of
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Failed, Items, error_written
from runner.lab.state import LiveState


def apply(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the apply script does."""
    try:
        started = Machine(live.now).boot_time()
    except UnreadableError as error:
        yield Failed(error_written(str(error)))
        return
    if started == text_of(values, "started"):
        live.restart()

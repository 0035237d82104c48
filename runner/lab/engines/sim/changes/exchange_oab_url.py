"""exchange.oab_url: a URL of a virtual directory is set, and stays so, or is set back."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value, text_of
from runner.lab.engines.sim.answers.exchange_oab_url import codes, url_now
from runner.lab.engines.sim.machine import Machine
from runner.lab.engines.sim.streams import Failed, Items, Problem, error_thrown
from runner.lab.state import LiveState, VirtualDirectory


def apply(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the apply script does."""
    found = url_now(Machine(live.now), values)
    if isinstance(found, Problem):
        yield Failed(found)
        return
    directory, now = found
    if now == text_of(values, "planned_text"):
        return
    which = text_of(values, "which")
    if codes(now) != text_of(values, "was_codes"):
        yield Failed(error_thrown(f"{which} is another one than was approved. Nothing was changed."))
        return
    _set(live, directory, which, values.get("planned"))


def rollback(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the rollback script does; it shows what was there where that is put back."""
    which = text_of(values, "which")
    if "was" not in values:
        why = "what was there carries script, is kept as evidence, and the plan does not put it back."
        of = f"{which} of the virtual directory {text_of(values, 'guid')}"
        yield Failed(error_thrown(f"{of} stays as it was set: {why}"))
        return
    found = url_now(Machine(live.now), values)
    if isinstance(found, Problem):
        yield Failed(found)
        return
    directory, now = found
    if codes(now) == text_of(values, "was_codes"):
        return
    if now != text_of(values, "planned_text"):
        yield Failed(error_thrown(f"{which} is another one than was set. Nothing was changed."))
        return
    _set(live, directory, which, values["was"])


def _set(live: LiveState, directory: VirtualDirectory, which: str, value: Value) -> None:
    assert value is None or isinstance(value, str)
    name = "internal" if which == "InternalUrl" else "external"
    held = live.now.directory
    directories = [
        each.model_copy(update={name: value}) if each == directory else each for each in held.virtual_directories
    ]
    now = held.model_copy(update={"virtual_directories": directories})
    live.become(live.now.model_copy(update={"directory": now}))

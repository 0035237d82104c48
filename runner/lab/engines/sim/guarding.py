"""Commit-confirmed changes on a state: playbooks/guards/ over again, in Python, and what undoes at a deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import resources

from playbooks.guarding import GUARDS, LOOK_SECONDS, block
from playbooks.values import Value, text_of
from runner.lab.engines.sim.pipeline import CallLater
from runner.lab.engines.sim.recognition import Template, parse
from runner.lab.engines.sim.streams import Failed, Items, Problem, Waits, error_thrown
from runner.lab.state import GuardState, LiveState

__all__ = ["BEGUN", "Guarding", "Run"]

Run = Callable[[LiveState], Items]
"""Makes what a script makes of a server."""

_BEGIN, _END = block("\0").split("\0")
# The ends of texts and the beginnings of others, by which the block between them is found.
_ARMED = "}\n\nRegister-Guard\n"
_MADE = "# The change is made:"
_RENAMED = "\\undone.ps1'\ntry {\n"
_UNDID = "}\nfinally {\n"
_DISARM = "# What would have undone it is not needed any more.\n"
_TOO_LATE = "This server has undone the change: it was confirmed too late."
_OVER = "The deadline is over, and this server undoes the change: it was confirmed too late."
_SET_BACK = (
    "The clock of this server was set back: nothing tells whether it is confirmed in time, and this server undoes it."
)
BEGUN = "An item with the specified name {0} already exists."


@dataclass(slots=True)
class Guarding:
    """The guards of all servers of an engine.

    Args:
        find: what an action's own script makes of a server; None for one that is not known.
        call_later: makes a call after so many seconds.
        now: the servers' time, with its zone.
    """

    find: Callable[[str], Run | None]
    call_later: CallLater
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _templates: Mapping[str, Template] = field(default_factory=lambda: dict(_templates()))
    _watched: dict[int, tuple[LiveState, set[str]]] = field(default_factory=dict)

    def known(self, script: str) -> Run | None:
        """What a script around those of an action makes of a server; None for any other."""
        if (values := self._templates["confirm.ps1.j2"].params(script)) is not None:
            return partial(self._confirm, text_of(values, "task"))
        if (found := _between(script, _ARMED, _MADE)) is not None:
            arm, own, made = found
            values = self._templates["arm.ps1.j2"].params(arm)
            if values is not None and self._templates["made.ps1.j2"].params(made) is not None:
                run = self.find(own)
                return None if run is None else partial(self._apply, values, run)
        at = script.rfind(_END + _DISARM)
        if at >= 0 and script.startswith(_BEGIN):
            disarm = script[at + len(_END) :]
            if (values := self._templates["disarm.ps1.j2"].params(disarm)) is not None:
                run = self.find(script[len(_BEGIN) : at])
                return None if run is None else partial(_rollback, text_of(values, "task"), run)
        return None

    def watch(self, live: LiveState) -> None:
        """Sees to it that the tasks of this server run when they are due; one that was missed runs at once."""
        _, names = self._watched.setdefault(id(live), (live, set()))
        for name, guard in live.now.guards.items():
            if guard.stands == "armed" and name not in names:
                names.add(name)
                self._wait(live, name, guard)
                self._look_later(live, name)

    def _wait(self, live: LiveState, name: str, guard: GuardState) -> None:
        left = (guard.due - self.now()).total_seconds()
        self.call_later(max(left, 0.0), lambda: self._is_due(live, name))

    def _look_later(self, live: LiveState, name: str) -> None:
        """The task runs each minute that passes, whatever the clock says."""

        def look() -> None:
            self._look(live, name)
            if _is_armed(live, name):
                self._look_later(live, name)

        if _is_armed(live, name):
            self.call_later(LOOK_SECONDS, look)

    def look_at_the_clock(self) -> None:
        """What is due by now runs, however it has come to be: a clock was set, or a server was off and starts."""
        for live, names in list(self._watched.values()):
            for name in tuple(names):
                self._look(live, name)
                guard = live.now.guards.get(name)
                if guard is not None and guard.stands == "armed":
                    self._wait(live, name, guard)  # anew, by the clock as it is now

    def _apply(self, values: Mapping[str, Value], run: Run, live: LiveState) -> Items:
        name, seconds = text_of(values, "task"), values["seconds"]
        if name in live.now.guards:
            why = BEGUN.format(text_of(values, "folder"))
            error_id = "DirectoryExist,Microsoft.PowerShell.Commands.NewItemCommand"
            yield Failed(Problem(why, error_id, "ResourceExists", "System.IO.IOException"))
            return
        assert isinstance(seconds, int)
        now = self.now()
        due = now + timedelta(seconds=seconds)
        _put(live, name, GuardState(stands="armed", undo=text_of(values, "undo"), since=now, due=due, made=False))
        self.watch(live)
        for item in run(live):
            yield item
            if isinstance(item, Failed):
                return
        if (guard := live.now.guards.get(name)) is not None:
            _put(live, name, guard.model_copy(update={"made": True}))

    def _is_due(self, live: LiveState, name: str) -> None:
        """The time of the deadline's own trigger, as it was when the clock was looked at last."""
        guard = live.now.guards.get(name)
        if guard is None or guard.stands != "armed":
            return
        if self.now() < guard.due:  # the server's clock was set back
            self._wait(live, name, guard)
            return
        self._look(live, name)

    def _look(self, live: LiveState, name: str) -> None:
        """The task runs: what it finds under another name it does not run."""
        guard = live.now.guards.get(name)
        if guard is None or guard.stands != "armed":
            return
        guard = guard.model_copy(update={"looks": guard.looks + 1})
        found = _between(guard.undo, _RENAMED, _UNDID)
        values = {} if found is None else self._templates["undo.ps1.j2"].params(found[0]) or {}
        most = values.get("most")
        over = self.now() >= guard.due or (isinstance(most, int) and guard.looks >= most)
        if not over and not (self.now() < guard.since and guard.made):
            _put(live, name, guard)
            return
        live.ran_task(name, guard.undo)
        _put(live, name, guard.model_copy(update={"stands": "undone"}))
        run = None if found is None else self.find(found[1])
        if run is not None:
            self._go_on(run(live))

    def _confirm(self, name: str, live: LiveState) -> Items:
        guard = live.now.guards.get(name)
        if guard is not None and guard.stands == "armed" and self.now() >= guard.due:
            yield Failed(error_thrown(_OVER))
            return
        if guard is not None and guard.stands == "armed" and self.now() < guard.since:
            yield Failed(error_thrown(_SET_BACK))
            return
        if guard is not None and guard.stands == "undone":
            yield Failed(error_thrown(_TOO_LATE))
            return
        if guard is not None:
            _put(live, name, guard.model_copy(update={"stands": "confirmed"}))

    def _go_on(self, items: Items) -> None:
        for item in items:
            if isinstance(item, Waits):
                self.call_later(item.seconds, lambda: self._go_on(items))
                return


def _rollback(name: str, run: Run, live: LiveState) -> Items:
    for item in run(live):
        yield item
        if isinstance(item, Failed):
            return
    state = live.now
    live.become(state.model_copy(update={"guards": {key: each for key, each in state.guards.items() if key != name}}))


def _put(live: LiveState, name: str, guard: GuardState) -> None:
    state = live.now
    live.become(state.model_copy(update={"guards": {**state.guards, name: guard}}))


def _is_armed(live: LiveState, name: str) -> bool:
    guard = live.now.guards.get(name)
    return guard is not None and guard.stands == "armed"


def _between(script: str, last: str, first: str) -> tuple[str, str, str] | None:
    """What stands before a block between these two texts, what stands in it, and what stands behind it."""
    begin, end = script.find(last + _BEGIN), script.rfind(_END + first)
    own = begin + len(last) + len(_BEGIN)
    if begin < 0 or end < own:
        return None
    return script[: begin + len(last)], script[own:end], script[end + len(_END) :]


def _templates() -> Iterator[tuple[str, Template]]:
    for name in GUARDS:
        text = resources.files("playbooks").joinpath("guards", name).read_text(encoding="utf-8")
        [template] = parse(text, f"guards/{name}")
        yield name, template

"""Scripts that run detached on a state: playbooks/guards/ over again, in Python, and the tasks that run them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import resources

from playbooks.detaching import TEXTS, Work, inner
from playbooks.guarding import FOLDER
from playbooks.values import Value, text_of
from runner.lab.engines.sim.guarding import BEGUN, Run
from runner.lab.engines.sim.pipeline import CallLater
from runner.lab.engines.sim.recognition import Template, parse
from runner.lab.engines.sim.streams import Failed, Items, Output, Problem, Waits
from runner.lab.state import LiveState, TaskState

__all__ = ["Detaching"]


@dataclass(slots=True)
class Detaching:
    """The detached scripts of all servers of an engine; arguments as those of `Guarding`."""

    find: Callable[[str], Run | None]
    call_later: CallLater
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _templates: Mapping[str, Template] = field(default_factory=lambda: dict(_templates()))
    _watched: dict[int, tuple[LiveState, set[str]]] = field(default_factory=dict)

    def known(self, script: str) -> Run | None:
        """What a script makes of a server that begins another as a task, or reads how far such are; None for others."""
        if (values := self._templates["poll.ps1.j2"].params(script)) is not None:
            return partial(self._poll, text_of(values, "folder").removeprefix(f"{FOLDER}\\"))
        if (values := self._templates["start.ps1.j2"].params(script)) is None:
            return None
        own = inner(Work(text_of(values, "task")), text_of(values, "run"))
        return None if own is None or self.find(own) is None else partial(self._start, values)

    def watch(self, live: LiveState) -> None:
        """Sees to it that the tasks of this server run that were begun."""
        _, names = self._watched.setdefault(id(live), (live, set()))
        for name, task in live.now.tasks.items():
            if task.stands == "running" and name not in names:
                names.add(name)
                self.call_later(live.now.task_seconds, lambda name=name: self._run(live, name))  # type: ignore[misc]

    def _start(self, values: Mapping[str, Value], live: LiveState) -> Items:
        name, seconds = text_of(values, "task"), values["over_seconds"]
        if name in live.now.tasks:
            error_id = "DirectoryExist,Microsoft.PowerShell.Commands.NewItemCommand"
            why = BEGUN.format(text_of(values, "folder"))
            yield Failed(Problem(why, error_id, "ResourceExists", "System.IO.IOException"))
            return
        assert isinstance(seconds, int)
        now = self.now()
        until = now + timedelta(seconds=seconds)
        _put(live, name, TaskState(stands="running", run=text_of(values, "run"), until=until, started=_spelt(now)))
        self.watch(live)

    def _run(self, live: LiveState, name: str) -> None:
        """The task has taken its time. What was ended before does nothing."""
        task = live.now.tasks.get(name)
        if task is None or task.stands != "running" or self.now() > task.until:
            return
        own = inner(Work(name), task.run)
        run = None if own is None else self.find(own)
        assert run is not None
        live.ran_task(name, task.run)
        self._go_on(live, name, run(live))

    def _go_on(self, live: LiveState, name: str, items: Items) -> None:
        error = None
        for item in items:
            if isinstance(item, Waits):
                self.call_later(item.seconds, lambda: self._go_on(live, name, items))
                return
            if isinstance(item, Failed):
                error = item.problem.message
                break
        told = {"stands": "done" if error is None else "failed", "ended": _spelt(self.now()), "error": error or ""}
        _put(live, name, live.now.tasks[name].model_copy(update=told))

    def _poll(self, name: str, live: LiveState) -> Items:
        for of in ("apply", "rollback"):
            task = live.now.tasks.get(f"{name}-{of}")
            state, ended = "none", False
            if task is not None:
                ended = task.stands != "running"
                state = "stopped" if not ended and self.now() > task.until else task.stands
            yield Output(
                {
                    "Kind": "Detached",
                    "Of": of,
                    "State": state,
                    "Started": task.started if task is not None and ended else "",
                    "Ended": task.ended if task is not None else "",
                    "Exit": "0" if ended else "",
                    "Error": task.error if task is not None else "",
                }
            )


def _spelt(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _put(live: LiveState, name: str, task: TaskState) -> None:
    state = live.now
    live.become(state.model_copy(update={"tasks": {**state.tasks, name: task}}))


def _templates() -> Iterator[tuple[str, Template]]:
    for name in TEXTS:
        if name in ("start.ps1.j2", "poll.ps1.j2"):
            text = resources.files("playbooks").joinpath("guards", name).read_text(encoding="utf-8")
            [template] = parse(text, f"guards/{name}")
            yield name, template

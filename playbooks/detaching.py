"""Detached changes: a script that takes long runs as a scheduled task of the host, and is looked after from here.

    apply, rollback    each registers a task that runs the action's own script, starts it, and is over
    poll               reads how far the two are; it is sent to the locked session, as what collects is

The scripts of an action stand in these as they are, each in a block of its own, and were proven by themselves; what is
around them (guards/) is ours, and is told nothing but names that are made here.

A folder named after the change says that it was begun, so a script that arrives twice runs once. The task begins at
once or never, and the host ends it after its time: what has left no result by then has been ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from playbooks.guarding import FOLDER, block, named, text
from playbooks.values import Value

__all__ = ["OVER_SECONDS", "TEXTS", "Detached", "Work", "detached", "inner", "work"]

# The texts around an action's scripts.
TEXTS = ("start.ps1.j2", "run.ps1.j2", "ran.ps1.j2", "poll.ps1.j2")
_BEGIN_SECONDS = 30  # from its registration a task begins within these, or never
OVER_SECONDS = 60  # behind its time: by then a task that has left no result has been ended


@dataclass(frozen=True, slots=True)
class Detached:
    """The scripts of a change that runs detached; `rollback` is None where it cannot be undone."""

    apply: str
    rollback: str | None
    poll: str


@dataclass(frozen=True, slots=True)
class Work:
    """What one detached script is called on the host: a task in the folder `exrun`, and a folder of its own."""

    task: str

    @property
    def folder(self) -> str:
        """That it is there says that it was begun."""
        return f"{FOLDER}\\{self.task}"

    @property
    def told(self) -> Mapping[str, Value]:
        """What the texts around an action's script are told."""
        return {
            "task": self.task,
            "folder": self.folder,
            "begins": f"{self.folder}\\begins.txt",
            "until": f"{self.folder}\\until.txt",
            "ready": f"{self.folder}\\run.ps1",
            "begun": f"{self.folder}\\begun.ps1",
            "writing": f"{self.folder}\\ending.txt",
            "ended": f"{self.folder}\\ended.txt",
            "arguments": f'-NoProfile -NonInteractive -ExecutionPolicy Bypass -File "{self.folder}\\run.ps1"',
        }


def detached(plan: str, change: str, apply: str, rollback: str | None, seconds: int) -> Detached:
    """The scripts of a change that runs detached.

    Args:
        plan: its id, 12 hexadecimal digits.
        change: its id.
        apply: the action's own, proven; so is `rollback`.
        seconds: that each of them may take.
    """
    both = f"{apply}\0{rollback}"
    name = named(plan, change, hashlib.sha256(both.encode("utf-8", "surrogatepass")).hexdigest())
    return Detached(
        apply=_start(Work(f"{name}-apply"), apply, seconds),
        rollback=None if rollback is None else _start(Work(f"{name}-rollback"), rollback, seconds),
        poll=text("poll.ps1.j2", {"folder": f"{FOLDER}\\{name}"}),
    )


def work(of: Work, script: str) -> str:
    """What a task runs: a script, and around it what leaves a result."""
    return text("run.ps1.j2", of.told) + block(script) + text("ran.ps1.j2", of.told)


def inner(of: Work, run: str) -> str | None:
    """The script in what a task of this name runs; None where it is none of ours."""
    before, after = work(of, "\0").split("\0")
    own = run.removeprefix(before).removesuffix(after)
    return own if work(of, own) == run else None


def _start(of: Work, script: str, seconds: int) -> str:
    limits = {"begin_seconds": _BEGIN_SECONDS, "seconds": seconds, "over_seconds": seconds + OVER_SECONDS}
    return text("start.ps1.j2", {**of.told, **limits, "run": work(of, script)})

"""Commit-confirmed changes: the host undoes one by itself at its deadline, unless that is confirmed before.

    apply       registers a task that runs the rollback script at the deadline, then runs the action's apply script
                and notes that it is made
    confirm     takes that away, and fails where it was first
    rollback    runs the action's rollback script, then takes that away

The scripts of an action stand in these as they are, each in a block of its own, and were proven by themselves; what is
around them (guards/) is ours, and is told nothing but names that are made here.

The task looks every minute as well, and whenever Windows starts, so that no clock that is set puts the deadline off for
long: behind the deadline it undoes; where the clock is before the time of arming it undoes what is made; and where it
has looked more often than there are minutes to the deadline it undoes whatever the clock says. What the clock cannot
show to be in time is not confirmed either.

The host alone decides which of the two is first: its task and the confirmation rename the same file, and only one of
them can. A folder named after the change says that it was begun, so a script that arrives twice makes it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from playbooks.rendering import render
from playbooks.values import Value

__all__ = [
    "FOLDER",
    "GUARDS",
    "LOOK_SECONDS",
    "TASKS",
    "Guarded",
    "Names",
    "block",
    "guarded",
    "most_looks",
    "named",
    "text",
]

TASKS = "\\exrun\\"
FOLDER = r"C:\Program Files\exrun"  # administrators alone may write there
# The texts around an action's scripts.
GUARDS = ("arm.ps1.j2", "made.ps1.j2", "undo.ps1.j2", "undid.ps1.j2", "confirm.ps1.j2", "disarm.ps1.j2")
LOOK_SECONDS = 60  # the shortest interval of a task that repeats (Task Scheduler schema, repetitionType)
_MORE_LOOKS = 3  # than the deadline has minutes: one for the minute that had begun, two for starts of Windows
_LONGEST = 40  # of what people read in a name; its end tells it apart


@dataclass(frozen=True, slots=True)
class Guarded:
    """The scripts of a change that is to be confirmed."""

    apply: str
    rollback: str
    confirm: str


@dataclass(frozen=True, slots=True)
class Names:
    """What a guard is called on the host: a task in the folder `exrun`, and a folder with the script that it runs."""

    task: str

    @property
    def folder(self) -> str:
        """That it is there says that the change was begun."""
        return f"{FOLDER}\\{self.task}"

    @property
    def told(self) -> Mapping[str, Value]:
        """What the texts around an action's scripts are told."""
        return {
            "task": self.task,
            "folder": self.folder,
            "since": f"{self.folder}\\since.txt",
            "due": f"{self.folder}\\due.txt",
            "looks": f"{self.folder}\\looks.txt",
            "made": f"{self.folder}\\made.txt",
            "armed": f"{self.folder}\\undo.ps1",
            "undone": f"{self.folder}\\undone.ps1",
            "confirmed": f"{self.folder}\\confirmed.ps1",
            "arguments": f'-NoProfile -NonInteractive -ExecutionPolicy Bypass -File "{self.folder}\\undo.ps1"',
        }


def guarded(plan: str, change: str, apply: str, rollback: str, seconds: int) -> Guarded:
    """The scripts of a change that the host undoes unless it hears otherwise.

    Args:
        plan: its id, 12 hexadecimal digits.
        change: its id.
        apply: the action's own, proven; so is `rollback`.
        seconds: from the change to its deadline.
    """
    digest = hashlib.sha256(f"{apply}\0{rollback}".encode("utf-8", "surrogatepass")).hexdigest()
    told = Names(named(plan, change, digest)).told
    undo = text("undo.ps1.j2", {**told, "most": most_looks(seconds)}) + block(rollback) + text("undid.ps1.j2", told)
    arm = text("arm.ps1.j2", {**told, "undo": undo, "seconds": seconds})
    return Guarded(
        apply=arm + block(apply) + text("made.ps1.j2", told),
        rollback=block(rollback) + text("disarm.ps1.j2", told),
        confirm=text("confirm.ps1.j2", told),
    )


def most_looks(seconds: int) -> int:
    """The look, one a minute, at which the task undoes whatever the clock says.

    It is behind the deadline and less than three minutes behind it, where Windows does not start again and again.
    """
    return -(-seconds // LOOK_SECONDS) + _MORE_LOOKS


def named(plan: str, change: str, digest: str) -> str:
    """What a change is called on a host: `digest`, hexadecimal, tells two of one id apart."""
    return f"{plan}-{change[:_LONGEST]}-{digest[:8]}"


def block(script: str) -> str:
    """A script in a block of its own: what it sets stays in it."""
    return f"& {{\n{script}\n}}\n"


def text(name: str, told: Mapping[str, Value]) -> str:
    """One of the texts around an action's scripts."""
    return render(_template(name), told, source=f"guards/{name}")


@cache
def _template(name: str) -> str:
    return resources.files("playbooks").joinpath("guards", name).read_text(encoding="utf-8")

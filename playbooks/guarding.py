"""Commit-confirmed changes: the host undoes one by itself at its deadline, unless that is confirmed before.

    apply       registers a task that runs the rollback script at the deadline, then runs the action's apply script
    confirm     takes that away, and fails where it was first
    rollback    runs the action's rollback script, then takes that away

The scripts of an action stand in these as they are, each in a block of its own, and were proven by themselves; what is
around them (guards/) is ours, and is told nothing but names that are made here.

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

__all__ = ["FOLDER", "GUARDS", "TASKS", "Guarded", "Names", "block", "guarded", "named", "text"]

TASKS = "\\exrun\\"
FOLDER = r"C:\Program Files\exrun"  # administrators alone may write there
# The texts around an action's scripts.
GUARDS = ("arm.ps1.j2", "undo.ps1.j2", "confirm.ps1.j2", "disarm.ps1.j2")
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
            "due": f"{self.folder}\\due.txt",
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
    undo = text("undo.ps1.j2", told) + block(rollback)
    arm = text("arm.ps1.j2", {**told, "undo": undo, "seconds": seconds})
    return Guarded(
        apply=arm + block(apply),
        rollback=block(rollback) + text("disarm.ps1.j2", told),
        confirm=text("confirm.ps1.j2", told),
    )


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

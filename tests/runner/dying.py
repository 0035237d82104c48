"""The command in a process of its own that is killed at a named point, or by a lab that it talks to.

The process is forked from one that has loaded everything (`forkserver`), and killed by SIGKILL: nothing of it runs on.
The points are put around the product from here; the product knows none of it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from random import Random
from typing import Any

import pytest

from runner import applying, events
from runner.applying import Applying
from runner.cli import apply_work, show_applied  # loaded before it is forked
from runner.cli.main import main
from runner.disk import SystemDisk
from runner.events import Settlement
from runner.evidence import EvidenceStore
from runner.lab.engines.interface import Engine
from runner.lab.faults import Fault, FaultPlan, InSession, Step
from runner.transport.winrm import WinRmTransport
from tests.runner.accounted import PLAN, TASK_SECONDS, Accounted, Manner, accounted
from tests.runner.rehearsal import Rehearsal
from tests.waiting import HANG_SECONDS

DISK = ("make_directory", "sync_directory", "open", "lock", "write", "fsync", "replace", "link", "remove", "close")
HOST = ("open", "observe", "change", "close")
EVENTS = (
    "run-started",
    "script-named",
    "plan-taken",
    "plan-spent",
    "wave-started",
    "host-started",
    "script-sending",
    "script-answered",
    "step-assessed",
    "evidence-kept",
    "detached-seen",
    "settled",
    "host-applied",
    "wave-ended",
    "rollback-asked",
    "run-ended",
)
# The lines that say what is about to be sent, and those with an answer, by what it is for.
ASKING = ("recheck", "verify", "probe", "evidence", "poll", "apply", "confirm", "rollback")
WORK = ("wait", "part")  # between two looks; and before a change is confirmed
POINTS = tuple(
    f"{when} {what}"
    for what in (
        *(f"disk.{each}" for each in DISK),
        *(f"host.{each}" for each in HOST),
        *(f"event.{each}" for each in EVENTS),
        *(f"event.script-sending.{each}" for each in ASKING),
        *(f"work.{each}" for each in WORK),
        "store.keep",
    )
    for when in ("before", "after")
)
LOADED = apply_work, show_applied
UNSETTLED = 3  # hosts failed, or are unknown
KILLED = -signal.SIGKILL if sys.platform != "win32" else 1


def session(arguments: Sequence[str], folder: str, environment: Mapping[str, str], point: str, at: int) -> None:
    """The command, in this process, which dies the `at`th time it comes to a point; "" lets it live."""
    os.chdir(folder)
    for name in [each for each in os.environ if each.startswith("LAB_")]:
        del os.environ[name]  # of the test in which the process began that this one was forked from
    os.environ.update(environment)
    with Path("said.txt").open("ab") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    applying.BETWEEN_LOOKS_SECONDS = TASK_SECONDS / 2
    if os.environ.get("LAB_IMPATIENT"):  # as when all the time is over for which a server was said to be away
        Applying._is_patient = property(lambda self: False)  # type: ignore[assignment, method-assign]
    if point:
        _mine(point, at)
    sys.exit(main([*arguments, "-i", "inventory.yml", "--timeout", "600"]))


def _mine(point: str, at: int) -> None:
    """Puts the points around what the product does."""
    came: Counter[str] = Counter()

    def comes(name: str) -> None:
        came[name] += 1
        if name == point and came[name] == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(name: str, does: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(does)
        def done(*told: Any, **named: Any) -> Any:
            comes(f"before {name}")
            result = does(*told, **named)
            comes(f"after {name}")
            return result

        return done

    for each in DISK:
        setattr(SystemDisk, each, around(f"disk.{each}", getattr(SystemDisk, each)))
    for each in WORK:
        setattr(Applying, f"_{each}", around(f"work.{each}", getattr(Applying, f"_{each}")))
    EvidenceStore.keep = around("store.keep", EvidenceStore.keep)  # type: ignore[method-assign]
    for each in HOST:
        setattr(WinRmTransport, each, around(f"host.{each}", getattr(WinRmTransport, each)))
    put = events.put

    def recorded(journal: Any, event: Any, *told: Any, **named: Any) -> Any:
        said = around(f"event.{events.name_of(event)}", put)
        if isinstance(event, events.ScriptSending):
            said = around(f"event.script-sending.{event.purpose}", said)
        return said(journal, event, *told, **named)

    events.put = recorded


class _Watched(FaultPlan):
    """Somebody is told of each step of the protocol, before the host acts on it."""

    def __init__(self, faults: Sequence[Fault], told: Callable[[], None]) -> None:
        super().__init__(faults)
        self._told = told

    def strike(self, step: Step, session: InSession | None = None) -> tuple[Fault, ...]:
        self._told()
        return super().strike(step, session)


@dataclass(frozen=True, slots=True)
class Kill:
    """When a session dies: the `at`th time that it comes to a point; or, without one, when the lab has been asked `at`
    things, before it does the last of them."""

    point: str = ""
    at: int = 1


def run(
    fleet: Rehearsal,
    arguments: Sequence[str],
    kill: Kill | None = None,
    faults: Callable[[], Sequence[Fault]] = tuple,
    asked: Callable[[], None] = lambda: None,
) -> int:
    """The command in a process of its own; its exit status, or KILLED. `faults` befall each server; `asked` is told
    whenever one is asked something, in the lab's loop."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.runner.dying"])
    environment = {name: value for name, value in os.environ.items() if name.startswith("LAB_")}
    point, left = (kill.point, kill.at) if kill is not None else ("", 0)
    told = (tuple(arguments), str(fleet.folder), environment, point, left)
    process = context.Process(target=session, args=told)

    def comes() -> None:
        nonlocal left
        asked()
        left -= 1
        if left == 0 and not point and process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    for served in fleet.lab.hosts.values():
        served.plan = _Watched(faults(), comes)
    with pytest.MonkeyPatch.context() as patched:  # what it is forked from loads the product from where this one has
        patched.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        process.start()
    process.join(HANG_SECONDS)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def next_command(fleet: Accounted, *, undo: bool) -> list[str]:
    """What is to be run now: the plan, its undoing, or the run that had begun with it."""
    journal = fleet.journal
    if journal is None:
        return ["apply", PLAN, *(word for name in fleet.names for word in ("--take-over", name))]
    begun = not undo or b'"rollback-asked"' in journal.read_bytes()
    return ["resume" if begun else "rollback", journal.parent.name]


def drawn(seed: int, depth: int = 3) -> list[Kill]:
    """Up to so many kills: the first at each of the points by turns, the others at any or by the lab."""
    random = Random(seed)
    further = [
        Kill(random.choice(POINTS), random.choice([1, 1, 2, 3, 5]))
        if random.random() < 0.6
        else Kill(at=random.randint(1, 60))
        for _ in range(random.randint(0, depth - 1))
    ]
    return [Kill(POINTS[seed % len(POINTS)]), *further]


def killed(
    folder: Path,
    engine: Engine,
    kills: Sequence[Kill],
    *,
    parallel: int = 2,
    services: Manner = Manner.PLAIN,
    quarantine: Manner = Manner.PLAIN,
    undo: bool = False,
    faults: Callable[[], Sequence[Fault]] = tuple,
) -> list[Kill]:
    """A plan whose run is killed, goes on, is killed again, and comes to its end; the kills that struck.

    Whatever happened, the hosts' account explains the journal, each script ran once, and nothing is left to be done.

    Args:
        services, quarantine: how its two steps are made.
        undo: it is killed while it undoes what it had done.
        faults: what befalls each server in each session beside.
    """
    struck: list[Kill] = []
    with accounted(folder, engine, parallel=parallel, services=services, quarantine=quarantine) as fleet:
        before = fleet.states_themselves()
        assert fleet.plan()[0] == 1
        if undo:
            assert run(fleet, next_command(fleet, undo=False)) == 0
        for kill in (*kills, None):
            status = run(fleet, next_command(fleet, undo=undo), kill, faults)
            assert fleet.illegal() == ()
            if status != KILLED or kill is None:
                break
            struck.append(kill)
        if status == UNSETTLED:  # a confirmation was lost twice in one session: another, that loses nothing, settles it
            status = run(fleet, next_command(fleet, undo=undo))
            assert fleet.illegal() == ()
        if status != 0 and lost_twice(fleet):  # of such a change nothing more is tried, which is said
            return struck
        assert status == 0, (folder / "said.txt").read_text()
        check_ended(fleet, undone=undo)
        assert (fleet.states_themselves() == before) is undo
    return struck


def lost_twice(fleet: Accounted) -> bool:
    """Whether a script was about to be sent twice, and came to nothing both times."""
    told = [each.event for each in fleet.recorded()]
    scripts = {
        (each.host, intent.steps[0], each.purpose, intent.number): intent.script
        for each in told
        if isinstance(each, events.ScriptSending)
        for intent in each.scripts
    }
    nothing = Counter(
        (each.host, scripts[each.host, each.step, each.purpose, each.number])
        for each in told
        if isinstance(each, events.Settled) and each.settlement is Settlement.NOT_DONE
    )
    return any(times > 1 for times in nothing.values())


def check_ended(fleet: Accounted, *, undone: bool) -> None:
    """Everything that was planned was done once, and undone once where that was asked; a further plan says so too."""
    plan, journal = fleet.made, fleet.journal
    assert plan is not None
    assert journal is not None
    due = fleet.due(undone=undone)
    assert fleet.changes_sent() == due
    fleet.check_at_rest(undone=undone)
    assert fleet.planned_again() == (1 if undone else 0)
    assert fleet("journal", "verify", str(journal))[0] == 0

"""Lost replies over real WinRM: the host does what it was sent, and the answer never arrives.

Of the steps some keep evidence, some are guarded and have to be confirmed, some run as tasks that are asked how far
they are: the answers to all of that are lost as well, and at last those to what undoes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import pytest

from runner import applying, events
from runner.events import Purpose, Settlement
from runner.lab.faults import Act, Fault, InSession, Step
from runner.moves import Outcome
from tests.runner.changeable import RIGHT, WRONG, Applied, Kind, came
from tests.runner.test_applying_over_the_lab import served

STEPS = 50  # of one host
KINDS = (
    Kind.PLAIN,
    Kind.KEPT,
    Kind.GUARDED,
    Kind.DETACHED,
    Kind.KEPT | Kind.GUARDED,
    Kind.KEPT | Kind.DETACHED,
)
CALLS = 8  # of a step at most, in either kind of session
SESSIONS = 100  # until it is over: a look whose answer is lost twice ends one


@dataclass(frozen=True, slots=True)
class Lost:
    """What came of it.

    Attributes:
        dropped: answers to what changes something, by what that was for.
        settled: attempts without an answer that a look has settled.
        looked: answers to what only reads.
    """

    steps: int
    dropped: Counter[Purpose]
    settled: int
    looked: int

    def __add__(self, other: Lost) -> Lost:
        return Lost(
            self.steps + other.steps,
            self.dropped + other.dropped,
            self.settled + other.settled,
            self.looked + other.looked,
        )


def drops(random: Random, percent: int, calls: int, sessions: Sequence[InSession] = (InSession.FULL,)) -> list[Fault]:
    """Of so many in a hundred calls the answer is dropped: to the command, or to what asks for its output."""
    return [
        Fault(Act.RESET_AFTER, at, first=number, times=1, session=session)
        for session in sessions
        for at in (Step.COMMAND, Step.RECEIVE)
        for number in range(1, calls + 1)
        if random.random() < percent / 200
    ]


def replies_lost(seed: int, percent: int, steps: int = STEPS) -> Lost:
    """Applies a plan of so many steps to one host, and undoes it. Every lost answer to a change is settled by a look;
    nothing is sent again but a confirmation, which is none where it is the second."""
    random = Random(seed)
    applied = Applied(steps=steps, kinds=[random.choice(KINDS) for _ in range(steps)])
    faults = drops(random, percent, CALLS * steps, list(InSession))
    with served(applied, *faults) as (_, engine), pytest.MonkeyPatch.context() as patched:
        patched.setattr(applying, "BETWEEN_LOOKS_SECONDS", 0.0)
        _until_it_is_over(applied, undo=False)
        made = _lost(applied)
        _until_it_is_over(applied, undo=True)
    assert (engine.broken, applied.defects) == ([], [])
    assert applied.illegal() == ()
    lost = _lost(applied)
    assert lost.settled == lost.dropped.total()
    assert made.dropped[Purpose.ROLLBACK] == 0
    return lost


def _until_it_is_over(applied: Applied, *, undo: bool) -> None:
    """The answers to looks are lost as well, so several sessions may be needed."""
    for number in range(SESSIONS):
        row = applied.session(undo=undo and number == 0)
        if row.failure is None and row.is_over and row.outcome is not Outcome.UNKNOWN:
            break
    outcomes = came(row)
    assert set(outcomes.values()) == {Outcome.ROLLED_BACK if undo else Outcome.CHANGED}, row
    assert set(applied.server.things.values()) == {WRONG if undo else RIGHT}
    assert set(applied.server.guards.values()) <= {"gone" if undo else "confirmed"}


def _lost(applied: Applied) -> Lost:
    """What the journal says of it. Each script that makes or undoes a change was sent once."""
    recorded = [each.event for each in applied.recorded()]
    changing = [each for each in recorded if isinstance(each, events.ScriptSending) and each.purpose.changes]
    sent = Counter(each.scripts[0].script for each in changing if each.purpose is not Purpose.CONFIRM)
    assert set(sent.values()) == {1}
    answered = [each for each in recorded if isinstance(each, events.ScriptAnswered)]
    unheard = [each for each in answered if isinstance(each.answer, events.NotRun)]
    lost = {(each.step, each.purpose, each.number) for each in unheard if each.purpose.changes}
    settled = [each for each in recorded if isinstance(each, events.Settled)]
    of_lost = [each for each in settled if (each.step, each.purpose, each.number) in lost]
    # A confirmation also takes away what is left of a change that is undone: then that is not done.
    done = {each.settlement for each in of_lost if each.purpose is not Purpose.CONFIRM}
    assert done <= {Settlement.DONE}
    dropped = Counter(purpose for _, purpose, _ in lost)
    return Lost(len(applied.ready.steps), dropped, len(of_lost), sum(not each.purpose.changes for each in unheard))

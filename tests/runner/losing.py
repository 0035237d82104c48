"""Lost replies over real WinRM: the host does what it was sent, and the answer never arrives.

Of the steps some keep evidence, some are guarded and have to be confirmed, some run as tasks that are asked how far they
are, some restart the host; so the answers to all that are lost as well, and at last those to what undoes it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from runner import events
from runner.events import Settlement
from runner.lab.faults import Act, Fault, InSession, Step
from runner.moves import Outcome
from tests.runner.changeable import RIGHT, Applied, came
from tests.runner.test_applying_over_the_lab import served

STEPS = 50  # of one host


@dataclass(frozen=True, slots=True)
class Lost:
    """What came of it: steps, answers that were dropped, and attempts that a look settled."""

    steps: int
    dropped: int
    settled: int

    def __add__(self, other: Lost) -> Lost:
        return Lost(self.steps + other.steps, self.dropped + other.dropped, self.settled + other.settled)


def drops(random: Random, percent: int, steps: int) -> list[Fault]:
    """Of so many in a hundred calls the answer is dropped: to the command, or to what asks for its output."""
    return [
        Fault(Act.RESET_AFTER, at, first=number, times=1, session=InSession.FULL)
        for at in (Step.COMMAND, Step.RECEIVE)
        for number in range(1, steps + 1)
        if random.random() < percent / 200
    ]


def replies_lost(seed: int, percent: int, steps: int = STEPS) -> Lost:
    """Applies a plan of so many steps to one host. Every lost answer is settled by a look, and nothing sent again."""
    applied = Applied(steps=steps)
    with served(applied, *drops(Random(seed), percent, steps)) as (_, engine):
        row = applied.session()
    assert set(came(row).values()) == {Outcome.CHANGED}, row
    assert (row.failure, engine.broken, applied.defects) == (None, [], [])
    assert applied.illegal() == ()
    assert set(applied.server.things.values()) == {RIGHT}
    recorded = [each.event for each in applied.recorded()]
    sent = Counter(
        each.scripts[0].script for each in recorded if isinstance(each, events.ScriptSending) and each.purpose.changes
    )
    assert (len(sent), set(sent.values())) == (steps, {1})
    lost = {
        each.step
        for each in recorded
        if isinstance(each, events.ScriptAnswered) and isinstance(each.answer, events.NotRun)
    }
    settled = [each for each in recorded if isinstance(each, events.Settled) and each.step in lost]
    assert {each.settlement for each in settled} <= {Settlement.DONE}
    assert len(settled) == len(lost)
    return Lost(steps, len(lost), len(settled))

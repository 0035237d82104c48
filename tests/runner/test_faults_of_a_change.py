"""Every fault at every step of a change: what it comes to is written down here, and no host runs a script twice.

A fault strikes once, or from then on for ever. What a session comes to stands in two tables, and so does what the run
comes to once the host is mended and it goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from playbooks.model import OnFailure
from runner.lab.faults import Act, Fault, InSession, Step
from runner.moves import Outcome
from runner.transport.interface import Deadlines
from tests.runner.changeable import RIGHT, WRONG, Applied, Server, apply_text, came
from tests.runner.leaping import Time
from tests.runner.test_applying_over_the_lab import KEY, served

LATE_SECONDS = 5.0
HOST_SECONDS = 600.0
MOST_REQUESTS = 60
LOCKED, FULL = InSession.LOCKED, InSession.FULL
CHANGED, FAILED, UNKNOWN, ROLLED_BACK = Outcome.CHANGED, Outcome.FAILED, Outcome.UNKNOWN, Outcome.ROLLED_BACK


@dataclass
class Told(Server):
    """A host that counts what it is told.

    Attributes:
        idle: a script that runs to its end and changes nothing.
        heard: how many scripts came, by session.
        hears: called with each.
    """

    idle: str = ""
    heard: Counter[InSession] = field(default_factory=Counter)
    hears: Callable[[InSession, int], None] = lambda session, number: None

    def says(self, step: str) -> str:
        self._hear(LOCKED)
        return super().says(step)

    def does(self, text: str) -> None:
        self._hear(FULL)
        if text == self.idle:
            self.ran[text] += 1
        else:
            super().does(text)

    def _hear(self, session: InSession) -> None:
        self.heard[session] += 1
        self.hears(session, self.heard[session])


@dataclass(frozen=True)
class Point:
    """A script of a change: the `number`th in such a session.

    Attributes:
        behind: a fault before it, without which it would not be sent.
        undoes: the second change of the step comes to nothing, so that the first is undone.
    """

    name: str
    session: InSession
    number: int
    behind: tuple[Fault, ...] = ()
    undoes: bool = False


LOST_ANSWER = Fault(Act.RESET_AFTER, Step.RECEIVE, times=1, session=FULL)
POINTS = (
    Point("recheck", LOCKED, 1),
    Point("apply", FULL, 1),
    Point("probe", LOCKED, 2, (LOST_ANSWER,)),
    Point("verify", LOCKED, 2),
    Point("rollback", FULL, 3, undoes=True),
    Point("undone", LOCKED, 3, undoes=True),
)
BEFORE = (Act.RESET, Act.REFUSE, Act.STATUS, Act.CHALLENGE, Act.SHELLS_END, Act.RESTART)
AFTER = (Act.RESET_AFTER, Act.TRUNCATE, Act.XML_GARBAGE)
SLOW = ((Act.HANG, Step.COMMAND), (Act.HANG_AFTER, Step.RECEIVE))
STRIKES = [
    *((act, Step.COMMAND) for act in (*BEFORE, *AFTER)),
    *((act, Step.RECEIVE) for act in (*BEFORE, *AFTER, Act.PSRP_GARBAGE)),
    *SLOW,
]
CASES = [(point, act, step, lasting) for point in POINTS for act, step in STRIKES for lasting in (False, True)]

# What a session comes to: where a read that is lost may be repeated; and where it may not, since the host said no, or
# what is no answer. A change is never repeated, and what it came to is looked at.
ONCE = {
    "recheck": (CHANGED, FAILED),
    "apply": (CHANGED, CHANGED),
    "probe": (CHANGED, UNKNOWN),
    "verify": (CHANGED, UNKNOWN),
    "rollback": (ROLLED_BACK, ROLLED_BACK),
    "undone": (ROLLED_BACK, UNKNOWN),
}
UNREPEATED = (Act.REFUSE, Act.XML_GARBAGE, Act.PSRP_GARBAGE)
# Where it strikes for ever: whether the host had run the script before.
LASTING = {
    "recheck": (FAILED, FAILED),
    "apply": (FAILED, CHANGED),
    "probe": (UNKNOWN, UNKNOWN),
    "verify": (UNKNOWN, UNKNOWN),
    "rollback": (FAILED, ROLLED_BACK),
    "undone": (UNKNOWN, UNKNOWN),
}
# What a run comes to that goes on with a host that is mended. A script that came to nothing twice is not sent again.
MENDED = dict.fromkeys(("recheck", "apply", "probe", "verify"), CHANGED)
MENDED |= dict.fromkeys(("rollback", "undone"), ROLLED_BACK)


def expected(point: Point, act: Act, step: Step, *, lasting: bool) -> tuple[Outcome, Outcome]:
    """What the session comes to, and the run once the host is mended."""
    if not lasting:
        return ONCE[point.name][act in UNREPEATED], MENDED[point.name]
    ran = step is Step.RECEIVE or act in AFTER
    outcome = LASTING[point.name][ran]
    spent = point.session is FULL and not ran
    return outcome, outcome if spent else MENDED[point.name]


def work(point: Point) -> tuple[Applied, Told]:
    changes = 2 if point.undoes else 1
    applied = Applied(steps=1, changes=changes, on_failure=OnFailure.ROLLBACK if point.undoes else OnFailure.STOP)
    told = Told(dict(applied.server.things), idle=apply_text("s0", "c1"))
    applied.server = told
    applied.deadlines = Deadlines(host=HOST_SECONDS)
    return applied, told


def check_host(outcome: Outcome, applied: Applied) -> None:
    """What is said of a host is so."""
    things = set(applied.server.things.values())
    assert outcome is not CHANGED or things == {RIGHT}
    assert outcome is not ROLLED_BACK or things == {WRONG}
    assert all(times == 1 for times in applied.server.ran.values()), "a script ran twice"


@pytest.mark.parametrize(
    ("point", "act", "step", "lasting"),
    CASES,
    ids=[f"{point.name}-{act}-{step}-{'lasting' if lasting else 'once'}" for point, act, step, lasting in CASES],
)
def test_every_fault_at_every_step_of_a_change_comes_to_what_the_table_says(
    point: Point, act: Act, step: Step, lasting: bool
) -> None:
    fault = Fault(act, step, first=point.number, times=None if lasting else 1, session=point.session)
    applied, _ = work(point)
    time = Time()
    applied.seconds = time
    with served(applied, *point.behind, fault, time=time) as (lab, engine):
        row = applied.session()
        (outcome,) = came(row).values()
        check_host(outcome, applied)
        assert row.requests <= MOST_REQUESTS
        assert row.seconds <= applied.deadlines.host + LATE_SECONDS
        lab.host(KEY).plan.replace(())
        again = applied.session()
    (last,) = came(again).values()
    check_host(last, applied)
    assert (outcome, last) == expected(point, act, step, lasting=lasting)
    assert again.failure is None
    assert engine.broken == []
    assert applied.defects == []


AT_THE_END = {
    "recheck": FAILED,
    "apply": UNKNOWN,
    "probe": UNKNOWN,
    "verify": UNKNOWN,
    "rollback": UNKNOWN,
    "undone": UNKNOWN,
}


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_a_host_whose_time_is_over_at_any_step_ends_then_and_goes_on_another_time(point: Point) -> None:
    clock = Time()
    applied, told = work(point)
    applied.seconds = clock
    began = clock()

    def hears(session: InSession, number: int) -> None:
        if (session, number) == (point.session, point.number):
            clock.now = began + HOST_SECONDS

    told.hears = hears
    with served(applied, *point.behind, time=clock) as (_, engine):
        row = applied.session()
        (outcome,) = came(row).values()
        check_host(outcome, applied)
        assert outcome is AT_THE_END[point.name]
        assert row.seconds <= HOST_SECONDS + LATE_SECONDS
        again = applied.session()
    assert came(again) == {"s0": MENDED[point.name]}
    check_host(MENDED[point.name], applied)
    assert engine.broken == []

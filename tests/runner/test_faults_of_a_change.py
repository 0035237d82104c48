"""Every fault at every step of a change: what it comes to is written down here, and no host runs a script twice.

A fault strikes once, or from then on for ever. What a session comes to stands in two tables, and so does what the run
comes to once the host is mended and it goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from playbooks.model import OnFailure
from runner.lab.faults import Act, Fault, InSession, Step
from runner.moves import Outcome
from runner.transport.interface import Deadlines
from tests.runner.changeable import RIGHT, WRONG, Applied, Server, apply_text, came
from tests.runner.leaping import Time
from tests.runner.mishaps import Mishap, befall, befall_really, table, tables
from tests.runner.test_applying_over_the_lab import KEY, served

LATE_SECONDS = 5.0
HOST_SECONDS = 600.0
MOST_REQUESTS = 60
LOCKED, FULL = InSession.LOCKED, InSession.FULL
CHANGED, ROLLED_BACK = Outcome.CHANGED, Outcome.ROLLED_BACK


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

    def does(self, text: str) -> bool:
        self._hear(FULL)
        if text != self.idle:
            return super().does(text)
        self.ran[text] += 1
        return True

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

TABLE = table()
# The host said no, or what is no answer.
UNREPEATED = (Act.REFUSE, Act.XML_GARBAGE, Act.PSRP_GARBAGE)


def expected(point: Point, act: Act, step: Step, *, lasting: bool) -> tuple[Outcome, Outcome]:
    """What the session comes to, and the run once the host is mended."""
    if not lasting:
        return TABLE.once[point.name][act in UNREPEATED], TABLE.mended[point.name]
    ran = step is Step.RECEIVE or act in AFTER
    outcome = TABLE.lasting[point.name][ran]
    spent = point.session is FULL and not ran
    return outcome, outcome if spent else TABLE.mended[point.name]


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
        assert fault in lab.host(KEY).plan.struck, "it never struck"
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
        assert outcome is TABLE.over[point.name]
        assert row.seconds <= HOST_SECONDS + LATE_SECONDS
        again = applied.session()
    assert came(again) == {"s0": TABLE.mended[point.name]}
    check_host(TABLE.mended[point.name], applied)
    assert engine.broken == []


# Faults of the server are tried all; of those of the wire each third, and the others by `make soak-faults`.
FEW = [each for number, each in enumerate(TABLE.mishaps) if each.server is not None or number % 3 == 0]


@pytest.mark.parametrize("mishap", FEW, ids=lambda each: f"{each.on}: {each.what}")
def test_what_befalls_a_change_comes_to_what_the_table_says_and_in_time(
    mishap: Mishap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    befall(mishap, tmp_path, monkeypatch).check(mishap)


# One; the others by `make soak-faults`.
ONCE_AT_EVIDENCE = ("the answer is lost", "evidence", False)
SAMPLE = [each for each in TABLE.mishaps if (each.wire, each.at, each.lasts) == ONCE_AT_EVIDENCE]


@pytest.mark.real_powershell
@pytest.mark.parametrize("mishap", SAMPLE, ids=lambda each: f"{each.on}: {each.what}")
def test_so_it_does_over_a_real_powershell(
    mishap: Mishap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, powershell: Path
) -> None:
    befall_really(mishap, tmp_path, monkeypatch, powershell)


def test_the_page_of_faults_has_the_table() -> None:
    written = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"
    lines = written.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("|")] == list(tables(TABLE))

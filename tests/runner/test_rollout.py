"""Who is begun next, and when nobody is: for every order of ends, halts and clocks."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.rollout import Begin, Done, Halt, Letting, Rules, Wait, decide
from runner.terms import Ending
from runner.transport.failures import Cause, failure

DRAIN = Halt(Letting.DRAIN, Ending.INTERRUPTED, failure(Cause.INTERRUPTED, "drained"))
ABORT = Halt(Letting.ABORT, Ending.INTERRUPTED, failure(Cause.INTERRUPTED, "aborted"))
UNWRITABLE = Halt(Letting.ABORT, Ending.JOURNAL, failure(Cause.INTERRUPTED, "unwritable"))
LATE = Halt(Letting.ABORT, Ending.DEADLINE, failure(Cause.INTERRUPTED, "late"))


def test_hosts_are_begun_in_their_order_as_far_as_there_is_room() -> None:
    assert decide(Rules(3), ["c", "a", "b"], ["x"], None, 0.0) == Begin(("c", "a"))
    assert decide(Rules(1), ["a"], ["x"], None, 0.0) == Wait(None)
    assert decide(Rules(1, 60.0), ["a"], ["x"], None, 45.0) == Wait(15.0)
    assert decide(Rules(4), [], ["x"], None, 0.0) == Wait(None)
    assert decide(Rules(4), [], [], None, 0.0) == Done()


@pytest.mark.parametrize("halt", [DRAIN, ABORT, UNWRITABLE, LATE])
def test_a_halted_run_begins_nothing_and_is_over_with_the_last_host_in_work(halt: Halt) -> None:
    assert decide(Rules(3), ["a"], ["x"], halt, 0.0) == Wait(None)
    assert decide(Rules(3), ["a"], [], halt, 0.0) == Done()


def test_a_run_whose_time_is_up_is_aborted_also_where_it_was_being_drained() -> None:
    for before in (None, DRAIN):
        late = decide(Rules(3, 60.0), ["a"], ["x"], before, 60.0)
        assert isinstance(late, Halt)
        assert (late.letting, late.ending) == (Letting.ABORT, Ending.DEADLINE)
        assert decide(Rules(3, 60.0), ["a"], ["x"], late, 61.0) == Wait(None)
    assert decide(Rules(3, 60.0), ["a"], ["x"], ABORT, 60.0) == Wait(None)
    assert isinstance(decide(Rules(3, 60.0), ["a"], [], None, 60.0), Halt)
    assert decide(Rules(3, 60.0), [], [], None, 60.0) == Done()


def test_abort_outweighs_drain_and_an_unwritable_journal_outweighs_both() -> None:
    ranked = [DRAIN, ABORT, UNWRITABLE]
    for low, first in enumerate(ranked):
        assert first.outweighs(None)
        for high, second in enumerate(ranked):
            assert second.outweighs(first) == (high > low)
    assert not LATE.outweighs(ABORT)
    assert not ABORT.outweighs(LATE)


@dataclass
class Run:
    """A run on paper: what `decide` says is done, and what a test draws happens."""

    rules: Rules
    waiting: list[str]
    seconds: float = 0.0
    halt: Halt | None = None
    in_work: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    begun_after_halt: int = 0

    def step(self) -> bool:
        """Whether the run is over."""
        match decide(self.rules, self.waiting, self.in_work, self.halt, self.seconds):
            case Begin(hosts=hosts):
                assert hosts
                assert hosts == tuple(self.waiting[: len(hosts)])
                self.begun_after_halt += 0 if self.halt is None else len(hosts)
                self.begun += hosts
                self.in_work += hosts
                del self.waiting[: len(hosts)]
            case Halt() as halt:
                assert halt.outweighs(self.halt)
                self.halt = halt
            case Wait(seconds=seconds):
                assert self.in_work
                assert seconds is None or seconds > 0
            case Done():
                assert not self.in_work
                return True
        return False


@given(
    st.integers(1, 5),
    st.none() | st.floats(1.0, 50.0),
    st.integers(0, 12),
    st.lists(
        st.tuples(st.sampled_from(["end", "end", "end", "halt"]), st.integers(0, 4), st.floats(0.0, 9.0)), max_size=60
    ),
    st.lists(st.sampled_from([DRAIN, ABORT, UNWRITABLE]), min_size=1),
)
def test_whatever_happens_no_more_run_than_may_none_twice_and_every_run_ends(
    parallel: int,
    run_seconds: float | None,
    hosts: int,
    happenings: list[tuple[str, int, float]],
    halts: list[Halt],
) -> None:
    names = [f"h{number}" for number in range(hosts)]
    run = Run(Rules(parallel, run_seconds), list(names))
    over = False
    for what, which, passed in happenings:
        over = run.step()
        assert len(run.in_work) <= parallel
        if over:
            break
        run.seconds += passed
        if what == "halt":
            run.halt = halts[which % len(halts)] if halts[which % len(halts)].outweighs(run.halt) else run.halt
        elif run.in_work:
            run.in_work.pop(which % len(run.in_work))
    decisions = 0
    while not over:
        decisions += 1
        assert decisions <= 4 * hosts + 4
        before = len(run.in_work)
        over = run.step()
        if not over and len(run.in_work) == before and run.in_work:
            run.in_work.pop()
    assert run.begun == names[: len(run.begun)]
    assert run.begun_after_halt == 0
    assert run.halt is not None or run.begun == names

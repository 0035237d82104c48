"""Who is begun next, and when nobody is: for every order of ends, halts and clocks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.rollout import (
    Ask,
    Begin,
    Concern,
    Done,
    Halt,
    Health,
    Letting,
    Now,
    Rules,
    Wait,
    awaited,
    decide,
    wave_of,
    wave_sizes,
)
from runner.terms import Ending
from runner.transport.failures import Cause, failure

DRAIN = Halt(Letting.DRAIN, Ending.INTERRUPTED, failure(Cause.INTERRUPTED, "drained"))
ABORT = Halt(Letting.ABORT, Ending.INTERRUPTED, failure(Cause.INTERRUPTED, "aborted"))
UNWRITABLE = Halt(Letting.ABORT, Ending.JOURNAL, failure(Cause.INTERRUPTED, "unwritable"))
LATE = Halt(Letting.ABORT, Ending.DEADLINE, failure(Cause.INTERRUPTED, "late"))


def test_hosts_are_begun_in_their_order_as_far_as_there_is_room() -> None:
    assert decide(Rules(3), Now(["c", "a", "b"], ["x"], halt=None, seconds=0.0)) == Begin(("c", "a"))
    assert decide(Rules(1), Now(["a"], ["x"], halt=None, seconds=0.0)) == Wait(None)
    assert decide(Rules(1, 60.0), Now(["a"], ["x"], halt=None, seconds=45.0)) == Wait(15.0)
    assert decide(Rules(4), Now([], ["x"], halt=None, seconds=0.0)) == Wait(None)
    assert decide(Rules(4), Now([], [], halt=None, seconds=0.0)) == Done()


@pytest.mark.parametrize("halt", [DRAIN, ABORT, UNWRITABLE, LATE])
def test_a_halted_run_begins_nothing_and_is_over_with_the_last_host_in_work(halt: Halt) -> None:
    assert decide(Rules(3), Now(["a"], ["x"], halt=halt, seconds=0.0)) == Wait(None)
    assert decide(Rules(3), Now(["a"], [], halt=halt, seconds=0.0)) == Done()


def test_a_run_whose_time_is_up_is_aborted_also_where_it_was_being_drained() -> None:
    for before in (None, DRAIN):
        late = decide(Rules(3, 60.0), Now(["a"], ["x"], halt=before, seconds=60.0))
        assert isinstance(late, Halt)
        assert (late.letting, late.ending) == (Letting.ABORT, Ending.DEADLINE)
        assert decide(Rules(3, 60.0), Now(["a"], ["x"], halt=late, seconds=61.0)) == Wait(None)
    assert decide(Rules(3, 60.0), Now(["a"], ["x"], halt=ABORT, seconds=60.0)) == Wait(None)
    assert isinstance(decide(Rules(3, 60.0), Now(["a"], [], halt=None, seconds=60.0)), Halt)
    assert decide(Rules(3, 60.0), Now([], [], halt=None, seconds=60.0)) == Done()


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
    failed: int = 0
    ended: float | None = None
    asking: list[str] = field(default_factory=list)
    ever_asked: list[str] = field(default_factory=list)
    due: list[str] = field(default_factory=list)
    asked: int = 0
    unwell: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    @property
    def now(self) -> Now:
        health = Health(self.due, self.asked, self.unwell, self.lost)
        begun, at = len(self.begun), self.seconds
        return Now(self.waiting, self.in_work, begun, self.failed, self.halt, at, self.ended, self.asking, health)

    def end(self, which: int, *, failed: bool, concern: Concern = Concern.NONE) -> None:
        host = self.in_work.pop(which)
        self.failed += failed
        self.ended = self.seconds
        self.due += [host] if concern is Concern.ASK else []
        self.lost += [host] if concern is Concern.LOST else []

    def answer(self, which: int, *, well: bool) -> None:
        host = self.asking.pop(which)
        self.unwell |= {} if well else {host: "services is attention"}

    def step(self) -> bool:
        """Whether the run is over."""
        match decide(self.rules, self.now):
            case Begin(hosts=hosts):
                assert hosts
                assert set(hosts) <= set(self.waiting)
                self.begun_after_halt += 0 if self.halt is None else len(hosts)
                if self.asked:
                    self.asked, self.lost = 0, []
                self.begun += hosts
                self.in_work += hosts
                self.waiting = [host for host in self.waiting if host not in hosts]
            case Ask(hosts=hosts):
                assert hosts
                assert set(hosts) <= set(self.due)
                assert self.halt is None
                self.due = [host for host in self.due if host not in hosts]
                self.asking += hosts
                self.ever_asked += hosts
                self.asked += len(hosts)
            case Halt() as halt:
                assert halt.outweighs(self.halt)
                self.halt = halt
            case Wait(seconds=seconds):
                assert self.in_work or self.asking or self.rules.pause_seconds
                assert seconds is None or seconds > 0
                if not self.in_work and not self.asking:
                    assert seconds is not None
                    self.seconds += seconds
            case Done():
                assert not self.in_work
                assert not self.asking
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
            run.end(which % len(run.in_work), failed=False)
    decisions = 0
    while not over:
        decisions += 1
        assert decisions <= 4 * hosts + 4
        before = len(run.in_work)
        over = run.step()
        if not over and len(run.in_work) == before and run.in_work:
            run.end(-1, failed=False)
    assert run.begun == names[: len(run.begun)]
    assert run.begun_after_halt == 0
    assert run.halt is not None or run.begun == names


@pytest.mark.parametrize(
    ("written", "hosts", "sizes"),
    [
        (["1", "10%", "25%", "rest"], 37, (1, 3, 9, 24)),
        (["1", "10%", "25%", "rest"], 3, (1, 1, 1)),
        (["1", "5"], 12, (1, 5, 5, 1)),
        (["25%"], 10, (2, 2, 2, 2, 2)),
        (["10%", "rest"], 4, (1, 3)),
        (["100%"], 4, (4,)),
        ([], 4, (4,)),
        (["1", "rest"], 0, ()),
    ],
)
def test_sizes_of_waves(written: list[str], hosts: int, sizes: tuple[int, ...]) -> None:
    assert wave_sizes(written, hosts) == sizes


def test_a_wave_begins_when_the_last_has_ended_and_the_pause_is_over() -> None:
    rules = Rules(5, waves=(1, 2, 3), pause_seconds=60.0)
    hosts = ["a", "b", "c", "d", "e", "f"]
    assert decide(rules, Now(hosts, [])) == Begin(("a",))
    assert decide(rules, Now(hosts[1:], ["a"], begun=1)) == Wait(None)
    assert decide(rules, Now(hosts[1:], [], begun=1, seconds=10.0, ended=4.0)) == Wait(54.0)
    assert decide(rules, Now(hosts[1:], [], begun=1, seconds=64.0, ended=4.0)) == Begin(("b", "c"))
    assert decide(rules, Now(hosts[3:], ["c"], begun=3, seconds=70.0, ended=69.0)) == Wait(None)
    assert decide(rules, Now(hosts[3:], [], begun=3, seconds=200.0, ended=100.0)) == Begin(("d", "e", "f"))
    late = Rules(5, 61.0, waves=(1, 2, 3), pause_seconds=60.0)
    assert decide(late, Now(hosts[1:], [], begun=1, seconds=10.0, ended=4.0)) == Wait(51.0)
    assert isinstance(decide(late, Now(hosts[1:], [], begun=1, seconds=61.0, ended=4.0)), Halt)
    assert [wave_of(rules, number) for number in range(1, 8)] == [1, 2, 2, 3, 3, 3, 3]
    assert wave_of(Rules(5), 3) == 1


def test_a_spent_budget_drains_and_is_nothing_where_all_were_begun() -> None:
    rules = Rules(2, budget=1)
    halt = decide(rules, Now(["b"], ["a"], begun=2, failed=1))
    assert isinstance(halt, Halt)
    assert (halt.letting, halt.ending) == (Letting.DRAIN, Ending.BUDGET)
    assert "1 server failed" in halt.why.message
    assert decide(rules, Now([], ["a"], begun=2, failed=1)) == Wait(None)
    assert decide(rules, Now([], [], begun=2, failed=2)) == Done()


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Rules, list[str], list[bool]]:
    count = draw(st.integers(0, 30))
    names = [f"h{number}" for number in range(count)]
    labels = draw(st.lists(st.sampled_from([(), (("dag", "A"),), (("dag", "B"), ("rack", "1"))]), min_size=count,
                           max_size=count))  # fmt: skip
    spec = draw(st.lists(st.sampled_from(["1", "3", "10%", "25%"]), max_size=3)) + draw(st.sampled_from([[], ["rest"]]))
    rules = Rules(
        draw(st.integers(1, 8)),
        waves=wave_sizes(spec, count),
        pause_seconds=draw(st.sampled_from([0.0, 5.0])),
        limits=draw(st.sampled_from([{}, {"dag": 1}, {"dag": 2, "rack": 1}])),
        limited=dict(zip(names, labels, strict=True)),
        budget=draw(st.none() | st.integers(1, 5)),
    )
    return rules, names, draw(st.lists(st.booleans(), min_size=count, max_size=count))


@settings(max_examples=2000)
@given(fleets(), st.randoms(use_true_random=False))
def test_over_any_fleet_waves_limits_and_budget_hold_and_every_run_ends(
    fleet: tuple[Rules, list[str], list[bool]], random: Random
) -> None:
    rules, names, fails = fleet
    run = Run(rules, list(names))
    limit = dict(rules.limits)
    for _ in range(6 * len(names) + 6):
        before = list(run.in_work)
        failed_before = run.failed
        over = run.step()
        fresh = [host for host in run.in_work if host not in before]
        assert len(run.in_work) <= rules.parallel
        held = Counter(value for host in run.in_work for value in rules.limited[host])
        assert all(held[value] <= limit.get(value[0], len(names)) for value in held)
        if fresh:
            assert rules.budget is None or failed_before < rules.budget
            waves = {wave_of(rules, names.index(host) + 1) for host in run.in_work}
            assert len(waves) == 1, "two waves were in work together"
            assert all(wave_of(rules, names.index(host) + 1) >= max(waves) for host in run.waiting)
        if over:
            break
        if not fresh and run.in_work:
            which = random.randrange(len(run.in_work))
            run.end(which, failed=fails[names.index(run.in_work[which])])
        run.seconds += random.choice([0.0, 1.0])
    else:
        pytest.fail("the run did not end")
    if rules.budget is not None:
        assert run.failed <= rules.budget + rules.parallel - 1
    assert run.halt is not None or sorted(run.begun) == sorted(names)
    assert run.halt is None or (rules.budget is not None and run.failed >= rules.budget)


def test_the_hosts_of_a_wave_are_asked_behind_the_pause_and_before_the_next() -> None:
    rules = Rules(2, waves=(3, 2), pause_seconds=60.0, health=True)
    due = Health(["a", "b", "c"])
    assert decide(rules, Now(["d", "e"], ["b"], 3, seconds=9.0, ended=8.0, health=Health(["a"]))) == Wait(None)
    assert decide(rules, Now(["d", "e"], [], 3, seconds=9.0, ended=9.0, health=due)) == Wait(60.0)
    behind = Now(["d", "e"], [], 3, seconds=69.0, ended=9.0, health=due)
    assert decide(rules, behind) == Ask(("a", "b"))
    assert decide(rules, replace(behind, asking=["a", "b"], health=Health(["c"], 2))) == Wait(None)
    assert decide(rules, replace(behind, asking=["b"], health=Health(["c"], 2, {"a": "bad"}))) == Ask(("c",))
    assert decide(rules, replace(behind, asking=["c"], health=Health([], 3))) == Wait(None)
    assert decide(rules, replace(behind, health=Health([], 3))) == Begin(("d", "e"))
    assert decide(replace(rules, health=False), behind) == Begin(("d", "e"))


def test_a_wave_that_is_not_well_drains_the_run_and_names_who_is_not() -> None:
    rules = Rules(2, waves=(3, 2), health=True)
    halt = decide(rules, Now(["d"], [], 3, health=Health([], 3, {"b": "services is attention"})))
    assert isinstance(halt, Halt)
    assert (halt.letting, halt.ending) == (Letting.DRAIN, Ending.HEALTH)
    assert "1 server did not pass the health check: b (services is attention)" in halt.why.message
    many = {f"h{number}": "bad" for number in range(20)}
    halt = decide(rules, Now(["d"], [], 3, health=Health([], 20, many)))
    assert isinstance(halt, Halt)
    assert halt.why.message.endswith("h7 (bad), 12 more")
    assert decide(rules, Now([], [], 5, health=Health(["d"]))) == Done(), "behind the last wave nobody is asked"


def test_a_run_that_goes_on_asks_those_that_are_still_to_be_asked_before_it_begins_any() -> None:
    rules = Rules(2, waves=(3, 2), health=True)
    assert decide(rules, Now(["d", "e"], [], health=Health(["a"]))) == Ask(("a",))
    assert decide(rules, Now(["d", "e"], [], asking=["a"], health=Health([], 1))) == Wait(None)
    assert decide(rules, Now(["d", "e"], [], health=Health([], 1))) == Begin(("d", "e"))
    halt = decide(rules, Now(["d", "e"], [], health=Health([], 1, {"a": "bad"})))
    assert isinstance(halt, Halt)
    assert halt.ending is Ending.HEALTH


def test_a_wave_of_which_nobody_could_be_asked_drains_only_where_somebody_was_lost() -> None:
    rules = Rules(2, waves=(1, 2), health=True)
    halt = decide(rules, Now(["b", "c"], [], 1, health=Health(lost=["a"])))
    assert isinstance(halt, Halt)
    assert halt.ending is Ending.HEALTH
    assert decide(rules, Now(["b", "c"], [], 1, health=Health())) == Begin(("b", "c"))
    assert decide(rules, Now(["b", "c"], [], 1, health=Health([], 1, {}, ["a"]))) == Begin(("b", "c"))


def test_a_check_is_cut_short_by_the_end_of_the_runs_time_and_waited_for_in_a_drain() -> None:
    rules = Rules(2, 60.0, waves=(1, 2), health=True)
    late = decide(rules, Now(["b"], [], 1, seconds=60.0, asking=["a"], health=Health([], 1)))
    assert isinstance(late, Halt)
    assert late.ending is Ending.DEADLINE
    assert decide(rules, Now(["b"], [], 1, halt=DRAIN, asking=["a"], health=Health([], 1))) == Wait(60.0)
    assert decide(rules, Now(["b"], [], 1, halt=DRAIN, health=Health(["a"]))) == Done()


@settings(max_examples=2000)
@given(fleets(), st.randoms(use_true_random=False), st.sampled_from([0.0, 0.02, 0.3]))
def test_over_any_fleet_no_wave_is_begun_before_the_check_of_the_one_before_has_passed(
    fleet: tuple[Rules, list[str], list[bool]], random: Random, ill: float
) -> None:
    rules, names, fails = fleet
    rules = replace(rules, health=True)
    run = Run(rules, list(names))
    concerns = {name: random.choice(list(Concern)) for name in names}
    for name, failed in zip(names, fails, strict=True):  # one that was lost has failed
        concerns[name] = Concern.LOST if failed and concerns[name] is Concern.NONE else concerns[name]
    wave = {name: wave_of(rules, number) for number, name in enumerate(names, 1)}
    for _ in range(9 * len(names) + 9):
        before, asked_before = list(run.in_work), list(run.asking)
        over = run.step()
        fresh = [host for host in run.in_work if host not in before]
        assert len(run.in_work) + len(run.asking) <= rules.parallel
        if fresh:
            begins = wave[fresh[0]]
            earlier = [name for name in names if wave[name] < begins]
            asked = [name for name in earlier if concerns[name] is Concern.ASK]
            assert sorted(run.ever_asked) == sorted(asked), "each that was changed is asked, once, and before"
            assert not run.unwell
            for number in range(1, begins):
                of_wave = {concerns[name] for name in earlier if wave[name] == number}
                assert Concern.ASK in of_wave or Concern.LOST not in of_wave
        if over:
            break
        quiet = not fresh and run.asking == asked_before
        if quiet and run.in_work:
            which = random.randrange(len(run.in_work))
            host = run.in_work[which]
            run.end(which, failed=fails[names.index(host)], concern=concerns[host])
        elif quiet and run.asking:
            run.answer(random.randrange(len(run.asking)), well=random.random() >= ill)
        run.seconds += random.choice([0.0, 1.0])
    else:
        pytest.fail("the run did not end")
    assert rules.budget is None or run.failed <= rules.budget + rules.parallel - 1
    if run.halt is None:
        assert sorted(run.begun) == sorted(names)
    elif run.halt.ending is Ending.HEALTH:
        last = max(wave[name] for name in run.begun)
        assert sorted(run.begun) == sorted(name for name in names if wave[name] <= last), "the wave, and none beyond"
        if run.unwell:
            assert {wave[name] for name in run.unwell} == {last}
    else:
        assert run.halt.ending is Ending.BUDGET


def test_what_hosts_wait_for_is_said_in_words() -> None:
    rules = Rules(
        3,
        waves=(1, 3),
        pause_seconds=42.0,
        limits={"dag": 1},
        limited={"a/EX2": [("dag", "D1")], "a/EX3": [("dag", "D1")]},
    )
    after = ["a/EX2", "a/EX3", "a/EX4"]
    assert awaited(rules, Now(["a/EX1", *after], [])) == ""
    assert awaited(rules, Now(after, ["a/EX1"], begun=1)) == "the next wave waits for this one"
    assert awaited(rules, Now(after, [], begun=1, seconds=10.0, ended=9.0)) == "the next wave begins in 45 s"
    assert awaited(rules, Now(after, [], begun=1, seconds=52.0, ended=9.0)) == ""
    assert awaited(rules, Now(["a/EX3"], ["a/EX2", "a/EX4"], begun=3)) == "EX3 waits for dag D1"
    assert awaited(rules, Now([], ["a/EX2"], begun=4)) == ""

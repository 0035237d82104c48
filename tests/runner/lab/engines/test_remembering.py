"""What `sim` says from memory is what it says when it works it out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psrpcore.types import HostInfo

from runner.lab.engines.sim import SimEngine
from runner.lab.engines.sim.engine import built_in_templates
from runner.lab.engines.sim.remembering import LONGEST, Answers
from runner.lab.engines.sim.streams import Failed, Item, Output, Problem
from runner.lab.state import HostState, ScriptedAnswer
from tests.runner.lab.engines.client import Client, Said
from tests.runner.lab.engines.states import STATES
from tests.runner.lab.engines.timers import Slices, Timers

BUILT_IN = built_in_templates()

TEXTS = st.lists(st.text(max_size=5), max_size=2)
SCRIPTED = st.builds(
    ScriptedAnswer,
    script=st.sampled_from(["a", "b"]),
    output=st.lists(st.one_of(st.none(), st.integers(0, 9), st.just({"a": 1, "b": [1, "x"]})), max_size=3),
    verbose=TEXTS,
    warnings=TEXTS,
    errors=TEXTS,
    error=st.one_of(st.none(), st.text(min_size=1, max_size=5)),
)


def heard(said: Said) -> tuple[object, ...]:
    errors = [str(each.Exception.Message) for each in said.errors]
    return (said.records, said.verbose, said.warnings, errors, said.host_calls, said.order, said.state, said.problem)


@given(
    st.lists(SCRIPTED, min_size=1, max_size=2),
    st.lists(st.sampled_from(["a", "b", "unknown", "a\nexit $LASTEXITCODE"]), min_size=1, max_size=4),
    st.booleans(),
)
def test_an_answer_from_memory_is_the_one_that_was_worked_out(
    answers: list[ScriptedAnswer], scripts: list[str], shown: bool
) -> None:
    state = HostState(name="EX1", answers=answers)
    engine = SimEngine(Timers().call_later)
    said = []
    for other in (not shown, shown, shown):  # the first fills the memory for a client of the other kind
        host = HostInfo(IsHostNull=not other, IsHostUINull=not other, IsHostRawUINull=True)
        with Client(engine, state, host=host) as client:
            said.append(heard(client.run(*scripts)))
    with Client(
        SimEngine(Timers().call_later),
        state,
        host=HostInfo(IsHostNull=not shown, IsHostUINull=not shown, IsHostRawUINull=True),
    ) as client:
        assert said[1] == said[2] == heard(client.run(*scripts))


@pytest.mark.parametrize("action", sorted(BUILT_IN))
def test_servers_that_differ_each_get_their_own_answer(action: str) -> None:
    states = list(STATES.values())
    engine = SimEngine(Slices().call_later)
    said = []
    for state in [*states, *reversed(states)]:
        with Client(engine, state) as client:
            said.append(heard(client.run(BUILT_IN[action])))
    assert said == said[::-1]
    for state, remembered in zip(states, said, strict=False):
        with Client(SimEngine(Slices().call_later), state) as client:
            assert heard(client.run(BUILT_IN[action])) == remembered


def counted(times: list[int], items: list[Item]) -> Iterator[Item]:
    times.append(len(items))
    yield from items


PROBLEM = Failed(Problem("no", "Id", "NotSpecified"))


@pytest.mark.parametrize(
    ("items", "times"),
    [
        ([Output(1)], 1),
        ([Output(1), PROBLEM], 1),
        ([Output(1)] * LONGEST, 1),
        ([Output(1)] * (LONGEST + 1), 3),  # said in slices, so worked out as it is said
    ],
)
def test_an_answer_is_worked_out_once_unless_it_is_long(items: list[Item], times: int) -> None:
    answers, worked_out = Answers(), list[int]()
    for _ in range(3):
        for item in answers.said(PROBLEM, "script", lambda: counted(worked_out, items)):
            if isinstance(item, Failed):
                break
    assert len(worked_out) == times


def test_of_many_answers_the_latest_are_kept() -> None:
    answers, worked_out = Answers(2), list[int]()
    for script in ("a", "b", "a", "c", "a", "b"):
        assert list(answers.said(PROBLEM, script, lambda: counted(worked_out, [Output(1)])))
    assert len(worked_out) == 4  # a, b, c, and b again


def test_an_answer_that_was_stopped_half_way_is_not_kept() -> None:
    answers, worked_out = Answers(), list[int]()
    for _ in range(2):
        next(answers.said(PROBLEM, "script", lambda: counted(worked_out, [Output(1), Output(2)])))
    assert len(worked_out) == 2

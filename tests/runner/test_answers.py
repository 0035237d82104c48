"""What counts as an answer: all of it as declared, or nothing."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.model import ActionContract, PropertySpec
from playbooks.observation import NotObserved, Observed, Unread
from playbooks.values import Value
from runner.answers import observation_of
from runner.transport.failures import NEXT, Cause, failure
from runner.transport.interface import (
    Capped,
    Completed,
    ErrorText,
    NotRun,
    Script,
    ScriptResult,
    Streams,
    Terminated,
    TimedOut,
)
from tests.runner.fleets import CONTRACT

SCRIPT = Script("state", "Get-State")
WIDE = CONTRACT.model_copy(
    update={
        "outputs": {
            "State": {"Value": PropertySpec(type="text")},
            "Many": {
                "Number": PropertySpec(type="number"),
                "Count": PropertySpec(type="integer?", values=[0, 7]),
                "Yes": PropertySpec(type="boolean"),
                "Names": PropertySpec(type="text[]", values=["a", "b"]),
                "Free": PropertySpec(type="text[]?"),
            },
        }
    }
)
GOOD = {"Kind": "Many", "Number": 1.5, "Count": None, "Yes": True, "Names": ("a",), "Free": None}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=4),
    st.datetimes(timezones=st.just(UTC)),
)
keys = st.one_of(st.sampled_from(["Kind", "What", "Why", "Value", "Number", "Names", "kind"]), st.text(max_size=5))
values: st.SearchStrategy[Value] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
        st.dictionaries(keys, st.sampled_from(["State", "Many", "Unread", "exrun.batch"]), max_size=3),
    ),
    max_leaves=6,
)
hostile = st.lists(st.one_of(values, st.just({"Kind": "State", "Value": "x"}), st.just(GOOD)), max_size=4).map(tuple)
errors = st.builds(ErrorText, st.text(max_size=9), st.text(max_size=9), st.text(max_size=9))
streams = st.builds(Streams, hostile, st.lists(errors, max_size=2).map(tuple))
results: st.SearchStrategy[ScriptResult] = st.one_of(
    st.builds(Completed, st.just(SCRIPT), streams, st.just(1.0)),
    st.builds(Terminated, st.just(SCRIPT), errors, streams, st.just(1.0)),
    st.builds(TimedOut, st.just(SCRIPT), st.floats(0, 100), streams),
    st.builds(Capped, st.just(SCRIPT), st.one_of(st.just("max_bytes"), st.text(max_size=9)), st.integers()),
    st.builds(
        NotRun,
        st.just(SCRIPT),
        st.builds(failure, st.sampled_from(Cause), st.text(max_size=9)),
        st.none() | st.booleans(),
    ),
)


def completed(*output: Value, errors: tuple[ErrorText, ...] = ()) -> Completed:
    return Completed(SCRIPT, Streams(output, errors), 0.1)


@settings(max_examples=300)
@given(results)
def test_no_answer_however_hostile_raises_and_what_counts_is_as_declared(result: ScriptResult) -> None:
    observation = observation_of(result, WIDE)
    match observation:
        case NotObserved(cause, reason):
            assert cause in {"contract", "timeout", "cap", "script-error", "not-run"}
            assert reason.isprintable()
            assert len(reason) < 2000
        case Observed(records, unread):
            assert isinstance(result, Completed)
            assert not result.streams.errors
            assert len(records) + len(unread) == len(result.streams.output)
            for record in records:
                declared = WIDE.outputs[str(record["Kind"])]
                assert set(record) == {"Kind", *declared}
                assert all(spec.domain.has(record[name]) for name, spec in declared.items())


def test_records_stay_in_order_and_unread_ones_are_kept_apart() -> None:
    first, second = {"Kind": "State", "Value": "1"}, {"Kind": "State", "Value": "2"}
    unread = {"Kind": "Unread", "What": "HKLM:\\X", "Why": "access denied"}
    assert observation_of(completed(first, unread, second), CONTRACT) == Observed(
        (first, second), (Unread("HKLM:\\X", "access denied"),)
    )


def test_an_empty_answer_is_an_answer() -> None:
    assert observation_of(completed(), CONTRACT) == Observed(())


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("text", "it is text, not a record"),
        ({"Value": "x"}, "it has no Kind"),
        ({"Kind": 7, "Value": "x"}, "it has no Kind"),
        ({"Kind": "exrun.batch", "Script": "00"}, "the Kind 'exrun.batch' is not declared"),
        ({"Kind": "state", "Value": "x"}, "the Kind 'state' is not declared"),
        ({"Kind": "State"}, "State lacks the property Value"),
        ({"Kind": "State", "Value": "x", "More": 1}, "State has the property 'More', which is not declared"),
        ({"Kind": "State", "Value": 7}, "State.Value is an integer, not text"),
        ({"Kind": "Unread", "What": "x"}, "Unread lacks the property Why"),
        ({"Kind": "Unread", "What": "x", "Why": None}, "Unread.Why is null, not text"),
        ({**GOOD, "Number": True}, "Many.Number is a boolean, not number"),
        ({**GOOD, "Number": float("nan")}, "Many.Number is NaN or infinite, not number"),
        ({**GOOD, "Count": 1.0}, "Many.Count is a number, not integer?"),
        ({**GOOD, "Yes": 1}, "Many.Yes is an integer, not boolean"),
        ({**GOOD, "Names": "a"}, "Many.Names is text, not text[]"),
        ({**GOOD, "Names": ("a", None)}, "Many.Names is an array, not text[]"),
        ({**GOOD, "Names": None}, "Many.Names is null, not text[]"),
    ],
)
def test_one_object_that_is_not_as_declared_costs_the_whole_answer(output: Value, said: str) -> None:
    observation = observation_of(completed(GOOD, output), WIDE)
    assert isinstance(observation, NotObserved)
    assert observation.cause == "contract"
    assert observation.reason == f"object 2 of the answer is not what the action declares: {said}"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"Count": 8}, "Many.Count is '8', which is not among its values"),
        ({"Names": ("a", "A")}, "Many.Names is \"('a', 'A')\", which is not among its values"),
    ],
)
def test_a_value_that_the_contract_does_not_list_costs_the_whole_answer(changed: dict[str, Value], said: str) -> None:
    observation = observation_of(completed(GOOD | changed), WIDE)
    assert isinstance(observation, NotObserved)
    assert said in observation.reason


def test_a_declared_answer_of_every_type_is_observed() -> None:
    assert observation_of(completed(GOOD), WIDE) == Observed((GOOD,))


def test_an_error_that_did_not_end_the_script_makes_its_answer_incomplete() -> None:
    result = completed({"Kind": "State", "Value": "good"}, errors=(ErrorText("denied", "Id,Cmd"), ErrorText("more")))
    assert observation_of(result, CONTRACT) == NotObserved(
        "script-error",
        "the script went on after an error, so its answer may lack something: denied [Id,Cmd] (and 1 more)",
    )


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (
            Terminated(SCRIPT, ErrorText("no\x1b[2J", "Id"), Streams(({"Kind": "State", "Value": "good"},)), 1.0),
            NotObserved("script-error", "the script ended in an error: no [2J [Id]"),
        ),
        (
            TimedOut(SCRIPT, 30.0, Streams(({"Kind": "State", "Value": "good"},))),
            NotObserved("timeout", "the script did not end within 30 s and was stopped"),
        ),
        (
            Capped(SCRIPT, "max_objects", 20_000),
            NotObserved("cap", "the answer has more than 20000 objects and was dropped"),
        ),
        (
            NotRun(SCRIPT, failure(Cause.CONNECTION_LOST, "gone"), started=False),
            NotObserved("not-run", "connection-lost: gone", NEXT[Cause.CONNECTION_LOST]),
        ),
    ],
)
def test_an_answer_that_did_not_come_to_its_end_is_none(result: ScriptResult, expected: NotObserved) -> None:
    assert observation_of(result, CONTRACT) == expected


@pytest.mark.parametrize("started", [None, True])
def test_of_a_script_that_gave_no_answer_it_is_said_that_it_may_have_run(started: bool | None) -> None:
    said = observation_of(NotRun(SCRIPT, failure(Cause.CONNECTION_LOST, "gone"), started), CONTRACT)
    assert said == NotObserved("not-run", "connection-lost: gone; its script may have run", NEXT[Cause.CONNECTION_LOST])


def test_the_contract_of_a_test_is_a_contract() -> None:
    assert ActionContract.model_validate(WIDE.model_dump()) == WIDE

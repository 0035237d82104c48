"""What would be done now against what was approved: every way in which they can differ has its name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.changes import Barred, Change
from runner.plan.drift import Differs, Gone, Moved, New, Rewritten, drift, in_words
from runner.plan.records import PlannedChange
from tests.runner.plan.plans import CHANGES, planned, sha

A = Change("start-type.a", "Set a to Automatic", {"name": "a"}, {"StartMode": "Disabled"}, {"StartMode": "Auto"})
B = Change("start-type.b", "Set b to Automatic", {"name": "b"}, {"StartMode": "Disabled"}, {"StartMode": "Auto"})
FIRST, SECOND = planned(A, "apply a", "undo a"), planned(B, "apply b", "undo b")
PLANNED = st.lists(CHANGES, max_size=4, unique_by=lambda change: change.id).map(
    lambda changes: [planned(each, f"apply {each}", f"undo {each}") for each in changes]
)


def test_each_difference_has_its_name_and_its_words() -> None:
    manual = planned(replace(A, before={"StartMode": "Manual"}), "apply a", "undo to manual")
    rewritten = planned(A, "apply a, newer", "undo a")
    assert drift([FIRST, SECOND], [FIRST, SECOND]) == ()
    assert drift([FIRST, SECOND], []) == ()
    assert drift([FIRST, SECOND], [FIRST]) == (Gone(SECOND),)
    assert drift([FIRST], [FIRST, SECOND]) == (New(SECOND),)
    assert drift([FIRST, SECOND], [SECOND, FIRST]) == (Moved(),)
    assert drift([FIRST], [rewritten]) == (Rewritten(FIRST),)
    (differs,) = drift([FIRST], [manual])
    assert isinstance(differs, Differs)
    assert in_words(differs) == "Set a to Automatic: before.StartMode was Disabled, is Manual"
    for each in (New(FIRST), Gone(FIRST), Rewritten(FIRST), Moved()):
        assert in_words(each)


def test_what_stands_where_a_planned_change_would_act_is_named_also_where_nothing_is_to_be_done() -> None:
    other = Barred("start-type.a", {"StartMode": "Manual"})
    (stands,) = drift([FIRST, SECOND], [], [other, Barred("start-type.c", {"StartMode": "Manual"})])
    assert in_words(stands) == "Set a to Automatic: before.StartMode was Disabled, is Manual"
    assert drift([FIRST, SECOND], [SECOND], [other]) == (stands,)
    assert drift([FIRST, SECOND], [FIRST, SECOND], [other]) == ()
    (same,) = drift([FIRST], [], [Barred("start-type.a", {"StartMode": "Disabled"})])
    assert in_words(same) == "Set a to Automatic: it can be done no more"


@given(PLANNED, PLANNED)
def test_nothing_differs_only_where_the_same_scripts_would_be_sent_in_the_same_order(
    was: list[PlannedChange], now: list[PlannedChange]
) -> None:
    def scripts(changes: list[PlannedChange]) -> list[tuple[str, str, str | None]]:
        return [(each.change.id, each.apply, each.rollback) for each in changes]

    assert bool(drift(was, now)) == (bool(now) and scripts(was) != scripts(now))
    assert drift(was, was) == ()


@given(PLANNED, CHANGES)
def test_what_does_not_reach_a_script_is_no_drift(was: list[PlannedChange], other: Change) -> None:
    restated = [replace(each, change=replace(each.change, before=other.before)) for each in was]
    assert drift(was, restated) == ()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (replace(A, title="Rotate a log"), "title was Rotate a log, is Set a to Automatic"),
        (replace(A, disturbs="nothing"), "disturbs was nothing, is "),
        (replace(A, after={"StartMode": "Disabled"}), "after.StartMode was Disabled, is Auto"),
    ],
)
def test_what_was_read_of_a_change_when_it_was_approved_is_what_is_to_be_said_of_it(said: Change, words: str) -> None:
    (differs,) = drift([replace(FIRST, change=said)], [FIRST])
    assert in_words(differs).endswith(words)


@pytest.mark.parametrize("script", ["evidence", "confirm", "poll"])
def test_a_change_drifts_with_each_script_that_belongs_to_it(script: str) -> None:
    assert drift([FIRST], [replace(FIRST, **{script: sha("other")})]) == (Rewritten(FIRST),)  # type: ignore[arg-type]

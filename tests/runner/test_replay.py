"""No row of a journal reassures: wherever a script may have run, or a change is not settled, the row says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.findings import Verdict
from runner.events import (
    HostEnded,
    HostEvent,
    HostStarted,
    Newer,
    NotRun,
    Purpose,
    RunEvent,
    ScriptAnswered,
    ScriptSending,
    StepAssessed,
)
from runner.replay import replay
from runner.results import HostResult, Judged, NotReached, Outcome
from runner.state import fold
from runner.transport.failures import Cause, failure
from tests.runner.happenings import (
    COMPLETED,
    ENDED,
    INTERRUPTED,
    answered,
    assessed,
    host_ended,
    recorded,
    sending,
    settled,
)
from tests.runner.test_state import HOST, LOST, STARTED, happenings, legal

CHANGES = [purpose for purpose in Purpose if purpose.changes]
UNSTARTED = NotRun(False, failure(Cause.REFUSED, "refused"))
HIDDEN = Newer("collect", "script-sending", {"purpose": "isolate"}, "EX1", "`purpose` is 'isolate'")


def row_of(*told: RunEvent | HostEvent | Newer) -> HostResult:
    """EX1's, of a journal with these events."""
    [one] = recorded(ENDED)
    state = fold([replace(one, sequence=at, event=event) for at, event in enumerate((STARTED, *told), start=1)])
    assert state is not None
    [row] = [row for row in replay([state]).hosts if row.name == "EX1"]
    return row


def summary(row: HostResult, step: str = "version") -> str:
    assert isinstance(row, Judged)
    [found] = [each.assessment.summary for each in row.steps if each.step == step]
    return found


@pytest.mark.parametrize("purpose", [each for each in Purpose if each is not Purpose.HEALTH])
def test_a_run_that_was_killed_after_an_intent_of_any_purpose_does_not_say_that_nothing_was_sent(
    purpose: Purpose,
) -> None:
    row = row_of(HOST, sending(purpose=purpose))
    assert row.outcome is Outcome.UNKNOWN
    wanted = f"attempt 1 to {purpose} version" if purpose.changes else "its script may have run"
    assert wanted in summary(row)


@pytest.mark.parametrize("purpose", CHANGES)
def test_a_change_that_is_not_settled_outweighs_whatever_was_judged_of_its_step(purpose: Purpose) -> None:
    told = [HOST, sending(), assessed(), sending(purpose=purpose), answered(purpose=purpose), host_ended()]
    row = row_of(*told, ENDED)
    assert (row.verdict, row.outcome) == (Verdict.UNKNOWN, Outcome.UNKNOWN)
    assert f"it is not settled what became of attempt 1 to {purpose} version" in summary(row)
    assert summary(row_of(*told, settled(purpose=purpose), ENDED)) == "well"


def test_an_answer_that_is_a_lost_connection_is_none() -> None:
    lost, unstarted = (row_of(HOST, sending(), answered(answer=each), INTERRUPTED) for each in (LOST, UNSTARTED))
    assert "its script may have run" in summary(lost)
    assert "answered" not in summary(lost)
    assert "may have run" not in summary(unstarted)
    assert "answered" not in summary(unstarted)


def test_a_second_attempt_that_surely_did_not_begin_says_nothing_of_the_first() -> None:
    again = replace(sending(number=2), again_after=LOST.failure)
    row = row_of(HOST, sending(), again, answered(number=2, answer=UNSTARTED), INTERRUPTED)
    assert "its script may have run" in summary(row)


@pytest.mark.parametrize("before", [[], [HOST], [HOST, host_ended()], [HOST, sending(), assessed(), host_ended()]])
def test_a_host_of_which_a_line_of_tomorrow_speaks_is_unknown(before: list[HostEvent]) -> None:
    row = row_of(*before, HIDDEN)
    assert row.outcome is Outcome.UNKNOWN
    assert "not all that the journal says of this server can be read here" in row.why
    assert "no script had been sent" not in row.why


def test_an_end_of_the_run_in_words_of_tomorrow_is_not_called_a_kill() -> None:
    row = row_of(HOST, Newer("run", "run-interrupted", {"reason": "frozen"}, None, "`reason` is 'frozen'"))
    assert "killed" not in row.why
    assert "not all of its journal can be" in row.why
    assert "scripts may have run" in row.why


seen: Counter[str] = Counter()


@settings(max_examples=500, deadline=None)
@given(st.lists(happenings, max_size=30))
def test_no_row_of_any_journal_hides_that_something_may_have_run(drawn: list[RunEvent | HostEvent | Newer]) -> None:
    journal = legal(drawn)
    state = fold(journal)
    assert state is not None
    for row in replay([state]).hosts:
        mine = [each.event for each in journal if getattr(each.event, "host", None) == row.name]
        sent = [each for each in mine if isinstance(each, ScriptSending)]
        unread = any(isinstance(each, Newer) for each in mine)
        if sent or unread:
            assert not isinstance(row, NotReached)
            assert "no script had been sent" not in row.why
        if unread:
            assert row.outcome is Outcome.UNKNOWN
        for attempt in state.hosts[row.name].unsettled if row.name in state.hosts else ():
            assert row.outcome is Outcome.UNKNOWN
            assert "it is not settled what became of" in summary(row, attempt.key.step)
            seen["unsettled"] += 1
        for step in _without_a_word(mine) if isinstance(row, Judged) else ():
            assert "may have run" in summary(row, step) or "not settled" in summary(row, step)
            seen["without a word"] += 1
        seen["unread"] += unread
        seen["nothing sent"] += isinstance(row, NotReached)


def _without_a_word(mine: Sequence[object]) -> set[str]:
    """Steps for which something was sent that may have begun, and of which nothing was heard or judged."""
    sent = {step for each in mine if isinstance(each, ScriptSending) for step in each.scripts[0].steps}
    heard: set[str] = set()
    for each in mine:
        if isinstance(each, StepAssessed) or (isinstance(each, ScriptAnswered) and each.answer == COMPLETED):
            heard.add(each.step)
    # The steps share one script: an answer for one is an answer for all.
    return sent if not heard else set()


def test_the_property_above_was_about_something() -> None:
    assert {"unsettled", "without a word", "unread", "nothing sent"} == set(+seen)


def test_what_is_legal_here_begins_and_ends_hosts() -> None:
    assert [type(each.event) for each in legal([host_ended()])][1:] == [HostStarted, HostEnded]

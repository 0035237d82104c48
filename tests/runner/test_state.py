"""The state of a run is a fold over its records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.events import Event, Phase
from runner.journal.lines import Line
from runner.journal.verification import read
from runner.state import Answered, ContradictionError, RunPhase, RunState, Sent, advance, fold
from tests.runner.journal.journals import SCRIPT, CountingDisk, opened, write_audit


def records(state: Path, *entries: tuple[Event, str | None, str | None, str | None]) -> tuple[Line, ...]:
    """A written journal of these events with host, step and script hash."""
    with opened(state, disk=CountingDisk()) as journal:
        for event, host, step, script in entries:
            journal.record(Phase.RUN, event, host=host, step=step, script_hash=script)
    return read(journal.path)[0]


START = (Event.RUN_STARTED, None, None, None)
HOST = (Event.HOST_STARTED, "EX1", None, None)
SEND = (Event.SCRIPT_SENDING, "EX1", "version", SCRIPT)
ANSWER = (Event.SCRIPT_ANSWERED, "EX1", "version", SCRIPT)
END = (Event.RUN_ENDED, None, None, None)
RESUME = (Event.RUN_RESUMED, None, None, None)
HOST_END = (Event.HOST_ENDED, "EX1", None, None)


def audited(state: Path) -> RunState:
    with opened(state) as journal:
        write_audit(journal)
    folded = fold(read(journal.path)[0])
    assert folded is not None
    return folded


def test_an_interrupted_audit_says_which_hosts_have_answered_and_which_have_not(tmp_path: Path) -> None:
    state = audited(tmp_path)
    assert (state.run, state.client, state.phase) == ("r1", "alpha", RunPhase.INTERRUPTED)
    assert (state.started, state.ended) == ({"playbook": "exchange-audit"}, {"signal": "SIGINT"})
    assert state.overrides == ({"option": "--allow-cleartext"},)
    assert state.script_texts[SCRIPT]["text"] == "Get-Item"
    answered = state.hosts["EX1"].scripts["version"]
    assert isinstance(answered, Answered)
    assert answered.data == {"outcome": "completed", "objects": 1}
    assert state.hosts["EX1"].assessments["version"].data == {"verdict": "ok"}
    assert state.hosts["EX1"].ended == {"outcome": "compliant"}
    assert state.hosts["EX2"].ended is None
    assert isinstance(state.hosts["EX2"].scripts["version"], Sent)
    assert [(host, step) for host, step, _ in state.unsettled] == [("EX2", "version")]


def test_an_empty_journal_has_no_state() -> None:
    assert fold([]) is None


def test_a_resumed_run_still_knows_what_was_sent_without_an_answer(tmp_path: Path) -> None:
    state = fold(records(tmp_path, START, HOST, SEND, RESUME, HOST))
    assert state is not None
    assert (state.phase, state.resumed) == (RunPhase.RUNNING, 1)
    assert [(host, step) for host, step, _ in state.unsettled] == [("EX1", "version")]


def test_the_state_cannot_be_changed_from_outside(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        audited(tmp_path).hosts["EX3"] = None  # type: ignore[index]


OTHER = (Event.SCRIPT_ANSWERED, "EX1", "version", "0" * 64)


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([HOST], "had not started"),
        ([START, START], "had started before"),
        ([START, HOST, HOST], "EX1 had started before"),
        ([START, SEND], "EX1 had not started"),
        ([START, HOST, ANSWER], "no intent"),
        ([START, HOST, SEND, OTHER], "no intent"),
        ([START, HOST, SEND, ANSWER, ANSWER], "no intent"),
        ([START, HOST, HOST_END, SEND], "EX1 had ended"),
        ([START, END, HOST], "had ended and was not resumed"),
        ([START, (Event.HOST_STARTED, None, None, None)], "names no host"),
        ([START, HOST, (Event.SCRIPT_SENDING, "EX1", None, SCRIPT)], "names no step"),
        ([START, HOST, (Event.SCRIPT_SENDING, "EX1", "version", None)], "names no script hash"),
    ],
)
def test_records_that_no_run_can_have_written_are_named_with_their_line(
    tmp_path: Path, entries: list[tuple[Event, str | None, str | None, str | None]], why: str
) -> None:
    with pytest.raises(ContradictionError, match=why) as raised:
        fold(records(tmp_path, *entries))
    assert raised.value.sequence == len(entries)


def test_a_record_of_another_client_is_a_contradiction(tmp_path: Path) -> None:
    with opened(tmp_path, client="beta") as other:
        other.record(Phase.CONNECT, Event.HOST_STARTED, host="EX1")
    with pytest.raises(ContradictionError, match="another run or client"):
        fold([*records(tmp_path, START), *read(other.path)[0]])


entries = st.lists(
    st.tuples(
        st.sampled_from(Event),
        st.sampled_from([None, "EX1", "EX2"]),
        st.sampled_from([None, "version", "patch"]),
        st.sampled_from([None, SCRIPT]),
    ),
    max_size=8,
)


@settings(max_examples=200)
@given(entries, st.booleans())
def test_folding_all_records_is_advancing_over_each(
    found: list[tuple[Event, str | None, str | None, str | None]], begun: bool
) -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    some = [START, HOST, SEND, *found] if begun else found
    journal = [
        Line(number, at, "r1", "alpha", host, step, Phase.RUN, event, script, "ops@desk", {"n": number}, "0" * 64)
        for number, (event, host, step, script) in enumerate(some, start=1)
    ]

    def advanced() -> RunState | None:
        state: RunState | None = None
        for record in journal:
            state = advance(state, record)
        return state

    def outcome(function: Callable[[], RunState | None]) -> object:
        try:
            return function()
        except ContradictionError as error:
            return str(error)

    assert outcome(lambda: fold(journal)) == outcome(advanced)

"""The state of a run is a fold over its events: it never forgets an attempt of which nobody knows what became."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.events import (
    Answer,
    ConnectionRetried,
    Drifted,
    EvidenceKept,
    EvidenceMissed,
    HealthAnswered,
    HealthAsked,
    HostEvent,
    HostStarted,
    Intent,
    Newer,
    NotRun,
    Overridden,
    PoolReplaced,
    Purpose,
    Recorded,
    RunEvent,
    RunResumed,
    ScriptNamed,
    ScriptSending,
    Settled,
    StepAssessed,
    TailDropped,
    Terminated,
)
from runner.state import ContradictionError, Key, RunPhase, RunState, Standing, advance, fold
from runner.transport.failures import Cause, failure
from runner.transport.interface import ErrorText
from tests.runner.happenings import (
    COMPLETED,
    ENDED,
    INTERRUPTED,
    SCRIPT,
    answered,
    assessed,
    host_ended,
    recorded,
    sending,
    settled,
)
from tests.runner.happenings import STARTED as RUN

STEPS = tuple(replace(RUN.steps[0], id=step) for step in ("version", "patch", "again", "other"))
STARTED = replace(RUN, steps=STEPS)
HOST = HostStarted("EX1", "ex1.example", 5985)
LOST = NotRun(None, failure(Cause.CONNECTION_LOST, "the connection went"))
APPLY, PROBE, COLLECT, HEALTH = Purpose.APPLY, Purpose.PROBE, Purpose.COLLECT, Purpose.HEALTH
ASKED, WELL = HealthAsked("EX1", "ex1.example", 5985), HealthAnswered("EX1", True, "", 5, 0.5)
CHANGES = [purpose for purpose in Purpose if purpose.changes]


def folded(*events: RunEvent | HostEvent) -> RunState:
    state = fold(recorded(STARTED, *events))
    assert state is not None
    return state


def open_attempts(state: RunState) -> list[tuple[str, Key]]:
    return [(host, attempt.key) for host, attempt in state.unsettled]


def test_an_interrupted_audit_says_which_hosts_have_answered_and_which_have_not() -> None:
    override = Overridden("--allow-cleartext", "", ("EX1",))
    named = ScriptNamed(SCRIPT, ("version",), "Get-Item")
    other = HostStarted("EX2", "ex2.example", 5985)
    told = (override, named, HOST, other, sending(), sending("EX2"), assessed(), host_ended(), INTERRUPTED)
    state = folded(*told)
    assert (state.run, state.client, state.phase) == ("r1", "alpha", RunPhase.INTERRUPTED)
    assert (state.started, state.ended) == (STARTED, INTERRUPTED)
    assert state.overrides == (override,)
    assert state.script_texts == {SCRIPT: named}
    attempt = state.hosts["EX1"].attempts[Key("version", COLLECT, 1)]
    assert (attempt.standing, attempt.answer) == (Standing.ANSWERED, COMPLETED)
    assert state.hosts["EX1"].assessed == {"version": assessed()}
    assert state.hosts["EX1"].ended == host_ended()
    assert state.hosts["EX2"].ended is None
    assert open_attempts(state) == [("EX2", Key("version", COLLECT, 1))]


def test_an_empty_journal_has_no_state() -> None:
    assert fold([]) is None


def test_a_resumed_run_still_knows_what_was_sent_without_an_answer() -> None:
    state = folded(HOST, sending(), RunResumed(), HOST)
    assert (state.phase, state.resumed) == (RunPhase.RUNNING, 1)
    assert open_attempts(state) == [("EX1", Key("version", COLLECT, 1))]


def test_the_state_cannot_be_changed_from_outside() -> None:
    with pytest.raises(TypeError):
        folded(HOST).hosts["EX3"] = None  # type: ignore[index]


def test_a_script_that_steps_share_is_one_attempt_and_its_answer_stands_once() -> None:
    both = ScriptSending("EX1", COLLECT, (Intent(SCRIPT, ("version", "again"), 1),), None)
    second = replace(assessed(), step="again", answer=None)
    state = folded(HOST, both, assessed(), second)
    assert list(state.hosts["EX1"].attempts) == [Key("version", COLLECT, 1)]
    found = state.hosts["EX1"].attempt_for("again")
    assert found is not None
    assert found.answer == COMPLETED
    assert open_attempts(state) == []


def test_what_was_read_again_after_a_loss_is_no_longer_open() -> None:
    again = replace(sending(number=2), again_after=LOST.failure)
    state = folded(HOST, sending(), again)
    assert [attempt.standing for attempt in state.hosts["EX1"].attempts.values()] == [
        Standing.SUPERSEDED,
        Standing.SENT,
    ]
    assert open_attempts(state) == [("EX1", Key("version", COLLECT, 2))]


@pytest.mark.parametrize("purpose", CHANGES)
@pytest.mark.parametrize("answer", [None, LOST, COMPLETED])
def test_nothing_but_a_settlement_closes_an_attempt_that_may_have_changed_something(
    purpose: Purpose, answer: NotRun | None
) -> None:
    told: list[RunEvent | HostEvent] = [HOST, sending(purpose=purpose)]
    if answer is not None:
        told.append(answered(purpose=purpose, answer=answer))
    told += [sending(purpose=PROBE), answered(purpose=PROBE), sending(purpose=Purpose.VERIFY)]
    told += [answered(purpose=Purpose.VERIFY), host_ended(), INTERRUPTED, RunResumed(), HOST]
    still = ("EX1", Key("version", purpose, 1))
    for length in range(2, len(told) + 1):
        assert still in open_attempts(folded(*told[:length]))
    assert still not in open_attempts(folded(*told, settled(purpose=purpose)))


def test_an_apply_a_lost_connection_and_a_probes_answer_leave_the_apply_open_until_it_is_settled() -> None:
    told = [HOST, sending(purpose=APPLY), answered(purpose=APPLY, answer=LOST), sending(purpose=PROBE)]
    told += [answered(purpose=PROBE)]
    assert open_attempts(folded(*told)) == [("EX1", Key("version", APPLY, 1))]
    assert open_attempts(folded(*told, settled())) == []
    assert open_attempts(folded(*told, INTERRUPTED, RunResumed())) == [("EX1", Key("version", APPLY, 1))]
    # Also where somebody settles it who looked by hand, when the host is no longer in work.
    assert open_attempts(folded(*told, host_ended(), settled())) == []


def test_a_change_that_is_not_settled_may_be_confirmed_and_nothing_else_may_be_changed() -> None:
    told = [HOST, sending(purpose=APPLY), answered(purpose=APPLY)]
    confirmed = folded(*told, sending(purpose=Purpose.CONFIRM))
    assert open_attempts(confirmed) == [("EX1", Key("version", each, 1)) for each in (APPLY, Purpose.CONFIRM)]
    for other in (
        sending(purpose=Purpose.ROLLBACK),
        sending(step="patch", purpose=APPLY),
        sending(step="patch", purpose=Purpose.CONFIRM),
    ):
        with pytest.raises(ContradictionError, match="not settled what became of attempt 1 to apply version"):
            folded(*told, other)
    assert folded(*told, settled(), sending(purpose=Purpose.ROLLBACK)).hosts["EX1"].ended is None


def test_lines_of_a_newer_exrun_are_counted_and_whom_they_are_about_is_kept() -> None:
    plain = recorded(STARTED, HOST, sending(), ENDED)
    newer = replace(plain[1], event=Newer("apply", "host-isolated", {"by": "firewall"}, "EX2"))
    later = replace(plain[3], newer=("of-tomorrow",))
    state = fold([plain[0], newer, *plain[1:3], newer, later])
    was = fold(plain)
    assert was is not None
    assert state == replace(was, newer=3, unread=frozenset({"EX2"}))
    assert state.is_unread("EX2")
    assert not state.is_unread("EX1")


def test_of_a_line_about_nobody_any_host_may_be_meant_that_has_not_ended() -> None:
    plain = recorded(STARTED, HOST, host_ended(), HostStarted("EX2", "ex2.example", 5985))
    state = fold([*plain, replace(plain[0], event=Newer("apply", "scripts-sending", {"hosts": ["EX2"]}))])
    assert state is not None
    assert [name for name in ("EX1", "EX2", "EX3") if state.is_unread(name)] == ["EX2", "EX3"]


def test_what_follows_from_a_line_that_cannot_be_read_is_no_contradiction_and_closes_nothing() -> None:
    """An intent for a purpose of tomorrow, and the answer to it in words of today."""
    plain = recorded(STARTED, HOST, sending(purpose=APPLY), settled(number=2), answered(), ENDED)
    hidden = replace(plain[2], event=Newer("collect", "script-sending", {}, "EX1", "`purpose` is 'isolate'"))
    state = fold([*plain[:3], hidden, *plain[3:]])
    assert state is not None
    assert open_attempts(state) == [("EX1", Key("version", APPLY, 1))]
    assert (state.newer, state.unread, state.ended) == (3, frozenset({"EX1"}), ENDED)
    with pytest.raises(ContradictionError, match="no intent of this attempt"):
        fold(plain)


def test_a_judgement_is_of_the_purpose_that_it_names() -> None:
    """Collect and verify send the same script: the answer of the one is not the answer of the other."""
    verify = replace(assessed(answer=None), purpose=Purpose.VERIFY)
    collected = [HOST, sending(), answered(), sending(purpose=Purpose.VERIFY)]
    with pytest.raises(ContradictionError, match="no answer to this script"):
        folded(*collected, verify)
    state = folded(*collected, answered(purpose=Purpose.VERIFY), verify)
    assert state.hosts["EX1"].assessed == {"version": verify}


TWICE = ScriptSending("EX1", COLLECT, (Intent(SCRIPT, ("version",), 1), Intent("0" * 64, ("version",), 2)), None)
SHARED = StepAssessed("EX1", "other", SCRIPT, "exchange.version", COLLECT, 1, None, assessed().assessment)


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([HOST], "had not started"),
        ([STARTED, STARTED], "had started before"),
        ([STARTED, HOST, HOST], "EX1 had started before"),
        ([STARTED, sending()], "EX1 had not started"),
        ([STARTED, settled()], "EX1 had not started"),
        ([STARTED, HOST, answered()], "no intent"),
        ([STARTED, HOST, assessed()], "no intent"),
        ([STARTED, HOST, SHARED], "no answer to this script"),
        ([STARTED, HOST, sending(), SHARED], "no answer to this script"),
        ([STARTED, HOST, sending(), answered(script="0" * 64)], "no intent"),
        ([STARTED, HOST, sending(), answered(purpose=PROBE)], "no intent"),
        ([STARTED, HOST, sending(), answered(), answered()], "is answered, and an answer cannot follow"),
        ([STARTED, HOST, sending(), sending()], "attempt 1 to collect version follows 1 others"),
        ([STARTED, HOST, sending(number=2)], "attempt 2 to collect version follows 0 others"),
        ([STARTED, HOST, sending(), sending(number=2), answered()], "is superseded, and an answer cannot follow"),
        ([STARTED, HOST, replace(sending(), scripts=(Intent(SCRIPT, (), 1),))], "for no step"),
        ([STARTED, HOST, sending(), answered(), settled(purpose=COLLECT)], "is answered, and a settlement cannot"),
        ([STARTED, HOST, settled()], "no intent of this attempt"),
        ([STARTED, HOST, sending(purpose=APPLY), sending(purpose=APPLY, number=2)], "a further attempt cannot follow"),
        ([STARTED, HOST, sending(purpose=APPLY), settled(), settled()], "is settled, and a settlement cannot follow"),
        ([STARTED, HOST, sending(purpose=APPLY), settled(), answered(purpose=APPLY)], "an answer cannot follow"),
        ([STARTED, HOST, host_ended(), sending()], "EX1 had ended"),
        ([STARTED, HostStarted("EX3", "ex3.example", 5985)], "EX3 is none of this run's hosts"),
        ([STARTED, HOST, sending(step="odd")], "odd is none of this run's steps"),
        ([STARTED, HOST, settled(step="odd")], "odd is none of this run's steps"),
        ([STARTED, HOST, TWICE], "two scripts are sent at once to collect version"),
        ([STARTED, ENDED, HOST], "had ended and was not resumed"),
        ([STARTED, HOST, ASKED], "EX1 is in work"),
        ([STARTED, HOST, host_ended(), ASKED, ASKED], "EX1 is being asked"),
        ([STARTED, HOST, sending(purpose=HEALTH)], "was not asked whether it is well"),
        ([STARTED, HOST, WELL], "was not asked whether it is well"),
        ([STARTED, HOST, host_ended(), sending(purpose=HEALTH)], "EX1 had ended"),
        ([STARTED, HOST, host_ended(), ASKED, sending()], "is asked whether it is well"),
        ([STARTED, HOST, host_ended(), ASKED, host_ended()], "is asked whether it is well"),
        ([STARTED, HOST, host_ended(), ASKED, WELL, WELL], "EX1 had ended"),
        ([STARTED, HOST, host_ended(), ASKED, answered(purpose=HEALTH)], "no intent"),
    ],
)
def test_what_no_run_can_have_written_is_named_with_its_line(events: list[RunEvent | HostEvent], why: str) -> None:
    with pytest.raises(ContradictionError, match=why) as raised:
        fold(recorded(*events))
    assert raised.value.sequence == len(events)


def test_a_host_that_is_asked_whether_it_is_well_keeps_what_the_work_with_it_came_to() -> None:
    told = [HOST, sending(), assessed(), host_ended()]
    before = folded(*told).hosts["EX1"]
    asked = [*told, ASKED, sending(purpose=HEALTH), PoolReplaced("EX1", "version", SCRIPT)]
    judged = replace(assessed(), purpose=HEALTH)
    after = folded(*asked, judged, replace(judged, number=None, answer=None, script=None), WELL).hosts["EX1"]
    kept = replace(after, attempts=before.attempts, health=None)
    assert kept == before
    assert after.health == WELL
    assert [key.purpose for key, each in after.attempts.items() if each.answer is not None] == [COLLECT, HEALTH]
    resumed = folded(*asked, INTERRUPTED, RunResumed(), HOST).hosts["EX1"]
    assert not resumed.asked, "the work with it goes before"
    again = folded(*asked, INTERRUPTED, RunResumed(), ASKED, sending(purpose=HEALTH, number=2)).hosts["EX1"]
    assert [str(each.standing) for each in again.attempts.values()] == ["answered", "superseded", "sent"]


def test_an_event_of_another_client_is_a_contradiction() -> None:
    with pytest.raises(ContradictionError, match="another run or client"):
        fold([*recorded(STARTED), *recorded(HOST, client="beta")])


hosts = st.sampled_from(["EX1", "EX2"])
steps = st.sampled_from(["version", "patch"])
purposes = st.sampled_from(Purpose)
attempts = st.integers(1, 2)
answers = st.sampled_from([COMPLETED, LOST])
happenings: st.SearchStrategy[RunEvent | HostEvent | Newer] = st.one_of(
    st.builds(HostStarted, hosts, st.just("ex.example"), st.just(5985)),
    st.builds(sending, hosts, steps, purposes, attempts),
    st.builds(sending, hosts, steps, purposes, attempts),
    st.builds(answered, hosts, steps, purposes, attempts, st.just(SCRIPT), answers),
    st.builds(assessed, hosts, steps, st.none() | answers),
    st.builds(settled, hosts, steps, purposes, attempts),
    st.builds(host_ended, hosts),
    st.builds(HealthAsked, hosts, st.just("ex.example"), st.just(5985)),
    st.builds(HealthAnswered, hosts, st.booleans(), st.just(""), st.just(5), st.just(0.5)),
    st.builds(PoolReplaced, hosts, steps, st.just(SCRIPT)),
    st.builds(ConnectionRetried, hosts, attempts, st.just(0.5), st.just(LOST.failure)),
    st.sampled_from([RunResumed(), TailDropped(3, "0" * 64), ENDED, INTERRUPTED, STARTED]),
    st.builds(Newer, st.just("apply"), st.sampled_from(["later", "script-sending"]), st.just({}), st.none() | hosts),
)


def legal(drawn: Sequence[RunEvent | HostEvent | Newer]) -> list[Recorded]:
    """Of these events those that may follow the ones before: the rest is left out."""
    kept: list[Recorded] = []
    state: RunState | None = None
    for event in (STARTED, HostStarted("EX1", "ex1.example", 5985), *drawn):
        [one] = recorded(ENDED)
        one = replace(one, sequence=len(kept) + 1, event=event)
        try:
            state = advance(state, one)
        except ContradictionError:
            continue
        kept.append(one)
    return kept


@settings(max_examples=300, deadline=None)
@given(st.lists(happenings, max_size=30))
def test_no_open_attempt_is_ever_lost(drawn: list[RunEvent | HostEvent | Newer]) -> None:
    """Against a model that knows nothing of hosts and runs: what was begun and what was said to close it."""
    begun: dict[tuple[str, Key], bool] = {}
    state: RunState | None = None
    for each in legal(drawn):
        newer = 0 if state is None else state.newer
        state = advance(state, each)
        assert state is not None
        if state.newer > newer:  # of tomorrow, or what can follow from nothing else
            assert state.unread
            continue
        match each.event:
            case ScriptSending(host=host, purpose=purpose, scripts=scripts):
                for intent in scripts:
                    for other in begun:
                        if other[0] == host and (other[1].step, other[1].purpose) == (intent.steps[0], purpose):
                            begun[other] = begun[other] and purpose.changes
                    begun[(host, Key(intent.steps[0], purpose, intent.number))] = True
            case Settled(host=host, step=step, purpose=purpose, number=number):
                begun[(host, Key(step, purpose, number))] = False
            case StepAssessed(host=host, step=step, purpose=purpose, number=int(number), answer=answer):
                if answer is not None:
                    [key] = [
                        known
                        for known in begun
                        if known[0] == host and (known[1].purpose, known[1].number) == (purpose, number)
                        if known[1].step == step or (host, Key(step, purpose, number)) not in begun
                    ][:1]
                    begun[key] = False
            case _ if type(each.event) is type(answered()):
                key = (each.event.host, Key(each.event.step, each.event.purpose, each.event.number))
                begun[key] = begun[key] and each.event.purpose.changes
            case _:
                pass
        assert set(open_attempts(state)) == {key for key, still in begun.items() if still}


@settings(max_examples=300, deadline=None)
@given(st.lists(happenings, max_size=25), st.integers(0, 27))
def test_a_fold_over_a_beginning_and_the_rest_is_the_fold_over_all(
    drawn: list[RunEvent | HostEvent | Newer], at: int
) -> None:
    journal = legal(drawn)
    state = fold(journal[:at])
    for each in journal[at:]:
        state = advance(state, each)
    assert state == fold(journal)


@settings(max_examples=200, deadline=None)
@given(st.lists(happenings, max_size=12))
def test_what_contradicts_contradicts_alike_however_it_is_folded(drawn: list[RunEvent | HostEvent | Newer]) -> None:
    journal = [replace(each, sequence=at) for at, each in enumerate(recorded(STARTED, HOST), start=1)]
    [one] = recorded(ENDED)
    journal += [replace(one, sequence=at, event=event) for at, event in enumerate(drawn, start=3)]

    def advanced() -> RunState | None:
        state: RunState | None = None
        for each in journal:
            state = advance(state, each)
        return state

    def outcome(function: Callable[[], RunState | None]) -> object:
        try:
            return function()
        except ContradictionError as error:
            return str(error)

    assert outcome(lambda: fold(journal)) == outcome(advanced)


OTHER_CHANGE = "6d" * 32
NOT_BEGUN = NotRun(False, failure(Cause.ENVELOPE_SIZE, "too large"))
BROKEN_OFF = Terminated(0, [], (), 0, (), 0, 0.5, ErrorText("no"))


@pytest.mark.parametrize("answer", [COMPLETED, BROKEN_OFF])
def test_a_change_that_was_answered_does_not_hold_up_the_next_of_its_step_and_stays_open(answer: Answer) -> None:
    first = [HOST, sending(purpose=APPLY), answered(purpose=APPLY, answer=answer)]
    state = folded(*first, sending(purpose=APPLY, number=2, script=OTHER_CHANGE))
    assert open_attempts(state) == [("EX1", Key("version", APPLY, 1)), ("EX1", Key("version", APPLY, 2))]


@pytest.mark.parametrize("answer", [None, LOST, NOT_BEGUN])
def test_a_change_of_which_nobody_knows_whether_it_ran_holds_up_the_next_of_its_step(answer: Answer | None) -> None:
    first: list[HostEvent] = [HOST, sending(purpose=APPLY)]
    first += [] if answer is None else [answered(purpose=APPLY, answer=answer)]
    following = sending(purpose=APPLY, number=2, script=OTHER_CHANGE)
    with pytest.raises(ContradictionError, match="not settled what became of attempt 1 to apply version"):
        folded(*first, following)
    assert open_attempts(folded(*first, settled(), following)) == [("EX1", Key("version", APPLY, 2))]


@pytest.mark.parametrize(
    "next_one",
    [
        sending(step="patch", purpose=APPLY, script=OTHER_CHANGE),
        sending(purpose=Purpose.ROLLBACK, script=OTHER_CHANGE),
        sending(purpose=APPLY, number=2),
    ],
    ids=["another step", "undoing", "the same once more"],
)
def test_nothing_else_is_changed_beside_a_change_that_was_answered_and_is_not_settled(next_one: HostEvent) -> None:
    with pytest.raises(ContradictionError):
        folded(HOST, sending(purpose=APPLY), answered(purpose=APPLY), next_one)


def test_a_state_says_in_which_lines_a_host_was_begun_judged_and_sent_a_change_and_to_which_pool() -> None:
    pooled = replace(sending(purpose=APPLY), pool="POOL")
    looked = [sending(purpose=PROBE), replace(assessed(), purpose=PROBE)]
    state = folded(HOST, *looked, pooled, answered(purpose=APPLY), RunResumed(), HOST)
    host = state.hosts["EX1"]
    attempt = host.attempts[Key("version", APPLY, 1)]
    assert (attempt.sequence, attempt.pool, host.judged_at, host.since) == (5, "POOL", {"version": 4}, 8)


def test_what_is_said_of_evidence_stands_behind_the_answer_of_the_script_that_read_it() -> None:
    read = sending(purpose=Purpose.EVIDENCE)
    said = answered(purpose=Purpose.EVIDENCE)
    kept = EvidenceKept("EX1", "version", SCRIPT, 1, "ab" * 32, 5)
    missed = EvidenceMissed("EX1", "version", SCRIPT, 1, "too large")
    for each in (kept, missed):
        assert folded(HOST, read, said, each).hosts["EX1"].evidence == {("version", SCRIPT): each}
        for before in ((HOST,), (HOST, read), (HOST, sending(), answered())):
            with pytest.raises(ContradictionError, match="no answer to the script that reads it"):
                folded(*before, each)
        with pytest.raises(ContradictionError, match="no answer to the script that reads it"):
            folded(HOST, read, said, replace(each, script="0" * 64))
        with pytest.raises(ContradictionError, match="none of this run's steps"):
            folded(HOST, read, said, replace(each, step="nowhere"))


def test_what_had_drifted_is_forgotten_with_the_next_judgement() -> None:
    drifted = Drifted("EX1", "version", ("before.Mode was a, is b",))
    assert folded(HOST, sending(), assessed(), drifted).hosts["EX1"].drifted == {"version": drifted}
    again = replace(assessed(), number=2)
    assert folded(HOST, sending(), assessed(), drifted, sending(number=2), again).hosts["EX1"].drifted == {}

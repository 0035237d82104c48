"""One host: what is sent in which batch, and that every step ends with an assessment, whatever the host does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.findings import Assessment, Coverage, Verdict
from playbooks.model import ReadyPlaybook
from runner.results import StepResult
from runner.steps import Sending, collects_by_step, observe_steps
from runner.transport.failures import NEXT, Cause, failure
from runner.transport.interface import (
    Capped,
    Completed,
    ErrorText,
    Script,
    ScriptResult,
    Streams,
    Terminated,
    TimedOut,
)
from tests.runner.fleets import ACTION, JUDGEMENT, Answer, ScriptedTransport, lost, playbook, saying, step


@dataclass(slots=True)
class Notes:
    """A witness that writes down what it is told, in order."""

    told: list[tuple[str, str]] = field(default_factory=list)
    shared: list[tuple[str, ...]] = field(default_factory=list)
    judged: dict[str, Script | None] = field(default_factory=dict)

    def sending(self, batch: Sequence[Sending]) -> None:
        self.told += [("sending", each.script.name) for each in batch]
        self.shared += [each.steps for each in batch]

    def answered(self, result: ScriptResult) -> None:
        self.told.append(("answered", result.script.name))

    def assessed(self, audit: StepResult, script: Script | None) -> StepResult:
        self.told.append(("assessed", audit.step))
        self.judged[audit.step] = script
        return audit

    def defect(self, step: str, error: Exception) -> None:
        self.told.append(("defect", step))


def audited(transport: ScriptedTransport, ready: ReadyPlaybook, notes: Notes | None = None) -> dict[str, Assessment]:
    result = observe_steps(ready, collects_by_step(ready), transport, JUDGEMENT, notes or Notes())
    assert isinstance(result, tuple)
    assert [each.step for each in result] == [each.step.id for each in ready.steps]
    return {each.step: each.assessment for each in result}


def verdicts(assessments: dict[str, Assessment]) -> dict[str, str]:
    return {name: assessment.verdict.value for name, assessment in assessments.items()}


def test_steps_without_a_condition_travel_as_one_batch() -> None:
    transport = ScriptedTransport()
    assert verdicts(audited(transport, playbook(step("a"), step("b"), step("c")))) == {"a": "ok", "b": "ok", "c": "ok"}
    assert transport.batches == [("Get-a", "Get-b", "Get-c")]


def test_a_condition_waits_for_the_facts_it_needs_and_for_no_others() -> None:
    transport = ScriptedTransport()
    ready = playbook(step("a"), step("b", when="a.good"), step("c", when="b.good"), step("d"), step("e", when="a.good"))
    audited(transport, ready)
    assert transport.batches == [("Get-a", "Get-d"), ("Get-b", "Get-e"), ("Get-c",)]


def test_a_condition_that_other_facts_cannot_change_is_decided_at_once() -> None:
    transport = ScriptedTransport()
    audited(transport, playbook(step("a"), step("b", when="a.good or 1 == 1"), step("c", when="a.good and 1 == 2")))
    assert transport.batches == [("Get-a", "Get-b")]


def test_a_false_condition_skips_and_says_why() -> None:
    transport = ScriptedTransport({"Get-a": saying("bad")})
    found = audited(transport, playbook(step("a"), step("b", when="a.good")))
    assert (found["b"].verdict, found["b"].summary) == (Verdict.NOT_APPLICABLE, "not asked: a.good is false")
    assert found["b"].coverage is Coverage.PREDICTED
    assert transport.sent == ["Get-a"]


@pytest.mark.parametrize("when", ["a.good", "not a.good", "a.said == 'good'", "a.said != 'good'"])
def test_a_condition_over_what_could_not_be_read_is_unknown_and_not_run(when: str) -> None:
    transport = ScriptedTransport({"Get-a": lambda script: TimedOut(script, 30.0, Streams())})
    found = audited(transport, playbook(step("a"), step("b", when=when), step("c")))
    assert verdicts(found) == {"a": "unknown", "b": "unknown", "c": "ok"}
    assert "Get-b" not in transport.sent
    assert f"whether {when} is not known" in found["b"].summary


def test_a_condition_over_a_skipped_step_is_unknown_unless_the_rest_decides() -> None:
    transport = ScriptedTransport({"Get-a": saying("bad")})
    found = audited(
        transport,
        playbook(step("a"), step("b", when="a.good"), step("c", when="b.good"), step("d", when="a.good and b.good")),
    )
    assert verdicts(found) == {"a": "vulnerable", "b": "not-applicable", "c": "unknown", "d": "not-applicable"}


def test_a_script_that_steps_share_is_sent_once_and_judged_by_each() -> None:
    transport, notes = ScriptedTransport({"Get-x": saying("bad")}), Notes()
    other = replace(ACTION, id="test.other")
    ready = playbook(
        step("a", script="Get-x"),
        step("b", script="Get-x", action=other),
        step("c"),
        step("d", script="Get-x", when="c.good"),
    )
    found = audited(transport, ready, notes)
    assert verdicts(found) == {"a": "vulnerable", "b": "vulnerable", "c": "ok", "d": "vulnerable"}
    assert transport.batches == [("Get-x", "Get-c")]
    assert notes.shared == [("a", "b"), ("c",)]


def test_nothing_overtakes_a_step_that_may_stop_the_rest() -> None:
    transport = ScriptedTransport()
    audited(transport, playbook(step("a"), step("b", stop=True), step("c"), step("d")))
    assert transport.batches == [("Get-a", "Get-b"), ("Get-c", "Get-d")]


@pytest.mark.parametrize(
    "answer",
    [
        lambda script: TimedOut(script, 30.0, Streams()),
        lambda script: Terminated(script, ErrorText("denied"), Streams(), 1.0),
        saying("raise"),
    ],
)
def test_a_failed_step_that_says_stop_leaves_the_rest_unknown_and_unsent(answer: Answer) -> None:
    transport = ScriptedTransport({"Get-a": answer})
    found = audited(transport, playbook(step("a", stop=True), step("b"), step("c", when="b.good")))
    assert verdicts(found) == {"a": "unknown", "b": "unknown", "c": "unknown"}
    assert transport.sent == ["Get-a"]
    assert found["b"].findings[0].evidence == ("stopped: step a failed, and the playbook stops there",)


def test_a_bad_finding_is_no_failure_and_stops_nothing() -> None:
    transport = ScriptedTransport({"Get-a": saying("bad")})
    assert verdicts(audited(transport, playbook(step("a", stop=True), step("b"))))["b"] == "ok"


def test_a_judgement_that_raises_costs_its_step_alone() -> None:
    transport, notes = ScriptedTransport({"Get-a": saying("raise")}), Notes()
    found = audited(transport, playbook(step("a"), step("b"), step("c", when="a.good")), notes)
    assert verdicts(found) == {"a": "unknown", "b": "ok", "c": "unknown"}
    assert "the judgement of test.state failed with KeyError" in found["a"].summary
    assert ("defect", "a") in notes.told


def test_after_the_connection_is_lost_nothing_more_is_asked() -> None:
    transport = ScriptedTransport({"Get-b": lost()})
    found = audited(transport, playbook(step("a"), step("b"), step("c", when="a.good")))
    assert verdicts(found) == {"a": "ok", "b": "unknown", "c": "unknown"}
    assert transport.batches == [("Get-a", "Get-b")]
    assert "connection-lost: the connection went" in found["c"].summary


def test_a_transport_that_raises_in_the_middle_makes_the_steps_unknown() -> None:
    transport = ScriptedTransport(broken=failure(Cause.ACCESS_DENIED, "not for you"))
    found = audited(transport, playbook(step("a"), step("b", when="a.good")))
    assert verdicts(found) == {"a": "unknown", "b": "unknown"}
    assert "access-denied: not for you" in found["a"].summary


def test_without_a_session_the_failure_is_the_result() -> None:
    why = failure(Cause.REFUSED, "refused")
    transport = ScriptedTransport(unopenable=why)
    assert (
        observe_steps(playbook(step("a")), collects_by_step(playbook(step("a"))), transport, JUDGEMENT, Notes()) == why
    )
    assert transport.batches == []


def test_a_batch_is_announced_before_it_is_sent_and_answered_before_it_is_judged() -> None:
    class Transport(ScriptedTransport):
        def observe(self, scripts):  # type: ignore[no-untyped-def]
            notes.told.append(("sent", ""))
            return super().observe(scripts)

    notes = Notes()
    audited(Transport(), playbook(step("a"), step("b")), notes)
    assert notes.told == [
        ("sending", "a"),
        ("sending", "b"),
        ("sent", ""),
        ("answered", "a"),
        ("answered", "b"),
        ("assessed", "a"),
        ("assessed", "b"),
    ]


def test_a_witness_that_cannot_write_keeps_the_batch_from_leaving() -> None:
    class Full(Notes):
        def sending(self, batch: Sequence[Sending]) -> None:
            raise OSError("disk full")

    transport = ScriptedTransport()
    with pytest.raises(OSError, match="disk full"):
        observe_steps(playbook(step("a")), collects_by_step(playbook(step("a"))), transport, JUDGEMENT, Full())
    assert transport.batches == []


answers: st.SearchStrategy[Answer] = st.one_of(
    st.sampled_from(["good", "bad", "raise"]).map(lambda word: saying(word)),
    st.just(saying()),
    st.sampled_from(Cause).map(lambda cause: lost(cause)),
    st.just(lambda script: TimedOut(script, 1.0, Streams())),
    st.just(lambda script: Capped(script, "max_bytes", 9)),
    st.just(lambda script: Terminated(script, ErrorText("no"), Streams(), 1.0)),
    st.just(lambda script: Completed(script, Streams(("junk",)), 1.0)),
)


@st.composite
def plays(draw: st.DrawFn) -> tuple[ReadyPlaybook, ScriptedTransport]:
    """Any steps with any conditions over earlier ones, and a host that answers anyhow."""
    names = ["a", "b", "c", "d", "e"][: draw(st.integers(1, 5))]
    steps = []
    for index, name in enumerate(names):
        terms = [f"{negation}{earlier}.good" for earlier in names[:index] for negation in ("", "not ")]
        when = st.lists(st.sampled_from(terms), min_size=1, max_size=2) if terms else st.nothing()
        condition = draw(st.none() | st.tuples(when, st.sampled_from([" and ", " or "])).map(lambda w: w[1].join(w[0])))
        script = draw(st.sampled_from([f"Get-{name}", "Get-shared"]))
        steps.append(step(name, script=script, when=condition, stop=draw(st.booleans())))
    known = {text: draw(answers) for text in {ready.collect for ready in steps}}
    return playbook(*steps), ScriptedTransport(known)


@settings(max_examples=200)
@given(plays())
def test_every_step_ends_with_an_assessment_and_no_script_is_sent_twice(
    play: tuple[ReadyPlaybook, ScriptedTransport],
) -> None:
    ready, transport = play
    notes = Notes()
    found = audited(transport, ready, notes)
    assert set(found) == {each.step.id for each in ready.steps}
    assert len(transport.sent) == len(set(transport.sent))
    assert set(transport.sent) <= {each.collect for each in ready.steps}
    assert sorted(name for what, name in notes.told if what == "assessed") == sorted(found)
    announced = [name for what, name in notes.told if what == "sending"]
    assert announced == [name for what, name in notes.told if what == "answered"]
    judged_by_answer = {Verdict.OK, Verdict.VULNERABLE}
    scripts = {each.step.id: each.collect for each in ready.steps}
    assert all(scripts[name] in transport.sent for name in found if found[name].verdict in judged_by_answer)


@pytest.mark.parametrize("cause", Cause)
def test_after_the_session_is_open_every_cause_keeps_its_own_next_step(cause: Cause) -> None:
    transport = ScriptedTransport({"Get-a": lost(cause)})
    assessments = audited(transport, playbook(step("a"), step("b"), step("c", when="b.good")))
    transport = ScriptedTransport(broken=failure(cause, "the connection went", then="Do this and no other thing."))
    broken = audited(transport, playbook(step("a")))
    assert assessments["a"].findings[0].next == NEXT[cause]
    assert broken["a"].findings[0].next == "Do this and no other thing."


def test_steps_that_are_not_asked_any_more_have_the_next_step_of_what_ended_it() -> None:
    transport = ScriptedTransport({"Get-a": lost(Cause.QUOTA)})
    assessments = audited(transport, playbook(step("a"), step("b", when="a.good or c.good"), step("c", when="a.good")))
    assert {name: each.findings[0].next for name, each in assessments.items()}["b"] == NEXT[Cause.QUOTA]

"""From what was seen of hosts to a plan: what is planned, predicted, deferred and refused; no secret is in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Change
from playbooks.findings import Assessment, Coverage, Facts, UnknownFact, Verdict
from playbooks.model import Action, OnFailure, ReadyPlaybook, ReadyStep, Templates, Write
from playbooks.observation import NotObserved, Observation
from playbooks.unknowns import not_observed
from playbooks.values import Value
from runner.exit_status import ExitStatus
from runner.plan import file
from runner.plan.noting import Noting
from runner.plan.planning import Made, SecretInPlanError, Seen, make_plan, status
from runner.plan.records import Going, Plan, PlannedHost, Standing
from runner.redaction import Redactor
from runner.results import NotReached, StepResult, judged
from runner.steps import Sending, collects_by_step, observe_steps
from runner.transport.failures import Cause, failure
from runner.transport.interface import Script, ScriptResult, Streams, TimedOut
from tests.runner.fleets import CONTRACT, JUDGEMENT, Answer, ScriptedTransport, lost, playbook, saying, step

WRITING = CONTRACT.model_copy(update={"writes": [Write(service="*")]})
MADE = Made(
    id="0123456789ab",
    token="0" * 32,
    client="alpha",
    made=datetime(2026, 11, 28, 2, 40, tzinfo=UTC),
    expires=datetime(2026, 12, 1, 2, 40, tzinfo=UTC),
    run="2026-11-28t024000z-7f3a",
    planner="ops@controller",
    exrun="0.1",
    inventory=(),
    params={},
    policy=None,
    catalogue="c" * 64,
    selection="*",
    going=Going(8, (), 0, {}, None),
)
APPLY = "Start-Service -Name {{ name }}\nStart-Service -Name {{ plan }}\n"
NOT_ID = r"[^a-z0-9]"
UNDO = "Stop-Service -Name {{ name }}\n"


def wanting(then: str | None = "good") -> Action:
    """An action that wants to change whatever is not `good`: a change for each word, `then` said after all of them."""

    def assess(observation: Observation, params: Mapping[str, Value], _tables: Catalogue, _day: date) -> Assessment:
        if isinstance(observation, NotObserved):
            return not_observed("test.wanting", observation, ("good", "said"))
        words = [str(record["Value"]) for record in observation.of_kind("State")]
        wrong = [word for word in words if word != "good"]
        if not wrong:
            return Assessment(Verdict.OK, "well", facts={"good": True, "said": "good"})
        changes = tuple(
            Change(f"thing.{re.sub(NOT_ID, '-', each.lower())}", f"Mend {each}", {"name": each}) for each in wrong
        )
        after: Facts | None = None if then is None else {"good": then == "good", "said": then}
        return Assessment(
            Verdict.ATTENTION, "wrong", facts={"good": False, "said": wrong[0]}, changes=changes, then=after
        )

    return Action("test.wanting", "test/wanting", WRITING, Templates("", APPLY, UNDO), assess)


@dataclass(slots=True)
class Log:
    """What a host's log does to a judgement: it comes back without secrets."""

    redactor: Redactor = field(default_factory=Redactor)

    def sending(self, batch: Sequence[Sending]) -> None: ...

    def answered(self, result: ScriptResult) -> None: ...

    def assessed(self, result: StepResult, script: Script | None) -> StepResult:
        clean = tuple(
            replace(each, values=dict(self.redactor.redact(each.values)))  # type: ignore[call-overload]
            for each in result.assessment.changes
        )
        return replace(result, assessment=replace(result.assessment, changes=clean))

    def defect(self, step: str, error: Exception) -> None: ...


def observed(
    ready: ReadyPlaybook, answers: Mapping[str, Answer], redactor: Redactor | None = None, name: str = "EX1"
) -> Seen:
    """What an observation for a plan comes to on a host that answers so."""
    known = redactor or Redactor()
    noting = Noting(Log(known), known)
    found = observe_steps(ready, collects_by_step(ready), ScriptedTransport(answers), JUDGEMENT, noting, ahead=True)
    assert isinstance(found, tuple)
    row = judged(name, "alpha", found, 5, 0.1)
    return Seen(f"{name.lower()}.example", 5985, row, noting.observed, frozenset(noting.withheld))


def planned(ready: ReadyPlaybook, answers: Mapping[str, Answer], redactor: Redactor | None = None) -> Plan:
    known = redactor or Redactor()
    plan = make_plan(MADE, ready, [observed(ready, answers, known)], known.redact_text)
    assert file.read(file.write(plan)) == plan
    return plan


def standings(plan: Plan) -> dict[str, str]:
    return {each.step: str(each.standing) for each in only(plan).steps}


def only(plan: Plan) -> PlannedHost:
    [host] = plan.hosts
    return host


def test_a_step_is_planned_where_its_judgement_names_changes_and_compliant_where_it_names_none() -> None:
    ready = playbook(step("a", action=wanting()), step("b", action=wanting()), step("c"))
    plan = planned(ready, {"Get-a": saying("x", "good", "y")})
    assert standings(plan) == {"a": "planned", "b": "compliant", "c": "compliant"}
    changes = only(plan).steps[0].changes
    assert [each.change.id for each in changes] == ["thing.x", "thing.y"]
    assert [plan.texts[each.apply] for each in changes] == [
        "Start-Service -Name 'x'\nStart-Service -Name '0123456789ab'\n",
        "Start-Service -Name 'y'\nStart-Service -Name '0123456789ab'\n",
    ]
    assert [plan.texts[str(each.rollback)] for each in changes] == [
        "Stop-Service -Name 'x'\n",
        "Stop-Service -Name 'y'\n",
    ]
    assert len(plan.texts) == 4
    assert status(plan) is ExitStatus.FINDINGS


def test_where_nothing_is_to_be_changed_the_plan_says_so() -> None:
    plan = planned(playbook(step("a", action=wanting())), {})
    assert (standings(plan), plan.texts, status(plan)) == ({"a": "compliant"}, {}, ExitStatus.WELL)


@pytest.mark.parametrize(
    ("then", "when", "expected", "sent"),
    [
        ("good", "a.good", "predicted", True),  # now false, then true
        ("good", "not a.good", "not-applicable", False),  # now true, then false
        ("bad", "not a.good", "predicted", True),
        (None, "a.good", "deferred", False),
        (None, "a.good or 1 == 1", "predicted", True),  # whatever will be
        (None, "a.good and 1 == 2", "not-applicable", False),
    ],
)
def test_a_step_behind_changes_is_decided_by_what_will_hold_after_them(
    then: str | None, when: str, expected: str, sent: bool
) -> None:
    ready = playbook(step("a", action=wanting(then)), step("b", when=when, action=wanting()))
    plan = planned(ready, {"Get-a": saying("x"), "Get-b": saying("y")})
    assert standings(plan) == {"a": "planned", "b": expected}
    behind = only(plan).steps[1]
    assert (behind.observed is not None) is sent
    assert bool(behind.changes) is (expected == "predicted")
    assert behind.hangs_on == (("a",) if behind.changes else ()), "what it is decided on anew"
    if expected == "predicted":
        assert behind.coverage is Coverage.PREDICTED
    assert status(plan) is ExitStatus.FINDINGS


def test_an_audit_still_decides_by_what_holds_now() -> None:
    ready = playbook(step("a", action=wanting()), step("b", when="a.good"))
    found = observe_steps(
        ready, collects_by_step(ready), ScriptedTransport({"Get-a": saying("x")}), JUDGEMENT, Noting(Log(), Redactor())
    )
    assert isinstance(found, tuple)
    assert found[1].assessment.verdict is Verdict.NOT_APPLICABLE


def test_what_hangs_on_a_deferred_step_is_deferred_too_and_what_does_not_is_not() -> None:
    ready = playbook(
        step("a", action=wanting(None)),
        step("b", when="a.good"),
        step("c", when="b.good"),
        step("d", action=wanting()),
        step("e", when="d.good"),
    )
    plan = planned(ready, {"Get-a": saying("x"), "Get-d": saying("y")})
    assert standings(plan) == {"a": "planned", "b": "deferred", "c": "deferred", "d": "planned", "e": "compliant"}
    assert only(plan).steps[4].coverage is Coverage.PREDICTED
    assert "cannot say what holds after it" in only(plan).steps[1].summary


@pytest.mark.parametrize("on_failure", [OnFailure.STOP, OnFailure.ROLLBACK])
def test_steps_behind_a_deferred_one_that_may_not_be_passed_are_deferred(on_failure: OnFailure) -> None:
    blocking = step("b", when="a.good")
    blocking = replace(blocking, step=blocking.step.model_copy(update={"on_failure": on_failure}))
    plan = planned(playbook(step("a", action=wanting(None)), blocking, step("c")), {"Get-a": saying("x")})
    assert standings(plan) == {"a": "planned", "b": "deferred", "c": "deferred"}


@pytest.mark.parametrize("on_failure", [OnFailure.STOP, OnFailure.ROLLBACK])
def test_nothing_behind_a_step_that_failed_and_may_not_be_passed_is_asked(on_failure: OnFailure) -> None:
    first = step("a")
    first = replace(first, step=first.step.model_copy(update={"on_failure": on_failure}))
    plan = planned(playbook(first, step("b", action=wanting())), {"Get-a": lost(), "Get-b": saying("x")})
    assert standings(plan) == {"a": "unknown", "b": "unknown"}
    assert (plan.texts, status(plan)) == ({}, ExitStatus.NOT_ALL_JUDGED)


def test_a_step_that_could_not_be_judged_is_unknown_and_costs_the_exit_status() -> None:
    ready = playbook(step("a"), step("b", when="a.good"), step("c", action=wanting()))
    plan = planned(ready, {"Get-a": lambda script: TimedOut(script, 30.0, Streams()), "Get-c": saying("x")})
    assert standings(plan) == {"a": "unknown", "b": "unknown", "c": "planned"}
    assert only(plan).steps[0].observed is None
    assert status(plan) is ExitStatus.NOT_ALL_JUDGED


def test_a_host_that_was_not_reached_is_refused_with_the_reason() -> None:
    ready = playbook(step("a"))
    away = Seen("ex2", 5985, NotReached("EX2", "alpha", failure(Cause.REFUSED, "no listener"), 1, 2, 0.1))
    plan = make_plan(MADE, ready, [observed(ready, {}), away], lambda text: text)
    assert [(each.host, bool(each.refused), len(each.steps)) for each in plan.hosts] == [
        ("EX1", False, 1),
        ("EX2", True, 0),
    ]
    assert "no listener" in plan.hosts[1].refused
    assert status(plan) is ExitStatus.NOT_ALL_JUDGED


SECRET = "Tr0ub4dor&3"


def knowing() -> Redactor:
    redactor = Redactor()
    redactor.register(SECRET)
    return redactor


@pytest.mark.parametrize("said", [SECRET, f"x{SECRET}y", SECRET.encode().hex()])
def test_a_secret_in_a_change_refuses_the_host_and_is_never_written(said: str) -> None:
    plan = planned(playbook(step("a", action=wanting())), {"Get-a": saying("x", said)}, knowing())
    assert "a password of this run" in only(plan).refused
    assert (only(plan).steps, plan.texts) == ((), {})
    assert SECRET.encode() not in file.write(plan)


def test_a_secret_that_comes_into_a_script_from_elsewhere_refuses_the_host() -> None:
    action = replace(wanting(), templates=Templates("", f"Start-Service -Name {{{{ name }}}} # {SECRET}\n", None))
    plan = planned(playbook(step("a", action=action)), {"Get-a": saying("x")}, knowing())
    assert "a password of this run stands in the script of thing.x" in only(plan).refused
    assert plan.texts == {}


@pytest.mark.parametrize("where", [{"selection": f"site={SECRET}"}, {"params": {"colour": SECRET}}])
def test_a_secret_in_what_all_hosts_have_in_common_makes_no_plan(where: dict[str, object]) -> None:
    with pytest.raises(SecretInPlanError) as raised:
        make_plan(replace(MADE, **where), playbook(step("a")), [], knowing().redact_text)  # type: ignore[arg-type]
    assert SECRET not in str(raised.value)


def test_the_digest_of_what_was_said_is_not_one_of_a_secret() -> None:
    ready = playbook(step("a"))
    told = {word: observed(ready, {"Get-a": saying(word)}, knowing()).observed["a"] for word in (SECRET, "other")}
    unknowing = observed(ready, {"Get-a": saying(SECRET)}).observed["a"]
    assert len({*told.values(), unknowing}) == 3


@pytest.mark.parametrize(
    ("action", "said", "why"),
    [
        (
            replace(wanting(), templates=Templates("", None, None)),
            ["x"],
            "is missing; an action that names changes has it",
        ),
        (replace(wanting(), templates=Templates("", "Start-Service -Name {{ nmae }}\n")), ["x"], "'nmae' is undefined"),
        (replace(wanting(), templates=Templates("", "Start-Service -Name x\n", None)), ["x", "y"], "the same script"),
        (wanting(), ["x", "X"], "the same id"),
    ],
)
def test_what_cannot_be_rendered_or_told_apart_refuses_the_host(action: Action, said: list[str], why: str) -> None:
    plan = planned(playbook(step("a", action=action)), {"Get-a": saying(*said)})
    assert why in only(plan).refused
    assert (only(plan).steps, plan.texts, status(plan)) == ((), {}, ExitStatus.NOT_ALL_JUDGED)


@pytest.mark.parametrize("value", [2**53, -(2**53), "half \ud800 a pair", ("\ud800",)])
def test_a_value_that_a_plan_cannot_hold_as_it_is_refuses_the_host(value: object) -> None:
    def assess(observation: Observation, params: Mapping[str, Value], _tables: Catalogue, _day: date) -> Assessment:
        change = Change("thing.x", "Mend x", {"name": "x"}, before={"was": value})  # type: ignore[dict-item]
        return Assessment(Verdict.ATTENTION, "wrong", changes=(change,))

    plan = planned(playbook(step("a", action=replace(wanting(), assess=assess))), {})
    assert "that a plan cannot hold as it is" in only(plan).refused


WORDS = st.sampled_from(["good", "x", "y"])
ACTIONS = st.sampled_from([wanting("good"), wanting("bad"), wanting(None)])
WHENS = st.sampled_from([None, "{0}.good", "not {0}.good", "{0}.good or {1}.good", "{0}.said == 'good' and {1}.good"])
ANSWERS: st.SearchStrategy[Answer] = st.one_of(
    st.lists(WORDS, min_size=1, max_size=2, unique=True).map(lambda words: saying(*words)),
    st.just(lost()),
    st.just(lambda script: TimedOut(script, 30.0, Streams())),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[ReadyPlaybook, dict[str, Answer]]:
    names = [f"s{number}" for number in range(draw(st.integers(1, 5)))]
    steps: list[ReadyStep] = []
    for number, name in enumerate(names):
        when = draw(WHENS) if number else None
        owners = [draw(st.sampled_from(names[:number])) for _ in range(2)] if number else []
        ready = step(name, when=None if when is None else when.format(*owners), action=draw(ACTIONS))
        on_failure = draw(st.sampled_from(OnFailure))
        steps.append(replace(ready, step=ready.step.model_copy(update={"on_failure": on_failure})))
    return playbook(*steps), {f"Get-{name}": draw(ANSWERS) for name in names}


@given(cases())
@settings(deadline=None, max_examples=300)
def test_whatever_hosts_say_only_what_was_seen_and_decided_is_changed(
    case: tuple[ReadyPlaybook, dict[str, Answer]],
) -> None:
    ready, answers = case
    plan = planned(ready, answers)
    host = only(plan)
    assert [each.step for each in host.steps] == [each.step.id for each in ready.steps]
    for each in host.steps:
        acts = each.standing in (Standing.PLANNED, Standing.PREDICTED)
        assert bool(each.changes) is acts
        if acts:
            assert each.observed is not None
            assert (each.coverage is Coverage.PREDICTED) is (each.standing is Standing.PREDICTED)
        if each.standing is Standing.DEFERRED:
            assert each.observed is None
            assert any(other.changes for other in host.steps)  # without a change nothing is to be waited for
        assert (each.standing in (Standing.UNKNOWN, Standing.DEFERRED)) is (each.verdict is Verdict.UNKNOWN)
    assert set(plan.texts) == {sha for _, change in host.changes for sha in (change.apply, change.rollback)}


def having(roles: Value | UnknownFact) -> Action:
    """An action that knows the roles of a server, or does not."""

    def assess(observation: Observation, params: Mapping[str, Value], _tables: Catalogue, _day: date) -> Assessment:
        return Assessment(Verdict.OK, "well", facts={"roles": roles})

    return Action("test.roles", "test/roles", CONTRACT, Templates("", None, None), assess)


@pytest.mark.parametrize(
    ("roles", "known"),
    [(("Mailbox", "half \ud800"), ("Mailbox", "half ?")), ((), ()), (UnknownFact("not read"), None), ("Mailbox", None)],
    ids=["seen", "none", "unknown", "another-type"],
)
def test_a_plan_holds_the_roles_that_a_step_has_seen(roles: Value | UnknownFact, known: tuple[str, ...] | None) -> None:
    plan = planned(playbook(step("roles", action=having(roles))), {"Get-roles": saying("x")})
    assert plan.hosts[0].roles == known


def test_a_plan_holds_the_labels_that_it_limits_and_where_servers_stand() -> None:
    ready = playbook(step("a", action=wanting()))
    labels = {"dag": ("DAG1",), "site": ("HQ", "BR"), "ring": ("1",), "owner": ("nobody's business",)}
    seen = replace(observed(ready, {"Get-a": saying("good")}), labels=labels)
    made = replace(MADE, going=Going(8, (), 0, {"ring": 1, "rack": 1}, None))
    [host] = make_plan(made, ready, [seen], lambda text: text).hosts
    assert host.labels == {"dag": ("DAG1",), "site": ("HQ", "BR"), "ring": ("1",)}


def test_a_password_in_a_label_is_never_written_into_a_plan() -> None:
    ready = playbook(step("a", action=wanting()))
    seen = replace(observed(ready, {"Get-a": saying("good")}), labels={"dag": ("Tr0ub4dor",), "owner": ("Tr0ub4dor",)})
    with pytest.raises(SecretInPlanError, match=r"^the label dag of EX1 holds a password of this run$"):
        make_plan(MADE, ready, [seen], lambda text: text.replace("Tr0ub4dor", "*"))
    make_plan(MADE, ready, [replace(seen, labels={"owner": ("Tr0ub4dor",)})], lambda text: text.replace("Tr0", "*"))

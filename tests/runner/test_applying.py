"""Applying a plan to one host: nothing runs twice, or that was not approved, and the row says what is known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.model import CredentialKind, CredentialReference
from playbooks.changes import Change, ReadyChange
from playbooks.errors import RenderingError
from playbooks.model import OnFailure, ReadyStep
from runner import events
from runner.applying import change_scripts
from runner.events import Purpose, Settlement
from runner.journal.errors import JournalError
from runner.moves import Outcome, so_far
from runner.plan.records import Plan, Standing
from runner.rollout import Halt, Letting
from runner.secrets.interface import SecretUnavailableError
from runner.terms import Ending
from runner.transport.failures import Cause, TransportError, failure
from runner.transport.gate import Gate
from tests.runner import fleets
from tests.runner.changeable import CHANGING, ODD, RIGHT, WRONG, Applied, Kind, apply_text, came, drawing, undo_text
from tests.runner.crashing import CrashingDisk, Died
from tests.runner.fleets import playbook
from tests.runner.plan.plans import plans

UNDO = OnFailure.ROLLBACK


def settlements(applied: Applied) -> list[tuple[Purpose, Settlement]]:
    found = [each.event for each in applied.recorded()]
    return [(each.purpose, each.settlement) for each in found if isinstance(each, events.Settled)]


def test_a_host_is_changed_and_its_journal_says_intent_before_each_script() -> None:
    applied = Applied(steps=1, changes=2)
    row = applied.session()
    assert came(row) == {"s0": Outcome.CHANGED}
    assert (row.outcome, row.failure, row.is_over, row.has_failed) == (Outcome.CHANGED, None, True, False)
    assert set(applied.server.ran.values()) == {1}
    assert applied.names() == [
        "run-started",
        "host-started",
        *("script-sending", "step-assessed"),
        *("script-sending", "script-answered") * 2,
        *("script-sending", "step-assessed"),
        *("settled",) * 2,
        "host-applied",
    ]
    assert applied.way.made == [(False, ()), (True, ())]
    collected = {pool for pool, text in applied.server.given if text.startswith("Get-")}
    changed = {pool for pool, text in applied.server.given if not text.startswith("Get-")}
    assert (len(collected), len(changed), collected & changed) == (1, 1, set())
    assert applied.server.pools == set()


def test_the_pool_for_changes_is_not_opened_for_a_host_that_is_right_already() -> None:
    applied = Applied(steps=2)
    applied.server.things = dict.fromkeys(applied.server.things, RIGHT)
    row = applied.session()
    assert set(came(row).values()) == {Outcome.COMPLIANT}
    assert applied.way.made == [(False, ())]
    assert applied.server.ran == {}


def test_drift_is_refused_value_by_value_and_nothing_is_sent() -> None:
    applied = Applied(steps=2, changes=2)
    applied.server.things["s0", "c1"] = ODD
    row = applied.session()
    assert came(row) == {"s0": Outcome.REFUSED, "s1": Outcome.SKIPPED}
    assert not row.has_failed
    assert row.steps[0].why == "Set c1 right: before.Mode was wrong, is odd; values.was was wrong, is odd"
    assert row.steps[1].why == "not begun: step s0 is refused"
    assert applied.server.ran == {}
    assert applied.names().count("drifted") == 1


def test_a_change_that_was_approved_under_another_title_is_refused_and_nothing_is_sent() -> None:
    applied = Applied(steps=1, changes=1)
    (step,) = applied.plan.steps
    (planned,) = step.changes
    said = replace(planned, change=replace(planned.change, title="Rotate a log"))
    applied.plan = replace(applied.plan, steps=(replace(step, changes=(said,)),))
    row = applied.session()
    assert came(row) == {"s0": Outcome.REFUSED}
    assert row.steps[0].why == "Rotate a log: title was Rotate a log, is Set c0 right"
    assert applied.server.ran == {}


@pytest.mark.parametrize("fate", ["breaks", "overruns"])
@pytest.mark.parametrize("on_failure", [OnFailure.STOP, OnFailure.CONTINUE])
def test_a_change_that_ends_in_an_error_is_the_last_of_its_step_and_is_not_sent_again(
    fate: str, on_failure: OnFailure
) -> None:
    applied = Applied(steps=2, changes=2, on_failure=on_failure)
    applied.server.fate = [fate]
    row = applied.session()
    after = Outcome.CHANGED if on_failure is OnFailure.CONTINUE else Outcome.SKIPPED
    assert came(row) == {"s0": Outcome.FAILED, "s1": after}
    assert apply_text("s0", "c1") not in applied.server.ran
    assert [text for _, text in applied.server.given].count(apply_text("s0", "c0")) == 1
    assert settlements(applied)[0] == (Purpose.APPLY, Settlement.NOT_DONE)


def test_a_step_that_fails_is_undone_where_it_says_so() -> None:
    applied = Applied(steps=1, changes=2, on_failure=UNDO)
    applied.server.fate = ["completes", "breaks"]
    row = applied.session()
    assert came(row) == {"s0": Outcome.ROLLED_BACK}
    assert applied.server.ran == {apply_text("s0", "c0"): 1, undo_text("s0", "c0"): 1}
    assert applied.server.things == {("s0", "c0"): WRONG, ("s0", "c1"): WRONG}


def test_what_was_done_is_undone_the_last_first() -> None:
    applied = Applied(steps=1, changes=3, on_failure=UNDO)
    applied.server.fate = ["completes", "completes", "breaks"]
    assert came(applied.session()) == {"s0": Outcome.ROLLED_BACK}
    undone = [text for _, text in applied.server.given if text.startswith("undo")]
    assert undone == [undo_text("s0", "c1"), undo_text("s0", "c0")]


@settings(max_examples=25)
@given(plans())
def test_the_gate_for_changes_of_a_host_holds_what_the_plan_names_for_this_host_alone(plan: Plan) -> None:
    for host in plan.hosts:
        gate = Gate.of(change_scripts(plan, host).values(), once=True)
        may = {sha for _, change in host.changes for sha in (change.apply, change.rollback) if sha is not None}
        assert {sha for sha in plan.texts if sha in gate.allowed} == may


def test_an_intent_is_on_the_disk_before_its_script_arrives() -> None:
    applied = Applied(steps=2, changes=2)
    applied.session()
    assert len(applied.ledger) == 8
    assert applied.illegal() == ()


@pytest.mark.parametrize("fate", ["lost-before", "lost-after", "runs-on", "never-begins"])
def test_a_lost_reply_is_settled_by_a_look_over_a_new_connection_and_nothing_runs_twice(fate: str) -> None:
    applied = Applied(changes=2)
    applied.server.fate = [fate]
    row = applied.session()
    assert came(row) == {"s0": Outcome.CHANGED}
    assert set(applied.server.ran.values()) == {1}
    assert applied.way.made[:2] == [(False, ()), (True, ())]
    (beside, ending) = applied.way.made[2]
    assert not beside
    assert len(ending) == (0 if fate == "never-begins" else 1)
    became = Settlement.DONE if fate == "lost-after" else Settlement.NOT_DONE
    assert settlements(applied)[0] == (Purpose.APPLY, became)


def test_where_the_lost_pool_cannot_be_ended_nothing_is_looked_at_and_what_was_lost_stays_open() -> None:
    applied = Applied(steps=2)
    applied.server.fate, applied.server.unending = ["runs-on"], True
    row = applied.session()
    assert came(row) == {"s0": Outcome.UNKNOWN, "s1": Outcome.SKIPPED}
    assert row.steps[0].why.startswith(
        "attempt 1 to apply c0: the connection was lost, and whether it ran is not known"
    )
    assert settlements(applied) == []
    applied.server.unending = False
    assert set(came(applied.session()).values()) == {Outcome.CHANGED}
    assert set(applied.server.ran.values()) == {1}


def test_what_is_neither_done_nor_as_it_was_stays_unknown_and_nothing_more_is_sent() -> None:
    applied = Applied(steps=2, on_failure=OnFailure.CONTINUE)
    applied.server.fate = ["lost-before"]

    def meddle() -> None:
        if applied.server.given and not applied.server.fate:
            applied.server.things["s0", "c0"] = ODD

    applied.server.drawn = meddle
    row = applied.session()
    assert came(row) == {"s0": Outcome.UNKNOWN, "s1": Outcome.SKIPPED}
    assert row.failure is None
    assert row.has_failed
    assert applied.server.ran == {}


def test_a_host_that_cannot_be_reached_is_unreachable_and_can_be_gone_on_with() -> None:
    applied = Applied(steps=2)
    applied.server.unreachable = 1
    row = applied.session()
    assert came(row) == {"s0": Outcome.UNREACHABLE, "s1": Outcome.SKIPPED}
    assert (row.outcome, row.has_failed) == (Outcome.UNREACHABLE, True)
    assert set(came(applied.session()).values()) == {Outcome.CHANGED}


def test_a_look_that_sees_nothing_fails_the_step_and_sends_nothing() -> None:
    applied = Applied()
    applied.server.blind = True
    row = applied.session()
    assert came(row) == {"s0": Outcome.FAILED}
    assert row.steps[0].why == "it could not be seen"
    assert applied.server.ran == {}


def test_a_run_that_is_halted_sends_nothing_more_and_goes_on_where_it_was() -> None:
    applied = Applied(steps=2, changes=2)
    halt = Halt(Letting.ABORT, Ending.INTERRUPTED, failure(Cause.INTERRUPTED, "the run was interrupted"))

    def stop() -> None:
        if len(applied.server.given) == 2:
            applied.brake.pull(halt)

    applied.server.drawn = stop
    row = applied.session()
    assert row.failure == halt.why
    assert sum(applied.server.ran.values()) <= 2
    applied.server.drawn = lambda: None
    applied.brake = type(applied.brake)()
    assert set(came(applied.session()).values()) == {Outcome.CHANGED}
    assert set(applied.server.ran.values()) == {1}


def test_a_host_that_is_cancelled_ends_and_goes_on_when_it_is_resumed() -> None:
    applied = Applied(steps=2, changes=2)

    def cancel() -> None:
        if len(applied.server.given) == 2 and applied.work is not None:
            applied.work.cancel()

    applied.server.drawn = cancel
    row = applied.session()
    assert row.failure is not None
    assert row.failure.cause is Cause.INTERRUPTED
    applied.server.drawn = lambda: None
    assert set(came(applied.session()).values()) == {Outcome.CHANGED}
    assert set(applied.server.ran.values()) == {1}


def test_a_host_that_is_left_behind_has_its_row_and_writes_nothing_more() -> None:
    applied = Applied(changes=2)

    def leave() -> None:
        if len(applied.server.given) == 2 and applied.work is not None:
            applied.work.leave(failure(Cause.INTERRUPTED, "it had not let go"))

    applied.server.drawn = leave
    row = applied.session()
    assert came(row) == {"s0": Outcome.UNKNOWN}
    assert applied.names()[-1] == "host-applied"
    applied.server.drawn = lambda: None
    assert came(applied.session()) == {"s0": Outcome.CHANGED}
    assert set(applied.server.ran.values()) == {1}


def test_a_script_of_another_host_is_refused_by_the_gate_and_was_not_sent() -> None:
    applied = Applied()
    foreign = applied.scripts()
    applied.scripts = dict  # type: ignore[method-assign]
    row = applied.session()
    assert foreign
    assert came(row)["s0"] is Outcome.FAILED
    assert applied.defects == [("alpha/EX1", "KeyError")]
    assert applied.server.ran == {}


def test_without_a_password_nothing_is_sent_and_the_row_says_so() -> None:
    applied = Applied(steps=2)
    applied.secret = SecretUnavailableError(CredentialReference(CredentialKind.ENV, "NONE"), "is not set", "Set it.")
    row = applied.session()
    assert came(row) == {"s0": Outcome.FAILED, "s1": Outcome.SKIPPED}
    assert row.failure is not None
    assert (row.failure.cause, row.requests, applied.way.made) == (Cause.CREDENTIAL, 0, [])


def test_a_change_that_cannot_be_rendered_is_not_known_and_fails_the_step() -> None:
    applied = Applied()

    def render(ready: ReadyStep, change: Change) -> ReadyChange:
        raise RenderingError("a value has no literal", "pass text")

    applied.render = render
    row = applied.session()
    assert came(row) == {"s0": Outcome.FAILED}
    assert "a value has no literal" in row.steps[0].why
    assert applied.server.ran == {}


@pytest.mark.parametrize("given", range(5))  # behind the last look no line waits for the disk
def test_once_the_journal_cannot_be_written_nothing_more_is_sent_and_the_run_is_halted(given: int) -> None:
    applied = Applied(steps=2, changes=1)

    def fill() -> None:
        applied.disk.dead = len(applied.server.given) >= given

    applied.server.drawn = fill
    with suppress(JournalError):  # from closing it
        applied.session()
    assert len(applied.server.given) <= given + 1  # the one whose intent was on the disk before
    assert applied.brake.aborted is not None
    assert applied.brake.aborted.ending is Ending.JOURNAL
    assert applied.work is not None
    row = applied.work.lines.row
    assert row is not None
    assert set(came(row).values()) <= {Outcome.PENDING, Outcome.UNKNOWN, Outcome.CHANGED, Outcome.SKIPPED}


def test_a_journal_that_sent_what_the_plan_has_not_stops_the_host_and_vouches_for_nothing() -> None:
    applied = Applied()
    applied.server.fate = ["lost-after"]
    applied.server.unreachable = 0
    applied.session()
    applied.plan = replace(applied.plan, steps=(replace(applied.plan.steps[0], changes=()),))
    given = list(applied.server.given)
    row = applied.session()
    assert came(row) == {"s0": Outcome.UNKNOWN}
    assert row.failure is not None
    assert row.failure.cause is Cause.DEFECT
    assert applied.server.given == given


# What the host undoes by itself unless it is confirmed.


def test_a_change_is_confirmed_over_a_connection_that_was_opened_after_it_was_made() -> None:
    applied = Applied(steps=1, changes=2, guarded=True)
    row = applied.session()
    assert came(row) == {"s0": Outcome.CHANGED}
    assert set(applied.server.guards.values()) == {"confirmed"}
    assert applied.way.made == [(False, ()), (True, ()), (False, ()), (True, ())]
    confirming = [pool for pool, text in applied.server.given if text.startswith("confirm")]
    changing = [pool for pool, text in applied.server.given if text.startswith("apply")]
    assert (len(confirming), len(set(confirming)), set(confirming) & set(changing)) == (2, 1, set())
    assert settlements(applied) == [
        *[(Purpose.APPLY, Settlement.DONE)] * 2,
        *[(Purpose.CONFIRM, Settlement.DONE)] * 2,
    ]


def test_a_host_whose_deadline_was_first_has_undone_it_and_is_rolled_back() -> None:
    applied = Applied(steps=2, changes=1, guarded=True)
    looked: list[int] = []

    def drawn() -> None:
        looks = sum(text.startswith("Get-") for _, text in applied.server.given)
        if looks == 2 and not looked:  # it was seen to be in place: the next is its confirmation
            looked.append(looks)
            applied.server.deadlines_pass()

    applied.server.drawn = drawn
    row = applied.session()
    assert came(row) == {"s0": Outcome.ROLLED_BACK, "s1": Outcome.SKIPPED}
    assert row.steps[0].why == "it was confirmed too late: the server had undone it"
    assert (Purpose.CONFIRM, Settlement.NOT_DONE) in settlements(applied)
    assert applied.server.things["s0", "c0"] == WRONG
    assert row.has_failed


def test_a_controller_that_is_dead_until_after_the_deadline_finds_it_rolled_back() -> None:
    for lives in range(200):
        applied = Applied(steps=1, changes=1, guarded=True, disk=CrashingDisk(lives))
        try:
            applied.session()
        except Died:
            applied.server.deadlines_pass()
            confirmed = "confirmed" in applied.server.guards.values()
            begun = bool(applied.server.guards)
            applied.disk = applied.disk.killed()
            row = applied.session()
            assert came(row)["s0"] is (Outcome.CHANGED if confirmed or not begun else Outcome.ROLLED_BACK)
            check_ran(applied)
        else:
            break
    else:
        pytest.fail("it has no end")
    assert lives > 20


@pytest.mark.parametrize("fate", ["lost-before", "lost-after", "runs-on", "never-begins", "breaks"])
def test_a_confirmation_that_is_lost_is_sent_again_while_the_change_stands(fate: str) -> None:
    applied = Applied(steps=1, changes=1, guarded=True)
    applied.server.fate = ["completes", fate]
    row = applied.session()
    assert came(row) == {"s0": Outcome.CHANGED}
    assert set(applied.server.guards.values()) == {"confirmed"}
    assert set(applied.server.ran.values()) == {1}


def test_a_step_that_is_not_whole_is_undone_and_leaves_no_guard() -> None:
    applied = Applied(steps=1, changes=2, guarded=True)
    applied.server.fate = ["completes", "breaks"]
    row = applied.session()
    assert came(row) == {"s0": Outcome.ROLLED_BACK}
    assert "armed" not in applied.server.guards.values()
    assert set(applied.server.things.values()) == {WRONG}


# A host that is away for a while, and one that restarts.


def goes_away(applied: Applied, looks: int) -> None:
    """Behind the first change it is away while so many waits pass."""
    left = [looks]

    def drawn() -> None:
        if applied.server.ran and left[0] == looks:
            applied.server.away = looks > 0

    def while_waiting() -> None:
        left[0] -= 1
        if left[0] == 0:
            applied.server.away = False

    applied.server.drawn = drawn
    applied.server.while_waiting = while_waiting


def test_an_interruption_is_waited_out_for_as_long_as_the_contract_says() -> None:
    applied = Applied(steps=2, interruption=60)
    goes_away(applied, 11)
    row = applied.session()
    assert set(came(row).values()) == {Outcome.CHANGED}
    assert applied.server.waited == 55
    assert set(applied.server.ran.values()) == {1}


@pytest.mark.parametrize(("interruption", "waited"), [(0, 0), (30, 30)])
def test_any_longer_one_is_a_failure_and_another_session_goes_on(interruption: int, waited: int) -> None:
    applied = Applied(steps=2, interruption=interruption)
    goes_away(applied, 11)
    row = applied.session()
    assert row.failure is not None
    assert row.failure.cause is Cause.CONNECTION_LOST
    assert came(row) == {"s0": Outcome.UNKNOWN, "s1": Outcome.SKIPPED}
    assert applied.server.waited == waited
    applied.server.away = False
    applied.server.drawn = lambda: None
    assert set(came(applied.session()).values()) == {Outcome.CHANGED}
    assert set(applied.server.ran.values()) == {1}


def test_what_is_in_motion_behind_a_loss_is_looked_at_again_and_never_said_to_be_done() -> None:
    applied = Applied(interruption=60)
    applied.server.fate, applied.server.moving = ["lost-after"], True

    def comes_to_rest() -> None:
        applied.server.moving = applied.server.waited < 20

    applied.server.while_waiting = comes_to_rest
    assert came(applied.session()) == {"s0": Outcome.CHANGED}
    assert applied.server.waited == 20


def test_what_does_not_come_to_rest_in_time_is_unknown_until_another_session_sees() -> None:
    applied = Applied(steps=2, interruption=10)
    applied.server.fate, applied.server.moving = ["lost-after"], True
    assert came(applied.session()) == {"s0": Outcome.UNKNOWN, "s1": Outcome.SKIPPED}
    assert applied.server.waited == 10
    assert settlements(applied) == []
    applied.server.moving = False
    assert set(came(applied.session()).values()) == {Outcome.CHANGED}
    assert set(applied.server.ran.values()) == {1}


def test_a_refused_account_is_not_waited_out() -> None:
    applied = Applied(interruption=60)

    def drawn() -> None:
        if applied.server.ran:
            raise TransportError(failure(Cause.AUTHENTICATION, "the account was refused"))

    applied.server.drawn = drawn
    row = applied.session()
    assert row.failure is not None
    assert row.failure.cause is Cause.AUTHENTICATION
    assert applied.server.waited == 0


def test_who_waits_lets_go_when_it_is_cancelled() -> None:
    applied = Applied(interruption=60)
    goes_away(applied, 11)
    applied.server.while_waiting = lambda: None if applied.work is None else applied.work.cancel()
    row = applied.session()
    assert row.failure is not None
    assert row.failure.cause is Cause.INTERRUPTED
    assert applied.server.waited == 5


def test_a_restart_is_proven_by_another_boot_time_and_by_services_that_have_come_up() -> None:
    applied = Applied(restarts=True, interruption=300)
    calls: list[int] = []

    def drawn() -> None:
        applied.server.away = applied.server.away or (bool(applied.server.ran) and not calls)

    applied.server.drawn = drawn

    def comes_up() -> None:
        calls.append(1)
        applied.server.starting = max(0, 8 - len(calls))
        applied.server.away = len(calls) < 5
        applied.server.booted = 2 if len(calls) >= 5 else 1

    applied.server.while_waiting = comes_up
    row = applied.session()
    assert came(row) == {"s0": Outcome.CHANGED}
    assert len(calls) == 8
    assert [what for what in applied.heard if what == "reboot"], "who watches is told what it waits for"
    assert applied.heard[0] == "connect"
    assert applied.names().count("boot-seen") >= 4


@pytest.mark.parametrize(
    ("after", "came_to"),
    [
        ("2026-11-28T02:39:59.0000000Z", Outcome.FAILED),
        ("2026-11-28T02:40:00.0000000Z", Outcome.FAILED),
        ("2026-11-28T02:40:00.0000000+02:00", Outcome.FAILED),
        ("2026-11-28T02:47:11.0000000Z", Outcome.CHANGED),
    ],
)
def test_a_clock_that_is_set_back_is_no_restart(after: str, came_to: Outcome) -> None:
    applied = Applied(restarts=True, interruption=30)
    applied.server.boot_time = "2026-11-28T02:40:00.0000000Z"

    def set_back() -> None:
        applied.server.boot_time = after

    applied.server.while_waiting = set_back
    assert came(applied.session()) == {"s0": came_to}


def test_a_server_that_answers_and_has_not_restarted_is_waited_for_and_then_has_failed() -> None:
    applied = Applied(restarts=True, interruption=30)
    row = applied.session()
    assert came(row) == {"s0": Outcome.FAILED}
    assert row.steps[0].why == ("it was not seen to have restarted and come up in the time that its contract announces")
    assert applied.server.waited == 30


def test_where_the_boot_time_cannot_be_read_nothing_is_sent() -> None:
    applied = Applied(restarts=True, interruption=30)
    applied.server.booted = 0
    row = applied.session()
    assert came(row) == {"s0": Outcome.FAILED}
    assert row.steps[0].why == "when the server was started was not read, so a restart could not be proven"
    assert applied.server.ran == {}


@pytest.mark.parametrize("fate", ["lost-before", "lost-after"])
def test_a_restart_whose_answer_is_lost_is_not_asked_for_twice(fate: str) -> None:
    applied = Applied(restarts=True, interruption=60)
    applied.server.fate = [fate]
    waits: list[int] = []

    def comes_back() -> None:
        waits.append(1)
        if len(waits) == 4 and applied.server.ran:
            applied.server.booted = 2

    applied.server.while_waiting = comes_back
    row = applied.session()
    if fate == "lost-after":
        assert came(row) == {"s0": Outcome.CHANGED}
    else:  # it may restart yet: nothing is sent, and another session looks again
        assert came(row) == {"s0": Outcome.UNKNOWN}
    assert sum(applied.server.ran.values()) <= 1


# Anything goes wrong.


DRAWN = st.tuples(
    st.integers(0, 2**32),
    st.integers(1, 3),
    st.integers(1, 2),
    st.sampled_from([0.1, 0.3]),
    st.sampled_from(OnFailure),
    st.sampled_from([Kind.PLAIN, Kind.GUARDED, Kind.DETACHED, Kind.KEPT | Kind.GUARDED, Kind.KEPT | Kind.DETACHED]),
    st.sampled_from([0, 20]),
)
Drawn = tuple[int, int, int, float, OnFailure, Kind, int]


def check_ran(applied: Applied) -> None:
    assert applied.illegal() == ()
    assert all(times == 1 for times in applied.server.ran.values()), applied.server.ran
    for step, outcome in (
        {} if applied.work is None or applied.work.lines.row is None else came(applied.work.lines.row).items()
    ):
        guards = {guard for (name, _), guard in applied.server.guards.items() if name == step}
        assert outcome is not Outcome.CHANGED or guards <= {"confirmed"}
    known = {script.text for script in {**applied.scripts(), **applied.reads()}.values()}
    assert {text for _, text in applied.server.given if not text.startswith("Get-")} <= known


@settings(max_examples=150, deadline=None)
@given(DRAWN)
def test_whatever_goes_wrong_nothing_runs_twice_and_it_comes_to_an_end(
    drawn: Drawn,
) -> None:
    seed, steps, changes, faults, on_failure, kind, interruption = drawn
    applied = Applied(steps, changes, on_failure, kinds=[kind] * steps, interruption=interruption)
    drawing(applied.server, Random(seed), faults)
    for _ in range(3):
        applied.session()
        check_ran(applied)
    applied.server.drawn = lambda: None
    applied.server.fate, applied.server.lose, applied.server.unreachable = [], 0, 0
    row = applied.session()
    check_ran(applied)
    assert row.is_over
    for step, outcome in came(row).items():
        things = {is_ for (name, _), is_ in applied.server.things.items() if name == step}
        if outcome in (Outcome.CHANGED, Outcome.COMPLIANT):
            assert things == {RIGHT}
        if outcome is Outcome.ROLLED_BACK:
            assert things == {WRONG}
    assert applied.defects == []


# The controller dies after each single operation on its disk, and the run goes on.

FATED = ["completes", "lost-before", "lost-after", "runs-on", "breaks"]


def fated(fate: str, lives: int | None = None) -> Applied:
    """Two steps of two changes; the second change comes to this."""
    applied = Applied(steps=2, changes=2, disk=CrashingDisk(lives))
    applied.server.fate = ["completes", fate]
    return applied


def died(fate: str) -> Iterator[Applied]:
    """The same, dead after each of the operations that it takes."""
    whole = fated(fate)
    whole.session()
    for lives in range(len(whole.disk.done)):
        applied = fated(fate, lives)
        with pytest.raises(Died):
            applied.session()
        applied.server.fate = []
        yield applied


def check_resumed(applied: Applied) -> None:
    """It comes to its end; of a change that was sent twice and came to nothing twice, nothing more is tried."""
    row = applied.session()
    assert row.is_over
    check_ran(applied)
    state = applied.state()
    assert state is not None
    assert applied.work is not None
    assert so_far(state.hosts["EX1"], applied.plan) == so_far(applied.work.lines.progress, applied.plan)
    broke = any(isinstance(each.event, events.ScriptAnswered) and is_error(each.event) for each in applied.recorded())
    lost = settlements(applied).count((Purpose.APPLY, Settlement.NOT_DONE))
    if not broke and lost < 2:
        assert set(came(row).values()) == {Outcome.CHANGED}
        assert set(applied.server.things.values()) == {RIGHT}
    else:
        assert row.steps[0].outcome in (Outcome.CHANGED, Outcome.FAILED)


def is_error(event: events.ScriptAnswered) -> bool:
    return isinstance(event.answer, events.Terminated)


@pytest.mark.parametrize("fate", FATED)
def test_a_run_that_is_killed_anywhere_goes_on_and_nothing_runs_twice(fate: str) -> None:
    for applied in died(fate):
        applied.disk = applied.disk.killed()
        check_resumed(applied)


@pytest.mark.parametrize("fate", FATED)
def test_a_run_whose_machine_loses_power_anywhere_goes_on_and_nothing_runs_twice(fate: str) -> None:
    random = Random(fate)
    for applied in died(fate):
        found = list(islice(applied.disk.outcomes(), 256))
        applied.disk = applied.disk.after(random.choice(found))
        check_resumed(applied)


@settings(max_examples=100, deadline=None)
@given(DRAWN, st.lists(st.integers(0, 60), min_size=1, max_size=3))
def test_however_often_it_is_killed_and_whatever_goes_wrong_nothing_runs_twice(drawn: Drawn, kills: list[int]) -> None:
    seed, steps, changes, faults, on_failure, kind, interruption = drawn
    applied = Applied(steps, changes, on_failure, kinds=[kind] * steps, interruption=interruption)
    drawing(applied.server, Random(seed), faults)
    for lives in kills:
        applied.disk = applied.disk.killed(lives)
        with suppress(Died):
            applied.session()
        check_ran(applied)
    applied.disk = applied.disk.killed()
    applied.server.drawn = lambda: None
    applied.server.fate, applied.server.lose, applied.server.unreachable = [], 0, 0
    row = applied.session()
    assert row.is_over
    check_ran(applied)
    assert applied.defects == []


def hanging(said: str) -> Applied:
    """A step that changes nothing and says `mode=...`, and one that was planned where it said `mode=old`."""
    applied = Applied(steps=2)
    applied.ready = playbook(
        fleets.step("v"), replace(applied.ready.steps[1], condition=fleets.step("s1", when=WHEN).condition)
    )
    first, second = applied.plan.steps
    first = replace(first, step="v", standing=Standing.COMPLIANT, changes=())
    applied.plan = replace(applied.plan, steps=(first, replace(second, hangs_on=("v",))))
    applied.server.things = {("v", "mode"): said, ("s1", "c0"): WRONG}
    return applied


WHEN = "v.said == 'mode=old'"


def test_a_step_whose_when_still_holds_is_applied_on_what_was_seen_in_this_session() -> None:
    applied = hanging("old")
    assert came(applied.session()) == {"v": Outcome.COMPLIANT, "s1": Outcome.CHANGED}
    assert [text for _, text in applied.server.given] == ["Get-v", "Get-s1", apply_text("s1", "c0"), "Get-s1"]
    assert "when-decided" in applied.names()
    assert applied.defects == []


def test_a_step_whose_when_does_not_hold_any_more_is_refused_and_the_difference_is_named() -> None:
    applied = hanging("new")
    row = applied.session()
    assert came(row) == {"v": Outcome.COMPLIANT, "s1": Outcome.REFUSED}
    assert row.steps[1].why == f"`when: {WHEN}` was true, is false: v.said is 'mode=new'"
    assert not row.has_failed
    assert not row.touched
    assert [text for _, text in applied.server.given] == ["Get-v"]
    applied.server.things["v", "mode"] = "old"
    assert came(applied.session())["s1"] is Outcome.CHANGED, "a run that goes on looks again"


def test_a_step_whose_when_cannot_be_decided_any_more_is_not_applied() -> None:
    applied = hanging("old")
    applied.server.blind = True
    applied.ready = replace(
        applied.ready, steps=(replace(applied.ready.steps[0], action=CHANGING), applied.ready.steps[1])
    )
    row = applied.session()
    assert came(row)["s1"] is Outcome.FAILED
    assert row.steps[1].why.startswith(f"whether `when: {WHEN}` still holds is not known: ")
    assert applied.server.ran == {}

"""The checker of histories: legal ones pass, and whatever is made illegal of one is found, under its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.model import OnFailure
from runner import events
from runner.events import DetachedState, Purpose, Recorded, Settlement
from runner.moves import Outcome
from runner.plan.records import PlannedHost
from runner.transport.interface import Script
from tests.runner.changeable import Applied, Kind, Server, apply_text, confirm_text, drawing, undo_text
from tests.runner.explaining import Against, ByItself, Illegal, Own, Ran, illegal


@dataclass
class History:
    """A legal one, to be spoilt."""

    plans: list[PlannedHost]
    journal: list[Recorded]
    ledger: list[Ran | ByItself]

    def against(self) -> tuple[Against, ...]:
        return illegal(self.plans, self.journal, self.ledger)

    def line(self, of: type[object], number: int = 0, **members: object) -> int:
        """The place of a line in the journal."""
        return [
            place
            for place, each in enumerate(self.journal)
            if isinstance(each.event, of) and all(getattr(each.event, name) == is_ for name, is_ in members.items())
        ][number]

    def rewrite(self, place: int, **members: object) -> None:
        event = self.journal[place].event
        self.journal[place] = replace(self.journal[place], event=replace(event, **members))  # type: ignore[arg-type]

    def ran(self, text: str) -> int:
        """The place of a script in the ledger."""
        return [each.sha256 for each in self.ledger].index(sha(text))


def sha(text: str) -> str:
    return Script("", text).sha256


def history(
    *fates: str,
    on_failure: OnFailure = OnFailure.STOP,
    sessions: int = 1,
    kinds: Sequence[Kind] = (Kind.KEPT,),
    meanwhile: Callable[[Server], None] = lambda server: None,
) -> History:
    """Two steps of two changes; `meanwhile` is what the server does before the next session."""
    applied = Applied(steps=2, changes=2, on_failure=on_failure, kinds=kinds, interruption=30)
    applied.server.fate = list(fates)
    for _ in range(sessions):
        applied.session()
        meanwhile(applied.server)
    return History([applied.plan], applied.recorded(), list(applied.ledger))


KINDS = [
    Kind.KEPT,
    Kind.GUARDED,
    Kind.DETACHED,
    Kind.RESTARTING,
    Kind.KEPT | Kind.GUARDED,
    Kind.KEPT | Kind.DETACHED,
    Kind.DETACHED | Kind.RESTARTING,
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fate", ["completes", "breaks", "never-begins", "lost-before", "lost-after", "runs-on"])
@pytest.mark.parametrize("on_failure", [OnFailure.STOP, OnFailure.ROLLBACK])
def test_what_really_happened_is_legal(fate: str, on_failure: OnFailure, kind: Kind) -> None:
    for fates, meanwhile in (
        ([fate], Server.deadlines_pass),
        (["completes", fate], Server.tasks_end),
        ([fate, fate], Server.settle_down),
    ):
        made = history(*fates, on_failure=on_failure, sessions=2, kinds=[kind], meanwhile=meanwhile)
        assert made.against() == ()


def test_an_intent_that_never_left_is_legal() -> None:
    made = history("lost-before")
    assert sum(each.sha256 == sha(apply_text("s0", "c0")) for each in made.ledger) == 1
    assert made.against() == ()


def lost_line(made: History) -> None:
    made.ledger[-1] = replace(made.ledger[-1], written=made.journal[-1].sequence + 1)


def unwritten_intent(made: History) -> None:
    place = made.ran(apply_text("s0", "c0"))
    made.ledger[place] = replace(made.ledger[place], written=made.ledger[place].written - 1)


def handed_over_twice(made: History) -> None:
    place = made.ran(apply_text("s0", "c0"))
    made.ledger.insert(place + 1, replace(made.ledger[place], stands=None))


def in_another_pool(made: History) -> None:
    place = made.ran(apply_text("s0", "c0"))
    made.ledger[place] = replace(made.ledger[place], pool="ANOTHER")


def unknown_script(made: History) -> None:
    made.ledger.append(replace(made.ledger[-1], sha256="ab" * 32))


def of_a_neighbour(made: History) -> None:
    """The neighbour's plan has a change that this host's has not."""
    [mine] = made.plans
    neighbour = replace(mine, host="EX2")
    one = mine.steps[0]
    made.plans = [replace(mine, steps=(replace(one, changes=one.changes[1:]), *mine.steps[1:])), neighbour]


def unlocked_collect(made: History) -> None:
    made.ledger[0] = replace(made.ledger[0], locked=False)


def locked_change(made: History) -> None:
    place = made.ran(apply_text("s0", "c0"))
    made.ledger[place] = replace(made.ledger[place], locked=True)


def nothing_kept(made: History) -> None:
    del made.journal[made.line(events.EvidenceKept)]


def kept_too_late(made: History) -> None:
    place = made.line(events.EvidenceKept)
    made.journal.insert(made.line(events.ScriptAnswered, purpose=Purpose.APPLY) + 1, made.journal.pop(place))
    made.journal = [replace(each, sequence=number) for number, each in enumerate(made.journal, start=1)]


def stored_nothing(made: History) -> None:
    """The journal says that it is kept, and the file was not on the disk when it was moved."""
    place = made.ran(apply_text("s0", "c0"))
    made.ledger[place] = replace(made.ledger[place], stored=frozenset())


def answered_out_of_the_air(made: History) -> None:
    del made.ledger[made.ran(apply_text("s1", "c1"))]


def repeated_blindly(made: History) -> None:
    """The settlement before the second sending is gone."""
    del made.journal[made.line(events.Settled)]


def sent_again_after_an_answer(made: History) -> None:
    completed = made.journal[made.line(events.ScriptAnswered, 1, purpose=Purpose.APPLY)].event
    assert isinstance(completed, events.ScriptAnswered)
    made.rewrite(made.line(events.ScriptAnswered, 0, purpose=Purpose.APPLY), answer=completed.answer)


def made_again(made: History) -> None:
    """The host says that the first sending, which was settled as not done, had made the change."""
    place = made.ran(apply_text("s0", "c0"))
    stands = made.ledger[place].stands
    assert stands is not None
    for at in range(place):
        made.ledger[at] = replace(made.ledger[at], stands={**stands, ("s0", "c0"): Settlement.DONE})


def settled_unseen(made: History) -> None:
    del made.journal[made.line(events.StepAssessed, purpose=Purpose.PROBE)]


def settled_by_a_blind_look(made: History) -> None:
    made.rewrite(made.line(events.StepAssessed, purpose=Purpose.PROBE), would=None)


def looked_over_the_old_connection(made: History) -> None:
    place = made.line(events.StepAssessed, purpose=Purpose.PROBE)
    first, *_, probe = [each for each in made.ledger if each.sha256 == sha("Get-s0")][:2]
    assert made.journal[place].event
    made.ledger[made.ledger.index(probe)] = replace(probe, pool=first.pool)


def settled_otherwise(made: History) -> None:
    made.rewrite(made.line(events.Settled, 1), settlement=Settlement.NOT_DONE)


def undoing_settled_otherwise(made: History) -> None:
    made.rewrite(made.line(events.Settled, 0, purpose=Purpose.ROLLBACK), settlement=Settlement.NOT_DONE)


def row_of(outcome: Outcome) -> Callable[[History], None]:
    def spoil(made: History) -> None:
        made.rewrite(made.line(events.HostApplied), outcomes={"s0": outcome.value, "s1": Outcome.CHANGED.value})

    return spoil


def changed_on_a_host_that_is_not(made: History) -> None:
    stands = made.ledger[-1].stands
    assert stands is not None
    made.ledger[-1] = replace(made.ledger[-1], stands={**stands, ("s1", "c1"): Settlement.PARTLY_DONE})


# What a host does by itself.


def by_itself(made: History, own: Own, text: str) -> int:
    """The place at which it did this on account of a script."""
    found = [isinstance(each, ByItself) and (each.own, each.sha256) == (own, sha(text)) for each in made.ledger]
    return found.index(True)


def moved(made: History, place: int, to: int) -> None:
    """Something happened earlier, or later."""
    made.ledger.insert(to, made.ledger.pop(place))


def undone_again(made: History, at: int) -> None:
    """The host undoes the first change, so far in its account."""
    before = made.ledger[at - 1]
    made.ledger.insert(at, ByItself("EX1", Own.UNDID, sha(apply_text("s0", "c0")), before.written, before.stands))


def undone_before_it_was_made(made: History) -> None:
    undone_again(made, made.ran(apply_text("s0", "c0")))


def undone_though_it_was_to_be_kept(made: History) -> None:
    undone_again(made, made.ran(confirm_text("s0", "c0")) + 1)


def kept_after_the_deadline(made: History) -> None:
    """The host had undone it, and its confirmation is heard to have gone well."""
    undone_again(made, made.ran(confirm_text("s0", "c0")))


def kept_by_a_host_that_refused(made: History) -> None:
    """What really happened at a deadline; but the journal has heard the confirmation to go well."""
    made.rewrite(
        made.line(events.ScriptAnswered, 0, purpose=Purpose.CONFIRM),
        answer=made.journal[made.line(events.ScriptAnswered, 0, purpose=Purpose.APPLY)].event.answer,  # type: ignore[union-attr]
    )


def never_confirmed(made: History) -> None:
    """The confirmation is in neither: the host will undo what the row says is changed."""
    script = sha(confirm_text("s0", "c1"))
    del made.ledger[made.ran(confirm_text("s0", "c1"))]
    made.journal = [
        each
        for each in made.journal
        if not (isinstance(each.event, events.ScriptSending) and each.event.scripts[0].script == script)
    ]


def task_ran_twice(made: History) -> None:
    place = by_itself(made, Own.WORKED, apply_text("s0", "c0"))
    made.ledger.insert(place, made.ledger[place])


def task_that_nothing_began(made: History) -> None:
    del made.ledger[made.ran(apply_text("s0", "c0"))]


def task_was_said_to_be_over(made: History) -> None:
    made.rewrite(made.line(events.DetachedSeen), state=DetachedState.DONE)


def task_had_not_ended_when_it_was_settled(made: History) -> None:
    del made.ledger[by_itself(made, Own.WORKED, apply_text("s0", "c0"))]


def task_was_begun_twice(made: History) -> None:
    place = made.ran(apply_text("s0", "c0"))
    made.ledger.insert(place + 1, made.ledger[place])


def restarted_twice(made: History) -> None:
    place = by_itself(made, Own.RESTARTED, apply_text("s0", "c0"))
    made.ledger.insert(place, made.ledger[place])


def restarted_before_it_was_asked(made: History) -> None:
    moved(made, by_itself(made, Own.RESTARTED, apply_text("s0", "c0")), 0)


def never_restarted(made: History) -> None:
    del made.ledger[by_itself(made, Own.RESTARTED, apply_text("s0", "c0"))]


def changed_before_it_restarted(made: History) -> None:
    place = by_itself(made, Own.RESTARTED, apply_text("s1", "c1"))
    made.ledger[place] = replace(made.ledger[place], written=made.journal[-1].sequence)
    moved(made, place, len(made.ledger) - 1)


SPOILT_OF_KINDS: Sequence[tuple[Illegal, Callable[[History], None], Kind]] = [
    (Illegal.UNSTORED, stored_nothing, Kind.KEPT),
    (Illegal.UNSTORED, stored_nothing, Kind.KEPT | Kind.GUARDED),
    (Illegal.UNSTORED, stored_nothing, Kind.KEPT | Kind.DETACHED),
    (Illegal.UNKEPT, nothing_kept, Kind.KEPT | Kind.DETACHED),
    (Illegal.UNHEARD, answered_out_of_the_air, Kind.PLAIN),
    (Illegal.UNHEARD, task_that_nothing_began, Kind.DETACHED),
    (Illegal.UNCALLED, undone_before_it_was_made, Kind.GUARDED),
    (Illegal.UNDONE_KEPT, undone_though_it_was_to_be_kept, Kind.GUARDED),
    (Illegal.TOO_LATE, kept_after_the_deadline, Kind.GUARDED),
    (Illegal.UNCONFIRMED, never_confirmed, Kind.GUARDED),
    (Illegal.UNCALLED, task_that_nothing_began, Kind.DETACHED),
    (Illegal.TASK_TWICE, task_ran_twice, Kind.DETACHED),
    (Illegal.TOO_OFTEN, task_was_begun_twice, Kind.DETACHED),
    (Illegal.NOT_OVER, task_was_said_to_be_over, Kind.DETACHED),
    (Illegal.NOT_OVER, task_had_not_ended_when_it_was_settled, Kind.DETACHED),
    (Illegal.RESTARTED_TWICE, restarted_twice, Kind.RESTARTING),
    (Illegal.RESTARTED_TWICE, restarted_twice, Kind.DETACHED | Kind.RESTARTING),
    (Illegal.UNCALLED, restarted_before_it_was_asked, Kind.RESTARTING),
    (Illegal.NOT_RESTARTED, never_restarted, Kind.RESTARTING),
    (Illegal.NOT_RESTARTED, changed_before_it_restarted, Kind.RESTARTING),
]


@pytest.mark.parametrize(
    ("what", "spoil", "kind"), SPOILT_OF_KINDS, ids=[f"{what.name}-{by.__name__}" for what, by, _ in SPOILT_OF_KINDS]
)
def test_each_kind_of_illegal_history_of_what_a_host_does_by_itself_is_named(
    what: Illegal, spoil: Callable[[History], None], kind: Kind
) -> None:
    made = history(kinds=[kind, kind])
    assert made.against() == ()
    spoil(made)
    assert what in {each.what for each in made.against()}


def test_a_confirmation_that_a_host_refused_and_the_journal_calls_done_is_named() -> None:
    """As it happens: the deadline passes between the look and the confirmation."""
    applied = Applied(steps=1, kinds=[Kind.GUARDED])
    looked: list[int] = []

    def drawn() -> None:
        if not looked and sum(text.startswith("Get-") for _, text in applied.server.given) == 2:
            looked.append(1)
            applied.server.deadlines_pass()

    applied.server.drawn = drawn
    applied.session()
    made = History([applied.plan], applied.recorded(), list(applied.ledger))
    assert made.against() == ()
    kept_by_a_host_that_refused(made)
    assert Illegal.TOO_LATE in {each.what for each in made.against()}


SPOILT = [
    (Illegal.LOST, lost_line, ()),
    (Illegal.UNANNOUNCED, unwritten_intent, ()),
    (Illegal.TOO_OFTEN, handed_over_twice, ()),
    (Illegal.OTHER_POOL, in_another_pool, ()),
    (Illegal.UNPLANNED, unknown_script, ()),
    (Illegal.OTHERS, of_a_neighbour, ()),
    (Illegal.UNLOCKED, unlocked_collect, ()),
    (Illegal.IN_LOCKED, locked_change, ()),
    (Illegal.UNKEPT, nothing_kept, ()),
    (Illegal.UNKEPT, kept_too_late, ()),
    (Illegal.BLIND, repeated_blindly, ("lost-before",)),
    (Illegal.BLIND, sent_again_after_an_answer, ("lost-before",)),
    (Illegal.AGAIN, made_again, ("lost-before",)),
    (Illegal.UNSEEN, settled_unseen, ("lost-after",)),
    (Illegal.UNSEEN, settled_by_a_blind_look, ("lost-after",)),
    (Illegal.OLD_LOOK, looked_over_the_old_connection, ("lost-after",)),
    (Illegal.MISSETTLED, settled_otherwise, ()),
    (Illegal.MISSETTLED, undoing_settled_otherwise, ("completes", "breaks")),
    (Illegal.FALSE_ROW, row_of(Outcome.REFUSED), ()),
    (Illegal.FALSE_ROW, row_of(Outcome.SKIPPED), ()),
    (Illegal.FALSE_ROW, row_of(Outcome.ROLLED_BACK), ()),
    (Illegal.FALSE_ROW, changed_on_a_host_that_is_not, ()),
    (Illegal.CONTRADICTION, repeated_blindly, ("lost-before",)),
]


@pytest.mark.parametrize(
    ("what", "spoil", "fates"), SPOILT, ids=[f"{what.name}-{by.__name__}" for what, by, _ in SPOILT]
)
def test_each_kind_of_illegal_history_is_named(
    what: Illegal, spoil: Callable[[History], None], fates: tuple[str, ...]
) -> None:
    undone = spoil is undoing_settled_otherwise
    made = history(*fates, on_failure=OnFailure.ROLLBACK if undone else OnFailure.STOP)
    assert made.against() == ()
    spoil(made)
    assert what in {each.what for each in made.against()}


def test_every_kind_has_a_history_that_is_spoilt_so() -> None:
    assert {what for what, _, _ in SPOILT} | {what for what, _, _ in SPOILT_OF_KINDS} == set(Illegal)


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.data())
def test_of_any_legal_history_no_intent_can_be_taken_away_and_no_change_run_once_more(
    seed: int, data: st.DataObject
) -> None:
    kinds = data.draw(st.lists(st.sampled_from([Kind.PLAIN, *KINDS]), min_size=2, max_size=2))
    applied = Applied(2, 2, data.draw(st.sampled_from(OnFailure)), kinds=kinds, interruption=30)
    drawing(applied.server, Random(seed), 0.3)
    applied.session()
    made = History([applied.plan], applied.recorded(), list(applied.ledger))
    assert made.against() == ()
    scripts = {sha(text) for text in (apply_text("s0", "c0"), undo_text("s0", "c0"))} | {
        sha(text) for text in (apply_text("s1", "c0"), apply_text("s0", "c1"), apply_text("s1", "c1"))
    }
    changes = [place for place, each in enumerate(made.ledger) if isinstance(each, Ran) and each.sha256 in scripts]
    if not changes:
        return
    place = data.draw(st.sampled_from(changes))
    twice = History(
        made.plans, made.journal, [*made.ledger, replace(made.ledger[place], written=made.ledger[-1].written)]
    )
    assert {each.what for each in twice.against()} & {Illegal.TOO_OFTEN, Illegal.AGAIN}
    script = made.ledger[place].sha256
    without = [
        each
        for each in made.journal
        if not (isinstance(each.event, events.ScriptSending) and each.event.scripts[0].script == script)
    ]
    found = History(made.plans, without, made.ledger).against()
    assert {Illegal.UNANNOUNCED, Illegal.CONTRADICTION} <= {each.what for each in found}

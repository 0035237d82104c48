"""Whether what hosts did is a legal explanation of a journal, in the manner of Jepsen. Pure, and knows no product code
but the records that it is given.

    plans of the hosts, lines of the journal, what each host ran -> what is against it, by name

A host's account is its own: which script it was handed, in which pool, whether that pool was locked, which line of the
journal was on the disk by then, and how each change of the plan stood when the script had run; and what the host did by
itself on account of one: undid a change at its deadline, ran a task to its end, restarted. A journal is that of all
sessions of one run. Whatever the journal intends more than the hosts do is legal: an intent may never have left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from runner import events
from runner.events import Purpose, Recorded, Settlement
from runner.moves import Outcome
from runner.plan.records import PlannedHost
from runner.state import ContradictionError, fold

Stands = Mapping[tuple[str, str], Settlement]
"""By step and change, how it stands on a host."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One script that a host was handed.

    Attributes:
        pool: as the host names it, in capitals.
        locked: whether the session was.
        written: the last line of the journal that was on the disk then.
        stands: once it had run; None where nobody looked.
        stored: SHA-256 of all evidence that was safe on the controller's disk then.
    """

    host: str
    pool: str
    sha256: str
    locked: bool
    written: int
    stands: Stands | None = None
    stored: frozenset[str] = frozenset()


class Own(StrEnum):
    """What a host does by itself."""

    UNDID = "undid a change at its deadline"
    WORKED = "ran a task to its end"
    RESTARTED = "restarted"


@dataclass(frozen=True, slots=True)
class ByItself:
    """One thing that a host did by itself.

    Attributes:
        sha256: of the script that it had been handed and that this is on account of: what made the change that is
            undone, what began the task, what asked for the restart.
        written, stands: as in `Ran`.
    """

    host: str
    own: Own
    sha256: str
    written: int
    stands: Stands | None = None


class Illegal(StrEnum):
    """What can be against it."""

    CONTRADICTION = "the journal contradicts itself"
    LOST = "a line that was on the disk is not in the journal"
    UNANNOUNCED = "it ran, and no intent was on the disk"
    TOO_OFTEN = "it ran more often than was intended"
    OTHER_POOL = "it ran in another pool than was intended"
    UNPLANNED = "it ran, and no plan has it"
    OTHERS = "it ran, and only another host's plan has it"
    UNLOCKED = "a collect ran in a session that was not locked"
    IN_LOCKED = "a change ran in a locked session"
    BLIND = "it was sent again, and no look had shown that the first came to nothing"
    UNKEPT = "it ran, and what has to be kept before was not"
    UNSTORED = "it ran, and what the journal says is kept was not safe on the disk"
    UNHEARD = "it was answered, and the host had run nothing"
    AGAIN = "it ran, and what it makes had been made"
    UNSEEN = "it was settled without a look at the host"
    OLD_LOOK = "what was lost was looked for over a connection from before the loss"
    MISSETTLED = "it was settled otherwise than the host stood"
    FALSE_ROW = "a row says of the host what is not so"
    UNCALLED = "the host did by itself what nothing had asked it for"
    UNDONE_KEPT = "the host undid by itself what it had been told to keep"
    TOO_LATE = "it was confirmed, and the host had undone it before"
    UNCONFIRMED = "a row says that it is changed, and the host will undo it"
    TASK_TWICE = "its task ran twice"
    NOT_OVER = "its task was said to be over, and was not"
    RESTARTED_TWICE = "it restarted more often than it was asked to"
    NOT_RESTARTED = "a row says that it is changed, and the server has not restarted"


@dataclass(frozen=True, slots=True)
class Against:
    """One thing. `at` is a line of the journal, or a place in the account of the hosts."""

    what: Illegal
    host: str
    at: str


@dataclass(slots=True)
class _Sent:
    """One intent, and what followed it in the journal."""

    sequence: int
    step: str
    purpose: Purpose
    number: int
    script: str
    pool: str | None
    answer: events.Answer | None = None
    settled: tuple[int, Settlement] | None = None
    ran: list[int] = field(default_factory=list)  # places in the host's account

    @property
    def started(self) -> bool:
        """Whether it may have."""
        return not (isinstance(self.answer, events.NotRun) and self.answer.started is False)

    @property
    def answered(self) -> bool:
        """Whether it surely did, and was heard."""
        return self.answer is not None and not isinstance(self.answer, events.NotRun)


def illegal(
    plans: Iterable[PlannedHost], journal: Sequence[Recorded], ledger: Sequence[Ran | ByItself]
) -> tuple[Against, ...]:
    """Everything that is against it; empty where what the hosts did explains the journal.

    Args:
        plans: of all hosts of the run.
        journal: all of its lines that are left.
        ledger: in the order in which each host was handed them, and did what it did by itself.
    """
    found: list[Against] = []
    try:
        fold(journal)
    except ContradictionError as error:
        found.append(Against(Illegal.CONTRADICTION, "", str(error)))
    by_name = {plan.host: plan for plan in plans}
    collects = {
        step.script for each in journal if isinstance(each.event, events.RunStarted) for step in each.event.steps
    }
    last = max((each.sequence for each in journal), default=0)
    for name in dict.fromkeys([*by_name, *(each.host for each in ledger)]):
        account = [each for each in ledger if each.host == name]
        found += _Host(name, by_name, collects, last, journal, account).against()
    return tuple(found)


class _Host:
    """One host's lines beside its account."""

    def __init__(
        self,
        name: str,
        plans: Mapping[str, PlannedHost],
        collects: set[str],
        last: int,
        journal: Sequence[Recorded],
        account: Sequence[Ran | ByItself],
    ) -> None:
        self.name = name
        self.account = account
        self.collects = collects
        self.last = last
        self.lines = [each for each in journal if getattr(each.event, "host", None) == name]
        asked = [each for each in journal if isinstance(each.event, events.RollbackAsked) and name in each.event.hosts]
        self.undoing = min((each.sequence for each in asked), default=last + 1)  # the line from which on it is undone
        self.made_by: dict[str, list[tuple[str, str, bool]]] = {}  # by script: step, change, whether it undoes
        self.planned = tuple(plans[name].changes) if name in plans else ()
        self.confirms: set[str] = set()
        self.guarded: set[str] = set()  # what undoes a change that the host may have undone by itself
        self.polls: set[str] = set()
        for step, change in self.planned:
            if change.confirm is not None and change.rollback is not None:
                self.confirms.add(change.confirm)
                self.guarded.add(change.rollback)
            if change.poll is not None:
                self.polls.add(change.poll)
            self.made_by.setdefault(change.apply, []).append((step.step, change.change.id, False))
            if change.rollback is not None:
                self.made_by.setdefault(change.rollback, []).append((step.step, change.change.id, True))
        self.keeps = {change.apply: change.evidence for _, change in self.planned if change.evidence is not None}
        self.others = {
            sha for other, plan in plans.items() if other != name for _, change in plan.changes for sha in change.texts
        }
        self.sent = list(self._sent())

    def _sent(self) -> Iterator[_Sent]:
        found: dict[tuple[str, Purpose, int], _Sent] = {}
        for each in self.lines:
            match each.event:
                case events.ScriptSending(purpose=purpose, scripts=scripts, pool=pool):
                    for intent in scripts:
                        named = intent.steps[0]
                        found[named, purpose, intent.number] = _Sent(
                            each.sequence, named, purpose, intent.number, intent.script, pool
                        )
                case events.ScriptAnswered(step=step, purpose=purpose, number=number, answer=answer):
                    if (step, purpose, number) in found:
                        found[step, purpose, number].answer = answer
                case events.Settled(step=step, purpose=purpose, number=number, settlement=settlement):
                    if (step, purpose, number) in found:
                        found[step, purpose, number].settled = each.sequence, settlement
                case _:
                    pass
        return iter(found.values())

    def against(self) -> Iterator[Against]:
        yield from self._of_runs()
        yield from self._of_sendings()
        yield from self._of_settlements()
        yield from self._of_confirmations()
        yield from self._of_tasks()
        yield from self._of_restarts()
        yield from self._of_rows()

    # What it ran.

    def _of_runs(self) -> Iterator[Against]:
        for place, ran in enumerate(self.account):
            if ran.written > self.last:
                yield self._ran(Illegal.LOST, place)
            if isinstance(ran, ByItself):
                so_often = sum(at <= place for at in self._did(ran.own, ran.sha256))
                if sum(each.sha256 == ran.sha256 for each in self._runs(place)) < so_often:
                    yield self._ran(Illegal.UNCALLED, place)
            elif ran.sha256 in self.made_by:
                if ran.locked:
                    yield self._ran(Illegal.IN_LOCKED, place)
                if ran.sha256 not in self.guarded and self._had_been_made(place):
                    yield self._ran(Illegal.AGAIN, place)
                yield from self._had_been_kept(place, ran)
                yield from self._announced(place, ran, changing=True)
            elif ran.sha256 in self.confirms:
                if ran.locked:
                    yield self._ran(Illegal.IN_LOCKED, place)
                yield from self._announced(place, ran, changing=True)
            elif ran.sha256 in self.collects or ran.sha256 in self.keeps.values() or ran.sha256 in self.polls:
                if not ran.locked:
                    yield self._ran(Illegal.UNLOCKED, place)
                yield from self._announced(place, ran, changing=False)
            else:
                yield self._ran(Illegal.OTHERS if ran.sha256 in self.others else Illegal.UNPLANNED, place)

    def _runs(self, until: int | None = None) -> Iterator[Ran]:
        """The scripts that it was handed, up to a place."""
        return (each for each in self.account[:until] if isinstance(each, Ran))

    def _announced(self, place: int, ran: Ran, *, changing: bool) -> Iterator[Against]:
        """Finds the intent that a run is of: the newest that was on the disk, that nothing ran for, for its pool."""
        of_script = [each for each in self.sent if each.script == ran.sha256 and each.purpose.changes is changing]
        before = [each for each in of_script if each.sequence <= ran.written]
        there = [each for each in before if not changing or each.pool is None or each.pool.upper() == ran.pool.upper()]
        free = [each for each in there if not each.ran]
        if free:
            free[-1].ran.append(place)
        elif there:
            there[-1].ran.append(place)
            yield self._ran(Illegal.TOO_OFTEN, place)
        else:
            yield self._ran(Illegal.OTHER_POOL if before else Illegal.UNANNOUNCED, place)

    def _had_been_made(self, place: int) -> bool:
        """Whether all that a script is for stood so before it ran."""
        stood = next((each.stands for each in reversed(self.account[:place]) if each.stands is not None), None)
        if stood is None:
            return False
        return all(
            stood.get((step, change)) is (Settlement.NOT_DONE if undoes else Settlement.DONE)
            for step, change, undoes in self.made_by[self.account[place].sha256]
        )

    def _had_been_kept(self, place: int, ran: Ran) -> Iterator[Against]:
        """Whether what has to be kept before stood in the journal as kept, and was in the store."""
        keep = self.keeps.get(ran.sha256)
        if keep is None:
            return
        kept = [
            each.event.sha256
            for each in self.lines
            if isinstance(each.event, events.EvidenceKept)
            and each.event.script == keep
            and each.sequence <= ran.written
        ]
        if not kept:
            yield self._ran(Illegal.UNKEPT, place)
        if not ran.stored.intersection(kept or ran.stored):
            yield self._ran(Illegal.UNSTORED, place)

    # What was sent, and what was said to have become of it.

    def _of_sendings(self) -> Iterator[Against]:
        """A script is sent again only where the one before did not start, or came to nothing by a look."""
        for number, each in enumerate(self.sent):
            if each.answered and not any(ran.sha256 == each.script for ran in self._runs()):
                yield self._line(Illegal.UNHEARD, each.sequence)
            if not each.purpose.changes or each.purpose is Purpose.CONFIRM:  # done twice it is the same as once
                continue
            before = [
                one
                for one in self.sent[:number]
                if (one.script, one.step, one.purpose) == (each.script, each.step, each.purpose)
            ]
            for one in before:
                at, settlement = one.settled or (0, None)
                settled = settlement is Settlement.NOT_DONE and one.sequence < at < each.sequence
                if not settled or one.answered:
                    yield self._line(Illegal.BLIND, each.sequence)
                    break

    def _of_settlements(self) -> Iterator[Against]:
        for each in self.sent:
            if not each.purpose.changes or each.settled is None:
                continue
            at, settlement = each.settled
            if each.started:
                looked = self._looked(each, at)
                if looked is None:
                    yield self._line(Illegal.UNSEEN, at)
                elif not each.answered and self._is_of_old(looked, each):
                    yield self._line(Illegal.OLD_LOOK, at)
            if each.script in self.guarded and not each.started:
                continue
            # What the host undoes by itself may be undone between the look and the line.
            guarded = any(
                each.script in (change.apply, change.rollback) for _, change in self.planned if change.confirm
            )
            stood = [self._stood(at), *([self._stood_at_look(each, at)] if guarded else [])]
            if None in stood:
                continue
            for step, change, undoes in self.made_by.get(each.script, ()):
                made = _as_made(settlement, undoes=undoes)
                if step == each.step and made not in [now.get((step, change)) for now in stood if now is not None]:
                    yield self._line(Illegal.MISSETTLED, at)

    def _stood_at_look(self, each: _Sent, at: int) -> Stands | None:
        """How the host stood when it was looked at for this settlement, as far as that is known."""
        looked = self._looked(each, at)
        places = [] if looked is None else looked.ran
        return next((self.account[place].stands for place in places), None)

    def _looked(self, each: _Sent, until: int) -> _Sent | None:
        """The collect between a sending and its settlement whose answer was judged, as far as it could be."""
        for recorded in self.lines:
            event = recorded.event
            if not each.sequence < recorded.sequence < until or not isinstance(event, events.StepAssessed):
                continue
            if event.step != each.step or event.would is None or event.purpose is Purpose.COLLECT:
                continue
            for look in self.sent:
                if (look.step, look.purpose, look.number) == (event.step, event.purpose, event.number):
                    return look if look.sequence > each.sequence else None
        return None

    def _is_of_old(self, look: _Sent, lost: _Sent) -> bool:
        """Whether a look was over a pool in which something had run before what was lost was sent."""
        known = {pool for sent in self.sent if sent.sequence < lost.sequence for pool in self._pools(sent)}
        return any(pool in known for pool in self._pools(look))

    def _pools(self, sent: _Sent) -> Iterator[str]:
        return (ran.pool for ran in map(self.account.__getitem__, sent.ran) if isinstance(ran, Ran))

    def _stood(self, at: int) -> Stands | None:
        """How the host stood by its own account when this line was written."""
        intents = {place: sent.sequence for sent in self.sent for place in sent.ran}
        before = [
            ran.stands
            for place, ran in enumerate(self.account)
            if intents.get(place, 0) < at and ran.written < at and ran.stands is not None
        ]
        return before[-1] if before else None

    # What it did by itself.

    def _of_confirmations(self) -> Iterator[Against]:
        """The host undoes nothing that it was heard to keep, and is heard to keep nothing that it has undone."""
        for _, change in self.planned:
            if change.confirm is None:
                continue
            undone = self._did(Own.UNDID, change.apply)
            for sent in self.sent:
                if sent.script not in (change.confirm, change.rollback) or not _went_well(sent):
                    continue
                for place in sent.ran:
                    if any(at > place for at in undone):
                        yield self._ran(Illegal.UNDONE_KEPT, max(undone))
                    # Once it is undone from here as well, to confirm takes away what is left, and keeps nothing.
                    back = [at for at, ran in enumerate(self.account) if self._asked(ran, change.rollback or "")]
                    late = [at for at in undone if at < place and not any(at < gone < place for gone in back)]
                    if sent.script == change.confirm and late:
                        yield self._line(Illegal.TOO_LATE, sent.sequence)

    def _of_tasks(self) -> Iterator[Against]:
        """Each task runs once; and is over once it was said to be."""
        for _, change in self.planned:
            if change.poll is None:
                continue
            for of, script in ((Purpose.APPLY, change.apply), (Purpose.ROLLBACK, change.rollback)):
                worked = [] if script is None else self._did(Own.WORKED, script)
                for place in worked[1:]:
                    yield self._ran(Illegal.TASK_TWICE, place)
                for each in self.lines:
                    seen = each.event
                    if not isinstance(seen, events.DetachedSeen) or (seen.script, seen.of) != (change.poll, of):
                        continue
                    if seen.state not in (events.DetachedState.DONE, events.DetachedState.FAILED):
                        continue
                    asked = [
                        place
                        for sent in self.sent
                        if (sent.step, sent.purpose, sent.number) == (seen.step, Purpose.POLL, seen.number)
                        for place in sent.ran
                    ]
                    polls = asked or [at for at, ran in enumerate(self.account) if self._asked(ran, change.poll)]
                    if not any(place < at for place in worked for at in polls):
                        yield self._line(Illegal.NOT_OVER, each.sequence)

    def _of_restarts(self) -> Iterator[Against]:
        for _, change in self.planned:
            restarts = self._did(Own.RESTARTED, change.apply)
            asked = [place for place, each in enumerate(self.account) if self._asked(each, change.apply)]
            for number, place in enumerate(restarts):
                if sum(at < place for at in asked) <= number:
                    yield self._ran(Illegal.RESTARTED_TWICE, place)

    @staticmethod
    def _asked(each: Ran | ByItself, script: str) -> bool:
        return isinstance(each, Ran) and each.sha256 == script

    def _did(self, own: Own, script: str) -> list[int]:
        """The places at which it did this by itself on account of a script."""
        return [
            place
            for place, each in enumerate(self.account)
            if isinstance(each, ByItself) and (each.own, each.sha256) == (own, script)
        ]

    def _of_changed(self, step: str, at: int) -> Iterator[Against]:
        """A step that is said in this line to be changed: nothing will undo it, and it has restarted if it has to."""
        for planned, change in self.planned:
            if planned.step != step:
                continue
            written = [place for place, each in enumerate(self.account) if each.written < at]
            asked = [place for place in written if self._asked(self.account[place], change.apply)]
            if not asked:
                continue
            confirmed = [place for place in written if self._asked(self.account[place], change.confirm or "")]
            if change.confirm is not None and not any(place > asked[-1] for place in confirmed):
                yield self._line(Illegal.UNCONFIRMED, at)
            if change.reboots and not any(
                asked[0] < place in written for place in self._did(Own.RESTARTED, change.apply)
            ):
                yield self._line(Illegal.NOT_RESTARTED, at)

    # What was said of it at the end.

    def _of_rows(self) -> Iterator[Against]:
        steps: dict[str, list[tuple[str, str]]] = {}
        for made in self.made_by.values():
            for step, change, _ in made:
                steps.setdefault(step, []).append((step, change))
        for recorded in self.lines:
            if not isinstance(recorded.event, events.HostApplied):
                continue
            stood = self._stood(recorded.sequence)
            ran = {
                sent.step
                for sent in self.sent
                if sent.purpose.changes and sent.ran and sent.sequence < recorded.sequence
            }
            for step, outcome in recorded.event.outcomes.items():
                now = {None if stood is None else stood.get(each) for each in steps.get(step, ())} - {None}
                match outcome:
                    case Outcome.CHANGED | Outcome.COMPLIANT:
                        false = now > {Settlement.DONE} or Settlement.NOT_DONE in now or Settlement.PARTLY_DONE in now
                    case Outcome.ROLLED_BACK:
                        false = Settlement.DONE in now
                    case Outcome.REFUSED | Outcome.DEFERRED | Outcome.UNREACHABLE | Outcome.SKIPPED:
                        false = step in ran and recorded.sequence < self.undoing
                    case _:
                        false = False
                if false:
                    yield self._line(Illegal.FALSE_ROW, recorded.sequence)
                if outcome == Outcome.CHANGED:  # of a journal that was read it is a text
                    yield from self._of_changed(step, recorded.sequence)

    def _ran(self, what: Illegal, place: int) -> Against:
        ran = self.account[place]
        where = f"in {ran.pool}" if isinstance(ran, Ran) else f"{ran.own}"
        return Against(what, self.name, f"{place + 1}. of the host's account, {ran.sha256[:12]} {where}")

    def _line(self, what: Illegal, sequence: int) -> Against:
        return Against(what, self.name, f"line {sequence}")


def _went_well(sent: _Sent) -> bool:
    """Whether it was heard to have run without an error."""
    return isinstance(sent.answer, events.Completed) and sent.answer.error_count == 0


def _as_made(settlement: Settlement, *, undoes: bool) -> Settlement:
    """How a change stands where a sending of one of its scripts came to this."""
    if not undoes or settlement is Settlement.PARTLY_DONE:
        return settlement
    return Settlement.NOT_DONE if settlement is Settlement.DONE else Settlement.DONE

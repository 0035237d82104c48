"""Whether what hosts did is a legal explanation of a journal, in the manner of Jepsen. Pure, and knows no product code
but the records that it is given.

    plans of the hosts, lines of the journal, what each host ran -> what is against it, by name

A host's account is its own: which script it was handed, in which pool, whether that pool was locked, which line of the
journal was on the disk by then, and how each change of the plan stood when the script had run. A journal is that of all
sessions of one run. Whatever the journal says more than the hosts do is legal: an intent may never have left.
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
    """

    host: str
    pool: str
    sha256: str
    locked: bool
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
    AGAIN = "it ran, and what it makes had been made"
    UNSEEN = "it was settled without a look at the host"
    OLD_LOOK = "what was lost was looked for over a connection from before the loss"
    MISSETTLED = "it was settled otherwise than the host stood"
    FALSE_ROW = "a row says of the host what is not so"


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


def illegal(plans: Iterable[PlannedHost], journal: Sequence[Recorded], ledger: Sequence[Ran]) -> tuple[Against, ...]:
    """Everything that is against it; empty where what the hosts did explains the journal.

    Args:
        plans: of all hosts of the run.
        journal: all of its lines that are left.
        ledger: in the order in which each host was handed them.
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
        account: Sequence[Ran],
    ) -> None:
        self.name = name
        self.account = account
        self.collects = collects
        self.last = last
        self.lines = [each for each in journal if getattr(each.event, "host", None) == name]
        self.made_by: dict[str, list[tuple[str, str, bool]]] = {}  # by script: step, change, whether it undoes
        self.confirms: set[str] = set()
        self.guarded: set[str] = set()  # what undoes a change that the host may have undone by itself
        for step, change in plans[name].changes if name in plans else ():
            if change.confirm is not None and change.rollback is not None:
                self.confirms.add(change.confirm)
                self.guarded.add(change.rollback)
            self.made_by.setdefault(change.apply, []).append((step.step, change.change.id, False))
            if change.rollback is not None:
                self.made_by.setdefault(change.rollback, []).append((step.step, change.change.id, True))
        self.keeps = {
            change.apply: change.evidence
            for _, change in (plans[name].changes if name in plans else ())
            if change.evidence is not None
        }
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
        yield from self._of_rows()

    # What it ran.

    def _of_runs(self) -> Iterator[Against]:
        for place, ran in enumerate(self.account):
            if ran.written > self.last:
                yield self._ran(Illegal.LOST, place)
            if ran.sha256 in self.made_by:
                if ran.locked:
                    yield self._ran(Illegal.IN_LOCKED, place)
                if ran.sha256 not in self.guarded and self._had_been_made(place):
                    yield self._ran(Illegal.AGAIN, place)
                if not self._had_been_kept(place):
                    yield self._ran(Illegal.UNKEPT, place)
                yield from self._announced(place, changing=True)
            elif ran.sha256 in self.confirms:
                if ran.locked:
                    yield self._ran(Illegal.IN_LOCKED, place)
                yield from self._announced(place, changing=True)
            elif ran.sha256 in self.collects or ran.sha256 in self.keeps.values():
                if not ran.locked:
                    yield self._ran(Illegal.UNLOCKED, place)
                yield from self._announced(place, changing=False)
            else:
                yield self._ran(Illegal.OTHERS if ran.sha256 in self.others else Illegal.UNPLANNED, place)

    def _announced(self, place: int, *, changing: bool) -> Iterator[Against]:
        """Finds the intent that a run is of: the newest that was on the disk, that nothing ran for, for its pool."""
        ran = self.account[place]
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

    def _had_been_kept(self, place: int) -> bool:
        """Whether what has to be kept before stood in the journal as kept."""
        ran = self.account[place]
        keep = self.keeps.get(ran.sha256)
        return keep is None or any(
            isinstance(each.event, events.EvidenceKept) and each.event.script == keep and each.sequence <= ran.written
            for each in self.lines
        )

    # What was sent, and what was said to have become of it.

    def _of_sendings(self) -> Iterator[Against]:
        """A script is sent again only where the one before did not start, or came to nothing by a look."""
        for number, each in enumerate(self.sent):
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
            stood = self._stood(at)
            if stood is None or (each.script in self.guarded and not each.started):
                continue
            for step, change, undoes in self.made_by.get(each.script, ()):
                if step == each.step and stood.get((step, change)) is not _as_made(settlement, undoes=undoes):
                    yield self._line(Illegal.MISSETTLED, at)

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
        known = {
            run.pool
            for sent in self.sent
            if sent.sequence < lost.sequence
            for run in map(self.account.__getitem__, sent.ran)
        }
        return any(self.account[place].pool in known for place in look.ran)

    def _stood(self, at: int) -> Stands | None:
        """How the host stood by its own account when this line was written."""
        intents = {place: sent.sequence for sent in self.sent for place in sent.ran}
        before = [
            ran.stands
            for place, ran in enumerate(self.account)
            if intents.get(place, 0) < at and ran.written < at and ran.stands is not None
        ]
        return before[-1] if before else None

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
                        false = step in ran
                    case _:
                        false = False
                if false:
                    yield self._line(Illegal.FALSE_ROW, recorded.sequence)

    def _ran(self, what: Illegal, place: int) -> Against:
        ran = self.account[place]
        return Against(what, self.name, f"the host's {place + 1}. script, {ran.sha256[:12]} in {ran.pool}")

    def _line(self, what: Illegal, sequence: int) -> Against:
        return Against(what, self.name, f"line {sequence}")


def _as_made(settlement: Settlement, *, undoes: bool) -> Settlement:
    """How a change stands where a sending of one of its scripts came to this."""
    if not undoes or settlement is Settlement.PARTLY_DONE:
        return settlement
    return Settlement.NOT_DONE if settlement is Settlement.DONE else Settlement.DONE

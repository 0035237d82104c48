"""All hosts together hold no more than the run allows, and nobody waits for good."""

from __future__ import annotations

import random
import threading
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runner.transport.clixml import cost_of_parsing
from runner.transport.failures import Cause, TransportError
from runner.transport.interface import Ambiguous, Completed, Deadlines, Limits, NotRun
from runner.transport.memory import Answer, Books, MemoryBudget, What
from tests.runner.transport.host import Writer
from tests.runner.transport.peer import Clock
from tests.runner.transport.sessions import Session, session
from tests.waiting import ends

Account = tuple[str, str]
MOST, HOSTS = 100, 5
MIB = 1024 * 1024


class Sharing(RuleBasedStateMachine):
    """Hosts that ask, wait, let go and give up, in any order; time passes where the test says so.

    A host with `wants` waits: like the thread it stands for, it asks again, and does nothing else until it is answered
    or its deadline has passed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.books = Books(MOST)
        self.clock = Clock(0.0)
        self.wants: dict[int, tuple[int, float]] = {}
        self.answers: list[Answer] = []

    def _ask(self, who: int, size: int, until: float) -> None:
        held = self.books.held(who)
        answer = self.books.ask(who, size)
        self.answers.append(answer)
        if answer is Answer.WAIT:
            self.wants[who] = size, until
        else:
            self.wants.pop(who, None)
            assert self.books.held(who) == (size if answer is Answer.GRANTED else held)
        if answer in (Answer.TOO_MUCH, Answer.GIVEN_UP):
            self.books.leave(who)  # what a transport that was refused does when it is closed

    @rule(who=st.integers(1, HOSTS), size=st.integers(0, MOST + 20), patience=st.integers(1, 10))
    def asks(self, who: int, size: int, patience: int) -> None:
        if who not in self.wants:
            self._ask(who, size, self.clock.now + patience)

    @rule(who=st.integers(1, HOSTS))
    def closes(self, who: int) -> None:
        if who not in self.wants:
            self.books.leave(who)

    @precondition(lambda self: self.wants)
    @rule(data=st.data())
    def asks_again(self, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from(sorted(self.wants)))
        size, until = self.wants[who]
        self._ask(who, size, until)

    @rule(seconds=st.integers(1, 4))
    def time_passes(self, seconds: int) -> None:
        self.clock.now += seconds
        for who, (_, until) in list(self.wants.items()):
            if self.clock.now >= until:
                del self.wants[who]
                self.books.ask(who, self.books.held(who))
                self.books.leave(who)

    @invariant()
    def no_more_is_held_than_there_is(self) -> None:
        assert self.books.used == sum(map(self.books.held, range(1, HOSTS + 1))) <= MOST
        assert self.books.highest <= MOST

    @invariant()
    def whoever_waits_gets_an_answer_without_time_passing_when_only_those_who_wait_hold_anything(self) -> None:
        """Asking again in turn, as the threads do, ends in an answer for one of them: there is no dead-lock."""
        if not self.wants or any(self.books.held(who) for who in range(1, HOSTS + 1) if who not in self.wants):
            return
        before = len(self.answers)
        for who in sorted(self.wants) * 2:
            if who in self.wants:
                self._ask(who, *self.wants[who])
        assert set(self.answers[before:]) != {Answer.WAIT}


TestSharing = Sharing.TestCase
TestSharing.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


def test_two_that_hold_half_each_and_want_more_do_not_wait_for_each_other() -> None:
    books = Books(100)
    assert books.ask(1, 60) is books.ask(2, 40) is Answer.GRANTED
    assert books.ask(2, 70) is Answer.WAIT
    assert books.ask(1, 80) is Answer.GIVEN_UP  # it holds the most
    assert books.ask(2, 70) is Answer.WAIT  # the other has not let go yet
    books.leave(1)
    assert books.ask(2, 70) is Answer.GRANTED


def test_the_one_that_is_given_up_for_another_is_told_when_it_asks_again() -> None:
    books = Books(100)
    assert books.ask(1, 60) is books.ask(2, 40) is Answer.GRANTED
    assert books.ask(1, 80) is Answer.WAIT
    assert books.ask(2, 70) is Answer.WAIT
    assert books.ask(1, 80) is Answer.GIVEN_UP


def test_within_its_floor_a_host_asks_nobody() -> None:
    budget = MemoryBudget(most=0, floor=1000)
    share = budget.share(Clock(), lambda: None)
    share.hold(What.REPLY, 600, 0.0)
    share.hold(What.VALUES, 400, 0.0)
    assert budget.highest == 0
    with pytest.raises(TransportError) as raised:
        share.hold(What.VALUES, 401, 0.0)
    assert raised.value.failure.cause is Cause.MEMORY
    assert raised.value.failure.next


def test_what_is_held_unasked_is_within_the_floor_or_changes_nothing() -> None:
    budget = MemoryBudget(most=MIB, floor=1000)
    share = budget.share(Clock(), lambda: None)
    share.hold(What.REPLY, 600, 0.0)
    assert share.hold_unasked(What.PARSING, 400)
    assert not share.hold_unasked(What.PARSING, 401)
    share.hold(What.REPLY, 600, 0.0)
    assert budget.used == 0  # it holds the 400 and no more
    share.hold(What.REPLY, 601, 0.0)
    assert budget.used > 0
    assert not share.hold_unasked(What.PARSING, 0)  # what is beyond the floor is let go of by `hold` alone
    share.hold(What.REPLY, 600, 0.0)
    assert share.hold_unasked(What.PARSING, 0)


def test_a_wait_ends_at_its_deadline_and_when_it_is_cancelled() -> None:
    clock = Clock()
    budget = MemoryBudget(most=MIB, floor=0)
    hog = budget.share(clock, lambda: None)
    hog.hold(What.VALUES, MIB, clock.now)

    def passes() -> None:
        clock.now += 1.0

    late = budget.share(clock, passes)
    with pytest.raises(TransportError, match="before the deadline") as raised:
        late.hold(What.REPLY, 1, clock.now + 3.0)
    assert raised.value.failure.cause is Cause.MEMORY

    def cancelled() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        budget.share(clock, cancelled).hold(What.REPLY, 1, clock.now + 3.0)
    hog.release()
    late.hold(What.REPLY, 1, clock.now)


@pytest.mark.parametrize("seed", range(4))
def test_threads_that_take_and_let_go_at_random_all_end(seed: int) -> None:
    """Their clock stands still, so that none is saved by its deadline."""
    budget, clock = MemoryBudget(most=8 * MIB, floor=0), Clock()
    outcomes: list[Cause | None] = []

    def work(number: int) -> None:
        chance = random.Random(seed * 100 + number)
        share = budget.share(clock, lambda: None)
        failed: Cause | None = None
        try:
            for _ in range(60):
                share.hold(chance.choice(list(What)), chance.randrange(3 * MIB), clock.now + 1)
        except TransportError as error:
            failed = error.failure.cause
        share.release()
        outcomes.append(failed)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(8)]
    for thread in threads:
        thread.start()
    assert all(ends(thread) for thread in threads)
    assert len(outcomes) == 8
    assert set(outcomes) <= {None, Cause.MEMORY}
    assert (budget.used, budget.highest <= budget.most) == (0, True)


# Through whole sessions.

SCRIPT_SECONDS = Deadlines(script=10.0)


def writes(pieces: int, characters: int) -> object:
    def run(writer: Writer) -> Iterator[float]:
        for number in range(pieces):
            writer.output(f"{number}" + "x" * characters)
            if number % 4 == 3:
                yield 0.1  # so that no reply has more than four
        yield 0.0

    return run


def with_answers(account: Account, budget: MemoryBudget, **scripts: object) -> Session:
    return session(account, scripts, memory=budget, deadlines=SCRIPT_SECONDS)  # type: ignore[arg-type]


def test_what_a_host_sent_is_held_until_its_connection_is_closed(ntlm_account: Account) -> None:
    budget = MemoryBudget(floor=0)
    at = with_answers(ntlm_account, budget, large=writes(20, 50_000), small=writes(1, 5))
    at.transport.open()
    at.run("large")
    held = budget.used
    assert held >= 20 * 50_000
    at.run("small")
    assert budget.used >= 20 * 50_000
    at.transport.close()
    assert budget.used == 0


def test_a_host_that_sends_more_than_there_is_says_so_and_the_next_one_has_it_all(ntlm_account: Account) -> None:
    budget = MemoryBudget(most=4 * MIB, floor=0)
    hog = with_answers(ntlm_account, budget, a=writes(1, 5), hog=writes(90, 50_000))
    hog.transport.open()
    _, result = hog.run("a", "hog")
    assert isinstance(result, NotRun)
    assert (result.failure.cause, result.started) == (Cause.MEMORY, True)
    assert "MiB" in result.failure.message
    assert "--parallel" in result.failure.next
    assert hog.host.ran == ["a", "hog"]  # it is no loss, so nothing is repeated
    hog.transport.close()
    assert hog.host.shells == {}
    assert budget.used == 0
    modest = with_answers(ntlm_account, budget, b=writes(10, 50_000))
    modest.transport.open()
    assert isinstance(modest.run("b")[0], Completed)


def test_a_change_whose_answer_does_not_fit_is_ambiguous(ntlm_account: Account) -> None:
    at = with_answers(ntlm_account, MemoryBudget(most=4 * MIB, floor=0), hog=writes(90, 50_000))
    at.transport.open()
    result = at.change("hog")
    assert isinstance(result, Ambiguous)
    assert result.failure.cause is Cause.MEMORY


def test_hosts_that_send_much_share_what_there_is_and_a_modest_one_does_not_wait_for_them(
    ntlm_account: Account,
) -> None:
    budget = MemoryBudget(most=6 * MIB, floor=300_000)
    hogs = [with_answers(ntlm_account, budget, hog=writes(40, 50_000)) for _ in range(6)]
    causes: list[Cause | None] = []

    def work(at: Session) -> None:
        try:
            at.transport.open()
            (result,) = at.run("hog")
            causes.append(result.failure.cause if isinstance(result, NotRun) else None)
        except TransportError as error:
            causes.append(error.failure.cause)
        at.transport.close()

    threads = [threading.Thread(target=work, args=(at,), daemon=True) for at in hogs]
    for thread in threads:
        thread.start()
    for _ in range(5):
        modest = with_answers(ntlm_account, budget, b=writes(3, 1_000))
        modest.transport.open()
        assert isinstance(modest.run("b")[0], Completed)
        modest.transport.close()
    assert all(ends(thread) for thread in threads)
    assert len(causes) == 6
    assert set(causes) <= {None, Cause.MEMORY}
    assert None in causes
    assert budget.highest <= budget.most
    assert budget.used == 0


def nested(writer: Writer) -> Iterator[float]:
    text = "".join(f'<Obj RefId="{n}"><LST><I32>{n}</I32></LST></Obj>' for n in range(1, 9_000))
    writer.message(0x00041004, f'<Obj RefId="0"><LST>{text}</LST></Obj>')
    yield 0.0


def garbage(writer: Writer) -> Iterator[float]:
    writer.message(0x00041004, "<S>" + "<a/>" * 60_000 + "</S>")
    yield 0.0


@pytest.mark.parametrize("script", [writes(30, 30_000), nested, garbage], ids=["texts", "lists", "elements"])
def test_what_is_counted_is_what_is_held(ntlm_account: Account, script: object) -> None:
    """Against Python's own account of memory, the host in memory beside it included."""
    budget = MemoryBudget(floor=0)
    at = with_answers(ntlm_account, budget, a=writes(1, 1), heavy=script)
    at.transport.open()
    at.run("a")
    command = at.host.answer
    peaks: list[int] = []

    def answer(plain: bytes) -> tuple[int, bytes]:
        said = command(plain)
        tracemalloc.reset_peak()
        peaks.append(tracemalloc.get_traced_memory()[0])
        return said

    at.peer.answer = answer
    tracemalloc.start()
    at.run("heavy")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0 < peak - peaks[-1] <= budget.highest


def test_the_largest_message_of_markup_alone_that_is_allowed_can_be_read_within_the_budget() -> None:
    message = (b"<a/>" * (Limits().max_xml_bytes // 4))[: Limits().max_xml_bytes]
    assert cost_of_parsing(message) <= MemoryBudget().most

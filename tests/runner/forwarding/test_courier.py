"""Everything that is durable arrives at least once, in order, whatever the receiver does; and nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.forwarding import cursor
from runner.forwarding.courier import BATCH, LONGEST_WAIT, Courier
from runner.forwarding.destinations import Destination, Format, Way
from runner.forwarding.entries import Entry
from runner.forwarding.sending import Sending
from runner.forwarding.sinks.interface import NotDeliveredError
from tests.runner.forwarding.told import journal, write
from tests.waiting import HANG_SECONDS, ends, happens

TO = Destination(Way.FILE, Format.ECS, "events.jsonl")


class Receiver:
    """Takes what it is handed, but as `answers` have it: True, a failure, or a failure after it has taken all."""

    def __init__(self, answers: Sequence[str] = (), *, keeps: bool = True) -> None:
        self.keeps = keeps
        self.answers = list(answers)
        self.got: list[int] = []
        self.most = 0

    def deliver(self, entries: Sequence[Entry]) -> int:
        self.most = max(self.most, len(entries))
        answer = self.answers.pop(0) if self.answers else "takes"
        if answer != "refuses":
            self.got += [entry.sequence for entry in entries]
        if answer != "takes":
            raise NotDeliveredError("receiver answered 500")
        return 0


def once(numbers: Sequence[int]) -> list[int]:
    return list(dict.fromkeys(numbers))


@given(
    counts=st.lists(st.integers(1, 250), min_size=1, max_size=4),
    answers=st.lists(st.sampled_from(["takes", "refuses", "takes and breaks"]), max_size=12),
    killed=st.sets(st.integers(0, 20)),
)
def test_every_event_comes_at_least_once_and_in_order_over_failures_and_kills(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], answers: list[str], killed: set[int]
) -> None:
    receiver = Receiver(answers)
    with journal(tmp_path_factory.mktemp("state")) as opened:
        courier = Courier(opened.path, lambda: opened.durable.sequence, TO, receiver)
        tries = 0
        for count in counts:
            write(opened, count)
            for _ in range(len(answers) + sum(counts) // BATCH + 2):
                if tries in killed:  # a new process goes on from the cursor alone
                    courier = Courier(opened.path, lambda: opened.durable.sequence, TO, receiver)
                tries += 1
                courier.last()
        assert courier.left().count == 0
        assert once(receiver.got) == list(range(1, sum(counts) + 1))
        assert receiver.most <= BATCH
        assert len(receiver.got) <= sum(counts) + BATCH * len([each for each in answers if each == "takes and breaks"])


def test_the_batch_before_one_that_fails_is_sent_again_to_whom_may_have_died_with_it(tmp_path: Path) -> None:
    receiver = Receiver(["takes", "takes", "refuses", "refuses"], keeps=False)
    with journal(tmp_path) as opened:
        courier = Courier(opened.path, lambda: opened.durable.sequence, TO, receiver)
        for _ in range(2):
            write(opened, 3)
            assert courier.last()
        write(opened, 3)
        assert not courier.last()
        assert courier.left().count == 6
        assert not courier.last()
        again = Courier(opened.path, lambda: opened.durable.sequence, TO, receiver)  # as after a kill
        assert again.left().count == 6
        assert courier.last()
        assert not courier.last()
        assert receiver.got == [*range(1, 7), *range(4, 10)]


def test_what_a_crash_could_take_away_is_not_sent(tmp_path: Path) -> None:
    receiver = Receiver()
    with journal(tmp_path) as opened:
        courier = Courier(opened.path, lambda: opened.durable.sequence, TO, receiver)
        write(opened, 3)
        write(opened, 70, durable=False)  # 64 of them are in the file by now
        assert opened.path.read_bytes().count(b"\n") > 60
        assert courier.pump(0.0)
        assert not courier.pump(0.0)
        assert receiver.got == [1, 2, 3]


def test_it_is_tried_again_later_each_time_and_soon_once_it_works(tmp_path: Path) -> None:
    receiver = Receiver(["refuses"] * 9)
    with journal(tmp_path) as opened:
        write(opened, 1)
        courier = Courier(opened.path, lambda: opened.durable.sequence, TO, receiver)
        now, waits = 0.0, []
        while receiver.answers:
            before = len(receiver.answers)
            waited = 0.0
            while len(receiver.answers) == before:
                courier.pump(now + waited)
                waited += 0.5
            waits.append(waited - 0.5)
            now += waits[-1]
        assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_WAIT, LONGEST_WAIT]
        assert courier.left() == courier.left().__class__(1, "receiver answered 500", 0)
        assert not courier.pump(now)
        assert courier.pump(now + LONGEST_WAIT)
        assert courier.left().count == 0
        write(opened, 1)
        assert courier.pump(now + LONGEST_WAIT)


def test_a_receiver_that_asks_for_time_gets_it(tmp_path: Path) -> None:
    class Busy(Receiver):
        def deliver(self, entries: Sequence[Entry]) -> int:
            self.got.append(0)
            raise NotDeliveredError("receiver answered 429", 30.0)

    receiver = Busy()
    with journal(tmp_path) as opened:
        write(opened, 1)
        courier = Courier(opened.path, lambda: opened.durable.sequence, TO, receiver)
        for now in range(61):
            courier.pump(float(now))
    assert len(receiver.got) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1]",
        b'{"sequence": 2}',
        b'{"sequence": 2, "sha256": "00", "begins": 0}',
        b"[" * 5000,
        b'{"sequence": 1, "sha256": "00", "begins": 99999999999999999999}',
    ],
)
def test_a_cursor_that_is_none_sends_all_again_and_harms_nothing(tmp_path: Path, content: bytes) -> None:
    receiver = Receiver()
    with journal(tmp_path) as opened:
        write(opened, 3)
        cursor.cursor_path(opened.path, TO).write_bytes(content)
        Courier(opened.path, lambda: opened.durable.sequence, TO, receiver).pump(0.0)
    assert receiver.got == [1, 2, 3]


def test_a_cursor_that_cannot_be_written_costs_a_second_sending_and_no_more(tmp_path: Path) -> None:
    receiver = Receiver()
    with journal(tmp_path) as opened:
        write(opened, 3)
        place = cursor.cursor_path(opened.path, TO)
        place.mkdir()
        assert Courier(opened.path, lambda: opened.durable.sequence, TO, receiver).pump(0.0)
        assert Courier(opened.path, lambda: opened.durable.sequence, TO, receiver).pump(0.0)
    assert receiver.got == [1, 2, 3, 1, 2, 3]


def test_a_journal_that_is_gone_or_altered_is_told(tmp_path: Path) -> None:
    receiver = Receiver()
    with journal(tmp_path) as opened:
        write(opened, 3)
        courier = Courier(opened.path, lambda: 5, TO, receiver)
        assert courier.pump(0.0)
        assert receiver.got == [1, 2, 3]  # what is there is told all the same
        assert not courier.pump(0.0)
        assert "line 4 of the journal is not there" in courier.left().why
        assert courier.left().count == 2


def test_destinations_do_not_wait_for_one_another_nor_the_run_for_any(tmp_path: Path) -> None:
    held = threading.Event()

    class Hanging(Receiver):
        def deliver(self, entries: Sequence[Entry]) -> int:
            held.wait(HANG_SECONDS)
            return super().deliver(entries)

    hanging, gone, well = Hanging(), Receiver(["refuses"] * 100), Receiver()
    sending = Sending(end_seconds=0.0)
    try:
        with journal(tmp_path) as opened:
            for name, receiver in {"hanging": hanging, "gone": gone, "well": well}.items():
                to = Destination(Way.FILE, Format.ECS, name)
                sending.begin("alpha", Courier(opened.path, lambda: opened.durable.sequence, to, receiver))
            write(opened, 1000)  # comes back although one of them hangs
            assert happens(lambda: len(well.got) == 1000)
            assert hanging.got == []
        left = {each.to: each.left for each in sending.finish()}
        assert left["hanging"].count == 1000
        assert (left["gone"].count, left["gone"].why) == (1000, "receiver answered 500")
        assert left["well"].count == 0
    finally:
        held.set()
        assert all(ends(thread) for _, _, thread in sending._working)
    assert once(hanging.got) == list(range(1, 1001))

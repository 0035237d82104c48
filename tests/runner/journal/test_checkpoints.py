"""Checkpoints as text, as notes in a file, and held against the lines of a journal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.journal.chain import EMPTY, Broken, Fault, Head, Verified, link, verify
from runner.journal.checkpoints import (
    Checkpoint,
    Hashes,
    NotACheckpointError,
    checkpoint_from,
    hold_against,
    notes_in,
    origin_of,
)
from runner.journal.lines import Line, from_line

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ORIGIN = origin_of("alpha", "r1")


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_two_journals_never_share_an_origin_and_it_is_one_line_of_ascii(
    client: str, run: str, other_client: str, other_run: str
) -> None:
    origin = origin_of(client, run)
    assert origin.isascii()
    assert origin.isprintable()
    assert (origin == origin_of(other_client, other_run)) == ((client, run) == (other_client, other_run))


@given(TEXTS, st.integers(1, 10**17), st.binary(min_size=32, max_size=32), st.sampled_from(["", "more\n", "a\nb\n"]))
def test_a_checkpoint_reads_back_whatever_a_later_version_adds(
    client: str, lines: int, sha256: bytes, more: str
) -> None:
    checkpoint = Checkpoint(origin_of(client, "r1"), lines, sha256.hex())
    assert checkpoint_from(checkpoint.text() + more) == checkpoint


@pytest.mark.parametrize(
    "text",
    ["", "\n", "a\n1\n", "a\n0\n" + "A" * 43 + "=\n", "a\n01\n" + "A" * 43 + "=\n", "a\n-1\n" + "A" * 43 + "=\n",
     "a\n1\nAAAA\n", "a\n1\n" + "A" * 43 + "\n", "a\n1\n" + "A" * 42 + "B=\n", "a\n1\n" + "A" * 43 + "=",
     "\n1\n" + "A" * 43 + "=\n", "a\n\u0661\n" + "A" * 43 + "=\n", "a\n1 \n" + "A" * 43 + "=\n"],
)  # fmt: skip
def test_what_is_no_checkpoint_is_said_to_be_none(text: str) -> None:
    with pytest.raises(NotACheckpointError):
        checkpoint_from(text)


LINES = st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=8), max_size=4)


@given(st.lists(st.tuples(LINES, st.integers(1, 3)), min_size=1, max_size=5), st.integers(2, 60), st.booleans())
def test_notes_that_were_appended_come_apart_as_they_were(
    written: list[tuple[list[str], int]], cut: int, apart: bool
) -> None:
    """Whatever lines a later version adds; and half a note before a whole one does not spoil it."""
    notes = [
        f"{ORIGIN}\n"
        + "".join(f"{line}\n" for line in lines if not line.startswith("\u2014 "))
        + "text\n\n"
        + "\u2014 ops AAAAAAAA\n" * signatures
        for lines, signatures in written
    ]
    between = "\n" * apart
    assert list(notes_in(between.join(notes))) == notes
    half = notes[0][: -min(cut, len(notes[0]))]
    pieces = list(notes_in("\n".join([half, *notes])))
    assert pieces[-len(notes) :] == notes
    assert notes[0] not in pieces[: -len(notes)]


def lines_of(count: int) -> list[bytes]:
    lines, head = [], EMPTY
    for number in range(count):
        moment = datetime(2026, 11, 24, 2, 40, number, tzinfo=UTC)
        body = Line(0, moment, "r1", "alpha", None, None, "run", "mark", None, "ops@desk", {"n": number}, "")
        _, line, head = link(body, head)
        lines.append(line)
    return lines


NINE = lines_of(9)


def checked(lines: list[bytes], checkpoints: list[Checkpoint]) -> Broken | None:
    hashes = Hashes.of(checkpoints)
    found = verify(lines, take=hashes.take)
    assert isinstance(found, Verified)
    return hold_against(checkpoints, found, hashes)


def heads_of(lines: list[bytes]) -> list[Head]:
    heads: list[Head] = []
    for count in range(1, len(lines) + 1):
        found = verify(lines[:count])
        assert isinstance(found, Verified)
        heads.append(found.head)
    return heads


HEADS = heads_of(NINE)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 9))
def test_any_checkpoints_of_a_journal_hold_and_any_line_that_is_missing_shows(at: list[int], kept: int) -> None:
    checkpoints = [Checkpoint(ORIGIN, head.sequence, head.sha256) for head in HEADS if head.sequence in at]
    assert checked(NINE, checkpoints) is None
    broken = checked(NINE[:kept], checkpoints)
    below = [each for each in at if each <= kept]
    if kept >= max(at):
        assert broken is None
    else:
        assert broken is not None
        assert broken.fault is Fault.SHORTER_THAN_CHECKPOINT
        assert broken.intact == max(below, default=0)


@given(st.sets(st.integers(1, 9), min_size=1), st.integers(1, 9))
def test_a_history_that_was_written_anew_from_any_line_on_is_found(at: set[int], since: int) -> None:
    checkpoints = [Checkpoint(ORIGIN, head.sequence, head.sha256) for head in HEADS if head.sequence in at]
    forged, head = list(NINE[: since - 1]), EMPTY if since == 1 else HEADS[since - 2]
    for line in NINE[since - 1 :]:
        _, again, head = link(replace(from_line(line), event="forged"), head)
        forged.append(again)
    broken = checked(forged, checkpoints)
    harmed = [each for each in sorted(at) if each >= since]
    if not harmed:
        assert broken is None
    else:
        assert broken is not None
        assert (broken.fault, broken.line) == (Fault.NOT_THE_CHECKPOINT, harmed[0])
        assert broken.intact == max((each for each in at if each < since), default=0)

"""The chain shows every change to a journal's bytes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.events import Event, Phase
from runner.journal.chain import EMPTY, Broken, Fault, Head, Verified, head_from_bytes, intact, link, verify
from runner.journal.lines import Line, MalformedLineError, UnrecordableValueError, canonical, from_line

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
records = st.builds(
    Line,
    sequence=st.just(0),
    time=st.datetimes(timezones=st.just(UTC)),
    run=st.just("r1"),
    client=st.just("alpha"),
    host=st.none() | st.text(max_size=8),
    step=st.none() | st.text(max_size=8),
    phase=st.sampled_from(Phase),
    event=st.sampled_from(Event),
    script_hash=st.none() | st.just("ab" * 32),
    actor=st.text(max_size=8),
    data=st.dictionaries(st.text(max_size=5), json_values, max_size=3),
    previous=st.just(""),
    format=st.sampled_from([1, 1, 2, 900]),
    more=st.dictionaries(st.text(max_size=8).filter(lambda name: name not in Line.__slots__), json_values, max_size=3),
)


def chained(bodies: list[Line]) -> tuple[list[bytes], Head]:
    head, lines = EMPTY, []
    for body in bodies:
        _, line, head = link(body, head)
        lines.append(line)
    return lines, head


def plain(number: int) -> Line:
    moment = datetime(2026, 11, 24, 2, 40, number, tzinfo=UTC)
    data = {"n": number}
    return Line(0, moment, "r1", "alpha", "EX1", None, Phase.RUN, Event.OVERRIDE, None, "ops@desk", data, "")


def split(content: bytes) -> list[bytes]:
    parts = [part + b"\n" for part in content.split(b"\n")]
    return parts[:-1] + ([parts[-1][:-1]] if parts[-1] != b"\n" else [])


LINES, HEAD = chained([plain(number) for number in range(5)])
CONTENT = b"".join(LINES)


@given(st.lists(records, max_size=5))
@settings(max_examples=60, deadline=None)
def test_what_was_linked_verifies_and_reads_back(bodies: list[Line]) -> None:
    lines, head = chained(bodies)
    newer = sum(body.format > 1 or bool(body.more) for body in bodies)
    assert verify(lines) == Verified(head, len(bodies), newer=newer)
    assert verify(lines, head) == Verified(head, len(bodies), after_head=0, newer=newer)
    assert [record.data for record in intact(lines)] == [body.data for body in bodies]
    assert [from_line(line).time for line in lines] == [body.time for body in bodies]
    assert [(record.format, record.more) for record in intact(lines)] == [(body.format, body.more) for body in bodies]
    assert [record.to_line() for record in intact(lines)] == lines


def test_every_change_of_one_byte_is_found_without_the_head() -> None:
    for position, was in enumerate(CONTENT):
        for mask in (0x01, 0x20, 0x80, was ^ 0x0A, was ^ ord(" ")):
            changed = bytearray(CONTENT)
            changed[position] = was ^ mask
            if mask:
                assert isinstance(verify(split(bytes(changed))), Broken), (position, mask)


def test_every_deletion_of_one_byte_is_found_without_the_head() -> None:
    for position in range(len(CONTENT)):
        cut = CONTENT[:position] + CONTENT[position + 1 :]
        assert isinstance(verify(split(cut)), Broken), position


@given(st.integers(0, len(CONTENT)), st.binary(min_size=1, max_size=20))
@settings(max_examples=300, deadline=None)
def test_every_insertion_is_found_without_the_head(position: int, inserted: bytes) -> None:
    assert isinstance(verify(split(CONTENT[:position] + inserted + CONTENT[position:])), Broken)


@given(st.data(), st.lists(records, min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_changed_byte_in_any_journal_is_found(data: st.DataObject, bodies: list[Line]) -> None:
    content = bytearray(b"".join(chained(bodies)[0]))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    assert isinstance(verify(split(bytes(content))), Broken)


def test_every_truncation_inside_a_line_is_found_and_names_the_line() -> None:
    ends = {len(b"".join(LINES[:count])) for count in range(len(LINES) + 1)}
    for length in set(range(len(CONTENT))) - ends:
        found = verify(split(CONTENT[:length]))
        assert isinstance(found, Broken)
        assert found.fault is Fault.TRUNCATED
        assert found.line == CONTENT[:length].count(b"\n") + 1


@pytest.mark.parametrize("kept", range(5))
def test_whole_lines_cut_from_the_end_are_found_by_the_stored_head_alone(kept: int) -> None:
    assert isinstance(verify(LINES[:kept]), Verified)
    found = verify(LINES[:kept], HEAD)
    assert isinstance(found, Broken)
    assert (found.fault, found.line, found.intact) == (Fault.SHORTER_THAN_HEAD, kept + 1, kept)


@pytest.mark.parametrize("gone", range(4))
def test_a_line_taken_out_is_called_missing(gone: int) -> None:
    found = verify(LINES[:gone] + LINES[gone + 1 :])
    assert isinstance(found, Broken)
    assert (found.fault, found.line, found.intact) == (Fault.MISSING, gone + 1, gone)


@pytest.mark.parametrize(("low", "high"), [(low, high) for low in range(5) for high in range(low + 1, 5)])
def test_two_lines_swapped_are_called_reordered(low: int, high: int) -> None:
    swapped = list(LINES)
    swapped[low], swapped[high] = swapped[high], swapped[low]
    found = verify(swapped)
    assert isinstance(found, Broken)
    assert (found.fault, found.line) == (Fault.REORDERED, low + 1)


@pytest.mark.parametrize("again", range(5))
def test_a_line_that_stands_twice_is_called_duplicate(again: int) -> None:
    found = verify([*LINES[: again + 1], LINES[again], *LINES[again + 1 :]])
    assert isinstance(found, Broken)
    assert (found.fault, found.line) == (Fault.DUPLICATE, again + 2)


@pytest.mark.parametrize("place", range(5))
def test_a_well_made_line_of_another_chain_is_found(place: int) -> None:
    other, _ = chained([plain(number + 10) for number in range(5)])
    mixed = [*LINES[:place], other[place], *LINES[place + 1 :]]
    assert isinstance(verify(mixed, HEAD), Broken)


def test_a_journal_written_anew_from_the_start_is_found_by_the_stored_head() -> None:
    other, _ = chained([plain(number + 10) for number in range(5)])
    found = verify(other, HEAD)
    assert isinstance(found, Broken)
    assert found.fault is Fault.NOT_THE_HEAD


def test_lines_after_an_open_head_are_counted_and_after_a_closed_head_refused() -> None:
    early = chained([plain(number) for number in range(3)])[1]
    assert verify(LINES, early) == Verified(HEAD, 5, after_head=2)
    found = verify(LINES, Head(early.sequence, early.sha256, closed=True))
    assert isinstance(found, Broken)
    assert (found.fault, found.line) == (Fault.AFTER_CLOSE, 4)


def test_a_cut_below_the_head_says_that_durable_lines_are_gone() -> None:
    found = verify(split(CONTENT[:-1]), HEAD)
    assert isinstance(found, Broken)
    assert "durable are gone" in found.why


def test_a_head_reads_back_and_every_changed_byte_of_it_is_refused_or_seen() -> None:
    content = HEAD.to_bytes()
    assert head_from_bytes(content) == HEAD
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        try:
            other = head_from_bytes(bytes(changed))
        except ValueError:
            continue
        assert isinstance(verify(LINES, other), Broken), position


def test_a_line_in_another_spelling_of_the_same_json_is_refused() -> None:
    spaced = LINES[0].replace(b'":', b'": ', 1)
    with pytest.raises(MalformedLineError, match="differs"):
        from_line(spaced)


def test_what_a_server_said_stands_in_the_file_without_control_or_non_ascii_bytes() -> None:
    body = plain(1)
    hostile = Line(**{name: getattr(body, name) for name in Line.__slots__} | {"data": {"x": "\x1b[2J\u202eé\ud800"}})
    line = link(hostile, EMPTY)[1]
    assert all(0x20 <= byte < 0x7F for byte in line[:-1])
    assert from_line(line).data == hostile.data


def test_numbers_that_json_lacks_are_kept_as_text() -> None:
    values = [float("nan"), float("inf"), -float("inf"), 1 << 20000]
    assert canonical(values) == ["nan", "inf", "-inf", hex(1 << 20000)]


@pytest.mark.parametrize("value", [object(), {1: "a"}, datetime(2026, 1, 1), {"a": {1, 2}}])  # noqa: DTZ001
def test_a_value_without_a_canonical_form_is_refused_without_being_quoted(value: object) -> None:
    with pytest.raises(UnrecordableValueError):
        canonical(value)


def test_nesting_without_end_is_refused() -> None:
    value: list[object] = []
    for _ in range(100):
        value = [value]
    with pytest.raises(UnrecordableValueError, match="deeper"):
        canonical(value)

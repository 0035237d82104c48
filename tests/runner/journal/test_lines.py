"""The quick ways to write and to read a line are the careful ones, and a line of tomorrow is a line."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.journal.chain import EMPTY, Broken, Head, Verified, head_from_bytes, link, verify
from runner.journal.lines import (
    MAX_DEPTH,
    Json,
    Line,
    MalformedLineError,
    Pen,
    UnrecordableValueError,
    canonical,
    carefully,
    from_line,
    line_hash,
)
from tests.runner.journal.test_chain import json_values, plain, records


def sealed(members: dict[str, Json]) -> bytes:
    """A line with a right sha256, made of members as they are, by json alone: no code of ours vouches for it."""

    def encoded() -> bytes:
        return json.dumps(members, separators=(",", ":"), sort_keys=True).encode()

    members = {name: member for name, member in members.items() if name != "sha256"}
    members["sha256"] = hashlib.sha256(encoded()).hexdigest()
    return encoded() + b"\n"


def members_of(line: bytes) -> dict[str, Json]:
    members: dict[str, Json] = json.loads(line)
    return members


LINE = link(plain(1), EMPTY)[1]


def outcome(read: Callable[[bytes], Line], line: bytes) -> Line | str:
    try:
        return read(line)
    except MalformedLineError as error:
        return str(error)


@given(records, st.text(max_size=8))
@settings(max_examples=200, deadline=None)
def test_a_pen_writes_what_a_line_says(record: Line, name: str) -> None:
    record = link(Line(**{each: getattr(record, each) for each in Line.__slots__[:12]} | {"run": name}), EMPTY)[0]
    data = canonical(record.data)
    assert isinstance(data, dict)
    line, sha256 = Pen(name, record.client, record.actor).line(
        record.sequence,
        record.previous,
        record.time,
        record.phase,
        record.event,
        record.host,
        record.step,
        record.script_hash,
        data,
    )
    assert line == record.to_line()
    assert sha256 == line_hash(line)


def nested(depth: int) -> Json:
    value: Json = 1
    for _ in range(depth):
        value = [value]
    return value


# What decides whether a line is one, in places of its own: each is put where a member of the line stands, and the
# line is sealed anew.
ODD: list[Json] = [
    True, False, None, 0, 1, 2, -1, 1.0, 1 << 1023, 1 << 1024, 1 << 1025, -(1 << 1024), 10**308, 10**309, 10**4000,
    1e300, -0.0, "", "x", "\ud800", "\x7f", [], {}, {"sha256": "0" * 64}, "2026-11-24T02:40:01.000000Z",
    "2026-11-24T02:40:01Z", "2026-11-24 02:40:01.000000Z", "2026-11-24T02:40:01.000000+00:00",
    "2026-W48-2T02:40:01.000000Z", "2026-11-24T02:40:01.0000001Z", "0001-01-01T00:00:00.000000Z",
    "2026-11-24T24:00:00.000000Z", "2026-11-24T02:40:60.000000Z", [1] * 80, [[]] * 80,
    *(nested(depth) for depth in (MAX_DEPTH - 2, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 200)),
    {"a": nested(MAX_DEPTH - 1)}, {"a": nested(MAX_DEPTH)}, {"a": [nested(MAX_DEPTH - 2), {}]},
]  # fmt: skip
odd = st.sampled_from(ODD) | json_values


def test_every_odd_value_in_every_place_is_read_quickly_as_it_is_read_carefully() -> None:
    seen: Counter[bool] = Counter()
    for name in [*members_of(LINE), "aaa", "more", "zzz"]:
        for value in ODD:
            for placed in (value, {"x": value}, [value, 1]):
                line = sealed({**members_of(LINE), name: placed})
                quick, careful = outcome(from_line, line), outcome(carefully, line)
                assert quick == careful, line
                seen[isinstance(careful, Line)] += 1
    assert seen[True] > 250, seen
    assert seen[False] > 800, seen


@given(st.data(), records)
@settings(max_examples=400, deadline=None)
def test_a_mutated_line_is_read_quickly_as_it_is_read_carefully(data: st.DataObject, record: Line) -> None:
    line = link(record, EMPTY)[1]
    match data.draw(st.sampled_from(["byte", "cut", "insert", "spelling", "seal", "twice"])):
        case "byte":
            place = data.draw(st.integers(0, len(line) - 1))
            line = line[:place] + bytes([line[place] ^ data.draw(st.integers(1, 255))]) + line[place + 1 :]
        case "cut":
            place = data.draw(st.integers(0, len(line) - 1))
            line = line[:place] + line[data.draw(st.integers(place, len(line))) :]
        case "insert":
            place = data.draw(st.integers(0, len(line)))
            more = data.draw(st.binary(max_size=3) | st.sampled_from([b" ", b"\n", b"0", b"NaN", b"1e999", b"[" * 99]))
            line = line[:place] + more + line[place:]
        case "spelling":
            members = members_of(line)
            line = json.dumps(members, separators=(",", ":"), sort_keys=data.draw(st.booleans())).encode() + b"\n"
            line = line.replace(b"\\ud", b"\\uD")
        case "twice":  # the seal of the line stands in its data too, or the name of its member
            members = members_of(line)
            members["data"] = {"sha256": members["sha256"], "z": {"a": 1, "sha256": members["sha256"]}}
            line = sealed(members) if data.draw(st.booleans()) else line.replace(b'"data":{', b'"data":{"a":1,', 1)
        case _:
            line = sealed({**members_of(line), data.draw(st.sampled_from([*members_of(LINE), "new"])): data.draw(odd)})
    assert outcome(from_line, line) == outcome(carefully, line)


TOMORROW: dict[str, Json] = {"format": 2, "event": "word-of-tomorrow", "wave": 3, "approved_by": ["a", {"b": None}]}


def test_a_line_of_a_newer_version_is_intact_counted_and_written_back_as_it_was() -> None:
    head, lines = EMPTY, []
    for number, further in enumerate([{}, TOMORROW, {"event": "word-of-tomorrow"}, {"more": True}, {}], start=1):
        members = {**members_of(LINE), "sequence": number, "previous": head.sha256, **further}
        lines.append(sealed(members))
        head = Head(number, line_hash(lines[-1]))
    assert [from_line(line).to_line() for line in lines] == lines
    assert verify(lines, head) == Verified(head, 5, 0, newer=2)
    known = Verified(head, 5, 0, newer=3)
    assert verify(lines, head, known=lambda line: line.event != "word-of-tomorrow") == known
    assert from_line(lines[1]).more == {"wave": 3, "approved_by": ["a", {"b": None}]}


def test_every_changed_byte_of_a_line_of_a_newer_version_is_found() -> None:
    line = sealed({**members_of(LINE), **TOMORROW})
    for position in range(len(line)):
        for mask in (0x01, 0x20, 0x80):
            changed = line[:position] + bytes([line[position] ^ mask]) + line[position + 1 :]
            assert isinstance(verify([changed]), Broken), (position, mask)


@pytest.mark.parametrize("name", ["actor", "data", "format", "sha256", "sequence", "time"])
def test_a_newer_line_keeps_the_members_that_every_line_has(name: str) -> None:
    members = {**members_of(LINE), **TOMORROW}
    members.pop(name)
    line = sealed(members) if name != "sha256" else json.dumps(members, separators=(",", ":")).encode() + b"\n"
    with pytest.raises(MalformedLineError, match="missing"):
        from_line(line)


def test_a_line_of_no_format_is_none() -> None:
    with pytest.raises(MalformedLineError, match="format 0"):
        from_line(sealed({**members_of(LINE), "format": 0}))


def test_a_further_member_takes_no_name_of_the_others() -> None:
    record = Line(
        1, datetime(2026, 11, 24, tzinfo=UTC), "r1", "alpha", None, None, "run", "mark", None, "a", {}, "0" * 64,
        more={"host": "EX1"},
    )  # fmt: skip
    with pytest.raises(UnrecordableValueError):
        record.to_line()


def test_a_head_of_a_newer_version_with_further_members_is_read() -> None:
    head = Head(3, "ab" * 32, closed=True)
    members = {**json.loads(head.to_bytes()), "signed": "by somebody"}
    content = json.dumps(members, separators=(",", ":"), sort_keys=True).encode() + b"\n"
    assert head_from_bytes(content) == head
    with pytest.raises(ValueError, match="as a journal writes it"):
        head_from_bytes(content.replace(b":", b": ", 1))

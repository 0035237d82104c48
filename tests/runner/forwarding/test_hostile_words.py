"""What a server or an author calls things ends in fields of ours: as it was, whole, and as no other event or field."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from runner.forwarding import cef, ecs, otlp
from runner.forwarding.destinations import destination
from runner.forwarding.ecs import SEVERITY
from runner.forwarding.entries import MEANINGS, Entry, entry_of
from runner.forwarding.sinks.syslog import SyslogSink, message
from runner.journal.lines import Line, from_line, line_hash
from runner.terminal import visible
from tests.runner.forwarding.foreign import counted, read_cef, read_syslog
from tests.runner.forwarding.test_sinks import listening
from tests.runner.forwarding.told import BEGAN, CLIENT, RUN, SCRIPT

# What divides, ends, escapes, hides or turns round text somewhere on the way.
PIECES = [
    "|", "\\", "=", "\n", "\r\n", "]", "[", '"', "'", "<13>1 ", " - - - ", "\0", "\x1b[2J", "\x85", "\x9b", "\u2028",
    "\u2029", "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800", "\udfff", "\U000e0041", "é", "☃", "😀", " ", "  ",
    "\t", "a", "cs1", " cs1=evil", " externalId=x", "cut=true", "CEF:0|a|b|c|d|e|10|", "\\n", "\\|", "\\\\",
    "\n{\"event\":{}}", "123 <13>1 2026-11-29T02:40:00Z evil exrun - x - ",
]  # fmt: skip
WORDS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=12).map("".join)
NAMES = WORDS.filter(bool)
# fmt: off
MEMBERS = [
    "address", "message", "id", "planner", "option", "value", "purpose", "plan", "why", "state", "error", "sha256",
    "settlement", "host", "owner",
]
# fmt: on


def read_back(line: Line) -> Entry:
    """The entry of a line that was written to a journal and read from there."""
    written = line.to_line()
    return entry_of(from_line(written), line_hash(written))


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """A line in which everything that comes from elsewhere is hostile, as it is read back from a journal."""
    words = draw(st.dictionaries(st.sampled_from(MEMBERS), WORDS, max_size=6))
    data: dict[str, Any] = dict(words)
    if draw(st.booleans()):
        finding = {"id": draw(WORDS), "severity": draw(WORDS), "title": draw(WORDS)}
        data["assessment"] = {
            "verdict": draw(WORDS), "summary": draw(WORDS), "findings": [finding] * draw(st.integers(0, 30))
        }  # fmt: skip
        data["differences"] = data["hosts"] = [draw(WORDS)] * draw(st.integers(0, 30))
        data["outcomes"] = {draw(WORDS): draw(WORDS)}
    return Line(
        draw(st.integers(1, 2**40)),
        BEGAN,
        RUN,
        CLIENT,
        draw(st.none() | NAMES),
        draw(st.none() | NAMES),
        draw(NAMES),
        draw(st.sampled_from(sorted(MEANINGS)) | NAMES),
        draw(st.none() | st.just(SCRIPT) | NAMES),
        draw(st.just("ops@jump1.example") | NAMES),
        data,
        "0" * 64,
    )


def wanted(of: Entry) -> dict[str, str]:
    """Every field that CEF has of an entry, uncut, from what the reference page promises."""
    user, _, machine = of.actor.rpartition("@")
    fields = {
        "rt": str(int(of.time.timestamp() * 1000)),
        "externalId": of.id,
        "cat": f"{of.kind}/{'/'.join(of.category)}/{'/'.join(of.type)}",
        "act": of.event,
        "dvchost": machine,
        "suser": user or of.actor,
        "cn1": str(of.sequence),
        "cn1Label": "sequence",
        "cs1": of.client,
        "cs1Label": "client",
        "cs2": of.run,
        "cs2Label": "run",
        "cs4": of.sha256,
        "cs4Label": "lineSha256",
    }
    optional = {"cs3": of.step, "cs3Label": of.step and "step", "dhost": of.host, "fileHash": of.script}
    fields |= {name: value for name, value in optional.items() if value is not None}
    if of.outcome is not None:
        fields["outcome"] = of.outcome.value
    for name, value in of.details.items():
        camel = "exrun" + "".join(part.title() for part in name.split("_"))
        fields[camel] = "; ".join(value) if isinstance(value, tuple) else str(value)
    return fields


def agrees(read: Mapping[str, str], whole: Mapping[str, str]) -> bool:
    """Whether fields are those that there are; where something was cut that is said, and every field is ours still."""
    if "cut" not in read:
        return read == whole
    left = {name: value for name, value in read.items() if name != "cut"}
    return read["cut"] == "true" and all(
        name in whole and (value == whole[name] or (value.endswith("…") and whole[name].startswith(value[:-1])))
        for name, value in left.items()
    )


def follows(of: Entry) -> None:
    """That a foreign reader gets what there is of an entry, by each way."""
    rendered = cef.render(of)
    read = read_cef(rendered.decode())
    version, vendor, product, _, signature, name, severity = read.header
    assert (version, vendor, product, signature) == ("0", "exrun", "exrun", of.event)
    assert name == of.message[:500]
    assert severity == str(SEVERITY[of.level])
    assert agrees(read.fields, wanted(of))
    assert {each: read.fields[each] for each in KEY} == {each: wanted(of)[each] for each in KEY}
    assert len(rendered) <= cef.MOST_BYTES
    for text in (rendered, ecs.render(of)):
        data = message(of, text)
        assert len(data) < 65_507  # what a datagram holds
        sent = read_syslog(data)
        assert (sent.program, sent.process, sent.structured, sent.text) == ("exrun", None, None, text)
        assert sent.priority // 8 == 13
        assert sent.kind == (re.sub(r"[^!-~]", "", of.event)[:32] or None)


KEY = ("rt", "externalId", "cat", "act", "cn1", "cs1", "cs2")  # what no cut takes away


@given(lines())
def test_foreign_readers_get_every_field_as_it_is_and_no_structure_of_a_server_s(line: Line) -> None:
    follows(read_back(line))


@pytest.mark.parametrize("piece", PIECES)
def test_so_they_do_where_all_is_one_thing_a_hundred_thousand_times(piece: str) -> None:
    long = piece * (100_000 // len(piece))
    finding = {"id": long, "severity": long, "title": long}
    assessment = {"verdict": long, "summary": long, "findings": [finding, finding]}
    for event in (*MEANINGS, long):
        data: dict[str, Any] = {"assessment": assessment, "outcomes": {long: long}, "differences": [long]}
        data |= dict.fromkeys(MEMBERS, long)
        line = Line(7, BEGAN, RUN, CLIENT, long, long, long, event, long, f"{long}@{long}", data, "0" * 64)
        follows(entry_of(line, "c" * 64))


@given(st.lists(lines(), min_size=1, max_size=4))
def test_however_a_receiver_divides_what_it_gets_there_are_as_many_events_as_there_were(several: list[Line]) -> None:
    every = [read_back(each) for each in several]
    for render in (cef.render, ecs.render):
        made = [render(each) for each in every]
        text = b"".join(each + b"\n" for each in made).decode()
        assert text.splitlines() == [each.decode() for each in made]  # at all that Unicode calls the end of a line
        assert text.encode().splitlines() == made
        assert b"\0" not in text.encode()
        framed = [message(of, each) for of, each in zip(every, made, strict=True)]
        assert counted(b"".join(b"%d %b" % (len(each), each) for each in framed)) == framed
        assert b"".join(each + b"\n" for each in framed).splitlines() == framed  # who counts no octets
    documents = [json.loads(ecs.render(each)) for each in every]
    assert [each["event"]["id"] for each in documents] == [each.id for each in every]
    assert [each["event"]["action"] for each in documents] == [each.event for each in every]
    records = ExportLogsServiceRequest.FromString(otlp.request(every)).resource_logs[0].scope_logs[0].log_records
    assert [each.event_name for each in records] == [f"exrun.{each.event}" for each in every]


@given(lines())
def test_what_is_said_of_a_server_names_it_as_far_as_a_name_goes(line: Line) -> None:
    """The name is as it was where it shows itself, spelt out where it does not, and cut where it is none."""
    of = read_back(line)
    if line.host is not None:
        assert of.host == visible(line.host) or (len(of.host) <= 500 and of.host.endswith("…"))
        if line.host.isprintable() and len(line.host) <= 100:
            assert of.host == line.host


@pytest.mark.parametrize("piece", PIECES)
def test_a_name_of_any_piece_alone_comes_back(piece: str) -> None:
    line = Line(7, BEGAN, RUN, CLIENT, piece, piece, "assess", "of-tomorrow", SCRIPT, "ops@jump1", {}, "0" * 64)
    of = read_back(line)
    follows(of)
    assert of.host == visible(piece)


@example(["<U+000A>"])
@given(st.lists(WORDS.filter(bool), min_size=1, max_size=3))
def test_over_a_connection_the_same(names: list[str]) -> None:
    every = [
        read_back(Line(n, BEGAN, RUN, CLIENT, name, None, "assess", "boot-seen", None, "ops@j", {}, "0" * 64))
        for n, name in enumerate(names, 1)
    ]
    got: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        while piece := connection.recv(4096):
            got.append(piece)

    with listening(serve) as port:
        SyslogSink(destination(f"syslog+tcp://127.0.0.1:{port}", None), cef.render, None).deliver(every)
    read = [read_cef(read_syslog(each).text.decode()) for each in counted(b"".join(got))]
    assert [each.fields["externalId"] for each in read] == [each.id for each in every]
    assert [each.fields["dhost"] for each in read] == [each.host for each in every]

"""What others are sent: golden files, and whatever a server says, a line is one line and its fields are ours."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from runner import events
from runner.forwarding import cef, ecs, otlp
from runner.forwarding.entries import MEANINGS, entry_of
from runner.forwarding.sinks.syslog import message
from tests.runner.forwarding.told import CLIENT, HOSTILE, RUN, TOLD, Told, entries, line

GOLDEN = Path(__file__).parent / "golden"

# Of https://www.elastic.co/docs/reference/ecs/ecs-allowed-values-event-category: which types each category expects.
EXPECTED = {
    "configuration": {"access", "change", "creation", "deletion", "info"},
    "file": {"access", "change", "creation", "deletion", "info"},
    "host": {"access", "change", "end", "info", "start"},
    "intrusion_detection": {"allowed", "denied", "info"},
    "network": {"access", "allowed", "connection", "denied", "end", "info", "protocol", "start"},
    "process": {"access", "change", "end", "info", "start"},
    "session": {"start", "end", "info"},
    "vulnerability": {"info"},
}


@pytest.mark.parametrize(("name", "render"), [("events.ecs.jsonl", ecs.render), ("events.cef", cef.render)])
def test_events_are_written_as_the_golden_file_has_them(name: str, render: Any) -> None:
    made = b"".join(render(entry) + b"\n" for entry in entries()).decode()
    made = re.sub(r"(CEF:0\|exrun\|exrun\|)[^|]+", r"\g<1>VERSION", made)
    assert made == (GOLDEN / name).read_text(encoding="utf-8")


def test_every_event_that_a_journal_holds_has_its_meaning_in_ecs() -> None:
    assert set(MEANINGS) == {each.value for each in events.Event}
    for name, meaning in MEANINGS.items():
        assert all(set(meaning.type) <= EXPECTED[category] for category in meaning.category), name


def test_a_verdict_that_somebody_was_inside_is_an_alert() -> None:
    [alert] = [each for each in entries() if each.event == "step-assessed"]
    document: dict[str, Any] = ecs.document(alert)
    assert document["event"]["kind"] == "alert"
    assert set(document["event"]["type"]) <= EXPECTED[document["event"]["category"][0]]
    assert document["event"]["category"] == ["intrusion_detection"]
    assert document["host"] == {"name": "EX1"}
    assert document["labels"] == {"client": CLIENT, "run": RUN}
    assert document["event"]["id"] == f"{RUN}/{CLIENT}/4"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30) | st.just(HOSTILE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["why", "hosts", "a"]), inner),
    max_leaves=8,
)
# fmt: off
MEMBERS = [
    "hosts", "playbook", "name", "status", "outcomes", "message", "approvals", "id", "planner", "number", "option",
    "value", "address", "port", "failure", "purpose", "scripts", "answer", "assessment", "verdict", "findings", "plan",
    "settlement", "why", "differences", "holds", "well", "bytes", "sha256", "state", "error",
]
# fmt: on
NASTY = st.dictionaries(st.sampled_from(MEMBERS), JSON)
SAID: st.SearchStrategy[Told] = st.tuples(
    st.sampled_from(sorted(MEANINGS)) | st.text(min_size=1, max_size=40),
    st.sampled_from(["run", "assess"]) | st.text(max_size=10),
    st.none() | st.text(min_size=1, max_size=300) | st.just(HOSTILE),
    st.none() | st.just("urls") | st.text(min_size=1, max_size=20),
    NASTY,
)
NEVER_SHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@given(SAID)
def test_whatever_stands_in_a_line_an_event_is_one_line_with_nothing_hidden_in_it(told: Told) -> None:
    entry = entry_of(line(7, told), "c" * 64)
    for made in (ecs.render(entry), cef.render(entry), message(entry, cef.render(entry))):
        assert NEVER_SHOWN.search(made.decode()) is None
        assert len(made) < 65536
    assert json.loads(ecs.render(entry))["event"]["id"] == entry.id
    assert len(message(entry, cef.render(entry))) <= 8192


@given(SAID)
def test_a_reader_of_cef_gets_our_fields_and_none_that_a_server_wrote(told: Told) -> None:
    entry = entry_of(line(7, told), "c" * 64)
    header, fields = read_cef(cef.render(entry).decode())
    assert header[:3] == ["CEF:0", "exrun", "exrun"]
    assert header[4] == entry.event
    assert header[5] == entry.message[:500]
    assert fields["externalId"] == entry.id
    assert fields["act"] == entry.event
    assert fields.get("dhost") == (entry.host if entry.host is None or len(entry.host) <= 1000 else fields["dhost"])
    known = {"rt", "externalId", "cat", "act", "dvchost", "suser", "cn1", "cn1Label", "dhost", "outcome", "fileHash"}
    known |= {"cut"} | {f"cs{n}{label}" for n in range(1, 5) for label in ("", "Label")}
    assert all(name in known or name.startswith("exrun") for name in fields)


def read_cef(text: str) -> tuple[list[str], dict[str, str]]:
    """CEF as a receiver reads it: bars that are not escaped divide the header, ` name=` begins a field."""
    parts = re.split(r"((?:[^|\\]|\\.)*)\|", text, maxsplit=7)
    header = [re.sub(r"\\(.)", r"\1", each) for each in parts[1::2]]
    fields: dict[str, str] = {}
    for name, value in re.findall(r"(?:^| )([A-Za-z0-9]+)=((?:[^=\\]|\\.)*?)(?= [A-Za-z0-9]+=|$)", parts[-1]):
        assert name not in fields
        fields[name] = re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), value)
    return header, fields


def test_what_does_not_fit_is_cut_and_said() -> None:
    findings = [{"id": f"f{n}", "severity": "high", "title": "=" * 400} for n in range(50)]
    said = {"assessment": {"verdict": "vulnerable", "summary": "s", "findings": findings}}
    entry = entry_of(line(7, ("step-assessed", "assess", "EX1", "urls", said)), "c" * 64)  # type: ignore[arg-type]
    assert entry.details["findings_count"] == 50
    assert len(entry.details["findings"]) == 20  # type: ignore[arg-type]
    made = cef.render(entry)
    assert made.endswith(b" cut=true")
    assert len(made) <= cef.MOST_BYTES


def test_otlp_holds_the_same_events() -> None:
    every = entries()
    request = ExportLogsServiceRequest.FromString(otlp.request(every))
    [resource] = request.resource_logs
    assert {each.key: each.value.string_value for each in resource.resource.attributes} == {
        "service.name": "exrun",
        "exrun.client": CLIENT,
        "exrun.run": RUN,
    }
    records = resource.scope_logs[0].log_records
    assert len(records) == len(TOLD)
    for record, entry in zip(records, every, strict=True):
        attributes = {each.key: each.value for each in record.attributes}
        assert record.body.string_value == entry.message
        assert attributes["event.id"].string_value == entry.id
        assert attributes["event.sequence"].int_value == entry.sequence
        assert record.time_unix_nano % 1_000_000_000 == 123456000
        assert 1 <= record.severity_number <= 24


def test_a_message_of_syslog_says_whose_it_is_and_how_much_it_matters() -> None:
    [alert] = [each for each in entries() if each.event == "step-assessed"]
    made = message(alert, b"TEXT").decode()
    assert made == "<105>1 2026-11-29T02:40:04.123456Z jump1.example exrun - step-assessed - TEXT"

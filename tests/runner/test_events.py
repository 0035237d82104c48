"""What is written of an event is what is read; of a newer exrun is not of an altered one; our words stay our words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from playbooks.findings import Finding, Severity
from runner import events
from runner.codec import FREE, HASH, record, unless_absent
from runner.events import (
    FileUsed,
    HostEvent,
    Newer,
    RunEvent,
    RunStarted,
    ServerListed,
    StepAssessed,
    UnreadableEventError,
    data_of,
    read,
)
from runner.journal.chain import Verified
from runner.journal.lines import Json, canonical, from_line
from runner.journal.verification import read as read_journal
from runner.journal.verification import verify
from runner.redaction import Redactor
from runner.results import Label, Listed
from tests.runner.happenings import (
    ASSESSMENT,
    ENDED,
    STARTED,
    answered,
    assessed,
    host_ended,
    line_of,
    sending,
    settled,
)
from tests.runner.happenings import events as any_event
from tests.runner.journal.journals import opened
from tests.runner.test_redaction import forms

DOCUMENTED = Path(__file__).resolve().parents[2] / "docs" / "reference" / "journal.md"


@given(any_event())
@settings(max_examples=300, deadline=None)
def test_what_is_written_of_an_event_is_what_is_read(event: RunEvent | HostEvent) -> None:
    written = from_line(line_of(event).to_line())
    again = read(written)
    assert again.newer == ()
    assert data_of(again.event) == written.data  # type: ignore[arg-type]
    assert plain(again.event) == plain(event)


def plain(value: object) -> object:
    """A value without what does not survive the way through JSON: that an array had been a tuple."""
    if is_dataclass(value) and not isinstance(value, type):
        return type(value), {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(member) for name, member in value.items()}
    return [plain(member) for member in value] if isinstance(value, list | tuple) else value


@given(any_event(), st.data())
@settings(max_examples=300, deadline=None)
def test_members_of_tomorrow_are_named_and_change_nothing_of_what_is_read(
    event: RunEvent | HostEvent, data: st.DataObject
) -> None:
    line = line_of(event)
    objects = list(objects_of_ours(line.data, event))
    assume(objects)
    chosen = data.draw(st.sampled_from(range(len(objects))))
    copy = json.loads(json.dumps(line.data))
    target = list(objects_of_ours(copy, event))[chosen]
    target["of-tomorrow"] = {"a": [1]}
    later = read(replace(line, data=copy))
    assert later.newer == ("of-tomorrow",)
    assert later.event == read(replace(line, data=json.loads(json.dumps(line.data)))).event


def objects_of_ours(data: Json, event: object) -> Iterator[dict[str, Json]]:
    """The objects whose members are declared: not those that a server, a user or a table of names fills."""
    open_to_all = {
        "output",
        "params",
        "value",
        "outcomes",
        "rows",
        "facts",
        "then",
        "values",
        "before",
        "after",
        "present",
    }
    match data:
        case dict():
            yield data
            for name, member in data.items():
                if name in ("facts", "then") and isinstance(member, dict):
                    for fact in member.values():
                        yield from objects_of_ours(fact, event)
                elif name not in open_to_all:
                    yield from objects_of_ours(member, event)
        case list():
            for member in data:
                yield from objects_of_ours(member, event)
        case _:
            pass


@given(any_event())
@settings(max_examples=300, deadline=None)
def test_a_line_from_before_a_member_was_added_is_read_as_it_was(event: RunEvent | HostEvent) -> None:
    line = line_of(event)
    older = json.loads(json.dumps(line.data))
    for found in list(objects_of_ours(older, event)):
        for name in ("servers", "cves", "kbs"):
            found.pop(name, None)
    again = read(replace(line, data=older))
    assert again.newer == ()
    assert data_of(again.event) == older  # type: ignore[arg-type]
    if isinstance(event, RunStarted):
        assert again.event == replace(read(line).event, servers=())


def test_a_line_as_exrun_wrote_it_before_labels_cves_and_kbs_were_kept() -> None:
    finding = {"id": "x.y", "severity": "low", "title": "t", "evidence": ["e"], "next": "n"}
    line = line_of(assessed())
    data = json.loads(json.dumps(line.data))
    data["assessment"]["findings"] = [finding]
    found = read(replace(line, data=data)).event
    assert isinstance(found, StepAssessed)
    assert found.assessment.findings == (Finding("x.y", Severity.LOW, "t", ("e",), "n"),)
    assert data_of(found) == data, "and is written as it was"
    data["assessment"]["findings"] = [{**finding, "cves": "CVE-2021-26855"}]
    with pytest.raises(UnreadableEventError, match=r"`assessment.findings\[0\].cves` is not an array"):
        read(replace(line, data=data))


def test_what_may_be_left_out_stands_last() -> None:
    with pytest.raises(TypeError, match="may be left out are its last"):
        record(FileUsed, source=unless_absent(FREE, ""), sha256=HASH)


def test_a_password_that_is_a_label_is_in_no_journal() -> None:
    redactor = Redactor()
    redactor.register("Tr0ub4dor")
    listed = Listed("ex1.example", 5985, ("Tr0ub4dor",), (Label("Tr0ub4dor", ("a Tr0ub4dor b",)),))
    written = line_of(replace(STARTED, servers=(ServerListed("EX1", listed),)), redactor).to_line()
    assert b"Tr0ub4dor" not in written


def test_an_event_of_tomorrow_is_one_of_a_newer_exrun() -> None:
    line = replace(line_of(ENDED), event="host-isolated", phase="apply", data={"by": "firewall"})
    assert read(line).event == Newer("apply", "host-isolated", {"by": "firewall"})


def test_a_line_of_a_later_format_or_with_a_further_member_is_of_a_newer_exrun() -> None:
    line = replace(line_of(ENDED), format=2, more={"signature": "x"})
    assert read(line).event == ENDED
    assert read(line).newer == ("signature", "format")
    assert not events.is_known(line)
    assert events.is_known(line_of(ENDED))


@pytest.mark.parametrize(
    ("event", "harm", "why"),
    [
        (host_ended(), {"verdict": "fine"}, "`verdict` is 'fine', which this version does not know"),
        (sending(), {"purpose": "isolate"}, "`purpose` is 'isolate', which this version does not know"),
        (answered(), {"answer": {"outcome": "odd"}}, "`answer.outcome` is 'odd', which this version does not know"),
        (settled(), {"settlement": "undone-by-itself"}, "`settlement` is 'undone-by-itself', which this version"),
        (
            host_ended(),
            {"failure": {"cause": "solar-flare", "message": "", "next": ""}},
            "`failure.cause` is 'solar-flare', which this version does not know",
        ),
    ],
)
def test_a_line_with_a_word_of_tomorrow_is_of_a_newer_exrun_and_means_nothing_here(
    event: RunEvent | HostEvent, harm: Mapping[str, Json], why: str
) -> None:
    line = line_of(event)
    line = replace(line, data={**line.data, **harm})
    found = read(line).event
    assert isinstance(found, Newer)
    assert (found.event, found.host, found.data) == (line.event, "EX1", line.data)
    assert found.why.startswith(why)
    assert not events.is_known(line)


def test_a_known_event_of_another_shape_is_newer_in_a_line_of_a_higher_format_alone() -> None:
    line = replace(line_of(host_ended()), data={"outcomes": []})
    with pytest.raises(UnreadableEventError):
        read(line)
    assert isinstance(read(replace(line, format=2)).event, Newer)


@given(any_event(), st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_word_is_of_tomorrow_the_line_is_intact_and_of_a_newer_exrun(
    event: RunEvent | HostEvent, data: st.DataObject
) -> None:
    line = line_of(event)
    copy = json.loads(json.dumps(line.data))
    words = [(each, name) for each in objects_of_ours(copy, event) for name in each if name in WORDS]
    assume(words)
    within, name = data.draw(st.sampled_from(words))
    within[name] = "of-tomorrow"
    written = from_line(replace(line, data=copy).to_line())
    assert isinstance(read(written).event, Newer)
    assert not events.is_known(written)


WORDS = {"purpose", "settlement", "cause", "severity", "verdict", "coverage", "reason", "set"}


@pytest.mark.parametrize(
    ("event", "harm", "said"),
    [
        (ENDED, {"status": "0"}, "line 7 (run-ended): `status` is not an integer"),
        (ENDED, {"status": True}, "line 7 (run-ended): `status` is not an integer"),
        (ENDED, {"outcomes": {"compliant": None}}, "line 7 (run-ended): `outcomes.compliant` is not an integer"),
        (ENDED, {"hosts": ...}, "line 7 (run-ended): `hosts` is missing"),
        (host_ended(), {"requests": -1}, "line 7 (host-ended): `requests` is below zero"),
        (host_ended(), {"seconds": -0.5}, "line 7 (host-ended): `seconds` is below zero"),
        (host_ended(), {"verdict": 1}, "line 7 (host-ended): `verdict` is not a text"),
        (sending(), {"scripts": [{"number": 1, "script": "x", "steps": []}]}, "`scripts[0].script` is not a SHA-256"),
        (STARTED, {"today": "tomorrow"}, "line 7 (run-started): `today` is not a day"),
        (answered(), {"answer": {"outcome": []}}, "`answer.outcome` is not a text"),
        (answered(), {"answer": {}}, "`answer.outcome` is missing"),
        (assessed(), {"assessment": {"verdict": "ok"}}, "(step-assessed): `assessment.summary` is missing"),
    ],
)
def test_a_member_that_is_missing_or_ill_typed_is_named_with_its_line(
    event: RunEvent | HostEvent, harm: Mapping[str, Json], said: str
) -> None:
    line = line_of(event)
    data = {name: member for name, member in {**line.data, **harm}.items() if member is not ...}
    with pytest.raises(UnreadableEventError) as raised:
        read(replace(line, data=data))
    assert said in str(raised.value)


def test_a_line_that_lacks_the_host_that_it_is_about_is_named() -> None:
    with pytest.raises(UnreadableEventError, match=r"line 7 \(host-ended\): `host` is not a text"):
        read(replace(line_of(host_ended()), host=None))


def test_a_journal_of_tomorrow_verifies_and_says_so(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        events.put(journal, STARTED)
        journal.record("apply", "host-isolated", host="EX1", data={"by": "firewall"})
        journal.record("run", "run-ended", data={**data_of(ENDED), "of-tomorrow": 1})
    assert isinstance(verify(journal.path), Verified)
    found = [read(line) for line in read_journal(journal.path)[0]]
    assert [type(each.event) for each in found] == [events.RunStarted, Newer, events.RunEnded]
    assert [each.newer for each in found] == [(), (), ("of-tomorrow",)]


# Redaction by the type of a member.


@dataclass(slots=True)
class Watching:
    """A redactor that keeps what it was given and what it gave."""

    redactor: Redactor
    seen: list[tuple[object, object]] = field(default_factory=list)

    def redact(self, value: object) -> object:
        self.seen.append((value, self.redactor.redact(value)))
        return self.seen[-1][1]

    def redact_text(self, text: str) -> str:
        self.seen.append((text, self.redactor.redact_text(text)))
        return str(self.seen[-1][1])


class Marking:
    """Puts a mark that nothing else is in place of all that the redactor is to look at."""

    def redact(self, value: object) -> object:
        return "\0marked"

    def redact_text(self, text: str) -> str:
        return "\0marked"


secrets = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12) | st.sampled_from(
    ["ok", "steps", "verdict", "5c5c", "null", "true", "run-ended", "***", "compliant", "version", "0000", "a", "*"]
)


@given(secrets.flatmap(lambda secret: st.tuples(st.just(secret), any_event(st.sampled_from(spelt(secret))))))
@settings(max_examples=300, deadline=None)
def test_no_spelling_of_any_password_passes_in_what_is_tainted_or_free_and_our_words_stay(
    drawn: tuple[str, RunEvent | HostEvent],
) -> None:
    secret, event = drawn
    redactor = Redactor()
    redactor.register(secret)
    watching = Watching(redactor)
    data = json.loads(json.dumps(data_of(event, watching)))
    for _, given_back in watching.seen:
        for text in texts(given_back):
            assert redactor.redact_text(text) == text
    # It reads back, and differs from what was not redacted in nothing but what the redactor was to look at.
    line = replace(line_of(event), data=data)
    again = read(line)
    assert data_of(again.event) == data  # type: ignore[arg-type]
    as_it_was = json.loads(json.dumps(data_of(event)))
    looked_at = differences(as_it_was, json.loads(json.dumps(data_of(event, Marking()))))
    for changed in differences(as_it_was, data):
        assert any(changed == each or changed.startswith(f"{each}.") for each in looked_at)


def spelt(secret: str) -> list[str]:
    return [f"<{form}>" for form in forms(secret)] if len(secret) >= 4 else [f"<{secret}>"]


def texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for key, member in value.items():
                yield from texts(key)
                yield from texts(member)
        case list() | tuple():
            for member in value:
                yield from texts(member)
        case _:
            pass


def differences(one: object, other: object, at: str = "") -> set[str]:
    """Where two values differ: the outermost members of which the types or the names are no longer the same."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return {path for name in one for path in differences(one[name], other[name], f"{at}.{name}")}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return {
            path
            for number, (left, right) in enumerate(zip(one, other, strict=True))
            for path in differences(left, right, f"{at}.{number}")
        }
    return set() if one == other else {at}


def test_every_event_is_in_the_registry_and_documented() -> None:
    documented = DOCUMENTED.read_text(encoding="utf-8")
    for event in events.Event:
        assert f"| `{event}` |" in documented
    for phase in events.Phase:
        assert phase in documented
    assert {events.name_of(each) for each in (STARTED, ENDED, settled(), host_ended())} <= set(events.Event)
    assert frozenset(events.Event) == events.NAMES


def test_facts_that_json_lacks_are_recorded_as_the_journal_writes_them() -> None:
    odd = replace(ASSESSMENT, facts={"at": datetime(2026, 11, 24, tzinfo=UTC), "raw": b"\x00", "many": (1, (2,))})
    data = data_of(replace(assessed(), assessment=odd))
    assert canonical(data) == data
    again = read(replace(line_of(assessed()), data=json.loads(json.dumps(data)))).event
    assert isinstance(again, events.StepAssessed)
    assert again.assessment.facts == {
        "at": "2026-11-24T00:00:00.000000Z",
        "raw": {"base64": "AA=="},
        "many": (1, (2,)),
    }

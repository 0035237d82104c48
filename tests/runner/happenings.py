"""Events for tests: one of each, and any."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import strategies as st

from playbooks.catalogue.origin import OwnRows, SetKind, Signed
from playbooks.changes import Barred, Change
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from runner import events as happened
from runner.codec import Redact
from runner.events import (
    AS_IT_IS,
    Answer,
    BootSeen,
    Capped,
    Completed,
    ConnectionRetried,
    DetachedSeen,
    DetachedState,
    Drifted,
    EvidenceKept,
    EvidenceMissed,
    FileUsed,
    HealthAnswered,
    HealthAsked,
    HostApplied,
    HostEnded,
    HostEvent,
    HostStarted,
    Intent,
    InventoryUsed,
    NotRun,
    Overridden,
    PlaybookUsed,
    PoolReplaced,
    Purpose,
    Recorded,
    RunEnded,
    RunEvent,
    RunInterrupted,
    RunResumed,
    RunStarted,
    ScriptAnswered,
    ScriptNamed,
    ScriptSending,
    ServerListed,
    Settled,
    Settlement,
    StepAssessed,
    StepDue,
    StreamRead,
    TablesUsed,
    TailDropped,
    Terminated,
    TimedOut,
    WhenDecided,
    Would,
    data_of,
)
from runner.journal.lines import Line
from runner.results import Label, Listed, Outcome
from runner.terms import Ending
from runner.transport.failures import Cause, Failure
from runner.transport.interface import ErrorText

SCRIPT = "5c" * 32
STARTED = RunStarted(
    exrun="0.2",
    inventory=InventoryUsed("inventory.yml", "cd" * 32, (FileUsed("inventory.yml", "cd" * 32),), 2),
    selection="all",
    hosts=("EX1", "EX2"),
    playbook=PlaybookUsed("exchange-audit", "Audit", "exchange-audit.yml", "ab" * 32),
    steps=(StepDue("version", "exchange.version", SCRIPT, None, {"days": 3, "names": ("a", "b")}),),
    catalogue=TablesUsed(
        as_of=date(2026, 11, 20),
        age_days=4,
        sha256="ef" * 32,
        set=SetKind.INSTALLED,
        manifest="01" * 32,
        signed=Signed("ops@example", "SHA256:abc", datetime(2026, 11, 21, tzinfo=UTC)),
        own=OwnRows("rows", {"builds": 2}),
    ),
    today=date(2026, 11, 24),
    marker_token="0" * 32,
    parallel=8,
    host_seconds=300.0,
    run_seconds=None,
)
COMPLETED = Completed(1, [{"Kind": "State", "Value": "x"}], (), 0, (), 0, 0.25)
ASSESSMENT = Assessment(Verdict.OK, "well", (), {"good": True}, Coverage.PROBED)
ENDED = RunEnded(2, {"compliant": 2}, 0)
INTERRUPTED = RunInterrupted(Ending.INTERRUPTED, "the run was interrupted", "Run it again.", 2, {"failed": 2}, 3)


def sending(
    host: str = "EX1", step: str = "version", purpose: Purpose = Purpose.COLLECT, number: int = 1, script: str = SCRIPT
) -> ScriptSending:
    return ScriptSending(host, purpose, (Intent(script, (step,), number),), None)


def answered(
    host: str = "EX1",
    step: str = "version",
    purpose: Purpose = Purpose.COLLECT,
    number: int = 1,
    script: str = SCRIPT,
    answer: Answer = COMPLETED,
) -> ScriptAnswered:
    return ScriptAnswered(host, step, script, purpose, number, answer)


def assessed(host: str = "EX1", step: str = "version", answer: Answer | None = COMPLETED) -> StepAssessed:
    return StepAssessed(host, step, SCRIPT, "exchange.version", Purpose.COLLECT, 1, answer, ASSESSMENT)


def settled(host: str = "EX1", step: str = "version", purpose: Purpose = Purpose.APPLY, number: int = 1) -> Settled:
    return Settled(host, step, purpose, number, Settlement.DONE, "a probe found it done")


def host_ended(host: str = "EX1", failure: Failure | None = None) -> HostEnded:
    return HostEnded(host, Outcome.COMPLIANT, Verdict.OK, 7, 0.5, failure)


def recorded(*events: RunEvent | HostEvent, run: str = "r1", client: str = "alpha") -> list[Recorded]:
    """As lines of one journal, a second apart."""
    first = datetime(2026, 11, 24, tzinfo=UTC)
    return [
        Recorded(number, first.replace(second=number % 60, minute=number // 60), run, client, event)
        for number, event in enumerate(events, start=1)
    ]


def line_of(event: RunEvent | HostEvent, redact: Redact = AS_IT_IS) -> Line:
    """The line that a journal has of an event."""
    return Line(
        sequence=7,
        time=datetime(2026, 11, 24, tzinfo=UTC),
        run="r1",
        client="alpha",
        host=getattr(event, "host", None),
        step=getattr(event, "step", None),
        phase="run",
        event=happened.name_of(event),
        script_hash=getattr(event, "script", None),
        actor="ops@desk",
        data=data_of(event, redact),
        previous="0" * 64,
    )


# Any event.

numbers = st.integers(0, 10**6)
seconds = st.floats(0, 10**6)
hashes = st.sampled_from([SCRIPT, "0" * 64, "a1" * 32])
names = st.sampled_from(["EX1", "EX2", "version", "steps", "Größe"])
purposes = st.sampled_from(Purpose)


def events(texts: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[RunEvent | HostEvent]:
    """Every kind of event; what is tainted or free in it is drawn from `texts`."""
    text = st.text(max_size=8) if texts is None else texts
    values = st.recursive(
        st.none() | st.booleans() | numbers | seconds | text,
        lambda inner: st.lists(inner, max_size=2).map(tuple) | st.dictionaries(text, inner, max_size=2),
        max_leaves=4,
    )
    failures = st.builds(Failure, st.sampled_from(Cause), text, text)
    errors = st.builds(ErrorText, text, text, text)
    said = (
        numbers,
        st.lists(values.map(_as_json), max_size=2),
        st.lists(errors, max_size=2).map(tuple),
        numbers,
        st.lists(text, max_size=2).map(tuple),
        numbers,
    )
    answers: st.SearchStrategy[Answer] = st.one_of(
        st.builds(Completed, *said, seconds),
        st.builds(Terminated, *said, seconds, errors),
        st.builds(TimedOut, *said, seconds),
        st.builds(Capped, st.sampled_from(["max_bytes", "max_depth"]), numbers),
        st.builds(NotRun, st.none() | st.booleans(), failures),
    )
    findings = st.builds(
        Finding,
        st.sampled_from(["test.state.bad", "verdict"]),
        st.sampled_from(Severity),
        text,
        st.lists(text, max_size=2).map(tuple),
        text,
        st.sampled_from([(), ("CVE-2021-26855",), ("CVE-2021-26855", "CVE-2021-27065")]),
        st.sampled_from([(), ("KB5000871",)]),
    )
    facts = st.dictionaries(
        st.sampled_from(["good", "said", "unknown"]), values | st.builds(UnknownFact, text), max_size=2
    )
    told = st.dictionaries(
        st.sampled_from(["name", "mode"]),
        st.none() | st.booleans() | st.integers(-9, 9) | text | st.lists(text, max_size=2).map(tuple),
        max_size=2,
    )
    changes = st.builds(Change, st.sampled_from(["start-type.x", "0"]), text, told, told, told, text)
    assessments = st.builds(
        Assessment,
        st.sampled_from(Verdict),
        text,
        st.lists(findings, max_size=2).map(tuple),
        facts,
        st.sampled_from(Coverage),
        st.lists(changes, max_size=2).map(tuple),
        st.none() | facts,
        st.lists(st.builds(Barred, st.sampled_from(["quarantine.x", "0"]), told), max_size=2).map(tuple),
    )
    woulds = st.builds(Would, st.sampled_from(["start-type.x", "0"]), hashes, st.none() | hashes)
    intents = st.builds(Intent, hashes, st.lists(names, min_size=1, max_size=2).map(tuple), st.integers(1, 3))
    steps = st.builds(StepDue, names, names, hashes, st.none() | text, st.dictionaries(names, values, max_size=2))
    totals = (numbers, st.dictionaries(st.sampled_from(["compliant", "failed"]), numbers), numbers)
    labels = st.builds(Label, text, st.lists(text, max_size=2).map(tuple))
    listed = st.builds(
        Listed,
        st.just("ex1.example"),
        numbers,
        st.lists(text, max_size=2).map(tuple),
        st.lists(labels, max_size=2).map(tuple),
    )
    servers = st.builds(ServerListed, names, listed)
    started = st.builds(
        lambda selection, title, steps, folder, servers: replace(
            STARTED,
            selection=selection,
            playbook=replace(STARTED.playbook, title=title),
            steps=tuple(steps),
            catalogue=replace(STARTED.catalogue, own=None if folder is None else OwnRows(folder, {"builds": 1})),
            servers=tuple(servers),
        ),
        st.none() | text,
        text,
        st.lists(steps, max_size=2),
        st.none() | text,
        st.lists(servers, max_size=2),
    )
    return st.one_of(
        started,
        st.just(RunResumed()),
        st.builds(RunInterrupted, st.sampled_from(Ending), text, text, *totals),
        st.builds(RunEnded, *totals),
        st.builds(Overridden, st.sampled_from(["--as-of", "--allow-cleartext"]), text, st.just(("EX1",))),
        st.builds(ScriptNamed, hashes, st.just(("version",)), text),
        st.builds(HostStarted, names, st.just("ex1.example"), numbers),
        st.builds(ConnectionRetried, names, numbers, seconds, failures),
        st.builds(PoolReplaced, names, names, hashes),
        st.builds(
            ScriptSending,
            names,
            purposes,
            st.lists(intents, max_size=2).map(tuple),
            st.none() | failures,
            st.none() | names,
        ),
        st.builds(ScriptAnswered, names, names, hashes, purposes, numbers, answers),
        st.builds(
            StepAssessed,
            names,
            names,
            st.none() | hashes,
            names,
            purposes,
            st.none() | numbers,
            st.none() | answers,
            assessments,
            st.none() | st.lists(woulds, max_size=2).map(tuple),
        ),
        st.builds(Drifted, names, names, st.lists(text, max_size=2).map(tuple)),
        st.builds(
            EvidenceKept,
            names,
            names,
            hashes,
            numbers,
            hashes,
            numbers,
            st.lists(st.builds(StreamRead, text, numbers, st.none() | hashes, text), max_size=2).map(tuple),
        ),
        st.builds(EvidenceMissed, names, names, hashes, numbers, text),
        st.builds(
            DetachedSeen,
            names,
            names,
            hashes,
            numbers,
            purposes,
            st.sampled_from(DetachedState),
            text,
            text,
            text,
            text,
        ),
        st.builds(BootSeen, names, names, text, numbers),
        st.builds(WhenDecided, names, names, st.none() | st.booleans(), text),
        st.builds(Settled, names, names, purposes, numbers, st.sampled_from(Settlement), text),
        st.builds(
            HostEnded,
            names,
            st.sampled_from(Outcome),
            st.sampled_from(Verdict),
            numbers,
            seconds,
            st.none() | failures,
        ),
        st.builds(
            HostApplied,
            names,
            st.dictionaries(names, st.sampled_from(["changed", "unknown"]), max_size=2),
            numbers,
            seconds,
            st.none() | failures,
        ),
        st.builds(HealthAsked, names, st.just("ex1.example"), numbers),
        st.builds(HealthAnswered, names, st.booleans(), text, numbers, seconds),
        st.builds(TailDropped, numbers, hashes),
    )


def _as_json(value: object) -> object:
    match value:
        case tuple():
            return [_as_json(each) for each in value]
        case dict():
            return {name: _as_json(each) for name, each in value.items()}
        case _:
            return value

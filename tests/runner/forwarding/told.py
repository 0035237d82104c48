"""Lines of a journal as exrun writes them, some with what a hostile server or author would say; for golden files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from runner.forwarding.entries import Entry, entry_of
from runner.journal.lines import Json, Line, line_hash
from runner.journal.writer import Clock, JournalWriter, open_journal
from runner.redaction import Redactor

BEGAN = datetime(2026, 11, 29, 2, 40, 0, 123456, tzinfo=UTC)
RUN, CLIENT, ACTOR = "2026-11-29t024000z-7f3a", "alpha", "ops@jump1.example"
SCRIPT = "ab" * 32

# event, phase, host, step, data
Told = tuple[str, str, str | None, str | None, dict[str, Json]]

HOSTILE = "x|y\\z=1 act=forged\r\nCEF:0|evil|evil|1|1|1|1|\x1b[31m\u202e\u2028 ☃ 😀 " + "a" * 40

TOLD: Sequence[Told] = (
    (
        "run-started",
        "run",
        None,
        None,
        {"playbook": {"name": "exchange-audit"}, "hosts": ["EX1", "EX2"], "exrun": "0.1.0"},
    ),
    ("host-started", "connect", "EX1", None, {"address": "192.0.2.10", "port": 5985}),
    (
        "script-sending",
        "collect",
        "EX1",
        None,
        {"purpose": "apply", "scripts": [{"script": SCRIPT, "steps": ["urls"], "number": 1}]},
    ),
    (
        "step-assessed",
        "assess",
        "EX1",
        "shells",
        {
            "action": "webshell.scan",
            "purpose": "collect",
            "assessment": {
                "verdict": "compromised",
                "summary": HOSTILE,
                "coverage": "probed",
                "findings": [{"id": "shell.evaluates", "severity": "critical", "title": f"a page: {HOSTILE}"}],
            },
        },
    ),
    ("settled", "settle", "EX1", "urls", {"purpose": "apply", "settlement": "not-done", "why": "a=b|c\\d"}),
    (
        "host-ended",
        "collect",
        "EX1|=\\",
        None,
        {"outcome": "findings", "verdict": "compromised", "requests": 8, "seconds": 1.5, "failure": None},
    ),
    ("of-tomorrow", "dreams", "EX2", None, {"anything": [1, {"deep": None}]}),
    ("run-ended", "run", None, None, {"hosts": 2, "outcomes": {"findings": 1, "compliant": 1}, "status": 1}),
)


def line(sequence: int, told: Told, previous: str = "0" * 64) -> Line:
    event, phase, host, step, data = told
    script = SCRIPT if event == "settled" else None
    when = BEGAN + timedelta(seconds=sequence)
    return Line(sequence, when, RUN, CLIENT, host, step, phase, event, script, ACTOR, data, previous)


def entries() -> list[Entry]:
    """The entries of TOLD, chained."""
    made: list[Entry] = []
    previous = "0" * 64
    for number, told in enumerate(TOLD, 1):
        each = line(number, told, previous)
        previous = line_hash(each.to_line())
        made.append(entry_of(each, previous))
    return made


@contextmanager
def journal(state: Path, monotonic: Callable[[], float] = lambda: 0.0) -> Iterator[JournalWriter]:
    """A journal of RUN that is open."""
    clock = Clock(now=lambda: BEGAN, monotonic=monotonic)
    with open_journal(state, run=RUN, client=CLIENT, actor=ACTOR, redactor=Redactor(), clock=clock) as opened:
        yield opened


def write(opened: JournalWriter, count: int, *, durable: bool = True) -> None:
    """So many lines more, of which the last is durable where asked for."""
    for number in range(count):
        opened.record(
            "connect",
            "host-started",
            host=f"EX{number}",
            data={"address": "192.0.2.1", "port": 5985},
            durable=durable and number == count - 1,
        )

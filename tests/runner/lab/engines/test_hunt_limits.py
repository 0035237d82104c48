"""Where a hunt stops reading, and what changes under its hands: each is a row of the answer, and the grade is unknown.

The limits are lowered in the script's text, for 20,000 files and 100,000 events would say no more. What happens to a
file while it is read is done by a line in the script right after it was: so it is the same each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from playbooks.actions.proxylogon.hunt.assess import assess
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Verdict
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.state import EventLogState, FileState, HostState
from tests.runner.lab.engines import logs
from tests.runner.lab.engines.client import Client, Said
from tests.runner.lab.engines.judging import SCRIPTS, observation
from tests.runner.lab.engines.states import WHOLE, binaries, server

ACTION = "proxylogon.hunt"
SCRIPT = SCRIPTS[ACTION]
ECP = f"{logs.DEFAULT}\\Logging\\HttpProxy\\Ecp"
DAY = date(2026, 2, 27)
READ = "                $after = Get-Item -LiteralPath $full -Force\n"


def state(files: dict[str, FileState], events: int = 0) -> HostState:
    """A server with quiet logs and these."""
    made = server(WHOLE, {**binaries("15.02.1544.036"), **logs.quiet(), **files})
    held = [logs.event(1, "Set-OabVirtualDirectory", f"{at}", time=logs.WRITTEN) for at in range(events)]
    return made.model_copy(update={"event_logs": {"MSExchange Management": EventLogState(events=held)}})


def probes(count: int, **columns: str) -> FileState:
    """A log of so many probes."""
    return logs.log(logs.HEADER, *[logs.row(logs.AUTODISCOVER, **columns) for _ in range(count)])


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as it stands in the script and as it is here, what is on the server, and the row that tells of it."""

    old: str
    new: str
    state: HostState
    row: dict[str, object]


LIMITS = {
    "lines of a log": Limit("$mostLines = 250", "$mostLines = 3", state({f"{ECP}\\a.log": probes(5)}),
                            {"What": "HttpProxy\\Ecp", "Limit": 3, "Seen": 5}),
    "characters of a log": Limit("$mostCharacters = 400000", "$mostCharacters = 1000",
                                 state({f"{ECP}\\a.log": probes(5, UserAgent="y" * 300)}),
                                 {"What": "HttpProxy\\Ecp", "Limit": 2, "Seen": 5}),
    "files of a folder": Limit("$mostFiles = 20000", "$mostFiles = 2",
                               state({f"{ECP}\\{at}.log": probes(0) for at in range(3)}),
                               {"What": "HttpProxy\\Ecp\\*.log", "Limit": 2, "Seen": 3}),
    "events of a log": Limit("$mostEvents = 100000", "$mostEvents = 3", state({}, events=5),
                             {"What": "events of MSExchange Management", "Limit": 3, "Seen": 5}),
    "events that are sent": Limit("$mostLines = 250", "$mostLines = 3", state({}, events=5),
                                  {"What": "event log MSExchange Management", "Limit": 3, "Seen": 5}),
    "kinds of headers": Limit("$mostHeaders = 20", "$mostHeaders = 1",
                              state({f"{ECP}\\a.log": logs.log(logs.HEADER, f"{logs.HEADER},x")}),
                              {"What": "HttpProxy\\Ecp, headers", "Limit": 1, "Seen": 2}),
    "time": Limit("AddSeconds(480)", "AddSeconds(-1)", state({}),
                  {"What": "HttpProxy\\Ecp\\*.log, for want of time", "Limit": 0, "Seen": 1}),
}  # fmt: skip


@pytest.fixture(scope="module")
def engine(powershell: Path) -> Iterator[PwshEngine]:
    made = PwshEngine(powershell)
    yield made
    made.close()


def run(engine: PwshEngine, on: HostState, script: str) -> Said:
    with Client(engine, on) as client:
        said = client.run(script)
    assert (said.problem, said.errors) == (None, []), said
    return said


@pytest.mark.real_powershell
@pytest.mark.parametrize("name", LIMITS)
def test_where_it_stops_it_says_so_and_nothing_is_known(engine: PwshEngine, name: str) -> None:
    limit = LIMITS[name]
    assert SCRIPT.count(limit.old) == 1
    said = run(engine, limit.state, SCRIPT.replace(limit.old, limit.new))
    rows = [dict(each) for each in said.output if each["Kind"] == "Capped"]
    assert {"Kind": "Capped", **limit.row} in rows
    judged = assess(observation(ACTION, said), {}, Catalogue.load(), DAY)
    assert judged.verdict is Verdict.UNKNOWN
    [unread] = [each for each in judged.findings if each.id == f"{ACTION}.unread"]
    assert (
        f"{limit.row['What']}: cut short, {limit.row['Limit']} of at least {limit.row['Seen']} were sent"
        in unread.evidence
    )


CHANGES = {
    "it becomes shorter": ("Set-Content -LiteralPath $full -Value 'x'", "it became shorter while it was read"),
    "it is taken away": ("Remove-Item -LiteralPath $full", ""),
    "another is put in its place": (
        f"Remove-Item -LiteralPath $full; Move-Item -LiteralPath '{ECP}\\other.txt' -Destination $full",
        "another file was put in its place while it was read",
    ),
    "it grows, as logs do": ("Set-Content -LiteralPath $full -Value ('x' * 5000)", None),
}


@pytest.mark.real_powershell
@pytest.mark.parametrize("name", CHANGES)
def test_a_log_that_changes_while_it_is_read(engine: PwshEngine, name: str) -> None:
    done, why = CHANGES[name]
    assert SCRIPT.count(READ) == 1
    script = SCRIPT.replace(READ, f"                if ($full -like '*\\Ecp\\a.log') {{ {done} }}\n{READ}")
    other = FileState(size=5000, created="2026-02-27T10:00:00.0000000Z")
    said = run(engine, state({f"{ECP}\\a.log": probes(1), f"{ECP}\\other.txt": other}), script)
    rows = [each for each in said.output if each["Kind"] == "Unread" and each["What"] == f"{ECP}\\a.log"]
    assert [each["Why"] for each in rows if why] == ([why] if why else [])
    assert len(rows) == (0 if why is None else 1)
    judged = assess(observation(ACTION, said), {}, Catalogue.load(), DAY)
    # What was read of it before counts all the same.
    assert judged.facts["at_least"] == "probed"
    assert any(each.id == f"{ACTION}.unread" for each in judged.findings) is (why is not None)

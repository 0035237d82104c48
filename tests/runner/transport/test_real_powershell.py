"""Against PowerShell's own engine: statements, scopes, streams, stops and types are as they are taken to be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from playbooks.values import Value
from runner.lab.engines.pwsh.engine import PwshEngine
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Fleet, LabHost
from runner.lab.server import Served, start
from runner.lab.state import HostState
from runner.secrets.interface import Secret
from runner.transport.connecting import Connector
from runner.transport.gate import Gate
from runner.transport.interface import (
    Ambiguous,
    Capped,
    Completed,
    Deadlines,
    Limits,
    NotStarted,
    Script,
    ScriptResult,
    Terminated,
    TimedOut,
)
from tests.runner.transport.test_lab import ACCOUNT, TOKEN, inventory_host

pytestmark = [pytest.mark.real_powershell, pytest.mark.xdist_group("real-transport")]


@pytest.fixture(scope="module")
def served(powershell: Path) -> Iterator[Served]:
    engine = PwshEngine(powershell)
    host = LabHost("alpha", "EX1", HostState(name="EX1", engine="pwsh"), ACCOUNT, engine="pwsh")
    with start(Fleet((host,)), {"pwsh": engine}) as lab:
        yield lab.host("alpha/EX1")
    engine.close()


def run(
    served: Served,
    *texts: str,
    limits: Limits | None = None,
    per_script: dict[str, float] | None = None,
    full: bool = False,
) -> tuple[ScriptResult, ...]:
    """Runs the texts as scripts s0, s1, ...; only those of `per_script` may take less than a busy machine needs."""
    scripts = [Script(f"s{number}", text, full=full) for number, text in enumerate(texts)]
    deadlines = Deadlines(host=120.0, script=60.0, connect=60.0, per_script=per_script or {})
    to_host = Connector(limits=limits).to(inventory_host(served), Secret(ACCOUNT.password))
    transport = to_host(Gate.of(scripts, TOKEN), deadlines)
    transport.open()
    results = transport.observe(scripts)
    transport.close()
    return results


def output(result: ScriptResult) -> tuple[Value, ...]:
    assert isinstance(result, Completed), result
    return result.streams.output


def test_scripts_of_a_batch_do_not_see_each_other_and_fail_alone(served: Served) -> None:
    results = run(
        served,
        "Set-StrictMode -Version 2.0; $ErrorActionPreference = 'Stop'; $leak = 1; function Leak { 1 }; 'strict'",
        "$undefined; Get-Item -LiteralPath 'nowhere:'; \"$leak $(Test-Path function:Leak)\"",
        "'before'; throw 'thrown'",
        "'not run: it does not parse' if (",
        "'before'; exit 3",
        "Write-Warning 'w'; Write-Verbose 'v' -Verbose; Write-Information 'i'; Write-Error 'e'; Write-Output 'o'",
        "'last'",
    )
    strict, lax, thrown, unparsed, exited, streams, last = results
    assert output(strict) == ("strict",)
    assert output(lax) == (None, " False")
    assert [error.category for error in lax.streams.errors] == ["ObjectNotFound"]  # type: ignore[union-attr]
    assert isinstance(thrown, Terminated)
    assert (thrown.error.message, thrown.error.error_id, thrown.streams.output) == ("thrown", "thrown", ("before",))
    assert isinstance(unparsed, Terminated)
    assert unparsed.error.category == "ParserError"
    assert output(exited) == ("before",)
    assert output(streams) == ("o",)
    assert isinstance(streams, Completed)
    said = streams.streams
    assert (said.warnings, said.verbose, said.information) == (("w",), ("v",), ("i",))
    assert [error.message for error in said.errors] == ["e"]
    assert output(last) == ("last",)


def test_values_of_the_real_serialiser_keep_their_types(served: Served) -> None:
    (result,) = run(
        served,
        '[pscustomobject]@{ Text = "é 😀 _x0041_ `r`n`0"; Int = 2147483647; Long = 9223372036854775807; '
        "Null = $null; Yes = $true; Half = 0.5; NaN = [double]::NaN; Byte = [byte]200; Char = [char]'x'; "
        "Version = [version]'15.2.1118.7'; Guid = [guid]'792e5b37-4505-47ef-b7d2-8711bb7affa8'; "
        "When = [datetime]::SpecifyKind([datetime]'2021-03-02T13:00:00', 'Utc'); "
        "Local = [datetime]'2021-03-02T13:00:00'; "
        "Bytes = [byte[]](1, 2, 3); List = @(1, 'two', $null); Empty = @(); "
        "Table = [ordered]@{ a = 1; b = @{ c = 2 } }; "
        "Day = [DayOfWeek]::Monday; Inner = [pscustomobject]@{ x = [pscustomobject]@{ y = 1 } } }",
        full=True,
    )
    (found,) = output(result)
    assert found == {
        "Text": "é 😀 _x0041_ \r\n\0",
        "Int": 2147483647,
        "Long": 9223372036854775807,
        "Null": None,
        "Yes": True,
        "Half": 0.5,
        "NaN": "NaN",
        "Byte": 200,
        "Char": "x",
        "Version": "15.2.1118.7",
        "Guid": "792e5b37-4505-47ef-b7d2-8711bb7affa8",
        "When": datetime(2021, 3, 2, 13, tzinfo=UTC),
        "Local": "2021-03-02T13:00:00",
        "Bytes": b"\x01\x02\x03",
        "List": (1, "two", None),
        "Empty": (),
        "Table": {"a": 1, "b": {"c": 2}},
        "Day": "Monday",
        "Inner": {"x": {"y": 1}},
    }


def test_a_hanging_a_prompting_and_a_flooding_script_cost_only_themselves(served: Served) -> None:
    hung, prompted, flooded, fine = run(
        served,
        "'before'; Start-Sleep -Seconds 600",
        "'before'; $null = $host.UI.PromptForChoice('a', 'b', @('&Yes', '&No'), 0); 'after'",
        "1..10000",
        "'fine'",
        limits=Limits(max_objects=500),
        per_script={"s0": 5.0},
        full=True,
    )
    assert isinstance(hung, TimedOut)
    assert hung.streams.output == ("before",)
    assert isinstance(prompted, Terminated)
    assert prompted.streams.output == ("before",)
    assert flooded == Capped(flooded.script, "max_objects", 500)
    assert output(fine) == ("fine",)


def test_a_script_alone_is_run_as_it_is(served: Served) -> None:
    text = "# é 😀 \r\n'_x0041_' + \"`t\" + '<&>]]>'"
    (result,) = run(served, text)
    assert output(result) == ("_x0041_\t<&>]]>",)
    assert replace(result, seconds=0.0).script.text == text


@pytest.mark.parametrize(
    ("fault", "least"),
    [
        (None, 1),
        (Fault(Act.RESET_AFTER, Step.COMMAND, times=1), 0),  # and the pool is deleted, which may be sooner than it runs
        (Fault(Act.RESET, Step.RECEIVE, times=1), 0),
        (Fault(Act.RESET_AFTER, Step.RECEIVE, times=1), 1),  # it has ended by then: nothing else answers a Receive
        (Fault(Act.TRUNCATE, Step.RECEIVE, times=1), 1),
        (Fault(Act.XML_GARBAGE, Step.RECEIVE, times=1), 1),
    ],
    ids=["none", "command-lost", "receive-unsent", "receive-lost", "receive-cut", "receive-garbled"],
)
def test_a_change_runs_once_at_most_on_a_real_engine_however_its_answer_is_lost(
    powershell: Path, tmp_path: Path, fault: Fault | None, least: int
) -> None:
    """Counted by the change itself, in a file that the engine writes: not by what a ledger took for a run."""
    ran = tmp_path / "ran"
    change = Script("change", f"[IO.File]::AppendAllText('{ran}', 'once;'); 'said'", full=True)
    look = Script("look", "'looked'", full=True)
    engine = PwshEngine(powershell)
    state = HostState(name="EX1", engine="pwsh")
    host = LabHost("alpha", "EX1", state, ACCOUNT, engine="pwsh", faults=() if fault is None else (fault,))
    with closing(engine), start(Fleet((host,)), {"pwsh": engine}) as lab:
        connect = Connector().to(inventory_host(lab.host("alpha/EX1")), Secret(ACCOUNT.password))
        deadlines = Deadlines(host=120.0, script=60.0, connect=60.0)
        first = connect(Gate.of([change], TOKEN), deadlines)
        first.open()
        result = first.change(change)
        after = first.change(change) if fault is not None else None  # asked again over what is lost: it is not sent
        first.close()
        second = connect(Gate.of([look], TOKEN), deadlines)
        second.open()
        (seen,) = second.observe([look])
        second.close()
        times = ran.read_text().count("once;") if ran.exists() else 0
        given = [each.text for each in lab.ledger.scripts("alpha/EX1")].count(change.text)
    assert output(seen) == ("looked",)
    assert least <= times <= given == 1
    if fault is None:
        assert output(result) == ("said",)  # type: ignore[arg-type]
    else:
        assert isinstance(result, Ambiguous)
        assert isinstance(after, NotStarted)

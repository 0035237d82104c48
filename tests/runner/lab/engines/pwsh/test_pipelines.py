"""Scripts through the engine: every stream, every way in which a pipeline ends."""

from __future__ import annotations

import pytest
from psrpcore import ClientRunspacePool
from psrpcore.types import PSInvocationState, RunspacePoolState

from tests.runner.lab.engines.client import Client

pytestmark = pytest.mark.real_powershell


def test_each_stream_arrives_as_itself_and_in_order(server: Client) -> None:
    said = server.run("1; Write-Error 'e'; Write-Warning 'w'; Write-Verbose 'v' -Verbose; 'last'")
    assert said.state is PSInvocationState.Completed
    assert said.output == [1, "last"]
    assert [str(each.Exception.Message) for each in said.errors] == ["e"]
    assert (said.warnings, said.verbose) == (["w"], ["v"])
    assert said.order == [
        "PipelineOutput",
        "ErrorRecord",
        "WarningRecord",
        "VerboseRecord",
        "PipelineOutput",
        "PipelineState",
    ]


def test_large_and_unicode_data_comes_back_whole_and_unchanged(server: Client) -> None:
    text = "".join(chr(code) for code in (*range(0x20, 0x2FF), 0x2018, 0x201B, 0x3042, 0x1F600, 0xFFFD)) * 300
    quoted = text.replace("'", "''")
    for quote in "‘’‚‛":
        quoted = quoted.replace(quote, quote * 2)
    assert server.run(f"'{quoted}'; 'x' * 1000000").output == [text, "x" * 1_000_000]


def test_nothing_of_a_later_statement_runs_after_a_throw(server: Client) -> None:
    said = server.run("'before'", "'at'; throw 'broken'; 'behind'", "'never'")
    assert (said.state, said.output) == (PSInvocationState.Failed, ["before", "at"])
    assert said.problem == ("broken", "broken", "OperationStopped")


def test_nothing_at_all_runs_of_a_statement_that_does_not_parse(server: Client) -> None:
    said = server.run("'before'", "'at'; if (", "'never'")
    assert (said.state, said.output) == (PSInvocationState.Failed, ["before"])
    assert said.problem is not None
    assert said.problem[2] == "ParserError"


def test_exit_ends_its_own_statement_only(server: Client) -> None:
    said = server.run("'before'; exit 3; 'behind'", "'after'")
    assert (said.state, said.output) == (PSInvocationState.Completed, ["before", "after"])


def test_a_script_stopped_half_way_has_said_what_it_said_and_the_pool_goes_on(server: Client) -> None:
    pipeline = server.start("'begun'; while ($true) { [System.Threading.Thread]::Sleep(20) }")
    server.until(lambda: bool(server.so_far(pipeline).output))
    server.stop(pipeline)
    said = server.finish(pipeline)
    assert (said.state, said.output) == (PSInvocationState.Stopped, ["begun"])
    assert server.run("'alive'").output == ["alive"]


def test_variables_of_one_pipeline_are_there_in_the_next(server: Client) -> None:
    server.run("$kept = 'seen'")
    assert server.run("$kept").output == ["seen"]


def test_input_that_a_client_sends_reaches_the_script(server: Client) -> None:
    assert server.run("1..3 | ForEach-Object -Process { $_ * 2 }").output == [2, 4, 6]


def test_another_client_takes_over_a_disconnected_pool_and_finds_what_it_left(server: Client) -> None:
    server.run("$left = 'behind'")
    first, other = server.pool, ClientRunspacePool(runspace_pool_id=server.pool.runspace_pool_id)
    other.connect()
    payload = other.data_to_send()
    assert payload is not None
    server.pool = other
    server.shell.connect(payload.data)
    server.until(lambda: other.state is RunspacePoolState.Opened)
    assert server.run("$left").output == ["behind"]
    assert other.application_private_data == first.application_private_data
    assert (other.min_runspaces, other.max_runspaces) == (first.min_runspaces, first.max_runspaces)

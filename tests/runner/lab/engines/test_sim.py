"""The engine `sim` as a PSRP client meets it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psrpcore import Command
from psrpcore.types import HostInfo, PSInvocationState, RunspacePoolState
from pytest_mock import MockerFixture

from runner.lab.engines.interface import PipelineDone, ShellEnded, ShellEvent, Signal
from runner.lab.engines.sim import SimEngine
from runner.lab.engines.sim import engine as sim
from runner.lab.psrp import MAX_FRAGMENT
from runner.lab.state import HostState, LiveState, ScriptedAnswer
from runner.transport.gate import BASE_MODULES, IMPORT_KIND, LOCK, LOCKED_LANGUAGE, importing, marker
from tests.runner.lab.engines.client import Client, typed
from tests.runner.lab.engines.judging import SCRIPTS
from tests.runner.lab.engines.timers import Timers

BUILT_IN = SCRIPTS


@pytest.fixture
def timers() -> Timers:
    return Timers()


@pytest.fixture
def engine(timers: Timers) -> SimEngine:
    return SimEngine(timers.call_later)


def host(*answers: ScriptedAnswer) -> HostState:
    return HostState(name="ex01", answers=list(answers))


@pytest.fixture
def client(engine: SimEngine) -> Iterator[Client]:
    state = host(
        ScriptedAnswer(script="one", output=["1"]),
        ScriptedAnswer(script="two", output=["2"]),
        ScriptedAnswer(script="breaks", output=["before"], error="it broke"),
        ScriptedAnswer(script="slow", output=["first"], warnings=["soon"], seconds=30),
        ScriptedAnswer(script="all", output=["o"], verbose=["v"], warnings=["w"], errors=["e"]),
        ScriptedAnswer(script="object", output=[{"a": 1}]),
        ScriptedAnswer(script="scalars", output=["a\nb", 5, True, None, 1.5, ["x", 2]]),
    )
    with Client(engine, state) as client:
        yield client


def test_statements_run_in_order(client: Client) -> None:
    said = client.run("one", "two", "one")
    assert said.output == ["1", "2", "1"]
    assert said.state is PSInvocationState.Completed


def test_every_stream_arrives_in_the_order_of_the_answers_fields(client: Client) -> None:
    said = client.run("all")
    assert said.order == ["PipelineOutput", "VerboseRecord", "WarningRecord", "ErrorRecord", "PipelineState"]
    assert (said.output, said.verbose, said.warnings) == (["o"], ["v"], ["w"])
    [error] = said.errors
    assert error.Exception.Message == "e"
    assert error.FullyQualifiedErrorId == "Microsoft.PowerShell.Commands.WriteErrorException"
    assert said.state is PSInvocationState.Completed


def test_a_terminating_error_fails_the_pipeline_and_later_statements_never_run(client: Client) -> None:
    said = client.run("one", "breaks", "two")
    assert said.output == ["1", "before"]
    assert said.state is PSInvocationState.Failed
    assert said.problem == ("it broke", "it broke", "OperationStopped")


def test_an_unknown_script_is_refused_by_name_and_fails_the_pipeline(client: Client) -> None:
    said = client.run("one", "# comment\nGet-Mailbox -ResultSize 1", "two")
    assert said.output == ["1"]
    assert said.state is PSInvocationState.Failed
    assert said.problem is not None
    message, error_id, category = said.problem
    assert (error_id, category) == ("CommandNotFoundException", "ObjectNotFound")
    assert message.startswith("The lab's sim engine does not know the script '# comment' (SHA-256 ")
    assert "the engine pwsh runs any script" in message


@pytest.mark.parametrize("action", sorted(BUILT_IN))
def test_a_built_in_script_is_known_to_the_byte(client: Client, action: str) -> None:
    assert client.run(BUILT_IN[action]).state is PSInvocationState.Completed
    changed = BUILT_IN[action].replace("'Stop'", "'stop'", 1)
    assert client.run(changed).state is PSInvocationState.Failed


def test_a_batch_of_the_transport_is_attributed_by_its_markers(client: Client) -> None:
    scripts = [marker("a" * 64).text, BUILT_IN["exchange.version"], marker("b" * 64).text, "one"]
    said = client.run(*scripts)
    marks = [at for at, each in enumerate(said.output) if isinstance(each, dict) and each["Kind"] == "exrun.batch"]
    assert marks == [0, len(said.output) - 2]
    assert [said.output[at]["Script"] for at in marks] == ["a" * 64, "b" * 64]


def test_a_session_says_that_it_is_locked_once_it_was_and_no_sooner(client: Client) -> None:
    spoken = marker("a" * 64).text
    (before,) = client.run(spoken).output
    (after,) = client.run(importing(BASE_MODULES).text, LOCK.text, spoken).output
    (later,) = client.run(spoken).output
    assert [each["Language"] for each in (before, after, later)] == ["FullLanguage", LOCKED_LANGUAGE, LOCKED_LANGUAGE]


def test_a_module_that_is_not_there_is_named(client: Client) -> None:
    (said,) = client.run(importing([*BASE_MODULES, "FailoverClusters"]).text).output
    assert (said["Kind"], said["Module"]) == (IMPORT_KIND, "FailoverClusters")
    assert "was not loaded" in said["Why"]


def test_what_only_looks_like_a_marker_is_unknown(client: Client) -> None:
    assert client.run(marker("a" * 64).text + "; Stop-Computer").state is PSInvocationState.Failed


def test_a_slow_script_says_its_output_first_and_ends_when_its_time_is_over(client: Client, timers: Timers) -> None:
    pipeline = client.start("slow", "two")
    assert client.so_far(pipeline).output == ["first"]
    timers.pass_time(29)
    assert client.so_far(pipeline).state is None
    timers.pass_time(1)
    said = client.finish(pipeline)
    assert said.output == ["first", "2"]
    assert said.state is PSInvocationState.Completed


def test_a_stop_ends_a_slow_script_at_once_and_leaves_no_timer(client: Client, timers: Timers) -> None:
    pipeline = client.start("slow", "two")
    client.stop(pipeline)
    said = client.finish(pipeline)
    assert said.output == ["first"]
    assert said.state is PSInvocationState.Stopped
    assert said.problem == ("The pipeline has been stopped.", "PipelineStopped", "OperationStopped")
    assert timers.waiting == 0
    assert client.run("one").output == ["1"]


def test_a_terminated_pipeline_says_no_more(client: Client, timers: Timers) -> None:
    pipeline = client.start("slow")
    client.shell.signal(pipeline, Signal.TERMINATE)
    timers.pass_time(60)
    assert client.so_far(pipeline).state is None
    assert pipeline not in client.done
    assert client.run("one").output == ["1"]


def test_a_signal_for_a_pipeline_that_has_ended_is_ignored(client: Client) -> None:
    pipeline = client.start("one")
    client.finish(pipeline)
    client.shell.signal(pipeline, Signal.STOP)
    client.shell.signal(uuid.uuid4(), Signal.STOP)
    assert client.events.empty()


def test_a_second_pipeline_waits_for_the_only_runspace(client: Client, timers: Timers) -> None:
    first = client.start("slow")
    second = client.start("two")
    assert client.so_far(second).order == []
    timers.pass_time(30)
    assert client.finish(first).output == ["first"]
    assert client.finish(second).output == ["2"]


def test_a_waiting_pipeline_can_be_stopped(client: Client, timers: Timers) -> None:
    first = client.start("slow")
    second = client.start("two")
    client.stop(second)
    assert client.finish(second).state is PSInvocationState.Stopped
    timers.pass_time(30)
    assert client.finish(first).state is PSInvocationState.Completed


def test_any_number_of_pipelines_may_wait(client: Client, timers: Timers) -> None:
    slow = client.start("slow")
    waiting = [client.start("one") for _ in range(250)]
    timers.pass_time(30)
    assert client.finish(slow).output == ["first"]
    assert {client.finish(each).state for each in waiting} == {PSInvocationState.Completed}


def test_a_shell_that_is_closed_while_it_speaks_stops_speaking(engine: SimEngine) -> None:
    state = host(ScriptedAnswer(script="large", output=["x" * 200_000]))
    with Client(engine, state) as client:
        heard: list[ShellEvent] = []

        def hear_one(event: ShellEvent) -> None:
            heard.append(event)
            client.shell.close()

        client.shell._sink = hear_one  # type: ignore[attr-defined]
        client.start("large")
        assert len(heard) == 1


def test_the_same_opening_and_request_of_many_hosts_are_read_once(timers: Timers, mocker: MockerFixture) -> None:
    decode, opening = mocker.spy(sim, "decode"), mocker.spy(sim, "opening")
    engine = SimEngine(timers.call_later)
    for name in ("EX1", "EX2", "EX3"):
        state = HostState(name=name, answers=[ScriptedAnswer(script="who", output=[name])])
        with Client(engine, state) as client:
            assert client.run("who").output == [name]
    assert (decode.call_count, opening.call_count) == (1, 1)


def test_pipelines_run_side_by_side_where_there_are_runspaces(engine: SimEngine, timers: Timers) -> None:
    state = host(ScriptedAnswer(script="slow", seconds=5), ScriptedAnswer(script="one", output=["1"]))
    with Client(engine, state, max_runspaces=2) as client:
        slow = client.start("slow")
        assert client.run("one").output == ["1"]
        timers.pass_time(5)
        assert client.finish(slow).state is PSInvocationState.Completed


def test_much_output_is_said_in_slices_that_a_stop_can_come_between(engine: SimEngine, timers: Timers) -> None:
    state = host(ScriptedAnswer(script="much", output=list(range(20_000))))
    with Client(engine, state) as client:
        pipeline = client.start("much")
        timers.pass_time(0)
        said = client.finish(pipeline)
        assert said.output == list(range(20_000))
        assert client.largest <= MAX_FRAGMENT

        pipeline = client.start("much")
        client.stop(pipeline)
        said = client.finish(pipeline)
        assert said.state is PSInvocationState.Stopped
        assert 0 < len(said.output) < 20_000


def test_a_text_of_megabytes_arrives_whole_in_fragments_of_32_kib(engine: SimEngine) -> None:
    text = "Größe ☃ \U0001f600 _x0041_ \r\n\t" * 20_000
    with Client(engine, host(ScriptedAnswer(script="large", output=[text]))) as client:
        assert client.run("large").output == [text]
        assert client.largest == MAX_FRAGMENT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, min_size=1, max_size=4),
    max_leaves=12,
)


def plain(value: object) -> object:
    """What a client holds, as JSON again."""
    kind, inner = typed(value)
    if kind == "Deserialized.System.Object[]":
        return [plain(each) for each in value]  # type: ignore[attr-defined]
    if kind == "System.Collections.Hashtable":
        return {name: plain(each) for name, each in value.items()}  # type: ignore[attr-defined]
    return inner


@settings(max_examples=60, deadline=None)
@given(st.lists(JSON, max_size=5))
def test_any_value_arrives_as_it_is(values: list[object]) -> None:
    with Client(SimEngine(Timers().call_later), host(ScriptedAnswer(script="x", output=values))) as client:
        assert [plain(each) for each in client.run("x").output] == values


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text(), st.text(), st.text())
def test_any_text_arrives_in_the_other_streams_too(verbose: str, warning: str, error: str, thrown: str) -> None:
    answer = ScriptedAnswer(script="x", verbose=[verbose], warnings=[warning], errors=[error], error=thrown)
    with Client(SimEngine(Timers().call_later), host(answer)) as client:
        said = client.run("x")
    assert (said.verbose, said.warnings) == ([verbose], [warning])
    assert [each.Exception.Message for each in said.errors] == [error]
    assert said.problem is not None
    assert said.problem[0] == thrown


def test_exit_tells_the_clients_host_and_ends_its_own_statement_only(client: Client) -> None:
    said = client.run("one\nexit $LASTEXITCODE", "two")
    assert said.output == ["1", "2"]
    assert said.host_calls == [("SetShouldExit", [0])]
    assert client.run("breaks\nexit $LASTEXITCODE").host_calls == []


def test_a_host_with_a_user_interface_is_shown_warnings(engine: SimEngine) -> None:
    state = host(ScriptedAnswer(script="all", verbose=["v"], warnings=["w"]))
    shown = HostInfo(IsHostNull=False, IsHostUINull=False)
    with Client(engine, state, host=shown) as client:
        assert client.run("all").host_calls == [("WriteVerboseLine", ["v"]), ("WriteWarningLine", ["w"])]


def execute_ps(client: Client, script: str) -> uuid.UUID:
    """What pypsrp's Client.execute_ps sends."""
    return client.start_statements(
        [
            [
                Command("Invoke-Expression").add_parameter("Command", script),
                Command("Out-String").add_parameter("Stream", None),
            ]
        ]
    )


def test_execute_ps_of_pypsrp_gets_text(client: Client) -> None:
    assert client.finish(execute_ps(client, "scalars")).output == ["a\nb", "5", "True", "1.5", "x", "2"]


def test_objects_are_not_laid_out_as_text_but_refused(client: Client) -> None:
    said = client.finish(execute_ps(client, "object"))
    assert said.state is PSInvocationState.Failed
    assert said.problem is not None
    assert "does not lay out objects" in said.problem[0]


@pytest.mark.parametrize(
    "commands",
    [
        [Command("Get-Service")],
        [Command("one", is_script=True), Command("Remove-Item").add_parameter("Path", "C:\\")],
        [Command("one", is_script=True), Command("Out-String")],
        [Command("Invoke-Expression").add_parameter("Command", "Stop-Computer")],
        [Command("Invoke-Expression").add_argument(5)],
    ],
)
def test_a_command_that_the_engine_lacks_is_refused(client: Client, commands: list[Command]) -> None:
    said = client.finish(client.start_statements([commands]))
    assert said.state is PSInvocationState.Failed
    assert said.problem is not None
    assert said.problem[1] == "CommandNotFoundException"


def test_another_client_takes_over_a_disconnected_pool(client: Client) -> None:
    other = type(client.pool)(runspace_pool_id=client.pool.runspace_pool_id)
    other.connect()
    payload = other.data_to_send()
    assert payload is not None
    client.pool = other
    client.shell.connect(payload.data)
    client.until(lambda: other.state is RunspacePoolState.Opened)
    assert client.run("one").output == ["1"]


DEEP = b"<Obj><LST>" * 20_000 + b"</LST></Obj>" * 20_000
NESTED = b"\x02\x00\x00\x00\x06\x10\x02\x00" + bytes(32) + DEEP
GARBAGE = {
    "nothing": b"",
    "zeros": bytes(21),
    "ones": b"\xff" * 100,
    "bare XML": b"<Obj/>",
    "an empty message": bytes(16) + b"\x03" + bytes(4),
    "deep XML": bytes(16) + b"\x03" + len(NESTED).to_bytes(4, "big") + NESTED,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_what_is_no_psrp_ends_the_shell_with_a_reason(engine: SimEngine, garbage: bytes) -> None:
    events: list[ShellEvent] = []
    shell = engine.shell(LiveState(host()), uuid.uuid4(), events.append)
    shell.open(garbage)
    assert [type(event) for event in events] == [ShellEnded]
    shell.command(uuid.uuid4(), b"")
    assert [type(event) for event in events] == [ShellEnded, ShellEnded]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_of_a_client_raise(data: bytes, framed: bool) -> None:
    engine = SimEngine(Timers().call_later)
    with Client(engine, host()) as client:
        if framed:
            data = bytes(16) + b"\x03" + len(data).to_bytes(4, "big") + data
        events: list[ShellEvent] = []
        client.shell._sink = events.append  # type: ignore[attr-defined]
        client.shell.command(uuid.uuid4(), data)
        client.shell.send(None, data)
        assert not any(isinstance(event, PipelineDone) for event in events)


def test_a_closed_shell_says_nothing_more(client: Client, timers: Timers) -> None:
    client.start("slow")
    client.shell.close()
    while not client.events.empty():
        client.events.get()
    timers.pass_time(60)
    assert client.events.empty()
    assert timers.waiting == 0

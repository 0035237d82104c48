"""Whatever scripts of one run do, and however the host delivers it, each result is its own script's."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psrpcore.types import HostMethodIdentifier

from playbooks.values import Value
from runner.transport.failures import Cause
from runner.transport.gate import LOCKED_LANGUAGE, MARKER_KIND
from runner.transport.interface import (
    Capped,
    Completed,
    Deadlines,
    ErrorText,
    Limits,
    Notice,
    NotRun,
    Repeated,
    Replaced,
    ScriptResult,
    Streams,
    Terminated,
    TimedOut,
)
from tests.runner.transport.host import FOREVER, Script, Throw, Writer, fragment
from tests.runner.transport.sessions import TOKEN, script, session

Account = tuple[str, str]
LIMITS = Limits(max_objects=40, max_bytes=200_000, max_xml_bytes=20_000, max_text=5_000, max_depth=5)
SECONDS = 10.0
NO_SHRINKING = [Phase.explicit, Phase.reuse, Phase.generate]  # each example is a session; shrinking takes minutes
STREAMS = ["output", "error", "warning", "verbose", "information"]
OUTPUT, WARNING = 0x00041004, 0x00041009
ENDINGS = ["ends", "throws", "hangs", "hangs on", "floods", "prompts", "garbles", "swells", "deep"]


@dataclass(frozen=True)
class Plan:
    """What one script does: writes to streams, then an ending."""

    writes: tuple[tuple[str, float], ...]
    ending: str
    name: str = ""

    def script(self) -> Script:
        def run(writer: Writer) -> Iterator[float]:
            for number, (stream, pause) in enumerate(self.writes):
                getattr(writer, stream)(f"{self.name}{number}")
                if pause:
                    yield pause
            yield from _endings(writer, self.ending)

        return run

    def streams(self) -> Streams:
        said: dict[str, list[str]] = {stream: [] for stream in STREAMS}
        for number, (stream, _) in enumerate(self.writes):
            said[stream].append(f"{self.name}{number}")
        return Streams(
            tuple(said["output"]),
            tuple(ErrorText(text, "NotThere", "ObjectNotFound") for text in said["error"]),
            tuple(said["warning"]),
            tuple(said["verbose"]),
            tuple(said["information"]),
        )


def _endings(writer: Writer, ending: str) -> Iterator[float]:
    match ending:
        case "throws":
            raise Throw("it threw")
        case "hangs" | "hangs on":
            yield FOREVER
        case "floods":
            for number in range(60):
                writer.output(number)
        case "prompts":
            writer.host_call(HostMethodIdentifier.ReadLine)
            yield FOREVER
        case "garbles":
            writer.message(OUTPUT, "<S>never closed")
        case "swells":
            writer.output("x" * (LIMITS.max_xml_bytes + 1))
        case "deep":
            writer.message(OUTPUT, '<Obj RefId="%d"><LST>' * 9 % tuple(range(9)) + "</LST></Obj>" * 9)
        case _:
            pass


def check(plan: Plan, result: ScriptResult) -> None:
    assert result.script == script(plan.name)
    match plan.ending:
        case "ends":
            assert result == Completed(result.script, plan.streams(), result.seconds)  # type: ignore[union-attr]
        case "throws":
            error = ErrorText("it threw", "RuntimeException", "OperationStopped")
            assert result == Terminated(result.script, error, plan.streams(), result.seconds)  # type: ignore[union-attr]
        case "hangs" | "hangs on":
            assert result == TimedOut(result.script, SECONDS, plan.streams())
        case "floods":
            assert result == Capped(result.script, "max_objects", 40)
        case "prompts":
            assert isinstance(result, Terminated)
            assert (result.error.error_id, result.streams) == ("ExrunPrompt", plan.streams())
        case "garbles":
            assert isinstance(result, NotRun)
            assert (result.failure.cause, result.started) == (Cause.PROTOCOL, True)
        case "swells":
            assert result == Capped(result.script, "max_xml_bytes", 20_000)
        case "deep":
            assert result == Capped(result.script, "max_depth", 5)


plans = st.lists(
    st.builds(
        Plan,
        st.lists(st.tuples(st.sampled_from(STREAMS), st.sampled_from([0.0, 0.0, 0.0, 0.4])), max_size=5).map(tuple),
        st.one_of(st.just("ends"), st.sampled_from(ENDINGS)),
    ),
    min_size=1,
    max_size=6,
).map(lambda drawn: [Plan(plan.writes, plan.ending, f"s{number}") for number, plan in enumerate(drawn)])


@settings(
    max_examples=60, phases=NO_SHRINKING, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(plans, st.booleans(), st.sampled_from([22, 90, 32768]), st.booleans(), st.sampled_from(["", TOKEN]))
def test_each_result_is_its_own_scripts_whatever_the_others_do_and_none_runs_twice_untold(
    ntlm_account: Account, drawn: list[Plan], one_fragment: bool, piece: int, late_state: bool, token: str
) -> None:
    at = session(
        ntlm_account,
        {plan.name: plan.script() for plan in drawn},
        limits=LIMITS,
        deadlines=Deadlines(host=10_000.0, script=SECONDS),
        token=token,
    )
    if any(plan.ending == "swells" for plan in drawn):
        piece = max(piece, 90)  # a byte a fragment, such a reply would have more elements than any reply may
    at.host.one_fragment = one_fragment and piece > 22
    at.host.piece, at.host.late_state = piece, late_state
    at.host.unstoppable = frozenset(plan.name for plan in drawn if plan.ending == "hangs on")
    at.transport.open()
    results = at.run(*(plan.name for plan in drawn))
    assert len(results) == len(drawn)
    for plan, result in zip(drawn, results, strict=True):
        check(plan, result)
    replaced = [notice for notice in at.notices if isinstance(notice, Replaced)]
    assert len(replaced) >= sum(plan.ending == "hangs on" for plan in drawn)
    at.transport.close()
    assert at.host.shells == {}
    assert set(at.host.ran) == {plan.name for plan in drawn}
    at.check_repetitions()


def forger(*objects: dict[str, Value], throw: bool) -> Script:
    def run(writer: Writer) -> Iterator[float]:
        writer.output("mine")
        for each in objects:
            writer.output(each)
        writer.output("also mine")
        yield 0.0
        if throw:
            raise Throw("after it forged")

    return run


def says(text: str) -> Script:
    def run(writer: Writer) -> Iterator[float]:
        writer.output(text)
        yield 0.0

    return run


def marker_object(text: str, token: str) -> dict[str, Value]:
    fields: dict[str, Value] = {"Kind": MARKER_KIND, "Script": script(text).sha256, "Language": LOCKED_LANGUAGE}
    return fields | ({"Token": token} if token else {})


@pytest.mark.parametrize("throw", [False, True])
@pytest.mark.parametrize("named", [["b"], ["b", "c"], ["c"], ["a"], ["c", "b"]])
def test_a_script_that_does_not_know_the_token_cannot_shift_what_it_says_to_another(
    ntlm_account: Account, named: list[str], throw: bool
) -> None:
    objects = [marker_object(name, "") for name in named]
    at = session(ntlm_account, {"a": forger(*objects, throw=throw), "b": says("b"), "c": says("c")})
    at.transport.open()
    a, b, c = at.run("a", "b", "c")
    assert isinstance(a, Terminated if throw else Completed)
    assert a.streams.output == ("mine", *objects, "also mine")
    assert isinstance(b, Completed)
    assert isinstance(c, Completed)
    assert (b.streams.output, c.streams.output) == (("b",), ("c",))


@pytest.mark.parametrize("named", [["b"], ["b", "c"], ["c"], ["a"], ["c", "b"]])
def test_without_a_token_a_marker_out_of_turn_makes_every_script_run_alone_once_more_and_told_before(
    ntlm_account: Account, named: list[str]
) -> None:
    objects = [marker_object(name, "") for name in named]
    at = session(ntlm_account, {"a": forger(*objects, throw=False), "b": says("b"), "c": says("c")}, token="")
    at.transport.open()
    results = at.run("a", "b", "c")
    assert [result.streams.output for result in results if isinstance(result, Completed)] == [
        ("mine", *objects, "also mine"),
        ("b",),
        ("c",),
    ]
    assert at.host.pipelines[1:] == [["a"], ["b"], ["c"]]
    at.check_repetitions()
    repeated = [notice for notice in at.notices if isinstance(notice, Repeated)]
    assert [notice.scripts for notice in repeated] == [(script(name),) for name in "abc"]
    assert all("could not be told apart" in notice.failure.message for notice in repeated)


def test_what_may_not_be_written_down_is_not_sent_again(ntlm_account: Account) -> None:
    """A journal that cannot take the intent ends it, as a halted run does."""

    class UnwritableError(Exception):
        pass

    def refuse(notice: Notice) -> None:
        raise UnwritableError

    at = session(ntlm_account, {"a": forger(marker_object("c", ""), throw=False), "b": says("b")}, token="")
    at.transport._notify = refuse
    at.transport.open()
    with pytest.raises(UnwritableError):
        at.run("a", "b")
    assert at.host.ran == ["a", "b"]


def test_a_script_that_was_sent_again_and_lost_again_stays_without_an_answer(ntlm_account: Account) -> None:
    """The batch is doubtful, so each goes again alone; alone the first is lost, and only the second may go on."""
    at = session(ntlm_account, {"a": forger(marker_object("a", ""), throw=False), "b": says("b")}, token="")
    at.transport.open()
    at.peer.faults[8] = "act-close"  # 5 and 6 are the batch, 7 and 8 `a` alone
    a, b = at.run("a", "b")
    assert isinstance(a, NotRun)
    assert (a.failure.cause, a.started) == (Cause.CONNECTION_LOST, True)
    assert isinstance(b, Completed)
    assert [at.host.ran.count(name) for name in "ab"] == [2, 2]
    at.check_repetitions()


def test_a_script_that_began_while_the_one_before_it_was_being_stopped_is_told_of_before_it_runs_again(
    ntlm_account: Account,
) -> None:
    def floods(writer: Writer) -> Iterator[float]:
        for number in range(60):
            writer.output(number)
        yield 0.0

    at = session(ntlm_account, {"floods": floods, "b": says("b"), "c": says("c")}, limits=LIMITS)
    at.transport.open()
    flooding, b, c = at.run("floods", "b", "c")
    assert isinstance(flooding, Capped)
    assert (b, c) == (
        Completed(script("b"), Streams(("b",)), b.seconds),  # type: ignore[union-attr]
        Completed(script("c"), Streams(("c",)), c.seconds),  # type: ignore[union-attr]
    )
    at.check_repetitions()
    assert at.host.ran == ["floods", "b", "c", "b", "c"]
    assert len(at.told) == 2


def test_scripts_behind_one_that_ended_in_an_error_have_not_begun_and_need_no_notice(ntlm_account: Account) -> None:
    def throws(writer: Writer) -> Iterator[float]:
        raise Throw("no")
        yield 0.0

    at = session(ntlm_account, {"a": throws, "b": throws, "c": says("c")})
    at.transport.open()
    at.run("a", "b", "c")
    assert at.host.ran == ["a", "b", "c"]
    assert at.notices == []


def test_what_belongs_to_another_pipeline_is_nobodys_but_counts(ntlm_account: Account) -> None:
    stranger = uuid.uuid4()

    def run(writer: Writer) -> Iterator[float]:
        writer.output("mine")
        writer.message(OUTPUT, "<S>a stranger's</S>", pipeline=stranger)
        writer.message(WARNING, "<S>not even a record</S>", pipeline=stranger)
        yield 0.0

    def floods(writer: Writer) -> Iterator[float]:
        for _ in range(30):
            writer.message(OUTPUT, "<S>" + "x" * 9_000 + "</S>", pipeline=stranger)
        yield 0.0

    at = session(ntlm_account, {"a": run, "floods": floods, "b": says("b")}, limits=LIMITS)
    at.transport.open()
    a, flooding, b = at.run("a", "floods", "b")
    assert isinstance(a, Completed)
    assert isinstance(b, Completed)
    assert (a.streams.output, b.streams.output) == (("mine",), ("b",))
    assert flooding == Capped(script("floods"), "max_bytes", 200_000)


FINAL = {"completed": 4, "failed": 5, "stopped": 3}


@pytest.mark.parametrize("state", ["completed", "failed", "stopped"])
def test_nothing_that_follows_a_final_state_is_taken(ntlm_account: Account, state: str) -> None:
    def run(writer: Writer) -> Iterator[float]:
        writer.output("mine")
        writer.message(0x00041006, f'<Obj RefId="0"><MS><I32 N="PipelineState">{FINAL[state]}</I32></MS></Obj>')
        writer.output("too late")
        yield 0.0

    at = session(ntlm_account, {"a": run, "b": says("b")})
    at.transport.open()
    a, b = at.run("a", "b")
    assert isinstance(a, Completed if state == "completed" else Terminated)
    assert a.streams.output == ("mine",)
    assert isinstance(b, Completed)
    assert b.streams.output == ("b",)


@pytest.mark.parametrize("state", [0, 1, 2, 6, 7, 99])
def test_states_that_are_not_final_tell_nothing(ntlm_account: Account, state: int) -> None:
    def run(writer: Writer) -> Iterator[float]:
        writer.message(0x00041006, f'<Obj RefId="0"><MS><I32 N="PipelineState">{state}</I32></MS></Obj>')
        writer.output("mine")
        yield 0.0

    at = session(ntlm_account, {"a": run})
    at.transport.open()
    (a,) = at.run("a")
    assert isinstance(a, Completed)
    assert a.streams.output == ("mine",)


GARBAGE = {
    "no fragments": b"\xff" * 100,
    "a message for a server": fragment(OUTPUT, "<S/>", uuid.uuid4(), destination=2),
    "a type that does not exist": fragment(0x12345678, "<S/>", uuid.uuid4()),
    "a type that only clients send": fragment(0x00021006, "<S/>", uuid.uuid4()),
    "a broken pool": fragment(
        0x00021005, '<Obj RefId="0"><MS><I32 N="RunspaceState">5</I32></MS></Obj>', uuid.UUID(int=0)
    ),
}


@pytest.mark.parametrize("bytes_", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_ends_the_session_and_what_had_answered_stays(ntlm_account: Account, bytes_: bytes) -> None:
    def run(writer: Writer) -> Iterator[float]:
        writer.raw(bytes_)
        yield 0.0

    at = session(ntlm_account, {"a": says("a"), "garbage": run, "b": says("b")})
    at.transport.open()
    a, garbage, b = at.run("a", "garbage", "b")
    assert isinstance(a, Completed)
    assert isinstance(garbage, NotRun)
    assert isinstance(b, NotRun)
    assert garbage.failure.cause in (Cause.PROTOCOL, Cause.CONNECTION_LOST)
    assert (garbage.started, b.started) == (True, None)
    (again,) = at.run("a")
    assert isinstance(again, NotRun)
    assert again.started is False
    at.transport.close()
    assert at.host.shells == {}


@pytest.mark.parametrize("method", [HostMethodIdentifier.WriteLine2, HostMethodIdentifier.SetShouldExit])
def test_a_host_call_that_wants_no_answer_is_passed_over(ntlm_account: Account, method: HostMethodIdentifier) -> None:
    def run(writer: Writer) -> Iterator[float]:
        writer.host_call(method)
        writer.output("mine")
        yield 0.0

    at = session(ntlm_account, {"a": run})
    at.transport.open()
    (a,) = at.run("a")
    assert isinstance(a, Completed)
    assert a.streams.output == ("mine",)


def test_an_endpoint_that_runs_no_scripts_is_named_by_its_language_mode(ntlm_account: Account) -> None:
    def run(writer: Writer) -> Iterator[float]:
        raise Throw("The syntax is not supported by this runspace. It is in no-language mode.", "ScriptsNotAllowed")
        yield 0.0

    at = session(ntlm_account, {"a": run})
    at.transport.open()
    (a,) = at.run("a")
    assert isinstance(a, NotRun)
    assert (a.failure.cause, a.started) == (Cause.LANGUAGE_MODE, False)


def test_a_pipeline_that_fails_before_its_first_marker_is_taken_apart(ntlm_account: Account) -> None:
    """Where no marker came, nobody can say which statement failed; that the session is locked is known by then."""

    def broken(writer: Writer) -> Iterator[float]:
        raise Throw("alone it fails too", "ParseException")
        yield 0.0

    at = session(ntlm_account, {"a": says("a"), "broken": broken, "b": says("b")})
    at.transport.open()
    at.run("a")
    at.host.fail_before_markers = True
    a, broke, b = at.run("a", "broken", "b")
    assert isinstance(a, Completed)
    assert isinstance(broke, Terminated)
    assert isinstance(b, Completed)
    assert broke.error.error_id == "ParseException"
    assert [len(each) for each in at.host.pipelines] == [4, 6, 1, 1, 1]

"""A host is worked with over one pool: each script gets its own result, whatever the others do."""

from collections.abc import Iterator

import pytest

from playbooks.values import Value
from runner.transport.failures import Cause, ScriptRefused
from runner.transport.interface import Completed, Deadlines, NotRun, Terminated, TimedOut
from tests.runner.transport.host import FOREVER, Throw, Writer
from tests.runner.transport.sessions import script, session

Account = tuple[str, str]


def says(*values: Value) -> object:
    def run(writer: Writer) -> Iterator[float]:
        for value in values:
            writer.output(value)
        yield 0.0

    return run


def hangs(writer: Writer) -> Iterator[float]:
    writer.output("before it hung")
    yield FOREVER


def throws(writer: Writer) -> Iterator[float]:
    writer.output("before it threw")
    writer.warning("it will throw")
    yield 0.0
    raise Throw("bad thing", "BadThing")


def test_a_whole_host_costs_seven_requests(ntlm_account: Account) -> None:
    scripts = {name: says({"Kind": name, "N": 1}) for name in "abcdefgh"}
    at = session(ntlm_account, scripts)
    at.transport.open()
    results = at.run(*"abcdefgh")
    at.transport.close()
    assert [result.streams.output for result in results if isinstance(result, Completed)] == [
        ({"Kind": name, "N": 1},) for name in "abcdefgh"
    ]
    assert at.host.actions == ["Create", "Receive", "Command", "Receive", "Delete"]
    assert (at.transport.requests, at.peer.requests, at.peer.dials, at.host.shells) == (7, 7, 1, {})


def test_scripts_that_throw_or_hang_cost_their_own_result_and_no_others(ntlm_account: Account) -> None:
    scripts = {"a": says("a"), "throws": throws, "b": says("b"), "hangs": hangs, "c": says("c")}
    at = session(ntlm_account, scripts, deadlines=Deadlines(per_script={"step-hangs": 30.0}))
    at.transport.open()
    a, thrown, b, hung, c = at.run(*scripts)
    assert [each.streams.output for each in (a, b, c) if isinstance(each, Completed)] == [("a",), ("b",), ("c",)]
    assert isinstance(thrown, Terminated)
    assert (thrown.error.message, thrown.error.error_id) == ("bad thing", "BadThing")
    assert (thrown.streams.output, thrown.streams.warnings) == (("before it threw",), ("it will throw",))
    assert isinstance(hung, TimedOut)
    assert (hung.limit_seconds, hung.streams.output) == (30.0, ("before it hung",))
    assert at.host.ran == ["a", "throws", "b", "hangs", "c"]
    assert at.clock.now - 1000.0 == pytest.approx(30.0, abs=1.0)


def test_each_statement_runs_in_a_scope_of_its_own(ntlm_account: Account) -> None:
    at = session(ntlm_account, {"a": says(1), "b": says(2)})
    at.transport.open()
    at.run("a", "b")
    assert at.host.scopes == {True}


def test_a_text_outside_the_gate_is_refused_before_a_byte_leaves(ntlm_account: Account) -> None:
    at = session(ntlm_account, {"a": says(1)})
    at.transport.open()
    before = at.peer.requests
    with pytest.raises(ScriptRefused) as raised:
        at.run("a", "b")
    assert raised.value.failure.cause is Cause.SCRIPT_REFUSED
    assert (at.peer.requests, at.host.ran) == (before, [])


def test_work_without_an_open_pool_gives_no_answer(ntlm_account: Account) -> None:
    at = session(ntlm_account, {"a": says(1)})
    (result,) = at.run("a")
    assert result == NotRun(script("a"), result.failure, started=False)  # type: ignore[union-attr]

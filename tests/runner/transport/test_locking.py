"""A pool is locked before anything runs in it, and proves it; where it does not, nothing that came is an answer."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from runner.transport.failures import Cause
from runner.transport.gate import BASE_MODULES, LOCK, importing, marker
from runner.transport.interface import Capped, Completed, Deadlines, Limits, NotRun, Replaced, Terminated
from tests.runner.transport.host import FOREVER, Throw, Writer
from tests.runner.transport.host import Script as Does
from tests.runner.transport.sessions import TOKEN, script, session

Account = tuple[str, str]
IMPORT = importing(BASE_MODULES).text


def says(text: str) -> Does:
    def run(writer: Writer) -> Iterator[float]:
        writer.output(text)
        yield 0.0

    return run


def fails(writer: Writer) -> Iterator[float]:
    raise Throw("Get-ClusterNode is not recognized", "CommandNotFoundException")
    yield 0.0


def complains(writer: Writer) -> Iterator[float]:
    writer.error("Get-ClusterNode is not recognized")
    yield 0.0


def hangs(writer: Writer) -> Iterator[float]:
    yield FOREVER


def marker_of(text: str) -> str:
    return marker(script(text).sha256, TOKEN).text


def test_the_first_pipeline_of_a_pool_imports_locks_and_asks_for_the_proof(ntlm_account: Account) -> None:
    at = session(ntlm_account, {"a": says("a"), "b": says("b")})
    at.transport.open()
    at.run("a", "b")
    at.run("b")
    at.run("a", "b")
    assert at.host.pipelines == [
        [IMPORT, LOCK.text, marker_of("a"), "a", marker_of("b"), "b"],
        ["b"],
        [marker_of("a"), "a", marker_of("b"), "b"],
    ]


def test_a_script_alone_is_locked_too_and_costs_no_request_more(ntlm_account: Account) -> None:
    at = session(ntlm_account, {"a": says("a")})
    at.transport.open()
    (a,) = at.run("a")
    at.transport.close()
    assert isinstance(a, Completed)
    assert a.streams.output == ("a",)
    assert at.host.pipelines == [[IMPORT, LOCK.text, marker_of("a"), "a"]]
    assert at.host.actions == ["Create", "Receive", "Command", "Receive", "Delete"]


def test_a_pool_that_replaces_another_is_locked_as_well(ntlm_account: Account) -> None:
    at = session(ntlm_account, {"hangs": hangs, "a": says("a")}, deadlines=Deadlines(per_script={"step-hangs": 5.0}))
    at.host.unstoppable = frozenset({"hangs"})
    at.transport.open()
    at.run("hangs", "a")
    assert Replaced in [type(each) for each in at.notices]
    assert [each[:2] for each in at.host.pipelines] == [[IMPORT, LOCK.text]] * 2


@pytest.mark.parametrize("language", ["FullLanguage", "RestrictedLanguage", "", "constrainedlanguage", "Constrained"])
@pytest.mark.parametrize("names", [("a",), ("a", "b")])
def test_a_session_that_is_not_locked_gives_no_answer(
    ntlm_account: Account, language: str, names: tuple[str, ...]
) -> None:
    at = session(ntlm_account, {name: says(name) for name in "ab"})
    at.host.locks_to = language
    at.transport.open()
    results = at.run(*names)
    for result in results:
        assert isinstance(result, NotRun)
        assert result.failure.cause is Cause.NOT_LOCKED
        assert "ConstrainedLanguage" in result.failure.next
        assert result.started is not False, "the statements after the marker may have run"
    (later,) = at.run("b")
    assert isinstance(later, NotRun), "nothing more is sent to such a session"
    assert len(at.host.pipelines) == 1


def test_a_session_that_turns_unlocked_costs_what_it_said_before_in_this_pipeline(ntlm_account: Account) -> None:
    def unlocks(writer: Writer) -> Iterator[float]:
        writer.output("mine")
        writer.host.language = "FullLanguage"
        yield 0.0

    at = session(ntlm_account, {"first": says("first"), "a": unlocks, "b": says("b")})
    at.transport.open()
    (first,) = at.run("first")
    results = at.run("a", "b")
    assert isinstance(first, Completed)
    assert [type(each) for each in results] == [NotRun, NotRun]


def test_a_pipeline_that_ends_without_a_proof_gives_no_answer(ntlm_account: Account) -> None:
    at = session(ntlm_account, {"a": says("a"), "b": says("b")})
    at.host.says_markers = False
    at.transport.open()
    results = at.run("a", "b")
    assert [each.failure.cause for each in results if isinstance(each, NotRun)] == [Cause.NOT_LOCKED] * 2


@pytest.mark.parametrize("names", [("a",), ("a", "b")])
def test_a_lock_that_fails_leaves_nothing_run(ntlm_account: Account, names: tuple[str, ...]) -> None:
    at = session(ntlm_account, {name: says(name) for name in "ab"})
    at.host.fail_before_markers = True
    at.transport.open()
    results = at.run(*names)
    assert [(each.failure.cause, each.started) for each in results if isinstance(each, NotRun)] == [
        (Cause.NOT_LOCKED, False)
    ] * len(names)
    assert at.host.ran == []


def test_what_a_module_says_while_it_is_imported_is_nobodys(ntlm_account: Account) -> None:
    at = session(ntlm_account, {"a": says("a")})
    at.host.unimported = {"FailoverClusters": "no valid module file was found"}
    at.transport.open()
    (a,) = at.run("a")
    assert isinstance(a, Completed)
    assert a.streams.output == ("a",)


def test_a_script_that_fails_without_its_module_says_why_the_module_is_not_there(ntlm_account: Account) -> None:
    scripts = {"fails": fails, "complains": complains, "says": says("fine")}
    at = session(ntlm_account, scripts, modules=("FailoverClusters",))
    at.host.unimported = {"FailoverClusters": "no valid module file was found"}
    at.transport.open()
    named = [replace(script(text), modules=("FailoverClusters",)) for text in scripts]
    failed, complained, fine = at.transport.observe(named)
    (again,) = at.transport.observe([named[0]])
    assert isinstance(failed, Terminated)
    assert isinstance(again, Terminated)
    assert isinstance(complained, Completed)
    for error in (failed.error, again.error, *complained.streams.errors):
        assert error.message == (
            "Get-ClusterNode is not recognized (module FailoverClusters could not be imported: no valid module file "
            "was found)"
        )
    assert isinstance(fine, Completed), "what a script says of itself counts"


def test_a_script_that_speaks_of_imports_blames_no_module(ntlm_account: Account) -> None:
    def forges(writer: Writer) -> Iterator[float]:
        writer.output({"Kind": "exrun.import", "Module": "FailoverClusters", "Why": "forged"})
        yield 0.0

    at = session(ntlm_account, {"a": forges, "fails": fails}, modules=("FailoverClusters",))
    at.transport.open()
    _, failed = at.transport.observe([replace(script(name), modules=("FailoverClusters",)) for name in ("a", "fails")])
    assert isinstance(failed, Terminated)
    assert "forged" not in failed.error.message


def test_a_server_that_floods_before_the_proof_gives_no_answer(ntlm_account: Account) -> None:
    at = session(ntlm_account, {"a": says("a")}, limits=Limits(max_objects=50))
    at.host.unimported = {f"M{number}": "no" for number in range(60)}
    at.transport.open()
    (a,) = at.run("a")
    assert a == Capped(script("a"), "max_objects", 50)


def test_full_scripts_run_in_a_pool_of_their_own_behind_the_locked_ones(ntlm_account: Account) -> None:
    at = session(ntlm_account, {name: says(name) for name in "abcd"}, full="ac")
    at.transport.open()
    results = at.run("a", "b", "c", "d")
    assert [each.streams.output for each in results if isinstance(each, Completed)] == [("a",), ("b",), ("c",), ("d",)]
    assert at.host.pipelines == [
        [IMPORT, LOCK.text, marker_of("b"), "b", marker_of("d"), "d"],
        [marker_of("a"), "a", marker_of("c"), "c"],
    ]
    one = ["Create", "Receive", "Command", "Receive"]
    assert at.host.actions == [*one, "Delete", *one]
    (again,) = at.run("b")
    assert isinstance(again, Completed)
    assert at.host.pipelines[2] == [IMPORT, LOCK.text, marker_of("b"), "b"], "no locked script follows in a full pool"
    at.transport.close()
    assert at.host.shells == {}


def test_a_run_of_full_scripts_alone_opens_one_pool(ntlm_account: Account) -> None:
    at = session(ntlm_account, {"a": says("a")}, full="a")
    at.transport.open()
    (a,) = at.run("a")
    assert isinstance(a, Completed)
    assert at.host.pipelines == [["a"]]

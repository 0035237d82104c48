"""exchange.oab_url on both engines: what its scripts make of a virtual directory, keep of it, and refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.actions.exchange.oab_url.assess import ACTION, assess
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Change, ReadyChange
from playbooks.changing import ready_changes
from playbooks.loading import load_action
from playbooks.model import Action
from playbooks.parameters import value_of
from playbooks.shelf import shelf
from playbooks.values import Value
from runner.evidence import taken
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.state import DirectoryState, HostState, LiveState, VirtualDirectory
from runner.transport.interface import Completed, Script, Streams
from tests.runner.lab.engines.client import Client, Said
from tests.runner.lab.engines.judging import SCRIPTS, as_value, observation
from tests.runner.lab.engines.states import WHOLE, server
from tests.runner.lab.engines.test_changing import outcome
from tests.runner.lab.engines.timers import Slices

SCRIPT = "http://f/<script language='x'>/* Größe ☃ 𝄞 */</script>"
NAMED: Mapping[str, Value] = {
    "urls": ("Oab.ExternalUrl=https://mail.contoso.com/OAB", "Ecp.InternalUrl=none", "Mapi.ExternalUrl=none")
}
CLEAN = "https://ex01.contoso.com/x"


def directory(kind: str, **urls: str | None) -> VirtualDirectory:
    return VirtualDirectory.model_validate({"kind": kind, "name": f"{kind} (Default Web Site)", **urls})


WAS = DirectoryState(
    answers="answers",
    virtual_directories=[
        directory("Oab", internal=CLEAN, external=SCRIPT),
        directory("Ecp", internal=SCRIPT, external=CLEAN),
        directory("Mapi", external=SCRIPT),
    ],
)
NOW = WAS.model_copy(
    update={
        "virtual_directories": [
            directory("Oab", internal=CLEAN, external="https://mail.contoso.com/OAB"),
            directory("Ecp", external=CLEAN),
            directory("Mapi"),
        ]
    }
)
# As others may have left it since.
OTHER = WAS.model_copy(
    update={"virtual_directories": [directory(each.kind, internal=f"{SCRIPT}x", external=f"{SCRIPT}x")
                                    for each in WAS.virtual_directories]}
)  # fmt: skip
STATES: Mapping[str, DirectoryState] = {
    "as it was seen": WAS,
    "as it was planned": NOW,
    "another script": OTHER,
    "gone": WAS.model_copy(update={"virtual_directories": []}),
    "out of reach": WAS.model_copy(update={"answers": "second-hop"}),
    "without the snap-in": WAS.model_copy(update={"answers": "without-commands"}),
}


@cache
def engine() -> SimEngine:
    return SimEngine(Slices().call_later)


@cache
def action() -> Action:
    return load_action(shelf([]).action(ACTION)[0], Catalogue.load())


def host(state: DirectoryState) -> HostState:
    return server(WHOLE).model_copy(update={"directory": state})


def params(given: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value_of(spec.default) for name, spec in action().contract.params.items()} | {**given}


def changes_of(said: Said, given: Mapping[str, Value] = NAMED) -> tuple[Change, ...]:
    found = assess(observation(ACTION, said), params(given), Catalogue.load(), date(2026, 11, 28))
    return found.changes


@cache
def planned(*, put_back: bool) -> tuple[ReadyChange, ...]:
    """The changes of the state as it was, with their scripts."""
    given = {**NAMED, "put_back": put_back}
    with Client(engine(), host(WAS)) as client:
        return ready_changes(action(), params(given), changes_of(client.run(SCRIPTS[ACTION]), given), "0123456789ab")


def evidence(client: Client, change: ReadyChange) -> bytes | None:
    """What is kept; None where the script fails."""
    assert change.evidence is not None
    said = client.run(change.evidence)
    if said.problem is not None:
        return None
    records = tuple({name: as_value(each) for name, each in record.items()} for record in said.output)
    digest = change.change.values["digest"]
    assert isinstance(digest, str)
    return taken(Completed(Script(ACTION, change.evidence), Streams(output=records), 0.0), digest).data


def test_each_url_with_script_is_set_and_nothing_else_is_touched(sim: SimEngine) -> None:
    live = LiveState(host(WAS))
    with Client(sim, live) as client:
        for change in planned(put_back=False):
            kept = evidence(client, change)
            assert kept is not None
            assert kept.decode("utf-16") == SCRIPT
            for _ in range(2):  # done twice it is the same as done once
                assert client.run(change.apply).problem is None
        assert live.now.directory == NOW
        assert changes_of(client.run(SCRIPTS[ACTION])) == ()


def test_undoing_leaves_what_was_set_unless_the_plan_says_otherwise(sim: SimEngine) -> None:
    for put_back in (False, True):
        live = LiveState(host(NOW))
        with Client(sim, live) as client:
            for change in planned(put_back=put_back):
                assert change.rollback is not None
                problem = client.run(change.rollback).problem
                assert (problem is None) is put_back
                assert problem is None or "the plan does not put it back" in problem[0]
                assert put_back is ("undoing it writes the script" in change.change.disturbs)
        assert live.now.directory == (WAS if put_back else NOW)


@pytest.mark.parametrize("name", [name for name in STATES if name not in ("as it was seen", "as it was planned")])
def test_what_is_not_as_it_was_seen_is_left(sim: SimEngine, name: str) -> None:
    live = LiveState(host(STATES[name]))
    with Client(sim, live) as client:
        for change in planned(put_back=True):
            assert change.rollback is not None
            assert evidence(client, change) is None
            assert client.run(change.apply).problem is not None
            assert client.run(change.rollback).problem is not None
    assert live.now.directory == STATES[name]


def test_no_script_of_a_change_holds_what_a_virus_scanner_looks_for_but_the_one_that_was_asked_for() -> None:
    for put_back in (False, True):
        for change in planned(put_back=put_back):
            for text in (change.apply, change.evidence or ""):
                assert "<script" not in text
            assert ("<script" in (change.rollback or "")) is put_back


def ways() -> Iterator[tuple[str, str]]:
    for put_back in (False, True):
        for change in planned(put_back=put_back):
            for text in change.texts:
                yield f"{change.change.id}, put back: {put_back}", text


@pytest.mark.real_powershell
def test_the_scripts_themselves_in_powershell_make_the_same_of_it(
    sim: SimEngine, powershell: Path, pwsh: PwshEngine
) -> None:
    for name, state in STATES.items():
        simulated, real = LiveState(host(state)), LiveState(host(state))
        with Client(sim, simulated) as one, Client(pwsh, real) as other:
            assert one.run(SCRIPTS[ACTION]).records == other.run(SCRIPTS[ACTION]).records
            for way, text in ways():
                assert outcome(one, simulated, text) == outcome(other, real, text), (name, way)


@settings(max_examples=25)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200))
def test_whatever_the_url_is_it_is_compared_and_kept_to_the_letter(text: str) -> None:
    was = WAS.model_copy(update={"virtual_directories": [directory("Oab", external=f"<{text}"), directory("Ecp")]})
    given = {"urls": ("Oab.ExternalUrl=none",), "put_back": True}
    live = LiveState(host(was))
    with Client(engine(), live) as client:
        [change] = ready_changes(action(), params(given), changes_of(client.run(SCRIPTS[ACTION]), given), "0" * 12)
        kept = evidence(client, change)
        assert kept is not None
        assert kept.decode("utf-16") == f"<{text}"
        assert client.run(change.apply).problem is None
        assert live.now.directory.virtual_directories[0].external is None
        assert client.run(change.rollback or "").problem is None
        assert live.now.directory == was

"""Mitigations on both engines: the same is read, made and undone, and the text of applicationHost.config comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import ReadyChange
from playbooks.changing import ready_changes
from playbooks.findings import Assessment, Verdict
from playbooks.loading import load_action
from playbooks.model import Action
from playbooks.parameters import value_of
from playbooks.shelf import shelf
from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine, web_configuration
from runner.lab.engines.sim.machine import APPLICATION_HOST
from runner.lab.state import FileState, HostState, LiveState
from tests.runner.lab.engines.client import Client
from tests.runner.lab.engines.judging import SCRIPTS, observation
from tests.runner.lab.engines.timers import Timers

CATALOGUE, TODAY = Catalogue.load(), date(2026, 11, 28)
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
POOLS = """<configuration>
    <system.applicationHost>
        <applicationPools>
            <!-- <add name="MSExchangeECPAppPool" autoStart="false" /> -->
            <add name="DefaultAppPool" />
            <add name='MSExchangeECPAppPool' autoStart='true' managedRuntimeVersion="v4.0">
                <processModel identityType="LocalSystem" />
            </add>
            <add name="MSExchangeOABAppPool" startMode="AlwaysRunning" />
            <applicationPoolDefaults managedRuntimeVersion="v4.0"></applicationPoolDefaults>
        </applicationPools>
    </system.applicationHost>
</configuration>
"""
# How applicationHost.config may be written, and what the same pools look like there.
WRITTEN = {
    "as IIS writes it": HEAD + POOLS,
    "with a byte-order mark and lines of Windows": "\ufeff" + (HEAD + POOLS).replace("\n", "\r\n"),
    "without a line's end": (HEAD + POOLS).replace("\n", "").replace("    ", ""),
}
RUNNING = {"DefaultAppPool": "Started", "MSExchangeECPAppPool": "Started", "MSExchangeOABAppPool": "Started"}


def action(name: str) -> Action:
    return load_action(shelf([]).action(name)[0], CATALOGUE)


ACTIONS = {name: action(name) for name in ("mitigation.ecp_pool", "mitigation.oab_pool")}


def server(text: str, pools: Mapping[str, str] = RUNNING) -> HostState:
    return HostState.model_validate(
        {"name": "EX1", "files": {APPLICATION_HOST: FileState(content=text)}, "pools": dict(pools)}
    )


def judged(client: Client, name: str) -> Assessment:
    assess = import_module(f"playbooks.actions.{name}.assess").assess
    params = {each: value_of(spec.default) for each, spec in ACTIONS[name].contract.params.items()}
    found = assess(observation(name, client.run(SCRIPTS[name])), params, CATALOGUE, TODAY)
    assert isinstance(found, Assessment)
    return found


def planned(name: str, assessment: Assessment) -> tuple[ReadyChange, ...]:
    params = {each: value_of(spec.default) for each, spec in ACTIONS[name].contract.params.items()}
    return ready_changes(ACTIONS[name], params, assessment.changes, "0123456789ab")


def walked(engine: Engine, name: str, state: HostState) -> tuple[HostState, ...]:
    """The states that a server goes through: made, and undone from the last change to the first."""
    live = LiveState(state)
    with Client(engine, live) as client:
        before = judged(client, name)
        assert before.changes
        ready = planned(name, before)
        states = []
        for change in ready:
            said = client.run(change.apply)
            assert (said.problem, said.errors, said.output) == (None, [], [])
            states.append(live.now)
        after = judged(client, name)
        assert (after.verdict, after.changes, dict(after.facts)) == (Verdict.OK, (), dict(before.then or {}))
        for change in reversed(ready):
            said = client.run(change.rollback or "")
            assert (said.problem, said.errors, said.output) == (None, [], [])
            states.append(live.now)
        assert judged(client, name) == before
    assert live.now == state, "byte for byte"
    return tuple(states)


@pytest.fixture(scope="module")
def sim() -> SimEngine:
    return SimEngine(Timers().call_later)


@pytest.fixture(scope="module")
def pwsh(powershell: Path) -> Iterator[PwshEngine]:
    engine = PwshEngine(powershell)
    yield engine
    engine.close()


STANDS: Mapping[str, HostState] = {
    **{how: server(text) for how, text in WRITTEN.items()},
    "stopped by hand": server(HEAD + POOLS, dict.fromkeys(RUNNING, "Stopped")),
    "set not to start, and running": server(
        (HEAD + POOLS)
        .replace("autoStart='true'", 'autoStart="false"')
        .replace('startMode="AlwaysRunning"', 'autoStart="false"')
    ),
}


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("how", STANDS)
def test_a_mitigation_is_made_and_undone_to_the_very_bytes(sim: SimEngine, name: str, how: str) -> None:
    walked(sim, name, STANDS[how])


@pytest.mark.real_powershell
@pytest.mark.parametrize("name", ACTIONS)
def test_the_scripts_themselves_in_powershell_make_the_same_of_a_server(
    sim: SimEngine, pwsh: PwshEngine, name: str
) -> None:
    for how, state in STANDS.items():
        assert walked(sim, name, state) == walked(pwsh, name, state), how


@pytest.mark.real_powershell
@pytest.mark.parametrize("state", [
    HostState(name="EX1"),
    server(HEAD + POOLS, {}),
    HostState(name="EX1", files={APPLICATION_HOST: FileState(content=POOLS, denied=True)}, pools={**RUNNING}),
    server("<configuration><x></configuration>"),
])  # fmt: skip
def test_what_cannot_be_done_ends_in_the_same_words_on_both_engines(
    sim: SimEngine, pwsh: PwshEngine, state: HostState
) -> None:
    text = STANDS["as IIS writes it"]
    with Client(sim, text) as client:
        ready = planned("mitigation.oab_pool", judged(client, "mitigation.oab_pool"))[0]
    for script in (SCRIPTS["mitigation.oab_pool"], ready.apply, ready.rollback or ""):
        with Client(sim, LiveState(state)) as one, Client(pwsh, LiveState(state)) as other:
            said, expected = one.run(script), other.run(script)
        assert said.records == expected.records
        assert (said.state, said.problem and said.problem[0]) == (
            expected.state,
            expected.problem and expected.problem[0],
        )


# -- the text itself

NAMES = st.sampled_from(["a", "b", "X-BEResource Abort - inbound", "<&\"'>"])
TEXTS = st.sampled_from([*WRITTEN.values(), POOLS.replace("</configuration>", "<!-- end --></configuration>")])
LOCATIONS = st.sampled_from([None, "Default Web Site", "default web site/owa"])
RULES = "system.webServer/rewrite/rules"


@given(TEXTS, LOCATIONS, st.lists(NAMES, min_size=1, max_size=3, unique=True), st.booleans())
def test_what_is_added_and_taken_away_leaves_the_text(
    text: str, location: str | None, names: list[str], first: bool
) -> None:
    texts = [text]
    for name in names:
        if "'" in name or '"' in name:
            continue  # no filter can name it
        made = web_configuration.add(texts[-1], location, RULES, {"name": name}, first=first)
        rule = f"{RULES}/rule[@name='{name}']"
        made = web_configuration.set_attribute(made, location, f"{rule}/match", "url", ".*")
        texts.append(web_configuration.add(made, location, f"{rule}/conditions", {"pattern": "<&\"'>"}, first=False))
    added = [name for name in names if "'" not in name]
    assert sorted(web_configuration.names(texts[-1], location, f"{RULES}/rule")) == sorted(added)
    for before, name in zip(reversed(texts[1:-1]), reversed(added[1:]), strict=True):
        texts[-1] = web_configuration.clear(texts[-1], location, f"{RULES}/rule[@name='{name}']")
        assert texts[-1] == before
    assert web_configuration.clear(texts[-1], location, RULES) == text

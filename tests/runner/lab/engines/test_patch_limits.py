"""Where the look for updates stops reading keys: it says so on both engines, and never to a better verdict.

The limits are lowered in the script's text, for 5,000 keys would say no more.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from playbooks.actions.exchange.patch.assess import assess
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Finding, Verdict
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.engines.sim.answers import exchange_patch
from runner.lab.state import HostState
from tests.runner.lab.engines.client import Client, Said
from tests.runner.lab.engines.judging import SCRIPTS, observation
from tests.runner.lab.engines.states import UNINSTALL, WHOLE, binaries, key, server

ACTION = "exchange.patch"
UPDATES = "HKLM:\\SOFTWARE\\Microsoft\\Updates\\Exchange 2019"
SCRIPT = SCRIPTS[ACTION]
LIMITS = {"$mostPrograms = 5000": "$mostPrograms = 3", "$mostUpdates = 1000": "$mostUpdates = 2"}
BINARIES = binaries("15.02.1544.036")


def few(tag: str) -> HostState:
    """The updated server. `tag` makes it another to the engine, which answers alike for what is alike."""
    return server({**WHOLE, f"HKLM:\\SOFTWARE\\{tag}": key()}, BINARIES)


def many(tag: str) -> HostState:
    """Its own update is behind the last program that is read."""
    return server({**few(tag).registry, **{f"{UNINSTALL}\\A{at}": key(DisplayName=tag) for at in range(4)}}, BINARIES)


def many_updates(tag: str) -> HostState:
    return server({**few(tag).registry, **{f"{UPDATES}\\KB{at}": key(PackageName="x") for at in range(1, 4)}}, BINARIES)


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> str:
    """The script with the lower limits, which hold for the sim engine too."""
    monkeypatch.setattr(exchange_patch, "MOST_PROGRAMS", 3)
    monkeypatch.setattr(exchange_patch, "MOST_UPDATES", 2)
    script = SCRIPT
    for old, new in LIMITS.items():
        assert script.count(old) == 1
        script = script.replace(old, new)
    return script


def run(engine: SimEngine | PwshEngine, on: HostState, script: str = SCRIPT) -> Said:
    with Client(engine, on) as client:
        said = client.run(script)
    assert (said.problem, said.errors) == (None, []), said
    return said


def judged(said: Said) -> Assessment:
    return assess(observation(ACTION, said), {"campaign": "owa-rce-2024-26198"}, Catalogue.load(), date(2026, 11, 24))


def capped(said: Said) -> list[dict[str, object]]:
    return [dict(each) for each in said.output if each["Kind"] == "Capped"]


def test_so_many_keys_as_a_server_has_are_read_to_the_last(sim: SimEngine) -> None:
    said = [run(sim, few("whole")), run(sim, many("whole")), run(sim, many_updates("whole"))]
    assert [capped(each) for each in said] == [[], [], []]
    assert {judged(each).verdict for each in said} != {Verdict.UNKNOWN}
    assert judged(said[0]).verdict == judged(said[1]).verdict == judged(said[2]).verdict


def test_what_is_behind_the_last_key_that_is_read_is_not_known(sim: SimEngine, lowered: str) -> None:
    said = run(sim, many("cut"))
    assert [(each["What"], each["Limit"], each["Seen"]) for each in capped(said)] == [(UNINSTALL, 3, 6)]
    assert not any(each["Kind"] == "Update" for each in said.output)
    cut = judged(said)
    assert cut.verdict is Verdict.UNKNOWN
    assert any(f"{UNINSTALL}: of 6 keys only 3 were read" in line for each in cut.findings for line in _lines(each))


def _lines(finding: Finding) -> tuple[str, ...]:
    return (finding.title, *finding.evidence)


@pytest.mark.real_powershell
@pytest.mark.parametrize("state", [few("both"), many("both"), many_updates("both")])
def test_both_engines_stop_at_the_same_key_and_say_the_same(
    sim: SimEngine, powershell: Path, state: HostState, lowered: str
) -> None:
    engine = PwshEngine(powershell)
    try:
        real = run(engine, state, lowered)
    finally:
        engine.close()
    assert [dict(each) for each in run(sim, state).output] == [dict(each) for each in real.output]
    assert bool(capped(real)) is (state != few("both"))

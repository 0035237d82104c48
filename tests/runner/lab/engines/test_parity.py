"""Both engines give the same answer to each built-in script: a difference is a bug in one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from playbooks.model import PropertySpec
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from tests.runner.lab.engines.client import Client
from tests.runner.lab.engines.judging import CONTRACTS, SCRIPTS, as_value
from tests.runner.lab.engines.states import STATES
from tests.runner.lab.engines.timers import Slices


@pytest.fixture(scope="module")
def sim() -> SimEngine:
    return SimEngine(Slices().call_later)


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("action", SCRIPTS)
def test_sim_says_what_the_contract_declares(sim: SimEngine, action: str, name: str) -> None:
    text = PropertySpec(type="text")
    outputs = {**CONTRACTS[action].outputs, "Unread": {"What": text, "Why": text}}
    with Client(sim, STATES[name]) as client:
        said = client.run(SCRIPTS[action])
    assert said.output
    for record in said.output:
        properties = dict(record)
        declared = outputs[properties.pop("Kind")]
        assert list(properties) == list(declared)
        assert {each: declared[each].domain.has(as_value(properties[each])) for each in declared} == dict.fromkeys(
            declared, True
        )


@pytest.fixture(scope="module")
def pwsh(powershell: Path) -> Iterator[PwshEngine]:
    engine = PwshEngine(powershell)
    yield engine
    engine.close()


@pytest.mark.real_powershell
@pytest.mark.parametrize("name", STATES)
def test_the_scripts_themselves_in_powershell_say_the_same_as_sim(sim: SimEngine, pwsh: PwshEngine, name: str) -> None:
    with Client(sim, STATES[name]) as simulated, Client(pwsh, STATES[name]) as real:
        for action, script in SCRIPTS.items():
            said, expected = simulated.run(script), real.run(script)
            assert (action, said.records) == (action, expected.records)
            assert (said.state, said.problem, said.errors) == (expected.state, expected.problem, expected.errors)
            assert (said.warnings, said.verbose) == (expected.warnings, expected.verbose)

"""Plan, apply, plan says that nothing is left; undoing it leaves the servers as they were: on random fleets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from tests.runner.converging import converged


@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_fleet_converges_and_comes_back_to_the_byte(seed: int, tmp_path: Path) -> None:
    assert converged(Random(seed), tmp_path / "run")["changes"] > 4


def test_a_random_fleet_restarts_once_and_converges(tmp_path: Path) -> None:
    assert converged(Random(4), tmp_path / "run", hosts=2, restart=True)["restarts"] == 2


@pytest.fixture
def pwsh(powershell: Path) -> Iterator[Engine]:
    engine = PwshEngine(powershell)
    yield engine
    engine.close()


@pytest.mark.real_powershell
def test_so_does_one_of_real_powershell(pwsh: Engine, tmp_path: Path) -> None:
    assert converged(Random(3), tmp_path / "run", pwsh, hosts=1)["changes"] > 1

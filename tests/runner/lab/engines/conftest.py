"""An engine of each kind for the tests of one file, which share it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from tests.runner.lab.engines.timers import Timers


@pytest.fixture(scope="module")
def sim() -> SimEngine:
    """Whose time does not pass."""
    return SimEngine(Timers().call_later)


@pytest.fixture(scope="module")
def pwsh(powershell: Path) -> Iterator[PwshEngine]:
    """Ended with the file's last test."""
    engine = PwshEngine(powershell)
    yield engine
    engine.close()

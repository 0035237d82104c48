"""windows.session on both engines: the version that a session says, and each way in which the policy can be set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.state import HostState, RegistryKey
from tests.runner.lab.engines.client import Client
from tests.runner.lab.engines.judging import SCRIPTS
from tests.runner.lab.engines.timers import Slices

KEY = "HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows\\PowerShell"
POLICIES: tuple[dict[str, Any] | None, ...] = (
    None,
    {},
    {"EnableScripts": 0},
    {"EnableScripts": 1, "ExecutionPolicy": "AllSigned"},
)


@pytest.mark.real_powershell
def test_both_engines_say_the_same_of_a_session_and_of_every_policy(powershell: Path) -> None:
    pwsh = PwshEngine(powershell)
    keys = [{} if values is None else {KEY: RegistryKey(values=values)} for values in POLICIES]
    try:
        for registry in (*keys, {KEY: RegistryKey(denied=True)}):
            state = HostState(name="EX1", registry=registry)
            with Client(SimEngine(Slices().call_later), state) as simulated, Client(pwsh, state) as real:
                said, expected = (each.run(SCRIPTS["windows.session"]) for each in (simulated, real))
                assert (said.records, said.errors, said.problem) == (expected.records, [], None)
                assert len(said.records) == 2
    finally:
        pwsh.close()

"""A saved state reads back as the state that it was, whatever it holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.lab.fleet_file import load_fleet
from runner.lab.saving import save, state_text
from runner.lab.state import BinaryValue, FileState, HostState, QwordValue, RegistryKey, ScriptedAnswer, ServiceState
from tests.runner.lab.engines.states import STATES

FLEET = "lab: fleet/1\nclients: {alpha: {user: A\\b, password: lab-only, hosts: {EX1: {state: alpha/EX1.yml}}}}\n"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUE = (
    TEXT
    | st.integers(-(2**63), 2**63 - 1)
    | st.lists(TEXT, max_size=3)
    | st.binary(max_size=4).map(lambda data: BinaryValue(binary=data.hex(" ")))
    | st.integers(-(2**63), 2**63 - 1).map(lambda number: QwordValue(qword=number))
)
SERVICE = st.builds(
    ServiceState,
    display_name=TEXT,
    state=st.sampled_from(["Running", "Stopped", "Start Pending"]),
    start_mode=st.sampled_from(["Auto", "Manual", "Disabled"]),
    delayed_autostart=st.none() | st.integers(0, 2**31 - 1),
    on_start=st.sampled_from(["runs", "fails", "hangs"]),
    on_stop=st.sampled_from(["stops", "fails", "hangs"]),
)
STATE = st.builds(
    HostState,
    name=st.just("EX1"),
    engine=st.sampled_from(["sim", "pwsh"]),
    os_caption=TEXT,
    registry=st.dictionaries(
        TEXT, st.builds(RegistryKey, values=st.dictionaries(TEXT, VALUE, max_size=3), denied=st.booleans()), max_size=3
    ),
    files=st.dictionaries(TEXT, st.builds(FileState, version=st.none() | TEXT, size=st.integers(0, 9)), max_size=3),
    services=st.dictionaries(TEXT, SERVICE, max_size=3),
    services_denied=st.booleans(),
    wmi=st.sampled_from(["answers", "empty"]),
    answers=st.lists(st.builds(ScriptedAnswer, script=TEXT, output=st.lists(TEXT | st.none(), max_size=2)), max_size=2),
)


def read_back(folder: Path) -> HostState:
    (folder / "fleet.yml").write_text(FLEET, encoding="utf-8")
    return load_fleet(folder / "fleet.yml").hosts[0].state


@settings(max_examples=150, deadline=None)
@given(STATE)
def test_any_state_reads_back(tmp_path_factory: pytest.TempPathFactory, state: HostState) -> None:
    folder = tmp_path_factory.mktemp("states")
    assert save([("alpha", "EX1", state)], folder) == 1
    again = read_back(folder)
    assert again == state
    assert state_text(again) == state_text(state)


@pytest.mark.parametrize("name", STATES)
def test_every_kind_of_server_reads_back(tmp_path: Path, name: str) -> None:
    state = STATES[name].model_copy(update={"name": "EX1"})
    save([("alpha", "EX1", state)], tmp_path)
    assert read_back(tmp_path) == state


def test_a_saved_state_is_readable() -> None:
    services = {"MSExchangeIS": ServiceState(state="Stopped"), "W3SVC": ServiceState()}
    state = HostState(name="EX1", services=services, files={"C:\\a": FileState(size=3)})
    assert state_text(state) == (
        'name: "EX1"\n'
        'files:\n  "C:\\\\a": {"size": 3}\n'
        'services:\n  "MSExchangeIS": {"state": "Stopped"}\n  "W3SVC": {}\n'
    )

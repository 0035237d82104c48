"""From a state to what the built-in actions conclude, on both engines: the way of an audit, without a connection."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Mapping
from datetime import date
from importlib import import_module, resources
from pathlib import Path
from types import TracebackType
from typing import Protocol

from playbooks.catalogue.catalogue import Catalogue
from playbooks.documents import read_contract
from playbooks.findings import Assessment
from playbooks.model import ActionContract
from playbooks.observation import Observation
from playbooks.rendering import render
from playbooks.values import Value
from runner.answers import observation_of
from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine, directory
from runner.lab.engines.sim import SimEngine
from runner.lab.engines.sim.engine import built_in_templates
from runner.lab.state import FileState, HostState
from runner.transport.interface import Completed, Script, Streams
from tests.runner.lab.engines.client import Client, Said
from tests.runner.lab.engines.timers import Slices

# What a script is told that cannot be sent without: here, of a file that no server has.
NAMED: Mapping[str, Value] = {"path": "C:\\inetpub\\wwwroot\\aspnet_client\\probe.aspx", "sha256": "0" * 64}
# As much of a server as webshell.scan looks at by default.
LIMITS: Mapping[str, Value] = {"files": 7000, "entries": 200_000, "bytes": 2_000_000_000, "content": 4_000_000}
ISOLATION: Mapping[str, Value] = {
    **dict.fromkeys(("management", "domain_controllers", "ntp", "edr", "evidence"), ()),
    **dict.fromkeys(("cut_others", "strict", "copies_moved"), False),
    "winrm_ports": ("5985", "5986"),
}
ALL: Mapping[str, Value] = {
    "block": (),
    "campaign": "all",
    "include": (),
    "roots": ("C:\\inetpub\\wwwroot",),
    "weak_marks": False,
    "urls": (),
    "put_back": False,
    **LIMITS,
    **NAMED,
    **ISOLATION,
}
SCRIPTS = {action: render(text, ALL) if "{{" in text else text for action, text in built_in_templates().items()}


# Of servers without IIS, and without Unified Messaging, these have nothing to say.
UM = "mitigation.um"
EMERGENCY = "mitigation.emergency_service"
RULES = ("mitigation.backend_cookie", "mitigation.owa_csp", "mitigation.powershell_inbound")
OF_IIS = ("iis.configuration", "mitigation.ecp_pool", EMERGENCY, "mitigation.oab_pool", UM, *RULES)


def contract(action: str) -> ActionContract:
    """An action's contract."""
    place = resources.files("playbooks.actions").joinpath(*action.split("."), "action.yml")
    return read_contract(place.read_bytes(), action).model


CONTRACTS = {action: contract(action) for action in SCRIPTS}


def as_value(value: object) -> Value:
    """What the transport makes of a property."""
    match value:
        case list():
            return tuple(as_value(each) for each in value)
        case None | bool() | float() | bytes():
            return value
        case int():
            return int(value)
        case _:
            return str(value)


class Runs(Protocol):
    """An engine that runs a script on any state."""

    def run(self, state: HostState, actions: Iterable[str] = SCRIPTS) -> Mapping[str, Said]:
        """What the scripts of actions say there."""


class Sim:
    """The engine `sim`."""

    def __init__(self) -> None:
        self._engine: Engine = SimEngine(Slices().call_later)

    def run(self, state: HostState, actions: Iterable[str] = SCRIPTS) -> Mapping[str, Said]:
        """What the scripts of actions would say there."""
        with Client(self._engine, state) as client:
            return {action: client.run(SCRIPTS[action]) for action in actions}


class OnePowerShell:
    """One PowerShell process that stands before one state after the other: to start one for each would take minutes.

    Name, registry, files, services and WMI are those of the state; the rest of the environment and the drives, C: and
    E:, stay.
    """

    def __init__(self, powershell: Path) -> None:
        self._engine = PwshEngine(powershell)
        self._folder = tempfile.TemporaryDirectory(prefix="exrun-states-")
        self._client = Client(self._engine, HostState(name="FIRST", files={"E:\\a": FileState()}))
        self._numbers = itertools.count()

    def __enter__(self) -> OnePowerShell:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.__exit__()
        self._engine.close()
        self._folder.cleanup()

    def run(self, state: HostState, actions: Iterable[str] = SCRIPTS) -> Mapping[str, Said]:
        """What the scripts of actions say there, as far as that is objects; an error is an error of the test."""
        root = Path(self._folder.name) / str(next(self._numbers))
        root.mkdir()
        directory.build(state, root)
        turn = f"""[LabHost]::Load('{root}')
            [LabRegistry]::Hive = '{root}/registry'
            [LabExchange]::Added.Clear()
            $env:COMPUTERNAME = '{state.name.upper()}'
            [LabFiles]::Drives = '{root}/drives'
            $PSVersionTable['PSVersion'] = [version] '5.1.{state.os_version.rpartition(".")[2]}.1'"""
        actions = tuple(actions)
        whole = self._client.run(turn, *(text for each in actions for text in (f"'{each}'", SCRIPTS[each])))
        assert (whole.problem, whole.errors, whole.warnings) == (None, [], [])
        said = {action: Said(state=whole.state) for action in actions}
        at = Said()
        for each in whole.output:
            if isinstance(each, str):
                at = said[each]
            else:
                at.output.append(each)
        return said


def observation(action: str, said: Said) -> Observation:
    """What the runner makes of an answer; a script that failed is an error of the test."""
    assert (said.problem, said.errors) == (None, [])
    records = tuple({name: as_value(each) for name, each in record.items()} for record in said.output)
    return observation_of(Completed(Script(action, SCRIPTS[action]), Streams(output=records), 0.0), CONTRACTS[action])


def concluded(action: str, said: Said, catalogue: Catalogue, today: date) -> Assessment:
    """What judgement concludes from an answer, for every campaign."""
    assess = import_module(f"playbooks.actions.{action}.assess").assess
    found = assess(observation(action, said), ALL, catalogue, today)
    assert isinstance(found, Assessment)
    return found

"""webshell.scan's script in a real PowerShell: links that lead round, and the limits that a playbook gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from playbooks.rendering import render
from playbooks.values import Value
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.engines.sim.engine import built_in_templates
from runner.lab.state import FileState, HostState
from tests.runner.lab.engines.client import Client
from tests.runner.lab.engines.judging import LIMITS
from tests.runner.lab.engines.states import INSTALLED, WHOLE, binaries, server
from tests.runner.lab.engines.timers import Timers
from tests.runner.lab.engines.webs import HOST_CONFIG, SITES, WWWROOT, web_server

TEMPLATE = built_in_templates()["webshell.scan"]
NOT_FOLLOWED = "it is a link, which was not followed"


def script(**limits: Value) -> str:
    return render(TEMPLATE, {**LIMITS, **limits})


@pytest.fixture(scope="module")
def pwsh(powershell: Path) -> Iterator[PwshEngine]:
    engine = PwshEngine(powershell)
    yield engine
    engine.close()


def of_kind(records: list[Any], kind: str) -> list[Mapping[str, Any]]:
    return [each for each in records if each["Kind"] == kind]


@pytest.mark.real_powershell
def test_a_junction_that_leads_to_the_folder_above_it_ends_and_is_told(pwsh: PwshEngine) -> None:
    files = {
        HOST_CONFIG: FileState(content=SITES),
        f"{WWWROOT}\\a\\x.aspx": FileState(content="x"),
        f"{WWWROOT}\\a\\up": FileState(folder=True, attributes="Directory, ReparsePoint"),
    }
    state = server(WHOLE, {**binaries("15.02.1544.036"), **files})
    with Client(pwsh, state) as client:
        (link,) = pwsh.root.glob("*/drives/C/inetpub/wwwroot/a/up")
        link.rmdir()
        link.symlink_to(link.parent.parent)
        assert (link / "a" / "up" / "a" / "x.aspx").is_file()  # who follows it comes round for ever
        said = client.run(script())
    assert (said.problem, said.errors) == (None, [])
    assert [each["Path"] for each in of_kind(said.output, "File") if each["Path"].endswith(".aspx")] == [
        f"{WWWROOT}\\a\\x.aspx"
    ]
    assert {"Kind": "Unread", "What": f"{WWWROOT}\\a\\up", "Why": NOT_FOLLOWED} in said.output


STATE = server(WHOLE, {**binaries("15.02.1544.036"), **web_server(INSTALLED)})


@pytest.mark.real_powershell
@pytest.mark.parametrize(
    ("limits", "what"),
    [
        ({"files": 3}, "files told of"),
        ({"entries": 20}, "files and folders"),
        ({"content": 30}, "files sent whole"),
        ({"content": 30, "bytes": 7_000}, "files hashed"),
    ],
    ids=str,
)
def test_what_a_limit_left_out_is_told_on_both_engines_alike(
    pwsh: PwshEngine, limits: Mapping[str, Value], what: str
) -> None:
    said = [_said(engine, STATE, script(**limits)) for engine in (pwsh, SimEngine(Timers().call_later))]
    assert said[0].records == said[1].records
    capped = {each["What"]: each for each in of_kind(said[0].output, "Capped")}
    assert capped[what]["Seen"] > capped[what]["Limit"]
    told = of_kind(said[0].output, "File")
    assert len(told) <= int(str({**LIMITS, **limits}["files"]))
    assert sum(len(each["Content"] or b"") for each in told) <= int(str({**LIMITS, **limits}["content"]))


def _said(engine: PwshEngine | SimEngine, state: HostState, text: str) -> Any:
    with Client(engine, state) as client:
        return client.run(text)

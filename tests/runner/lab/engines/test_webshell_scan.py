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
from tests.runner.lab.engines.webs import HOST_CONFIG, SITES, TEMPORARY, WWWROOT, web_server

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


LIBRARIES = {
    f"{WWWROOT}\\bin\\small.dll": (65_536, True),
    f"{WWWROOT}\\bin\\large.dll": (65_537, False),
    f"{TEMPORARY}\\owa\\1a2b3c4d\\5e6f7a8b\\App_Web_b2.dll": (9_000, True),
    f"{TEMPORARY}\\owa\\1a2b3c4d\\5e6f7a8b\\assembly\\dl3\\0a1b\\copy.dll": (9_000, False),
    f"{INSTALLED.rstrip(chr(92))}\\FrontEnd\\HttpProxy\\owa\\bin\\Own.dll": (9_000, False),
    f"{INSTALLED.rstrip(chr(92))}\\FrontEnd\\HttpProxy\\owa\\bin\\App_Web_c3.dll": (9_000, True),
}


@pytest.mark.real_powershell
@pytest.mark.parametrize("content", [4_000_000, 100_002], ids=str)
def test_small_libraries_are_sent_on_both_engines_alike(pwsh: PwshEngine, content: int) -> None:
    """Of those, no more than a quarter of what may be sent: more is told, as any limit is."""
    files = {path: FileState(size=size) for path, (size, _) in LIBRARIES.items()}
    state = server(WHOLE, {**binaries("15.02.1544.036"), **web_server(INSTALLED), **files})
    said = [_said(engine, state, script(content=content)) for engine in (pwsh, SimEngine(Timers().call_later))]
    assert said[0].records == said[1].records
    told = {each["Path"]: each for each in of_kind(said[0].output, "File") if each["Path"] in LIBRARIES}
    assert told.keys() == LIBRARIES.keys()
    for path, (size, sent) in LIBRARIES.items():
        assert (told[path]["Content"] is not None or told[path]["Cut"]) == sent, path
        assert (told[path]["Content"] is None) == (told[path]["Sha256"] is not None), path
        assert len(told[path]["Content"] or bytes(size)) == size
    together = sum(len(each["Content"] or b"") for each in told.values())
    cut = [path for path, each in told.items() if each["Cut"]]
    assert together <= content / 4
    assert bool(cut) == (content < 4_000_000)
    assert of_kind(said[0].output, "Capped") or not cut


def _said(engine: PwshEngine | SimEngine, state: HostState, text: str) -> Any:
    with Client(engine, state) as client:
        return client.run(text)

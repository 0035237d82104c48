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
from runner.lab.state import MADE, FileState, HostState, RegistryKey
from tests.runner.lab.engines.client import Client
from tests.runner.lab.engines.judging import LIMITS
from tests.runner.lab.engines.states import CLOSED, INSTALLED, UNINSTALL, UPDATES, WHOLE, binaries, key, server
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


PRODUCT = f"{UNINSTALL}\\{{CD981244-E9B8-405A-9026-6AEB9DCEF1F1}}"
DAYS = {
    PRODUCT: key(DisplayName="Microsoft Exchange Server", Publisher="Microsoft Corporation", InstallDate="20201215"),
    f"{UNINSTALL}\\Microsoft Exchange v15": key(DisplayName="x", InstallDate=20201215),
    f"{UNINSTALL}\\a \u202e[1]": key(DisplayName="Update\u0007 for EXCHANGE" + "x" * 200, InstallDate="9" * 200),
    f"{UNINSTALL}\\closed": RegistryKey(denied=True),
    f"{UNINSTALL}\\7-Zip": key(DisplayName="7-Zip", InstallDate="20210303"),
    f"{UPDATES}\\Exchange 2016": CLOSED,
    f"{UPDATES}\\Exchange 2019\\KB5000871": key(PackageName="KB5000871", InstalledDate="3/12/2021"),
    f"{UPDATES}\\Exchange 2019\\none": key(x=1),
}


@pytest.mark.real_powershell
@pytest.mark.parametrize("more", [0, 310, 2_001])
def test_days_of_installs_are_told_on_both_engines_alike(pwsh: PwshEngine, more: int) -> None:
    """Of entries with Exchange in their names alone, texts cut short, and no more than are taken."""
    state = server(WHOLE, {**binaries("15.02.1544.036"), HOST_CONFIG: FileState(content=SITES)})
    many = {f"{UNINSTALL}\\of Exchange {number:04}": key(InstallDate="20210101") for number in range(more)}
    state = state.model_copy(update={"registry": {**state.registry, **DAYS, **many}})
    said = [_said(engine, state, script()) for engine in (pwsh, SimEngine(Timers().call_later))]
    assert said[0].records == said[1].records
    told = {each["Key"]: each for each in of_kind(said[0].output, "Installed")}
    assert told[f"{INSTALLED}Bin\\ExSetup.exe"]["On"] == MADE
    assert f"{UNINSTALL}\\7-Zip" not in told
    assert max(len(str(each[name])) for each in told.values() for name in ("Name", "Publisher", "On")) == 100
    unread = [each["What"] for each in of_kind(said[0].output, "Unread")]
    assert {f"{UNINSTALL}\\closed", f"{UPDATES}\\Exchange 2016"} <= set(unread) or more > 2_000
    capped = {each["What"]: (each["Limit"], each["Seen"]) for each in of_kind(said[0].output, "Capped")}
    if more:
        assert len(told) == 301  # with ExSetup.exe
        limit, seen = capped["days of installs"]
        assert seen > limit == 300
        assert (UNINSTALL in capped) == (more > 2_000)
    else:
        assert capped == {}
        assert told[PRODUCT]["On"] == "20201215"
        assert told[f"{UPDATES}\\Exchange 2019\\none"]["On"] is None


def _said(engine: PwshEngine | SimEngine, state: HostState, text: str) -> Any:
    with Client(engine, state) as client:
        return client.run(text)

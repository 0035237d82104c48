"""Mitigations on both engines: the same is read, made and undone, and the text of applicationHost.config comes back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import ReadyChange
from playbooks.changing import ready_changes
from playbooks.findings import Assessment, Verdict
from playbooks.loading import load_action
from playbooks.model import Action
from playbooks.parameters import value_of
from playbooks.shelf import shelf
from playbooks.values import Value
from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine, web_configuration
from runner.lab.engines.sim.machine import APPLICATION_HOST
from runner.lab.state import DirectoryState, FileState, HostState, LiveState, RegistryKey, ServiceState
from tests.runner.lab.engines.client import Client
from tests.runner.lab.engines.judging import SCRIPTS, observation

CATALOGUE, TODAY = Catalogue.load(), date(2026, 11, 28)
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
POOLS = """<configuration>
    <system.applicationHost>
        <applicationPools>
            <!-- <add name="MSExchangeECPAppPool" autoStart="false" /> -->
            <add name="DefaultAppPool" />
            <add name='MSExchangeECPAppPool' autoStart='true' managedRuntimeVersion="v4.0">
                <processModel identityType="LocalSystem" />
            </add>
            <add name="MSExchangeOABAppPool" startMode="AlwaysRunning" />
            <applicationPoolDefaults managedRuntimeVersion="v4.0"></applicationPoolDefaults>
        </applicationPools>
    </system.applicationHost>
</configuration>
"""
# How applicationHost.config may be written, and what the same pools look like there.
WRITTEN = {
    "as IIS writes it": HEAD + POOLS,
    "with a byte-order mark and lines of Windows": "\ufeff" + (HEAD + POOLS).replace("\n", "\r\n"),
    "without a line's end": (HEAD + POOLS).replace("\n", "").replace("    ", ""),
}
RUNNING = {"DefaultAppPool": "Started", "MSExchangeECPAppPool": "Started", "MSExchangeOABAppPool": "Started"}


def action(name: str) -> Action:
    return load_action(shelf([]).action(name)[0], CATALOGUE)


OF_POOLS = ("mitigation.ecp_pool", "mitigation.oab_pool")
OF_RULES = ("mitigation.backend_cookie", "mitigation.owa_csp", "mitigation.powershell_inbound")
EMERGENCY = "mitigation.emergency_service"
ACTIONS = {name: action(name) for name in (*OF_POOLS, *OF_RULES, "mitigation.um", EMERGENCY)}
EXCHANGE = "C:\\Program Files\\Microsoft\\Exchange Server\\V15"
SETUP = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15\\Setup"
# What IIS of an Exchange server has, as far as rules are concerned; `{}` stands where locations do.
SITES = """<configuration>
  <system.applicationHost>
    <sites>
      <site name="Default Web Site" id="1">
        <application path="/"><virtualDirectory path="/" physicalPath="%SystemDrive%\\inetpub\\wwwroot" /></application>
        <application path="/owa"><virtualDirectory path="/" physicalPath="@\\owa" /></application>
        <application path="/ecp"><virtualDirectory path="/" physicalPath="@\\ecp" /></application>
        <application path="/Autodiscover"><virtualDirectory path="/" physicalPath="@\\autodiscover" /></application>
      </site>
    </sites>
  </system.applicationHost>
  <system.webServer>
    <globalModules>
      <add name="RewriteModule" image="%SystemRoot%\\system32\\inetsrv\\rewrite.dll" />
    </globalModules>
  </system.webServer>
  <location path="" overrideMode="Allow">
    <system.webServer>
      <modules>
        <add name="RewriteModule" />
      </modules>
    </system.webServer>
  </location>
{}</configuration>
""".replace("@", "%ExchangeInstallPath%FrontEnd\\HttpProxy")
OTHER = """<{0}><rule name="other"><match url="^x" /></rule></{0}>"""


def server(text: str, pools: Mapping[str, str] = RUNNING) -> HostState:
    return HostState.model_validate(
        {"name": "EX1", "files": {APPLICATION_HOST: FileState(content=text)}, "pools": dict(pools)}
    )


def exchange(text: str, configs: Mapping[str, str] | None = None) -> HostState:
    """A server with Exchange; `configs` by the folders in which web.configs lie."""
    files = {APPLICATION_HOST: FileState(content=text)}
    files |= {f"{folder}\\web.config": FileState(content=held) for folder, held in (configs or {}).items()}
    key = {SETUP: {"values": {"MsiInstallPath": f"{EXCHANGE}\\"}}}
    return HostState.model_validate({"name": "EX1", "files": files, "registry": key})


def with_emergency(state: HostState, **directory: object) -> HostState:
    """The same with Exchange Emergency Mitigation, and what Exchange's commands say of it."""
    services = {**state.services, "MSExchangeMitigation": ServiceState()}
    return state.model_copy(update={"services": services, "directory": DirectoryState.model_validate(directory)})


TOLD = {"server": False, "applied": ["PING1", "M1.1"], "blocked": ["M2"]}


def located(path: str, section: str) -> str:
    """A location that has a section of rules already."""
    held = f"<system.webServer><rewrite>{section}</rewrite></system.webServer>"
    return f'  <location path="{path}">\n    {held}\n  </location>\n'


def params_of(name: str) -> dict[str, Value]:
    """What the action is told: its defaults, and of Exchange Emergency Mitigation to leave M2 out."""
    params = {each: value_of(spec.default) for each, spec in ACTIONS[name].contract.params.items()}
    return {**params, "block": ("M2",)} if "block" in params else params


def judged(client: Client, name: str) -> Assessment:
    assess = import_module(f"playbooks.actions.{name}.assess").assess
    params = params_of(name)
    found = assess(observation(name, client.run(SCRIPTS[name])), params, CATALOGUE, TODAY)
    assert isinstance(found, Assessment)
    return found


def planned(name: str, assessment: Assessment) -> tuple[ReadyChange, ...]:
    params = params_of(name)
    return ready_changes(ACTIONS[name], params, assessment.changes, "0123456789ab")


def walked(engine: Engine, name: str, state: HostState) -> tuple[object, ...]:
    """What is read of a server and the states that it goes through: made, and undone from the last change on."""
    live = LiveState(state)
    seen: list[object] = []
    with Client(engine, live) as client:
        seen.append(client.run(SCRIPTS[name]).records)
        before = judged(client, name)
        assert before.changes
        ready = planned(name, before)
        for change in ready:
            said = client.run(change.apply)
            assert (said.problem, said.errors, said.output) == (None, [], [])
            seen.append(live.now)
        seen.append(client.run(SCRIPTS[name]).records)
        after = judged(client, name)
        assert (after.verdict, after.changes, dict(after.facts)) == (Verdict.OK, (), dict(before.then or {}))
        for change in reversed(ready):
            said = client.run(change.rollback or "")
            assert (said.problem, said.errors, said.output) == (None, [], [])
            seen.append(live.now)
        assert judged(client, name) == before
    assert live.now == state, "byte for byte"
    return tuple(seen)


STANDS: Mapping[str, HostState] = {
    **{how: server(text) for how, text in WRITTEN.items()},
    "stopped by hand": server(HEAD + POOLS, dict.fromkeys(RUNNING, "Stopped")),
    "set not to start, and running": server(
        (HEAD + POOLS)
        .replace("autoStart='true'", 'autoStart="false"')
        .replace('startMode="AlwaysRunning"', 'autoStart="false"')
    ),
}


OLD = """<rule name="EEMS M1 PowerShell - inbound"><match url=".*" /><conditions>
<add input="{REQUEST_URI}" pattern=".*autodiscover\\.json.*\\@.*Powershell.*" /></conditions>
<action type="AbortRequest" /></rule>"""
# Without rules, with others in each place that rules of ours go to, and with old forms and web.configs.
RULES_STAND: Mapping[str, HostState] = {
    "nothing there": exchange(HEAD + SITES.format("")),
    "lines of Windows": exchange("\ufeff" + (HEAD + SITES.format("")).replace("\n", "\r\n")),
    "other rules there": exchange(
        SITES.format(
            located("Default Web Site", OTHER.format("rules"))
            + located("default web site/autodiscover", OTHER.format("rules"))
            + located("Default Web Site/owa", OTHER.format("outboundRules"))
        )
    ),
    "an old form, in a web.config": exchange(
        SITES.format(""),
        {
            f"{EXCHANGE}\\FrontEnd\\HttpProxy\\autodiscover": (
                f"<configuration><system.webServer><rewrite><rules>{OLD}</rules></rewrite></system.webServer>"
                "</configuration>"
            ),
            "C:\\inetpub\\wwwroot": "<configuration />",
        },
    ),
    "web.configs in folders below": exchange(
        SITES.format(""),
        {
            f"{EXCHANGE}\\FrontEnd\\HttpProxy\\{folder}": "<configuration />"
            for folder in ("owa", "owa\\auth", "OWA\\auth\\15.1\\themes", "ecp\\auth", "Autodiscover\\help")
        },
    ),
    "with Exchange Emergency Mitigation": with_emergency(
        exchange(HEAD + SITES.format("")), answers="answers", emergency=TOLD
    ),
    "with Exchange Emergency Mitigation, and nobody answers": with_emergency(exchange(HEAD + SITES.format(""))),
    "with Exchange Emergency Mitigation, and no commands": with_emergency(
        exchange(HEAD + SITES.format("")), answers="without-commands"
    ),
}
UM_STANDS: Mapping[str, HostState] = {
    how: HostState(
        name="EX1",
        registry={SETUP: RegistryKey(values={"MsiProductMinor": 1})},
        services={"MSExchangeUM": service, "MSExchangeUMCR": ServiceState(), "W3SVC": ServiceState()},
    )
    for how, service in {
        "running": ServiceState(delayed_autostart=1),
        "stopped, by hand": ServiceState(state="Stopped", start_mode="Manual"),
        "disabled and running": ServiceState(start_mode="Disabled"),
    }.items()
}
UM_STANDS = {
    **UM_STANDS,
    "with Exchange Emergency Mitigation": with_emergency(UM_STANDS["running"], answers="answers", emergency=TOLD),
}
LEFT_OUT_STANDS: Mapping[str, HostState] = {
    f"{blocked}": with_emergency(
        HostState(name="EX1", registry={SETUP: RegistryKey(values={"MsiProductMinor": 2})}),
        answers="answers",
        emergency={"blocked": blocked, "applied": ["M2.1", "PING1"]},
    )
    for blocked in ([], ["M1"], ["M1", "M10", "m2"])
}
WALKS = {
    **{f"{EMERGENCY}: {how}": (EMERGENCY, state) for how, state in LEFT_OUT_STANDS.items()},
    **{f"mitigation.um: {how}": ("mitigation.um", state) for how, state in UM_STANDS.items()},
    **{f"{name}: {how}": (name, state) for name in OF_POOLS for how, state in STANDS.items()},
    **{f"{name}: {how}": (name, state) for name in OF_RULES for how, state in RULES_STAND.items()},
}


BELOW = f"{EXCHANGE}\\FrontEnd\\HttpProxy"
# What lies below the applications that keeps it from being known whether a rule holds.
NOT_KNOWN: Mapping[str, Mapping[str, FileState]] = {
    "a link": {f"{BELOW}\\owa\\x": FileState(folder=True, attributes="Directory, ReparsePoint")},
    "a closed folder": {f"{BELOW}\\owa\\x": FileState(folder=True, denied=True)},
    "a closed file": {f"{BELOW}\\owa\\x\\WEB.config": FileState(content="<configuration />", denied=True)},
    "no XML": {f"{BELOW}\\owa\\x\\web.config": FileState(content="<configuration>")},
}


def with_files(files: Mapping[str, FileState]) -> HostState:
    state = exchange(SITES.format(""), {f"{BELOW}\\owa": "<configuration />"})
    return state.model_copy(update={"files": {**state.files, **files}})


@pytest.mark.parametrize("how", NOT_KNOWN)
def test_what_cannot_be_read_below_an_application_leaves_a_mitigation_unknown(sim: SimEngine, how: str) -> None:
    with Client(sim, with_files(NOT_KNOWN[how])) as client:
        for name in ("mitigation.backend_cookie", "mitigation.owa_csp"):
            assert judged(client, name).verdict is Verdict.UNKNOWN


@pytest.mark.real_powershell
def test_both_engines_read_the_same_below_the_applications(sim: SimEngine, pwsh: PwshEngine) -> None:
    for how, files in NOT_KNOWN.items():
        said = []
        for engine in (sim, pwsh):
            with Client(engine, with_files(files)) as client:
                said.append(client.run(SCRIPTS["mitigation.owa_csp"]).records)
        assert said[0] == said[1], how


@pytest.mark.parametrize("walk", WALKS)
def test_a_mitigation_is_made_and_undone_to_the_very_bytes(sim: SimEngine, walk: str) -> None:
    walked(sim, *WALKS[walk])


@pytest.mark.real_powershell
@pytest.mark.parametrize("name", ACTIONS)
def test_the_scripts_themselves_in_powershell_make_the_same_of_a_server(
    sim: SimEngine, pwsh: PwshEngine, name: str
) -> None:
    for how, (of, state) in WALKS.items():
        assert of != name or walked(sim, name, state) == walked(pwsh, name, state), how


@pytest.mark.real_powershell
@pytest.mark.parametrize("state", [
    HostState(name="EX1"),
    server(HEAD + POOLS, {}),
    HostState(name="EX1", files={APPLICATION_HOST: FileState(content=POOLS, denied=True)}, pools={**RUNNING}),
    server("<configuration><x></configuration>"),
])  # fmt: skip
def test_what_cannot_be_done_ends_in_the_same_words_on_both_engines(
    sim: SimEngine, pwsh: PwshEngine, state: HostState
) -> None:
    text = STANDS["as IIS writes it"]
    with Client(sim, text) as client:
        ready = planned("mitigation.oab_pool", judged(client, "mitigation.oab_pool"))[0]
    for script in (SCRIPTS["mitigation.oab_pool"], ready.apply, ready.rollback or ""):
        with Client(sim, LiveState(state)) as one, Client(pwsh, LiveState(state)) as other:
            said, expected = one.run(script), other.run(script)
        assert said.records == expected.records
        assert (said.state, said.problem and said.problem[0]) == (
            expected.state,
            expected.problem and expected.problem[0],
        )


# -- the text itself

NAMES = st.sampled_from(["a", "b", "X-BEResource Abort - inbound", "<&\"'>"])
TEXTS = st.sampled_from([*WRITTEN.values(), POOLS.replace("</configuration>", "<!-- end --></configuration>")])
LOCATIONS = st.sampled_from([None, "Default Web Site", "default web site/owa"])
RULES = "system.webServer/rewrite/rules"


@given(TEXTS, LOCATIONS, st.lists(NAMES, min_size=1, max_size=3, unique=True), st.booleans())
def test_what_is_added_and_taken_away_leaves_the_text(
    text: str, location: str | None, names: list[str], first: bool
) -> None:
    texts = [text]
    for name in names:
        if "'" in name or '"' in name:
            continue  # no filter can name it
        made = web_configuration.add(texts[-1], location, RULES, {"name": name}, first=first)
        rule = f"{RULES}/rule[@name='{name}']"
        made = web_configuration.set_attribute(made, location, f"{rule}/match", "url", ".*")
        texts.append(web_configuration.add(made, location, f"{rule}/conditions", {"pattern": "<&\"'>"}, first=False))
    added = [name for name in names if "'" not in name]
    assert sorted(web_configuration.names(texts[-1], location, f"{RULES}/rule")) == sorted(added)
    for before, name in zip(reversed(texts[1:-1]), reversed(added[1:]), strict=True):
        texts[-1] = web_configuration.clear(texts[-1], location, f"{RULES}/rule[@name='{name}']")
        assert texts[-1] == before
    assert web_configuration.clear(texts[-1], location, RULES) == text


BLOCKED = st.lists(st.sampled_from(["M1", "M2", "M2.1", "M3", "m2", "PING1"]), unique=True)


@given(BLOCKED, BLOCKED, st.booleans())
def test_what_somebody_else_has_put_into_the_list_meanwhile_is_neither_lost_nor_taken_away(
    sim: SimEngine, before: list[str], meanwhile: list[str], undo: bool
) -> None:
    def with_list(blocked: list[str]) -> HostState:
        return with_emergency(LEFT_OUT_STANDS["[]"], answers="answers", emergency={"blocked": blocked})

    with Client(sim, with_list(before)) as client:
        ready = planned(EMERGENCY, judged(client, EMERGENCY))
    for change in ready:
        live = LiveState(with_list(meanwhile))
        with Client(sim, live) as client:
            said = client.run((change.rollback or "") if undo else change.apply)
        was, made = sorted(before), sorted([*before, "M2"])
        start, end = (made, was) if undo else (was, made)
        found = sorted(live.now.directory.emergency.blocked)
        if sorted(meanwhile) in (start, end):
            assert (said.problem, said.errors, found) == (None, [], end)
        else:
            assert found == sorted(meanwhile)
            assert said.errors or said.problem


@pytest.mark.real_powershell
@pytest.mark.parametrize("undo", [False, True])
def test_a_list_that_somebody_has_set_since_is_left_alone_in_the_same_words(
    sim: SimEngine, pwsh: PwshEngine, undo: bool
) -> None:
    with Client(sim, LEFT_OUT_STANDS["[]"]) as client:
        [change] = planned(EMERGENCY, judged(client, EMERGENCY))
    text = (change.rollback or "") if undo else change.apply
    for state in (LEFT_OUT_STANDS["['M1']"], with_emergency(LEFT_OUT_STANDS["[]"])):
        said = []
        for engine in (sim, pwsh):
            live = LiveState(state)
            with Client(engine, live) as client:
                answer = client.run(text)
            said.append((str(answer.problem), live.now.directory))
        assert said[0] == said[1]
        assert said[0][1] == state.directory

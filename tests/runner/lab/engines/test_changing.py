"""The built-in scripts that change a server: both engines make the same of its state, and say the same."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

import pytest
from psrpcore.types import PSInvocationState

from playbooks.rendering import render
from playbooks.values import Value
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.engines.sim.changes import CHANGES
from runner.lab.state import HostState, LiveState, ServiceState
from tests.runner.lab.engines.client import Client, Said
from tests.runner.lab.engines.judging import SCRIPTS
from tests.runner.lab.engines.timers import Timers
from tests.waiting import happens

ACTION = "exchange.services"
NAME = "MSExchangeIS"
# Which script; the start type that it sets; DelayedAutostart as it was before, where it is about that.
Way = tuple[str, str | None] | tuple[str, None, int | None]
WAYS: Mapping[str, Way] = {
    "set to Automatic": ("apply.ps1.j2", "Automatic"),
    "set to Manual": ("apply.ps1.j2", "Manual"),
    "started": ("apply.ps1.j2", None),
    "set back to Disabled": ("rollback.ps1.j2", "Disabled"),
    "stopped": ("rollback.ps1.j2", None),
    "delayed": ("apply.ps1.j2", None, None),
    "delayed no more": ("rollback.ps1.j2", None, None),
    "back at 0": ("rollback.ps1.j2", None, 0),
}
SERVICES: Mapping[str, ServiceState] = {
    "disabled": ServiceState(display_name="Information Store", state="Stopped", start_mode="Disabled"),
    "stopped": ServiceState(display_name="Information Store", state="Stopped"),
    "without a display name": ServiceState(state="Stopped", start_mode="Manual"),
    "running": ServiceState(),
    "running and disabled": ServiceState(start_mode="Disabled"),
    "paused": ServiceState(state="Paused"),
    "starting": ServiceState(state="Start Pending"),
    "stopping": ServiceState(state="Stop Pending"),
    "pausing": ServiceState(state="Pause Pending"),
    "continuing": ServiceState(state="Continue Pending"),
    "unable to start": ServiceState(state="Stopped", on_start="fails"),
    "unable to stop": ServiceState(on_stop="fails"),
    "delayed before": ServiceState(delayed_autostart=1),
    "not delayed, in so many words": ServiceState(delayed_autostart=0),
}
# What the others depend on, and what depends on some of them.
STANDS_ON: Mapping[str, ServiceState] = {
    "on what is stopped": ServiceState(state="Stopped", depends_on=["BELOW"]),
    "on what stands on what is stopped": ServiceState(state="Stopped", depends_on=["middle", "Below"]),
    "on what is disabled": ServiceState(state="Stopped", depends_on=["Below", "Disabled"]),
    "on what does not start": ServiceState(state="Stopped", depends_on=["Failing"]),
    "on what is not there": ServiceState(state="Stopped", depends_on=["Nowhere"]),
    "on itself": ServiceState(state="Stopped", depends_on=["Ring"]),
}
BENEATH: Mapping[str, ServiceState] = {
    "Below": ServiceState(state="Stopped", start_mode="Manual"),
    "Middle": ServiceState(state="Stopped", depends_on=["Below"]),
    "Disabled": ServiceState(state="Stopped", start_mode="Disabled"),
    "Failing": ServiceState(state="Stopped", on_start="fails"),
    "Ring": ServiceState(state="Stopped", depends_on=["ring"]),
}


def script(way: Way, name: str = NAME) -> str:
    """A script as a plan holds it."""
    file, start_type, *delayed = way
    text = resources.files("playbooks.actions").joinpath(*ACTION.split("."), file).read_text(encoding="utf-8")
    values: dict[str, Value] = {"name": name, "start_type": start_type, "start_type_before": start_type}
    values |= {"delayed": 1 if delayed else None, "delayed_before": delayed[0] if delayed else None}
    return render(text, values)


def server(service: ServiceState) -> LiveState:
    services = {"msexchangeis": service, "W3SVC": ServiceState(state="Stopped")}
    return LiveState(HostState(name="EX1", services=services))


def test_every_script_that_changes_something_is_one_that_the_engine_knows() -> None:
    actions = resources.files("playbooks.actions")
    for action in SCRIPTS:
        folder = actions.joinpath(*action.split("."))
        there = {name for name in ("apply.ps1.j2", "rollback.ps1.j2") if folder.joinpath(name).is_file()}
        assert there == set(CHANGES.get(action, ())), action


def test_what_one_pool_changes_every_pool_sees_from_then_on(sim: SimEngine) -> None:
    live = server(SERVICES["disabled"])
    with Client(sim, live) as collecting, Client(sim, live) as changing:
        before = collecting.run(SCRIPTS[ACTION])
        assert collecting.run(SCRIPTS[ACTION]).records == before.records
        for way in ("set to Automatic", "started"):
            said = changing.run(script(WAYS[way]))
            assert (said.state, said.output) == (PSInvocationState.Completed, [])
        assert shown(collecting.run(SCRIPTS[ACTION])) == ("Running", "Auto")
        assert live.now.services["msexchangeis"] == ServiceState(display_name="Information Store")
        for way in ("stopped", "set back to Disabled"):
            changing.run(script(WAYS[way]))
        assert collecting.run(SCRIPTS[ACTION]).records == before.records


def test_two_servers_of_one_state_are_two_servers(sim: SimEngine) -> None:
    one, other = server(SERVICES["stopped"]), server(SERVICES["stopped"])
    with Client(sim, one) as first, Client(sim, other) as second:
        assert shown(second.run(SCRIPTS[ACTION])) == ("Stopped", "Auto")
        first.run(script(WAYS["started"]))
        assert shown(second.run(SCRIPTS[ACTION])) == ("Stopped", "Auto")
        assert shown(first.run(SCRIPTS[ACTION])) == ("Running", "Auto")


def shown(said: Said) -> tuple[str, str]:
    """State and start mode of the service in a collect's answer."""
    record = next(each for each in said.output if each["Kind"] == "Service" and each["Name"] == "msexchangeis")
    return str(record["State"]), str(record["StartMode"])


@pytest.mark.parametrize("verb", ["start", "stop"])
def test_a_service_that_hangs_hangs_the_script_until_it_is_stopped(verb: str) -> None:
    timers = Timers()
    engine = SimEngine(timers.call_later)
    hanging = ServiceState(state="Stopped", on_start="hangs") if verb == "start" else ServiceState(on_stop="hangs")
    live = server(hanging)
    with Client(engine, live) as client:
        pipeline = client.start(script(WAYS["started" if verb == "start" else "stopped"]))
        assert live.now.services["msexchangeis"].state == f"{verb.capitalize()} Pending"
        assert client.so_far(pipeline).state is None
        client.stop(pipeline)
        assert client.finish(pipeline).state is PSInvocationState.Stopped
    assert live.now.services["msexchangeis"].state == f"{verb.capitalize()} Pending"


def outcome(client: Client, live: LiveState, text: str) -> object:
    """What a script comes to: how it ended, what it said, and the state that it left."""
    said = client.run(text)
    problem = said.problem and (said.problem[0], said.problem[1].partition(",")[0], said.problem[2])
    return said.state, problem, said.output, said.warnings, [str(each) for each in said.errors], live.now


@pytest.mark.real_powershell
@pytest.mark.parametrize("denied", [False, True])
def test_the_scripts_themselves_in_powershell_make_the_same_of_a_server(
    sim: SimEngine, pwsh: PwshEngine, denied: bool
) -> None:
    # One server, for a PowerShell takes a second to start: a service for each pair of what it is and what is done.
    pairs = {f"{kind} - {way}": (kind, way) for kind in [*SERVICES, "not there"] for way in WAYS}
    services = {pair: SERVICES[kind] for pair, (kind, _) in pairs.items() if kind in SERVICES}
    state = HostState(name="EX1", services=services, services_denied=denied)
    simulated, real = LiveState(state), LiveState(state)
    with Client(sim, simulated) as one, Client(pwsh, real) as other:
        for pair, (_, way) in pairs.items():
            text = script(WAYS[way], pair)
            assert outcome(one, simulated, text) == outcome(other, real, text), pair
    as_it_was = {
        name: each.model_copy(update={"delayed_autostart": state.services[name].delayed_autostart})
        for name, each in simulated.now.services.items()
    }
    assert (as_it_was == state.services) is denied, "the registry is none of the service control manager's"


@pytest.mark.real_powershell
def test_what_services_depend_on_is_the_same_to_both_engines(sim: SimEngine, pwsh: PwshEngine) -> None:
    # Each with its own services beneath it, by names of its own.
    services: dict[str, ServiceState] = {}
    for number, (kind, service) in enumerate(STANDS_ON.items()):
        for name, each in {**BENEATH, kind: service}.items():
            below = [f"{other}{number}" for other in each.depends_on]
            services[f"{name}{number}"] = each.model_copy(update={"depends_on": below})
    state = HostState(name="EX1", services=services)
    simulated, real = LiveState(state), LiveState(state)
    with Client(sim, simulated) as one, Client(pwsh, real) as other:
        for way, names in (("started", [*services]), ("stopped", [*services]), ("stopped", [*services][::-1])):
            for name in names:
                text = script(WAYS[way], name)
                assert outcome(one, simulated, text) == outcome(other, real, text), (way, name)


@pytest.mark.parametrize(
    ("kind", "starts"),
    [(kind, kind in ("on what is stopped", "on what stands on what is stopped")) for kind in STANDS_ON],
)
def test_a_service_starts_where_all_that_it_depends_on_can(sim: SimEngine, kind: str, starts: bool) -> None:
    live = LiveState(HostState(name="EX1", services={**BENEATH, "X": STANDS_ON[kind]}))
    with Client(sim, live) as client:
        assert (client.run(script(WAYS["started"], "X")).problem is None) is starts
        assert (live.now.services["X"].state == "Running") is starts
        if starts:
            problem = client.run(script(WAYS["stopped"], "Below")).problem
            assert problem is not None
            assert "because it has dependent services" in problem[0]
        assert client.run(script(WAYS["stopped"], "X")).problem is None
        assert live.now.services["X"].state == "Stopped"


@pytest.mark.real_powershell
def test_pools_of_real_powershell_see_each_others_changes_a_locked_one_included(pwsh: PwshEngine) -> None:
    live = server(SERVICES["disabled"])
    lock = "$ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage'"
    with Client(pwsh, live) as collecting, Client(pwsh, live) as changing:
        before = collecting.run(lock, SCRIPTS[ACTION])
        changing.run(script(WAYS["set to Automatic"]), script(WAYS["started"]))
        assert shown(collecting.run(SCRIPTS[ACTION])) == ("Running", "Auto")
        changing.run(script(WAYS["stopped"]), script(WAYS["set back to Disabled"]))
        assert collecting.run(SCRIPTS[ACTION]).records == before.records


@pytest.mark.real_powershell
def test_a_service_that_hangs_in_real_powershell_is_left_pending_when_the_script_is_stopped(pwsh: PwshEngine) -> None:
    live = server(ServiceState(on_stop="hangs"))
    with Client(pwsh, live) as client:
        pipeline = client.start(script(WAYS["stopped"]))
        assert happens(lambda: live.now.services["msexchangeis"].state == "Stop Pending")
        client.stop(pipeline)
        assert client.finish(pipeline).state is PSInvocationState.Stopped

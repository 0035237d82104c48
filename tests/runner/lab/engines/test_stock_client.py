"""Stock pypsrp, untouched, over HTTP and NTLM: `Client.execute_ps`, and a script that is stopped half-way.

Both engines take the same scripts: `pwsh` runs them, `sim` has their answers in the host's file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pypsrp.client import Client
from pypsrp.complex_objects import PSInvocationState
from pypsrp.exceptions import InvalidPSRPOperation
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.server import Served, start
from runner.lab.state import HostState, ScriptedAnswer

ACCOUNT = Account("LAB\\auditor", "not-a-secret")

STREAMS = "$VerbosePreference = 'Continue'; 'out'; Write-Verbose 'v'; Write-Warning 'careful'; Write-Error 'bad'; 7"
UNICODE = "'Größe ☃ 😀 _x0041_'"
LARGE = "'😀x' * 200000"
MANY = "1..3000"
BREAKS = "'before'; throw 'it broke'"
SLOW = "'first'; Start-Sleep -Seconds 600; 'never'"

STATE = HostState(
    name="EX1",
    answers=[
        ScriptedAnswer(script=STREAMS, output=["out", 7], verbose=["v"], warnings=["careful"], errors=["bad"]),
        ScriptedAnswer(script=UNICODE, output=["Größe ☃ 😀 _x0041_"]),
        ScriptedAnswer(script=LARGE, output=["😀x" * 200_000]),
        ScriptedAnswer(script=MANY, output=list(range(1, 3001))),
        ScriptedAnswer(script=BREAKS, output=["before"], error="it broke"),
        ScriptedAnswer(script=SLOW, output=["first"], seconds=600),
    ],
)


@pytest.fixture(scope="module", params=["sim", pytest.param("pwsh", marks=pytest.mark.real_powershell)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = PwshEngine(request.getfixturevalue("powershell")) if request.param == "pwsh" else SimEngine()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def served(engine: Engine) -> Iterator[Served]:
    host = LabHost(client="alpha", name="EX1", state=STATE, account=ACCOUNT, engine=engine.name)
    with start(Fleet((host,)), {engine.name: engine}) as lab:
        yield lab.host("alpha/EX1")


def options(served: Served) -> dict[str, Any]:
    """How stock pypsrp logs on to the server."""
    return {
        "port": served.port,
        "username": ACCOUNT.user,
        "password": ACCOUNT.password,
        "ssl": False,
        "auth": "ntlm",
        "no_proxy": True,
    }


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.host.address, **options(served)) as client:
        yield client


@pytest.fixture
def pool(served: Served) -> Iterator[RunspacePool]:
    with (
        WSMan(served.host.address, **options(served)) as wsman,
        RunspacePool(wsman) as pool,
    ):
        yield pool


def test_execute_ps_gives_output_and_every_stream(client: Client) -> None:
    output, streams, _ = client.execute_ps(STREAMS)
    assert output == "out\n7"
    assert [str(each) for each in streams.verbose] == ["v"]
    assert [str(each) for each in streams.warning] == ["careful"]
    assert [str(each) for each in streams.error] == ["bad"]


@pytest.mark.parametrize(("script", "text"), [(UNICODE, "Größe ☃ 😀 _x0041_"), (LARGE, "😀x" * 200_000)])
def test_execute_ps_gives_large_and_unicode_text_whole(client: Client, script: str, text: str) -> None:
    assert client.execute_ps(script)[0] == text


def test_execute_ps_gives_many_objects_in_order(client: Client) -> None:
    assert client.execute_ps(MANY)[0] == "\n".join(map(str, range(1, 3001)))


def test_a_script_that_breaks_says_why_after_what_it_had_said(client: Client) -> None:
    output, streams, had_errors = client.execute_ps(BREAKS)
    assert (output, had_errors) == ("before", True)
    assert [str(each) for each in streams.error] == ["it broke"]


def test_a_variable_of_the_environment_can_be_set_on_the_way(client: Client) -> None:
    assert client.execute_ps(UNICODE, environment={"EXRUN_TEST": "1"})[0] == "Größe ☃ 😀 _x0041_"


def test_a_script_stopped_half_way_ends_and_the_pool_goes_on(pool: RunspacePool) -> None:
    shell = PowerShell(pool).add_script(SLOW)
    shell.begin_invoke()
    while not shell.output:
        shell.poll_invoke(timeout=1)
    shell.stop()
    assert shell.state == PSInvocationState.STOPPED
    assert shell.output == ["first"]
    assert PowerShell(pool).add_script(UNICODE).invoke() == ["Größe ☃ 😀 _x0041_"]


def test_several_statements_run_in_order(pool: RunspacePool) -> None:
    shell = PowerShell(pool).add_script(UNICODE).add_statement().add_script(STREAMS)
    assert shell.invoke() == ["Größe ☃ 😀 _x0041_", "out", 7]


def test_a_disconnected_pool_is_taken_up_again(pool: RunspacePool) -> None:
    pool.disconnect()
    pool.connect()
    assert PowerShell(pool).add_script(UNICODE).invoke() == ["Größe ☃ 😀 _x0041_"]


def test_another_client_takes_a_disconnected_pool_over(served: Served, pool: RunspacePool) -> None:
    pool.disconnect()
    with WSMan(served.host.address, **options(served)) as wsman:
        (found,) = [each for each in RunspacePool.get_runspace_pools(wsman) if each.id.lower() == pool.id.lower()]
        found.connect()
        assert PowerShell(found).add_script(UNICODE).invoke() == ["Größe ☃ 😀 _x0041_"]


def test_a_pool_gets_more_runspaces_and_goes_on(pool: RunspacePool) -> None:
    pool.max_runspaces = 3
    assert pool.get_available_runspaces() == 3
    pool.min_runspaces = 2
    assert PowerShell(pool).add_script(UNICODE).invoke() == ["Größe ☃ 😀 _x0041_"]


def test_a_pool_refuses_fewer_runspaces_than_it_keeps_and_goes_on(pool: RunspacePool) -> None:
    pool.max_runspaces = 3
    pool.min_runspaces = 2
    with pytest.raises(InvalidPSRPOperation, match="maximum"):
        pool.max_runspaces = 1
    with pytest.raises(InvalidPSRPOperation, match="minimum"):
        pool.min_runspaces = 4
    assert PowerShell(pool).add_script(UNICODE).invoke() == ["Größe ☃ 😀 _x0041_"]


def test_the_state_of_a_pool_s_runspace_is_reset_and_the_pool_goes_on(pool: RunspacePool) -> None:
    pool.reset_runspace_state()
    assert PowerShell(pool).add_script(UNICODE).invoke() == ["Größe ☃ 😀 _x0041_"]

"""A server of the lab is collected, judged, mended and put back over the real transport, on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playbooks.actions.exchange.services.assess import assess
from playbooks.actions.exchange.services.required import Product, Role, required
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Change
from playbooks.findings import Assessment
from playbooks.rendering import render
from playbooks.values import Value
from runner.answers import observation_of
from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.faults import Act, Fault, InSession, Step
from runner.lab.fleet import Fleet, LabHost
from runner.lab.fleet_file import load_fleet
from runner.lab.saving import save
from runner.lab.server import Lab, Served, start
from runner.lab.state import HostState, ServiceState
from runner.secrets.interface import Secret
from runner.transport.gate import Gate
from runner.transport.interface import Ambiguous, ChangeResult, Completed, Deadlines, Script, Terminated, TimedOut
from tests.runner.lab.engines.judging import CONTRACTS, SCRIPTS
from tests.runner.transport.test_lab import ACCOUNT, PATIENT, TOKEN, Made, connector, inventory_host

ACTION = "exchange.services"
DEMO = Path(str(resources.files("runner.lab") / "demo" / "fleet.yml"))
CATALOGUE = Catalogue.load()
COLLECT = Script(ACTION, SCRIPTS[ACTION])
# As an update leaves them whose service control script failed, and two by hand.
BROKEN: Mapping[str, ServiceState] = {
    "Winmgmt": ServiceState(state="Stopped", start_mode="Disabled"),
    "W3SVC": ServiceState(state="Stopped", start_mode="Disabled"),
    "MSExchangeADTopology": ServiceState(state="Stopped", start_mode="Disabled"),
    "MSExchangeIS": ServiceState(state="Stopped", start_mode="Disabled", depends_on=["MSExchangeADTopology"]),
    "MSExchangeTransport": ServiceState(state="Stopped", depends_on=["MSExchangeADTopology"]),
    "MSExchangeHM": ServiceState(start_mode="Manual"),
    # With it Windows starts what no role needs; and another one starts later than the others.
    "MSExchangeMailboxReplication": ServiceState(state="Stopped", depends_on=["MSExchangeADTopology", "NetTcp"]),
    "NetTcp": ServiceState(state="Stopped", start_mode="Manual", depends_on=["Afd"]),
    "Afd": ServiceState(state="Stopped", start_mode="Manual"),
    "MSExchangeDiagnostics": ServiceState(state="Stopped", start_mode="Disabled"),
    "MSExchangeDelivery": ServiceState(delayed_autostart=0),
}
DELAYED = ("MSExchangeDiagnostics=AutomaticDelayedStart", "MSExchangeDelivery=Automatic (Delayed Start)")


def healthy() -> HostState:
    """The demo's patched server."""
    return next(host.state for host in load_fleet(DEMO).hosts if host.key == "contoso/EX02")


def with_services(state: HostState, services: Mapping[str, ServiceState]) -> HostState:
    return state.model_copy(update={"services": {**state.services, **services}})


@dataclass
class At:
    """One server of a lab, and the ways to it."""

    lab: Lab
    served: Served
    snapshot: tuple[str, ...] = ()

    def judged(self) -> Assessment:
        """A collect of its own, judged."""
        transport = self._made(PATIENT).to(inventory_host(self.served), Secret(ACCOUNT.password))(
            Gate.of([COLLECT], TOKEN), PATIENT
        )
        transport.open()
        try:
            (result,) = transport.observe([COLLECT])
        finally:
            transport.close()
        assert isinstance(result, Completed)
        return assess(
            observation_of(result, CONTRACTS[ACTION]), {"snapshot": self.snapshot}, CATALOGUE, date(2026, 11, 24)
        )

    def sent(self, scripts: Sequence[Script], deadlines: Deadlines = PATIENT) -> list[ChangeResult]:
        """Changes, one after the other in one pool that is not locked, up to the first that does not complete."""
        transport = self._made(deadlines).to(inventory_host(self.served), Secret(ACCOUNT.password))(
            Gate.of(scripts, TOKEN), deadlines
        )
        results: list[ChangeResult] = []
        transport.open()
        try:
            for script in scripts:
                results.append(transport.change(script))
                if not isinstance(results[-1], Completed):
                    break
        finally:
            transport.close()
        return results

    def saved(self, folder: Path) -> bytes:
        """The file that `--save` writes of it."""
        assert save(self.lab.states(), folder) == 1
        return (folder / "alpha" / "EX1.yml").read_bytes()

    @staticmethod
    def _made(deadlines: Deadlines) -> Made:
        return connector(deadlines)


def rendered(changes: Sequence[Change], file: str) -> list[Script]:
    """The scripts of changes, as a plan holds them."""
    text = resources.files("playbooks.actions").joinpath(*ACTION.split("."), file).read_text(encoding="utf-8")
    scripts = []
    for change in changes:
        values: dict[str, Value] = dict(change.values)
        scripts.append(Script(change.id, render(text, values), full=True))
    return scripts


Serve = Callable[..., At]


@pytest.fixture
def serve() -> Iterator[Callable[[Engine, HostState], At]]:
    """Serves one server until the test ends."""
    with ExitStack() as stack:

        def begin(engine: Engine, state: HostState) -> At:
            host = LabHost("alpha", "EX1", state.model_copy(update={"name": "EX1"}), ACCOUNT, engine=engine.name)
            lab = stack.enter_context(start(Fleet((host,)), {engine.name: engine}))
            return At(lab, lab.host("alpha/EX1"))

        yield begin


@pytest.fixture(scope="module")
def pwsh(powershell: Path) -> Iterator[Engine]:
    engine = PwshEngine(powershell)
    yield engine
    engine.close()


def mended_and_put_back(at: At, folder: Path) -> None:
    """Collect, apply, collect says that nothing is left; roll back, and it is what it was, to the byte."""
    already = len(at.lab.ledger.executed())
    before, first = at.saved(folder / "before"), at.judged()
    applied = rendered(first.changes, "apply.ps1.j2")
    assert all(isinstance(result, Completed) for result in at.sent(applied))
    after = at.judged()
    assert (after.changes, after.facts) == ((), first.then or first.facts)
    assert (at.saved(folder / "after") == before) is (first.changes == ())
    undone = rendered(first.changes[::-1], "rollback.ps1.j2")
    assert all(isinstance(result, Completed) for result in at.sent(undone))
    assert at.saved(folder / "undone") == before
    assert at.judged() == first
    executed = at.lab.ledger.executed()[already:]
    assert [each.text for entry in executed for each in entry.changes] == [each.text for each in applied + undone]
    assert [each.text for entry in executed for each in entry.collects] == [COLLECT.text] * 3


def test_a_server_of_the_simulated_engine_is_mended_and_put_back_to_the_byte(serve: Serve, tmp_path: Path) -> None:
    at = serve(SimEngine(), with_services(healthy(), BROKEN))
    at.snapshot = DELAYED
    assert len(at.judged().changes) == 17
    mended_and_put_back(at, tmp_path)


@pytest.mark.real_powershell
def test_a_server_of_real_powershell_is_mended_and_put_back_to_the_byte(
    serve: Serve, pwsh: Engine, tmp_path: Path
) -> None:
    at = serve(pwsh, with_services(healthy(), BROKEN))
    at.snapshot = DELAYED
    mended_and_put_back(at, tmp_path)


def test_in_another_order_the_same_changes_do_not_work(serve: Serve) -> None:
    at = serve(SimEngine(), with_services(healthy(), BROKEN))
    changes = at.judged().changes
    starts = [change for change in changes if change.values["start_type"] is None]
    below = [first for first in starts if first.values["name"] in ("Afd", "NetTcp", "MSExchangeMailboxReplication")]
    assert [first.values["name"] for first in below] == ["Afd", "NetTcp", "MSExchangeMailboxReplication"]
    for first in starts:
        if first in below[:2]:
            continue  # they stand on nothing that is disabled
        assert isinstance(at.sent(rendered([first], "apply.ps1.j2"))[-1], Terminated), first.id
    assert all(isinstance(result, Completed) for result in at.sent(rendered(changes, "apply.ps1.j2")))
    undone = rendered(changes, "rollback.ps1.j2")
    stopped = next(script for script in undone if script.name == "start.msexchangeadtopology")
    (result,) = at.sent([stopped])
    assert isinstance(result, Terminated)
    assert "has dependent services" in result.error.message


@pytest.mark.parametrize("act", [Act.RESET_AFTER, Act.TRUNCATE])
@pytest.mark.parametrize("step", [Step.COMMAND, Step.RECEIVE])
def test_a_change_whose_answer_is_lost_has_happened_and_no_collect_is_struck(
    serve: Serve, act: Act, step: Step
) -> None:
    at = serve(SimEngine(), with_services(healthy(), BROKEN))
    at.served.plan.replace([Fault(act, step, session=InSession.FULL)])
    changes = at.judged().changes
    while changes:
        (result,) = at.sent(rendered(changes[:1], "apply.ps1.j2"))
        assert isinstance(result, Ambiguous)
        left = at.judged().changes
        assert left == changes[1:]
        changes = left
    assert at.served.plan.faults


@pytest.mark.parametrize("step", [Step.COMMAND, Step.RECEIVE])
def test_a_fault_of_collects_strikes_no_change(serve: Serve, step: Step) -> None:
    at = serve(SimEngine(), with_services(healthy(), BROKEN))
    changes = at.judged().changes
    at.served.plan.replace([Fault(Act.RESET, step, session=InSession.LOCKED)])
    results = at.sent(rendered(changes, "apply.ps1.j2"))
    assert all(isinstance(result, Completed) for result in results)


def test_a_service_that_does_not_start_is_an_error_and_still_to_be_started(serve: Serve) -> None:
    stuck = ServiceState(state="Stopped", on_start="fails", display_name="Information Store")
    at = serve(SimEngine(), with_services(healthy(), {"MSExchangeIS": stuck}))
    changes = at.judged().changes
    (result,) = at.sent(rendered(changes, "apply.ps1.j2"))
    assert isinstance(result, Terminated)
    assert "Cannot start service MSExchangeIS" in result.error.message
    assert at.judged().changes == changes


def test_a_service_that_does_not_stop_costs_its_deadline_and_is_left_stopping(serve: Serve) -> None:
    stuck = ServiceState(state="Stopped", on_stop="hangs")
    at = serve(SimEngine(), with_services(healthy(), {"MSExchangeTransport": stuck}))
    changes = at.judged().changes
    assert isinstance(at.sent(rendered(changes, "apply.ps1.j2"))[0], Completed)
    hasty = Deadlines(script=1.0)
    (result,) = at.sent(rendered(changes, "rollback.ps1.j2"), hasty)
    assert isinstance(result, TimedOut)
    assert at.served.service.live.now.services["MSExchangeTransport"].state == "Stop Pending"


NAMES = sorted(each.name for each in required(frozenset({Role.MAILBOX}), Product.V2019).values())
SERVICES = st.dictionaries(
    st.sampled_from(NAMES),
    st.builds(
        ServiceState,
        state=st.sampled_from(["Running", "Stopped", "Paused", "Start Pending"]),
        start_mode=st.sampled_from(["Auto", "Manual", "Disabled"]),
        delayed_autostart=st.sampled_from([None, 0, 1]),
    ),
)


@pytest.fixture
def one(serve: Serve) -> At:
    """A server that is well."""
    return serve(SimEngine(), healthy())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SERVICES)
def test_any_server_converges_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory, one: At, services: Mapping[str, ServiceState]
) -> None:
    one.served.service.live.become(with_services(one.served.host.state, services))
    one.snapshot = DELAYED
    mended_and_put_back(one, tmp_path_factory.mktemp("states"))

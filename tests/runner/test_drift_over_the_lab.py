"""Between plan and apply a server changes, in every way: exactly that server is refused, and what differs is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runner.lab.engines.sim import SimEngine
from runner.lab.state import FileState, HostState, RegistryKey, ServiceState
from tests.runner.accounted import PLAN, accounted
from tests.runner.lab.test_mending_over_the_wire import with_services

SETUP = r"HKLM:\SOFTWARE\Microsoft\ExchangeServer\v15"
WRONG = {
    "MSExchangeTransport": ServiceState(start_mode="Disabled"),
    "W3SVC": ServiceState(state="Stopped"),
}
Drifts = Callable[[HostState], HostState]


def service(name: str, **members: object) -> Drifts:
    """Another member of one service."""

    def drifted(state: HostState) -> HostState:
        return with_services(state, {name: state.services[name].model_copy(update=members)})

    return drifted


def without_service(name: str) -> Drifts:
    def drifted(state: HostState) -> HostState:
        return state.model_copy(update={"services": {key: each for key, each in state.services.items() if key != name}})

    return drifted


def without_key(part: str) -> Drifts:
    def drifted(state: HostState) -> HostState:
        kept = {key: each for key, each in state.registry.items() if part not in key}
        assert kept != state.registry
        return state.model_copy(update={"registry": kept})

    return drifted


def with_members(**members: object) -> Drifts:
    return lambda state: state.model_copy(update=members)


def with_key(path: str, **values: int) -> Drifts:
    return lambda state: state.model_copy(
        update={"registry": {**state.registry, path: RegistryKey(values=dict(values))}}
    )


def with_file(state: HostState) -> HostState:
    return state.model_copy(update={"files": {**state.files, r"C:\Windows\new.txt": FileState(size=3)}})


def mended(state: HostState) -> HostState:
    return service("W3SVC", state="Running")(service("MSExchangeTransport", start_mode="Auto")(state))


REFUSED: dict[str, tuple[Drifts, str]] = {
    "another-start-type": (
        service("MSExchangeTransport", start_mode="Manual"),
        "Set MSExchangeTransport to start automatically: before.start type was Disabled, is Manual",
    ),
    "partly-mended": (service("W3SVC", state="Running"), "no longer to be done: Start W3SVC"),
    "the-other-part-mended": (
        service("MSExchangeTransport", start_mode="Auto"),
        "no longer to be done: Set MSExchangeTransport to start automatically",
    ),
    "one-more-is-disabled": (
        service("MSExchangeRPC", start_mode="Disabled"),
        "not in the plan: Set MSExchangeRPC to start automatically",
    ),
    "one-more-is-stopped": (service("MSExchangeIS", state="Stopped"), "not in the plan: Start MSExchangeIS"),
    "paused-by-somebody": (service("W3SVC", state="Paused"), "no longer to be done: Start W3SVC"),
    "a-service-is-gone": (without_service("MSExchangeTransport"), "no longer to be done: Set MSExchangeTransport"),
    "a-role-is-gone": (
        without_key("MailboxRole"),
        "no longer to be done: Set MSExchangeTransport to start automatically",
    ),
}
NOT_SEEN: dict[str, tuple[Drifts, str]] = {
    "nobody-may-look": (with_members(services_denied=True), "the services"),
}
NO_DRIFT: dict[str, Drifts] = {
    "nothing": lambda state: state,
    "a-display-name": service("W3SVC", display_name="World Wide Web"),
    "a-service-that-nothing-needs": lambda state: with_services(state, {"Spooler": ServiceState(state="Stopped")}),
    "an-optional-service": lambda state: with_services(state, {"MSExchangeIMAP4": ServiceState(start_mode="Disabled")}),
    "a-file": with_file,
    "a-key": with_key(r"HKLM:\SOFTWARE\Contoso", Seen=1),
    "the-name-of-windows": with_members(os_caption="Microsoft Windows Server 2022 Standard"),
    "what-comes-of-stopping-it": service("W3SVC", on_stop="fails"),
}
KINDS = [*REFUSED, *NOT_SEEN, *NO_DRIFT, "mended"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str, int]]:
    """By kind: the outcome, the reason, and how many changes were sent. One fleet, a server for each kind."""
    drifts = {name: drift for name, (drift, _) in {**REFUSED, **NOT_SEEN}.items()} | NO_DRIFT | {"mended": mended}
    with accounted(tmp_path_factory.mktemp("drift"), SimEngine(), [WRONG] * len(KINDS), parallel=4) as fleet:
        assert fleet.plan()[0] == 1
        for name, kind in zip(fleet.names, KINDS, strict=True):
            live = fleet.live(name)
            live.become(drifts[kind](live.now))
        status, came = fleet.json("apply", PLAN)
        assert status == 4
        sent = fleet.changes_sent()
        assert fleet.illegal() == ()
        found = {host["name"]: host for host in came["hosts"]}
        return {
            kind: (found[name]["outcome"], found[name]["steps"][0]["why"], len(sent[name]))
            for name, kind in zip(fleet.names, KINDS, strict=True)
        }


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_be_done_otherwise_now_is_refused_and_the_difference_is_said(
    kind: str, rows: dict[str, tuple[str, str, int]]
) -> None:
    outcome, why, sent = rows[kind]
    assert (outcome, sent) == ("refused", 0)
    assert REFUSED[kind][1] in why


@pytest.mark.parametrize("kind", NOT_SEEN)
def test_what_cannot_be_seen_any_more_is_failed_and_nothing_is_sent(
    kind: str, rows: dict[str, tuple[str, str, int]]
) -> None:
    outcome, why, sent = rows[kind]
    assert (outcome, sent) == ("failed", 0)
    assert NOT_SEEN[kind][1] in why


@pytest.mark.parametrize("kind", NO_DRIFT)
def test_what_changes_no_script_is_no_drift(kind: str, rows: dict[str, tuple[str, str, int]]) -> None:
    outcome, _, sent = rows[kind]
    assert (outcome, sent) == ("changed", 2)


def test_what_is_right_by_now_is_left_alone(rows: dict[str, tuple[str, str, int]]) -> None:
    assert rows["mended"][0] == "compliant"
    assert rows["mended"][2] == 0

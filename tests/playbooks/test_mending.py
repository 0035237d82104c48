"""Changes of exchange.services: made one after the other, each takes itself off the list and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.actions.exchange.services.assess import assess
from playbooks.actions.exchange.services.required import OTHERS, POP_AND_IMAP, REQUIRED
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Change
from playbooks.findings import Assessment, Verdict
from playbooks.observation import Observed

CATALOGUE = Catalogue.load()
NAMES = sorted({*OTHERS, *POP_AND_IMAP, *(each.name for each in REQUIRED), "MSExchangeUM", "MSExchangeMitigation"})
STATES = ("Running", "Stopped", "Paused", "Start Pending", "Stop Pending", "StopPending", None)
MODES = ("Auto", "Automatic", "Manual", "Disabled")
RANKS = {"Disabled": 0, "Manual": 1, "Auto": 2, "Automatic": 2}
BELOW = ("NetTcpPortSharing", "RpcSs", "a`b*")  # which no role needs
# State, start mode, DelayedAutostart, and what it stands on: None where its key was not read.
Known = tuple[str | None, str, int | None, tuple[str, ...] | None]
Services = dict[str, Known]

STANDS_ON = st.none() | st.lists(st.sampled_from([*NAMES, *BELOW, "HTTP"]), max_size=3).map(tuple)
SERVERS: st.SearchStrategy[Services] = st.fixed_dictionaries(
    {},
    optional={
        name: st.tuples(st.sampled_from(STATES), st.sampled_from(MODES), st.sampled_from([None, 0, 1]), STANDS_ON)
        for name in (*NAMES, *BELOW)
    },
)
SNAPSHOTS = st.dictionaries(
    st.sampled_from([*NAMES, "Spooler"]), st.sampled_from([*MODES, "AutomaticDelayedStart"]), max_size=8
).map(lambda modes: tuple(f"{name}={mode}" for name, mode in modes.items()))
ROLES = st.sets(st.sampled_from(["MailboxRole", "CafeRole", "EdgeTransportRole"]), min_size=1)


def judged(services: Services, snapshot: Sequence[str], roles: set[str], minor: int) -> Assessment:
    records: list[Mapping[str, Any]] = [
        {"Kind": "ExchangeSetup", "Present": True, "MsiProductMajor": 15, "MsiProductMinor": minor},
        *({"Kind": "ExchangeRole", "Name": role, "Present": True} for role in sorted(roles)),
        {"Kind": "ServiceSource", "Name": "Win32_Service", "Why": None},
        *(
            {
                "Kind": "Service",
                "Name": name,
                "DisplayName": None,
                "State": state,
                "StartMode": mode,
                "DelayedAutostart": delayed,
                "DependsOn": below,
            }
            for name, (state, mode, delayed, below) in services.items()
        ),
    ]
    params = {"snapshot": tuple(snapshot)}
    return assess(Observed(tuple(records), ()), params, CATALOGUE, date(2026, 11, 24))


def made(services: Services, change: Change) -> Services:
    """What Windows makes of the server by one change, told no more than the script is."""
    name = next(each for each in services if each.casefold() == str(change.values["name"]).casefold())
    state, mode, delayed, below = services[name]
    if change.values["start_type"] is not None:
        return {**services, name: (state, str(change.values["start_type"]), delayed, below)}
    if change.values["delayed"] is not None:
        return {**services, name: (state, mode, 1, below)}
    assert mode != "Disabled", "Windows does not start a service that is disabled"
    return {**services, name: ("Running", mode, delayed, below)}


@settings(max_examples=150, deadline=None)
@given(SERVERS, SNAPSHOTS, ROLES, st.integers(0, 3))
def test_each_change_takes_itself_off_the_list_and_the_last_leaves_what_was_said(
    services: Services, snapshot: tuple[str, ...], roles: set[str], minor: int
) -> None:
    first = judged(services, snapshot, roles, minor)
    left, now = first.changes, services
    assert len({change.id for change in left}) == len(left)
    while left:
        now = made(now, left[0])
        after = judged(now, snapshot, roles, minor)
        assert after.changes == left[1:]
        left = after.changes
    assert first.then is None or judged(now, snapshot, roles, minor).facts == first.then
    assert (first.then is None) == (not first.changes)


@settings(max_examples=150, deadline=None)
@given(SERVERS, SNAPSHOTS, ROLES, st.integers(0, 3))
def test_nothing_is_ever_lowered_and_pop_and_imap_are_left(
    services: Services, snapshot: tuple[str, ...], roles: set[str], minor: int
) -> None:
    now = services
    for change in judged(services, snapshot, roles, minor).changes:
        assert change.values["name"] not in POP_AND_IMAP
        before, now = now, made(now, change)
        for name, (state, mode, delayed, _) in before.items():
            assert RANKS[now[name][1]] >= RANKS[mode]
            assert now[name][0] in (state, "Running")
            assert now[name][2] in (delayed, 1)


@settings(max_examples=150, deadline=None)
@given(SERVERS, SNAPSHOTS, ROLES)
def test_what_a_service_stands_on_is_started_before_it_or_it_is_said_what_stays(
    services: Services, snapshot: tuple[str, ...], roles: set[str]
) -> None:
    changes = judged(services, snapshot, roles, 2).changes
    known = {name.casefold(): name for name in services}
    for change in changes:
        if not change.id.startswith("start."):
            continue
        name = known[str(change.values["name"]).casefold()]
        below = services[name][3]
        if below is None:
            assert "could not be read" in change.disturbs
        for other in below or ():
            state, *_ = services.get(other, (None, "Disabled", None, None))
            stopped = state in ("Stopped", "Stop Pending", "StopPending")
            named = any(each.id.startswith("start.") and each.values["name"] == other for each in changes)
            assert named or f"it stands on {other}" in change.disturbs or (other in services and not stopped)
            assert not named or stopped
    assert BELOW[-1] not in {change.values["name"] for change in changes}


def test_what_windows_starts_with_a_service_is_a_change_before_it() -> None:
    services: Services = {
        "MSExchangeMailboxReplication": ("Stopped", "Auto", None, ("MSExchangeADTopology", "NetTcpPortSharing")),
        "MSExchangeADTopology": ("Running", "Auto", None, ("NetTcpPortSharing",)),
        "NetTcpPortSharing": ("Stopped", "Manual", None, ("Afd",)),
    }
    below, own = judged(services, (), {"MailboxRole"}, 2).changes
    assert below.title == "Start NetTcpPortSharing, on which MSExchangeMailboxReplication stands"
    assert below.disturbs.endswith("it stands on Afd: where Windows starts that with it, it is not stopped again")
    assert own.title == "Start MSExchangeMailboxReplication"
    running: Services = {**services, "MSExchangeMailboxReplication": ("Running", "Auto", None, ("NetTcpPortSharing",))}
    assert judged(running, (), {"MailboxRole"}, 2).changes == ()


@pytest.mark.parametrize("before", [None, 0])
@pytest.mark.parametrize("word", ["AutomaticDelayedStart", "Automatic (Delayed Start)"])
def test_a_delayed_start_of_the_snapshot_is_given_back(word: str, before: int | None) -> None:
    services: Services = {"MSExchangeDiagnostics": ("Running", "Disabled", before, ())}
    snapshot = (f"MSExchangeDiagnostics={word}",)
    first = judged(services, snapshot, {"EdgeTransportRole"}, 2)
    assert [change.id for change in first.changes] == [
        "start-type.msexchangediagnostics",
        "delayed.msexchangediagnostics",
    ]
    assert (first.changes[1].values["delayed"], first.changes[1].values["delayed_before"]) == (1, before)
    automatic = judged(made(services, first.changes[0]), snapshot, {"EdgeTransportRole"}, 2)
    assert "exchange.services.too-soon" in {finding.id for finding in automatic.findings}
    assert judged(made(services, first.changes[0]), (), {"EdgeTransportRole"}, 2).changes == ()


def test_a_start_that_is_delayed_stays_so_where_the_snapshot_does_not_say() -> None:
    services: Services = {"MSExchangeDiagnostics": ("Running", "Auto", 1, ())}
    assert judged(services, ("MSExchangeDiagnostics=Automatic",), {"EdgeTransportRole"}, 2).changes == ()


def test_a_delay_that_cannot_be_read_is_no_delay_and_no_proof_of_none() -> None:
    services: Services = {"MSExchangeDiagnostics": ("Running", "Auto", None, None)}
    said = judged(services, ("MSExchangeDiagnostics=AutomaticDelayedStart",), {"EdgeTransportRole"}, 2)
    assert not [change for change in said.changes if change.id.startswith("delayed.")]
    assert "exchange.services.too-soon" not in {finding.id for finding in said.findings}


def test_a_name_that_leads_out_of_the_keys_of_services_is_no_name() -> None:
    said = judged({}, ("MSExchange\\..\\W3SVC=AutomaticDelayedStart",), {"MailboxRole"}, 2)
    assert said.verdict is Verdict.UNKNOWN
    assert said.changes == ()


def test_two_names_of_windows_never_give_one_id() -> None:
    names = (
        "MSExchange_A",
        "MSExchange-A",
        "MSExchange$A",
        "MSExchange A",
        "MSExchangeA_",
        "MSExchangeA-00005f",
        "MSExchangeÄ",
    )
    services: Services = dict.fromkeys(names, ("Stopped", "Disabled", None, ()))
    snapshot = [f"{name}=Automatic" for name in names]
    ids = [change.id for change in judged(services, snapshot, {"MailboxRole"}, 2).changes]
    assert len(ids) == len(set(ids)) == 2 * len(names)


def test_a_server_cannot_put_its_own_spelling_into_a_script() -> None:
    services: Services = {"mSeXcHaNgEiS": ("Stopped", "Disabled", None, ())}
    changes = judged(services, (), {"MailboxRole"}, 2).changes
    assert {change.values["name"] for change in changes} == {"MSExchangeIS"}


@settings(max_examples=150, deadline=None)
@given(SERVERS, SNAPSHOTS, ROLES, st.integers(0, 3))
def test_what_holds_an_attack_off_is_not_undone_unless_that_is_asked_for(
    services: Services, snapshot: tuple[str, ...], roles: set[str], minor: int
) -> None:
    services = {**services, "MSExchangeUM": ("Stopped", "Disabled", None, ()), "MSExchangeIS": (
        "Stopped", "Auto", None, ("MSExchangeUM",)
    )}  # fmt: skip
    found = judged(services, (*(each for each in snapshot if "UM" not in each), "MSExchangeUM=Automatic"), roles, minor)
    assert [each.id for each in found.changes if "msexchangeum" in each.id] == []
    if found.verdict not in (Verdict.UNKNOWN, Verdict.NOT_APPLICABLE):
        assert "exchange.services.held-off" in {each.id for each in found.findings}

"""Changes of exchange.services: made one after the other, each takes itself off the list and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.actions.exchange.services.assess import assess
from playbooks.actions.exchange.services.required import OTHERS, POP_AND_IMAP, REQUIRED
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Change
from playbooks.findings import Assessment
from playbooks.observation import Observed

CATALOGUE = Catalogue.load()
NAMES = sorted({*OTHERS, *POP_AND_IMAP, *(each.name for each in REQUIRED), "MSExchangeUM", "MSExchangeMitigation"})
STATES = ("Running", "Stopped", "Paused", "Start Pending", "Stop Pending", "StopPending", None)
MODES = ("Auto", "Automatic", "Manual", "Disabled")
RANKS = {"Disabled": 0, "Manual": 1, "Auto": 2, "Automatic": 2}
Services = dict[str, tuple[str | None, str]]

SERVERS: st.SearchStrategy[Services] = st.fixed_dictionaries(
    {}, optional={name: st.tuples(st.sampled_from(STATES), st.sampled_from(MODES)) for name in NAMES}
)
SNAPSHOTS = st.dictionaries(st.sampled_from([*NAMES, "Spooler"]), st.sampled_from(MODES), max_size=8).map(
    lambda modes: tuple(f"{name}={mode}" for name, mode in modes.items())
)
ROLES = st.sets(st.sampled_from(["MailboxRole", "CafeRole", "EdgeTransportRole"]), min_size=1)


def judged(services: Services, snapshot: Sequence[str], roles: set[str], minor: int) -> Assessment:
    records: list[Mapping[str, Any]] = [
        {"Kind": "ExchangeSetup", "Present": True, "MsiProductMajor": 15, "MsiProductMinor": minor},
        *({"Kind": "ExchangeRole", "Name": role, "Present": True} for role in sorted(roles)),
        {"Kind": "ServiceSource", "Name": "Win32_Service", "Why": None},
        *(
            {"Kind": "Service", "Name": name, "DisplayName": None, "State": state, "StartMode": mode}
            for name, (state, mode) in services.items()
        ),
    ]
    params = {"snapshot": tuple(snapshot)}
    return assess(Observed(tuple(records), ()), params, CATALOGUE, date(2026, 11, 24))


def made(services: Services, change: Change) -> Services:
    """What Windows makes of the server by one change, told no more than the script is."""
    name = next(each for each in services if each.casefold() == str(change.values["name"]).casefold())
    state, mode = services[name]
    if change.values["start_type"] is None:
        assert mode != "Disabled", "Windows does not start a service that is disabled"
        return {**services, name: ("Running", mode)}
    return {**services, name: (state, str(change.values["start_type"]))}


@settings(max_examples=300, deadline=None)
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


@settings(max_examples=300, deadline=None)
@given(SERVERS, SNAPSHOTS, ROLES, st.integers(0, 3))
def test_nothing_is_ever_lowered_and_pop_and_imap_are_left(
    services: Services, snapshot: tuple[str, ...], roles: set[str], minor: int
) -> None:
    now = services
    for change in judged(services, snapshot, roles, minor).changes:
        assert change.values["name"] not in POP_AND_IMAP
        before, now = now, made(now, change)
        for name, (state, mode) in before.items():
            assert RANKS[now[name][1]] >= RANKS[mode]
            assert now[name][0] in (state, "Running")


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
    services: Services = dict.fromkeys(names, ("Stopped", "Disabled"))
    snapshot = [f"{name}=Automatic" for name in names]
    ids = [change.id for change in judged(services, snapshot, {"MailboxRole"}, 2).changes]
    assert len(ids) == len(set(ids)) == 2 * len(names)


def test_a_server_cannot_put_its_own_spelling_into_a_script() -> None:
    services: Services = {"mSeXcHaNgEiS": ("Stopped", "Disabled")}
    changes = judged(services, (), {"MailboxRole"}, 2).changes
    assert {change.values["name"] for change in changes} == {"MSExchangeIS"}

"""`nothing since DATE` is true of each day from then on: each log that was asked for has it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from playbooks.actions.exchange.hunting import Hunt
from playbooks.actions.exchange.reaching import DAY, Stretch, days_of, missing, together
from playbooks.actions.owa.hunt import assess as owa
from playbooks.actions.proxylogon.hunt import assess as proxylogon
from playbooks.actions.proxyshell.hunt import assess as proxyshell
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import UnknownFact, Verdict
from playbooks.observation import Observed
from playbooks.values import Record

TODAY = date(2026, 11, 28)
CATALOGUE = Catalogue.load()
HUNTS = {each.HUNT.action: (each.HUNT, each.assess) for each in (owa, proxylogon, proxyshell)}
BEFORE = 12  # days of which each may be missing


def stretches(days: frozenset[date]) -> str:
    """As the script writes them."""
    return " ".join(f"{each.first}/{each.last}" for each in together(Stretch(day, day) for day in days))


def of_folder(name: str, days: frozenset[date]) -> Record:
    """What the script says of a folder with a log of each of these days."""
    times = sorted(f"{day}T12:00:00.0000000Z" for day in days)
    return {
        "Kind": "LogFolder", "Name": name, "Present": True, "Files": len(days), "Bytes": len(days),
        "Oldest": times[0] if times else None, "Newest": times[-1] if times else None, "Days": stretches(days),
    }  # fmt: skip


def of_events(name: str, days: frozenset[date], enabled: bool) -> Record:
    """What the script says of an event log, of which only the oldest and the newest event are known."""
    times = sorted(f"{day}T12:00:00.0000000Z" for day in days)
    return {
        "Kind": "EventLog", "Name": name.removeprefix("event log "), "Present": True, "Enabled": enabled,
        "Records": len(days), "Oldest": times[0] if times else None, "Newest": times[-1] if times else None,
    }  # fmt: skip


def observed(hunt: Hunt, logs: Mapping[str, frozenset[date]], off: frozenset[str]) -> Observed:
    """A server with both roles and these logs."""
    roles = [
        {"Kind": "ExchangeRole", "Name": name, "Present": True}
        for name in ("MailboxRole", "CafeRole", "FrontendTransportRole")
    ]
    told = [
        of_events(name, days, name not in off) if name.startswith("event log ") else of_folder(name, days)
        for name, days in logs.items()
    ]
    setup = {"Kind": "ExchangeSetup", "Present": True, "InstallPath": "C:\\Exchange\\"}
    return Observed((setup, *roles, *told), ())


def covered(hunt: Hunt, logs: Mapping[str, frozenset[date]], off: frozenset[str], day: date) -> bool:
    """Whether of each group a log has the day; of an event log that goes on, each day between its ends."""

    def has(name: str) -> bool:
        days = logs.get(name, frozenset())
        if name.startswith("event log "):
            return name not in off and bool(days) and min(days) <= day <= max(days)
        return day in days

    return all(any(has(name) for name in group) for group in (*hunt.front_end, *hunt.mailbox))


LAST = st.integers(0, BEFORE)
WHOLE = frozenset(range(BEFORE + 1))
ODD = st.one_of(
    st.sets(LAST, max_size=3).map(lambda gone: WHOLE - gone),
    st.integers(0, BEFORE).map(lambda first: frozenset(range(first, BEFORE + 1))),
    st.frozensets(LAST),
)


@pytest.mark.parametrize("action", HUNTS)
@given(data=st.data())
def test_the_date_claims_no_day_that_a_log_that_was_asked_for_does_not_cover(action: str, data: st.DataObject) -> None:
    hunt, assess = HUNTS[action]
    end = TODAY - data.draw(st.integers(0, 5)) * DAY
    names = sorted({name for group in (*hunt.front_end, *hunt.mailbox) for name in group})
    # Most are whole, as logs are: of many with days at random no day is in all.
    odd = data.draw(st.dictionaries(st.sampled_from(names), st.none() | ODD, max_size=4))
    given_days = {name: odd.get(name, WHOLE) for name in names}
    logs = {
        name: frozenset(end - (BEFORE - number) * DAY for number in days)
        for name, days in given_days.items()
        if days is not None  # else it is not there
    }
    off = frozenset(data.draw(st.frozensets(st.sampled_from(names), max_size=1)))
    told = assess(observed(hunt, logs, off), {}, CATALOGUE, TODAY)
    since = told.facts["since"]
    if isinstance(since, UnknownFact):
        assert told.verdict is Verdict.UNKNOWN
        event("unknown")
        return
    assume(told.verdict is not Verdict.UNKNOWN)
    # To the day before today, for a log that is begun once a day may have nothing of today; or to the day that is said.
    said = told.summary.partition(" to ")[2][:10]
    until = date.fromisoformat(said) if said else max(day for days in logs.values() for day in days) - DAY
    assert said or until >= TODAY - 2 * DAY
    event("a date, and where the logs end" if said else "a date")
    day = date.fromisoformat(str(since))
    while day <= until:
        assert covered(hunt, logs, off, day), (day, since, until)
        day += DAY


@given(st.frozensets(st.integers(0, 60)))
def test_stretches_say_the_same_days(numbers: frozenset[int]) -> None:
    days = frozenset(TODAY - timedelta(days=number) for number in numbers)
    found = days_of(of_folder("x", days))
    assert frozenset(each.first + at * DAY for each in found for at in range((each.last - each.first).days + 1)) == days
    gone = missing(found)
    assert all(day not in days for each in gone for day in (each.first, each.last))
    assert len(gone) == max(0, len(found) - 1)


@given(st.text(max_size=40))
def test_what_is_no_day_counts_for_none(text: str) -> None:
    for each in days_of({"Days": text}):
        assert f"{each.first}" in text

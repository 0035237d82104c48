"""Whose approval counts, and every reason for which a plan may not be run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from runner.approval.approving import Refused, Standing, needs_approval, standing
from runner.approval.policy import NAMESPACE, Policy, PolicyError, read_policy
from runner.plan.file import write
from runner.plan.records import Disturbance, Plan, StepPlan
from tests.runner.plan.plans import one_change, sha
from tests.runner.signatures.keyring import Key, ed25519

ANNA, BERT, CARLA, NOBODY = ed25519(), ed25519(), ed25519(), ed25519()
NOW = datetime(2026, 11, 28, 21, 30, tzinfo=UTC)
TEXT = f"""\
client: contoso
approvers:
  - key: anna@contoso.example {ANNA.line}
    accounts: [anna, 'anna@ws1']
  - key: bert@contoso.example namespaces="exrun-plan" {BERT.line}
  - key: carla@contoso.example namespaces="exrun-catalogue" {CARLA.line}
approvals: 1
expires_after: 2d
windows:
  - days: [sat]
    from: "22:00"
    to: "04:00"
    zone: Europe/Berlin
freezes:
  - from: 2026-12-19
    to: 2027-01-03
    zone: Europe/Berlin
    why: end of the year
without_approval: [exchange.services]
"""


def utc(naive: datetime) -> datetime:
    return naive.replace(tzinfo=UTC)


def policy(text: str = TEXT) -> Policy:
    return read_policy(text.encode(), "policy.yml", local=utc)


def plan(of: Policy | None, *, action: str = "file.quarantine", planner: str = "dora@ws2") -> Plan:
    disturbs = Disturbance(disruptive=False, reboots=False, interruption="none", reversible=True)
    steps = (StepPlan("services", action, sha("s"), "stop", disturbs, sha("k")),)
    digest = None if of is None else of.digest
    return replace(
        one_change(),
        steps=steps,
        policy=digest,
        planner=planner,
        made=NOW - timedelta(hours=4),
        expires=NOW + timedelta(days=9),
    )


def told(of: Plan, under: Policy | None, *keys: Key, now: datetime = NOW, data: bytes | None = None) -> Standing:
    signed = write(of) if data is None else data
    signatures = {f"plan.{number}.sig": key.sign(signed, NAMESPACE) for number, key in enumerate(keys)}
    return standing(of, write(of), under, signatures, now)


def whats(of: Standing) -> str:
    return "; ".join(each.what for each in of.refused)


def test_an_approval_of_somebody_else_than_the_planner_lets_it_run_until_the_window_closes() -> None:
    found = told(plan(policy()), policy(), BERT)
    assert not found.refused
    assert [each.by for each in found.approvals] == ["bert@contoso.example"]
    assert found.until == datetime(2026, 11, 29, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("keys", "planner", "why"),
    [
        ((), "dora@ws2", "0 of 1 approvals"),
        ((ANNA,), "anna@ws1", "anna@contoso.example made the plan"),
        ((ANNA,), "ANNA@elsewhere", "anna@contoso.example made the plan"),
        ((BERT,), "Bert@ws3", "bert@contoso.example made the plan"),  # of whom the policy has no accounts
        ((CARLA,), "dora@ws2", "it may sign for exrun-catalogue, not for exrun-plan"),
        ((NOBODY,), "dora@ws2", "which policy.yml does not have"),
    ],
    ids=["none", "own", "own-elsewhere", "own-by-name", "another-purpose", "unknown"],
)
def test_whose_approval_does_not_count_is_said(keys: tuple[Key, ...], planner: str, why: str) -> None:
    found = told(plan(policy(), planner=planner), policy(), *keys)
    assert why in whats(found)
    assert all(each.next for each in found.refused)


def test_a_person_counts_once_and_a_planner_only_where_the_policy_says_so() -> None:
    two = policy(TEXT.replace("approvals: 1", "approvals: 2"))
    assert "1 of 2 approvals" in whats(told(plan(two), two, BERT, BERT))
    assert not told(plan(two), two, BERT, ANNA).refused
    own = policy(TEXT.replace("approvals: 1", "approvals: 1\nplanner_may_approve: true"))
    assert not told(plan(own, planner="anna@ws1"), own, ANNA).refused


def test_a_signature_of_another_plan_or_for_another_purpose_does_not_count() -> None:
    mine = plan(policy())
    assert "0 of 1" in whats(told(mine, policy(), BERT, data=write(replace(mine, token="1" * 32))))
    signed = {"a.sig": BERT.sign(write(mine), "exrun-catalogue")}
    assert "0 of 1" in whats(standing(mine, write(mine), policy(), signed, NOW))


def test_an_action_that_needs_no_approval_needs_none_and_still_its_window() -> None:
    mine = plan(policy(), action="exchange.services")
    assert not needs_approval(mine, policy())
    assert not told(mine, policy()).refused
    early = NOW - timedelta(hours=1)
    assert told(mine, policy(), now=early).refused == (
        Refused("outside every change window", "Run it from 2026-11-28 21:00 UTC on."),
    )


def test_expiry_and_clocks() -> None:
    mine = plan(policy())
    week = timedelta(days=7)
    assert "has expired" in whats(told(mine, policy(), BERT, now=NOW + week))
    assert "in the future" in whats(told(mine, policy(), BERT, now=NOW - week))
    assert "frozen until 2027-01-03" in whats(told(mine, policy(), BERT, now=datetime(2026, 12, 26, 22, tzinfo=UTC)))


def test_another_policy_makes_the_plan_stale_and_none_asks_for_nothing() -> None:
    relaxed = policy(TEXT.replace("approvals: 1", "approvals: 1\nplanner_may_approve: true"))
    other = policy(TEXT.replace("client: contoso", "client: fabrikam"))
    for made, now in product((policy(), None), (relaxed, other, None)):
        if (made, now) != (None, None):
            assert whats(told(plan(made), now, BERT)), (made, now)
    assert told(plan(None), None) == Standing((), (), NOW + timedelta(days=9))


def test_a_plan_has_its_time_also_without_a_policy() -> None:
    assert "the plan has expired" in whats(told(replace(plan(None), expires=NOW), None))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("approvals: 1", "approvals: 4", "4: is more than there are approvers (3)"),
        ("approvals: 1", "approvals: 0", "approvals"),
        ("Europe/Berlin", "Europe/Nowhere", "is not a time zone"),
        ("Europe/Berlin", "7", "must be text"),
        ("Europe/Berlin", "localtime", "is not the same time zone on every machine"),
        ("Europe/Berlin", "right/Europe/Berlin", "is not the same time zone on every machine"),
        ('"22:00"', '"24:00"', "is not a time of the day"),
        ("2026-12-19", "2027-02-19", "is before `from`"),
        ("2026-12-19", "soon", "is not a day"),
        ("2026-12-19", "0001-01-01", "is a day that no clock will show"),
        ("2027-01-03", "9999-12-31", "is a day that no clock will show"),
        ("expires_after: 2d", "expires_after: 2 weeks", "is not a time span"),
        ("days: [sat]", "days: [saturday]", "saturday"),
        ("carla@contoso.example", "bert@contoso.example", "has the name or the key of another approver"),
        ("carla@contoso.example", "BERT@contoso.example", "has the name or the key of another approver"),
        ("carla@contoso.example", "carla@contoso.example,bert@contoso.example", "has the name or the key of another"),
        (CARLA.line, BERT.line, "has the name or the key of another approver"),
        (CARLA.line, CARLA.line[:-9], "policy.yml:6"),
        ("approvers:", "aprovers:", "approvers"),
    ],
    ids=[
        "many",
        "none",
        "zone",
        "zone in digits",
        "zone of the machine",
        "zone with leap seconds",
        "clock",
        "order",
        "day",
        "too early",
        "too late",
        "span",
        "weekday",
        "name",
        "name in capitals",
        "one name of two",
        "key",
        "cut",
        "misspelt",
    ],
)
def test_a_mistake_in_a_policy_is_told_with_its_place(old: str, new: str, said: str) -> None:
    assert old in TEXT
    with pytest.raises(PolicyError) as raised:
        policy(TEXT.replace(old, new))
    assert said.partition(": ")[2] in str(raised.value) or said in str(raised.value)
    assert "policy.yml:" in str(raised.value)

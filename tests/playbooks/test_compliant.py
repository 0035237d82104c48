"""`compliant_when`: over every record, three-valued, and never true while something went unread."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.catalogue.catalogue import Catalogue
from playbooks.compliant import condition_of, judge_by
from playbooks.errors import ConditionError
from playbooks.findings import Assessment, Coverage, Severity, UnknownFact, Verdict
from playbooks.model import ActionContract
from playbooks.observation import NotObserved, Observation, Observed, Unread

CATALOGUE = Catalogue.load()
DENIED = Unread("Get-SmbServerConfiguration", "Access is denied.")


def contract(condition: str, **changes: Any) -> ActionContract:
    return ActionContract.model_validate(
        {
            "title": "SMB 1",
            "description": "Whether SMB 1 is off.",
            "outputs": {
                "Protocol": {"Name": "text", "Enabled": "boolean?"},
                "Server": {"Signing": "boolean", "Limit": "integer"},
            },
            "reads": [],
            "writes": [],
            "needs": {"rights": []},
            "disruptive": False,
            "reboots": False,
            "interruption": "none",
            "reversible": True,
            "timeouts": {"collect": 30},
            "idempotent": True,
            "compliant_when": condition,
            **changes,
        }
    )


def assess(condition: str, observation: Observation, given: dict[str, Any] | None = None, **changes: Any) -> Assessment:
    written = contract(condition, **changes)
    judge = judge_by("net.smb", written, condition_of(written, "action.yml", CATALOGUE))
    return judge(observation, given or {}, CATALOGUE, date(2026, 11, 24))


def protocol(name: str, enabled: bool | None) -> dict[str, Any]:
    return {"Kind": "Protocol", "Name": name, "Enabled": enabled}


def test_a_condition_that_holds_is_ok() -> None:
    found = assess("not Protocol.Enabled", Observed((protocol("SMB1", False),)))
    assert (found.verdict, found.facts, found.findings) == (Verdict.OK, {"compliant": True}, ())


def test_a_condition_that_fails_is_a_finding_with_the_values_it_names() -> None:
    found = assess(
        "Protocol.Name != 'SMB1' or not Protocol.Enabled",
        Observed((protocol("SMB1", True),)),
        severity="high",
        next="Switch it off",
    )
    assert found.verdict is Verdict.ATTENTION
    assert found.facts == {"compliant": False}
    [finding] = found.findings
    assert (finding.id, finding.severity, finding.next) == ("net.smb.not-compliant", Severity.HIGH, "Switch it off")
    assert finding.evidence == (
        "should be: Protocol.Name != 'SMB1' or not Protocol.Enabled",
        "Protocol.Name = SMB1, Protocol.Enabled = true",
    )


def test_a_finding_is_medium_and_has_a_next_step_unless_the_contract_says_otherwise() -> None:
    [finding] = assess("not Protocol.Enabled", Observed((protocol("SMB1", True),))).findings
    assert (finding.severity, finding.next) == (Severity.MEDIUM, "See what net.smb is for, and correct it by hand")


def test_every_record_of_a_kind_must_comply_and_those_that_do_not_are_the_evidence() -> None:
    records = (protocol("SMB2", False), protocol("SMB1", True), protocol("NetBIOS", True))
    found = assess("not Protocol.Enabled", Observed(records))
    assert found.facts == {"compliant": False}
    assert found.findings[0].evidence[1:] == ("Protocol.Enabled = true", "Protocol.Enabled = true")


def test_a_single_record_of_one_kind_stands_beside_several_of_another() -> None:
    records = ({"Kind": "Server", "Signing": True, "Limit": 3}, protocol("a", False), protocol("b", False))
    assert assess("Server.Signing and not Protocol.Enabled", Observed(records)).facts == {"compliant": True}


@pytest.mark.parametrize(
    ("condition", "observation", "reason"),
    [
        ("not Protocol.Enabled", Observed(()), "there is no record of Protocol"),
        ("not Protocol.Enabled", Observed((), (DENIED,)), "not read: Get-SmbServerConfiguration: Access is denied."),
        ("not Protocol.Enabled", Observed((protocol("SMB1", None),)), "not true or false"),
        ("not Protocol.Enabled", Observed((protocol("SMB1", False),), (DENIED,)), "Access is denied."),
        (
            "Server.Signing and not Protocol.Enabled",
            Observed(
                (
                    *({"Kind": "Server", "Signing": True, "Limit": 3} for _ in range(2)),
                    *(protocol("a", False) for _ in range(2)),
                )
            ),
            "several records of Server and of Protocol, which cannot be paired",
        ),
        ("not Protocol.Enabled", NotObserved("timeout", "did not end"), "did not end"),
    ],
    ids=["no-record", "nothing-read", "null", "something-unread", "two-lists", "not-observed"],
)
def test_what_cannot_be_decided_is_unknown(condition: str, observation: Observation, reason: str) -> None:
    found = assess(condition, observation)
    assert found.verdict is Verdict.UNKNOWN
    assert found.coverage is Coverage.NOT_KNOWABLE
    fact = found.facts["compliant"]
    assert isinstance(fact, UnknownFact)
    assert reason in fact.reason


def test_a_failure_is_certain_though_something_went_unread() -> None:
    found = assess("not Protocol.Enabled", Observed((protocol("SMB1", True),), (DENIED,)))
    assert found.verdict is Verdict.ATTENTION


def test_a_failure_is_certain_though_another_record_is_unknown() -> None:
    found = assess("not Protocol.Enabled", Observed((protocol("a", None), protocol("b", True))))
    assert found.verdict is Verdict.ATTENTION


def test_long_words_and_long_lists_of_a_server_are_cut() -> None:
    records = tuple(protocol("x" * 10_000, True) for _ in range(50))
    [finding] = assess("Protocol.Name == 'SMB1'", Observed(records)).findings
    assert len(finding.evidence) == 22
    assert finding.evidence[-1] == "and 30 more"
    assert max(map(len, finding.evidence)) < 300


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([True, False, None]), max_size=6), st.booleans())
def test_it_is_compliant_exactly_when_every_record_is_and_all_was_read(flags: list[bool | None], unread: bool) -> None:
    observation = Observed(tuple(protocol("p", flag) for flag in flags), (DENIED,) if unread else ())
    verdict = assess("not Protocol.Enabled", observation).verdict
    if True in flags:
        assert verdict is Verdict.ATTENTION
    elif not flags or None in flags or unread:
        assert verdict is Verdict.UNKNOWN
    else:
        assert verdict is Verdict.OK


LIMIT = {"limit": {"type": "integer", "description": "At least."}, "names": {"type": "text[]", "description": "Which."}}


def test_a_condition_compares_with_what_the_step_gave() -> None:
    server = Observed(({"Kind": "Server", "Signing": True, "Limit": 3},))
    assert assess("Server.Limit >= params.limit", server, {"limit": 3}, params=LIMIT).verdict is Verdict.OK
    found = assess("Server.Limit >= params.limit", server, {"limit": 4}, params=LIMIT)
    assert found.verdict is Verdict.ATTENTION
    assert found.findings[0].evidence[1:] == ("Server.Limit = 3, params.limit = 4",)


def test_a_list_that_the_step_gave_stands_after_in() -> None:
    for names, verdict in ((("SMB1", "SMB2"), Verdict.OK), (("SMB2",), Verdict.ATTENTION), ((), Verdict.ATTENTION)):
        answer = Observed((protocol("SMB1", True),))
        assert assess("Protocol.Name in params.names", answer, {"names": names}, params=LIMIT).verdict is verdict


@pytest.mark.parametrize("condition", ["true", "params.limit > 3", "1 == 1 or params.limit == 2"])
def test_a_condition_that_looks_at_nothing_is_refused(condition: str) -> None:
    with pytest.raises(ConditionError, match=r"names nothing that the script reads; write Kind\.Property"):
        condition_of(contract(condition, params=LIMIT), "action.yml", CATALOGUE)

"""The contract of an action and a playbook as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from playbooks.model import ActionContract, OnFailure, Playbook


def contract(**changes: Any) -> dict[str, Any]:
    written = {
        "title": "Exchange Server version",
        "description": "Which build is installed.",
        "outputs": {"Windows": {"ProductName": "text?", "Build": "text"}},
        "facts": {"installed": "boolean"},
        "reads": ["HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15\\Setup"],
        "writes": [],
        "needs": {"rights": ["local administrator"], "modules": ["FailoverClusters"]},
        "disruptive": False,
        "reboots": False,
        "interruption": "none",
        "reversible": True,
        "timeouts": {"collect": 60},
        "idempotent": True,
    }
    return {key: value for key, value in {**written, **changes}.items() if value is not ...}


def playbook(*steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"name": "exposure", "title": "Exposure", "steps": list(steps), **changes}


def test_a_complete_contract_is_accepted_and_frozen() -> None:
    read = ActionContract.model_validate(contract())
    with pytest.raises(ValidationError):
        read.title = "other"  # type: ignore[misc]


@pytest.mark.parametrize("key", sorted(contract().keys() - {"facts"}))
def test_a_contract_without_a_part_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        ActionContract.model_validate(contract(**{key: ...}))


@pytest.mark.parametrize(
    "changes",
    [
        {"disruptve": False},
        {"idempotent": False},
        {"disruptive": "no"},
        {"timeouts": {"collect": 0}},
        {"facts": {"Installed": "boolean"}},
        {"facts": {"installed": "bool"}},
        {"outputs": {"Unread": {"What": "text"}}},
        {"outputs": {"Windows": {"Kind": "text"}}},
        {"outputs": {"windows": {"Build": "text"}}},
        {"cves": ["2021-26855"]},
        {"params": {"campaign": {"type": "text"}}},
    ],
)
def test_a_contract_with_a_wrong_part_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ActionContract.model_validate(contract(**changes))


def test_a_parameter_without_default_is_required_and_null_is_a_default() -> None:
    params = {"a": {"type": "text", "description": "A."}, "b": {"type": "text?", "description": "B.", "default": None}}
    read = ActionContract.model_validate(contract(params=params))
    assert {name: spec.required for name, spec in read.params.items()} == {"a": True, "b": False}


def test_a_step_reads_with_when_and_on_failure() -> None:
    step = {"id": "patch", "action": "exchange.patch", "with": {"campaign": "proxylogon"}, "when": "version.installed"}
    read = Playbook.model_validate(playbook(step | {"on_failure": "stop"}))
    assert read.steps[0].with_ == {"campaign": "proxylogon"}
    assert read.steps[0].on_failure is OnFailure.STOP


@pytest.mark.parametrize(
    "written",
    [
        playbook(),
        playbook({"id": "a", "action": "exchange.version"}, {"id": "a", "action": "exchange.patch"}),
        playbook({"id": "a", "action": "../evil"}),
        playbook({"id": "a-b", "action": "exchange.version"}),
        playbook({"id": "a", "action": "exchange.version", "wiht": {}}),
        playbook({"id": "a", "action": "exchange.version"}, stratgy={}),
    ],
)
def test_a_wrong_playbook_is_refused(written: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Playbook.model_validate(written)

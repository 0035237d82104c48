"""Every built-in contract against its own cases: what the host says and what the judgement says are as declared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from playbooks.cases import Case
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import UnknownFact
from playbooks.lint.emission import Record, emitted
from playbooks.loading import load_action
from playbooks.model import Action
from playbooks.observation import UNREAD_KIND, NotObserved
from playbooks.parameters import domains, samples
from playbooks.rendering import render
from playbooks.shelf import shelf
from runner.trying import answered
from tests.playbooks.test_assess_cases import CATALOGUE, entries, judged

ACTIONS = {found.name: load_action(found, Catalogue.load()) for found in shelf([]).actions}


def cases() -> Iterator[Any]:
    for case in entries():
        yield pytest.param(case, id=f"{case.action}: {case.sentence}")


def written(action: Action) -> dict[str, set[str]]:
    """The Kinds that a collect script emits and the properties of each."""
    found: dict[str, set[str]] = {}
    told = samples(action.contract.params, CATALOGUE)
    if "path" in told:
        told["path"] = "C:\\sample"
    for each in emitted(render(action.templates.collect, told)):
        assert isinstance(each, Record)
        assert each.certain == set(each.names)
        for kind in each.kinds or ():
            assert found.setdefault(kind, set(each.names)) == set(each.names)
    return found


def test_the_built_in_actions_are_there() -> None:
    assert set(ACTIONS) == {
        "exchange.component_states",
        "exchange.export_requests",
        "exchange.oab_url",
        "exchange.version",
        "exchange.virtual_directories",
        "exchange.patch",
        "exchange.services",
        "exchange.transport_agents",
        "file.quarantine",
        "iis.configuration",
        "mitigation.backend_cookie",
        "mitigation.ecp_pool",
        "mitigation.emergency_service",
        "mitigation.oab_pool",
        "mitigation.owa_csp",
        "mitigation.powershell_inbound",
        "mitigation.um",
        "proxylogon.hunt",
        "webshell.quarantine",
        "owa.hunt",
        "proxyshell.hunt",
        "webshell.scan",
        "windows.firewall",
        "windows.isolate",
        "windows.pending_reboot",
        "windows.persistence",
        "windows.release",
        "windows.restart",
        "windows.session",
    }


def test_what_takes_web_shells_away_takes_all_that_the_scan_may_say() -> None:
    taken = ACTIONS["webshell.quarantine"].contract.outputs
    for kind, properties in ACTIONS["webshell.scan"].contract.outputs.items():
        assert list(taken[kind]) == list(properties)
        for name, said in properties.items():
            own = taken[kind][name]
            assert (own.type.removesuffix("?"), own.values) == (said.type.removesuffix("?"), said.values)
            assert own.type.endswith("?") or not said.type.endswith("?")


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.id)
def test_a_contract_declares_exactly_what_its_script_writes(action: Action) -> None:
    declared = {kind: set(properties) for kind, properties in action.contract.outputs.items()}
    assert written(action) == declared | {UNREAD_KIND: {"What", "Why"}}


@pytest.mark.parametrize("case", list(cases()))
def test_a_case_says_what_the_contract_declares_and_nothing_else(case: Case) -> None:
    of = ACTIONS[case.action]
    assert isinstance(case.answer, NotObserved) is isinstance(answered(case, of), NotObserved)


@pytest.mark.parametrize("case", list(cases()))
def test_the_facts_of_a_judgement_are_those_of_the_contract_with_one_of_its_values(case: Case) -> None:
    assessment = judged(case)
    declared = domains(ACTIONS[case.action].contract.facts, CATALOGUE)
    assert set(assessment.facts) == set(declared)
    for name, value in assessment.facts.items():
        assert isinstance(value, UnknownFact) or declared[name].has(value), (name, value)


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.id)
def test_a_contract_says_that_something_is_changed_where_there_is_a_script_that_changes(action: Action) -> None:
    contract = action.contract
    changes = action.templates.apply is not None
    assert bool(contract.writes) is changes
    assert (contract.disruptive, contract.interruption != "none") == (changes, changes)
    assert contract.reboots is (action.id == "windows.restart")


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.id)
def test_a_contract_names_every_registry_key_that_its_script_reads(action: Action) -> None:
    reads = "\n".join(action.contract.reads)
    for key in re.findall(r"'(HKLM:[^']+)'", action.templates.collect):
        assert key in reads, key


def test_the_contract_of_the_patch_answers_what_the_catalogue_knows() -> None:
    contract = ACTIONS["exchange.patch"].contract
    assert tuple(contract.campaigns) == CATALOGUE.campaigns
    assert list(contract.cves) == [cve for campaign in CATALOGUE.tables.campaigns for cve in campaign.cves]

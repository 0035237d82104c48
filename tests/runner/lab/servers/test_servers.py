"""Servers as they are found, and the kinds of servers that went wrong: on both engines, each as its file says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Verdict
from runner.lab.fleet_file import load_fleet
from runner.lab.state import HostState
from tests.runner.lab.engines.judging import OF_IIS, SCRIPTS, OnePowerShell, Sim, concluded
from tests.runner.lab.servers.made import Server, servers

SERVERS = {server.name: server for server in servers()}
CATALOGUE = Catalogue.load()
SIM = Sim()
# The day on which the cases in ../shared/cases were written down.
CASES_DAY = date(2026, 11, 27)


def judged(state: HostState, day: date) -> Mapping[str, Assessment]:
    """What each action concludes."""
    catalogue = CATALOGUE.on(day)
    return {action: concluded(action, said, catalogue, day) for action, said in SIM.run(state).items()}


def test_there_are_servers_enough_and_none_twice() -> None:
    assert len(SERVERS) >= 40
    assert len(list(servers())) == len(SERVERS)
    assert len({server.what for server in SERVERS.values()}) == len(SERVERS)


@pytest.mark.parametrize("server", SERVERS.values(), ids=lambda server: f"{server.name}: {server.what}")
def test_it_is_judged_as_its_file_says(server: Server) -> None:
    found = judged(server.state, server.day)
    web = any("\\ClientAccess\\" in path for path in server.state.files)
    scanned = Verdict.UNKNOWN if web else Verdict.NOT_APPLICABLE  # nobody has said what the web binaries are
    taken = Verdict.ATTENTION if web else Verdict.NOT_APPLICABLE  # they are left where they are
    of_files = {SCAN: scanned, "webshell.quarantine": taken}
    others = {**dict.fromkeys(OF_IIS, Verdict.NOT_APPLICABLE), **of_files, ISOLATE: Verdict.ATTENTION}
    expected = {**dict.fromkeys(SCRIPTS, Verdict.OK), **others, **server.expect}
    assert {action: each.verdict for action, each in found.items()} == expected
    if server.findings is not None:
        ids = [finding.id for each in found.values() for finding in each.findings]
        assert [each for each in ids if each not in OF_EVERY_ONE] == list(server.findings)


@pytest.mark.real_powershell
def test_the_scripts_themselves_say_the_same_of_each(powershell: Path) -> None:
    with OnePowerShell(powershell) as real:
        for server in SERVERS.values():
            simulated, said = SIM.run(server.state), real.run(server.state)
            for action in SCRIPTS:
                assert simulated[action].records == said[action].records, (server.name, action)


def cases_of(shared: Path) -> Mapping[str, HostState]:
    """The hosts of ../shared/cases/fleet.yml."""
    return {host.name: host.state for host in load_fleet(shared / "cases" / "fleet.yml").hosts}


SCAN = "webshell.scan"
# Said whatever there is.
OF_EVERY_ONE = (
    "exchange.transport_agents.agents",
    "exchange.virtual_directories.urls",
    "owa.hunt.reach",
    "proxylogon.hunt.reach",
    "proxyshell.hunt.reach",
    "webshell.quarantine.not_named",
    "webshell.scan.unknown-files",
    "windows.persistence.inventory",
)
ISOLATE = "windows.isolate"  # nearly all could be isolated, and none is
PATCH, SERVICES, VERSION, REBOOT = "exchange.patch", "exchange.services", "exchange.version", "windows.pending_reboot"
# What ../shared/cases/README.md says is right, as far as it is evidence that decides it.
RIGHT: Mapping[str, Mapping[str, Verdict]] = {
    "F01": {REBOOT: Verdict.OK},
    "F02": {REBOOT: Verdict.ATTENTION},
    "F04": {VERSION: Verdict.BEHIND},
    "F05": {PATCH: Verdict.VULNERABLE},
    "F10": {SERVICES: Verdict.ATTENTION},
    "F11": {VERSION: Verdict.NOT_EXCHANGE, PATCH: Verdict.NOT_APPLICABLE, SERVICES: Verdict.NOT_APPLICABLE},
}
HALF_INSTALLED = {"F08"}


@pytest.mark.needs_shared
def test_the_cases_that_went_wrong_are_right(shared: Path) -> None:
    for name, state in cases_of(shared).items():
        found = judged(state, CASES_DAY)
        for action, verdict in RIGHT.get(name, {}).items():
            assert found[action].verdict is verdict, (name, action)
        half = any(finding.id == f"{PATCH}.half-installed" for finding in found[PATCH].findings)
        assert half is (name in HALF_INSTALLED), name
        # They have no logs, tasks and agents, and of what these would say nothing is known there.
        unknown = {action for action, each in found.items() if each.verdict is Verdict.UNKNOWN}
        assert {each for each in unknown if not each.endswith(".hunt")} <= {
            "exchange.export_requests",
            "exchange.oab_url",
            "exchange.transport_agents",
            "exchange.virtual_directories",
            "mitigation.emergency_service",
            "windows.persistence",
        }, name


@pytest.mark.needs_shared
def test_a_mark_that_can_outlive_a_restart_is_weak_evidence(shared: Path) -> None:
    [finding] = judged(cases_of(shared)["F02"], CASES_DAY)[REBOOT].findings
    assert finding.severity == "low"
    assert "outlive" in finding.title


@pytest.mark.needs_shared
@pytest.mark.real_powershell
def test_the_scripts_themselves_say_the_same_of_the_cases(shared: Path, powershell: Path) -> None:
    with OnePowerShell(powershell) as real:
        for name, state in cases_of(shared).items():
            simulated, said = SIM.run(state), real.run(state)
            for action in SCRIPTS:
                assert simulated[action].records == said[action].records, (name, action)

"""exchange-proxylogon-respond, planned over WinRM for the servers of the story that the demo tells: each gets what it
needs, and what is not known is not acted on."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from runner.lab.demo.daily import daily
from runner.lab.demo.expectations import MARCH
from runner.lab.demo.planting import planted
from runner.lab.fleet import Account, LabHost
from runner.lab.fleet_file import load_fleet
from tests.runner.rehearsal import rehearsed
from tests.runner.test_audit_over_the_lab import PASSWORD

DEMO = Path(str(resources.files("runner.lab.demo")))


def servers() -> list[LabHost]:
    fleet = daily(planted(load_fleet(DEMO.joinpath(*MARCH.split("/")), engine="sim")))
    return [LabHost("alpha", host.name, host.state, Account("alpha\\auditor", PASSWORD)) for host in fleet.hosts]


def test_each_server_is_planned_what_it_needs_and_none_what_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(tmp_path, monkeypatch, *servers()) as lab:
        asked = ["plan", "exchange-proxylogon-respond", "-i", "inventory.yml", "-o", "plan.json"]
        asked += ["--catalogue", str(DEMO / "march" / "baseline"), "--param", "domain_controllers=10.20.0.10"]
        status, _, err = lab(*asked)
        assert status in (1, 3), err
        plan = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    steps = {host["host"]: {step["step"]: step for step in host["steps"]} for host in plan["hosts"]}
    changed = {name: [each for each, step in of.items() if step["changes"]] for name, of in steps.items()}
    assert changed == {
        "MAIL1": ["isolate", "shells", "cookie"],  # somebody was inside, and left a page
        "MAIL2": ["isolate", "cookie"],  # somebody was inside
        "MAIL3": ["cookie"],  # exposed, and probed
        "MAIL4": [],
        "MAIL5": [],  # its logs are gone, so whether somebody was inside is not known
        "MAIL6": [],
    }
    assert steps["MAIL5"]["isolate"]["verdict"] == "unknown"
    assert steps["MAIL4"]["isolate"]["verdict"] == "not-applicable"
    # The rule stands before the hole, and the server is no less vulnerable for it.
    assert steps["MAIL3"]["patch"]["verdict"] == "vulnerable"
